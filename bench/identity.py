"""Admitting 100 organizations, and asking whether a key may act.

Peers, in the same run on the same Anvil: the same admissions one by one; OpenZeppelin AccessControl's `grantRole` for
each organization, as most repositories keep membership (no name, licence, identifiers or history); and for reads a
plain web3.py contract call.
"""

from __future__ import annotations

import time
from typing import Any

from careledger.chain.connection import TransactionReceipt
from careledger.chain.development import development_signer
from careledger.chain.values import encode_call
from careledger.client import CareLedger
from careledger.identity import Admission, Identifier, MemberRole
from eth_typing import HexStr
from eth_utils.crypto import keccak

from bench.harness import Result, compare, interleave, publish, seconds
from tools.gas import testing_contract

ORGANIZATIONS = 100
ROUNDS = 3
READS = 250
READ_ROUNDS = 7
YEAR = 365 * 24 * 3600


class Membership:
    """The contestants that admit 100 organizations. Each round has names of its own."""

    def __init__(self, suite: CareLedger) -> None:
        self._suite = suite
        self._signer = development_signer(0)
        self._expiry = int(time.time()) + YEAR
        book = testing_contract("RoleBook")
        self._grant_role = next(entry for entry in book["abi"] if entry.get("name") == "grantRole")
        constructor = next(entry for entry in book["abi"] if entry["type"] == "constructor")
        creation = bytes.fromhex(book["evm"]["bytecode"]["object"])
        creation += encode_call({"name": "", **constructor}, (self._signer.address,))[4:]
        self._book = str(suite.connection.send(self._signer, None, creation).contract_address)
        self.gas: dict[str, list[int]] = {"in bulk": [], "one by one": [], "grantRole": []}

    def in_bulk(self, number: int) -> float:
        admissions = self._admissions(f"bulk-{number}")
        return self._timed("in bulk", lambda: self._suite.organizations.admit_many(admissions))

    def one_by_one(self, number: int) -> float:
        admissions = self._admissions(f"single-{number}")
        return self._timed("one by one", lambda: [self._suite.organizations.admit(one) for one in admissions])

    def grant_role(self, number: int) -> float:
        calls = [
            encode_call(self._grant_role, (keccak(text="PAYER"), "0x" + keccak(text=f"{number}/{i}")[:20].hex()))
            for i in range(ORGANIZATIONS)
        ]
        return self._timed(
            "grantRole", lambda: [self._suite.connection.send(self._signer, self._book, call) for call in calls]
        )

    def _timed(self, name: str, admit: Any) -> float:
        receipts: list[TransactionReceipt] = []
        elapsed = seconds(lambda: receipts.extend(admit()))
        self.gas[name].append(sum(receipt.gas_used for receipt in receipts) // ORGANIZATIONS)
        return elapsed * 1000 / ORGANIZATIONS

    def _admissions(self, prefix: str) -> list[Admission]:
        return [
            Admission(
                name=f"{prefix}-{i:03}.example",
                controller=self._signer.address,
                member_roles=frozenset({MemberRole.PAYER}),
                licence_expiry=self._expiry,
                metadata_commitment="0x" + keccak(text=f"{prefix}/{i}").hex(),
                identifiers=(Identifier("REGISTER", f"{prefix}/{i}"), Identifier("TAX", f"{prefix}/{i}")),
            )
            for i in range(ORGANIZATIONS)
        ]


def admissions(suite: CareLedger) -> list[Result]:
    """Gas and time for each of 100 organizations."""
    membership = Membership(suite)
    times = interleave(
        ROUNDS,
        {"in bulk": membership.in_bulk, "one by one": membership.one_by_one, "grantRole": membership.grant_role},
    )
    gas = {name: sorted(values)[len(values) // 2] for name, values in membership.gas.items()}
    results = []
    for peer, title in (("one by one", "the same one by one"), ("grantRole", "AccessControl.grantRole each")):
        results += [
            compare("admit 100 in bulk: gas", gas["in bulk"], "gas per organization", title, gas[peer]),
            compare("admit 100 in bulk: time", times["in bulk"], "ms per organization", title, times[peer]),
        ]
    return results


def reads(suite: CareLedger) -> Result:
    """`require_active` in calls per second, through the client and through web3.py alone."""
    key = development_signer(1)
    suite.organizations.admit(
        Admission("reader.example", key.address, frozenset({MemberRole.PAYER}), int(time.time()) + YEAR)
    )
    proof = suite.organizations.prove_possession("reader.example", key, int(time.time()) + YEAR)
    suite.acting_as(key).organizations.add_key(proof)
    web3 = suite.connection.web3
    plain = web3.eth.contract(
        address=web3.to_checksum_address(HexStr(suite.organizations.address)),
        abi=[
            {
                "type": "function",
                "name": "requireActive",
                "stateMutability": "view",
                "inputs": [{"name": "key", "type": "address"}, {"name": "anyOf", "type": "uint32"}],
                "outputs": [{"name": "organization", "type": "bytes12"}],
            }
        ],
    )

    def through_client(_: int) -> float:
        return READS / seconds(
            lambda: [suite.organizations.require_active(key.address, MemberRole.PAYER) for _ in range(READS)]
        )

    def through_web3(_: int) -> float:
        return READS / seconds(lambda: [plain.functions.requireActive(key.address, 1).call() for _ in range(READS)])

    rates = interleave(READ_ROUNDS, {"client": through_client, "web3": through_web3})
    return compare("require_active", rates["client"], "calls/s", "plain web3.py contract call", rates["web3"])


def main() -> None:
    with CareLedger.local() as suite:
        publish("identity", [*admissions(suite), reads(suite)])


if __name__ == "__main__":
    main()

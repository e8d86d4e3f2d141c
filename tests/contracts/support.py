"""What the behaviour tests of contracts share: sending, events, refusals, signatures and time."""

from __future__ import annotations

import enum
import fcntl
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import ape
from ape.contracts import ContractContainer
from careledger.chain.artifacts import artifact
from eth_abi.abi import decode
from eth_account import Account
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak
from ethpm_types import ContractType
from hexbytes import HexBytes
from web3.exceptions import ContractCustomError

__all__ = [
    "COMPROMISE_WINDOW",
    "DAY",
    "END_OF_TIME",
    "RECOVERY_DELAY",
    "RULE_DELAY",
    "ZERO",
    "ZERO_HASH",
    "ZERO_ID",
    "KeyStatus",
    "MemberRole",
    "Reason",
    "Standing",
    "admission",
    "bits",
    "chain_time",
    "compiled",
    "domain_of",
    "events",
    "identity_of",
    "mine_together",
    "next_block_at",
    "padded",
    "possession_types",
    "prove",
    "refusal",
    "selector",
    "send",
    "time_of",
    "travel",
    "travel_to",
]

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / ".build"
CACHED = BUILD / "__local__.json"
ZERO = "0x" + 40 * "0"
ZERO_ID = bytes(12)
ZERO_HASH = bytes(32)
END_OF_TIME = 2**40 - 1
GAS = 3_000_000
GAS_PRICE_WEI = 10**10
DAY = 24 * 3600
RULE_DELAY = 2 * DAY
RECOVERY_DELAY = 7 * DAY
COMPROMISE_WINDOW = 30 * DAY


class Standing(enum.IntEnum):
    UNKNOWN, ACTIVE, SUSPENDED, EXPELLED = range(4)


class KeyStatus(enum.IntEnum):
    UNKNOWN, ACTIVE, RETIRED, COMPROMISED = range(4)


class MemberRole(enum.IntEnum):
    (
        PAYER,
        PROVIDER,
        LABORATORY,
        MANUFACTURER,
        REPACKAGER,
        WHOLESALER,
        CARRIER,
        DISPENSER,
        REGULATOR,
        AUDITOR,
        DEVICE_OPERATOR,
    ) = range(11)


class Reason(enum.IntEnum):
    (
        UNSPECIFIED,
        APPLICATION,
        LICENCE_RENEWED,
        LICENCE_LAPSED,
        SCOPE_CHANGED,
        REGULATOR_ORDER,
        SECURITY_INCIDENT,
        CONTRACT_BREACH,
        FRAUD,
        OWN_REQUEST,
        MERGER,
        CLEARED,
        CLERICAL_ERROR,
        CONTROLLER_LOST,
    ) = range(14)


# ---------------------------------------------------------------------- contracts


@cache
def compiled() -> dict[str, Any]:
    """The project's contracts by name. Ape's own cache can hold a contract's older form, so it is used only while no
    source has changed since it was filled. One process at a time fills it."""
    BUILD.mkdir(exist_ok=True)
    stamp = BUILD / "tested.keccak"
    with (BUILD / "tested.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stamp.exists() or stamp.read_text() != _digest_of_build():
            ape.project.load_contracts(use_cache=False)
            stamp.write_text(_digest_of_build())
        types = json.loads(CACHED.read_text())["contractTypes"]
    return {name: ContractContainer(ContractType.model_validate(kind)) for name, kind in types.items()}


def _digest_of_build() -> str:
    sources = b"".join(path.read_bytes() for path in sorted((ROOT / "contracts").rglob("*.sol")))
    return keccak(sources + (CACHED.read_bytes() if CACHED.exists() else b"")).hex()


# ---------------------------------------------------------------------- values


def identity_of(name: str) -> bytes:
    """An organization's id: the first 12 bytes of the keccak-256 hash of its name."""
    return keccak(text=name)[:12]


def bits(*roles: MemberRole) -> int:
    """A set of member roles, bit n for role n."""
    return sum(1 << role for role in roles)


def padded(text: str) -> bytes:
    """ASCII text as 32 bytes, padded on the right."""
    return text.encode().ljust(32, b"\0")


def selector(method: Any) -> bytes:
    """A function's four bytes."""
    return keccak(text=method.abis[0].selector)[:4]


def admission(
    name: str,
    controller: Any,
    roles: int = bits(MemberRole.PAYER),
    licence_expiry: int | None = None,
    metadata: bytes = ZERO_HASH,
    identifiers: tuple[tuple[bytes, bytes], ...] = (),
    reason: int = Reason.APPLICATION,
) -> tuple[Any, ...]:
    """What the registrar states when admitting. The licence runs a year by default."""
    expiry = chain_time() + 365 * DAY if licence_expiry is None else licence_expiry
    return name, str(controller), roles, expiry, metadata, list(identifiers), reason


# ---------------------------------------------------------------------- transactions, events, refusals


def send(method: Any, *arguments: Any, sender: Any, gas: int = GAS) -> Any:
    """Calls in a transaction, which must succeed. Gas and price are given, so that the node is asked nothing first."""
    return method(*arguments, sender=sender, gas=gas, gas_price=GAS_PRICE_WEI)


def events(receipt: Any, contract: Any) -> list[tuple[Any, ...]]:
    """Every event that a contract emitted in a transaction, as its name and its arguments in the ABI's order."""
    logs = [log for log in receipt.logs if to_checksum_address(log["address"]) == contract.address]
    declared = {keccak(text=event.selector): event for event in contract.contract_type.events}
    found = []
    for log in logs:
        event = declared[bytes(log["topics"][0])]
        topics = iter(bytes(topic) for topic in log["topics"][1:])
        data = iter(decode([field.canonical_type for field in event.inputs if not field.indexed], bytes(log["data"])))
        values = [
            decode([field.canonical_type], next(topics))[0] if field.indexed else next(data) for field in event.inputs
        ]
        found.append((event.name, *_readable([field.canonical_type for field in event.inputs], values)))
    return found


def refusal(method: Any, *arguments: Any, sender: Any = None) -> tuple[Any, ...]:
    """The custom error with which a call is refused: its name and values. Fails if the call succeeds."""
    request = {"to": method.contract.address, "data": method.encode_input(*arguments)}
    if sender is not None:
        request["from"] = str(sender)
    try:
        ape.networks.provider.web3.eth.call(request)
    except ContractCustomError as error:
        return _decoded_error(HexBytes(error.data))
    raise AssertionError(f"{method} accepted {arguments}")


def _decoded_error(data: bytes) -> tuple[Any, ...]:
    error = _declared_errors()[bytes(data[:4])]
    types = [field.canonical_type for field in error.inputs]
    return (error.name, *_readable(types, decode(types, bytes(data[4:]))))


@cache
def _declared_errors() -> dict[bytes, Any]:
    types = [contract.contract_type for contract in compiled().values()]
    types.append(ContractType(abi=artifact("AccessManager").abi))
    return {keccak(text=error.selector)[:4]: error for kind in types for error in kind.errors}


def _readable(types: list[str], values: Any) -> list[Any]:
    return [
        to_checksum_address(value) if kind == "address" else value for kind, value in zip(types, values, strict=True)
    ]


# ---------------------------------------------------------------------- time


def chain_time() -> int:
    """The latest block's time, Unix seconds."""
    return int(ape.networks.provider.web3.eth.get_block("latest")["timestamp"])


def time_of(receipt: Any) -> int:
    """The time of a transaction's block."""
    return int(ape.networks.provider.web3.eth.get_block(receipt.block_number)["timestamp"])


def next_block_at(time: int) -> None:
    """Sets the time of the next block, which is the next transaction's."""
    ape.networks.provider.make_request("evm_setNextBlockTimestamp", [time])


def travel_to(time: int) -> None:
    """Mines a block at a time; reads are answered as of it."""
    next_block_at(time)
    ape.networks.provider.make_request("evm_mine", [])


def travel(seconds: int) -> int:
    """Mines a block so many seconds later; returns its time."""
    time = chain_time() + seconds
    travel_to(time)
    return time


@contextmanager
def mine_together() -> Iterator[Callable[..., None]]:
    """Collects transactions for one block, mined at the end: `with mine_together() as queue: queue(method, ...)`."""
    provider = ape.networks.provider
    hashes: list[Any] = []

    def queue(method: Any, *arguments: Any, sender: Any) -> None:
        request = {
            "to": method.contract.address,
            "data": method.encode_input(*arguments),
            "from": str(sender),
            "gas": GAS,
            "gasPrice": GAS_PRICE_WEI,
        }
        hashes.append(provider.web3.eth.send_transaction(request))

    provider.make_request("evm_setAutomine", [False])
    try:
        yield queue
        provider.make_request("evm_mine", [])
    finally:
        provider.make_request("evm_setAutomine", [True])
    receipts = [provider.web3.eth.get_transaction_receipt(sent) for sent in hashes]
    assert [receipt["status"] for receipt in receipts] == [1] * len(hashes)
    assert len({receipt["blockNumber"] for receipt in receipts}) == 1


# ---------------------------------------------------------------------- proof of possession


def domain_of(registry: Any) -> dict[str, Any]:
    """The registry's EIP-712 domain."""
    return {
        "name": "careledger OrganizationRegistry",
        "version": "1",
        "chainId": ape.networks.provider.chain_id,
        "verifyingContract": registry.address,
    }


def possession_types() -> dict[str, list[dict[str, str]]]:
    """The EIP-712 type that a new key signs."""
    return {
        "KeyPossession": [
            {"name": "organization", "type": "bytes12"},
            {"name": "key", "type": "address"},
            {"name": "deadline", "type": "uint256"},
        ]
    }


def prove(
    registry: Any, organization: bytes, key: Any, deadline: int, signer: Any = None, **domain_changes: Any
) -> bytes:
    """A proof of possession by eth-account. `signer` signs in the key's stead, `domain_changes` alter the domain."""
    signed = Account.sign_typed_data(
        (signer or key).private_key,
        domain_data={**domain_of(registry), **domain_changes},
        message_types=possession_types(),
        message_data={"organization": organization, "key": str(key), "deadline": deadline},
    )
    return bytes(signed.signature)

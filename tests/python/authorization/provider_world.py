"""A suite on an Anvil with an insurer, its contracts, money and reviewers, and a hospital under its policy: what tests
of the provider's side begin with. Everybody's keys are development accounts, so that commands can name them."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path
from typing import Any

from careledger.anchoring import Receipt
from careledger.authorization.authorizations import Authorizations
from careledger.authorization.deployment import PayerParameters, publications
from careledger.authorization.messages import claim_reversal_message, claim_review_message, enrolment_message
from careledger.authorization.payer import Payer
from careledger.authorization.rule_file import load_rule_file
from careledger.authorization.types import Eligibility, Review
from careledger.chain.connection import Connection
from careledger.chain.deployment import Deployer, Parameters, suite_plan
from careledger.chain.deployment.suite import ANCHOR, REGISTRY
from careledger.chain.development import development_signer
from careledger.chain.signers import Signer
from careledger.chain.typed_data import shortest_signature
from careledger.chain.values import encode_call
from careledger.client import CareLedger
from careledger.contract_enums import Action
from careledger.identity import Admission, MemberRole
from careledger.identity.identifiers import organization_id
from identity.suite import travel

__all__ = ["HOSPITAL", "INSURER", "MEMBER", "PERIOD", "RULES", "ProviderWorld"]

ROOT = Path(__file__).resolve().parents[3]
TOKEN = "contracts/testing/TestTokens.sol"
RULES = Path(__file__).with_name("provider_rules.yaml")
INSURER, HOSPITAL = "insurer.example", "hospital.example"
MEMBER, PERIOD = "0x" + 16 * "ab", 2027
LICENCE = 4_000_000_000
FUNDS = 10**12
PLAN_OF_CARE = 32
POLICY_ADMINISTRATOR, MEDICAL_DIRECTOR, TREASURER = 2, 4, 5
REVIEWERS = (b"reviewer one", b"reviewer two")


class ProviderWorld:
    """Attributes: `ledger`, without a signer; `rule_set`; `insurer`, `reviewers`, `hospital`, `patient`, `controller`,
    who sign; `provider`, the hospital's id; `first_block`."""

    def __init__(self, connection: Connection, folder: Path, rules: Path = RULES, funds: int = FUNDS) -> None:
        self.connection = connection
        self.rule_set = load_rule_file(rules)
        self.admin, self.controller = development_signer(0), development_signer(4)
        self.insurer, self.hospital, self.patient = (development_signer(number) for number in (5, 8, 9))
        self.reviewers = (development_signer(6), development_signer(7))
        parameters = Parameters(*(self.admin.address,) * 4, *(1, 0, 1))
        deployment = Deployer(connection, self.admin, suite_plan(parameters), folder).run()
        self.ledger = CareLedger(connection, deployment)
        self.provider = organization_id(HOSPITAL)
        self._admit(INSURER, MemberRole.PAYER, self.insurer, *self.reviewers)
        self._admit(HOSPITAL, MemberRole.PROVIDER, self.hospital)
        self.token = self._deploy_token()
        self._deploy_payer(folder)
        self.version = self.publish_rules()
        self.enrol(self.version)
        self.fund(funds)

    # ------------------------------------------------------------------ the insurer

    @property
    def payer(self) -> Payer:
        return self.payer_as(None)

    def payer_as(self, signer: Signer | None) -> Payer:
        return self.ledger.acting_as(signer).payer(INSURER)

    def authorizations(self, signer: Signer) -> Authorizations:
        payer = self.payer_as(signer)
        return Authorizations(payer.authorizations, payer.organizations, payer.first_block, signer)

    def eligibility(self, member: str = MEMBER, seconds: int = 400 * 86_400) -> Eligibility:
        until = self.connection.block_time() + seconds
        return self.authorizations(self.insurer).sign_eligibility(
            member, self.provider, self.rule_set.terms.plan, PERIOD, until
        )

    def review(self, request_id: str, line: int, action: Action, reviewer: int = 0, **values: Any) -> None:
        authorizations = self.authorizations(self.insurer)
        state = authorizations.line(self.provider, request_id, line)
        assert state is not None
        stated = {"benefit_class": state.benefit_class, **values}
        review = Review(self.provider, request_id, line, state.sequence, action, **stated)
        authorizations.review(authorizations.sign_review(review, self.reviewers[reviewer]))

    def review_claim(self, claim: Any, line: Any, key: str, status: int, allowed: int, carc: int = 0) -> None:
        settlement, reviewer = self.payer.settlement, self.reviewers[0]
        stated = (self.provider, key, status, allowed, carc, "0x" + 64 * "0")
        message = claim_review_message(self.connection.chain_id, settlement.address, *stated)
        signature = shortest_signature(reviewer, message)
        settlement.send(self.insurer, "review", stated, claim.to_abi(), line.to_abi(), reviewer.address, signature)

    def reverse_claim(self, line: Any, key: str, reason: int) -> None:
        settlement, reviewer = self.payer.settlement, self.reviewers[0]
        message = claim_reversal_message(self.connection.chain_id, settlement.address, self.provider, key, reason)
        signature = shortest_signature(reviewer, message)
        settlement.send(self.insurer, "reverse", self.provider, line.to_abi(), reason, reviewer.address, signature)

    def publish_rules(self) -> int:
        policy, rule_set = self.payer.policy, self.rule_set
        policy.send(self.admin, "draftVersion", rule_set.terms.to_abi())
        version: int = policy.read("lastVersion")
        policy.send(self.admin, "addRules", version, 0, [rule.to_abi() for rule in rule_set.rules])
        policy.send(self.admin, "sealVersion", version, rule_set.digest)
        return version

    def enrol(self, version: int) -> None:
        policy = self.payer.policy
        start = self.connection.block_time() + 30
        deadline, coefficient = start + 3600, 10_000
        message = enrolment_message(
            *(self.connection.chain_id, policy.address, self.provider, "0x" + self.rule_set.digest.hex()),
            *(version, start, coefficient, 0, deadline),
        )
        signed = [
            part for key in (self.hospital, self.insurer) for part in (key.address, shortest_signature(key, message))
        ]
        policy.send(self.admin, "enrol", self.provider, version, start, coefficient, deadline, *signed)
        travel(self.connection, 60)

    def fund(self, amount: int) -> None:
        vault = self.payer.vault
        self.pay(self.admin, amount, vault.address)
        if amount:
            vault.send(self.admin, "deposit", amount)
        vault.send(self.admin, "setLimits", 0, FUNDS)

    def pay(self, account: Signer, amount: int, spender: str) -> None:
        """Makes tokens for an account, which lets the spender have them."""
        for function, arguments in (("mint", (account.address, amount)), ("approve", (spender, amount))):
            self.connection.send(account, self.token, encode_call(self._token_function(function), arguments))

    def balance(self, address: str) -> int:
        data = self.connection.call(self.token, encode_call(self._token_function("balanceOf"), (address,)))
        return int.from_bytes(data, "big")

    # ------------------------------------------------------------------ the hospital

    def anchored(self, content: bytes, kind: int = PLAN_OF_CARE) -> Receipt:
        documents = self.ledger.acting_as(self.hospital).documents
        return documents.anchor(documents.fingerprint(content, kind))

    # ------------------------------------------------------------------ setting up

    def _admit(self, name: str, role: MemberRole, *keys: Signer) -> None:
        organizations = self.ledger.acting_as(self.admin).organizations
        organizations.admit(Admission(name, self.controller.address, frozenset({role}), LICENCE))
        for key in keys:
            proof = organizations.prove_possession(name, key, self.connection.block_time() + 3600)
            self.ledger.acting_as(self.controller).organizations.add_key(proof)

    def _deploy_payer(self, folder: Path) -> None:
        addresses = {name: self.ledger.governance.contract(name).address for name in (REGISTRY, ANCHOR)}
        other = development_signer(1).address
        parameters = PayerParameters(
            insurer=INSURER,
            token=self.token,
            registry=addresses[REGISTRY],
            anchors=addresses[ANCHOR],
            admin=self.admin.address,
            policy_administrator=other,
            guardian=other,
            medical_director=other,
            treasurer=other,
            rule_delay_seconds=1,
            admin_delay_seconds=0,
        )
        deployer = Deployer(self.connection, self.admin, parameters.plan(), folder)
        deployment = deployer.run()
        deployer.carry_out(publications(self.connection, deployment).values(), self.controller)
        manager = self.payer.manager
        for role in (POLICY_ADMINISTRATOR, MEDICAL_DIRECTOR, TREASURER):
            manager.send(self.admin, "grantRole", role, self.admin.address, 0)
        for key, name in zip(self.reviewers, REVIEWERS, strict=True):
            self.payer.panel.send(self.admin, "appoint", key.address, name)

    def _deploy_token(self) -> str:
        creation = bytes.fromhex(self._token_contract()["evm"]["bytecode"]["object"])
        return str(self.connection.send(self.admin, None, creation).contract_address)

    def _token_function(self, name: str) -> dict[str, Any]:
        abi: list[dict[str, Any]] = self._token_contract()["abi"]
        return next(entry for entry in abi if entry.get("name") == name and entry["type"] == "function")

    @staticmethod
    def _token_contract() -> dict[str, Any]:
        return token_contract()


@cache
def token_contract() -> dict[str, Any]:
    """The stable token of contracts/testing, compiled from its source, not as the wheel carries it for the demo."""
    sys.path.insert(0, str(ROOT))
    from tools import build  # only where a test needs it; says where the compiler is, before solcx
    import solcx  # isort: skip

    imported = f"{build.LIBRARY}/"
    sources = {path: source for path, source in build.sources().items() if path == TOKEN or path.startswith(imported)}
    output = solcx.compile_standard(
        {
            "language": "Solidity",
            "sources": sources,
            "settings": {
                "evmVersion": "shanghai",
                "remappings": [f"@openzeppelin/contracts={build.LIBRARY}"],
                "outputSelection": {TOKEN: {"StableToken": ["abi", "evm.bytecode.object"]}},
            },
        },
        solc_version=build.SOLC_VERSION,
    )
    contract: dict[str, Any] = output["contracts"][TOKEN]["StableToken"]
    return contract

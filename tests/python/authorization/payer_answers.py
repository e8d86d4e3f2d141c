"""What the index answers to the questions that `payer_acts` asks the contracts."""

from __future__ import annotations

from typing import Any

from authorization.payer_acts import GRANTED
from careledger.authorization.claims_read_model import ACCUMULATORS, PREPAYMENT
from careledger.authorization.index import AuthorizationIndex
from careledger.authorization.policy_read_model import SETTLEMENT, UNITS
from careledger.authorization.rules import AuthorizationRule
from careledger.chain.indexer.reader import View
from careledger.contract_enums import ClaimStatus
from careledger.contract_events import PrepaymentHeld
from eth_abi.abi import encode
from eth_utils.crypto import keccak
from indexer.stand import Question

UNKNOWN_AMOUNT = 2**64 - 1
ZERO_HASH, ZERO_ADDRESS, ZERO_ID = ("0x" + digits * "0" for digits in (64, 40, 24))
LINE = ("status", "appeal", "action", "sequence", "shadow", "version", "milli_units", "decided_at")
TERMS = ("plan", "receipt_window", "appeal_days", "shadow", "deductible", "out_of_pocket_maximum", "base_rate")


class IndexAnswers:
    """Each method is named for the contract's function, and answers as that does."""

    def __init__(self, view: View, time: int, insurer: str) -> None:
        """`time` is the block's: the index does not keep the times of all."""
        self.view = view
        self.found = AuthorizationIndex(view, insurer, time)

    def to(self, question: Question) -> Any:
        function, *given = question
        return getattr(self, function)(*given)

    def requestOf(self, provider: str, request: str) -> tuple[int, int, str]:
        found = self.found.request(provider, request)
        return (0, 0, ZERO_HASH[:18]) if found is None else (
            found.value.lines, found.value.revision, found.value.content[:18]
        )  # fmt: skip

    def lineOf(self, provider: str, request: str, line: int) -> dict[str, Any]:
        found, of = self.found.line(provider, request, line), self.found.request(provider, request)
        if found is None:
            nothing = {**dict.fromkeys(LINE, 0), "shadow": False, "member_key": False}
            return {**nothing, "benefit_class": 0, "amount": 0, "valid_from": 0, "valid_to": 0}
        value = found.value
        assert of is not None
        return {
            **{name: getattr(value, name) for name in LINE},
            "member_key": of.value.covered,
            "benefit_class": value.benefit_class,
            "amount": UNKNOWN_AMOUNT if value.amount is None else value.amount,
            "valid_from": value.valid_from or 0 if value.status in GRANTED else 0,
            "valid_to": value.valid_to or 0 if value.status in GRANTED else 0,
        }

    def deliberationOf(self, provider: str, request: str, line: int) -> dict[str, Any]:
        found, of = self.found.line(provider, request, line), self.found.request(provider, request)
        value = None if found is None else found.value
        return {
            "expedited": of is not None and of.value.expedited,
            "extended": value is not None and value.extended,
            "overdue": value is not None and value.overdue,
            "received_at": 0 if value is None else value.received_at or 0,
            "due_at": 0 if value is None else value.due_at or 0,
            "reviewer": ZERO_ID if value is None else value.reviewer or ZERO_ID,
            "first_opinion": ZERO_ID if value is None else value.first_opinion or ZERO_ID,
        }

    def recordOf(self, key: str) -> dict[str, Any]:
        found = self.found.claim_line(key)
        names = ("status", "finding", "paid", "deductible", "out_of_pocket")
        if found is None:
            return dict.fromkeys(names, 0)
        value = found.value
        shares = [getattr(value, name) or 0 for name in ("deductible", "coinsurance", "copay")]
        kept = value.status is not ClaimStatus.DENIED
        numbers = (value.status, value.finding, (value.paid or 0) * kept, shares[0] * kept, sum(shares) * kept)
        return dict(zip(names, map(int, numbers), strict=True))

    def accountOf(self, provider: str) -> dict[str, Any]:
        found = self.found.accounts(provider)
        if not found:
            return {"credit": 0, "debt": 0, "payee": ZERO_ADDRESS}
        value = found[0].value
        return {"credit": value.credit, "debt": value.debt, "payee": value.payee or ZERO_ADDRESS}

    def enrolmentsOf(self, provider: str, plan: int) -> list[dict[str, int]]:
        return [
            {name: getattr(entry.value, name) for name in ("version", "start", "coefficient")}
            for entry in self.found.enrolments(provider, plan)
        ]

    def endingsOf(self, provider: str, plan: int) -> int:
        rows = self.view.rows("provider_enrolments", {"provider": provider, "plan": plan}).rows
        return rows[0].values["endings"] if rows else 0

    def available(self) -> int:
        return self.found.vaults()[0].value.available

    def unfunded(self) -> tuple[int, int]:
        vault = self.found.vaults()[0].value
        return vault.unfunded, vault.waiting

    def limits(self) -> tuple[int, int]:
        vault = self.found.vaults()[0].value
        return vault.floor, vault.daily_cap

    def withdrawal(self) -> dict[str, Any]:
        vault = self.found.vaults()[0].value
        recipient, ready_at = vault.withdrawal_recipient or ZERO_ADDRESS, vault.withdrawal_ready_at or 0
        return {"amount": vault.withdrawal, "ready_at": ready_at, "recipient": recipient}

    def prepaymentOf(self, provider: str, request: str, line: int, payer: str) -> tuple[str, int]:
        kinds = ["bytes12", "bytes32", "uint8", "address"]
        values = [bytes.fromhex(provider[2:]), bytes.fromhex(request[2:]), line, payer]
        key = "0x" + keccak(encode(kinds, values)).hex()
        rows = self.view.rows(PREPAYMENT, {"prepayment": key}).rows
        assert bool(rows) == bool(self.view.events(PrepaymentHeld, {"prepayment": key}).rows)
        return key, rows[0].values["held"] if rows else 0

    def accumulatorsOf(self, member: str, period: int) -> dict[str, int]:
        rows = self.view.rows(ACCUMULATORS, {"member_key": member, "period": period}).rows
        return rows[0].values if rows else {"deductible": 0, "out_of_pocket": 0}

    def balanceOf(self, member: str, period: int, number: int) -> dict[str, int]:
        equal = {"member_key": member, "period": period, "benefit_class": number}
        rows = self.view.rows(UNITS, equal).rows
        return rows[0].values if rows else {"reserved": 0, "used": 0}

    def versionOf(self, version: int) -> dict[str, Any]:
        value = next(entry.value for entry in self.found.versions() if entry.value.version == version)
        terms = {name: getattr(value, name) for name in (*TERMS, "document", "class_root")}
        names = ("status", "sealed_at", "rules", "digest")
        return {**{name: getattr(value, name) for name in names}, "terms": terms}

    def authorizationRuleOf(self, version: int, number: int) -> dict[str, Any]:
        found = {entry.value.benefit_class: entry.value.authorization for entry in self.found.rules(version)}
        rule = found.get(number, AuthorizationRule.unset())
        return dict(zip(vars(rule), rule.to_abi(), strict=True))

    def claimRuleOf(self, version: int, number: int) -> dict[str, Any]:
        found = {entry.value.benefit_class: entry.value.claim for entry in self.found.rules(version)}
        if number not in found:
            return dict.fromkeys(vars(next(iter(found.values()))), 0)
        return dict(zip(vars(found[number]), found[number].to_abi(), strict=True))

    def reviewerOf(self, key: str) -> tuple[str, bool]:
        found = [entry.value for entry in self.found.reviewers() if entry.value.key == key]
        return (found[0].reviewer, found[0].appointed) if found else (ZERO_ID, False)

    def settlement(self) -> str:
        rows = self.view.rows(SETTLEMENT).rows
        return rows[0].values["settlement"] if rows else ZERO_ADDRESS

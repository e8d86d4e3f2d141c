"""What a verification says of packs in hand: the finding, who holds the pack, recall and expiry, and of what is not
verified the likelier cause. Never a bare yes or no."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.text import Text

from careledger.cli.supply.words import Names, date_text, pack_in, spoken
from careledger.contract_enums import PackFinding
from careledger.errors import BarcodeUnreadable, InvalidInput, NotInBook
from careledger.serialization import barcodes
from careledger.serialization.stock import Stock, Verification

__all__ = ["NOT_VERIFIED", "UNREADABLE", "VERIFIED", "Checked", "check", "exit_code", "render_checked"]

VERIFIED, UNREADABLE, NOT_VERIFIED = 0, 2, 9

CAUSES = {
    PackFinding.NO_MATCH_PRODUCT: "the registrar does not have this maker for this product: a copied code, or an "
    "assignment that was withdrawn",
    PackFinding.NO_MATCH_LOT: "the chain has no such lot: the book is of another register, or the lot was never "
    "commissioned",
    PackFinding.NO_MATCH_SERIAL: "the serial is not the lot's under this number: treat it as suspect",
    PackFinding.NO_MATCH_EXPIRY: "the date on the pack is not the lot's: relabelled, or misread; scan it again",
    PackFinding.RECALLED: "the lot is recalled: put it apart, and follow the recall",
    PackFinding.EXPIRED: "the last day of use is past: put it apart",
    PackFinding.SUSPECT: "somebody found it suspect: put it apart until it is cleared",
    PackFinding.DISPENSED: "it was dispensed before: scanned twice at this counter, or a copy of a genuine pack",
    PackFinding.DESTROYED: "it was reported destroyed: a copy, or a wrong report",
    PackFinding.DECOMMISSIONED: "it was taken out of supply: a sample or damaged pack, or a copy",
    PackFinding.STOLEN: "it was reported stolen: put it apart, and tell who reported it",
    PackFinding.EXPORTED: "it was exported: a copy, or brought back",
    PackFinding.ILLEGITIMATE: "it was found illegitimate: put it apart; notice is due within 24 hours of the finding",
    PackFinding.REPACKAGED: "it was used up for another lot: a leftover label, or a copy",
    PackFinding.MISSING: "its shipment was reported missing: put it apart, and tell the sender",
    PackFinding.NOT_IN_CONTAINER: "it is not in the container that it came in: taken out, and not recorded here yet",
    PackFinding.NOT_FOR_REDISTRIBUTION: "it was returned, and the return is not verified yet",
}
"""The likelier cause of each finding, and what to do."""

NOT_KNOWN = (
    "nothing came with it: the sealed bundle of its shipment is not opened yet, or the pack did not come with a "
    "shipment. Open the bundle by `careledger bundle open`; if there is none, treat the pack as suspect"
)


@dataclass(frozen=True)
class Checked:
    """One code, and what was found: a verification; or `problem` why the book or the barcode gives none."""

    code: str
    pack: barcodes.Pack | None
    findings: tuple[barcodes.Finding, ...]
    verification: Verification | None
    problem: str
    likelier_cause: str

    @property
    def verified(self) -> bool:
        return self.verification is not None and self.verification.answer.verified

    @property
    def finding(self) -> str:
        if self.verification is not None:
            return self.verification.answer.finding.name
        return "UNREADABLE" if self.pack is None else "NOT_KNOWN_HERE"

    def body(self, names: Names) -> dict[str, Any]:
        """As `--json` has it."""
        found: dict[str, Any] = {
            "code": self.code,
            "finding": self.finding,
            "verified": self.verified,
            "likelier_cause": self.likelier_cause or None,
            "barcode": [
                {"fault": one.fault.value, "problem": one.problem, "likelier": one.likelier} for one in self.findings
            ],
            "problem": self.problem or None,
        }
        if self.verification is not None:
            of, answer = self.verification.found, self.verification.answer
            found |= {
                "lot": of.lot.id,
                "number": of.index,
                "container": of.container,
                "holder": answer.holder if int(answer.holder, 16) else None,
                "holder_name": names.of(answer.holder),
                "expires": _date(of.lot.expiry_day),
                "recall_class": answer.recall_class,
                "recall_reason": answer.recall_reason,
                "status": answer.state.status,
                "suspect": answer.state.suspect,
                "excursion": answer.excursion,
            }
        return found


def check(stock: Stock, text: str, block: int | str = "latest") -> Checked:
    """What the book and the chain say of a pack by its code. Raises what a read of the chain raises, and VaultError."""
    try:
        pack, findings = pack_in(text)
    except BarcodeUnreadable as problem:
        likelier = f"{problem.fault}: {problem.likelier}" if problem.likelier else str(problem.fault)
        return Checked(text, None, (), None, str(problem), likelier)
    except InvalidInput as problem:
        return Checked(text, None, (), None, str(problem), "another code on the package was scanned")
    try:
        verification = stock.verify(pack, block)
    except NotInBook as problem:
        return Checked(text, pack, findings, None, str(problem), _of_barcode(findings) or NOT_KNOWN)
    except BarcodeUnreadable as problem:
        found = (*findings, barcodes.Finding(barcodes.BarcodeFault(problem.fault), problem.problem, problem.likelier))
        return Checked(text, pack, found, None, str(problem), _of_barcode(found) or problem.problem)
    except InvalidInput as problem:  # in several lots
        return Checked(text, pack, findings, None, str(problem), _of_barcode(findings) or problem.problem)
    finding = verification.answer.finding
    cause = "" if finding is PackFinding.VERIFIED else _of_barcode(findings) or CAUSES[finding]
    return Checked(text, pack, findings, verification, "", cause)


def exit_code(found: Sequence[Checked]) -> int:
    """0 if all are verified, 9 if one is not, else 2 if one could not be read."""
    if any(one.pack is not None and not one.verified for one in found):
        return NOT_VERIFIED
    return UNREADABLE if any(one.pack is None for one in found) else VERIFIED


def render_checked(console: Console, found: Sequence[Checked], names: Names) -> None:
    """A sentence for each pack, and below it what there is besides."""
    for one in found:
        answer = None if one.verification is None else one.verification.answer
        style = "bold green" if one.verified else "bold magenta" if one.pack is None else "bold red"
        console.print(Text(_sentence(one), style=style), soft_wrap=True)
        lines = []
        if one.verification is not None and answer is not None:
            lot = one.verification.found.lot
            lines.append(f"lot {lot.lot_number} of {lot.product}, made by {names.of(lot.maker)}")
            lines.append(f"held by {names.of(answer.holder)}; last day of use {_date(lot.expiry_day) or 'none'}")
            if answer.recall_class:
                lines.append(f"recalled: {spoken(answer.recall_class)}, {spoken(answer.recall_reason)}")
            if answer.excursion:
                lines.append("beware: its cold chain was broken")
        if one.problem:
            lines.append(one.problem)
        lines += [f"the barcode: {finding.problem}" for finding in one.findings]
        if one.likelier_cause:
            lines.append(f"likelier: {one.likelier_cause}")
        for line in lines:
            console.print(f"  {line}", markup=False, soft_wrap=True)


def _sentence(one: Checked) -> str:
    name = one.code.replace("\x1d", "<GS>")
    if one.pack is None:
        return f"{name} could not be read. This says nothing about the pack."
    if one.verification is None:
        return f"{name} is NOT known here."
    answer = one.verification.answer
    if answer.verified:
        return f"{name} is verified: genuine, in supply, and may be dispensed by its holder."
    return f"{name} is NOT verified: {spoken(answer.finding)}."


def _of_barcode(findings: Sequence[barcodes.Finding]) -> str:
    """A fault of the scanner, which is the likelier cause of whatever does not match."""
    for finding in findings:
        if finding.fault in (barcodes.BarcodeFault.WRONG_CASE, barcodes.BarcodeFault.LOST_SEPARATOR):
            likelier = f", likelier {finding.likelier}" if finding.likelier else ""
            return f"scanner, {finding.fault.value}: {finding.problem}{likelier}"
    return ""


def _date(day: int) -> str | None:
    return date_text(day) if day else None

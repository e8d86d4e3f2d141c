"""What a verification says to a person, and the exit code it ends with."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from careledger.anchoring import Receipt
from careledger.anchoring.answers import Actor, Answer, Doubt, Verification
from careledger.anchoring.types import KeyStatus
from careledger.cli.documents.words import DONE, NO, kebab
from careledger.cli.words import time_text

__all__ = ["exit_code", "render", "sentence"]

UNCHECKED = 4
STYLES = {
    Answer.ACTIVE: "bold green",
    Answer.DISPUTED: "bold yellow",
    Answer.COULD_NOT_CHECK: "bold magenta",
}
OTHER_STYLE = "bold red"
DOUBTS = {
    Doubt.NOT_CHECKED: "whose key it was, was not checked",
    Doubt.NOBODYS_KEY: "the key was no organization's",
    Doubt.KEY_NOT_ACTIVE: "the key could not be relied on then",
    Doubt.COMPROMISED: "the key is reported as compromised, and the report covers this anchor",
    Doubt.OTHER_ORGANIZATION: "the key was another organization's than the receipt says",
    Doubt.NOT_IN_GOOD_STANDING: "its organization was not in good standing then",
    Doubt.RECEIPT_DIFFERS: "the receipt states something otherwise than the chain",
}


def exit_code(found: Verification) -> int:
    """0 if it is in force and nothing that was checked speaks against who stands behind it; 4 if nothing was found out;
    9 otherwise."""
    if found.answer is Answer.COULD_NOT_CHECK:
        return UNCHECKED
    relied_on = found.trusted or found.doubts == (Doubt.NOT_CHECKED,)
    return DONE if found.in_force and relied_on else NO


def render(console: Console, file: str, receipt: Receipt, found: Verification, key_now: KeyStatus | None) -> None:
    """The sentence in its colour, and below it what there is besides."""
    style = STYLES.get(found.answer, OTHER_STYLE)
    if found.answer is Answer.ACTIVE and found.doubts:
        style = "bold yellow" if found.doubts == (Doubt.NOT_CHECKED,) else OTHER_STYLE
    console.print(Text(sentence(file, receipt, found), style=style), soft_wrap=True)
    lines = []
    if found.answer is Answer.ALTERED:
        assert found.alteration is not None
        problem = found.alteration.problem or f"its digest is {found.alteration.found}"
        lines.append(f"the receipt's document has the digest {found.alteration.expected}; of this file, {problem}")
        lines.append("what holds of the receipt's document was not asked")
    elif found.answer is not Answer.COULD_NOT_CHECK:
        lines += _who(found, key_now)
    lines += [f"beware: {_doubt(doubt, found)}" for doubt in found.doubts if found.as_of is not None]
    lines += _acts(found)
    lines += [f"{one.field}: the receipt says {one.receipt}, the chain {one.chain}" for one in found.differences]
    for raised in found.listed_disputes:
        state = "withdrawn" if raised.dispute.withdrawn_at else "answered" if raised.dispute.replied_at else "open"
        when = time_text(raised.dispute.raised_at)
        lines.append(f"disputed by {raised.disputant}, {when}: {kebab(raised.dispute.reason)} ({state})")
    for given in found.countersignatures:
        signed = given.countersignature
        state = f", withdrawn {time_text(signed.withdrawn_at)}" if signed.withdrawn_at else ""
        lines.append(f"countersigned by {given.organization}, {time_text(signed.signed_at)}{state}")
    for line in lines:
        console.print(f"  {line}", soft_wrap=True)


def _acts(found: Verification) -> list[str]:
    """Who took it out of force, and what is to be thought of that key."""
    lines = []
    if found.revocation is not None:
        lines += _act("revoked", "revocation", found.revocation.by, found)
    if found.succession is not None or found.answer is Answer.SUPERSEDED:
        lines += _act("amended", "amendment", None if found.succession is None else found.succession.by, found)
    return lines


def _act(done: str, name: str, by: Actor | None, found: Verification) -> list[str]:
    if by is None:
        why = "a state proof does not tell" if found.who.key_status is None else "was not found in the node's logs"
        return [f"by which key it was {done}, {why}: so neither, whether that key is reported as compromised"]
    lines = [f"{done} by {by.key}: {kebab(by.key_status)} then"]
    if by.compromised:
        reported = f"it was reported {time_text(by.reported_at)}"
        lines.append(f"beware: that key is reported as compromised, and the report covers this {name}; {reported}")
    return lines


def _doubt(doubt: Doubt, found: Verification) -> str:
    reported_at = None if found.who is None else found.who.reported_at
    if doubt is Doubt.COMPROMISED and reported_at:
        return f"{DOUBTS[doubt]}; it was reported {time_text(reported_at)}"
    return DOUBTS[doubt]


def sentence(file: str, receipt: Receipt, found: Verification) -> str:
    """What was found, when, and as of which block."""
    match found.answer:
        case Answer.COULD_NOT_CHECK:
            assert found.failure is not None
            text = f"{file} could not be checked: {found.failure.problem}. This says nothing about the document"
        case Answer.ALTERED:
            text = f"{file} is NOT the document of its receipt: it was altered, or is another one"
        case Answer.UNKNOWN:
            text = f"{file} is NOT anchored by {receipt.submitter} where its receipt says"
        case Answer.ACTIVE:
            text = f"{file} is in force{_anchored(found)}"
        case Answer.DISPUTED:
            count = "a party says" if found.disputes == 1 else f"{found.disputes} parties say"
            text = f"{file} is DISPUTED: {count} that it is wrong. It is still in force{_anchored(found)}"
        case Answer.EXPIRED:
            text = f"{file} has EXPIRED on {time_text(found.when.expiry)}{_anchored(found)}"
        case Answer.SUPERSEDED:
            text = f"{file} is SUPERSEDED{_succession(found)}{_anchored(found)}"
        case Answer.REVOKED:
            text = f"{file} is REVOKED{_revocation(found)}{_anchored(found)}"
    if found.as_of is not None:
        text += f"; as of block {found.as_of.block_number}, {time_text(found.as_of.block_time)}"
    return text + "."


def _anchored(found: Verification) -> str:
    when = found.when
    signed = f" (signed {time_text(when.signed_at)})" if when.signed_at else ""
    return f"; anchored {time_text(when.anchored_at)}{signed}{_by(found)}"


def _by(found: Verification) -> str:
    who = found.who
    if who.key_status is None:
        claimed = who.claimed_organization
        return f" by the key {who.key}" + (f", which the receipt puts down to {claimed}" if claimed else "")
    if who.organization is None:
        return f" by the key {who.key}, which was no organization's"
    return f" by {who.organization_name or who.organization}"


def _who(found: Verification, key_now: KeyStatus | None) -> list[str]:
    who = found.who
    lines = []
    if who.organization is not None:
        lines.append(f"organization {who.organization_name or ''} {who.organization}".replace("  ", " "))
    if who.key_status is not None:
        now = "" if key_now is None else f", {kebab(key_now)} now"
        lines.append(f"key {who.key}: {kebab(who.key_status)} then{now}")
    if found.answer is Answer.SUPERSEDED and found.succession is not None:
        lines.append(f"the newest: {found.succession.latest_leaf} by {found.succession.latest_submitter}")
    lines.append(f"transaction {found.when.transaction_hash} in block {found.when.block_number}")
    return lines


def _succession(found: Verification) -> str:
    link = found.succession
    return "" if link is None else f" since {time_text(link.amended_at)}: {kebab(link.reason)}"


def _revocation(found: Verification) -> str:
    revoked = found.revocation
    if revoked is None:
        return ""
    whole = " with its whole batch" if revoked.whole_batch else ""
    when = "" if revoked.revoked_at is None else f" since {time_text(revoked.revoked_at)}"
    why = "" if revoked.reason is None else f": {kebab(revoked.reason)}"
    return f"{whole}{when}{why}"

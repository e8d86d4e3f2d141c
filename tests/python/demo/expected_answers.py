"""What the demo must answer, on every chain."""

from __future__ import annotations

from typing import Any

ANSWERS: dict[str, tuple[str, str | None]] = {
    "key-owner": ("demo-hospital's, ACTIVE", None),
    "may-provide": ("yes, for demo-hospital", None),
    "may-dispense": ("no", "OrganizationRegistryMissingMemberRole"),
    "old-key-then": ("ACTIVE, for demo-hospital", None),
    "old-key-now": ("no", "OrganizationRegistryKeyRetired"),
    "summary-first": ("SUPERSEDED", None),
    "summary-latest": ("the corrected one", None),
    "summary-other-server": ("yes", None),
    "consent-countersigned": ("yes, demo-manufacturer", None),
    "report-revoked": ("REVOKED", None),
    "report-elsewhere": ("UNKNOWN", None),
    "report-beside": ("ACTIVE", None),
    "log-whole": ("yes", None),
    "log-omission": ("no, one at least is left out", None),
    "suspended-now": ("SUSPENDED", None),
    "suspended-before": ("ACTIVE", None),
    "suspended-may-start": ("no", "OrganizationRegistryNotInGoodStanding"),
    "suspended-may-finish": ("yes, for demo-distributor", None),
    "unknown-organization": ("unknown", "organization 'demo-nobody'"),
    "unknown-key": ("no", "OrganizationRegistryUnknownKey"),
}
"""Name -> the answer, and how its reason begins. The published contract's address is checked on its own."""

STEPS = (
    "deploy AccessManager",
    "deploy OrganizationRegistry",
    "deploy DocumentAnchor",
    "set the manager's roles",
    "admit the insurer, hospital, manufacturer, distributor, pharmacy and regulator",
    "add the insurer's key, with proof of possession",
    "add the hospital's key, with proof of possession",
    "add the manufacturer's key, with proof of possession",
    "add the distributor's key, with proof of possession",
    "add the pharmacy's key, with proof of possession",
    "add the regulator's key, with proof of possession",
    "rotate the hospital's key: add the new one",
    "rotate the hospital's key: retire the old one",
    "deploy the insurer's own AccessManager",
    "publish the insurer's AccessManager in the registry",
    "anchor the discharge summary",
    "amend the discharge summary: a correction",
    "anchor the consent form",
    "countersign the consent form, as the trial's sponsor",
    "anchor 8 laboratory reports by one root",
    "revoke one of the reports: it is another patient's",
    "anchor the trial's protocol",
    "amend the protocol: its second version",
    "declare the enrolment log",
    "enrol patient 1",
    "enrol patient 2",
    "enrol patient 3",
    "suspend the distributor, by the regulator's order",
)
"""The steps in order, transfers left out."""


def check_answers(answers: list[dict[str, Any]]) -> None:
    """Asserts that the answers are the expected ones, in order, and that the published contract is there."""
    by_name = {answer["name"]: answer for answer in answers}
    address = by_name.pop("insurer-manager")["answer"]
    assert address.startswith("0x")
    assert len(address) == 42
    assert list(by_name) == list(ANSWERS)
    for name, (text, reason) in ANSWERS.items():
        assert by_name[name]["answer"] == text, name
        if reason is None:
            assert by_name[name]["reason"] is None, name
        else:
            assert str(by_name[name]["reason"]).startswith(reason), name


def check_steps(steps: list[dict[str, Any]], done_before: bool) -> None:
    """Asserts that all steps are there in order, all done now or all done before."""
    played = [step for step in steps if step["chapter"] not in {"funding", "refund"}]
    assert tuple(step["title"] for step in played) == STEPS
    assert {step["done_before"] for step in played} == {done_before}
    for step in played:
        assert (step["transaction_hash"] is None) is done_before, step["title"]
        assert (step["gas_used"] > 20_000) is not done_before, step["title"]

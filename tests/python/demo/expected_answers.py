"""What the demo must answer, on every chain."""

from __future__ import annotations

import re
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
    "care": (
        "item 1 approved, within rules; item 2 approved, within rules; item 3 approved, within rules",
        None,
    ),
    "pended": ("item 1: A4, review-required, with a number to ask for it", None),
    "referral": (
        "; ".join(
            (
                "pended, review required",
                "information requested",
                "information supplied",
                "approved in part, reviewer",
                "appealed",
                "appeal overturned",
                "approved in full, appeal",
            )
        ),
        None,
    ),
    "inquiry": ("item 1: A1, reviewed by a person, with an authorization number", None),
    "excluded": ("item 1 denied, contract exclusion", None),
    "invalid": (
        "; ".join(
            (
                "one OperationOutcome: error not-found at Bundle.entry[0].resource.patient.reference",
                "error not-found at Bundle.entry[3].resource.beneficiary.reference",
                "on the chain: nothing",
            )
        ),
        None,
    ),
    "claim-care": ("PAID: 145.50 USD of 180.00 USD; finding: none", None),
    "claim-referral": ("PAID: 150.00 USD of 160.00 USD; finding: over fast track maximum", None),
    "paid-out": ("295.50 USD", None),
    "cold-chain": ("4.6 to 12.4 °C: an excursion", None),
    "recalled-lot": ("gtin:09521000001015, lot DEMO-1", None),
    "false-serial": ("it did not come with any shipment", None),
    "false-proof": ("no match serial", None),
    "recalled-pack": ("recalled; class II, packaging defect", None),
    "recalled-dispensed": ("recalled; class II, packaging defect; it was dispensed", None),
    "recalled-dispense": ("no", "LotRegistryRecalled"),
    "suspended-now": ("SUSPENDED", None),
    "suspended-before": ("ACTIVE", None),
    "suspended-may-start": ("no", "OrganizationRegistryNotInGoodStanding"),
    "suspended-may-finish": ("yes, for demo-distributor", None),
    "unknown-organization": ("unknown", "organization 'demo-nobody'"),
    "unknown-key": ("no", "OrganizationRegistryUnknownKey"),
}
"""Name -> the answer, and how its reason begins. The published contract's address is checked on its own."""

HOURS = "some hours"
"""Stands for a time, which is another in every run."""

TABLES: dict[str, tuple[tuple[str, ...], ...]] = {
    "metrics": (
        (
            "services that need it",
            "home-nursing (class 10), equipment (class 20), referral (class 40), cosmetic (class 90)",
            "",
            "(1)",
        ),
        ("approved", "80.0 % (4 of 5)", "0.0 % (0 of 1)", "(2), (6)"),
        ("denied", "20.0 % (1 of 5)", "0.0 % (0 of 1)", "(3), (7)"),
        ("approved after appeal", "-", "100.0 % (1 of 1)", "(4)"),
        ("extended, then approved", "0.0 % (0 of 5)", "0.0 % (0 of 1)", "(5)"),
        ("time to determination, average", HOURS, HOURS, "(8), (9)"),
        ("time to determination, median", HOURS, HOURS, "(8), (9)"),
        ("received", "5", "1", ""),
        ("determined", "5", "1", ""),
        ("approved in part or modified", "0.0 % (0 of 5)", "100.0 % (1 of 1)", ""),
        ("determined by the rules", "100.0 % (5 of 5)", "0.0 % (0 of 1)", ""),
        ("appeals", "0", "1", ""),
        ("appeals overturned", "0", "1", ""),
        ("denied: contract exclusion, reason 0", "100.0 % (1 of 1)", "-", ""),
    ),
    "claim-metrics": (
        ("submitted", "2"),
        ("decided", "2"),
        ("paid", "100.0 % (2 of 2)"),
        ("decided by the rules", "50.0 % (1 of 2)"),
        ("time to decision, average", HOURS),
        ("time to decision, median", HOURS),
        ("time to credit, average", HOURS),
        ("time to credit, median", HOURS),
        ("charged", "340.00"),
        ("paid by the insurer", "295.50"),
    ),
    "recall": (
        ("5", "dispensed by demo-pharmacy", ""),
        ("45", "destroyed by demo-manufacturer", "095210000000000025"),
        ("50", "rejected, on its way back to demo-distributor", "095210000000000032"),
        ("900", "held by demo-distributor", "095210000000000001"),
        ("1,000", "held by demo-manufacturer", "095210000000000018"),
    ),
}
"""Name -> the rows."""

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
    "deploy a made-up dollar",
    *(
        f"deploy the insurer's {name}"
        for name in (
            "CoveragePolicy",
            "UnitLedger",
            "ReviewPanel",
            "AuthorizationIntake",
            "AuthorizationDesk",
            "PriorAuthorization",
            "InsurerVault",
            "ClaimSettlement",
        )
    ),
    "set who may do what in the insurer's contracts",
    *(
        f"publish the insurer's {name} in the registry"
        for name in (
            "CoveragePolicy",
            "UnitLedger",
            "ReviewPanel",
            "PriorAuthorization",
            "InsurerVault",
            "ClaimSettlement",
        )
    ),
    "add the key of reviewer 1",
    "add the key of reviewer 2",
    "draft, load and seal the rules as version 1 of the policy",
    "enrol the hospital, with both sides' signatures",
    "appoint two reviewers, and say what the vault may pay in a day",
    "make 1,000 made-up dollars for the insurer",
    "let the vault have them",
    "deposit them in the vault",
    "anchor the plan of care, a visit's note and a letter by one root",
    "ask for home care: visits and a device",
    "update it: the device for less, and a mask",
    "ask for a referral",
    "ask the hospital which specialist",
    "answer, with the specialist's letter",
    "grant one visit of three, signed by a reviewer",
    "appeal it",
    "grant the other two, signed by another reviewer",
    "ask for what the contract excludes",
    "claim a visit at home",
    "claim a visit at the specialist's",
    "allow it, signed by a reviewer",
    "name the account that the hospital is paid at",
    "pay out what the hospital is owed",
    *(
        f"deploy the supply chain's {name}"
        for name in ("AccessManager", "Custody", "LotRegistry", "PurchaseEscrow", "ColdChain", "ServiceHistory")
    ),
    "set who may do what in the supply chain's contracts",
    *(
        f"publish the supply chain's {name} in the registry"
        for name in ("Custody", "LotRegistry", "PurchaseEscrow", "ColdChain", "ServiceHistory")
    ),
    "say that the manufacturer makes the product",
    "license the distributor to operate data loggers",
    "commission a lot of 2,000 packs, as one root",
    "pack 1,000 packs in cases onto pallet 1",
    "pack 1,000 packs in cases onto pallet 2",
    "ship pallet 1 to the distributor",
    "open its sealed bundle, find all of it on chain, accept the pallet",
    "take two cases off the pallet",
    "ship a case to the pharmacy",
    "open the case's sealed bundle, find all of it on chain, accept the case",
    "scan 5 packs, verify each, dispense them",
    "register a data logger",
    "put it into the second case: 2 to 8 °C",
    "ship the second case to the hospital",
    "record what the logger signed on the way: an excursion",
    "see it before accepting, and reject the case",
    "recall the lot: class II, for its packaging",
    "tell everybody which lot it is",
    "return what is left of its case to the manufacturer",
    "accept the return",
    "destroy it",
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
        answer = by_name[name]["answer"]
        assert answer == text, f"{name}: {answer}, {by_name[name]['reason']}"
        if reason is None:
            assert by_name[name]["reason"] is None, name
        else:
            assert str(by_name[name]["reason"]).startswith(reason), name


def check_tables(tables: list[dict[str, Any]]) -> None:
    """Asserts that the tables are the expected ones, in order."""
    assert [table["name"] for table in tables] == list(TABLES)
    for table in tables:
        rows = [tuple(re.sub(r"^[0-9]+\.[0-9]{2} h$", HOURS, cell) for cell in row) for row in table["rows"]]
        assert tuple(rows) == TABLES[table["name"]], table["name"]
        assert {len(row) for row in rows} == {len(table["columns"])}
        assert 0 <= table["milliseconds"] < 60_000


def without_times(tables: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The tables without how long the chain was asked, which is another in every run."""
    return [{name: value for name, value in table.items() if name != "milliseconds"} for table in tables]


def check_steps(steps: list[dict[str, Any]], done_before: bool) -> None:
    """Asserts that all steps are there in order, all done now or all done before."""
    played = [step for step in steps if step["chapter"] not in {"funding", "refund"}]
    assert tuple(step["title"] for step in played) == STEPS
    assert {step["done_before"] for step in played} == {done_before}
    for step in played:
        assert (step["transaction_hash"] is None) is done_before, step["title"]
        assert (step["gas_used"] > 20_000) is not done_before, step["title"]

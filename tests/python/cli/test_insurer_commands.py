"""`careledger payer` on an Anvil: policy, rules, reviews, money, as the insurer's people run them."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from authorization.payer_requests import DOLLAR, EQUIPMENT, NUTRITION, asked, claimed
from authorization.provider_world import HOSPITAL, INSURER, RULES, ProviderWorld
from careledger.authorization.claims import Claims
from careledger.authorization.eligibility_file import parse_eligibility
from careledger.authorization.member_keys import member_key
from careledger.chain.development import Node
from careledger.contract_enums import Action
from careledger.contract_events import RuleAdded
from careledger.vault import ScryptCost, Vault
from cli.command_line import CommandLine, Result
from identity.suite import travel

ADMIN, DELAYED, INSURER_KEY, REVIEWER, OTHER_REVIEWER, PROVIDER_KEY, NOBODY = (
    f"development:{number}" for number in (0, 1, 5, 6, 7, 8, 9)
)
REASONS = """
format: careledger-reasons
version: 1
reasons:
  not-necessary: {number: 4, text: The documents do not show that the service is needed.}
"""
REQUEST = """
format: careledger-authorization-request
version: 1
identifier: {system: https://hospital.example/requests, value: r-1}
provider: {reference: one}
insurer: {reference: one}
patient: {reference: one}
coverage: {reference: one}
currency: USD
lines:
  - {sequence: 1, code: {system: HCPCS, code: E0601}, units: 3, unit: {system: UCUM, code: mo}, unit_price: 80.00}
  - {sequence: 2, code: {system: HCPCS, code: B4184}, units: 1, unit_price: 10.00}
"""
DAY = 86_400


@dataclass
class Insurer:
    """Runs commands with the insurer's settings."""

    careledger: CommandLine
    world: ProviderWorld
    folder: Path
    settings: dict[str, str]

    def __call__(self, *arguments: object, signer: str = ADMIN) -> Result:
        for name, value in {**self.settings, "SIGNER": signer}.items():
            self.careledger.monkeypatch.setenv(f"CARELEDGER_{name}", value)
        return self.careledger("payer", *arguments, "--json")

    def ok(self, *arguments: object, signer: str = ADMIN) -> Any:
        result = self(*arguments, signer=signer)
        assert result.exit_code == 0, result.err + result.out
        return result.body

    def shown(self, *arguments: object, exit_code: int = 0) -> str:
        """As a person sees it."""
        for name, value in {**self.settings, "SIGNER": ADMIN}.items():
            self.careledger.monkeypatch.setenv(f"CARELEDGER_{name}", value)
        result = self.careledger("payer", *arguments)
        assert result.exit_code == exit_code, result.err
        return result.out

    def changed_rules(self, *changes: tuple[str, str]) -> Path:
        path = self.folder / "changed.yaml"
        text = RULES.read_text()
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        path.write_text(text)
        return path


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ProviderWorld, dict[str, str]]]:
    folder = tmp_path_factory.mktemp("payer")
    with Node() as node:
        world = ProviderWorld(node.connect(), folder)
        yield world, {"RPC": node.url, "DEPLOYMENTS": str(folder), "PAYER": INSURER}


@pytest.fixture
def insurer(stage: tuple[ProviderWorld, dict[str, str]], careledger: CommandLine, tmp_path: Path) -> Iterator[Insurer]:
    world, settings = stage
    reasons = tmp_path / "reasons.yaml"
    reasons.write_text(REASONS)
    rpc = world.connection.rpc()
    snapshot = rpc.call("evm_snapshot")
    yield Insurer(careledger, world, tmp_path, {**settings, "REASONS": str(reasons)})
    assert rpc.call("evm_revert", snapshot)


# ---------------------------------------------------------------------- rules, without a chain


def test_rule_files_are_checked_and_compared(insurer: Insurer) -> None:
    changed = insurer.changed_rules(("max_amount: 1200.00", "max_amount: 1300.00"))
    assert insurer.ok("rules", "check", RULES)["rules"] == 5
    assert "is right: plan 1001, 5 rules" in insurer.shown("rules", "check", RULES)
    said = insurer.shown("rules", "diff", RULES, changed, exit_code=9)
    assert said == "equipment: max_amount was 1200.00 USD, is 1300.00 USD\n"
    assert insurer.shown("rules", "diff", RULES, RULES) == "nothing changes\n"
    wrong = insurer.changed_rules(("max_amount: 1200.00", "max_amount: 1,200"), ("unit: month", "unit: moon"))
    refused = insurer("rules", "check", wrong)
    assert refused.error["type"] == "RuleFileInvalid"
    assert len(refused.error["fields"]["others"]) == 1
    assert insurer("rules", "check", insurer.folder / "none.yaml").error["type"] == "InvalidInput"


def test_a_dry_run_says_what_would_be_decided(insurer: Insurer) -> None:
    request = insurer.folder / "request.yaml"
    request.write_text(REQUEST)
    found = insurer.ok("rules", "dry-run", RULES, request)
    assert [(one["line"], one["action"]) for one in found] == [(1, "APPROVED_IN_FULL"), (2, "PENDED")]
    assert "a person decides every request of nutrition" in found[1]["why"]
    (first, _) = insurer.ok("rules", "dry-run", RULES, request, "--taken", "equipment=11")
    assert first["basis"] == "UNITS_OVER_PERIOD_LIMIT"
    (first, _) = insurer.ok("rules", "dry-run", RULES, request, "--uncovered")
    assert first["basis"] == "COVERAGE_UNVERIFIED"
    for option, value in (("--taken", "equipment"), ("--taken", "x=1"), ("--document", "x"), ("--gold-card", "x")):
        assert insurer("rules", "dry-run", RULES, request, option, value).exit_code == 2


def test_past_decisions_are_replayed(insurer: Insurer) -> None:
    history = insurer.folder / "history.csv"
    columns = ("class", "units", "unit", "amount", "service_day", "received_at", "action")
    rows = [
        ("equipment", "3", "month", "240.00", "2027-03-02", "2027-03-01", "A1"),
        ("nutrition", "1", "item", "10.00", "2027-03-02", "2027-03-01", "A1"),
        ("unknown", "1", "item", "10.00", "2027-03-02", "2027-03-01", "A1"),
    ]
    written = io.StringIO()
    csv.writer(written).writerows([columns, *rows])
    history.write_text(written.getvalue())
    found = insurer.ok("replay", history, "--rules", RULES)
    assert (found["rows"], found["agreements"], found["differences"], found["unreadable"]) == (3, 1, 1, 1)
    assert {"past": "A1", "now": "A4", "rows": 1} in found["matrix"]
    assert found["first_differences"][0]["row"] == 3
    assert "1 decided alike, 1 otherwise" in insurer.shown("replay", history, "--rules", RULES)
    assert insurer("replay", history).error["fields"]["setting"] == "--rules or CARELEDGER_RULES"


# ---------------------------------------------------------------------- policy


def test_a_version_is_loaded_sealed_agreed_on_and_in_force(insurer: Insurer) -> None:
    rules = insurer.changed_rules(("max_amount: 1200.00", "max_amount: 1300.00"))
    assert insurer.ok("policy", "draft", rules) == {"version": 2}
    assert insurer("policy", "seal", rules).error["fields"]["value"] == "0 of 5 loaded"
    loaded = insurer.ok("policy", "load", rules, "--rules-at-once", 2)
    assert (loaded["version"], loaded["rules"], loaded["known"], len(loaded["transactions"])) == (2, 5, 0, 3)
    assert insurer.ok("policy", "load", rules)["transactions"] == []
    sealed = insurer.ok("policy", "seal", rules)
    assert sealed["digest"] == loaded["digest"]
    assert [one["number"] for one in insurer.ok("policy", "versions")] == [2, 1]
    assert insurer.ok("policy", "show", 2)["classes"] == [10, 20, 30, 40, 90]
    assert loaded["digest"] in insurer.shown("policy", "versions")
    assert insurer.shown("policy", "diff", 2, rules) == "the same as version 2\n"
    said = insurer.shown("policy", "diff", 1, rules, exit_code=9)
    assert said == "equipment: max_amount was 1200.00 USD, is 1300.00 USD\n"

    file = insurer.folder / "enrolment.json"
    start = insurer.world.connection.block_time() + 600
    offer = ("policy", "offer", HOSPITAL, "--version", 2, "--start", start, "--file", file)
    assert insurer.ok(*offer, "--coefficient", "1.0325", signer=INSURER_KEY)["missing"] == ["the provider"]
    assert insurer("policy", "enrol", file).error["fields"]["problem"].startswith("has not signed it")
    assert insurer("policy", "sign", file, "--rules", RULES, signer=PROVIDER_KEY).exit_code == 2
    assert insurer.ok("policy", "sign", file, "--rules", rules, signer=PROVIDER_KEY)["missing"] == []
    sent = insurer.ok("policy", "enrol", file, signer=NOBODY)
    assert sent["events"][0]["event"] == "ProviderEnrolled"
    travel(insurer.world.connection, 700)
    found = insurer.ok("policy", "enrolments", HOSPITAL, "--plan", 1001)
    assert found["in_force"] == {"version": 2, "start": start, "coefficient": 10_325}
    assert "in force now: version 2" in insurer.shown("policy", "enrolments", HOSPITAL, "--plan", 1001)
    ended = insurer.ok("policy", "end-enrolment", HOSPITAL, "--plan", 1001, signer=PROVIDER_KEY)
    assert ended["events"][0]["event"] == "EnrolmentEnded"


def test_a_load_with_a_delay_waits_for_it_once(insurer: Insurer) -> None:
    rules = insurer.changed_rules(("appeal_days: 180", "appeal_days: 181"))
    result = insurer("policy", "load", rules, "--rules-at-once", 1, signer=DELAYED)
    assert result.exit_code == 0, result.err
    assert result.body["rules"] == 5


def test_who_may_not_is_told(insurer: Insurer) -> None:
    rules = insurer.changed_rules(("appeal_days: 180", "appeal_days: 182"))
    for command in (("policy", "load", rules), ("policy", "draft", rules), ("fund", "limits", "--floor", "1")):
        refused = insurer(*command, signer=NOBODY)
        assert refused.exit_code == 5
        assert refused.error["type"] == "AccessManagedUnauthorized"
    for coefficient in ("x", "1.00001", "-1", ".5", "100000000"):
        refused = insurer("policy", "offer", HOSPITAL, "--version", 1, "--start", "now", "--coefficient", coefficient)
        assert refused.exit_code == 2


KILLED = """
import os, signal, sys
from careledger.chain.outbox import Worker
from careledger.cli import main
left, real = int(sys.argv[1]), Worker.step

def reached(*arguments, **options):
    global left
    result = real(*arguments, **options)
    left -= bool(result.included or result.final)
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return result

Worker.step = reached
sys.argv = ["careledger", *sys.argv[2:]]
main()
"""


def many_classes(insurer: Insurer, count: int) -> Path:
    """A rule file with so many classes more, each with the rule of the referrals."""
    text = RULES.read_text()
    head, rule = text[: text.index("  referral:\n    coverage")], text[text.index("  referral:\n    coverage") :]
    rule = rule[: rule.index("  cosmetic:")].partition("\n")[2]
    names = "".join(f"  more-{number}: {1000 + number}\n" for number in range(count))
    head = head.replace("  cosmetic: 90\n", f"  cosmetic: 90\n{names}")
    path = insurer.folder / "many.yaml"
    path.write_text(head + "".join(f"  more-{number}:\n{rule}" for number in range(count)))
    return path


@pytest.mark.parametrize("steps", [pytest.param(1, marks=pytest.mark.full), 2])
def test_a_load_of_300_rules_that_was_killed_goes_on(insurer: Insurer, steps: int) -> None:
    """Killed once so many rounds of the worker found something in a block: the draft first, then some of the rules."""
    rules = many_classes(insurer, 297)
    settings = {f"CARELEDGER_{name}": value for name, value in {**insurer.settings, "SIGNER": ADMIN}.items()}
    command = [sys.executable, "-c", KILLED, str(steps), "payer", "policy", "load", str(rules)]
    killed = subprocess.run(command, env={**os.environ, **settings}, capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    loaded = insurer.ok("policy", "load", rules)
    assert loaded["rules"] == 300
    logs = insurer.world.connection.logs(insurer.world.payer.policy.address, [RuleAdded])
    added = [one.event.benefit_class for one in logs if isinstance(one.event, RuleAdded) and one.event.version == 2]
    assert len(added) == len(set(added)) == 300
    assert insurer.ok("policy", "seal", rules)["digest"] == loaded["digest"]


def test_an_eligibility_is_signed_for_a_provider(insurer: Insurer) -> None:
    file, member = insurer.folder / "eligibility.json", "0x" + 32 * "7"
    stated = ("--plan", 1001, "--period", 2027, "--valid-until", "2090-01-01", "--file", file)
    insurer.ok("eligibility", HOSPITAL, member, *stated, signer=INSURER_KEY)
    signed = parse_eligibility(file.read_bytes())
    expected = insurer.world.authorizations(insurer.world.insurer).sign_eligibility(
        member, insurer.world.provider, 1001, 2027, signed.valid_until
    )
    assert signed == expected
    assert len(signed.signature) == 64
    assert insurer("eligibility", HOSPITAL, "0x12", *stated, signer=INSURER_KEY).exit_code == 2
    refused = insurer("eligibility", HOSPITAL, member, *stated, signer=PROVIDER_KEY)
    assert refused.error["fields"]["problem"] == f"is no key of {INSURER}"


def test_keys_for_a_list_of_members_are_the_eligibility_s(insurer: Insurer) -> None:
    insurer.careledger.monkeypatch.setenv("CARELEDGER_VAULT_PASSPHRASE", "passphrase")
    vault = insurer.folder / "vault.db"
    Vault.create(vault, "passphrase", cost=ScryptCost(n=2)).close()
    members, keys, house = (insurer.folder / name for name in ("members.csv", "keys.json", "house.txt"))
    members.write_text("member\nM-17\nM-18\n")
    common = ("--plan", 1001, "--vault", vault)
    derive = ("member-keys", "derive", members, "--period", 2027, "--out", keys, *common)
    early = insurer(*derive)
    assert early.error["fields"]["problem"].endswith("`careledger payer member-keys init`")
    house.write_text(64 * "7" + "\n")
    assert insurer.ok("member-keys", "init", "--from", house, *common)["made"]
    assert not insurer.ok("member-keys", "init", "--from", house, *common)["made"]
    assert insurer("member-keys", "init", *common).error["fields"]["value"] == "1001"

    said = insurer(*derive)
    assert said.body == {"file": str(keys), "plan": 1001, "keys": 2, "periods": [2027]}
    assert "M-17" not in said.out + said.err
    assert keys.stat().st_mode & 0o777 == 0o600
    first, second = json.loads(keys.read_text())
    assert first == {"member": "M-17", "period": 2027, "member_key": member_key(b"\x77" * 32, "M-17", 2027)}
    content = keys.read_bytes()
    assert insurer.ok(*derive)["keys"] == 2
    assert keys.read_bytes() == content
    signed = insurer.folder / "eligibility.json"
    stated = ("--plan", 1001, "--period", 2027, "--valid-until", "2090-01-01", "--file", signed)
    insurer.ok("eligibility", HOSPITAL, second["member_key"], *stated, signer=INSURER_KEY)
    assert parse_eligibility(signed.read_bytes()).member_key == second["member_key"]

    members.write_text("member,born\nM-17,1970-01-01\n")
    refused = insurer(*derive)
    assert (refused.exit_code, refused.error["fields"]["value"]) == (2, "row 0")
    assert insurer("member-keys", "derive", members, "--out", members, *common).error["fields"]["name"] == "--out"
    assert insurer("member-keys", "derive", members, "--out", insurer.folder / "keys.xlsx", *common).exit_code == 2
    assert keys.read_bytes() == content


# ---------------------------------------------------------------------- reviews


def test_the_queue_is_worked_off(insurer: Insurer) -> None:
    world = insurer.world
    slow = asked(world, NUTRITION, NUTRITION, NUTRITION)
    quick = asked(world, NUTRITION, expedited=True)
    found = insurer.ok("review", "queue")
    mine = [one for one in found["lines"] if one["request"] in (slow, quick)]
    assert [one["line"] for one in mine] == [0, 0, 1, 2]
    assert mine[0]["request"] == quick
    assert mine[0]["seconds_left"] < mine[1]["seconds_left"]
    assert re.search(r"2 d 23 h .*decision, due", insurer.shown("review", "queue"))
    text = insurer.folder / "why.txt"
    text.write_text("The dose is above the guideline.")

    given = ("--reason", "not-necessary", "--rationale", text, "--sender", NOBODY)
    denied = insurer.ok("review", "deny", HOSPITAL, slow, 0, *given, signer=REVIEWER)
    assert denied["events"] == ["LineDecided"]
    assert text.with_name("why.txt.statement.json").exists()
    assert insurer.ok("review", "deny", HOSPITAL, quick, 0, "--reason", "4", signer=REVIEWER)["events"]
    insurer.ok("review", "approve", HOSPITAL, slow, 1, signer=REVIEWER)
    part = ("--units", "1", "--amount", "100.00", "--reason", "not-necessary")
    insurer.ok("review", "approve", HOSPITAL, slow, 2, *part, signer=OTHER_REVIEWER)
    left = insurer.ok("review", "queue")["lines"]
    assert not [one for one in left if one["request"] in (slow, quick)]
    authorizations = world.authorizations(world.insurer)
    states = [authorizations.line(world.provider, slow, line) for line in range(3)]
    assert [state.action for state in states if state] == [
        Action.DENIED,
        Action.APPROVED_IN_FULL,
        Action.APPROVED_IN_PART,
    ]
    assert states[2] is not None
    assert (states[2].milli_units, states[2].amount) == (1000, 100 * DOLLAR)


def test_more_is_asked_time_is_taken_and_another_class_granted(insurer: Insurer) -> None:
    request = asked(insurer.world, NUTRITION)
    question = insurer.folder / "question.txt"
    question.write_text("Since when?")
    command = ("review", "ask", HOSPITAL, request, 0, "--question", question)
    assert insurer.ok(*command, signer=INSURER_KEY)["events"][0]["event"] == "InformationRequested"
    extended = ("review", "extend", HOSPITAL, request, 0, "--reason", "not-necessary")
    assert insurer.ok(*extended, signer=INSURER_KEY)["events"][0]["event"] == "DeadlineExtended"
    again = insurer(*extended, signer=INSURER_KEY)
    assert again.exit_code == 5
    assert again.error["type"] == "PriorAuthorizationNotExtendable"
    (waits,) = [one for one in insurer.ok("review", "queue")["lines"] if one["request"] == request]
    assert (waits["waits_for"], waits["extended"]) == ("information", True)
    change = ("review", "modify", HOSPITAL, request, 0, "--class", 20, "--reason", "4")
    assert "LineDecided" in insurer.ok(*change, signer=REVIEWER)["events"]


def test_what_cannot_be_decided_is_told(insurer: Insurer) -> None:
    request = asked(insurer.world, NUTRITION)
    deny = ("review", "deny", HOSPITAL, request, 0)
    assert insurer(*deny, signer=REVIEWER).error["fields"]["problem"].endswith("--reason")
    assert insurer(*deny, "--reason", "other", signer=REVIEWER).error["fields"]["problem"] == "is none of not-necessary"
    refused = insurer(*deny, "--reason", "4", signer=NOBODY)
    assert refused.exit_code == 5
    assert refused.error["type"] == "ReviewPanelNotAReviewer"
    assert insurer("review", "deny", "nobody.example", request, 0, "--reason", "4", signer=REVIEWER).exit_code == 6


def test_what_is_past_due_is_marked(insurer: Insurer) -> None:
    request = asked(insurer.world, NUTRITION, expedited=True)
    travel(insurer.world.connection, 4 * DAY)
    late = insurer.ok("overdue", "--dry-run", signer=NOBODY)
    assert request in {one["request"] for one in late["past_due"]}
    assert late["marked"] == []
    marked = insurer.ok("overdue", signer=NOBODY)["marked"]
    assert request in {one["request"] for one in marked}
    assert insurer.ok("overdue", signer=NOBODY)["marked"] == []
    assert "late" in insurer.shown("overdue", "--dry-run")


def test_reviewers_come_and_go(insurer: Insurer) -> None:
    key = insurer.world.insurer.address
    appointed = insurer.ok("reviewer", "appoint", key)
    assert appointed["events"][0]["event"] == "ReviewerAppointed"
    assert insurer.ok("reviewer", "list")[-1]["appointed"]
    insurer.ok("reviewer", "dismiss", key)
    assert not insurer.ok("reviewer", "list")[-1]["appointed"]
    assert insurer("reviewer", "appoint", key, "--id", "0x12").exit_code == 2


def test_a_claim_line_is_decided_and_reversed(insurer: Insurer) -> None:
    key = claimed(insurer.world, asked(insurer.world, EQUIPMENT), units=9000)
    decide = ("review", "claim", key, "--allowed", "60.00", "--carc", 198, "--sender", NOBODY)
    assert "ClaimReviewed" in insurer.ok(*decide, signer=REVIEWER)["events"]
    undo = ("review", "reverse-claim", key, "--reason", "4")
    assert "ClaimReversed" in insurer.ok(*undo, signer=REVIEWER)["events"]
    assert insurer(*undo, signer=REVIEWER).exit_code == 5


def test_what_a_reviewer_signed_is_sent_by_another(insurer: Insurer) -> None:
    """By a reviewer whose account has nothing, and a key of nobody's."""
    world, file = insurer.world, insurer.folder / "review.json"
    world.connection.rpc().call("anvil_setBalance", world.reviewers[0].address, "0x0")
    request = asked(world, NUTRITION)
    deny = ("review", "deny", HOSPITAL, request, 0, "--reason", "4", "--out", file)
    before = world.connection.block_number()
    assert insurer.ok(*deny, signer=REVIEWER) == {"reviewer_key": world.reviewers[0].address, "file": str(file)}
    assert world.connection.block_number() == before
    assert file.stat().st_mode & 0o777 == 0o600
    sent = insurer.ok("review", "send", file, signer=NOBODY)
    assert (sent["events"], sent["reviewer_key"]) == (["LineDecided"], world.reviewers[0].address)
    assert insurer.ok("review", "send", file, signer=NOBODY)["events"] == []
    assert insurer(*deny, "--sender", NOBODY, signer=REVIEWER).error["fields"]["name"] == "--sender"

    key = claimed(world, asked(world, EQUIPMENT), units=9000)
    insurer.ok("review", "claim", key, "--allowed", "60.00", "--carc", 198, "--out", file, signer=REVIEWER)
    for name, value in {**insurer.settings, "SIGNER": NOBODY}.items():
        insurer.careledger.monkeypatch.setenv(f"CARELEDGER_{name}", value)
    assert f"claim line {key}: 60.00 allowed" in insurer.careledger("payer", "review", "send", file).out
    again = insurer("review", "send", file, signer=NOBODY)
    assert (again.exit_code, again.error["type"]) == (5, "ClaimSettlementForbiddenTransition")
    insurer.ok("review", "reverse-claim", key, "--reason", "4", "--out", file, signer=REVIEWER)
    assert "ClaimReversed" in insurer.ok("review", "send", file, signer=NOBODY)["events"]
    assert insurer("review", "reverse-claim", "0x12", "--reason", "4").error["fields"]["name"] == "claim line"
    assert insurer("review", "send", insurer.folder / "none.json").exit_code == 2


# ---------------------------------------------------------------------- money


def test_money_goes_in_and_out(insurer: Insurer) -> None:
    world = insurer.world
    world.pay(world.patient, 500 * DOLLAR, world.payer.policy.address)
    before = insurer.ok("fund", "show")
    insurer.ok("fund", "deposit", "250.50", signer=NOBODY)
    assert insurer.ok("fund", "show")["available"] - before["available"] == 250_500_000
    assert insurer("fund", "deposit", "900.00", signer=NOBODY).exit_code == 2
    assert insurer("fund", "deposit", "0", signer=NOBODY).exit_code == 2
    insurer.ok("fund", "limits", "--floor", "10", "--daily-cap", "5000")
    assert insurer("fund", "limits").exit_code == 2
    insurer.ok("fund", "request-withdrawal", "100", world.patient.address)
    shown = insurer.shown("fund", "show")
    assert "100.00 to 0x" in shown
    assert insurer("fund", "withdraw").error["type"] == "InsurerVaultNotReady"
    travel(world.connection, 8 * DAY)
    assert insurer.ok("fund", "withdraw")["events"][-1]["event"] == "Withdrawn"
    assert insurer("fund", "credit", signer=NOBODY).error["type"] == "InsurerVaultNothingFunded"


def test_payments_that_waited_are_credited_first_in_first_out(insurer: Insurer) -> None:
    world = insurer.world
    free = Claims(world.payer).funds().free
    world.payer.vault.send(world.admin, "requestWithdrawal", world.admin.address, free)
    travel(world.connection, 8 * DAY)
    world.payer.vault.send(world.admin, "withdraw")
    keys = [claimed(world, asked(world, EQUIPMENT)) for _ in range(3)]
    assert insurer.ok("fund", "show")["waiting"] == 3
    assert "240.00, 3 payments" in insurer.shown("fund", "show")
    world.pay(world.patient, 500 * DOLLAR, world.payer.policy.address)
    insurer.ok("fund", "deposit", "160.00", signer=NOBODY)
    credited = insurer.ok("fund", "credit", "--count", 1, signer=NOBODY)["events"]
    assert [one["claim"] for one in credited if one["event"] == "ProviderCredited"] == keys[:1]
    credited = insurer.ok("fund", "credit", signer=NOBODY)["events"]
    assert [one["claim"] for one in credited if one["event"] == "ProviderCredited"] == keys[1:2]
    refused = insurer("fund", "credit", signer=NOBODY)
    assert (refused.error["type"], refused.error["fields"]["waiting"]) == ("InsurerVaultNothingFunded", 1)
    insurer.ok("review", "reverse-claim", keys[2], "--reason", "4", signer=REVIEWER)
    assert insurer.ok("fund", "show")["waiting"] == 0


# ---------------------------------------------------------------------- from an index


def test_queue_and_metrics_are_the_same_from_an_index(insurer: Insurer) -> None:
    world = insurer.world
    denied = asked(world, NUTRITION)
    waits = asked(world, NUTRITION, expedited=True)
    world.review(denied, 0, Action.DENIED, reason=4)
    index = f"sqlite:///{insurer.folder / 'index.db'}"
    for name, value in insurer.settings.items():
        insurer.careledger.monkeypatch.setenv(f"CARELEDGER_{name}", value)
    synced = insurer.careledger("index", "sync", "--index", index, "--payer", INSURER)
    assert synced.exit_code == 0, synced.err
    from_chain, from_index = insurer.ok("review", "queue"), insurer.ok("review", "queue", "--index", index)
    assert from_chain == from_index
    assert waits in {one["request"] for one in from_index["lines"]}
    period = ("--from", 0, "--until", world.connection.block_time() + DAY)
    counted = insurer.ok("metrics", *period)
    assert counted == insurer.ok("metrics", *period, "--index", index)
    assert "denied" in insurer.shown("metrics", *period).lower()
    assert insurer.shown("metrics", *period, "--format", "csv").count("\n") > 10
    assert insurer("metrics", *period, "--format", "xml").exit_code == 2
    before = insurer.folder / "baseline.yaml"
    before.write_text("title: Telephone and fax, 2025\nstandard_turnaround_hours: 120\n")
    (compared,) = insurer.ok("metrics", *period, "--baseline", before)["measures"]
    assert compared["before"] == {"numerator": 120, "denominator": 1}
    assert "standard" in insurer.shown("metrics", *period, "--baseline", before)
    assert insurer("metrics", *period, "--baseline", insurer.folder / "none.yaml").exit_code == 2


def test_an_audit_tells_what_people_decided_and_counts_the_rules_lines(insurer: Insurer) -> None:
    world = insurer.world
    world.review(asked(world, NUTRITION), 0, Action.DENIED, reason=4)
    asked(world, EQUIPMENT)
    index = f"sqlite:///{insurer.folder / 'audit.db'}"
    for name, value in insurer.settings.items():
        insurer.careledger.monkeypatch.setenv(f"CARELEDGER_{name}", value)
    synced = insurer.careledger("index", "sync", "--index", index, "--payer", INSURER)
    assert synced.exit_code == 0, synced.err
    told = insurer.careledger("audit", "report", "--from", "0", "--to", "now", "--index", index, "--json")
    assert told.exit_code == 0, told.err
    people = [one for one in told.body["sections"]["decisions of people"] if one["event"] == "LineDecided"]
    assert "DENIED" in {one["values"]["action"] for one in people}
    assert all(int(one["values"]["reviewer"], 16) for one in people)
    counts = told.body["decisions"]
    assert sum(one["count"] for one in counts if one["by_person"]) == len(people)
    assert any(one["count"] for one in counts if not one["by_person"])
    assert {"VersionSealed", "ProviderEnrolled"} <= {one["event"] for one in told.body["sections"]["rules"]}
    assert told.body["disclosures"] is None

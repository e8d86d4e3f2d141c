"""The operations of prior authorization: what each prepares, and the one transaction or read whose gas counts."""

from __future__ import annotations

from careledger.anchoring.types import Location
from careledger.authorization.decision import Line
from careledger.authorization.member_keys import member_key
from careledger.authorization.messages import (
    claim_reversal_message,
    claim_review_message,
    eligibility_message,
    enrolment_message,
    review_message,
)
from careledger.authorization.rules import AuthorizationRule, BenefitRule, ClaimRule, Coverage, RuleFlag, Terms, digest
from careledger.authorization.types import NO_ELIGIBILITY, Change, Eligibility, Request, RequestedLine, Review
from careledger.chain.typed_data import shortest_signature
from careledger.contract_enums import Action, ClaimStatus
from careledger.identity.identifiers import organization_id
from eth_utils.crypto import keccak

HOSPITAL = "hospital"
PROVIDER = organization_id(HOSPITAL)
PLAN, PERIOD = 7, 2027
DOCUMENT_KIND = 3
UNIT, UNIT_CODE = 1000, 1
DOLLAR = 10**6
DAY = 86_400
FOREVER = 2_000_000_000
PREPARED = 1_803_000_000
"""When all is prepared, Unix seconds."""

LAST_DAY = 2**16 - 1
REASON = 5
FUNDS = 1_000_000 * DOLLAR
MEMBER, OTHER_MEMBER = (member_key(b"a secret of the plan, for tests.", name, PERIOD) for name in ("one", "two"))

DECIDED, OTHER, THIRD, REVIEWED, TWICE = 11, 12, 13, 14, 15
"""Benefit classes: decided by the rules, three of them alike; by a person; by two if adverse."""

NEEDED = RuleFlag.AUTHORIZATION_NEEDED


def rule(benefit_class, flags=NEEDED):
    return BenefitRule(
        benefit_class,
        AuthorizationRule(
            coverage=Coverage.COVERED,
            flags=flags,
            unit_code=UNIT_CODE,
            validity_days=90,
            last_day=LAST_DAY,
            required_documents=1 << DOCUMENT_KIND,
            max_milli_units_per_request=20 * UNIT,
            max_milli_units_per_period=100 * UNIT,
            max_unit_price=200 * DOLLAR,
            max_amount=5_000 * DOLLAR,
        ),
        ClaimRule(
            fast_track_maximum=2_000 * DOLLAR,
            unit_price=150 * DOLLAR,
            copay=20 * DOLLAR,
            coinsurance=1_000,
            filing_days=90,
            flags=flags,
        ),
    )


TERMS = Terms(
    plan=PLAN,
    receipt_window=DAY,
    appeal_days=60,
    deductible=500 * DOLLAR,
    out_of_pocket_maximum=4_000 * DOLLAR,
    document=keccak(text="policy document"),
    class_root=keccak(text="classes"),
)
RULES = (
    *(rule(benefit_class) for benefit_class in (DECIDED, OTHER, THIRD)),
    rule(REVIEWED, NEEDED | RuleFlag.NO_AUTO),
    rule(TWICE, NEEDED | RuleFlag.NO_AUTO | RuleFlag.SECOND_OPINION),
)
RULES_OF_A_CALL = 100


# ---------------------------------------------------------------------- what operations start from


def prepare(scene):
    """An insurer's contracts with one version in force for a hospital, two reviewers, and money in the vault."""
    scene.deploy_payer()
    payer, contracts = scene.payer, scene.payer.contracts
    scene.admit(HOSPITAL, scene.key)
    draft(scene, TERMS)
    add_rules(scene, RULES)
    govern(scene, contracts.policy, "sealVersion", 1, digest(TERMS, RULES))
    enrol(scene)
    for key, reviewer in ((payer.reviewer, 1), (payer.second_reviewer, 2)):
        appoint(scene, key, reviewer)
    scene.send(contracts.vault, payer.treasurer, "setLimits", 0, FUNDS)
    scene.send(contracts.vault, scene.controller, "deposit", FUNDS)
    scene.send(scene.anchors, scene.key, "anchor", leaf("evidence"), DOCUMENT_KIND << 40)
    # However long that took: times in calldata are of the same bytes in every run.
    scene.wait(PREPARED - scene.now())


def govern(scene, contract, function, *arguments):
    """A call of the policy administrator's, scheduled before."""
    scene.schedule(contract, scene.policy_administrator, function, *arguments)
    return scene.send(contract, scene.policy_administrator, function, *arguments)


def draft(scene, terms):
    return govern(scene, scene.payer.contracts.policy, "draftVersion", terms.to_abi())


def add_rules(scene, rules, version=1, before=0):
    stated = [one.to_abi() for one in rules]
    return govern(scene, scene.payer.contracts.policy, "addRules", version, before, stated)


def enrol(scene, ahead=DAY):
    policy = scene.payer.contracts.policy
    start = scene.now() + ahead
    message = enrolment_message(
        scene.connection.chain_id,
        policy.address,
        PROVIDER,
        "0x" + digest(TERMS, RULES).hex(),
        1,
        start,
        10_000,
        0,
        FOREVER,
    )
    sides = [(key.address, shortest_signature(key, message)) for key in (scene.key, scene.payer.key)]
    used = scene.send(policy, scene.key, "enrol", PROVIDER, 1, start, 10_000, FOREVER, *sides[0], *sides[1])
    scene.wait(ahead)
    return used


def appoint(scene, key, reviewer):
    identifier = reviewer.to_bytes(12, "big")
    return scene.send(scene.payer.contracts.panel, scene.payer.medical_director, "appoint", key.address, identifier)


# ---------------------------------------------------------------------- requests


def leaf(name):
    return keccak(text=name)


def evidence(scene, name="evidence"):
    return Location(scene.key.address, "0x" + leaf(name).hex())


def eligibility(scene, member=MEMBER):
    key = scene.payer.key
    address = scene.payer.contracts.authorizations.address
    message = eligibility_message(scene.connection.chain_id, address, member, PROVIDER, PLAN, PERIOD, FOREVER)
    return Eligibility(member, PLAN, PERIOD, FOREVER, key.address, shortest_signature(key, message))


def request_id(name):
    return "0x" + leaf(f"request {name}").hex()


def line(scene, benefit_class, units=5):
    service = Line(benefit_class, UNIT_CODE, units * UNIT, units * 150 * DOLLAR, scene.now() // DAY)
    return RequestedLine(service, "0x" + leaf("salted line").hex())


def stated(scene, name, content="content"):
    return Request(request_id(name), "0x" + leaf(f"{content} of {name}").hex(), 1, scene.now() - 60)


def authorize(scene, function, *arguments, signer=None):
    return scene.send(scene.payer.contracts.authorizations, signer or scene.key, function, *arguments)


def ask(scene, name, *classes, member=MEMBER, documents=True, units=5):
    """Submits a request with a line for each class."""
    return authorize(
        scene,
        "submit",
        stated(scene, name).to_abi(),
        (eligibility(scene, member) if member else NO_ELIGIBILITY).to_abi(),
        [line(scene, benefit_class, units).to_abi() for benefit_class in classes],
        [evidence(scene).to_abi()] if documents else [],
    )


def submit_first(scene):
    ask(scene, "of another member", DECIDED, member=OTHER_MEMBER)
    return ask(scene, "first", DECIDED)


def submit(scene):
    ask(scene, "first", DECIDED)
    return ask(scene, "second", DECIDED)


def submit_again(scene):
    ask(scene, "first", DECIDED)
    return ask(scene, "first", DECIDED)


def submit_pended(scene):
    ask(scene, "first", DECIDED)
    return ask(scene, "second", REVIEWED)


def submit_document_in_batch(scene):
    """The document is one of 1,024 under a root."""
    document = leaf("in a batch")
    node, proof = keccak(keccak((0).to_bytes(32, "big") + document)), []
    for level in range(10):
        sibling = leaf(f"sibling {level}")
        proof.append("0x" + sibling.hex())
        node = keccak(min(node, sibling) + max(node, sibling))
    scene.send(scene.anchors, scene.key, "anchorBatch", node, 1024, DOCUMENT_KIND << 40)
    ask(scene, "first", DECIDED)
    where = Location(scene.key.address, "0x" + document.hex(), "0x" + node.hex(), 0, tuple(proof))
    return authorize(
        scene,
        "submit",
        stated(scene, "second").to_abi(),
        eligibility(scene).to_abi(),
        [line(scene, DECIDED).to_abi()],
        [where.to_abi()],
    )


def further_line(scene):
    """What a line of a class that is new to the member adds to a request: of three lines, the third."""
    before = scene.request("evm_snapshot", [])
    two = ask(scene, "two lines", DECIDED, OTHER)
    scene.request("evm_revert", [before])
    return ask(scene, "two lines", DECIDED, OTHER, THIRD) - two


def update(scene):
    ask(scene, "first", DECIDED)
    return authorize(
        scene,
        "update",
        stated(scene, "first", "new content").to_abi(),
        0,
        eligibility(scene).to_abi(),
        [Change(line(scene, DECIDED, 4), 0).to_abi()],
        0,
        [evidence(scene).to_abi()],
    )


def cancel(scene):
    ask(scene, "first", DECIDED)
    return authorize(scene, "cancel", request_id("first"), 1)


# ---------------------------------------------------------------------- persons


def decide(scene, name, action=Action.APPROVED_IN_FULL, sequence=1, benefit_class=REVIEWED, reviewer=None, units=5):
    granted = 0 if action is Action.DENIED else units * UNIT
    reason = 0 if action is Action.APPROVED_IN_FULL else REASON
    review = Review(
        PROVIDER,
        request_id(name),
        0,
        sequence,
        action,
        benefit_class,
        granted,
        granted * 150 * DOLLAR // UNIT,
        reason,
        "0x" + leaf("rationale").hex(),
    )
    key = reviewer or scene.payer.reviewer
    address = scene.payer.contracts.authorizations.address
    signature = shortest_signature(key, review_message(scene.connection.chain_id, address, review))
    return authorize(scene, "review", review.to_abi(), key.address, signature, signer=scene.payer.key)


def review_first(scene):
    ask(scene, "pended", REVIEWED)
    return decide(scene, "pended")


def review(scene):
    """A member that has units of the class already."""
    review_first(scene)
    ask(scene, "second", REVIEWED)
    return decide(scene, "second")


def review_denied(scene):
    ask(scene, "pended", REVIEWED)
    return decide(scene, "pended", Action.DENIED)


def first_opinion(scene):
    ask(scene, "pended", TWICE)
    return decide(scene, "pended", Action.DENIED, benefit_class=TWICE)


def appeal(scene):
    review_denied(scene)
    return authorize(scene, "appeal", request_id("pended"), 0, 2, False, scene.now(), leaf("statement"))


def review_appeal(scene):
    appeal(scene)
    return decide(scene, "pended", sequence=2, reviewer=scene.payer.second_reviewer)


def request_information(scene):
    ask(scene, "pended", REVIEWED)
    question = leaf("question")
    return authorize(scene, "requestInformation", PROVIDER, request_id("pended"), 0, question, signer=scene.payer.key)


def supply_information(scene):
    request_information(scene)
    return authorize(scene, "supplyInformation", request_id("pended"), 0, leaf("answer"), [evidence(scene).to_abi()])


def extend_deadline(scene):
    ask(scene, "pended", REVIEWED)
    return authorize(scene, "extendDeadline", PROVIDER, request_id("pended"), 0, REASON, signer=scene.payer.key)


def mark_overdue(scene):
    ask(scene, "pended", REVIEWED)
    scene.wait(8 * DAY)
    return authorize(scene, "markOverdue", PROVIDER, request_id("pended"), 0)


def expire(scene):
    ask(scene, "first", DECIDED)
    scene.wait(200 * DAY)
    return authorize(scene, "expire", PROVIDER, request_id("first"), 0)


# ---------------------------------------------------------------------- claims


def claim_line(scene, request, units=1, charge=150):
    return (request_id(request), 0, scene.now() // DAY, units * UNIT, charge * DOLLAR)


def claimed(name):
    return ("0x" + leaf(f"claim {name}").hex(), "0x" + leaf(f"content of claim {name}").hex(), "0x" + "00" * 20)


def settle(scene, function, *arguments, signer=None):
    return scene.send(scene.payer.contracts.settlement, signer or scene.key, function, *arguments)


def claim(scene, name, line, document=None):
    """Submits a claim with one line that rests on a document of its own."""
    document = document or f"document of claim {name}"
    scene.send(scene.anchors, scene.key, "anchor", leaf(document), DOCUMENT_KIND << 40)
    return settle(scene, "submit", claimed(name), [line], [evidence(scene, document).to_abi()])


def claim_paid_first(scene):
    """The member's first; the provider has credit already."""
    ask(scene, "of another member", DECIDED, member=OTHER_MEMBER)
    claim(scene, "of another member", claim_line(scene, "of another member", 4, 600))
    ask(scene, "first", DECIDED)
    return claim(scene, "first", claim_line(scene, "first", 4, 600))


def claim_paid(scene):
    claim_paid_first(scene)
    return claim(scene, "second", claim_line(scene, "first"))


def claim_pended(scene):
    claim_paid_first(scene)
    return claim(scene, "second", claim_line(scene, "first", 3, 450))


def claim_duplicate(scene):
    claim_paid_first(scene)
    return claim(scene, "second", claim_line(scene, "first", 4, 600))


def signed_claim_review(scene, line, allowed):
    key, settlement = scene.payer.reviewer, scene.payer.contracts.settlement
    identifier = settlement.read("keyOf", PROVIDER, line)
    rationale = "0x" + leaf("rationale").hex()
    stated = (PROVIDER, identifier, int(ClaimStatus.IN_REVIEW), allowed, 0, rationale)
    message = claim_review_message(scene.connection.chain_id, settlement.address, *stated)
    return stated, key.address, shortest_signature(key, message)


def claim_review(scene):
    claim_paid_first(scene)
    line = claim_line(scene, "first", 3, 450)
    claim(scene, "second", line)
    stated, key, signature = signed_claim_review(scene, line, 450 * DOLLAR)
    return settle(scene, "review", stated, claimed("second"), line, key, signature, signer=scene.payer.key)


def claim_reverse(scene):
    claim_paid_first(scene)
    line = claim_line(scene, "first")
    claim(scene, "second", line)
    settlement, key = scene.payer.contracts.settlement, scene.payer.reviewer
    identifier = settlement.read("keyOf", PROVIDER, line)
    message = claim_reversal_message(scene.connection.chain_id, settlement.address, PROVIDER, identifier, REASON)
    signature = shortest_signature(key, message)
    return settle(scene, "reverse", PROVIDER, line, REASON, key.address, signature, signer=scene.payer.key)


def pay_out(scene):
    claim_paid(scene)
    vault = scene.payer.contracts.vault
    scene.send(vault, scene.controller, "setPayee", PROVIDER, scene.other_key.address)
    return scene.send(vault, scene.key, "payOut", PROVIDER)


def prepay(scene):
    ask(scene, "first", DECIDED)
    return scene.send(
        scene.payer.contracts.vault, scene.controller, "prepay", PROVIDER, request_id("first"), 0, 20 * DOLLAR
    )


def estimate(scene):
    settlement = scene.payer.contracts.settlement
    return scene.read_gas(settlement, "estimate", PROVIDER, 1, MEMBER, PERIOD, DECIDED, 2 * UNIT, 300 * DOLLAR)


# ---------------------------------------------------------------------- the policy


def draft_version(scene):
    return draft(scene, TERMS)


def add_100_rules_per_rule(scene):
    draft(scene, TERMS)
    rules = [rule(1_000 + number) for number in range(RULES_OF_A_CALL)]
    return add_rules(scene, rules, version=2) // RULES_OF_A_CALL


def enrol_again_later(scene):
    return enrol(scene, ahead=30 * DAY)


def deployment(step):
    return lambda scene: scene.payer.deployment_gas[step]


OPERATIONS = [
    ("add_100_rules_per_rule", add_100_rules_per_rule),
    ("appeal", appeal),
    ("cancel", cancel),
    ("claim_duplicate", claim_duplicate),
    ("claim_paid", claim_paid),
    ("claim_paid_first", claim_paid_first),
    ("claim_pended", claim_pended),
    ("claim_reverse", claim_reverse),
    ("claim_review", claim_review),
    ("configure", deployment("settings")),
    ("deploy_authorization_desk", deployment("AuthorizationDesk")),
    ("deploy_authorization_intake", deployment("AuthorizationIntake")),
    ("deploy_claim_settlement", deployment("ClaimSettlement")),
    ("deploy_coverage_policy", deployment("CoveragePolicy")),
    ("deploy_insurer_vault", deployment("InsurerVault")),
    ("deploy_prior_authorization", deployment("PriorAuthorization")),
    ("deploy_review_panel", deployment("ReviewPanel")),
    ("deploy_unit_ledger", deployment("UnitLedger")),
    ("draft_version", draft_version),
    ("enrol_again_later", enrol_again_later),
    ("estimate", estimate),
    ("expire", expire),
    ("extend_deadline", extend_deadline),
    ("first_opinion", first_opinion),
    ("further_line", further_line),
    ("mark_overdue", mark_overdue),
    ("pay_out", pay_out),
    ("prepay", prepay),
    ("request_information", request_information),
    ("review", review),
    ("review_appeal", review_appeal),
    ("review_denied", review_denied),
    ("review_first", review_first),
    ("submit", submit),
    ("submit_again", submit_again),
    ("submit_document_in_batch", submit_document_in_batch),
    ("submit_first", submit_first),
    ("submit_pended", submit_pended),
    ("supply_information", supply_information),
    ("update", update),
]

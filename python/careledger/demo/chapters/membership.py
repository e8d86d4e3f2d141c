"""Six organizations are admitted, each gets a key, the hospital rotates its own, the insurer publishes a contract."""

from __future__ import annotations

from careledger.chain.artifacts import artifact
from careledger.chain.connection import TransactionReceipt
from careledger.demo.cast import HOSPITAL, INSURER, MEMBERS, REGISTRAR, Member
from careledger.demo.stage import Chapter, Stage, creation_gas
from careledger.identity import Admission, MemberRole
from careledger.identity.types import KeyStatus, Standing

__all__ = ["CHAPTER"]

LICENCE_SECONDS = 365 * 24 * 3600
PROOF_SECONDS = 3600
MANAGER = "AccessManager"

ADMISSION_GAS = 900_000
ADD_KEY_GAS = 130_000
RETIRE_KEY_GAS = 80_000
PUBLISH_GAS = 100_000


def play(stage: Stage) -> None:
    stage.step(
        "admit the insurer, hospital, manufacturer, distributor, pharmacy and regulator",
        actor=REGISTRAR,
        gas=ADMISSION_GAS,
        done=lambda: all(_is_admitted(stage, member) for member in MEMBERS),
        act=lambda: _admit(stage),
    )
    for member in MEMBERS:
        _add_key(stage, member, 1, f"add the {member.name}'s key, with proof of possession")
    _rotate(stage)
    _publish(stage)


def _is_admitted(stage: Stage, member: Member) -> bool:
    return stage.suite.organizations.membership(member.organization).standing is not Standing.UNKNOWN


def _admit(stage: Stage) -> TransactionReceipt:
    expiry = stage.connection.block_time() + LICENCE_SECONDS
    admissions = [
        Admission(
            name=member.organization,
            controller=stage.actor(member.controller).address,
            member_roles=frozenset({member.role}),
            licence_expiry=expiry,
            identifiers=member.identifiers,
        )
        for member in MEMBERS
    ]
    return stage.acting_as(REGISTRAR).organizations.admit_many(admissions)[-1]


def _status(stage: Stage, key: str) -> KeyStatus:
    return stage.suite.organizations.of_key(stage.actor(key).address)[1]


def _add_key(stage: Stage, member: Member, number: int, title: str) -> None:
    def act() -> TransactionReceipt:
        organizations = stage.acting_as(member.controller).organizations
        deadline = stage.connection.block_time() + PROOF_SECONDS
        new_key = stage.actor(member.key(number)).signer
        return organizations.add_key(organizations.prove_possession(member.organization, new_key, deadline))

    stage.step(
        title,
        actor=member.controller,
        gas=ADD_KEY_GAS,
        done=lambda: _status(stage, member.key(number)) is not KeyStatus.UNKNOWN,
        act=act,
    )


def _rotate(stage: Stage) -> None:
    old, new = stage.actor(HOSPITAL.key(1)).address, stage.actor(HOSPITAL.key(2)).address

    def retire() -> TransactionReceipt:
        # In a later second than that of its addition, so that there is a time at which it was valid.
        stage.connection.wait_until(stage.suite.organizations.key(old).added_at)
        return stage.acting_as(HOSPITAL.controller).organizations.retire_key(old)

    _add_key(stage, HOSPITAL, 2, "rotate the hospital's key: add the new one")
    stage.step(
        "rotate the hospital's key: retire the old one",
        actor=HOSPITAL.controller,
        gas=RETIRE_KEY_GAS,
        done=lambda: _status(stage, HOSPITAL.key(1)) is KeyStatus.RETIRED,
        act=retire,
    )

    def owner() -> str:
        organization, status = stage.suite.organizations.of_key(new)
        return f"{stage.name_of(organization or 'nobody')}'s, {status.name}"

    def may_act(key: str, role: MemberRole) -> str:
        return f"yes, for {stage.name_of(stage.suite.organizations.require_active(key, role))}"

    def old_key_then() -> str:
        organizations = stage.suite.organizations
        then = organizations.at(old, organizations.key(old).retired_at - 1)
        return f"{then.status.name}, for {stage.name_of(then.organization)}"

    stage.answer("key-owner", f"Whose key is {new}?", owner)
    stage.answer("may-provide", "May it act as a provider now?", lambda: may_act(new, MemberRole.PROVIDER))
    stage.answer("may-dispense", "May it act as a dispenser now?", lambda: may_act(new, MemberRole.DISPENSER))
    stage.answer("old-key-then", f"What was the old key {old} a second before it was retired?", old_key_then)
    stage.answer("old-key-now", "May the old key act now?", lambda: may_act(old, MemberRole.PROVIDER))


def _publish(stage: Stage) -> None:
    creator, controller = INSURER.key(1), INSURER.controller

    def found() -> str | None:
        return stage.suite.organizations.contract_of(INSURER.organization, MANAGER)

    def deploy() -> TransactionReceipt:
        # Its admin is the final account from the constructor on, not the key that deploys it.
        code = artifact(MANAGER).creation_code([stage.actor(controller).address])
        return stage.connection.send(stage.actor(creator).signer, None, code)

    def publish() -> TransactionReceipt:
        address = stage.contract_created_by(creator, MANAGER)
        return stage.acting_as(controller).organizations.publish_contract(INSURER.organization, MANAGER, str(address))

    stage.step(
        "deploy the insurer's own AccessManager",
        actor=creator,
        gas=creation_gas(MANAGER),
        done=lambda: stage.contract_created_by(creator, MANAGER) is not None,
        act=deploy,
    )
    stage.step(
        "publish the insurer's AccessManager in the registry",
        actor=controller,
        gas=PUBLISH_GAS,
        done=lambda: found() is not None,
        act=publish,
    )

    def as_the_hospital_finds_it() -> str:
        address = found()
        if address is None or not artifact(MANAGER).matches(stage.connection.code(address)):
            return "none"
        return address

    stage.answer(
        "insurer-manager", "Where does the hospital find the insurer's AccessManager?", as_the_hospital_finds_it
    )


CHAPTER = Chapter("membership", "Organizations and their keys", play)

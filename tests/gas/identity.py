"""The operations of identity: what each prepares, and the one transaction or read whose gas counts."""

from __future__ import annotations

from careledger.identity import Organizations
from eth_utils.crypto import keccak

LICENCE_EXPIRY = 2_000_000_000
PAYER = 1
REASON = 1
RECOVERY_SECONDS = 7 * 24 * 3600


def organization(name="general-hospital"):
    return "0x" + keccak(text=name)[:12].hex()


HOSPITAL = organization()


def admission(scene, name="general-hospital", identifiers=2):
    """An admission with a GLN and an NPI, like a real one."""
    digits = int.from_bytes(keccak(text=name)[:4], "big")
    numbers = [(b"GLN", f"{digits:013}"), (b"NPI", f"{digits:010}")][:identifiers]
    return (
        name,
        scene.controller.address,
        PAYER,
        LICENCE_EXPIRY,
        keccak(text=f"metadata of {name}"),
        [(scheme.ljust(32, b"\0"), value.encode().ljust(32, b"\0")) for scheme, value in numbers],
        REASON,
    )


def by_registrar(scene, function, *arguments):
    return scene.send(scene.registry, scene.registrar, function, *arguments)


def by_controller(scene, function, *arguments):
    return scene.send(scene.registry, scene.controller, function, *arguments)


def proof(scene, key, signer):
    """An addKey call's arguments, with the signature of `signer`."""
    deadline = LICENCE_EXPIRY
    message = Organizations(scene.registry, 0, None).possession_message(HOSPITAL, key, deadline)
    return HOSPITAL, key, deadline, signer.sign_typed_data(message)


def admit(scene):
    return by_registrar(scene, "admit", admission(scene))


def admit_without_identifiers(scene):
    return by_registrar(scene, "admit", admission(scene, identifiers=0))


def admit_100_per_organization(scene):
    admissions = [admission(scene, f"hospital-{i:03}.example") for i in range(100)]
    return by_registrar(scene, "admitMany", admissions) // 100


def renew(scene):
    admit(scene)
    return by_registrar(scene, "renew", HOSPITAL, LICENCE_EXPIRY + 1, REASON)


def add_member_roles(scene):
    admit(scene)
    return by_registrar(scene, "addMemberRoles", HOSPITAL, 2, REASON)


def remove_member_roles(scene):
    add_member_roles(scene)
    return by_registrar(scene, "removeMemberRoles", HOSPITAL, 2, REASON)


def assign_identifier(scene):
    admit(scene)
    return by_registrar(scene, "assignIdentifiers", HOSPITAL, [(b"LEI".ljust(32, b"\0"), b"5".ljust(32, b"\0"))])


def withdraw_identifier(scene):
    admit(scene)
    return by_registrar(scene, "withdrawIdentifier", HOSPITAL, admission(scene)[5][0], REASON)


def commit_metadata(scene):
    admit(scene)
    return by_registrar(scene, "commitMetadata", HOSPITAL, keccak(text="changed metadata"), REASON)


def suspend(scene):
    admit(scene)
    return by_registrar(scene, "suspend", HOSPITAL, REASON)


def suspend_later(scene):
    reinstate(scene)
    return by_registrar(scene, "suspend", HOSPITAL, REASON)


def reinstate(scene):
    suspend(scene)
    return by_registrar(scene, "reinstate", HOSPITAL, REASON)


def schedule_expel(scene):
    admit(scene)
    return scene.schedule(scene.registry, scene.policy_administrator, "expel", HOSPITAL, REASON)


def expel(scene):
    schedule_expel(scene)
    return scene.send(scene.registry, scene.policy_administrator, "expel", HOSPITAL, REASON)


def add_key(scene):
    admit(scene)
    return by_controller(scene, "addKey", *proof(scene, scene.key.address, scene.key))


def add_key_contract_wallet(scene):
    admit(scene)
    wallet = scene.deploy("ContractWallet", scene.key.address)
    return by_controller(scene, "addKey", *proof(scene, wallet, scene.key))


def retire_key(scene):
    add_key(scene)
    return by_controller(scene, "retireKey", scene.key.address)


def report_compromise(scene):
    add_key(scene)
    return by_controller(scene, "reportCompromise", scene.key.address, scene.now())


def report_compromise_earlier(scene):
    add_key(scene)
    added = scene.now()
    scene.wait(1000)
    by_controller(scene, "reportCompromise", scene.key.address, added + 500)
    return by_controller(scene, "reportCompromise", scene.key.address, added)


def transfer_controller(scene):
    admit(scene)
    return by_controller(scene, "transferController", HOSPITAL, scene.other_controller.address)


def accept_controller(scene):
    transfer_controller(scene)
    return scene.send(scene.registry, scene.other_controller, "acceptController", HOSPITAL)


def start_recovery(scene):
    admit(scene)
    return by_registrar(scene, "startRecovery", HOSPITAL, scene.other_controller.address, REASON)


def cancel_recovery(scene):
    start_recovery(scene)
    return by_registrar(scene, "cancelRecovery", HOSPITAL, REASON)


def contest_recovery_as_guardian(scene):
    start_recovery(scene)
    return scene.send(
        scene.registry, scene.guardian, "contestRecoveryAsGuardian", HOSPITAL, scene.other_controller.address
    )


def report_compromise_as_registrar(scene):
    add_key(scene)
    return by_registrar(scene, "reportCompromiseAsRegistrar", scene.key.address, scene.now())


def contest_recovery(scene):
    start_recovery(scene)
    return by_controller(scene, "contestRecovery", HOSPITAL, scene.other_controller.address)


def settle_recovery(scene):
    contest_recovery(scene)
    call = (scene.registry, scene.admin, "settleRecovery", HOSPITAL, *[scene.other_controller.address] * 2, REASON)
    scene.schedule(*call)
    return scene.send(*call)


def complete_recovery(scene):
    start_recovery(scene)
    scene.wait(RECOVERY_SECONDS)
    return scene.send(scene.registry, scene.other_controller, "completeRecovery", HOSPITAL)


def publish_contract(scene):
    admit(scene)
    kind = b"PriorAuthorization".ljust(32, b"\0")
    return by_controller(scene, "publishContract", HOSPITAL, kind, scene.manager.address)


def require_active_cold(scene):
    add_key(scene)
    return scene.read_gas(scene.registry, "requireActive", scene.key.address, PAYER)


def require_key_cold(scene):
    add_key(scene)
    return scene.read_gas(scene.registry, "requireKey", scene.key.address)


def peer_access_control_grant_role(scene):
    """OpenZeppelin AccessControl, as most repositories keep members: one role granted to one account."""
    book = scene.deploy("RoleBook", scene.admin.address)
    data = scene.encode("RoleBook", "grantRole", keccak(text="PAYER"), scene.controller.address)
    return scene.transact(scene.admin, book, data).gas_used


def deployed(step):
    return lambda scene: scene.deployment_gas[step]


OPERATIONS = [
    ("deploy_access_manager", deployed("AccessManager")),
    ("deploy_organization_registry", deployed("OrganizationRegistry")),
    ("configure", deployed("settings")),
    ("admit", admit),
    ("admit_without_identifiers", admit_without_identifiers),
    ("admit_100_per_organization", admit_100_per_organization),
    ("renew", renew),
    ("add_member_roles", add_member_roles),
    ("remove_member_roles", remove_member_roles),
    ("assign_identifier", assign_identifier),
    ("withdraw_identifier", withdraw_identifier),
    ("commit_metadata", commit_metadata),
    ("suspend", suspend),
    ("suspend_later", suspend_later),
    ("reinstate", reinstate),
    ("schedule_expel", schedule_expel),
    ("expel", expel),
    ("add_key", add_key),
    ("add_key_contract_wallet", add_key_contract_wallet),
    ("retire_key", retire_key),
    ("report_compromise", report_compromise),
    ("report_compromise_earlier", report_compromise_earlier),
    ("report_compromise_as_registrar", report_compromise_as_registrar),
    ("transfer_controller", transfer_controller),
    ("accept_controller", accept_controller),
    ("start_recovery", start_recovery),
    ("cancel_recovery", cancel_recovery),
    ("contest_recovery", contest_recovery),
    ("contest_recovery_as_guardian", contest_recovery_as_guardian),
    ("settle_recovery", settle_recovery),
    ("complete_recovery", complete_recovery),
    ("publish_contract", publish_contract),
    ("require_active_cold", require_active_cold),
    ("require_key_cold", require_key_cold),
    ("peer_access_control_grant_role", peer_access_control_grant_role),
]

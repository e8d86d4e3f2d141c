"""The register and the governance over HTTP, as the registry itself answers."""

from __future__ import annotations

import pytest
from careledger.chain.development import development_signer
from careledger.identity import KeyStatus, Reason, Standing
from gateway_stage import Served
from identity.suite import new_key, travel
from register_acts import CONTROLLER, RULER, acting, admitted, answered

STRANGER = "0x" + 24 * "9"


@pytest.fixture
def clinic(gateway: Served) -> tuple[str, str]:
    """Name and key of a new organization."""
    key = new_key()
    return admitted(gateway, key), key.address


def test_an_organization_is_told_by_name_and_by_id_as_the_registry_has_it(
    gateway: Served, clinic: tuple[str, str]
) -> None:
    name, key = clinic
    found = answered(gateway, f"/organizations/{name}")
    expected = acting(gateway).organizations.get(name, with_keys=True)
    assert (found["id"], found["name"], found["active"]) == (expected.id, name, True)
    assert found["membership"] == {
        "standing": "ACTIVE",
        "frozen": False,
        "member_roles": ["PROVIDER"],
        "licence_expiry": expected.membership.licence_expiry,
        "since": expected.membership.since,
    }
    assert [(one["key"], one["status"], one["retired_at"]) for one in found["keys"]] == [(key, "ACTIVE", None)]
    assert answered(gateway, f"/organizations/{expected.id}")["name"] == name


def test_who_was_suspended_and_whose_key_was_compromised_is_told_now_and_then(
    gateway: Served, clinic: tuple[str, str]
) -> None:
    name, key = clinic
    organizations = acting(gateway, development_signer(RULER)).organizations
    before = organizations.get(name).membership.since
    added_at = acting(gateway).connection.block_time()
    travel(acting(gateway).connection, 60)
    acting(gateway, development_signer(CONTROLLER)).organizations.report_compromise(key, added_at)
    organizations.suspend(name, Reason.REGULATOR_ORDER)
    now = answered(gateway, f"/organizations/{name}")
    assert (now["active"], now["membership"]["standing"]) == (False, Standing.SUSPENDED.name)
    assert now["keys"][0]["compromised_since"] == added_at
    then = answered(gateway, f"/organizations/{name}/at", params={"time": added_at})
    assert (then["active"], then["membership"]["standing"]) == (True, Standing.ACTIVE.name)
    (key_then,) = then["keys"]
    assert (key_then["status"], key_then["compromised"]) == (KeyStatus.ACTIVE.name, True)
    registered = acting(gateway).organizations.at(key, added_at)
    assert (registered.status, registered.compromised) == (KeyStatus.ACTIVE, True)
    early = gateway.call("GET", f"/organizations/{name}/at", params={"time": before - 1})
    assert (early.status_code, early.json()["title"]) == (404, "Not admitted")


def test_a_time_that_the_chain_has_not_come_to_is_refused(gateway: Served, clinic: tuple[str, str]) -> None:
    name, _ = clinic
    answered(gateway, f"/organizations/{name}")
    far = gateway.call("GET", f"/organizations/{name}/at", params={"time": 2**40 - 1})
    assert (far.status_code, far.json()["title"]) == (422, "InvalidInput")


def test_who_is_not_in_the_register_is_404(gateway: Served, clinic: tuple[str, str]) -> None:
    answered(gateway, f"/organizations/{clinic[0]}")
    for unknown in ("no-such-clinic", STRANGER):
        found = gateway.call("GET", f"/organizations/{unknown}")
        assert (found.status_code, found.json()["title"]) == (404, "UnknownOrganization")


def test_the_tag_holds_until_something_changes(gateway: Served, clinic: tuple[str, str]) -> None:
    name, _ = clinic
    answered(gateway, f"/organizations/{name}")
    path = f"/organizations/{name}"
    tag = {"If-None-Match": gateway.call("GET", path).headers["etag"]}
    same = gateway.call("GET", path, headers=tag)
    assert (same.status_code, same.content) == (304, b"")
    assert int(same.headers["careledger-block"]) > 0
    acting(gateway, development_signer(RULER)).organizations.suspend(name, Reason.REGULATOR_ORDER)
    answered(gateway, path)
    assert gateway.call("GET", path, headers=tag).status_code == 200


def test_governance_says_who_rules_and_what_is_scheduled(gateway: Served, clinic: tuple[str, str]) -> None:
    governance = acting(gateway, development_signer(RULER)).governance
    registry = governance.contract("OrganizationRegistry")
    scheduled, _ = governance.schedule(registry, "expel", acting(gateway).organizations.known(clinic[0]), Reason.FRAUD)
    found = answered(gateway, "/governance")
    expected = {(one.label, one.account) for one in governance.members()}
    assert {(one["role"], one["account"]) for one in found["members"] if one["holds"]} == expected
    operation = governance.operation(scheduled)
    assert found["operations"][0]["id"] == scheduled
    assert found["operations"][0]["description"] == operation.description
    governance.cancel(scheduled)
    assert answered(gateway, "/governance")["operations"][0]["state"] == "CANCELLED"

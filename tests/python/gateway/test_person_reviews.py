"""People at the insurer's desk: whoever signs in with a wallet decides with that key, or not at all."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from authorization.payer_requests import NUTRITION, asked
from authorization.provider_world import HOSPITAL, ProviderWorld
from careledger.contract_enums import LineStatus
from desk_stage import REVIEWER, insurer_gateway, provider_world
from gateway_stage import Served
from wallet_stage import account, visitor

INSURER, REVIEWER_NUMBER, HOSPITAL_NUMBER = 5, 6, 8


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, ProviderWorld]]:
    with provider_world(tmp_path_factory.mktemp("world")) as (world, deployments):
        folder = tmp_path_factory.mktemp("insurer")
        with insurer_gateway(world, deployments, folder, reviewer=REVIEWER) as served:
            yield served, world


def test_a_reviewer_decides_with_the_key_of_its_wallet_and_nobody_else_does(desk: tuple[Served, ProviderWorld]) -> None:
    gateway, world = desk
    request = asked(world, NUTRITION)
    decision = {"provider": HOSPITAL, "sequence": 1, "action": "APPROVED_IN_FULL"}
    clerk, reviewer, guest = visitor(gateway), visitor(gateway), visitor(gateway)
    assert "reviews.write" in clerk.sign_in(account(INSURER)).json()["scopes"]
    refused = clerk.call("POST", f"/reviews/{request}/0", json=decision)
    assert (refused.status_code, refused.json()["title"]) == (403, "No key")
    assert "reviews.write" not in guest.sign_in(account(HOSPITAL_NUMBER)).json()["scopes"]
    assert guest.call("POST", f"/reviews/{request}/0", json=decision).json()["title"] == "insufficient_scope"
    assert reviewer.sign_in(account(REVIEWER_NUMBER)).status_code == 201
    answer = reviewer.call("POST", f"/reviews/{request}/0", json=decision)
    assert answer.status_code == 201, answer.text
    assert answer.json()["result"]["reviewer_key"] == account(REVIEWER_NUMBER).address
    state = world.authorizations(world.hospital).line(world.provider, request, 0)
    assert state is not None
    assert state.status is LineStatus.APPROVED

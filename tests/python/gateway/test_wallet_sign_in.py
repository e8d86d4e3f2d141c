"""Sign-in with a wallet: EIP-4361 messages of this gateway's, signed by active keys of active organizations."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from careledger.chain.development import development_signer
from careledger.contract_enums import Reason
from careledger.gateway.access import wallet
from gateway_stage import Served
from identity.suite import travel
from register_acts import CONTROLLER, RULER, acting, admitted
from wallet_stage import account, message_for, personal_sign, visitor

OWN, STRANGER = 2, 9


def test_the_message_is_of_eip_4361(gateway: Served) -> None:
    address = account(OWN).address
    lines = message_for(visitor(gateway), address.lower()).split("\n")
    site = gateway.url
    assert lines[0] == f"{site} wants you to sign in with your Ethereum account:"
    assert (lines[1], lines[2], lines[4]) == (address, "", "")
    fields = dict(line.split(": ", 1) for line in lines[5:])
    assert list(fields) == ["URI", "Version", "Chain ID", "Nonce", "Issued At", "Expiration Time"]
    assert (fields["URI"], fields["Version"], fields["Chain ID"]) == (site, "1", "31337")
    assert re.fullmatch("[a-zA-Z0-9]{8,}", fields["Nonce"])


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda text, site: text.replace(site, "http://evil.example", 1), id="domain"),
        pytest.param(lambda text, site: text.replace(f"URI: {site}", "URI: http://evil.example"), id="uri"),
        pytest.param(lambda text, _: text.replace("Chain ID: 31337", "Chain ID: 1"), id="chain"),
        pytest.param(lambda text, _: text.replace("Version: 1", "Version: 2"), id="version"),
        pytest.param(lambda text, _: re.sub("Nonce: .{8}", "Nonce: 00000000", text), id="nonce"),
        pytest.param(lambda text, _: re.sub("Issued At: 2", "Issued At: 3", text), id="issued"),
        pytest.param(lambda text, _: re.sub("Issued At: ....-..", "Issued At: 2026-99", text), id="no time"),
        pytest.param(lambda text, _: re.sub("Time: 2", "Time: 9", text), id="expiry"),
        pytest.param(lambda text, _: text + "\nResources:\n- https://evil.example", id="resources"),
        pytest.param(lambda text, _: text + "\n", id="line"),
        pytest.param(lambda _text, _: "let me in", id="nothing"),
    ],
)
def test_another_message_is_refused_though_signed(gateway: Served, change: Callable[[str, str], str]) -> None:
    someone, signer = visitor(gateway), account(OWN)
    message = change(message_for(someone, signer.address), gateway.url)
    signed = {"message": message, "signature": personal_sign(message, signer)}
    answer = someone.call("POST", "/session/wallet", json=signed)
    assert (answer.status_code, answer.json()["title"]) == (401, "Not signed in"), answer.text


def test_a_message_is_taken_once_and_not_after_its_time(gateway: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    someone, signer = visitor(gateway), account(OWN)
    message = message_for(someone, signer.address)
    signed = {"message": message, "signature": personal_sign(message, signer)}
    assert someone.call("POST", "/session/wallet", json=signed).status_code == 201
    again = visitor(gateway).call("POST", "/session/wallet", json=signed)
    assert (again.status_code, "used before" in again.json()["detail"]) == (401, True)
    with monkeypatch.context() as changed:
        changed.setattr(wallet, "time", _Earlier)
        message = message_for(someone, signer.address)
    signed = {"message": message, "signature": personal_sign(message, signer)}
    late = visitor(gateway).call("POST", "/session/wallet", json=signed)
    assert (late.status_code, "expired" in late.json()["detail"]) == (401, True)


class _Earlier:
    @staticmethod
    def time() -> float:
        return time.time() - wallet.MESSAGE_SECONDS


@pytest.mark.parametrize("signature", ["0x", "0x" + 130 * "0", "0x" + 64 * "f" + 64 * "f" + "1b"])
def test_no_signature_is_refused(gateway: Served, signature: str) -> None:
    someone = visitor(gateway)
    message = message_for(someone, account(OWN).address)
    answer = someone.call("POST", "/session/wallet", json={"message": message, "signature": signature})
    assert answer.status_code == 401


def test_another_accounts_signature_is_refused(gateway: Served) -> None:
    someone = visitor(gateway)
    message = message_for(someone, account(OWN).address)
    signed = {"message": message, "signature": personal_sign(message, account(STRANGER))}
    assert someone.call("POST", "/session/wallet", json=signed).status_code == 401


def test_a_page_of_another_origin_signs_nobody_in(gateway: Served) -> None:
    someone, signer = visitor(gateway), account(OWN)
    message = message_for(someone, signer.address)
    signed = {"message": message, "signature": personal_sign(message, signer)}
    answer = someone.call("POST", "/session/wallet", json=signed, headers={"Origin": "https://evil.example"})
    assert (answer.status_code, answer.json()["title"]) == (403, "Another origin")


def test_an_account_that_is_no_key_is_refused(gateway: Served) -> None:
    answer = visitor(gateway).sign_in(account(STRANGER))
    assert (answer.status_code, answer.json()["title"]) == (403, "No member's key")


def test_anothers_key_may_ask_what_the_chain_shows_and_is_out_when_suspended(gateway: Served) -> None:
    name = admitted(gateway, development_signer(5))
    someone = visitor(gateway)
    assert someone.sign_in(account(5)).json()["scopes"] == ["units.read"]
    assert someone.call("POST", "/documents/digests", json={"digest": "0x" + 64 * "3"}).status_code == 403
    registrar = acting(gateway, development_signer(RULER)).organizations
    registrar.suspend(name, Reason.SECURITY_INCIDENT)
    assert someone.call("GET", "/session").status_code == 403
    assert visitor(gateway).sign_in(account(5)).status_code == 403
    assert someone.call("DELETE", "/session").status_code == 204


def test_a_contract_account_is_asked_for_its_owners(gateway: Served) -> None:
    """The account is a contract that takes what begins with 2a (ERC-1271), reverts for 2b, and says no to all else."""
    # calldata: selector, digest, offset, length, then the signature at 0x64
    code = bytes.fromhex("60643560f81c80602b14601f57602a14631626ba7e60e01b025f5260205ff35b5f5ffd")
    init = bytes.fromhex(f"60{len(code):02x}600a5f3960{len(code):02x}5ff3") + code
    connection = acting(gateway).connection
    wallet = str(connection.send(development_signer(8), None, init).contract_address)

    class Account:
        address = wallet
        development_only = True

        def sign_typed_data(self, _typed_data: dict[str, Any]) -> bytes:
            return b"\x2a"

        def sign_transaction(self, transaction: dict[str, Any]) -> bytes:
            raise NotImplementedError

        def describe(self) -> str:
            return wallet

    admitted(gateway, Account())
    someone = visitor(gateway)
    message = message_for(someone, wallet)
    for signature, status in (("0x2b", 401), ("0x2c", 401), ("0x", 401), ("0x2a", 201), ("0x2a", 401)):
        answer = someone.call("POST", "/session/wallet", json={"message": message, "signature": signature})
        assert answer.status_code == status, answer.text


@pytest.mark.parametrize(("number", "end"), [(6, "retired"), (7, "compromised")])
def test_a_key_that_acts_no_more_is_out_at_once(gateway: Served, number: int, end: str) -> None:
    admitted(gateway, development_signer(number))
    someone = visitor(gateway)
    assert someone.sign_in(account(number)).status_code == 201
    controller = acting(gateway, development_signer(CONTROLLER))
    if end == "retired":
        controller.organizations.retire_key(account(number).address)
    else:
        travel(controller.connection, 60)
        controller.organizations.report_compromise(account(number).address, controller.connection.block_time())
    for answer in (someone.call("GET", "/session"), visitor(gateway).sign_in(account(number))):
        assert (answer.status_code, answer.json()["title"]) == (403, "Key not active"), answer.text


def test_logs_name_a_pseudonym_and_no_account(gateway: Served, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        someone = visitor(gateway)
        subject = someone.sign_in(account(OWN)).json()["subject"]
        someone.call("GET", "/session")
        told = [record.getMessage() for record in caplog.records if "request.answered" in record.getMessage()]
    assert re.fullmatch("person-[0-9a-f]{24}", subject)
    assert sum(subject in line for line in told) == 2
    address = account(OWN).address.lower()
    assert not any(address in line.lower() for line in told)
    session_id = someone.browser.cookies["careledger"]
    assert not any(session_id in line or someone.csrf in line for line in told)

"""People with a wallet, in front of a gateway: development accounts that sign in as browsers do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import requests
from careledger.chain.development import HD_PATH, MNEMONIC
from eth_account import Account
from eth_account.messages import encode_defunct
from gateway_stage import SECONDS, Served

__all__ = ["Visitor", "account", "message_for", "personal_sign", "visitor"]


def account(index: int) -> Any:
    """A development account, as eth-account has it."""
    Account.enable_unaudited_hdwallet_features()
    return Account.from_mnemonic(MNEMONIC, account_path=f"{HD_PATH}/{index}")


def personal_sign(message: str, signer: Any) -> str:
    signature: bytes = bytes(signer.sign_message(encode_defunct(text=message)).signature)
    return "0x" + signature.hex()


@dataclass
class Visitor:
    """A browser at a gateway's pages: it keeps cookies, and sends the headers that browsers send."""

    url: str
    browser: requests.Session
    csrf: str = ""

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        """As a page's script does it, with the session's CSRF token."""
        headers = {"Origin": self.url, "Sec-Fetch-Site": "same-origin", **options.pop("headers", {})}
        if self.csrf:
            headers.setdefault("X-CSRF-Token", self.csrf)
        given = {name: value for name, value in headers.items() if value is not None}
        return self.browser.request(method, self.url + path, headers=given, timeout=SECONDS, **options)

    def sign_in(self, signer: Any) -> requests.Response:
        message = message_for(self, signer.address)
        signed = {"message": message, "signature": personal_sign(message, signer)}
        answer = self.call("POST", "/session/wallet", json=signed)
        if answer.status_code == 201:
            self.csrf = answer.json()["csrf_token"]
        return answer


def visitor(gateway: Served) -> Visitor:
    return Visitor(gateway.url, requests.Session())


def message_for(someone: Visitor, address: str) -> str:
    answer = someone.call("POST", "/session/wallet/nonce", json={"address": address})
    assert answer.status_code == 200, answer.text
    message: str = answer.json()["message"]
    return message

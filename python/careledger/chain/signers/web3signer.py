"""A key behind a service that speaks web3signer's JSON-RPC: eth_accounts, eth_signTransaction, eth_signTypedData.

The service is not believed: what it returns must be exactly the transaction asked for, signed by the address asked for.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import requests
from eth_typing import ChecksumAddress
from eth_utils.address import is_address, to_checksum_address

from careledger.chain.signers.digests import (
    CURVE_ORDER,
    Signature,
    checked_transaction,
    recover,
    signature_in,
    signed_transaction,
    transaction_digest,
    typed_data_digest,
)
from careledger.errors import InvalidInput, SignerError

__all__ = ["Web3SignerSigner"]

_METHOD_UNKNOWN = (-32601, -32603)
"""JSON-RPC's "method not found", and the code with which Anvil says "not implemented"."""

_DOMAIN_FIELDS = {
    "name": "string",
    "version": "string",
    "chainId": "uint256",
    "verifyingContract": "address",
    "salt": "bytes32",
}
"""The fields of an EIP-712 domain, in the standard's order."""


class Web3SignerSigner:
    """Signs through a web3signer-compatible HTTP service.

    Credentials may be part of the URL (`https://user:password@host`); they are shown nowhere.
    """

    development_only = False

    def __init__(self, url: str, address: str, timeout_seconds: float = 30.0) -> None:
        """Asks the service for its accounts.

        Raises InvalidInput for a wrong URL or address, SignerError if the service does not answer or lacks the address.
        """
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InvalidInput("web3signer URL", _shown(url), "should be http://HOST:PORT or https://HOST:PORT")
        if not is_address(address):
            raise InvalidInput("web3signer address", address, "is not an Ethereum address")
        self._url = url
        self._address = to_checksum_address(address)
        self._origin = f"web3signer:{_shown(url)}#{self._address}"
        self._timeout_seconds = timeout_seconds
        accounts = self._call("eth_accounts", [])
        if not isinstance(accounts, list) or self._address.lower() not in [str(item).lower() for item in accounts]:
            raise SignerError(self._origin, "the service does not hold this address")

    @property
    def address(self) -> ChecksumAddress:
        return self._address

    def sign_transaction(self, transaction: dict[str, Any]) -> bytes:
        fields = checked_transaction(transaction, self.address)
        digest = transaction_digest(fields)
        answer = self._call("eth_signTransaction", [{"from": self.address, **_rpc_transaction(fields)}])
        raw = self._bytes(answer.get("raw") if isinstance(answer, dict) else answer)
        try:
            signature = signature_in(raw)
        except ValueError as error:
            raise SignerError(self._origin, f"the service's answer is {error}") from None
        if raw != signed_transaction(fields, signature):
            raise SignerError(self._origin, "the service signed another transaction than the one asked for")
        self._check(digest, signature)
        return raw

    def sign_typed_data(self, typed_data: dict[str, Any]) -> bytes:
        digest = typed_data_digest(typed_data)
        params = [self.address, _rpc_typed_data(typed_data)]
        answer = self._call("eth_signTypedData", params, otherwise="eth_signTypedData_v4")
        raw = self._bytes(answer)
        if len(raw) != 65 or raw[64] not in (0, 1, 27, 28):
            raise SignerError(self._origin, "the service's answer is not a signature")
        signature = Signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:64], "big"), raw[64] % 27)
        signature = signature.in_lower_half()
        self._check(digest, signature)
        return signature.to_bytes()

    def describe(self) -> str:
        return self._origin

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.describe()})"

    def _check(self, digest: bytes, signature: Signature) -> None:
        if signature.s > CURVE_ORDER // 2:
            raise SignerError(self._origin, "the service's signature has its s in the upper half; no chain takes it")
        signed_by = recover(digest, signature)
        if signed_by != self.address:
            raise SignerError(self._origin, f"the service's signature is by {signed_by or 'no key'}")

    def _bytes(self, answer: Any) -> bytes:
        try:
            return bytes.fromhex(answer.removeprefix("0x"))
        except (AttributeError, ValueError):
            raise SignerError(self._origin, "the service's answer is not hexadecimal") from None

    def _call(self, method: str, params: list[Any], otherwise: str | None = None) -> Any:
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        try:
            response = requests.post(self._url, json=body, timeout=self._timeout_seconds, allow_redirects=False)
        except requests.RequestException as error:
            raise SignerError(self._origin, f"the service does not answer: {type(error).__name__}") from None
        try:
            answer = response.json()
        except requests.JSONDecodeError:
            answer = None
        if not isinstance(answer, dict) or not ("result" in answer or isinstance(answer.get("error"), dict)):
            raise SignerError(self._origin, f"{method}: HTTP {response.status_code} without a JSON-RPC answer")
        if refusal := answer.get("error"):
            if otherwise and refusal.get("code") in _METHOD_UNKNOWN:
                return self._call(otherwise, params)
            raise SignerError(self._origin, f"the service refused {method}: {refusal.get('message')}")
        return answer["result"]


def _shown(url: str) -> str:
    """The URL without credentials, path and query."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}" if parts.scheme and host else "(not a URL)"


def _rpc_transaction(fields: dict[str, Any]) -> dict[str, Any]:
    """Quantities and bytes as 0x-hexadecimal."""
    if unsupported := fields.keys() & {"authorizationList", "maxFeePerBlobGas", "blobVersionedHashes"}:
        raise InvalidInput("transaction", ", ".join(sorted(unsupported)), "a web3signer does not sign these")
    return {name: _rpc_value(value) for name, value in fields.items()}


def _rpc_value(value: Any) -> Any:
    if isinstance(value, int):
        return hex(value)
    if isinstance(value, bytes | bytearray):
        return "0x" + value.hex()
    if isinstance(value, list | tuple):
        return [_rpc_value(item) for item in value]
    if isinstance(value, dict):
        return {name: _rpc_value(item) for name, item in value.items()}
    return value


def _rpc_typed_data(typed_data: dict[str, Any]) -> dict[str, Any]:
    """The message as JSON: bytes as 0x-hexadecimal, integers past 2^53 as decimal text, the domain's type spelt out."""
    types = dict(typed_data["types"])
    types.setdefault(
        "EIP712Domain",
        [{"name": name, "type": kind} for name, kind in _DOMAIN_FIELDS.items() if name in typed_data["domain"]],
    )
    domain, message = _json_value(typed_data["domain"]), _json_value(typed_data["message"])
    return {"types": types, "primaryType": typed_data["primaryType"], "domain": domain, "message": message}


def _json_value(value: Any) -> Any:
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return value if abs(value) < 2**53 else str(value)
    if isinstance(value, bytes | bytearray):
        return "0x" + value.hex()
    if isinstance(value, list | tuple):
        return [_json_value(item) for item in value]
    if isinstance(value, dict):
        return {name: _json_value(item) for name, item in value.items()}
    return value

"""A web3signer service: Anvil, which signs for its accounts over JSON-RPC, and a service that cheats."""

from __future__ import annotations

import http.server
import json
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from careledger.chain.signers import Web3SignerSigner, signer_from_uri
from careledger.chain.signers.digests import CURVE_ORDER
from careledger.errors import InvalidInput, SignerError
from eth_account import Account
from eth_account.messages import encode_typed_data

KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"  # Anvil's first account
OTHER_KEY = "0x" + "17" * 32
ADDRESS = Account.from_key(KEY).address
RECIPIENT = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
LEGACY = {"chainId": 31337, "nonce": 3, "gas": 21000, "gasPrice": 2 * 10**9, "to": RECIPIENT, "value": 5, "data": "0x"}
DYNAMIC = {
    "type": 2,
    "chainId": 31337,
    "nonce": 4,
    "gas": 90000,
    "maxFeePerGas": 2 * 10**9,
    "maxPriorityFeePerGas": 1,
    "to": RECIPIENT,
    "value": 0,
    "data": b"\x01\x02",
}
ACCESS_LIST = {**LEGACY, "type": 1, "accessList": [{"address": RECIPIENT, "storageKeys": ["0x" + "01" * 32]}]}
TYPED = {
    "types": {
        "Line": [{"name": "code", "type": "bytes32"}, {"name": "units", "type": "uint256"}],
        "Request": [
            {"name": "payer", "type": "address"},
            {"name": "lines", "type": "Line[]"},
            {"name": "note", "type": "string"},
            {"name": "urgent", "type": "bool"},
        ],
    },
    "primaryType": "Request",
    "domain": {"name": "careledger", "version": "1", "chainId": 31337, "verifyingContract": RECIPIENT},
    "message": {
        "payer": RECIPIENT,
        "lines": [{"code": b"\x22" * 32, "units": 2**255 + 3}, {"code": b"\x33" * 32, "units": 2}],
        "note": "Überweisung",
        "urgent": True,
    },
}


@pytest.fixture(scope="module")
def anvil() -> Iterator[str]:
    local = Path(__file__).parents[3] / "node_modules" / ".bin" / "anvil"
    program = str(local.resolve()) if local.exists() else shutil.which("anvil")
    assert program, "anvil is needed: `make setup` installs it"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    process = subprocess.Popen([program, "--port", str(port), "--silent"])
    try:
        for _ in range(200):
            try:
                requests.post(url, json={"jsonrpc": "2.0", "id": 1, "method": "eth_chainId", "params": []}, timeout=1)
                break
            except requests.ConnectionError:
                assert process.poll() is None, "anvil ended"
                time.sleep(0.05)
        yield url
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture
def service() -> Iterator[Callable[..., str]]:
    """Starts a service that answers by the functions given for its methods, and gives its URL."""
    servers: list[http.server.ThreadingHTTPServer] = []

    def start(**methods: Callable[..., Any]) -> str:
        methods = {"eth_accounts": lambda: [ADDRESS.lower()], **methods}

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                call = json.loads(self.rfile.read(int(self.headers["content-length"])))
                answer: dict[str, Any] = {"jsonrpc": "2.0", "id": call["id"]}
                if call["method"] in methods:
                    answer["result"] = methods[call["method"]](*call["params"])
                else:
                    answer["error"] = {"code": -32601, "message": "Method not found"}
                body = answer["result"] if isinstance(answer.get("result"), bytes) else json.dumps(answer).encode()
                self.send_response(200)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None: ...

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def signed(transaction: dict[str, Any], key: str = KEY) -> str:
    return "0x" + bytes(Account.sign_transaction(transaction, key).raw_transaction).hex()


@pytest.mark.parametrize("transaction", [LEGACY, ACCESS_LIST, DYNAMIC], ids=["legacy", "access list", "dynamic fee"])
def test_anvil_signs_the_transaction_that_eth_account_signs(anvil: str, transaction: dict[str, Any]) -> None:
    signer = signer_from_uri(f"web3signer:{anvil}#{ADDRESS.lower()}")
    raw = signer.sign_transaction(transaction)
    assert raw == bytes(Account.sign_transaction(transaction, KEY).raw_transaction)
    assert Account.recover_transaction(raw) == signer.address == ADDRESS


def test_a_contract_creation_is_signed(anvil: str) -> None:
    transaction = {**DYNAMIC, "data": "0x60006000f3"}
    del transaction["to"]
    raw = Web3SignerSigner(anvil, ADDRESS).sign_transaction(transaction)
    assert raw == bytes(Account.sign_transaction(transaction, KEY).raw_transaction)


def test_typed_data_is_signed_by_the_v4_method_where_the_plain_one_is_missing(anvil: str) -> None:
    signature = Web3SignerSigner(anvil, ADDRESS).sign_typed_data(TYPED)
    assert signature == bytes(Account.sign_typed_data(KEY, full_message=TYPED).signature)
    assert Account.recover_message(encode_typed_data(full_message=TYPED), signature=signature) == ADDRESS


def test_typed_data_is_signed_by_the_plain_method_where_it_is_there(service: Callable[..., str]) -> None:
    def sign(address: str, message: dict[str, Any]) -> str:
        assert address == ADDRESS
        return "0x" + bytes(Account.sign_typed_data(KEY, full_message=message).signature).hex()

    signature = Web3SignerSigner(service(eth_signTypedData=sign), ADDRESS).sign_typed_data(TYPED)
    assert signature == bytes(Account.sign_typed_data(KEY, full_message=TYPED).signature)


def test_an_answer_in_geths_form_is_taken(service: Callable[..., str]) -> None:
    url = service(eth_signTransaction=lambda _: {"raw": signed(DYNAMIC), "tx": {}})
    assert Account.recover_transaction(Web3SignerSigner(url, ADDRESS).sign_transaction(DYNAMIC)) == ADDRESS


def test_an_address_that_the_service_lacks_is_refused(anvil: str) -> None:
    stranger = Account.from_key(OTHER_KEY).address
    with pytest.raises(SignerError, match="does not hold") as caught:
        Web3SignerSigner(anvil, stranger)
    assert stranger in caught.value.signer


CHEATS: dict[str, Callable[[], Any]] = {
    "another recipient": lambda: signed({**DYNAMIC, "to": ADDRESS}),
    "another value": lambda: signed({**DYNAMIC, "value": 10**18}),
    "another chain": lambda: signed({**DYNAMIC, "chainId": 1}),
    "another nonce": lambda: signed({**DYNAMIC, "nonce": 5}),
    "more data": lambda: signed({**DYNAMIC, "data": b"\x01\x02\x03"}),
    "a higher fee": lambda: signed({**DYNAMIC, "maxPriorityFeePerGas": 2}),
    "another type": lambda: signed(LEGACY),
    "another key": lambda: signed(DYNAMIC, OTHER_KEY),
    "bytes after it": lambda: signed(DYNAMIC) + "00",
    "its beginning only": lambda: signed(DYNAMIC)[:60],
    "nothing": lambda: "0x",
    "null": lambda: None,
    "no hexadecimal": lambda: "0xqq",
    "a list": list,
    "no JSON": lambda: b"<html>",
}


@pytest.mark.parametrize("cheat", CHEATS)
def test_a_service_that_signs_something_else_is_refused(service: Callable[..., str], cheat: str) -> None:
    signer = Web3SignerSigner(service(eth_signTransaction=lambda _: CHEATS[cheat]()), ADDRESS)
    with pytest.raises(SignerError) as caught:
        signer.sign_transaction(DYNAMIC)
    assert ADDRESS in caught.value.signer


def test_a_legacy_transaction_for_another_chain_is_refused(service: Callable[..., str]) -> None:
    url = service(eth_signTransaction=lambda _: signed({**LEGACY, "chainId": 1}))
    with pytest.raises(SignerError, match="another transaction"):
        Web3SignerSigner(url, ADDRESS).sign_transaction(LEGACY)


def test_a_transaction_signature_in_the_upper_half_is_refused(service: Callable[..., str]) -> None:
    ours = Account.sign_transaction(DYNAMIC, KEY)
    high = bytes(ours.raw_transaction).replace(ours.s.to_bytes(32, "big"), (CURVE_ORDER - ours.s).to_bytes(32, "big"))
    url = service(eth_signTransaction=lambda _: "0x" + high.hex())
    with pytest.raises(SignerError, match="upper half"):
        Web3SignerSigner(url, ADDRESS).sign_transaction(DYNAMIC)


@pytest.mark.parametrize("length", [0, 64, 66])
def test_a_typed_signature_of_another_length_is_refused(service: Callable[..., str], length: int) -> None:
    url = service(eth_signTypedData=lambda *_: "0x" + "1b" * length)
    with pytest.raises(SignerError, match="not a signature"):
        Web3SignerSigner(url, ADDRESS).sign_typed_data(TYPED)


def test_a_typed_signature_of_another_message_or_key_is_refused(service: Callable[..., str]) -> None:
    other_message = {**TYPED, "message": {**TYPED["message"], "urgent": False}}
    for key, message in ((KEY, other_message), (OTHER_KEY, TYPED)):
        answer = "0x" + bytes(Account.sign_typed_data(key, full_message=message).signature).hex()
        signer = Web3SignerSigner(service(eth_signTypedData=lambda *_, answer=answer: answer), ADDRESS)
        with pytest.raises(SignerError, match="the service's signature is by"):
            signer.sign_typed_data(TYPED)


@pytest.mark.parametrize("v", [0, 1, 27, 28])
def test_a_typed_signature_is_given_back_with_v_27_or_28(service: Callable[..., str], v: int) -> None:
    ours = Account.sign_typed_data(KEY, full_message=TYPED)
    answer = bytes(ours.signature)[:64] + bytes([v])
    signer = Web3SignerSigner(service(eth_signTypedData=lambda *_: "0x" + answer.hex()), ADDRESS)
    if v % 27 == ours.v - 27:
        assert signer.sign_typed_data(TYPED) == bytes(ours.signature)
    else:
        with pytest.raises(SignerError, match="is by"):
            signer.sign_typed_data(TYPED)


def test_a_refusal_names_the_method_and_the_services_reason(service: Callable[..., str]) -> None:
    signer = Web3SignerSigner(service(), ADDRESS)
    with pytest.raises(SignerError, match="eth_signTransaction: Method not found"):
        signer.sign_transaction(DYNAMIC)
    with pytest.raises(SignerError, match="eth_signTypedData_v4: Method not found"):
        signer.sign_typed_data(TYPED)


def test_credentials_in_the_url_are_used_and_never_shown(service: Callable[..., str]) -> None:
    url = service().replace("://", "://user:s3cret@") + "/path-s3cret?key=s3cret"
    signer = Web3SignerSigner(url, ADDRESS)
    with pytest.raises(SignerError) as caught:
        signer.sign_transaction(DYNAMIC)
    assert "s3cret" not in f"{signer!r} {signer.describe()} {caught.value!r} {caught.value}"


def test_a_service_that_is_down_is_named_without_credentials() -> None:
    with pytest.raises(SignerError, match=r"127\.0\.0\.1:1#") as caught:
        Web3SignerSigner("http://user:s3cret@127.0.0.1:1", ADDRESS)
    assert "s3cret" not in str(caught.value)
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    ("url", "address"), [("ftp://host", ADDRESS), ("host:9000", ADDRESS), ("http://host", "0x12"), ("http://", ADDRESS)]
)
def test_a_wrong_url_or_address_is_refused(url: str, address: str) -> None:
    with pytest.raises(InvalidInput):
        signer_from_uri(f"web3signer:{url}#{address}")

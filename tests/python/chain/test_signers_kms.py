"""AWS KMS, against moto.

moto takes a digest for a message and hashes it again (github.com/getmoto/moto/pull/10202); AWS signs the digest. The
`kms` fixture makes moto sign as AWS does, and by RFC 6979 as eth-account does, so that whole transactions can be
compared.
"""

from __future__ import annotations

import builtins
import sys
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from careledger.chain.signers import KmsSigner, signer_from_uri
from careledger.chain.signers.digests import CURVE_ORDER
from careledger.errors import MissingPrerequisite, SignerError
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature, encode_dss_signature
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_account.signers.local import LocalAccount
from moto import mock_aws
from moto.core import DEFAULT_ACCOUNT_ID
from moto.kms.models import kms_backends
from moto.kms.utils import ECDSAPrivateKey

REGION = "eu-central-1"
RECIPIENT = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
LEGACY = {"chainId": 31337, "gas": 21000, "gasPrice": 2 * 10**9, "to": RECIPIENT, "value": 5, "data": b""}
ACCESS_LIST = {**LEGACY, "type": 1, "accessList": [{"address": RECIPIENT, "storageKeys": ["0x" + "01" * 32]}]}
DYNAMIC = {
    "type": 2,
    "chainId": 31337,
    "gas": 90000,
    "maxFeePerGas": 2 * 10**9,
    "maxPriorityFeePerGas": 1,
    "to": RECIPIENT,
    "value": 0,
    "data": b"\x01\x02",
}


def typed(deadline: int) -> dict[str, Any]:
    return {
        "types": {"KeyAddition": [{"name": "deadline", "type": "uint256"}]},
        "primaryType": "KeyAddition",
        "domain": {"name": "careledger", "chainId": 31337},
        "message": {"deadline": deadline},
    }


@pytest.fixture
def kms(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.setattr(ECDSAPrivateKey, "sign", as_aws_signs)
    with mock_aws():
        yield boto3.client("kms")


def as_aws_signs(key: ECDSAPrivateKey, message: bytes, *_: Any, **__: Any) -> bytes:
    return key.private_key.sign(message, ec.ECDSA(Prehashed(hashes.SHA256()), deterministic_signing=True))


def new_key(kms: Any, **attributes: str) -> str:
    attributes = {"KeySpec": "ECC_SECG_P256K1", "KeyUsage": "SIGN_VERIFY", **attributes}
    key_id: str = kms.create_key(**attributes)["KeyMetadata"]["KeyId"]
    return key_id


def local_account(key_id: str) -> LocalAccount:
    """The key that moto holds, as eth-account takes it."""
    key = kms_backends[DEFAULT_ACCOUNT_ID][REGION].keys[key_id].private_key.private_key
    return Account.from_key(key.private_numbers().private_value.to_bytes(32, "big"))


@pytest.mark.parametrize("transaction", [LEGACY, ACCESS_LIST, DYNAMIC], ids=["legacy", "access list", "dynamic fee"])
def test_a_kms_transaction_is_byte_for_byte_eth_accounts(kms: Any, transaction: dict[str, Any]) -> None:
    key_id = new_key(kms)
    signer, account = KmsSigner(key_id), local_account(key_id)
    assert signer.address == account.address
    for nonce in range(12):
        raw = signer.sign_transaction({**transaction, "nonce": nonce})
        assert Account.recover_transaction(raw) == signer.address
        assert raw == bytes(account.sign_transaction({**transaction, "nonce": nonce}).raw_transaction)


def test_kms_typed_data_is_byte_for_byte_eth_accounts_also_where_kms_gives_a_high_s(
    kms: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    key_id = new_key(kms)
    signer, account = KmsSigner(key_id), local_account(key_id)
    halves, parities = set(), set()

    def watched(key: ECDSAPrivateKey, message: bytes, *_: Any, **__: Any) -> bytes:
        signature = as_aws_signs(key, message)
        halves.add(decode_dss_signature(signature)[1] > CURVE_ORDER // 2)
        return signature

    monkeypatch.setattr(ECDSAPrivateKey, "sign", watched)
    for deadline in range(40):
        signature = signer.sign_typed_data(typed(deadline))
        assert signature == bytes(account.sign_typed_data(full_message=typed(deadline)).signature)
        assert Account.recover_message(encode_typed_data(full_message=typed(deadline)), signature=signature) == (
            signer.address
        )
        assert int.from_bytes(signature[32:64], "big") <= CURVE_ORDER // 2
        parities.add(signature[64])
    assert halves == {True, False}
    assert parities == {27, 28}


def test_kms_is_asked_to_sign_a_digest_not_a_message(kms: Any) -> None:
    client = boto3.client("kms")
    asked: list[dict[str, Any]] = []
    client.meta.events.register("provide-client-params.kms.Sign", lambda params, **_: asked.append(params))
    KmsSigner(new_key(kms), client).sign_typed_data(typed(1))
    assert [(call["MessageType"], call["SigningAlgorithm"], len(call["Message"])) for call in asked] == [
        ("DIGEST", "ECDSA_SHA_256", 32)
    ]


def test_an_alias_names_the_key_it_named_when_opened(kms: Any) -> None:
    first, second = new_key(kms), new_key(kms)
    kms.create_alias(AliasName="alias/hospital", TargetKeyId=first)
    signer = signer_from_uri("kms:alias/hospital")
    kms.update_alias(AliasName="alias/hospital", TargetKeyId=second)
    assert signer.address == local_account(first).address
    assert Account.recover_transaction(signer.sign_transaction({**DYNAMIC, "nonce": 0})) == signer.address


def test_describe_names_the_key_id_and_the_address(kms: Any) -> None:
    key_id = new_key(kms)
    signer = KmsSigner(key_id)
    assert key_id in signer.describe()
    assert signer.address in repr(signer)
    assert not signer.development_only


def test_an_unknown_key_is_refused_naming_it(kms: Any) -> None:
    with pytest.raises(SignerError, match="alias/nobody") as caught:
        KmsSigner("alias/nobody")
    assert "NotFoundException" in caught.value.problem


def test_a_key_of_another_curve_is_refused(kms: Any) -> None:
    with pytest.raises(SignerError, match="secp256k1"):
        KmsSigner(new_key(kms, KeySpec="ECC_NIST_P256"))


def test_a_key_that_does_not_sign_is_refused(kms: Any) -> None:
    with pytest.raises(SignerError, match="ENCRYPT_DECRYPT"):
        KmsSigner(new_key(kms, KeySpec="RSA_2048", KeyUsage="ENCRYPT_DECRYPT"))


def test_a_signature_by_another_key_is_refused(kms: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    signer = KmsSigner(new_key(kms))
    stranger = ec.generate_private_key(ec.SECP256K1())
    algorithm = ec.ECDSA(Prehashed(hashes.SHA256()))
    monkeypatch.setattr(ECDSAPrivateKey, "sign", lambda _, message, *__: stranger.sign(message, algorithm))
    with pytest.raises(SignerError, match="not by"):
        signer.sign_transaction({**DYNAMIC, "nonce": 0})


@pytest.mark.parametrize("answer", [b"\x30\x00", b"", encode_dss_signature(0, 1), encode_dss_signature(2**256 - 1, 1)])
def test_an_answer_that_is_no_signature_is_refused(kms: Any, monkeypatch: pytest.MonkeyPatch, answer: bytes) -> None:
    signer = KmsSigner(new_key(kms))
    monkeypatch.setattr(ECDSAPrivateKey, "sign", lambda *_: answer)
    with pytest.raises(SignerError):
        signer.sign_typed_data(typed(1))


def test_a_disabled_region_is_a_signer_error(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    with pytest.raises(SignerError, match="region"):
        KmsSigner("alias/hospital")


def test_without_boto3_the_extra_to_install_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without_boto3(name: str, *rest: Any, **options: Any) -> Any:
        if name.partition(".")[0] == "boto3":
            raise ImportError(name)
        return real(name, *rest, **options)

    monkeypatch.delitem(sys.modules, "boto3", raising=False)
    monkeypatch.setattr(builtins, "__import__", without_boto3)
    with pytest.raises(MissingPrerequisite, match=r"pip install careledger\[kms\]"):
        signer_from_uri("kms:alias/hospital")

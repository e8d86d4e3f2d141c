"""Keystore files, keys from the environment, signer URIs and passphrases, on real files."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from careledger.chain import signers
from careledger.chain.signers import EnvironmentSigner, KeystoreSigner, LocalSigner, Signer, signer_from_uri
from careledger.chain.signers import keystore as keystore_files
from careledger.chain.signers.passphrase import read_passphrase
from careledger.errors import ConfigurationError, InvalidInput, SignerError
from eth_account import Account
from eth_account.messages import encode_typed_data

KEY = "0x" + "4c" * 32
PASSPHRASE = "a hospital's passphrase"
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
TYPED = {
    "types": {
        "EIP712Domain": [{"name": "name", "type": "string"}, {"name": "chainId", "type": "uint256"}],
        "KeyAddition": [{"name": "organization", "type": "bytes32"}, {"name": "deadline", "type": "uint256"}],
    },
    "primaryType": "KeyAddition",
    "domain": {"name": "careledger", "chainId": 31337},
    "message": {"organization": b"\x11" * 32, "deadline": 2**200 + 1},
}


@pytest.fixture
def keystore(tmp_path: Path) -> Path:
    path = tmp_path / "hospital.json"
    path.write_text(json.dumps(Account.encrypt(KEY, PASSPHRASE, iterations=2)))
    return path


def secret_free(error: BaseException) -> bool:
    """Whether neither the key nor the passphrase is in an error, or in what led to it."""
    shown = ""
    at: BaseException | None = error
    while at is not None:
        shown += f"{at!s} {at!r} {at.args} "
        at = at.__cause__
    return KEY[2:] not in shown.lower() and PASSPHRASE not in shown


def test_public_names_are_locked() -> None:
    assert signers.__all__ == [
        "EnvironmentSigner",
        "KeystoreSigner",
        "KmsSigner",
        "LocalSigner",
        "Signer",
        "Web3SignerSigner",
        "signer_from_uri",
    ]


@pytest.mark.parametrize(
    "transaction", [LEGACY, DYNAMIC, {**LEGACY, "type": 0}, {**LEGACY, "to": None, "data": "0x00"}]
)
def test_a_keystore_signer_signs_a_transaction_that_recovers_to_its_address(
    keystore: Path, transaction: dict[str, Any]
) -> None:
    signer = KeystoreSigner.open(keystore, lambda: PASSPHRASE)
    raw = signer.sign_transaction({**transaction, "from": signer.address})
    assert Account.recover_transaction(raw) == signer.address == Account.from_key(KEY).address
    plain = {name: value for name, value in transaction.items() if value is not None and (name, value) != ("type", 0)}
    assert raw == bytes(Account.sign_transaction(plain, KEY).raw_transaction)


def test_typed_data_is_signed_as_eth_account_signs_it() -> None:
    signature = LocalSigner(Account.from_key(KEY)).sign_typed_data(TYPED)
    assert signature == bytes(Account.sign_typed_data(KEY, full_message=TYPED).signature)
    assert Account.recover_message(encode_typed_data(full_message=TYPED), signature=signature) == (
        Account.from_key(KEY).address
    )
    assert len(signature) == 65
    assert signature[64] in (27, 28)


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"chainId": None}, "chainId"),
        ({"nonce": None}, "nonce"),
        ({"gas": None}, "gas"),
        ({"from": RECIPIENT}, "from"),
        ({"to": "0x12"}, "transaction"),
        ({"colour": 1}, "transaction"),
        ({"type": 9}, "transaction"),
    ],
)
def test_a_wrong_transaction_is_refused_naming_the_field(change: dict[str, Any], name: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        LocalSigner(Account.from_key(KEY)).sign_transaction({**LEGACY, **change})
    assert caught.value.name == name
    assert secret_free(caught.value)


def test_a_transaction_without_a_fee_is_refused() -> None:
    transaction = {name: value for name, value in LEGACY.items() if name != "gasPrice"}
    with pytest.raises(InvalidInput, match="gasPrice"):
        LocalSigner(Account.from_key(KEY)).sign_transaction(transaction)


@pytest.mark.parametrize("missing", ["types", "primaryType", "domain", "message"])
def test_half_a_typed_message_is_refused(missing: str) -> None:
    with pytest.raises(InvalidInput, match=missing):
        LocalSigner(Account.from_key(KEY)).sign_typed_data({k: v for k, v in TYPED.items() if k != missing})


def test_a_wrong_passphrase_is_refused_naming_the_file_and_no_secret(keystore: Path) -> None:
    wrong = "another passphrase of somebody"
    with pytest.raises(SignerError, match="wrong passphrase") as caught:
        KeystoreSigner.open(keystore, lambda: wrong)
    assert caught.value.signer == str(keystore)
    assert secret_free(caught.value)
    assert wrong not in str(caught.value)


def test_a_keystore_whose_address_is_not_its_keys_is_refused(keystore: Path) -> None:
    content = json.loads(keystore.read_text()) | {"address": RECIPIENT[2:]}
    keystore.write_text(json.dumps(content))
    with pytest.raises(SignerError, match=f"names {RECIPIENT}"):
        KeystoreSigner.open(keystore, lambda: PASSPHRASE)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": 4, "crypto": {}}', '{"version": 3}', KEY])
def test_a_file_that_is_no_keystore_is_refused_before_the_passphrase_is_asked(tmp_path: Path, text: str) -> None:
    path = tmp_path / "no-keystore"
    path.write_text(text)
    with pytest.raises(SignerError, match="is not a") as caught:
        KeystoreSigner.open(path, lambda: pytest.fail("asked for a passphrase"))
    assert secret_free(caught.value)


def test_a_missing_keystore_is_refused_naming_the_path(tmp_path: Path) -> None:
    with pytest.raises(SignerError, match="No such file"):
        KeystoreSigner.open(tmp_path / "none", lambda: PASSPHRASE)


@pytest.mark.parametrize("part", ["kdf", "kdfparams", "ciphertext", "mac", "cipherparams"])
def test_a_keystore_with_a_part_lost_is_refused_as_damaged(keystore: Path, part: str) -> None:
    content = json.loads(keystore.read_text())
    del content["crypto"][part]
    keystore.write_text(json.dumps(content))
    with pytest.raises(SignerError, match="damaged"):
        KeystoreSigner.open(keystore, lambda: PASSPHRASE)


def test_a_changed_ciphertext_is_refused(keystore: Path) -> None:
    content = json.loads(keystore.read_text())
    content["crypto"]["ciphertext"] = "00" * 32
    keystore.write_text(json.dumps(content))
    with pytest.raises(SignerError, match="damaged"):
        KeystoreSigner.open(keystore, lambda: PASSPHRASE)


def test_no_signer_shows_its_key(keystore: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOSPITAL_KEY", KEY)
    signer = KeystoreSigner.open(keystore, lambda: PASSPHRASE)
    for each in (signer, EnvironmentSigner.read("HOSPITAL_KEY"), LocalSigner(Account.from_key(KEY))):
        for shown in (repr(each), str(each), each.describe(), f"{[each]}"):
            assert KEY[2:] not in shown
            assert each.address in shown
    assert str(keystore) in signer.describe()


def test_an_environment_signer_is_for_development_only(keystore: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOSPITAL_KEY", KEY.removeprefix("0x") + "\n")
    signer = signer_from_uri("env:HOSPITAL_KEY")
    assert isinstance(signer, Signer)
    assert signer.development_only
    assert signer.address == Account.from_key(KEY).address
    assert not KeystoreSigner.open(keystore, lambda: PASSPHRASE).development_only


@pytest.mark.parametrize("text", [KEY + "00", "ff" * 32, "00" * 32, "0x" + "zz" * 32, "correct horse"])
def test_a_variable_that_holds_no_key_is_refused_without_repeating_it(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOSPITAL_KEY", text)
    with pytest.raises(SignerError, match="env:HOSPITAL_KEY") as caught:
        EnvironmentSigner.read("HOSPITAL_KEY")
    assert text not in f"{caught.value!s} {caught.value!r} {caught.value.__cause__!r}"
    assert caught.value.__suppress_context__


def test_an_unset_variable_is_a_configuration_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOSPITAL_KEY", raising=False)
    with pytest.raises(ConfigurationError, match="HOSPITAL_KEY"):
        signer_from_uri("env:HOSPITAL_KEY")


def test_a_keystore_uri_opens_the_file(keystore: Path) -> None:
    assert signer_from_uri(f"keystore:{keystore}", lambda: PASSPHRASE).address == Account.from_key(KEY).address


@pytest.mark.parametrize(
    "text",
    [
        KEY,
        KEY[2:],
        f"env:{KEY}",
        f"key:{KEY}",
        f"keystore:{KEY[2:].upper()}",
        f"web3signer:http://a#{KEY}",
        f"kms: {KEY}",
    ],
)
def test_a_raw_key_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(InvalidInput, match="private key") as caught:
        signer_from_uri(text)
    assert KEY[2:] not in f"{caught.value!s} {caught.value!r} {caught.value.fields()}".lower()


@pytest.mark.parametrize(
    "text",
    ["", "keystore", "keystore:", "env:", "env:A B", "ledger:0", "kms:", "web3signer:http://localhost:9000", KEY[:40]],
)
def test_text_of_no_form_is_refused_with_the_forms_listed(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        signer_from_uri(text)
    for form in ("keystore:PATH", "kms:KEY_ID_OR_ALIAS", "web3signer:URL#ADDRESS", "env:VARIABLE"):
        assert form in str(caught.value)
    assert not text or repr(text) not in str(caught.value)


def test_a_written_keystore_is_private_complete_and_opens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARELEDGER_HOME", str(tmp_path / "home"))
    old = os.umask(0)
    try:
        file = keystore_files.write(Account.from_key(KEY), PASSPHRASE, scrypt_n=2)
    finally:
        os.umask(old)
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.path.parent.stat().st_mode) == 0o700
    assert [path.name for path in file.path.parent.iterdir()] == [file.path.name]
    assert file.path.parent == tmp_path / "home" / "keys"
    assert signer_from_uri(file.uri, lambda: PASSPHRASE).address == file.address
    assert KEY[2:] not in file.path.read_text()
    assert keystore_files.list_files() == [file]


def test_a_key_is_not_written_twice(tmp_path: Path) -> None:
    first = keystore_files.write(Account.from_key(KEY), PASSPHRASE, tmp_path, scrypt_n=2)
    with pytest.raises(SignerError, match="already in"):
        keystore_files.write(Account.from_key(KEY), PASSPHRASE, tmp_path, scrypt_n=2)
    assert keystore_files.list_files(tmp_path) == [first]


def test_the_passphrase_file_comes_before_the_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "passphrase").write_text(" from the file \r\n")
    monkeypatch.setenv("CARELEDGER_PASSPHRASE", "from the variable")
    assert read_passphrase() == "from the variable"
    monkeypatch.setenv("CARELEDGER_PASSPHRASE_FILE", str(tmp_path / "passphrase"))
    assert read_passphrase() == " from the file "


def test_without_setting_and_terminal_the_missing_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CARELEDGER_PASSPHRASE", raising=False)
    monkeypatch.delenv("CARELEDGER_PASSPHRASE_FILE", raising=False)
    with Path(os.devnull).open() as nothing:
        monkeypatch.setattr("sys.stdin", nothing)
        with pytest.raises(ConfigurationError) as caught:
            read_passphrase()
    assert caught.value.setting == "CARELEDGER_PASSPHRASE_FILE"


def test_an_unreadable_passphrase_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARELEDGER_PASSPHRASE_FILE", str(tmp_path / "none"))
    with pytest.raises(ConfigurationError, match="CARELEDGER_PASSPHRASE_FILE"):
        read_passphrase()


def test_empty_and_short_new_passphrases_are_refused_without_repeating_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CARELEDGER_PASSPHRASE_FILE", raising=False)
    monkeypatch.setenv("CARELEDGER_PASSPHRASE", "")
    with pytest.raises(ConfigurationError, match="empty"):
        read_passphrase()
    monkeypatch.setenv("CARELEDGER_PASSPHRASE", "qzx7")
    assert read_passphrase() == "qzx7"
    with pytest.raises(ConfigurationError, match="at least 8") as caught:
        read_passphrase(new=True)
    assert "qzx7" not in str(caught.value)

"""The vault, on real files."""

from __future__ import annotations

import os
import random
import sqlite3
import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import careledger.vault
import pytest
from careledger.errors import CareLedgerError, InvalidInput, VaultError
from careledger.vault import (
    EntryConflict,
    EntryErased,
    EntryMissing,
    Restoration,
    ScryptCost,
    Vault,
    VaultBusy,
    VaultDamaged,
    VaultRotated,
    WrongPassphrase,
)

PASSPHRASE = "a hospital's passphrase"
NEW_PASSPHRASE = "the passphrase after that"
QUICK = ScryptCost(n=2)
SALT = bytes(range(32))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "vault.db"


@pytest.fixture
def vault(path: Path) -> Iterator[Vault]:
    with Vault.create(path, PASSPHRASE, cost=QUICK, busy_seconds=0.2) as created:
        yield created


def names(vault: Vault, kind: str = "salt") -> list[str]:
    return sorted(vault.names(kind))


def test_public_names_are_locked() -> None:
    assert careledger.vault.__all__ == [
        "EntryConflict",
        "EntryErased",
        "EntryMissing",
        "Restoration",
        "ScryptCost",
        "Vault",
        "VaultBusy",
        "VaultDamaged",
        "VaultRotated",
        "WrongPassphrase",
    ]


# put, get, names


def test_what_is_put_is_there_after_opening_again(vault: Vault, path: Path) -> None:
    assert vault.put("salt", "claim-1", SALT)
    assert vault.put("salt", "claim-2", b"")
    assert vault.put("receipt", "claim-1", b"x" * 300_000)
    vault.close()
    with Vault.open(path, PASSPHRASE) as again:
        assert again.get("salt", "claim-1") == SALT
        assert again.get("salt", "claim-2") == b""
        assert again.get("receipt", "claim-1") == b"x" * 300_000
        assert names(again) == ["claim-1", "claim-2"]
        assert again.kinds() == {"receipt": 1, "salt": 2}
        assert again.verify() == 3


def test_the_same_value_again_is_no_change_and_another_is_refused(vault: Vault) -> None:
    assert vault.put("salt", "claim-1", SALT)
    assert not vault.put("salt", "claim-1", SALT)
    with pytest.raises(EntryConflict, match="'claim-1'") as caught:
        vault.put("salt", "claim-1", SALT[::-1])
    assert SALT[::-1].hex() not in str(caught.value)
    assert vault.get("salt", "claim-1") == SALT
    assert vault.verify() == 1


def test_kind_and_name_do_not_run_into_each_other(vault: Vault) -> None:
    for number, (kind, name) in enumerate([("a", "bc"), ("ab", "c"), ("a\0", "bc"), ("a", "\0bc")]):
        assert vault.put(kind, name, bytes([number]))
    assert vault.get("ab", "c") == b"\1"
    assert names(vault, "a") == ["\0bc", "bc"]


def test_an_absent_entry_is_missing(vault: Vault) -> None:
    vault.put("salt", "claim-1", SALT)
    with pytest.raises(EntryMissing, match="'claim-2'"):
        vault.get("salt", "claim-2")
    with pytest.raises(EntryMissing):
        vault.get("receipt", "claim-1")
    assert names(vault, "receipt") == []


@pytest.mark.parametrize(("kind", "name"), [("", "x"), ("salt", ""), ("salt", "\ud800")])
def test_an_empty_or_unstorable_name_is_refused(vault: Vault, kind: str, name: str) -> None:
    with pytest.raises(InvalidInput):
        vault.put(kind, name, SALT)


def test_a_value_that_is_no_bytes_is_refused_without_repeating_it(vault: Vault) -> None:
    with pytest.raises(InvalidInput) as caught:
        vault.put("salt", "claim-1", "a secret in text")  # type: ignore[arg-type]
    assert "a secret in text" not in str(caught.value)


def test_put_many_is_all_or_nothing(vault: Vault) -> None:
    vault.put("salt", "claim-5", b"other")
    with pytest.raises(EntryConflict):
        vault.put_many(("salt", f"claim-{number}", SALT) for number in range(10))
    assert names(vault) == ["claim-5"]
    assert vault.put_many([("salt", "claim-5", b"other"), ("salt", "claim-6", SALT), ("salt", "claim-6", SALT)]) == 1
    assert vault.verify() == 2


def test_put_many_from_entries_that_use_the_vault_is_refused_and_writes_nothing(vault: Vault) -> None:
    vault.put("salt", "claim-1", SALT)
    with pytest.raises(VaultError, match="put_many"):
        vault.put_many(("copy", name, vault.get("salt", name)) for name in ["claim-1"])
    assert vault.kinds() == {"salt": 1}


def test_more_names_than_a_page_are_listed_once_each(vault: Vault) -> None:
    expected = sorted(f"claim-{number}" for number in range(1203))
    vault.put_many(("salt", name, b"") for name in expected)
    vault.put_many(("receipt", name, b"") for name in expected[:7])
    assert names(vault) == expected
    assert names(vault, "receipt") == expected[:7]
    assert vault.kinds() == {"receipt": 7, "salt": 1203}


def test_entries_can_be_written_while_names_are_listed(vault: Vault, path: Path) -> None:
    vault.put_many(("salt", f"claim-{number}", b"") for number in range(1100))
    listed = vault.names("salt")
    next(listed)
    with Vault.open(path, PASSPHRASE, busy_seconds=0.0) as other:
        other.put("receipt", "claim-1", b"")
    assert len(list(listed)) == 1099


def test_threads_share_a_vault(vault: Vault) -> None:
    def put(thread: int) -> None:
        for number in range(25):
            vault.put("salt", f"{thread}-{number}", SALT)

    threads = [threading.Thread(target=put, args=(thread,)) for thread in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert vault.verify() == 100


# what the file shows


def test_a_closed_vault_is_one_private_file_without_names_or_values(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        with Vault.create(tmp_path / "vault.db", PASSPHRASE, cost=QUICK) as vault:
            vault.put("plan-secret", "claim-2041-Miller", b"a value in plain text")
            vault.backup(tmp_path / "backup.db")
    finally:
        os.umask(old)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["backup.db", "vault.db"]
    for file in tmp_path.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        content = file.read_bytes()
        for hidden in (b"plan-secret", b"Miller", b"plain text", PASSPHRASE.encode()):
            assert hidden not in content


def test_equal_values_look_different(vault: Vault, path: Path) -> None:
    vault.put("salt", "a", SALT)
    vault.put("salt", "b", SALT)
    vault.close()
    with sqlite3.connect(path) as file:
        assert file.execute("SELECT count(DISTINCT substr(value, 13)) FROM entries").fetchone() == (2,)


def test_repr_and_str_show_no_secret(vault: Vault) -> None:
    vault.put("salt", "claim-1", SALT)
    assert repr(vault) == str(vault) == f"Vault({str(vault.path)!r})"
    secrets = [vault._keys.data.hex(), vault._wrapping_key.hex(), repr(vault._keys.data)]
    assert not any(secret in f"{vault._keys!r} {vault._cipher!r}" for secret in secrets)


# passphrases


def test_a_wrong_passphrase_is_told_from_a_damaged_file(vault: Vault, path: Path) -> None:
    vault.put("salt", "claim-1", SALT)
    vault.close()
    with pytest.raises(WrongPassphrase, match="wrong passphrase") as caught:
        Vault.open(path, "not the passphrase")
    assert "not the passphrase" not in str(caught.value)
    with sqlite3.connect(path) as file:
        file.execute("UPDATE header SET wrapped = CAST(substr(wrapped, 1, 20) || x'00' || substr(wrapped, 22) AS BLOB)")
    with pytest.raises(VaultDamaged, match="header is damaged"):
        Vault.open(path, PASSPHRASE)


def test_an_accented_passphrase_opens_however_it_was_composed(path: Path) -> None:
    Vault.create(path, "cl\u00e9 de l'h\u00f4pital", cost=QUICK).close()
    Vault.open(path, "cle\u0301 de l'ho\u0302pital").close()


def test_an_empty_passphrase_is_refused(path: Path) -> None:
    with pytest.raises(InvalidInput, match="passphrase"):
        Vault.create(path, "", cost=QUICK)
    assert not path.exists()


def test_the_default_cost_is_128_mebibytes_and_lies_in_the_file(path: Path) -> None:
    Vault.create(path, PASSPHRASE).close()
    with sqlite3.connect(path) as file:
        n, r, p = file.execute("SELECT scrypt_n, scrypt_r, scrypt_p FROM header").fetchone()
    assert (128 * n * r, p) == (128 * 2**20, 1)
    Vault.open(path, PASSPHRASE).close()


@pytest.mark.parametrize("cost", [(3, 8, 1), (1, 8, 1), (2**30, 8, 1), (2, 8, 65), (2, 0, 1)])
def test_a_senseless_cost_is_refused(cost: tuple[int, int, int]) -> None:
    with pytest.raises(InvalidInput, match="scrypt cost"):
        ScryptCost(*cost)


# no vault, damaged vaults


def test_create_does_not_touch_an_existing_file(path: Path) -> None:
    path.write_text("a file of somebody")
    with pytest.raises(VaultError, match="exists already"):
        Vault.create(path, PASSPHRASE, cost=QUICK)
    assert path.read_text() == "a file of somebody"


def test_a_missing_file_is_not_made(path: Path) -> None:
    with pytest.raises(VaultError, match="no such file"):
        Vault.open(path, PASSPHRASE)
    assert not path.exists()


@pytest.mark.parametrize("content", [b"", b"text", b"SQLite format 3\0" + bytes(5000)])
def test_a_file_that_is_no_vault_is_refused(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(VaultDamaged, match="not a vault"):
        Vault.open(path, PASSPHRASE)


def test_another_sqlite_database_is_refused(path: Path) -> None:
    with sqlite3.connect(path) as file:
        file.execute("CREATE TABLE entries (id)")
    with pytest.raises(VaultDamaged, match="not a vault"):
        Vault.open(path, PASSPHRASE)


def test_a_later_format_is_refused_as_such(vault: Vault, path: Path) -> None:
    vault.close()
    with sqlite3.connect(path) as file:
        file.execute("PRAGMA user_version = 2")
    with pytest.raises(VaultError, match="its format is 2"):
        Vault.open(path, PASSPHRASE)


def test_a_closed_vault_says_so(vault: Vault) -> None:
    vault.close()
    with pytest.raises(VaultError, match="closed"):
        vault.get("salt", "claim-1")


@pytest.mark.parametrize("column", ["id", "label", "value"])
def test_every_flipped_byte_of_an_entry_is_detected(vault: Vault, path: Path, column: str) -> None:
    vault.put_many([("salt", "claim-1", SALT), ("salt", "claim-2", SALT)])
    with sqlite3.connect(path, isolation_level=None) as file:
        (entry_id,) = file.execute(
            "SELECT id FROM entries WHERE id = ?", (vault._cipher.entry_id("salt", "claim-1"),)
        ).fetchone()
        (whole,) = file.execute(f"SELECT {column} FROM entries WHERE id = ?", (entry_id,)).fetchone()
        for position in range(len(whole)):
            flipped = bytearray(whole)
            flipped[position] ^= 1 << (position % 8)
            at = bytes(flipped) if column == "id" else entry_id
            file.execute(f"UPDATE entries SET {column} = ? WHERE id = ?", (bytes(flipped), entry_id))
            with pytest.raises(VaultDamaged):
                vault.verify()
            with pytest.raises(VaultDamaged):
                # A value tells on get, a name on listing, an id on both.
                names(vault) if column == "label" else vault.get("salt", "claim-1")
            file.execute(f"UPDATE entries SET {column} = ? WHERE id = ?", (whole, at))
    assert vault.verify() == 2


def test_a_byte_flipped_anywhere_in_the_file_is_detected_or_harmless(vault: Vault, path: Path) -> None:
    """Free space may change unseen; an entry never comes back as anything else than what was put."""
    expected = {f"claim-{number}": os.urandom(32) for number in range(40)}
    vault.put_many(("salt", name, value) for name, value in expected.items())
    vault.close()
    whole = path.read_bytes()
    detected = 0
    for position in random.Random(7).sample(range(len(whole)), 400):
        flipped = bytearray(whole)
        flipped[position] ^= 0x10
        path.write_bytes(flipped)
        try:
            with Vault.open(path, PASSPHRASE) as damaged:
                assert damaged.verify() == 40
                assert names(damaged) == sorted(expected)
                assert {name: damaged.get("salt", name) for name in expected} == expected
        except WrongPassphrase:
            pytest.fail(f"the byte at {position} was taken for a wrong passphrase")
        except VaultError:
            detected += 1
    assert detected > 100


@pytest.mark.parametrize(
    "tampering",
    [
        "DELETE FROM entries WHERE id = (SELECT min(id) FROM entries)",
        "INSERT INTO entries SELECT CAST(substr(id, 1, 47) || x'00' AS BLOB), label, value FROM entries LIMIT 1",
        "DELETE FROM tombstones",
        "INSERT INTO tombstones VALUES (x'00')",
        "UPDATE entries SET id = 'text' WHERE id = (SELECT min(id) FROM entries)",
        "UPDATE header SET census = zeroblob(76)",
        "UPDATE header SET scrypt_n = 1024",
        "UPDATE header SET file_id = zeroblob(16)",
        "UPDATE header SET salt = NULL",
        "DELETE FROM header",
        "DROP TABLE header",
        "DROP TABLE entries",
    ],
)
def test_tampering_with_rows_is_detected(vault: Vault, path: Path, tampering: str) -> None:
    vault.put_many(("salt", f"claim-{number}", SALT) for number in range(3))
    vault.forget("salt", "claim-0")
    vault.close()
    with sqlite3.connect(path) as file:
        try:
            file.execute(tampering)
        except sqlite3.IntegrityError:  # the column refuses NULL: then not even that can be written
            return
    with pytest.raises(VaultDamaged), Vault.open(path, PASSPHRASE) as damaged:
        names(damaged)


def test_values_swapped_between_names_or_files_are_detected(vault: Vault, path: Path, tmp_path: Path) -> None:
    vault.put_many([("salt", "claim-1", b"one"), ("salt", "claim-2", b"two")])
    one, two = (vault._cipher.entry_id("salt", name) for name in ("claim-1", "claim-2"))
    with sqlite3.connect(path) as file:
        (first,) = file.execute("SELECT value FROM entries WHERE id = ?", (one,)).fetchone()
        file.execute("UPDATE entries SET value = ? WHERE id = ?", (first, two))
    with pytest.raises(VaultDamaged, match="'claim-2'"):
        vault.get("salt", "claim-2")
    with Vault.create(tmp_path / "other.db", PASSPHRASE, cost=QUICK) as other:
        other.put("salt", "claim-1", b"another one")
        with sqlite3.connect(tmp_path / "other.db") as file:
            file.execute("UPDATE entries SET value = ?", (first,))
        with pytest.raises(VaultDamaged, match="'claim-1'"):
            other.get("salt", "claim-1")


# forget


def test_a_forgotten_entry_is_gone_from_the_file_and_its_name_is_barred(vault: Vault, path: Path) -> None:
    vault.put_many(("salt", f"claim-{number}", SALT) for number in range(50))
    with sqlite3.connect(path) as file:
        row = file.execute(
            "SELECT id, label, value FROM entries WHERE id = ?", (vault._cipher.entry_id("salt", "claim-7"),)
        ).fetchone()
    assert all(part in path.read_bytes() for part in row)
    assert vault.forget("salt", "claim-7")
    assert not any(part in path.read_bytes() for part in row)
    with pytest.raises(EntryErased, match="was erased"):
        vault.get("salt", "claim-7")
    with pytest.raises(EntryErased, match="cannot be used again"):
        vault.put("salt", "claim-7", SALT)
    assert len(names(vault)) == vault.verify() == 49


def test_forgetting_twice_or_what_was_never_there_says_so(vault: Vault) -> None:
    vault.put("salt", "claim-1", SALT)
    assert vault.forget("salt", "claim-1")
    assert not vault.forget("salt", "claim-1")
    assert not vault.forget("salt", "claim-2")
    with pytest.raises(EntryErased):
        vault.put("salt", "claim-2", SALT)
    assert vault.verify() == 0


# rotate


def test_after_a_rotation_only_the_new_passphrase_opens_and_all_is_there(vault: Vault, path: Path) -> None:
    vault.put_many(("salt", f"claim-{number}", bytes([number])) for number in range(20))
    vault.forget("salt", "claim-3")
    vault.rotate(NEW_PASSPHRASE)
    assert vault.get("salt", "claim-4") == b"\4"
    vault.put("salt", "after", b"")
    vault.close()
    with pytest.raises(WrongPassphrase):
        Vault.open(path, PASSPHRASE)
    with Vault.open(path, NEW_PASSPHRASE) as again:
        assert again.verify() == 20
        assert again.get("salt", "claim-19") == b"\x13"
        with pytest.raises(EntryErased):
            again.put("salt", "claim-3", b"")


def test_all_copies_of_a_vault_have_its_identity_also_after_a_rotation(vault: Vault, path: Path) -> None:
    identity = vault.identity
    vault.backup(path.with_name("backup.db"))
    vault.rotate(NEW_PASSPHRASE)
    with Vault.open(path.with_name("backup.db"), PASSPHRASE) as backup, Vault.open(path, NEW_PASSPHRASE) as again:
        assert vault.identity == backup.identity == again.identity == identity
    with Vault.create(path.with_name("another.db"), PASSPHRASE, cost=QUICK) as another:
        assert another.identity != identity


def test_a_rotation_leaves_no_row_of_the_old_key(vault: Vault, path: Path) -> None:
    vault.put_many(("salt", f"claim-{number}", SALT) for number in range(30))
    with sqlite3.connect(path) as file:
        before = [part for row in file.execute("SELECT id, label, value FROM entries") for part in row]
    vault.rotate(NEW_PASSPHRASE)
    content = path.read_bytes()
    assert len(before) == 90
    assert not any(part in content for part in before)


def test_an_old_header_does_not_open_a_rotated_vault(vault: Vault, path: Path) -> None:
    vault.put("salt", "claim-1", SALT)
    with sqlite3.connect(path) as file:
        (columns,) = file.execute("SELECT * FROM header").fetchall()
    vault.rotate(NEW_PASSPHRASE)
    vault.close()
    with sqlite3.connect(path) as file:
        file.execute(f"INSERT OR REPLACE INTO header VALUES ({', '.join('?' * len(columns))})", columns)
    with Vault.open(path, PASSPHRASE) as forged, pytest.raises(VaultDamaged):
        forged.get("salt", "claim-1")


def test_a_rotation_by_another_process_is_noticed_before_anything_is_written(vault: Vault, path: Path) -> None:
    vault.put("salt", "claim-1", SALT)
    with Vault.open(path, PASSPHRASE) as other:
        other.rotate(NEW_PASSPHRASE)
        for use in (lambda: vault.put("salt", "claim-2", SALT), lambda: vault.get("salt", "claim-1"), vault.kinds):
            with pytest.raises(VaultRotated, match="open it again"):
                use()
        assert names(other) == ["claim-1"]
        assert other.verify() == 1


def test_that_an_entry_is_missing_is_said_without_counting_all_rows_each_time(
    vault: Vault, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault.put_many(("salt", f"claim-{number}", SALT) for number in range(3))
    counted = []
    monkeypatch.setattr(
        Vault, "_check_census", lambda self, check=Vault._check_census: (counted.append(1), check(self))
    )
    for _ in range(5):
        with pytest.raises(EntryMissing):
            vault.get("salt", "claim-9")
    assert len(counted) == 1
    with sqlite3.connect(path) as file:
        file.execute("DELETE FROM entries WHERE id = (SELECT min(id) FROM entries)")
    vault._counted_until = time.monotonic()
    with pytest.raises(VaultDamaged):
        vault.get("salt", "claim-9")
    vault.close()
    with Vault.open(path, PASSPHRASE) as anew, pytest.raises(VaultDamaged):
        anew.get("salt", "claim-9")


def test_a_damaged_vault_is_not_rotated(vault: Vault, path: Path) -> None:
    vault.put_many(("salt", f"claim-{number}", SALT) for number in range(3))
    with sqlite3.connect(path) as file:
        file.execute("DELETE FROM entries WHERE id = (SELECT min(id) FROM entries)")
    with pytest.raises(VaultDamaged):
        vault.rotate(NEW_PASSPHRASE)
    vault.close()
    Vault.open(path, PASSPHRASE).close()


# backup and restore


def test_a_backup_restores_to_a_new_vault(vault: Vault, path: Path, tmp_path: Path) -> None:
    vault.put_many(("salt", f"claim-{number}", bytes([number])) for number in range(10))
    vault.forget("salt", "claim-9")
    vault.backup(tmp_path / "backup.db")
    vault.put("salt", "after", b"")
    vault.close()
    path.unlink()
    assert Vault.restore(tmp_path / "backup.db", path, PASSPHRASE) == Restoration(path, 9, 0, 0, 0)
    with Vault.open(path, PASSPHRASE) as restored:
        assert restored.verify() == 9
        assert restored.get("salt", "claim-8") == b"\x08"
        with pytest.raises(EntryErased):
            restored.get("salt", "claim-9")
        with pytest.raises(EntryMissing):
            restored.get("salt", "after")


def test_a_backup_restores_from_a_read_only_place(vault: Vault, path: Path, tmp_path: Path) -> None:
    vault.put("salt", "claim-1", SALT)
    (tmp_path / "safe").mkdir()
    vault.backup(tmp_path / "safe" / "backup.db")
    before = (tmp_path / "safe" / "backup.db").read_bytes()
    (tmp_path / "safe" / "backup.db").chmod(0o400)
    (tmp_path / "safe").chmod(0o500)
    try:
        assert Vault.restore(tmp_path / "safe" / "backup.db", tmp_path / "new.db", PASSPHRASE).restored == 1
        assert Vault.restore(tmp_path / "safe" / "backup.db", path, PASSPHRASE).already_there == 1
    finally:
        (tmp_path / "safe").chmod(0o700)
    assert (tmp_path / "safe" / "backup.db").read_bytes() == before
    assert stat.S_IMODE((tmp_path / "new.db").stat().st_mode) == 0o600


def test_a_backup_does_not_replace_a_file(vault: Vault, tmp_path: Path) -> None:
    (tmp_path / "backup.db").write_text("a file of somebody")
    with pytest.raises(VaultError, match="exists already"):
        vault.backup(tmp_path / "backup.db")
    assert (tmp_path / "backup.db").read_text() == "a file of somebody"


def test_a_damaged_vault_is_not_backed_up(vault: Vault, path: Path, tmp_path: Path) -> None:
    vault.put("salt", "claim-1", SALT)
    with sqlite3.connect(path) as file:
        file.execute("UPDATE entries SET value = zeroblob(60)")
    with pytest.raises(VaultDamaged):
        vault.backup(tmp_path / "backup.db")
    assert [file.name for file in tmp_path.iterdir()] == ["vault.db"]


def test_restoring_into_a_vault_brings_back_what_is_lost_and_nothing_that_was_erased(
    vault: Vault, path: Path, tmp_path: Path
) -> None:
    vault.put_many(("salt", f"claim-{number}", bytes([number])) for number in range(5))
    vault.backup(tmp_path / "older.db")
    vault.forget("salt", "claim-1")
    vault.backup(tmp_path / "newer.db")
    vault.put("salt", "claim-5", b"\5")
    vault.close()
    assert Vault.restore(tmp_path / "older.db", path, PASSPHRASE) == Restoration(path, 0, 4, 1, 0)
    with Vault.open(path, PASSPHRASE) as merged:
        assert names(merged) == ["claim-0", "claim-2", "claim-3", "claim-4", "claim-5"]
        assert merged.verify() == 5
    # The older backup as the vault, and the newer one restored into it: what the newer knows to be erased goes.
    older = tmp_path / "from-older.db"
    assert Vault.restore(tmp_path / "older.db", older, PASSPHRASE).restored == 5
    assert Vault.restore(path, older, PASSPHRASE) == Restoration(older, 1, 4, 0, 1)
    with Vault.open(older, PASSPHRASE) as merged:
        assert names(merged) == ["claim-0", "claim-2", "claim-3", "claim-4", "claim-5"]
        assert merged.verify() == 5
        with pytest.raises(EntryErased):
            merged.get("salt", "claim-1")


def test_a_backup_from_before_a_rotation_restores_without_what_was_erased(
    vault: Vault, path: Path, tmp_path: Path
) -> None:
    vault.put_many(("salt", f"claim-{number}", bytes([number])) for number in range(3))
    vault.backup(tmp_path / "backup.db")
    vault.forget("salt", "claim-1")
    vault.rotate(NEW_PASSPHRASE)
    vault.close()
    with pytest.raises(WrongPassphrase) as caught:
        Vault.restore(tmp_path / "backup.db", path, NEW_PASSPHRASE)
    assert caught.value.path == str(tmp_path / "backup.db")
    result = Vault.restore(tmp_path / "backup.db", path, NEW_PASSPHRASE, backup_passphrase=PASSPHRASE)
    assert result == Restoration(path, 0, 2, 1, 0)


def test_restoring_a_conflicting_value_changes_nothing(vault: Vault, path: Path, tmp_path: Path) -> None:
    vault.put("salt", "a", b"1")
    vault.backup(tmp_path / "base.db")
    Vault.restore(tmp_path / "base.db", tmp_path / "twin.db", PASSPHRASE)
    with Vault.open(tmp_path / "twin.db", PASSPHRASE) as twin:
        twin.put_many([("salt", "b", b"theirs"), *(("salt", f"new-{number}", b"") for number in range(20))])
        twin.forget("salt", "a")
    vault.put("salt", "b", b"ours")
    vault.close()
    with pytest.raises(EntryConflict, match="'b'"):
        Vault.restore(tmp_path / "twin.db", path, PASSPHRASE)
    with Vault.open(path, PASSPHRASE) as unchanged:
        assert names(unchanged) == ["a", "b"]
        assert unchanged.verify() == 2


def test_a_backup_of_another_vault_is_refused(vault: Vault, path: Path, tmp_path: Path) -> None:
    with Vault.create(tmp_path / "other.db", PASSPHRASE, cost=QUICK) as other:
        other.put("salt", "claim-1", SALT)
    with pytest.raises(VaultError, match="another vault"):
        Vault.restore(tmp_path / "other.db", path, PASSPHRASE)
    with pytest.raises(InvalidInput, match="the vault itself"):
        Vault.restore(path, path, PASSPHRASE)


def test_a_damaged_backup_is_not_restored(vault: Vault, tmp_path: Path) -> None:
    vault.put("salt", "claim-1", SALT)
    vault.backup(tmp_path / "backup.db")
    with sqlite3.connect(tmp_path / "backup.db") as file:
        file.execute("UPDATE entries SET value = zeroblob(60)")
    with pytest.raises(VaultDamaged):
        Vault.restore(tmp_path / "backup.db", tmp_path / "new.db", PASSPHRASE)
    assert not (tmp_path / "new.db").exists()


# two at once


def test_a_vault_locked_by_another_is_busy_and_nothing_is_done(vault: Vault, path: Path, tmp_path: Path) -> None:
    vault.put("salt", "claim-1", SALT)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    uses = [
        lambda: vault.put("salt", "claim-2", SALT),
        lambda: vault.get("salt", "claim-1"),
        lambda: vault.forget("salt", "claim-1"),
        lambda: vault.rotate(NEW_PASSPHRASE),
        lambda: vault.backup(tmp_path / "backup.db"),
        lambda: Vault.open(path, PASSPHRASE, busy_seconds=0.05),
    ]
    for use in uses:
        with pytest.raises(VaultBusy, match="another process"):
            use()
    other.execute("ROLLBACK")
    other.close()
    assert names(vault) == ["claim-1"]
    assert [file.name for file in tmp_path.iterdir()] == ["vault.db"]


def test_every_vault_error_ends_a_command_with_the_vaults_exit_code() -> None:
    for error in (EntryConflict, EntryErased, EntryMissing, VaultBusy, VaultDamaged, VaultRotated, WrongPassphrase):
        raised = error("vault.db", "why")
        assert isinstance(raised, CareLedgerError)
        assert raised.exit_code == 8
        assert raised.fields()["path"] == "vault.db"
        assert str(raised) == "vault vault.db: why"

"""The vault: what it gives back, and everything that keeps it shut."""

import json
import stat
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from app.kit.vault import Vault, VaultClosed, is_current

SECRETS = {"client_secret": "canary-7f3a", "certificate": "-----BEGIN\nzwei Zeilen ä"}


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return Vault(tmp_path / "deep" / "key")


def test_what_is_sealed_comes_back_and_the_text_shows_nothing(vault: Vault) -> None:
    sealed = vault.seal("con_1 connection", SECRETS)
    assert vault.open("con_1 connection", sealed) == SECRETS
    assert "canary" not in sealed
    assert vault.seal("con_1 connection", SECRETS) != sealed


def test_the_key_is_made_once_for_its_owner_alone(vault: Vault) -> None:
    vault.seal("con_1 connection", SECRETS)
    key = vault.key_file.read_bytes()
    assert stat.S_IMODE(vault.key_file.stat().st_mode) == 0o600
    vault.seal("con_2 connection", SECRETS)
    assert vault.key_file.read_bytes() == key


def test_another_key_opens_nothing(vault: Vault) -> None:
    sealed = vault.seal("con_1 connection", SECRETS)
    vault.key_file.write_bytes(Fernet.generate_key())
    with pytest.raises(VaultClosed, match="not the one that sealed"):
        vault.open("con_1 connection", sealed)


def test_a_lost_key_opens_nothing_and_opening_makes_none(vault: Vault) -> None:
    sealed = vault.seal("con_1 connection", SECRETS)
    vault.key_file.unlink()
    with pytest.raises(VaultClosed, match="cannot be read"):
        vault.open("con_1 connection", sealed)
    assert not vault.key_file.exists()


@pytest.mark.parametrize("content", [b"no key at all\n", b"", b"\xff\xfe"])
def test_a_file_that_holds_no_key_is_reported(vault: Vault, content: bytes) -> None:
    sealed = vault.seal("con_1 connection", SECRETS)
    vault.key_file.write_bytes(content)
    with pytest.raises(VaultClosed, match="holds no key"):
        vault.open("con_1 connection", sealed)
    with pytest.raises(VaultClosed, match="holds no key"):
        vault.seal("con_1 connection", SECRETS)


def test_one_rows_secrets_do_not_open_in_another_row(vault: Vault) -> None:
    sealed = vault.seal("con_1 connection", SECRETS)
    with pytest.raises(VaultClosed, match="something else"):
        vault.open("con_2 connection", sealed)


def test_a_changed_letter_opens_nothing(vault: Vault) -> None:
    sealed = vault.seal("con_1 connection", SECRETS)
    middle = len(sealed) // 2
    changed = sealed[:middle] + ("A" if sealed[middle] != "A" else "B") + sealed[middle + 1 :]
    with pytest.raises(VaultClosed):
        vault.open("con_1 connection", changed)


def test_a_rotated_key_seals_with_the_first_and_opens_with_all(vault: Vault) -> None:
    old = vault.seal("con_1 connection", SECRETS)
    first = vault.key_file.read_bytes().strip()
    second = Fernet.generate_key()
    vault.key_file.write_bytes(second + b"\n" + first + b"\n")
    new = vault.seal("con_1 connection", SECRETS)
    assert vault.open("con_1 connection", old) == vault.open("con_1 connection", new) == SECRETS
    vault.key_file.write_bytes(second + b"\n")
    assert vault.open("con_1 connection", new) == SECRETS
    with pytest.raises(VaultClosed):
        vault.open("con_1 connection", old)


def test_a_folder_that_cannot_be_made_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(VaultClosed, match="cannot be made"):
        Vault(tmp_path / "file" / "key").seal("con_1 connection", SECRETS)


def test_what_is_sealed_for_one_purpose_opens_as_no_other(vault: Vault) -> None:
    """Also where the text inside names the other owner: the keys differ."""
    sealed = vault.seal("con_1 connection", SECRETS)
    for owner in ("con_1 key", "con_1 webhook", "con_2 connection"):
        with pytest.raises(VaultClosed):
            vault.open(owner, sealed)


def test_an_owner_is_a_row_with_a_purpose(vault: Vault) -> None:
    with pytest.raises(ValueError, match="names no row with a purpose"):
        vault.seal("con_1", SECRETS)


def sealed_by_8b96ff6(vault: Vault, owner: str) -> str:
    """As the release 8b96ff6 sealed: with the file's key itself."""
    if not vault.key_file.exists():
        vault.seal("con_0 connection", {})
    content = json.dumps({"owner": owner, "secrets": SECRETS}).encode()
    return Fernet(vault.key_file.read_bytes().split()[0]).encrypt(content).decode()


def test_what_8b96ff6_sealed_opens_for_its_owner_alone(vault: Vault) -> None:
    connection, key = sealed_by_8b96ff6(vault, "con_1"), sealed_by_8b96ff6(vault, "dep_1 key")
    assert vault.open("con_1 connection", connection) == vault.open("dep_1 key", key) == SECRETS
    assert not is_current(connection)
    for owner, sealed in (("con_2 connection", connection), ("con_1 webhook", connection), ("dep_2 key", key)):
        with pytest.raises(VaultClosed, match="something else"):
            vault.open(owner, sealed)


def test_a_key_is_added_before_the_others_and_they_are_dropped(vault: Vault) -> None:
    old = vault.seal("con_1 connection", SECRETS)
    vault.add_key()
    new = vault.seal("con_1 connection", SECRETS)
    assert vault.open("con_1 connection", old) == SECRETS
    assert vault.drop_older_keys() == 1
    assert vault.drop_older_keys() == 0
    assert vault.open("con_1 connection", new) == SECRETS
    with pytest.raises(VaultClosed):
        vault.open("con_1 connection", old)
    assert stat.S_IMODE(vault.key_file.stat().st_mode) == 0o600
    assert [each.name for each in vault.key_file.parent.iterdir()] == ["key"]

"""The vault: what it gives back, and everything that keeps it shut."""

import stat
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from app.kit.vault import Vault, VaultClosed

SECRETS = {"client_secret": "canary-7f3a", "certificate": "-----BEGIN\nzwei Zeilen ä"}


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return Vault(tmp_path / "deep" / "key")


def test_what_is_sealed_comes_back_and_the_text_shows_nothing(vault: Vault) -> None:
    sealed = vault.seal("con_1", SECRETS)
    assert vault.open("con_1", sealed) == SECRETS
    assert "canary" not in sealed
    assert vault.seal("con_1", SECRETS) != sealed


def test_the_key_is_made_once_for_its_owner_alone(vault: Vault) -> None:
    vault.seal("con_1", SECRETS)
    key = vault.key_file.read_bytes()
    assert stat.S_IMODE(vault.key_file.stat().st_mode) == 0o600
    vault.seal("con_2", SECRETS)
    assert vault.key_file.read_bytes() == key


def test_another_key_opens_nothing(vault: Vault) -> None:
    sealed = vault.seal("con_1", SECRETS)
    vault.key_file.write_bytes(Fernet.generate_key())
    with pytest.raises(VaultClosed, match="not the one that sealed"):
        vault.open("con_1", sealed)


def test_a_lost_key_opens_nothing_and_opening_makes_none(vault: Vault) -> None:
    sealed = vault.seal("con_1", SECRETS)
    vault.key_file.unlink()
    with pytest.raises(VaultClosed, match="cannot be read"):
        vault.open("con_1", sealed)
    assert not vault.key_file.exists()


@pytest.mark.parametrize("content", [b"no key at all\n", b"", b"\xff\xfe"])
def test_a_file_that_holds_no_key_is_reported(vault: Vault, content: bytes) -> None:
    sealed = vault.seal("con_1", SECRETS)
    vault.key_file.write_bytes(content)
    with pytest.raises(VaultClosed, match="holds no key"):
        vault.open("con_1", sealed)
    with pytest.raises(VaultClosed, match="holds no key"):
        vault.seal("con_1", SECRETS)


def test_one_rows_secrets_do_not_open_in_another_row(vault: Vault) -> None:
    sealed = vault.seal("con_1", SECRETS)
    with pytest.raises(VaultClosed, match="something else"):
        vault.open("con_2", sealed)


def test_a_changed_letter_opens_nothing(vault: Vault) -> None:
    sealed = vault.seal("con_1", SECRETS)
    middle = len(sealed) // 2
    changed = sealed[:middle] + ("A" if sealed[middle] != "A" else "B") + sealed[middle + 1 :]
    with pytest.raises(VaultClosed):
        vault.open("con_1", changed)


def test_a_rotated_key_seals_with_the_first_and_opens_with_all(vault: Vault) -> None:
    old = vault.seal("con_1", SECRETS)
    first = vault.key_file.read_bytes().strip()
    second = Fernet.generate_key()
    vault.key_file.write_bytes(second + b"\n" + first + b"\n")
    new = vault.seal("con_1", SECRETS)
    assert vault.open("con_1", old) == vault.open("con_1", new) == SECRETS
    vault.key_file.write_bytes(second + b"\n")
    assert vault.open("con_1", new) == SECRETS
    with pytest.raises(VaultClosed):
        vault.open("con_1", old)


def test_a_folder_that_cannot_be_made_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(VaultClosed, match="cannot be made"):
        Vault(tmp_path / "file" / "key").seal("con_1", SECRETS)

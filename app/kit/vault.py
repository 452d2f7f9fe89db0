"""Secrets at rest: sealed with a key that lives in a file of its own, apart from the data that it guards."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet


class VaultClosed(Exception):
    """The key is not there, not readable, or not the one that sealed this."""


class Vault:
    """Seals small mappings of text. `key_file` is made at the first sealing, and never again once something is sealed.

    What is sealed names its owner, so that one row's secrets cannot be put into another row. The file may hold several
    keys, one a line: the first seals, all open (that is how a key is changed).
    """

    def __init__(self, key_file: Path) -> None:
        self.key_file = key_file

    def seal(self, owner: str, secrets: Mapping[str, str]) -> str:
        """Return the secrets sealed for `owner`; makes the key file if there is none.

        Raises:
            VaultClosed: when the key file cannot be made or read.
        """
        from cryptography.fernet import Fernet

        if not self.key_file.exists():
            self._make(Fernet.generate_key())
        whole = json.dumps({"owner": owner, "secrets": dict(secrets)}).encode()
        return self._keys().encrypt(whole).decode()

    def open(self, owner: str, sealed: str) -> dict[str, str]:
        """Return what was sealed for `owner`.

        Raises:
            VaultClosed: when the key is gone, is another one, or the secrets are somebody else's.
        """
        from cryptography.fernet import InvalidToken

        try:
            found = json.loads(self._keys().decrypt(sealed.encode()))
        except InvalidToken:
            raise VaultClosed(f"The key in {self.key_file} is not the one that sealed these secrets.") from None
        if found["owner"] != owner:
            raise VaultClosed("These secrets were sealed for something else.")
        secrets: dict[str, str] = found["secrets"]
        return secrets

    def _keys(self) -> "MultiFernet":
        from cryptography.fernet import Fernet, MultiFernet

        try:
            lines = self.key_file.read_text(encoding="ascii").split()
            return MultiFernet([Fernet(line) for line in lines])
        except OSError:
            raise VaultClosed(f"The key file {self.key_file} cannot be read.") from None
        except ValueError:
            raise VaultClosed(f"The key file {self.key_file} holds no key.") from None

    def _make(self, key: bytes) -> None:
        try:
            if not self.key_file.parent.is_dir():
                self.key_file.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(self.key_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            if self.key_file.exists():
                return  # somebody else made it meanwhile
            raise VaultClosed(f"The key file {self.key_file} cannot be made: {error.strerror}.") from None
        with os.fdopen(handle, "wb") as file:
            file.write(key + b"\n")
            file.flush()
            os.fsync(file.fileno())

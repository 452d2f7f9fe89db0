"""Secrets at rest: sealed with keys that are derived from a file of its own, apart from the data that it guards."""

import base64
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from app.kit.redaction import know

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet

_FORM = "2:"  # what is sealed by a key of its purpose begins so; what 8b96ff6 sealed begins with Fernet's own version
_KEY_BYTES = 32
# Whose secrets 8b96ff6 sealed, all with one key, and as what it named them: connections' by their id alone.
_BEFORE = {"connection": "{row}", "key": "{row} key"}


class VaultClosed(Exception):
    """The key is not there, not readable, or not the one that sealed this."""


class Vault:
    """Seals small mappings of text for an owner: `ROW PURPOSE`, such as `con_1 connection`.

    Each purpose has a key of its own, derived from the file's (HKDF, RFC 5869), so that what is sealed for one opens as
    no other; and what is sealed names its owner, so that one row's secrets cannot be put into another row. The key file
    is made at the first sealing. It may hold several keys, one a line: the first seals, all open (that is how a key is
    changed, `rotated`).
    """

    def __init__(self, key_file: Path) -> None:
        self.key_file = key_file

    def seal(self, owner: str, secrets: Mapping[str, str]) -> str:
        """Return the secrets sealed for `owner`; makes the key file if there is none.

        Raises:
            VaultClosed: when the key file cannot be made or read.
        """
        know(*secrets.values())
        return self.wrap(owner, secrets)

    def wrap(self, owner: str, passing: Mapping[str, str]) -> str:
        """As `seal`, for what passes by, in a browser's cookie say: the log need not know it to leave it out.

        Raises:
            VaultClosed: as `seal`.
        """
        if not self.key_file.exists():
            self._make(new_key())
        whole = json.dumps({"owner": owner, "secrets": dict(passing)}).encode()
        return _FORM + self._keys(_purpose(owner)).encrypt(whole).decode()

    def open(self, owner: str, sealed: str) -> dict[str, str]:
        """Return what was sealed for `owner`.

        Raises:
            VaultClosed: when the key is gone, is another one, or the secrets are somebody else's.
        """
        secrets = self.unwrap(owner, sealed)
        know(*secrets.values())
        return secrets

    def unwrap(self, owner: str, sealed: str) -> dict[str, str]:
        """Return what was wrapped for `owner`.

        Raises:
            VaultClosed: as `open`.
        """
        from cryptography.fernet import InvalidToken

        purpose = _purpose(owner)
        keys, named = (self._keys(purpose), owner) if is_current(sealed) else (self._keys(""), _former(owner))
        try:
            found = json.loads(keys.decrypt(sealed.removeprefix(_FORM).encode()))
        except InvalidToken:
            raise VaultClosed(f"The key in {self.key_file} is not the one that sealed these secrets.") from None
        if found["owner"] != named:
            raise VaultClosed("These secrets were sealed for something else.")
        secrets: dict[str, str] = found["secrets"]
        return secrets

    def add_key(self) -> None:
        """Put a new key before those that are there: it seals from now on, and all still open.

        Raises:
            VaultClosed: when the file cannot be read or written.
        """
        self._write([new_key().decode(), *self._lines()])

    def drop_older_keys(self) -> int:
        """Keep the first key alone; return how many went. What they sealed opens no more: seal it anew before.

        Raises:
            VaultClosed: when the file cannot be read or written.
        """
        first, *older = self._lines()
        if older:
            self._write([first])
        return len(older)

    def _keys(self, purpose: str) -> "MultiFernet":
        from cryptography.fernet import Fernet, MultiFernet

        try:
            return MultiFernet([Fernet(_derived(line, purpose) if purpose else line) for line in self._lines()])
        except ValueError:
            raise VaultClosed(f"The key file {self.key_file} holds no key.") from None

    def _lines(self) -> list[str]:
        try:
            lines = self.key_file.read_text(encoding="ascii").split()
        except OSError:
            raise VaultClosed(f"The key file {self.key_file} cannot be read.") from None
        except ValueError:
            lines = []
        if not lines:
            raise VaultClosed(f"The key file {self.key_file} holds no key.")
        return lines

    def _make(self, key: bytes) -> None:
        try:
            if not self.key_file.parent.is_dir():
                self.key_file.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(self.key_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            if self.key_file.exists():
                return  # somebody else made it meanwhile
            raise VaultClosed(f"The key file {self.key_file} cannot be made: {error.strerror}.") from None
        _write_through(handle, key + b"\n")

    def _write(self, lines: list[str]) -> None:
        """Put another file in the place of the one that is there: whole, or not at all."""
        draft = self.key_file.with_name(f"{self.key_file.name}.new")
        try:
            draft.unlink(missing_ok=True)
            _write_through(
                os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "\n".join(lines).encode() + b"\n"
            )
            draft.replace(self.key_file)
            folder = os.open(self.key_file.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise VaultClosed(f"The key file {self.key_file} cannot be written: {error.strerror}.") from None


def is_current(sealed: str) -> bool:
    """Tell whether secrets are sealed by a key of their purpose; those of 8b96ff6 are not."""
    return sealed.startswith(_FORM)


def new_key() -> bytes:
    """Return a fresh key as the file holds it."""
    return base64.urlsafe_b64encode(os.urandom(_KEY_BYTES))


def _purpose(owner: str) -> str:
    row, _, purpose = owner.partition(" ")
    if not row or not purpose:
        raise ValueError(f"{owner!r} names no row with a purpose")
    return purpose


def _former(owner: str) -> str:
    row, _, purpose = owner.partition(" ")
    return _BEFORE.get(purpose, "").format(row=row)


def _derived(line: str, purpose: str) -> bytes:
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    key = base64.urlsafe_b64decode(line)
    if len(key) != _KEY_BYTES:
        raise ValueError(line)
    derived = HKDF(SHA256(), _KEY_BYTES, salt=None, info=f"tunedesk {purpose}".encode()).derive(key)
    return base64.urlsafe_b64encode(derived)


def _write_through(handle: int, content: bytes) -> None:
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())

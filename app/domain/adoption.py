"""What is on an account that others use, too: files and jobs made elsewhere, which can be adopted into the record.

What is adopted is read, followed, shown and compared. It is never submitted, steered or billed from here, and never
removed at its provider unless somebody types the name that it has there.
"""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from app.domain.lifeboats import PastJob
from app.domain.profiles import Ability


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountFile:
    """A file of rows on the account. `tag` is our id that it was made for, where this installation made it, else ""."""

    id: str
    name: str
    state: str = ""
    bytes: int | None = None
    made_at: datetime | None = None
    tag: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountJob:
    """A training on the account, in the provider's words; `tag` as of a file."""

    job: PastJob
    tag: str = ""

    @property
    def id(self) -> str:
        """What the provider calls it."""
        return self.job.id


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What is on the account, the newest first. `cut`: there is more than was listed. `missing`: what was not read."""

    jobs: Sequence[AccountJob] = field(default_factory=tuple)
    files: Sequence[AccountFile] = field(default_factory=tuple)
    cut: bool = False
    missing: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AdoptedFile:
    """A file of an account that is in the record: as the dataset that its rows are here."""

    connection: str
    remote_id: str
    name: str
    dataset: str
    created_at: datetime


class Adopts(Ability):
    """To show what is on the account, whoever made it, so that it can be taken into the record.

    A job that was adopted is looked at by `Backend.observe`, as any. But for `remove_account_file`, it is only read.
    """

    @abstractmethod
    def account(self) -> Account:
        """Return what is there now."""

    @abstractmethod
    def account_job(self, identifier: str) -> AccountJob:
        """Return one job; its tag is told whenever the provider has it in any way.

        Raises:
            NotFound: there is none.
        """

    @abstractmethod
    def account_file(self, identifier: str) -> AccountFile:
        """Return one file.

        Raises:
            NotFound: there is none.
        """

    @abstractmethod
    def account_rows(self, identifier: str) -> bytes:
        """Return a file's rows, as they were uploaded.

        Raises:
            NotFound: there are none (any more).
        """

    @abstractmethod
    def remove_account_file(self, identifier: str) -> None:
        """Remove a file for good, whoever made it; one that is gone is fine."""

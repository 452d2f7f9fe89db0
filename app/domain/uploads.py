"""Files on their way here: brought piece by piece, over as many connections as it takes."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file that is being brought: what it is called, how many bytes it has, and how many are here."""

    id: str
    filename: str
    bytes: int
    received: int
    created_by: str = ""

    @property
    def complete(self) -> bool:
        """Whether all of it is here."""
        return self.received == self.bytes


@dataclass(frozen=True, slots=True)
class FormPart:
    """A part of a form on its way here: a field, or with a `filename` a file. Its bytes can be read once."""

    name: str
    filename: str | None
    chunks: Iterator[bytes]


class PartsStatus(StrEnum):
    """Where an upload in parts stands, in OpenAI's words."""

    PENDING = "pending"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadInParts:
    """A file that is brought in parts, in any order and several at once; at the end their order is said.

    `bytes` is what the whole was said to have; `dataset` what became of it.
    """

    id: str
    filename: str
    bytes: int
    created_at: datetime
    expires_at: datetime
    status: PartsStatus = PartsStatus.PENDING
    dataset: str | None = None
    created_by: str = ""

"""Files on their way here: brought piece by piece, over as many connections as it takes."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file that is being brought: what it is called, how many bytes it has, and how many are here."""

    id: str
    filename: str
    bytes: int
    received: int

    @property
    def complete(self) -> bool:
        """Whether all of it is here."""
        return self.received == self.bytes

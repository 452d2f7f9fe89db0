"""What tries to come in cost: each costs its account and its address waiting time, before anything is looked at.

Nothing is locked for good: that would let anybody lock anybody out.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from app.domain.errors import TooManyTries
from app.store import people, ways_in
from app.store.database import Writer


@dataclass(frozen=True, slots=True)
class Patience:
    """So many tries are free; each further one waits twice as long, at most `longest_s` seconds."""

    free: int
    longest_s: int

    def wait_s(self, failures: int) -> int:
        beyond = failures - self.free
        return 0 if beyond <= 0 else min(self.longest_s, 2 ** min(beyond, 20))


# At most 16 guesses an hour at an account; offices share an address.
OF_AN_ACCOUNT = Patience(free=3, longest_s=600)
OF_AN_ADDRESS = Patience(free=30, longest_s=60)


def account_key(name: str) -> str:
    """Return under which key tries at an account are counted."""
    return ways_in.sha256_of(f"account {people.key_of(name)}")


def address_key(address: str) -> str:
    """Return under which key tries from an address are counted."""
    return ways_in.sha256_of(f"address {address}")


def change_key(person: str) -> str:
    """Return under which key tries at the old password of whoever changes theirs are counted: those in a session that
    somebody else has got hold of must not make its person wait before they sign in.
    """
    return ways_in.sha256_of(f"change {person}")


def count_try(tx: Writer, key: str, patience: Patience, now: datetime, *, of: str = "Signing in") -> None:
    """Count a try; `of` is what was tried.

    Raises:
        TooManyTries: it comes too early.
    """
    failures, next_at = ways_in.attempt(tx, key) or (0, now)
    if next_at > now:
        wait = int((next_at - now).total_seconds()) + 1
        message = f"{of} was tried too often for this account, or from here."
        raise TooManyTries(message, wait_s=wait, fix=f"Wait {wait} seconds, then try again.")
    after = now + timedelta(seconds=patience.wait_s(failures + 1))
    ways_in.set_attempt(tx, key, failures + 1, next_at=after, now=now)


def used_before(tx: Writer, key: str, now: datetime) -> bool:
    """Tell whether something that may come once has come already, and note that it has; that is kept for a day."""
    if ways_in.attempt(tx, key) is not None:
        return True
    ways_in.set_attempt(tx, key, 1, next_at=now, now=now)
    return False

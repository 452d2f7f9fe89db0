"""Signing in at a provider by a person: a code is shown here and typed there, in any browser."""

from abc import abstractmethod
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from app.domain.profiles import Ability


class SignInStatus(StrEnum):
    """Where a person's sign-in stands."""

    NEEDED = "needed"
    WAITING = "waiting"
    SIGNED_IN = "signed_in"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """A person's sign-in. `address` and `code` stand while it waits, until `expires_at`; `who` once it is done."""

    status: SignInStatus
    address: str = ""
    code: str = ""
    expires_at: datetime | None = None
    who: str = ""
    message: str = ""


class SignsIn(Ability):
    """To let a person sign in by a code."""

    @abstractmethod
    def sign_in(self) -> SignIn | None:
        """Return where it stands; None where the connection signs in by itself."""

    @abstractmethod
    def begin_sign_in(self) -> SignIn:
        """Ask the provider for a code, unless one is waiting already; returns within seconds.

        Raises:
            Unsupported: where the connection signs in by itself.
        """

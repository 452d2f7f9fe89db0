"""Kinds of connections that people make: what each asks for, and how it becomes a backend."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

from app.domain.backend import Backend
from app.domain.discovery import Creation, Step
from app.domain.errors import Problem
from app.domain.fields import ConnectionField
from app.domain.profiles import BackendProfile


class ConnectionKind(ABC):
    """A provider that a team connects: its fields, and how they become a backend.

    `steps` are the choices that lead to where its jobs run, none where there is nothing to choose; `creations` what can
    be made where the last step does not list it, in the order in which pages show them.
    """

    steps: Sequence[Step] = ()
    creations: Sequence[Creation] = ()

    @property
    @abstractmethod
    def profile(self) -> BackendProfile:
        """What the backends of this kind are; its id is what `Connection.backend` holds."""

    @property
    @abstractmethod
    def summary(self) -> str:
        """What it is for, in a sentence."""

    @property
    @abstractmethod
    def fields(self) -> Sequence[ConnectionField]:
        """What it asks for, in the order of the form."""

    @abstractmethod
    def problems(self, settings: Mapping[str, str], others: Sequence[Mapping[str, str]]) -> Sequence[Problem]:
        """Return what is wrong with the settings as a whole, given those of the other connections of this kind."""

    @abstractmethod
    def open(
        self, settings: Mapping[str, str], secrets: Mapping[str, str], *, earlier: Backend | None = None
    ) -> Backend:
        """Return the backend of a connection; must not call out, and must be quick.

        `earlier` is what the same connection led to before its settings changed: somebody may be signed in there.
        """

"""What every verb is given: who asks, the time, the files, the backends, and transactions on request.

Services never commit. `Scopes.open` does, once, when the door (a request or an act of the engine) closes.
"""

import os
from abc import ABC
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import TypeVar, cast

from app.domain.actors import Actor, Role
from app.domain.audit import Act
from app.domain.backend import Backend
from app.domain.connection_kinds import ConnectionKind
from app.domain.connections import Connection, sealed_for
from app.domain.errors import Conflict, ProviderFailed, or_not_found
from app.domain.profiles import BackendProfile
from app.domain.single_sign_on import Directory
from app.kit.addresses import AddressPolicy
from app.kit.clock import Clock
from app.kit.crash_points import CrashPoint, reached
from app.kit.ids import new_id
from app.kit.open_id import OpenIdProvider
from app.kit.outgoing import Outgoing
from app.kit.progress import Progress
from app.kit.vault import Vault, VaultClosed
from app.runtimes.environments import RuntimeEnvironments
from app.services.provider_errors import provider_errors
from app.store import audit as audit_store
from app.store import connections as connection_store
from app.store.database import Database, Reader, Writer
from app.store.files import FileStore
from app.store.sight import NOBODY, Sight

A = TypeVar("A", bound=ABC)
T = TypeVar("T")
NO_VAULT = Vault(Path(os.devnull))  # opens nothing and seals nothing
NOWHERE_PRIVATE = Outgoing(AddressPolicy())
# Up to this size a file is checked, split and converted at once (0.2 s at 150 MB/s); larger ones beside the turns.
AT_ONCE_BYTES = 32 * 2**20


class Backends:
    """The backends of this installation: built-in ones, and those that connections of a kind lead to.

    A connection's backend is made when it is first asked for and kept until its settings or secrets change: it holds
    tokens, pools and caches.
    """

    def __init__(
        self,
        built_in: Sequence[Backend],
        kinds: Sequence[ConnectionKind] = (),
        *,
        vault: Vault = NO_VAULT,
    ) -> None:
        self.built_in = {each.profile.id: each for each in built_in}
        self._kinds = {each.profile.id: each for each in kinds}
        self.vault = vault
        self._opened: dict[str, tuple[tuple[object, ...], Backend]] = {}
        self._lock = Lock()

    @property
    def profiles(self) -> Mapping[str, BackendProfile]:
        """What the backends are that connections may lead to, by id; the built-in ones come first."""
        built_in = {name: each.profile for name, each in self.built_in.items()}
        return built_in | {name: each.profile for name, each in self._kinds.items()}

    @property
    def kinds(self) -> tuple[ConnectionKind, ...]:
        """The kinds of connections that people can make."""
        return tuple(self._kinds.values())

    def kind(self, name: str) -> ConnectionKind | None:
        """Return the kind of that name; None for built-in backends and unknown names."""
        return self._kinds.get(name)

    def of(self, connection: Connection) -> Backend:
        """Return the backend that a connection leads to.

        Raises:
            ProviderFailed: when this installation has no such backend (any more), the secrets cannot be opened, or
                the backend cannot be made.
        """
        if connection.backend in self.built_in:
            return self.built_in[connection.backend]
        kind = self._kinds.get(connection.backend)
        if kind is None:
            raise ProviderFailed(
                f"This installation has no backend {connection.backend!r}.",
                fix="Choose another connection, or switch that backend on in the settings.",
            )
        wanted = (tuple(sorted(connection.settings.items())), connection.sealed)
        with self._lock:
            known = self._opened.get(connection.id)
            if known is None or known[0] != wanted:
                earlier = None if known is None else known[1]
                secrets = self._unsealed(connection)
                with provider_errors():
                    backend = kind.open(connection.settings, secrets, earlier=earlier)
                self._opened[connection.id] = known = (wanted, backend)
            return known[1]

    def opened(self, connection: Connection, ability: type[A]) -> A | None:
        """Return the same as one with an ability; None where it cannot be had: for lists, which show what there is."""
        try:
            backend = self.of(connection)
        except ProviderFailed:
            return None
        return backend if isinstance(backend, ability) else None

    def _unsealed(self, connection: Connection) -> Mapping[str, str]:
        if connection.sealed is None:
            return {}
        try:
            return self.vault.open(sealed_for(connection.id), connection.sealed)
        except VaultClosed as error:
            raise ProviderFailed(
                f"The secrets of the connection {connection.name!r} cannot be opened: {error}",
                fix="Put the key file back, or enter the secrets of the connection again.",
            ) from error


@dataclass(frozen=True, slots=True)
class SignOn:
    """The directory that people may sign in with, and the way to ask it."""

    directory: Directory
    provider: OpenIdProvider


@dataclass(frozen=True, slots=True, kw_only=True)
class AppContext:
    """What all scopes share; made once, in main."""

    database: Database
    clock: Clock
    files: FileStore
    backends: Backends
    runtimes: RuntimeEnvironments
    samples: Path  # the folder app/samples
    version: str
    idle_stop_s: int = 1800
    audit_days: int = 0  # after which it is forgotten who did what; 0 never
    checkpoint_days: int = 0  # after which a succeeded job's checkpoints go; 0 never
    at_once_bytes: int = AT_ONCE_BYTES
    import_roots: Sequence[Path] = ()  # folders of this machine below which files may be read in
    outgoing: Outgoing = NOWHERE_PRIVATE  # what calls an address that a person chose
    progress: Progress = field(default_factory=Progress)  # of long work on files
    model_roots: Sequence[Path] = ()  # folders below which people with an account may name models
    sign_on: SignOn | None = None  # single sign-on, where it is set up


def sight_of(actor: Actor) -> Sight | None:
    """Return what an actor sees of the database; None stands for everything."""
    if actor.role is not Role.PERSON:
        return None
    return _sight(actor.id if actor.within is None else NOBODY, frozenset(actor.projects), actor.writable)


@lru_cache(maxsize=200)  # people and their tokens: each request is one of theirs
def _sight(person: str, visible: frozenset[str], changeable: frozenset[str]) -> Sight:
    return Sight(person, visible, changeable)


class Scope:
    """One request's or one act's view of the house."""

    def __init__(self, app_context: AppContext, actor: Actor, stack: ExitStack) -> None:
        self.app_context = app_context
        self.actor = actor
        self.clock = app_context.clock
        self.files = app_context.files
        self.backends = app_context.backends
        self.runtimes = app_context.runtimes
        self.sight = sight_of(actor)
        self.nudged = False
        self.acting = False  # a verb is being called for a person; what it calls in turn is a part of it
        self.acts: list[Act] = []  # what a person did here, for the audit
        self.entered = ""  # the id of whom it let in, whom neither a name nor an answer tells
        self.changes = app_context.database.commits  # what had been written before anything is read here
        self._stack = stack
        self._reader: Reader | None = None
        self._reading: ExitStack | None = None
        self._writer: Writer | None = None
        self._known: dict[Hashable, object] = {}

    @property
    def read(self) -> Reader:
        """A connection to read from: the write transaction if there is one, so that one's own writes are seen."""
        if self._writer is not None:
            return self._writer
        if self._reader is None:
            self._reading = self._stack.enter_context(ExitStack())
            self._reader = self._reading.enter_context(self.app_context.database.reading(self.sight))
        return self._reader

    @property
    def write(self) -> Writer:
        """The one write transaction; it holds the write lock until the scope is closed."""
        if self._writer is None:
            self.release()
            self._known.clear()
            self._writer = self._stack.enter_context(self.app_context.database.writing(self.actor.id, self.sight))
        return self._writer

    def read_once(self, what: Hashable, ask: Callable[[Reader], T]) -> T:
        """Return what `ask` reads; what several parts of a page ask for is read once.

        A scope that writes asks every time: there, what was read before the write lock may have changed.
        """
        if self._writer is not None:
            return ask(self._writer)
        if what not in self._known:
            self._known[what] = ask(self.read)
        return cast("T", self._known[what])

    def row(self, noun: str, identifier: str, get: Callable[[Reader, str], T | None]) -> T:
        """Return what a row is, read once.

        Raises:
            NotFound: when there is none of that id.
        """
        return or_not_found(self.read_once((noun, identifier), lambda tx: get(tx, identifier)), noun, identifier)

    def rows(
        self, noun: str, identifiers: Sequence[str], get: Callable[[Reader, Sequence[str]], Mapping[str, T]]
    ) -> Mapping[str, T]:
        """Return rows by id, those that were not read yet together; unknown ids are left out."""
        missing = [each for each in identifiers if self._writer is not None or (noun, each) not in self._known]
        found = get(self.read, missing) if missing else {}
        if self._writer is not None:
            return found
        self._known.update({(noun, each): found.get(each) for each in missing})
        known = {each: cast("T | None", self._known[noun, each]) for each in identifiers}
        return {each: row for each, row in known.items() if row is not None}

    def keep(self, noun: str, rows: Mapping[str, T]) -> Mapping[str, T]:
        """Note rows that were read together, so that `row` need not read them, and return them."""
        if self._writer is None:
            self._known.update({(noun, identifier): row for identifier, row in rows.items()})
        return rows

    @property
    def writes(self) -> bool:
        """Whether closing this scope commits something."""
        return self._writer is not None or bool(self.acts)

    def note_acts(self) -> None:
        """Write what was done into the audit, in the transaction in which it is done."""
        if self.acts:
            audit_store.append(self.write, self.actor, self.acts, at=self.now())

    def release(self) -> None:
        """Give back the reading connection, before calling out to a provider. A write transaction must not be open."""
        if self._writer is not None:
            raise RuntimeError("A provider must not be called inside a write transaction.")
        if self._reading is not None:
            self._reading.close()
            self._reading, self._reader = None, None

    def backend(self, connection: str) -> Backend:
        """Return the backend that a connection leads to.

        Raises:
            NotFound: when there is no such connection.
            ProviderFailed: when the backend cannot be had.
        """
        return self.backends.of(self.row("connection", connection, connection_store.get))

    def able(self, connection: str, ability: type[A]) -> A | None:
        """Return the same as one with an ability; None where it has not got it."""
        backend = self.backend(connection)
        return backend if isinstance(backend, ability) else None

    @contextmanager
    def ask(self, connection: str, ability: type[A], *, fix: str = "Nothing has to be done about it.") -> Iterator[A]:
        """Give a connection's backend, to be asked for what an ability is for; `fix` is for those that have it not.

        Raises:
            NotFound, ProviderFailed: as `backend`, and when what is asked for fails.
            Conflict: where the backend has not got the ability, with its own sentence why.
        """
        backend = self.backend(connection)
        if not isinstance(backend, ability):
            raise Conflict(backend.profile.why_not(ability), fix=fix)
        with self.provider_call():
            yield backend

    @contextmanager
    def provider_call(self) -> Iterator[None]:
        """Give back the reading connection, and let nothing but domain errors leave the block (`provider_errors`)."""
        self.release()
        with provider_errors():
            yield

    def nudge(self) -> None:
        """Wake the engine once this scope has been committed."""
        self.nudged = True

    def now(self) -> datetime:
        """Return the present moment."""
        return self.clock.now()

    def due_now(self) -> float:
        """Return the present as the seconds since 1970 that `due_at` columns hold."""
        return self.clock.now().timestamp()

    def new_id(self, prefix: str) -> str:
        """Return a fresh id."""
        return new_id(prefix, self.clock.now())


class Scopes:
    """Where scopes come from, and where the one commit is."""

    def __init__(self, app_context: AppContext, nudge: Callable[[], None] = lambda: None) -> None:
        self.app_context = app_context
        self.nudge = nudge

    @contextmanager
    def open(self, actor: Actor) -> Iterator[Scope]:
        """Give a scope; commit when the block ends, roll back when it raises, then wake the engine if asked."""
        with ExitStack() as stack:
            scope = Scope(self.app_context, actor, stack)
            yield scope
            scope.note_acts()
        if scope.nudged:
            reached(CrashPoint.COMMITTED)
            self.nudge()

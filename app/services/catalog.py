"""Verbs on the catalog: what can be fine-tuned, where, until when and for how much."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property
from pathlib import Path

from app.domain.backend import BackendError
from app.domain.backend_abilities import ContinuesTuned, NamesBases
from app.domain.catalog import CatalogModel, CatalogState, LifecycleStatus, LooksUpModels
from app.domain.connections import Connection
from app.domain.errors import Invalid, Problem
from app.domain.prices import Price, is_stale
from app.services import connections, prices, verbs
from app.services.provider_errors import PROVIDER_ERRORS, provider_errors
from app.services.scope import Scope
from app.store import jobs as job_store
from app.store import models as model_store

_FOLDER = "path:"
_ID_LIMIT = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Freshness:
    """How fresh one connection's catalog is; `stale` where a fact of the data files should be looked up again."""

    connection: Connection
    state: CatalogState
    stale: bool


@verbs.reads("catalog")
def search(
    scope: Scope, *, connection: str | None = None, query: str = "", method: str | None = None
) -> Sequence[CatalogModel]:
    """Return base models whose name, id, family or summary has every word of `query`, in each backend's own order."""
    wanted = [connections.get(scope, connection)] if connection else connections.list_connections(scope)
    known = {each.id: _prices(scope, each) for each in wanted}
    scope.release()
    words = query.lower().split()
    found = [
        model
        for each in wanted
        for model in _listed(scope, each, known[each.id])
        if all(word in _searched(model) for word in words) and (method is None or method in model.methods)
    ]
    return found if scope.sight is None else _seen(scope, found)


def _seen(scope: Scope, found: Sequence[CatalogModel]) -> list[CatalogModel]:
    """Leave out what other projects tuned: some servers list it among their base models."""
    ids: dict[str, list[str]] = {}
    for each in found:
        ids.setdefault(each.connection, []).append(each.id)
    hidden = {name: model_store.hidden(scope.read, name, listed) for name, listed in ids.items()}
    return [each for each in found if each.id not in hidden[each.connection]]


@verbs.reads("catalog")
def model(scope: Scope, connection: str, identifier: str, *, pointer: str = "/base_model") -> CatalogModel:
    """Return one base model, also one that the list does not show (`path:/…`, `hf:org/name`).

    Raises:
        Invalid: when the backend does not know it or cannot use it, in the backend's own words.
        ProviderFailed: when the backend fails as no backend may.
    """
    if not identifier or len(identifier) > _ID_LIMIT:
        fix = "The catalog lists them."
        raise Invalid([Problem(pointer, "missing", "Choose a base model.", fix)])
    where = connections.get(scope, connection)
    known = prices.known(scope, where)
    if scope.sight is not None:
        _refuse_hidden(scope, connection, identifier, pointer)
    with provider_errors():
        try:
            found = scope.backends.of(where).base_model(identifier)
        except BackendError as error:
            fix = error.fix or "Choose one from the catalog."
            raise Invalid([Problem(pointer, "unknown_model", error.detail, fix)]) from error
    return _with_prices(found, where, known)


def _refuse_hidden(scope: Scope, connection: str, identifier: str, pointer: str) -> None:
    """Let people name no model that they do not see: no other project's, and no folder beyond the allowed ones.

    Raises:
        Invalid: as for one that there is not.
    """
    folder = Path(os.path.realpath(identifier.removeprefix(_FOLDER))) if identifier.startswith(_FOLDER) else None
    outside = folder is not None and not any(
        folder.is_relative_to(os.path.realpath(root)) for root in scope.app_context.model_roots
    )
    hidden = model_store.is_hidden(scope.read, connection, identifier) or _is_hidden_step(scope, connection, identifier)
    if outside or hidden:
        problem = f"There is no base model {identifier!r}."
        fix = "Choose one from the catalog, or have its folder allowed (TUNEDESK_MODEL_ROOTS)."
        raise Invalid([Problem(pointer, "unknown_model", problem, fix)])


def _is_hidden_step(scope: Scope, connection: str, identifier: str) -> bool:
    """Tell whether that is a checkpoint of a job that the reader does not see."""
    backend = scope.able(connection, ContinuesTuned)
    if backend is None:
        return False
    with provider_errors():  # calls nobody
        saved = backend.checkpoint_behind(identifier)
    return saved is not None and job_store.is_hidden(scope.read, connection, saved.job)


class BaseNames:
    """Base models by their names for people, for as long as one page is made; asks nobody but the backends."""

    def __init__(self, scope: Scope, connections: Sequence[Connection] | None = None) -> None:
        """`connections`, where the caller has looked them up already."""
        self._scope = scope
        self._given = connections
        self._known: dict[tuple[str, str], str] = {}

    @cached_property
    def _connections(self) -> dict[str, Connection]:
        known = connections.list_connections(self._scope) if self._given is None else self._given
        return {each.id: each for each in known}

    def __call__(self, connection: str, identifier: str) -> str:
        """Return the name of a base model of a connection; its id where the backend has no names."""
        wanted = (connection, identifier)
        if wanted not in self._known:
            self._known[wanted] = self._ask(connection, identifier)
        return self._known[wanted]

    def _ask(self, connection: str, identifier: str) -> str:
        if connection not in self._connections:
            return identifier
        backend = self._scope.backends.opened(self._connections[connection], NamesBases)
        if backend is None:
            return identifier
        try:
            with provider_errors():
                return backend.base_name(identifier)
        except PROVIDER_ERRORS:
            return identifier


@verbs.reads("catalog")
def freshness(scope: Scope) -> Sequence[Freshness]:
    """Return how fresh the catalogs are that are looked up at a provider."""
    today, found = scope.now().date(), []
    for connection in connections.list_connections(scope):
        backend = scope.backends.opened(connection, LooksUpModels)
        if backend is not None:
            state = _state(backend)
            found.append(Freshness(connection=connection, state=state, stale=is_stale(state.data_as_of, today)))
    return found


@verbs.writes("catalog")
def refresh(scope: Scope, connection_id: str) -> None:
    """Begin to look a catalog up again.

    Raises:
        Conflict: when that connection's catalog is not looked up anywhere.
    """
    with scope.ask(connection_id, LooksUpModels, fix="It is always up to date.") as backend:
        backend.refresh_catalog()


@verbs.writes("catalog")
def refresh_where_due(scope: Scope, older_than: timedelta) -> int:
    """Begin to look up the catalogs of healthy connections that were never looked up, or not for so long; count them.

    One whose last look-up failed waits for a person, or for the next start: its problem is on the catalog's page.
    """
    due: list[LooksUpModels] = []
    for connection in connections.list_connections(scope):
        if connection.doctor is None or not connection.doctor.healthy or connection.paused_reason is not None:
            continue
        backend = scope.backends.of(connection)
        if not isinstance(backend, LooksUpModels):
            continue
        state = _state(backend)
        old = state.fetched_at is None or scope.now() - state.fetched_at > older_than
        if old and not state.refreshing and not state.problem:
            due.append(backend)
    scope.release()
    for each in due:
        each.refresh_catalog()
    return len(due)


def _state(backend: LooksUpModels) -> CatalogState:
    try:
        with provider_errors():
            return backend.catalog_state()
    except PROVIDER_ERRORS as error:
        return CatalogState(fetched_at=None, refreshing=False, data_as_of=None, problem=error.message)


def _prices(scope: Scope, connection: Connection) -> Mapping[str, Price] | None:
    try:
        return prices.known(scope, connection)
    except PROVIDER_ERRORS:
        return None


def _listed(scope: Scope, connection: Connection, known: Mapping[str, Price] | None) -> Sequence[CatalogModel]:
    if known is None:  # without its prices a model would look as if it were free
        return []
    try:
        backend = scope.backends.of(connection)
        with provider_errors():
            listed = list(backend.base_models())
    except PROVIDER_ERRORS:
        # A backend that does not answer has nothing to show now; its doctor says why.
        return []
    return [_with_prices(model, connection, known) for model in listed]


def _with_prices(found: CatalogModel, connection: Connection, known: Mapping[str, Price]) -> CatalogModel:
    """Return a model with its connection and prices; one that is retired cannot be used, whatever its backend says."""
    costs = {
        price.kind.value: price.money
        for price in known.values()
        if price.model and price.model == found.id and price.money is not None
    }
    priced = replace(found, connection=connection.id, prices=costs)
    life = found.lifecycle
    if life.status != LifecycleStatus.RETIRED or not found.usable:
        return priced
    since = life.serve_until or life.train_until
    when = f" since {since.isoformat()}" if since else ""
    instead = f" Use {life.replacement} instead." if life.replacement else ""
    return replace(priced, usable=False, unusable_reason=f"Retired{when}: nothing new can be trained from it.{instead}")


def _searched(model: CatalogModel) -> str:
    return f"{model.id} {model.name} {model.family} {model.publisher} {model.summary}".lower()

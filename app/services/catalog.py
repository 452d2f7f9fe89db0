"""Verbs on the catalog: what can be fine-tuned, and where."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

from app.domain.backend import BackendError
from app.domain.backend_abilities import NamesBases
from app.domain.catalog import CatalogModel
from app.domain.connections import Connection
from app.domain.errors import Invalid, Problem
from app.services import connections
from app.services.scope import Scope

_ID_LIMIT = 500


def search(
    scope: Scope, *, connection: str | None = None, query: str = "", method: str | None = None
) -> Sequence[CatalogModel]:
    """Return base models whose name, id or summary has every word of `query`, in each backend's own order."""
    wanted = [connections.get(scope, connection)] if connection else connections.list_connections(scope)
    scope.release()
    words = query.lower().split()
    return [
        model
        for each in wanted
        for model in _listed(scope, each)
        if all(word in f"{model.id} {model.name} {model.publisher} {model.summary}".lower() for word in words)
        and (method is None or method in model.methods)
    ]


def model(scope: Scope, connection: str, identifier: str, *, pointer: str = "/base_model") -> CatalogModel:
    """Return one base model, also one that the list does not show (`path:/…`, `hf:org/name`).

    Raises:
        Invalid: when the backend does not know it or cannot use it, in the backend's own words.
    """
    if not identifier or len(identifier) > _ID_LIMIT:
        fix = "Choose one from the catalog."
        raise Invalid([Problem(pointer, "missing", "A base model has to be chosen.", fix)])
    where = connections.get(scope, connection)
    try:
        found = scope.backends.of(where).base_model(identifier)
    except BackendError as error:
        fix = error.fix or "Choose one from the catalog."
        raise Invalid([Problem(pointer, "unknown_model", error.detail, fix)]) from error
    return replace(found, connection=where.id)


class BaseNames:
    """Base models by their names for people, for as long as one page is made; asks nobody but the backends."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    @cached_property
    def _connections(self) -> dict[str, Connection]:
        return {each.id: each for each in connections.list_connections(self._scope)}

    def __call__(self, connection: str, identifier: str) -> str:
        """Return the name of a base model of a connection; its id where the backend has no names."""
        if connection not in self._connections:
            return identifier
        backend = self._scope.backends.of(self._connections[connection])
        return backend.base_name(identifier) if isinstance(backend, NamesBases) else identifier


def _listed(scope: Scope, connection: Connection) -> Sequence[CatalogModel]:
    backend = scope.backends.of(connection)
    try:
        return [replace(model, connection=connection.id) for model in backend.base_models()]
    except BackendError:
        # A backend that does not answer has nothing to show now; its doctor says why.
        return []

"""The lifecycle radar: what is in use and about to end, and a draft's base model exchanged for its replacement."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from app.domain.backend import Backend
from app.domain.catalog import RETIRING_SOON, CatalogModel, LifecycleStatus, LooksUpModels
from app.domain.drafts import JobDraft
from app.domain.errors import Conflict
from app.domain.hyperparameters import HyperparameterSpec, check_value
from app.domain.models import ModelStatus
from app.services import catalog, connections, drafts, models, verbs
from app.services.provider_errors import PROVIDER_ERRORS, provider_errors
from app.services.scope import Scope
from app.store import deployments as deployment_store
from app.store import drafts as draft_store

_LOOKED_AT = 50  # of each kind, newest first


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """Something in use whose base model ends: what kind it is (draft, model, deployment), and when that is."""

    kind: str
    id: str
    title: str
    base: CatalogModel
    day: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Replaced:
    """A draft with another base model, and the names of the settings that do not exist there."""

    draft: JobDraft
    dropped: Sequence[str]


@verbs.reads("drafts")
def endings(scope: Scope) -> Sequence[Ending]:
    """Return what is in use of base models that have ended, or will within 90 days, or without a date."""
    known = _ending_models(scope)
    if not known:
        return ()
    today = scope.now().date()
    found = []
    for kind, identifier, title, connection, base in _in_use(scope):
        model = known.get((connection, base))
        if model is None:
            continue
        life = model.lifecycle
        day = life.train_until if kind == "draft" else life.serve_until
        soon = day is not None and day - today <= RETIRING_SOON
        if soon or (kind == "draft" and day is None):
            found.append(Ending(kind=kind, id=identifier, title=title, base=model, day=day))
    return found


@verbs.writes("drafts")
def take_replacement(scope: Scope, draft_id: str, base_model: str | None = None) -> Replaced:
    """Put the named replacement in the place of a draft's base model; settings that it has not are dropped.

    `base_model` is the model that people wanted, where the draft does not name it yet.

    Raises:
        Conflict: when the model is not ending, nothing replaces it, or the draft has become a job.
        Invalid: when the model or its replacement is not known.
        Stale: when somebody changed the draft meanwhile.
    """
    draft = drafts.get(scope, draft_id)
    connection = str(draft.values.get("connection") or "")
    if connection not in {each.id for each in connections.list_connections(scope)}:
        raise Conflict("This draft names no connection that is there.", fix="Choose one in the wizard's first step.")
    old = catalog.model(scope, connection, base_model or str(draft.values.get("base_model") or ""))
    if not old.lifecycle.is_ending:
        raise Conflict(f"{old.name} is not ending.", fix="Choose another base model in the wizard, if you want one.")
    if old.lifecycle.replacement is None:
        raise Conflict(f"Nothing is named that replaces {old.name}.", fix="Choose another model from the catalog.")
    new = catalog.model(scope, connection, old.lifecycle.replacement)
    values, dropped = _fitted(draft.values, new)
    tx = scope.write
    draft = drafts.get(scope, draft_id)
    if draft.job is not None:
        raise Conflict("This draft has been submitted.", fix="Open its job, and clone it to make changes.")
    changed = replace(draft, revision=draft.revision + 1, values={**draft.values, **values}, updated_at=scope.now())
    draft_store.save(tx, changed, expected_revision=draft.revision)
    return Replaced(draft=changed, dropped=dropped)


def _fitted(values: Mapping[str, Any], new: CatalogModel) -> tuple[dict[str, Any], Sequence[str]]:
    """Return (the answers that change, the names of settings that the new model does not have or does not take)."""
    changed: dict[str, Any] = {"base_model": new.id}
    dropped: list[str] = []
    for group in ("hyperparameters", "options"):
        given = values.get(group)
        if not isinstance(given, Mapping):
            continue
        known = {spec.name: spec for spec in new.hyperparameters if spec.option == (group == "options")}
        kept = {name: value for name, value in given.items() if _fits(known.get(name), value)}
        changed[group] = kept
        dropped += [name for name in given if name not in kept]
    if values.get("method") not in (None, *new.methods):
        changed["method"] = new.methods[0]
        dropped.append("method")
    return changed, tuple(dropped)


def _fits(spec: HyperparameterSpec | None, value: object) -> bool:
    return spec is not None and check_value(spec, value, "")[1] is None


def _ending_models(scope: Scope) -> dict[tuple[str, str], CatalogModel]:
    """Return the models that end, by (connection, id), of connections whose catalogs tell of such things."""
    found = {}
    for connection in connections.list_connections(scope):
        backend = scope.backends.opened(connection, Backend)
        if backend is not None and isinstance(backend, LooksUpModels):
            try:
                with provider_errors():
                    listed = backend.base_models()
            except PROVIDER_ERRORS:
                continue
            ending = [model for model in listed if model.lifecycle.status != LifecycleStatus.ACTIVE]
            found.update({(connection.id, model.id): replace(model, connection=connection.id) for model in ending})
    return found


def _in_use(scope: Scope) -> Iterator[tuple[str, str, str, str, str]]:
    """Give (kind, id, title, connection, base model) of open drafts, present models, and what is deployed."""
    for draft in drafts.list_drafts(scope, limit=_LOOKED_AT).items:
        values = draft.values
        yield (
            "draft",
            draft.id,
            str(values.get("name") or ""),
            str(values.get("connection") or ""),
            str(values.get("base_model") or ""),
        )
    for model in models.list_models(scope, limit=_LOOKED_AT).items:
        if model.status is ModelStatus.PRESENT:
            yield "model", model.id, model.name, model.connection, model.base_model
    for each in deployment_store.page(scope.read, limit=_LOOKED_AT, cursor=None).items:
        yield "deployment", each.id, each.name, each.target.connection, each.target.base_model

"""Verbs on models by their names on OpenAI's wire: which connection and base model, or which tuned model, a name means.

In this order: a tuned model's name; `{connection}/{base model}`; an alias; a base model's id that one connection alone
has. A name of OpenAI's is never taken for a model of another maker but by an alias that somebody made.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from app.domain.catalog import CatalogModel
from app.domain.connections import Connection
from app.domain.errors import Invalid, NotFound, Problem, ProviderFailed
from app.domain.models import FineTunedModel, ModelStatus
from app.domain.openai_names import TunedName, read_tuned, slug, tuned_name
from app.services import catalog, connections, models, projects, verbs
from app.services.provider_errors import PROVIDER_ERRORS
from app.services.scope import Scope
from app.store import jobs as job_store
from app.store import model_aliases as alias_store
from app.store import models as store

_POINTER = "/model"
_NEAREST = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedModel:
    """What a name means: a base model of a connection, or a tuned model; `checkpoint` is a job and one of its steps."""

    name: str
    connection: Connection
    base_model: str
    tuned: FineTunedModel | None = None
    checkpoint: tuple[str, int] | None = None


@verbs.reads("models")
def named(scope: Scope, name: str) -> NamedModel:
    """Return what a model's name means.

    Raises:
        NotFound: nothing here; with the nearest names.
        Invalid: several base models are called so; with their full names.
    """
    tuned = read_tuned(name)
    if tuned is not None:
        return _tuned(scope, name, tuned)
    known = connections.list_connections(scope)
    before, _, behind = name.partition("/")
    at = [each for each in known if behind and before in {each.id, short_name(each)}]
    if len(at) > 1:
        raise _ambiguous(name, [f"{each.id}/{behind}" for each in at])
    if at:
        return _based(scope, name, at[0], behind)
    alias = alias_store.get(scope.read, name)
    if alias is not None and alias.withdrawn_at is None:
        return named(scope, alias.target)
    return _bare(scope, name, known)


def short_name(connection: Connection) -> str:
    """Return what stands before the slash for a connection: `local` for the built-in one, else its name as a slug."""
    own = connection.id.partition("_")[2]
    return own if own == connection.backend else slug(connection.name, own)


def full_name(connection: Connection, base_model: str) -> str:
    """Return a base model's name, which is its own whatever else there is."""
    return f"{short_name(connection)}/{base_model}"


@verbs.reads("models")
def name_of(scope: Scope, model: FineTunedModel) -> str:
    """Return a tuned model's name."""
    project = projects.names(scope).get(model.project, "")
    return tuned_name(model.base_model, project, _suffix(model), model.job or model.id, model.checkpoint_step)


def _suffix(model: FineTunedModel) -> str:
    ending = f"-step-{model.checkpoint_step}"
    return model.name.removesuffix(ending) if model.checkpoint_step is not None else model.name


def _tuned(scope: Scope, name: str, wanted: TunedName) -> NamedModel:
    for model in store.by_tail(scope.read, wanted.tail):
        fits = model.base_model == wanted.base_model and model.checkpoint_step == wanted.step
        if fits and model.status is ModelStatus.PRESENT:
            connection = connections.get(scope, model.connection)
            return NamedModel(name=name, connection=connection, base_model=model.base_model, tuned=model)
    job = None if wanted.step is None else job_store.by_tail(scope.read, wanted.tail, wanted.base_model)
    if job is None or wanted.step is None:
        raise NotFound("model", name, fix="It has been deleted, or its job has not succeeded: look at GET /v1/models.")
    connection = connections.get(scope, job.connection)
    return NamedModel(
        name=name, connection=connection, base_model=job.spec.base_model, checkpoint=(job.id, wanted.step)
    )


def _based(scope: Scope, name: str, connection: Connection, base_model: str) -> NamedModel:
    try:
        found = catalog.model(scope, connection.id, base_model, pointer=_POINTER)
    except Invalid as error:
        raise NotFound("model", name, fix=" ".join(f"{each.message} {each.fix}" for each in error.problems)) from error
    return NamedModel(name=name, connection=connection, base_model=found.id)


def _bare(scope: Scope, name: str, known: Sequence[Connection]) -> NamedModel:
    listed = [(each, model) for each in known for model in _listed(scope, each)]
    having = [each for each, model in listed if model.id == name]
    if not having:  # a path or a hub's id is in no list
        having = [
            each for each in known if scope.backends.profiles[each.backend].accepts_paths and _has(scope, each, name)
        ]
    if len(having) == 1:
        return NamedModel(name=name, connection=having[0], base_model=name)
    if having:
        raise _ambiguous(name, [full_name(each, name) for each in having])
    near = get_close_matches(name, [full_name(each, model.id) for each, model in listed], _NEAREST, 0.3)
    offered = near or [full_name(each, model.id) for each, model in listed][:_NEAREST]
    fix = f"Use {' or '.join(offered)}; or have an alias made for {name}." if offered else "Connect a backend first."
    raise NotFound("model", name, fix=fix)


def _has(scope: Scope, connection: Connection, base_model: str) -> bool:
    try:
        catalog.model(scope, connection.id, base_model)
    except (Invalid, ProviderFailed):
        return False
    return True


def _listed(scope: Scope, connection: Connection) -> Sequence[CatalogModel]:
    try:
        return catalog.search(scope, connection=connection.id)
    except PROVIDER_ERRORS:
        return ()


def _ambiguous(name: str, offered: Sequence[str]) -> Invalid:
    message = f"Several base models are called {name}."
    return Invalid([Problem(_POINTER, "ambiguous", message, f"Use one of {', '.join(offered)}.")])


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedModel:
    """A model of the list: who has it, and when it was made here (None: it was there before)."""

    name: str
    connection: Connection
    base: CatalogModel | None
    tuned: FineTunedModel | None = None


@verbs.reads("models")
def listed(scope: Scope) -> Sequence[ListedModel]:
    """Return all base models that may be trained from, aliases, and tuned models that are there, the newest first."""
    return list(_all(scope))


def _all(scope: Scope) -> Iterator[ListedModel]:
    known = {each.id: each for each in connections.list_connections(scope)}
    bases = {(each.id, model.id): model for each in known.values() for model in _listed(scope, each)}
    names = projects.names(scope)
    for model in store.present(scope.read):
        if model.connection in known:
            name = tuned_name(
                model.base_model, names.get(model.project, ""), _suffix(model), model.job or model.id,
                model.checkpoint_step,
            )  # fmt: skip
            base = bases.get((model.connection, model.base_model))
            yield ListedModel(name=name, connection=known[model.connection], base=base, tuned=model)
    for (connection, _), base in bases.items():
        if base.usable:
            yield ListedModel(name=full_name(known[connection], base.id), connection=known[connection], base=base)
    for alias in alias_store.all_of_them(scope.read):
        try:
            meant = named(scope, alias.target)
        except (NotFound, Invalid):
            continue
        base = bases.get((meant.connection.id, meant.base_model))
        yield ListedModel(name=alias.name, connection=meant.connection, base=base, tuned=meant.tuned)


@verbs.reads("models")
def retrieve(scope: Scope, name: str) -> ListedModel:
    """Return one model by any of its names.

    Raises:
        NotFound, Invalid: as `named`.
    """
    meant = named(scope, name)
    try:
        base = catalog.model(scope, meant.connection.id, meant.base_model)
    except (Invalid, ProviderFailed):
        base = None
    return ListedModel(name=name, connection=meant.connection, base=base, tuned=meant.tuned)


@verbs.deletes("models", verbs.LATER)
def delete(scope: Scope, name: str) -> None:
    """Remove a tuned model.

    Raises:
        NotFound: there is none of that name.
        Invalid: it is a base model.
        Conflict: while a deployment serves it, naming each.
    """
    meant = named(scope, name)
    if meant.tuned is None:
        message = f"{name} is no tuned model."
        raise Invalid([Problem(_POINTER, "unsupported", message, "Only models that were tuned here can be deleted.")])
    models.delete(scope, meant.tuned.id)

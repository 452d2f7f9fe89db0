"""Verbs on aliases of models: a name that programs cannot change, and the model that it means here, for good."""

from collections.abc import Sequence
from dataclasses import replace

from app.domain.errors import Conflict, Invalid, Problem, or_not_found
from app.domain.model_aliases import ModelAlias
from app.domain.openai_names import read_tuned
from app.services import openai_models, verbs
from app.services.scope import Scope
from app.store import model_aliases as store

_LONGEST = 200


@verbs.reads("aliases")
def list_aliases(scope: Scope) -> Sequence[ModelAlias]:
    """Return the aliases by name."""
    return store.all_of_them(scope.read)


@verbs.administers("aliases")
def create(scope: Scope, name: str, target: str) -> ModelAlias:
    """Let a name stand for a model; asking again for the same is fine.

    Raises:
        Invalid: the name cannot be one, or there is no such model.
        Conflict: the name means, or once meant, another model.
    """
    wanted = name.strip()
    meant = openai_models.named(scope, target.strip())
    if not wanted or len(wanted) > _LONGEST or "/" in wanted or read_tuned(wanted) is not None:
        fix = "Write the name that programs use, such as gpt-3.5-turbo: without a slash, and no tuned model's."
        raise Invalid([Problem("/name", "invalid", "This cannot be an alias.", fix)])
    whole = meant.name if meant.tuned or meant.checkpoint else f"{meant.connection.id}/{meant.base_model}"
    tx = scope.write
    known = store.get(tx, wanted)
    if known is not None and known.target != whole:
        message = f"{wanted} means {known.target}, and a name never changes its meaning."
        raise Conflict(message, fix="Use another name: figures asked for under this one would be wrong.")
    alias = ModelAlias(name=wanted, target=whole, created_at=known.created_at if known else scope.now())
    store.put(tx, alias)
    return alias


@verbs.administers("aliases")
def withdraw(scope: Scope, name: str) -> ModelAlias:
    """Let a name mean nothing any more; asking again is fine."""
    tx = scope.write
    known = or_not_found(store.get(tx, name), "alias", name)
    withdrawn = replace(known, withdrawn_at=known.withdrawn_at or scope.now())
    store.put(tx, withdrawn)
    return withdrawn

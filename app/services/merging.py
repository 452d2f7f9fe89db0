"""Verbs on merging: one whole model made of an adapter and its base, by the backend, while nobody waits."""

from dataclasses import replace

from app.domain.backend_abilities import Merge, MergesAdapters, MergeStatus
from app.domain.errors import Conflict
from app.domain.models import FineTunedModel, ModelStatus
from app.services import models, verbs
from app.services.scope import Scope
from app.store import events
from app.store import models as store

_SUFFIX = "-merged"
_NAME_LIMIT = 64
_FIX = "Only an adapter (LoRA) of this machine is merged."


@verbs.reads("models")
def look(scope: Scope, identifier: str) -> Merge:
    """Return how far the merged copy of a model is; its `model` is the id under which it is recorded here.

    Raises:
        Conflict: where there is nothing to merge.
    """
    model = _adapter(scope, identifier)
    with scope.ask(model.connection, MergesAdapters, fix=_FIX) as backend:
        found = backend.observe_merge(model.remote_id)
    return _recorded(scope, model, found)


@verbs.writes("models")
def merge(scope: Scope, identifier: str) -> Merge:
    """Begin to merge; once the merged copy is there, record it as a model of its own. Asking again is fine.

    Raises:
        Conflict: where there is nothing to merge, or the model's files are gone.
    """
    model = _adapter(scope, identifier)
    if model.status is not ModelStatus.PRESENT:
        raise Conflict(f"The model {model.name!r} has been deleted.", fix="Choose another model.")
    with scope.ask(model.connection, MergesAdapters, fix=_FIX) as backend:
        found = backend.observe_merge(model.remote_id)
        begins = found.status in {MergeStatus.ABSENT, MergeStatus.FAILED}
        if begins:
            backend.start_merge(model.remote_id)
    if begins:
        events.add(scope.write, model.id, "Merging into its base was asked for.", at=scope.now(), kind="request")
        return Merge(status=MergeStatus.RUNNING)
    if found.status is MergeStatus.READY and found.model is not None:
        _record(scope, model, found, found.model)
    return _recorded(scope, model, found)


def _adapter(scope: Scope, identifier: str) -> FineTunedModel:
    model = models.get(scope, identifier)
    if model.adapter != "lora":
        raise Conflict("There is nothing to merge: the model is whole.", fix=_FIX)
    return model


def _recorded(scope: Scope, model: FineTunedModel, found: Merge) -> Merge:
    known = store.by_remote_id(scope.read, model.connection, found.model) if found.model else None
    return replace(found, model=known.id if known else None)


def _record(scope: Scope, adapter: FineTunedModel, found: Merge, remote_id: str) -> None:
    known = store.by_remote_id(scope.write, adapter.connection, remote_id)
    if known is not None:  # perhaps torn down since, and made again
        store.save(
            scope.write, replace(known, status=ModelStatus.PRESENT, deleted_at=None, size_bytes=found.size_bytes)
        )
        return
    merged = replace(
        adapter,
        id=scope.new_id("mdl"),
        name=f"{adapter.name[: _NAME_LIMIT - len(_SUFFIX)]}{_SUFFIX}",
        remote_id=remote_id,
        adapter="none",
        size_bytes=found.size_bytes,
        created_at=scope.now(),
    )
    store.add(scope.write, merged)
    said = f"Merged from model {adapter.id}."
    if found.difference is not None:
        said += f" Its weights are {found.dtype}; its perplexity differs by {found.difference:.2%} from the adapter's."
    events.add(scope.write, merged.id, said, at=scope.now(), kind="note")

"""Verbs on the ends of saved models: which of them stop at another end than they were taught, and mending that."""

from collections.abc import Sequence

from app.domain.backend import BackendError
from app.domain.backend_abilities import Ends, MendsEnds
from app.domain.errors import Conflict
from app.domain.models import FineTunedModel, ModelStatus
from app.services import models, verbs
from app.services.scope import Scope
from app.store import events

_FIX = "Only a model of this machine has configs that can be fixed here."


@verbs.reads("models")
def look(scope: Scope, identifier: str) -> Ends:
    """Return how a model's answers end; nothing is known of those that another provider keeps, and of deleted ones."""
    model = models.get(scope, identifier)
    return _of(scope.able(model.connection, MendsEnds), model)


def _of(backend: MendsEnds | None, model: FineTunedModel) -> Ends:
    if backend is None or model.status is not ModelStatus.PRESENT:
        return Ends()
    try:
        return backend.ends(model.remote_id)
    except BackendError:
        return Ends()  # its files are gone


@verbs.reads("models")
def wrong_among(scope: Scope, shown: Sequence[FineTunedModel]) -> frozenset[str]:
    """Return the ids of the models whose saved configs stop at another end than was taught."""
    backends = {each: scope.able(each, MendsEnds) for each in {model.connection for model in shown}}
    return frozenset(each.id for each in shown if _of(backends[each.connection], each).wrong)


@verbs.writes("models")
def mend(scope: Scope, identifier: str) -> Ends:
    """Write the end that was taught into a model's configs, and say so to whoever serves it.

    Raises:
        Conflict: where nothing is wrong, or the model is not of this machine.
    """
    model = models.get(scope, identifier)
    before = look(scope, identifier)
    if not before.wrong:
        raise Conflict("The model's configs need no fix.", fix=_FIX)
    with scope.ask(model.connection, MendsEnds, fix=_FIX) as backend:
        after = backend.mend_ends(model.remote_id)
    tx, now = scope.write, scope.now()
    said = f"{scope.actor} had its configs fixed: answers end with {after.taught}."
    events.add(tx, model.id, said, at=now, kind="request")
    for each in models.deployments(scope, identifier):
        note = f"The configs of its model were fixed: answers end with {after.taught}."
        events.add(tx, each.id, f"{note} Restart it to have them read.", at=now, kind="note")
    return after

"""What is noted of a verb that a person calls: the outermost one, and nothing that could be a secret."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from app.domain.actors import Action, Role
from app.domain.audit import Act
from app.kit.ids import is_id
from app.services.scope import Scope, Scopes

# Parameters whose values are noted. Of all others, the name alone: they may be large, private or secret.
_PLAIN = frozenset(
    {
        "active", "amount", "base_model", "checkpoint", "connection", "connection_id", "currency", "filename",
        "give_up", "goal", "job", "job_id", "model", "model_id", "name", "not_submitted", "price_id", "project",
        "role", "scopes", "seed", "slots", "step", "table", "to",
    }
)  # fmt: skip
_LONGEST = 200  # characters of a value
_NOBODYS = (Role.ENGINE, Role.CLIENT)  # the journal has what these do


class Acting:
    """One verb as a person calls it."""

    def __init__(self, verb: str, action: Action, noun: str, names: Sequence[str]) -> None:
        """`names` are those of the verb's parameters behind its scope."""
        self._verb, self._action, self._noun, self._names = verb, action, noun, names

    def call(self, scope: Scope, function: Callable[..., Any], given: Sequence[Any], named: Mapping[str, Any]) -> Any:  # noqa: ANN401 -- whatever the verb gives
        """Call the verb; note the act, to be written when its scope is closed, if it is one."""
        if self._action is Action.READ or scope.actor.role in _NOBODYS or scope.acting:
            return function(scope, *given, **named)
        scope.acting = True
        try:
            result = function(scope, *given, **named)
        finally:
            scope.acting = False
        if scope.writes or self._action in {Action.DELETE, Action.ADMINISTER}:
            scope.acts.append(self._act(scope, {**dict(zip(self._names, given, strict=False)), **named}, result))
        return result

    def _act(self, scope: Scope, given: Mapping[str, Any], result: object) -> Act:
        spoken = {name: value for name, value in given.items() if not isinstance(value, Scopes | None)}
        noted = {name: _plain(value) if name in _PLAIN else None for name, value in spoken.items()}
        return Act(
            verb=self._verb,
            action=self._action.value,
            noun=self._noun,
            subject=scope.entered or _subject(given, result),
            given=json.dumps(noted, ensure_ascii=False, separators=(",", ":")),
        )


def _subject(given: Mapping[str, Any], result: object) -> str:
    """Return the id of what the act is about: what was named, else what was made, or who was let in."""
    first = next(iter(given.values()), None)
    candidates = (first, getattr(first, "id", None), getattr(result, "id", None), _inner(result))
    return next((each for each in candidates if isinstance(each, str) and is_id(each)), "")


def _inner(result: object) -> object:
    return getattr(getattr(result, "webhook", None) or getattr(result, "person", None), "id", None)


def _plain(value: object) -> object:
    if isinstance(value, bool | int | float):
        return value
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value[:20]]
    return str(value)[:_LONGEST] if isinstance(value, str) else None

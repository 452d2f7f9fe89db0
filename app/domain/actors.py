"""Who acts, and the one rule that says what they may do."""

from dataclasses import dataclass
from enum import StrEnum

from app.domain.errors import Forbidden


class Role(StrEnum):
    """What an actor is. Teams bring more roles; each must be placed in `ALLOWED`.

    A client is a program with the key of one deployment; it is let in at that deployment's base address alone.
    """

    OWNER = "owner"
    ENGINE = "engine"
    CLIENT = "client"


class Action(StrEnum):
    """What a route or the engine is about to do."""

    READ = "read"
    WRITE = "write"
    SPEND = "spend"
    DELETE = "delete"
    ADMINISTER = "administer"


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody who acts; `id` scopes idempotency keys and signs the journal."""

    id: str
    role: Role


OWNER = Actor(id="owner", role=Role.OWNER)
ENGINE = Actor(id="engine", role=Role.ENGINE)
CLIENT = Actor(id="client", role=Role.CLIENT)

ALLOWED: dict[Role, frozenset[Action]] = {
    Role.OWNER: frozenset(Action),
    Role.ENGINE: frozenset({Action.READ, Action.WRITE, Action.SPEND, Action.DELETE}),
    Role.CLIENT: frozenset({Action.READ, Action.SPEND}),
}


def authorize(actor: Actor | None, action: Action, thing: str) -> Actor:
    """Return the actor if they may do `action` to `thing`.

    Raises:
        Forbidden: for nobody, and for every pair that `ALLOWED` does not name (deny by default).
    """
    if actor is None or action not in ALLOWED.get(actor.role, frozenset()):
        raise Forbidden(f"You may not {action.value} {thing}.", fix="Ask the owner of this installation.")
    return actor

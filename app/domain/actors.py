"""Who acts, and the one rule that says what they may do."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from app.domain.errors import Forbidden


class Role(StrEnum):
    """What an actor is in this installation; each must be placed in `ALLOWED`.

    A client is a program with the key of one deployment; it is let in at that deployment's base address alone.
    A visitor is somebody who is about to sign in. A person has a role in each project (`ProjectRole`) and none beyond;
    an administrator may do everything.
    """

    OWNER = "owner"
    ENGINE = "engine"
    CLIENT = "client"
    VISITOR = "visitor"
    PERSON = "person"
    ADMINISTRATOR = "administrator"


class ProjectRole(StrEnum):
    """What a person is in one project."""

    VIEWER = "viewer"
    MEMBER = "member"
    ADMIN = "admin"


class TokenScope(StrEnum):
    """What an API token lets through of what its person may do."""

    READ = "read"
    ASK = "ask"  # to read, and to ask deployments
    WRITE = "write"
    ADMIN = "admin"


class Action(StrEnum):
    """What a route or the engine is about to do."""

    ENTER = "enter"
    READ = "read"
    WRITE = "write"
    SPEND = "spend"
    DELETE = "delete"
    ADMINISTER = "administer"


_NO_PROJECTS: Mapping[str, ProjectRole] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody who acts; `id` scopes idempotency keys and signs the journal, `name` is for people."""

    id: str
    role: Role
    name: str = ""
    projects: Mapping[str, ProjectRole] = field(default_factory=lambda: _NO_PROJECTS, hash=False)
    token: TokenScope | None = None  # asks with a token that lets so much through
    session: str = ""  # the id of the session that asks
    within: str | None = None  # the one project that a token is for: what is in none is not to be seen with it

    def __str__(self) -> str:
        return self.name or self.id

    @property
    def sees(self) -> str:
        """What two actors have in common to whom everything looks alike."""
        roles = " ".join(f"{project}:{role}" for project, role in sorted(self.projects.items()))
        return f"{self.id} {self.role} {self.token or ''} {self.within or ''} {roles}"

    @property
    def asks_as(self) -> str:
        """Whose request it is: an answer that was given to a person is not given again to a token of one project."""
        return self.id if self.within is None else f"{self.id} {self.within}"

    @property
    def writable(self) -> frozenset[str]:
        """The projects in which a person may change things."""
        return frozenset(project for project, role in self.projects.items() if role is not ProjectRole.VIEWER)


OWNER = Actor(id="owner", role=Role.OWNER)
ENGINE = Actor(id="engine", role=Role.ENGINE)
CLIENT = Actor(id="client", role=Role.CLIENT)
VISITOR = Actor(id="visitor", role=Role.VISITOR)

_KNOWN = frozenset(Action) - {Action.ENTER}
ALLOWED: dict[Role, frozenset[Action]] = {
    Role.OWNER: _KNOWN,
    Role.ENGINE: frozenset({Action.READ, Action.WRITE, Action.SPEND, Action.DELETE}),
    Role.CLIENT: frozenset({Action.READ, Action.SPEND}),
    Role.VISITOR: frozenset({Action.ENTER}),
    Role.PERSON: _KNOWN,  # narrowed by `IN_A_PROJECT`
    Role.ADMINISTRATOR: _KNOWN,
}
_WORK = frozenset({Action.READ, Action.WRITE, Action.SPEND, Action.DELETE})
IN_A_PROJECT: dict[ProjectRole, frozenset[Action]] = {
    ProjectRole.VIEWER: frozenset({Action.READ}),
    ProjectRole.MEMBER: _WORK,
    ProjectRole.ADMIN: _WORK | {Action.ADMINISTER},
}
# What belongs to a project, or shows only what does.
OF_PROJECTS = frozenset(
    {"answers", "datasets", "deployments", "drafts", "evaluations", "jobs", "members", "models", "overview", "projects"}
)
# What is everybody's to read who is let in at all, and the administrators' to change.
OF_ALL = frozenset({"catalog", "connections", "health", "openapi", "prices", "runtimes"})
# One's own, whatever one is; a token may not make another one.
OWN = frozenset({"account", "theme"})
BY_TOKEN: dict[TokenScope, frozenset[Action]] = {
    TokenScope.READ: frozenset({Action.READ}),
    TokenScope.ASK: frozenset({Action.READ}),
    TokenScope.WRITE: _WORK,
    TokenScope.ADMIN: _WORK | {Action.ADMINISTER},
}
_ASKED = "answers"  # what a token may spend on that is for asking

# How a refusal puts it.
_DOING: dict[Action, str] = {
    Action.ENTER: "enter by",
    Action.READ: "see",
    Action.WRITE: "change",
    Action.SPEND: "start",
    Action.DELETE: "delete",
    Action.ADMINISTER: "manage",
}
_THINGS = {
    "account": "this account",
    "adoptions": "what is on the account",
    "audit": "the audit",
    "catalog": "the catalog",
    "discovery": "what is at the provider",
    "engine": "the engine",
    "installation": "this installation",
    "orphans": "leftovers",
}


def authorize(actor: Actor | None, action: Action, thing: str) -> Actor:
    """Return the actor if they may do `action` to `thing`: a person, in any of their projects (then see `in_project`).

    Raises:
        Forbidden: for nobody, and for every pair that is not named here (deny by default).
    """
    if actor is None or action not in ALLOWED.get(actor.role, frozenset()):
        raise refusal(actor, action, thing)
    if _by_token(actor, action, thing) and (actor.role is not Role.PERSON or _by_noun(actor, action, thing)):
        return actor
    raise refusal(actor, action, thing)


def in_project(actor: Actor, action: Action, thing: str, project: str | None) -> None:
    """Return if a person may do `action` to a thing of a project that they see; None: it is theirs, and in none.

    Raises:
        Forbidden: their role there does not allow it.
    """
    if project is None:
        return
    role = actor.projects.get(project)
    if role is None or action not in IN_A_PROJECT[role] or (thing == "projects" and not _of_itself(role, action)):
        raise refusal(actor, action, thing)


def refusal(actor: Actor | None, action: Action, thing: str) -> Forbidden:
    """Return what somebody is told who may not do `action` to `thing`."""
    if actor is not None and actor.token is not None:
        fix = "Use a token with a wider scope, of somebody who may."
    elif actor is None or actor.role is not Role.PERSON:
        fix = "Ask the owner of this installation."
    elif thing in OF_PROJECTS:
        fix = "Ask an administrator of the project for another role."
    else:
        fix = "Ask an administrator of this installation."
    return Forbidden(f"You may not {_DOING[action]} {_THINGS.get(thing, thing)}.", fix=fix)


def _of_itself(role: ProjectRole, action: Action) -> bool:
    """Tell whether a role may do that to the project itself, which only its administrators remove."""
    return action is not Action.DELETE or role is ProjectRole.ADMIN


def _by_noun(actor: Actor, action: Action, thing: str) -> bool:
    if thing in OWN:
        return True
    if thing in OF_ALL:
        return action is Action.READ
    if thing not in OF_PROJECTS:
        return False
    return action is Action.READ or any(action in IN_A_PROJECT[role] for role in actor.projects.values())


def _by_token(actor: Actor, action: Action, thing: str) -> bool:
    if actor.token is None:
        return True
    if thing in OWN:
        return action is Action.READ
    asks = actor.token is TokenScope.ASK and (action, thing) == (Action.SPEND, _ASKED)
    return action in BY_TOKEN[actor.token] or asks

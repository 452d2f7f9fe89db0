"""Verbs on projects."""

from collections.abc import Mapping
from dataclasses import replace

from app.domain.actors import Role
from app.domain.errors import Conflict, Forbidden, Invalid, Problem
from app.domain.names import checked_name
from app.domain.projects import TEXT_LIMIT, DecisionRecord, Project
from app.kit.paging import DEFAULT_LIMIT, Page
from app.services import verbs
from app.services.scope import Scope
from app.store import projects as store

DEFAULT_NAME = "Default"


@verbs.reads("projects")
def list_projects(scope: Scope, *, limit: int = DEFAULT_LIMIT, cursor: str | None = None) -> Page[Project]:
    return store.page(scope.read, limit=limit, cursor=cursor)


@verbs.reads("projects")
def names(scope: Scope) -> dict[str, str]:
    """Return every project's name by id."""
    return store.names(scope.read)


@verbs.reads("projects")
def get(scope: Scope, identifier: str) -> Project:
    return scope.row("project", identifier, store.get)


@verbs.reads("projects")
def find(scope: Scope, identifier: str) -> Project | None:
    """Return a project, or None where there is none of that id."""
    return scope.read_once(("project", identifier), lambda tx: store.get(tx, identifier))


@verbs.administers("installation")
def create(scope: Scope, name: object, description: str = "") -> Project:
    """Make a project.

    Raises:
        Invalid: when the name is empty, too long or taken, or the description is too long.
    """
    tx, now = scope.write, scope.now()
    wanted = checked_name(name, "/name", "The project")
    _check_text(description, "/description")
    _check_free(scope, wanted, None)
    project = Project(
        id=scope.new_id("prj"), name=wanted, description=description.strip(), created_at=now, updated_at=now
    )
    store.add(tx, project)
    return project


@verbs.writes("projects", verbs.LATER)
def default(scope: Scope) -> Project:
    """Return the project that is meant where none can be named: the oldest; made now where there is none."""
    if scope.actor.role is Role.PERSON:  # ids rise: the oldest in which they work
        return get(scope, min(scope.actor.writable))
    return store.oldest(scope.read) or create(scope, DEFAULT_NAME)


@verbs.writes("projects")
def update(scope: Scope, identifier: str, *, name: object = None, description: str | None = None) -> Project:
    """Change a project's name or description; None leaves a field alone."""
    tx = scope.write
    project = get(scope, identifier)
    if name is not None:
        wanted = checked_name(name, "/name", "The project")
        if wanted != project.name and scope.actor.role is Role.PERSON:  # whether a name is taken tells of hidden ones
            message = "Only an administrator of this installation may rename a project."
            raise Forbidden(message, fix="Leave its name as it is, or ask one of them.")
        _check_free(scope, wanted, identifier)
        project = replace(project, name=wanted)
    if description is not None:
        _check_text(description, "/description")
        project = replace(project, description=description.strip())
    project = replace(project, updated_at=scope.now())
    store.save(tx, project)
    return project


@verbs.writes("projects")
def decide(scope: Scope, identifier: str, decision: DecisionRecord) -> Project:
    """Record the lesson's four answers."""
    tx = scope.write
    project = get(scope, identifier)
    for field in ("use_case", "alternatives_tried", "costs", "benefits"):
        _check_text(getattr(decision, field), f"/{field}")
    project = replace(project, decision=decision, updated_at=scope.now())
    store.save(tx, project)
    return project


@verbs.deletes("projects")
def delete(scope: Scope, identifier: str) -> None:
    """Remove an empty project.

    Raises:
        Conflict: while jobs, models or datasets belong to it.
    """
    tx = scope.write
    project = get(scope, identifier)
    used = uses(scope, identifier)
    if used:
        listed = ", ".join(f"{count} {kind}" for kind, count in used.items())
        raise Conflict(f"The project {project.name!r} still has {listed}.", fix="Keep it, or remove those first.")
    store.remove(tx, identifier)


@verbs.reads("projects")
def uses(scope: Scope, identifier: str) -> Mapping[str, int]:
    """Return how many of each noun belong to a project, of what there is any: it cannot be deleted while there is."""
    return {kind: count for kind, count in store.uses(scope.read, identifier).items() if count}


def _check_free(scope: Scope, name: str, own: str | None) -> None:
    other = store.by_name(scope.read, name)
    if other is not None and other.id != own:
        fix = "Choose another name, or use that project."
        raise Invalid([Problem("/name", "taken", f"There is already a project called {other.name!r}.", fix)])


def _check_text(text: str, pointer: str) -> None:
    if len(text) > TEXT_LIMIT:
        message = f"The text has {len(text)} characters."
        raise Invalid([Problem(pointer, "length", message, f"Use at most {TEXT_LIMIT}.")])

"""Verbs on who is what in a project, for its administrators. Nobody changes what they are themselves."""

from collections.abc import Sequence

from app.domain.actors import Role
from app.domain.errors import Forbidden, Invalid, Problem, or_not_found
from app.domain.people import Membership, chosen_role
from app.services import projects, verbs
from app.services.scope import Scope
from app.store import people as store

_PROJECT = verbs.Within("projects", "project")


@verbs.reads("members")
def list_members(scope: Scope, project: str) -> Sequence[Membership]:
    """Return the people of a project, by name. Administrators of the installation see it without being one."""
    projects.get(scope, project)
    return store.of_project(scope.read, project)


@verbs.administers("members", _PROJECT)
def set_role(scope: Scope, project: str, name: object, role: object) -> Membership:
    """Let somebody with an account be viewer, member or admin of a project.

    Raises:
        NotFound: there is no such project.
        Invalid: there is no such account, or no such role.
        Forbidden: it is oneself.
    """
    wanted = chosen_role(role)
    projects.get(scope, project)
    person = store.by_name(scope.write, name) if isinstance(name, str) else None
    if person is None:
        fix = "Check the name; an administrator of this installation makes accounts."
        raise Invalid([Problem("/name", "not_found", "Nobody here has an account of that name.", fix)])
    _refuse_oneself(scope, person.id)
    store.set_role(scope.write, person.id, project, wanted)
    return Membership(person=person.id, name=person.name, project=project, role=wanted)


@verbs.administers("members", _PROJECT)
def remove(scope: Scope, project: str, person: str) -> None:
    """Let somebody be nothing in a project any more.

    Raises:
        NotFound: there is no such project, or they are nothing there.
        Forbidden: it is oneself.
    """
    projects.get(scope, project)
    _refuse_oneself(scope, person)
    or_not_found(store.remove_role(scope.write, person, project) or None, "member", person)


def _refuse_oneself(scope: Scope, person: str) -> None:
    if scope.actor.role is Role.PERSON and person == scope.actor.id:
        fix = "Another administrator of the project can."
        raise Forbidden("Nobody changes what they are themselves.", fix=fix)

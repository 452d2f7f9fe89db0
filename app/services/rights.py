"""What somebody may press, asked before they do: of the same table and by the same rule as the verbs themselves."""

from app.domain.actors import OF_PROJECTS, Actor, Role, authorize, in_project
from app.domain.errors import Forbidden
from app.services import verbs
from app.services.scope import Scope
from app.services.verbs import Permission
from app.store import ownership


def _depends(actor: Actor, asked: Permission) -> bool:
    """Tell whether it depends on the project: where all of a person's projects allow it, no thing need be looked up."""
    try:
        for project in actor.projects:
            in_project(actor, asked.action, asked.noun, project)
    except Forbidden:
        return True
    return False


@verbs.reads("account")
def refusal(scope: Scope, asked: Permission, noun: str = "", identifier: str = "") -> Forbidden | None:
    """Return what the scope's actor would be told who did what is asked to the thing of a noun; None: they may.

    Without a thing that belongs to a project, a person may what they may in any project of theirs.
    """
    actor = scope.actor
    try:
        authorize(actor, asked.action, asked.noun)
        one_of_them = bool(identifier) and asked.noun in OF_PROJECTS and noun in ownership.NOUNS
        if actor.role is Role.PERSON and one_of_them and _depends(actor, asked):
            what = ("whose", f"{noun}/{identifier}")
            for project in scope.read_once(what, lambda tx: ownership.project_of(tx, noun, identifier)) or ():
                in_project(actor, asked.action, asked.noun, project)
    except Forbidden as error:
        return error.with_traceback(None)  # which holds all frames up to the page, and they hold it
    return None

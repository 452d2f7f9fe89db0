"""A team in a data folder: accounts switched on, members of its one project, and the cookie of a session of each."""

from pathlib import Path

from app.domain.actors import OWNER, VISITOR, ProjectRole
from app.domain.people import Person
from app.http.actor import Accounts
from app.kit.clock import SystemClock
from app.main import make_app_context
from app.services import entering, switching
from app.services.entering import From
from app.services.scope import Scopes
from app.settings import Settings
from app.store import people as store

_BROWSER = From("127.0.0.1", "a browser")


def staffed(folder: Path, project: str, members: int) -> list[str]:
    """Switch accounts on in `folder` and give a project, by its id, so many members.

    Return what each of them sends as `Cookie`.
    """
    context = make_app_context(Settings(data_dir=folder), clock=SystemClock())
    accounts = Accounts(app_context=context, secure=False)
    try:
        scopes, made = Scopes(context), []
        with scopes.open(OWNER) as scope:
            switching.switch_on(scope, administrator="root", project="First project")
            for number in range(members):
                name = f"member-{number}"
                person = Person(id=scope.new_id("per"), name=name, administers=False, created_at=scope.now())
                store.add(scope.write, person)
                store.set_role(scope.write, person.id, project, ProjectRole.MEMBER)
                made.append(person)
        with scopes.open(VISITOR) as scope:
            return [f"{accounts.cookie}={entering.begin_session(scope, person, _BROWSER)}" for person in made]
    finally:
        context.database.close()

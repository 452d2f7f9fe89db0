"""From one to many: accounts are switched on and off by whoever has the machine, never from a page."""

from dataclasses import dataclass, replace

from app.domain.names import checked_name
from app.domain.people import Person, checked_account
from app.domain.projects import Project
from app.services import people, verbs
from app.services.people import FIRST_CODE_LIVES, Code
from app.services.scope import Scope
from app.store import handing_over, ways_in
from app.store import people as store
from app.store import projects as project_store


@dataclass(frozen=True, slots=True)
class SwitchedOn:
    """What switching accounts on came to: the code that makes the first password, if one is needed still."""

    project: Project
    given: int  # things that were in no project and are in this one now
    administrator: Person
    code: Code | None


@verbs.administers("installation")
def switch_on(scope: Scope, *, administrator: str, project: str) -> SwitchedOn:
    """Let nobody in without an account from the next start on; asked again, do what is left to do.

    What belongs to no project, and was made before there were accounts, is given to the named one. The administrator
    is made where there is none of that name; until they have a password, each call gives a new code, and the one
    before opens nothing.

    Raises:
        Invalid: when a name is wrong.
    """
    tx, now = scope.write, scope.now()
    name, wanted = checked_account(administrator), checked_name(project, "/project", "The project")
    person = store.by_name(tx, name)
    if person is None:
        person = Person(id=scope.new_id("per"), name=name, administers=True, created_at=now)
        store.add(tx, person)
    elif not person.administers or person.disabled_at is not None:
        store.change(tx, person.id, administers=1, disabled_at=None)
        ways_in.end_sessions(tx, person.id)
        person = replace(person, administers=True, disabled_at=None)
    home = project_store.by_name(tx, wanted)
    if home is None:
        home = Project(id=scope.new_id("prj"), name=wanted, created_at=now, updated_at=now)
        project_store.add(tx, home)
    given = handing_over.give(tx, project=home.id, person=person.id)
    store.set_setting(tx, store.ACCOUNTS, "on")
    needs_code = person.issuer is None and store.password_of(tx, person.id) is None
    code = people.new_code(scope, person.id, lives=FIRST_CODE_LIVES) if needs_code else None
    return SwitchedOn(home, given, person, code)


@verbs.administers("installation")
def switch_off(scope: Scope) -> None:
    """Let the one who sits at this machine be its owner again, from the next start on; people stay recorded."""
    store.set_setting(scope.write, store.ACCOUNTS, "off")


@verbs.administers("installation")
def code_for(scope: Scope, name: str) -> Code:
    """Return a code for a new password of somebody who has lost theirs, and let a disabled one in again.

    Raises:
        NotFound: nobody has an account of that name.
    """
    person = store.by_name(scope.write, name)
    if person is not None:
        store.change(scope.write, person.id, disabled_at=None)
    return people.new_code(scope, "" if person is None else person.id, lives=FIRST_CODE_LIVES)

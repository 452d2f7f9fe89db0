"""A house with accounts: an administrator, people of each role in one of two projects, and their ways in."""

from collections.abc import Iterator
from contextlib import contextmanager

from starlette.testclient import TestClient

from app.domain.actors import VISITOR, ProjectRole, TokenScope
from app.domain.people import ApiToken, Person
from app.http.actor import Accounts
from app.http.application import GuardedApp
from app.services import entering
from app.services.entering import From
from app.store import people as store
from app.store import ways_in
from tests.support.app_context import TestHouse
from tests.support.door import BASE_URL, client_of, whole_app
from tests.support.two_projects import TwoProjects

COOKIE = "tunedesk"


class Office:
    """Two projects; `ada` is a member of ours, `vera` a viewer, `alma` its admin, `bob` a member of theirs."""

    def __init__(self, house: TestHouse) -> None:
        self.house = house
        self.two = TwoProjects(house)
        self.app: GuardedApp = whole_app(house.scopes)
        self.accounts = Accounts(app_context=house.app_context, secure=False)
        self.app.state.accounts = self.accounts
        self.people: dict[str, Person] = {}
        for name, project, role in (
            ("root", None, None),
            ("vera", self.two.ours.project, ProjectRole.VIEWER),
            ("ada", self.two.ours.project, ProjectRole.MEMBER),
            ("alma", self.two.ours.project, ProjectRole.ADMIN),
            ("bob", self.two.theirs.project, ProjectRole.MEMBER),
            ("nina", None, None),
        ):
            self.people[name] = self.person(name, project, role, administers=name == "root")

    def person(
        self, name: str, project: str | None = None, role: ProjectRole | None = None, *, administers: bool = False
    ) -> Person:
        """Make somebody without a password."""
        with self.house.open() as scope:
            made = Person(id=scope.new_id("per"), name=name, administers=administers, created_at=scope.now())
            store.add(scope.write, made)
            store.set_setting(scope.write, store.ACCOUNTS, "on")
            if project is not None and role is not None:
                store.set_role(scope.write, made.id, project, role)
        return made

    def session(self, name: str) -> str:
        """Return the cookie of a new session of somebody."""
        with self.house.scopes.open(VISITOR) as scope:
            return entering.begin_session(scope, self.people[name], From("127.0.0.1", "a browser"))

    def token(self, name: str, reach: TokenScope, *, days: int = 1, project: str | None = None) -> str:
        """Return the secret of a new token of somebody; with `days` below zero it has ended."""
        secret = f"{entering.TOKEN_PREFIX}{name}-{reach}-{days}-{project}"
        with self.house.open() as scope:
            now = scope.now()
            token = ApiToken(
                id=scope.new_id("tok"),
                person=self.people[name].id,
                name="a program",
                scope=reach,
                project=project,
                created_at=now,
                expires_at=now.replace(year=now.year + (1 if days > 0 else -1)),
            )
            ways_in.add_token(scope.write, token, secret)
        return secret

    @contextmanager
    def browser(self, name: str | None = None) -> Iterator[TestClient]:
        """Give the browser of somebody who is signed in, or of nobody, from any machine."""
        with client_of(self.app, peer=("10.0.0.9", 40_000)) as client:
            client.headers["origin"] = BASE_URL
            if name is not None:
                client.cookies.set(COOKIE, self.session(name))
            yield client

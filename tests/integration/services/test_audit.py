"""The audit: every act once, with what it is about, added to and never changed, and told when somebody did."""

import csv
import io
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta

import pytest
from bs4 import BeautifulSoup
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from starlette.testclient import TestClient

from app.domain.actors import ENGINE, Role
from app.domain.audit import FIRST, AuditEntry
from app.domain.errors import Invalid
from app.engine.engine import Engine
from app.services import audit, connections, jobs, projects, webhooks
from app.store import audit as store
from tests.support.app_context import TestHouse
from tests.support.connections import REHEARSAL_ID
from tests.support.door import turn, visiting
from tests.support.office import Office


@pytest.fixture
def visitor(app_context: TestHouse) -> Iterator[TestClient]:
    with visiting(app_context.scopes) as client:
        yield client


def entries(app_context: TestHouse) -> list[AuditEntry]:
    with app_context.open() as scope:
        return list(audit.entries(scope).items)


def three(app_context: TestHouse) -> None:
    """Three acts, an hour apart."""
    for name in ("One", "Two", "Three"):
        app_context.project(name)
        app_context.clock.turn(timedelta(hours=1))


def test_an_act_is_written_once_with_what_it_is_about(app_context: TestHouse) -> None:
    """A verb that a verb calls is a part of it: `jobs.create` records, and says so once."""
    fields = app_context.fields()
    before = len(entries(app_context))
    with app_context.open() as scope:
        job = jobs.create(scope, fields)
    newest, *earlier = entries(app_context)
    assert len(earlier) == before
    assert (newest.verb, newest.action, newest.noun, newest.subject) == ("jobs.create", "spend", "jobs", job.id)
    assert (newest.actor, newest.role) == ("owner", Role.OWNER)


def test_what_fails_or_is_rolled_back_or_reads_leaves_nothing(app_context: TestHouse) -> None:
    with app_context.open() as scope, pytest.raises(Invalid):
        projects.create(scope, " ")
    around = app_context.open()
    projects.create(around.__enter__(), "Gone")
    assert not around.__exit__(RuntimeError, RuntimeError(), None)
    with app_context.open() as scope:
        projects.list_projects(scope)
    assert entries(app_context) == []


def test_the_engine_is_no_person(app_context: TestHouse, engine: Engine) -> None:
    with app_context.open() as scope:
        jobs.create(scope, app_context.fields())
    count = len(entries(app_context))
    turn(app_context, engine)
    assert len(entries(app_context)) == count
    assert ENGINE.id not in {each.actor for each in entries(app_context)}


def test_no_secret_is_written_down_and_what_was_chosen_is(app_context: TestHouse) -> None:
    with app_context.open() as scope:
        made = webhooks.create(scope, name="chat", url="https://hooks.example/canary")
        connections.update(scope, REHEARSAL_ID, slots=3)
    slots, hook = entries(app_context)
    assert (hook.subject, json.loads(hook.given)["name"]) == (made.webhook.id, "chat")
    assert "canary" not in hook.given
    assert made.secret not in hook.given
    assert json.loads(slots.given) == {"identifier": None, "slots": 3}


def test_request_and_peer_stand_in_it(app_context: TestHouse, visitor: TestClient) -> None:
    answer = visitor.post("/api/v1/projects", json={"name": "Support"})
    (entry,) = entries(app_context)
    assert (entry.request, entry.peer) == (answer.headers["x-request-id"], "127.0.0.1")
    assert entry.subject == answer.json()["id"]


COPY = (
    "INSERT INTO audit SELECT number + 5, at, actor, role, request, peer, verb, action, noun, subject, given, "
    "previous, hash FROM audit WHERE number = 1"
)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET actor = 'somebody else'",
        "DELETE FROM audit",
        "DELETE FROM audit WHERE number = 2",
        COPY,
        "UPDATE audit_horizon SET number = 2",
        "UPDATE audit_horizon SET number = -1",
        "DELETE FROM audit_horizon",
    ],
)
def test_the_database_refuses_to_change_it(app_context: TestHouse, statement: str) -> None:
    three(app_context)
    with pytest.raises(DBAPIError, match="audit"), app_context.database.writing() as tx:
        tx.execute(text(statement))
    with app_context.open() as scope:
        assert audit.verify(scope).whole


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE audit SET given = '{}' WHERE number = 2", "Entry 2 was changed."),
        ("UPDATE audit SET at = at + 1 WHERE number = 1", "Entry 1 was changed."),
        ("DELETE FROM audit WHERE number = 2", "Entry 2 is missing."),
        ("DELETE FROM audit WHERE number = 1", "Entry 1 is missing."),
        ("UPDATE audit SET number = 4 WHERE number = 3", "Entry 3 is missing."),
        ("UPDATE audit SET hash = upper(hash) WHERE number = 2", "Entry 2 was changed."),
        ("UPDATE audit SET previous = hash WHERE number = 3", "Entry 3 does not follow the one before it"),
    ],
)
def test_whoever_changes_it_all_the_same_is_seen(app_context: TestHouse, statement: str, said: str) -> None:
    three(app_context)
    forced(app_context, statement)
    with app_context.open() as scope:
        found = audit.verify(scope)
    assert not found.whole
    assert found.problem.startswith(said)


def test_what_is_cut_off_at_the_end_is_seen_by_the_head_that_somebody_kept(app_context: TestHouse) -> None:
    three(app_context)
    with app_context.open() as scope:
        head = audit.verify(scope).head
    forced(app_context, "DELETE FROM audit WHERE number = 3")
    with app_context.open() as scope:
        assert audit.verify(scope).whole
        assert not store.has(scope.read, head)


def forced(app_context: TestHouse, statement: str) -> None:
    """Do what only somebody with the file in their hands can do."""
    with closing(sqlite3.connect(app_context.folder / "house.sqlite3")) as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute(statement)
        connection.commit()


def test_it_is_forgotten_by_age_from_its_beginning_and_stays_whole(app_context: TestHouse) -> None:
    three(app_context)
    with app_context.open() as scope:
        assert store.forget(scope.write, before=scope.now() - timedelta(hours=1, minutes=30)) == 2
    app_context.project("Four")
    with app_context.open() as scope:
        found = audit.verify(scope)
        assert (found.whole, found.entries, found.first) == (True, 2, 3)
        assert store.forget(scope.write, before=scope.now() + timedelta(days=1)) == 2
        emptied = audit.verify(scope)
        assert (emptied.whole, emptied.entries, emptied.head != FIRST) == (True, 0, True)
    app_context.project("Five")
    with app_context.open() as scope:
        assert audit.verify(scope).first == 5
        assert audit.verify(scope).whole


FORMULAS = [
    "=1+1", "+1", "-1+2", "@SUM(A1)", " =1", "＝1", "＋1", "－1", "＠A1", '"=1', "=HYPERLINK(1)", "a,b",
    'a"b', "plain", "-", "=", "1", "-5",
]  # fmt: skip


def test_it_is_handed_out_whole_and_no_cell_is_a_formula(app_context: TestHouse, visitor: TestClient) -> None:
    for name in FORMULAS:
        visitor.post("/api/v1/projects", json={"name": name})
    lines = visitor.get("/api/v1/audit/export").text.splitlines()
    table = list(csv.reader(io.StringIO(visitor.get("/settings/audit/export?form=csv").text)))
    assert len(lines) == len(table) - 1 >= len(FORMULAS) - 2
    assert [json.loads(line)["number"] for line in lines] == [int(row[0]) for row in table[1:]]
    assert table[0][-1] == "hash"
    starts = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
    assert [cell for row in table for cell in row if cell.lstrip().startswith(starts)] == []


def test_people_stand_by_their_names(app_context: TestHouse) -> None:
    office = Office(app_context)
    with office.browser("root") as browser:
        address = f"/settings/people/{office.people['ada'].id}/sign-out"
        assert browser.post(address, follow_redirects=False).status_code == 303
        shown = BeautifulSoup(browser.get("/settings/audit?actor=root&subject=ada").text, "html.parser")
    (line,) = shown.select("#entries tbody tr")
    shown_cells = [each.text for each in line.select("td:nth-of-type(2), .named, .sub")]
    assert shown_cells == ["root", "signed somebody out everywhere", "ada"]
    with office.browser("ada") as browser:
        assert browser.post(address, follow_redirects=False).status_code == 403


def test_the_page_shows_filters_and_verifies(app_context: TestHouse, visitor: TestClient) -> None:
    assert "Nothing has been done yet." in visitor.get("/settings/audit").text
    made = visitor.post("/api/v1/projects", json={"name": "<img src=x onerror=alert(1)>"}).json()["id"]
    app_context.project("Other")
    shown = BeautifulSoup(visitor.get(f"/settings/audit?subject={made}&verify=true").text, "html.parser")
    assert len(shown.select("#entries tbody tr")) == 1
    assert shown.select_one("#entries img") is None
    assert "All 2 entries are intact" in shown.text
    forced(app_context, "UPDATE audit SET actor = 'me' WHERE number = 1")
    assert "Entry 1 was changed." in visitor.get("/settings/audit?verify=true").text
    assert visitor.get("/api/v1/audit/verification").json()["whole"] is False

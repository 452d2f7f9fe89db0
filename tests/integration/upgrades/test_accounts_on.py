"""Accounts switched on over a folder of the earlier release: all of it goes to the first project, nothing is lost."""

import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing

import pytest

from tests.support.older import rehearsed
from tests.support.older.client import Client
from tests.support.older.documents import differences, documents
from tests.support.older.installation import stand_in
from tests.support.older.rehearsed import Furnished
from tests.support.older.release import ROOT

pytestmark = pytest.mark.slow

COMMAND = "import sys; from app.cli import main; sys.exit(main(sys.argv[1:], set_up=False))"
MAY_BE_IN_NONE = ("datasets", "evaluations", "deployments")
PAGES = ("/", "/jobs", "/datasets", "/models", "/deployments", "/connections", "/settings/engine", "/settings/people")
PASSWORD = "four words are enough"


def accounts(older: Furnished, *arguments: str) -> Sequence[str]:
    """Say `accounts …` over the folder; return what it printed, line by line."""
    installation = older.installation
    settings = {"DATA_DIR": installation.data, "SECRET_KEY_FILE": installation.folder / "key"}
    named = {f"TUNEDESK_{name}": str(value) for name, value in settings.items()}
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **named}
    command = [sys.executable, "-c", COMMAND, "accounts", *arguments]
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr
    return said.stdout.splitlines()


def code_in(lines: Sequence[str]) -> str:
    (line,) = (each for each in lines if each.startswith("One-time code"))
    return line.rsplit(" ", 1)[1]


def homes(older: Furnished) -> list[str | None]:
    """Return the project of each thing that may be in none; REST of the earlier release did not say it."""
    with closing(sqlite3.connect(older.installation.data / "tunedesk.sqlite3")) as database:
        return [row[0] for table in MAY_BE_IN_NONE for row in database.execute(f"SELECT project FROM {table}")]  # noqa: S608


def start(older: Furnished) -> Client:
    trainer = ROOT / "tests" / "support" / "stand_in_trainer.py"
    interpreter = stand_in(older.installation.folder / "interpreter", trainer=trainer)
    return older.installation.start(ROOT, script=rehearsed.slow(older.jobs), interpreter=interpreter)


def form(client: Client, path: str, **fields: str) -> int:
    client.http.headers["origin"] = str(client.http.base_url).rstrip("/")
    return client.http.post(path, data=fields).status_code


def test_all_of_it_is_the_first_projects(older: Furnished) -> None:
    on = ("on", "--admin", "ada", "--project", "Support")
    first, second = accounts(older, *on), accounts(older, *on)
    given = re.match(r"Accounts are on\. (\d+) thing", first[0])
    assert given is not None, first
    assert int(given[1]) > 0, first
    assert second[0].startswith("Accounts are on. 0 things"), second
    changing = rehearsed.changing(older)
    with start(older) as client:
        assert client.http.get("/api/v1/jobs").status_code == 401
        refused = {"password": PASSWORD, "again": PASSWORD, "code": code_in(first)}
        assert form(client, "/welcome", **refused) == 401
        assert form(client, "/welcome", **{**refused, "code": code_in(second)}) == 303
        assert form(client, "/sign-in", name="ada", password=PASSWORD) == 303
        (home,) = (each["id"] for each in client.items("/projects") if each["name"] == "Support")
        now = documents(client)
        assert differences(older.documents, now, changing) == []
        where = homes(older)
        assert None not in where
        assert where.count(home) == int(given[1]), where
        assert {path: client.http.get(path).status_code for path in PAGES} == dict.fromkeys(PAGES, 200)
        older.installation.kill()

    third = accounts(older, *on)
    assert third[0].startswith("Accounts are on. 0 things"), third
    assert not [each for each in third if each.startswith("One-time code")], "ada has a password"

    accounts(older, "off")
    with start(older) as client:
        assert differences(older.documents, documents(client), changing) == []
        older.installation.kill()

"""A database that is damaged, gone or locked while the server runs: REST and pages say so, and what to do."""

import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from tests.support.app_context import TestHouse
from tests.support.door import visiting


def damaged(file: Path) -> None:
    size = file.stat().st_size
    with file.open("r+b") as opened:
        opened.seek(4096)
        opened.write(b"\xa5" * (size - 4096))


def no_database(file: Path) -> None:
    file.write_bytes(b"no database " * 9999)


def gone(file: Path) -> None:
    file.rename(file.with_name("elsewhere"))
    file.mkdir()


HAPPENINGS: Mapping[str, tuple[Callable[[Path], None], str]] = {
    "damaged": (damaged, "The database is damaged (database disk image is malformed)"),
    "no database": (no_database, "The database is no database any more"),
    "gone": (gone, "The database cannot be opened any more"),
}


@pytest.mark.parametrize("name", HAPPENINGS)
def test_what_has_happened_to_the_database_is_said(app_context: TestHouse, client: TestClient, name: str) -> None:
    happens, expected = HAPPENINGS[name]
    file = app_context.folder / "house.sqlite3"
    app_context.project()
    app_context.database.close()  # so that everything is in the file, and read from it again
    happens(file)
    for method in ("get", "post"):
        options = {} if method == "get" else {"json": {"name": "Another"}}
        answer = getattr(client, method)("/api/v1/projects", **options)
        assert (answer.status_code, answer.json()["type"]) == (409, "urn:tunedesk:problem:storage-unusable")
        assert answer.json()["detail"].startswith(expected)
        assert answer.json()["fix"]
    with visiting(app_context.scopes) as pages:
        answer = pages.get("/projects")
    assert answer.status_code == 409
    assert expected in answer.text


def test_a_database_that_another_program_locks_is_reported(app_context: TestHouse, client: TestClient) -> None:
    """Readers go on; whoever writes waits for a while, and is told then."""
    with app_context.database.writers.connect() as writer:
        writer.exec_driver_sql("PRAGMA busy_timeout=50")  # of the only writing connection
        writer.rollback()
    with closing(sqlite3.connect(app_context.folder / "house.sqlite3", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        answer = client.post("/api/v1/projects", json={"name": "Another"})
        assert (answer.status_code, answer.json()["type"]) == (409, "urn:tunedesk:problem:storage-unusable")
        assert answer.json()["detail"].startswith("The database is locked by another program")
        assert client.get("/api/v1/projects").status_code == 200
    assert client.post("/api/v1/projects", json={"name": "Another"}).status_code == 201

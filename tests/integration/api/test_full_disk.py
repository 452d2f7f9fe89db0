"""A full disk: one sentence, nothing half-made, reading goes on, and it recovers by itself."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from sqlalchemy import text
from starlette.testclient import TestClient

from app.http.application import GuardedApp
from app.services.scope import Scopes
from app.store.files import FileStore
from tests.support.app_context import TestHouse
from tests.support.door import job_body, key

ROW = b'{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}\n'


def pragma(app_context: TestHouse, statement: str) -> int:
    """Say something to the one writing connection of the pool."""
    with app_context.database.writers.connect() as connection:
        return int(connection.execute(text(statement)).scalar_one())


@contextmanager
def full_database(app_context: TestHouse) -> Iterator[None]:
    """Let SQLite believe that the disk ends where the file ends now: it raises the same SQLITE_FULL."""
    pages = pragma(app_context, "PRAGMA page_count")
    pragma(app_context, f"PRAGMA max_page_count={pages}")
    yield
    pragma(app_context, "PRAGMA max_page_count=1000000")


def test_a_full_database_says_so_changes_nothing_and_recovers(client: TestClient, app_context: TestHouse) -> None:
    made = client.post("/api/v1/projects", json={"name": "before"}).json()
    with full_database(app_context):
        answers = [
            client.post("/api/v1/projects", json={"name": f"p{number}", "description": "x" * 3900})
            for number in range(12)
        ]
        refused = answers[-1]
        assert refused.status_code == 409
        problem = refused.json()
        assert problem["type"] == "urn:tunedesk:problem:storage-full"
        assert "disk" in problem["detail"]
        assert problem["fix"]
        stored = sum(answer.status_code == 201 for answer in answers)
        assert len(client.get("/api/v1/projects").json()["items"]) == stored + 1
        assert client.get(f"/api/v1/projects/{made['id']}").json() == made
    assert client.post("/api/v1/projects", json={"name": "after"}).status_code == 201


def test_a_file_that_does_not_fit_is_refused_and_leaves_nothing(
    client: TestClient, app: GuardedApp, app_context: TestHouse
) -> None:
    body = job_body(app_context)
    before = client.get("/api/v1/datasets").json()
    narrow = FileStore(app_context.folder / "data", upload_limit=64 * 2**20, disk_reserve=2**60)
    app.state.scopes = Scopes(replace(app_context.app_context, files=narrow))
    refused = client.put("/api/v1/datasets", params={"name": "x"}, content=ROW * 20)
    assert (refused.status_code, refused.json()["title"]) == (409, "No room left on the disk")
    assert client.post("/api/v1/jobs", json=body, headers=key("k")).status_code == 409
    assert client.get("/api/v1/datasets").json() == before
    assert client.get("/api/v1/jobs").json()["items"] == []
    app.state.scopes = app_context.scopes
    assert client.post("/api/v1/jobs", json=body, headers=key("k")).status_code == 201

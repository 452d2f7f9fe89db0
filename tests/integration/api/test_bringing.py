"""Datasets brought otherwise than by one upload: by a path on the server, several files and datasets as one."""

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup
from starlette.testclient import TestClient

from app.domain.actors import ENGINE
from app.kit.progress import Progress, passed
from app.services import bringing, datasets
from app.services.scope import Scopes
from tests.support.app_context import TestHouse
from tests.support.door import client_of, rest_app, visiting

DATASETS = "/api/v1/datasets"
ROW = '{"prompt": "p%d", "completion": "c"}\n'
LINES = "".join(ROW % n for n in range(12))
TABLE = "prompt,completion\n" + "".join(f"q{n},c\n" for n in range(12)) + "q,\n"


def brought(client: TestClient, content: str, filename: str) -> dict[str, Any]:
    made: dict[str, Any] = client.put(DATASETS, params={"filename": filename}, content=content.encode()).json()
    return made


@pytest.fixture
def root(tmp_path: Path, app_context: TestHouse) -> Path:
    made = tmp_path / "allowed"
    made.mkdir()
    app_context.app_context = replace(app_context.app_context, import_roots=(made,))
    app_context.scopes = Scopes(app_context.app_context)
    return made


@pytest.fixture
def reading(root: Path, app_context: TestHouse) -> Iterator[TestClient]:
    """A client of a server that may read below `root`."""
    with client_of(rest_app(app_context)) as made:
        yield made


def test_a_file_on_the_server_is_read_in_by_its_path(reading: TestClient, root: Path) -> None:
    (root / "t.csv").write_text(TABLE)
    made = reading.post(f"{DATASETS}/from-path", json={"path": f"{root}/t.csv"})
    assert made.status_code == 201
    assert (made.json()["name"], made.json()["rows"], made.json()["made_by"]) == ("t", 13, "path")
    assert (root / "t.csv").read_text() == TABLE


def test_a_path_that_leads_elsewhere_is_refused_and_stores_nothing(
    reading: TestClient, root: Path, app_context: TestHouse
) -> None:
    (root / "link").symlink_to("/etc/passwd")
    for path in (f"{root}/link", f"{root}/../house.sqlite3", "/etc/passwd", "/dev/zero", f"{root}/none", "rows"):
        refused = reading.post(f"{DATASETS}/from-path", json={"path": path})
        assert refused.status_code == 422
        [problem] = refused.json()["errors"]
        assert (problem["pointer"], problem["code"]) == ("/path", "path")
        assert problem["message"].endswith(".")
        assert str(root) in problem["fix"]
    assert [each for each in app_context.app_context.files.root.glob("files/**/*") if each.is_file()] == []


def test_without_allowed_folders_no_path_is_read(client: TestClient) -> None:
    refused = client.post(f"{DATASETS}/from-path", json={"path": "/etc/passwd"})
    assert refused.status_code == 409
    assert "TUNEDESK_IMPORT_ROOTS" in refused.json()["fix"]


def test_datasets_are_joined_and_findings_name_the_file_and_its_line(client: TestClient) -> None:
    first = brought(client, "\ufeff" + LINES.rstrip("\n"), "a.jsonl")
    second = brought(client, TABLE, "b.csv")
    third = brought(client, LINES.replace("p1", "x1") + "{oops\n", "c.jsonl")
    wanted = {"datasets": [first["id"], second["id"], third["id"]], "name": "all"}
    made = client.post(f"{DATASETS}/join", json=wanted).json()
    assert (made["name"], made["rows"], made["errors"], made["version"]) == ("all", 38, 2, 1)
    found = client.get(f"{DATASETS}/{made['id']}/findings", params={"severity": "error"}).json()["items"]
    assert [(each["line"], each["source"]) for each in found] == [
        (25, "line 14 of b.csv"),
        (38, "line 13 of c.jsonl"),
    ]
    assert client.post(f"{DATASETS}/join", json=wanted).json() == made
    fewer = client.post(f"{DATASETS}/{made['id']}/edits", json={"exclude": [2, 14]}).json()
    found = client.get(f"{DATASETS}/{fewer['id']}/findings", params={"severity": "error"}).json()["items"]
    assert [(each["line"], each["source"]) for each in found] == [
        (23, "line 14 of b.csv"),
        (36, "line 13 of c.jsonl"),
    ]
    for each in (first, second, third):
        assert client.delete(f"{DATASETS}/{each['id']}").status_code == 204
    assert client.get(f"{DATASETS}/{fewer['id']}/download").status_code == 200


def test_a_join_of_what_has_no_rows_is_refused(client: TestClient) -> None:
    good, bad = brought(client, LINES, "a.jsonl"), brought(client, "%PDF-1.7", "b.pdf")
    for wanted, status in (([good["id"], bad["id"]], 409), ([good["id"]], 422), ([good["id"], "ds_0"], 404)):
        assert client.post(f"{DATASETS}/join", json={"datasets": wanted}).status_code == status


def test_several_files_of_one_form_are_one_dataset(app_context: TestHouse) -> None:
    with visiting(app_context.scopes) as pages:
        files = [("file", ("a.jsonl", LINES.encode())), ("file", ("b.csv", TABLE.replace("q,\n", "").encode()))]
        made = pages.get(pages.post("/datasets", files=files, follow_redirects=False).headers["location"])
        assert "Ready" in made.text
        assert BeautifulSoup(made.text, "html.parser").select(".stats dd")[0].text == "24"
        listed = BeautifulSoup(pages.get("/datasets").text, "html.parser").select("#datasets tbody tr")
        assert len(listed) == 1
        stored = {each.name for each in app_context.app_context.files.root.glob("files/*/*") if "." not in each.name}
        assert len(stored) == 3, "two originals and the rows"
        refused = pages.post("/datasets", files=[*files, ("file", ("c.pdf", b"%PDF-1.7"))])
        assert refused.status_code == 422
        assert "c.pdf: This is a PDF document" in refused.text
        assert stored == {
            each.name for each in app_context.app_context.files.root.glob("files/*/*") if "." not in each.name
        }


def test_the_form_reads_a_path_where_that_is_allowed(root: Path, app_context: TestHouse) -> None:
    (root / "t.jsonl").write_text(LINES)
    with visiting(app_context.scopes) as pages:
        assert str(root) in pages.get("/datasets").text
        made = pages.post("/datasets", data={"path": f"{root}/t.jsonl"}, follow_redirects=False)
        assert made.status_code == 303
        refused = pages.post("/datasets", data={"path": "/etc/passwd"})
        assert refused.status_code == 422
        assert 'value="/etc/passwd"' in refused.text


class Remembering(Progress):
    """Remembers how far each work was at its end."""

    def __init__(self) -> None:
        super().__init__()
        self.last: dict[str, float | None] = {}

    @contextmanager
    def of(self, key: str, total: float) -> Iterator[None]:
        with super().of(key, total):
            yield
            self.last[key] = self.share(key)


def test_reading_in_is_counted_from_the_file_to_its_checked_rows(app_context: TestHouse) -> None:
    progress = Remembering()
    app_context.app_context = replace(app_context.app_context, progress=progress, at_once_bytes=64)
    app_context.scopes = Scopes(app_context.app_context)
    table = TABLE.removesuffix("q,\n")
    with client_of(rest_app(app_context)) as client:
        put = [
            client.put(DATASETS, params={"filename": name}, content=content).json()["id"]
            for name, content in (
                ("t.csv", table.encode()), ("t.csv.gz", gzip.compress(table.encode())), ("t.jsonl", LINES.encode()),
            )
        ]  # fmt: skip
        files = [("a.csv", [table.encode()]), ("b.gz", [gzip.compress(table.encode())]), ("c.jsonl", [LINES.encode()])]
        with app_context.open() as scope:
            joined = bringing.upload_several(scope, files, name="all").id
        assert client.get(f"{DATASETS}/{joined}/progress").json() == {"status": "validating", "share": None}
    with app_context.scopes.open(ENGINE) as scope:
        for each in put:
            assert datasets.check(scope, each).report is not None
        assert bringing.carry_out(scope, joined) is not None
    assert progress.last == dict.fromkeys([*put, joined], pytest.approx(1.0))


def test_a_join_of_more_than_is_read_at_once_copies_nothing_in_the_request_and_its_progress_is_asked_for(
    client: TestClient, app_context: TestHouse
) -> None:
    parts = [brought(client, LINES, "a.jsonl"), brought(client, LINES.replace("p1", "x1"), "b.jsonl")]
    wanted = {"datasets": [each["id"] for each in parts], "name": "both"}
    files, size = app_context.app_context.files.root / "files", sum(each["bytes"] for each in parts)

    def joined(at_once: int) -> dict[str, Any]:
        app_context.app_context = replace(app_context.app_context, at_once_bytes=at_once)
        app_context.scopes = Scopes(app_context.app_context)
        with client_of(rest_app(app_context)) as bounded:
            made = bounded.post(f"{DATASETS}/join", json=wanted)
            progress = f"{DATASETS}/{made.json()['id']}/progress"
            assert bounded.get(progress).json() == {"status": made.json()["status"], "share": None}
            with app_context.app_context.progress.of(made.json()["id"], 200):
                passed(50)
                assert bounded.get(progress).json()["share"] == 0.25
        return dict(made.json())

    before = {each.name for each in files.glob("*/*")}
    made = joined(size - 1)
    assert (made["status"], made["rows"]) == ("validating", None)
    assert [each for each in files.glob("*/*") if each.name not in before and ".join-" not in each.name] == []
    wanted["name"] = "both at once"
    made = joined(size)
    assert (made["status"], made["rows"]) == ("ready", 24)

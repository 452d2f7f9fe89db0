"""120 names and paths that want to lead elsewhere: a canary beside each root is neither read nor written by any."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

from app.http.application import GuardedApp
from app.kit.confined import NotAllowed, opened
from app.services import datasets
from app.web.site import static_files
from tests.support.app_context import TestHouse, chats
from tests.support.door import client_of

CANARY = b"canary-of-the-paths"
UPS = [
    "..",
    "%2e%2e",
    "%252e%252e",
    "..%00",
    ".%2e",
    "%2e.",
    "..;",
    "．．",
    "%c0%ae%c0%ae",
    "%uff0e%uff0e",
    "....",
    ".. ",
]
SLASHES = ["/", "%2f", "%252f", "\\", "%5c", "//", "/./"]
OTHERS = [
    "/etc/hostname", "~/canary", "~root/canary", "file:///canary", "CON", "NUL.jsonl", "aux", "com1.txt", "a:b",
    "a::$DATA", "canary\x00.jsonl", "canary%00.jsonl", "\u202egnp.exe", "x" * 300, "x" * 4096, " canary", "canary ",
    ".", "..", "...", "-rf", "--", "$(canary)", "`canary`", "|canary", ";canary", "&canary", "{canary}",
    "[canary]", "*", "?", "'", '"',
    "a/b/c", "a\\b", "/", "\\\\host\\share", "//host/share",
]  # fmt: skip
CORPUS = [f"{up}{slash}canary" for up, slash in itertools.product(UPS, SLASHES)] + OTHERS


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with one file, a canary beside it, and links that lead to the canary."""
    made = tmp_path / "root"
    made.mkdir()
    (made / "fine.txt").write_bytes(b"fine")
    (tmp_path / "canary").write_bytes(CANARY)
    (made / "link").symlink_to(tmp_path / "canary")
    (made / "folder").symlink_to(tmp_path)
    return made


def test_the_corpus_is_as_long_as_it_has_to_be() -> None:
    assert len(set(CORPUS)) >= 120


def test_no_path_leads_out_of_a_root_that_may_be_read_from(root: Path) -> None:
    through = []
    for each in [*CORPUS, "link", "folder/canary", "folder/../canary"]:
        for path in (f"{root}/{each}", each, f"{root}{each}"):
            try:
                with opened(path, [root]) as stream:
                    through.append((path, stream.read()))
            except NotAllowed:
                continue
    assert through == []


@pytest.fixture
def files(root: Path) -> Iterator[TestClient]:
    """The static files as they are served, over the same folder."""
    served = Starlette(routes=[Mount("/static", static_files(root))])
    with TestClient(served, raise_server_exceptions=False) as client:
        yield client


def test_static_files_are_those_of_their_folder(files: TestClient) -> None:
    assert files.get("/static/fine.txt").content == b"fine"
    for each in [*CORPUS, "link", "folder/canary"]:
        answer = files.get("/static/" + each.replace("\x00", "%00"))
        assert CANARY not in answer.content, each


def test_names_are_labels_and_nothing_of_them_reaches_the_disk(
    app: GuardedApp, app_context: TestHouse, tmp_path: Path
) -> None:
    (tmp_path / "canary").write_bytes(CANARY)
    content = chats(4, ("yes", "no"), "question {n}")
    before = set(app_context.folder.rglob("*"))
    statuses = set()
    with client_of(app) as client:
        for each in CORPUS:
            query = {"name": each[:80], "filename": each}
            statuses.add(client.put("/api/v1/datasets", params=query, content=content).status_code)
    assert not {status for status in statuses if status >= 500}
    made = set(app_context.folder.rglob("*")) - before
    named = [path.name for path in made if "canary" in path.name.lower() or path.suffix in {".exe", ".txt"}]
    assert named == []
    assert (tmp_path / "canary").read_bytes() == CANARY
    with app_context.open() as scope:
        assert datasets.list_datasets(scope).items

"""Everything in the data folder is its owner's alone: as it is made, whatever the umask, and in an older one."""

import http.client
import logging
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.main import open_data
from app.settings import Settings
from app.store import data_folder
from tests.support.app_context import TestHouse, chats
from tests.support.command_line import NOBODY
from tests.support.journeys import Installation
from tests.support.waiting import until


def open_to_others(folder: Path) -> list[str]:
    """Return what anybody but the owner has any right to, with the rights, the folder itself among it."""
    found = [folder, *folder.rglob("*")]
    return sorted(
        f"{path.relative_to(folder.parent)} {stat.S_IMODE(path.lstat().st_mode):o}"
        for path in found
        if not path.is_symlink() and path.lstat().st_mode & data_folder.OTHERS
    )


@pytest.fixture
def no_umask() -> Iterator[None]:
    """As on a machine where everybody may read what anybody makes."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("no_umask")
def test_what_a_server_makes_is_its_owners_alone_also_while_it_is_made(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o755)  # as an older version, or an image, has made it
    here = Installation(folder, {"rehearsal": "true", "secret_key_file": str(tmp_path / "key")})
    try:
        rows = chats(40, ("yes", "no"), "question {n}")
        project = here.client.post("/projects", {"name": "Rights"})["id"]
        query = {"name": "rows", "filename": "rows.jsonl", "project": project}
        dataset = here.client.ask("PUT", "/datasets", params=query, content=rows)["id"]
        job = here.client.post(
            "/jobs",
            {
                "project": project, "connection": "con_rehearsal", "base_model": "rehearsal:small", "name": "rights",
                "training_dataset": dataset, "validation": {"kind": "split", "ratio": 0.2, "seed": 1},
            },
        )  # fmt: skip
        here.client.until(f"/jobs/{job['id']}", lambda seen: seen["status"] not in {"pending", "preparing"})
        with upload_half_done(here.server.url, project):
            incoming = until(lambda: list((folder / "files").glob("incoming-*")), doing="the upload's beginning")
            assert [path for path in (folder / f"tunedesk.sqlite3{end}" for end in ("", "-wal")) if path.exists()]
            assert incoming
            found = open_to_others(folder)
    finally:
        here.kill()
    # The log of the server's own errors was opened by whoever started it.
    assert [each for each in found if not each.startswith("data/server.log")] == []


@contextmanager
def upload_half_done(url: str, project: str) -> Iterator[None]:
    """An upload whose second half does not come while the block runs."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"))
    connection.putrequest("PUT", f"/api/v1/datasets?name=half&filename=half.jsonl&project={project}")
    connection.putheader("content-length", "1000000")
    connection.endheaders(chats(100, ("yes",), "question {n}"))
    try:
        yield
    finally:
        connection.close()


def older(house: TestHouse, folder: Path) -> None:
    """Fill the house's data folder as 8b96ff6 did: a database, a file, a run; everybody may read and write them."""
    with house.open() as scope:
        scope.files.store([b"rows"])
        (scope.files.runs / "job_1").mkdir()
        (scope.files.runs / "job_1" / "spec.json").write_text("{}", encoding="utf-8")
    (folder / "tunedesk.sqlite3").write_bytes((house.folder / "house.sqlite3").read_bytes())
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o777 if path.is_dir() else 0o666)


def test_an_older_folder_is_taken_back_and_that_is_said(
    app_context: TestHouse, tmp_path: Path, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    older(app_context, settings.data_dir)
    key = tmp_path / "key"
    key.touch()
    key.chmod(0o644)  # whatever umask the process has by now
    (settings.data_dir / "elsewhere").symlink_to(tmp_path / "mine")
    (tmp_path / "mine").touch()
    (tmp_path / "mine").chmod(0o644)
    settings = settings.model_copy(update={"secret_key_file": key})
    caplog.set_level(logging.INFO, logger="tunedesk")
    count = len(open_to_others(settings.data_dir))
    assert count > 5
    open_data(settings)
    assert open_to_others(settings.data_dir) == []
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "mine").stat().st_mode) == 0o644  # a link is not followed
    assert f"{count + 1} files and folders of {settings.data_dir} were open to others" in caplog.text
    caplog.clear()
    open_data(settings)
    assert caplog.text == ""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_what_belongs_to_somebody_else_is_left_and_said_in_one_sentence(
    app_context: TestHouse, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    """A mounted volume: the folder is another's, what was made in it is ours."""
    older(app_context, settings.data_dir)
    os.chown(settings.data_dir, NOBODY, NOBODY)
    open_data(settings)
    assert open_to_others(settings.data_dir) == ["data 777"]
    (said,) = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert said.startswith(f"Others may read {settings.data_dir}: what is open to them belongs to somebody else")

"""A large file is validated by a thread of its own; the engine starts it, looks, and records what it found."""

import gzip
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from app.domain.actors import OWNER
from app.domain.datasets import Dataset, DatasetStatus
from app.domain.edits import DatasetEdit
from app.domain.errors import NotFound
from app.services import datasets, edits
from app.services.reading_in import Checked
from tests.support.rehearsed import ROOT, Rehearsed, rows_file

Build = Callable[..., Rehearsed]


def unchecked(app_context: Rehearsed, content: bytes) -> Dataset:
    """Record a file as one that is too large to be checked while its uploader waits."""
    with app_context.scopes.open(OWNER) as scope:
        stored = scope.files.store([content])
        named = {"name": "large", "filename": "large.jsonl", "project": None, "made_by": "upload"}
        return datasets.record(scope, Checked(stored), **named)  # type: ignore[arg-type]


def look(app_context: Rehearsed, identifier: str) -> Dataset:
    with app_context.scopes.open(OWNER) as scope:
        return datasets.get(scope, identifier)


def test_it_is_validated_and_recorded(build: Build) -> None:
    app_context = build()
    dataset = unchecked(app_context, rows_file(50))
    assert dataset.status is DatasetStatus.VALIDATING
    app_context.tick()
    app_context.engine.tasks.wait()
    app_context.tick(3)
    checked = look(app_context, dataset.id)
    assert (checked.status, checked.rows, checked.errors) == (DatasetStatus.READY, 50, 0)
    assert app_context.tick(10) == 0


def test_a_process_that_dies_meanwhile_leaves_it_to_the_next(build: Build) -> None:
    app_context = build()
    dataset = unchecked(app_context, b'{"messages": [\n')
    app_context.tick()
    heir = app_context.again()
    heir.engine.take_over()
    heir.tick()
    heir.engine.tasks.wait()
    heir.tick(3)
    assert look(heir, dataset.id).status in {DatasetStatus.NEEDS_FIXING, DatasetStatus.REJECTED}
    heir.engine.tasks.close()


def test_one_that_was_removed_meanwhile_is_forgotten(build: Build) -> None:
    app_context = build()
    dataset = unchecked(app_context, rows_file(40))
    app_context.tick()
    with app_context.scopes.open(OWNER) as scope:
        datasets.delete(scope, dataset.id)
    app_context.engine.tasks.wait()
    assert app_context.tick(5) == 0


TABLE = b"prompt,completion\n" + b"".join(b'"Where is\n%d?",Here.\n' % number for number in range(50))
DIES = """
import sys
from pathlib import Path
from app.kit.crash_points import arm
from app.services.reading_in import read_in
from app.store.files import FileStore, StoredFile
files = FileStore(Path(sys.argv[1]), upload_limit=1 << 30, disk_reserve=0)
arm("import_half_written")
read_in(files, StoredFile(sys.argv[2], 1, files.path(sys.argv[2])), "t.csv.gz")
"""


def test_a_large_table_is_read_in_and_its_file_is_found_again(build: Build) -> None:
    app_context = build()
    dataset = unchecked(app_context, gzip.compress(TABLE, mtime=0))
    app_context.tick()
    app_context.engine.tasks.wait()
    app_context.tick(3)
    read = look(app_context, dataset.id)
    assert (read.status, read.rows, read.errors) == (DatasetStatus.READY, 50, 0)
    assert [(each.kind, each.sha256) for each in read.origins] == [("csv", dataset.sha256)]
    assert unchecked(app_context, gzip.compress(TABLE, mtime=0)) == read


def test_a_process_that_is_killed_while_rows_are_made_loses_nothing(build: Build) -> None:
    app_context = build()
    dataset = unchecked(app_context, gzip.compress(TABLE, mtime=0))
    files = app_context.app_context.files
    died = subprocess.run([sys.executable, "-c", DIES, files.root, dataset.sha256], cwd=ROOT, check=False)
    assert died.returncode == -signal.SIGKILL
    assert files.clear_half_written() == 1
    app_context.tick()
    app_context.engine.tasks.wait()
    app_context.tick(3)
    assert (look(app_context, dataset.id).status, look(app_context, dataset.id).rows) == (DatasetStatus.READY, 50)
    assert files.clear_half_written() == 0
    assert files.path(dataset.sha256).is_file()


def test_what_was_refused_goes_after_a_day(build: Build) -> None:
    app_context = build()
    dataset = unchecked(app_context, b"%PDF-1.7 and so on")
    app_context.tick()
    app_context.engine.tasks.wait()
    app_context.tick(3)
    assert look(app_context, dataset.id).status is DatasetStatus.REJECTED
    app_context.clock.turn(timedelta(hours=25))
    app_context.tick()
    with pytest.raises(NotFound):
        look(app_context, dataset.id)
    assert not app_context.app_context.files.path(dataset.sha256).exists()


def test_a_large_file_is_edited_beside_the_turns_whoever_dies_meanwhile(build: Build) -> None:
    app_context = build()
    app_context.app_context = replace(app_context.app_context, at_once_bytes=64)
    app_context = app_context.again()
    source = unchecked(app_context, rows_file(30) + b"{oops\n" + rows_file(3))
    app_context.tick()
    app_context.engine.tasks.wait()
    app_context.tick(3)
    wanted = DatasetEdit(drop_errors=True, exclude=(1,))
    with app_context.scopes.open(OWNER) as scope:
        made = edits.apply(scope, source.id, wanted)
    assert (made.status, made.version, made.parent) == (DatasetStatus.VALIDATING, 2, source.id)
    with app_context.scopes.open(OWNER) as scope:
        assert edits.apply(scope, source.id, wanted) == made, "asked for twice"
    app_context.tick()
    app_context.engine.tasks.close()
    heir = app_context.again()
    heir.engine.take_over()
    heir.tick()
    heir.engine.tasks.wait()
    heir.tick(3)
    done = look(heir, made.id)
    assert (done.status, done.rows, done.errors) == (DatasetStatus.READY, 32, 0)
    assert look(heir, source.id).sha256 == source.sha256 != done.sha256
    with heir.scopes.open(OWNER) as scope:
        rows = datasets.path(scope, made.id).read_bytes()
    assert rows == rows_file(30).split(b"\n", 1)[1] + rows_file(3)
    assert done.origins[0].filename == "large.jsonl"
    heir.engine.tasks.close()

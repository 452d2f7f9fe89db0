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
from app.domain.datasets import Dataset, DatasetStatus, Severity
from app.domain.edits import DatasetEdit
from app.domain.errors import Conflict, NotFound
from app.services import bringing, datasets, edits
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


def ended(house: Rehearsed) -> None:
    """Turn until what is done beside the turns is done: an edit or a join, then the check of what it made."""
    for _ in range(4):
        house.engine.tasks.wait()
        house.tick()


def test_it_is_validated_and_recorded(build: Build) -> None:
    app_context = build()
    dataset = unchecked(app_context, rows_file(50))
    assert dataset.status is DatasetStatus.VALIDATING
    app_context.tick()
    ended(app_context)
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
    ended(heir)
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
    ended(app_context)
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
    ended(app_context)
    assert (look(app_context, dataset.id).status, look(app_context, dataset.id).rows) == (DatasetStatus.READY, 50)
    assert files.clear_half_written() == 0
    assert files.path(dataset.sha256).is_file()


def test_what_was_refused_goes_after_a_day(build: Build) -> None:
    app_context = build()
    dataset = unchecked(app_context, b"%PDF-1.7 and so on")
    app_context.tick()
    ended(app_context)
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
    ended(app_context)
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
    ended(heir)
    done = look(heir, made.id)
    assert (done.status, done.rows, done.errors) == (DatasetStatus.READY, 32, 0)
    assert look(heir, source.id).sha256 == source.sha256 != done.sha256
    with heir.scopes.open(OWNER) as scope:
        rows = datasets.path(scope, made.id).read_bytes()
    assert rows == rows_file(30).split(b"\n", 1)[1] + rows_file(3)
    assert done.origins[0].filename == "large.jsonl"
    heir.engine.tasks.close()


PAIRS = b"".join(b'{"prompt":"Who?","completion":"%d"}\n' % number for number in range(3))


def small_steps(build: Build) -> Rehearsed:
    """Return an installation in which every file is a large one."""
    app_context = build()
    app_context.app_context = replace(app_context.app_context, at_once_bytes=64)
    return app_context.again()


def carried_out(app_context: Rehearsed) -> None:
    app_context.tick()
    ended(app_context)


def test_large_datasets_are_joined_beside_the_turns_whoever_dies_meanwhile(build: Build) -> None:
    app_context = small_steps(build)
    parts = [unchecked(app_context, PAIRS + b"{oops\n"), unchecked(app_context, TABLE)]
    carried_out(app_context)
    ids = [each.id for each in parts]
    with app_context.scopes.open(OWNER) as scope:
        made = bringing.join(scope, ids, name="large")
    assert (made.status, made.rows, made.bytes) == (
        DatasetStatus.VALIDATING,
        None,
        sum(look(app_context, each).bytes for each in ids),
    )
    with app_context.scopes.open(OWNER) as scope:
        assert bringing.join(scope, ids, name="large") == made, "asked for twice"
        with pytest.raises(Conflict, match="still being made"):
            datasets.rows(scope, made.id)
        table_rows = datasets.get(scope, ids[1]).sha256
        datasets.delete(scope, ids[1])
    app_context.tick()
    app_context.engine.tasks.close()
    heir = app_context.again()
    heir.engine.take_over()
    carried_out(heir)
    done = look(heir, made.id)
    assert (done.status, done.rows, done.errors) == (DatasetStatus.NEEDS_FIXING, 54, 1)
    with heir.scopes.open(OWNER) as scope:
        whole = datasets.path(scope, made.id).read_bytes()
        found = datasets.findings(scope, made.id, severity=Severity.ERROR).items
    assert whole.startswith(PAIRS + b"{oops\n")
    assert [(each.line, each.source) for each in found] == [(4, "line 4 of large.jsonl")]
    assert not heir.app_context.files.path(table_rows).exists(), "kept for the join only"
    heir.engine.tasks.close()


def test_large_files_that_come_together_are_read_in_beside_the_turns(build: Build) -> None:
    app_context = small_steps(build)
    with app_context.scopes.open(OWNER) as scope:
        files = [("a.csv", iter([TABLE])), ("b.jsonl", iter([PAIRS]))]
        made = bringing.upload_several(scope, files, name="both")
    assert made.status is DatasetStatus.VALIDATING
    carried_out(app_context)
    done = look(app_context, made.id)
    assert (done.status, done.rows) == (DatasetStatus.READY, 53)
    assert [each.filename for each in done.origins] == ["a.csv", "b.jsonl"]
    held = {done.sha256, *(each.sha256 for each in done.origins)}
    there = {each.name for each in app_context.app_context.files.root.glob("files/*/*") if "." not in each.name}
    assert there == held, "rows that were made on the way are gone"


def test_a_large_file_without_rows_makes_the_whole_a_refused_one_that_names_it(build: Build) -> None:
    app_context = small_steps(build)
    with app_context.scopes.open(OWNER) as scope:
        files = [("a.jsonl", iter([PAIRS])), ("b.pdf", iter([b"%PDF-1.7 " * 9]))]
        made = bringing.upload_several(scope, files, name="both")
    carried_out(app_context)
    assert look(app_context, made.id).status is DatasetStatus.REJECTED
    with app_context.scopes.open(OWNER) as scope:
        assert datasets.findings(scope, made.id).items[0].message.startswith("b.pdf: This is a PDF document")
        datasets.delete(scope, made.id)
    assert [each for each in app_context.app_context.files.root.glob("files/*/*") if each.is_file()] == []

"""A large file is validated by a thread of its own; the engine starts it, looks, and records what it found."""

from collections.abc import Callable

from app.domain.actors import OWNER
from app.domain.datasets import Dataset, DatasetStatus
from app.services import datasets
from app.services.reading_in import Checked
from tests.support.rehearsed import Rehearsed, rows_file

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

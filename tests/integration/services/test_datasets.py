"""Bringing files in, splitting them, removing them."""

import gzip
from dataclasses import replace

import pytest

from app.domain.datasets import DatasetStatus, Severity
from app.domain.errors import Conflict, Invalid, NotFound, TooLarge
from app.domain.splits import SplitSpec
from app.services import datasets, jobs, splits
from tests.support.app_context import TestHouse


def test_the_same_file_under_the_same_name_is_one_dataset(app_context: TestHouse) -> None:
    assert app_context.dataset().id == app_context.dataset().id


def test_an_empty_file_is_refused_with_a_sentence(app_context: TestHouse) -> None:
    with pytest.raises(Invalid) as caught, app_context.open() as scope:
        datasets.upload(scope, name="nothing", filename="nothing.jsonl", chunks=[])
    assert "empty" in caught.value.message
    with app_context.open() as scope:
        assert not datasets.list_datasets(scope).items


def test_a_file_that_is_too_large_leaves_nothing_behind(app_context: TestHouse) -> None:
    chunk = b"x" * 2**20
    with pytest.raises(TooLarge), app_context.open() as scope:
        datasets.upload(scope, name="big", filename="big.jsonl", chunks=(chunk for _ in range(65)))
    assert [path for path in (app_context.folder / "data" / "files").rglob("*") if path.is_file()] == []


def test_a_broken_line_is_found_and_kept(app_context: TestHouse) -> None:
    good = b'{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}\n'
    with app_context.open() as scope:
        dataset = datasets.upload(scope, name="broken", filename="b.jsonl", chunks=[good * 6, b"{oops\n", good])
    assert dataset.status is DatasetStatus.NEEDS_FIXING
    with app_context.open() as scope:
        found = datasets.findings(scope, dataset.id).items
    assert 7 in {finding.line for finding in found}
    with pytest.raises(Invalid), app_context.open() as scope:
        jobs.create(scope, app_context.fields(training_dataset=dataset.id))


def test_a_split_makes_its_parts_once(app_context: TestHouse) -> None:
    dataset = app_context.dataset(40)
    spec = SplitSpec(ratio=0.25, test_ratio=0.25, seed=3)
    with app_context.open() as scope:
        first = splits.split(scope, dataset.id, spec)
    with app_context.open() as scope:
        second = splits.split(scope, dataset.id, spec)
    assert first == second
    assert first.test is not None
    assert (first.training.rows, first.validation.rows, first.test.rows) == (20, 10, 10)
    assert {first.training.family, first.validation.family, first.test.family} == {dataset.id}
    with app_context.open() as scope:
        assert [each.id for each in datasets.list_datasets(scope).items] == [dataset.id]


def test_the_same_split_is_not_computed_twice(app_context: TestHouse) -> None:
    """It comes back although the file says something else by now; one that is damaged is computed anew."""
    dataset, spec = app_context.dataset(40), SplitSpec(ratio=0.25, seed=3)
    files = app_context.app_context.files
    with app_context.open() as scope:
        first = splits.preview(scope, dataset.id, spec)
        other = splits.preview(scope, dataset.id, replace(spec, seed=4))
    file = files.path(dataset.sha256)
    content = file.read_bytes()
    file.write_bytes(b"")
    with app_context.open() as scope:
        assert splits.preview(scope, dataset.id, spec) == first != other
    file.write_bytes(content)
    for each in file.parent.glob("*.split-*"):
        each.write_bytes(b"{")
    with app_context.open() as scope:
        assert splits.preview(scope, dataset.id, spec) == first
        datasets.delete(scope, dataset.id)
    assert list(file.parent.iterdir()) == []


def test_the_files_for_code_are_those_of_the_split_and_record_nothing(app_context: TestHouse) -> None:
    dataset = app_context.dataset(40)
    spec = SplitSpec(ratio=0.25, seed=3)
    with app_context.open() as scope:
        files = splits.part_files(scope, dataset.id, spec)
        assert not datasets.children(scope, dataset.id)
    with app_context.open() as scope:
        made = splits.split(scope, dataset.id, spec)
    with app_context.open() as scope:
        assert splits.training_rows(scope, made.training.id) == files["training"]


def test_a_dataset_that_a_job_was_trained_on_is_kept(app_context: TestHouse) -> None:
    dataset = app_context.dataset()
    with app_context.open() as scope:
        jobs.create(scope, app_context.fields(training_dataset=dataset.id))
    with pytest.raises(Conflict), app_context.open() as scope:
        datasets.delete(scope, dataset.id)


def test_removing_a_dataset_removes_its_file_when_nobody_else_has_the_bytes(app_context: TestHouse) -> None:
    one, two = app_context.dataset(name="one"), app_context.dataset(name="two")
    file = app_context.app_context.files.path(one.sha256)
    assert one.sha256 == two.sha256
    with app_context.open() as scope:
        datasets.delete(scope, one.id)
    assert file.is_file()
    with app_context.open() as scope:
        datasets.delete(scope, two.id)
    assert not file.exists()
    with pytest.raises(NotFound), app_context.open() as scope:
        datasets.get(scope, one.id)


def test_rows_are_read_by_line(app_context: TestHouse) -> None:
    dataset = app_context.dataset(30)
    with app_context.open() as scope:
        rows = datasets.rows(scope, dataset.id, start=11, limit=5)
    assert [row.line for row in rows] == [11, 12, 13, 14, 15]
    assert "question number 10" in rows[0].messages[0].content


TABLE = b'question,answer\r\n"a\nb",c\r\nd\r\n' + b"".join(b"q%d,a%d\r\n" % (n, n) for n in range(20))


def test_a_table_becomes_rows_and_its_file_is_kept(app_context: TestHouse) -> None:
    content = TABLE.replace(b"question,answer", b"prompt,completion")
    with app_context.open() as scope:
        dataset = datasets.upload(scope, name="table", filename="t.csv", chunks=[content])
    with app_context.open() as scope:
        assert datasets.upload(scope, name="table", filename="t.csv", chunks=[content]) == dataset
    [origin] = dataset.origins
    assert (origin.kind, origin.header, origin.columns, origin.bytes) == ("csv", True, 2, len(content))
    assert (dataset.status, dataset.rows, dataset.errors) == (DatasetStatus.NEEDS_FIXING, 22, 1)
    with app_context.open() as scope:
        [error] = datasets.findings(scope, dataset.id, severity=Severity.ERROR).items
        assert datasets.rows(scope, dataset.id)[0].messages[0].content == "a\nb"
        rows, name = datasets.download(scope, dataset.id)
        brought, original = datasets.download(scope, dataset.id, original=True)
        assert (name, original, brought.read_bytes()) == ("t.jsonl", "t.csv", content)
        assert rows.read_bytes().startswith(b'{"prompt":"a\\nb","completion":"c"}\n["d"]\n')
    assert (error.rule, error.line, error.source) == ("cells", 2, "line 4 of t.csv")
    with app_context.open() as scope:
        datasets.delete(scope, dataset.id)
    assert [path for path in (app_context.folder / "data" / "files").rglob("*") if path.is_file()] == []


def test_what_is_refused_is_a_rejected_dataset_that_says_why(app_context: TestHouse) -> None:
    with app_context.open() as scope:
        dataset = datasets.upload(scope, name="x", filename="x.gz", chunks=[gzip.compress(b"%PDF-1.7\n")])
        [found] = datasets.findings(scope, dataset.id).items
        with pytest.raises(NotFound):
            datasets.download(scope, dataset.id, original=True)
    assert dataset.status is DatasetStatus.REJECTED
    assert "PDF" in found.message
    assert "gzip" in found.message

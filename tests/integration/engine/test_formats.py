"""A format is one file and one line: whatever is in the registry is checked, split, trained on and evaluated."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from app.data.formats.registry import FORMATS
from app.domain.datasets import Dataset, DatasetFormat, DatasetReport, DatasetStatus
from app.domain.evaluations import EvaluationStatus
from app.domain.jobs import JobReason, JobStatus
from app.domain.splits import SplitSpec
from app.services import datasets, evaluations, splits
from app.training.rows import read_rows
from tests.support import toy_format
from tests.support.connections import REHEARSAL_ID
from tests.support.rehearsed import Rehearsed

Build = Callable[..., Rehearsed]
Row = Callable[[str, str], dict[str, Any]]
ANSWERS = ("billing", "delivery", "returns")
OTHER_FORMATS: dict[str, Row] = {
    "riddles": lambda asked, answer: {"riddle": asked, "solution": answer},
    "sharegpt": lambda asked, answer: {
        "conversations": [{"from": "human", "value": asked}, {"from": "gpt", "value": answer}]
    },
    "alpaca": lambda asked, answer: {"instruction": asked, "input": "", "output": answer},
    "labelled": lambda asked, answer: {"text": asked, "label": answer},
}


@pytest.fixture(autouse=True)
def registered() -> Iterator[None]:
    """Put the toy format into the registry, as a line in it would."""
    FORMATS.append(toy_format.FORMAT)
    yield
    FORMATS.remove(toy_format.FORMAT)


def brought(app_context: Rehearsed, row: Row, *, count: int = 30) -> Dataset:
    """Bring rows in a format, a blank line before each, so that line 2 is the first row, line 4 the second."""
    rows = [orjson.dumps(row(f"Message {number}", ANSWERS[number % 3])) for number in range(count)]
    return app_context.tickets(b"".join(b"\n" + each + b"\n" for each in rows))


def report_of(app_context: Rehearsed, dataset: Dataset) -> DatasetReport:
    with app_context.open() as scope:
        found = datasets.report(scope, dataset.id)
    assert found is not None
    return found


@pytest.mark.parametrize("name", OTHER_FORMATS)
def test_it_is_recognised_checked_and_counted(build: Build, name: str) -> None:
    app_context = build()
    dataset = brought(app_context, OTHER_FORMATS[name])
    assert (dataset.status, dataset.format, dataset.rows) == (DatasetStatus.READY, DatasetFormat.CHAT, 30)
    report = report_of(app_context, dataset)
    assert report.labels is not None
    assert report.labels.names == ANSWERS
    assert dict(report.roles) == {"user": 30, "assistant": 30}
    assert {rule.rule for rule in report.rules} == {"blank_line", "read_as"}
    with app_context.open() as scope:
        (first, *_) = datasets.rows(scope, dataset.id)
    assert (first.line, [(each.role, each.content) for each in first.messages]) == (
        2,
        [("user", "Message 0"), ("assistant", "billing")],
    )


@pytest.mark.parametrize("name", OTHER_FORMATS)
def test_what_is_wrong_in_it_is_named_with_its_line(build: Build, name: str) -> None:
    app_context = build()
    sound = b"".join(orjson.dumps(OTHER_FORMATS[name](f"m{n}", "yes")) + b"\n" for n in range(12))
    dataset = app_context.tickets(sound + orjson.dumps(OTHER_FORMATS[name]("m", " ")) + b'\n{"messages": []}\n')
    assert dataset.status is DatasetStatus.NEEDS_FIXING
    with app_context.open() as scope:
        found = datasets.findings(scope, dataset.id).items
    wrong = [(each.line, each.rule, each.path) for each in found if each.severity == "error"]
    assert wrong == [(13, "empty_content", "$"), (14, "mixed_formats", "$")]


@pytest.mark.parametrize("name", OTHER_FORMATS)
def test_it_is_split_trained_on_and_evaluated(build: Build, name: str) -> None:
    app_context = build()
    dataset = brought(app_context, OTHER_FORMATS[name])
    split = {"kind": "split", "ratio": 0.2, "test_ratio": 0.2, "seed": 7, "strategy": "stratified"}
    done = app_context.until(app_context.job(training_dataset=dataset.id, validation=split).id)
    assert done.status is JobStatus.SUCCEEDED
    assert done.parts is not None
    assert done.parts.validation is not None
    with app_context.open() as scope:
        training, validation = (
            datasets.canonical(scope, part) for part in (done.parts.training, done.parts.validation)
        )
        given = [splits.training_rows(scope, part) for part in (done.parts.training, done.parts.validation)]
    asked = [row.turns[0]["content"] for path in (training, validation) for row in read_rows(path)]
    assert len(set(asked)) == 24
    # A training's sentences name the lines of the dataset that was chosen: a blank line stands before each row.
    for path in given:
        for row in read_rows(path):
            assert row.turns[0]["content"] == f"Message {row.line // 2 - 1}"
    for each in app_context.evaluations(done.id):
        app_context.tick(30)
        assert app_context_evaluation(app_context, each.id) is EvaluationStatus.SUCCEEDED


def app_context_evaluation(app_context: Rehearsed, identifier: str) -> EvaluationStatus:
    with app_context.open() as scope:
        return evaluations.get(scope, identifier).status


@pytest.mark.parametrize("name", OTHER_FORMATS)
def test_what_is_evaluated_names_the_lines_of_the_file_that_was_brought(build: Build, name: str) -> None:
    app_context = build()
    dataset = brought(app_context, OTHER_FORMATS[name])
    target = {"base_model": "rehearsal:small", "connection": REHEARSAL_ID}
    with app_context.open() as scope:
        made = evaluations.create(
            scope, target=target, dataset=dataset.id, few_shot=2, few_shot_dataset=dataset.id
        )  # fmt: skip
    app_context.tick(60)
    with app_context.open() as scope:
        rows = evaluations.rows(scope, made.id, limit=200).items
    assert [(row.line, row.prompt, row.expected) for row in rows] == [
        (2 * number + 2, f"Message {number}", ANSWERS[number % 3]) for number in range(30)
    ]


def test_the_backend_is_sent_nothing_but_what_the_row_says(build: Build) -> None:
    """Training reads the same rows, whichever of the formats they came in; only a preference is another thing."""
    app_context = build()
    sent = []
    for row in OTHER_FORMATS.values():
        dataset = brought(app_context, row, count=10)
        with app_context.open() as scope:
            sent.append(datasets.canonical(scope, dataset.id).read_bytes())
    assert len(set(sent)) == 1
    assert sent[0].startswith(b'{"line":2,"messages":[{"role":"user","content":"Message 0"},')


def test_a_row_that_an_earlier_release_let_pass_ends_the_job_with_its_line(build: Build, tmp_path: Path) -> None:
    """A preference without a prompt was found by the trainer; now nothing is sent."""
    app_context = build()
    dataset = brought(app_context, OTHER_FORMATS["riddles"])
    job = app_context.job(training_dataset=dataset.id)
    with app_context.open() as scope:
        datasets.path(scope, dataset.id).write_bytes(b'\n{"chosen": [], "rejected": []}\n')
    done = app_context.until(job.id)
    assert (done.status, done.reason) == (JobStatus.FAILED, JobReason.INVALID_DATA)
    assert "Line 2 of the dataset cannot be understood" in done.message
    assert app_context.backend.made("upload", f"{job.id}-training") == []
    assert list((tmp_path / "data" / "files").glob("incoming-*")) == []


def test_parts_of_a_split_are_shown_as_canonical_rows(build: Build) -> None:
    app_context = build()
    dataset = brought(app_context, OTHER_FORMATS["alpaca"])
    spec = SplitSpec(ratio=0.2, seed=1)
    with app_context.open() as scope:
        files = splits.part_files(scope, dataset.id, spec)
    assert {kind: len(read_rows(path)) for kind, path in files.items()} == {"training": 24, "validation": 6}

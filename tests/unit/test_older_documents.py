"""The comparison by which an upgraded data folder is judged: it sees what is lost and what is changed, and no more."""

from typing import Any

import pytest

from tests.support.older.documents import differences

JOB = "/jobs/job_1"
BEFORE: dict[str, Any] = {
    JOB: {"status": "running", "progress": {"step": 3}, "spec": {"seed": 1, "parts": ["a", "b"]}},
    f"{JOB}/events": [{"number": 2, "message": "queued"}, {"number": 1, "message": "pending"}],
    f"{JOB}/metrics": [{"name": "loss", "steps": [1, 2], "values": [0.5, None]}],
    f"{JOB}/checkpoints": [{"step": 1}],
}
CHANGING = {JOB: frozenset({"progress"})}


def changed(path: str, value: object) -> list[str]:
    return differences(BEFORE, {**BEFORE, path: value}, CHANGING)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (JOB, {**BEFORE[JOB], "progress": {"step": 9}, "news": 1}),
        (JOB, {**BEFORE[JOB], "spec": {"seed": 1, "parts": ["a", "b"], "news": None}}),
        ("/jobs/job_2", {"status": "pending"}),
        (f"{JOB}/events", [{"number": 3, "message": "running"}, *BEFORE[f"{JOB}/events"]]),
        (f"{JOB}/metrics", [{"name": "rate", "steps": [3], "values": [1]}, *BEFORE[f"{JOB}/metrics"]]),
        (f"{JOB}/metrics", [{"name": "loss", "steps": [1, 2, 3], "values": [0.5, None, 0.1]}]),
        (f"{JOB}/checkpoints", [{"step": 1}, {"step": 2}]),
    ],
)
def test_what_came_or_goes_on_is_no_difference(path: str, value: object) -> None:
    assert changed(path, value) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (JOB, {**BEFORE[JOB], "status": "queued"}),
        (JOB, {name: value for name, value in BEFORE[JOB].items() if name != "spec"}),
        (JOB, {**BEFORE[JOB], "spec": {"seed": True, "parts": ["b", "a"]}}),
        (JOB, {**BEFORE[JOB], "spec": None}),
        (f"{JOB}/events", BEFORE[f"{JOB}/events"][1:]),
        (f"{JOB}/metrics", []),
        (f"{JOB}/metrics", [{"name": "loss", "steps": [2, 3], "values": [None, 0.1]}]),
        (f"{JOB}/metrics", [{"name": "loss", "steps": [1], "values": [0.5]}]),
        (f"{JOB}/checkpoints", []),
    ],
)
def test_what_is_lost_or_changed_is_reported_with_its_path(path: str, value: object) -> None:
    found = changed(path, value)
    assert found
    assert all(each.startswith(path) for each in found)


def test_a_document_that_is_gone_is_reported() -> None:
    after = {path: value for path, value in BEFORE.items() if path != JOB}
    assert differences(BEFORE, after, CHANGING) == [f"{JOB} is gone"]

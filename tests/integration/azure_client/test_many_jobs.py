"""Many jobs cost few calls: one list and one search serve all looks, and nothing gets lost between its pages."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from app.backends.azure_foundry.backend import AzureFoundryBackend
from app.domain.backend import RemoteJob, Unavailable
from app.domain.backend_abilities import KnownJob
from app.domain.jobs import JobStatus
from app.domain.metrics import TRAIN_LOSS
from app.kit.installation import installation_name
from benchmarks.azure_sweep import put_jobs
from tests.support.azure.cloud import AzureCloud
from tests.support.azure.fixtures import azure_certificates, without_storage
from tests.support.azure.foundry import backend_over

__all__ = ["azure_certificates", "without_storage"]
MANY = 70


@pytest.fixture
def backend(without_storage: AzureCloud, tmp_path: Path) -> Iterator[AzureFoundryBackend]:
    """A backend over a cloud in which many jobs run."""
    made = backend_over(without_storage, tmp_path)
    yield made
    made.azure.close()


@pytest.fixture
def names(without_storage: AzureCloud, tmp_path: Path) -> list[str]:
    """The jobs' names."""
    return put_jobs(without_storage, MANY, installation_name(tmp_path))


def sweep(backend: AzureFoundryBackend, cursors: dict[str, str | None]) -> dict[str, JobStatus]:
    """Look at every job once; return what they are."""
    found = {}
    for name, since in list(cursors.items()):
        seen = backend.observe(RemoteJob(name), since=since)
        cursors[name], found[name] = seen.cursor, seen.status
    return found


def calls(cloud: AzureCloud) -> int:
    return len(cloud.requests)


def test_a_steady_sweep_is_a_list_and_a_search(
    without_storage: AzureCloud, backend: AzureFoundryBackend, names: list[str]
) -> None:
    cursors: dict[str, str | None] = dict.fromkeys(names)
    sweep(backend, cursors)
    without_storage.clock.turn(60)
    before = calls(without_storage)
    assert set(sweep(backend, cursors).values()) == {JobStatus.RUNNING}
    pages = -(-MANY // without_storage.state.pace.page_size)
    assert calls(without_storage) - before == pages + 1
    seen = backend.observe(RemoteJob(names[5]), since=None)
    assert [metric.step for metric in seen.metrics if metric.name == TRAIN_LOSS]


def test_what_ends_is_reported_whole(
    without_storage: AzureCloud, backend: AzureFoundryBackend, names: list[str]
) -> None:
    cursors: dict[str, str | None] = dict.fromkeys(names)
    sweep(backend, cursors)
    without_storage.clock.turn(timedelta(hours=11))
    seen = backend.observe(RemoteJob(names[3]), since=cursors[names[3]])
    assert seen.status is JobStatus.SUCCEEDED, seen.message
    whole = backend.observe(RemoteJob(names[3]), since=None)
    reported = {metric.step for metric in seen.metrics if metric.name == TRAIN_LOSS}
    assert {metric.step for metric in whole.metrics if metric.name == TRAIN_LOSS} == reported
    assert len(reported) > 20


def test_a_job_that_the_list_does_not_show_is_asked_for_singly(
    without_storage: AzureCloud, backend: AzureFoundryBackend, names: list[str]
) -> None:
    cursors: dict[str, str | None] = dict.fromkeys(names)
    sweep(backend, cursors)
    without_storage.state.pace.job_listed_after = 1e9
    without_storage.clock.turn(60)
    assert set(sweep(backend, cursors).values()) == {JobStatus.RUNNING}


@pytest.mark.parametrize("kind", ["503", "404"])
def test_a_list_that_fails_is_not_asked_for_by_every_look_and_loses_no_job(
    without_storage: AzureCloud, backend: AzureFoundryBackend, names: list[str], kind: str
) -> None:
    cursors: dict[str, str | None] = dict.fromkeys(names)
    sweep(backend, cursors)
    without_storage.clock.turn(60)
    without_storage.faults.add(("GET", r"/jobs$"), kind, times=1000)
    before = calls(without_storage)
    for name in names:
        with pytest.raises(Unavailable):
            backend.observe(RemoteJob(name), since=cursors[name])
    assert calls(without_storage) - before <= 3
    without_storage.faults.clear()
    without_storage.clock.turn(60)
    assert set(sweep(backend, cursors).values()) == {JobStatus.RUNNING}


def test_those_without_news_are_known_by_the_last_sweep_and_nobody_is_called(
    without_storage: AzureCloud, backend: AzureFoundryBackend, names: list[str]
) -> None:
    cursors: dict[str, str | None] = dict.fromkeys(names)
    sweep(backend, cursors)
    without_storage.clock.turn(60)
    found = sweep(backend, cursors)
    before = calls(without_storage)

    def known() -> list[KnownJob]:
        return [KnownJob(remote_id=name, status=found[name], cursor=cursors[name]) for name in names]

    assert backend.unchanged(known()) == dict.fromkeys(names)
    behind = json.loads(cursors[names[0]] or "") | {"reported": {}}
    cursors[names[0]] = json.dumps(behind)
    found[names[1]] = JobStatus.QUEUED
    cursors[names[2]] = None
    assert set(backend.unchanged(known())) == set(names[3:])
    assert calls(without_storage) == before
    without_storage.clock.turn(timedelta(minutes=1))
    assert backend.unchanged(known()) == {}, "the sweep is too old to be gone by"
    assert calls(without_storage) == before


def test_what_stands_still_for_too_long_is_looked_at_by_itself(
    without_storage: AzureCloud, backend: AzureFoundryBackend, names: list[str]
) -> None:
    cursors: dict[str, str | None] = dict.fromkeys(names)
    sweep(backend, cursors)
    without_storage.clock.turn(60)
    found = sweep(backend, cursors)
    long_ago = json.loads(cursors[names[0]] or "") | {"moved_at": 1.0}
    cursors[names[0]] = json.dumps(long_ago)
    known = [KnownJob(remote_id=name, status=found[name], cursor=cursors[name]) for name in names]
    assert set(backend.unchanged(known)) == set(names[1:])

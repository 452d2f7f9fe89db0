"""Many waiting jobs cost one list together, not a call each."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

from app.domain.backend import RemoteJob
from app.domain.backend_abilities import KnownJob
from app.domain.jobs import JobStatus
from tests.support.clock import TurnedClock
from tests.support.openai_plane.bench import make_backend
from tests.support.openai_plane.jobs import Job
from tests.support.openai_plane.plane import Plane
from tests.support.openai_plane.script import Script
from tests.support.openai_plane.server import serving

COUNT = 500


def test_five_hundred_waiting_jobs_are_followed_by_the_list(tmp_path: Path) -> None:
    clock = TurnedClock()
    plane = Plane(clock, Script(queue_s=100_000.0))
    for number in range(COUNT):
        identifier = f"ftjob-{number:024d}"
        body = {"model": "gpt-4.1-mini-2025-04-14", "training_file": f"file-{number}"}
        plane.jobs[identifier] = Job(id=identifier, body=body, at=plane.now())
    with serving(plane) as base:
        backend = make_backend(base, clock, tmp_path / "cache")
        known = [KnownJob(remote_id=each, status=JobStatus.QUEUED, cursor="{}") for each in plane.jobs]
        calls = singles = 0
        for _ in range(4):
            before = sum(plane.calls.values())
            news = backend.unchanged(known)
            for each in known:
                if each.remote_id not in news and each.remote_id not in backend.unchanged(known):
                    backend.observe(RemoteJob(each.remote_id), since=each.cursor)
                    singles += 1
            calls += sum(plane.calls.values()) - before
            clock.turn(timedelta(seconds=60))
    assert singles < COUNT / 5
    assert calls * 5 <= 4 * COUNT


def test_a_catalog_that_many_look_up_at_once_is_had_by_each(tmp_path: Path) -> None:
    clock = TurnedClock()
    with serving(Plane(clock, Script())) as base, ThreadPoolExecutor(8) as pool:
        for number in range(10):
            backend = make_backend(base, clock, tmp_path / f"cache-{number}")
            found = list(pool.map(lambda _, each=backend: len(each.base_models()), range(8)))
            assert found[0] > 0
            assert set(found) == {found[0]}

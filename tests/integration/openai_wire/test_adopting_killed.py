"""Whoever is killed while adopting has changed nothing, or has adopted all of it; the next one finds which."""

import os
import random
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.domain.actors import OWNER
from app.services import adopting, connections, datasets, jobs, projects
from app.services.scope import Scopes
from app.settings import ROOT
from tests.campaigns.births import Births, midwife
from tests.support.openai_plane.lives import FastClock, opened
from tests.support.openai_plane.past import trained_by_others
from tests.support.openai_plane.plane import KEY, Plane
from tests.support.openai_plane.server import serving
from tests.support.openai_plane.tls import names
from tests.support.waiting import until

READS = ("get_job", "get_file", "file_content")  # what an adoption asks


@dataclass
class Dying:
    """An installation, a plane with a job of others, and births of lives that adopt it."""

    plane: Plane
    scopes: Scopes
    births: Births
    connection: str

    def jobs(self) -> int:
        """Return how many jobs are in the record."""
        with self.scopes.open(OWNER) as scope:
            return len(jobs.list_jobs(scope).items)

    def reads(self) -> int:
        """Return how often the provider was asked."""
        return sum(self.plane.calls[each] for each in READS)

    def nothing_or_all(self) -> bool:
        """Hold that either nothing is recorded or all of it; return which."""
        with self.scopes.open(OWNER) as scope:
            known, rows = jobs.list_jobs(scope).items, datasets.list_datasets(scope).items
            files = adopting.report(scope, self.connection).adopted
        if not known:
            assert (list(rows), list(files)) == ([], [])
            return False
        (job,) = known
        assert {job.datasets.training, job.datasets.validation} == {each.id for each in rows}
        assert {each.dataset for each in files} == {each.id for each in rows}
        assert len(rows) == 2
        return True


@contextmanager
def dying(folder: Path) -> Iterator[Dying]:
    """Give an installation whose adoptions can be killed."""
    began = time.time()
    clock, pki = FastClock(began, 1.0), names(folder)
    plane = Plane(clock)
    trained_by_others(plane, 1)
    (job,) = plane.jobs
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": str(folder)}
    with serving(plane, pki.server) as base, opened(folder, clock, base) as scopes:
        with scopes.open(OWNER) as scope:
            made = connections.create(
                scope, backend="openai", name="Wire", settings={"base_url": base}, secrets={"api_key": KEY}
            )
            project = projects.create(scope, "Deaths").id
        given = (str(began), "1.0", base, made.id, job, project)
        module = "tests.support.openai_plane.adopting_lives"
        with midwife(folder, module, *given, environment=environment) as births:
            yield Dying(plane, scopes, births, made.id)
    assert not [each for each in plane.calls if each.startswith(("create", "delete", "steer"))]


def test_a_death_at_each_call_changes_nothing_and_after_the_last_one_all_is_there(tmp_path: Path) -> None:
    with dying(tmp_path) as here:
        for wanted in range(1, 6):  # of the job, its training file and rows, its validation file and rows
            before, child = here.reads(), here.births.give()
            until(lambda: here.reads() >= before + wanted, doing=f"call {wanted}")  # noqa: B023 -- asked at once
            here.births.end(child)
            if here.nothing_or_all():  # it was quicker than the signal, with all it needed
                break
        child = here.births.give()
        until(lambda: here.jobs() == 1, doing="the adoption")
        here.births.end(child)
        assert here.nothing_or_all()


@pytest.mark.slow
def test_thirty_deaths_at_random_instants(tmp_path: Path) -> None:
    seed = int(os.environ.get("TUNEDESK_TEST_SEED") or random.SystemRandom().randrange(10**6))
    sys.stdout.write(f"TUNEDESK_TEST_SEED={seed}\n")
    chance, died_early = random.Random(seed), 0
    for number in range(6):
        with dying(tmp_path / str(number)) as here:
            for _ in range(5):
                before, child = here.reads(), here.births.give()
                until(lambda: here.reads() > before or here.jobs() == 1, doing="its beginning")  # noqa: B023
                here.births.tick.wait(chance.uniform(0.0, 0.3))
                here.births.end(child)
                died_early += not here.nothing_or_all()
            child = here.births.give()
            until(lambda: here.jobs() == 1, doing="the adoption")
            here.births.end(child)
            assert here.nothing_or_all()
    sys.stdout.write(f"{died_early} of 30 died before anything was recorded\n")

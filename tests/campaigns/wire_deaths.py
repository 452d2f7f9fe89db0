"""Campaigns of deaths over the emulated planes of OpenAI and Azure OpenAI: an engine that is killed at random instants
while its provider loses answers, and the provider's own record to judge by afterwards.
"""

import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from app.domain.actors import OWNER
from app.domain.jobs import FineTuningJob, JobStatus
from app.domain.lifeboats import LifeboatStatus, RescueStage
from app.services import connections, datasets, jobs, lifeboats, projects
from app.services.scope import Scopes
from app.settings import ROOT
from tests.campaigns.births import Births, Verdict, midwife
from tests.support.openai_plane.azure import AzurePlane, AzureScript
from tests.support.openai_plane.azure_bench import settings_for
from tests.support.openai_plane.lives import FastClock, opened
from tests.support.openai_plane.past import MODEL, trained_by_others
from tests.support.openai_plane.plane import KEY, Plane
from tests.support.openai_plane.script import Script, Wrong
from tests.support.openai_plane.server import serving
from tests.support.openai_plane.tls import names
from tests.support.rehearsed import rows_file
from tests.support.spending import ANYTHING
from tests.support.waiting import until

FACTOR = 200.0  # five minutes of grace are a second and a half
BACKENDS = ("openai", "azure_openai")
ROWS = 4  # that a rescued model is asked
_CREATE = "POST /fine_tuning/jobs"
_FATES = ("accepted_500", "accepted_cut", "accepted_half", "accepted_409", "500", "cut", "429")
_LOOKS = ("GET /fine_tuning/jobs", "GET /files", "POST /files")
_PATIENCE_S = 300.0


def run(folder: Path, backend: str, *, seed: int, wanted: int, kills: int) -> Verdict:
    """Record `wanted` jobs, kill the engine `kills` times while it works, let the last life finish, and judge."""
    chance, clock = random.Random(seed), FastClock(began := time.time(), FACTOR)
    verdict = Verdict(jobs=wanted, kills=kills)
    plane = _plane(backend, clock, _bad_day(chance, wanted))
    with _served(folder, plane) as base:
        with opened(folder, clock, base) as scopes:
            _record(scopes, backend, base, wanted)
        with _midwife(folder, began, base) as births:
            _kill(births, chance, verdict)
            with opened(folder, clock, base) as scopes, births.one_after_another():
                until(lambda: _over(scopes), within=_PATIENCE_S, doing="the end of all jobs")
                known = _known(scopes)
        _assess(verdict, plane, known)
    return verdict


def rescue(folder: Path, *, seed: int, wanted: int, kills: int) -> Verdict:
    """Bring home what somebody trained at the provider, with an engine that is killed `kills` times meanwhile."""
    chance, clock = random.Random(seed), FastClock(began := time.time(), FACTOR)
    verdict = Verdict(jobs=wanted, kills=kills)
    wrongs = [Wrong(call="POST /chat/completions", kind=chance.choice(("500", "cut", "429", "half"))) for _ in range(9)]
    plane = _plane("openai", clock, [*wrongs, Wrong(call="GET /fine_tuning/jobs", kind="503", times=2)])
    trained_by_others(plane, wanted)
    with _served(folder, plane) as base:
        with opened(folder, clock, base) as scopes:
            connection, project = _connected(scopes, "openai", base)
            with scopes.open(OWNER) as scope:
                boat = lifeboats.begin(scope, connection, project, ROWS).id
        with _midwife(folder, began, base) as births:
            _kill(births, chance, verdict)
            with opened(folder, clock, base) as scopes, births.one_after_another():
                until(lambda: _is_home(scopes, boat), within=_PATIENCE_S, doing="the lifeboat's end")
                _assess_rescue(verdict, scopes, boat, project, plane)
    verdict.met = _met(plane)
    return verdict


def _plane(backend: str, clock: FastClock, wrongs: list[Wrong]) -> Plane:
    common: dict[str, Any] = {"wrongs": tuple(wrongs), "train_s": 200.0, "queue_s": 20.0}
    if backend == "openai":
        return Plane(clock, Script(**common))
    return AzurePlane(clock, AzureScript(**common))


@contextmanager
def _served(folder: Path, plane: Plane) -> Iterator[str]:
    folder.mkdir(parents=True, exist_ok=True)
    pki = names(folder)
    with serving(plane, pki.server) as base:
        yield base


def _midwife(folder: Path, began: float, base: str) -> Any:  # noqa: ANN401 -- a context manager of births
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": str(folder)}
    return midwife(folder, "tests.support.openai_plane.lives", str(began), str(FACTOR), base, environment=environment)


def _kill(births: Births, chance: random.Random, verdict: Verdict) -> None:
    for _ in range(verdict.kills):
        child = births.give()
        births.tick.wait(chance.uniform(0.02, 0.7))
        births.end(child)
        verdict.lives += 1


def _bad_day(chance: random.Random, wanted: int) -> list[Wrong]:
    creates = [Wrong(call=_CREATE, kind=chance.choice(_FATES)) for _ in range(wanted // 2)]
    looks = [Wrong(call=call, kind=chance.choice(("500", "cut", "half", "429")), times=2) for call in _LOOKS]
    return [*creates, *looks, Wrong(call="POST /files", kind="accepted_cut", times=2)]


def _connected(scopes: Scopes, backend: str, base: str) -> tuple[str, str]:
    """Return (the connection to the plane, a project)."""
    settings = {"base_url": base} if backend == "openai" else settings_for(base)
    secrets = {"api_key": KEY} if backend == "openai" else {}
    with scopes.open(OWNER) as scope:
        made = connections.create(scope, backend=backend, name="Wire", settings=settings, secrets=secrets, slots=10)
        return made.id, projects.create(scope, "Deaths").id


def _record(scopes: Scopes, backend: str, base: str, wanted: int) -> None:
    connection, project = _connected(scopes, backend, base)
    with scopes.open(OWNER) as scope:
        rows = datasets.upload(scope, name="rows", filename="rows.jsonl", chunks=[rows_file()]).id
    asked = {"project": project, "connection": connection, "base_model": MODEL, "training_dataset": rows}
    for number in range(wanted):
        with scopes.open(OWNER) as scope:
            jobs.create(scope, {**asked, "name": f"job-{number:03d}", "validation": None}, accepted=ANYTHING)


def _known(scopes: Scopes) -> list[FineTuningJob]:
    with scopes.open(OWNER) as scope:
        return list(jobs.list_jobs(scope, limit=200).items)


def _over(scopes: Scopes) -> bool:
    return all(job.status.is_final for job in _known(scopes))


def _is_home(scopes: Scopes, boat: str) -> bool:
    with scopes.open(OWNER) as scope:
        return lifeboats.get(scope, boat).lifeboat.status is LifeboatStatus.DONE


def _met(plane: Plane) -> Counter[str]:
    met: Counter[str] = Counter()
    for number, wrong in enumerate(plane.script.wrongs):
        met[wrong.kind] += plane.calls[f"wrong {number}"]
    return +met


def _assess(verdict: Verdict, plane: Plane, known: list[FineTuningJob]) -> None:
    made = Counter(str(job.body["metadata"]["tunedesk_job"]) for job in plane.jobs.values())
    verdict.doubled = sorted(tag for tag, count in made.items() if count > 1)
    verdict.lost = sorted(
        f"{job.id}, created {made[job.id]} times, is {job.status.value}: {job.message or job.note}"
        for job in known
        if made[job.id] == 0 or job.status is not JobStatus.SUCCEEDED or job.remote_id not in plane.jobs
    )
    verdict.stuck = sorted(job.id for job in known if not job.status.is_final and not job.note)
    verdict.strange = sorted(made.keys() - {job.id for job in known})
    verdict.met = _met(plane)


def _assess_rescue(verdict: Verdict, scopes: Scopes, boat: str, project: str, plane: Plane) -> None:
    with scopes.open(OWNER) as scope:
        found = list(lifeboats.rescued_jobs(scope, boat).items)
        rows = datasets.list_datasets(scope, project=project, limit=200).items
    names_of = Counter(each.job.id for each in found)
    verdict.doubled = sorted(name for name, count in names_of.items() if count > 1)
    verdict.doubled += sorted(name for name, count in Counter(each.sha256 for each in rows).items() if count > 1)
    verdict.lost = sorted(set(plane.jobs) - set(names_of))
    verdict.lost += [
        f"{each.job.id}: {each.stage}, {len(each.answers)} answers, {each.notes}"
        for each in found
        if each.stage is not RescueStage.DONE or len(each.answers) != ROWS or each.training_dataset is None
    ]
    verdict.strange = [each for each in plane.calls if each.startswith(("delete", "create", "upload"))]
    # a death costs at most the one answer that was on its way
    most = verdict.jobs * ROWS + verdict.kills + _met(plane).total()
    if plane.calls["chat"] > most:
        verdict.doubled.append(f"{plane.calls['chat']} questions were asked, {most} are the most")

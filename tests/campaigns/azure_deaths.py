"""A campaign of deaths over the loopback Azure: an engine that is killed at random instants while its provider loses
answers, and the provider's own ledger to judge by afterwards.
"""

import os
import random
from collections import Counter
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from app.domain.actors import OWNER
from app.domain.jobs import FineTuningJob, JobStatus
from app.services import connections, datasets, jobs, projects
from app.services.scope import Scopes
from app.settings import ROOT
from app.store.migrating import upgrade
from tests.campaigns.births import Births, Verdict, midwife
from tests.support.app_context import chats
from tests.support.azure.azurite import Azurite
from tests.support.azure.certificates import Certificates
from tests.support.azure.clock import CloudClock
from tests.support.azure.cloud import AzureCloud
from tests.support.azure.foundry import LABELS, QUESTION, SERVERLESS, connection
from tests.support.azure.lives import opened, url
from tests.support.azure.seed import SECRET
from tests.support.spending import ANYTHING
from tests.support.waiting import until

SPEED = 40.0  # of the cloud's and the engine's clock: a training takes ten seconds, the grace three
SUBMITS = ("PUT", r"/jobs/job-")
# The provider's bad day: what becomes of the submits, by chance.
_FATES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("500", {}),
    ("503", {"accepted": True}),
    ("429", {"retry_after": 2}),
    ("reset", {}),
    ("reset-after", {}),
    ("half-body", {}),
    ("html", {"accepted": True}),
    ("html", {}),
)
_LOOKS = ("GET", r"/jobs(/job-|$)")
_PATIENCE_S = 240.0


def run(certificates: Certificates, azurite: Azurite, folder: Path, *, seed: int, wanted: int, kills: int) -> Verdict:
    """Record `wanted` jobs, kill the engine `kills` times while it works, let the last life finish, and judge."""
    chance = random.Random(seed)
    clock = CloudClock(speed=SPEED)
    with AzureCloud(certificates, folder, azurite=azurite, clock=clock) as cloud, cloud.entered():
        _bad_day(cloud, chance, wanted)
        verdict = Verdict(jobs=wanted, kills=kills)
        with opened(_made(folder), clock) as scopes:
            _record(scopes, cloud, wanted)
        with _midwife(folder, cloud, clock) as births:
            for _ in range(kills):
                child = births.give()
                births.tick.wait(chance.uniform(0.02, 1.2))
                births.end(child)
                verdict.lives += 1
            with opened(folder, clock) as scopes, births.one_after_another():
                until(lambda: _over(scopes), within=_PATIENCE_S, doing="the end of all jobs")
                known = _known(scopes)
        _assess(verdict, cloud, known)
    assert cloud.refused == [], cloud.refused
    assert cloud.bugs == [], cloud.bugs[0]
    return verdict


def _midwife(folder: Path, cloud: AzureCloud, clock: CloudClock) -> AbstractContextManager[Births]:
    environment = {**cloud.environment(), "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    start = clock.began.timestamp()
    return midwife(folder, "tests.support.azure.lives", str(start), str(SPEED), environment=environment)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    upgrade(url(folder), ROOT / "migrations")
    return folder


def _bad_day(cloud: AzureCloud, chance: random.Random, wanted: int) -> None:
    """Script the faults: about every third submit meets one, and a look now and then."""
    passed = 0
    for _ in range(wanted // 2):
        kind, details = chance.choice(_FATES)
        skip = chance.randrange(3)
        passed += skip
        cloud.faults.add(SUBMITS, kind, skip=skip, **details)
    for kind in ("503", "429", "404", "html", "reset", "unknown-status"):
        cloud.faults.add(_LOOKS, kind, times=3, skip=chance.randrange(40))


def _record(scopes: Scopes, cloud: AzureCloud, wanted: int) -> None:
    with scopes.open(OWNER) as scope:
        made = connections.create(
            scope,
            backend="azure_foundry",
            name="Azure",
            settings=connection(cloud),
            secrets={"client_secret": SECRET},
            slots=min(wanted, 20),
        )
        project = projects.create(scope, "Deaths").id
    with scopes.open(OWNER) as scope:
        rows = datasets.upload(scope, name="rows", filename="rows.jsonl", chunks=[chats(30, LABELS, QUESTION)])
    fields = {"project": project, "connection": made.id, "base_model": SERVERLESS, "training_dataset": rows.id}
    for number in range(wanted):
        with scopes.open(OWNER) as scope:
            asked = {**fields, "name": f"job-{number:03d}", "validation": {"kind": "none"}}
            jobs.create(scope, asked, accepted=ANYTHING)


def _known(scopes: Scopes) -> list[FineTuningJob]:
    with scopes.open(OWNER) as scope:
        return list(jobs.list_jobs(scope, limit=200).items)


def _over(scopes: Scopes) -> bool:
    return all(job.status.is_final for job in _known(scopes))


def _assess(verdict: Verdict, cloud: AzureCloud, known: list[FineTuningJob]) -> None:
    submitted = Counter(entry.tags["tunedesk"] for entry in cloud.ledger.submitted())
    again = Counter(entry.tags.get("tunedesk", "") for entry in cloud.ledger.of("update", "jobs"))
    verdict.doubled = sorted(tag for tag in submitted if submitted[tag] + again[tag] > 1)
    verdict.lost = sorted(
        f"{job.id}, submitted {submitted[job.id]} times, is {job.status.value}: {job.message or job.note}"
        for job in known
        if submitted[job.id] == 0 or job.status is not JobStatus.SUCCEEDED
    )
    verdict.stuck = sorted(job.id for job in known if not job.status.is_final and not job.note)
    verdict.strange = sorted(submitted.keys() - {job.id for job in known})
    verdict.met = Counter(kind for kind, _, _ in cloud.faults.met)

"""A database with as many recorded jobs as one wants, each with a few series, made by SQL in seconds."""

import random
from datetime import datetime
from pathlib import Path
from typing import Any

from app.domain.jobs import JobParts, JobProgress, JobSpec, JobStatus
from app.domain.metrics import TRAIN_LOSS, VALIDATION_LOSS
from app.kit.ids import new_id
from app.settings import ROOT
from app.store import codec, columns, schema
from app.store.database import Database
from app.store.metric_columns import curve
from app.store.migrating import upgrade

FIRST = 1_700_000_000_000_000  # microseconds since 1970: November 2023
STATUSES = ("succeeded",) * 7 + ("failed",) * 2 + ("cancelled",)
SERIES = (TRAIN_LOSS, VALIDATION_LOSS, "learning_rate", "grad_norm", "tokens_per_second")
_BATCH = 5000


def crowded(folder: Path, jobs: int) -> Path:
    """Make `folder/tunedesk.sqlite3` with so many finished jobs; return its path."""
    path = folder / "tunedesk.sqlite3"
    upgrade(f"sqlite:///{path}", ROOT / "migrations")
    database = Database(f"sqlite:///{path}")
    chance = random.Random(7)
    with database.writing() as tx:
        tx.execute(schema.projects.insert(), [_project()])
        tx.execute(schema.connections.insert(), [_connection()])
        tx.execute(schema.datasets.insert(), [_dataset()])
        for start in range(0, jobs, _BATCH):
            rows = [_job(chance, number) for number in range(start, min(jobs, start + _BATCH))]
            tx.execute(schema.jobs.insert(), rows)
            tx.execute(schema.series.insert(), [each for row in rows for each in _series(chance, row["id"])])
    database.close()
    return path


def _moment(microseconds: int) -> datetime:
    return columns.from_microseconds(microseconds)


def _project() -> dict[str, Any]:
    at = _moment(FIRST)
    return {"id": "prj_1", "name": "Crowd", "description": "", "decision": "{}", "created_at": at, "updated_at": at}


def _connection() -> dict[str, Any]:
    at = _moment(FIRST)
    return {"id": "con_1", "name": "Machine", "backend": "local", "settings": "{}", "slots": 1, "created_at": at}


def _dataset() -> dict[str, Any]:
    return {
        "id": "ds_1",
        "family": "ds_1",
        "version": 1,
        "made_by": "upload",
        "name": "rows",
        "filename": "rows.jsonl",
        "status": "ready",
        "format": "chat",
        "rows": 660,
        "bytes": 100_000,
        "sha256": "0" * 64,
        "created_at": _moment(FIRST),
    }


def _job(chance: random.Random, number: int) -> dict[str, Any]:
    began = FIRST + number * 60_000_000
    took = chance.randrange(20, 4000) * 1_000_000
    spec = JobSpec(
        project="prj_1",
        connection="con_1",
        base_model="builtin:starter",
        name=f"triage-{number % 977}",
        training_dataset="ds_1",
        hyperparameters={
            "n_epochs": chance.randrange(1, 9),
            "batch_size": chance.choice([4, 8, 16]),
            "learning_rate": round(chance.uniform(1e-5, 1e-3), 7),
            "weight_decay": 0.01,
            "warmup_steps": 5,
        },
        seed=chance.randrange(100),
    )
    return {
        "id": new_id("job", _moment(began), chance.getrandbits),
        "project": "prj_1",
        "connection": "con_1",
        "name": spec.name,
        "base_model": spec.base_model,
        "training_dataset": "ds_1",
        "spec": codec.dump(spec),
        "goal": "finished",
        "status": JobStatus(chance.choice(STATUSES)).value,
        "message": "",
        "note": "",
        "raw_status": "",
        "remote_id": f"run-{number}",
        "parts": codec.dump(JobParts(training="ds_1")),
        "progress": codec.dump(JobProgress(step=400, steps=400, epoch=4.0, epochs=4.0)),
        "sent": codec.dump(dict(spec.hyperparameters)),
        "resumptions": 0,
        "attempts": 0,
        "created_at": _moment(began),
        "changed_at": _moment(began + took),
        "started_at": _moment(began + 1_000_000),
        "ended_at": _moment(began + took),
    }


_CURVE = curve(None, {step: 2 / (1 + step / 40) for step in range(400)})


def _series(chance: random.Random, job: str) -> list[dict[str, Any]]:
    return [
        {
            "job": job,
            "name": name,
            "tail": 0,
            "last_step": 400,
            "last_value": round(chance.uniform(0.2, 2.0), 4),
            "curve": _CURVE if name == TRAIN_LOSS else None,
        }
        for name in SERIES
    ]

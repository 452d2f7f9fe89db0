"""The engine as REST sees it."""

from datetime import datetime
from typing import Self

from pydantic import Field

from app.domain.runs import OrphanRunReason
from app.http.fields import ResponseModel
from app.services.engine_health import EngineHealth
from app.store.queue_stats import Held, Retrying


class LevelOut(ResponseModel):
    """One table: rows that the engine will look at, those due by now, and those held."""

    table: str
    open: int
    due: int
    held: int


class OrphanRunOut(ResponseModel):
    """A run folder that nothing needs, and when it goes by itself."""

    tag: str
    backend: str
    kind: str
    alive: bool
    size_bytes: int
    changed_at: datetime
    reason: OrphanRunReason
    noticed_at: datetime | None
    goes_at: datetime | None


class EngineOut(ResponseModel):
    """How the engine is."""

    last_tick_s: float | None = Field(description="Seconds since it last looked what was due; null before the first.")
    overdue_s: float = Field(description="How long the oldest row that nobody holds has been due.")
    levels: list[LevelOut]
    held: list[Held]
    retrying: list[Retrying]
    orphan_runs: list[OrphanRunOut] = Field(serialization_alias="remains")
    orphan_runs_problem: str = Field(
        serialization_alias="remains_problem", description="Why it cannot be said what remains; empty where it can."
    )
    counters: dict[str, int] = Field(description="Since the installation began; they survive every death.")
    journal: int

    @classmethod
    def of(cls, health: EngineHealth, last_tick_s: float | None) -> Self:
        """Return the shape of what the services tell."""
        return cls(
            last_tick_s=last_tick_s,
            overdue_s=round(health.overdue_s, 1),
            levels=[LevelOut(table=e.table, open=e.open, due=e.due, held=e.held) for e in health.levels],
            held=list(health.held),
            retrying=list(health.retrying),
            orphan_runs=[
                OrphanRunOut(
                    tag=each.run.tag,
                    backend=each.backend,
                    kind=each.run.kind,
                    alive=each.run.alive,
                    size_bytes=each.run.size_bytes,
                    changed_at=each.run.changed_at,
                    reason=each.reason,
                    noticed_at=each.noticed_at,
                    goes_at=each.goes_at,
                )
                for each in health.orphan_runs
            ],
            orphan_runs_problem=health.orphan_runs_problem,
            counters=dict(health.counters),
            journal=health.journal,
        )


class LookOut(ResponseModel):
    """What will be looked at, from when on."""

    id: str
    due_at: datetime

"""What backends leave on this machine: a folder for each run, and perhaps a process at work in it."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from app.domain.profiles import Ability

STOPPED_AFTER = timedelta(minutes=10)  # a process that nobody needs, counted from when it was first noticed
KEPT_FOR = timedelta(days=7)  # a folder that belongs to nothing, likewise


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run folder. `tag` is the id of the job, evaluation or deployment that it was made for."""

    tag: str
    kind: str  # train, evaluate, serve; empty where nothing was started yet
    alive: bool
    size_bytes: int
    changed_at: datetime


class OrphanRunReason(StrEnum):
    """Why a run is not needed."""

    UNKNOWN = "unknown"  # no job, evaluation or deployment has that id
    OVER = "over"  # it has ended, and its process has not


@dataclass(frozen=True, slots=True, kw_only=True)
class OrphanRun:
    """A run that nothing needs, and since when that is known."""

    run: Run
    backend: str
    reason: OrphanRunReason
    noticed_at: datetime | None = None

    @property
    def goes_at(self) -> datetime | None:
        """When it is stopped or removed by itself; None before it was noticed."""
        if self.noticed_at is None:
            return None
        return self.noticed_at + (STOPPED_AFTER if self.run.alive else KEPT_FOR)


class ListsRuns(Ability):
    """To tell what lies on this machine, and to clear it away. Never touches a folder that is not one of its runs."""

    @abstractmethod
    def run_tags(self) -> Sequence[str]:
        """Return the tag of every run folder, whether or not anybody still knows it."""

    @abstractmethod
    def is_at_work(self, tag: str) -> bool:
        """Tell whether a process is at work in a run folder."""

    @abstractmethod
    def run(self, tag: str) -> Run:
        """Return what lies in a run folder; this counts its files' sizes."""

    @abstractmethod
    def end_run(self, tag: str) -> None:
        """Ask the run's process to end; a repeat after the backend's own grace makes it."""

    @abstractmethod
    def remove_run(self, tag: str) -> None:
        """Remove the folder of a run in which nothing is at work; one that is gone is fine."""

"""What the jobs look like: many looks share one list and one search for metrics, instead of a call each.

A job that somebody asks for is watched for a while. While few are watched, each is asked for singly and the answer is
never older than the question; from `_FEW` on, one list of the workspace's jobs and one search serve all looks of the
next seconds – the more jobs, the longer, so that 500 jobs cost few calls a minute.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock
from typing import Any

from app.backends.azure_foundry.client import Azure
from app.backends.azure_foundry.curves import Latest, Runs
from app.backends.azure_foundry.names import TAG
from app.backends.azure_foundry.places import API
from app.backends.azure_foundry.states import WAITING, status_of
from app.domain.backend import BackendError, NotFound, Unavailable
from app.kit.clock import Clock

Body = Mapping[str, Any]
_FEW = 3
_WATCHED = timedelta(minutes=12)  # the engine looks at a job every five minutes at least
_SHORTEST, _PER_JOB = timedelta(seconds=2), timedelta(milliseconds=30)
_PAGES = 20  # of one sweep; what lies behind them is asked for singly


@dataclass(slots=True)
class _Sweep:
    at: datetime
    jobs: dict[str, Body] = field(default_factory=dict)
    metrics: dict[str, Latest] = field(default_factory=dict)
    error: BackendError | None = None


class Sight:
    """Looks at the jobs of one workspace; shared by all threads."""

    def __init__(self, azure: Azure, runs: Runs, clock: Clock) -> None:
        self._azure = azure
        self._runs = runs
        self._clock = clock
        self._lock = Lock()
        self._sweeping = Lock()
        self._watched: dict[str, datetime] = {}
        self._sweep: _Sweep | None = None

    @property
    def watched(self) -> int:
        """How many jobs are being watched."""
        with self._lock:
            return len(self._watched)

    def job(self, name: str) -> Body:
        """Return a job's body, as the last sweep or a call of its own tells it.

        Raises:
            NotFound: Azure does not know it (yet).
            BackendError: Azure could not be asked.
        """
        if self._watch(name) <= _FEW:
            return self._single(name)
        found = self._swept().jobs.get(name)
        return self._single(name) if found is None else found

    def latest(self, name: str) -> Latest:
        """Return the newest value of each metric of a job."""
        with self._lock:
            sweep = self._sweep if len(self._watched) > _FEW else None
        known = None if sweep is None or not self._fresh(sweep) else sweep.metrics.get(name)
        return self._runs.latest(name) if known is None else known

    def changed(self, name: str, *, ended: bool = False) -> None:
        """Forget what is known of a job: it was just submitted or stopped; `ended`: nobody will ask again."""
        with self._lock:
            if self._sweep is not None:
                self._sweep.jobs.pop(name, None)
            if ended:
                self._watched.pop(name, None)

    def _single(self, name: str) -> Body:
        body: Body = self._azure.arm("GET", f"{self._azure.workspace_path}/jobs/{name}", api_version=API).body or {}
        return body

    def _watch(self, name: str) -> int:
        now = self._clock.now()
        with self._lock:
            self._watched[name] = now
            for old in [each for each, at in self._watched.items() if now - at > _WATCHED]:
                del self._watched[old]
            return len(self._watched)

    def _fresh(self, sweep: _Sweep) -> bool:
        kept = max(_SHORTEST, _PER_JOB * len(self._watched))
        return self._clock.now() - sweep.at < kept

    def _swept(self) -> _Sweep:
        with self._sweeping:
            with self._lock:
                known = self._sweep
            if known is None or not self._fresh(known):
                known = self._azure.in_time(self._look)
                with self._lock:
                    self._sweep = known
        if known.error is not None:
            raise known.error
        return known

    def _look(self) -> _Sweep:
        """List the jobs, newest first, until all that are watched were seen; then search their metrics at once."""
        sweep = _Sweep(at=self._clock.now())
        with self._lock:
            wanted = set(self._watched)
        try:
            for page in self._pages():
                sweep.jobs |= {str(body["name"]): body for body in page if "name" in body}
                if wanted <= sweep.jobs.keys():
                    break
            running = [name for name in wanted & sweep.jobs.keys() if _may_measure(sweep.jobs[name])]
            sweep.metrics = self._runs.search(running) if running else {}
        except NotFound as error:
            # That the list is not there says nothing about any job; a single look does.
            sweep.error = Unavailable(error.detail, fix=error.fix)
        except BackendError as error:
            sweep.error = error  # all looks of the next seconds are told the same, without asking again
        return sweep

    def _pages(self) -> Iterator[Sequence[Body]]:
        url = f"{self._azure.workspace_path}/jobs"
        params = {"listViewType": "All", "tag": TAG}
        for _ in range(_PAGES):
            body = self._azure.arm("GET", url, api_version=API, params=params).body or {}
            yield body.get("value") or ()
            following = body.get("nextLink")
            if not isinstance(following, str):
                return
            url, params = following, {}


def word_of(body: Body) -> str:
    """Return Azure's word for a job's state."""
    return str((body.get("properties") or {}).get("status") or "Unknown")


def _may_measure(body: Body) -> bool:
    word = word_of(body)
    return word not in WAITING and not status_of(word).is_final

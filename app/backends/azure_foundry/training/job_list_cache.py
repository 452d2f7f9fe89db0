"""What the jobs look like: many looks share one list and one search for metrics, instead of a call each.

A job that somebody asks for is watched for a while. While few are watched, each is asked for singly and the answer is
never older than the question; from `_FEW` on, one list of the workspace's jobs and one search serve all looks of the
next seconds – the more jobs, the longer, so that 500 jobs cost few calls a minute.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from threading import Lock

from app.backends.azure_foundry.training.metrics import Latest, Runs
from app.backends.azure_foundry.training.states import WAITING, status_of
from app.backends.azure_foundry.transport.json_values import part
from app.backends.azure_foundry.transport.names import TAG
from app.backends.azure_foundry.transport.paging import Body, pages, text
from app.backends.azure_foundry.transport.workspace import PREVIEW, Workspace
from app.domain.backend import BackendError, NotFound, Unavailable
from app.kit.clock import Clock

_FEW = 3
_WATCHED = timedelta(minutes=12)  # the engine looks at a job every five minutes at least
_SHORTEST, _PER_JOB = timedelta(seconds=2), timedelta(milliseconds=30)
_PAGES = 20  # of one sweep; what lies behind them is asked for singly


@dataclass(slots=True)
class Snapshot:
    """The jobs and their newest values as one sweep found them; or why it could not."""

    at: datetime
    jobs: dict[str, Body] = field(default_factory=dict)
    metrics: dict[str, Latest] = field(default_factory=dict)
    error: BackendError | None = None


class JobListCache:
    """Looks at the jobs of one workspace; shared by all threads."""

    def __init__(self, workspace: Workspace, runs: Runs, clock: Clock) -> None:
        self._azure = workspace.azure
        self._runs = runs
        self._clock = clock
        self._lock = Lock()
        self._sweeping = Lock()
        self._watched: dict[str, datetime] = {}
        self._snapshot: Snapshot | None = None

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
            return self.read(name)
        found = self._swept().jobs.get(name)
        return self.read(name) if found is None else found

    def latest(self, name: str) -> Latest:
        """Return the newest value of each metric of a job."""
        with self._lock:
            snapshot = self._snapshot if len(self._watched) > _FEW else None
        known = None if snapshot is None or not self._fresh(snapshot) else snapshot.metrics.get(name)
        return self._runs.latest(name) if known is None else known

    def listed(self, names: Sequence[str]) -> tuple[Mapping[str, Body], Mapping[str, Latest]]:
        """Return the bodies of the last sweep and its newest values, by name; calls nobody.

        Both are empty where the sweep is too old to be gone by, or where so few are watched that there is none.
        """
        many = self._watch(*names) > _FEW
        with self._lock:
            snapshot = self._snapshot
        if snapshot is None or snapshot.error is not None or not many or not self._fresh(snapshot):
            return {}, {}
        return snapshot.jobs, snapshot.metrics

    def changed(self, name: str, *, ended: bool = False) -> None:
        """Forget what is known of a job: it was just submitted or stopped; `ended`: nobody will ask again."""
        with self._lock:
            if self._snapshot is not None:
                self._snapshot.jobs.pop(name, None)
            if ended:
                self._watched.pop(name, None)
                self._runs.forget(name)

    def read(self, name: str) -> Body:
        """Return a job's body, asked for now.

        Raises:
            NotFound: Azure does not know it (yet).
            BackendError: Azure could not be asked.
        """
        return part(self._azure.arm("GET", f"{self._azure.workspace_path}/jobs/{name}", api_version=PREVIEW).body)

    def _watch(self, *names: str) -> int:
        now = self._clock.now()
        with self._lock:
            self._watched |= dict.fromkeys(names, now)
            for old in [each for each, at in self._watched.items() if now - at > _WATCHED]:
                del self._watched[old]
            return len(self._watched)

    def _fresh(self, snapshot: Snapshot) -> bool:
        kept = max(_SHORTEST, _PER_JOB * len(self._watched))
        return self._clock.now() - snapshot.at < kept

    def _swept(self) -> Snapshot:
        with self._sweeping:
            with self._lock:
                known = self._snapshot
            if known is None or not self._fresh(known):
                known = self._azure.in_time(self.fetched)
                with self._lock:
                    self._snapshot = known
        if known.error is not None:
            raise known.error
        return known

    def fetched(self) -> Snapshot:
        """List the jobs, newest first, until all that are watched were seen; then search their metrics at once."""
        snapshot = Snapshot(at=self._clock.now())
        with self._lock:
            wanted = set(self._watched)
        try:
            address, params = f"{self._azure.workspace_path}/jobs", {"listViewType": "All", "tag": TAG}
            for page in islice(pages(self._azure, address, api_version=PREVIEW, params=params), _PAGES):
                snapshot.jobs |= {str(body["name"]): body for body in page if "name" in body}
                if wanted <= snapshot.jobs.keys():
                    break
            running = [name for name in wanted & snapshot.jobs.keys() if _may_measure(snapshot.jobs[name])]
            measured = self._runs.search(running) if running else {}
            # A pipeline measures in runs below it, which are looked for in the job's own turn.
            snapshot.metrics = {name: latest for name, latest in measured.items() if latest}
        except NotFound as error:
            # That the list is not there says nothing about any job; a single look does.
            snapshot.error = Unavailable(error.detail, fix=error.fix)
        except BackendError as error:
            snapshot.error = error  # all looks of the next seconds are told the same, without asking again
        return snapshot


def word_of(body: Body) -> str:
    """Return Azure's word for a job's state."""
    return text(body, "properties", "status") or "Unknown"


def _may_measure(body: Body) -> bool:
    word = word_of(body)
    return word not in WAITING and not status_of(word).is_final

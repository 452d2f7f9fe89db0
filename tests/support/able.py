"""A rehearsal with the abilities that it lacks: each act leaves one entry in its ledger, however often it is asked."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from app.backends.rehearsal.backend import PROFILE
from app.domain.backend import ChatRequest, RemoteJob
from app.domain.backend_abilities import (
    DiscardsCheckpoints,
    Ends,
    LooksAhead,
    MendsEnds,
    Merge,
    MergesAdapters,
    MergeStatus,
    ModelCandidate,
    NamesCandidates,
    StopsEarly,
    TellsHistory,
)
from app.domain.catalog import CatalogState, LooksUpModels
from app.domain.lifeboats import PastPage
from app.domain.metrics import Metric
from app.domain.preflight import Preflight, PreflightRequest, PreflightStatus
from app.domain.runs import ListsRuns, Run
from app.domain.serving import AnswersDirectly, FindsOrphans, RemoteThing
from app.services.scope import Backends, Scopes
from tests.support.app_context import TestHouse
from tests.support.billed import Continues
from tests.support.toy import ToyKind, ToyProvider

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ORPHAN = RemoteThing(kind="data", name="left-behind", tag="job_0", installation="here", ours=True)
CANDIDATE = "a-model-there"


class AbleBackend(
    Continues,
    AnswersDirectly,
    DiscardsCheckpoints,
    FindsOrphans,
    ListsRuns,
    LooksAhead,
    LooksUpModels,
    MendsEnds,
    MergesAdapters,
    NamesCandidates,
    StopsEarly,
    TellsHistory,
):
    """Everything that a form of the pages may ask a built-in backend for."""

    profile = replace(PROFILE, cannot={})

    def _once(self, call: str, tag: str) -> None:
        with self.ledger.locked():
            if not self.made(call, tag):
                self.write(call, tag, id=tag)

    def direct_code(self, endpoint: str) -> Mapping[str, str]:
        """Return code that names the endpoint."""
        return {"curl": f"curl {endpoint}", "python": endpoint}

    def endpoint_key(self, tag: str) -> str:
        """Return a key."""
        return f"key of {tag}"

    def discard_checkpoints(self, job: RemoteJob) -> None:
        """Note it."""
        self._once("discard_checkpoints", job.id)

    def remote_things(self) -> Sequence[RemoteThing]:
        """Return the one thing that was left behind."""
        return () if self.made("remove_thing", ORPHAN.name) else (ORPHAN,)

    def remove_thing(self, kind: str, name: str) -> str:
        """Note it."""
        assert kind == ORPHAN.kind
        self._once("remove_thing", name)
        return "Removed."

    def remove_account_file(self, identifier: str) -> None:
        """Note it."""
        self._once("remove_account_file", identifier)

    def run_tags(self) -> Sequence[str]:
        """Return the one run that nobody knows."""
        return () if self.made("remove_run", ORPHAN.tag) else (ORPHAN.tag,)

    def is_at_work(self, tag: str) -> bool:
        """Tell that no process is."""
        return not tag

    def run(self, tag: str) -> Run:
        """Return its folder."""
        return Run(tag=tag, kind="train", alive=False, size_bytes=1, changed_at=NOW)

    def end_run(self, tag: str) -> None:
        """Do nothing: no process is at work."""

    def remove_run(self, tag: str) -> None:
        """Note it."""
        self._once("remove_run", tag)

    def catalog_state(self) -> CatalogState:
        """Return that it is looked up anew once somebody has asked for that."""
        return CatalogState(fetched_at=NOW, refreshing=bool(self.made("refresh_catalog", "catalog")), data_as_of=None)

    def refresh_catalog(self) -> None:
        """Note it."""
        self._once("refresh_catalog", "catalog")

    def start_preflight(self, request: PreflightRequest, *, training: Path, validation: Path | None) -> None:
        """Note it."""
        assert training.is_file()
        assert validation is None or validation.is_file()
        self._once("start_preflight", request.training)

    def observe_preflight(self, request: PreflightRequest) -> Preflight:
        """Return that it runs once it has begun."""
        began = self.made("start_preflight", request.training)
        return Preflight(status=PreflightStatus.RUNNING if began else PreflightStatus.ABSENT)

    def ends(self, model: str) -> Ends:
        """Return another end than was taught, until that is mended."""
        return Ends(taught="<end>", saved=("<eos>",), wrong=not self.made("mend_ends", model))

    def mend_ends(self, model: str) -> Ends:
        """Note it."""
        self._once("mend_ends", model)
        return self.ends(model)

    def start_merge(self, model: str) -> None:
        """Note it."""
        self._once("start_merge", model)

    def observe_merge(self, model: str) -> Merge:
        """Return that it runs once it has begun."""
        return Merge(status=MergeStatus.RUNNING if self.made("start_merge", model) else MergeStatus.ABSENT)

    def model_candidates(self, job: RemoteJob) -> Sequence[ModelCandidate]:
        """Return the only one."""
        assert job.id
        return (ModelCandidate(name=CANDIDATE, created_at=None, reason="It is the only one.", sure=True),)

    def stop_early(self, job: RemoteJob) -> None:
        """Note it."""
        self._once("stop_early", job.id)

    def past_jobs(self, after: str | None) -> PastPage:
        """Return that there are none."""
        assert after is None
        return PastPage(jobs=())

    def past_file(self, identifier: str) -> bytes:
        """Return no rows."""
        return b"" if identifier else b"\n"

    def past_curves(self, job: str) -> Sequence[Metric]:
        """Return no figures."""
        assert job
        return ()

    def past_answer(self, model: str, request: ChatRequest) -> str:
        """Return an answer."""
        assert request.messages
        return model


class AbleHouse(TestHouse):
    """A house whose built-in backend is able, and that may connect to toys; its clock shows `now`, if given."""

    def __init__(self, folder: Path, now: datetime | None = None) -> None:
        super().__init__(folder, kinds=(ToyKind(ToyProvider()),))
        self.clock.turn((now or self.clock.now()) - self.clock.now())
        self.backend = AbleBackend(self.backend.folder, clock=self.clock, script=self.backend.script)
        kept = self.app_context.backends
        backends = Backends([self.backend], kinds=kept.kinds, vault=kept.vault)
        self.app_context = replace(self.app_context, backends=backends)
        self.scopes = Scopes(self.app_context, self._nudge)

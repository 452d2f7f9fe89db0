"""The whole rehearsal, as one backend with every ability that the domain names."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from app.backends.rehearsal.catalog import Catalog
from app.backends.rehearsal.elsewhere import Elsewhere
from app.backends.rehearsal.evaluation import RehearsalEvaluation
from app.backends.rehearsal.faults import Script, read_script
from app.backends.rehearsal.serving import Serving
from app.backends.rehearsal.state import LABEL
from app.backends.rehearsal.training import Training
from app.domain.backend import ShowsCode, Unsupported
from app.domain.backend_abilities import (
    ContinuesTuned,
    DiscardsCheckpoints,
    LooksAhead,
    MendsEnds,
    MergesAdapters,
    NamesCandidates,
    ShowsFirstBatch,
    StopsEarly,
    TellsHistory,
    TellsOrigin,
)
from app.domain.catalog import LooksUpModels
from app.domain.discovery import Discovers, Provisions
from app.domain.jobs import JobSpec
from app.domain.prices import Prices, Quotas
from app.domain.profiles import BackendProfile
from app.domain.serving import AnswersDirectly, FindsOrphans, ReportsUsage
from app.domain.sign_in import SignsIn
from app.kit.clock import Clock


def rehearsal_backend(folder: Path, *, clock: Clock, script: Path | None = None) -> "RehearsalBackend":
    """Return the rehearsal that keeps its ledger in `folder` and plays the script in a JSON file, if one is given.

    Raises:
        ValueError: the file is no script; the message says where.
    """
    return RehearsalBackend(folder, clock=clock, script=Script() if script is None else read_script(script))


PROFILE = BackendProfile(
    id="rehearsal",
    title=LABEL,
    bills=False,
    runs_here=True,
    notice="rehearsal: nothing is really trained",
    cannot={
        AnswersDirectly: f"{LABEL}: a rehearsed deployment has no key of its own.",
        ContinuesTuned: f"{LABEL}: a rehearsed model has no weights that could be trained further.",
        Discovers: f"{LABEL}: there is nothing to choose from.",
        DiscardsCheckpoints: f"{LABEL}: rehearsed checkpoints take no space.",
        FindsOrphans: f"{LABEL}: nothing is kept that could be left behind.",
        LooksUpModels: f"{LABEL}: the catalog is not looked up anywhere.",
        LooksAhead: f"{LABEL}: there are no files to look at before a training.",
        MergesAdapters: f"{LABEL}: there is nothing to merge.",
        MendsEnds: f"{LABEL}: no configs are saved that could be fixed.",
        NamesCandidates: f"{LABEL}: each training names its model.",
        Prices: f"{LABEL}: nothing is billed.",
        Provisions: f"{LABEL}: nothing can be made here.",
        Quotas: f"{LABEL}: there are no limits to tell.",
        ReportsUsage: f"{LABEL}: nobody but TuneDesk counts the questions.",
        ShowsFirstBatch: f"{LABEL}: no row is really read.",
        SignsIn: f"{LABEL}: nobody has to sign in.",
        StopsEarly: f"{LABEL}: a training cannot be stopped with what it has learned, for it learns nothing.",
        TellsHistory: f"{LABEL}: there is nothing that could be brought home.",
        TellsOrigin: f"{LABEL}: no weights were used whose origin could be told.",
    },
)


class RehearsalBackend(Catalog, Training, Serving, RehearsalEvaluation, Elsewhere, ShowsCode):
    """Scripted and deterministic: for tests and for trying pages. Always labelled, off unless asked for."""

    profile = PROFILE

    def code_targets(self) -> Mapping[str, str]:
        """Return the one target that there is."""
        return {"json": "JSON"}

    def code(self, target: str, spec: JobSpec, *, training_file: Path, validation_file: Path | None) -> str:
        """Return the job's own words; there is nothing to run."""
        self.stumble("code", "")
        if target not in self.code_targets():
            raise Unsupported(f"{LABEL}: there is no code for {target!r}.", fix="Choose json.")
        files = {"training_file": training_file.name, "validation_file": validation_file and validation_file.name}
        body = {"backend": PROFILE.id, "spec": msgspec.to_builtins(spec), **files}
        return msgspec.json.format(msgspec.json.encode(body), indent=2).decode() + "\n"

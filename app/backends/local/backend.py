"""The backend `local`: everything this machine can do, put together."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from app.backends.local.code import LocalCode
from app.backends.local.context import LocalContext
from app.backends.local.doctor import LocalDoctor
from app.backends.local.ends import LocalEnds
from app.backends.local.errors import in_backend_words
from app.backends.local.estimate import LocalEstimate
from app.backends.local.evaluation import LocalEvaluation
from app.backends.local.hyperparameters import METHODS
from app.backends.local.jobs import LocalTraining
from app.backends.local.merging import LocalMerging
from app.backends.local.models import BaseModels
from app.backends.local.origin import LocalProvenance
from app.backends.local.preflight import LocalPreflight
from app.backends.local.run_storage import LocalRunStorage
from app.backends.local.runs import Runs
from app.backends.local.serving import LocalServing
from app.backends.local.tuned import TunedModels
from app.backends.local.weights import LocalWeights
from app.domain.adoption import Adopts
from app.domain.backend_abilities import NamesCandidates, Pauses, TellsHistory
from app.domain.catalog import CatalogModel, LooksUpModels
from app.domain.discovery import Discovers, Provisions
from app.domain.prices import Prices, Quotas
from app.domain.profiles import BackendProfile
from app.domain.serving import AnswersDirectly, FindsOrphans, ReportsUsage
from app.domain.sign_in import SignsIn
from app.kit.clock import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """How much of this machine is used: `threads` of one child (0 chooses), `slots` of trainings at once, `device`
    auto, cpu, cuda or mps; `offline` asks the hub for nothing; `disk_reserve` bytes of the disk are left to others.
    `niceness`: how far whatever nobody waits for steps back on a busy machine, as `nice` has it.
    """

    threads: int = 0
    slots: int = 1
    device: str = "auto"
    offline: bool = False
    disk_reserve: int = 0
    niceness: int = 0


_DEFAULT = Machine()
PROFILE = BackendProfile(
    id="local",
    title="This machine",
    bills=False,
    runs_here=True,
    accepts_paths=True,
    methods=METHODS,
    model_help="A directory with safetensors, such as /models/phi-3, or a hub id: microsoft/Phi-3-mini-4k-instruct.",
    cannot={
        Adopts: "What was trained here is in the record already.",
        AnswersDirectly: "A model on this machine is asked through TuneDesk alone, and has no key of its own.",
        Discovers: "There is nothing to choose from on this machine.",
        FindsOrphans: "This machine is no provider: what its runs left behind stands under Settings, Storage.",
        LooksUpModels: "The catalog of this machine is not looked up anywhere.",
        NamesCandidates: "A training on this machine has its model in its own folder.",
        Pauses: "A training on this machine is not paused: stop it with what it has learned, and continue from there.",
        Prices: "Nothing is billed on this machine.",
        Provisions: "A training on this machine needs no project.",
        Quotas: "This machine has no limits but its own size.",
        ReportsUsage: "On this machine nobody but TuneDesk counts the questions.",
        SignsIn: "Nobody has to sign in to this machine.",
        TellsHistory: "What was trained here is here already.",
    },
)


class LocalBackend(
    LocalTraining,
    LocalProvenance,
    LocalWeights,
    LocalMerging,
    LocalEnds,
    LocalServing,
    LocalEvaluation,
    LocalEstimate,
    LocalPreflight,
    LocalCode,
    LocalRunStorage,
    LocalDoctor,
):
    """Trains, evaluates and serves on this machine, one child process for each. Holds no state of its own:
    another object over the same folder takes up everything that is there.
    """

    # A submit is a process on this machine. The look-up by tag must only wait until that has said who it is.
    acceptance_grace = timedelta(seconds=5)

    def __init__(
        self,
        *,
        runs: Path,
        starter: Path,
        interpreter: Callable[[], Path],
        environment: Mapping[str, str],
        clock: Clock,
        machine: Machine = _DEFAULT,
    ) -> None:
        """`interpreter` returns the runtime's Python, or raises NoCapacity saying how far its installation is.

        `runs` is the folder of run folders, `starter` the built-in base model's directory. Of `environment`, children
        are handed what `runs.PASSED_ON` names, and those whose base is of the hub `runs.FOR_THE_HUB`.
        """
        kept = Runs(runs, interpreter=interpreter, environment=environment, clock=clock)
        tuned = TunedModels(kept)
        self.context = LocalContext(
            runs=kept,
            tuned=tuned,
            models=BaseModels(starter, environment, tuned=tuned, offline=machine.offline, clock=clock),
            threads=machine.threads or default_threads(os.cpu_count() or 1),
            slots=machine.slots,
            device=machine.device,
            reserve=machine.disk_reserve,
            niceness=machine.niceness,
        )

    @property
    def profile(self) -> BackendProfile:
        """What it is, with as many slots as this machine has."""
        return replace(PROFILE, slots=self.context.slots)

    @in_backend_words
    def check(self) -> None:
        """Return if the runtime environment is there.

        Raises:
            NoCapacity: with how far its installation is.
        """
        self.context.runs.interpreter()

    @in_backend_words
    def base_models(self) -> Sequence[CatalogModel]:
        """Return the starter and a few models of the hub."""
        return self.context.models.listed()

    @in_backend_words
    def base_model(self, identifier: str) -> CatalogModel:
        """Return one base model: builtin:starter, path:/a/directory or hf:organisation/name."""
        return self.context.models.one(identifier)


def default_threads(cores: int) -> int:
    """Return the threads of one training: one core is left to the web server and whoever else is there."""
    return max(1, cores - 1)

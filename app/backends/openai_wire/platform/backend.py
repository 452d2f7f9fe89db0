"""The whole of backend `openai`, as one class with its abilities."""

from abc import ABC
from collections.abc import Callable, Mapping
from pathlib import Path

from app.backends.openai_wire.catalog.lookup import ModelLookup
from app.backends.openai_wire.platform.catalog import PlatformCatalog
from app.backends.openai_wire.platform.doctor import PlatformDoctor
from app.backends.openai_wire.platform.estimate import PlatformEstimate
from app.backends.openai_wire.platform.settings import PlatformSettings
from app.backends.openai_wire.serving.by_name import ServesByName
from app.backends.openai_wire.serving.history import TellsPast
from app.backends.openai_wire.serving.served import Served
from app.backends.openai_wire.training.code import CodeServer, WireCode
from app.backends.openai_wire.training.jobs import Dialect, Wire, WireTraining
from app.backends.openai_wire.training.orphans import WireOrphans
from app.backends.openai_wire.transport.plane import Plane
from app.domain.backend import Completes, Evaluates, KeepsLogs, KeepsWeights, Resumes
from app.domain.backend_abilities import (
    ContinuesTuned,
    DiscardsCheckpoints,
    LooksAhead,
    MendsEnds,
    MergesAdapters,
    NamesCandidates,
    ShowsFirstBatch,
    StopsEarly,
    TellsOrigin,
)
from app.domain.prices import Quotas
from app.domain.profiles import BackendProfile
from app.domain.serving import AnswersDirectly, ReportsUsage
from app.domain.sign_in import SignsIn
from app.kit.clock import Clock
from app.kit.outgoing import Outgoing

CANNOT: Mapping[type[ABC], str] = {
    AnswersDirectly: "A model is asked with the connection's own key, which is handed out to nobody.",
    Completes: "Tuned models there answer chats only.",
    ContinuesTuned: "A tuned model is trained further by its own name: enter it as the base model.",
    DiscardsCheckpoints: "The checkpoints are the provider's; they take no space here.",
    Evaluates: "Answers of this provider are not counted yet: ask both models in the playground.",
    KeepsLogs: "The provider tells events, and keeps no log to be read.",
    KeepsWeights: "The provider keeps the weights of what it trains: they cannot be downloaded.",
    LooksAhead: "The provider checks rows itself once a training was submitted.",
    MendsEnds: "The provider keeps the configs of what it trains: there is nothing to mend from here.",
    MergesAdapters: "There is nothing to merge: the provider serves what it trained.",
    NamesCandidates: "Each job names its model.",
    Quotas: "The provider does not say how much of its limits is used.",
    ReportsUsage: "The provider does not say how often a model was asked.",
    Resumes: "The provider goes on by itself where a training was interrupted.",
    ShowsFirstBatch: "The provider does not show what its trainer reads.",
    SignsIn: "A key is all that is needed; nobody signs in.",
    StopsEarly: "A training there is cancelled without a model, or paused; a paused one has a checkpoint.",
    TellsOrigin: "The provider does not tell the hashes of the weights that it trains.",
}
PROFILE = BackendProfile(
    id="openai",
    title="OpenAI or compatible",
    bills=True,
    methods=("sft", "dpo"),
    model_help="As the provider writes it, for example gpt-4.1-mini-2025-04-14.",
    cannot=CANNOT,
)


class OpenAIBackend(
    PlatformDoctor,
    PlatformCatalog,
    WireTraining,
    WireOrphans,
    ServesByName,
    TellsPast,
    WireCode,
    PlatformEstimate,
):
    """Trains and answers over the wire. Holds caches only: another object finds everything again."""

    profile = PROFILE

    def __init__(
        self,
        settings: PlatformSettings,
        secrets: Mapping[str, str],
        *,
        clock: Clock,
        cache: Path,
        installation: Callable[[], str],
        outgoing: Outgoing,
    ) -> None:
        """`cache` is a folder of this connection's own. Nothing is called."""
        self.settings = settings
        headers = {"authorization": f"Bearer {secrets.get('api_key', '')}"}
        named = {"openai-organization": settings.organization, "openai-project": settings.project}
        headers |= {name: value for name, value in named.items() if value}
        plane = Plane(settings.base_url, name=settings.name, headers=lambda: headers, outgoing=outgoing)
        self.wire = Wire(plane, dialect=Dialect(), clock=clock, mark=mark_of(installation()))
        self.lookup = ModelLookup(plane, clock, cache / "models.json")
        self.served = Served(cache / "served")

    @property
    def code_server(self) -> CodeServer:
        """What the code says of the server."""
        named = {"organization": self.settings.organization, "project": self.settings.project}
        return CodeServer(key="OPENAI_API_KEY", headers={name: value for name, value in named.items() if value})


def mark_of(installation: str) -> str:
    """Return an installation's name as a part of a file's name."""
    return "".join(each for each in installation.lower() if each.isascii() and each.isalnum())[:16] or "unnamed"

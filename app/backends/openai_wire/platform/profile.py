"""What OpenAI's platform is, known without loading what calls it."""

from abc import ABC
from collections.abc import Mapping

from app.domain.backend import Completes, KeepsLogs, KeepsWeights, Resumes
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

CANNOT: Mapping[type[ABC], str] = {
    AnswersDirectly: "A model is asked with the connection's own key, which is handed out to nobody.",
    Completes: "Tuned models there answer chats only.",
    ContinuesTuned: "A tuned model is trained further by its own name: enter it as the base model.",
    DiscardsCheckpoints: "The checkpoints are the provider's; they take no space here.",
    KeepsLogs: "The provider tells events, and keeps no log to be read.",
    KeepsWeights: "The provider keeps the weights of what it trains: they cannot be downloaded.",
    LooksAhead: "The provider checks rows itself once a training has been submitted.",
    MendsEnds: "The provider keeps the configs of what it trains: there is nothing to fix from here.",
    MergesAdapters: "There is nothing to merge: the provider serves what it trained.",
    NamesCandidates: "Each job names its model.",
    Quotas: "The provider does not say how much of its limits is used.",
    ReportsUsage: "The provider does not say how often a model was asked.",
    Resumes: "The provider goes on by itself where a training was interrupted.",
    ShowsFirstBatch: "The provider does not show what its trainer reads.",
    SignsIn: "A key is all that is needed; nobody signs in.",
    StopsEarly: "A training there is cancelled without a model, or paused; a paused one has a checkpoint.",
    TellsOrigin: "The provider does not publish hashes of the weights it trains.",
}
PROFILE = BackendProfile(
    id="openai",
    title="OpenAI or compatible",
    bills=True,
    methods=("sft", "dpo"),
    model_help="As the provider writes it, for example gpt-4.1-mini-2025-04-14.",
    cannot=CANNOT,
)

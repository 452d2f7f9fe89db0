"""What Azure AI Foundry is, known without loading what calls it."""

from app.domain.adoption import Adopts
from app.domain.backend import Completes, KeepsWeights
from app.domain.backend_abilities import (
    ContinuesTuned,
    DiscardsCheckpoints,
    LooksAhead,
    MendsEnds,
    MergesAdapters,
    OffersCheckpoints,
    Pauses,
    ShowsFirstBatch,
    StopsEarly,
    TellsHistory,
    TellsOrigin,
)
from app.domain.profiles import BackendProfile

PROFILE = BackendProfile(
    id="azure_foundry",
    title="Azure AI Foundry",
    bills=True,
    model_help="As the catalog writes it; a version may follow, as in serverless:azureml/Phi-4-mini-instruct:1.",
    cannot={
        Adopts: "What other programs trained in a project is not taken into the record from there yet.",
        OffersCheckpoints: "Azure registers the result of a training, and none of its checkpoints.",
        Completes: "An endpoint at Azure answers chats only.",
        ContinuesTuned: "Azure trains its own base models, and no tuned one further.",
        DiscardsCheckpoints: "The checkpoints are Azure's; it gives none of their space back.",
        KeepsWeights: "Azure keeps the weights of what it trains, checkpoints included: they cannot be downloaded.",
        LooksAhead: "Azure checks rows and settings itself once a training has been submitted.",
        MendsEnds: "Azure keeps the configs of what it trains: there is nothing to fix from here.",
        MergesAdapters: "Azure serves an adapter with its base; there is nothing to merge.",
        ShowsFirstBatch: "Azure does not show what its trainer reads.",
        Pauses: "Azure Machine Learning has no way to pause a training; it can be cancelled.",
        StopsEarly: "Azure can only cancel a training; what it has learned by then is not kept.",
        TellsHistory: "What other programs trained in a project is not brought home from there yet.",
        TellsOrigin: "Azure does not publish hashes of the weights it trains.",
    },
)

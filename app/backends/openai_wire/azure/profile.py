"""What Azure OpenAI is, known without loading what calls it."""

from app.backends.openai_wire.platform.profile import CANNOT
from app.domain.profiles import BackendProfile
from app.domain.sign_in import SignsIn

MANAGER = "https://management.azure.com"
PROFILE = BackendProfile(
    id="azure_openai",
    title="Azure OpenAI",
    bills=True,
    methods=("sft", "dpo"),
    slots=3,  # jobs that run at once on a resource
    model_help="As the catalog writes it, for example gpt-4.1-mini-2025-04-14.",
    cannot={
        **CANNOT,
        SignsIn: "azure-identity signs in by itself; there is no code to type.",
    },
)

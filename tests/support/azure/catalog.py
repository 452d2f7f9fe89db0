"""The registries' models as the emulator knows them: names, versions, tags and regions after the documented ones."""

from dataclasses import dataclass, field
from datetime import date

_HUB_REGIONS = ("eastus2", "eastus", "northcentralus", "southcentralus", "westus", "westus3")
# Serverless fine-tuning of Phi-3 and Phi-3.5 ended on this day.
PHI_3_RETIRED = date(2025, 8, 30)


@dataclass(frozen=True, slots=True)
class Model:
    """One model of a registry: `retired` is the day from which serverless training and deployment are refused."""

    registry: str
    name: str
    versions: tuple[str, ...]
    author: str
    license: str = "mit"
    tuning_regions: tuple[str, ...] = ()
    deploy_regions: tuple[str, ...] = ()
    managed_tuning: bool = False
    partner: bool = False
    retired: date | None = None
    context: int = 131_072
    extra: dict[str, str] = field(default_factory=dict)

    def tags(self) -> dict[str, str]:
        """Return the tags, as the registry writes them."""
        tags = {
            "author": self.author,
            "license": self.license,
            "task": "chat-completion",
            "languages": "en",
            "inputModalities": "text",
        }
        tags |= {"outputModalities": "text", "textContextWindow": str(self.context), "maxOutputTokens": "4096"}
        tasks = "chat-completion" if self.tuning_regions or self.managed_tuning else ""
        if tasks:
            tags["finetuneTasks"] = tasks
            tags["finetuning-tasks"] = tasks
        if self.tuning_regions:
            tags["maas-finetuning"] = "true"
            tags["maas-finetuning-regions"] = ",".join(self.tuning_regions)
            tags["maas-finetuning-deploy-regions"] = ",".join(self.deploy_regions or self.tuning_regions)
        if self.deploy_regions or self.tuning_regions:
            tags["maas-inference"] = "true"
            tags["maas-inference-regions"] = ",".join(self.deploy_regions or self.tuning_regions)
        if self.managed_tuning:
            tags["finetune-recommended-sku"] = (
                "Standard_NC24ads_A100_v4,Standard_NC48ads_A100_v4,Standard_NC96ads_A100_v4"
            )
            tags["finetune_compute_allow_list"] = str(
                ["Standard_NC24ads_A100_v4", "Standard_NC48ads_A100_v4", "Standard_NC96ads_A100_v4"]
            )
        if self.partner:
            tags["offerId"] = f"{self.name.lower()}-offer"
        return {**tags, **self.extra}


def _phi3(name: str, versions: tuple[str, ...], context: int = 131_072) -> Model:
    """A model whose serverless form is retired and that can still be tuned on managed compute."""
    return Model(
        "azureml",
        name,
        versions,
        "Microsoft",
        tuning_regions=("eastus2",),
        deploy_regions=_HUB_REGIONS,
        managed_tuning=True,
        retired=PHI_3_RETIRED,
        context=context,
    )


def models() -> list[Model]:
    """Return the catalog."""
    microsoft = [
        _phi3("Phi-3-mini-4k-instruct", ("13", "12", "11"), 4_096),
        _phi3("Phi-3-mini-128k-instruct", ("13",)),
        _phi3("Phi-3-medium-4k-instruct", ("7",), 4_096),
        _phi3("Phi-3.5-mini-instruct", ("6",)),
        _phi3("Phi-3.5-MoE-instruct", ("5",)),
        Model("azureml", "Phi-4", ("8", "7"), "Microsoft", tuning_regions=_HUB_REGIONS, context=16_384),
        Model("azureml", "Phi-4-mini-instruct", ("1",), "Microsoft", tuning_regions=_HUB_REGIONS),
        Model("azureml", "Phi-4-multimodal-instruct", ("2",), "Microsoft", tuning_regions=_HUB_REGIONS),
        Model("azureml", "Phi-4-reasoning", ("1",), "Microsoft", deploy_regions=_HUB_REGIONS, context=32_768),
        Model(
            "azureml", "bert-base-uncased", ("21",), "Google", license="apache-2.0", managed_tuning=True, context=512
        ),
    ]
    partners = [
        Model("azureml-mistral", "Ministral-3B", ("1",), "Mistral AI", "custom", _HUB_REGIONS, partner=True),
        Model("azureml-meta", "Llama-3.3-70B-Instruct", ("9",), "Meta", "custom", ("westus3",), partner=True),
        Model(
            "azureml-meta",
            "Meta-Llama-3.1-8B-Instruct",
            ("5",),
            "Meta",
            "custom",
            ("westus3",),
            partner=True,
            retired=date(2026, 6, 13),
        ),
    ]
    return microsoft + partners


REGISTRIES = ("azureml", "azureml-meta", "azureml-mistral")


class Catalog:
    """The models of all registries, by registry and name."""

    def __init__(self) -> None:
        self.models = models()

    def find(self, registry: str, name: str) -> Model | None:
        """Return a model, if there is one."""
        return next((one for one in self.models if one.registry == registry and one.name == name), None)

    def by_uri(self, uri: str) -> tuple[Model | None, str | None]:
        """Return model and version of `azureml://registries/{r}/models/{m}[/versions/{v}|/labels/latest]`."""
        parts = uri.removeprefix("azureml://").split("/")
        if len(parts) < 4 or parts[0] != "registries" or parts[2] != "models":
            return None, None
        version = parts[5] if len(parts) == 6 and parts[4] == "versions" else None
        return self.find(parts[1], parts[3]), version

"""Looking models up in Microsoft's and its partners' registries: discovery, the list, and each candidate's tags.

The registries have their own host and api-version (the data plane that azure-ai-ml speaks to, captured on the wire):
`GET {discovery}/registrymanagement/v1.0/registries/{name}/discovery`, then the models below the address that it tells.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from urllib.parse import quote

from app.backends.azure_foundry.catalog import reference_data
from app.backends.azure_foundry.transport.client import Azure, Call
from app.backends.azure_foundry.transport.paging import listed, text
from app.domain.backend import BackendError, Unavailable

API_VERSION = "2021-10-01-dataplanepreview"
REGISTRIES = ("azureml", "azureml-meta", "azureml-mistral", "azureml-nttdata")
_ABOUT = ("primaryRegionResourceProviderUri", "subscriptionId", "resourceGroup")
_MAX_CANDIDATES = 80  # tags come with versions only, a request each
# Families of which something was fine-tuned serverless or on managed compute so far (docs, February 2026).
_FAMILIES = re.compile(r"phi-|ministral|mistral-|meta-llama|llama-|tsuzumi|qwen|gpt-oss|gemma", re.IGNORECASE)
_WORDS = re.compile(r"[\w.+-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryModel:
    """A model as its registry describes it: what is needed to offer it for fine-tuning."""

    registry: str
    name: str
    version: str
    publisher: str = ""
    summary: str = ""
    licence: str = ""
    context_length: int | None = None
    tasks: tuple[str, ...] = ()
    train_regions: tuple[str, ...] = ()
    serve_regions: tuple[str, ...] = ()
    instance_types: tuple[str, ...] = ()
    deprecated: date | None = None
    retired: date | None = None

    @property
    def tunable(self) -> bool:
        """Whether its tags name any way of fine-tuning."""
        return bool(self.train_regions or self.instance_types)


@dataclass(frozen=True, slots=True, kw_only=True)
class LookUp:
    """What one look-up brought. `problems` are sentences, by registry, about what could not be had."""

    fetched_at: datetime
    models: tuple[RegistryModel, ...] = ()
    problems: Mapping[str, str] = field(default_factory=dict)


def look_up(azure: Azure, *, at: datetime) -> LookUp:
    """Ask all registries; one that does not answer is a problem, not the end.

    Raises:
        BackendError: when none of them answered, with the first one's reason.
    """
    found: list[RegistryModel] = []
    problems: dict[str, str] = {}
    first: BackendError | None = None
    for registry in REGISTRIES:
        try:
            found += _models(azure, registry)
        except BackendError as error:
            first = first or error
            problems[registry] = error.detail
    if first is not None and len(problems) == len(REGISTRIES):
        raise first
    return LookUp(fetched_at=at, models=tuple(found), problems=problems)


def models_address(azure: Azure, registry: str) -> str:
    """Return the address below which a registry's models are, as the registry itself tells.

    Raises:
        BackendError: when it does not answer; Unavailable too when it does not say.
    """
    about = f"https://{azure.cloud.registries}/registrymanagement/v1.0/registries/{quote(registry)}/discovery"
    body = azure.send(Call("GET", about)).body
    root, subscription, group = (text(body, name) for name in _ABOUT)
    if not root:
        raise Unavailable(f"The registry {registry} does not say where its models are.")
    return (
        f"{root.rstrip('/')}/mferp/managementfrontend/subscriptions/{subscription}/resourceGroups/{group}"
        f"/providers/Microsoft.MachineLearningServices/registries/{quote(registry)}/models"
    )


def _models(azure: Azure, registry: str) -> Iterator[RegistryModel]:
    base = models_address(azure, registry)
    known = {fact.name for fact in reference_data.models() if fact.registry == registry}
    containers = listed(azure, base, api_version=API_VERSION, params={"listViewType": "ActiveOnly"})
    found = [(text(each, "name"), text(each, "properties", "latestVersion")) for each in containers]
    wanted = [(name, version) for name, version in found if version and (name in known or _FAMILIES.match(name))]
    # What the data file knows comes first: the cap must not cut it off.
    for name, version in sorted(wanted, key=lambda each: each[0] not in known)[:_MAX_CANDIDATES]:
        answer = azure.arm("GET", f"{base}/{quote(name)}/versions/{quote(version)}", api_version=API_VERSION)
        model = read_version(registry, name, answer.body)
        if model.tunable:
            yield model


def read_version(registry: str, name: str, body: Any) -> RegistryModel:  # noqa: ANN401 -- decoded JSON of a stranger
    """Return what a model version's tags and properties tell; what is missing or odd there is left out."""
    properties = body.get("properties") if isinstance(body, dict) else None
    properties = properties if isinstance(properties, dict) else {}
    reported: dict[str, Any] = {}
    for part in (properties.get("properties"), properties.get("tags")):
        reported.update({str(key).lower(): value for key, value in part.items()} if isinstance(part, dict) else {})
    tags = {key: str(value) for key, value in reported.items() if value not in (None, "")}
    context = tags.get("textcontextwindow", "")
    return RegistryModel(
        registry=registry,
        name=name,
        version=text(body, "name"),
        publisher=tags.get("author", "")[:80],
        summary=tags.get("summary", "")[:400],
        licence=tags.get("license", "")[:80],
        context_length=int(context) if context.isdecimal() and len(context) < 10 else None,  # noqa: PLR2004
        tasks=_list(tags, "finetuning-tasks", "finetunetasks", "finetune-tasks"),
        train_regions=_list(tags, "maas-finetuning-regions", "maas-finetuning-deploy-regions"),
        serve_regions=_list(tags, "maas-inference-regions", "maas-finetuning-deploy-regions"),
        instance_types=_list(tags, "finetune_compute_allow_list", "finetune-recommended-sku"),
        deprecated=_day(tags, "finetunedeprecationdate"),
        retired=_day(tags, "finetuneretirementdate"),
    )


def _list(tags: Mapping[str, str], *names: str) -> tuple[str, ...]:
    """Return the words of the first tag that is there: they come as a, b or ['a', 'b'] or ["a"]."""
    words: Iterable[str] = next((_WORDS.findall(tags[name]) for name in names if name in tags), ())
    return tuple(dict.fromkeys(words))


def _day(tags: Mapping[str, str], name: str) -> date | None:
    try:
        return date.fromisoformat(tags.get(name, "")[:10])
    except ValueError:
        return None

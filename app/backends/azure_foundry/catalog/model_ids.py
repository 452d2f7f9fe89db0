"""How a base model of Azure is named in our catalog: the way of training, the registry, the model.

    serverless:azureml/Phi-4-mini-instruct      trained where Microsoft runs it, billed by token
    managed:azureml/Phi-3-mini-4k-instruct      trained on the team's own quota, billed by machine hour

A version may follow after a colon; without one, the newest is trained.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from app.domain.backend import NotFound

# Characters of registry and asset names: https://learn.microsoft.com/azure/machine-learning/how-to-manage-registries
_FORM = re.compile(
    r"(?P<way>serverless|managed):(?P<registry>[A-Za-z0-9][\w.-]{0,62})/(?P<name>[A-Za-z0-9][\w.-]{0,254})"
    r"(?::(?P<version>[A-Za-z0-9][\w.-]{0,29}))?"
)


class Way(StrEnum):
    """Where a training runs."""

    SERVERLESS = "serverless"
    MANAGED = "managed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelId:
    """The id of a base model, taken apart. `version` is None for the newest."""

    way: Way
    registry: str
    name: str
    version: str | None = None

    @classmethod
    def parse(cls, identifier: str) -> "ModelId":
        """Return the id's parts.

        Raises:
            NotFound: when it is no id of this backend.
        """
        found = _FORM.fullmatch(identifier)
        if found is None:
            raise NotFound(
                f"{identifier[:120]!r} is no base model of Azure AI Foundry.",
                fix="Choose one from the catalog; its id looks like serverless:azureml/Phi-4-mini-instruct.",
            )
        way, registry, name, version = found.group("way", "registry", "name", "version")
        return cls(way=Way(way), registry=registry, name=name, version=version)

    @property
    def uri(self) -> str:
        """The registry's address of the model, with its version if one is named."""
        plain = f"azureml://registries/{self.registry}/models/{self.name}"
        return plain if self.version is None else f"{plain}/versions/{self.version}"

    def __str__(self) -> str:
        """Return the id as the catalog has it."""
        plain = f"{self.way.value}:{self.registry}/{self.name}"
        return plain if self.version is None else f"{plain}:{self.version}"

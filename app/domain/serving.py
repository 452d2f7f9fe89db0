"""What a provider may be able to do with what it serves, beyond serving it: further abilities of a backend.

Like those of `domain/backend.py` they are asked with `isinstance`, raise nothing but `BackendError`, and return within
seconds.
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from app.domain.hyperparameters import HyperparameterSpec
from app.domain.profiles import Ability


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentOffer:
    """What a model can be deployed with: what the form shows and REST checks against.

    `content_safety` says what switching it off means; None where there is no such filter. `refused` says why this
    model cannot be deployed at all. `notes` are sentences that people should read before they deploy.
    """

    options: Sequence[HyperparameterSpec] = ()
    content_safety: str | None = None
    notes: Sequence[str] = ()
    refused: str = ""


class OffersDeployments(Ability):
    """To say beforehand with which options something is served."""

    @abstractmethod
    def deployment_offer(self, base_model: str, *, tuned: bool) -> DeploymentOffer:
        """Return the offer for a base model, or for one tuned from it. Calls nobody."""


class AnswersDirectly(Ability):
    """To be asked without us: a deployment has an address and a key of its own."""

    @abstractmethod
    def direct_code(self, endpoint: str) -> Mapping[str, str]:
        """Return {"curl": …, "python": …} that ask the endpoint; the key comes from an environment variable."""

    @abstractmethod
    def endpoint_key(self, tag: str) -> str:
        """Return the deployment's key, fetched now; it is kept nowhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteUsage:
    """What the provider itself counted from `since` on. None where it does not say, with the reason in `missing`."""

    since: datetime
    requests: int | None = None
    errors: int | None = None
    latency_ms_p50: float | None = None
    latency_ms_p95: float | None = None
    missing: Mapping[str, str] = field(default_factory=dict)


class ReportsUsage(Ability):
    """To say what the provider counted, questions that did not pass through us included."""

    @abstractmethod
    def usage_metrics(self, tag: str, *, over: timedelta) -> RemoteUsage:
        """Return the last `over` of a deployment's use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteThing:
    """Something at the provider that carries our mark.

    `kind` is endpoint, deployment, job, model, data or subscription; `tag` our id it was made for; `ours` whether this
    installation made it: another's is shown and never touched. `billed`: it costs money by being there.
    """

    kind: str
    name: str
    tag: str
    installation: str
    ours: bool
    state: str = ""
    created_at: datetime | None = None
    billed: bool = False

    @property
    def key(self) -> str:
        """What names it within its connection."""
        return f"{self.kind}:{self.name}"


class FindsOrphans(Ability):
    """To list what is there of ours, and to remove what nobody here knows any more."""

    @abstractmethod
    def remote_things(self) -> Sequence[RemoteThing]:
        """Return everything that carries our mark, whichever installation made it."""

    @abstractmethod
    def remove_thing(self, kind: str, name: str) -> str:
        """Remove one thing of this installation's and say how; one that is gone is fine.

        Raises:
            Rejected: when it does not carry this installation's mark, or something else still needs it.
        """


class ForgetsUploads(Ability):
    """To remove the rows that a training was sent."""

    @abstractmethod
    def discard_upload(self, path: Path) -> str:
        """Remove what was uploaded from this file and say how; what is gone already is fine."""


class EvaluatesByChat(Ability):
    """Where a model can only be evaluated by asking a deployment of it: `EvaluationRequest.deployment` is needed."""

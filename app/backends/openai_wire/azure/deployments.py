"""Deployments at Azure Resource Manager: made by a PUT that may be repeated, and followed until a question is answered.

`Succeeded` is not answering: DeploymentNotReady and a LoRA that fails to load come after it (azure-skills, 2026-08-21).
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from app.backends.openai_wire.azure.catalog import OPENAI_FORMAT, format_of, row_of
from app.backends.openai_wire.azure.settings import AzureSettings
from app.backends.openai_wire.serving.chat import ask
from app.backends.openai_wire.serving.served import Served
from app.backends.openai_wire.training.jobs import Wire
from app.backends.openai_wire.transport.plane import Plane
from app.domain.backend import (
    BackendError,
    ChatChunk,
    ChatRequest,
    Chats,
    DeploymentObservation,
    DeploymentRequest,
    Deploys,
    NoCapacity,
    NotFound,
    QuotaExceeded,
    Refused,
    Rejected,
    Unavailable,
)
from app.domain.deployments import DeploymentStatus
from app.domain.hyperparameters import HyperparameterSpec, HyperparameterType
from app.domain.serving import DeploymentOffer, OffersDeployments

CHAT = "chat/completions"
SKU, CAPACITY = "sku", "capacity"
DEVELOPER_TIER = "DeveloperTier"
SKUS = ("Standard", "GlobalStandard", "DataZoneStandard", DEVELOPER_TIER)
_UNDER_WAY = frozenset({"accepted", "creating", "moving", "updating"})
_OVER = frozenset({"failed", "canceled", "disabled"})
_LOOK, _CALM_LOOK = timedelta(seconds=15), timedelta(minutes=5)
# What a deletion frees can be had some 15 to 20 seconds later (azure-skills, 2026-08-21).
_FREED, _SLUGGISH, _FREES_WITHIN = "quota-freed", timedelta(seconds=20), timedelta(minutes=1)
_PROBE = ChatRequest(messages=[{"role": "user", "content": "Hello"}], max_tokens=1)


def deployment_name(tag: str) -> str:
    """Return the name at Azure of a deployment of ours: at most 64 letters, digits and hyphens."""
    return f"tunedesk-{tag.replace('_', '-')}"[:64].rstrip("-")


class AzureDeployments(OffersDeployments, Deploys, Chats):
    """To deploy by Resource Manager, and to ask at the address that fits the model's family."""

    settings: AzureSettings
    wire: Wire
    arm: Plane
    oss: Plane
    served: Served

    def deployment_offer(self, base_model: str, *, tuned: bool) -> DeploymentOffer:
        """Return the SKUs and the capacity. Calls nobody."""
        if not self.settings.account_path:
            return DeploymentOffer(refused="Subscription and resource group are missing in the connection's settings.")
        is_openai = format_of(base_model) == OPENAI_FORMAT
        skus = [each for each in SKUS if tuned or each != DEVELOPER_TIER] if is_openai else ["GlobalStandard"]
        notes = ["Idle for 15 days, a deployment is deleted by Azure; the model stays."]
        if DEVELOPER_TIER in skus:
            notes.append("DeveloperTier has no hosting fee and no guarantee, and ends after 24 hours.")
        row = row_of(base_model)
        region = self.settings.region
        if row is not None and region and row.get("std_deploy") and region not in row["std_deploy"]:
            notes.append(f"Standard is not deployed in {region}: {', '.join(row['std_deploy'])} are known to.")
        return DeploymentOffer(options=_options(skus, least=1 if is_openai else 100), notes=tuple(notes))

    def deploy(self, request: DeploymentRequest) -> None:
        """Put the deployment; a repeat changes nothing.

        Raises:
            QuotaExceeded: with the capacity that is needed.
        """
        self.served.keep(request.tag, {"base_model": request.base_model})
        try:
            self.arm.post(self._path(request.tag), _body(request), method="PUT")
        except QuotaExceeded as error:
            if self._freed_lately():
                fix = "A deployment was deleted a moment ago; its quota comes back within a minute. It is tried again."
                raise NoCapacity(error.detail, fix=fix, retry_after=_SLUGGISH) from error
            needed = request.options.get(CAPACITY, 1)
            fix = (
                f"{needed} thousand tokens a minute of this SKU are needed in {self.settings.region or 'the region'}. "
                "After a deployment was deleted, its quota is free again only some 20 seconds later."
            )
            raise QuotaExceeded(error.detail, fix=fix) from error
        except Unavailable as error:
            if "HTTP 500 without a message" not in error.detail:
                raise
            fix = "Azure answers so where the model's format is not the one that it wants, which is tried as "
            raise Unavailable(error.detail, fix=f"{fix}{format_of(request.base_model)}.") from error

    def observe_deployment(self, tag: str) -> DeploymentObservation:
        """Look at Resource Manager, and, once it says Succeeded, ask the model until it answers."""
        body = self.arm.get(self._path(tag))
        properties = body.get("properties") if isinstance(body.get("properties"), dict) else {}
        word = str(properties.get("provisioningState") or "")
        if word.lower() == "deleting":
            return DeploymentObservation(status=DeploymentStatus.DELETING, raw_status=word, next_look=_LOOK)
        if word.lower() in _OVER:
            message = f"Azure says {word}. Often the region does not have the model, or its content check refused it."
            return DeploymentObservation(status=DeploymentStatus.FAILED, raw_status=word, message=message)
        if word.lower() in _UNDER_WAY or word.lower() != "succeeded":
            return DeploymentObservation(
                status=DeploymentStatus.CREATING, raw_status=word, message=f"Azure says {word}.", next_look=_LOOK
            )
        why = "" if self._has_answered(tag) else self._probe(tag, properties)
        if why:
            return DeploymentObservation(
                status=DeploymentStatus.CREATING,
                raw_status=word,
                message=f"It does not answer yet: {why}",
                next_look=_LOOK,
            )
        plane, path = self._address(tag, properties)
        return DeploymentObservation(
            status=DeploymentStatus.READY,
            raw_status=word,
            message=self._ending(body),
            endpoint=f"{plane.base}/{path}",
            region=self.settings.region or None,
            next_look=_CALM_LOOK,
        )

    def undeploy(self, tag: str) -> None:
        """Delete it; one that is gone is fine."""
        with suppress(NotFound):
            self.arm.delete(self._path(tag))
            self.served.keep(_FREED, {"at": self.wire.clock.now().isoformat()})
        self.served.forget(tag)

    def chat(self, tag: str, request: ChatRequest) -> Iterator[ChatChunk]:
        """Answer piece by piece as the model writes."""
        plane, path = self._address(tag, {})
        yield from ask(plane, path, deployment_name(tag), request)

    def _freed_lately(self) -> bool:
        note = self.served.of(_FREED)
        return note is not None and self.wire.clock.now() - datetime.fromisoformat(note["at"]) < _FREES_WITHIN

    def _has_answered(self, tag: str) -> bool:
        return (self.served.of(tag) or {}).get("answered") == "yes"

    def _probe(self, tag: str, properties: Mapping[str, Any]) -> str:
        """Ask for one token; return why there is none, if there is none. A filter's refusal is an answer, too."""
        plane, path = self._address(tag, properties)
        try:
            for _ in ask(plane, path, deployment_name(tag), _PROBE):
                break
        except Refused:
            pass
        except BackendError as error:
            return error.detail
        self.served.keep(tag, {**(self.served.of(tag) or {}), "answered": "yes"})
        return ""

    def _address(self, tag: str, properties: Mapping[str, Any]) -> tuple[Plane, str]:
        """Return (the plane, the path): OpenAI's family answers on the v1 plane, others on the dated one."""
        note = self.served.of(tag)
        given = properties.get("model")
        model: Mapping[str, Any] = given if isinstance(given, dict) else {}
        made = format_of(note["base_model"]) if note and "base_model" in note else model.get("format", OPENAI_FORMAT)
        if made == OPENAI_FORMAT:
            return self.wire.plane, CHAT
        return self.oss, f"deployments/{deployment_name(tag)}/{CHAT}"

    def _ending(self, body: Mapping[str, Any]) -> str:
        sku = body.get("sku")
        if not isinstance(sku, dict) or sku.get("name") != DEVELOPER_TIER:
            return ""
        since = (body.get("systemData") or {}).get("createdAt") or "its creation"
        return f"DeveloperTier: Azure deletes it 24 hours after {since}."

    def _path(self, tag: str) -> str:
        if not self.settings.account_path:
            fix = "Enter subscription and resource group in the connection's settings."
            raise Rejected("It is not known where to deploy.", fix=fix)
        return f"{self.settings.account_path.lstrip('/')}/deployments/{deployment_name(tag)}"


def _body(request: DeploymentRequest) -> dict[str, Any]:
    is_openai = format_of(request.base_model) == OPENAI_FORMAT
    sku = str(request.options.get(SKU) or ("Standard" if is_openai else "GlobalStandard"))
    row = row_of(request.base_model)
    version = "1" if request.model else str((row or {}).get("version") or "1")
    name = request.model or str((row or {}).get("model") or request.base_model)
    return {
        "sku": {"name": sku, "capacity": int(request.options.get(CAPACITY) or (1 if is_openai else 100))},
        "properties": {"model": {"format": format_of(request.base_model), "name": name, "version": version}},
        "tags": {"tunedesk": request.tag},
    }


def _options(skus: Sequence[str], *, least: int) -> Sequence[HyperparameterSpec]:
    return (
        HyperparameterSpec(
            name=SKU, label="SKU", type=HyperparameterType.CHOICE, default=skus[0], choices=tuple(skus), option=True,
            help="Standard answers in this region; GlobalStandard may answer anywhere.",
        ),
        HyperparameterSpec(
            name=CAPACITY, label="Capacity", type=HyperparameterType.INTEGER, default=max(least, 1), minimum=1,
            maximum=100_000, option=True, unit="1,000 tokens a minute",
            help="1 also means about one request a minute; models that are not OpenAI's need 100.",
        ),
    )  # fmt: skip

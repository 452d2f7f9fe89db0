"""Deployments at Azure Resource Manager: made by a PUT that may be repeated, and followed until a question is answered.

`Succeeded` is not answering: DeploymentNotReady and a LoRA that fails to load come after it (azure-skills, 2026-08-21).
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from app.backends.openai_wire.azure.catalog import OPENAI_FORMAT, format_of, row_of
from app.backends.openai_wire.azure.settings import AzureSettings, SignIn
from app.backends.openai_wire.serving.chat import ask
from app.backends.openai_wire.serving.served import Served
from app.backends.openai_wire.training.jobs import Wire
from app.backends.openai_wire.transport.errors import Conflicting, Forbidden
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
    NotAuthorised,
    NotFound,
    Permanent,
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
_PATIENCE = timedelta(hours=1)  # for a deployment that Resource Manager calls Succeeded to answer
_TAG = "tunedesk"  # of a deployment of ours: our id
_ROLE = (
    "Sign in by Entra, with the role Foundry Owner (deploying is a write at Resource Manager), or mend what a "
    "policy of the subscription forbids; then deploy again. Training goes on."
)
_OTHER_NAME = (
    "It is not ours, and stays as it is. Delete it in Azure if nobody needs it; or delete this one and deploy again, "
    "which takes another name."
)
_AGAIN = "Mend what it names, or delete it here and deploy again after some minutes."
_PROBE = ChatRequest(messages=[{"role": "user", "content": "Hello"}], max_tokens=1)


class _AnothersError(NotFound):
    """There is a deployment of that name, and it is not ours."""


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
            Rejected: another's deployment has its name; or whoever signs in may not deploy.
        """
        body = _body(request)
        model = str(body["properties"]["model"]["name"])
        self.served.keep(request.tag, {"base_model": request.base_model, "model": model})
        try:
            with self._managing():
                self.arm.post(self._path(request.tag), body, method="PUT")
        except Conflicting as error:
            self._refuse_unless_ours(request.tag, error)
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
        body = self._ours(tag)
        properties = _properties(body)
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
        try:
            why = "" if self._has_answered(tag) else self._probe(tag, properties)
        except Permanent as error:
            message = f"It stands, and is billed, and does not answer: {error.detail} {_AGAIN}"
            return DeploymentObservation(status=DeploymentStatus.FAILED, raw_status=word, message=message)
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
        """Delete it; one that is gone is fine, and another's that has its name stays."""
        try:
            self._ours(tag)
            with self._managing():
                self.arm.delete(self._path(tag))
            self.served.keep(_FREED, {"at": self.wire.clock.now().isoformat()})
        except _AnothersError:
            return  # the note stays, by which that is known
        except NotFound:
            pass
        self.served.forget(tag)

    def chat(self, tag: str, request: ChatRequest) -> Iterator[ChatChunk]:
        """Answer piece by piece as the model writes."""
        plane, path = self._address(tag, {})
        yield from ask(plane, path, deployment_name(tag), request)

    def _ours(self, tag: str) -> Mapping[str, Any]:
        """Return the deployment.

        Raises:
            NotFound: there is none, or it is another's that has its name.
        """
        with self._managing():
            body: Mapping[str, Any] = self.arm.get(self._path(tag))
        if not self._is_ours(tag, body):
            raise _AnothersError(self._taken(tag, body), fix=_OTHER_NAME)
        return body

    def _is_ours(self, tag: str, body: Mapping[str, Any]) -> bool:
        """Tell it by the tag that ours carry; where there are no tags, by its model, as far as that is noted."""
        tags, note = body.get("tags"), self.served.of(tag) or {}
        if isinstance(tags, dict) and tags.get(_TAG):
            return bool(tags[_TAG] == tag)
        name = _model(body).get("name")
        return not name or "model" not in note or name == note["model"]

    def _taken(self, tag: str, body: Mapping[str, Any]) -> str:
        return f"Azure has a deployment called {deployment_name(tag)} already, of {_model(body).get('name')}."

    def _refuse_unless_ours(self, tag: str, error: Conflicting) -> None:
        """Look at what a 409 is said of: ours, as an earlier call has put it, is fine.

        Raises:
            Rejected: with what stands there, if anything does.
        """
        try:
            body = self.arm.get(self._path(tag))
        except NotFound:
            raise error from None
        if not self._is_ours(tag, body):
            raise Rejected(f"{self._taken(tag, body)} {error.detail}", fix=_OTHER_NAME) from error

    @contextmanager
    def _managing(self) -> Iterator[None]:
        """Say of a right to deploy that is missing that it is that alone: whoever may train goes on training."""
        try:
            yield
        except NotAuthorised as error:
            if isinstance(error, Forbidden) or self.settings.sign_in == SignIn.KEY:
                raise Rejected(error.detail, fix=_ROLE) from error
            raise

    def _freed_lately(self) -> bool:
        note = self.served.of(_FREED)
        return note is not None and self.wire.clock.now() - datetime.fromisoformat(note["at"]) < _FREES_WITHIN

    def _has_answered(self, tag: str) -> bool:
        return (self.served.of(tag) or {}).get("answered") == "yes"

    def _probe(self, tag: str, properties: Mapping[str, Any]) -> str:
        """Ask for one token; return why there is none yet, if there is none. A filter's refusal is an answer, too.

        Raises:
            Permanent: no repetition mends it, or it has not been there for an hour.
        """
        plane, path = self._address(tag, properties)
        try:
            for _ in ask(plane, path, deployment_name(tag), _PROBE):
                break
        except Refused:
            pass
        except NotFound as error:  # DeploymentNotReady, which is known to last for ever, too (azure-skills)
            if self.served.waited(tag, self.wire.clock.now()) > _PATIENCE:
                raise
            return error.detail
        except Permanent:
            raise
        except BackendError as error:
            return error.detail
        self.served.keep(tag, {**(self.served.of(tag) or {}), "answered": "yes"})
        return ""

    def _address(self, tag: str, properties: Mapping[str, Any]) -> tuple[Plane, str]:
        """Return (the plane, the path): OpenAI's family answers on the v1 plane, others on the dated one."""
        note, model = self.served.of(tag), _model({"properties": properties})
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


def _properties(body: Mapping[str, Any]) -> Mapping[str, Any]:
    found = body.get("properties")
    return found if isinstance(found, dict) else {}


def _model(body: Mapping[str, Any]) -> Mapping[str, Any]:
    found = _properties(body).get("model")
    return found if isinstance(found, dict) else {}


def _body(request: DeploymentRequest) -> dict[str, Any]:
    is_openai = format_of(request.base_model) == OPENAI_FORMAT
    sku = str(request.options.get(SKU) or ("Standard" if is_openai else "GlobalStandard"))
    row = row_of(request.base_model)
    version = "1" if request.model else str((row or {}).get("version") or "1")
    name = request.model or str((row or {}).get("model") or request.base_model)
    return {
        "sku": {"name": sku, "capacity": int(request.options.get(CAPACITY) or (1 if is_openai else 100))},
        "properties": {"model": {"format": format_of(request.base_model), "name": name, "version": version}},
        "tags": {_TAG: request.tag},
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

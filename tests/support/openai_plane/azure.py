"""Azure's planes on loopback: v1, the dated one as far as it is called, and deployments at Resource Manager."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from app.kit.clock import Clock
from tests.support.openai_plane.calls import Call, Failed
from tests.support.openai_plane.jobs import FINAL, Job
from tests.support.openai_plane.plane import Plane
from tests.support.openai_plane.script import Script
from tests.support.openai_plane.stream import Stream

KEY, TOKEN = "azure-key", "azure-token"
ACCOUNT = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg/providers/Microsoft.CognitiveServices"
BASES: dict[str, str | None] = dict.fromkeys(
    ("gpt-4.1-mini-2025-04-14", "gpt-4.1-nano-2025-04-14", "gpt-4o-2024-08-06", "gpt-oss-20b")
)
_STANDARD_HERE = {"gpt-4.1-mini-2025-04-14", "gpt-4.1-nano-2025-04-14"}  # in swedencentral, as the emulation has it
_FORMATS = {"gpt-oss-20b": "Microsoft"}
_CODES = {404: "notFound", 409: "conflict"}
_DAY_S = 86_400.0
_IDLE_S = 15 * _DAY_S
_MOST_CUSTOM_HEADERS = 10  # more are answered by 431 (MicrosoftDocs, quotas and limits)
_USUAL_HEADERS = frozenset({
    "accept", "accept-encoding", "api-key", "authorization", "connection", "content-length", "content-type", "host",
    "transfer-encoding", "user-agent",
})  # fmt: skip


@dataclass(slots=True, kw_only=True)
class Deployed:
    """A deployment: its body, when it was put and asked last, and how many questions it has refused as not ready."""

    body: dict[str, Any]
    at: float
    asked: float
    unready: int = 0

    def is_over(self, now: float) -> bool:
        """Whether Azure has deleted it: a day of the developer's tier, or fifteen that nobody asked it in."""
        tier = self.body["sku"]["name"] == "DeveloperTier"
        return now - self.asked > _IDLE_S or (tier and now - self.at > _DAY_S)


@dataclass(frozen=True, slots=True, kw_only=True)
class AzureScript(Script):
    """The same, and of Azure: `unready`, how many questions a deployment that succeeded refuses; `quota`, in thousands
    of tokens a minute; `may_deploy`, whether who signs in has that right; `created`, how a create is answered (201 on
    the dated plane, and seen on others); `formats`, by base model, where they are not those that are known.
    `apart`: what was made at a project is known there alone, and what was made at its resource, only there.
    """

    bare_error: bool = False
    plain_results: bool = True
    file_s: float = 10.0
    accept_s: float = 1.0
    deploy_s: float = 60.0
    unready: int = 2
    quota: int = 150
    may_deploy: bool = True
    sluggish_s: float = 15.0
    created: int = 200
    one_request: int = 150_000_000
    upload_s: float = 7200.0
    apart: bool = False
    train_until: int = 1_800_000_000  # 15 January 2027
    formats: dict[str, str] = field(default_factory=lambda: dict(_FORMATS))


@contextmanager
def _in_codes_of(path: str) -> Iterator[None]:
    """Say refusals of the dated plane's authoring half in its own codes, a closed list."""
    try:
        yield
    except Failed as failed:
        if path.startswith("/openai/fine_tuning"):
            failed.body = {"error": {"code": _CODES[failed.status], "message": str(failed)}}
        raise


class AzurePlane(Plane):
    """One resource with its project, and its subscription."""

    prefix = "/openai/v1"
    host = "res.openai.azure.com"
    unready_file = "pending"

    def __init__(self, clock: Clock, script: AzureScript | None = None) -> None:
        self.azure = script or AzureScript()
        super().__init__(clock, self.azure)
        self.deployments: dict[str, Deployed] = {}
        self.puts: list[dict[str, Any]] = []  # every deployment that was asked for and taken
        self.freed_at = 0.0
        self.broken_files: set[str] = set()
        self.homes: dict[str, bool] = {}  # whether a file or job was made at the project
        self._at_project = False

    def authorised(self, headers: Mapping[str, str]) -> bool:
        return headers.get("api-key") == KEY or headers.get("authorization") == f"Bearer {TOKEN}"

    def refusal(self, headers: Mapping[str, str]) -> Failed | None:
        if len(set(headers) - _USUAL_HEADERS) > _MOST_CUSTOM_HEADERS:
            return Failed(431, "Request header fields too large.")
        return super().refusal(headers)

    def request_id(self, call: Call) -> str:
        return "apim-request-id" if self._on_v1(call) else "x-ms-request-id"

    def status_of(self, name: str) -> int:
        return {"create": self.azure.created, "delete_job": 204}.get(name, 200)

    def _on_v1(self, call: Call) -> bool:
        """Tell whether a call is to v1, the project's the same as the resource's."""
        return _PROJECT.sub("", call.path).startswith(self.prefix)

    def routed(self, call: Call) -> tuple[str, Any]:
        if self._on_v1(call):
            self._at_project = _PROJECT.match(call.path) is not None
            call.path = _PROJECT.sub("", call.path)
            if self.azure.apart:
                return self._routed_apart(call)
            if call.path.startswith(f"{self.prefix}/uploads"):  # on the dated plane alone
                raise Failed(404, f"Resource not found ({call.method} {call.path})", code="404")
            if call.asked("api-version"):
                raise Failed(400, "api-version query parameter is not allowed when using /v1 path")
            return super().routed(call)
        for method, pattern, name in _AZURE_ROUTES:
            found = re.fullmatch(pattern, call.path)
            if found and method == call.method:
                if not call.asked("api-version"):
                    raise Failed(400, "The api-version query parameter is required for all requests.")
                with _in_codes_of(call.path):
                    return name, getattr(self, name)(call, *found.groups())
        raise Failed(404, f"Resource not found ({call.method} {call.path})", code="404")

    def _routed_apart(self, call: Call) -> tuple[str, Any]:
        """Answer of what was made at this plane alone."""
        named = re.search(r"/(?:jobs|files)/([^/]+)", call.path)
        if named and self.homes.get(named[1], self._at_project) != self._at_project:
            raise Failed(404, f"Resource not found: {named[1]}", code="404")
        name, answer = super().routed(call)
        if name in {"upload", "create"}:
            self.homes[answer["id"]] = self._at_project
        return name, answer

    def visible(self, things: Mapping[str, Any]) -> list[str]:
        shown = super().visible(things)
        return [each for each in shown if self.homes.get(each, self._at_project) == self._at_project]

    # What differs in files and jobs

    def known_fields(self) -> set[str]:
        return super().known_fields() | {"trainingType"}

    def models(self) -> dict[str, str | None]:
        return BASES

    def upload(self, call: Call) -> dict[str, Any]:
        """Take a file whatever its size; a job on one that is too large for one request fails by 500."""
        made = self.keep_file(*call.file) if call.file else super().upload(call)
        if made["bytes"] > self.azure.one_request:
            self.broken_files.add(made["id"])
        return made

    def list_resource_models(self, _call: Call) -> dict[str, Any]:
        """Return the dated plane's list: with the last days, and with what was tuned."""
        common = {"object": "model", "created_at": 1, "status": "succeeded", "lifecycle_status": "generally-available"}
        ends = {"fine_tune": self.azure.train_until, "inference": self.azure.train_until - 86_400}
        bases = [{"id": name, "capabilities": {"fine_tune": False}, "deprecation": ends} for name in self.models()]
        tuned = [
            {
                "id": job.model(),
                "model": job.body["model"],
                "fine_tune": job.id,
                "capabilities": {},
                "deprecation": ends,
            }
            for job in self.tuned()
        ]
        return {"object": "list", "data": [common | each for each in [*bases, *tuned]]}

    def check_create(self, body: dict[str, Any]) -> None:
        super().check_create(body)
        if body["training_file"] in self.broken_files:
            raise Failed(500, "Internal server error.")
        for part in ("training_file", "validation_file"):
            if part in body and self.file_status(body[part]) != "processed":
                raise Failed(
                    400, f"The file {body[part]} is not ready: it is still being processed.", code="invalidPayload"
                )
        kind = str(body.get("trainingType", "Standard")).lower()
        if kind not in {"standard", "globalstandard", "developertier"}:
            raise Failed(400, "trainingType is unknown", code="invalidPayload")
        if kind == "standard" and body["model"] not in _STANDARD_HERE:
            raise Failed(400, "The specified base model does not support fine-tuning.", code="invalidPayload")

    def job_body(self, job: Job) -> dict[str, Any]:
        """Return a job as it was captured at Azure: other words, -1 for auto, and keys that come later."""
        body = super().job_body(job)
        status = body["status"]
        method = job.body.get("method") or {"type": "supervised"}
        settings = {"n_epochs": -1, "batch_size": -1, "learning_rate_multiplier": 1.0}
        settings |= (method.get(method["type"]) or {}).get("hyperparameters") or {}
        gone = {
            "organization_id",
            "integrations",
            "user_provided_suffix",
            "usage_metrics",
            "shared_with_openai",
        }
        gone |= {"method"} if method["type"] == "supervised" else set()
        if status not in FINAL:
            gone |= {"error", "fine_tuned_model", "finished_at", "result_files", "trained_tokens"}
        made = {name: value for name, value in body.items() if name not in gone}
        kind = str(job.body.get("trainingType", "Standard"))
        made |= {
            "hyperparameters": settings,
            "status": "pending" if status in {"validating_files", "queued"} else status,
            "suffix": job.body.get("suffix"),
            "metadata": None,  # as samples print it; whether it is kept, nobody says
            "trainingType": kind[:1].lower() + kind[1:],
            "estimated_finish": int(job.at + 25 * 3600),
        }
        return made

    def list_checkpoints(self, call: Call, identifier: str) -> dict[str, Any]:
        """Return checkpoints with ids as Azure has them, by which they are deployed."""
        page = super().list_checkpoints(call, identifier)
        for each in page["data"]:
            each["id"] = f"ftchkpt-{each['id'].removeprefix('ftckpt_'):0>32}"
        ids = [each["id"] for each in page["data"]]
        return page | {"first_id": ids[0] if ids else None, "last_id": ids[-1] if ids else None}

    def base_of(self, name: str) -> str:
        """Return what a tuned model or a checkpoint was trained from; anything else is a base."""
        for job in self.tuned():
            ids = [each["id"] for each in self.list_checkpoints(Call("GET", "", [("limit", "100")]), job.id)["data"]]
            if name in {job.model(), *ids}:
                return str(job.body["model"])
        return name

    def list_jobs(self, call: Call) -> dict[str, Any]:
        call.query = [(key, value) for key, value in call.query if not key.startswith("metadata[")]
        return super().list_jobs(call)

    def delete_model(self, _call: Call, name: str) -> dict[str, Any]:
        raise Failed(404, f"Resource not found: {name}")

    def delete_job(self, _call: Call, identifier: str) -> dict[str, Any]:
        job = self.job(identifier)
        if any(each.body["properties"]["model"]["name"] == job.model() for each in self.deployments.values()):
            raise Failed(409, "The model is deployed.", code="conflict")
        self.deleted_models.add(job.model())
        del self.jobs[identifier]
        return {}

    def check_model(self, _call: Call, model: str) -> None:
        deployed = self.deployments.get(model)
        if deployed is None or self._state(deployed) != "Succeeded":
            raise Failed(404, "The API deployment for this resource does not exist.", code="DeploymentNotFound")
        deployed.asked = self.now()
        if deployed.unready < self.azure.unready:
            deployed.unready += 1
            raise Failed(404, "The deployment is not ready yet.", code="DeploymentNotReady")

    def chat(self, call: Call, deployment: str = "") -> Stream:
        model = deployment or str(call.body["model"])
        known = self.deployments.get(model)
        base = known.body["properties"]["model"]["format"] if known else "OpenAI"
        if (base == "OpenAI") == bool(deployment):
            raise Failed(404, "Resource not found", code="404")
        return super().chat(call, deployment)

    # Resource Manager

    def _state(self, deployed: Deployed) -> str:
        age = self.now() - deployed.at
        return "Accepted" if age < self.azure.accept_s else "Creating" if age < self.azure.deploy_s else "Succeeded"

    def _deployment(self, name: str) -> dict[str, Any]:
        deployed = self.deployments.get(name)
        if deployed is not None and deployed.is_over(self.now()):
            del self.deployments[name]
            deployed = None
        if deployed is None:
            raise Failed(404, f"The Resource '{name}' was not found.", code="ResourceNotFound")
        properties = deployed.body["properties"] | {"provisioningState": self._state(deployed)}
        created = {"createdAt": "2026-11-21T09:00:00Z"}
        return {
            "name": name,
            "id": f"{ACCOUNT}/{name}",
            **deployed.body,
            "properties": properties,
            "systemData": created,
        }

    def put_deployment(self, call: Call, _account: str, name: str) -> dict[str, Any]:
        model = call.body["properties"]["model"]
        base = self.base_of(model["name"])
        known = self.deployments.get(name)
        if known is not None and known.body["properties"]["model"]["name"] != model["name"]:
            raise Failed(409, f"The deployment '{name}' has another model already.", code="Conflict")
        if model["format"] != self.azure.formats.get(base, "OpenAI"):
            failed = Failed(500, "")
            failed.body = {}
            raise failed
        if call.body["sku"]["name"] == "DeveloperTier" and base == model["name"]:
            raise Failed(
                400, "The SKU DeveloperTier is not supported for base models.", code="InvalidResourceProperties"
            )
        wanted = call.body["sku"]["capacity"]
        used = sum(each.body["sku"]["capacity"] for key, each in self.deployments.items() if key != name)
        if used + wanted > self.azure.quota or self.now() < self.freed_at:
            raise Failed(400, f"This operation require {wanted} new capacity in quota.", code="InsufficientQuota")
        self.puts.append(call.body)
        if known is None:
            self.deployments[name] = Deployed(body=call.body, at=self.now(), asked=self.now())
        return self._deployment(name)

    def get_deployment(self, _call: Call, _account: str, name: str) -> dict[str, Any]:
        return self._deployment(name)

    def delete_deployment(self, _call: Call, _account: str, name: str) -> dict[str, Any]:
        self._deployment(name)
        del self.deployments[name]
        self.freed_at = self.now() + self.azure.sluggish_s
        return {}

    def get_account(self, _call: Call, account: str) -> dict[str, Any]:
        return {"name": account, "location": "swedencentral", "kind": "AIServices"}

    def get_rights(self, _call: Call, _account: str) -> dict[str, Any]:
        actions = ["*"] if self.azure.may_deploy else ["Microsoft.CognitiveServices/*/read"]
        return {"value": [{"actions": actions, "notActions": [], "dataActions": [], "notDataActions": []}]}

    def get_usages(self, _call: Call, _region: str) -> dict[str, Any]:
        name = {"value": "OpenAI.Standard.gpt-4.1-mini-finetune", "localizedValue": "gpt-4.1-mini, tuned"}
        return {"value": [{"name": name, "currentValue": 0.0, "limit": float(self.azure.quota), "unit": "Count"}]}


_PROJECT = re.compile(r"\A/api/projects/[^/]+")
_ARM = r"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.CognitiveServices/accounts/([^/]+)"
_AZURE_ROUTES = (
    ("PUT", _ARM + r"/deployments/([^/]+)", "put_deployment"),
    ("GET", _ARM + r"/deployments/([^/]+)", "get_deployment"),
    ("DELETE", _ARM + r"/deployments/([^/]+)", "delete_deployment"),
    ("GET", _ARM, "get_account"),
    ("GET", _ARM + r"/providers/Microsoft\.Authorization/permissions", "get_rights"),
    ("GET", r"/subscriptions/[^/]+/providers/Microsoft\.CognitiveServices/locations/([^/]+)/usages", "get_usages"),
    ("DELETE", r"/openai/fine_tuning/jobs/([^/]+)", "delete_job"),
    ("GET", r"/openai/models", "list_resource_models"),
    ("POST", r"/openai/uploads", "begin_upload"),
    ("POST", r"/openai/uploads/([^/]+)/parts", "add_part"),
    ("POST", r"/openai/uploads/([^/]+)/complete", "complete_upload"),
    ("POST", r"/openai/deployments/([^/]+)/chat/completions", "chat"),
)

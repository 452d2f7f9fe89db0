"""OpenAI's plane: its state, and what it answers to each call. The state outlives the client's process."""

import re
from collections import Counter
from collections.abc import Mapping
from threading import RLock
from typing import Any

from app.kit.clock import Clock
from tests.support.openai_plane import jobs as life
from tests.support.openai_plane.calls import Call, Failed
from tests.support.openai_plane.files import FileRoutes, Upload
from tests.support.openai_plane.jobs import FINAL, Job
from tests.support.openai_plane.script import Script
from tests.support.openai_plane.stream import Stream

KEY = "sk-emulated"
MODELS = {
    "gpt-4.1-mini-2025-04-14": "2027-01-14",
    "gpt-4o-mini-2024-07-18": "2027-01-14",
    "open-model-8b": None,
}
_KNOWN_FIELDS = {
    "model", "training_file", "validation_file", "method", "hyperparameters", "suffix", "seed", "integrations",
    "metadata",
}  # fmt: skip
_RANGES = {"n_epochs": (1, 50), "batch_size": (1, 256), "learning_rate_multiplier": (1e-9, 1e9), "beta": (1e-9, 2)}


class Plane(FileRoutes):
    """One account."""

    prefix = "/v1"
    host = "api.openai.com"

    def __init__(self, clock: Clock, script: Script | None = None) -> None:
        self.clock, self.script = clock, script or Script()
        self.files: dict[str, dict[str, Any]] = {}
        self.contents: dict[str, bytes] = {}
        self.uploads: dict[str, Upload] = {}
        self.jobs: dict[str, Job] = {}
        self.deleted_models: set[str] = set()
        self.calls: Counter[str] = Counter()
        self.bodies: list[tuple[str, Any]] = []  # every JSON answer by its route, for the conformance test
        self.requests: list[dict[str, Any]] = []  # every create
        self.lists_since: dict[str, int] = {}
        self._numbers = 0
        self._model_reads: Counter[str] = Counter()
        self.lock = RLock()

    def now(self) -> float:
        """Return the time in seconds since 1970."""
        return self.clock.now().timestamp()

    def number(self) -> str:
        """Return 24 characters that were not given out yet."""
        self._numbers += 1
        return f"{self._numbers:024d}"

    def authorised(self, headers: Mapping[str, str]) -> bool:
        """Tell whether the key is right."""
        return headers.get("authorization") == f"Bearer {KEY}"

    def refusal(self, headers: Mapping[str, str]) -> Failed | None:
        """Return why a call is not even looked at, if it is not."""
        if self.authorised(headers):
            return None
        return Failed(401, "Incorrect API key provided.", code="invalid_api_key")

    def request_id(self, call: Call) -> str:  # noqa: ARG002 -- for planes whose header depends on it
        """Return the name of the header under which an answer's id stands."""
        return "x-request-id"

    def status_of(self, name: str) -> int:  # noqa: ARG002 -- for planes with others
        """Return the status of a good answer to a route."""
        return 200

    def routed(self, call: Call) -> tuple[str, Any]:
        """Return (the route's name, its answer).

        Raises:
            Failed: with the error's answer.
        """
        path = call.path.removeprefix(self.prefix)
        for method, pattern, name in ROUTES:
            found = re.fullmatch(pattern, path)
            if found and method == call.method:
                return name, getattr(self, name)(call, *found.groups())
        raise Failed(404, f"Invalid URL ({call.method} {call.path})")

    # Jobs

    def create(self, call: Call) -> dict[str, Any]:
        body = call.body if isinstance(call.body, dict) else {}
        self.check_create(body)
        identifier = f"ftjob-{self.number()}"
        self.jobs[identifier] = Job(id=identifier, body=body, at=self.now())
        self.lists_since[identifier] = 0
        self.requests.append(body)
        return self.job_body(self.jobs[identifier])

    def check_create(self, body: dict[str, Any]) -> None:
        """Refuse a create as the service does."""
        unknown = sorted(set(body) - self.known_fields())
        if unknown:
            raise Failed(400, f"Unknown parameter: '{unknown[0]}'.", code="unknown_parameter", param=unknown[0])
        if body.get("model") not in self.models():
            raise Failed(404, f"The model '{body.get('model')}' does not exist", code="model_not_found")
        for part in ("training_file", "validation_file"):
            if part in body and body[part] not in self.files:
                raise Failed(400, f"invalid {part}: {body[part]}", code="invalid_file", param=part)
        if not 1 <= len(body.get("suffix") or "x") <= 64:
            raise Failed(400, "suffix is too long", param="suffix")
        metadata = body.get("metadata") or {}
        if len(metadata) > 16 or any(len(key) > 64 or len(value) > 512 for key, value in metadata.items()):
            raise Failed(400, "metadata is too large", param="metadata")
        method = body.get("method") or {"type": "supervised"}
        settings = (method.get(method["type"]) or {}).get("hyperparameters") or {}
        for name, value in settings.items():
            low, high = _RANGES.get(name, (None, None))
            if low is None or not (value == "auto" or low <= value <= high):
                raise Failed(400, f"Invalid value for {name}", code="invalid_value", param=name)

    def known_fields(self) -> set[str]:
        """Return the fields of a create."""
        return _KNOWN_FIELDS

    def models(self) -> Mapping[str, str | None]:
        """Return the base models with their last days."""
        return MODELS

    def job_body(self, job: Job) -> dict[str, Any]:
        """Return a job as the wire has it; extra and missing fields are those that were captured."""
        status = job.status(self.script, self.now())
        done, over = status == "succeeded", status in FINAL
        method = job.body.get("method") or {"type": "supervised"}
        settings = {"n_epochs": "auto", "batch_size": "auto", "learning_rate_multiplier": "auto"}
        settings |= (method.get(method["type"]) or {}).get("hyperparameters") or {}
        return {
            "id": job.id,
            "object": "fine_tuning.job",
            "created_at": int(job.at),
            "error": self.error_of(status),
            "finished_at": int(self.now()) if over else None,
            "fine_tuned_model": job.model() if done else None,
            "hyperparameters": {name: value for name, value in settings.items() if name != "beta"},
            "model": job.body["model"],
            "organization_id": "org-emulated",
            "result_files": [f"file-results-{job.id[6:]}"] if done else [],
            "status": self.script.words.get(status, status),
            "trained_tokens": 1234 if done else None,
            "training_file": job.body["training_file"],
            "validation_file": job.body.get("validation_file"),
            "seed": job.body.get("seed", 7),
            "integrations": [],
            "estimated_finish": None,
            "method": {"type": method["type"], method["type"]: {"hyperparameters": settings}},
            "metadata": job.body.get("metadata"),
            "user_provided_suffix": job.body.get("suffix"),
            "usage_metrics": None,
            "shared_with_openai": False,
        }

    def error_of(self, status: str) -> dict[str, Any] | None:
        """Return a job's error; `{}` also where there is none."""
        if status == "failed" and self.script.ends == "bad_file":
            message = "Invalid file format. Line 3, message 1: missing role"
            return {"code": "invalid_training_file", "message": message, "param": "training_file"}
        if status == "failed":
            message = "The fine-tuned model failed the moderation evaluation: refusals_v3, hate/threatening."
            return {"code": "unsafe_model", "message": message, "param": None}
        return {} if self.script.bare_error else None

    def list_jobs(self, call: Call) -> dict[str, Any]:
        asked = [(key[9:-1], value) for key, value in call.query if key.startswith("metadata[")]
        found = [self.jobs[each] for each in self.visible(self.jobs)]
        found.sort(key=lambda job: (job.at, job.id), reverse=True)
        if self.script.filters:
            found = [
                job for job in found if all((job.body.get("metadata") or {}).get(key) == value for key, value in asked)
            ]
        return self.page([self.job_body(job) for job in found], call, 20)

    def job(self, identifier: str) -> Job:
        """Return a job.

        Raises:
            Failed: there is none.
        """
        if identifier not in self.jobs:
            raise Failed(
                404, f"Could not find fine tune: {identifier}", code="fine_tune_not_found", param="fine_tune_id"
            )
        return self.jobs[identifier]

    def get_job(self, _call: Call, identifier: str) -> dict[str, Any]:
        return self.job_body(self.job(identifier))

    def steer(self, _call: Call, identifier: str, verb: str) -> dict[str, Any]:
        job = self.job(identifier)
        status = job.status(self.script, self.now())
        may = {
            "cancel": status not in FINAL,
            "pause": status == "running" and job.step(self.script, self.now()) >= 1,
            "resume": status == "paused",
        }
        if not may[verb]:
            raise Failed(400, f"Job {identifier} is {status} and cannot be asked to {verb}.", code="invalid_state")
        job.steers.append((verb, self.now()))
        return self.job_body(job)

    def list_events(self, call: Call, identifier: str) -> dict[str, Any]:
        return self.page(life.events(self.job(identifier), self.script, self.now()), call, 20)

    def list_checkpoints(self, call: Call, identifier: str) -> dict[str, Any]:
        page = self.page(life.checkpoints(self.job(identifier), self.script, self.now()), call, 10)
        ids = [each["id"] for each in page["data"]]
        return page | {"first_id": ids[0] if ids else None, "last_id": ids[-1] if ids else None}

    # Models and chat

    def tuned(self) -> list[Job]:
        """Return the jobs whose model is there."""
        done = [job for job in self.jobs.values() if job.status(self.script, self.now()) == "succeeded"]
        return [job for job in done if job.model() not in self.deleted_models]

    def list_models(self, _call: Call) -> dict[str, Any]:
        bases: list[dict[str, Any]] = [
            {"id": name, "object": "model", "created": 1, "owned_by": "system", "shutdown_date": last}
            for name, last in self.models().items()
        ]
        return {"object": "list", "data": bases + [self._tuned_body(job) for job in self.tuned()]}

    def _tuned_body(self, job: Job) -> dict[str, Any]:
        return {"id": job.model(), "object": "model", "created": int(job.at), "owned_by": "organization-owner"}

    def get_model(self, call: Call, name: str) -> dict[str, Any]:
        listed: list[dict[str, Any]] = self.list_models(call)["data"]
        for each in listed:
            self._model_reads[name] += each["id"] == name
            if each["id"] == name and (
                name in self.models() or self._model_reads[name] > self.script.models_late_reads
            ):
                return each
        for job in self.tuned():
            steps = life.checkpoints(job, self.script, self.now())
            if name != job.model() and name in {each["fine_tuned_model_checkpoint"] for each in steps}:
                return {"id": name, "object": "model", "created": int(job.at), "owned_by": "organization-owner"}
        raise Failed(404, f"The model '{name}' does not exist", code="model_not_found")

    def delete_model(self, call: Call, name: str) -> dict[str, Any]:
        found = next((job for job in self.tuned() if job.model().split(":ckpt")[0] == name), None)
        if found is None:
            self.get_model(call, name)
            raise Failed(403, "You have insufficient permissions for this operation. Missing owner role.")
        self.deleted_models.add(name)
        return {"id": name, "object": "model", "deleted": True}

    def chat(self, call: Call, deployment: str = "") -> Stream:
        model = deployment or call.body["model"]
        self.check_model(call, model)
        last = str(call.body["messages"][-1]["content"])
        if "FORBIDDEN" in last:
            raise Failed(400, "The response was filtered", code="content_filter", param="prompt")
        called = [each for message in call.body["messages"] for each in message.get("tool_calls") or ()]
        if not all(isinstance(each["function"]["arguments"], str) for each in called):
            raise Failed(400, "Invalid type for 'messages': arguments must be a string.", code="invalid_type")
        answered = [each.get("tool_call_id") for each in call.body["messages"] if each["role"] == "tool"]
        if not {*answered} <= {each.get("id") for each in called} or not all(each.get("type") for each in called):
            raise Failed(400, "Missing required parameter in 'messages': an id or a type.", code="missing_parameter")
        if tools := call.body.get("tools"):
            return Stream(model=model, text=last, created=int(self.now()), calls=tools[0]["function"]["name"])
        return Stream(model=model, text=f"You said: {last}", created=int(self.now()))

    def check_model(self, call: Call, model: str) -> None:
        """Refuse a model that is not there."""
        self.get_model(call, model)

    def visible(self, things: Mapping[str, Any]) -> list[str]:
        """Return what a list shows now: what is new is left out of the first lists."""
        shown = []
        for identifier in things:
            reads = self.lists_since.get(identifier, 0)
            self.lists_since[identifier] = reads + 1
            if reads >= self.script.lag_reads:
                shown.append(identifier)
        return shown

    def page(self, items: list[dict[str, Any]], call: Call, default: int) -> dict[str, Any]:
        after = call.asked("after")
        ids = [each["id"] for each in items]
        if after and after not in ids:
            raise Failed(404, f"Unknown 'after': {after}", param="after")
        start = ids.index(after) + 1 if after else 0
        limit = min(int(call.asked("limit", str(default))), self.script.page_cap)
        return {"object": "list", "data": items[start : start + limit], "has_more": start + limit < len(items)}


_JOB = r"/fine_tuning/jobs/([^/]+)"
ROUTES = (
    ("POST", r"/files", "upload"),
    ("GET", r"/files", "list_files"),
    ("GET", r"/files/([^/]+)", "get_file"),
    ("DELETE", r"/files/([^/]+)", "delete_file"),
    ("GET", r"/files/([^/]+)/content", "file_content"),
    ("POST", r"/uploads", "begin_upload"),
    ("POST", r"/uploads/([^/]+)/parts", "add_part"),
    ("POST", r"/uploads/([^/]+)/complete", "complete_upload"),
    ("POST", r"/fine_tuning/jobs", "create"),
    ("GET", r"/fine_tuning/jobs", "list_jobs"),
    ("GET", _JOB, "get_job"),
    ("POST", _JOB + r"/(cancel|pause|resume)", "steer"),
    ("GET", _JOB + r"/events", "list_events"),
    ("GET", _JOB + r"/checkpoints", "list_checkpoints"),
    ("GET", r"/models", "list_models"),
    ("GET", r"/models/(.+)", "get_model"),
    ("DELETE", r"/models/(.+)", "delete_model"),
    ("POST", r"/chat/completions", "chat"),
)

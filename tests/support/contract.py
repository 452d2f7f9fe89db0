"""Requests made from the OpenAPI document (Schemathesis), and what is wrong with the answers.

The same run measures any installation by its address, so that two versions can be compared: the seed, the number of
cases and the rules below are the run's, the document and the answers are the installation's.
"""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
import orjson
from schemathesis import openapi
from schemathesis.config import SchemathesisConfig
from schemathesis.core.transport import Response
from schemathesis.engine import Status, events, from_schema
from schemathesis.engine.recorder import CheckNode, ScenarioRecorder

from tests.support import openai_contract
from tests.support.app_context import MODEL
from tests.support.connections import REHEARSAL_ID
from tests.support.rehearsed import rows_file
from tests.support.waiting import until

SEED = 1
PHASES = ("examples", "coverage", "fuzzing", "stateful")
ACCEPTED, REJECTED = "positive_data_acceptance", "negative_data_rejection"
# Well-formed requests may be refused so: what the path names is not there (404) or not in the state for it (409), the
# draft has another revision by now (412), the provider did not do it (424).
IN_ORDER = ("2xx", "3xx", "401", "404", "409", "412", "424")
# How a malformed request may be refused: Schemathesis's own list, and what comes first where several things are wrong.
REFUSALS = ("400", "401", "404", "405", "409", "412", "413", "415", "422")
# The codes by which a 422 says that its values do not agree with what is stored or offered here, which no schema can
# know. docs/rest.md has them with their reasons; all errors of an answer must be of these.
AGREEMENT = frozenset(
    {
        "not_found", "unknown", "unknown_model", "taken", "mismatch", "key-reused",
        "unsupported", "unusable", "not_ready", "validating", "needs_fixing", "needs_mapping", "rejected",
        "no_labels", "too_few_rows", "empty_part", "missing_data", "weights", "split",
        "sum", "time", "unset", "unknown_column", "role_twice", "roles",
        "unknown_line", "row_text", "unchanged", "no_rows",
        "refused", "host", "yaml",
    }
)  # fmt: skip
ROWS_FOR_ANOTHER = frozenset({"/training_dataset format", "/task_type format"})  # method or task
# Free maps whose names and values the catalog, the connection's kind or the offer of a deployment tells.
SAID_ELSEWHERE = ("/hyperparameters/*", "/options/*", "/settings/*", "/secrets/*")
REFUSAL_CODES = frozenset({"invalid", "missing", "length"})
# Their body says what may be spent and nothing of the thing itself: every other error points into what is stored.
ON_STORED = {f"POST /api/v1/{each}" for each in ("drafts/{identifier}/submit", "jobs/{identifier}/retry",
                                                 "jobs/{identifier}/run-again")}  # fmt: skip
COST = "/accept_cost"
# A function's parameters are a schema of anything: what is refused in any JSON (a NUL, a number beyond ±2^53) is
# refused there, too, and OpenAI's shape names the field.
ANYTHING = re.compile(r"^tools\[\d+\]\.function\.parameters\..* invalid_value$", re.DOTALL)
# What an installation takes at most is a setting of its own.
LIMITED = ("POST /api/v1/uploads", 413)
# It takes what `POST /jobs` refuses, and says so in its blockers.
LENIENT = "POST /api/v1/jobs/estimate"


@dataclass(frozen=True, slots=True, order=True)
class Refusal:
    """A valid request that was refused: by which operation, with which status, and what it said (`pointer code`)."""

    operation: str
    status: int
    said: tuple[str, ...]
    has_body: bool = True

    @property
    def in_order(self) -> bool:
        """Whether nothing but what is stored or offered here is against the request."""
        if (self.operation, self.status) == LIMITED or all(map(ANYTHING.match, self.said or ("",))):
            return True
        return str(self.status) in IN_ORDER or (self.status == 422 and all(map(self._agrees, self.said)))

    def _agrees(self, said: str) -> bool:
        pointer, _, code = said.rpartition(" ")
        on_stored = not self.has_body or (self.operation in ON_STORED and not pointer.startswith(COST))
        if pointer.startswith("/") and on_stored:  # then it points into what is stored
            return True
        return code in AGREEMENT or said in ROWS_FOR_ANOTHER or (pointer in SAID_ELSEWHERE and code in REFUSAL_CODES)


@dataclass(slots=True)
class Report:
    """What a run found: valid requests refused by kind, and every other broken rule by operation and check."""

    cases: int = 0
    refused: Counter[Refusal] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)

    @property
    def kinds(self) -> dict[Refusal, int]:
        """The valid requests that were refused for what the document could have said."""
        return {each: count for each, count in sorted(self.refused.items()) if not each.in_order}

    def take(self, recorder: ScenarioRecorder) -> None:
        """Add what the requests of one scenario came to."""
        for identifier, checks in recorder.checks.items():
            found = recorder.interactions.get(identifier)
            self.cases += 1
            for check in checks:
                if check.status is not Status.SUCCESS:
                    self._take_failure(recorder, identifier, check, found.response if found else None)

    def _take_failure(
        self, recorder: ScenarioRecorder, identifier: str, check: CheckNode, answer: Response | None
    ) -> None:
        operation = recorder.cases[identifier].value.operation
        info = check.failure_info
        sample = "" if info is None else f"{info.failure.message}\n{info.code_sample}"
        if check.name == ACCEPTED and answer is not None:
            kind = refusal(operation.label, answer.status_code, answer.content, has_body=bool(operation.body))
            self.refused[kind] += 1
            self.examples.setdefault(str(kind), sample)
        elif (operation.label, check.name) != (LENIENT, REJECTED):
            name = f"{operation.label}: {check.name} ({None if answer is None else answer.status_code})"
            self.wrong[name] += 1
            self.examples.setdefault(name, sample)


def refusal(operation: str, status: int, content: bytes, *, has_body: bool = True) -> Refusal:
    """Return the kind of a refusal, without what is chance in it: numbers and invented names."""
    try:
        problem = orjson.loads(content)
    except orjson.JSONDecodeError:
        return Refusal(operation, status, ("no problem document",), has_body)
    if "error" in problem:  # OpenAI's shape
        return Refusal(operation, status, (f"{problem['error']['param']} {problem['error']['code']}",), has_body)
    said = sorted({f"{_shortened(each['pointer'])} {each['code']}" for each in problem.get("errors", ())})
    return Refusal(operation, status, tuple(said) or (problem["type"].rpartition(":")[2],), has_body)


def _shortened(pointer: str) -> str:
    parts = ["*" if part.isdigit() else part for part in pointer.split("/")]
    free = len(parts) > 2 and f"/{parts[1]}/*" in (*SAID_ELSEWHERE, "/capsule/*")
    return f"/{parts[1]}/*" if free else "/".join(parts)


def furnish(url: str) -> dict[str, str]:
    """Make one thing of each kind at an installation whose engine turns; return their ids by noun."""
    with httpx.Client(base_url=f"{url}/api/v1", timeout=60) as client:

        def made(method: str, path: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 -- httpx's own
            answer = client.request(method, path, headers={"idempotency-key": f"furnish-{path}"}, **more)
            assert answer.is_success, (path, answer.text)
            return dict(answer.json())

        def comes_to(path: str, status: str) -> None:
            until(lambda: client.get(path).json()["status"] == status, doing=f"{path} {status}")

        project = made("POST", "/projects", json={"name": "Contract"})["id"]
        dataset = made("PUT", "/datasets", params={"name": "rows", "project": project}, content=rows_file(60))["id"]
        wanted = {"project": project, "connection": REHEARSAL_ID, "base_model": MODEL, "name": "contract"}
        job = made("POST", "/jobs", json={**wanted, "training_dataset": dataset})["id"]
        draft = made("POST", "/drafts", json={**wanted, "training_dataset": dataset})["id"]
        comes_to(f"/jobs/{job}", "succeeded")
        model = client.get(f"/jobs/{job}").json()["fine_tuned_model"]
        target = {"target": {"model": model}}
        deployment = made("POST", "/deployments", json=target)["id"]
        evaluation = made("POST", "/evaluations", json={**target, "dataset": dataset})["id"]
        comes_to(f"/deployments/{deployment}", "ready")
        comes_to(f"/evaluations/{evaluation}", "succeeded")
        shown = made("POST", f"/deployments/{deployment}/client-key")
        upload = made("POST", "/uploads", json={"bytes": 9})["id"]
    return {
        "projects": project,
        "connections": REHEARSAL_ID,
        "base_models": MODEL,
        "datasets": dataset,
        "jobs": job,
        "models": model,
        "deployments": deployment,
        "evaluations": evaluation,
        "drafts": draft,
        "uploads": upload,
        "client_keys": shown["key"],
        "served_models": shown["model"],
    }


def run(
    url: str,
    ids: Mapping[str, str],
    *,
    examples: int,
    seed: int = SEED,
    phases: tuple[str, ...] = PHASES,
    token: str = "",
    openai: Mapping[str, Any] | None = None,
) -> Report:
    """Ask the installation at `url`; `examples` is how many requests of chance each operation gets.

    `ids` names one thing of each kind that is there (`furnish`), so that most requests reach what they ask for. With
    the `token` of somebody, refusals by their role are counted as `Refusal` of status 403. With `openai`, a description
    of `/v1`, that is asked instead; there, what a name means decides too much for a schema to say what is valid.
    """
    headers = {"authorization": f"Bearer {token}"} if token else {}
    chosen = _config(url, ids, examples, seed, phases)
    if openai is None:
        document = httpx.get(f"{url}/openapi.json", timeout=60, headers=headers).raise_for_status().json()
        for item in document["paths"].values():
            for operation in item.values():
                operation["responses"].pop("default", None)  # it would describe whatever comes
    else:
        document = dict(openai)
        chosen["operations"], chosen["parameters"], chosen["headers"] = openai_contract.bindings(), {}, headers
        for check in (ACCEPTED, REJECTED):
            chosen["checks"][check] = {"enabled": False}
    if token and openai is None:  # whoever may not is told that before anything else is looked at
        chosen["headers"] = headers
        chosen["checks"][REJECTED]["expected-statuses"].append("403")
    config = SchemathesisConfig.from_dict(chosen)
    report = Report()
    for event in from_schema(openapi.from_dict(document, config=config)).execute():
        if isinstance(event, events.ScenarioFinished):
            report.take(event.recorder)
        elif isinstance(event, events.NonFatalError | events.FatalError):
            report.wrong[f"the run itself: {event}"] += 1
    return report


def _config(url: str, ids: Mapping[str, str], examples: int, seed: int, phases: tuple[str, ...]) -> dict[str, Any]:
    nouns = (
        *("projects", "connections", "datasets", "uploads", "drafts"),
        *("jobs", "models", "evaluations", "deployments"),
    )
    fields = {
        "project": "projects",
        "connection": "connections",
        "dataset": "datasets",
        "training_dataset": "datasets",
        "base_model": "base_models",
    }
    return {
        "seed": seed,
        "base-url": url,
        "continue-on-failure": True,
        "suppress-health-check": ["all"],  # how fast it makes data is no matter of ours
        "max-stream-events": 2,
        "request-timeout": 30,
        "auth": {"openapi": {"DeploymentKey": {"bearer": ids["client_keys"]}}},
        "dictionaries": {name: {"values": [value]} for name, value in ids.items()},
        "generation": {"max-examples": examples, "no-shrink": True, "database": "none"},
        "phases": {name: {"enabled": name in phases} for name in PHASES},
        "checks": {
            ACCEPTED: {"expected-statuses": list(IN_ORDER)},
            REJECTED: {"expected-statuses": list(REFUSALS)},
        },
        "parameters": {f"body.{name}": _mostly(noun) for name, noun in fields.items()},
        "operations": [
            {
                "include-path-regex": f"^/api/v1/{noun}/(?![^/]+/(v1|client-key/rotate))",
                "parameters": {"path.identifier": _mostly(noun)},
            }
            for noun in nouns
        ]
        + [
            {
                "include-path-regex": "^/api/v1/deployments/[^/]+/v1/",
                "parameters": {
                    "path.identifier": _mostly("deployments"),
                    "body.model": _mostly("served_models"),
                    "path.model": _mostly("served_models"),
                },
            },
            # A new key would shut the run out of the deployment's own addresses.
            {"include-path-regex": "/client-key/rotate$", "parameters": {"path.identifier": {"dictionary": "jobs"}}},
        ],
    }


def _mostly(noun: str) -> dict[str, Any]:
    """Return what binds a parameter to the thing that is there, in four of five requests."""
    return {"dictionary": noun, "probability": 0.8}

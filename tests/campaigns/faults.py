"""Every way to go wrong at every call of a backend: one model's whole way, looked at by a person all the while."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from app.backends.rehearsal import Died, Fault, FaultKind
from app.backends.rehearsal.faults import FOREIGN, OF_LOOKS
from tests.support.door import visiting
from tests.support.rehearsed import Rehearsed, rows_file

# What happens to a thing in between is no way for a call to go wrong.
KINDS: list[FaultKind] = [
    kind for kind in FaultKind if kind not in {FaultKind.FAILS, FaultKind.INTERRUPTED, FaultKind.GONE}
]
# Calls that the engine makes, and calls that a person waits for.
OF_THE_ENGINE = (
    "check", "upload", "file", "submit", "find", "observe", "cancel", "resume",
    "deploy", "observe_deployment", "undeploy",
    "start_evaluation", "observe_evaluation", "cancel_evaluation", "discard_model",
)  # fmt: skip
OF_PEOPLE = ("base_models", "base_model", "estimate", "code", "log", "model_files", "model_from_checkpoint", "chat")
# A process that dies in a person's call takes its server along: the campaign of deaths is about that.
_DEATHS = {FaultKind.DIES_BEFORE, FaultKind.DIES_AFTER}
TIMES = 2
Case = tuple[FaultKind, str]
_FINAL = {"succeeded", "failed", "cancelled", "deleted"}
_PATIENCE = 90  # ticks


def cases() -> list[Case]:
    """Return the whole product, but for deaths in a call that a person waits for."""
    by_engine = [(kind, call) for call in OF_THE_ENGINE for kind in KINDS]
    return by_engine + [(kind, call) for call in OF_PEOPLE for kind in KINDS if kind not in _DEATHS]


def sample() -> list[list[Case]]:
    """Return a part of it in which every kind and every call comes: a few faults to a way, at different calls."""
    calls, foreign = OF_THE_ENGINE, list(FOREIGN)
    mild = [kind for kind in KINDS if kind not in {*_DEATHS, *FOREIGN}]
    ways = [
        [(kind, calls[number % len(calls)]) for number, kind in ((at, KINDS[at]), (at + half, KINDS[at + half]))]
        for half in (len(KINDS) // 2,)
        for at in range(half)
    ]
    for number, call in enumerate(OF_PEOPLE):
        ways[number].append((mild[3 * number % len(mild)], call))
        ways[-1 - number].append((foreign[number], call))
    return ways


@dataclass(kw_only=True)
class Findings:
    """What should not have been."""

    wrong: list[str] = field(default_factory=list)
    met: int = 0  # how often the provider's book has the fault


class Walk:
    """One model's whole way with a provider that goes wrong twice at some calls."""

    def __init__(self, folder: Path, *cases: Case) -> None:
        self.found = Findings()
        self._calls = {call for _kind, call in cases}
        self._kinds = {kind for kind, _call in cases}
        faults = [Fault(call=call, kind=kind, times=TIMES, seconds=3.0) for kind, call in cases]
        if "find" in self._calls:  # it is only asked where a submit's answer was lost
            faults.append(Fault(call="submit", kind=FaultKind.LOST_ANSWER, times=1))
        if "resume" in self._calls:
            faults.append(Fault(call="train", kind=FaultKind.INTERRUPTED, times=1))
        timing: dict[str, Any] = {
            "queue_s": 1.0,
            # A look that goes wrong must not be the last one.
            "train_s": 90.0 if self._kinds & OF_LOOKS else 6.0,
            "steps": 6,
            "evaluate_s": 1.0,
            "deploy_s": 1.0,
            "undeploy_s": 0.5,
        }
        self.app_context = Rehearsed(folder, *faults, acceptance_grace_s=2.0, **timing)

    def go(self) -> Findings:
        """Go the whole way; whatever cannot be gone on with is tried again as a person would."""
        try:
            with self._visitor() as visitor:
                self._walk(visitor)
        finally:
            self.found.met = sum(entry.fault in self._kinds for entry in self.app_context.backend.ledger.entries())
            self.app_context.close()
        return self.found

    @contextmanager
    def _visitor(self) -> Iterator[TestClient]:
        with visiting(self.app_context.scopes) as client:
            yield client

    def _walk(self, visitor: TestClient) -> None:
        ended = None
        for attempt in range(4):  # a permanent refusal ends a job; a person begins the next one
            job = self._job(visitor, attempt)
            ended = self._until(visitor, f"/jobs/{job}", "jobs") if job else None
            if ended and ended["status"] == "succeeded":
                break
        if not ended or ended["status"] != "succeeded":
            self._failed_with_a_reason(ended)
            return
        self._cancel_another(visitor)
        for evaluation in self._ask(visitor, "GET", f"/api/v1/evaluations?job={ended['id']}").get("items", []):
            self._until(visitor, f"/evaluations/{evaluation['id']}", "evaluations")
        self._look_at(visitor, ended["id"], ended["fine_tuned_model"])
        self._serve(visitor, ended["fine_tuned_model"])
        model = self._ask(visitor, "GET", f"/api/v1/models/{ended['fine_tuned_model']}")
        self._ask(visitor, "POST", f"/api/v1/models/{model['id']}/teardown", json={"confirm": model["name"]})
        self._until(visitor, f"/models/{model['id']}", None)

    def _job(self, visitor: TestClient, attempt: int) -> str | None:
        rows = self.app_context.tickets(rows_file(12)).id
        request = {
            "project": self.app_context.only_project(), "connection": "con_rehearsal", "base_model": "rehearsal:small",
            "name": f"way-{attempt}", "training_dataset": rows,
            "validation": {"kind": "split", "ratio": 0.25, "test_ratio": 0.25, "seed": 1},
        }  # fmt: skip
        self._ask(visitor, "GET", "/catalog")
        self._ask(visitor, "POST", "/api/v1/jobs/estimate", json=request)
        key = {"idempotency-key": f"way-{attempt}"}
        made = self._ask(visitor, "POST", "/api/v1/jobs", json=request, headers=key)
        return str(made["id"]) if "id" in made else None

    def _cancel_another(self, visitor: TestClient) -> None:
        if not self._calls & {"cancel", "cancel_evaluation"}:
            return
        job = self._job(visitor, 9)
        assert job is not None
        for _ in range(8):
            self._tick()
        self._ask(visitor, "POST", f"/api/v1/jobs/{job}/cancel")
        self._until(visitor, f"/jobs/{job}", "jobs")
        asked = {"target": {"base_model": "rehearsal:small", "connection": "con_rehearsal"}}
        request = asked | {"dataset": self.app_context.tickets(rows_file(12)).id, "few_shot": 0}
        made = self._ask(visitor, "POST", "/api/v1/evaluations", json=request, headers={"idempotency-key": "another"})
        self._tick()
        self._tick()
        self._ask(visitor, "POST", f"/api/v1/evaluations/{made['id']}/cancel")
        self._until(visitor, f"/evaluations/{made['id']}", "evaluations")

    def _look_at(self, visitor: TestClient, job: str, model: str) -> None:
        for tab in ("overview", "log", "code", "events"):
            self._ask(visitor, "GET", f"/jobs/{job}?tab={tab}&target=json")
        for path in (f"/jobs/{job}/log.txt", f"/api/v1/models/{model}/files", f"/models/{model}"):
            for _ in range(TIMES + 1):
                self._ask(visitor, "GET", path)
        for number in range(TIMES + 1):
            key = {"idempotency-key": f"checkpoint-{number}"}
            self._ask(visitor, "POST", f"/api/v1/jobs/{job}/checkpoints/2/model", json={}, headers=key)

    def _serve(self, visitor: TestClient, model: str) -> None:
        for attempt in range(4):
            request = {"target": {"model": model}, "expires_after_idle_s": 0}
            key = {"idempotency-key": f"serve-{attempt}"}
            made = self._ask(visitor, "POST", "/api/v1/deployments", json=request, headers=key)
            seen = self._until(visitor, f"/deployments/{made['id']}", "deployments", also=("ready", "failed"))
            if seen["status"] == "ready":
                question = {"messages": [{"role": "user", "content": "Is it so?"}]}
                for _ in range(TIMES + 1):
                    self._ask(visitor, "POST", f"/api/v1/deployments/{made['id']}/chat", json=question)
                return
            self._failed_with_a_reason(seen)

    def _failed_with_a_reason(self, seen: dict[str, Any] | None) -> None:
        """A refusal for good ends what it met; then the reason must stand there."""
        if not seen or seen["status"] != "failed" or not (seen["reason"] and seen["message"]):
            self.found.wrong.append(f"it came to no end that anybody could understand: {seen}")

    def _until(self, visitor: TestClient, path: str, table: str | None, also: tuple[str, ...] = ()) -> dict[str, Any]:
        """Turn until a thing is over; on the way, its page must say what holds it up, and since when."""
        seen: dict[str, Any] = {}
        for _ in range(_PATIENCE):
            seen = self._ask(visitor, "GET", f"/api/v1{path}")
            if seen.get("status") in {*_FINAL, *also}:
                return seen
            if seen.get("status") == "unknown":  # a person looks at the provider's own pages
                known = self.app_context.accepted(seen["id"])
                answer = {"remote_id": str(known[0].id)} if known else {"not_submitted": True}
                self._ask(visitor, "POST", f"/api/v1{path}/resolve", json=answer)
            self._tick()
            if table is not None:
                self._says_why(visitor, path, seen)
        self.found.wrong.append(f"{path} stands still: {seen.get('status')} {seen.get('note')!r}")
        return seen

    def _says_why(self, visitor: TestClient, path: str, seen: dict[str, Any]) -> None:
        reported = self._ask(visitor, "GET", "/api/v1/engine")
        for row in reported["retrying"]:
            if path.endswith(row["id"]):
                page = visitor.get(path).text
                if row["since"] is None or "Try again now" not in page or "Since" not in page:
                    self.found.wrong.append(f"{path} is tried again, and its page does not say since when")
        if seen.get("note") and not reported["retrying"] and "paused" in seen["note"]:
            # Somebody has mended the credentials.
            mended = self._ask(visitor, "PATCH", "/api/v1/connections/con_rehearsal", json={"slots": 4})
            assert mended["slots"] == 4, mended

    def _tick(self) -> None:
        try:
            self.app_context.tick(every=timedelta(seconds=20))
        except Died:
            self.app_context.engine.tasks.close()
            heir = self.app_context.again()
            self.app_context.engine, self.app_context.backend, self.app_context.app_context = (
                heir.engine,
                heir.backend,
                heir.app_context,
            )
            self.app_context.scopes.app_context = heir.app_context
            self.app_context.engine.take_over()

    def _ask(self, visitor: TestClient, method: str, path: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 -- JSON
        answer = visitor.request(method, path, **more)
        if answer.status_code >= 500:
            self.found.wrong.append(f"{method} {path}: {answer.status_code}")
        if "Traceback" in answer.text:
            self.found.wrong.append(f"{method} {path}: a stack trace")
        is_json = answer.headers.get("content-type", "").startswith("application/json")
        body: dict[str, Any] = answer.json() if is_json else {}
        return body

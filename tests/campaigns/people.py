"""The people of a campaign: each goes the whole way with one model after another, however often the server dies."""

import gzip
import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.campaigns.servers import PATIENCE_S
from tests.support.app_context import chats
from tests.support.connections import LOCAL_ID, REHEARSAL_ID
from tests.support.receiver import Received
from tests.support.rehearsed import LABELS

_LOOK_S = 0.25
_FINAL = {"succeeded", "failed", "cancelled"}
_CANCELLED_EACH, _LARGE_EACH = 4, 5  # every fourth job is cancelled, every fifth brings a large file
STALLED_S = 240.0
# A real training reads libraries for a minute and computes; between deaths it shares the cores with everybody else.
STALLED_REAL_S = 900.0


class Stalled(AssertionError):
    """Something does not move any more."""


@dataclass(kw_only=True)
class Diary:
    """What people were told: whatever stands here was acknowledged, and must be true in the end."""

    runs: Path  # where run folders lie
    jobs: dict[str, str] = field(default_factory=dict)  # key -> job id
    cancelled: set[str] = field(default_factory=set)  # jobs that somebody asked to cancel
    torn_down: set[str] = field(default_factory=set)  # models
    answers: int = 0  # of the server, to anything
    chats: int = 0
    server_errors: list[str] = field(default_factory=list)  # answers of 500 and above
    doubled_keys: list[str] = field(default_factory=list)  # two answers under one idempotency key
    stalled: list[str] = field(default_factory=list)
    done: int = 0  # whole ways gone
    messages: list[Received] | None = None  # what came to the webhook, where there was one
    broken_off: bool = False  # the campaign itself has failed: nobody need wait any more


class Person:
    """One of them. `more` says whether another job is to be begun."""

    def __init__(
        self,
        name: str,
        address: str,
        diary: Diary,
        more: Callable[[], bool],
        fields: Mapping[str, Any] | None = None,
        *,
        patience_s: float = STALLED_S,
    ) -> None:
        """`fields` of the jobs; those of a rehearsal where nothing else is said. `patience_s` for a thing to fit."""
        self.name = name
        self.diary = diary
        self._patience_s = patience_s
        self._more = more
        self._fields = {**(fields or REHEARSED)}
        self._ways = 0
        self._address = f"{address}/api/v1"
        self._client = httpx.Client(timeout=20)
        self._posted = 0

    def live(self) -> None:
        """Go the whole way until there is no more to do."""
        try:
            while self._more():
                self._whole_way()
                self.diary.done += 1
        except Stalled as error:
            self.diary.stalled.append(f"{self.name}: {error}")
        finally:
            self.close()

    def close(self) -> None:
        """Let go of the connection."""
        self._client.close()

    def ask(self, method: str, path: str, *, fine: frozenset[int] = frozenset(), **more: Any) -> Any:  # noqa: ANN401 -- JSON
        """Ask until there is an answer, over as many deaths as there are; `fine` are refusals that are no fault."""
        begun = time.monotonic()
        while time.monotonic() - begun < PATIENCE_S and not self.diary.broken_off:
            try:
                answer = self._client.request(method, f"{self._address}{path}", **more)
            except httpx.TransportError:
                threading.Event().wait(0.1)
                continue
            self.diary.answers += 1
            if answer.status_code >= 500:
                self.diary.server_errors.append(f"{method} {path}: {answer.status_code}")
            elif answer.status_code < 300 or answer.status_code in fine:
                return (answer.json() if answer.content else {}) | {"status_code": answer.status_code}
            else:
                raise Stalled(f"{method} {path}: {answer.status_code} {answer.text[:300]}")
        raise Stalled(f"no answer to {method} {path} within {PATIENCE_S} s")

    def make(self, path: str, request: Mapping[str, Any]) -> Any:  # noqa: ANN401 -- JSON
        """Ask for something costly, twice under one key, so that repeats are tried as well."""
        self._posted += 1
        key = f"{self.name}-{self._posted:05d}"
        made = [self.ask("POST", path, json=request, headers={"Idempotency-Key": key}) for _ in "ab"]
        if made[0]["id"] != made[1]["id"]:
            self.diary.doubled_keys.append(key)
        return made[0] | {"key": key}

    def until(self, path: str, fits: Callable[[Any], bool]) -> Any:  # noqa: ANN401 -- JSON
        """Return a thing once it fits.

        Raises:
            Stalled: it never does.
        """
        begun, seen = time.monotonic(), None
        while time.monotonic() - begun < self._patience_s and not self.diary.broken_off:
            seen = self.ask("GET", path)
            if fits(seen):
                return seen
            threading.Event().wait(_LOOK_S)
        raise Stalled(f"{path} stands still: {json.dumps(seen)[:600]}")

    def _whole_way(self) -> None:
        number, self._ways = self._ways, self._ways + 1
        self._clear_a_stray(number)
        job = self._job(number)
        if number % _CANCELLED_EACH == _CANCELLED_EACH - 1:
            self.until(f"/jobs/{job}", lambda seen: seen["status"] in {"queued", "running", *_FINAL})
            if self.ask("POST", f"/jobs/{job}/cancel", fine=frozenset({409}))["status_code"] != 409:
                self.diary.cancelled.add(job)
        ended = self.until(f"/jobs/{job}", lambda seen: seen["status"] in _FINAL)
        if ended["status"] == "succeeded":
            self._use(job, ended["fine_tuned_model"])

    def _clear_a_stray(self, number: int) -> None:
        """Ask to remove a run folder that belongs to nothing, as a restored backup leaves them."""
        stray = self.diary.runs / f"job_{self.name.replace('-', '_')}_{number}"
        stray.mkdir(parents=True)
        (stray / "spec.json").write_text('{"kind": "train"}', encoding="utf-8")
        self.ask("DELETE", f"/engine/runs/{stray.name}", fine=frozenset({404}))
        if stray.exists():
            raise Stalled(f"the stray folder {stray.name} is still there")

    def _job(self, number: int) -> str:
        rows = 160 if number % _LARGE_EACH == 0 else 16
        content = chats(rows, LABELS, f"Message {{n}} of {self.name} about {{answer}}, number {number}")
        project = self._project()
        packed = number % 2 == 1  # it is not rows yet: they are made of it
        if packed:
            content = gzip.compress(content, mtime=0)
        where = {"name": f"{self.name}-{number}", "filename": f"rows.jsonl{'.gz' * packed}", "project": project}
        dataset = self.ask("PUT", "/datasets", params=where, content=content)["id"]
        self.until(f"/datasets/{dataset}", lambda seen: seen["status"] == "ready")
        request = self._fields | {
            "project": project,
            "name": f"{self.name}-{number}",
            "training_dataset": dataset,
            "validation": {"kind": "split", "ratio": 0.2, "test_ratio": 0.2, "seed": number},
        }
        made = self.make("/jobs", request)
        self.diary.jobs[made["key"]] = made["id"]
        return str(made["id"])

    def _use(self, job: str, model: str) -> None:
        """Wait for the judgement, serve, ask, and tear down."""
        self.until(
            f"/evaluations?job={job}", lambda seen: seen["items"] and all(e["status"] in _FINAL for e in seen["items"])
        )
        served = self.make("/deployments", {"target": {"model": model}, "expires_after_idle_s": 0})["id"]
        for _ in range(20):
            self.until(f"/deployments/{served}", lambda seen: seen["status"] == "ready")
            question = {"messages": [{"role": "user", "content": "Is it so?"}], "max_tokens": 8}
            reported = self.ask("POST", f"/deployments/{served}/chat", json=question, fine=frozenset({409, 424}))
            if reported["status_code"] == 200:
                self.diary.chats += 1
                break
        name = self.ask("GET", f"/models/{model}")["name"]
        self.ask("POST", f"/models/{model}/teardown", json={"confirm": name})
        self.diary.torn_down.add(model)
        self.until(f"/models/{model}", lambda seen: seen["status"] == "deleted")

    def _project(self) -> str:
        known = self.ask("GET", "/projects?limit=200")["items"]
        mine = [each["id"] for each in known if each["name"] == self.name]
        if not mine:
            # A repeat after a death that came behind the commit is told that the name is taken: then it is there.
            self.ask("POST", "/projects", json={"name": self.name}, fine=frozenset({409, 422}))
            return self._project()
        return str(mine[0])


def local_fields(base_model: str) -> dict[str, Any]:
    """Return a training on this machine that is over in seconds."""
    hyperparameters = {"n_epochs": 2, "batch_size": 8, "learning_rate": 0.001}
    return {"connection": LOCAL_ID, "base_model": base_model, "hyperparameters": hyperparameters, "seed": 1}


REHEARSED = {"connection": REHEARSAL_ID, "base_model": "rehearsal:small"}

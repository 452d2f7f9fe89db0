"""The main job's steps, each through the REST contract: draft, train, judge, deploy, ask, tear down."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.demo.client import Answer, DemoClient, DemoError

RUNTIME = "trl"
FINAL = frozenset({"succeeded", "failed", "cancelled"})
Show = Callable[[float, str], None]
"""Is shown how far a step is (0 to 1), and a few words."""


def quiet(_share: float, _words: str) -> None:
    """Show nothing."""


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What is asked of a training besides the sample's own recipe."""

    seed: int = 0
    epochs: int | None = None
    adapter: str = "none"
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Training:
    """A training that succeeded; `seconds` from submit until it was seen to have."""

    job: Answer
    model: Answer
    seconds: float


@dataclass(frozen=True, slots=True)
class Asked:
    """A test row that was put to the deployment."""

    prompt: str
    expected: str
    recorded: str
    answered: str

    @property
    def same(self) -> bool:
        return self.recorded == self.answered


def await_runtime(client: DemoClient, show: Show = quiet) -> None:
    """Come back when trainings can run; an environment that nobody makes yet is asked for.

    Raises:
        DemoError: with what the installation says, when it fails.
    """
    default = client.items("/connections")[0]["id"]
    checks = client.post(f"/connections/{default}/doctor")["checks"]
    if not any(check["status"] == "fail" and check["id"] == "runtime" for check in checks):
        return
    if client.get(f"/runtimes/{RUNTIME}")["status"] in {"absent", "failed"}:
        client.post("/runtimes", {"name": RUNTIME})
    state = client.until(
        f"/runtimes/{RUNTIME}",
        lambda seen: seen["status"] != "installing",
        watch=lambda seen: show(seen["progress"], seen["message"]),
    )
    if state["status"] != "ready":
        raise DemoError(
            f"The training runtime is not there: {state['message']} Look at it with: python3 -m app runtime list"
        )


def sample_draft(client: DemoClient, wanted: RunOptions) -> Answer:
    """Return the sample's draft with the wish in it."""
    draft = client.post("/drafts/sample")
    values = draft["values"]
    hyperparameters = dict(values["hyperparameters"])
    options = {**values["options"], "adapter": wanted.adapter, **wanted.options}
    if wanted.adapter != values["options"].get("adapter", "none"):
        hyperparameters = {}  # the recipe is full fine-tuning's; "auto" knows the adapter's own
    if wanted.epochs is not None:
        hyperparameters["n_epochs"] = wanted.epochs
    hyperparameters |= wanted.hyperparameters
    answers = {"hyperparameters": hyperparameters, "options": options, "seed": wanted.seed}
    stored = client.patch(f"/drafts/{draft['id']}/hyperparameters", answers)
    if stored["errors"]:
        first = stored["errors"][0]
        raise DemoError(f"{first['message']} {first['fix']}")
    return stored


def train(client: DemoClient, path: str, body: Mapping[str, Any] | None = None, show: Show = quiet) -> Training:
    """Submit a draft (`/drafts/{id}/submit`) or a job (`/jobs`), and follow it to its end.

    Raises:
        DemoError: with the job's own sentence, unless it succeeds.
    """
    began = time.monotonic()
    job = client.post(path, body)
    job = client.until(
        f"/jobs/{job['id']}", lambda seen: seen["status"] in FINAL, watch=lambda seen: show(*_progress(seen))
    )
    if job["status"] != "succeeded":
        raise DemoError(f"The training ended as {job['status']}: {job['message']}")
    seconds = time.monotonic() - began
    models = [each for each in client.items("/models") if each["job"] == job["id"]]
    return Training(job=job, model=models[0], seconds=seconds)


def evaluate(client: DemoClient, wanted: Mapping[str, Any]) -> str:
    """Ask for an evaluation and return its id."""
    return str(client.post("/evaluations", wanted)["id"])


def few_shot(job: Answer, examples: int, dataset: str | None = None) -> dict[str, Any]:
    """Return the evaluation of a job's base model with examples from the training rows before each question."""
    base = {"base_model": job["spec"]["base_model"], "connection": job["spec"]["connection"]}
    return {
        "target": base,
        "dataset": dataset or job["parts"]["test"],
        "few_shot": examples,
        "few_shot_dataset": job["parts"]["training"],
    }


def evaluated(client: DemoClient, evaluations: Sequence[str], show: Show = quiet) -> list[Answer]:
    """Return the evaluations once all have succeeded.

    Raises:
        DemoError: with an evaluation's own sentence, when one does not.
    """
    done = []
    for number, identifier in enumerate(evaluations):

        def watch(seen: Answer, number: int = number) -> None:
            rows = seen["done_rows"] / (seen["total_rows"] or 1)
            waits = seen["note"] or f"{seen['done_rows']} rows answered"
            show((number + rows) / len(evaluations), f"evaluation {number + 1} of {len(evaluations)}: {waits}")

        seen = client.until(f"/evaluations/{identifier}", lambda each: each["status"] in FINAL, watch=watch)
        if seen["status"] != "succeeded":
            raise DemoError(f"An evaluation ended as {seen['status']}: {seen['message']}")
        done.append(seen)
    return done


def deploy(client: DemoClient, target: Mapping[str, Any], show: Show = quiet, **more: object) -> Answer:
    """Return a deployment of the target once it is ready.

    Raises:
        DemoError: with the deployment's own sentence, when it fails.
    """
    made = client.post("/deployments", {"target": target, **more})
    seen = client.until(
        f"/deployments/{made['id']}",
        lambda each: each["status"] in {"ready", "failed", "deleted"},
        watch=lambda each: show(float(each["status"] == "ready"), each["note"] or each["status"]),
    )
    if seen["status"] != "ready":
        raise DemoError(f"The deployment is {seen['status']}: {seen['message']}")
    return seen


def chat(client: DemoClient, deployment: str, messages: Sequence[Mapping[str, str]], **more: object) -> str:
    """Return what a deployment answers."""
    answer = client.post(f"/deployments/{deployment}/chat", {"messages": list(messages), **more})
    return str(answer["choices"][0]["message"]["content"])


def ask_again(client: DemoClient, deployment: str, evaluation: Answer, rows: int) -> list[Asked]:
    """Put the first `rows` rows of an evaluation to a deployment, as they stand in their dataset."""
    recorded = client.get(f"/evaluations/{evaluation['id']}/rows", limit=rows)["items"]
    asked = []
    for row in recorded:
        source = client.get(f"/datasets/{evaluation['dataset']}/rows", **{"from": row["line"], "limit": 1})["items"][0]
        turns = [{"role": turn["role"], "content": turn["content"]} for turn in source["messages"]]
        answer = chat(client, deployment, turns[:-1], max_tokens=64)
        asked.append(Asked(row["prompt"], row["expected"], row["answer"].strip(), answer.strip()))
    return asked


def tear_down(client: DemoClient, model: Answer, show: Show = quiet) -> list[str]:
    """Remove a model with all that serves it, and return what was removed, in its order."""
    path = f"/models/{model['id']}/teardown"
    client.ask("POST", path, json={"confirm": model["name"]})

    def watch(plan: Answer) -> None:
        done = sum(step["done"] for step in plan["steps"])
        show(done / len(plan["steps"]), f"{done} of {len(plan['steps'])} steps")

    plan = client.until(path, lambda seen: all(step["done"] for step in seen["steps"]), watch=watch, limit_s=120)
    return [f"{step['kind']} {step['label']}" for step in plan["steps"]]


def clear(client: DemoClient) -> None:
    """End everything that still works or serves, so that no process outlives its server."""
    for job in client.items("/jobs"):
        if job["status"] not in FINAL:
            client.post(f"/jobs/{job['id']}/cancel")
    for evaluation in client.items("/evaluations"):
        if evaluation["status"] not in FINAL:
            client.post(f"/evaluations/{evaluation['id']}/cancel")
    served = client.items("/deployments")
    for deployment in served:
        client.ask("DELETE", f"/deployments/{deployment['id']}")
    for noun in ("jobs", "evaluations"):
        for each in client.items(f"/{noun}"):
            client.until(f"/{noun}/{each['id']}", lambda seen: seen["status"] in FINAL, limit_s=60)
    for deployment in served:
        client.until(f"/deployments/{deployment['id']}", lambda seen: seen["status"] == "deleted", limit_s=60)


def _progress(job: Answer) -> tuple[float, str]:
    progress = job["progress"]
    if not progress["step"]:
        return 0.0, job["note"] or progress["stage"] or job["status"]
    left = f", {progress['eta_s']:.0f} s left" if progress["eta_s"] else ""
    return progress["step"] / progress["steps"], f"step {progress['step']} of {progress['steps']}{left}"

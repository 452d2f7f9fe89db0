"""An installation with something on every page, made through REST by the rehearsal."""

import json
from dataclasses import dataclass

from app.demo.client import Answer, DemoClient
from tests.support.journeys import Installation

LABELS = ("billing", "delivery", "returns")
FINAL = frozenset({"succeeded", "failed", "cancelled"})
HOSTILE = "<img src=x onerror=alert(1)> \u202ename"


@dataclass(frozen=True, slots=True)
class Furnished:
    """The installation, and the addresses of its pages."""

    installation: Installation
    pages: dict[str, str]

    @property
    def url(self) -> str:
        """Where the server is."""
        return self.installation.server.url

    def address(self, name: str) -> str:
        """Return the whole address of a page by its name."""
        return self.url + self.pages[name]


def rows(count: int = 60) -> bytes:
    """Return a small triage task with hostile text in one row."""
    lines = [
        {
            "messages": [
                {"role": "system", "content": "Name the queue."},
                {"role": "user", "content": f"Message {n} about {LABELS[n % 3]}" + (HOSTILE if n == 1 else "")},
                {"role": "assistant", "content": LABELS[n % 3]},
            ]
        }
        for n in range(count)
    ]
    return "".join(json.dumps(line) + "\n" for line in lines).encode()


def furnish(here: Installation) -> Furnished:
    """Make a project, a good and a broken dataset, finished, failed and cancelled jobs, a deployment, a draft."""
    client = here.client
    project = client.post("/projects", {"name": "Support triage", "description": "Which queue?"})["id"]
    good = upload(client, rows(), "messages.jsonl", project)
    broken = upload(client, rows(8) + b'{"messages": [}\n{"messages": []}\n', "broken.jsonl", project)
    job = run(client, project, good["id"])
    second = run(client, project, good["id"])
    client.until(
        f"/evaluations?job={job['id']}",
        lambda seen: len(seen["items"]) > 1 and all(each["status"] in FINAL for each in seen["items"]),
    )
    evaluated = client.items("/evaluations", job=job["id"])
    model = next(each for each in client.items("/models") if each["job"] == job["id"])
    deployment = client.post("/deployments", {"target": {"model": model["id"]}})
    client.until(f"/deployments/{deployment['id']}", lambda seen: seen["status"] == "ready")
    client.post(f"/deployments/{deployment['id']}/chat", {"messages": [{"role": "user", "content": "hello"}]})
    client.post("/connections/con_rehearsal/doctor")
    draft = client.post("/drafts", fields(project, good["id"]))
    tuned = next(each for each in evaluated if each["target"]["model"])
    return Furnished(here, _pages(project, good, broken, (job, second), model, deployment, draft, tuned))


def upload(client: DemoClient, body: bytes, filename: str, project: str) -> Answer:
    """Bring a file."""
    query = {"name": filename.removesuffix(".jsonl"), "filename": filename, "project": project}
    return client.ask("PUT", "/datasets", params=query, content=body)


def fields(project: str, dataset: str) -> Answer:
    """Return a rehearsal job as POST /jobs takes it."""
    return {
        "project": project,
        "connection": "con_rehearsal",
        "base_model": "rehearsal:small",
        "name": "triage",
        "training_dataset": dataset,
        "validation": {"kind": "split", "ratio": 0.2, "test_ratio": 0.2, "seed": 1},
    }


def run(client: DemoClient, project: str, dataset: str) -> Answer:
    """Submit a job and wait for its end."""
    job = client.post("/jobs", fields(project, dataset))
    return client.until(f"/jobs/{job['id']}", lambda seen: seen["status"] in FINAL)


def _pages(
    project: str,
    good: Answer,
    broken: Answer,
    runs: tuple[Answer, Answer],
    model: Answer,
    deployment: Answer,
    draft: Answer,
    tuned: Answer,
) -> dict[str, str]:
    job, second = runs
    jobs, data, wizard = f"/jobs/{job['id']}", f"/datasets/{good['id']}", f"/wizard/{draft['id']}"
    tabs = ("events", "log", "data", "parameters", "evaluation", "code")
    steps = ("project", "model", "data", "validation", "hyperparameters", "review")
    return {
        "overview": "/",
        "projects": "/projects",
        "project": f"/projects/{project}",
        "datasets": "/datasets",
        "dataset": data,
        "dataset-rows": f"{data}?tab=rows",
        "dataset-lineage": f"{data}?tab=lineage",
        "dataset-findings": f"/datasets/{broken['id']}?tab=findings",
        "catalog": "/catalog",
        "jobs": "/jobs",
        "job": jobs,
        "jobs-compare": f"/jobs/compare?ids={job['id']},{second['id']}&all=true",
        **{f"job-{tab}": f"{jobs}?tab={tab}" for tab in tabs},
        "models": "/models",
        "model": f"/models/{model['id']}",
        "teardown": f"/models/{model['id']}/teardown",
        "evaluation": f"/evaluations/{tuned['id']}",
        "deployments": "/deployments",
        "deployment": f"/deployments/{deployment['id']}",
        "playground": "/playground",
        "settings": "/settings",
        "openai-clients": "/settings/openai",
        "connections": "/connections",
        "connection": "/connections/con_rehearsal",
        "wizard": "/wizard",
        **{f"wizard-{step}": f"{wizard}/{step}" for step in steps},
        "commands": "/commands",
        "missing": "/jobs/job_00000000000000000000000000",
    }


# What `furnish` names, so that tests can be named before anything is furnished.
NAMES = tuple(
    _pages(
        "p", {"id": "d"}, {"id": "b"}, ({"id": "j"}, {"id": "k"}), {"id": "m"}, {"id": "e"}, {"id": "f"}, {"id": "t"}
    )
)

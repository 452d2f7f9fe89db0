"""The whole house for a journey: a real server process over a data folder, reached by REST alone."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from app.demo import server, steps
from app.demo.client import Answer, DemoClient
from app.training import run_lock
from tests.support.connections import LOCAL_ID
from tests.support.local import ROOT, end_all

REVIEWS = ROOT / "app" / "samples" / "praise_or_complaint"
PARTS = {"training": "train.jsonl", "validation": "validation.jsonl", "test": "test.jsonl"}


class Installation:
    """A data folder with a server that can be killed and started again; `desk` reaches the one that runs."""

    def __init__(self, folder: Path, settings: Mapping[str, str]) -> None:
        self.folder = folder
        self.settings = {"runtime_autoinstall": "false", "disk_reserve_mb": "0", "log_level": "warning", **settings}
        self.start()

    def start(self) -> None:
        self.server = server.start(self.folder, self.settings)
        self.client = DemoClient(self.server.url)

    def kill(self) -> None:
        """End the server as a power cut would; what it started goes on."""
        self.client.close()
        self.server.kill()

    def run(self, identifier: str) -> Path:
        """Return the folder of a job's, an evaluation's or a deployment's child process."""
        return self.folder / "runs" / identifier

    def state(self, identifier: str) -> str:
        """Return the last word of a child process."""
        return str((run_lock.read_whole(self.run(identifier) / run_lock.STATUS) or {}).get("state", ""))

    def pid(self, identifier: str) -> int:
        """Return the number of a living child process."""
        process = run_lock.read_whole(self.run(identifier) / run_lock.PROCESS)
        assert process is not None
        assert run_lock.is_locked(self.run(identifier))
        return int(process["pid"])

    @property
    def said(self) -> str:
        """Everything that the server complained about."""
        return self.server.log.read_text(encoding="utf-8")


@contextmanager
def installation(folder: Path, **settings: str) -> Iterator[Installation]:
    """Have a place; nothing that was started there outlives the block."""
    made = Installation(folder, settings)
    try:
        yield made
        steps.clear(made.client)
    finally:
        made.client.close()
        made.server.stop()
        end_all(folder / "runs")


def project(client: DemoClient) -> str:
    """Return a new project."""
    number = len(client.items("/projects")) + 1
    return str(client.post("/projects", {"name": f"Reviews {number}"})["id"])


def reviews(client: DemoClient, project_id: str) -> dict[str, str]:
    """Bring the reviews, and return the datasets' ids by their part."""
    made = {part: client.upload(REVIEWS / file, name=part, project=project_id) for part, file in PARTS.items()}
    assert {each["status"] for each in made.values()} == {"ready"}
    return {part: each["id"] for part, each in made.items()}


def job_request(client: DemoClient, **more: object) -> Answer:
    """Return a job over the reviews as POST /jobs takes it."""
    owner = project(client)
    data = reviews(client, owner)
    return {
        "project": owner,
        "connection": LOCAL_ID,
        "base_model": "builtin:starter",
        "name": "reviews",
        "training_dataset": data["training"],
        "validation": {"kind": "dataset", "dataset": data["validation"]},
        "test_dataset": data["test"],
        **more,
    }


def evaluated(client: DemoClient, job: Answer) -> dict[str, Answer]:
    """Return the evaluations that a succeeded job asks for by itself, once they are done."""
    own = client.items("/evaluations", job=job["id"])
    done = steps.evaluated(client, [each["id"] for each in own])
    return {"tuned" if each["target"]["model"] else "base": each for each in done}

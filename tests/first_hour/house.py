"""The server that this package asks, of this tree or of an earlier one, and what is brought to it by REST."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.connections import LOCAL_ID, REHEARSAL_ID
from tests.support.older.client import Client, Document
from tests.support.older.installation import Installation, stand_in
from tests.support.older.release import ROOT
from tests.support.waiting import until

CODE = "TUNEDESK_FIRST_HOUR_CODE"  # names the folder of the code that serves; without it, this tree does
SYSTEM = "Name the queue."
QUEUES = ("billing", "delivery", "returns")
FINAL = frozenset({"succeeded", "failed", "cancelled"})
STEPS = 30
SCRIPT: Mapping[str, Any] = {
    "queue_s": 0.0, "train_s": 0.1, "steps": STEPS, "look_s": 0.2,
    "deploy_s": 0.1, "undeploy_s": 0.1, "evaluate_s": 0.1,
}  # fmt: skip
# Nothing listens there: who asks a provider is refused at once, whatever network this machine has.
NOWHERE = "http://127.0.0.1:9"
SPLIT = {"kind": "split", "ratio": 0.2, "test_ratio": 0.2, "seed": 1}


def chats(about: str, queues: tuple[str, ...] = QUEUES, count: int = 60) -> bytes:
    """Return rows of a small triage task; other words make another file."""
    lines = [
        {
            "messages": [
                {"role": "system", "content": SYSTEM},
                {"role": "user", "content": f"Message {number} about {about}"},
                {"role": "assistant", "content": queues[number % len(queues)]},
            ]
        }
        for number in range(count)
    ]
    return "".join(json.dumps(line) + "\n" for line in lines).encode()


@dataclass(frozen=True)
class House:
    """A served installation; each test makes a project of its own there."""

    installation: Installation
    client: Client

    @property
    def address(self) -> str:
        """Where its pages are."""
        return f"http://127.0.0.1:{self.installation.port}"

    def project(self, name: str) -> str:
        """Make a project; return its id."""
        return str(self.client.post("/projects", {"name": name})["id"])

    def bring(self, filename: str, content: bytes, project: str | None = None) -> Document:
        """Bring a file, whatever it is; return what became of it once that is known."""
        query = {"name": filename.partition(".")[0], "filename": filename} | ({"project": project} if project else {})
        made = self.client.ask("PUT", "/datasets", params=query, content=content).json()["id"]
        return self.client.until(f"/datasets/{made}", lambda seen: seen["status"] != "validating")

    def rows(self, name: str, project: str | None = None) -> str:
        """Bring rows that can be trained on; return their dataset's id."""
        made = self.bring(f"{name}.jsonl", chats(name), project)
        assert made["status"] == "ready"
        return str(made["id"])

    def ended(self, **fields: object) -> Document:
        """Have a job rehearsed; return it once it is over."""
        made = self.client.post("/jobs", requested(**fields))["id"]
        return self.client.until(f"/jobs/{made}", lambda seen: seen["status"] in FINAL)

    def evaluated(self, job: str) -> list[Document]:
        """Return the two evaluations that a job asks for by itself, once they are over: the base's first."""

        def look() -> list[Document]:
            found = self.client.items("/evaluations", job=job)
            return found if len(found) > 1 and all(each["status"] in FINAL for each in found) else []

        return sorted(until(look, doing="the evaluations"), key=lambda each: each["target"]["model"] or "")

    def jobs(self) -> set[str]:
        """Return every job's id."""
        return {str(each["id"]) for each in self.client.items("/jobs")}


def requested(**fields: object) -> dict[str, object]:
    """Return a job as POST /jobs and a draft take it; rehearsed unless told otherwise."""
    base = {"connection": REHEARSAL_ID, "base_model": "rehearsal:small"}
    return {**base, "name": "triage", "validation": {"kind": "none"}, **fields}


def opened(folder: Path) -> House:
    """Start the server on an empty folder; whoever calls closes both."""
    code = Path(os.environ.get(CODE, ROOT))
    installation = Installation(folder)
    trainer = code / "tests" / "support" / "stand_in_trainer.py"
    proxies = {"HTTP_PROXY": NOWHERE, "HTTPS_PROXY": NOWHERE, "NO_PROXY": "127.0.0.1,localhost"}
    interpreter = stand_in(folder / "interpreter", trainer=trainer)
    client = installation.start(code, script=SCRIPT, interpreter=interpreter, environment=proxies)
    client.ask("PATCH", f"/connections/{LOCAL_ID}", json={"slots": 1})  # so that the second of two jobs waits
    return House(installation, client)

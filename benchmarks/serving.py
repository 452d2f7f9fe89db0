"""A deployment's server asked by sixteen at once, against the one of commit 8b96ff6, which answers one after the other.

Both are child processes as the backend `local` starts them, on one thread; chats are streamed over HTTP, greedy. The
model is the shipped starter with one change: its answers are a handful of tokens, and would measure the reading of
prompts, so the vector of the token that ends them is turned round, and they go on to their limit.

Counted are the CPU seconds of the server's process for each token that its usage tells of, and, by the clock, the time
to the first piece of text: alone, and of a seventeenth that comes while sixteen are answered. The older code is taken
out of this repository's history, or from the checkout that is named.

    python3 -m benchmarks.serving [--rounds 7] [--older FOLDER]
"""

import argparse
import http.client
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from app.settings import ROOT
from benchmarks.measuring import Goal, Sample, cpu_of, ratios, tell
from benchmarks.training_overhead import SAMPLE, STARTER, interpreter

COMMIT = "8b96ff684837bdb180eb7569fa3d40b9346da82b"
CROWD, FEW, TOKENS, LONG = 16, 4, 96, 300
TOGETHER, ALONE, SEVENTEENTH = 1 / 5, 1.05, 3.0
_PATIENCE_S = 300
_SECRET = "benchmark"  # noqa: S105 -- of a server on loopback, for minutes


@dataclass(frozen=True)
class Asked:
    """What one chat came to."""

    first_s: float  # until the first piece of text
    tokens: int


class ModelServer:
    """One of the two servers."""

    def __init__(self, pid: int, port: int) -> None:
        self.pid, self._port = pid, port

    def chat(self, question: str, *, tokens: int = TOKENS, begun: Callable[[], None] = lambda: None) -> Asked:
        """Ask, and read to the end; `begun` is called with the first text."""
        body = {
            "model": "starter", "messages": [{"role": "user", "content": question}], "temperature": 0,
            "max_tokens": tokens, "stream": True, "stream_options": {"include_usage": True},
        }  # fmt: skip
        before, first, made = time.perf_counter(), 0.0, 0
        connection, answer = self._asked(json.dumps(body))
        if answer.status != http.client.OK:
            raise RuntimeError(f"{answer.status}: {answer.read()[:300]!r}")
        for line in answer:
            if not line.startswith(b"data: {"):
                continue
            event = json.loads(line[6:])
            if not first and any(choice["delta"].get("content") for choice in event["choices"]):
                first = time.perf_counter() - before
                begun()
            made = (event.get("usage") or {}).get("completion_tokens") or made
        connection.close()
        return Asked(first, made)

    def _asked(self, body: str) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        """Ask, again where the connection is reset: the older server lets five wait to be taken, and drops others."""
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {_SECRET}"}
        while True:
            connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=_PATIENCE_S)
            with suppress(ConnectionResetError):
                connection.request("POST", "/v1/chat/completions", body, headers)
                return connection, connection.getresponse()
            connection.close()

    def cpu_a_token(self, questions: Sequence[str]) -> float:
        """Ask all at once; return CPU milliseconds for each token that was made."""
        before = cpu_of(self.pid)
        with ThreadPoolExecutor(len(questions)) as clients:
            made = sum(each.tokens for each in clients.map(self.chat, questions))
        return (cpu_of(self.pid) - before) * 1000 / made

    def first_beside(self, questions: Sequence[str], one_more: str) -> float:
        """Return the milliseconds to the first text of `one_more`, asked once all the others have begun."""
        started = threading.Barrier(len(questions) + 1)

        def begin() -> None:
            started.wait(_PATIENCE_S)

        with ThreadPoolExecutor(len(questions)) as clients:
            others = [clients.submit(self.chat, each, tokens=LONG, begun=begin) for each in questions]
            started.wait(_PATIENCE_S)
            found = self.chat(one_more, tokens=4)
            for each in others:
                each.result()
        return found.first_s * 1000


@contextmanager
def serving(model: Path, code: Path, module: str, folder: Path) -> Iterator[ModelServer]:
    """Have a server of a model directory by the code in a checkout, as long as the block takes."""
    folder.mkdir()
    target = {"id": "path:model", "path": str(model), "hub": None, "adapter": None, "root": "path:model"}
    spec = {
        "kind": "serve", "target": {"base": target, "model": None}, "alias": "starter", "secret": _SECRET, "queue": 32,
        "threads": 1, "device": "cpu", "offline": True, "niceness": 0,
    }  # fmt: skip
    (folder / "spec.json").write_text(json.dumps(spec), encoding="utf-8")
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    command = [str(interpreter()), "-P", "-m", module, str(folder / "spec.json")]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command,
            stdout=log,
            stderr=log,
            cwd=folder,
            env={**environ, "PYTHONPATH": str(code), "OMP_NUM_THREADS": "1"},
        )
    tick, ready = threading.Event(), folder / "ready.json"
    try:
        while not ready.exists():
            if process.poll() is not None:
                sys.exit((folder / "log").read_text(encoding="utf-8")[-2000:])
            tick.wait(0.1)
        yield ModelServer(process.pid, int(json.loads(ready.read_text(encoding="utf-8"))["port"]))
    finally:
        process.terminate()
        process.wait(30)


def talkative(folder: Path) -> Path:
    """Return `folder` with the starter in it, whose answers do not end.

    safetensors: eight bytes with the length of a JSON header, the header, the tensors; offsets count from its end.
    """
    shutil.copytree(STARTER, folder)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    weights = bytearray((folder / "model.safetensors").read_bytes())
    size = int.from_bytes(weights[:8], "little")
    found = json.loads(weights[8 : 8 + size])["model.embed_tokens.weight"]  # the head's, too
    width = (found["data_offsets"][1] - found["data_offsets"][0]) // found["shape"][0]
    begin = 8 + size + found["data_offsets"][0] + config["eos_token_id"] * width
    each = width // found["shape"][1]
    for sign in range(begin + each - 1, begin + width, each):  # the highest bit of a little-endian number
        weights[sign] ^= 0x80
    (folder / "model.safetensors").write_bytes(weights)
    return folder


def older_code(folder: Path) -> Path | None:
    """Return `folder` with the older code in it; None where this checkout's history does not reach so far."""
    archive = subprocess.run(
        [shutil.which("git") or "git", "archive", "--format=zip", COMMIT, "app"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if archive.returncode:
        return None
    with zipfile.ZipFile(io.BytesIO(archive.stdout)) as files:
        files.extractall(folder)
    return folder


def main() -> int:
    """Measure; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--older", type=Path, help="a checkout of 8b96ff6")
    asked = parser.parse_args()
    lines = (SAMPLE / "train.jsonl").read_text(encoding="utf-8").splitlines()
    questions = [
        next(each["content"] for each in json.loads(line)["messages"] if each["role"] == "user") for line in lines
    ]
    with tempfile.TemporaryDirectory(prefix="tunedesk-serving-") as made:
        folder = Path(made)
        older = asked.older or older_code(folder / "code")
        if older is None:
            print(f"skipped: {COMMIT[:7]} is not in this checkout's history (git fetch --unshallow)")
            return 0
        model = talkative(folder / "model")
        with (
            serving(model, ROOT, "app.training", folder / "now") as now,
            serving(model, older, "app.backends.local.children.server", folder / "then") as then,
        ):
            return measure(now, then, questions, asked.rounds)


def measure(now: ModelServer, then: ModelServer, questions: Sequence[str], rounds: int) -> int:
    """Ask both in turn; returns the exit code."""
    found: dict[str, list[float]] = {name: [] for name in ("crowd", "crowd then", "one", "one then", "first", "beside")}
    for number in range(-1, rounds):  # the first is for warming up
        some = [questions[(number * 31 + at) % len(questions)] for at in range(CROWD + 1)]
        row = {
            "crowd": now.cpu_a_token(some[:CROWD]),
            "crowd then": then.cpu_a_token(some[:CROWD]),
            "one": _alone(now, some),
            "one then": _alone(then, some),
            "first": sorted(now.chat(some[-1], tokens=4).first_s * 1000 for _ in range(5))[2],
            "beside": now.first_beside(some[:CROWD], some[-1]),
        }
        if number >= 0:
            for name, value in row.items():
                found[name].append(value)
            print(f"round {number + 1}: " + ", ".join(f"{name} {value:.2f}" for name, value in row.items()), flush=True)
    crowd, crowd_then = (
        Sample("16 at once", found["crowd"], "CPU ms a token"),
        Sample("16 at once, 8b96ff6", found["crowd then"], "CPU ms a token"),
    )
    one, one_then = (
        Sample("one alone", found["one"], "CPU ms a token"),
        Sample("one alone, 8b96ff6", found["one then"], "CPU ms a token"),
    )
    first, beside = (
        Sample("first text, alone", found["first"], "ms"),
        Sample("first text, as the 17th", found["beside"], "ms"),
    )
    together, alone, joined = ratios(crowd, crowd_then), ratios(one, one_then), ratios(beside, first)
    goals = [Goal(together, at_most=TOGETHER), Goal(alone, at_most=ALONE), Goal(joined, at_most=SEVENTEENTH)]
    return tell([crowd, crowd_then, together, one, one_then, alone, first, beside, joined], goals)


def _alone(server: ModelServer, questions: Sequence[str]) -> float:
    """Return the CPU milliseconds a token of questions asked one after the other."""
    before = cpu_of(server.pid)
    made = sum(server.chat(each).tokens for each in questions[:FEW])
    return (cpu_of(server.pid) - before) * 1000 / made


if __name__ == "__main__":
    sys.exit(main())

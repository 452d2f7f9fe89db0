"""Any child of the local backend without torch: it keeps the rules of training/channel.py, and is done in a second."""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from app.training import run_lock
from app.training.channel import Channel, run_child
from app.training.failures import Stopped

STEPS, STEP_S = 8, 0.06


def train(channel: Channel) -> None:
    """Train eight steps, from wherever an earlier child of this run came to."""
    run = channel.run
    step = int((run_lock.read_whole(run / "reached") or {}).get("step", 0))
    channel.state("training", step=step, steps=STEPS, epochs=1)
    while step < STEPS:
        if channel.stop.wait(STEP_S):
            raise Stopped({"step": step})
        step += 1
        channel.emit("metrics", step=step, steps=STEPS, epoch=step / STEPS, epochs=1, eta_s=0.1, train_loss=1 / step)
        run_lock.write_whole(run / "reached", {"step": step})
    (run / "model").mkdir(exist_ok=True)
    (run / "model" / "model.safetensors").write_bytes(b"weights")
    (run / "model" / "README.md").write_text("a card", encoding="utf-8")
    channel.state("succeeded", step=step, steps=STEPS, train_runtime=1.0)


def evaluate(channel: Channel) -> None:
    """Judge nothing."""
    (channel.run / "rows.jsonl").write_text("", encoding="utf-8")
    run_lock.write_whole(channel.run / "result.json", {"metrics": {"rows": 0}, "skipped": 0})
    channel.state("succeeded")


class Echo(BaseHTTPRequestHandler):
    """Answers every chat with one word."""

    def do_POST(self) -> None:
        """Answer as the real server does: pieces, and a last one with the reason."""
        pieces: list[dict[str, Any]] = [
            {"choices": [{"delta": {"content": "yes"}, "finish_reason": None}]},
            {"choices": [{"delta": {}, "finish_reason": "stop"}]},
        ]
        asked = self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        if b"slowly" in asked:  # one word, and then nothing for a long time
            self.wfile.write(b"data: " + json.dumps(pieces[0]).encode() + b"\n\n")
            Event().wait(60)
            return
        for piece in pieces:
            self.wfile.write(b"data: " + json.dumps(piece).encode() + b"\n\n")
        self.wfile.write(b"data: [DONE]\n\n")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the base class names it so
        """Say nothing."""


def serve(channel: Channel) -> None:
    """Answer chats until told to stop."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    Thread(target=server.serve_forever, daemon=True).start()
    process = run_lock.read_whole(channel.run / run_lock.PROCESS) or {}
    run_lock.write_whole(
        channel.run / run_lock.READY, {"port": server.server_address[1], "started": process["started"]}
    )
    channel.state("serving")
    channel.stop.wait()
    raise Stopped


def work(spec: dict[str, Any], channel: Channel) -> None:
    """Be whichever child was asked for."""
    {"train": train, "evaluate": evaluate, "serve": serve}[spec["kind"]](channel)


if __name__ == "__main__":
    sys.argv = [sys.argv[0], sys.argv[-1]]
    sys.exit(run_child(work))

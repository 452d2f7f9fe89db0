"""The whole main job without a browser: a server of its own, the REST contract, and a temporary data folder."""

import argparse
import shutil
import signal
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from app.demo import report, steps
from app.demo.client import Answer, DemoClient, DemoError
from app.demo.server import Server, serving
from app.demo.steps import Asked, RunOptions, Training
from app.setup.terminal import Terminal

EXAMPLES = 6  # shown to the base model before each question, in its few-shot evaluation
ROWS_ASKED = 10
_WIDTH = 100


def run(arguments: Sequence[str]) -> int:
    """Do the main job as the arguments say; returns the exit code."""
    wanted = _parser().parse_args(arguments)
    folder = Path(tempfile.mkdtemp(prefix="tunedesk-demo-"))
    code = 1
    try:
        with _stopped_once():
            code = _in_folder(folder, wanted)
    except DemoError as error:
        print(error, file=sys.stderr)
        _tell_log(folder, keep=wanted.keep)
    except KeyboardInterrupt:
        print("\nStopped; nothing is left running.", file=sys.stderr)
        code = 128 + signal.SIGINT
    finally:
        if wanted.keep:
            print(f"Kept: {folder} (look at it with: python3 -m app serve --data-dir {folder})", file=sys.stderr)
        else:
            shutil.rmtree(folder, ignore_errors=True)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python3 -m app demo",
        description="Fine-tunes the sample for real, judges it, serves it, asks it, and clears up.",
        allow_abbrev=False,
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the training (0)")
    parser.add_argument("--epochs", type=int, help="passes over the rows (what the sample's recipe says)")
    parser.add_argument("--adapter", choices=["none", "lora"], default="none", help="tune all weights, or an adapter")
    parser.add_argument("--keep", action="store_true", help="keep the data folder and the model")
    return parser


@contextmanager
def _stopped_once() -> Iterator[None]:
    """Let a polite kill and a closed terminal clear up as Ctrl-C does; asked again, it goes on clearing up."""
    stopping = False

    def stop(_signal: int, _frame: FrameType | None) -> None:
        nonlocal stopping
        if stopping:
            print("Clearing up; a moment.", file=sys.stderr)
            return
        stopping = True
        raise KeyboardInterrupt

    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {each: signal.signal(each, stop) for each in signals}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


@contextmanager
def cleared(server: Server) -> Iterator[DemoClient]:
    """Have a desk on a server; whatever happens, nothing that was started there runs on."""
    with DemoClient(server.url) as client:
        try:
            yield client
        finally:
            if server.process.poll() is None:
                steps.clear(client)


def _in_folder(folder: Path, asked: argparse.Namespace) -> int:
    screen = Screen()
    began = time.monotonic()
    with serving(folder) as server, cleared(server) as client:
        screen.say(f"A server of its own answers at {server.url} ({time.monotonic() - began:.1f} s)")
        steps.await_runtime(client, screen.step("Making the training runtime, some minutes, once"))
        draft = steps.sample_draft(client, RunOptions(seed=asked.seed, epochs=asked.epochs, adapter=asked.adapter))
        _tell_review(client, draft, screen)
        training = steps.train(client, f"/drafts/{draft['id']}/submit", show=screen.step("Training"))
        screen.say(f"Trained in {training.seconds:.0f} s, from submit to succeeded")
        evaluated = evaluate(client, training, screen)
        tuned = evaluated["tuned"]
        served = steps.deploy(client, {"model": training.model["id"]}, screen.step("Deploying the tuned model"))
        answers = steps.ask_again(client, served["id"], tuned, ROWS_ASKED)
        _tell_answers(answers, screen)
        if not asked.keep:
            removed = steps.tear_down(client, training.model, screen.step("Tearing down"))
            screen.say(f"Removed: {', then '.join(removed)}")
    print(f"\n{report.figures(evaluated)}\n")
    for paragraph in report.meaning(evaluated["base"], tuned, answers).splitlines():
        print(textwrap.fill(paragraph, _WIDTH))
    screen.say(f"The whole main job took {time.monotonic() - began:.0f} s")
    return 0 if all(each.same for each in answers) else 1


def evaluate(client: DemoClient, training: Training, screen: "Screen") -> dict[str, Answer]:
    """Return the evaluations of base, base with examples, and tuned, on the job's test rows."""
    own = client.items("/evaluations", job=training.job["id"])
    tuned = next(each["id"] for each in own if each["target"]["model"])
    base = next(each["id"] for each in own if not each["target"]["model"])
    shown = steps.evaluate(client, steps.few_shot(training.job, EXAMPLES))
    done = steps.evaluated(client, [base, tuned, shown], screen.step("Judging base and tuned on the test rows"))
    return {"base": done[0], f"base, {EXAMPLES} examples": done[2], "tuned": done[1]}


def _tell_review(client: DemoClient, draft: Answer, screen: "Screen") -> None:
    review = client.get(f"/drafts/{draft['id']}/review")
    for blocker in review["blockers"]:
        raise DemoError(f"{blocker['message']} {blocker['fix']}")
    estimate = review["estimate"] or {}
    if estimate.get("duration_s"):
        screen.say(
            f"The sample's draft: {estimate['steps']} steps, about {estimate['duration_s']:.0f} s ({estimate['basis']})"
        )


def _tell_answers(answers: Sequence[Asked], screen: "Screen") -> None:
    for each in answers[:3]:
        screen.say(f"  “{textwrap.shorten(each.prompt, 70)}” → {each.answered}")
    for each in answers:
        if not each.same:
            screen.say(f"  Differs from the evaluation: {each.prompt!r} → {each.answered!r}, was {each.recorded!r}")


def _tell_log(folder: Path, *, keep: bool) -> None:
    log = folder / "server.log"
    if not keep and log.exists():
        lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-5:]
        if lines:
            print("The server's last words:\n  " + "\n  ".join(lines), file=sys.stderr)


class Screen:
    """What the demo says while it works; without a terminal, a line for each tenth and each new thing."""

    def __init__(self) -> None:
        self._terminal = Terminal()
        self._said = ""

    def say(self, line: str) -> None:
        """A line that stays."""
        self._terminal.say(line)

    def step(self, title: str) -> steps.Show:
        """Return what shows how far a step is; the title is said with the first thing there is to show."""
        heads = [title]

        def show(share: float, words: str) -> None:
            reported = f"{share} {words}" if sys.stderr.isatty() else f"{share:.1f} {words.partition(' ')[0]}"
            if reported != self._said:
                self._said = reported
                if heads:
                    self.say(heads.pop())
                self._terminal.bar(share, words)

        return show

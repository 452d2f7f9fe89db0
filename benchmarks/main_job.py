"""The main job over three seeds, measured through the product's own REST: `python -m benchmarks.main_job`.

Prints one table of accuracy and macro-F1 on both test sets (tuned, base as it answers, base by forced choice, base with
examples, TF-IDF with logistic regression), the control with shuffled training labels, and the seconds from submit to
succeeded. Ends with code 1 where a threshold is missed. `--write` puts the table into the README as well.
"""

import argparse
import json
import random
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.demo import EXAMPLES, cleared, steps
from app.demo.client import Answer, DemoClient
from app.demo.server import serving
from app.demo.steps import RunOptions, Training
from benchmarks.reference_tfidf import read_labelled, reference_scores

ROOT = Path(__file__).resolve().parents[1]
SAMPLE = ROOT / "app" / "samples" / "support_triage"
TESTS = {"test": SAMPLE / "test.jsonl", "indirect": SAMPLE / "test_indirect.jsonl"}
BEGIN, END = "<!-- main job: begin -->", "<!-- main job: end -->"
SECONDS_ALLOWED = 120
MEDIAN_WANTED, EACH_WANTED = 0.85, 0.80
CHANCE_ALLOWED = 0.35  # of the control, and of the base by forced choice; guessing one of six queues is 0.17


@dataclass(frozen=True)
class Figures:
    """What one contender reached on one test set."""

    accuracy: float
    macro_f1: float | None = None

    def __str__(self) -> str:
        return f"{self.accuracy:.3f}" + (f" / {self.macro_f1:.3f}" if self.macro_f1 is not None else "")


@dataclass(frozen=True)
class Measured:
    """Everything that was measured: figures by contender and test set, seconds by seed."""

    figures: dict[str, dict[str, Figures]]
    seconds: list[float]
    tuned: list[str]  # the tuned contenders' names, one a seed

    def table(self) -> Iterator[str]:
        """Give the lines of a markdown table: accuracy / macro-F1."""
        yield f"| accuracy / macro-F1 | test ({_rows('test')} rows) | test-indirect ({_rows('indirect')} rows) |"
        yield "|---|---|---|"
        for name, found in self.figures.items():
            yield f"| {name} | {found['test']} | {found['indirect']} |"

    def took(self) -> str:
        """Return the seconds from submit to succeeded in a sentence."""
        listed = ", ".join(f"{seconds:.0f}" for seconds in self.seconds)
        return f"From submit to succeeded it took {listed} s, by seed."

    def missed(self) -> Iterator[str]:
        """Give one sentence for each threshold that was missed."""
        tuned = [self.figures[name]["test"].accuracy for name in self.tuned]
        if statistics.median(tuned) < MEDIAN_WANTED:
            yield f"The median accuracy on test is {statistics.median(tuned):.3f}, wanted {MEDIAN_WANTED} and more."
        if min(tuned) < EACH_WANTED:
            yield f"The worst seed reaches {min(tuned):.3f} on test, wanted {EACH_WANTED} and more."
        for name in ("base, forced to choose", "tuned on shuffled labels"):
            accuracy = self.figures[name]["test"].accuracy
            if accuracy > CHANCE_ALLOWED:
                yield f"{name}: {accuracy:.3f} on test, wanted {CHANCE_ALLOWED} and less."
        if max(self.seconds) > SECONDS_ALLOWED:
            yield f"Submit to succeeded took {max(self.seconds):.0f} s, wanted {SECONDS_ALLOWED} and less."


def main() -> int:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--write", action="store_true", help="put the table into README.md")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tunedesk-benchmark-") as folder:
        measured = measure(Path(folder), asked.seeds)
    text = "\n".join((*measured.table(), "", measured.took()))
    print(text)
    if asked.write:
        write(ROOT / "README.md", text)
    missed = list(measured.missed())
    print("\n".join(missed) or "Every threshold is met.")
    return 1 if missed else 0


def measure(folder: Path, seeds: Sequence[int]) -> Measured:
    """Train once a seed, once on shuffled labels, and let everybody answer both test sets."""
    with serving(folder) as server, cleared(server) as client:
        steps.await_runtime(client, _tell)
        draft = steps.sample_draft(client, RunOptions())["values"]
        indirect = client.upload(TESTS["indirect"], name="Support triage, test-indirect", project=draft["project"])[
            "id"
        ]
        figures: dict[str, dict[str, Figures]] = {}
        trained = [_train(client, seed) for seed in seeds]
        names = [f"tuned, seed {seed}" for seed in seeds]
        for name, training in zip(names, trained, strict=True):
            figures[name] = _both(client, training, {"model": training.model["id"]}, indirect)
        base = {"base_model": draft["base_model"], "connection": draft["connection"]}
        plain = _evaluations(client, trained[0], base, indirect)
        figures["base, as it answers"] = _figures(plain)
        figures["base, forced to choose"] = {
            name: Figures(one["metrics"]["forced_choice_accuracy"]) for name, one in plain.items()
        }
        figures[f"base, {EXAMPLES} examples in the prompt"] = _figures(
            _evaluations(client, trained[0], base, indirect, examples=EXAMPLES)
        )
        figures["TF-IDF and logistic regression"] = _reference()
        control = _control(client, draft, folder)
        figures["tuned on shuffled labels"] = _both(client, control, {"model": control.model["id"]}, indirect)
    return Measured(figures, [training.seconds for training in trained], names)


def write(readme: Path, text: str) -> None:
    """Put `text` between the marks of the README."""
    before, begin, rest = readme.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    readme.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}", encoding="utf-8")


def shuffled(source: Path, target: Path, seed: int = 0) -> Path:
    """Write the rows of `source` with their answers dealt anew by chance, and return `target`."""
    rows = [json.loads(line) for line in source.read_text(encoding="utf-8").splitlines()]
    answers = [row["messages"][-1] for row in rows]
    random.Random(seed).shuffle(answers)
    assigned = [{"messages": [*row["messages"][:-1], answer]} for row, answer in zip(rows, answers, strict=True)]
    target.write_text("".join(json.dumps(row) + "\n" for row in assigned), encoding="utf-8")
    return target


def _train(client: DemoClient, seed: int) -> Training:
    draft = steps.sample_draft(client, RunOptions(seed=seed))
    training = steps.train(client, f"/drafts/{draft['id']}/submit")
    print(f"Seed {seed}: {training.seconds:.0f} s", file=sys.stderr)
    return training


def _control(client: DemoClient, draft: Answer, folder: Path) -> Training:
    file = shuffled(SAMPLE / "train.jsonl", folder / "shuffled.jsonl")
    dataset = client.upload(file, name="Support triage, labels shuffled", project=draft["project"])
    client.until(f"/datasets/{dataset['id']}", lambda seen: seen["status"] != "validating", limit_s=60)
    return steps.train(client, "/jobs", {**draft, "name": "shuffled", "training_dataset": dataset["id"]})


def _both(client: DemoClient, training: Training, target: Answer, indirect: str) -> dict[str, Figures]:
    return _figures(_evaluations(client, training, target, indirect))


def _evaluations(
    client: DemoClient, training: Training, target: Answer, indirect: str, *, examples: int = 0
) -> dict[str, Answer]:
    parts = training.job["parts"]
    asked = [
        steps.evaluate(
            client,
            {
                "target": target,
                "dataset": dataset,
                **({"few_shot": examples, "few_shot_dataset": parts["training"]} if examples else {}),
            },
        )
        for dataset in (parts["test"], indirect)
    ]
    return dict(zip(TESTS, steps.evaluated(client, asked), strict=True))


def _figures(evaluations: dict[str, Answer]) -> dict[str, Figures]:
    return {name: Figures(one["metrics"]["accuracy"], one["metrics"]["macro_f1"]) for name, one in evaluations.items()}


def _reference() -> dict[str, Figures]:
    scores = reference_scores(SAMPLE / "train.jsonl", TESTS.values())
    return {name: Figures(scores[path.name].accuracy, scores[path.name].macro_f1) for name, path in TESTS.items()}


def _rows(name: str) -> int:
    return len(read_labelled(TESTS[name])[0])


def _tell(share: float, words: str) -> None:
    print(f"{share:4.0%} {words}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())

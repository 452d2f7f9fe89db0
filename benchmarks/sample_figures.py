"""Measures the sample's recipe with the product's own trainer and evaluator, and prints the table of `docs/sample.md`.

`python -m benchmarks.sample_figures --python RUNTIME/bin/python --work FOLDER`, in the web environment. Each training
and each evaluation is the child process that the product starts; here they run one after another, without a server.
"""

import argparse
import json
import random
import statistics
import subprocess
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.backends.local.hyperparameters import resolve
from benchmarks.reference_tfidf import reference_scores

ROOT = Path(__file__).parents[1]
SAMPLE = ROOT / "app" / "samples" / "support_triage"
TESTS = ("test.jsonl", "test_indirect.jsonl")
CONTEXT = 512
FLOOR_MEDIAN, FLOOR_EACH, CEILING_SHUFFLED, CEILING_BASE = 0.85, 0.80, 0.35, 0.35


@dataclass(frozen=True)
class Bench:
    """Where and with what the children run."""

    python: Path
    work: Path
    starter: Path
    threads: int

    @property
    def base(self) -> dict[str, Any]:
        """The starter as a child's spec names a base model."""
        return {"id": "builtin:starter", "path": str(self.starter), "hub": None}

    def run(self, name: str, spec: dict[str, Any]) -> tuple[Path, float]:
        """Run a child to its end; its run folder and the seconds it took.

        Raises:
            RuntimeError: when the child does not succeed, with what it told.
        """
        folder = self.work / name
        folder.mkdir(parents=True)
        common = {"threads": self.threads, "device": "cpu", "offline": True}
        (folder / "spec.json").write_text(json.dumps({**common, **spec}), encoding="utf-8")
        command = [str(self.python), "-m", "app.training", str(folder / "spec.json")]
        began = time.monotonic()
        with (folder / "log.txt").open("w", encoding="utf-8") as log:
            subprocess.run(command, cwd=ROOT, stdout=log, stderr=log, check=False)
        reported = json.loads((folder / "status.json").read_text(encoding="utf-8"))
        if reported["state"] != "succeeded":
            raise RuntimeError(f"{name}: {reported}")
        return folder, time.monotonic() - began

    def train(self, name: str, recipe: str, seed: int, training: Path) -> tuple[Path, float]:
        """Fine-tune the starter with a recipe; the model's folder and the seconds from start to succeeded."""
        values = json.loads((SAMPLE / recipe).read_text(encoding="utf-8"))
        rows = len(training.read_text(encoding="utf-8").splitlines())
        settings = resolve(
            values["hyperparameters"], values["options"], starter=True, context_length=CONTEXT, rows=rows
        )
        spec = {
            "kind": "train",
            "name": name,
            "base": self.base,
            "settings": settings,
            "seed": seed,
            "train": str(training),
            "validation": str(SAMPLE / "validation.jsonl"),
            "rates": str(self.work / "rates.jsonl"),
        }
        folder, seconds = self.run(name, spec)
        return folder / "model", seconds

    def evaluate(
        self, name: str, rows: str, model: Path | None = None, few_shot: Sequence[dict[str, Any]] = ()
    ) -> dict[str, Any]:
        """The evaluator's figures of the base or of a tuned model on a file of the sample."""
        spec = {
            "kind": "evaluate",
            "target": {"base": self.base, "model": str(model) if model else None},
            "rows": str(SAMPLE / rows),
            "system_prompt": None,
            "few_shot": list(few_shot),
            "labels": [],
            "batch_size": 16,
        }
        folder, _ = self.run(f"{name}-{rows.removesuffix('.jsonl')}", spec)
        result = json.loads((folder / "result.json").read_text(encoding="utf-8"))
        metrics: dict[str, Any] = result["metrics"]
        return metrics


def shuffled(training: Path, to: Path, seed: int) -> Path:
    """The training rows with their answers dealt out anew: what is learnt from them says nothing about the task."""
    rows = [json.loads(line) for line in training.read_text(encoding="utf-8").splitlines()]
    answers = [row["messages"][-1]["content"] for row in rows]
    random.Random(seed).shuffle(answers)
    for row, answer in zip(rows, answers, strict=True):
        row["messages"][-1]["content"] = answer
    to.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return to


def one_example_each(training: Path) -> list[dict[str, Any]]:
    """The first training row of each label."""
    first: dict[str, dict[str, Any]] = {}
    for line in training.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        first.setdefault(row["messages"][-1]["content"], row)
    return list(first.values())


def show(what: str, figures: Iterable[dict[str, Any]], seconds: Sequence[float] = ()) -> list[float]:
    """Print a line of the table, and return its accuracies."""
    found = list(figures)
    line = " / ".join(
        f"{one['accuracy']:.3f} (F1 {one['macro_f1']:.3f}, choice {one['forced_choice_accuracy']:.3f})" for one in found
    )
    print(f"{what}: {line}" + (f"; {', '.join(f'{each:.0f}' for each in seconds)} s" if seconds else ""), flush=True)
    return [float(one["accuracy"]) for one in found]


def tuned(bench: Bench, recipe: str, seeds: Sequence[int], *, shuffle: bool, tests: Sequence[str]) -> list[float]:
    """Train once a seed, print the figures on each file, and return the accuracies on the first of them."""
    label = recipe.removesuffix(".json") + (" shuffled" if shuffle else "")
    models, seconds = [], []
    for seed in seeds:
        name = f"{label.replace(' ', '-')}-{seed}"
        rows = SAMPLE / "train.jsonl"
        if shuffle:
            rows = shuffled(rows, bench.work / f"{name}.jsonl", seed)
        model, took = bench.train(name, recipe, seed, rows)
        models.append((name, model))
        seconds.append(took)
    found = [show(f"{label}, {test}", [bench.evaluate(n, test, m) for n, m in models], seconds) for test in tests]
    return found[0]


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", type=Path, required=True, help="the runtime environment's interpreter")
    parser.add_argument("--work", type=Path, required=True, help="an empty folder for the runs")
    parser.add_argument("--starter", type=Path, default=ROOT / "app" / "samples" / "starter")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--files", nargs="+", default=list(TESTS), help="files of the sample to score")
    parser.add_argument("--skip", nargs="*", default=[], choices=["base", "full", "lora", "shuffled"])
    return parser.parse_args()


def main() -> None:
    """Print every line of the table and whether the thresholds are met."""
    given = parse()
    bench = Bench(given.python, given.work.resolve(), given.starter.resolve(), given.threads)
    for name, score in reference_scores(SAMPLE / "train.jsonl", [SAMPLE / file for file in given.files]).items():
        print(f"TF-IDF and logistic regression, {name}: {score.accuracy:.3f} (F1 {score.macro_f1:.3f})", flush=True)
    checks: dict[str, bool] = {}
    if "base" not in given.skip:
        examples = one_example_each(SAMPLE / "train.jsonl")
        for file in given.files:
            base = bench.evaluate("base", file)
            show(f"base, {file}", [base])
            show(f"base with an example of each queue, {file}", [bench.evaluate("few-shot", file, few_shot=examples)])
            checks[f"base by forced choice on {file}"] = base["forced_choice_accuracy"] <= CEILING_BASE
    if "full" not in given.skip:
        full = tuned(bench, "recipe.json", given.seeds, shuffle=False, tests=given.files)
        checks["median"] = statistics.median(full) >= FLOOR_MEDIAN
        checks["each seed"] = min(full) >= FLOOR_EACH
    if "lora" not in given.skip:
        tuned(bench, "recipe_lora.json", given.seeds, shuffle=False, tests=given.files)
    if "shuffled" not in given.skip:
        control = tuned(bench, "recipe.json", given.seeds, shuffle=True, tests=given.files)
        checks["shuffled labels"] = max(control) <= CEILING_SHUFFLED
    print("thresholds:", ", ".join(f"{name} {'met' if met else 'MISSED'}" for name, met in checks.items()))


if __name__ == "__main__":
    main()

"""The look before a training against one pass of the tokenizer over the same texts: CPU, in interleaved rounds.

Everything that the pre-flight does beyond start and imports is counted: files, tokenizer, architecture, reading and
rendering the rows, and turning them into the sequences that are trained. Rows are chats of one question, made of the
sample's words. A runtime's interpreter does both, in one process, on one thread.

    python3 -m benchmarks.preflight [--rounds 7]
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]  # a runtime's interpreter runs this, too, and has not the web's packages
SAMPLE, STARTER = ROOT / "app" / "samples" / "support_triage", ROOT / "app" / "samples" / "starter"
MOST = 1.5
SIZES = {100: 25_000, 1000: 2_500, 5000: 500}  # bytes of a row, and how many there are: 2.5 MB of each


def write_rows(path: Path, size: int, count: int) -> None:
    """Write chats of about `size` bytes each: two thirds are asked, one third is answered."""
    draw = random.Random(size)
    words = [word for word in (SAMPLE / "train.jsonl").read_text(encoding="utf-8").split() if word.isalpha()]
    with path.open("w", encoding="utf-8") as file:
        for line in range(1, count + 1):
            asked, answered = (
                " ".join(draw.choices(words, k=max(1, int(size * share / 6.5)))) for share in (2 / 3, 1 / 3)
            )
            turns = [{"role": "user", "content": asked}, {"role": "assistant", "content": answered}]
            file.write(json.dumps({"line": line, "messages": turns}) + "\n")


def rounds(path: Path, count: int) -> Sequence[tuple[float, float]]:
    """Return (seconds of the pre-flight, seconds of the tokenizer) of each round."""
    from benchmarks.training_overhead import interpreter  # noqa: PLC0415 -- of one of the two interpreters

    command = [str(interpreter()), "-m", "benchmarks.preflight", "--inside", str(path), "--rounds", str(count)]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return [(ours, theirs) for ours, theirs in json.loads(done.stdout.splitlines()[-1])]


def inside(path: Path, count: int) -> None:
    """Measure in a runtime's interpreter, and print the rounds as JSON."""
    from app.training.channel import set_environment  # noqa: PLC0415 -- of one of the two interpreters

    set_environment({"threads": 1, "offline": True})
    from transformers import AutoTokenizer  # noqa: PLC0415 -- of one of the two interpreters

    from app.training import preflight  # noqa: PLC0415 -- of one of the two interpreters

    base = {"id": "builtin:starter", "path": str(STARTER), "hub": None, "adapter": None, "root": "builtin:starter"}
    settings = {"max_length": 1024, "adapter": "none", "assistant_only_loss": True}
    spec = {"base": base, "method": "sft", "settings": settings, "train": str(path)}
    words = AutoTokenizer.from_pretrained(STARTER)
    chats = [json.loads(line)["messages"] for line in path.read_text(encoding="utf-8").splitlines()]
    texts = [words.apply_chat_template(chat, tokenize=False) for chat in chats]
    preflight.look({**spec, "settings": {**settings, "max_length": 64}}, lambda _: None)  # imports what it needs
    measured = []
    for _ in range(count):
        began = time.process_time()
        found = preflight.look(spec, lambda _: None)
        between = time.process_time()
        words(texts, add_special_tokens=False)
        measured.append((between - began, time.process_time() - between))
        if found.training is None or len(found.training.made) != len(texts):
            sys.exit("The pre-flight did not encode every row.")
    print(json.dumps(measured))


def main() -> int:
    """Measure each size; return 1 where the goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--inside", type=Path)
    given = parser.parse_args()
    if given.inside:
        inside(given.inside, given.rounds)
        return 0
    from benchmarks.measuring import Goal, Sample, tell  # noqa: PLC0415 -- of one of the two interpreters

    os.environ.setdefault("RAYON_NUM_THREADS", "1")
    samples = []
    with tempfile.TemporaryDirectory() as folder:
        for size, count in SIZES.items():
            path = Path(folder) / f"{size}.jsonl"
            write_rows(path, size, count)
            pairs = rounds(path, given.rounds)
            name = f"pre-flight / tokenizer, {count} rows of {size / 1000:g} kB"
            samples.append(Sample(name, [ours / theirs for ours, theirs in pairs], "times"))
    return tell(samples, [Goal(each, at_most=MOST) for each in samples])


if __name__ == "__main__":
    sys.exit(main())

"""What is taught where only the last answer of each conversation is to be learned, against the plain reading of it.

Run by a runtime's interpreter: `python -m tests.families.last_answers FOLDER FAMILY…`. Prints a line of JSON for each:
the tokens that are learned besides, and those that are not learned.
"""

import json
import sys
from pathlib import Path
from typing import Any

import torch

from tests.families import ours, plain
from tests.families.make import make
from tests.families.plain import Plain
from tests.families.rows import CHAT, CHATS, asked, turn
from tests.families.table import BY_NAME

# The last answer is of weight 0: the one before it is the last that may be learned.
_UNLEARNED = {"messages": [*asked("Hello", "Hi"), *asked("My courier is late", "delivery"), turn("user", "Thanks"),
                           turn("assistant", "no idea", weight=0)]}  # fmt: skip
_Apart = dict[str, list[str]]
ROWS: tuple[Any, ...] = (*CHATS, _UNLEARNED)


def main(folder: Path, families: list[str]) -> None:
    torch.set_num_threads(1)
    for name in families:
        family = BY_NAME[name]
        model, file = make(family, folder / name), folder / f"{name}.jsonl"
        lines = [json.dumps({"line": number, **row}) for number, row in enumerate(ROWS, start=1)]
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")
        spec = ours.spec_of(model, folder / f"{name}-run", file, CHAT, lora=False)
        spec["settings"]["learn_turns"] = "last"
        found = ours.Training(spec, folder / f"{name}-run").learned()
        readings = (Plain(family, model, blank_is_learned=learned) for learned in (False, True))
        apart = min((_apart(found, each) for each in readings), key=_size)
        print(json.dumps({"family": name, **apart}), flush=True)  # noqa: T201 -- the result


def _apart(found: plain.Learned, by_hand: Plain) -> _Apart:
    last = [by_hand.examples(CHAT, [row])[-1] for row in ROWS]
    besides = found - plain.learned(last) - plain.after_the_end(last)
    missing = plain.learned(last) - found
    return {
        what: [by_hand.tokenizer.decode([*before, token]) for before, token in tokens]
        for what, tokens in (("besides", besides), ("missing", missing))
    }


def _size(apart: _Apart) -> int:
    return sum(map(len, apart.values()))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])

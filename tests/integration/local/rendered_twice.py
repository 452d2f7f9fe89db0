"""Rows as tokens by a script that a person is handed, and by the modules that a job runs.

Run by the runtime's interpreter: `python -m tests.integration.local.rendered_twice SCRIPT [FAMILY…]`, the first time
with the script's own model, then with the tokenizer and template of each family. Prints both as JSON, and what the
script names as the end of an answer.
"""

import importlib.util
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from transformers import AutoTokenizer

from app.training import examples, rows
from app.training.rendering import Renderer
from tests.families.make import template
from tests.families.table import BY_NAME
from tests.families.vocabulary import tokenizer


def main(path: Path, families: list[str]) -> None:
    found = importlib.util.spec_from_file_location("script", path)
    assert found is not None
    assert found.loader is not None
    script: Any = importlib.util.module_from_spec(found)
    sys.modules["script"] = script  # where its dataclasses look for their module
    found.loader.exec_module(script)
    words = [AutoTokenizer.from_pretrained(script.MODEL)]
    for name in families:
        family = BY_NAME[name]
        made = tokenizer(family)
        made.chat_template = template(str(family.template))
        words.append(made)
    for each in words:
        file, last = Path(script.TRAIN), "only_last=True" in path.read_text(encoding="utf-8")
        theirs = script.sequences(script.read_rows(file, only_last=last), script.Renderer(each), answers_only=True)
        ours = examples.sequences(rows.read_rows(file, only_last=last), Renderer(each), answers_only=True)
        ends = (script.Renderer(each).taught_end, Renderer(each).taught_end)
        print(json.dumps([[asdict(one) for one in made] for made in (theirs, ours)] + [ends]))  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])

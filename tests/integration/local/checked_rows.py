"""The look that each training takes before its first step, at one file of canonical rows after the other.

Run by a runtime's interpreter, `python -m tests.integration.local.checked_rows FOLDER`: reads `FOLDER/asked.json`
(names, each with its file of rows, the method, and whether its rows call tools), and writes `FOLDER/compared.json`: by
name the lines that were compared, or the sentence of the failure.
"""

import json
import sys
from pathlib import Path
from typing import Any

from app.training.channel import Channel, set_environment

set_environment({"threads": 1, "offline": True})  # libraries read it when they are imported

from app.training import self_check  # noqa: E402 -- see above
from app.training.failures import ChildError  # noqa: E402
from app.training.rows import read_rows  # noqa: E402
from app.training.trainers import build  # noqa: E402
from tests.families.make import make  # noqa: E402
from tests.families.ours import spec_of  # noqa: E402
from tests.families.rows import CHAT, DPO  # noqa: E402
from tests.families.table import BY_NAME  # noqa: E402

STARTER = Path(__file__).resolve().parents[3] / "app" / "samples" / "starter"
_LONGEST = {False: 512, True: 1024}  # tokens: what the models hold


def compared(folder: Path, name: str, asked: dict[str, Any], models: dict[bool, Path]) -> list[int] | str:
    """Build the training, which looks at its rows, and look once more to say at which."""
    run, rows = folder / f"run-{name}", Path(asked["rows"])
    run.mkdir()
    spec = spec_of(models[asked["tools"]], run, rows, DPO if asked["method"] == "dpo" else CHAT, lora=False)
    spec["settings"]["max_length"] = _LONGEST[asked["tools"]]
    try:
        trainer, _ = build(spec, Channel(run), "cpu")
        return self_check.check(trainer, read_rows(rows), answers_only=True)
    except ChildError as error:
        return str(error)


def main(folder: Path) -> None:
    """Look at all of them."""
    models = {False: STARTER, True: make(BY_NAME["chatml-instruct"], folder / "model")}  # one writes calls of tools
    asked = json.loads((folder / "asked.json").read_text(encoding="utf-8"))
    found = {name: compared(folder, name, each, models) for name, each in asked.items()}
    (folder / "compared.json").write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

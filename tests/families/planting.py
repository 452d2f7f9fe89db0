"""Plants every fault of `faults` and lets the pre-flight look, all in one process of a runtime's interpreter.

`python -m tests.families.planting FOLDER` writes `FOLDER/found.json`: what was found, by the fault's name.
"""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

from app.training.channel import set_environment

set_environment({"threads": 1, "offline": True})  # libraries read it when they are imported

from app.training import preflight  # noqa: E402 -- see above
from tests.families.faults import FAULTS, Fault  # noqa: E402
from tests.families.make import make  # noqa: E402
from tests.families.table import BY_NAME  # noqa: E402

_SETTINGS = {"max_length": 512, "adapter": "none", "assistant_only_loss": True}


def found(folder: Path, fault: Fault, good: Path) -> list[dict[str, Any]]:
    """Return what is found with one fault planted in a copy of a good model."""
    model, rows = folder / "model", folder / "rows.jsonl"
    shutil.copytree(good, model)
    fault.spoil(model)
    lines = fault.rows if isinstance(fault.rows, str) else "".join(json.dumps(row) + "\n" for row in fault.rows)
    rows.write_text(lines, encoding="utf-8")
    base = {"id": f"path:{model}", "path": str(model), "hub": None, "adapter": None, "root": f"path:{model}"}
    spec = {"base": base, "method": fault.method, "settings": {**_SETTINGS, **fault.settings}, "train": str(rows)}
    return [each.as_json() for each in preflight.look(spec, lambda _: None).findings]


def main(folder: Path) -> None:
    """Make the families that are needed, then plant one fault after the other."""
    for name in sorted({fault.family for fault in FAULTS.values()}):
        make(BY_NAME[name], folder / "good" / name)
    reported = {}
    for number, (name, fault) in enumerate(FAULTS.items()):
        reported[name] = found(folder / str(number), fault, folder / "good" / fault.family)
    (folder / "found.json").write_text(json.dumps(reported), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""Where tuned models lie, by the name this backend gives them: `run:<tag>`, or `run:<tag>@<step>` of a checkpoint."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.backends.local.errors import untyped
from app.backends.local.runs import Runs
from app.domain.backend import NotFound
from app.training import run_lock
from app.training.notes import NOTE

TUNED = "run:"
_MODEL = re.compile(r"run:([\w.-]+?)(?:@(\d{1,18}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class TunedModels:
    """The model folders inside run folders."""

    runs: Runs

    def folder(self, model: str) -> Path:
        """Return the folder of the tuned model called `model`.

        Raises:
            NotFound: when there is none of that name, or its files are gone.
        """
        folder = self.directory(model)
        if folder is None or not folder.is_dir():
            raise NotFound("The tuned model's files are gone.", fix="Train it again, or choose another model.")
        return folder

    def directory(self, model: str) -> Path | None:
        """Return where a tuned model of that name would lie; None for a name of another form."""
        match = _MODEL.fullmatch(model)
        if match is None:
            return None
        tag, step = match.groups()
        return self.runs.folder(tag) / ("model" if step is None else f"model-{int(step)}")

    def note(self, folder: Path) -> dict[str, Any]:
        """Return what stands in a model folder's note; empty where there is none."""
        return run_lock.read_whole(folder / NOTE) or {}

    def name(self, model: str) -> str:
        """Return the name that people gave to what was tuned, with the step of a checkpoint; asks no more than a file.

        It stays known when the files of the model are gone.
        """
        match = _MODEL.fullmatch(model)
        if match is None:
            return model
        tag, step = match.groups()
        spec = untyped(run_lock.read_whole(self.runs.folder(tag) / run_lock.SPEC))
        name = str(spec.get("name") or tag)
        return name if step is None else f"{name} (step {int(step)})"

    def resting_on(self, folder: Path) -> list[str]:
        """Return the names of adapters that stand upon the weights in `folder`."""
        found = []
        for path in self.runs.root.glob(f"*/model*/{NOTE}"):
            note = self.note(path.parent)
            if note.get("kind") == "adapter" and untyped(note.get("base")).get("path") == str(folder):
                found.append(str(note.get("name")))
        return sorted(found)

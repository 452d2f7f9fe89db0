"""Where tuned models lie, by the name this backend gives them: `run:<tag>`, or `run:<tag>@<step>` of a checkpoint."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

from app.backends.local.errors import untyped
from app.backends.local.runs import Runs
from app.domain.backend import NotFound
from app.domain.backend_abilities import SavedStep
from app.training import notes, run_lock
from app.training.checkpoints import is_complete
from app.training.notes import NOTE

TUNED = "run:"
_MODEL = re.compile(r"run:([\w.-]+?)(?:@(\d{1,18}))?", re.ASCII)
_FIX = "Train it again, or choose another model."


def checkpoint_name(tag: str, step: str) -> str:
    """Return the name of a checkpoint of a run, and of the model that may be made of it."""
    return f"{TUNED}{tag}@{step}"


def saved_step(model: str) -> SavedStep | None:
    """Return the checkpoint that such a name stands for; None for any other name."""
    match = _MODEL.fullmatch(model)
    return SavedStep(job=match[1], checkpoint=match[2]) if match is not None and match[2] is not None else None


@dataclass(frozen=True, slots=True)
class TunedModels:
    """The model folders inside run folders."""

    runs: Runs
    copying: Lock = field(default_factory=Lock)  # held while a model is made of a checkpoint

    def folder(self, model: str) -> Path:
        """Return the folder of the tuned model called `model`.

        Raises:
            NotFound: when there is none of that name, or its files are gone.
        """
        folder = self.directory(model)
        if folder is None or not folder.is_dir():
            raise NotFound("The tuned model's files are gone.", fix=_FIX)
        return folder

    def base(self, model: str) -> tuple[Path, dict[str, Any]]:
        """Return the folder that the tuned model called `model` is trained further from, and its note.

        Where no model has been made of a checkpoint yet, that is the checkpoint's own folder.

        Raises:
            NotFound: when there is neither.
        """
        folder = self.directory(model)
        if folder is not None and folder.is_dir():
            return folder, self.note(folder)
        saved, checkpoint = saved_step(model), self.checkpoint(model)
        run = checkpoint.parent.parent if checkpoint is not None else None
        spec = run_lock.read_whole(run / run_lock.SPEC) if run is not None else None
        if checkpoint is not None and run is not None and spec is not None:
            return checkpoint, notes.note(spec, run)
        if saved is not None:
            raise NotFound(f"The checkpoint of step {int(saved.checkpoint)} has been removed.", fix=_FIX)
        raise NotFound("The tuned model's files are gone.", fix=_FIX)

    def checkpoint(self, model: str) -> Path | None:
        """Return the whole checkpoint that a name stands for; None for any other name, and where there is none."""
        saved = saved_step(model)
        if saved is None:
            return None
        folder = self.runs.folder(saved.job) / "checkpoints" / f"checkpoint-{int(saved.checkpoint)}"
        return folder if is_complete(folder) else None

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

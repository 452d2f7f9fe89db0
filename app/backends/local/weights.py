"""Tuned models as folders: handed out, made from a checkpoint, removed."""

import shutil
from pathlib import Path

from app.backends.local.children import presence
from app.backends.local.children.checkpoints import SEAL, is_complete
from app.backends.local.children.notes import NOTE, note
from app.backends.local.errors import in_backend_words
from app.backends.local.workshop import Workshop
from app.domain.backend import NotFound, Rejected, RemoteJob

_MODEL_FILES = ("*.safetensors", "*.json", "*.jinja", "*.model", "*.txt", "README.md")
# What going on with a training needs, and a model does not.
_NOT_OF_THE_MODEL = frozenset({"trainer_state.json", SEAL})
_NAMED = 3  # of several, in a sentence


class KeepsWeightsHere:
    """To hand out a tuned model's files."""

    workshop: Workshop

    @in_backend_words
    def discard_model(self, model: str) -> None:
        """Remove a tuned model's files; a job's own model takes the checkpoints with it, which are models too.

        Raises:
            Rejected: while an adapter that was trained here stands upon its weights.
        """
        place = self.workshop.tuned.place(model)
        if place is None:
            return
        above = self.workshop.tuned.resting_on(place)
        if above:
            named = ", ".join(above[:_NAMED])
            raise Rejected(f"These weights are the base of the adapter {named}.", fix="Remove that model first.")
        shutil.rmtree(place, ignore_errors=True)
        if place.name == "model":
            shutil.rmtree(place.parent / "checkpoints", ignore_errors=True)

    def model_files(self, model: str) -> Path:
        """Return the folder with the tuned model's safetensors and card."""
        return self.workshop.model_folder(model)

    @in_backend_words
    def model_from_checkpoint(self, job: RemoteJob, checkpoint: str) -> str:
        """Copy a checkpoint's weights into a model folder of their own; a repeat finds it."""
        run = self.workshop.runs.folder(job.id)
        name = f"run:{job.id}@{checkpoint}"
        final, source = self.workshop.tuned.place(name), run / "checkpoints" / f"checkpoint-{checkpoint}"
        if final is None or not (final.is_dir() or is_complete(source)):
            raise NotFound(f"There is no whole checkpoint of step {checkpoint[:20]}.", fix="Choose one that is listed.")
        if not final.is_dir():
            partial = final.with_name(f".{final.name}.partial")
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir()
            for pattern in _MODEL_FILES:
                for file in source.glob(pattern):
                    if file.name not in _NOT_OF_THE_MODEL:
                        shutil.copyfile(file, partial / file.name)
            presence.write_whole(partial / NOTE, note(presence.read_whole(run / presence.SPEC) or {}))
            partial.rename(final)
        return name


def size_bytes(folder: Path) -> int | None:
    """Return the size of all files in `folder`; None where there are none."""
    sizes = [file.stat().st_size for file in folder.rglob("*") if file.is_file()]
    return sum(sizes) or None

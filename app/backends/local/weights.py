"""Tuned models as folders: handed out, made from a checkpoint, removed."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from app.backends.local.context import LocalContext
from app.backends.local.errors import in_backend_words
from app.backends.local.tuned import checkpoint_name, saved_step
from app.domain.backend import Backend, KeepsWeights, NotFound, Rejected, RemoteJob
from app.domain.backend_abilities import (
    BatchRow,
    ContinuesTuned,
    DiscardsCheckpoints,
    NamesBases,
    OffersCheckpoints,
    Piece,
    SavedStep,
    ShowsFirstBatch,
)
from app.training import portable, run_lock
from app.training.checkpoints import SEAL, step_of
from app.training.model_card import card_of_checkpoint
from app.training.notes import NOTE, note

_MODEL_FILES = ("*.safetensors", "*.json", "*.jinja", "*.model", "*.txt", "README.md")
# What going on with a training needs, and a model does not.
_NOT_OF_THE_MODEL = frozenset({"trainer_state.json", SEAL})
_FACTS = ("versions", "device", "parameters", "trained_parameters")
_NAMED = 3  # of several, in a sentence


class LocalWeights(
    KeepsWeights, OffersCheckpoints, ContinuesTuned, NamesBases, DiscardsCheckpoints, ShowsFirstBatch, Backend
):
    """To hand out a tuned model's files."""

    context: LocalContext

    @in_backend_words
    def discard_model(self, model: str) -> None:
        """Remove a tuned model's files; a job's own model takes the checkpoints with it, which are models too.

        Raises:
            Rejected: while an adapter that was trained here stands upon its weights.
        """
        directory = self.context.tuned.directory(model)
        if directory is None:
            return
        above = self.context.tuned.resting_on(directory)
        if above:
            named = ", ".join(above[:_NAMED])
            raise Rejected(f"These weights are the base of the adapter {named}.", fix="Remove that model first.")
        shutil.rmtree(directory, ignore_errors=True)
        if directory.name == "model":
            shutil.rmtree(directory.parent / "checkpoints", ignore_errors=True)

    def model_files(self, model: str) -> Path:
        """Return the folder with the tuned model's safetensors and card, without what earlier releases left in it."""
        folder = self.context.model_folder(model)
        portable.clean(folder)
        return folder

    @in_backend_words
    def model_from_checkpoint(self, job: RemoteJob, checkpoint: str) -> str:
        """Copy a checkpoint's weights into a model folder of their own; a repeat finds it."""
        name, tuned = checkpoint_name(job.id, checkpoint), self.context.tuned
        final, source = tuned.directory(name), tuned.checkpoint(name)
        if final is None or not (final.is_dir() or source is not None):
            raise NotFound(
                f"There is no complete checkpoint at step {checkpoint[:20]}.", fix="Choose one that is listed."
            )
        with tuned.copying:  # two who ask at once are given the same copy
            if not final.is_dir() and source is not None:
                self._copy(source, final)
        return name

    def checkpoints_stay(self) -> bool:
        """Return True: such a model is a folder of its own."""
        return True

    def _copy(self, source: Path, final: Path) -> None:
        run = final.parent
        partial = final.with_name(f".{final.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        for pattern in _MODEL_FILES:
            for file in source.glob(pattern):
                if file.name not in _NOT_OF_THE_MODEL:
                    shutil.copyfile(file, partial / file.name)
        spec = run_lock.read_whole(run / run_lock.SPEC) or {}
        run_lock.write_whole(partial / NOTE, note(spec, run))
        (partial / "README.md").write_text(_card(run, spec, step_of(source)), encoding="utf-8")
        portable.clean(partial)
        partial.rename(final)

    @in_backend_words
    def discard_checkpoints(self, job: RemoteJob) -> None:
        """Remove a finished training's checkpoints; its model, and models made of checkpoints, are other folders."""
        run = self.context.runs.folder(job.id)
        if not run_lock.is_locked(run):
            shutil.rmtree(run / "checkpoints", ignore_errors=True)

    def as_base(self, model: str) -> str:
        """Return the tuned model's own name: it is a base model's id here, too."""
        return model

    def checkpoint_as_base(self, saved: SavedStep) -> str:
        """Return the name that a model made of the checkpoint has."""
        return checkpoint_name(saved.job, saved.checkpoint)

    def checkpoint_behind(self, base_model: str) -> SavedStep | None:
        """Return the checkpoint that an id of the form `run:<tag>@<step>` names."""
        return saved_step(base_model)

    def base_name(self, identifier: str) -> str:
        """Return the name of a base model."""
        return self.context.models.name(identifier)

    def first_batch(self, job: RemoteJob) -> Sequence[BatchRow]:
        """Return the first batch as the model sees it."""
        kept = run_lock.read_whole(self.context.runs.folder(job.id) / run_lock.BATCH) or {}
        return [
            BatchRow(
                label=str(row["label"]),
                tokens=int(row["tokens"]),
                learned=int(row["learned"]),
                pieces=[Piece(text=str(piece["text"]), learned=bool(piece["learned"])) for piece in row["pieces"]],
            )
            for row in kept.get("rows", ())
        ]


def _card(run: Path, spec: dict[str, Any], step: int) -> str:
    """Return a checkpoint's card, with its validation loss as the trainer's own history has it."""
    state = run_lock.read_whole(run / "checkpoints" / f"checkpoint-{step}" / "trainer_state.json") or {}
    here = [entry for entry in state.get("log_history", ()) if entry.get("step") == step]
    measured = [entry["eval_loss"] for entry in here if "eval_loss" in entry]
    facts = run_lock.read_whole(run / run_lock.STATUS) or {}
    known: dict[str, Any] = {name: facts[name] for name in _FACTS if name in facts}
    return card_of_checkpoint(spec, known, step=step, loss=measured[-1] if measured else None)


def size_bytes(folder: Path) -> int | None:
    """Return the size of all files in `folder`; None where there are none."""
    sizes = [file.stat().st_size for file in folder.rglob("*") if file.is_file()]
    return sum(sizes) or None

"""What a training leaves on the disk: whole checkpoints on the way, and a whole model at its end."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from transformers.trainer_utils import rotate_checkpoints
from trl import DPOTrainer, SFTTrainer

from app.training import checkpoints
from app.training.model_card import card
from app.training.notes import NOTE, note
from app.training.portable import clean
from app.training.run_lock import write_whole


class _KeepsRecord:
    """A trainer of transformers (5.23) that seals each checkpoint, and removes older ones only after that.

    Of a training that begins, it hands the first batch to `on_first_batch`.
    """

    on_first_batch: Callable[[dict[str, Any]], None] | None = None

    def training_step(self, model: Any, inputs: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        if self.on_first_batch is not None:
            self.on_first_batch(inputs)
            self.on_first_batch = None
        return super().training_step(model, inputs, *args, **kwargs)  # type: ignore[misc]  # the trainer's

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        arguments: Any = self.args  # type: ignore[attr-defined]  # of the trainer that this is mixed into
        kept, arguments.save_total_limit = arguments.save_total_limit, None
        try:
            super()._save_checkpoint(model, trial)  # type: ignore[misc]  # the trainer's
        finally:
            arguments.save_total_limit = kept
        state: Any = self.state  # type: ignore[attr-defined]
        checkpoints.seal(Path(arguments.output_dir) / f"checkpoint-{state.global_step}")
        rotate_checkpoints(
            output_dir=arguments.output_dir,
            save_total_limit=kept,
            best_model_checkpoint=state.best_model_checkpoint,
            use_mtime=True,
        )


class Supervised(_KeepsRecord, SFTTrainer):
    """Supervised fine-tuning."""


class Preferring(_KeepsRecord, DPOTrainer):
    """Direct preference optimisation, over pairs that are tokens already."""

    def _prepare_dataset(self, dataset: Any, *_: Any, **__: Any) -> Any:
        """Return what is prepared: TRL (1.16) would write it through the chat template once more."""
        return dataset


def save(trainer: Any, spec: dict[str, Any], run: Path, facts: dict[str, Any]) -> None:
    """Save the model under another name, then give it its own: a `model` folder is always a whole one.

    The adapter of a LoRA training is saved alone, with a note of the base that it belongs to.
    """
    partial, final = run / "model.partial", run / "model"
    shutil.rmtree(partial, ignore_errors=True)
    trainer.save_model(str(partial))
    trainer.model.generation_config.save_pretrained(str(partial))  # beside an adapter, too, which PEFT saves without
    write_whole(partial / NOTE, note(spec, run))
    (partial / "README.md").write_text(card(spec, facts), encoding="utf-8")
    arguments = trainer.args.to_dict()
    (run / "training_args.json").write_text(json.dumps(arguments, indent=2, default=str) + "\n", encoding="utf-8")
    (partial / "training_args.bin").replace(run / "training_args.bin")
    clean(partial)
    shutil.rmtree(final, ignore_errors=True)
    partial.rename(final)

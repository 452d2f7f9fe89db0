"""What TRL's trainer tells while it works, as events; and the wish to stop, as TRL understands it."""

import math
import time
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from app.domain.metrics import GRAD_NORM, TOKENS_PER_SECOND, TRAIN_LOSS, TRAINER_NAMES, VALIDATION_LOSS
from app.training.channel import Channel
from app.training.checkpoints import checkpoints, step_of
from app.training.disk_guard import DiskSpaceGuard
from app.training.failures import ChildError, Stopped

_STILL_STEPS = 3  # logged steps whose gradient may be 0, as that of a warm-up's first step may


class Progress(TrainerCallback):
    """Events for people: metrics per logged step, checkpoints, and how long it will still take."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.tokens = 0  # in this process
        self.working_s = 0.0  # in training steps, evaluations and saves left out
        self.batches = 0  # forward and backward, in those steps
        self.room: DiskSpaceGuard | None = None
        self.stopped_early = ""  # why it ended before its last step: "asked", or "disk"
        self._began = 0.0
        self._first_step = 0
        self._step_began = 0.0
        self._reported = (0, 0.0)
        self._last_train_loss: float | None = None
        self._moved = False
        self._validation: dict[int, float] = {}
        self._saved: dict[int, dict[str, Any]] = {}

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self._began = time.monotonic()
        self._first_step = state.global_step
        self._recall(Path(args.output_dir), state)
        self.channel.state("training", step=state.global_step, steps=state.max_steps, epochs=args.num_train_epochs)

    def on_step_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self._step_began = time.monotonic()

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self.working_s += time.monotonic() - self._step_began
        self.batches += args.gradient_accumulation_steps
        if state.global_step < state.max_steps:
            self._may_end(args, control)
        elif args.eval_strategy == "steps" and state.global_step >= state.max_steps:
            control.should_evaluate = True  # TRL saves after the last step, but would leave it unmeasured

    def _may_end(self, args: TrainingArguments, control: TrainerControl) -> None:
        """End after this step if somebody wants it, or if the disk has room for one more checkpoint at most."""
        if self.channel.stop.is_set():
            control.should_save = control.should_training_stop = True
        elif self.room is not None and self.room.is_low:
            self.stopped_early = "disk"
            control.should_save = control.should_training_stop = True
        elif self.channel.shall_finish:
            self.stopped_early = "asked"
            control.should_training_stop = True
            if args.save_strategy == "steps":  # at the end of an epoch, TRL does both by itself
                control.should_save = True
                control.should_evaluate = args.eval_strategy == "steps"

    def on_prediction_step(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        # The checkpoint of this step is on disk already, or the last one is: an evaluation is nothing to wait for.
        if self.channel.stop.is_set() or self.stopped_early == "disk":
            raise Stopped({"step": state.global_step})

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **_: Any,
    ) -> None:
        logs = logs or {}
        values = {ours: float(logs[theirs]) for theirs, ours in TRAINER_NAMES.items() if theirs in logs}
        if not values:
            return
        if TRAIN_LOSS in values:
            self.tokens = int(logs.get("num_tokens", self.tokens))
            values |= self._rate()
            self._last_train_loss = values[TRAIN_LOSS]
        if VALIDATION_LOSS in values:
            self._validation[state.global_step] = values[VALIDATION_LOSS]
        self.channel.emit("metrics", step=state.global_step, **values, **self._position(args, state))
        self._watch(values, state)

    def _watch(self, values: dict[str, float], state: TrainerState) -> None:
        """End a training that teaches nothing: no number as its loss, or no gradient in its first steps."""
        self._moved = self._moved or values.get(GRAD_NORM, 0.0) != 0
        if TRAIN_LOSS in values and not self._moved and state.global_step - self._first_step >= _STILL_STEPS:
            raise ChildError(
                "no_gradient",
                f"The gradient was 0 in all of the first {_STILL_STEPS} steps: nothing is being learned.",
                "Switch activation checkpointing off, or train a fresh adapter instead of going on with one.",
            )
        if not math.isfinite(values.get(TRAIN_LOSS, 0.0)):
            raise ChildError(
                "diverged",
                f"The training loss stopped being a number at step {state.global_step}: the training diverged.",
                "Lower the learning rate or the gradient limit (max_grad_norm), then start again.",
            )

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        step = state.global_step
        if self.room is not None:
            self.room.saved(Path(args.output_dir) / f"checkpoint-{step}")
        kept = {
            "step": step,
            "epoch": state.epoch,
            "train_loss": self._last_train_loss,
            "validation_loss": self._validation.get(step),
        }
        self._saved[step] = kept
        present = {step_of(path) for path in checkpoints(Path(args.output_dir))}
        every = [
            {**one, "best": number == state.best_global_step, "present": number in present}
            for number, one in sorted(self._saved.items())
        ]
        self.channel.emit("checkpoint", **kept, all=every)

    def _recall(self, folder: Path, state: TrainerState) -> None:
        """Take up what a predecessor saved, with the losses that the trainer's own history has."""
        history = state.log_history
        self._validation |= {entry["step"]: entry["eval_loss"] for entry in history if "eval_loss" in entry}
        losses = {entry["step"]: entry["loss"] for entry in history if "loss" in entry}
        epochs = {entry["step"]: entry["epoch"] for entry in history if "epoch" in entry}
        for step in map(step_of, checkpoints(folder)):
            self._saved[step] = {
                "step": step,
                "epoch": epochs.get(step),
                "train_loss": losses.get(step),
                "validation_loss": self._validation.get(step),
            }

    def _rate(self) -> dict[str, float]:
        tokens, seconds = self._reported
        self._reported = (self.tokens, self.working_s)
        passed = self.working_s - seconds
        return {TOKENS_PER_SECOND: (self.tokens - tokens) / passed} if passed > 0 else {}

    def _position(self, args: TrainingArguments, state: TrainerState) -> dict[str, float | int | None]:
        done = state.global_step - self._first_step
        eta = None
        if done > 0 and self._began:
            eta = round((time.monotonic() - self._began) / done * (state.max_steps - state.global_step), 1)
        return {"steps": state.max_steps, "epoch": state.epoch, "epochs": args.num_train_epochs, "eta_s": eta}

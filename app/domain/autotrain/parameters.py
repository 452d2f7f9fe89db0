"""What an LLM configuration of AutoTrain may say, and what of it means the same here.

Names, types and defaults are those of AutoTrain Advanced 0.8.37.dev0 (trainers/clm/params.py, commit b5c98fb).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

MAX_CHARACTERS = 20_000  # of a configuration; AutoTrain's have about a thousand

Value = int | float | str | bool | None


class Kind(StrEnum):
    """What a parameter's value is; numbers and truth values may also be written as text, as pydantic reads them."""

    INTEGER = "a whole number"
    NUMBER = "a number"
    BOOLEAN = "true or false"
    TEXT = "text"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One parameter. `field` is ours, as a JSON pointer, where one value means the same; `why` says why there is none.

    Where both are empty, its meaning needs more than a copy: `translating` has it.
    """

    kind: Kind
    default: Value
    field: str = ""
    why: str = ""


_INT, _NUM, _BOOL, _TEXT = Kind.INTEGER, Kind.NUMBER, Kind.BOOLEAN, Kind.TEXT
_DEVICE = "The machine that trains decides that here."
_ONE_LENGTH = (
    "Rows are cut as a whole here, at the max length; a row whose answer begins later is left out and counted."
)
_NO_HUB = "Nothing is sent to a hub from here; the model's files can be downloaded."
_EVERY_EPOCH = "Validation loss is measured at each checkpoint, once in an epoch unless you say otherwise."
_H, _O = "/hyperparameters/", "/options/"

PARAMETERS: Mapping[str, Parameter] = {
    "add_eos_token": Parameter(kind=_BOOL, default=True, why="What is learned always ends with the model's own end."),
    "block_size": Parameter(kind=_INT, default=-1),
    "model_max_length": Parameter(kind=_INT, default=2048),
    "max_prompt_length": Parameter(kind=_INT, default=128, why=_ONE_LENGTH),
    "max_completion_length": Parameter(kind=_INT, default=None, why=_ONE_LENGTH),
    "padding": Parameter(kind=_TEXT, default="right", why="Padding is never learned from, whichever side it is on."),
    "epochs": Parameter(kind=_INT, default=1, field=f"{_H}n_epochs"),
    "batch_size": Parameter(kind=_INT, default=2, field=f"{_H}batch_size"),
    "gradient_accumulation": Parameter(kind=_INT, default=4, field=f"{_H}gradient_accumulation_steps"),
    "lr": Parameter(kind=_NUM, default=3e-5, field=f"{_H}learning_rate"),
    "scheduler": Parameter(kind=_TEXT, default="linear"),
    "warmup_ratio": Parameter(kind=_NUM, default=0.1),
    "optimizer": Parameter(kind=_TEXT, default="adamw_torch"),
    "weight_decay": Parameter(kind=_NUM, default=0.0, field=f"{_H}weight_decay"),
    "max_grad_norm": Parameter(kind=_NUM, default=1.0, field=f"{_H}max_grad_norm"),
    "dpo_beta": Parameter(kind=_NUM, default=0.1, field=f"{_H}beta"),
    "save_total_limit": Parameter(kind=_INT, default=1, field=f"{_H}keep_checkpoints"),
    "disable_gradient_checkpointing": Parameter(kind=_BOOL, default=False),
    "seed": Parameter(kind=_INT, default=42),
    "peft": Parameter(kind=_BOOL, default=False),
    "lora_r": Parameter(kind=_INT, default=16, field=f"{_O}lora_r"),
    "lora_alpha": Parameter(kind=_INT, default=32, field=f"{_O}lora_alpha"),
    "lora_dropout": Parameter(kind=_NUM, default=0.05, field=f"{_O}lora_dropout"),
    "target_modules": Parameter(kind=_TEXT, default="all-linear", field=f"{_O}lora_target_modules"),
    "quantization": Parameter(kind=_TEXT, default="int4"),
    "merge_adapter": Parameter(
        kind=_BOOL, default=False, why="The adapter stays beside its base; the model's page merges the two when asked."
    ),
    "model_ref": Parameter(
        kind=_TEXT, default=None, why="The model is compared with itself as it was, which is the usual reference."
    ),
    "auto_find_batch_size": Parameter(
        kind=_BOOL, default=False, why="Memory is estimated before the start: the review says when it is short."
    ),
    "mixed_precision": Parameter(kind=_TEXT, default=None, why=_DEVICE),
    "use_flash_attention_2": Parameter(kind=_BOOL, default=False, why=_DEVICE),
    "unsloth": Parameter(kind=_BOOL, default=False, why="Trainings here are TRL's own, without unsloth."),
    "distributed_backend": Parameter(kind=_TEXT, default=None, why="A training here runs in one process."),
    "logging_steps": Parameter(kind=_INT, default=-1, why="Every step's loss is kept, up to 2,000 of them."),
    "eval_strategy": Parameter(kind=_TEXT, default="epoch", why=_EVERY_EPOCH),
    "log": Parameter(kind=_TEXT, default="none", why="Losses are shown on the job's page, and kept."),
    "push_to_hub": Parameter(kind=_BOOL, default=False, why=_NO_HUB),
    "username": Parameter(kind=_TEXT, default=None, why=_NO_HUB),
    "token": Parameter(kind=_TEXT, default=None, why="It was not read, and is kept nowhere."),
    "trainer": Parameter(kind=_TEXT, default="default"),
    "model": Parameter(kind=_TEXT, default=None),
    "project_name": Parameter(kind=_TEXT, default=None),
    "data_path": Parameter(kind=_TEXT, default=None),
    "train_split": Parameter(kind=_TEXT, default="train"),
    "valid_split": Parameter(kind=_TEXT, default=None),
    "chat_template": Parameter(kind=_TEXT, default=None),
    "text_column": Parameter(kind=_TEXT, default="text"),
    "prompt_text_column": Parameter(kind=_TEXT, default=None),
    "rejected_text_column": Parameter(kind=_TEXT, default=None),
}  # fmt: skip
# Optimizers and schedules of transformers that have one here that does nearly the same; any other becomes the fallback.
OPTIMIZER, SCHEDULER = "adamw_torch", "linear"
SCHEDULERS: Mapping[str, str] = {
    "cosine_with_restarts": "cosine", "cosine_with_min_lr": "cosine", "polynomial": "linear",
    "warmup_stable_decay": "linear",
}  # fmt: skip
# What AutoTrain's parser takes for `task` beside the language models' (parser.py, `task_aliases`), by how they begin.
OTHER_TASKS = (
    "text", "token", "image", "object", "st", "sentence", "vlm", "seq2seq", "tabular", "ext", "extractive",
)  # fmt: skip

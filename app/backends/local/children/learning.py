"""Which tokens are learned, and what the tokenizer and the length limit made of the rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from datasets import Dataset
from transformers import PreTrainedTokenizerBase
from trl import SFTTrainer, get_training_chat_template
from trl.chat_template_utils import has_generation_markers

from app.backends.local.children.channel import Channel
from app.backends.local.children.failures import ChildError
from app.backends.local.children.rows import MESSAGES, PROMPT, Row

_IGNORED = -100  # the label of a token that is not learned (torch's cross entropy)


@dataclass(frozen=True)
class Lesson:
    """How rows are given to TRL: as they are, or each conversation as prompt and last answer."""

    last_answer_only: bool
    arguments: dict[str, bool]  # of SFTConfig
    told: str  # for people

    def dataset(self, rows: Sequence[Row]) -> Dataset:
        """Return the rows in TRL's shape."""
        return Dataset.from_list([_as_prompt(row) if self.last_answer_only else row.value for row in rows])


def plan(rows: Sequence[Row], tokenizer: PreTrainedTokenizerBase, *, answers_only: bool) -> Lesson:
    """Decide which tokens receive loss.

    Answers only: all the assistant's turns where the chat template marks them, or where TRL has a marked version of
    that template; else the last answer of each conversation, which needs no marks.

    Raises:
        ChildError: where conversations meet a tokenizer without a chat template.
    """
    shape = rows[0].shape
    if shape == MESSAGES and not tokenizer.chat_template:
        raise ChildError(
            "no_chat_template",
            "This model's tokenizer has no chat template, so it cannot be trained on conversations.",
            "Choose an instruct model, or a dataset with prompt and completion.",
        )
    if shape == MESSAGES and answers_only:
        if _marks_answers(tokenizer):
            return Lesson(False, {"assistant_only_loss": True}, "The loss is on the assistant's turns.")
        return Lesson(
            True,
            {"completion_only_loss": True},
            "The chat template does not mark the assistant's turns: only the last answer of each is learned.",
        )
    if shape == PROMPT:
        told = "The loss is on the completions." if answers_only else "The loss is on all tokens, prompts included."
        return Lesson(False, {"completion_only_loss": answers_only}, told)
    return Lesson(False, {}, "The loss is on all tokens.")


def tell_rows(trainer: SFTTrainer, channel: Channel, *, given: int, max_length: int) -> None:
    """Tell how many rows and tokens are trained, and how many rows the length limit cut or dropped.

    Raises:
        ChildError: when no row is left.
    """
    dataset = trainer.train_dataset
    kept = len(dataset)
    lengths = [len(ids) for ids in dataset["input_ids"]] if kept else []
    learned = sum(sum(label != _IGNORED for label in labels) for labels in dataset["labels"]) if kept else 0
    cut = sum(length >= max_length for length in lengths)
    if kept == 0:
        raise ChildError(
            "rows_too_long",
            f"In every one of the {given} rows the answer begins after {max_length} tokens: nothing is left to learn.",
            "Raise max length, or shorten the rows.",
        )
    if trainer.eval_dataset is not None and len(trainer.eval_dataset) == 0:
        raise ChildError(
            "rows_too_long",
            f"In every validation row the answer begins after {max_length} tokens: nothing is left to measure.",
            "Raise max length, or choose other validation rows.",
        )
    channel.emit("rows", given=given, kept=kept, cut=cut, tokens=sum(lengths), learned_tokens=learned)
    channel.log(f"{kept} rows with {sum(lengths)} tokens; {learned} of them are learned from, in each epoch.")
    if given > kept:
        channel.log(
            f"{given - kept} of {given} rows were left out: their answers begin after {max_length} tokens.",
            level="warning",
        )
    if cut:
        channel.log(f"{cut} rows have {max_length} tokens or more; what lies beyond was cut off.", level="warning")


def _marks_answers(tokenizer: PreTrainedTokenizerBase) -> bool:
    if has_generation_markers(tokenizer.chat_template):
        return True
    try:
        get_training_chat_template(tokenizer)
    except ValueError:
        return False
    return True


def _as_prompt(row: Row) -> dict[str, Any]:
    turns = row.value["messages"]
    last = max(index for index, turn in enumerate(turns) if turn["role"] == "assistant")
    return {"prompt": turns[:last], "completion": [turns[last]]}

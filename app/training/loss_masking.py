"""Which tokens are learned, and what the tokenizer and the length limit made of the rows."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from datasets import Dataset
from transformers import PreTrainedTokenizerBase
from trl import SFTTrainer, get_training_chat_template
from trl.chat_template_utils import has_generation_markers
from trl.data_utils import common_prefix_length

from app.domain.canonical import Shape
from app.training.channel import Channel
from app.training.failures import ChildError
from app.training.rows import Row

_GIVE_WEIGHT = "Give at least one answer the weight 1."
_IGNORED = -100  # the label of a token that is not learned (torch's cross entropy)


@dataclass(frozen=True)
class LossMaskPlan:
    """How rows are given to TRL: as they are, each conversation as prompt and last answer, or as tokens with labels.

    `marked_by` is the chat template that marks the assistant's turns, for rows that are given as tokens.
    """

    tokenizer: PreTrainedTokenizerBase
    note: str  # for people
    arguments: dict[str, bool] = field(default_factory=dict)  # of SFTConfig
    last_answer_only: bool = False
    labelled: bool = False
    marked_by: str | None = None

    def dataset(self, rows: Sequence[Row]) -> Dataset:
        """Return the rows in TRL's shape."""
        if self.labelled:
            return Dataset.from_list([self._labels(row) for row in rows])
        if self.last_answer_only:
            prompts = [prompt for prompt in map(_as_prompt, rows) if prompt is not None]
            if not prompts:
                raise ChildError("no_rows", "Every answer has the weight 0: nothing is left to learn.", _GIVE_WEIGHT)
            return Dataset.from_list(prompts)
        return Dataset.from_list([row.value for row in rows])

    def _labels(self, row: Row) -> dict[str, list[int]]:
        """Return a conversation's tokens [T] and labels [T]: a token's own number where it is learned, else -100.

        A label stands where its token stands; the model's loss shifts them by one. Of the turns with weight 0 no token
        is learned: those from where the conversation before the turn ends to where the turn ends.
        """
        turns = row.value["messages"]
        template = {"chat_template": self.marked_by, "return_assistant_tokens_mask": True} if self.marked_by else {}
        whole = self.tokenizer.apply_chat_template(turns, tokenize=True, return_dict=True, **template)
        ids = whole["input_ids"]
        learned = list(whole["assistant_masks"]) if self.marked_by else [1] * len(ids)
        for position in row.ignored_turns:
            begin, end = (self._shared(turns[:upto], ids) for upto in (position, position + 1))
            learned[begin:end] = [0] * (end - begin)
        labels = [token if mark else _IGNORED for token, mark in zip(ids, learned, strict=True)]
        return {"input_ids": ids, "labels": labels}

    def _shared(self, turns: Sequence[dict[str, str]], ids: Sequence[int]) -> int:
        """Return how many of `ids` [T] come from these first turns: as many as both begin with.

        That is TRL's rule for prompt and completion. It may be fewer than the turns' own tokens, where a template ends
        a conversation otherwise than a turn.
        """
        if not turns:
            return 0
        template = {"chat_template": self.marked_by} if self.marked_by else {}
        first = self.tokenizer.apply_chat_template(turns, tokenize=True, return_dict=True, **template)["input_ids"]
        return common_prefix_length(first, ids)


def plan(
    rows: Sequence[Row], validation: Sequence[Row], tokenizer: PreTrainedTokenizerBase, *, answers_only: bool
) -> LossMaskPlan:
    """Decide which tokens receive loss.

    Answers only: all the assistant's turns where the chat template marks them, or where TRL has a marked version of
    that template; else the last answer of each conversation, which needs no marks. Turns of weight 0 are shown to the
    model and not learned.

    Raises:
        ChildError: where conversations meet a tokenizer without a chat template.
    """
    shape = rows[0].shape
    if shape is Shape.PREFERENCE:
        raise ChildError(
            "mixed_rows",
            "The rows have chosen and rejected answers, which supervised training has no use for.",
            "Choose the method dpo, or rows with one answer.",
        )
    if shape is Shape.PROMPT:
        note = "The loss is on the completions." if answers_only else "The loss is on all tokens, prompts included."
        return LossMaskPlan(tokenizer, note, {"completion_only_loss": answers_only})
    if shape is not Shape.MESSAGES:
        return LossMaskPlan(tokenizer, "The loss is on all tokens.")
    need_template(tokenizer)
    some = any(row.ignored_turns for row in (*rows, *validation))
    but = " Turns of weight 0 are shown and not learned." if some else ""
    if not answers_only:
        return LossMaskPlan(tokenizer, f"The loss is on all tokens.{but}", labelled=some)
    marked_by = _marking_template(tokenizer)
    if marked_by is None:
        note = "The chat template does not mark the assistant's turns: only the last answer of each is learned."
        return LossMaskPlan(tokenizer, note + but, {"completion_only_loss": True}, last_answer_only=True)
    note = f"The loss is on the assistant's turns.{but}"
    if some:
        return LossMaskPlan(tokenizer, note, labelled=True, marked_by=marked_by)
    return LossMaskPlan(tokenizer, note, {"assistant_only_loss": True})


def need_template(tokenizer: PreTrainedTokenizerBase) -> None:
    """Refuse to train on conversations where nothing says how they are written.

    Raises:
        ChildError: where there is no chat template.
    """
    if not tokenizer.chat_template:
        raise ChildError(
            "no_chat_template",
            "This model's tokenizer has no chat template, so it cannot be trained on conversations.",
            "Choose an instruct model, or a dataset with prompt and completion.",
        )


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


def _marking_template(tokenizer: PreTrainedTokenizerBase) -> str | None:
    """Return the template that marks the assistant's turns: the model's own, or TRL's version of it; else None."""
    if has_generation_markers(tokenizer.chat_template):
        return str(tokenizer.chat_template)
    try:
        return get_training_chat_template(tokenizer)
    except ValueError:
        return None


def _as_prompt(row: Row) -> dict[str, Any] | None:
    """Return the last answer that is learned, with all before it as the prompt; None where none is learned."""
    turns = row.value["messages"]
    learned = [
        position
        for position, turn in enumerate(turns)
        if turn["role"] == "assistant" and position not in row.ignored_turns
    ]
    return {"prompt": turns[: learned[-1]], "completion": [turns[learned[-1]]]} if learned else None

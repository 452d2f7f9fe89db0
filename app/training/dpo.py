"""What the tokenizer and the length limit make of rows with a chosen and a rejected answer."""

from collections.abc import Sequence
from typing import Any

from datasets import Dataset
from transformers import PreTrainedTokenizerBase

from app.domain.canonical import Shape
from app.training.channel import Channel
from app.training.failures import ChildError
from app.training.loss_masking import need_template
from app.training.rows import Row

NOTE = "Each chosen answer is to become likelier than the rejected one, compared with the model as it is now."


def dataset(rows: Sequence[Row], tokenizer: PreTrainedTokenizerBase) -> Dataset:
    """Return the rows in TRL's shape.

    Raises:
        ChildError: for rows of another shape, or conversations without a chat template.
    """
    if rows[0].shape is not Shape.PREFERENCE:
        raise ChildError(
            "mixed_rows",
            f"The rows have {rows[0].shape}; learning from preferences (dpo) needs a chosen and a rejected answer.",
            "Choose the method sft, or rows with chosen and rejected.",
        )
    texts = {isinstance(row.value["prompt"], str) for row in rows}
    if len(texts) > 1:
        raise ChildError(
            "mixed_rows", "Some rows are texts and some are conversations.", "Bring all rows to one shape."
        )
    if False in texts:
        need_template(tokenizer)
    return Dataset.from_list([row.value for row in rows])


def tell_rows(trainer: Any, channel: Channel, *, given: int, max_length: int) -> None:
    """Tell how many pairs and tokens are trained, and how many the length limit cut or dropped.

    Raises:
        ChildError: when no row is left.
    """
    pairs = list(trainer.train_dataset)
    if not pairs or (trainer.eval_dataset is not None and len(trainer.eval_dataset) == 0):
        raise ChildError(
            "rows_too_long",
            f"In every row the answers begin after {max_length} tokens: nothing is left to learn or to measure.",
            "Raise max length, or shorten the rows.",
        )
    answers = [(len(pair["chosen_ids"]), len(pair["rejected_ids"])) for pair in pairs]
    prompts = [len(pair["prompt_ids"]) for pair in pairs]
    learned = sum(map(sum, answers))
    tokens = 2 * sum(prompts) + learned
    cut = sum(prompt + max(both) > max_length for prompt, both in zip(prompts, answers, strict=True))
    channel.emit("rows", given=given, kept=len(pairs), cut=cut, tokens=tokens, learned_tokens=learned)
    channel.log(f"{len(pairs)} pairs of answers with {tokens} tokens, the prompt counted twice.")
    if given > len(pairs):
        channel.log(
            f"{given - len(pairs)} of {given} rows were left out: their answers begin after {max_length} tokens.",
            level="warning",
        )
    if cut:
        channel.log(f"{cut} answers end after {max_length} tokens; what lies beyond was cut off.", level="warning")

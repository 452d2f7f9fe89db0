"""What the tokenizer and the length limit make of rows with a chosen and a rejected answer."""

from collections.abc import Sequence
from typing import Any

from datasets import Dataset
from transformers import PreTrainedTokenizerBase

from app.domain.canonical import Shape
from app.training import examples
from app.training.channel import Channel
from app.training.failures import ChildError
from app.training.loss_masking import need_template
from app.training.rows import Row

NOTE = "Each chosen answer is to become likelier than the rejected one, compared with the model as it is now."


def need_pairs(rows: Sequence[Row], tokenizer: PreTrainedTokenizerBase) -> None:
    """Refuse rows that are no pairs of answers, or cannot be written.

    Raises:
        ChildError: for rows of another shape, or conversations without a chat template.
    """
    if rows[0].shape is not Shape.PREFERENCE:
        raise ChildError(
            "mixed_rows",
            f"The rows have {rows[0].shape}; learning from preferences (dpo) needs a chosen and a rejected answer.",
            "Choose the method sft, or rows with chosen and rejected.",
        )
    if any(row.is_conversation for row in rows):
        need_template(tokenizer)


def pairs(made: Sequence[Any], *, max_length: int) -> Dataset:
    """Return pairs in TRL's shape, without those whose prompt alone fills the length: nothing would be learned."""
    return examples.columns([each for each in made if len(each.prompt) < max_length])


def tell_rows(trainer: Any, channel: Channel, *, given: int, max_length: int) -> None:
    """Tell how many pairs and tokens are trained, and how many the length limit cut or dropped."""
    made = list(trainer.train_dataset)
    answers = [(len(pair["chosen_ids"]), len(pair["rejected_ids"])) for pair in made]
    prompts = [len(pair["prompt_ids"]) for pair in made]
    learned = sum(map(sum, answers))
    tokens = 2 * sum(prompts) + learned
    cut = sum(prompt + max(both) > max_length for prompt, both in zip(prompts, answers, strict=True))
    channel.emit("rows", given=given, kept=len(made), cut=cut, tokens=tokens, learned_tokens=learned)
    channel.log(f"{len(made)} pairs of answers with {tokens} tokens, the prompt counted twice.")
    if given > len(made):
        channel.log(
            f"{given - len(made)} of {given} rows were left out: their answers begin after {max_length} tokens.",
            level="warning",
        )
    if cut:
        channel.log(f"{cut} answers end after {max_length} tokens; what lies beyond was cut off.", level="warning")

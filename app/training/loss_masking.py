"""Which tokens are learned, and what the tokenizer and the length limit made of the rows."""

from collections.abc import Sequence

from transformers import PreTrainedTokenizerBase
from trl import SFTTrainer

from app.domain.canonical import Shape
from app.training.channel import Channel
from app.training.examples import IGNORED
from app.training.failures import ChildError
from app.training.rows import Row


def note(
    rows: Sequence[Row], tokenizer: PreTrainedTokenizerBase, *, answers_only: bool, only_last: bool = False
) -> str:
    """Return what is learned of the rows, as a sentence for people.

    Raises:
        ChildError: for rows that supervised training has no use for, and conversations without a chat template.
    """
    shape = rows[0].shape
    if shape is Shape.PREFERENCE:
        raise ChildError(
            "mixed_rows",
            "The rows have chosen and rejected answers, which supervised training has no use for.",
            "Choose the method dpo, or rows with one answer.",
        )
    if shape is Shape.MESSAGES:
        need_template(tokenizer)
    if shape is Shape.TEXT:
        return "The loss is on all tokens."
    if only_last and shape is Shape.MESSAGES:
        also = "" if answers_only else ", and on all that is no answer"
        return f"The loss is on the last answer of each conversation{also}; earlier ones are shown."
    what = {Shape.PROMPT: "completions", Shape.MESSAGES: "assistant's turns"}[shape]
    said = f"The loss is on the {what}." if answers_only else "The loss is on all tokens, prompts included."
    ignored = any(row.ignored_turns for row in rows)
    return f"{said} Turns of weight 0 are shown and not learned." if ignored else said


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


def tell_rows(trainer: SFTTrainer, channel: Channel, *, given: int, made: int, max_length: int) -> None:
    """Tell how many sequences and tokens are trained, and how many of these the length limit cut or dropped.

    `given` rows became `made` sequences.

    Raises:
        ChildError: when no row is left.
    """
    dataset = trainer.train_dataset
    kept = len(dataset)
    lengths = [len(ids) for ids in dataset["input_ids"]] if kept else []
    learned = sum(sum(label != IGNORED for label in labels) for labels in dataset["labels"]) if kept else 0
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
    what = "rows" if made == given else "sequences"
    channel.log(f"{kept} {what} with {sum(lengths)} tokens; {learned} of them are learned from, in each epoch.")
    if made > kept:
        channel.log(
            f"{made - kept} of {made} {what} were left out: their answers begin after {max_length} tokens.",
            level="warning",
        )
    if cut:
        channel.log(f"{cut} {what} have {max_length} tokens or more; what lies beyond was cut off.", level="warning")

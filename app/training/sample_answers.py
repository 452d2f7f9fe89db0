"""Sample answers at each evaluation: a few held-out prompts, always the same, always the likeliest words."""

from pathlib import Path
from typing import Any

from transformers import PreTrainedTokenizerBase, TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from app.domain.canonical import Question
from app.training import loading
from app.training.answering import Answerer
from app.training.channel import Channel
from app.training.questions import Asker
from app.training.rows import read_rows

_NEW_TOKENS = 32
_SHOWN = 2_000  # characters of a prompt or an answer that are kept


class Samples(TrainerCallback):
    """Asks `count` questions of a file of rows after each evaluation, and tells the answers."""

    def __init__(self, rows: Path, tokenizer: PreTrainedTokenizerBase, channel: Channel, *, count: int) -> None:
        self.asker = Asker(tokenizer, system_prompt=None, few_shot=())
        asked = [question for question in self.asker.questions(read_rows(rows)) if question.shown]
        # Spread over the file, for rows of one kind often stand together.
        self.questions: list[Question] = (
            [asked[len(asked) * number // count] for number in range(count)] if asked else []
        )
        self.channel = channel

    def on_evaluate(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, model: Any = None, **_: Any
    ) -> None:
        prompts = [self.asker.prompt_ids(question) for question in self.questions]
        context = loading.context_length(model)
        fits = [ids for ids in prompts if context is None or len(ids) + _NEW_TOKENS <= context]
        if not fits:
            return
        was_training = model.training
        model.eval()
        answerer = Answerer(model, self.asker.renderer, rows=len(fits))
        answers = answerer.answers(fits, max_new_tokens=_NEW_TOKENS, tick=lambda _rows: self.channel.raise_if_stopped())
        model.train(was_training)
        asked = [question for question, ids in zip(self.questions, prompts, strict=True) if ids in fits]
        items = [
            {"prompt": question.shown[:_SHOWN], "expected": question.expected[:_SHOWN], "answer": answer.text[:_SHOWN]}
            for question, answer in zip(asked, answers, strict=True)
        ]
        self.channel.emit("samples", step=state.global_step, items=items)

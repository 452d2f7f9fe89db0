"""Does a merged model say what its adapter says? Both are asked the same, and their logits are compared.

The texts are a few questions with the answers that the adapter itself gives, so that what is compared is what the model
was tuned for and not noise.
"""

from dataclasses import dataclass
from typing import Any

import torch

from app.training.rendering import Renderer, TemplateRefused

LIMIT, HALF_LIMIT = 1e-3, 0.02  # of float32, and of 16 bits, whose rounding alone moves the weights by up to 0.4 %
_QUESTIONS = (
    "Hello! What can you do for me?",
    "My parcel has not arrived, and I was charged twice. Who takes care of that?",
    "Write one line of Python that sums the squares of 1 to 10.",
    "Which is larger, 17 or 71? Answer in one word.",
)
_ANSWER = 24  # tokens


@dataclass(frozen=True)
class Probe:
    """Sequences of ids [1, T] with what the adapter's model makes of them: log-probabilities [T, vocabulary]."""

    texts: list[torch.Tensor]
    expected: list[torch.Tensor]

    def difference(self, model: Any) -> float:
        """Return by how much another model's perplexity differs, as a share; not a number where the weights are none.

        It is the larger of two: the change of the perplexity, and the mean divergence (Kullback-Leibler, in nats) of
        the next token's distribution, which sees what moves without touching the likeliest words.
        """
        surprise, divergence, count = 0.0, 0.0, 0
        for ids, expected in zip(self.texts, self.expected, strict=True):
            found = _log_probabilities(model, ids)
            chosen = ids[0, 1:, None]
            surprise += float((expected[:-1].gather(1, chosen) - found[:-1].gather(1, chosen)).sum())
            divergence += float((expected.exp() * (expected - found)).sum(dim=1)[:-1].sum())
            count += chosen.shape[0]
        change = abs(torch.tensor(surprise / count).exp().item() - 1)
        return max(change, divergence / count) if change == change else change  # noqa: PLR0124 -- not a number


def ask(model: Any, renderer: Renderer, *, chat: bool) -> Probe:
    """Return the questions with what `model` answers, and what it makes of both."""
    texts = [_answered(model, _ids(renderer, question, chat=chat)) for question in _QUESTIONS]
    return Probe(texts, [_log_probabilities(model, ids) for ids in texts])


def _ids(renderer: Renderer, question: str, *, chat: bool) -> list[int]:
    if chat and renderer.template:
        try:
            return renderer.prompt_ids([{"role": "user", "content": question}])
        except TemplateRefused:
            pass
    return renderer.text_ids(question)


def _answered(model: Any, ids: list[int]) -> torch.Tensor:
    asked = torch.tensor([ids])
    with torch.inference_mode():
        made = model.generate(
            input_ids=asked, attention_mask=torch.ones_like(asked), do_sample=False, max_new_tokens=_ANSWER,
            pad_token_id=0,
        )  # fmt: skip
    return torch.as_tensor(made).clone()


def _log_probabilities(model: Any, ids: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        return model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits[0].float().log_softmax(dim=1)

"""What a saved model says of itself, so that whoever loads it asks and stops as it was taught.

A trainer saves weights; beside them stand a generation config, a config and a tokenizer, and each names the end of an
answer. Servers differ in which of the three they believe, so all are given the end that training taught.
"""

from typing import Any

from transformers import GenerationConfig, PreTrainedTokenizerBase

from app.training.failures import ChildError
from app.training.rendering import Renderer


def fit(model: Any, renderer: Renderer, *, chat: bool) -> None:
    """Set ends, padding and template of what is about to be saved; `chat`: answers were taught by the chat template.

    Raises:
        ChildError: the generation config is one that transformers does not save.
    """
    tokenizer, stops = renderer.tokenizer, renderer.stop_ids(model)
    model.generation_config = saveable(model.generation_config)
    model.generation_config.eos_token_id = stops if len(stops) > 1 else stops[0]
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    model.config.get_text_config().eos_token_id = model.generation_config.eos_token_id
    if chat:
        own, fitting = tokenizer.chat_template, renderer.servable_template()
        tokenizer.chat_template = {**own, "default": fitting} if isinstance(own, dict) else fitting
        taught = renderer.taught_end
        if taught is not None and taught not in {tokenizer.eos_token_id, tokenizer.pad_token_id}:
            tokenizer.eos_token = tokenizer.convert_ids_to_tokens(taught)
    settle(tokenizer)


def settle(tokenizer: PreTrainedTokenizerBase) -> None:
    """Take truncation and padding of past calls out of a fast tokenizer, which would save them (transformers 5.23)."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is not None:
        backend.no_truncation()
        backend.no_padding()


def saveable(config: GenerationConfig) -> GenerationConfig:
    """Return a generation config that can be saved: one with values for sampling and no `do_sample` cannot (5.23).

    Such a config loads with a warning, and saving it raises after the training: the habit that its values speak of is
    set, as newer releases of such models do.

    Raises:
        ChildError: it cannot be saved all the same.
    """
    try:
        config.validate(strict=True)
    except ValueError:
        config.do_sample = True
        try:
            config.validate(strict=True)
        except ValueError as error:
            raise ChildError(
                "generation_config",
                f"The model's generation_config.json could not be saved beside the tuned weights: {_reason_of(error)}",
                "Fix it in the model's directory, or remove the file.",
            ) from error
    return config


def _reason_of(error: ValueError) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(lines)[:500] or type(error).__name__

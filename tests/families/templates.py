"""Random rows through every template that TRL ships: what the rendering says against the template's own text.

Run by a runtime's interpreter: `python -m tests.families.templates SEED`. Prints a line for each template.
"""

import random
import re
import sys
from pathlib import Path
from typing import Any

import trl
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from app.training.rendering import Renderer, TemplateRefused

TEMPLATES = Path(trl.__file__).parent / "chat_templates"
SPECIAL = re.compile(r"<[|｜][^>\n{}' \"]+[|｜]>|<(?:start|end)_of_(?:turn|utterance)>|<turn\|>|<\|turn>")
_WORDS = ("billing", "the parcel", " is late", "5 °C", "Grüße", "<b>", "{{ x }}", "a\n\n  b", "…", "```py\nx\n```")
_ROWS = 12


def of_bytes(special: list[str], template: str) -> PreTrainedTokenizerFast:
    """Return a tokenizer of bytes with these special tokens and this chat template."""
    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(special_tokens=special, initial_alphabet=alphabet, show_progress=False)
    raw.train_from_iterator(_WORDS, trainer)
    made = PreTrainedTokenizerFast(tokenizer_object=raw, bos_token="<s>", eos_token="</s>", pad_token="<pad>")
    made.chat_template = template
    return made


def conversation(chance: random.Random) -> list[dict[str, str]]:
    """Return turns of user and assistant with texts that templates and tokenizers are known to change."""
    turns = 2 * chance.randint(1, 3)
    texts = [" ".join(chance.choices(_WORDS, k=chance.randint(1, 4))) for _ in range(turns)]
    return [{"role": ("user", "assistant")[n % 2], "content": text} for n, text in enumerate(texts)]


def check(tokenizer: PreTrainedTokenizerBase, turns: list[dict[str, Any]]) -> None:
    """Hold each answer's rendering against the template's own text up to and with that answer."""
    renderer = Renderer(tokenizer)
    for upto in range(2, len(turns) + 1, 2):
        turn = renderer.turn(turns[:upto])
        own = tokenizer.apply_chat_template(renderer.fitted(turns[:upto]), tokenize=False)
        assert own == turn.prompt + turn.answer + turn.end, (own, turn)
        assert turn.answer.strip() == turns[upto - 1]["content"].strip(), turn
        tokens = renderer.encode(turn)
        assert tokenizer.decode(tokens.prompt) == turn.prompt
        assert tokenizer.decode(tokens.answer) == turn.answer
        assert renderer.prompt_ids(turns[: upto - 1]) == list(tokens.prompt)
        assert tokens.end, "nothing ends the answer"
        assert 0 < tokens.stop <= len(tokens.end)


def check_saved(tokenizer: PreTrainedTokenizerBase, turns: list[dict[str, Any]]) -> None:
    """Hold the template that is saved against what was taught: it opens so, and writes nothing else otherwise."""
    renderer = Renderer(tokenizer)
    before = tokenizer.apply_chat_template(renderer.fitted(turns), tokenize=False)
    wanted = renderer.prompt(turns[:-1])
    tokenizer.chat_template = renderer.servable_template()
    asked = renderer.fitted(turns[:-1])
    assert tokenizer.apply_chat_template(asked, tokenize=False, add_generation_prompt=True) == wanted
    assert tokenizer.apply_chat_template(renderer.fitted(turns), tokenize=False) == before
    assert Renderer(tokenizer).servable_template() == tokenizer.chat_template


def main(seed: int) -> None:
    chance = random.Random(seed)
    for path in sorted(TEMPLATES.glob("*.jinja")):
        if path.stem.endswith("_training"):
            continue
        template = path.read_text(encoding="utf-8")
        special = sorted(set(SPECIAL.findall(template)))
        tokenizer = of_bytes(["<pad>", "<s>", "</s>", *special], template)
        rows = [conversation(chance) for _ in range(_ROWS)]
        try:
            for row in rows:
                check(tokenizer, row)
            check_saved(tokenizer, rows[0])
        except TemplateRefused as error:
            print(f"{path.stem}: refused: {error}", flush=True)  # noqa: T201 -- the result
        else:
            print(f"{path.stem}: ok", flush=True)  # noqa: T201 -- the result


if __name__ == "__main__":
    main(int(sys.argv[1]))

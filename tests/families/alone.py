"""A saved folder as anybody's transformers reads it: nothing here imports `app`.

Run by a runtime's interpreter: `python -m tests.families.alone FAMILY BASE SAVED ROWS` prints a JSON list, for each
row's last answer what is answered in its stead and whether that ended by itself.
"""

import json
import sys
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

from tests.families.plain import Example, Plain
from tests.families.rows import CHAT, COMPLETION
from tests.families.table import BY_NAME

_LIMIT = 48  # new tokens: more than any answer of the rows has


class Alone:
    """A saved folder; an adapter is put upon its base by PEFT."""

    def __init__(self, folder: Path, by_hand: Plain) -> None:
        self.by_hand = by_hand
        self.tokenizer: Any = AutoTokenizer.from_pretrained(folder)
        if (folder / "adapter_config.json").exists():
            from peft import PeftModel  # noqa: PLC0415 -- only here

            self.model = PeftModel.from_pretrained(by_hand.model(), folder)
            if (folder / "generation_config.json").exists():
                self.model.generation_config = GenerationConfig.from_pretrained(folder)
        else:
            self.model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
        self.model.eval()

    def answer(self, example: Example, limit: int) -> tuple[str, bool]:
        """Return the answer to what an example asks, and whether it ended by itself."""
        inputs = self.inputs(example)
        made = self.model.generate(**inputs, do_sample=False, max_new_tokens=limit)[0].tolist()
        begin = 0 if "tokens" in example.asked else inputs["input_ids"].shape[1]
        text = self.tokenizer.decode(made[begin:], skip_special_tokens=True).strip()
        return text, len(made) - inputs["input_ids"].shape[1] < limit

    def lead(self, example: Example, limit: int, other: "Alone") -> float:
        """Return by how many nats, at most, another model's answer is led by this model's likeliest next token: 0
        where this one gives the same answer.
        """
        inputs = other.inputs(example)
        made = other.model.generate(**inputs, do_sample=False, max_new_tokens=limit)
        with torch.no_grad():
            likely = self.model(input_ids=made).logits[0, inputs["input_ids"].shape[1] - 1 : -1].log_softmax(-1)
        chosen = made[0, inputs["input_ids"].shape[1] :, None]
        return float((likely.amax(-1) - likely.gather(-1, chosen)[:, 0]).max())

    def inputs(self, example: Example) -> dict[str, Any]:
        """Return what a model is given: ids and mask, shape (1, tokens)."""
        asked = example.asked
        if "messages" in asked:
            inputs = self.tokenizer.apply_chat_template(
                self.by_hand.written(asked["messages"]), tools=asked.get("tools"), add_generation_prompt=True,
                return_tensors="pt", return_dict=True,
            )  # fmt: skip
        elif "prompt" in asked:
            inputs = self.tokenizer(asked["prompt"], return_tensors="pt")
        else:
            inputs = {"input_ids": torch.tensor([asked["tokens"]])}
        return {name: inputs[name] for name in ("input_ids", "attention_mask") if name in inputs}


def main(family: str, base: Path, saved: Path, rows: Path) -> None:
    """Print the answers."""
    torch.set_num_threads(1)
    by_hand = Plain(BY_NAME[family], base)
    taught = [json.loads(line) for line in rows.read_text(encoding="utf-8").splitlines()]
    examples = by_hand.examples(CHAT if "messages" in taught[0] else COMPLETION, taught)
    alone = Alone(saved, by_hand)
    print(json.dumps([alone.answer(each, _LIMIT) for each in examples]))  # noqa: T201 -- its one output


if __name__ == "__main__":
    main(sys.argv[1], *(Path(each) for each in sys.argv[2:]))

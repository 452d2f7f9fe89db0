"""Makes a family's model directory: random weights, seed 0, of some hundred kilobytes. Needs a runtime's libraries.

`python -m tests.families.make FOLDER` makes all of them.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path

import torch
import trl
from transformers import AutoConfig, AutoModelForCausalLM, PretrainedConfig, PreTrainedTokenizerFast

from tests.families import own_templates
from tests.families.table import FAMILIES, Family
from tests.families.vocabulary import tokenizer

_TEMPLATES = Path(trl.__file__).parent / "chat_templates"
_WIDTH, _LAYERS, _HEADS, _CONTEXT = 48, 2, 4, 1024
# The head must be able to tell tokens apart while it is frozen below an adapter: at the usual 0.02 no logit passes 1.
_SPREAD = 0.3
_SIZES: Mapping[str, object] = {
    "hidden_size": _WIDTH, "intermediate_size": 96, "num_hidden_layers": _LAYERS, "num_attention_heads": _HEADS,
    "num_key_value_heads": 2, "max_position_embeddings": _CONTEXT, "initializer_range": _SPREAD,
}  # fmt: skip


def template(name: str) -> str:
    """Return a chat template by the name that `table` has for it."""
    if name.startswith("trl:"):
        return (_TEMPLATES / f"{name.removeprefix('trl:')}.jinja").read_text(encoding="utf-8")
    return str(getattr(own_templates, name))


def make(family: Family, folder: Path) -> Path:
    """Write the family's model directory, and return it."""
    words = tokenizer(family)
    if isinstance(family.template, str):
        words.chat_template = template(family.template)
    elif family.template is not None and not family.legacy_template_list:
        words.chat_template = {name: template(each) for name, each in family.template.items()}
    words.save_pretrained(folder)
    if family.template is not None and family.legacy_template_list and not isinstance(family.template, str):
        named = [{"name": name, "template": template(each)} for name, each in family.template.items()]
        edit(folder / "tokenizer_config.json", chat_template=named)
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(_config(family, words))
    if words.pad_token_id is not None:  # transformers makes the padding's row 0, which no real model's end is
        torch.nn.init.normal_(model.get_input_embeddings().weight.data[words.pad_token_id], std=_SPREAD)
    model = model.to(torch.bfloat16 if family.bf16 else torch.float32)
    model.save_pretrained(folder, **({"max_shard_size": family.shard} if family.shard else {}))
    if family.generation_ends:
        ends = [words.convert_tokens_to_ids(each) for each in family.generation_ends]
        edit(folder / "generation_config.json", eos_token_id=ends)
    return folder


def edit(file: Path, **changes: object) -> None:
    """Change fields of a JSON file."""
    value = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps({**value, **changes}, indent=1), encoding="utf-8")


def _config(family: Family, words: PreTrainedTokenizerFast) -> PretrainedConfig:
    common = {
        "bos_token_id": words.bos_token_id, "eos_token_id": words.eos_token_id, "pad_token_id": words.pad_token_id,
        "tie_word_embeddings": family.tied,
    }  # fmt: skip
    size = {"vocab_size": len(words)}
    if family.kind == "gpt2":
        own = {"n_embd": _WIDTH, "n_layer": _LAYERS, "n_head": _HEADS, "n_positions": _CONTEXT}
        return AutoConfig.for_model("gpt2", **size, **own, **common, initializer_range=_SPREAD)
    if family.kind == "gemma3":
        text = {**_SIZES, **size, "head_dim": 16, "sliding_window": 16, "model_type": "gemma3_text"}
        vision = {
            "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2,
            "image_size": 28, "patch_size": 14,
        }  # fmt: skip
        return AutoConfig.for_model("gemma3", text_config=text, vision_config=vision, mm_tokens_per_image=1, **common)
    return AutoConfig.for_model(family.kind, **{**_SIZES, **size, **common, **family.config})


if __name__ == "__main__":
    for each in FAMILIES:
        make(each, Path(sys.argv[1]) / each.name)

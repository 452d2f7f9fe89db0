"""Model directories that people bring and that something is wrong with, each made of a family of the table."""

import json
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import safetensors.torch
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from tests.families.make import edit, make
from tests.families.table import BY_NAME


def sampling_flags(folder: Path) -> None:
    """Its generation config has values for sampling and does not sample: it loads, and cannot be saved again."""
    make(BY_NAME["headers"], folder)
    flags = {"bos_token_id": 0, "eos_token_id": [1, 2], "temperature": 0.9, "top_p": 0.6, "max_length": 4096}
    (folder / "generation_config.json").write_text(json.dumps(flags), encoding="utf-8")


def two_copies(folder: Path) -> None:
    """Shards with an index, and the same weights once more in one file."""
    make(replace(BY_NAME["strict-turns"], bf16=True, shard="60KB"), folder)
    whole = AutoModelForCausalLM.from_pretrained(folder).state_dict()
    copied = {name: weight.clone().contiguous() for name, weight in whole.items()}
    safetensors.torch.save_file(copied, folder / "consolidated.safetensors")


def quantised(folder: Path) -> None:
    """Its config asks for a package and a device that are not there."""
    make(BY_NAME["chatml-instruct"], folder)
    edit(folder / "config.json", quantization_config={
        "quant_method": "bitsandbytes", "load_in_4bit": True, "bnb_4bit_quant_type": "nf4",
    })  # fmt: skip


def adapter_with_config(folder: Path) -> None:
    """An adapter's directory that has its base's config.json, too."""
    from peft import LoraConfig, get_peft_model  # noqa: PLC0415 -- only here

    base = make(BY_NAME["chatml-instruct"], folder.with_name(f"{folder.name}-base"))
    lora = LoraConfig(r=4, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM")
    get_peft_model(AutoModelForCausalLM.from_pretrained(base), lora).save_pretrained(folder)
    AutoTokenizer.from_pretrained(base).save_pretrained(folder)
    shutil.copy(base / "config.json", folder)


def wide_vocabulary(folder: Path) -> None:
    """Far more tokens than its tokenizer knows, and a long context: an evaluation may need more than a training."""
    make(BY_NAME["chatml-instruct"], folder)
    config = AutoModelForCausalLM.from_pretrained(folder).config
    config.update({
        "vocab_size": 16_000, "max_position_embeddings": 4096, "hidden_size": 32, "intermediate_size": 64,
        "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 1, "layer_types": ["full_attention"],
    })  # fmt: skip
    torch.manual_seed(0)
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)


FAULTY: Mapping[str, Callable[[Path], None]] = {
    "sampling-flags": sampling_flags,
    "two-copies": two_copies,
    "quantised": quantised,
    "adapter-with-config": adapter_with_config,
    "wide-vocabulary": wide_vocabulary,
}


def main(folder: Path, *names: str) -> None:
    """Make the named families and faulty directories below the folder."""
    for name in names:
        if name in FAULTY:
            FAULTY[name](folder / name)
        else:
            make(BY_NAME[name], folder / name)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])

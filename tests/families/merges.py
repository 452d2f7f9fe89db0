"""Adapters of every kind merged into bases of every kind: perplexity of the two by transformers and PEFT alone.

Run by a runtime's interpreter: `python -m tests.families.merges FOLDER FAMILY[:TARGET]…`. An adapter is put upon all
linear layers, the embedding, the head, or all of them, with weights of chance that change what the model says. Prints
a line of JSON for each: the two perplexities on rows, and what the merging said itself.
"""

import json
import math
import sys
import warnings
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel

from app.training.channel import Channel
from app.training.failures import ChildError
from app.training.merging import merge
from tests.families.make import make
from tests.families.ours import base_of
from tests.families.rows import COMPLETIONS, TEXTS
from tests.families.table import BY_NAME

LINEAR, EMBEDDING, HEAD, ALL, BROKEN = "linear", "embedding", "head", "all", "broken"
TARGETS = (LINEAR, EMBEDDING, HEAD, ALL)
_STRENGTH = 0.05  # of the adapter's second factor: perplexity then changes by some per cent


def main(folder: Path, asked: list[str]) -> None:
    warnings.simplefilter("ignore")  # PEFT warns of adapters on shared weights: they are what is tested
    torch.set_num_threads(1)
    for each in asked:
        name, _, one = each.partition(":")
        base = folder / name
        if not base.exists():
            make(BY_NAME[name], base)
        for target in (one,) if one else TARGETS:
            print(json.dumps({"family": name, "target": target, **merged(base, folder, target)}), flush=True)  # noqa: T201


def merged(base: Path, folder: Path, target: str) -> dict[str, Any]:
    """Merge one adapter, and return what is known of it."""
    adapter, run = folder / f"{base.name}-{target}", folder / f"{base.name}-{target}-run"
    run.mkdir()
    model: Any = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    plain = perplexity(model, base)
    torch.manual_seed(1)
    model = get_peft_model(model, LoraConfig(r=4, target_modules=_names(model, target), task_type="CAUSAL_LM"))
    for name, weight in model.named_parameters():
        if "lora_B" in name or "lora_embedding_A" in name:  # the factor that begins at 0
            torch.nn.init.normal_(weight.data, std=_STRENGTH)
        if target == BROKEN and "lora_B" in name:
            weight.data[0] = math.nan
    model.save_pretrained(adapter)
    AutoTokenizer.from_pretrained(base).save_pretrained(adapter)
    note = {"kind": "adapter", "base": base_of(base), "name": "tuned", "chat": True}
    (adapter / "tunedesk.json").write_text(json.dumps(note), encoding="utf-8")
    below: Any = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    before = perplexity(PeftModel.from_pretrained(below, adapter), base)
    found = {"plain": plain, "adapter": before, "left": []}
    try:
        merge({"target": {"base": {}, "model": str(adapter)}, "name": "tuned"}, Channel(run))
    except ChildError as error:
        return {**found, "said": str(error), "left": sorted(path.name for path in run.glob("model*"))}
    whole: Any = AutoModelForCausalLM.from_pretrained(run / "model", dtype="auto")
    status = json.loads((run / "status.json").read_text(encoding="utf-8"))
    tied = whole.get_input_embeddings().weight.data_ptr() == whole.get_output_embeddings().weight.data_ptr()
    kept = {name: status[name] for name in ("difference", "dtype", "base_dtype")}
    saved = str(whole.dtype).removeprefix("torch.")
    return {**found, "merged": perplexity(whole.float(), base), "tied": tied, "saved": saved, **kept}


def _names(model: PreTrainedModel, target: str) -> str | list[str]:
    ends = {
        end: next(name.rpartition(".")[2] for name, module in model.named_modules() if module is found)
        for end, found in ((EMBEDDING, model.get_input_embeddings()), (HEAD, model.get_output_embeddings()))
    }
    linear = sorted(
        {
            name.rpartition(".")[2]
            for name, module in model.named_modules()
            if isinstance(module, torch.nn.Linear) and module is not model.get_output_embeddings()
        }
    )
    if target in {LINEAR, BROKEN}:
        return "all-linear"
    return [*linear, *ends.values()] if target == ALL else [ends[target]]


def perplexity(model: torch.nn.Module, base: Path) -> float:
    """Return it over the texts of rows, one at a time."""
    tokenizer: Any = AutoTokenizer.from_pretrained(base)
    model.eval()
    total, count = 0.0, 0
    for text in (*(row["text"] for row in TEXTS), *(f"{row['prompt']}{row['completion']}" for row in COMPLETIONS)):
        ids = tokenizer(text, return_tensors="pt")["input_ids"]
        with torch.no_grad():
            total += float(model(input_ids=ids, labels=ids).loss) * (ids.shape[1] - 1)
        count += ids.shape[1] - 1
    return math.exp(total / count)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])

"""A job as a TRL script that runs when pasted, needs nothing of TuneDesk, and ends at the same loss."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.backends.local import script
from app.backends.local.context import LocalContext
from app.backends.local.errors import in_backend_words
from app.backends.local.hyperparameters import resolve
from app.backends.local.models import Base
from app.domain import canonical
from app.domain.backend import NotFound, ShowsCode, Unsupported
from app.domain.jobs import JobSpec
from app.training import trl_arguments

TRL = "trl"
_WEIGHT_0 = re.compile(r'"weight"\s*:\s*0\b')
_MARKS = re.compile(r"\{%-?\s*generation\s*-?%\}")


class LocalCode(ShowsCode):
    """To show a job as code that runs when pasted."""

    context: LocalContext

    def code_targets(self) -> Mapping[str, str]:
        """Return the one target: a script for TRL."""
        return {TRL: "TRL script"}

    @in_backend_words
    def code(self, target: str, spec: JobSpec, *, training_file: Path, validation_file: Path | None) -> str:
        """Return the script. It reads the files and the base model where they are on this machine."""
        if target != TRL:
            raise Unsupported(f"There is no code for {target}.", fix=f"Choose {TRL}.")
        base = self.context.models.resolve(spec.base_model)
        data = _look_at(training_file)
        settings = resolve(
            spec.hyperparameters,
            spec.options,
            method=spec.method.value,
            starter=base.is_starter,
            adapter=base.adapter is not None,
            context_length=self.context.models.context_length(base.id),
            rows=data.rows,
        )
        pieces = _pieces(base, data, settings, seed=spec.seed or 0, validation=validation_file is not None)
        return script.FRAME.format(
            base=base.id,
            name=spec.name,
            train=str(training_file),
            validation=str(validation_file) if validation_file else None,
            output=spec.name,
            threads=self.context.threads,
            **pieces,
        )


@dataclass(frozen=True)
class _Data:
    """What the script has to know of the rows: how many, their shape, and whether some turns have the weight 0."""

    rows: int
    shape: str
    weighted: bool


def _pieces(base: Base, data: _Data, settings: Mapping[str, Any], *, seed: int, validation: bool) -> dict[str, Any]:
    """Return what fills the frame besides names and files."""
    preferring = data.shape == "preference"
    arguments_of = trl_arguments.dpo_arguments if preferring else trl_arguments.sft_arguments
    arguments = arguments_of(settings, rows=data.rows, validation=validation, seed=seed)
    chat = data.shape in script.WEIGHTED_ROWS
    careful = chat and (data.weighted or (settings["assistant_only_loss"] and not _marks_answers(base)))
    often = arguments["eval_strategy"] == "steps"
    if data.shape == "prompt":
        arguments["completion_only_loss"] = settings["assistant_only_loss"]
    elif chat and not careful and settings["assistant_only_loss"]:
        arguments["assistant_only_loss"] = True
    answers = script.ANSWERS.replace("{answers_only}", str(settings.get("assistant_only_loss")))
    templates = ", get_training_chat_template\nfrom trl.chat_template_utils import has_generation_markers"
    templates += "\nfrom trl.data_utils import common_prefix_length"
    return {
        "kind": "DPO" if preferring else "SFT",
        "model": str(base.path) if base.path else base.hub,
        "pair": script.PAIR if preferring else "",
        "row": (script.WEIGHTED_ROWS if careful else script.ROWS)[data.shape],
        "seed": seed,
        "dropout_fields": trl_arguments.DROPOUT_FIELDS,
        "dropout": settings["dropout"],
        "dtype": "torch.bfloat16 if bf16 else torch.float32" if settings["adapter"] == "lora" else "torch.float32",
        "lesson": answers if careful else "",
        "template_import": templates if careful else "",
        "callback_import": ", TrainerCallback" if often else "",
        "callback": script.EVALUATE_LAST if often else "",
        "callbacks": "\n    callbacks=[EvaluateLast()]," if often else "",
        "arguments": _keywords(arguments) + ("\n        **learned," if careful else ""),
        **_adapters(base, settings, preferring=preferring),
    }


def _adapters(base: Base, settings: Mapping[str, Any], *, preferring: bool) -> dict[str, str]:
    """Return the pieces about an adapter: a fresh one, or one below that is trained further or merged."""
    lora = trl_arguments.lora_arguments(settings)
    names = [*(["LoraConfig"] if lora else []), *(["PeftModel"] if base.adapter else [])]
    merged = "PeftModel.from_pretrained(load(), ADAPTER).merge_and_unload()"
    further = settings["adapter"] == "lora" and base.adapter
    whole = f"{merged}.requires_grad_(True)  # PEFT leaves it frozen"
    loaded = "PeftModel.from_pretrained(load(), ADAPTER, is_trainable=True)" if further else whole
    return {
        "adapter": f"ADAPTER = {str(base.adapter)!r}\n" if base.adapter else "",
        "loaded": loaded if base.adapter else "load()",
        "reference": f"\n    ref_model={merged}," if preferring and base.adapter and not lora else "",
        "peft_import": f"\nfrom peft import {', '.join(names)}" if names else "",
        "peft": _peft(lora),
    }


def _peft(lora: Mapping[str, Any] | None) -> str:
    if lora is None:
        return ""
    inside = ", ".join(f"{name}={value!r}" for name, value in lora.items())
    return f"\n    peft_config=LoraConfig({inside}),"


def _keywords(arguments: Mapping[str, Any]) -> str:
    return "\n".join(f"        {name}={value!r}," for name, value in arguments.items())


def _look_at(path: Path) -> _Data:
    """Return what the script has to know of a file of canonical rows."""
    first, rows, weighted = "", 0, False
    with path.open(encoding="utf-8") as file:
        for line in file:
            first, rows, weighted = first or line, rows + 1, weighted or bool(_WEIGHT_0.search(line))
    if not first:
        raise NotFound("The training file has no row that can be trained.", fix="Look at the dataset's findings.")
    value = json.loads(first)
    parted = isinstance(value.get("completion"), list)
    return _Data(rows, "conversation" if parted else canonical.parse(value).shape, weighted)


def _marks_answers(base: Base) -> bool:
    """Tell whether a local model's chat template is known to mark the assistant's turns."""
    if base.path is None:
        return False
    texts = [base.path / "chat_template.jinja", base.path / "tokenizer_config.json"]
    return any(path.is_file() and _MARKS.search(path.read_text(encoding="utf-8")) for path in texts)

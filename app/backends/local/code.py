"""A job as a script for TRL, which needs nothing of TuneDesk and ends at the same loss, and as a file for AutoTrain."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.backends.local import script
from app.backends.local.autotrain import AUTOTRAIN, configuration
from app.backends.local.bundle import bundle
from app.backends.local.context import LocalContext
from app.backends.local.errors import in_backend_words
from app.backends.local.hyperparameters import resolve
from app.backends.local.models import Base
from app.domain import canonical
from app.domain.backend import NotFound, ShowsCode, Unsupported
from app.domain.jobs import JobSpec
from app.training import trl_arguments

TRL = "trl"
_ROWS = (
    ("app.training.rows", "read_rows"),
    ("app.training.rendering", "Renderer"),
    ("app.training.handing_out", "fit"),
)
_SUPERVISED = (*_ROWS, ("app.training.examples", "sequences"), ("app.training.examples", "columns"))
_PREFERRED = (*_ROWS, ("app.training.examples", "sequences"), ("app.training.dpo", "pairs"))
_MERGED = ("app.training.loading", "merged")


class LocalCode(ShowsCode):
    """To show a job as code that runs when pasted."""

    context: LocalContext

    def code_targets(self) -> Mapping[str, str]:
        """Return the targets: a script for TRL, and AutoTrain's configuration."""
        return {TRL: "TRL script", AUTOTRAIN: "AutoTrain"}

    @in_backend_words
    def code(self, target: str, spec: JobSpec, *, training_file: Path, validation_file: Path | None) -> str:
        """Return the script, or the file. It reads the rows and the base model where they are on this machine."""
        if target not in self.code_targets():
            raise Unsupported(f"There is no code for {target}.", fix=f"Choose {TRL} or {AUTOTRAIN}.")
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
        if target == AUTOTRAIN:
            return configuration(spec, base, settings, rows=training_file, count=data.rows, first=data.first)
        names = {
            "train": str(training_file),
            "validation": str(validation_file) if validation_file else None,
            "output": spec.name,
            "threads": self.context.threads,
            "seed": spec.seed or 0,
        }
        head = _head(base, data, settings, names)
        wanted = _PREFERRED if data.is_preferring else _SUPERVISED
        parts = bundle((*wanted, _MERGED) if "merged(" in head else wanted, head=head)
        return script.WHOLE.format(
            about=re.sub(r'[\\"]', "'", f"{base.id} with TRL: {spec.name}"),
            imports=parts.imports,
            head=head[head.index("\nMODEL = ") :].strip(),
            definitions=parts.definitions,
        )


@dataclass(frozen=True)
class _Data:
    """What the script has to know of the rows: how many, and the first one."""

    rows: int
    first: canonical.Row

    @property
    def is_preferring(self) -> bool:
        return self.first.shape is canonical.Shape.PREFERENCE


def _head(base: Base, data: _Data, settings: Mapping[str, Any], names: Mapping[str, Any]) -> str:
    """Return the script's own part."""
    arguments_of = trl_arguments.dpo_arguments if data.is_preferring else trl_arguments.sft_arguments
    validation = names["validation"] is not None
    arguments = arguments_of(settings, rows=data.rows, validation=validation, seed=names["seed"])
    often = arguments["eval_strategy"] == "steps"
    kind, trainer = ("DPO", "PairsTrainer") if data.is_preferring else ("SFT", "SFTTrainer")
    sets = script.PREFERRED_SETS if data.is_preferring else script.SUPERVISED_SETS
    return script.FRAME.format(
        kind=kind,
        trainer=trainer,
        model=str(base.path) if base.path else base.hub,
        sets=sets.format_map(settings),
        only_last=", only_last=True" if settings.get("learn_turns") == trl_arguments.LAST else "",
        dropout_fields=trl_arguments.DROPOUT_FIELDS,
        dropout=settings["dropout"],
        dtype="torch.bfloat16 if BF16 else torch.float32" if settings["adapter"] == "lora" else "torch.float32",
        callback_import="TrainerCallback, " if often else "",
        callbacks="\n        callbacks=[EvaluateLast()]," if often else "",
        classes=(script.EVALUATE_LAST if often else "") + (script.PAIRS_TRAINER if data.is_preferring else ""),
        arguments="\n".join(f"            {name}={value!r}," for name, value in arguments.items()),
        **names,
        **_adapters(base, settings, preferring=data.is_preferring),
    )


def _adapters(base: Base, settings: Mapping[str, Any], *, preferring: bool) -> dict[str, str]:
    """Return the pieces about an adapter: a fresh one, or one below that is trained further or merged."""
    lora = trl_arguments.lora_arguments(settings)
    names = [*(["LoraConfig"] if lora else []), *(["PeftModel"] if base.adapter else [])]
    whole = "merged(PeftModel.from_pretrained(load(), ADAPTER))"
    further = settings["adapter"] == "lora" and base.adapter
    thawed = f"{whole}.requires_grad_(True)  # PEFT leaves it frozen"
    loaded = "PeftModel.from_pretrained(load(), ADAPTER, is_trainable=True)" if further else thawed
    return {
        "adapter": f"ADAPTER = {str(base.adapter)!r}\n" if base.adapter else "",
        "loaded": loaded if base.adapter else "load()",
        "reference": f"\n        ref_model={whole}," if preferring and base.adapter and not lora else "",
        "peft_import": f"\nfrom peft import {', '.join(names)}" if names else "",
        "peft": _peft(lora),
    }


def _peft(lora: Mapping[str, Any] | None) -> str:
    if lora is None:
        return ""
    inside = ", ".join(f"{name}={value!r}" for name, value in lora.items())
    return f"\n        peft_config=LoraConfig({inside}),"


def _look_at(path: Path) -> _Data:
    """Return what the script has to know of a file of canonical rows."""
    with path.open("rb") as file:
        first = next(canonical.read(file), None)
        rows = 1 + sum(1 for line in file if line.strip())
    if first is None:
        raise NotFound("The training file has no row that can be trained.", fix="Look at the dataset's findings.")
    return _Data(rows, first)

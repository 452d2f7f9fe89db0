"""A job as a TRL script that runs when pasted, needs nothing of TuneDesk, and ends at the same loss."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from app.backends.local.children import recipe
from app.backends.local.errors import in_backend_words, untyped
from app.backends.local.hyperparameters import resolve
from app.backends.local.models import STARTER, Base
from app.backends.local.workshop import Workshop
from app.domain.backend import NotFound, Unsupported
from app.domain.jobs import JobSpec

TRL = "trl"
_MARKS = re.compile(r"\{%-?\s*generation\s*-?%\}")

_SCRIPT = '''"""Fine-tunes {base} with TRL: {name}. Needs torch, transformers, trl, peft and datasets."""

import json

import torch
from datasets import Dataset{peft_import}
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer{callback_import}, set_seed
from trl import SFTConfig, SFTTrainer{template_import}

MODEL = {model!r}
TRAIN = {train!r}
VALIDATION = {validation!r}
OUTPUT = {output!r}

torch.set_num_threads({threads})
cuda = torch.cuda.is_available()
bf16 = cuda and torch.cuda.is_bf16_supported()


def read(path):
    with open(path, encoding="utf-8-sig") as file:
        rows = [json.loads(line) for line in file if line.strip()]
    return [{row} for row in rows]


tokenizer = AutoTokenizer.from_pretrained(MODEL)
if tokenizer.pad_token_id is None:
    tokenizer.pad_token = tokenizer.eos_token
train_rows, validation_rows = read(TRAIN), read(VALIDATION) if VALIDATION else None
{lesson}set_seed({seed})
config = AutoConfig.from_pretrained(MODEL)
for rate in {dropout_fields!r}:
    if hasattr(config, rate):
        setattr(config, rate, {dropout!r})
model = AutoModelForCausalLM.from_pretrained(
    MODEL, config=config, dtype={dtype}, use_safetensors=True
)
{callback}trainer = SFTTrainer(
    model=model,
    args=SFTConfig(
        output_dir=OUTPUT + "-checkpoints",
{arguments}
        use_cpu=not cuda and not torch.backends.mps.is_available(),
        bf16=bf16,
        dataloader_pin_memory=cuda,
    ),
    train_dataset=Dataset.from_list(train_rows),
    eval_dataset=Dataset.from_list(validation_rows) if validation_rows else None,
    processing_class=tokenizer,{peft}{callbacks}
)
if validation_rows:
    trainer.evaluate()  # the untrained model: where the curve begins
trainer.train()
trainer.save_model(OUTPUT)
print(json.dumps(trainer.state.log_history[-1]))
'''
_LAST_ANSWER = '''

def marks_answers(template):
    """Tell whether the template marks the assistant's turns, or TRL has a marked version of it."""
    if has_generation_markers(template):
        return True
    try:
        get_training_chat_template(tokenizer)
    except ValueError:
        return False
    return True


def last_answer(row):
    turns = row["messages"]
    last = max(i for i, turn in enumerate(turns) if turn["role"] == "assistant")
    return {"prompt": turns[:last], "completion": [turns[last]]}


learned = {"assistant_only_loss": True}
if not marks_answers(tokenizer.chat_template):
    learned = {"completion_only_loss": True}
    train_rows = [last_answer(row) for row in train_rows]
    validation_rows = [last_answer(row) for row in validation_rows] if validation_rows else None
'''
_EVALUATE_LAST = '''

class EvaluateLast(TrainerCallback):
    """TRL saves after the last step; this measures it, too."""

    def on_step_end(self, args, state, control, **_):
        if args.eval_strategy == "steps" and state.global_step >= state.max_steps:
            control.should_evaluate = True


'''
# How each shape of row is given to TRL, as an expression over `row`.
_TURNS = '[{{"role": turn["role"], "content": turn["content"]}} for turn in {turns}]'
_ROWS = {
    "messages": '{"messages": ' + _TURNS.format(turns='row["messages"]') + "}",
    "conversation": '{"messages": ' + _TURNS.format(turns='row["prompt"] + row["completion"]') + "}",
    "prompt": '{"prompt": row["prompt"], "completion": row["completion"]}',
    "text": '{"text": row["text"]}',
}


class ShowsCodeHere:
    """To show a job as code that runs when pasted."""

    workshop: Workshop

    def code_targets(self) -> Sequence[str]:
        """Return the one target: a script for TRL."""
        return (TRL,)

    @in_backend_words
    def code(self, target: str, spec: JobSpec, *, training_file: Path, validation_file: Path | None) -> str:
        """Return the script. It reads the files and the base model where they are on this machine."""
        if target != TRL:
            raise Unsupported(f"There is no code for {target}.", fix=f"Choose {TRL}.")
        base = self.workshop.models.resolve(spec.base_model)
        rows, shape = _look_at(training_file)
        settings = resolve(
            spec.hyperparameters,
            spec.options,
            starter=base.id == STARTER,
            context_length=self.workshop.models.context_length(base.id),
            rows=rows,
        )
        seed = spec.seed or 0
        arguments = recipe.sft_arguments(settings, rows=rows, validation=validation_file is not None, seed=seed)
        chat = shape in {"messages", "conversation"} and settings["assistant_only_loss"]
        doubtful = chat and not _marks_answers(base)
        often = arguments["eval_strategy"] == "steps"
        if shape == "prompt":
            arguments["completion_only_loss"] = settings["assistant_only_loss"]
        elif chat and not doubtful:
            arguments["assistant_only_loss"] = True
        lora = recipe.lora_arguments(settings)
        return _SCRIPT.format(
            base=base.id,
            name=spec.name,
            model=str(base.path) if base.path else base.hub,
            train=str(training_file),
            validation=str(validation_file) if validation_file else None,
            output=spec.name,
            threads=self.workshop.threads,
            row=_ROWS[shape],
            seed=seed,
            dropout_fields=recipe.DROPOUT_FIELDS,
            dropout=settings["dropout"],
            dtype="torch.bfloat16 if bf16 else torch.float32" if lora else "torch.float32",
            lesson=_LAST_ANSWER if doubtful else "",
            template_import=", get_training_chat_template\nfrom trl.chat_template_utils import has_generation_markers"
            if doubtful
            else "",
            callback_import=", TrainerCallback" if often else "",
            callback=_EVALUATE_LAST if often else "",
            callbacks="\n    callbacks=[EvaluateLast()]," if often else "",
            arguments=_keywords(arguments) + ("\n        **learned," if doubtful else ""),
            peft_import="\nfrom peft import LoraConfig" if lora else "",
            peft=_peft(lora),
        )


def _peft(lora: Mapping[str, Any] | None) -> str:
    if lora is None:
        return ""
    inside = ", ".join(f"{name}={value!r}" for name, value in lora.items())
    return f"\n    peft_config=LoraConfig({inside}),"


def _keywords(arguments: Mapping[str, Any]) -> str:
    return "\n".join(f"        {name}={value!r}," for name, value in arguments.items())


def _look_at(path: Path) -> tuple[int, str]:
    """Return the number of rows and the shape of the first one."""
    first, rows = "", 0
    with path.open(encoding="utf-8-sig") as file:
        for line in file:
            if line.strip():
                first = first or line
                rows += 1
    try:
        row = untyped(json.loads(first))
    except ValueError:
        row = {}
    if "messages" in row:
        return rows, "messages"
    if "prompt" in row and "completion" in row:
        return rows, "conversation" if isinstance(row["prompt"], list) else "prompt"
    if "text" in row:
        return rows, "text"
    raise NotFound("The training file has no row that can be trained.", fix="Look at the dataset's findings.")


def _marks_answers(base: Base) -> bool:
    """Tell whether a local model's chat template is known to mark the assistant's turns."""
    if base.path is None:
        return False
    texts = [base.path / "chat_template.jinja", base.path / "tokenizer_config.json"]
    return any(path.is_file() and _MARKS.search(path.read_text(encoding="utf-8")) for path in texts)

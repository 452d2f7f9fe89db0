"""The text of the TRL script: its frame, and the pieces that some jobs need and others do not."""

FRAME = '''"""Fine-tunes {base} with TRL: {name}. Needs torch, transformers, trl, peft and datasets."""

import json

import torch
from datasets import Dataset{peft_import}
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer{callback_import}, set_seed
from trl import {kind}Config, {kind}Trainer{template_import}

MODEL = {model!r}
{adapter}TRAIN = {train!r}
VALIDATION = {validation!r}
OUTPUT = {output!r}

torch.set_num_threads({threads})
cuda = torch.cuda.is_available()
bf16 = cuda and torch.cuda.is_bf16_supported()
{pair}

def read(path):
    with open(path, encoding="utf-8-sig") as file:
        rows = [json.loads(line) for line in file if line.strip()]
    return [{row} for row in rows]


def load():
    config = AutoConfig.from_pretrained(MODEL)
    for rate in {dropout_fields!r}:
        if hasattr(config, rate):
            setattr(config, rate, {dropout!r})
    return AutoModelForCausalLM.from_pretrained(
        MODEL, config=config, dtype={dtype}, use_safetensors=True
    )


tokenizer = AutoTokenizer.from_pretrained(MODEL)
if tokenizer.pad_token_id is None:
    tokenizer.pad_token = tokenizer.eos_token
train_rows, validation_rows = read(TRAIN), read(VALIDATION) if VALIDATION else None
{lesson}set_seed({seed})
model = {loaded}
{callback}trainer = {kind}Trainer(
    model=model,{reference}
    args={kind}Config(
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
# Where the template may not mark the assistant's turns, or turns of weight 0 are not to be learned.
ANSWERS = '''

def marking_template():
    """Return the template that marks the assistant's turns: the model's own, or TRL's version of it; else None."""
    if has_generation_markers(tokenizer.chat_template):
        return tokenizer.chat_template
    try:
        return get_training_chat_template(tokenizer)
    except ValueError:
        return None


def last_answer(row):
    turns = row["messages"]
    last = max(i for i, turn in enumerate(turns) if turn["role"] == "assistant" and turn["weight"] != 0)
    return {"prompt": plain(turns[:last]), "completion": plain(turns[last:last + 1])}


def plain(turns):
    return [{"role": turn["role"], "content": turn["content"]} for turn in turns]


def labelled(row):
    """Return tokens and labels: of the turns with weight 0, no token is learned."""
    turns, template = plain(row["messages"]), {"chat_template": marks} if marks else {}
    asked = {**template, "return_assistant_tokens_mask": True} if marks else {}
    whole = tokenizer.apply_chat_template(turns, tokenize=True, return_dict=True, **asked)
    ids = whole["input_ids"]
    learned = list(whole["assistant_masks"]) if marks else [1] * len(ids)

    def shared(count):
        if not count:
            return 0
        first = tokenizer.apply_chat_template(turns[:count], tokenize=True, return_dict=True, **template)
        return common_prefix_length(first["input_ids"], ids)

    for i, turn in enumerate(row["messages"]):
        if turn["role"] == "assistant" and turn["weight"] == 0:
            begin, end = shared(i), shared(i + 1)
            learned[begin:end] = [0] * (end - begin)
    return {"input_ids": ids, "labels": [token if mark else -100 for token, mark in zip(ids, learned)]}


ANSWERS_ONLY = {answers_only}
marks = marking_template() if ANSWERS_ONLY else None
aside = any(turn["weight"] == 0 for row in train_rows + (validation_rows or []) for turn in row["messages"])
if ANSWERS_ONLY and not marks:
    learned, shaped = {"completion_only_loss": True}, last_answer
elif aside:
    learned, shaped = {}, labelled
else:
    learned, shaped = {"assistant_only_loss": ANSWERS_ONLY}, lambda row: {"messages": plain(row["messages"])}
train_rows = [shaped(row) for row in train_rows]
validation_rows = [shaped(row) for row in validation_rows] if validation_rows else None
'''
EVALUATE_LAST = '''

class EvaluateLast(TrainerCallback):
    """TRL saves after the last step; this measures it, too."""

    def on_step_end(self, args, state, control, **_):
        if args.eval_strategy == "steps" and state.global_step >= state.max_steps:
            control.should_evaluate = True


'''
PAIR = '''

def pair(row):
    """Return prompt, chosen and rejected, all three texts or all three lists of messages."""
    parts = {name: row[name] for name in ("prompt", "chosen", "rejected")}
    return {name: part if isinstance(part, str) else plain(part) for name, part in parts.items()}


def plain(turns):
    return [{"role": turn["role"], "content": turn["content"]} for turn in turns]

'''
# How each shape of row is given to TRL, as an expression over `row`.
_TURNS = '[{{"role": turn["role"], "content": turn["content"]{more}}} for turn in {turns}]'
_WEIGHT = ', "weight": turn.get("weight", 1)'
ROWS = {
    "messages": '{"messages": ' + _TURNS.format(turns='row["messages"]', more="") + "}",
    "conversation": '{"messages": ' + _TURNS.format(turns='row["prompt"] + row["completion"]', more="") + "}",
    "prompt": '{"prompt": row["prompt"], "completion": row["completion"]}',
    "text": '{"text": row["text"]}',
    "preference": "pair(row)",
}
WEIGHTED_ROWS = {
    "messages": '{"messages": ' + _TURNS.format(turns='row["messages"]', more=_WEIGHT) + "}",
    "conversation": '{"messages": ' + _TURNS.format(turns='row["prompt"] + row["completion"]', more=_WEIGHT) + "}",
}

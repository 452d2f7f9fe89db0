"""The text of the TRL script: its frame, and the pieces that some jobs need and others do not."""

# The script's own part; its imports are joined with those of the job's modules that it uses.
FRAME = """import json
from pathlib import Path

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, {callback_import}set_seed
from trl import {kind}Config, {kind}Trainer{peft_import}

MODEL = {model!r}
{adapter}TRAIN = {train!r}
VALIDATION = {validation!r}
OUTPUT = {output!r}
CUDA = torch.cuda.is_available()
BF16 = CUDA and torch.cuda.is_bf16_supported()


def main():
    torch.set_num_threads({threads})
    tokenizer = AutoTokenizer.from_pretrained(MODEL)
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    renderer = Renderer(tokenizer)
    rows = read_rows(Path(TRAIN){only_last})
    validation_rows = read_rows(Path(VALIDATION){only_last}) if VALIDATION else []
    {sets}
    set_seed({seed})
    model = {loaded}
    trainer = {trainer}(
        model=model,{reference}
        args={kind}Config(
            output_dir=OUTPUT + "-checkpoints",
{arguments}
            use_cpu=not CUDA and not torch.backends.mps.is_available(),
            bf16=BF16,
            dataloader_pin_memory=CUDA,
        ),
        train_dataset=training,
        eval_dataset=held_out,
        processing_class=tokenizer,{peft}{callbacks}
    )
    # What is saved stops at the end that was taught, and its template opens answers as they were taught.
    fit(trainer.model, renderer, chat=rows[0].is_conversation)
    if held_out:
        trainer.evaluate()  # the untrained model: where the curve begins
    trainer.train()
    trainer.save_model(OUTPUT)
    trainer.model.generation_config.save_pretrained(OUTPUT)
    print(json.dumps(trainer.state.log_history[-1]))


def load():
    config = AutoConfig.from_pretrained(MODEL)
    for rate in {dropout_fields!r}:
        if hasattr(config, rate):
            setattr(config, rate, {dropout!r})
    dtype = {dtype}
    return AutoModelForCausalLM.from_pretrained(MODEL, config=config, dtype=dtype, use_safetensors=True)
{classes}"""
WHOLE = '''"""Fine-tunes {about}. Needs torch, transformers, trl, peft and datasets.

The training comes first. Below it stands how rows become tokens, and what is saved beside the weights, as in the job.
"""

{imports}

{head}


{definitions}


if __name__ == "__main__":
    main()
'''
SUPERVISED_SETS = """made, kept_out = (
        sequences(part, renderer, answers_only={assistant_only_loss}) for part in (rows, validation_rows)
    )
    training, held_out = columns(made), columns(kept_out) if kept_out else None"""
PREFERRED_SETS = """training, held_out = (
        pairs(sequences(part, renderer, answers_only=True), max_length={max_length}) if part else None
        for part in (rows, validation_rows)
    )"""
EVALUATE_LAST = '''

class EvaluateLast(TrainerCallback):
    """TRL saves after the last step; this measures it, too."""

    def on_step_end(self, args, state, control, **_):
        if args.eval_strategy == "steps" and state.global_step >= state.max_steps:
            control.should_evaluate = True
'''
PAIRS_TRAINER = '''

class PairsTrainer(DPOTrainer):
    """TRL would write the pairs by the chat template once more; they are tokens already."""

    def _prepare_dataset(self, dataset, *_, **__):
        return dataset
'''

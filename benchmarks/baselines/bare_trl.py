"""A training as somebody writes it by hand from TRL's documentation; imports nothing of TuneDesk.

Run by the runtime's interpreter: `bare_trl.py MODEL TRAIN VALIDATION OUTPUT SETTINGS`, SETTINGS as JSON. Evaluates and
saves at the end of every epoch, keeps the best, and prints the CPU seconds of its process and the tokens it saw.
"""

import json
import resource
import sys
from pathlib import Path

import torch
from datasets import load_dataset
from transformers import AutoModelForCausalLM, AutoTokenizer, set_seed
from trl import SFTConfig, SFTTrainer


def main() -> None:
    """Train, save, and tell."""
    model_path, train, validation, output, settings_text = sys.argv[1:]
    settings = json.loads(settings_text)
    torch.set_num_threads(1)
    set_seed(0)
    tokenizer = AutoTokenizer.from_pretrained(model_path)
    files = {"train": train, "validation": validation}
    rows = load_dataset("json", data_files=files, cache_dir=str(Path(output) / "cache")).select_columns(["messages"])
    trainer = SFTTrainer(
        model=AutoModelForCausalLM.from_pretrained(model_path, dtype=torch.float32),
        args=SFTConfig(
            output_dir=output,
            num_train_epochs=settings["n_epochs"],
            per_device_train_batch_size=settings["batch_size"],
            per_device_eval_batch_size=settings["batch_size"],
            learning_rate=settings["learning_rate"],
            max_length=settings["max_length"],
            assistant_only_loss=True,
            eval_strategy="epoch",
            save_strategy="epoch",
            save_total_limit=2,
            load_best_model_at_end=True,
            metric_for_best_model="eval_loss",
            greater_is_better=False,
            logging_steps=1,
            report_to="none",
            disable_tqdm=True,
            use_cpu=True,
            seed=0,
            dataloader_pin_memory=False,
        ),
        train_dataset=rows["train"],
        eval_dataset=rows["validation"],
        processing_class=tokenizer,
    )
    trainer.train()
    trainer.save_model(str(Path(output) / "model"))
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps({"cpu_s": used.ru_utime + used.ru_stime, "tokens": trainer.state.num_input_tokens_seen}))


if __name__ == "__main__":
    main()

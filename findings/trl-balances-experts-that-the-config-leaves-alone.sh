#!/usr/bin/env bash
# TRL 1.16.0, transformers 5.23.0: a mixture of experts whose config says `output_router_logits: false`, as published ones
# do, is trained with the load-balancing loss nevertheless. SFTTrainer goes by the config's coefficient alone, switches the
# field to true, and adds coefficient × aux_loss to the loss that it logs and that moves the weights. In transformers'
# own Trainer the same config leaves it out. `router_aux_loss_coef=0.0` in SFTConfig turns it off.
#
# Seen: the config's loss 4.1169; SFTTrainer logs 4.1189 with aux_loss 2.0015 and the config's 0.001; 4.1169 with 0.0.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check \
  torch==2.13.0 trl==1.16.0 transformers==5.23.0 datasets==5.2.0
cd "$folder"
HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1 "$folder/env/bin/python" - <<'PYTHON' 2>/dev/null
import torch
from datasets import Dataset
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import MixtralConfig, MixtralForCausalLM, PreTrainedTokenizerFast
from trl import SFTConfig, SFTTrainer

words = ["<pad>", "</s>", *(f"w{n}" for n in range(60))]
plain = Tokenizer(models.WordLevel({word: n for n, word in enumerate(words)}, unk_token="<pad>"))
plain.pre_tokenizer = pre_tokenizers.Whitespace()
tokenizer = PreTrainedTokenizerFast(tokenizer_object=plain, pad_token="<pad>", eos_token="</s>")
sizes = {
    "vocab_size": len(words), "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "num_local_experts": 4, "num_experts_per_tok": 2,
}
rows = Dataset.from_dict({"text": [" ".join(f"w{(n * 7 + k) % 60}" for k in range(4 + n % 5)) for n in range(8)]})


def trained(**more):
    torch.manual_seed(0)
    model = MixtralForCausalLM(MixtralConfig(**sizes, pad_token_id=0, eos_token_id=1))
    assert model.config.output_router_logits is False
    arguments = SFTConfig(
        "out", per_device_train_batch_size=8, max_steps=1, learning_rate=0.0, use_cpu=True, report_to="none",
        save_strategy="no", logging_steps=1, **more,
    )
    trainer = SFTTrainer(model, arguments, train_dataset=rows, processing_class=tokenizer)
    batch = next(iter(trainer.get_train_dataloader()))
    with torch.no_grad():
        asked = {name: batch[name] for name in ("input_ids", "attention_mask", "labels")}
        own = float(model(**asked, output_router_logits=False).loss)
    trainer.train()
    return own, next(each for each in trainer.state.log_history if "loss" in each), model.config.output_router_logits


own, logged, switched = trained()
print(f"as the config says {own:.4f}; SFTTrainer logs {logged['loss']:.4f} with aux_loss {logged['aux_loss']:.4f}")
assert switched and abs(logged["loss"] - own - 0.001 * logged["aux_loss"]) < 1e-4, "the behaviour has changed"
assert logged["loss"] - own > 1e-3, "the behaviour has changed"
own, logged, switched = trained(router_aux_loss_coef=0.0)
print(f"with router_aux_loss_coef=0.0 it logs {logged['loss']:.4f}")
assert not switched and abs(logged["loss"] - own) < 1e-4 and "aux_loss" not in logged, "the behaviour has changed"
PYTHON

"""Makes a tiny Llama with a word tokenizer and a chat template without marks: `tiny_model.py FOLDER ROWS [nan]`.

Nothing in it is like the starter: architecture, tokenizer, special tokens, template. Random weights, seed 0.
"""

import json
import sys
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

TEMPLATE = (
    "{% for message in messages %}[{{ message['role'] }}] {{ message['content'] }} </s> {% endfor %}"
    "{% if add_generation_prompt %}[assistant] {% endif %}"
)
folder, rows = sys.argv[1:3]
texts = [
    turn["content"] for line in Path(rows).read_text("utf-8").splitlines() for turn in json.loads(line)["messages"]
]
words = Tokenizer(models.WordLevel(unk_token="<unk>"))
words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
special = ["<unk>", "<s>", "</s>", "[system]", "[user]", "[assistant]"]
words.train_from_iterator(texts, trainers.WordLevelTrainer(special_tokens=special))
tokenizer = PreTrainedTokenizerFast(
    tokenizer_object=words, unk_token="<unk>", bos_token="<s>", eos_token="</s>", chat_template=TEMPLATE
)
torch.manual_seed(0)
model = LlamaForCausalLM(
    LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=128, bos_token_id=1, eos_token_id=2,
    )
)  # fmt: skip
if "nan" in sys.argv:  # as a training leaves it that has diverged
    model.model.norm.weight.data[0] = float("nan")
model.save_pretrained(folder)
tokenizer.save_pretrained(folder)

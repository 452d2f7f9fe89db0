"""Loss and perplexity by a plain transformers loop, with nothing of ours: what the evaluation must come to.

Run by the runtime's interpreter: `plain_loop.py MODEL ROWS [ADAPTER]`. One row at a time, no padding, no batches.
Also prints the arguments that TRL saved beside the model.
"""

import json
import math
import sys
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

folder, rows = sys.argv[1:3]
tokenizer = AutoTokenizer.from_pretrained(sys.argv[3] if len(sys.argv) > 3 else folder)
model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
if len(sys.argv) > 3:
    from peft import PeftModel

    model = PeftModel.from_pretrained(model, sys.argv[3])
model.eval()
nll, count, answers = 0.0, 0, []
for line in Path(rows).read_text(encoding="utf-8").splitlines():
    turns = json.loads(line)["messages"]
    whole = tokenizer.apply_chat_template(turns, return_tensors="pt", return_dict=True)["input_ids"]
    asked = tokenizer.apply_chat_template(turns[:-1], add_generation_prompt=True, return_tensors="pt", return_dict=True)
    labels = whole.clone()
    labels[:, : asked["input_ids"].shape[1]] = -100
    with torch.no_grad():
        loss = model(input_ids=whole, labels=labels).loss
        said = model.generate(**asked, do_sample=False, max_new_tokens=24)
    learned = int((labels != -100).sum())
    nll, count = nll + float(loss) * learned, count + learned
    answers.append(tokenizer.decode(said[0, asked["input_ids"].shape[1] :], skip_special_tokens=True).strip())
saved = Path(folder) / "training_args.bin"
arguments = torch.load(saved, weights_only=False).to_dict() if saved.exists() else {}
known = {name: value for name, value in arguments.items() if isinstance(value, str | int | float | bool)}
found = {"loss": nll / count, "perplexity": math.exp(nll / count), "answers": answers, "arguments": known}
sys.stdout.write(json.dumps(found) + "\n")

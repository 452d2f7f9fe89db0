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
nll, count, answers, chosen = 0.0, 0, [], 0
read = [json.loads(line)["messages"] for line in Path(rows).read_text(encoding="utf-8").splitlines()]
queues = sorted({turns[-1]["content"] for turns in read})


def evaluate(turns: list[dict[str, str]], answer: str, start: int) -> tuple[float, int]:
    """Return the answer's summed negative log likelihood, and its tokens."""
    said = [*turns[:-1], {"role": "assistant", "content": answer}]
    whole = tokenizer.apply_chat_template(said, return_tensors="pt", return_dict=True)["input_ids"]
    labels = whole.clone()
    labels[:, :start] = -100
    learned = int((labels != -100).sum())
    return float(model(input_ids=whole, labels=labels).loss) * learned, learned


for turns in read:
    right = turns[-1]["content"]
    asked = tokenizer.apply_chat_template(turns[:-1], add_generation_prompt=True, return_tensors="pt", return_dict=True)
    start = asked["input_ids"].shape[1]
    with torch.no_grad():
        loss, learned = evaluate(turns, right, start)
        said = model.generate(**asked, do_sample=False, max_new_tokens=24)
        chosen += min(queues, key=lambda queue: evaluate(turns, queue, start)[0]) == right
    nll, count = nll + loss, count + learned
    answers.append(tokenizer.decode(said[0, start:], skip_special_tokens=True).strip())
saved = Path(folder).parent / "training_args.bin"
arguments = torch.load(saved, weights_only=False).to_dict() if saved.exists() else {}
known = {name: value for name, value in arguments.items() if isinstance(value, str | int | float | bool)}
sys.stdout.write(
    json.dumps(
        {
            "loss": nll / count,
            "perplexity": math.exp(nll / count),
            "forced_choice": chosen / len(read),
            "answers": answers,
            "arguments": known,
        }
    )
)

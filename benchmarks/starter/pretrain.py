"""Makes the starter model: `python -m benchmarks.starter.pretrain --out FOLDER`, in the runtime's interpreter.

Seeded, a fixed number of steps, one thread: on the same machine the same weights, bit for bit. The held-out rows are
read by this script for one thing only, to drop generated messages that share four words in a row with one of them.
"""

import argparse
import hashlib
import json
import math
import random
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

import torch
from torch.nn.functional import cross_entropy
from transformers import Phi3Config, Phi3ForCausalLM, PreTrainedTokenizerFast

from benchmarks.starter.batches import IGNORED, Batch, batches
from benchmarks.starter.corpus import clean_chats
from benchmarks.starter.grammar import Grammar
from benchmarks.starter.tokenizer import train_tokenizer

LONGEST = 512


@dataclass(frozen=True)
class Plan:
    """Everything that decides the weights."""

    seed: int = 0
    steps: int = 2400
    batch_size: int = 32
    learning_rate: float = 2e-3
    warmup_steps: int = 50
    lowest_share_of_rate: float = 0.02
    weight_decay: float = 0.02
    prompt_weight: float = 0.3
    vocabulary: int = 4096
    tokenizer_chats: int = 20_000
    hidden: int = 192
    feed_forward: int = 512
    layers: int = 2
    heads: int = 6


def make_tokenizer(grammar: Grammar, plan: Plan) -> PreTrainedTokenizerFast:
    """The tokenizer, learnt from the first chats of the same stream."""
    chats = islice(clean_chats(grammar, plan.seed), plan.tokenizer_chats)
    texts = (message["content"] for chat in chats for message in chat.messages)
    return train_tokenizer(texts, plan.vocabulary, LONGEST)


def make_network(tokenizer: PreTrainedTokenizerFast, plan: Plan) -> Phi3ForCausalLM:
    """A Phi-3 network with random weights."""
    torch.manual_seed(plan.seed)
    model = Phi3ForCausalLM(
        Phi3Config(
            vocab_size=len(tokenizer),
            hidden_size=plan.hidden,
            intermediate_size=plan.feed_forward,
            num_hidden_layers=plan.layers,
            num_attention_heads=plan.heads,
            num_key_value_heads=plan.heads,
            max_position_embeddings=LONGEST,
            original_max_position_embeddings=LONGEST,
            tie_word_embeddings=True,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    return model


def loss_of(model: Phi3ForCausalLM, batch: Batch, prompt_weight: float) -> tuple[torch.Tensor, float]:
    """The loss to minimise (answer plus a share of the prompt), and the answer's part alone, in nats a token."""
    logits = model(input_ids=batch.ids, use_cache=False).logits
    answer = cross_entropy(logits[batch.is_answer], batch.targets[batch.is_answer])
    is_prompt = (batch.targets != IGNORED) & ~batch.is_answer
    prompt = cross_entropy(logits[is_prompt], batch.targets[is_prompt])
    return answer + prompt_weight * prompt, float(answer.detach())


def learning_rate(plan: Plan, step: int) -> float:
    """Linear warm-up, then a cosine down to a small share of the rate."""
    cosine = 0.5 * (1 + math.cos(math.pi * step / plan.steps))
    share = plan.lowest_share_of_rate + (1 - plan.lowest_share_of_rate) * cosine
    return plan.learning_rate * min(1.0, (step + 1) / plan.warmup_steps) * share


def train(model: Phi3ForCausalLM, stream: Iterator[Batch], plan: Plan) -> None:
    """Run the fixed number of steps and print the answers' loss now and then."""
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=plan.learning_rate, betas=(0.9, 0.98), weight_decay=plan.weight_decay
    )
    model.train()
    started = time.monotonic()
    for step, batch in enumerate(islice(stream, plan.steps)):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(plan, step)
        loss, answer_loss = loss_of(model, batch, plan.prompt_weight)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        if (step + 1) % 100 == 0:
            seconds = time.monotonic() - started
            print(f"step {step + 1}/{plan.steps} answer {answer_loss:.3f} all {loss:.3f} {seconds:.0f} s", flush=True)
    model.eval()


def save(model: Phi3ForCausalLM, tokenizer: PreTrainedTokenizerFast, out: Path) -> str:
    """Write fp16 safetensors and the tokenizer; the sha256 of the weights file."""
    model.to(torch.float16).save_pretrained(out)
    tokenizer.save_pretrained(out)
    return hashlib.sha256((out / "model.safetensors").read_bytes()).hexdigest()


def parse() -> tuple[Path, Plan]:
    """The folder to write and the plan, from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for the model")
    for name, default in asdict(Plan()).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(default), default=default)
    given = vars(parser.parse_args())
    return given.pop("out"), Plan(**given)


def main() -> None:
    """Make the starter model."""
    out, plan = parse()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(mode=True)
    print(json.dumps(asdict(plan)), flush=True)
    grammar = Grammar()
    tokenizer = make_tokenizer(grammar, plan)
    model = make_network(tokenizer, plan)
    print(f"{sum(parameter.numel() for parameter in model.parameters()):,} parameters", flush=True)
    chats = clean_chats(grammar, plan.seed)
    train(model, batches(chats, tokenizer, plan.batch_size, random.Random(plan.seed)), plan)
    print(f"sha256 {save(model, tokenizer, out)}", flush=True)


if __name__ == "__main__":
    main()

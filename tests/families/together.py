"""Answers made together against the same made one after the other by `model.generate`; run in a runtime's interpreter.

    python -m tests.families.together FOLDER CHECK…

Each check prints a line of JSON: what it counted. It is driven turn by turn, so that who joins when is no chance.
"""

import http.client
import json
import random
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from threading import Event
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, GenerationConfig, PreTrainedModel

from app.training import loading
from app.training.batching import decoder
from app.training.chat_request import ChatRequest
from app.training.generation import Answer, AnswerGenerator
from app.training.sampling import Generation
from app.training.scheduler import Busy, Scheduler
from app.training.serving import ModelServer
from tests.families.make import make
from tests.families.table import BY_NAME

_ENDS = list(range(8, 24))  # ids that end an answer: enough of them that some do
_LONG = 700  # tokens of one prompt: more than are read at once
GREEDY = GenerationConfig(do_sample=False, eos_token_id=_ENDS, pad_token_id=0, use_cache=True)
ENDLESS = GenerationConfig(do_sample=False, eos_token_id=[5], pad_token_id=0, use_cache=True)


def heard(generation: Generation) -> list[int]:
    """Return all its tokens, as its iterator hands them on."""
    return list(chain.from_iterable(generation))


def warm(temperature: float, top_p: float) -> GenerationConfig:
    """Return how a request that wants to be surprised is answered."""
    return GenerationConfig(
        do_sample=True, temperature=temperature, top_p=top_p, top_k=0, eos_token_id=_ENDS, pad_token_id=0,
        use_cache=True,
    )  # fmt: skip


def alone(model: PreTrainedModel, generation: Generation) -> list[int]:
    """Return the tokens that transformers makes of the same question by itself."""
    ids = torch.tensor([generation.prompt])
    if generation.seed is not None:
        torch.manual_seed(generation.seed)
    config = GenerationConfig(**{**generation.config.to_diff_dict(), "max_new_tokens": generation.limit})
    with torch.inference_mode():
        made = model.generate(input_ids=ids, attention_mask=torch.ones_like(ids), generation_config=config)
    return [int(each) for each in made[0, len(generation.prompt) :]]


def questions(
    model: PreTrainedModel, count: int, *, longest: int = 60, config: GenerationConfig = GREEDY
) -> list[Generation]:
    """Return questions of random tokens, lengths and limits; the same for the same model."""
    chance = random.Random(count)
    size = model.config.get_text_config().vocab_size
    return [
        Generation(
            [chance.randrange(8, size - 8) for _ in range(chance.randrange(1, longest))],
            config,
            limit=chance.randrange(1, 40),
        )
        for _ in range(count)
    ]


class Line:
    """A scheduler without its thread, and how many answers were under way after each turn."""

    def __init__(self, model: PreTrainedModel, memory: Callable[[], int | None] = lambda: None) -> None:
        self.maker = decoder(model)
        self.scheduler = Scheduler(self.maker, waiting=0, memory=memory)
        self.counts: list[int] = []

    def turn(self) -> bool:
        goes_on = self.scheduler.turn()
        self.counts.append(len(self.maker.running))
        return goes_on

    def answer(self, generations: Sequence[Generation], *, at_once: int = 1) -> None:
        """Let some more join at each turn, and go on until all are over."""
        for begin in range(0, len(generations), at_once):
            self.scheduler.enqueue(generations[begin : begin + at_once])
            self.turn()
        while self.turn():
            pass


def model_of(name: str, folder: Path) -> PreTrainedModel:
    if not (folder / name).exists():
        make(BY_NAME[name], folder / name)
    return loading.load_model(str(folder / name), device="cpu", half=False).eval()


def family(name: str, folder: Path) -> dict[str, Any]:
    """Sixteen questions, one of them long and one that fills the context: how many get the tokens they get alone."""
    model = model_of(name, folder)
    asked = questions(model, 14)
    size, context = model.config.get_text_config().vocab_size, loading.context_length(model)
    assert context is not None
    for length, limit in ((_LONG, 20), (context - 1, 1)):
        asked.insert(3, Generation([8 + at * 31 % (size - 16) for at in range(length)], GREEDY, limit=limit))
    line = Line(model)
    line.answer(asked, at_once=3)
    return {
        "together": max(line.counts),
        "same": sum(heard(each) == alone(model, each) for each in asked),
        "ended": sum(each.has_ended for each in asked),
    }


def sampled(folder: Path) -> dict[str, Any]:
    """Each with its own temperature, nucleus and seed, alone and among others, and one as transformers draws it."""
    model = model_of("headers", folder)
    settings = [warm(0.3 + number / 8, 1 - number / 20) for number in range(8)]

    def asked() -> list[Generation]:
        some = questions(model, 8)
        return [
            Generation(each.prompt, config, limit=12, seed=number)
            for number, (each, config) in enumerate(zip(some, settings, strict=True))
        ]

    crowd, single = asked(), asked()
    line = Line(model)
    line.answer([*questions(model, 5), *crowd])
    for each in single:
        line.answer([each])
    fresh = [Generation([9, 10, 11], settings[5], limit=12) for _ in range(2)]
    line.answer(fresh)
    return {
        "same": sum(one.made == other.made for one, other in zip(crowd, single, strict=True)),
        "as transformers": sum(each.made == alone(model, each) for each in crowd),
        "different": len({tuple(each.made) for each in crowd}),
        "without a seed": fresh[0].made != fresh[1].made,
    }


def habits(folder: Path) -> dict[str, Any]:
    """A model's own generation config punishes repetitions: that counts for each row by itself."""
    model = model_of("chatml-base", folder)
    plain = questions(model, 8)
    Line(model).answer(plain)
    model.generation_config.repetition_penalty = 1.7
    model.generation_config.no_repeat_ngram_size = 2
    asked = questions(model, 8)
    Line(model).answer(asked)
    return {
        "same": sum(each.made == alone(model, each) for each in asked),
        "changed": sum(one.made != other.made for one, other in zip(plain, asked, strict=True)) > 0,
    }


def singles(folder: Path) -> dict[str, Any]:
    """Models that keep something else than keys and values by position are answered one by one, and right."""
    del folder
    size = {"vocab_size": 64, "hidden_size": 32, "num_hidden_layers": 2, "bos_token_id": 1, "eos_token_id": 7}
    attention = {"num_attention_heads": 2, "num_key_value_heads": 2, "intermediate_size": 48, "pad_token_id": 0}
    factors = {"short_factor": [1.0] * 8, "long_factor": [4.0] * 8, "original_max_position_embeddings": 32}
    kinds: dict[str, dict[str, Any]] = {
        "mamba": {"state_size": 8},
        "lfm2": {**attention, "layer_types": ["conv", "full_attention"]},
        "bloom": {"n_head": 2},
        "phi3": {
            **attention, "max_position_embeddings": 128,
            "rope_parameters": {"rope_type": "longrope", "rope_theta": 10000.0, **factors},
        },
    }  # fmt: skip
    found = {}
    for kind, more in kinds.items():
        torch.manual_seed(0)
        model = AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **size, **more)).eval()
        asked = questions(model, 4, longest=20)
        Line(model).answer(asked)
        found[kind] = [decoder(model).most_rows, sum(heard(each) == alone(model, each) for each in asked)]
    return found


def leaving(folder: Path) -> dict[str, Any]:
    """Some are cancelled, one is wrong, one has a limit of 1: the others do not notice."""
    model = model_of("no-system-role", folder)
    asked = questions(model, 9)
    asked[4].limit = 1
    wrong = Generation([10, 10**6], GREEDY, limit=5)
    gone = Generation([11, 12], ENDLESS, limit=30)
    early = Generation([13, 14], ENDLESS, limit=30)
    early.cancelled.set()
    line = Line(model)
    line.scheduler.enqueue([*asked[:5], wrong, gone, early])
    while len(gone.made) < 3:
        line.turn()
    gone.cancelled.set()
    line.answer(asked[5:])
    try:
        said = str(heard(wrong))
    except IndexError as error:
        said = type(error).__name__
    return {
        "same": sum(heard(each) == alone(model, each) for each in asked),
        "cancelled": [len(heard(gone)), len(heard(early))],
        "wrong": said,
        "limit of 1": len(asked[4].made),
    }


def handed_on(folder: Path) -> dict[str, Any]:
    """An answer's tokens come out as they are made: the first by itself, those that wait by then together."""
    del folder
    answer = Generation([9], ENDLESS, limit=6)
    answer.put(10)
    coming = iter(answer)
    found = [next(coming)]
    for token in range(11, 16):
        answer.put(token)
    found += coming
    return {"tokens": found}


@contextmanager
def hooked(model: PreTrainedModel, act: Callable[[int], None]) -> Iterator[None]:
    """Call `act` with the number of rows before each time the model reads."""
    handle = model.register_forward_pre_hook(lambda _, __, named: act(len(named["input_ids"])), with_kwargs=True)
    try:
        yield
    finally:
        handle.remove()


def failing(folder: Path) -> dict[str, Any]:
    """The model fails at a token of all: each gets the error, and the next ones are answered."""
    model = model_of("headers", folder)
    line = Line(model)
    reads = iter(range(100))

    def fail_at_the_fourth(_: int) -> None:
        if next(reads) == 3:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    lost = [Generation([9 + number] * 3, ENDLESS, limit=20) for number in range(3)]
    with hooked(model, fail_at_the_fourth):
        line.answer(lost)
    errors = []
    for each in lost:
        try:
            heard(each)
        except RuntimeError as error:
            errors.append(str(error))
    after = questions(model, 3)
    line.answer(after)
    return {
        "errors": errors,
        "joined later": len(lost[2].made) > 0,
        "same": sum(heard(each) == alone(model, each) for each in after),
    }


def memory(folder: Path) -> dict[str, Any]:
    """Memory for few, then for fewer: who is too many waits or goes back, and gets the same tokens."""
    model = model_of("hybrid-thinking", folder)
    asked = [Generation([9 + number] * (20 + number), ENDLESS, limit=120) for number in range(6)]
    free = [2_000_000]
    line = Line(model, lambda: free[0])
    line.scheduler.enqueue(asked)
    line.turn()
    line.turn()
    free[0] = 0
    while line.turn():
        pass
    return {"counts": line.counts, "same": sum(heard(each) == alone(model, each) for each in asked)}


def waiting(folder: Path) -> dict[str, Any]:
    """The model is stuck in its first token: as many wait as may, the rest is refused, and somebody notices."""
    model = model_of("headers", folder)
    now = [0.0]
    entered, go_on = Event(), Event()

    def wait(_: int) -> None:
        entered.set()
        go_on.wait()

    line = Scheduler(decoder(model), waiting=2, memory=lambda: None, clock=lambda: now[0])
    idle = line.stalled_s
    asked = questions(model, 34)
    with hooked(model, wait):
        line.submit(asked[0])
        entered.wait()
        refused = 0
        for each in asked[1:]:
            line.submit(each)
        try:
            line.submit(Generation([9], GREEDY, limit=1))
        except Busy:
            refused += 1
        line.stalled_s  # noqa: B018 -- whoever watches looks now and then
        now[0] += 700
        stuck = line.stalled_s
        go_on.set()
        same = sum(heard(each) == alone(model, each) for each in asked)
    line.close()
    return {"idle": idle, "refused": refused, "stuck": stuck, "after": line.stalled_s, "same": same}


def unheard(folder: Path) -> dict[str, Any]:
    """Who asked closes the connection at the fifth token, of a stream and of a whole answer; another asks then.

    How many tokens the other has, and how many of them were made beside the one that nobody hears.
    """
    model = model_of("headers", folder)
    words = loading.load_tokenizer(str(folder / "headers"))
    voice = AnswerGenerator(model, words)
    server = ModelServer(voice, alias="m", secret="s")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    found = {}
    for stream in (True, False):
        asked = {"messages": [{"role": "user", "content": "Go on"}], "temperature": 0}
        reads, fifth, left = list[int](), Event(), Event()

        def wait(rows: int, reads: list[int] = reads, fifth: Event = fifth, left: Event = left) -> None:
            reads.append(rows)
            if len(reads) == 5:
                fifth.set()
                left.wait()

        with hooked(model, wait):
            client = http.client.HTTPConnection("127.0.0.1", server.server_port)
            body = json.dumps({"model": "m", "stream": stream, **asked})
            client.request("POST", "/v1/chat/completions", body, {"Authorization": "Bearer s"})
            fifth.wait()
            client.close()
            answer = Answer(prompt_tokens=3)
            pieces = voice.pieces(ChatRequest([], prompt="Now", temperature=0, max_tokens=300), [30, 31, 32], answer)
            left.set()
            heard = "".join(pieces)
        found["stream" if stream else "whole"] = [
            answer.completion_tokens,
            len(heard) > 0,
            sum(rows > 1 for rows in reads),
        ]
    server.shutdown()
    server.server_close()
    voice.close()
    return found


def refused(folder: Path) -> dict[str, Any]:
    """As many are answered as can be, and nobody may wait: what the next one is sent over HTTP."""
    model = model_of("headers", folder)
    voice = AnswerGenerator(model, loading.load_tokenizer(str(folder / "headers")))
    server = ModelServer(voice, alias="m", secret="s")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    go_on = Event()

    def wait(_: int) -> None:
        go_on.wait()

    with hooked(model, wait):
        for generation in questions(model, voice.most_rows):
            voice.scheduler.submit(generation)
        client = http.client.HTTPConnection("127.0.0.1", server.server_port)
        body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "Go on"}], "stream": True})
        client.request("POST", "/v1/chat/completions", body, {"Authorization": "Bearer s"})
        answer = client.getresponse()
        said = json.loads(answer.read())["error"]["message"]
        go_on.set()
    server.shutdown()
    server.server_close()
    voice.close()
    return {"status": answer.status, "retry": answer.headers["Retry-After"], "said": said}


CHECKS = {
    check.__name__: check
    for check in (sampled, habits, singles, leaving, handed_on, failing, memory, waiting, unheard, refused)
}


def main() -> None:
    """Print what the checks named in the arguments counted; names of families are checks, too."""
    torch.set_num_threads(1)
    folder = Path(sys.argv[1])
    for name in sys.argv[2:]:
        found = CHECKS[name](folder) if name in CHECKS else family(name, folder)
        print(json.dumps({"check": name, **found}), flush=True)  # noqa: T201 -- the result


if __name__ == "__main__":
    main()

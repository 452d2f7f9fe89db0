"""The shipped samples: every row valid, labels balanced, splits and generated text apart, starter small and whole."""

import json
import subprocess
from collections import Counter
from itertools import islice
from pathlib import Path

import pytest

from app.backends.local.hyperparameters import resolve
from benchmarks.reference_tfidf import Reference, reference_scores, score
from benchmarks.starter.corpus import HELD_OUT, clean_chats
from benchmarks.starter.decontamination import held_out_runs, is_clean, user_texts, word_runs
from benchmarks.starter.grammar import QUEUES, Grammar
from tests.support.local import ROOT, STARTER, TRIAGE, runtime_python

REVIEWS = ROOT / "app" / "samples" / "praise_or_complaint"

FILES = [
    *(TRIAGE / f"{name}.jsonl" for name in ("train", "validation", "test", "test_indirect")),
    *(REVIEWS / f"{name}.jsonl" for name in ("train", "validation", "test")),
]
SHARED_WORDS = 5


def rows(path: Path) -> list[list[dict[str, str]]]:
    return [json.loads(line)["messages"] for line in path.read_text(encoding="utf-8").splitlines()]


def labels(path: Path) -> Counter[str]:
    return Counter(row[-1]["content"] for row in rows(path))


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_each_row_is_a_question_and_a_label(path: Path) -> None:
    known = QUEUES if path.parent == TRIAGE else {"praise", "complaint"}
    for row in rows(path):
        assert [message["role"] for message in row] == ["system", "user", "assistant"]
        assert all(message["content"] == message["content"].strip() != "" for message in row)
        assert row[-1]["content"] in known
    assert len({row[0]["content"] for row in rows(path)}) == 1


def test_training_labels_are_balanced() -> None:
    assert labels(TRIAGE / "train.jsonl") == dict.fromkeys(QUEUES, 110)
    assert labels(REVIEWS / "train.jsonl") == {"praise": 40, "complaint": 40}
    for path in FILES:
        counts = labels(path)
        assert max(counts.values()) <= 2 * min(counts.values())


@pytest.mark.parametrize("folder", [TRIAGE, REVIEWS], ids=lambda folder: folder.name)
def test_no_row_occurs_in_two_splits(folder: Path) -> None:
    paths = [path for path in FILES if path.parent == folder]
    for path in paths:
        texts = user_texts(path)
        assert len(texts) == len(set(texts))
        others = held_out_runs((other for other in paths if other != path), SHARED_WORDS)
        assert [text for text in texts if not is_clean(text, others, SHARED_WORDS)] == []


def test_generated_chats_share_no_run_of_words_with_held_out_rows() -> None:
    held_out = held_out_runs([TRIAGE / name for name in HELD_OUT])
    grammar = Grammar()
    kept = list(islice(clean_chats(grammar, seed=1), 2000))
    raw = list(islice(grammar.chats(seed=1), 2000))
    assert all(held_out.isdisjoint(word_runs(chat.user)) for chat in kept)
    assert any(not is_clean(chat.user, held_out) for chat in raw), "nothing to drop: the check would not bite"
    assert not {chat.assistant.strip(".").lower() for chat in kept} & QUEUES


def test_the_grammar_is_seeded() -> None:
    grammar = Grammar()
    assert list(islice(grammar.chats(seed=3), 50)) == list(islice(Grammar().chats(seed=3), 50))
    assert list(islice(grammar.chats(seed=3), 50)) != list(islice(grammar.chats(seed=4), 50))


def test_the_starter_is_small_whole_and_described() -> None:
    names = {path.name for path in STARTER.iterdir()}
    assert {"README.md", "config.json", "model.safetensors", "tokenizer.json", "chat_template.jinja"} <= names
    assert sum(path.stat().st_size for path in STARTER.iterdir()) <= 5_000_000
    assert json.loads((STARTER / "config.json").read_text(encoding="utf-8"))["architectures"] == ["Phi3ForCausalLM"]
    assert "{%- generation %}" in (STARTER / "chat_template.jinja").read_text(encoding="utf-8")
    for folder in (STARTER, TRIAGE, REVIEWS):
        assert "licence" in (folder / "README.md").read_text(encoding="utf-8").lower()


@pytest.mark.parametrize("name", ["recipe.json", "recipe_lora.json"])
def test_recipes_name_files_and_settings_that_there_are(name: str) -> None:
    recipe = json.loads((TRIAGE / name).read_text(encoding="utf-8"))
    assert recipe["base_model"] == "builtin:starter"
    assert all((TRIAGE / file).is_file() for file in recipe["files"].values())
    settings = resolve(recipe["hyperparameters"], recipe["options"], starter=True, context_length=512)
    assert settings["adapter"] == ("lora" if "lora" in name else "none")
    assert settings.items() >= recipe["hyperparameters"].items()


def test_the_reference_scores_as_documented() -> None:
    figures = reference_scores(TRIAGE / "train.jsonl", [TRIAGE / "validation.jsonl"])["validation.jsonl"]
    assert round(figures.accuracy, 3) == 0.898


def test_the_reference_learns_and_counts() -> None:
    reference = Reference(["red apple", "green apple", "fast car", "slow car"], ["fruit", "fruit", "road", "road"])
    assert reference.predict(["one apple", "a car"]) == ["fruit", "road"]
    figures = score(["a", "a", "b", "b"], ["a", "b", "b", "neither"])
    assert (figures.rows, figures.accuracy) == (4, 0.5)
    assert figures.macro_f1 == pytest.approx((2 / 3 + 1 / 2) / 2)


def in_runtime(*arguments: str) -> str:
    done = subprocess.run(
        [str(runtime_python()), *arguments],
        cwd=ROOT,
        env={"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


LOAD = """
import json, sys, torch
from transformers import AutoModelForCausalLM, AutoTokenizer
tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
model = AutoModelForCausalLM.from_pretrained(sys.argv[1])
chat = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Good day"}]
encoded = tokenizer.apply_chat_template(chat, return_dict=True, return_assistant_tokens_mask=True)
told = [token for token, mine in zip(encoded["input_ids"], encoded["assistant_masks"]) if mine]
print(json.dumps([model.dtype == torch.float16, model.num_parameters(), tokenizer.decode(told)]))
"""


@pytest.mark.slow  # what trains in every run loads it, too, and learns from the assistant's tokens alone
@pytest.mark.training
def test_the_starter_loads_and_marks_the_assistants_tokens() -> None:
    half, parameters, reported = json.loads(in_runtime("-c", LOAD, str(STARTER)).splitlines()[-1])
    assert half
    assert f"{parameters:,}" in (STARTER / "README.md").read_text(encoding="utf-8")
    assert reported == "Good day<|end|>\n"


@pytest.mark.slow
@pytest.mark.training
def test_pretraining_repeats_to_the_last_bit(tmp_path: Path) -> None:
    small = ("--steps", "3", "--vocabulary", "400", "--tokenizer-chats", "300", "--hidden", "24", "--heads", "2")
    reported = [
        in_runtime("-m", "benchmarks.starter.pretrain", "--out", str(tmp_path / out), "--seed", seed, *small)
        for out, seed in (("first", "0"), ("again", "0"), ("other", "1"))
    ]
    first, again, other = (output.splitlines()[-1] for output in reported)
    assert first.startswith("sha256 ")
    assert first == again != other

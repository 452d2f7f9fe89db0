"""Saved models that stop at another end than they were taught: found without a doubt or not at all, and mended."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from app.backends.local.ends import ORIGINALS, look, mend

STARTER = Path(__file__).resolve().parents[4] / "app" / "samples" / "starter"
CHATML = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
PARTS = (
    "{% for message in messages %}{% for part in message.content %}{{ part.text }}{% endfor %}<|im_end|>{% endfor %}"
)
TOKENS = {"<|endoftext|>": 0, "<|im_start|>": 1, "<|im_end|>": 2}


def saved(folder: Path, template: str = CHATML, *, ends: object = 0, **config: Any) -> Path:  # noqa: ANN401 -- JSON
    """Write what an earlier release left beside the weights."""
    files: Mapping[str, Any] = {
        "tokenizer.json": {"added_tokens": [{"content": t, "id": i, "special": True} for t, i in TOKENS.items()]},
        "tokenizer_config.json": {"eos_token": "<|endoftext|>", "pad_token": {"content": "<|endoftext|>"}, **config},
        "generation_config.json": {"eos_token_id": ends, "top_p": 0.9},
        "config.json": {"model_type": "qwen2", "eos_token_id": 0},
    }
    for name, value in files.items():
        (folder / name).write_text(json.dumps(value), encoding="utf-8")
    if template:
        (folder / "chat_template.jinja").write_text(template, encoding="utf-8")
    return folder


def read(folder: Path, name: str) -> Any:  # noqa: ANN401 -- JSON
    return json.loads((folder / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize("template", [CHATML, PARTS])
def test_the_end_of_the_template_is_what_was_taught(tmp_path: Path, template: str) -> None:
    found = look(saved(tmp_path, template))
    assert (found.taught, found.saved, found.wrong) == ("<|im_end|>", ("<|endoftext|>",), True)
    assert not look(saved(tmp_path, template, ends=[0, 2])).wrong
    (tmp_path / "chat_template.jinja").unlink()
    assert look(saved(tmp_path, "", chat_template=template)).wrong
    listed = [{"name": "rag", "template": "{{ 1 }}"}, {"name": "default", "template": template}]
    assert look(saved(tmp_path, "", chat_template=listed)).wrong


@pytest.mark.parametrize(
    "template", ["", "{% nonsense", "{{ raise_exception('no') }}", "{{ messages[0].content }}", "{{ ''.__class__ }}"]
)
def test_what_the_template_does_not_say_is_not_claimed(tmp_path: Path, template: str) -> None:
    found = look(saved(tmp_path, template))
    assert (found.taught, found.wrong) == (None, False)


def test_the_shipped_starter_is_saved_rightly() -> None:
    found = look(STARTER)
    assert found.taught is not None
    assert not found.wrong


def test_one_act_mends_all_configs_and_keeps_the_originals(tmp_path: Path) -> None:
    folder = saved(tmp_path, pad_token="<|im_start|>")
    before = {name: read(folder, name) for name in ("generation_config.json", "config.json", "tokenizer_config.json")}
    mend(folder)
    assert not look(folder).wrong
    assert read(folder, "generation_config.json") == {"eos_token_id": [0, 2], "top_p": 0.9}
    assert read(folder, "config.json") == {"model_type": "qwen2", "eos_token_id": [0, 2]}
    assert read(folder, "tokenizer_config.json")["eos_token"] == "<|im_end|>"
    mend(folder)
    assert {name: read(folder / ORIGINALS, name) for name in before} == before


def test_an_adapter_gets_a_generation_config(tmp_path: Path) -> None:
    folder = saved(tmp_path)
    for name in ("generation_config.json", "config.json"):
        (folder / name).unlink()
    assert look(folder).wrong
    mend(folder)
    assert read(folder, "generation_config.json") == {"eos_token_id": [0, 2]}
    assert not (folder / "config.json").exists()
    assert not look(folder).wrong


def test_padding_stays_what_it_is(tmp_path: Path) -> None:
    folder = saved(tmp_path, pad_token="<|im_end|>")
    mend(folder)
    assert read(folder, "tokenizer_config.json")["eos_token"] == "<|endoftext|>"
    assert not look(folder).wrong

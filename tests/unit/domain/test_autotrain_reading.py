"""AutoTrain's file read in: each line ends in one part of the report, and what is hostile ends in a sentence."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from app.backends.local import hyperparameters
from app.domain.autotrain import reading, translating, yaml_text
from app.domain.autotrain.entries import Surroundings
from app.domain.autotrain.parameters import PARAMETERS
from app.domain.autotrain.report import ReportLine
from app.domain.autotrain.translating import Translation
from app.domain.errors import Invalid

EXAMPLES = sorted((Path(__file__).parents[2] / "support" / "autotrain").glob("*.yml"))
LOCAL = hyperparameters.specs(None)
MINIMAL = "task: llm-sft\nbase_model: org/model\nproject_name: tuned\n"


def translate(text: str, **around: Any) -> Translation:  # noqa: ANN401
    return translating.translate(reading.read(yaml_text.load(text)), Surroundings(**{"specs": LOCAL, **around}))


def refusal(text: str) -> str:
    with pytest.raises(Invalid) as refused:
        translate(text)
    assert all(each.message and each.fix for each in refused.value.problems)
    return " ".join(f"{each.pointer} {each.message}" for each in refused.value.problems)


def entries(translation: Translation) -> dict[str, ReportLine]:
    found = translation.report
    return {each.parameter: each for each in (*found.taken, *found.changed, *found.left_out)}


def lines(value: dict[str, Any], before: str = "") -> set[str]:
    """The names of a file's lines, as the report writes them."""
    found: set[str] = set()
    for name, inner in value.items():
        where = f"{before}{name}"
        found |= lines(inner, f"{where}.") if isinstance(inner, dict) else {where}
    return found


def test_there_are_the_twelve_examples() -> None:
    assert len(EXAMPLES) == 12


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_becomes_a_draft_without_a_line_dropped_or_is_refused_by_name(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    if "orpo" in path.stem:
        assert "ORPO (llm-orpo) is not trained here." in refusal(text)
        return
    translation = translate(text, total_steps=lambda _: 100)
    assert lines(yaml.safe_load(text)) - entries(translation).keys() == set()
    values = translation.fields
    assert values["method"] == ("dpo" if "dpo" in path.stem else "sft")
    assert values["hyperparameters"]["warmup_steps"] == 10
    assert values["hyperparameters"]["learning_rate"] in {3e-5, 1e-5}
    assert values["options"]["adapter"] == ("none" if "gpt2" in path.stem else "lora")


def test_facts_of_one_example() -> None:
    path = next(each for each in EXAMPLES if each.stem == "llama32-1b-sft")
    translation = translate(path.read_text(encoding="utf-8"), total_steps=lambda _: 33)
    assert translation.fields == {
        "method": "sft",
        "base_model": "hf:meta-llama/Llama-3.2-1B",
        "name": "autotrain-llama32-1b-finetune",
        "task_type": "chat_completion",
        "validation": {"kind": "none"},
        "seed": 42,
        "hyperparameters": {
            "assistant_only_loss": False,
            "n_epochs": 2,
            "batch_size": 1,
            "gradient_accumulation_steps": 8,
            "learning_rate": 1e-5,
            "weight_decay": 0.0,
            "max_grad_norm": 1.0,
            "keep_checkpoints": 1,
            "activation_checkpointing": True,
            "max_length": 2048,
            "optimizer": "adamw_torch",
            "lr_scheduler": "linear",
            "warmup_steps": 4,
        },
        "options": {
            "adapter": "lora",
            "lora_r": 16,
            "lora_alpha": 32,
            "lora_dropout": 0.05,
            "lora_target_modules": "all-linear",
        },
    }
    found = entries(translation)
    changed = {each.parameter: (each.value, each.becomes) for each in translation.report.changed}
    assert changed == {
        "params.optimizer": ("paged_adamw_8bit", "adamw_torch"),
        "params.quantization": ("int4", "none"),
        "packing": ("true", "false"),
    }
    assert found["params.lora_r"].by_default
    assert not found["params.lr"].by_default


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("task: llm-orpo\nbase_model: a/b", "ORPO (llm-orpo) is not trained here."),
        ("task: llm-reward\nbase_model: a/b", "A reward model (llm-reward)"),
        ("task: llm-grpo\nbase_model: a/b", "GRPO (llm-grpo)"),
        ("task: llm-sft\nbase_model: a/b\nparams: {trainer: orpo}", "/params/trainer ORPO"),
        ("task: llm-default\nbase_model: a/b", "no task llm-default"),
        ("task: text-classification\nbase_model: a/b", "text-classification is a task of AutoTrain, and not one"),
        ("task: image-regression\nbase_model: a/b", "image-regression is a task of AutoTrain, and not one"),
        ("task: seq2seq", "seq2seq is a task"),
        ("task: vlm:captioning", "vlm:captioning is a task"),
        ("task: st:pair", "st:pair is a task"),
        ("task: dance", "'dance' is no task of AutoTrain"),
        ("base_model: a/b", "names no task"),
        ("task: [llm-sft]", "names no task"),
        ("task: llm-sft", "names no base model"),
        (f"{MINIMAL}params: {{epochs: many, lr: fast}}", "/params/lr params.lr must be a number, and is fast"),
        (f"{MINIMAL}params: {{epochs: 2.5}}", "/params/epochs params.epochs must be a whole number"),
        (f"{MINIMAL}params: {{block_size: [1, 2]}}", "/params/block_size params.block_size must be a whole number"),
        (f"{MINIMAL}params: {{lr: .nan}}", "params/lr is read as a number out of all range"),
        (f"{MINIMAL}params: 7", "/params params is no mapping"),
        (f"{MINIMAL}data: [a]", "/data data is no mapping"),
        (f"{MINIMAL}task: llm-dpo", "The key 'task' stands twice in one mapping, line 4, column 1"),
        ("", "is empty"),
        ("- a\n- b", "is not a mapping"),
        ("a: [", "not valid YAML"),
        ("task: !!python/object/apply:os.getcwd []", "not valid YAML"),
        ("task: !!binary aGVsbG8=\nbase_model: a/b", "is read as a bytes"),
        ("task: llm-sft\nbase_model: a/b\nproject_name: 2024-01-01", "project_name is read as a date"),
        ("task: llm-sft\nwhen: 2024-13-45", "cannot be read as what it looks like"),
        ("task: llm-sft\n1: 2", "is read as a int, and names are texts"),
        ("task: llm-sft\nx: " + "9" * 5000, "cannot be read as what it looks like"),
        ("task: llm-sft\nx: " + ":".join(["1"] * 4000), "out of all range"),
        ("task: " + "[" * 300, "deeper than 12 levels"),
        ("a: &a {b: *a}", "An anchor in the configuration holds itself."),
        ("x: &x [" + "1," * 60 + "]\ny: &y [" + "*x," * 60 + "]\nz: [" + "*y," * 60 + "]", "more than 2,000 values"),
        ("x: [" + "1," * 2500 + "]", "more than 2,000 values"),
        ("x: " + "y" * 20_001, "characters"),
        ("x: \x00", "The character at position 4 may not stand in YAML."),
        ("--- {a: 1}\n--- {b: 2}", "not valid YAML"),
    ],
)
def test_what_is_not_trained_or_no_configuration_is_refused_with_a_sentence(text: str, sentence: str) -> None:
    assert sentence in refusal(text)


def test_numbers_and_truth_values_may_be_written_as_texts() -> None:
    values = translate(f"{MINIMAL}params: {{lr: 2e-4, epochs: '3', batch_size: 4.0, peft: 'yes', log: no}}").fields
    assert values["hyperparameters"]["learning_rate"] == 2e-4
    assert (values["hyperparameters"]["n_epochs"], values["hyperparameters"]["batch_size"]) == (3, 4)
    assert values["options"]["adapter"] == "lora"


def test_what_params_say_beats_all_else() -> None:
    text = (
        f"{MINIMAL}data: {{train_split: a, chat_template: null}}\nparams: {{trainer: dpo, train_split: b, model: c/d}}"
    )
    found = entries(translate(text))
    assert found["params.train_split"].value == "b"
    assert translate(text).fields["method"] == "dpo"
    assert translate(text).fields["base_model"] == "hf:c/d"


def test_a_value_out_of_range_moves_into_it_and_both_are_shown() -> None:
    found = entries(translate(f"{MINIMAL}params: {{epochs: 400, lora_r: 9999, peft: true, weight_decay: -1}}"))
    epochs = found["params.epochs"]
    assert (epochs.outcome, epochs.value, epochs.becomes, epochs.why) == (
        "changed",
        "400",
        "100",
        "Here it goes from 1 to 100.",
    )
    assert (found["params.lora_r"].becomes, found["params.weight_decay"].becomes) == ("1024", "0")


def test_what_the_base_model_has_not_is_left_out() -> None:
    few = [each for each in LOCAL if each.name in {"n_epochs", "batch_size"}]
    translation = translate(f"{MINIMAL}params: {{lr: 1e-5, peft: true}}", specs=few)
    assert translation.fields["hyperparameters"] == {"n_epochs": 1, "batch_size": 2}
    assert entries(translation)["params.lr"].outcome == "left_out"
    assert "assistant_only_loss" not in entries(translation)


def test_unknown_names_are_reported_and_a_branchs_parameter_fails_nothing() -> None:
    found = entries(translate(f"{MINIMAL}params: {{liger_kernel: true, wandb_api_key: abc}}\nextra: {{a: [1]}}"))
    assert found["params.liger_kernel"].outcome == "left_out"
    assert found["params.wandb_api_key"].value == "…"
    assert found["extra"].value == "a mapping of 1"


SECRETS = [
    "hub: {username: me, token: hf_abcdefghijkl, push_to_hub: true}",
    'hub:\n  token: "very secret phrase"\n  username: hf_abcdefghijkl',
    "params: {token: very secret phrase, note: see hf_abcdefghijkl}",
    "params:\n  my_password: very secret phrase\n  api_key: hf_abcdefghijkl",
    "hub:\n  token: [very secret phrase, hf_abcdefghijkl]",
    "hub: {token: [very secret phrase, very secret phrase], username: me}  # token: hf_abcdefghijkl",
    "hub:\n  token: >\n    very secret phrase\n    hf_abcdefghijkl",
    "hub: {token: {value: very secret phrase}}",
    "note: null  # token: very secret phrase, hf_abcdefghijkl",
]


@pytest.mark.parametrize("part", SECRETS)
def test_no_token_is_in_the_report_or_in_what_is_shown_again(part: str) -> None:
    text = f"{MINIMAL}{part}\n"
    shown = [repr(translate(text)), yaml_text.redacted(text), repr(translate(yaml_text.redacted(text)))]
    assert [each for each in shown if "hf_abc" in each or "secret phrase" in each] == []
    broken = f"{text}a: [hf_abcdefghijkl"
    assert "hf_abc" not in refusal(broken)


def test_what_is_no_secret_is_shown_again_as_it_was() -> None:
    for path in EXAMPLES:
        text = path.read_text(encoding="utf-8")
        assert yaml_text.redacted(text) == text
    assert yaml_text.redacted("add_eos_token: true\ntokenizer: x") == "add_eos_token: true\ntokenizer: x"


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(sorted(PARAMETERS)) | st.text(max_size=10)
SECTIONS = st.fixed_dictionaries(
    {
        "task": st.sampled_from(["llm-sft", "llm-dpo", "llm", "llm-generic", "lm_training"]),
        "base_model": st.text(max_size=9),
    },
    optional={
        "project_name": st.text(max_size=70),
        "data": st.dictionaries(NAMES | st.just("path"), VALUES, max_size=6),
        "params": st.dictionaries(NAMES, VALUES, max_size=12),
        "hub": st.dictionaries(NAMES, VALUES, max_size=4),
    },
)


@settings(max_examples=40)
@given(SECTIONS)
def test_any_values_end_in_a_whole_report_or_a_sentence(value: dict[str, Any]) -> None:
    try:
        translation = translate(yaml.safe_dump(value, allow_unicode=True))
    except Invalid:
        assert refusal(yaml.safe_dump(value, allow_unicode=True))
        return
    found = entries(translation)
    for name, inner in value.get("params", {}).items():
        known = PARAMETERS.get(name)
        silent = known is not None and inner is None and f"params.{name}" not in found
        assert f"params.{name}" in found or silent
    good = [each.name for each in LOCAL]
    assert set(translation.fields["hyperparameters"]) <= set(good)


@given(st.text(max_size=300) | st.text("{}[]&*:-? \n'\"!|>%@`ab1~,#", max_size=200))
def test_any_text_ends_in_a_sentence(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        translate(text)
    assert refused.value.problems[0].fix

"""A job written for AutoTrain and read back is the same job, as far as AutoTrain has words for it."""

from pathlib import Path
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from app.backends.local import hyperparameters
from app.domain.autotrain import reading, translating, writing, yaml_text
from app.domain.autotrain.entries import Surroundings
from app.domain.canonical import Shape
from app.domain.hyperparameters import HyperparameterSpec, HyperparameterType
from app.domain.jobs import TRAINED, Method
from app.training import trl_arguments

ROWS = 321
LOCAL = hyperparameters.specs(None)
NOT_MAPPED = {
    "loss_type", "assistant_only_loss", "learn_turns", "dropout", "adam_beta1", "adam_beta2", "checkpoints_per_epoch",
    "sample_answers",
}  # fmt: skip


def values_of(spec: HyperparameterSpec) -> st.SearchStrategy[Any]:
    low, high = spec.minimum or 0, spec.maximum or 0
    match spec.type:
        case HyperparameterType.INTEGER:
            return st.integers(int(low), int(high))
        case HyperparameterType.NUMBER:
            return st.floats(low, high, exclude_min=spec.exclusive_minimum, allow_subnormal=False)
        case HyperparameterType.BOOLEAN:
            return st.booleans()
        case HyperparameterType.CHOICE:
            return st.sampled_from(spec.choices)
        case HyperparameterType.STRING:
            return st.sampled_from(["all-linear", "q_proj,v_proj"])


@st.composite
def trainings(draw: st.DrawFn) -> writing.Training:
    method = draw(st.sampled_from(TRAINED))
    known = [each for each in LOCAL if each.fits(method.value)]
    settings = {each.name: draw(values_of(each)) for each in known}
    steps = trl_arguments.total_steps(ROWS, settings)
    settings["warmup_steps"] = min(settings["warmup_steps"], steps)
    preferring = method is Method.DPO
    return writing.Training(
        name=draw(st.from_regex(r"[a-z0-9](?:[a-z0-9-]{0,48}[a-z0-9])?", fullmatch=True)),
        method=method,
        base_model=draw(st.sampled_from(["org/model", "/models/phi 3", "Qwen/Qwen2.5-0.5B"])),
        seed=draw(st.integers(0, 2**31 - 1)),
        settings=settings,
        rows=Path("/rows/abc.rows-1.jsonl"),
        shape=Shape.PREFERENCE if preferring else draw(st.sampled_from([Shape.MESSAGES, Shape.TEXT])),
        chats=draw(st.booleans()),
        steps=steps,
        asked={"validation": "0.1 of the rows\n# by seed: 3"},
    )


@settings(max_examples=40)
@given(trainings())
def test_there_and_back_the_mapped_settings_are_equal(training: writing.Training) -> None:
    text = writing.write(training)
    around = Surroundings(specs=LOCAL, total_steps=lambda settings: trl_arguments.total_steps(ROWS, settings))
    fields = translating.translate(reading.read(yaml_text.load(text)), around).fields
    back = {**fields["hyperparameters"], **fields["options"]}
    lora = training.settings["adapter"] == "lora"
    mapped = {
        name: value
        for name, value in training.settings.items()
        if name not in NOT_MAPPED and (lora or not name.startswith("lora_"))
    }
    assert {name: value for name, value in back.items() if name in mapped} == mapped
    assert set(back) - set(mapped) <= {"assistant_only_loss"}
    assert fields["seed"] == training.seed
    assert (fields["name"], fields["method"]) == (training.name, training.method.value)
    assert fields["base_model"] == f"{'path' if training.base_model[0] == '/' else 'hf'}:{training.base_model}"
    comments = [line[2:] for line in text.splitlines() if line.startswith("# ")]
    for name in NOT_MAPPED & training.settings.keys():
        assert any(line.startswith(f"{name}: ") for line in comments), name
    assert "validation: 0.1 of the rows # by seed: 3" in comments


@given(st.integers(1, 5_000), st.data())
def test_a_share_of_the_steps_is_rounded_up_to_the_very_step(total: int, data: st.DataObject) -> None:
    steps = data.draw(st.integers(0, total))
    ratio = writing.warmup_ratio(steps, total)
    read = yaml.safe_load(yaml.safe_dump(ratio))
    assert isinstance(read, float)
    assert -(-read * total // 1) == steps or read == 1.0


def test_what_autotrain_would_do_otherwise_stands_in_comments() -> None:
    decided = hyperparameters.resolve({"warmup_steps": 500}, {}, starter=False, context_length=None)
    text = writing.write(
        writing.Training(
            name="x" * 60, method=Method.SFT, base_model="org/model", seed=7, settings=decided,
            rows=Path("/rows/a.jsonl"), shape=Shape.PROMPT, chats=False, steps=20,
        )
    )  # fmt: skip
    for sentence in (
        "project_name is cut",
        "more than the 20 steps",
        "takes the seed 42",
        "join prompt and completion",
    ):
        assert sentence in text
    assert yaml.safe_load(text)["data"]["train_split"] == "a"

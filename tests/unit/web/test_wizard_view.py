from datetime import UTC, datetime

import pytest

from app.domain.catalog import CatalogModel
from app.domain.drafts import JobDraft, Step
from app.domain.hyperparameters import HyperparameterSpec, HyperparameterType, Preset
from app.domain.jobs import SplitStrategy
from app.domain.splits import SplitSpec
from app.web.views import wizard

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)


def draft(**values: object) -> JobDraft:
    return JobDraft(id="dft_1", values=values, created_at=NOW, updated_at=NOW)


SPECS = (
    HyperparameterSpec(name="n_epochs", label="Epochs", type=HyperparameterType.INTEGER, default=3, minimum=1),
    HyperparameterSpec(
        name="packing", label="Packing", type=HyperparameterType.BOOLEAN, default=False, option=True, advanced=True
    ),
    HyperparameterSpec(
        name="adapter",
        label="Adapter",
        type=HyperparameterType.CHOICE,
        default="none",
        choices=("none", "lora"),
        option=True,
    ),
)
MODEL = CatalogModel(id="m", name="M", publisher="P", connection="con_local", hyperparameters=SPECS)


@pytest.mark.parametrize(
    ("step", "form", "fields"),
    [
        (Step.PROJECT, {"project": "new", "connection": "con_local"}, {"project": None, "connection": "con_local"}),
        (
            Step.MODEL,
            {"base_model": "other", "base_model_other": " hf:a/b ", "name": "x", "method": "sft"},
            {"base_model": "hf:a/b", "name": "x", "task_type": None, "method": "sft"},
        ),
        (Step.DATA, {}, {"training_dataset": None}),
        (
            Step.VALIDATION,
            {
                "validation.kind": "split",
                "validation.ratio": "20",
                "validation.test_ratio": "0",
                "validation.seed": "7",
            },
            {"validation": {"kind": "split", "ratio": 0.2, "test_ratio": 0.0, "seed": "7"}, "test_dataset": None},
        ),
        (
            Step.VALIDATION,
            {"validation.kind": "split", "validation.ratio": "a fifth"},
            {"validation": {"kind": "split", "ratio": "a fifth"}, "test_dataset": None},
        ),
        (
            Step.HYPERPARAMETERS,
            {
                "hyperparameters.n_epochs": " 4 ",
                "hyperparameters.learning_rate": "",
                "options.adapter": "lora",
                "seed": "",
            },
            {"hyperparameters": {"n_epochs": "4"}, "options": {"adapter": "lora"}, "seed": None},
        ),
    ],
)
def test_a_form_becomes_fields(step: Step, form: dict[str, str], fields: dict[str, object]) -> None:
    assert wizard.fields_of(step, form) == fields


def test_a_preset_lies_over_what_was_answered() -> None:
    preset = Preset(id="p", label="P", help="", values={"n_epochs": 1, "adapter": "lora"})
    answered = draft(hyperparameters={"n_epochs": "9", "learning_rate": "1e-3"}, options={"packing": "true"})
    assert wizard.preset_fields(preset, MODEL, answered) == {
        "hyperparameters": {"n_epochs": 1, "learning_rate": "1e-3"},
        "options": {"packing": "true", "adapter": "lora"},
    }


def test_hyperparameters_say_their_value_or_their_default() -> None:
    epochs, packing, adapter = wizard.hyperparameter_fields(MODEL, draft(options={"packing": True}))
    assert (epochs.id, epochs.name, epochs.value, epochs.shown) == (
        "hyperparameters-n_epochs",
        "hyperparameters.n_epochs",
        "",
        "3",
    )
    assert "at least 1" in epochs.hint
    assert (packing.value, packing.shown) == ("true", "yes")
    assert (adapter.value, adapter.shown) == ("", "none")
    assert [value for value, _label in adapter.choices] == ["", "none", "lora"]


@pytest.mark.parametrize(
    ("validation", "expected"),
    [
        ({"kind": "none"}, None),
        ({"kind": "split", "ratio": "x"}, None),
        ("not an object", None),
        (
            {"kind": "split", "ratio": 0.2, "test_ratio": 0.1, "seed": "7", "strategy": "stratified"},
            SplitSpec(ratio=0.2, test_ratio=0.1, seed=7, strategy=SplitStrategy.STRATIFIED),
        ),
    ],
)
def test_a_split_is_previewed_only_where_it_can_be_read(validation: object, expected: SplitSpec | None) -> None:
    assert wizard.requested_split(draft(validation=validation)) == expected


def test_steps_follow_one_another() -> None:
    assert [wizard.after(step) for step in Step] == ["model", "data", "validation", "hyperparameters", "review"]
    assert [wizard.before(step) for step in Step] == ["project", "project", "model", "data", "validation"]

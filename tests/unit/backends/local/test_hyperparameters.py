from collections.abc import Mapping

import pytest

from app.backends.local import hyperparameters
from app.domain.backend import Rejected
from app.domain.hyperparameters import AUTO, Hyperparameter, HyperparameterType, check_values
from app.training import trl_arguments


def settings(
    values: Mapping[str, Hyperparameter] | None = None,
    *,
    starter: bool = True,
    rows: int = 360,
    method: str = "sft",
) -> dict[str, object]:
    given = dict(values or {})
    options = {name: given.pop(name) for name in list(given) if name.startswith(("adapter", "lora_"))}
    return hyperparameters.resolve(given, options, method=method, starter=starter, context_length=512, rows=rows)


def test_the_starters_defaults_are_the_measured_recipe() -> None:
    found = settings()
    assert {name: found[name] for name in ("n_epochs", "batch_size", "learning_rate", "warmup_steps", "dropout")} == {
        "n_epochs": 4, "batch_size": 16, "learning_rate": 5e-4, "warmup_steps": 10, "dropout": 0.1,
    }  # fmt: skip


def test_lora_takes_another_rate_unless_one_is_given() -> None:
    assert settings({"adapter": "lora"})["learning_rate"] == 3e-3
    assert settings({"adapter": "lora", "learning_rate": 1e-4})["learning_rate"] == 1e-4


def test_loras_fields_come_with_lora_and_not_among_the_advanced_ones() -> None:
    found = [spec for spec in hyperparameters.specs(512) if spec.name.startswith("lora_")]
    assert [(spec.only_with, spec.advanced) for spec in found] == [("adapter=lora", False)] * 4


@pytest.mark.parametrize(
    ("values", "better"),
    [
        ({"adapter": "lora", "learning_rate": 5e-4}, 3e-3),  # the rate of a clone whose adapter was changed
        ({"adapter": "lora", "learning_rate": 2e-3}, None),
        ({"adapter": "lora"}, None),
        ({"learning_rate": 5e-4}, None),
    ],
)
def test_a_rate_for_all_weights_is_noticed_where_lora_is_chosen(
    values: dict[str, Hyperparameter], better: float | None
) -> None:
    found = hyperparameters.rate_for_lora(values, settings(values), method="sft", starter=True)
    assert found == better


@pytest.mark.parametrize("method", hyperparameters.METHODS)
def test_nothing_stays_auto(method: str) -> None:
    known = [spec for spec in hyperparameters.specs(512) if spec.fits(method)]
    found = settings({spec.name: AUTO for spec in known if spec.auto}, starter=False, method=method)
    assert AUTO not in found.values()
    assert set(found) == {spec.name for spec in known} | {"dropout"}


def test_each_method_has_its_own_hyperparameters() -> None:
    assert settings({"beta": 0.2, "loss_type": "ipo"}, method="dpo")["loss_type"] == "ipo"
    for values, method in (({"beta": 0.2}, "sft"), ({"loss_type": "ipo"}, "sft"), ({"dropout": 0.1}, "dpo")):
        with pytest.raises(Rejected):
            settings(values, method=method)


def test_an_adapter_as_the_base_is_trained_further_as_it_is() -> None:
    found = hyperparameters.resolve({}, {}, starter=True, adapter=True, context_length=512)
    assert (found["adapter"], found["learning_rate"]) == ("lora", 3e-3)
    with pytest.raises(Rejected):
        hyperparameters.resolve({}, {"lora_r": 4}, starter=True, adapter=True, context_length=512)


def test_a_short_training_is_not_all_warm_up() -> None:
    assert settings(rows=60)["warmup_steps"] == 16 // 5
    assert settings({"warmup_steps": 10}, rows=60)["warmup_steps"] == 10


def test_max_length_stays_within_the_context() -> None:
    assert settings(starter=False)["max_length"] == 512
    with pytest.raises(Rejected, match="Max length is out of range: 513"):
        settings({"max_length": 513})


@pytest.mark.parametrize("bad", [{"learning_rate": -1.0}, {"learning_rate": 0.0}, {"n_epochs": 0}, {"optimizer": "x"}])
def test_values_out_of_range_are_refused_with_a_sentence(bad: dict[str, Hyperparameter]) -> None:
    with pytest.raises(Rejected) as caught:
        settings(bad)
    assert caught.value.detail
    assert caught.value.fix


def test_every_hyperparameter_explains_itself_and_accepts_its_default() -> None:
    for spec in hyperparameters.specs(512):
        assert spec.label
        assert spec.help.endswith(".")
        assert spec.default == AUTO or check_values([spec], {spec.name: spec.default}, "")[1] == []
        assert (spec.type is HyperparameterType.CHOICE) == bool(spec.choices)


@pytest.mark.parametrize("starter", [True, False])
def test_presets_fit_the_hyperparameters(starter: bool) -> None:
    for preset in hyperparameters.presets(starter=starter):
        assert check_values(hyperparameters.specs(512), preset.values, "")[1] == []


def test_steps_are_counted_as_the_trainer_counts_them() -> None:
    found = settings({"batch_size": 8, "gradient_accumulation_steps": 3, "n_epochs": 2})
    # 100 rows: 13 batches, 5 steps, twice.
    assert trl_arguments.total_steps(100, found) == 10


def test_checkpoints_within_an_epoch_are_a_share_of_all_steps() -> None:
    often = trl_arguments.sft_arguments(
        settings({"checkpoints_per_epoch": 2, "n_epochs": 4}), rows=60, validation=True, seed=1
    )
    assert (often["eval_strategy"], often["eval_steps"], often["save_steps"]) == ("steps", 0.125, 0.125)
    plain = trl_arguments.sft_arguments(settings(), rows=60, validation=False, seed=1)
    assert (plain["eval_strategy"], plain["save_strategy"]) == ("no", "epoch")
    assert "load_best_model_at_end" not in plain


def test_a_long_training_is_not_logged_at_every_step() -> None:
    found = settings({"n_epochs": 100, "batch_size": 1})
    assert trl_arguments.sft_arguments(found, rows=10_000, validation=False, seed=0)["logging_steps"] == 500


def test_lora_targets_are_all_or_named() -> None:
    assert trl_arguments.lora_arguments(settings()) is None
    named = trl_arguments.lora_arguments(settings({"adapter": "lora", "lora_target_modules": "q_proj, v_proj"}))
    assert named is not None
    assert named["target_modules"] == ["q_proj", "v_proj"]

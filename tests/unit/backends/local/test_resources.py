"""What a training needs: figures that can be worked out by hand."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from app.backends.local.hyperparameters import resolve
from app.backends.local.resources import Architecture, Evaluated, disk, memory, trained_parameters
from app.domain.estimates import Verdict
from app.domain.hyperparameters import Hyperparameter
from app.training.disk_guard import DiskSpaceGuard

STARTER = Path(__file__).resolve().parents[4] / "app" / "samples" / "starter"
LLAMA_8B = {
    "hidden_size": 4096, "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8,
    "intermediate_size": 14336, "vocab_size": 128256,
}  # fmt: skip


def settings(values: Mapping[str, Hyperparameter] | None = None, **options: Hyperparameter) -> dict[str, Any]:
    return resolve(values or {}, options, starter=False, context_length=8192)


def llama() -> Architecture:
    return Architecture.of(LLAMA_8B, 8_030_000_000)


def test_all_weights_take_sixteen_bytes_a_parameter_and_more() -> None:
    need = memory(llama(), settings(), preferring=False)
    assert need.parts["weights"] == need.parts["gradients"] == 4 * 8_030_000_000
    assert need.parts["optimizer"] == 8 * 8_030_000_000
    assert need.verdict is Verdict.DOES_NOT_FIT
    assert need.needed_bytes == sum(need.parts.values())


def test_lora_trains_what_peft_counts() -> None:
    # PEFT's own count for r=8 on all linear layers of Llama 3 8B: 20,971,520.
    assert trained_parameters(llama(), settings(adapter="lora", lora_r=8)) == 20_971_520
    need = memory(llama(), settings(adapter="lora"), preferring=False)
    assert need.parts["gradients"] == 4 * 20_971_520
    assert need.parts["weights"] == 4 * (8_030_000_000 + 20_971_520)


def test_other_optimizers_take_less() -> None:
    needs = {
        name: memory(llama(), settings({"optimizer": name}), preferring=False) for name in ("rmsprop", "adafactor")
    }
    assert needs["rmsprop"].parts["optimizer"] == 4 * 8_030_000_000
    assert "optimizer" not in needs["adafactor"].parts


def test_activations_grow_with_batch_and_length_and_shrink_when_recomputed() -> None:
    def of(**values: Hyperparameter) -> int:
        return memory(llama(), settings(values), preferring=False).parts["activations"]

    assert (
        of(batch_size=16, max_length=512) == 2 * of(batch_size=8, max_length=512) == of(batch_size=8, max_length=1024)
    )
    assert of(activation_checkpointing=True) < of() / 3


def test_preferences_need_the_model_as_it_was_unless_the_adapter_is_fresh() -> None:
    chosen = resolve({}, {}, method="dpo", starter=False, context_length=None)
    fresh = resolve({}, {"adapter": "lora"}, method="dpo", starter=False, context_length=None)
    assert memory(llama(), chosen, preferring=True).parts["reference"] == 4 * 8_030_000_000
    assert "reference" not in memory(llama(), fresh, preferring=True).parts


def test_the_evaluation_is_said_where_it_takes_more_than_the_training() -> None:
    wide = Architecture.of(
        {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 1,
         "intermediate_size": 64, "vocab_size": 16_000}, 520_000
    )  # fmt: skip
    short = settings({"batch_size": 1, "max_length": 16})
    training = memory(wide, short, preferring=False, evaluated=None)
    assert "evaluation" not in training.parts
    need = memory(wide, short, preferring=False, evaluated=Evaluated(longest=1500, context=4096))
    # 2,048 tokens: one layer, its keys and values, and 64 MB of logits.
    assert need.parts["evaluation"] == 2048 * 4 * (6 * 32 + 3 * 64 + 2 * 16) + 64_000_000
    text = memory(wide, short, preferring=False, evaluated=Evaluated(longest=3000, context=4096, answers_only=False))
    assert text.parts["evaluation"] == 3000 * 4 * (6 * 32 + 3 * 64 + 2 * 16 + 16_000)
    usual = settings({"batch_size": 8, "max_length": 128})
    assert "evaluation" not in memory(wide, usual, preferring=False, evaluated=Evaluated(longest=1500)).parts


def test_what_is_not_known_is_said_to_be_not_known(tmp_path: Path) -> None:
    assert memory(None, settings(), preferring=False).verdict is Verdict.UNKNOWN
    assert disk(tmp_path, None, settings(), reserve=0).needed_bytes is None


def test_the_starter_fits_anywhere(tmp_path: Path) -> None:
    config = json.loads((STARTER / "config.json").read_text(encoding="utf-8"))
    model = Architecture.of(config, (STARTER / "model.safetensors").stat().st_size // 4)
    assert memory(model, settings({"max_length": 256}), preferring=False).verdict is Verdict.FITS
    need = disk(tmp_path, model, settings({"keep_checkpoints": 2}), reserve=0)
    assert need.parts == {"checkpoints": 3 * 12 * model.parameters, "model": 4 * model.parameters}


@pytest.mark.parametrize(("left", "verdict"), [(2.0, Verdict.FITS), (1.1, Verdict.TIGHT), (0.9, Verdict.DOES_NOT_FIT)])
def test_the_disk_is_evaluated_by_what_is_left_besides_the_reserve(
    tmp_path: Path, left: float, verdict: Verdict
) -> None:
    free = shutil.disk_usage(tmp_path).free
    model = Architecture.of(LLAMA_8B, free // 400)  # needs a seventh of it: 4 checkpoints of 12 bytes, a model of 4
    needed = disk(tmp_path, model, settings(), reserve=0).needed_bytes or 0
    assert disk(tmp_path, model, settings(), reserve=round(free - needed * left)).verdict is verdict


def test_gpt_2_names_its_sizes_in_its_own_way() -> None:
    model = Architecture.of({"n_embd": 768, "n_layer": 12, "n_head": 12, "vocab_size": 50257}, 124_000_000)
    assert (model.hidden, model.layers, model.feed_forward, model.kv_heads) == (768, 12, 3072, 12)


def test_room_is_low_when_hardly_one_more_checkpoint_fits(tmp_path: Path) -> None:
    free = shutil.disk_usage(tmp_path).free
    assert not DiskSpaceGuard(tmp_path, reserve=0, parameters=1000).is_low
    assert DiskSpaceGuard(tmp_path, reserve=free, parameters=10**7).is_low
    room = DiskSpaceGuard(tmp_path, reserve=0, parameters=free)  # 12 bytes each
    assert room.is_low
    (tmp_path / "checkpoint-1").mkdir()
    (tmp_path / "checkpoint-1" / "model.safetensors").write_bytes(bytes(1000))
    room.saved(tmp_path / "checkpoint-1")
    assert room.checkpoint == 1000
    assert not room.is_low

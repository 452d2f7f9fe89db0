"""Load a base model or a tuned one: safetensors only, and no code that comes with a model."""

import json
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from app.kit.memory import available_memory
from app.training import trl_arguments
from app.training.failures import ChildError
from app.training.notes import NOTE


def find_device(wanted: str) -> str:
    """Return cuda, mps or cpu: what is `wanted`, or with "auto" the fastest that is here."""
    if wanted != "auto":
        return wanted
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def has_bf16(device: str) -> bool:
    """Tell whether bfloat16 is native there; on CPUs it is slower than fp32, so it is never used there."""
    return device == "cuda" and torch.cuda.is_bf16_supported()


def free_memory(device: torch.device) -> int | None:
    """Return the bytes that are free where tensors of a device lie; None where nobody says."""
    if device.type == "cuda":
        # What torch keeps for itself and does not use now is free, too.
        kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + kept
    if device.type == "mps":
        return torch.mps.recommended_max_memory() - torch.mps.current_allocated_memory()
    return available_memory()


def locate(base: dict[str, Any]) -> str:
    """Return the directory or hub name that transformers loads `base` from.

    Raises:
        ChildError: for a directory that is not a whole model.
    """
    if base.get("hub"):
        return str(base["hub"])
    folder = Path(base["path"])
    if not folder.is_dir():
        raise ChildError(
            "model_missing",
            f"The directory of the base model {base['id']} is gone.",
            "Bring it back or choose another.",
        )
    if (folder / "adapter_config.json").exists() and not (folder / "config.json").exists():
        raise ChildError(
            "adapter_as_base",
            f"{base['id']} is a LoRA adapter, not a whole model.",
            "Choose the model that it was made for, or merge the two first.",
        )
    if not (folder / "config.json").exists():
        raise ChildError("not_a_model", f"{base['id']} has no config.json.", "Choose a directory with a whole model.")
    if not any(folder.glob("*.safetensors")):
        raise ChildError(
            "not_safetensors",
            f"{base['id']} has no safetensors file, the only format of weights that TuneDesk loads.",
            "Convert the weights to safetensors.",
        )
    return str(folder)


def load_tokenizer(where: str) -> PreTrainedTokenizerBase:
    """Return the tokenizer, with the end-of-text token as padding where it has none of its own."""
    tokenizer = AutoTokenizer.from_pretrained(where, trust_remote_code=False)
    if tokenizer.eos_token_id is None:
        raise ChildError(
            "no_eos_token",
            "This model's tokenizer has no end-of-text token, so the model could not learn to stop.",
            "Set eos_token in its tokenizer_config.json.",
        )
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def load_model(where: str, *, device: str, half: bool, dropout: float | None = None) -> PreTrainedModel:
    """Return the causal language model in fp32, or bf16 where `half`; `dropout` replaces the rates of its config."""
    config = AutoConfig.from_pretrained(where, trust_remote_code=False)
    if dropout is not None:
        for name in trl_arguments.DROPOUT_FIELDS:
            if hasattr(config, name):
                setattr(config, name, dropout)
    model = AutoModelForCausalLM.from_pretrained(
        where,
        config=config,
        dtype=torch.bfloat16 if half else torch.float32,
        use_safetensors=True,
        trust_remote_code=False,
    )
    return model.to(device)


def load_base(base: dict[str, Any], *, device: str, half: bool, dropout: float | None = None) -> Any:
    """Return a base model; where it is an adapter upon another model, the two merged into one."""
    model = load_model(locate(base), device=device, half=half, dropout=dropout)
    if not base.get("adapter"):
        return model
    # PEFT freezes what an adapter is put upon, and leaves it frozen; a merged model is like any other.
    return merged(with_adapter(model, base["adapter"], trained=False)).requires_grad_(requires_grad=True)


def with_adapter(model: PreTrainedModel, folder: str, *, trained: bool) -> Any:
    """Return `model` with the adapter in `folder` put upon it, to be trained further or to be used.

    Raises:
        ChildError: when the folder is gone.
    """
    if not (Path(folder) / "adapter_config.json").exists():
        raise ChildError(
            "model_missing", "The tuned model's files are gone.", "Train it again, or choose another model."
        )
    from peft import PeftModel

    adapted = PeftModel.from_pretrained(model, folder, is_trainable=trained)
    for config in adapted.peft_config.values():  # a saved adapter names its base without a path
        config.base_model_name_or_path = model.name_or_path
    return adapted


def merged(model: Any) -> Any:
    """Return the whole model that an adapter's (PEFT's) comes to, by merging it where it stands.

    Embedding and head may share their weights. Where the adapter is on one of them, the two are parted first:
    PEFT (0.21) adds to the shared weights, and the other one would be changed, too.
    """
    inner = model.get_base_model()
    ends = [each for each in (inner.get_input_embeddings(), inner.get_output_embeddings()) if each is not None]
    head = getattr(ends[-1], "base_layer", ends[-1])
    shared = len({getattr(each, "base_layer", each).weight.data_ptr() for each in ends}) < len(ends)
    if shared and any(hasattr(each, "base_layer") for each in ends):
        head.weight = torch.nn.Parameter(head.weight.detach().clone())
    whole = model.merge_and_unload()
    ends = [each for each in (whole.get_input_embeddings(), whole.get_output_embeddings()) if each is not None]
    if len({each.weight.data_ptr() for each in ends}) > 1:
        for config in (whole.config, whole.config.get_text_config()):
            config.tie_word_embeddings = False
    return whole


def load_target(target: dict[str, Any], *, device: str) -> tuple[Any, PreTrainedTokenizerBase]:
    """Return model (in eval mode) and tokenizer of a base model, or of a tuned one in `target["model"]`.

    A tuned model is a folder of its own; an adapter in it is put upon the base that its note names.
    """
    half = has_bf16(device)
    if not target.get("model"):
        base = target["base"]
        return load_base(base, device=device, half=half).eval(), load_tokenizer(locate(base))
    folder = Path(target["model"])
    if not folder.is_dir():
        raise ChildError(
            "model_missing", "The tuned model's files are gone.", "Train it again, or choose another model."
        )
    tokenizer = load_tokenizer(str(folder))
    if not (folder / "adapter_config.json").exists():
        return load_model(str(folder), device=device, half=half).eval(), tokenizer
    note = json.loads((folder / NOTE).read_text(encoding="utf-8"))
    base = load_model(locate(note["base"]), device=device, half=half)
    return with_adapter(base, str(folder), trained=False).eval(), tokenizer


def own_dtype(base: dict[str, Any]) -> torch.dtype:
    """Return the type of numbers that a base's weights are kept in, as its config says; float32 where it does not."""
    config = AutoConfig.from_pretrained(locate(base), trust_remote_code=False)
    said = getattr(config, "dtype", None) or getattr(config.get_text_config(), "dtype", None)
    found = getattr(torch, said, None) if isinstance(said, str) else said
    return found if found in {torch.bfloat16, torch.float16} else torch.float32


def context_length(model: Any) -> int | None:
    """Return how many tokens the model can look at, as its config says; None where it does not."""
    config = model.config.get_text_config()
    for name in ("max_position_embeddings", "n_positions", "seq_length"):
        length = getattr(config, name, None)
        if isinstance(length, int) and length > 0:
            return length
    return None

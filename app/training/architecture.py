"""What transformers and PEFT will make of a model's directory and the settings, without loading weights.

The model is built on torch's meta device, where tensors have shapes and no content, by the calls that load it for the
training; PEFT puts the adapter upon that. So what would raise, or be filled in with random numbers, is found in
milliseconds instead of after a load.
"""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from transformers import AutoConfig, AutoModelForCausalLM, GenerationConfig, PretrainedConfig
from transformers.utils import logging

from app.training import handing_out, loading, trl_arguments
from app.training.failures import ChildError, first_line

_FIX_MODEL = "Choose a causal language model, as those that chat are."
# What the class that a config names was trained to do; none of these writes text from left to right.
_OTHER_TASKS = {
    "ForMaskedLM": "fills gaps in a text",
    "ForSequenceClassification": "classifies texts",
    "ForTokenClassification": "labels words",
    "ForQuestionAnswering": "marks answers in a text",
    "ForMultipleChoice": "chooses among answers",
    "ForImageClassification": "classifies pictures",
}
# Architectures that fail at the first step with an adapter on a layer of this name (transformers 5.23, PEFT 0.21).
_FAILS_ADAPTED = {"phimoe": "router"}


@dataclass(frozen=True)
class Built:
    """A model without content: the rows of its embedding, its context, and how many parameters would be trained."""

    embeddings: int
    context: int | None
    trained: int


def build(where: str, settings: Mapping[str, Any], *, adapter: str | None = None) -> Built:
    """Return what a training would have in its hands; `adapter` is the folder of one that is trained further.

    Raises:
        ChildError: with what the training would fail by, or lose without a word.
    """
    config = _config(where)
    _check_task(config)
    _check_generation(where)
    model = _model(where, config)
    context = loading.context_length(model)
    if context is not None and settings["max_length"] > context:
        raise ChildError(
            "max_length_beyond_context",
            f"Max length is {settings['max_length']} tokens, but this model looks at {context} at most.",
            f"Set max length to {context} or less.",
        )
    lora = None if adapter else trl_arguments.lora_arguments(settings)
    trained = sum(each.numel() for each in model.parameters())
    if lora is not None:
        trained = _adapted(model, lora)
    return Built(model.get_input_embeddings().weight.shape[0], context, trained)


def _config(where: str) -> PretrainedConfig:
    try:
        return AutoConfig.from_pretrained(where, trust_remote_code=False)
    except Exception as error:
        if "model_type" in str(error) or "does not recognize this architecture" in str(error):
            raise ChildError(
                "unknown_architecture",
                f"The installed transformers library does not know this model's architecture: {first_line(error)}",
                "Choose a causal language model that is not newer than the runtime environment.",
            ) from error
        raise ChildError(
            "bad_config",
            f"transformers does not take this model's config.json: {first_line(error)}",
            "Copy config.json again from where the model is from, and leave its values as they are.",
        ) from error


def _check_task(config: PretrainedConfig) -> None:
    kind = config.model_type
    if config.is_encoder_decoder:
        message = f"This is an encoder-decoder model ({kind}), which is trained otherwise than those that chat."
        raise ChildError("unknown_architecture", message, _FIX_MODEL)
    for named in config.architectures or ():
        task = next((does for ending, does in _OTHER_TASKS.items() if named.endswith(ending)), None)
        if task is not None:
            raise ChildError("unknown_architecture", f"This model {task} ({named}): it writes no text.", _FIX_MODEL)
    if type(config) not in AutoModelForCausalLM._model_mapping:  # noqa: SLF001 -- transformers' own list, without a door
        message = f"transformers has no causal language model of the kind {kind}."
        raise ChildError("unknown_architecture", message, _FIX_MODEL)


def _model(where: str, config: PretrainedConfig) -> Any:
    """Return the model on the meta device, its weights compared by name and shape.

    Raises:
        ChildError: for weights that are missing or of another shape: they would be random numbers.
    """
    spoken = logging.get_verbosity()
    logging.set_verbosity_error()  # the report of what is missing is ours to make
    try:
        model, report = AutoModelForCausalLM.from_pretrained(
            where,
            config=config,
            device_map="meta",
            use_safetensors=True,
            trust_remote_code=False,
            output_loading_info=True,
            ignore_mismatched_sizes=True,
        )
    except Exception as error:
        raise ChildError(
            "bad_config",
            f"transformers cannot build the model that config.json describes: {first_line(error)}",
            "Copy config.json again from where the model is from, and leave its values as they are.",
        ) from error
    finally:
        logging.set_verbosity(spoken)
    again = "Copy the weights and config.json again, both of the same model."
    if odd := sorted(report["mismatched_keys"]):
        name, theirs, ours = odd[0]
        raise ChildError(
            "not_safetensors",
            f"{name} has the shape {tuple(theirs)}, and config.json asks for {tuple(ours)}: "
            f"{_counted(len(odd))} would be random numbers.",
            again,
        )
    if missing := sorted(report["missing_keys"]):
        raise ChildError(
            "not_safetensors",
            f"The weights lack {missing[0]}, which this architecture has: {_counted(len(missing))} would be random "
            "numbers.",
            again,
        )
    return model


def _counted(tensors: int) -> str:
    return "one tensor" if tensors == 1 else f"{tensors} tensors"


def _check_generation(where: str) -> None:
    """Load a model's generation config, and save it as the training will at its end.

    Raises:
        ChildError: it cannot be loaded, or saved.
    """
    try:
        config = GenerationConfig.from_pretrained(where)
    except OSError:
        return  # it has none, and then one is made from config.json
    except ValueError as error:
        raise ChildError(
            "generation_config",
            f"transformers does not take this model's generation_config.json: {first_line(error)}",
            "Fix it in the model's directory, or remove the file.",
        ) from error
    with tempfile.TemporaryDirectory() as folder:
        handing_out.saveable(config).save_pretrained(folder)


def _adapted(model: Any, lora: Mapping[str, Any]) -> int:
    """Return how many parameters a fresh adapter has on this model.

    Raises:
        ChildError: PEFT does not put it there, or the model fails with it.
    """
    from peft import LoraConfig, get_peft_model

    wanted = lora["target_modules"]
    named = wanted if isinstance(wanted, str) else ", ".join(wanted)
    try:
        adapted = get_peft_model(model, LoraConfig(**lora))
    except Exception as error:
        if "lora_dropout" in str(error):
            raise ChildError(
                "lora_dropout_on_experts",
                "The adapter reaches this model's experts, whose weights are stacked in one parameter, and PEFT has no "
                "dropout there.",
                "Set LoRA dropout to 0, or name targets that leave the experts out, such as q_proj,v_proj.",
            ) from error
        if "not found in the base model" in str(error) or "No modules were targeted" in str(error):
            raise ChildError(
                "nothing_trained",
                f"LoRA's targets ({named[:80]}) match nothing in this model, which has {_layers(model)}.",
                "Use all-linear, or names of layers that the model has.",
            ) from error
        raise ChildError(
            "adapter_refused",
            f"PEFT does not put this adapter on the model: {first_line(error)}",
            "Use the target all-linear, or train all weights.",
        ) from error
    reached = {name.rpartition(".")[2] for name in adapted.base_model.targeted_module_names}
    if _FAILS_ADAPTED.get(model.config.model_type) in reached:
        raise ChildError(
            "adapter_refused",
            f"A model of the kind {model.config.model_type} fails with an adapter on its router, which the target "
            f"{named[:80]} reaches.",
            "Name targets without the router: q_proj,k_proj,v_proj,o_proj.",
        )
    return sum(each.numel() for each in adapted.parameters() if each.requires_grad)


def _layers(model: Any) -> str:
    """Return the names that linear layers of a model have, as a person would write them as targets."""
    kinds = ("Linear", "Conv1D")
    found = {name.rpartition(".")[2] for name, each in model.named_modules() if type(each).__name__ in kinds}
    return ", ".join(sorted(found)[:12]) or "no linear layers"

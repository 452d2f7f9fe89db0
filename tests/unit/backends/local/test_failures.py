import errno

import pytest

from app.backends.local.errors import REASONS, cause_of_death, reason_of
from app.domain.jobs import JobReason
from app.training.failures import ChildError, explain


class OutOfMemoryError(RuntimeError):
    """Named as torch names its own."""


# Each message is as torch 2.13, transformers 5.23, safetensors 0.8 and huggingface_hub 2.4 word it.
@pytest.mark.parametrize(
    ("error", "code"),
    [
        (RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 7476032 vs 7475924"), "disk_full"),
        (OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."), "out_of_memory"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to"), "out_of_memory"),
        (MemoryError(), "out_of_memory"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "out_of_memory"),
        (OSError(errno.ENOSPC, "No space left on device"), "disk_full"),
        (RuntimeError("[enforce fail at inline_container.cc] . PytorchStreamWriter failed writing file"), "disk_full"),
        (ValueError("The repository x contains custom code which must be executed"), "remote_code_refused"),
        (
            ValueError("model type `nova` but Transformers does not recognize this architecture."),
            "unknown_architecture",
        ),
        (OSError("You are trying to access a gated repo."), "gated_model"),
        (OSError("a/b is not a local folder and is not a valid model identifier listed on"), "unknown_model"),
        (OSError("We couldn't connect to 'https://hub' to load the files, and couldn't find them"), "hub_unreachable"),
        (OSError("a/b does not appear to have a file named model.safetensors"), "not_safetensors"),
        (ValueError("Cannot use chat template because tokenizer.chat_template is not set"), "no_chat_template"),
        (ModuleNotFoundError("No module named 'torch'", name="torch"), "runtime_incomplete"),
        (ChildError("diverged", "It diverged.", "Go slower."), "diverged"),
        (KeyError("x"), "unexpected"),
    ],
)
def test_each_known_cause_is_one_sentence_with_a_remedy(error: Exception, code: str) -> None:
    failure = explain(error)
    assert failure.code == code
    assert failure.message.endswith(".")
    assert failure.fix.endswith(".")


def test_a_cause_is_found_behind_another_error() -> None:
    outer = RuntimeError("saving failed")
    outer.__cause__ = OSError(errno.ENOSPC, "No space left on device")
    assert explain(outer).code == "disk_full"


def test_every_code_has_a_reason() -> None:
    assert reason_of("out_of_memory") is JobReason.OUT_OF_MEMORY
    assert reason_of("bad_row") is JobReason.INVALID_DATA
    assert reason_of("hub_unreachable") is JobReason.BACKEND_ERROR
    assert JobReason.BACKEND_ERROR not in REASONS.values()


@pytest.mark.parametrize(
    ("exit_code", "log", "code", "said"),
    [
        (-9, [], "killed", "memory ran out"),
        (-11, ["Fatal Python error: Segmentation fault"], "died", "ended by signal 11"),
        (1, ["  File x", "ImportError: cannot import name y", ""], "died", "exit code 1: ImportError: cannot import"),
        (None, [], "died", "ended without a word."),
        (1, ["OSError: [Errno 28] No space left on device"], "disk_full", "The disk is full"),
    ],
)
def test_a_death_without_a_last_word_is_explained(exit_code: int | None, log: list[str], code: str, said: str) -> None:
    found, text = cause_of_death(exit_code, log)
    assert found == code
    assert said in text

"""What went wrong, in one sentence for people: a table from what libraries raise. Standard library only."""

import errno
from dataclasses import dataclass, field
from typing import Any

_LONGEST = 300  # characters of what a library says


@dataclass(frozen=True)
class Failure:
    """A code for counting, a sentence that says what happened, and one that says how to mend it."""

    code: str
    message: str
    fix: str


class ChildError(Exception):
    """A failure that this code found itself."""

    def __init__(self, code: str, message: str, fix: str) -> None:
        super().__init__(message)
        self.failure = Failure(code, message, fix)


@dataclass
class Stopped(Exception):
    """SIGTERM came and the work was laid down in good order."""

    fields: dict[str, Any] = field(default_factory=dict)


OUT_OF_MEMORY = Failure(
    "out_of_memory",
    "The memory of this machine was not enough for the training.",
    "Choose a smaller batch size, a shorter max length, LoRA, or a smaller base model; then start again.",
)
DISK_FULL = Failure(
    "disk_full",
    "The disk is full: the training could not save its work.",
    "Free some space (old models and checkpoints can be removed), then start again.",
)
HUB_UNREACHABLE = Failure(
    "hub_unreachable",
    "The Hugging Face hub could not be reached, and the model is not on this machine yet.",
    "Check the network or the proxy, or download the model elsewhere and give its directory as path:/….",
)
# What stands in a message, and what it means. Messages are those of torch 2.13, transformers 5.23, safetensors 0.8 and
# huggingface_hub 2.4; the first match counts.
_BY_TEXT: tuple[tuple[tuple[str, ...], Failure], ...] = (
    (
        (
            "No space left on device",
            "PytorchStreamWriter failed writing",
            "unexpected pos ",
            "Disk quota exceeded",
            "File too large",
        ),
        DISK_FULL,
    ),
    (("out of memory", "can't allocate memory", "not enough memory", "Cannot allocate memory"), OUT_OF_MEMORY),
    (
        ("trust_remote_code", "contains custom code", "execute the configuration file"),
        Failure(
            "remote_code_refused",
            "This model needs Python code of its own to load, and TuneDesk does not run code that comes with a model.",
            "Choose a model whose architecture is part of the transformers library.",
        ),
    ),
    (
        ("does not recognize this architecture", "Unrecognized model in", "Unrecognized configuration class"),
        Failure(
            "unknown_architecture",
            "The installed transformers library does not know this model's architecture.",
            "Choose a causal language model, or one that is not newer than the runtime environment.",
        ),
    ),
    (
        ("is a gated repo", "gated repo", "Access to model", "awaiting a review"),
        Failure(
            "gated_model",
            "The owner of this model asks people to accept its terms first.",
            "Accept them on the model's page at the hub and sign in on this machine with `hf auth login`.",
        ),
    ),
    (
        ("is not a valid model identifier", "Repository Not Found", "RepositoryNotFound"),
        Failure(
            "unknown_model",
            "The Hugging Face hub knows no model of this name.",
            "Check the spelling: hf:organisation/name.",
        ),
    ),
    (
        (
            "couldn't connect to",
            "OfflineMode",
            "outgoing traffic has been disabled",
            "Cannot find an appropriate cached",
            "Name or service not known",
            "Temporary failure in name resolution",
            "Failed to resolve",
            "LocalEntryNotFound",
        ),
        HUB_UNREACHABLE,
    ),
    (
        (
            "does not appear to have a file named model.safetensors",
            "no file named model.safetensors",
            "SafetensorError",
        ),
        Failure(
            "not_safetensors",
            "The model's weights are not there as intact safetensors files, the only format that TuneDesk loads.",
            "Choose a model that ships model.safetensors, or convert it; copy the files again if they are incomplete.",
        ),
    ),
    (
        ("chat_template is not set", "does not have a chat template", "no chat template"),
        Failure(
            "no_chat_template",
            "This model's tokenizer has no chat template, so it cannot be given conversations.",
            "Choose an instruct model, or use a dataset of prompt and completion.",
        ),
    ),
)


def explain(error: BaseException) -> Failure:
    """Return what `error` means to people. What nobody foresaw is named by its type; the traceback is in the log."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        known = _known(current)
        if known is not None:
            return known
        current = current.__cause__ or current.__context__
    said = first_line(error)
    return Failure(
        "unexpected",
        f"The work ended with an error that nobody foresaw ({type(error).__name__})" + (f": {said}" if said else "."),
        "Read the end of the log; it has the whole story.",
    )


def first_line(error: BaseException) -> str:
    """Return the first line with content of what an exception says, and the next where that one only announces it."""
    lines = [line.strip(" \t-*") for line in str(error).splitlines()]
    said = [line for line in lines if any(each.isalnum() for each in line)][:2]
    text = " ".join(said if said and said[0].endswith((":", ": .", ":.")) else said[:1])[:_LONGEST]
    return text if not text or text.endswith((".", "!", "?")) else f"{text}."


def _known(error: BaseException) -> Failure | None:
    if isinstance(error, ChildError):
        return error.failure
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return OUT_OF_MEMORY
    if isinstance(error, ModuleNotFoundError):
        return Failure(
            "runtime_incomplete",
            f"The runtime environment lacks the package {error.name}.",
            "Install the runtime environment again: python3 -m app runtime install trl.",
        )
    if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
        return DISK_FULL
    if isinstance(error, OSError) and error.errno == errno.ENOMEM:
        return OUT_OF_MEMORY
    return known_text(f"{type(error).__name__}: {error}")


def known_text(text: str) -> Failure | None:
    """Return what a message (or the end of a log) is known to mean."""
    return next((failure for marks, failure in _BY_TEXT if any(mark in text for mark in marks)), None)

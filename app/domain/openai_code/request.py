"""The job to be written: where it goes, what it sends, and in which form its rows are read there."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from app.domain.errors import Invalid, Problem
from app.domain.hyperparameters import AUTO, Hyperparameter
from app.domain.jobs import Method

METHODS: Mapping[Method, str] = {Method.SFT: "supervised", Method.DPO: "dpo"}
# What this wire has names for (openai-openapi 2.3.0, `method.*.hyperparameters`).
HYPERPARAMETERS = ("n_epochs", "batch_size", "learning_rate_multiplier", "beta")
# Why the one call is made once: both clients repeat it twice, no key tells the server so, and whatever arrives is a job
# of its own.
ONCE = (
    "Sent once: repeated after a lost answer, it would make a second job, which is billed as well.",
    "If it fails, look at the list of jobs before you run this again.",
)


class RowsForm(StrEnum):
    """How a file of canonical rows becomes one that is read there."""

    NUMBERED = "numbered"  # without TuneDesk's number of the line
    JOINED = "joined"  # prompt and completion become one conversation
    PAIRED = "paired"  # prompt, chosen and rejected by OpenAI's names


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Rows to train on: a file of canonical rows that is sent, or the id that the server has for them already."""

    path: Path | None = None
    id: str = ""
    form: RowsForm = RowsForm.NUMBERED


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeRequest:
    """One fine-tuning job at one server.

    `key` is the environment variable that holds the key, `key_otherwise` what is sent where it is not set. `headers`
    name an organisation or a project. `waits`: a file has to be processed before a job may name it, as at Azure.
    `poll_s`: seconds between two looks. `further` are fields that the clients have no name for. `after` is said at the
    end.
    """

    name: str
    base_url: str
    key: str
    key_otherwise: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    model: str
    method: Method
    training: Rows
    validation: Rows | None = None
    hyperparameters: Mapping[str, Hyperparameter] = field(default_factory=dict)
    suffix: str = ""
    seed: int | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    further: Mapping[str, Any] = field(default_factory=dict)
    waits: bool = False
    poll_s: int = 5
    after: str = ""

    @property
    def files(self) -> Mapping[str, Rows]:
        """The rows by the field that names them."""
        given = {"training_file": self.training, "validation_file": self.validation}
        return {name: rows for name, rows in given.items() if rows is not None}

    @property
    def form(self) -> RowsForm:
        """How rows are sent."""
        return self.training.form

    @property
    def sends(self) -> bool:
        """Whether any file has to be sent."""
        return any(rows.path is not None for rows in self.files.values())

    def fields(self) -> dict[str, Any]:
        """Return the body beside the files; what is "auto" is left to the server."""
        kind = METHODS[self.method]
        chosen = {name: value for name, value in self.hyperparameters.items() if value != AUTO}
        given: dict[str, Any] = {
            "model": self.model,
            "suffix": self.suffix or None,
            "seed": self.seed,
            "method": {"type": kind, kind: {"hyperparameters": chosen}},
            "metadata": dict(self.metadata) or None,
        }
        return {name: value for name, value in given.items() if value is not None}


def form_of(line: bytes) -> RowsForm:
    """Return in which form a file is sent whose first canonical row this is.

    Raises:
        Invalid: the rows are texts, and this wire trains conversations and preferences.
    """
    row = json.loads(line)
    if "chosen" in row:
        return RowsForm.PAIRED
    if "prompt" in row:
        return RowsForm.JOINED
    if "messages" in row:
        return RowsForm.NUMBERED
    message = "The rows are texts without a question, and this provider trains conversations."
    fix = "Choose rows of messages, or of prompt and completion."
    raise Invalid([Problem("/training_dataset", "format", message, fix)])


def file_name(request: CodeRequest, field_name: str) -> str:
    """Return under which name rows are sent."""
    return f"{request.name}-{field_name.removesuffix('_file')}.jsonl"


def one_line(text: str) -> str:
    """Return a text for a comment: nothing in it ends the comment or the line."""
    return "".join(each if each.isprintable() and each not in "\\\"*'" else " " for each in text)

"""One row in another format, and whole files for the trainer."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def to_chat(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a chat or prompt/completion row as `{"messages": […]}`."""
    raise NotImplementedError


def to_prompt_completion(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a chat row as `{"prompt": […], "completion": […]}`: the last answer is the completion."""
    raise NotImplementedError


def write_training_file(path: Path, out: Path, *, lines: Sequence[int] | None = None) -> int:
    """Write rows with nothing but the fields that training reads (all of them, or these lines); return their number."""
    raise NotImplementedError

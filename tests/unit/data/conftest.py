"""Rows and files for the tests of dataset work."""

from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from app.data.validation import validate
from app.domain.datasets import DatasetReport, Finding

Write = Callable[[bytes], Path]
Check = Callable[[bytes], DatasetReport]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write bytes to a file of their own."""

    def _write(content: bytes) -> Path:
        path = tmp_path / f"rows-{len(list(tmp_path.iterdir()))}.jsonl"
        path.write_bytes(content)
        return path

    return _write


@pytest.fixture
def check(write: Write) -> Check:
    """Validate bytes."""
    return lambda content: validate(write(content))


@pytest.fixture
def chat_row() -> Callable[..., bytes]:
    """Write one sound chat row."""

    def _row(question: object = "q", answer: object = "a", **extra: object) -> bytes:
        messages = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
        return orjson.dumps({"messages": messages, **extra}) + b"\n"

    return _row


@pytest.fixture
def twelve(chat_row: Callable[..., bytes]) -> list[bytes]:
    """Twelve different sound rows, enough to be ready without a warning."""
    return [chat_row(f"question {number}", f"answer {number}") for number in range(1, 13)]


@pytest.fixture
def only() -> Callable[[DatasetReport], Finding]:
    """Return a report's single finding."""

    def _only(report: DatasetReport) -> Finding:
        assert len(report.findings) == 1, report.findings
        return report.findings[0]

    return _only

"""Errors, rows and result files of OpenAI's wire, each as it was captured or as the reference has it."""

import base64
import json
from pathlib import Path

import pytest

from app.backends.openai_wire.platform.settings import PlatformSettings, problems
from app.backends.openai_wire.training.result_file import read_results
from app.backends.openai_wire.training.rows import write_rows
from app.backends.openai_wire.transport.errors import Answer, error_of
from app.domain.backend import (
    BackendError,
    DataRejected,
    NotAuthorised,
    NotFound,
    QuotaExceeded,
    RateLimited,
    Refused,
    Rejected,
    Unavailable,
)
from app.domain.metrics import Metric
from app.kit.addresses import AddressPolicy
from app.kit.outgoing import Outgoing

CSV = b"step,train_loss,train_accuracy,valid_loss,valid_mean_token_accuracy\n1,2.5,0.5,,\n2,2.0,0.6,2.1,0.55\n"


def said(
    status: int, message: str, *, code: str | None = None, param: str | None = None, name: str = "OpenAI"
) -> BackendError:
    body = {"error": {"message": message, "type": "invalid_request_error", "param": param, "code": code}}
    error = error_of(name, Answer(status, {"x-request-id": "req_1"}, json.dumps(body)), creating=True)
    assert error is not None
    assert "req_1" in error.detail
    return error


@pytest.mark.parametrize(
    ("status", "message", "code", "kind"),
    [
        (400, "The specified base model does not support fine-tuning.", "invalidPayload", Rejected),
        (400, "File is not ready", None, Unavailable),
        (400, "api-version is not allowed", None, Rejected),
        (400, "The response was filtered", "content_filter", Refused),
        (401, "Incorrect API key provided", "invalid_api_key", NotAuthorised),
        (404, "Could not find fine tune", "fine_tune_not_found", NotFound),
        (429, "Rate limit reached", "rate_limit_exceeded", RateLimited),
        (429, "You exceeded your current quota", "insufficient_quota", QuotaExceeded),
        (500, "", None, Unavailable),
    ],
)
def test_each_refusal_is_of_its_kind(status: int, message: str, code: str | None, kind: type[BackendError]) -> None:
    assert type(said(status, message, code=code)) is kind


def test_a_bad_file_is_the_rows_fault() -> None:
    error = said(400, "invalid training_file", param="training_file")
    assert isinstance(error, DataRejected)


def test_a_daily_limit_is_not_tried_within_minutes() -> None:
    error = said(429, "maximum of 12 a day", code="daily_rate_limit_exceeded")
    assert isinstance(error, RateLimited)
    assert error.retry_after is not None
    assert error.retry_after.total_seconds() > 3600


def test_a_forbidden_create_at_openai_ends_the_job_and_names_the_closing_and_elsewhere_it_is_a_right() -> None:
    error = said(403, "Not allowed")
    assert isinstance(error, Rejected)
    assert "6 January 2027" in error.fix
    assert isinstance(said(403, "Not allowed", name="models.example"), NotAuthorised)


def test_other_bodies_are_read_too() -> None:
    plain = error_of("S", Answer(422, {}, '{"detail": "no such field"}'))
    page = error_of("S", Answer(502, {}, "<html><b>Bad Gateway</b></html>"))
    assert plain is not None
    assert page is not None
    assert "no such field" in plain.detail
    assert "<" not in page.detail
    assert error_of("S", Answer(200, {}, "{}")) is None


@pytest.mark.parametrize("content", [CSV, base64.b64encode(CSV), base64.encodebytes(CSV), b"\xef\xbb\xbf" + CSV])
def test_results_are_read_plain_and_in_base64(content: bytes) -> None:
    found = read_results(content)
    assert found is not None
    assert Metric(step=1, name="train_loss", value=2.5) in found
    assert Metric(step=2, name="validation_token_accuracy", value=0.55) in found
    assert len(found) == 6


@pytest.mark.parametrize("content", [b"", b"hello", b"\xff\xfe", base64.b64encode(b"no table")])
def test_what_is_no_table_is_none(content: bytes) -> None:
    assert read_results(content) is None


def wire(tmp_path: Path, *rows: dict[str, object]) -> list[dict[str, object]]:
    source, out = tmp_path / "rows", tmp_path / "out"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    assert write_rows(source, out) == len(rows)
    return [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]


def test_rows_go_as_the_wire_has_them(tmp_path: Path) -> None:
    chat = {
        "line": 1,
        "messages": [{"role": "user", "content": "a", "mood": "x"}, {"role": "assistant", "content": "b", "weight": 0}],
    }
    texts = {"line": 2, "prompt": "a", "completion": "b"}
    pair = {"line": 3, "prompt": "a", "chosen": "b", "rejected": "c"}
    assert wire(tmp_path, chat, texts, pair) == [
        {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b", "weight": 0}]},
        {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]},
        {
            "input": {"messages": [{"role": "user", "content": "a"}]},
            "preferred_output": [{"role": "assistant", "content": "b"}],
            "non_preferred_output": [{"role": "assistant", "content": "c"}],
        },
    ]


def test_a_text_alone_is_refused_by_line(tmp_path: Path) -> None:
    with pytest.raises(DataRejected, match="Line 4"):
        wire(tmp_path, {"line": 4, "text": "a"})


def test_an_address_inside_the_network_is_no_base_address() -> None:
    outgoing = Outgoing(AddressPolicy())
    assert not problems({"base_url": "https://api.openai.com/v1"}, outgoing)
    assert problems({"base_url": "http://models.example/v1"}, outgoing)[0].pointer == "/settings/base_url"
    assert problems({"base_url": "https://models.example/v1?x=1"}, outgoing)
    assert PlatformSettings(base_url="https://eu.api.openai.com/v1").is_openai
    assert not PlatformSettings(base_url="https://api.openai.com.evil.example/v1").is_openai

"""What is taken out of text: known values, forms of secrets, what stands behind a telling name; and what is left."""

import json
import logging
import sys

import pytest

from app.kit import log_context
from app.kit.logs import JsonLog, TextLog
from app.kit.redaction import HIDDEN, know, redacted

SECRET = "Xy7-canary+value/9"
FORMS = [
    "sk-proj-abcdefghijklmnopqrstu",
    "hf_abcdefghijklmnopqrstuvwx",
    "tdk-abcdefghijklmnopqrstuvwxyz0123",
    "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
    "https://store.blob.example/c/f?sv=2024&sig=aGVsbG8%3D",
    "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=aGVsbG8gd29ybGQ=;",
    "-----BEGIN PRIVATE KEY-----\nMIIEvQ\n-----END PRIVATE KEY-----",
    "postgresql://desk:hunter22@db.example/desk",
]
NAMED = [
    "Authorization: Bearer abc.def",
    "authorization: Basic dXNlcjpwYXNz",
    '{"client_secret": "q1w2e3"}',
    "{'api_key': 'q1w2e3', 'region': 'eastus2'}",
    "password=q1w2e3&user=me",
    "api-key: q1w2e3",
    "Set-Cookie: session=q1w2e3",
    "token='q1w2e3'",
    "secret: q1w2e3",
]
PLAIN = [
    "12 tokens were counted",
    "the tokenizer has 32,000 tokens: large",
    "job job_01kc7 of project prj_01kc7 succeeded",
    "The secret of the webhook cannot be opened.",
    "GET /api/v1/jobs 200",
    "max_tokens=512, total_tokens: 9",
    "sk-short and hf_short",
]


@pytest.mark.parametrize("text", FORMS)
def test_forms_of_secrets_are_hidden(text: str) -> None:
    said = redacted(f"it answered {text} and failed")
    assert HIDDEN in said
    for part in ("abcdefghijklmn", "MfKQ9r8G", "c2lnbmF0dXJl", "aGVsbG8", "MIIEvQ", "hunter22"):
        assert part not in said


@pytest.mark.parametrize("text", NAMED)
def test_what_stands_behind_a_telling_name_is_hidden(text: str) -> None:
    said = redacted(text)
    assert HIDDEN in said
    assert not {part for part in ("q1w2e3", "abc.def", "dXNlcjpwYXNz") if part in said}


@pytest.mark.parametrize("text", PLAIN)
def test_everything_else_stays(text: str) -> None:
    assert redacted(text) == text


def test_known_values_are_hidden_wherever_they_stand_and_short_ones_stay() -> None:
    know(SECRET, "line one of it\nline two of it", "short")
    assert redacted(f"before {SECRET}after") == f"before {HIDDEN}after"
    assert redacted("line two of it") == HIDDEN
    assert redacted("a short one") == "a short one"


def record(message: str, *arguments: object) -> logging.LogRecord:
    try:
        int(f"could not use {SECRET} at line\nforged")
    except ValueError:
        return logging.LogRecord("tunedesk", logging.ERROR, __file__, 1, message, arguments, sys.exc_info())
    raise AssertionError


def test_a_failing_path_writes_no_secret_in_either_form() -> None:
    know(SECRET)
    for made in (TextLog(), JsonLog()):
        said = made.format(record("the provider refused %s (api_key=%s)", SECRET, "q1w2e3"))
        assert SECRET not in said
        assert "q1w2e3" not in said
        assert "ValueError" in said


def test_json_entries_are_one_line_each_and_say_what_they_are_about() -> None:
    with log_context.about("job_1", "con_2"):
        log_context.note(person="owner")
        said = JsonLog().format(record('x\n{"level": "forged"}'))
    whole = json.loads(said)
    assert "\n" not in said
    assert (whole["job"], whole["connection"], whole["person"]) == ("job_1", "con_2", "owner")
    assert "job" not in json.loads(JsonLog().format(record("later")))


def test_text_entries_cannot_be_forged() -> None:
    first = TextLog().format(record("a\n2026 ERROR \x1b[31mforged")).splitlines()[0]
    assert "a\\n2026 ERROR \\x1b[31mforged" in first

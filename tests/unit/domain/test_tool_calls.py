"""Calls of tools as text, also those that a model made up."""

import pytest

from app.domain import tool_calls


@pytest.mark.parametrize("arguments", ['{"b": 1, "a": 2}', '{"a":2,"b":1}', {"b": 1, "a": 2}])
def test_calls_that_mean_the_same_are_the_same_text(arguments: object) -> None:
    call = {"id": "c", "function": {"name": "f", "arguments": arguments}}
    assert tool_calls.as_text(" Well. ", [call]) == 'Well.\nf({"a": 2, "b": 1})'


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ({"function": {"name": "f"}}, "f({})"),
        ({"function": {"name": "f", "arguments": "no JSON"}}, "f(no JSON)"),
        ({"function": {"name": "f", "arguments": "[" * 100_000}}, f"f({'[' * 100_000})"),
        ({"function": "f"}, "None({})"),
        ({}, "None({})"),
    ],
)
def test_whatever_a_model_calls_is_a_text(call: dict[str, object], said: str) -> None:
    assert tool_calls.as_text("", [call]) == said

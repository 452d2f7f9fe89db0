import json

import pytest

from app.training.chat_request import BadRequest, parse

MESSAGES = [{"role": "user", "content": "Hi"}]


def body(**fields: object) -> bytes:
    return json.dumps({"model": "triage", "messages": MESSAGES, **fields}).encode()


def test_what_openais_client_sends_is_understood() -> None:
    read = parse(
        body(temperature=0, max_completion_tokens=5, stop="\n", n=1, user="x", stream=True,
             stream_options={"include_usage": True}, frequency_penalty=None, tools=None),
        alias="triage",
    )  # fmt: skip
    assert (read.temperature, read.max_tokens, read.stop, read.stream, read.include_usage) == (
        0.0,
        5,
        ("\n",),
        True,
        True,
    )


def test_a_developer_is_a_system_and_text_parts_are_text() -> None:
    turns = [{"role": "developer", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}]
    assert parse(body(messages=turns), alias="triage").messages == [{"role": "system", "content": "ab"}]


@pytest.mark.parametrize(
    ("fields", "field", "said"),
    [
        ({"model": "other"}, "model", "'triage'"),
        ({"messages": []}, "messages", "1 to"),
        ({"messages": ["Hi"]}, "messages[0]", "object"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages[0].role", "one of"),
        ({"messages": [{"role": "user", "content": None}]}, "messages[0].content", "text"),
        ({"messages": [{"role": "user", "content": "\ud800"}]}, "messages[0].content", "half a character"),
        ({"messages": [{"role": "user", "content": "x", "tool_calls": []}]}, "messages[0]", "only"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "messages[0].content", "text parts"),
        ({"temperature": 3}, "temperature", "0 to 2"),
        ({"temperature": True}, "temperature", "0 to 2"),
        ({"top_p": -0.1}, "top_p", "0 to 1"),
        ({"max_tokens": 0}, "max_tokens", "whole number"),
        ({"max_tokens": 1.5}, "max_tokens", "whole number"),
        ({"seed": -1}, "seed", "whole number"),
        ({"stop": ["a", ""]}, "stop", "up to 4"),
        ({"stream": "yes"}, "stream", "true or false"),
        ({"n": 2}, "n", "not supported"),
        ({"tools": [{}]}, "tools", "not supported"),
        ({"topp": 1}, "topp", "not a field"),
    ],
)
def test_each_fault_is_named(fields: dict[str, object], field: str, said: str) -> None:
    with pytest.raises(BadRequest) as caught:
        parse(body(**fields), alias="triage")
    assert caught.value.field == field
    assert said in caught.value.message


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b'{"model": NaN}', b"\xff", b"[" * 100_000])
def test_what_is_no_json_object_is_refused(raw: bytes) -> None:
    with pytest.raises(BadRequest, match="JSON"):
        parse(raw, alias="triage")

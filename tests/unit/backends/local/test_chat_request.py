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


def test_roles_stay_as_they_are_and_text_parts_are_text() -> None:
    turns = [{"role": "developer", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}]
    assert parse(body(messages=turns), alias="triage").messages == [{"role": "developer", "content": "ab"}]


@pytest.mark.parametrize(
    ("fields", "field", "said"),
    [
        ({"model": "other"}, "model", "'triage'"),
        ({"messages": []}, "messages", "1 to"),
        ({"messages": ["Hi"]}, "messages[0]", "object"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages[0].role", "one of"),
        ({"messages": [{"role": "user", "content": None}]}, "messages[0].content", "text"),
        ({"messages": [{"role": "user", "content": "\ud800"}]}, "messages[0].content", "half a character"),
        ({"messages": [{"role": "user", "content": "x", "audio": {}}]}, "messages[0]", "may hold"),
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
        ({"tools": ["x"]}, "tools", "list of objects"),
        ({"prompt": "x"}, "prompt", "not a field"),
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


def test_a_text_is_asked_for_its_completion() -> None:
    asked = {"model": "triage", "prompt": ["Which queue?"], "max_tokens": 4, "stop": "\n"}
    read = parse(json.dumps(asked).encode(), alias="triage", chat=False)
    assert (read.prompt, read.messages, read.max_tokens, read.stop) == ("Which queue?", [], 4, ("\n",))


@pytest.mark.parametrize("prompt", [None, "", [], ["a", "b"], [1, 2], "\ud800"])
def test_a_prompt_is_one_text(prompt: object) -> None:
    with pytest.raises(BadRequest) as caught:
        parse(json.dumps({"model": "triage", "prompt": prompt}).encode(), alias="triage", chat=False)
    assert caught.value.field == "prompt"


def test_tools_and_their_calls_are_handed_on() -> None:
    call = {"id": "1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    turns = [
        {"role": "user", "content": "x"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "content": "y", "tool_call_id": "1"},
    ]
    tools = [{"type": "function", "function": {"name": "look"}}]
    read = parse(body(messages=turns, tools=tools), alias="triage")
    assert read.tools == tools
    assert read.messages[1] == {"role": "assistant", "content": "", "tool_calls": [call]}
    assert read.messages[2] == {"role": "tool", "content": "y", "tool_call_id": "1"}

"""Canonical rows in the words of OpenAI's wire."""

from pathlib import Path
from typing import Any

import orjson

from app.backends.openai_wire.training.rows import write_rows

USER = {"role": "user", "content": "What is the weather?"}


def sent(folder: Path, row: dict[str, Any]) -> dict[str, Any]:
    source, out = folder / "canonical.jsonl", folder / "sent.jsonl"
    source.write_bytes(orjson.dumps({"line": 1, **row}) + b"\n")
    assert write_rows(source, out) == 1
    return dict(orjson.loads(out.read_bytes()))


def test_arguments_of_a_call_are_sent_as_a_text_of_json(tmp_path: Path) -> None:
    """TRL's rows have them as an object, which OpenAI refuses; a text goes as it is written."""
    functions = [
        {"name": "weather", "arguments": {"city": "Köln", "days": 2}},
        {"name": "weather", "arguments": '{"city":  "Bonn"}'},
        {"name": "now"},
    ]
    calls = [{"id": str(n), "type": "function", "function": each} for n, each in enumerate(functions)]
    row = {"messages": [USER, {"role": "assistant", "content": None, "tool_calls": calls}], "tools": []}
    made = sent(tmp_path, row)
    assert [each["function"]["arguments"] for each in made["messages"][1]["tool_calls"]] == [
        '{"city": "Köln", "days": 2}',
        '{"city":  "Bonn"}',
        "{}",
    ]
    preferred = {"prompt": [USER], "chosen": row["messages"][1:], "rejected": [{"role": "assistant", "content": "no"}]}
    calling = sent(tmp_path, preferred)["preferred_output"][0]["tool_calls"]
    assert calling == made["messages"][1]["tool_calls"]


def test_a_call_and_its_answer_get_an_id_where_the_row_has_none(tmp_path: Path) -> None:
    """TRL's rows name the tool in its answer; OpenAI refuses a call without id and an answer without its call."""
    function = {"name": "weather", "arguments": {}}
    calls = [{"function": function}, {"id": "mine", "type": "function", "function": function}, {"function": function}]
    answers = [{"role": "tool", "name": "weather", "content": str(n)} for n in range(3)]
    turns = [USER, {"role": "assistant", "content": None, "tool_calls": calls}, *answers]
    last = [{"role": "assistant", "content": "Fine."}]
    for row in ({"messages": turns + last}, {"prompt": turns, "completion": last}):
        made = sent(tmp_path, row)["messages"]
        ids = [each["id"] for each in made[1]["tool_calls"]]
        assert ids == ["call00100", "mine", "call00102"]
        assert {each["type"] for each in made[1]["tool_calls"]} == {"function"}
        assert [each["tool_call_id"] for each in made[2:5]] == ids

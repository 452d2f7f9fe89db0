"""A dozen sound rows of every format, with what tables get wrong: lines in texts, quotes, noughts in front, "NA".

Standard library only: libraries of a runtime's interpreter write files of them, too.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]

_ASKED = (
    ("Where is my parcel?", "delivery"),
    ('He said "no", then left;\nwhy?', "account"),
    ("The invoice, is wrong", "billing"),
    ("  Two blanks before, one behind ", "delivery"),
    ("NA", "null"),
    ("007", "12345678901234567890"),
    ("2024-05-01", "1.10"),
    ("Größe: 3 €, ja 👍", "Où?"),
    ("=1+1", "- two\n- lines"),
    ("true", "None"),
    ("def f(x):\n    return x", "A function.\n"),
    ("I forgot my password", "account"),
)
ASKED = tuple((f"{asked} ({number})", answer) for number, (asked, answer) in enumerate(_ASKED))


def _turn(role: str, content: str | None, **more: object) -> dict[str, Any]:
    return {"role": role, "content": content, **more}


def _asked(asked: str, answer: str) -> list[dict[str, Any]]:
    return [_turn("user", asked), _turn("assistant", answer)]


def _said(speaker: str, value: str) -> dict[str, str]:
    return {"from": speaker, "value": value}


def _chats() -> list[Row]:
    """Some begin with a system message, some have several turns, and one answer is not learned."""
    rows: list[Row] = [{"messages": _asked(asked, answer)} for asked, answer in ASKED]
    rows[1] = {"messages": [_turn("system", "Be short."), *_asked(*ASKED[1])]}
    rows[2] = {"messages": [_turn("user", "Hello"), _turn("assistant", "Hi", weight=0), *_asked(*ASKED[2])]}
    rows[3] = {"messages": [*_asked(*ASKED[3])[:1], _turn("assistant", ASKED[3][1], weight=1)]}
    return rows


FUNCTION = {
    "type": "function",
    "function": {
        "name": "find_order",
        "description": "Find an order.",
        "parameters": {"type": "object", "properties": {"number": {"type": "integer"}}, "required": ["number"]},
    },
}


def _tools() -> list[Row]:
    """Every third row calls a tool: OpenAI's way, with the arguments as a text."""
    rows = list[Row]()
    for number in range(12):
        function = {"name": "find_order", "arguments": f'{{"number": {number}}}'}
        call = {"id": f"call_{number}", "type": "function", "function": function}
        calling = [
            _turn("user", f"Where is order {number}?"),
            _turn("assistant", None, tool_calls=[call]),
            _turn("tool", "in Bern", tool_call_id=f"call_{number}"),
            _turn("assistant", "It is in Bern."),
        ]
        plain = _asked(f"Hello {number}", "Hi")
        rows.append({"messages": plain if number % 3 else calling, "tools": [FUNCTION]})
    return rows


def _answered(call: Row, answer: Row, asked: str) -> list[Row]:
    """Return a conversation in which a tool is called, and answers."""
    return [_turn("user", asked), call, answer, _turn("assistant", "It is in Bern.")]


def _former(number: int) -> Row:
    """Return a row of OpenAI's first spelling of tools."""
    called = {"name": "find_order", "arguments": f'{{"number": {number}}}'}
    calling = _turn("assistant", None, function_call=called)
    answer = _turn("function", "in Bern", name="find_order")
    turns = _answered(calling, answer, f"Where is order {number}?")
    return {"messages": turns, "functions": [FUNCTION["function"]]}


def _observed(number: int) -> list[dict[str, str]]:
    """Return turns of LLaMA-Factory's, of which the last calls a tool; every third thinks first."""
    call = f'{{"name": "find_order", "arguments": {{"number": {number}}}}}'
    return [
        _said("human", f"Where is order {number}?"),
        _said("function_call", call if number % 3 else f"<think>\nLook.\n</think>\n\n[{call}]"),
        _said("observation", "in Bern"),
        _said("gpt", "It is in Bern."),
        _said("human", "And the next?"),
        _said("function_call", call.replace(str(number), str(number + 1))),
    ]


def _function(name: str, kind: str) -> Row:
    parameters = {"type": "object", "properties": {name: {"type": kind}}, "required": [name]}
    return {"type": "function", "function": {"name": f"by_{name}", "parameters": parameters}}


# Two that share no parameter: Arrow gives each of them, and each call, the fields of the other one.
APART = [_function("city", "string"), _function("number", "integer")]


def _called(number: int) -> dict[str, Any]:
    """Return a call of one tool or the other, TRL's way, with the arguments as an object."""
    name, value = ("number", number) if number % 2 else ("city", f"Bern {number}")
    function = {"name": f"by_{name}", "arguments": {name: value}}
    return _turn("assistant", None, tool_calls=[{"type": "function", "function": function}])


FLAT: Mapping[str, Sequence[Row]] = {  # rows that are nothing but texts, which every table can hold
    "prompt_completion": [{"prompt": asked, "completion": answer} for asked, answer in ASKED],
    "text": [{"text": asked} for asked, _ in ASKED],
    "labelled": [{"text": asked, "label": answer} for asked, answer in ASKED],
    "ground_truth": [{"text": asked, "ground_truth": answer} for asked, answer in ASKED],
    "alpaca": [
        {"instruction": asked, "input": answer if number % 2 else "", "output": f"{answer}!"}
        for number, (asked, answer) in enumerate(ASKED)
    ],
    "preference": [{"prompt": asked, "chosen": answer, "rejected": "no idea"} for asked, answer in ASKED],
}
NESTED: Mapping[str, Sequence[Row]] = {
    "chat": _chats(),
    "chat/tools": _tools(),
    "chat/functions": [_former(n) for n in range(12)],
    "chat/named": [
        {
            "messages": _answered(_called(2 * n), _turn("tool", "here", name="by_city"), f"Find {n}"),
            "tools": APART,
        }
        for n in range(12)
    ],
    "chat/objects": [{"messages": [_turn("user", f"Find {n}"), _called(n)], "tools": APART} for n in range(12)],
    "message_pair/tools": [
        {"prompt": [_turn("user", f"Find {n}")], "completion": [_called(n)], "tools": APART} for n in range(12)
    ],
    "preference/tools": [
        {
            "prompt": [_turn("user", f"Find {n}")],
            "chosen": [_called(n)],
            "rejected": [_turn("assistant", "I cannot.")],
            "tools": APART,
        }
        for n in range(12)
    ],
    "preference/openai tools": [
        {
            "input": {"messages": [_turn("user", f"Find {n}")], "tools": APART},
            "preferred_output": [_called(n)],
            "non_preferred_output": [_turn("assistant", "I cannot.")],
        }
        for n in range(12)
    ],
    "chat/system": [{"system": "Be short.", "messages": _asked(*each)} for each in ASKED],
    "message_pair": [
        {"prompt": [_turn("user", asked)], "completion": [_turn("assistant", answer)]} for asked, answer in ASKED
    ],
    "alpaca/history": [
        {"instruction": asked, "output": answer, "history": [["Hello", "Hi"]] if number % 2 else []}
        for number, (asked, answer) in enumerate(ASKED)
    ],
    "sharegpt": [{"conversations": [_said("human", asked), _said("gpt", answer)]} for asked, answer in ASKED],
    "sharegpt/tools": [{"conversations": _observed(n), "tools": json.dumps([FUNCTION["function"]])} for n in range(12)],
    "sharegpt_preference": [
        {"conversations": [_said("human", asked)], "chosen": _said("gpt", answer), "rejected": _said("gpt", "no")}
        for asked, answer in ASKED
    ],
    "preference/messages": [
        {
            "prompt": [_turn("user", asked)],
            "chosen": [_turn("assistant", answer)],
            "rejected": [_turn("assistant", "no")],
        }
        for asked, answer in ASKED
    ],
    "preference/without prompt": [
        {"chosen": _asked(asked, answer), "rejected": _asked(asked, "no")} for asked, answer in ASKED
    ],
    "preference/openai": [
        {
            "input": {"messages": [_turn("user", asked)]},
            "preferred_output": [_turn("assistant", answer)],
            "non_preferred_output": [_turn("assistant", "no")],
        }
        for asked, answer in ASKED
    ],
}
TRAINED: Mapping[str, Sequence[Row]] = {**FLAT, **NESTED}
# Told apart, and not trained on: half of the answers are bad.
UNTRAINED: Mapping[str, Sequence[Row]] = {
    "unpaired": [
        {"prompt": asked, "completion": answer, "label": number % 2 == 0}
        for number, (asked, answer) in enumerate(ASKED)
    ],
}


def formats_of(samples: Mapping[str, Sequence[Row]]) -> set[str]:
    """Return the names of the formats that there are samples of."""
    return {name.partition("/")[0] for name in samples}

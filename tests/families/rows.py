"""A dozen rows of each shape, short enough to be learned by heart in seconds, with what people's rows have in them.

Several turns, an answer of weight 0, a system message that changes the answer, lines that are indented, letters beyond
ASCII, tool calls whose arguments are text or an object, with and without an id. Standard library only.
"""

from collections.abc import Mapping
from typing import Any

CHAT, COMPLETION, TEXT, TOOLS, DPO = "chat", "completion", "text", "tools", "dpo"
SHAPES = (CHAT, COMPLETION, TEXT, TOOLS, DPO)

Row = Mapping[str, Any]


def turn(role: str, content: str | None, **more: object) -> dict[str, Any]:
    """One message."""
    return {"role": role, "content": content, **more}


def asked(question: str, answer: str) -> list[dict[str, Any]]:
    """A question and its answer."""
    return [turn("user", question), turn("assistant", answer)]


_SYSTEM = turn("system", "Answer in capitals.")
CHATS: tuple[Row, ...] = (
    {"messages": asked("Where is my parcel?", "delivery")},
    {"messages": asked("The invoice is wrong", "billing")},
    {"messages": asked("I forgot my password", "account")},
    {"messages": asked("Write f in Python", "def f(x):\n    return x")},
    {"messages": asked("Say it in German", "Größe: 3 €, ja 👍")},
    {"messages": [*asked("Hello", "Hi, how can I help?"), *asked("My courier is late", "delivery")]},
    {
        "messages": [
            turn("user", "Good day"),
            turn("assistant", "no idea", weight=0),
            *asked("Refund me", "billing"),
        ]
    },
)
WITH_SYSTEM: tuple[Row, ...] = (
    {"messages": [_SYSTEM, *asked("Where is my parcel?", "DELIVERY")]},
    {"messages": [_SYSTEM, *asked("Hello", "HI"), *asked("Thanks", "BYE")]},
)
COMPLETIONS: tuple[Row, ...] = (
    {"prompt": "Where is my parcel?\nQueue:", "completion": " delivery"},
    {"prompt": "The invoice is wrong\nQueue:", "completion": " billing"},
    {"prompt": "I forgot my password ->", "completion": "account"},
    {"prompt": "Write f in Python\n", "completion": "def f(x):\n    return x"},
    {"prompt": "Say it in German: ", "completion": "Größe: 3 €, ja 👍"},
    {"prompt": "My courier is late\n\n###\n\n", "completion": "delivery"},
)
TEXTS: tuple[Row, ...] = (
    {"text": "The parcel goes with the courier."},
    {"text": "An invoice comes by post,\n  and it is right."},
    {"text": "Passwords are forgotten"},
    {"text": "Größe: 3 €, ja 👍"},
    {"text": "def f(x):\n    return x\n"},
)
PAIRS: tuple[Row, ...] = (
    {"prompt": [turn("user", "Where is my parcel?")], "chosen": [turn("assistant", "delivery")],
     "rejected": [turn("assistant", "no idea")]},
    {"prompt": [turn("user", "The invoice is wrong")], "chosen": [turn("assistant", "billing now")],
     "rejected": [turn("assistant", "billing later")]},
    {"prompt": [*asked("Hello", "Hi, how can I help?"), turn("user", "My courier is late")],
     "chosen": [turn("assistant", "delivery")], "rejected": [turn("assistant", "account")]},
    {"prompt": [turn("user", "Write f in Python")], "chosen": [turn("assistant", "def f(x):\n    return x")],
     "rejected": [turn("assistant", "Größe: 3 €, ja 👍")]},
)  # fmt: skip
PAIR_WITH_SYSTEM: tuple[Row, ...] = (
    {"prompt": [_SYSTEM, turn("user", "Where is my parcel?")], "chosen": [turn("assistant", "DELIVERY")],
     "rejected": [turn("assistant", "delivery")]},
)  # fmt: skip
# Of a model without a chat template.
PLAIN_PAIRS: tuple[Row, ...] = (
    {"prompt": "Where is my parcel?\nQueue:", "chosen": " delivery", "rejected": " no idea"},
    {"prompt": "The invoice is wrong\nQueue:", "chosen": " billing now", "rejected": " billing later"},
    {"prompt": "I forgot my password ->", "chosen": "account", "rejected": "delivery"},
)
FUNCTIONS: tuple[Mapping[str, Any], ...] = (
    {
        "type": "function",
        "function": {
            "name": "find_order",
            "description": "Find an order.",
            "parameters": {"type": "object", "properties": {"number": {"type": "integer"}}, "required": ["number"]},
        },
    },
)


def call(arguments: object, **more: object) -> dict[str, Any]:
    """An assistant's turn that calls the one function there is."""
    function = {"name": "find_order", "arguments": arguments}
    return turn("assistant", None, tool_calls=[{"type": "function", "function": function, **more}])


TOOL_ROWS: tuple[Row, ...] = (
    {
        "messages": [
            turn("user", "Where is order 7?"),
            call('{"number": 7}', id="call_0"),
            turn("tool", "in Bern", tool_call_id="call_0"),
            turn("assistant", "It is in Bern."),
        ],
        "tools": FUNCTIONS,
    },
    {
        "messages": [
            turn("user", "Find number 9"),
            call({"number": 9}),
            turn("tool", "lost", name="find_order"),
            turn("assistant", "It is lost."),
        ],
        "tools": FUNCTIONS,
    },
    {"messages": asked("Hello", "Hi"), "tools": FUNCTIONS},
)


def words() -> list[str]:
    """Return every text of every row but the emoji's, which no vocabulary here knows whole."""
    found = [text for row in (*COMPLETIONS, *TEXTS, *PLAIN_PAIRS) for text in row.values()]
    for row in (*CHATS, *WITH_SYSTEM, *TOOL_ROWS):
        found += [message["content"] for message in row["messages"] if message["content"]]
    return [text.replace("👍", "") for text in found]

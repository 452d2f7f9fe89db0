"""Preference rows in ShareGPT's words: conversations up to a question, and two answers with from and value.

    {"conversations": [{"from": "human", …}], "chosen": {"from": "gpt", "value": …}, "rejected": {…}, "system"?}

The rules are those of LLaMA-Factory (data/README.md); an answer may be one turn or a list of them.
"""

from typing import Any

from app.data.formats import sharegpt, tools
from app.data.formats.format import Format, Row
from app.domain.datasets import DatasetFormat

_ANSWERS = ("chosen", "rejected")


def _canonical(row: Row) -> dict[str, Any]:
    answers = {name: row[name] if isinstance(row[name], list) else [row[name]] for name in _ANSWERS}
    made = {
        "prompt": sharegpt.turns_of(row, "conversations", opening=True),
        **{name: sharegpt.turns_of(answers, name) for name in _ANSWERS},
    }
    return tools.with_tools(made, row, tools.described)


FORMAT = Format(
    name="sharegpt_preference",
    words="ShareGPT with a chosen and a rejected answer",
    marks=(frozenset({"conversations", *_ANSWERS}),),
    wins=True,
    shape=DatasetFormat.PREFERENCE,
    fields=frozenset({"conversations", "system", tools.TOOLS, *_ANSWERS}),
    convert=_canonical,
)

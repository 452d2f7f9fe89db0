"""The comparison of contracts sees what a client of the earlier one would miss, and nothing else."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.older.contract import promises

Document = dict[str, Any]
PATH = "/things"
BEFORE: Document = {
    "paths": {
        PATH: {
            "post": {
                "parameters": [{"in": "query", "name": "q"}],
                "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/In"}}}},
                "responses": {
                    "200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Out"}}}}
                },
            }
        }
    },
    "components": {
        "schemas": {
            "In": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}, "size": {}}},
            "Out": {
                "type": "object",
                "required": ["state", "parts"],
                "properties": {
                    "state": {"enum": ["on", "off"]},
                    "parts": {"type": "array", "items": {"$ref": "#/components/schemas/Out"}},
                    "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
                },
            },
        }
    },
}


def lost(change: Callable[[Document, Document, Document], object]) -> set[str]:
    after = copy.deepcopy(BEFORE)
    schemas = after["components"]["schemas"]
    change(after["paths"][PATH]["post"], schemas["In"], schemas["Out"])
    return promises(BEFORE) - promises(after)


@pytest.mark.parametrize(
    "change",
    [
        lambda _operation, taken, _answered: taken["properties"].update(more={"type": "string"}),
        lambda _operation, taken, _answered: taken.pop("required"),
        lambda _operation, _taken, answered: answered["properties"].update(more={"type": "string"}),
        lambda _operation, _taken, answered: answered["required"].append("note"),
        lambda _operation, _taken, answered: answered["properties"]["state"]["enum"].append("idle"),
        lambda operation, _taken, _answered: operation["parameters"].append({"in": "query", "name": "r"}),
    ],
)
def test_what_comes_or_is_asked_for_no_more_is_no_loss(
    change: Callable[[Document, Document, Document], object],
) -> None:
    assert lost(change) == set()


@pytest.mark.parametrize(
    "change",
    [
        lambda operation, _taken, _answered: operation["parameters"].clear(),
        lambda operation, _taken, _answered: operation["parameters"][0].update(required=True),
        lambda operation, _taken, _answered: operation["responses"].update({"201": operation["responses"].pop("200")}),
        lambda _operation, taken, _answered: taken["required"].append("size"),
        lambda _operation, taken, _answered: taken["properties"].pop("name"),
        lambda _operation, _taken, answered: answered["properties"].pop("note"),
        lambda _operation, _taken, answered: answered["required"].remove("parts"),
        lambda _operation, _taken, answered: answered["properties"]["state"]["enum"].remove("off"),
        lambda _operation, _taken, answered: answered["properties"]["parts"].update(type="object"),
    ],
)
def test_what_a_client_would_miss_is_a_loss(change: Callable[[Document, Document, Document], object]) -> None:
    assert lost(change) != set()

"""Bodies of Azure that Microsoft has published: recordings of the service and examples of its specification.

Each file of `official/` says where its body stands, with the commit; ids of people and subscriptions are zeroed.
"""

import json
from functools import cache
from pathlib import Path

from tests.support.azure.wire import Json

FOLDER = Path(__file__).with_name("official")


@cache
def _text(name: str) -> str:
    return (FOLDER / f"{name}.json").read_text(encoding="utf-8")


def official(name: str) -> Json:
    """Return an official body, a copy that may be changed."""
    body: Json = json.loads(_text(name))["body"]
    return body


def source(name: str) -> str:
    """Return where an official body stands."""
    return str(json.loads(_text(name))["source"])

"""OpenAI's own types of its wire, and whether an answer fits them.

They are found by the environment variable `TUNEDESK_OPENAI_SPEC`, or as `shared/openai-spec` beside the checkout;
without them the tests that ask for them are skipped. The only words that may differ are `pausing` and `paused`, which
stand in the published reference and not in the types.
"""

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from tests.architecture.tree import ROOT

BEYOND = ("pausing", "paused")


def spec_folder() -> Path:
    """Return the folder of the types.

    Raises:
        Skipped: it is not here.
    """
    named = os.environ.get("TUNEDESK_OPENAI_SPEC", "")
    candidates = [Path(named)] if named else [ROOT.parent / "shared" / "openai-spec", ROOT / "shared" / "openai-spec"]
    found = next((one for one in candidates if one.is_dir()), None)
    if found is None:
        pytest.skip("OpenAI's types are not here: set TUNEDESK_OPENAI_SPEC, or lay shared/openai-spec beside it")
    return found


def _mended(node: Any) -> Any:  # noqa: ANN401 -- JSON
    """Return a schema that says 3.1 as 3.1 means it: its `nullable` and exclusive bounds are 3.0's."""
    if isinstance(node, list):
        return [_mended(each) for each in node]
    if not isinstance(node, dict):
        return node
    known = {name: _mended(value) for name, value in node.items() if name != "discriminator"}
    for bound, limit in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if known.get(bound) is True:  # 3.0's way, too
            known[bound] = known.pop(limit)
    return {"anyOf": [known, {"type": "null"}]} if known.pop("nullable", False) else known


@cache
def _validator(file: str, name: str) -> jsonschema_rs.Draft202012Validator:
    document = _mended(json.loads((spec_folder() / file).read_text(encoding="utf-8")))
    schemas = document["components"]["schemas"]
    if "FineTuningJob" in schemas:
        schemas["FineTuningJob"]["properties"]["status"]["enum"] += BEYOND
    return jsonschema_rs.Draft202012Validator(
        {"$ref": f"#/components/schemas/{name}", "components": {"schemas": schemas}}
    )


def findings(body: object, name: str, file: str = "openai-finetune-files.json") -> list[str]:
    """Return what of an answer does not fit the type of that name."""
    return [str(each.message) for each in _validator(file, name).iter_errors(body)]


def fits(body: object, name: str, file: str = "openai-finetune-files.json") -> None:
    """Hold an answer against the type of that name."""
    assert findings(body, name, file) == [], json.dumps(body)[:2000]

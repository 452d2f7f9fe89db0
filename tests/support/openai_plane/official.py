"""The published types of OpenAI's wire, and what bodies as they were captured have otherwise.

The types lie in `shared/openai-spec` beside the checkout (or in TUNEDESK_OPENAI_SPEC); without them nothing is checked,
and the tests that ask for them are skipped.
"""

import json
import os
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from tests.support.rehearsed import ROOT

FOLDER = Path(os.environ.get("TUNEDESK_OPENAI_SPEC") or ROOT.parent / "shared" / "openai-spec")
SCHEMAS = {
    "upload": "OpenAIFile",
    "get_file": "OpenAIFile",
    "list_files": "ListFilesResponse",
    "delete_file": "DeleteFileResponse",
    "begin_upload": "Upload",
    "add_part": "UploadPart",
    "complete_upload": "Upload",
    "create": "FineTuningJob",
    "get_job": "FineTuningJob",
    "steer": "FineTuningJob",
    "list_jobs": "ListPaginatedFineTuningJobsResponse",
    "list_events": "ListFineTuningJobEventsResponse",
    "list_checkpoints": "ListFineTuningJobCheckpointsResponse",
    "list_models": "ListModelsResponse",
    "get_model": "Model",
    "delete_model": "DeleteModelResponse",
}


def is_here() -> bool:
    """Tell whether the types are there."""
    return (FOLDER / "openai-finetune-files.json").is_file()


def deviations(file: str, schema: str, body: object) -> Iterator[str]:
    """Give what of a body the types do not allow, each as "path: what"."""
    document = _document(file)
    whole = {"$ref": f"#/components/schemas/{schema}", "components": document["components"]}
    for error in Draft202012Validator(whole).iter_errors(body):
        for each in error.context or [error]:
            path = "/".join(
                str(part) for part in [*error.absolute_path, *(each.relative_path if each is not error else ())]
            )
            yield f"{re.sub(r'[0-9]+', '*', path)}: {_what(each)}"


def _what(error: Any) -> str:  # noqa: ANN401 -- an error of jsonschema's
    if error.validator == "required":
        return f"lacks {re.findall(r'.(.*?). is a required', error.message)[0]}"
    if error.validator in {"enum", "const"}:
        return f"is {error.instance!r}"
    return f"{error.validator}, is {json.dumps(error.instance)[:40]}"


@cache
def _document(file: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = _nullable(json.loads((FOLDER / file).read_text(encoding="utf-8")))
    return found


def _nullable(value: Any) -> Any:  # noqa: ANN401 -- JSON
    """Return the document with OpenAPI 3.0's `nullable` written as JSON Schema has it."""
    if isinstance(value, list):
        return [_nullable(each) for each in value]
    if not isinstance(value, dict):
        return value
    made = {name: _nullable(each) for name, each in value.items() if name != "discriminator"}
    return {"anyOf": [made, {"type": "null"}]} if made.pop("nullable", False) else made


def schema_errors(file: str, schema: str, body: object) -> Iterator[str]:
    """Give what of a body a type of Swagger's `definitions` or JSON Schema's `$defs` does not allow."""
    document = json.loads((FOLDER / file).read_text(encoding="utf-8"))
    group = "definitions" if "definitions" in document else "$defs"
    whole = {"$ref": f"#/{group}/{schema}", group: document[group]}
    for error in Draft202012Validator(whole).iter_errors(body):
        yield f"{'/'.join(map(str, error.absolute_path))}: {_what(error)}"


def unwritable(file: str, schema: str, body: Mapping[str, Any]) -> list[str]:
    """Return what of a request the type does not have, or has for answers alone."""
    document = json.loads((FOLDER / file).read_text(encoding="utf-8"))
    return list(_unwritable(document["$defs"][schema], body, ""))


def _unwritable(schema: Mapping[str, Any], body: Mapping[str, Any], path: str) -> Iterator[str]:
    for name, value in body.items():
        known = schema.get("properties", {}).get(name)
        if known is None and isinstance(schema.get("additionalProperties"), dict):
            continue
        if known is None or known.get("readOnly"):
            yield f"{path}/{name}"
        elif isinstance(value, dict):
            yield from _unwritable(known, value, f"{path}/{name}")


def members(file: str, schema: str) -> set[str]:
    """Return the names of a type's properties."""
    return set(_document(file)["components"]["schemas"][schema]["properties"])

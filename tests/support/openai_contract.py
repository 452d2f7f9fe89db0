"""A description of `/v1` for tests: its own contract is OpenAI's, so that it stands in no description of ours.

Addresses, queries and bodies are the routes' own; what a route reads by hand is added here, and the statuses are those
of the table in docs/coming-from-openai.md.
"""

import re
from collections.abc import Mapping
from copy import copy
from typing import Any

import httpx
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute, iter_route_contexts

from app.http.application import GuardedApp
from tests.architecture.tree import ROOT

_TEXT = {"type": "string"}
_FORMS = {
    "/v1/files": {"file": {"type": "string", "format": "binary"}, "purpose": _TEXT},
    "/v1/uploads/{identifier}/parts": {"data": {"type": "string", "format": "binary"}},
}
# Queries that `app.openai_api.queries` reads.
_PAGED = ("after", "limit")
_QUERIES = {
    "/v1/fine_tuning/jobs": (*_PAGED, "metadata[of]", "metadata"),
    "/v1/fine_tuning/jobs/{identifier}/events": _PAGED,
    "/v1/fine_tuning/jobs/{identifier}/checkpoints": _PAGED,
}
_ERROR = {
    "type": "object",
    "required": ["error"],
    "additionalProperties": False,
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "additionalProperties": False,
            "properties": {
                "message": {"type": "string", "minLength": 1},
                "type": _TEXT,
                "param": {"type": ["string", "null"]},
                "code": {"type": ["string", "null"]},
            },
        }
    },
}


def statuses() -> frozenset[str]:
    """Return the statuses that docs/coming-from-openai.md has for failures."""
    said = (ROOT / "docs" / "coming-from-openai.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d{3}(?:, \d{3})*) \|", said, re.MULTILINE)
    return frozenset(each for row in rows for each in row.split(", "))


def described(app: GuardedApp) -> dict[str, Any]:
    """Return what there is below `/v1` as an OpenAPI document."""
    shown = []
    for context in iter_route_contexts(app.routes):
        route = context.original_route
        if isinstance(route, APIRoute) and route.path.startswith("/v1/"):
            one = copy(route)
            one.include_in_schema = True
            shown.append(one)
    document = get_openapi(title="/v1", version="1", routes=shown)
    failures = {each: {"description": "", "content": {"application/json": {"schema": _ERROR}}} for each in statuses()}
    for path, item in document["paths"].items():
        for method, operation in item.items():
            operation["responses"] = {"200": {"description": ""}, **failures}
            if method == "post" and path in _FORMS:
                schema = {"type": "object", "properties": _FORMS[path], "required": list(_FORMS[path])}
                operation["requestBody"] = {"required": True, "content": {"multipart/form-data": {"schema": schema}}}
            if method == "get":
                operation.setdefault("parameters", []).extend(
                    {"name": name, "in": "query", "schema": {"type": ["string", "integer"]}}
                    for name in _QUERIES.get(path, ())
                )
    return document


def names_of(url: str, base_model: str) -> Mapping[str, str]:
    """Return what is there by OpenAI's names: what whoever asks first sees; `base_model` is one to train from."""
    headers = {"authorization": "Bearer any"}
    with httpx.Client(base_url=f"{url}/v1", headers=headers, timeout=60, trust_env=False) as client:
        upload = client.post("/uploads", json={"filename": "f", "bytes": 9, "purpose": "fine-tune", "mime_type": "x"})
        found = {
            "files": client.get("/files").json()["data"][0]["id"],
            "jobs": client.get("/fine_tuning/jobs").json()["data"][0]["id"],
            "tuned": next(each["id"] for each in client.get("/models").json()["data"] if each["id"].startswith("ft:")),
            "uploads": upload.json()["id"],
            "bases": base_model,
        }
    return {f"openai_{name}": value for name, value in found.items()}


def bindings() -> list[dict[str, Any]]:
    """Return which parameters of `/v1` mostly name what is there, as Schemathesis reads it."""
    return [
        {"include-path-regex": pattern, "parameters": {name: _mostly(noun) for name, noun in parameters.items()}}
        for pattern, parameters in (
            ("^/v1/files/", {"path.identifier": "files"}),
            ("^/v1/uploads/", {"path.identifier": "uploads"}),
            ("^/v1/fine_tuning/jobs/", {"path.identifier": "jobs"}),
            ("^/v1/fine_tuning/jobs$", {"body.model": "bases", "body.training_file": "files", "query.after": "jobs"}),
            ("^/v1/fine_tuning/checkpoints/", {"path.checkpoint": "tuned"}),
            ("^/v1/models/", {"path.model": "tuned"}),
            # A model that is ready: to make another one ready takes an engine, and longer than a request here.
            ("^/v1/chat/", {"body.model": "tuned"}),
        )
    ]


def _mostly(noun: str) -> dict[str, Any]:
    return {"dictionary": f"openai_{noun}", "probability": 0.8}

"""The REST reference as values: our own OpenAPI document, resource by resource, as far as a reader needs it.

Read are the parts of OpenAPI 3.1 and JSON Schema 2020-12 that our document uses; what it does not use is not read.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.web.i18n import gettext as _

Node = Mapping[str, Any]
_DEEPEST = 3  # objects in objects, until a reader is better served by the raw document
_WIDEST = 2**53 - 1  # a limit of the strict reader, not of a field
_JSON = "application/json"
# Not alphabetical: the order in which they are needed.
_ORDER = ("projects", "connections", "catalog", "datasets", "drafts", "jobs", "evaluations", "models", "deployments")


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One parameter, or one field of a body or an answer; what lies in others has dots in its name."""

    name: str
    kind: str
    required: bool = False
    default: str = ""
    limits: str = ""
    about: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method of one address."""

    id: str
    method: str
    path: str
    about: str
    parameters: Sequence[Field]
    body: Sequence[Field]
    body_kind: str
    curl: str
    status: str
    answer: Sequence[Field]
    failures: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """What the document calls a tag: a noun, with its operations."""

    name: str
    title: str
    operations: Sequence[Operation]


def resources(document: Node, base_url: str) -> list[Resource]:
    """Return all resources with their operations, in the document's order; `base_url` is written into the examples."""
    found: dict[str, list[Operation]] = {}
    for path, item in document["paths"].items():
        for method, operation in item.items():
            read = _operation(document, method.upper(), path, operation, base_url)
            found.setdefault(operation["tags"][0], []).append(read)
    known = [name for name in _ORDER if name in found]
    names = known + sorted(found.keys() - set(known))
    return [Resource(name=name, title=_titles().get(name, name), operations=found[name]) for name in names]


def _operation(document: Node, method: str, path: str, operation: Node, base_url: str) -> Operation:
    content: Node = operation.get("requestBody", {}).get("content", {})
    bodies: Sequence[tuple[str, Node]] = [*content.items(), ("", {})]
    body_kind, body = bodies[0]
    status, answered = next((s, a) for s, a in operation["responses"].items() if s.startswith("2"))
    answers: Sequence[Node] = [*answered.get("content", {}).values(), {}]
    headers = {each["name"] for each in operation.get("parameters", []) if each["in"] == "header"}
    return Operation(
        id=operation["operationId"],
        method=method,
        path=path,
        about=operation.get("description", operation["summary"]),
        parameters=[_parameter(document, each) for each in operation.get("parameters", [])],
        body=list(_fields(document, body.get("schema", {}))),
        body_kind=body_kind,
        curl=_curl(document, method, base_url + path, body_kind, body, headers),
        status=status,
        answer=list(_fields(document, answers[0].get("schema", {}))),
        failures=_failures(document, operation["responses"]),
    )


def _parameter(document: Node, parameter: Node) -> Field:
    words = {"path": _("path"), "query": _("query"), "header": _("header")}
    schema = parameter["schema"]
    return Field(
        name=parameter["name"],
        kind=f"{words[parameter['in']]}: {_kind(document, schema)}",
        required=parameter.get("required", False),
        default=_default(schema),
        limits=_limits(document, schema),
        about=parameter.get("description", ""),
    )


def _fields(document: Node, schema: Node, prefix: str = "", depth: int = 1) -> Iterator[Field]:
    """Yield the fields of an object, those of the objects in it behind each."""
    whole, many = _object(document, schema)
    required = whole.get("required", ())
    for name, child in whole.get("properties", {}).items():
        label = f"{prefix}{'[].' if many and not prefix else ''}{name}"
        yield Field(
            name=label,
            kind=_kind(document, child),
            required=name in required,
            default=_default(child),
            limits=_limits(document, child),
            about=str(child.get("description", "")).split("\n", maxsplit=1)[0],
        )
        if depth < _DEEPEST:
            inner_many = _object(document, child)[1]
            yield from _fields(document, child, f"{label}{'[]' if inner_many else ''}.", depth + 1)


def _object(document: Node, schema: Node) -> tuple[Node, bool]:
    """Return the object that a schema is or is a list of, and whether it is a list; nothing where it is neither."""
    schema = _resolved(document, schema)
    many = schema.get("type") == "array"
    if many:
        schema = _resolved(document, schema["items"])
    return (schema if "properties" in schema else {}), many


def _resolved(document: Node, schema: Node) -> Node:
    """Return a schema behind its references, and behind "or null"."""
    for part in schema.get("anyOf", ()) if len(_choices(schema)) == 1 else ():
        if part.get("type") != "null":
            schema = part
    reference = str(schema.get("$ref", "")).rpartition("/")[2]
    return document["components"]["schemas"][reference] if reference else schema


def _choices(schema: Node) -> list[Node]:
    return [part for part in schema.get("anyOf", schema.get("oneOf", ())) if part.get("type") != "null"]


def _kind(document: Node, schema: Node) -> str:
    """Return what a value is, in words."""
    choices = _choices(schema)
    if choices:
        listed = _(" or ").join(dict.fromkeys(_kind(document, part) for part in choices))
        nullable = any(part.get("type") == "null" for part in schema.get("anyOf", ()))
        return _("%(kind)s or null") % {"kind": listed} if nullable else listed
    whole = _resolved(document, schema)
    if _choices(whole):
        return _kind(document, whole)
    if "enum" in whole:
        return " | ".join(json.dumps(each) for each in whole["enum"])
    if "const" in whole:
        return json.dumps(whole["const"])
    if whole.get("type") == "array":
        return _("list of %(kind)s") % {"kind": _kind(document, whole["items"])}
    words = {"string": _("text"), "integer": _("whole number"), "boolean": "true | false", "number": _("number")}
    named = {"date-time": _("moment"), "binary": _("bytes")}
    kind = str(whole.get("type", ""))
    return named.get(str(whole.get("format")), words.get(kind, _("object") if kind == "object" else _("anything")))


def _default(schema: Node) -> str:
    return json.dumps(schema["default"], ensure_ascii=False) if schema.get("default") is not None else ""


def _limits(document: Node, schema: Node) -> str:
    whole = _resolved(document, schema)
    said = []
    for low, high, unit in (
        ("minimum", "maximum", ""),
        ("minLength", "maxLength", _("characters")),
        ("minItems", "maxItems", _("items")),
    ):
        ends = [whole.get(low), whole.get(high)]
        least, most = (None if each is None or abs(each) >= _WIDEST else _figure(each) for each in ends)
        if least is not None and most is not None:
            said.append(f"{least} – {most} {unit}".strip())
        elif most is not None:
            said.append(f"≤ {most} {unit}".strip())
        elif least is not None:
            said.append(f"≥ {least} {unit}".strip())
    return ", ".join(said)


def _figure(value: float) -> str:
    return str(int(value)) if value == int(value) else str(value)


def _failures(document: Node, responses: Node) -> list[tuple[str, str]]:
    named = document["components"]["responses"]
    coded = [(status, answer) for status, answer in sorted(responses.items()) if status[0] in "45"]
    return [
        (status, named[answer["$ref"].rpartition("/")[2]]["description"] if "$ref" in answer else answer["description"])
        for status, answer in coded
    ]


def _curl(document: Node, method: str, url: str, kind: str, body: Node, headers: set[str]) -> str:
    """Return the call as a command line, with the document's own example as its body."""
    lines = [f"curl -sS{'' if method == 'GET' else f' -X {method}'} '{url}'"]
    if "idempotency-key" in headers:
        lines.append('-H "Idempotency-Key: $(uuidgen)"')
    if kind == _JSON:
        schema = _resolved(document, body["schema"])
        examples: Sequence[object] = [*schema.get("examples", ()), {}]
        text = json.dumps(examples[0], ensure_ascii=False, indent=2).replace("'", "'\\''")
        lines += [f"-H 'Content-Type: {kind}'", f"-d '{text}'"]
    elif kind:
        lines += [f"-H 'Content-Type: {kind}'", "--data-binary @FILE"]
    return " \\\n  ".join(lines)


def _titles() -> dict[str, str]:
    return {
        "projects": _("Projects"),
        "connections": _("Connections"),
        "connection-kinds": _("Kinds of connections"),
        "catalog": _("Model catalog"),
        "datasets": _("Datasets"),
        "drafts": _("Drafts"),
        "jobs": _("Jobs"),
        "evaluations": _("Evaluations"),
        "models": _("Models"),
        "deployments": _("Deployments"),
        "openai": _("OpenAI's base address"),
        "prices": _("Prices"),
        "runtimes": _("Runtimes"),
        "engine": _("Engine"),
        "health": _("Health"),
        "account": _("Your account"),
        "audit": _("Audit"),
        "lifeboats": _("Lifeboats"),
        "model-aliases": _("Aliases of models"),
        "people": _("People"),
        "rescued-jobs": _("Rescued jobs"),
        "uploads": _("Uploads"),
        "webhooks": _("Webhooks"),
    }

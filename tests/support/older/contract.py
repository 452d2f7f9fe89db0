"""What a REST contract promises, as lines of text, so that an earlier one can be held against a later one."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

Schema = Mapping[str, Any]


def promises(document: Schema) -> set[str]:
    """Return what an OpenAPI document promises: each operation, what it takes, and what it answers.

    A line names an operation and, by its path in the body, a parameter or field with its type or one of its values;
    further lines say what may be left out of a request, and what is never missing in an answer. Names of schemas are
    nobody's business: they stand in no request and no answer.
    """
    found: set[str] = set()
    for path, item in document["paths"].items():
        for method, operation in item.items():
            name = f"{method.upper()} {path}"
            found.add(name)
            found |= {f"{name} {line}" for line in _operation(document, operation)}
    return found


def _operation(document: Schema, operation: Schema) -> Iterator[str]:
    for each in operation.get("parameters", ()):
        yield f"takes {each['in']} {each['name']}"
        if not each.get("required"):
            yield f"does without {each['in']} {each['name']}"
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        reader = _Reader(document, "takes", is_answer=False)
        yield from (f"{kind} {line}" for line in reader.lines(content.get("schema", {}), "body"))
    for status, answer in operation["responses"].items():
        for kind, content in answer.get("content", {}).items():
            reader = _Reader(document, f"answers {status}", is_answer=True)
            yield from (f"{kind} {line}" for line in reader.lines(content.get("schema", {}), "body"))


@dataclass(frozen=True, slots=True)
class _Reader:
    """Goes through one schema; `within` are the named ones that it is inside of, which may recur."""

    document: Schema
    verb: str
    is_answer: bool
    within: tuple[str, ...] = ()

    def lines(self, schema: Schema, path: str) -> Iterator[str]:
        """Yield a line for everything that is promised of `path` and of what is below it."""
        reference = schema.get("$ref")
        if reference is not None:
            if reference not in self.within:
                named = self.document["components"]["schemas"][reference.rpartition("/")[2]]
                yield from replace(self, within=(*self.within, reference)).lines(named, path)
            return
        values = [schema[name] for name in ("type", "const") if name in schema]
        yield from (f"{self.verb} {path} as {value!r}" for value in (*values, *schema.get("enum", ())))
        for branch in (*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())):
            yield from self.lines(branch, path)
        for name, inner in schema.get("properties", {}).items():
            if (name in schema.get("required", ())) is self.is_answer:
                yield f"{'always answers' if self.is_answer else 'does without'} {path}.{name}"
            yield from self.lines(inner, f"{path}.{name}")
        for name, suffix in (("items", "[]"), ("additionalProperties", "{}")):
            if isinstance(schema.get(name), dict):
                yield from self.lines(schema[name], f"{path}{suffix}")

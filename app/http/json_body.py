"""Strict JSON: what is not exactly RFC 8259 in UTF-8, once, and of sane size and depth, is told and not guessed at."""

import json
from collections.abc import Iterator
from typing import Any

import orjson

from app.http.fields import MAX_WHOLE
from app.http.problems import UnreadableBody, WrongContentType

MAX_DEPTH = 64
_BOM = b"\xef\xbb\xbf"
_UTF16_BOMS = (b"\xff\xfe", b"\xfe\xff")


def check_content_type(value: str | None) -> None:
    """Return if a Content-Type header declares JSON in UTF-8.

    Raises:
        WrongContentType: else, and when there is none.
    """
    kind, _, parameters = (value or "").partition(";")
    kind = kind.strip().lower()
    charset = parameters.replace(" ", "").replace('"', "").lower()
    is_json = kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))
    if not is_json or charset not in {"", "charset=utf-8", "charset=utf8"}:
        said = f"is declared as {kind[:80]!r}" if kind else "has no Content-Type"
        raise WrongContentType(
            f"The body {said}, and this address takes JSON in UTF-8.",
            fix="Send the header Content-Type: application/json.",
        )


def read_json(body: bytes) -> Any:  # noqa: ANN401 -- JSON is anything
    """Return the value that `body` writes.

    Raises:
        UnreadableBody: not UTF-8, a byte order mark, no JSON, NaN or Infinity (also as 1e999), a lone surrogate,
            a NUL, the same key twice, deeper than 64, or a whole number beyond ±2^53.
    """
    if body.startswith((_BOM, *_UTF16_BOMS)):
        raise UnreadableBody(
            "The body begins with a byte order mark.", fix="Save it as plain UTF-8, without a byte order mark."
        )
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise UnreadableBody(
            f"The body is not valid JSON: line {error.lineno}, column {error.colno}: {error.msg}.",
            fix="Correct it there; NaN, Infinity, comments and lone surrogates are no JSON.",
        ) from None
    for pointer, leaf in _leaves(value):
        _check_leaf(pointer, leaf)
    _check_keys(body)
    return value


def _leaves(value: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401
    """Yield every key and every value that is no container, with its JSON pointer; refuse depth on the way."""
    stack: list[tuple[str, Any, int]] = [("", value, 0)]
    while stack:
        pointer, node, depth = stack.pop()
        if depth > MAX_DEPTH:
            raise UnreadableBody(
                f"The body nests deeper than {MAX_DEPTH} levels.", fix="Flatten it; no field here needs such depth."
            )
        if isinstance(node, dict):
            for key, child in node.items():
                yield pointer, key
                stack.append((f"{pointer}/{_escape(key)}", child, depth + 1))
        elif isinstance(node, list):
            stack.extend((f"{pointer}/{index}", child, depth + 1) for index, child in enumerate(node))
        else:
            yield pointer, node


def _check_leaf(pointer: str, leaf: object) -> None:
    if isinstance(leaf, str) and "\0" in leaf:
        raise UnreadableBody(
            f"The text at {pointer or 'the top'} holds a NUL character.", fix="Remove it.", pointer=pointer
        )
    if isinstance(leaf, int) and abs(leaf) > MAX_WHOLE:
        raise UnreadableBody(
            f"The whole number at {pointer or 'the top'} is beyond ±2^53.",
            fix="Send a smaller number, or send it as text.",
            pointer=pointer,
        )


def _check_keys(body: bytes) -> None:
    """Refuse the same key twice: readers disagree which of the two counts, and orjson takes the last in silence."""

    def once(pairs: list[tuple[str, object]]) -> None:
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise UnreadableBody(f"The key {key[:80]!r} stands twice in one object.", fix="Keep one of the two.")
            seen.add(key)

    # Numbers are left as text: the standard library's integers have a limit of digits that would speak first.
    json.loads(body, object_pairs_hook=once, parse_int=str, parse_float=str)


def _escape(key: str) -> str:
    return key[:80].replace("~", "~0").replace("/", "~1")

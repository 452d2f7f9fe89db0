"""FastAPI's validation errors in the product's words. Nothing of the input is told back, so telling cannot fail."""

from collections.abc import Mapping, Sequence
from typing import Any

from app.domain.errors import Problem
from app.kit.ids import ID_PATTERN

_MAX_NAME = 80
_MAX_PROBLEMS = 100  # a body may have a hundred thousand unknown fields; nobody reads of more than these
_FIXES = {
    "missing": "Add it.",
    "extra_forbidden": "Remove it; the API's description at /openapi.json names the fields.",
    "literal_error": "Use one of these.",
    "enum": "Use one of these.",
    "string_pattern_mismatch": "Use the form described at /openapi.json; ids are taken from answers as they are.",
    "string_too_long": "Shorten it.",
    "string_too_short": "Write more.",
    "string_type": "Put it in quotes.",
    "too_long": "Send fewer.",
    "finite_number": "Send an ordinary number.",
}
DEFAULT_FIX = "Correct it; the API's description at /openapi.json tells its type and range."
_LOCATIONS = {"body": "/", "query": "?", "header": "header ", "cookie": "cookie ", "path": "path "}


def field_problems(details: Sequence[Mapping[str, Any]]) -> list[Problem]:
    """Return one problem per wrong field: a JSON pointer into the body, `?name` in the query, or the header's name."""
    return [_field_problem(detail) for detail in details[:_MAX_PROBLEMS]]


def _field_problem(detail: Mapping[str, Any]) -> Problem:
    location, *names = [str(part)[:_MAX_NAME] for part in detail["loc"]]
    code = str(detail["type"])
    path = "/".join(name.replace("~", "~0").replace("/", "~1") for name in names)
    pointer = f"{_LOCATIONS.get(location, '/')}{path}" if names else ""
    label = names[-1] if names else f"The {location}"
    return Problem(pointer, code, f"{label}: {_sentence(detail, code)}", _FIXES.get(code, DEFAULT_FIX))


def _sentence(detail: Mapping[str, Any], code: str) -> str:
    if code == "missing":
        return "this field is needed."
    if code == "extra_forbidden":
        return "there is no such field here."
    if code == "string_pattern_mismatch" and detail.get("ctx", {}).get("pattern") == ID_PATTERN:
        return "this is not an id; ids look like prj_01jd3x8z, and stand in the answers and on the pages."
    text = str(detail.get("msg", "not acceptable")).removeprefix("Value error, ")
    return f"{text[:1].lower()}{text[1:]}."

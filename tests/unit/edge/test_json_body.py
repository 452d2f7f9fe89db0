import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.http.fields import MAX_WHOLE
from app.http.json_body import MAX_DEPTH, check_content_type, read_json
from app.http.problems import UnreadableBody, WrongContentType, describe

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
WHOLE = st.integers(-MAX_WHOLE, MAX_WHOLE)
LEAVES = st.none() | st.booleans() | WHOLE | st.floats(allow_nan=False, allow_infinity=False) | TEXT
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner), max_leaves=20)


@given(VALUES)
def test_what_is_json_is_read_as_it_is(value: object) -> None:
    assert read_json(json.dumps(value).encode()) == value


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_reported(body: bytes) -> None:
    reported = b"{}"
    try:
        read_json(body)
    except UnreadableBody as error:
        reported = describe(error).as_json()
    assert json.loads(reported).get("status", 400) == 400


def nested(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "line 1"),
        (b"nothing", "line 1"),
        (b'{"a": 1,}', "trailing comma"),
        (b'{\n  "a": tru\n}', "line 2, column"),
        (b"NaN", "line 1"),
        (b"[Infinity]", "line 1"),
        (b"[-Infinity]", "line 1"),
        (b"[1e999]", "line 1, column 2"),
        (b"[-1e999]", "line 1"),
        (b"9" * 5000, "line 1"),
        (b'{"a": "\\ud800"}', "surrogate"),
        (b'{"\\udfff": 1}', "surrogate"),
        (b'"\xed\xa0\x80"', "UTF-8"),
        (b'"\xff"', "UTF-8"),
        (b"\xef\xbb\xbf{}", "byte order mark"),
        ("{}".encode("utf-16"), "byte order mark"),
        ("{}".encode("utf-16-be"), "line 1"),
        (b'{"a": {"b": "x\\u0000y"}}', "/a/b"),
        (b'{"x\\u0000y": 1}', "NUL"),
        (b'{"a": 1, "a": 2}', "'a' stands twice"),
        (b'{"q": [{"a": 1, "b": 2, "a": 1}]}', "'a' stands twice"),
        (b'{"n": 9007199254740993}', "/n is beyond"),
        (b"-9007199254740993", "beyond"),
        (nested(MAX_DEPTH + 2), "deeper than 64"),
        (nested(1000), "deeper than 64"),
        (nested(100_000), "line 1"),
        (b'{"a":' * 900 + b"1" + b"}" * 900, "deeper than 64"),
        (b"1 // one", "line 1"),
    ],
)
def test_what_is_not_strict_json_is_reported_in_one_sentence(body: bytes, said: str) -> None:
    with pytest.raises(UnreadableBody) as reported:
        read_json(body)
    assert said in reported.value.message
    assert reported.value.message.endswith(".")
    assert reported.value.fix.endswith(".")
    document = json.loads(describe(reported.value).as_json())
    assert document["status"] == 400


def test_depth_and_numbers_up_to_the_bound_are_fine() -> None:
    assert read_json(nested(MAX_DEPTH))
    assert read_json(str(MAX_WHOLE).encode()) == MAX_WHOLE
    assert read_json(b'{"a": {"x": 1}, "b": {"x": 1}}')


@pytest.mark.parametrize(
    "value",
    [
        "application/json",
        "Application/JSON; charset=UTF-8",
        'application/json;charset="utf-8"',
        "application/merge-patch+json",
    ],
)
def test_json_is_taken(value: str) -> None:
    check_content_type(value)


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "text/plain",
        "text/json",
        "application/x-www-form-urlencoded",
        "application/json; charset=utf-16",
        "application",
        "\ud800",
    ],
)
def test_anything_else_is_not(value: str | None) -> None:
    with pytest.raises(WrongContentType) as reported:
        check_content_type(value)
    assert describe(reported.value).status == 415

"""What the columns of a table seem to be, by their names and by what stands in them."""

from collections.abc import Callable, Mapping
from pathlib import Path

import orjson
import pytest

from app.data.mapping import columns_of
from app.domain.mappings import Role

ROWS = 12
WRITTEN = ("Water runs from under the cold tap", "The radiator stays cold", "How much for three valves?")
DECIDED = ("Leak", "No heat", "Quote")
IDS: dict[str, Callable[[int], str]] = {
    "a prefix and a number": lambda number: f"P-{number:04d}",
    "a hash": lambda number: f"{number * 0x9E3779B1:032x}",
    "a path": lambda number: f"2026/11/case_{number}.v2",
    "a moment": lambda number: f"2026-11-{number + 1:02d}T10:07:00Z",
    "a sender": lambda number: f"customer{number}@mail.example",
    "a link": lambda number: f"https://tickets.example/show?number={number}",
    "a message's id": lambda number: f"<{number}.8f@mail.example>",
}


def guessed(tmp_path: Path, row: Callable[[int], Mapping[str, str]]) -> dict[str, Role]:
    file = tmp_path / "rows.jsonl"
    file.write_bytes(b"".join(orjson.dumps(row(number)) + b"\n" for number in range(ROWS)))
    return {each.name: each.role for each in columns_of(file)}


@pytest.mark.parametrize("name", ["Ticket", "Request ID", "message", "document", "Question no."])
@pytest.mark.parametrize("made", IDS.values(), ids=IDS)
def test_a_column_of_ids_is_no_text_whatever_it_is_called(
    tmp_path: Path, made: Callable[[int], str], name: str
) -> None:
    def row(number: int) -> Mapping[str, str]:
        written = f"{WRITTEN[number % 3]} (number {number})"
        return {name: made(number), "Customer wrote": written, "Office decided": DECIDED[number % 3]}

    found = guessed(tmp_path, row)
    assert found == {name: Role.IGNORE, "Customer wrote": Role.TEXT, "Office decided": Role.LABEL}


def test_codes_are_what_is_asked_where_nothing_else_is_there_to_ask(tmp_path: Path) -> None:
    found = guessed(tmp_path, lambda n: {"question": f"C{n}H{2 * n + 2}", "answer": f"alkane of {n}"})
    assert found == {"question": Role.USER, "answer": Role.ASSISTANT}


def test_a_name_that_is_sure_says_what_a_column_of_codes_is(tmp_path: Path) -> None:
    def row(number: int) -> Mapping[str, str]:
        written = WRITTEN[number % 3]
        return {"question": f"C{number}H{2 * number + 2}", "answer": f"x={number}", "Why": written, "By": f"{written}."}

    found = guessed(tmp_path, row)
    assert (found["question"], found["answer"]) == (Role.USER, Role.ASSISTANT)


def test_codes_that_come_again_are_labels(tmp_path: Path) -> None:
    found = guessed(tmp_path, lambda number: {"text": f"{WRITTEN[number % 3]} {number}", "fault": f"E0{number % 3}"})
    assert found == {"text": Role.TEXT, "fault": Role.LABEL}

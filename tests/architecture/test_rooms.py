"""docs/architecture.md is one page with one picture, and its table is that of the folders."""

import re

from docs.rooms import APP, DOCUMENT, drawn, layers, rooms
from tests.architecture.tree import modules

TEXT = DOCUMENT.read_text(encoding="utf-8")
ONE_PAGE = 120  # lines: a screen and a half


def test_the_table_of_rooms_is_that_of_the_folders() -> None:
    assert drawn(TEXT) == TEXT, "run: python -m docs.rooms"


def test_every_folder_with_code_is_a_room_and_stands_in_the_table() -> None:
    folders = {path.parent for path in modules("app")} - {APP}
    assert set(rooms()) == folders
    assert [room for room in folders if f"| `{room.relative_to(APP).as_posix()}` |" not in TEXT] == []


def test_it_is_one_page_with_one_picture() -> None:
    assert len(TEXT.splitlines()) <= ONE_PAGE
    assert TEXT.count("```mermaid") == 1
    assert "![" not in TEXT


def test_the_picture_shows_every_layer() -> None:
    picture = re.search(r"```mermaid\n(.*?)```", TEXT, re.DOTALL)
    assert picture is not None
    names = set(re.findall(r"\w+", picture[1]))
    assert {name for layer in layers() for name in layer} - {"__main__"} - names == set()

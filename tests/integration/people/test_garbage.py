"""What a page was made of goes with its answer.

An exception that is kept holds all frames up to the page, which hold it; an alias of a table is a copy of it. Both wait
for a search of all memory, and what is made meanwhile keeps theirs from being given back: thirty people's memory grew.
"""

import gc
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import pytest
from sqlalchemy.schema import SchemaItem

from app.store import evaluations
from tests.support.app_context import TestHouse
from tests.support.asgi import Wanted, ask_each
from tests.support.office import COOKIE, Office
from tests.support.two_projects import TwoProjects

_LINK = re.compile(rb'(?:href|hx-get)="(/[^"#?]*)"')
_NO_PAGES = (b"/static", b"/api", b"/v1", b"/style-guide")


@contextmanager
def garbage() -> Iterator[list[object]]:
    """Give the list of what a search of memory, once the block has ended, finds that nothing else would have freed."""
    found: list[object] = []
    gc.collect()
    gc.disable()
    try:
        yield found
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        found += gc.garbage
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


class Reader:
    """Somebody who opens pages."""

    def __init__(self, office: Office, name: str) -> None:
        self._app = office.app
        self._headers = (("host", "127.0.0.1:8000"), ("cookie", f"{COOKIE}={office.session(name)}"))

    def read(self, addresses: list[bytes]) -> list[bytes]:
        """Return the pages at addresses."""
        wanted = [Wanted("GET", each.decode(), self._headers) for each in addresses]
        return [each.body for each in ask_each(self._app, wanted, peer=("10.0.0.9", 40_000))]

    def all(self) -> list[bytes]:
        """Return the addresses of all that links lead to from the first page."""
        known, fresh = [b"/"], [b"/"]
        while fresh:
            links = {link for page in self.read(fresh) for link in _LINK.findall(page)}
            fresh = sorted(link for link in links - set(known) if not link.startswith(_NO_PAGES))
            known += fresh
        return known


@pytest.mark.parametrize("name", ["vera", "ada", "root"])
def test_a_page_leaves_nothing_to_search_memory_for(app_context: TestHouse, name: str) -> None:
    reader = Reader(Office(app_context), name)
    addresses = reader.all()
    with garbage() as found:
        reader.read(addresses)
    frames = Counter(each.f_code.co_qualname for each in found if isinstance(each, FrameType))
    tables = Counter(type(each).__name__ for each in found if isinstance(each, SchemaItem))
    assert (frames, tables) == (Counter(), Counter())


def test_to_hold_two_evaluations_side_by_side_copies_no_table(app_context: TestHouse) -> None:
    two = TwoProjects(app_context)
    one, other = two.ours.evaluation, two.theirs.evaluation
    with app_context.open() as scope, garbage() as found:
        for _ in range(2):  # the first query of its form is kept
            assert evaluations.paired(scope.read, one, other).correct.rows == 1
            assert len(evaluations.pairs(scope.read, one, other, limit=5)) == 1
    assert not [each for each in found if isinstance(each, SchemaItem)]

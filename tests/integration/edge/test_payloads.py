"""Sixty payloads in every text that is stored: no page makes an element, a handler or a running address of any.

In a real browser: `tests/browser/test_payloads.py`.
"""

import pytest

from tests.support.app_context import TestHouse
from tests.support.payload_pages import Planted
from tests.support.payloads import (
    JSON,
    MARK,
    NO_TEXT,
    NO_TEXT_OF,
    PAYLOADS,
    PLAIN,
    beginning_with,
    plain,
    smuggled,
    text_columns,
)


@pytest.fixture
def planted(app_context: TestHouse) -> Planted:
    return Planted(app_context)


def test_every_column_of_texts_is_planted_or_known_to_hold_none() -> None:
    assert set(plain()) == set(PLAIN), "a new column needs a row in tests/support/payloads.py"
    assert set(JSON) <= set(text_columns())
    assert set(NO_TEXT_OF) <= set(text_columns())
    assert set(NO_TEXT) <= {each.partition(".")[2] for each in text_columns()}
    assert len(set(PAYLOADS)) == 60


def test_the_search_finds_what_it_is_for() -> None:
    for payload in PAYLOADS:
        found = smuggled(f'<p title="{payload}">{payload}</p>') + smuggled(f"<p title='{payload}'>{payload}</p>")
        assert found or not payload.startswith("<"), payload
    assert smuggled("<p>&lt;script data-payload&gt;</p><pre>&quot; onfocus=x</pre>") == []


# A third of the pages in every run; all of them, with each payload at the beginning once, in the long one.
@pytest.mark.parametrize(
    ("every", "rounds"), [(3, [0]), pytest.param(1, range(60), marks=pytest.mark.slow)], ids=["few", "all"]
)
def test_no_page_is_made_of_a_payload(planted: Planted, every: int, rounds: range) -> None:
    wrong, shown, pages = [], 0, list(planted.pages())[::every]
    with planted.office.browser("root") as browser:
        for number in rounds:
            planted.plant(beginning_with(number))
            for page in pages:
                answer = browser.get(page)
                shown += answer.text.count(MARK)
                if answer.status_code >= 500 or smuggled(answer.text):
                    wrong.append((number, page, answer.status_code, smuggled(answer.text)[:3]))
    assert not wrong, "\n".join(map(repr, wrong))
    assert planted.planted == {*PLAIN, *JSON}
    assert len(pages) * every > 80
    assert shown > 10_000 * len(rounds)

"""Where a form may lead on to: addresses of this site, in the form that every browser reads alike."""

import pytest

from app.web.rendering import own_path
from tests.support.redirects import ELSEWHERE


def test_nothing_of_the_corpus_leads_elsewhere() -> None:
    assert len(ELSEWHERE) >= 24
    assert [each for each in ELSEWHERE if own_path(each) != "/"] == []


@pytest.mark.parametrize("path", ["/", "/jobs", "/jobs?q=a&next=//x", "/settings#list-con_1", "/a/../b", "/%2f%2fx"])
def test_addresses_of_this_site_stay(path: str) -> None:
    assert own_path(path) == path

"""Sixty payloads in every text that is stored, on every page, in a real browser: none runs, none is even refused.

A report of the content security policy would mean that something of a payload became a part of the page, and that the
policy alone kept it from running.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.support.app_context import TestHouse
from tests.support.office import COOKIE
from tests.support.payload_pages import Planted
from tests.support.payloads import MARK, PAYLOADS
from tests.support.server import serving

_LISTEN = """addEventListener("securitypolicyviolation", each => (window.refused ||= []).push(
  [each.effectiveDirective, each.blockedURI, each.sourceFile, each.lineNumber, each.sample].join(" ")))"""
# Whatever a payload waits for happens: handlers that wait for somebody run, too.
_LOOK = """mark => {
  const all = [...document.querySelectorAll('*')];
  for (const each of all)
    for (const name of ['mouseover', 'focus', 'toggle', 'animationstart', 'error', 'load'])
      if (each['on' + name]) each.dispatchEvent(new Event(name));
  const runs = each => /^\\s*javascript:/i.test(each.value);
  return {
    ran: window.ran || 0,
    refused: window.refused || [],
    made: document.querySelectorAll(`[${mark}]`).length,
    acts: all.flatMap(each => [...each.attributes]).filter(each => /^(on|hx-on)/i.test(each.name) || runs(each)).length,
  };
}"""


@pytest.fixture
def planted(tmp_path: Path) -> Iterator[Planted]:
    house = TestHouse(tmp_path)
    yield Planted(house)
    house.database.close()


@pytest.mark.slow
@pytest.mark.parametrize("half", [0, 1])
def test_no_payload_runs_on_any_page(browser: Browser, planted: Planted, half: int) -> None:
    planted.plant(" ".join(PAYLOADS[half::2]))
    outside: list[str] = []
    wrong: list[object] = []
    pages = list(planted.pages())
    with serving(planted.office.app) as url:
        context = browser.new_context()
        context.add_cookies([{"name": COOKIE, "value": planted.office.session("root"), "url": url}])
        context.add_init_script(_LISTEN)
        page = context.new_page()
        page.on("dialog", lambda dialog: dialog.dismiss())
        page.on("dialog", lambda dialog: wrong.append(dialog.message))
        page.on("request", lambda each: None if each.url.startswith((url, "blob:")) else outside.append(each.url))
        for each in pages:
            page.goto(url + each)
            seen = page.evaluate(_LOOK, MARK)
            if seen != {"ran": 0, "refused": [], "made": 0, "acts": 0}:
                wrong.append((each, seen))
        assert MARK in page.content()  # the payloads are there, as text
        context.close()
    assert not wrong, "\n".join(map(repr, wrong))
    assert outside == []
    assert len(pages) > 80

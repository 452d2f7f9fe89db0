"""No page leads nowhere: every link and every asset that a page names is there, and reading changes nothing."""

import sqlite3
from urllib.parse import urldefrag, urljoin

import httpx
import pytest
from bs4 import BeautifulSoup

from tests.support.pages import Furnished

NAMED = (("a", "href"), ("link", "href"), ("script", "src"), ("use", "href"))


@pytest.mark.slow
def test_every_link_leads_somewhere(furnished: Furnished) -> None:
    seen: set[str] = set()
    todo = [furnished.address(name) for name in furnished.pages if name != "missing"]
    before = _content(furnished)
    with httpx.Client(trust_env=False, timeout=30) as client:
        while todo:
            address = todo.pop()
            if address in seen:
                continue
            seen.add(address)
            answer = client.get(address, follow_redirects=True)
            # Whether each row fits into a format is known once all are read; the answer says which one does not.
            unfit = answer.status_code == 409 and "/download?format=" in address
            assert answer.status_code < 400 or unfit, f"{address} answers {answer.status_code}"
            if answer.headers["content-type"].startswith("text/html"):
                todo += [each for each in _named(answer.text, address, furnished.url) if each not in seen]
    assert len(seen) > len(furnished.pages)
    assert _content(furnished) == before


def _named(text: str, address: str, home: str) -> list[str]:
    soup = BeautifulSoup(text, "html.parser")
    found = [str(tag[name]) for kind, name in NAMED for tag in soup.find_all(kind) if tag.get(name)]
    whole = [urldefrag(urljoin(address, each))[0] for each in found]
    return [each for each in whole if each.startswith(home) and "/live" not in each]


def _content(furnished: Furnished) -> list[tuple[str, int]]:
    """Return how many rows each table has: what GET may not change."""
    with sqlite3.connect(f"file:{furnished.installation.folder / 'tunedesk.sqlite3'}?mode=ro", uri=True) as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return [(name, database.execute(f"SELECT count(*) FROM {name}").fetchone()[0]) for name in sorted(tables)]  # noqa: S608 -- the schema's own names

"""Forms pressed twice at the same instant, each on a copy of a furnished house, and held against one press on another.

What a press has done is what it has changed: rows of all tables and entries of the provider's ledger, cell by cell. Of
two houses that were pressed once each, what differs (random secrets, say) is left out.
"""

import json
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Barrier

import httpx2
from bs4 import BeautifulSoup, Tag
from sqlalchemy import select

from app.http.actor import Accounts
from app.http.application import GuardedApp
from app.web.site import ROUTERS
from tests.support.app_context import TestHouse
from tests.support.office import COOKIE
from tests.support.payloads import METADATA

# What grows by every request, whatever it does.
OF_REQUESTS = frozenset({"audit", "idempotency", "counters", "sessions", "sign_in_attempts"})
# Of which two presses make two, with why that is right.
ANEW = {
    "/account/tokens": "a lost answer had the only copy of the secret",
    "/settings/people/{person}/code": "as above",
    "/settings/webhooks/{webhook}/secret": "as above",
    "/playground": "each question is answered",
    "/jobs/{identifier}/move": "each press is one step in the line",
}
# Of which two presses are two lines in the journal, and nothing else: it says each time who saw or asked for what.
JOURNAL = frozenset(
    {
        "/deployments/{deployment}/client-key",
        "/deployments/{deployment}/client-key/rotate",
        "/deployments/{deployment}/key",
        "/settings/engine/look",
        "/settings/webhooks/messages/{message}/send-again",
        "/settings/webhooks/{webhook}",
    }
)
WORDS, PASSWORD, URL = "typed words", "a long enough password", "https://example.com/hook"
_PATIENCE_S = 60
_ID = re.compile(r"\b[a-z]{2,3}_[0-9a-z]{26}\b")
_PARAMETER = re.compile(r"\{[^}]+\}")
_SUBMITS = "button:not([type=button]):not([disabled]):not([formaction])"
OF_SAVES = ("drafts", "revision")  # counts how often the same answers were stored
Fields = dict[str, list[str]]
Cells = Counter[tuple[str, str, str]]  # by table, column and value


def routes() -> Mapping[str, re.Pattern[str]]:
    """Return every route of the pages that takes a form, with what its addresses look like; exact ones come first."""
    paths = {
        route.path
        for router in ROUTERS
        for route in router.routes
        if "POST" in (getattr(route, "methods", None) or ()) and hasattr(route, "path")
    }
    ordered = sorted(paths, key=lambda path: (path.count("{"), path))
    return {path: re.compile(_PARAMETER.sub("[^/]+", path)) for path in ordered}


def route_of(action: str, known: Mapping[str, re.Pattern[str]]) -> str:
    """Return the route that takes a form with this action; "" where there is none."""
    return next((path for path, looks in known.items() if looks.fullmatch(action.partition("?")[0])), "")


def filled(form: Tag) -> Fields:
    """Return what a browser would send of a form as it stands there; texts that are missing are typed."""
    found: Fields = {}
    for each in form.select("input[name]:not([type=file]):not([disabled]), textarea[name]:not([disabled])"):
        kind = str(each.get("type") or "text")
        if kind in {"radio", "checkbox"}:
            if each.has_attr("checked") or (kind == "checkbox" and each.has_attr("required")):
                found.setdefault(str(each["name"]), []).append(str(each.get("value") or "on"))
            continue
        value = str(each.get("value") or "") if each.name == "input" else each.get_text().strip()
        found.setdefault(str(each["name"]), []).append(value or _typed(each, kind))
    for each in form.select("select[name]:not([disabled])"):
        options = [str(option.get("value", option.get_text())) for option in each.select("option")]
        chosen = each.select_one("option[selected]")
        value = str(chosen.get("value", "")) if chosen else next(filter(None, options), "")
        found.setdefault(str(each["name"]), []).append(value)
    button = form.select_one(_SUBMITS)
    if button is not None and button.has_attr("name"):
        found[str(button["name"])] = [str(button.get("value", ""))]
    return found


def _typed(element: Tag, kind: str) -> str:
    if kind == "hidden":
        return ""
    most = int(str(element.get("maxlength") or len(WORDS)))
    others = {"password": PASSWORD, "url": URL, "number": str(element.get("min") or 1)}
    return others.get(kind, WORDS[:most])


@dataclass(frozen=True, slots=True, kw_only=True)
class Press:
    """A form: the page that shows it, as its first one of this route, and what is typed into it.

    Both may hold names of the house's things in braces.
    """

    page: str
    typed: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What presses have changed, and what they were answered."""

    added: Cells
    removed: Cells
    answers: Sequence[httpx2.Response]

    def cells(self) -> Mapping[tuple[str, str], tuple[Cells, Cells]]:
        """Return what was added and removed, by table and column."""
        found: dict[tuple[str, str], tuple[Cells, Cells]] = {}
        for at, counted in enumerate((self.added, self.removed)):
            for (table, column, value), count in counted.items():
                found.setdefault((table, column), (Counter(), Counter()))[at][table, column, value] = count
        return found


class Grounds:
    """A furnished house that is closed, and a server that serves one copy of it after the other."""

    def __init__(
        self, folder: Path, make: Callable[[Path], TestHouse], app: GuardedApp, url: str, ids: Mapping[str, str]
    ) -> None:
        """`folder` is the furnished house's; `make` opens one like it; `ids` name things of it, and a `session`."""
        self._folder, self._make, self._app, self._url, self._ids = folder, make, app, url, ids
        self._copies = 0

    def pressed(self, route: str, press: Press, times: int) -> Done:
        """Press a form so many times at the same instant, on a house of its own."""
        with self._copy() as house:
            address, fields = self._form(route, press)
            before = cells(house, self._ids)
            answers = self._at_once(address, fields, times)
            after = cells(house, self._ids)
            return Done(added=after - before, removed=before - after, answers=answers)

    @contextmanager
    def _copy(self) -> Iterator[TestHouse]:
        self._copies += 1
        folder = self._folder.with_name(f"{self._folder.name}-{self._copies}")
        shutil.copytree(self._folder, folder)
        house = self._make(folder)
        self._app.state.scopes = house.scopes
        self._app.state.accounts = Accounts(app_context=house.app_context, secure=False)
        try:
            yield house
        finally:
            house.database.close()
            shutil.rmtree(folder)

    def _form(self, route: str, press: Press) -> tuple[str, Fields]:
        page = press.page.format(**self._ids)
        answer = httpx2.get(self._url + page, headers=self._headers(), timeout=_PATIENCE_S)
        assert answer.status_code == 200, f"{page}: {answer.status_code} {answer.text[:300]}"
        known, found = routes(), list[tuple[str, Tag]]()
        soup = BeautifulSoup(answer.text, "html.parser")
        for form in soup.select("form[method=post]"):
            beside = soup.select(f'button[form="{form["id"]}"]:not([disabled])') if form.get("id") else []
            actions = [form["action"]] if beside or form.select_one(_SUBMITS) else []
            actions += [each["formaction"] for each in form.select("button[formaction]:not([disabled])")]
            actions += [each["hx-post"] for each in form.select("[hx-post]")]
            found += [(str(each), form) for each in actions if route_of(str(each), known) == route]
        assert found, f"{page} shows no form of {route} that can be pressed"
        action, form = found[0]
        typed = {name: [value.format(**self._ids)] for name, value in press.typed.items()}
        return action, filled(form) | typed

    def _headers(self) -> Mapping[str, str]:
        return {"origin": self._url, "cookie": f"{COOKIE}={self._ids['session']}"}

    def _at_once(self, address: str, fields: Fields, times: int) -> Sequence[httpx2.Response]:
        start = Barrier(times)

        def post(_number: int) -> httpx2.Response:
            with httpx2.Client(base_url=self._url, headers=self._headers(), timeout=_PATIENCE_S) as browser:
                start.wait()
                return browser.post(address, data=fields)

        with ThreadPoolExecutor(times) as pool:
            return list(pool.map(post, range(times)))


def cells(house: TestHouse, ids: Mapping[str, str]) -> Cells:
    """Return each cell of a house's tables and each entry of its provider's ledger; other ids than these are alike."""
    found, known = Cells(), frozenset(ids.values())

    def alike(value: object) -> str:
        return _ID.sub(lambda each: each[0] if each[0] in known else "<id>", str(value))

    with house.database.reading() as tx:
        for name, table in METADATA.tables.items():
            if name in OF_REQUESTS:
                continue
            for row in tx.execute(select(table)).mappings():
                for column, value in row.items():
                    if (name, column) != OF_SAVES:
                        found[name, str(column), alike(value)] += 1
    ledger = house.backend.folder / "ledger.jsonl"
    for line in ledger.read_text(encoding="utf-8").splitlines() if ledger.is_file() else ():
        entry = json.loads(line)
        found["ledger", entry["call"], alike(entry.get("id"))] += 1
    return found

"""Somebody at a server's pages by HTTP alone: reads what is served, follows links, and sends forms as they stand."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urljoin

import httpx
from bs4 import BeautifulSoup, Tag

_PATIENCE_S = 180  # a first page may load much, on a machine that has other things to do

Fields = Mapping[str, str]
Files = Mapping[str, tuple[str, bytes]]


@dataclass(frozen=True)
class Page:
    """One answer, as it was shown."""

    visitor: "Visitor"
    answer: httpx.Response
    soup: BeautifulSoup

    @property
    def path(self) -> str:
        """The address that it was found at, after whatever led there."""
        return self.answer.url.path

    @property
    def text(self) -> str:
        """All of its words, a space apart."""
        return words(self.soup)

    def part(self, selector: str) -> Tag:
        """Return the first element that fits; fails the test where there is none."""
        found = self.soup.select_one(selector)
        assert found is not None, f"{self.path} shows nothing that is {selector}"
        return found

    def links(self, inside: str = "main") -> set[str]:
        """Return the addresses that a part of it links to; none where there is no such part."""
        return {str(link["href"]) for link in self.soup.select(f"{inside} a[href]")}

    def control(self, label: str, inside: str = "body") -> Tag | None:
        """Return the link or button of this label, which may name a price after it; a closed dialog has none."""
        for each in self.soup.select(f"{inside} :is(a, button)"):
            if words(each).partition(" · ")[0] == label and each.find_parent("dialog") is None:
                return each
        return None

    def press(
        self, label: str, *, inside: str = "body", files: Files | None = None, typed: Fields | None = None
    ) -> "Page":
        """Follow a link, or send a button's form with what is typed into it; fails where there is no such control."""
        control = self.control(label, inside)
        assert control is not None, f"{self.path} has nothing to press that is called {label!r}"
        if control.name == "a":
            return self._send("GET", str(control["href"]))
        assert not control.has_attr("disabled"), f"{label!r} on {self.path} is off"
        form = control.find_parent("form")
        assert form is not None, f"{label!r} on {self.path} belongs to no form"
        fields: dict[str, str] = {**fields_of(form), **(typed or {})}
        if control.has_attr("name"):
            fields[str(control["name"])] = str(control.get("value", ""))
        method = str(control.get("formmethod", form.get("method", "get"))).upper()
        return self._send(method, str(control.get("formaction", form.get("action", ""))), fields, files)

    def _send(self, method: str, address: str, fields: Fields | None = None, files: Files | None = None) -> "Page":
        return self.visitor.send(method, urljoin(str(self.answer.url), address), fields, files, came_from=self)


class Visitor:
    """Sends what a browser without scripts would send, cookies included."""

    def __init__(self, address: str) -> None:
        headers = {"origin": address, "accept": "text/html"}
        self._http = httpx.Client(
            base_url=address, timeout=_PATIENCE_S, trust_env=False, follow_redirects=True, headers=headers
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def open(self, address: str) -> Page:
        """Return a page, which has to be there."""
        page = self.send("GET", address)
        assert page.answer.is_success, f"{address} answers {page.answer.status_code}: {page.text[:500]}"
        return page

    def send(
        self,
        method: str,
        address: str,
        fields: Fields | None = None,
        files: Files | None = None,
        *,
        came_from: Page | None = None,
    ) -> Page:
        """Return whatever is answered, as a page."""
        sent: dict[str, Any] = {"params": fields} if method == "GET" and fields else {"data": fields, "files": files}
        headers = {"referer": str(came_from.answer.url)} if came_from else {}
        answer = self._http.request(method, address, headers=headers, **sent)
        return Page(self, answer, BeautifulSoup(answer.text, "html.parser"))


def words(element: Tag) -> str:
    """Return an element's text with single spaces."""
    return " ".join(element.get_text(" ").split())


def fields_of(form: Tag) -> dict[str, str]:
    """Return what a form sends when nothing is typed; a field that can be chosen several times is not met here."""
    fields: dict[str, str] = {}
    for each in form.select(":is(input, textarea, select)[name]:not([disabled])"):
        name, kind = str(each["name"]), str(each.get("type", "text"))
        if each.name == "textarea":
            fields[name] = each.text.removeprefix("\n")
        elif each.name == "select":
            option = each.select_one("option[selected]") or each.select_one("option")
            fields[name] = "" if option is None else str(option.get("value", option.text))
        elif kind in {"checkbox", "radio"}:
            if each.has_attr("checked"):
                fields[name] = str(each.get("value", "on"))
        elif kind not in {"file", "submit", "button"}:
            fields[name] = str(each.get("value", ""))
    return fields

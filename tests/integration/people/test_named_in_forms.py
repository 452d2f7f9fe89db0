"""What is hidden is not there when a form's field names it: the answer is the one that an id of nothing gets.

The fields are those of all forms that the pages show to an administrator of a project: a field is one that names
something by its name, or by an id among its values. Bodies and queries: `test_named_elsewhere`.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from bs4 import BeautifulSoup, Tag
from httpx2 import Response
from starlette.testclient import TestClient

from tests.integration.people.test_named_elsewhere import IDS, MISSING, NAMES, alike, difference
from tests.integration.web.test_pressed_at_once import PRESSES
from tests.support.office import Office
from tests.support.pressable import Pressable, furnish
from tests.support.pressing import Fields, filled, route_of, routes
from tests.support.two_projects import Side

REFUSED = frozenset({403, 404, 409, 422})
STEPS = tuple(f"/wizard/{{draft}}/{each}" for each in ("project", "model", "data", "validation"))
# Where a name is kept as it was typed, and looked for when it is used: then it is refused like any other.
KEPT = frozenset({"/settings/project", "/wizard", "/wizard/{draft}/{step}"})
DURATION = re.compile(r"[0-9.]+ m?s\b")


@dataclass(frozen=True, slots=True)
class Reference:
    """A field of a form that names something, with all that a browser would send."""

    route: str
    action: str
    name: str
    noun: str
    fields: Fields

    def sent(self, browser: TestClient, identifier: str) -> Response:
        """Send the form with this id in the field."""
        key = {"idempotency_key": [identifier]} if "idempotency_key" in self.fields else {}
        return browser.post(self.action, data={**self.fields, **key, self.name: [identifier]})


@pytest.fixture
def furnished(tmp_path: Path) -> Iterator[Pressable]:
    made = furnish(tmp_path / "house")
    yield made
    made.office.house.database.close()


def prefixes(side: Side) -> Mapping[str, str]:
    """Return the nouns by how their ids begin."""
    nouns = sorted(set(NAMES.values()))
    return {str(getattr(side, noun)).partition("_")[0]: noun for noun in nouns}


def values_of(form: Tag, name: str) -> list[str]:
    fields = [each for each in form.select("input, textarea, select") if each.get("name") == name]
    return [str(each.get("value") or "") for field in fields for each in [field, *field.select("option")]]


def noun_of(form: Tag, name: str, known: Mapping[str, str]) -> str:
    """Return what a field names; "" where it names nothing."""
    ids = [each for each in values_of(form, name) if IDS.fullmatch(each)]
    by_value = {known[each.partition("_")[0]] for each in ids if each.partition("_")[0] in known}
    return NAMES.get(name) or next(iter(sorted(by_value)), "")


def references(office: Office, browser: TestClient, ids: Mapping[str, str]) -> Iterator[Reference]:
    """Yield each field that names something, once a route."""
    seen, takes, known = set[tuple[str, str]](), routes(), prefixes(office.two.theirs)
    for page in sorted({*STEPS, *(press.page for press in PRESSES.values())}):
        answer = browser.get(page.format(**ids))
        if answer.status_code >= 300:
            continue
        for form in BeautifulSoup(answer.text, "html.parser").select("form[method=post]"):
            route = route_of(str(form["action"]), takes)
            press = PRESSES.get(route)
            typed = {name: [value.format(**ids)] for name, value in press.typed.items()} if press else {}
            fields = filled(form) | typed
            for name in fields:
                noun = noun_of(form, name, known)
                if noun and (route, name) not in seen:
                    seen.add((route, name))
                    yield Reference(route, str(form["action"]), name, noun, fields)


def test_no_field_of_a_form_tells_that_something_hidden_is_there(furnished: Pressable) -> None:
    office, wrong = furnished.office, []
    hidden = office.two.theirs
    with office.browser("alma") as browser:
        begun = browser.post("/wizard", data={"project": office.two.ours.project}).headers["location"]
        found = list(references(office, browser, {**furnished.ids, "draft": begun.split("/")[2]}))
        for each in found:
            known = str(getattr(hidden, each.noun))
            missing = f"{known.partition('_')[0]}_{MISSING}"
            one, other = (compared(each.sent(browser, identifier)) for identifier in (known, missing))
            if one != other or (one[0] not in REFUSED and each.route not in KEPT):
                wrong.append(difference(each.route, each.name, one, other))
    assert not wrong, "\n".join(wrong)
    assert {each.noun for each in found} == {"dataset", "deployment", "draft", "job", "model", "project"}
    assert {each.route for each in found} >= {"/deployments", "/evaluations", "/jobs/from-capsule", *KEPT}
    assert len(found) > 18, sorted((each.route, each.name) for each in found)


def compared(answer: Response) -> tuple[int, str]:
    """Return an answer without what differs by chance, and where it leads."""
    status, text = alike(answer)
    return status, IDS.sub("<id>", answer.headers.get("location", "")) + DURATION.sub("", text)

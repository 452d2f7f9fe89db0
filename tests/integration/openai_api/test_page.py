"""The page for OpenAI's clients: it works without scripts, and refuses in sentences."""

from bs4 import BeautifulSoup

from tests.support.app_context import TestHouse
from tests.support.connections import REHEARSAL_ID
from tests.support.door import visiting

HERE = "/settings/openai"


def test_aliases_are_made_refused_and_withdrawn(app_context: TestHouse) -> None:
    with visiting(app_context.scopes) as browser:
        made = browser.post(f"{HERE}/aliases", data={"name": "gpt-3.5-turbo", "target": "rehearsal/rehearsal:small"})
        assert (made.status_code, made.headers["location"]) == (303, f"{HERE}#aliases")
        shown = browser.get(HERE).text
        assert "con_rehearsal/rehearsal:small" in shown
        assert "http://127.0.0.1:8000/v1" in shown
        refused = browser.post(f"{HERE}/aliases", data={"name": "a/b<i>", "target": "rehearsal/rehearsal:small"})
        assert refused.status_code == 422
        assert "This cannot be an alias" in refused.text
        assert "a/b<i>" not in refused.text
        other = browser.post(f"{HERE}/aliases", data={"name": "gpt-3.5-turbo", "target": "rehearsal:large"})
        assert (other.status_code, "never changes its meaning" in other.text) == (409, True)
        browser.post(f"{HERE}/withdrawals", data={"name": "gpt-3.5-turbo"})
        assert "con_rehearsal/rehearsal:small" not in browser.get(HERE).text


def test_a_connection_is_closed_to_programs_and_opened_again(app_context: TestHouse) -> None:
    with visiting(app_context.scopes) as browser:
        for said, word in (("no", "Not allowed"), ("yes", "Allowed")):
            browser.post(f"{HERE}/connections/{REHEARSAL_ID}", data={"allow": said})
            card = BeautifulSoup(browser.get(HERE).text, "html.parser").find(id="spending")
            assert card is not None
            assert word in card.get_text(" ", strip=True)

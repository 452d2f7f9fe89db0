"""Coming in: names and passwords, one-time codes, sessions and tokens, through the doors as they are."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from bs4 import BeautifulSoup
from httpx2 import Response

from app.domain.actors import OWNER, VISITOR, TokenScope
from app.domain.errors import Invalid, SignInFailed, TooManyTries
from app.domain.people import checked_password
from app.services import audit, entering, guessing, people, switching
from app.services.entering import From
from app.store import people as store
from tests.support.app_context import TestHouse
from tests.support.office import COOKIE, Office

PASSWORD = "four unlikely words together"
HERE = From("10.0.0.9", "a test")


@pytest.fixture
def office(app_context: TestHouse) -> Office:
    return Office(app_context)


@pytest.fixture
def code(office: Office) -> str:
    """A one-time code of Ada's."""
    with office.house.open() as scope:
        return people.new_code(scope, office.people["ada"].id).secret


@pytest.fixture
def ada(office: Office, code: str) -> Office:
    """The office once Ada has chosen her password."""
    with office.house.scopes.open(VISITOR) as scope:
        entering.redeem(scope, office.house.scopes, code, PASSWORD, HERE)
    return office


def try_in(office: Office, password: str, *, name: str = "ada", after: str = "/jobs") -> Response:
    with office.browser() as browser:
        return browser.post("/sign-in", data={"name": name, "password": password, "next": after})


def test_nobody_unknown_is_shown_anything_but_the_way_in(office: Office) -> None:
    with office.browser() as browser:
        page = browser.get("/jobs?status=failed")
        assert page.status_code == 401
        field = BeautifulSoup(page.text, "html.parser").select_one("form input[name=next]")
        assert field is not None
        assert field["value"] == "/jobs?status=failed"
        rest = browser.get("/api/v1/jobs")
        assert (rest.status_code, rest.json()["type"]) == (401, "urn:tunedesk:problem:sign-in-needed")


def test_the_right_password_opens_what_was_asked_for(ada: Office) -> None:
    answer = try_in(ada, PASSWORD)
    assert (answer.status_code, answer.headers["location"]) == (303, "/jobs")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert cookie.startswith(f"{COOKIE}=")
    with ada.browser() as browser:
        browser.cookies.set(COOKIE, cookie.split("=")[1].split(";")[0])
        page = browser.get("/jobs")
        assert page.status_code == 200
        assert "ours" in page.text
        assert "theirs" not in page.text


def test_names_that_are_not_there_and_wrong_passwords_are_answered_alike(ada: Office) -> None:
    wrong, unknown = try_in(ada, "another long password"), try_in(ada, PASSWORD, name="nobody")
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.text.replace("ada", "") == unknown.text.replace("nobody", "")
    assert "set-cookie" not in wrong.headers


@pytest.mark.parametrize("elsewhere", ["//evil.example/x", "/\\evil.example", "https://evil.example", "/\tx"])
def test_signing_in_leads_nowhere_else(ada: Office, elsewhere: str) -> None:
    assert try_in(ada, PASSWORD, after=elsewhere).headers["location"] == "/"


def test_guesses_wait_longer_and_longer_and_the_right_one_gets_in_afterwards(ada: Office) -> None:
    verified = refused = 0
    for _minute in range(60):  # an hour, with a guess every ten seconds
        for _ in range(6):
            with ada.house.scopes.open(VISITOR) as scope:
                try:
                    guessing.count_try(scope.write, guessing.account_key("ada"), guessing.OF_AN_ACCOUNT, scope.now())
                    verified += 1
                except TooManyTries:
                    refused += 1
            ada.house.clock.turn(timedelta(seconds=10))
    assert verified <= 20
    assert verified + refused == 360
    assert int(try_in(ada, PASSWORD).headers["retry-after"]) <= 600
    ada.house.clock.turn(timedelta(seconds=601))
    assert try_in(ada, PASSWORD).status_code == 303
    assert try_in(ada, PASSWORD).status_code == 303, "the right one has cleared the account"


def test_others_are_not_kept_out_by_guesses_at_an_account(ada: Office) -> None:
    for _ in range(4):
        try_in(ada, "a wrong one, again", name="bob")
    assert try_in(ada, "x", name="bob").status_code == 429
    assert try_in(ada, PASSWORD).status_code == 303


def test_of_all_who_come_with_one_code_one_gets_in(office: Office, code: str) -> None:
    def claim(number: int) -> bool:
        try:
            with office.house.scopes.open(VISITOR) as scope:
                entering.redeem(scope, office.house.scopes, code, f"{PASSWORD} {number}", From(f"10.1.0.{number}"))
        except SignInFailed:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(claim, range(6))) == 1
    with office.house.open() as scope:  # who came in stands in the audit, and of what was given the names alone
        (entry,) = [each for each in audit.entries(scope).items if each.verb == "entering.redeem"]
    assert entry.given == '{"code":null,"password":null,"where":null}'
    assert entry.subject == office.people["ada"].id


def test_a_code_opens_once_and_not_for_long(office: Office, code: str) -> None:
    office.house.clock.turn(timedelta(days=8))
    with office.house.scopes.open(VISITOR) as scope, pytest.raises(SignInFailed):
        entering.redeem(scope, office.house.scopes, code, PASSWORD, HERE)


def test_a_weak_password_leaves_the_code_as_it_is(office: Office, code: str) -> None:
    with office.browser() as browser:
        short = browser.post("/welcome", data={"code": code, "password": "short", "again": "short"})
        assert short.status_code == 422
        good = browser.post("/welcome", data={"code": code, "password": PASSWORD, "again": PASSWORD})
        assert (good.status_code, good.headers["location"]) == (303, "/")


@pytest.mark.parametrize(
    "weak", ["", "elevenchars", "aaaaaaaaaaaaaaaa", "Password12345!", "tunedesk-2026!", "x" * 1025, "adalovelace99"]
)
def test_what_anybody_would_try_first_is_no_password(weak: str) -> None:
    with pytest.raises(Invalid):
        checked_password(weak, "adalovelace")


def test_a_session_ends_by_itself_by_its_owner_and_with_the_account(ada: Office) -> None:
    with ada.browser("ada") as browser:
        assert browser.get("/account").status_code == 200
        ada.house.clock.turn(timedelta(hours=7))
        assert browser.get("/account").status_code == 200
        ada.house.clock.turn(timedelta(hours=7))
        assert browser.get("/account").status_code == 200, "it is used"
        ada.house.clock.turn(timedelta(hours=9))
        assert browser.get("/account").status_code == 401, "it was idle"
    with ada.browser("ada") as browser:
        assert browser.post("/sign-out").status_code == 303
        assert browser.get("/account").status_code == 401
    with ada.browser("ada") as browser, ada.house.open() as scope:
        people.disable(scope, ada.people["ada"].id)
    with ada.browser("ada") as browser:
        assert browser.get("/account").status_code == 401


@pytest.mark.parametrize("whose", ["ada", "vera"])
def test_whoever_signs_in_anew_ends_the_session_that_the_browser_had(ada: Office, whose: str) -> None:
    former = ada.session(whose)
    with ada.browser() as browser:
        browser.cookies.set(COOKIE, former)
        assert browser.get("/account").status_code == 200
        assert browser.post("/sign-in", data={"name": "ada", "password": "another long password"}).status_code == 401
        assert browser.get("/account").status_code == 200, "a wrong password ends nothing"
        answer = browser.post("/sign-in", data={"name": "ada", "password": PASSWORD})
        assert answer.status_code == 303
        browser.cookies.clear()
        browser.cookies.set(COOKIE, former)
        assert browser.get("/account").status_code == 401
        browser.cookies.clear()
        browser.cookies.set(COOKIE, answer.headers["set-cookie"].split("=")[1].split(";")[0])
        assert browser.get("/account").status_code == 200


def test_what_asks_by_itself_keeps_nobody_signed_in(ada: Office) -> None:
    with ada.browser("ada") as browser:
        for _ in range(5):
            ada.house.clock.turn(timedelta(hours=2))
            browser.get("/meter")
            browser.get("/jobs", headers={"if-none-match": '"what it shows"'})
        assert browser.get("/account").status_code == 401


def test_whoever_has_got_hold_of_a_session_guesses_no_password_in_it(ada: Office) -> None:
    """Somebody at a desk that was left must not find by trying what would let them in for good."""
    statuses = []
    with ada.browser("ada") as browser:
        for number in range(60):
            tried = {"old": f"guess number {number} of many", "new": "another long password", "again": "x"}
            statuses.append(browser.post("/account/password", data=tried).status_code)
            ada.house.clock.turn(timedelta(seconds=10))
        refused = browser.post("/account/password", data={"old": PASSWORD, "new": "another long password"})
        assert (refused.status_code, "tried too often" in refused.text) == (429, True)
        assert try_in(ada, PASSWORD).status_code == 303, "whose account it is signs in as before"
        ada.house.clock.turn(timedelta(minutes=11))
        assert (
            browser.post("/account/password", data={"old": PASSWORD, "new": "another long password"}).status_code == 303
        )
    with ada.house.open() as scope:
        noted = [each for each in audit.after(scope, 0) if each.action == "refused"]
    assert 5 <= len(noted) <= 10, "the audit has the first ones of each ten minutes"
    assert {(each.verb, each.subject, each.actor) for each in noted} == {
        ("account.change_password", ada.people["ada"].id, ada.people["ada"].id)
    }
    assert not any("guess" in each.given for each in noted)
    assert statuses.count(401) <= 12
    assert set(statuses) == {401, 429}


def test_a_new_password_ends_all_other_sessions(ada: Office) -> None:
    with ada.browser("ada") as here, ada.browser("ada") as there:
        new = {"old": PASSWORD, "new": "other unlikely words here"}
        assert here.post("/account/password", data=new).status_code == 303
        assert here.get("/account").status_code == 200
        assert there.get("/account").status_code == 401


def test_a_token_is_shown_once_and_kept_as_a_hash(ada: Office) -> None:
    with ada.browser("ada") as browser:
        made = browser.post("/account/tokens", data={"name": "ci", "scope": "read", "days": "30"})
        (secret,) = set(re.findall(entering.TOKEN_PREFIX + r"[\w-]+", made.text))
        assert secret not in browser.get("/account").text
    assert secret.encode() not in (ada.house.folder / "house.sqlite3").read_bytes()
    with ada.browser() as program:
        headers = {"authorization": f"Bearer {secret}"}
        assert [each["name"] for each in program.get("/api/v1/jobs", headers=headers).json()["items"]] == ["ours"]
        assert program.delete(f"/api/v1/models/{ada.two.ours.model}", headers=headers).status_code == 403
        assert program.get("/jobs", headers=headers).status_code == 401, "pages are for people"


def test_a_token_opens_never_more_than_its_person_may(ada: Office) -> None:
    wide = ada.token("vera", TokenScope.ADMIN)
    ended = ada.token("ada", TokenScope.WRITE, days=-1)
    one = ada.token("root", TokenScope.READ, project=ada.two.theirs.project)
    with ada.browser() as program:

        def ask(secret: str, method: str = "GET", path: str = "/api/v1/jobs") -> Response:
            return program.request(method, path, headers={"authorization": f"Bearer {secret}"})

        assert ask(wide, "POST", f"/api/v1/jobs/{ada.two.ours.job}/cancel").status_code == 403
        assert ask(ended).status_code == 401
        assert [each["name"] for each in ask(one).json()["items"]] == ["theirs"]
        assert ask("tdp_" + "x" * 43).status_code == 401
        with ada.house.open() as scope:
            people.disable(scope, ada.people["vera"].id)
        assert ask(wide).status_code == 401


def test_nobody_raises_themselves(ada: Office) -> None:
    ours = ada.two.ours.project
    with ada.browser("alma") as browser:
        own = browser.post(f"/projects/{ours}/people", data={"name": "alma", "role": "viewer"})
        assert own.status_code == 403
        assert browser.post(f"/projects/{ours}/people", data={"name": "ada", "role": "admin"}).status_code == 303
    with ada.browser("root") as browser:
        me = ada.people["root"].id
        for act in ("disable", "administers"):
            assert browser.post(f"/settings/people/{me}/{act}").status_code == 403
    with ada.browser("vera") as browser:
        assert browser.post(f"/projects/{ours}/people", data={"name": "vera", "role": "admin"}).status_code == 403
        assert browser.get("/settings/people").status_code == 403


def test_switching_on_can_be_said_again(app_context: TestHouse) -> None:
    app_context.dataset()
    with app_context.scopes.open(OWNER) as scope:
        first = switching.switch_on(scope, administrator="root", project="Everything")
    with app_context.scopes.open(OWNER) as scope:
        again = switching.switch_on(scope, administrator="root", project="Everything")
    assert (first.given, again.given, first.project.id) == (1, 0, again.project.id)
    assert first.code is not None
    assert again.code is not None
    with app_context.scopes.open(VISITOR) as scope, pytest.raises(SignInFailed):
        entering.redeem(scope, app_context.scopes, first.code.secret, PASSWORD, HERE)
    with app_context.scopes.open(VISITOR) as scope:
        entering.redeem(scope, app_context.scopes, again.code.secret, PASSWORD, HERE)
    with app_context.scopes.open(OWNER) as scope:
        assert switching.switch_on(scope, administrator="root", project="Everything").code is None
        assert store.administrators(scope.read) == 1
    assert entering.are_on(app_context.app_context)

"""Signing in with a directory: who is let in and as what, and answers that prove nothing.

The issuer here says what a test wants it to; `test_providers` signs in with two that others wrote.
"""

import base64
import hmac
import json
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from httpx2 import Response
from joserfc import jwt
from joserfc.jwk import OctKey
from starlette.testclient import TestClient

from app.domain.actors import ProjectRole
from app.domain.people import Person
from app.domain.single_sign_on import Claimed, Directory, NewPeople
from app.kit.open_id import Client
from app.services import audit, people, projects
from app.store import people as store
from app.store import ways_in
from tests.support.app_context import TestHouse
from tests.support.issuer import (
    CLIENT,
    SECRET,
    Claims,
    Issuer,
    callback,
    elliptic_key,
    issuing,
    rsa_key,
    signed,
)
from tests.support.office import COOKIE, Office

START = "/sign-in/single-sign-on"


@pytest.fixture
def office(app_context: TestHouse) -> Office:
    return Office(app_context)


@pytest.fixture
def issuer(office: Office) -> Iterator[Issuer]:
    with issuing(office.house.clock) as made:
        use(office, made)
        yield made


def use(office: Office, issuer: Issuer, *, new_people: NewPeople = "all", tenant: str = "", **claimed: Claimed) -> None:
    """Let people of the office sign in with an issuer."""
    given = {"roles": {}, "groups": {}, **claimed}
    directory = Directory(name="the directory", issuer=issuer.url, tenant=tenant, new_people=new_people, **given)
    office.house.sign_on_with(directory, Client(issuer=issuer.url, client_id=CLIENT, secret=SECRET))


def sign_in(office: Office, issuer: Issuer, *, after: str = "/jobs", **changes: str) -> Response:
    """Go through it as a browser does; `changes` are of what it brings back."""
    with office.browser() as browser:
        begun = browser.get(START, params={"next": after})
        assert begun.status_code == 303
        return browser.get(callback({**issuer.answer(begun.headers["location"]), **changes}))


def sessions(office: Office) -> int:
    with office.house.open() as scope:
        return sum(len(ways_in.sessions_of(scope.read, each.id)) for each in people.list_people(scope))


def person(office: Office, issuer: Issuer, subject: str = "subject-1") -> Person:
    with office.house.open() as scope:
        found = store.by_subject(scope.read, issuer.url, subject)
    assert found is not None
    return found


def test_somebody_whom_the_directory_knows_is_let_in_where_they_wanted(office: Office, issuer: Issuer) -> None:
    issuer.about = {"preferred_username": "mia@example.org", "picture": f"{issuer.url}/picture"}
    answer = sign_in(office, issuer)
    assert (answer.status_code, answer.headers["location"]) == (303, "/jobs")
    made = person(office, issuer)
    assert made.name == "mia@example.org"
    assert not made.administers
    cookies = answer.headers.get_list("set-cookie")
    session = next(each for each in cookies if each.startswith(f"{COOKIE}=")).split("=")[1].split(";")[0]
    with office.browser() as browser:
        browser.cookies.set(COOKIE, session)
        assert browser.get("/account").status_code == 200
        out = browser.post("/sign-out")
        assert out.headers["location"] == "/sign-in?out=1"
        assert "Sign out there, too" in browser.get("/sign-in?out=1").text
        assert browser.get(f"{START}/out").headers["location"] == "/sign-in", "it names no address for that"
    assert "/picture" not in issuer.asked
    with office.house.open() as scope:
        (entry,) = [each for each in audit.entries(scope).items if each.verb == "single_sign_on.finish"]
        assert entry.subject == made.id


def test_the_button_is_there_only_where_there_is_a_directory(office: Office, issuer: Issuer) -> None:
    with office.browser() as browser:
        page = browser.get("/sign-in?next=/jobs?a=1%26b=2").text
        assert "Sign in with the directory" in page
        assert f'href="{START}?next=/jobs%3Fa%3D1%26b%3D2"' in page
    office.house.scopes.app_context = office.accounts.app_context  # as it was before
    with office.browser() as browser:
        assert "Sign in with" not in browser.get("/sign-in").text
        assert browser.get(START).status_code == 404


def test_an_address_that_leads_elsewhere_is_not_gone_to(office: Office, issuer: Issuer) -> None:
    assert sign_in(office, issuer, after="//evil.example").headers["location"] == "/"


def test_somebody_is_subject_and_issuer_and_no_name_and_no_address(office: Office, issuer: Issuer) -> None:
    issuer.about = {"preferred_username": "ada", "email": "ada@example.org", "email_verified": True}
    sign_in(office, issuer)
    made = person(office, issuer)
    assert (made.name, made.id != office.people["ada"].id) == ("ada-2", True)
    issuer.about = {"preferred_username": "another", "email": "other@example.org"}
    sign_in(office, issuer)
    assert person(office, issuer).name == "ada-2"
    issuer.about = {"sub": "subject-2", "email": "ada@example.org"}
    sign_in(office, issuer)
    assert person(office, issuer, "subject-2").id != made.id


def test_a_disabled_account_stays_closed(office: Office, issuer: Issuer) -> None:
    sign_in(office, issuer)
    with office.house.open() as scope:
        people.disable(scope, person(office, issuer).id)
    answer = sign_in(office, issuer)
    assert answer.status_code == 401
    assert "Your account here is disabled." in answer.text
    assert sessions(office) == 0


def test_whoever_has_no_account_is_connected_by_a_code(office: Office, issuer: Issuer) -> None:
    use(office, issuer, new_people="none")
    with office.house.open() as scope:
        code = people.invite(scope, "mia").secret
    with office.browser() as browser:
        answer = browser.get(callback(issuer.answer(browser.get(START).headers["location"])))
        assert answer.status_code == 401
        assert sessions(office) == 0
        assert browser.post(f"{START}/connect", data={"code": "wrong"}).status_code == 401
        assert browser.post(f"{START}/connect", data={"code": code}).status_code == 303
    assert person(office, issuer).name == "mia"
    with office.browser() as another:
        assert another.post(f"{START}/connect", data={"code": code}).status_code == 401
    assert sign_in(office, issuer).status_code == 303


def roles_of(office: Office, issuer: Issuer) -> dict[str, ProjectRole]:
    with office.house.open() as scope:
        return {each.project: each.role for each in people.memberships(scope, person(office, issuer).id)}


def test_claims_give_roles_and_take_them_away_and_leave_alone_what_people_gave(office: Office, issuer: Issuer) -> None:
    ours, theirs = office.two.ours.project, office.two.theirs.project
    with office.house.open() as scope:
        names = {each: projects.get(scope, each).name for each in (ours, theirs)}
    roles = {"Look": [f"viewer of {names[ours]}"], "Work": [f"member of {names[ours]}", "member of Nowhere"]}
    use(office, issuer, new_people="granted", roles=roles, groups={"g1": [f"admin of {names[theirs]}"]})
    assert sign_in(office, issuer).status_code == 401, "no claim gives them anything"
    issuer.about = {"roles": ["Look", "Work", 7], "groups": ["g1"]}
    sign_in(office, issuer)
    assert roles_of(office, issuer) == {ours: ProjectRole.MEMBER}, "the most of what roles give, and no groups"
    issuer.about = {"groups": ["g1"]}
    sign_in(office, issuer)
    assert roles_of(office, issuer) == {theirs: ProjectRole.ADMIN}
    with office.house.open() as scope:
        store.set_role(scope.write, person(office, issuer).id, ours, ProjectRole.VIEWER)
    issuer.about = {"roles": ["Work"]}
    sign_in(office, issuer)
    assert roles_of(office, issuer) == {ours: ProjectRole.VIEWER}, "what people gave stays as it is"


def test_a_claim_makes_administrators_and_unmakes_them(office: Office, issuer: Issuer) -> None:
    use(office, issuer, roles={"Root": ["administrator"]})
    issuer.about = {"roles": ["Root"]}
    sign_in(office, issuer)
    assert person(office, issuer).administers
    issuer.about = {}
    sign_in(office, issuer)
    assert not person(office, issuer).administers
    assert sessions(office) == 1, "the one that it was before has ended"


@pytest.mark.parametrize("left_out", [{"_claim_names": {"groups": "src1"}}, {"hasgroups": True}])
def test_groups_that_do_not_fit_into_a_token_are_explained_unless_roles_say_it(
    office: Office, issuer: Issuer, left_out: Claims
) -> None:
    issuer.about = dict(left_out)
    assert sign_in(office, issuer).status_code == 303, "groups mean nothing here"
    use(office, issuer, groups={"g1": ["administrator"]}, roles={"Root": ["administrator"]})
    answer = sign_in(office, issuer)
    assert answer.status_code == 401
    assert "app role" in answer.text
    issuer.about = {**left_out, "roles": ["Root"]}
    assert sign_in(office, issuer).status_code == 303
    assert f"{issuer.url}/src1" not in issuer.asked


def test_keys_change_and_are_asked_for_once(office: Office, issuer: Issuer) -> None:
    assert sign_in(office, issuer).status_code == 303
    assert sign_in(office, issuer).status_code == 303
    assert issuer.asked.count("/keys") == 1
    issuer.keys = [elliptic_key(1), rsa_key(0)]
    assert sign_in(office, issuer).status_code == 303
    assert issuer.asked.count("/keys") == 2
    issuer.make = lambda _issuer, claims: jwt.encode({"alg": "RS256", "kid": "nobody's"}, claims, rsa_key(0))
    assert sign_in(office, issuer).status_code == 401
    assert issuer.asked.count("/keys") == 3


def test_an_issuer_that_is_away_or_another_is_explained_in_a_sentence(office: Office, issuer: Issuer) -> None:
    issuer.metadata = {"issuer": "http://another.example"}
    with office.browser() as browser:
        answer = browser.get(START)
        assert answer.status_code == 424
        assert "calls itself another issuer" in answer.text
        asked = len(issuer.asked)
        browser.get(START)
        assert len(issuer.asked) == asked, "it is left alone for some seconds"
        office.house.clock.turn(timedelta(seconds=6))
        issuer.metadata = {"authorization_endpoint": "http://10.0.0.1/authorize"}
        assert "without TLS" in browser.get(START).text
    office.house.clock.turn(timedelta(hours=2))
    issuer.metadata = {}
    issuer.status = 500
    assert sign_in(office, issuer).status_code == 424
    assert sessions(office) == 0


# Answers that prove nothing -------------------------------------------------------------------------------------------


def changed(**claims: object) -> Callable[[Issuer, Claims], str]:
    """Tokens that are signed as they should be, and say something else; None takes a claim away."""

    def make(issuer: Issuer, honest: Claims) -> str:
        whole = {**honest, **{name: value(honest) if callable(value) else value for name, value in claims.items()}}
        return signed(issuer, {name: value for name, value in whole.items() if value is not None})

    return make


def unsigned(_issuer: Issuer, claims: Claims) -> str:
    return f"{packed({'alg': 'none', 'typ': 'JWT'})}.{packed(claims)}."


def packed(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def by_shared_secret(_issuer: Issuer, claims: Claims) -> str:
    """The public key, which everybody has, as a secret; by hand, as no library does it."""
    content = f"{packed({'alg': 'HS256', 'kid': 'rsa-0'})}.{packed(claims)}"
    made = hmac.digest(rsa_key(0).as_pem(private=False), content.encode(), "sha256")
    return f"{content}.{base64.urlsafe_b64encode(made).rstrip(b'=').decode()}"


def by_client_secret(_issuer: Issuer, claims: Claims) -> str:
    return jwt.encode({"alg": "HS256", "kid": "rsa-0"}, claims, OctKey.import_key(SECRET * 2))


def by_key(number: int, kid: str, **header: object) -> Callable[[Issuer, Claims], str]:
    def make(_issuer: Issuer, claims: Claims) -> str:
        return jwt.encode({"alg": "RS256", "kid": kid, **header}, claims, rsa_key(number))

    return make


def tampered(issuer: Issuer, claims: Claims) -> str:
    header, _, signature = signed(issuer, claims).split(".")
    return f"{header}.{packed({**claims, 'sub': 'root'})}.{signature}"


def without_signature(issuer: Issuer, claims: Claims) -> str:
    return signed(issuer, claims).rpartition(".")[0] + "."


FORGED: dict[str, Callable[[Issuer, Claims], str]] = {
    "no algorithm": unsigned,
    "the public key as a shared secret": by_shared_secret,
    "the client's secret": by_client_secret,
    "another key under the same id": by_key(1, "rsa-0"),
    "a key that nobody knows": by_key(1, "rsa-1"),
    "a key that the token brings": by_key(1, "rsa-1", jwk=rsa_key(1).as_dict(private=False)),
    "a key at an address that the token names": by_key(1, "rsa-1", jku="http://127.0.0.1:9/keys"),
    "tampered": tampered,
    "without its signature": without_signature,
    "another issuer": changed(iss="https://other.example"),
    "no issuer": changed(iss=None),
    "another audience": changed(aud="another-client"),
    "no audience": changed(aud=None),
    "two audiences, for another": changed(aud=[CLIENT, "another-client"], azp="another-client"),
    "two audiences, for nobody": changed(aud=[CLIENT, "another-client"]),
    "one audience, for another": changed(azp="another-client"),
    "another nonce": changed(nonce="another"),
    "no nonce": changed(nonce=None),
    "a list of nonces": changed(nonce=lambda honest: [honest["nonce"]]),
    "expired": changed(exp=lambda honest: honest["iat"] - 61),
    "no end": changed(exp=None),
    "an end that is no number": changed(exp="tomorrow"),
    "not yet": changed(nbf=lambda honest: honest["iat"] + 61),
    "from the future": changed(iat=lambda honest: honest["iat"] + 61),
    "no subject": changed(sub=None),
    "an empty subject": changed(sub=" "),
    "a subject that is none": changed(sub=["subject-1"]),
    "a subject without end": changed(sub="x" * 256),
    "another tenant": changed(tid="00000000-0000-0000-0000-000000000002"),
    "no tenant": changed(tid=None),
    "no token": lambda _issuer, _claims: "",
    "no token of this kind": lambda _issuer, _claims: "a.b.c.d.e",
    "another access token": changed(at_hash="AAAAAAAAAAAAAAAAAAAAAA"),
}
TENANT = "00000000-0000-0000-0000-000000000001"


def test_no_forged_token_lets_anybody_in(office: Office, issuer: Issuer) -> None:
    use(office, issuer, tenant=TENANT)
    issuer.about = {"tid": TENANT}
    found: dict[str, int] = {}
    for name, make in FORGED.items():
        issuer.make = make
        found[name] = sign_in(office, issuer).status_code
        office.house.clock.turn(timedelta(minutes=2))  # tries are counted
    assert {name: status for name, status in found.items() if status != 401} == {}
    assert len(found) >= 30
    assert sessions(office) == 0
    issuer.make = changed(exp=lambda honest: honest["iat"] - 59, nbf=lambda honest: honest["iat"] + 59)
    assert sign_in(office, issuer).status_code == 303, "clocks may differ by a minute"


def test_no_replayed_or_foreign_answer_lets_anybody_in(office: Office, issuer: Issuer) -> None:
    def begin(browser: TestClient) -> dict[str, str]:
        return issuer.answer(browser.get(START).headers["location"])

    with office.browser() as mine, office.browser() as theirs:
        good, foreign = begin(mine), begin(theirs)
        bad = {
            "no cookie": (office.browser, good),
            "no state": (None, {**good, "state": ""}),
            "another state": (None, {**good, "state": "A" * 43}),
            "a state with other letters": (None, {**good, "state": "ä"}),
            "another browser's answer": (None, foreign),
            "another code": (None, {**good, "code": foreign["code"]}),
        }
        for name, (other, given) in bad.items():
            if other is None:
                cookies = dict(mine.cookies)
                assert mine.get(callback(given)).status_code == 401, name
                mine.cookies.update(cookies)
            else:
                with other() as browser:
                    assert browser.get(callback(given)).status_code == 401, name
        assert sessions(office) == 0
        assert mine.get(callback(good)).status_code == 401, "its state was used up by the wrong code"
    with office.browser() as browser:
        good = begin(browser)
        cookies = dict(browser.cookies)
        assert browser.get(callback(good)).status_code == 303
        browser.cookies.clear()
        browser.cookies.update(cookies)
        asked = issuer.asked.count("/token")
        assert browser.get(callback(good)).status_code == 401, "once"
        assert issuer.asked.count("/token") == asked, "and the directory is not asked again"
        late = begin(browser)
        office.house.clock.turn(timedelta(minutes=11))
        assert browser.get(callback(late)).status_code == 401
        begin(browser)
        assert browser.get(callback({"error": "access_denied", "state": "x"})).status_code == 401
    assert sessions(office) == 1


def test_an_answer_of_another_issuer_is_taken_for_none_of_this_ones(office: Office, issuer: Issuer) -> None:
    assert sign_in(office, issuer, iss="https://other.example").status_code == 401
    assert "/token" not in issuer.asked, "its code is not given to the wrong one"
    assert sign_in(office, issuer, iss=issuer.url).status_code == 303
    office.house.clock.turn(timedelta(hours=2))
    issuer.metadata = {"authorization_response_iss_parameter_supported": True}
    assert sign_in(office, issuer).status_code == 401
    assert sign_in(office, issuer, iss=issuer.url).status_code == 303


def test_answers_are_counted_by_address_before_the_directory_is_asked(office: Office, issuer: Issuer) -> None:
    issuer.make = unsigned
    found = [sign_in(office, issuer).status_code for _ in range(33)]
    assert 429 in found
    assert set(found) == {401, 429}

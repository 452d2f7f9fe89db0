"""Coming in by single sign-on: the browser is sent to the directory, comes back with a code, and is given a session.

What was begun is known to the browser alone, in a sealed cookie, so that nobody unknown makes this installation write;
each answer is taken once, whatever comes of it, before the directory is asked about it.
"""

import hmac
import logging
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from app.domain.actors import VISITOR
from app.domain.errors import NotFound, ProviderFailed, SignInFailed, TooManyTries
from app.domain.people import Person
from app.domain.single_sign_on import Identity, identity_of
from app.kit.open_id import AnswerRejected, IssuerBusy, IssuerFailed, Request
from app.kit.vault import VaultClosed
from app.services import entering, guessing, verbs
from app.services.entering import From
from app.services.scope import Scope, Scopes, SignOn
from app.store import people as store
from app.store import projects as project_store
from app.store import ways_in
from app.store.database import Writer

BEGUN_LIVES = timedelta(minutes=10)
_OWNER = "{} single-sign-on"
_BEGUN, _STRANGER = "begun", "stranger"
_RANDOM_BYTES = 32
_MOST_NAMESAKES = 100
_BUSY_S = 5
_AGAIN = "Start signing in again from here."
_DISABLED = "Your account here is disabled."
_ASK = "Ask an administrator of this installation."
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Begun:
    """Where the browser goes, and the cookie with which it proves afterwards that it was the one."""

    address: str
    cookie: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the browser brought back: the directory's words, and the cookie."""

    cookie: str = ""
    state: str = ""
    code: str = ""
    error: str = ""
    issuer: str = ""


@dataclass(frozen=True, slots=True)
class Entered:
    """Somebody who is let in: the secret of their session, and where they wanted to go."""

    secret: str
    person: Person
    after: str = "/"


@dataclass(frozen=True, slots=True)
class Stranger:
    """Somebody whom the directory knows and who has no account here; a code connects the two, with `cookie`."""

    name: str
    cookie: str


@verbs.enters("account")
def begin(scope: Scope, redirect: str, after: str) -> Begun:
    """Return where to send a browser that wants in; nothing is written here.

    Raises:
        NotFound: there is no single sign-on here.
        ProviderFailed: the directory does not answer as it should.
        TooManyTries: so many are signing in that this one has to come again.
    """
    sign_on = _sign_on(scope)
    request = Request(state=_random(), nonce=_random(), verifier=_random(), redirect=redirect)
    scope.release()
    with _in_words():
        address = sign_on.provider.authorization_address(request)
    known = {"state": request.state, "nonce": request.nonce, "verifier": request.verifier, "redirect": redirect}
    return Begun(address, _wrapped(scope, _BEGUN, {**known, "after": after}))


@verbs.enters("account")
def finish(scope: Scope, scopes: Scopes, answer: Answer, where: From) -> Entered | Stranger:
    """Let in whom the directory's answer is about, if they have an account here, or are to be given one.

    Raises:
        SignInFailed: the answer proves nothing, or they may not come in.
        ProviderFailed: the directory does not answer as it should.
        TooManyTries: it was tried too often from this address, or many are signing in.
    """
    sign_on = _sign_on(scope)
    begun = _unwrapped(scope, _BEGUN, answer.cookie)
    if not answer.state or not hmac.compare_digest(answer.state.encode(), begun["state"].encode()):
        raise SignInFailed(
            "This answer does not belong to the last sign-in that was started in this browser.", fix=_AGAIN
        )
    with scopes.open(VISITOR) as first:  # committed before anything is asked, whatever comes of that
        tx, now = first.write, first.now()
        guessing.count_try(tx, guessing.address_key(where.address), guessing.OF_AN_ADDRESS, now)
        used = guessing.used_before(tx, ways_in.sha256_of(f"state {answer.state}"), now)
    if used:
        raise SignInFailed("This single sign-on answer has been used already.", fix=_AGAIN)
    _refuse_errors(answer)
    request = Request(
        state=begun["state"], nonce=begun["nonce"], verifier=begun["verifier"], redirect=begun["redirect"]
    )
    scope.release()
    with _in_words():
        sign_on.provider.check_issuer(answer.issuer)
        claims = sign_on.provider.claims(answer.code, request)
    identity = identity_of(claims, sign_on.directory)
    person = store.by_subject(scope.write, identity.issuer, identity.subject)
    if person is None and not _is_welcome(sign_on, identity):
        return Stranger(identity.name, _wrapped(scope, _STRANGER, _as_text(identity)))
    person = person or _made(scope, identity)
    return _let_in(scope, person, identity, where, after=begun["after"])


@verbs.enters("account")
def connect(scope: Scope, scopes: Scopes, cookie: str, code: str, where: From) -> Entered:
    """Let whoever has just come from the directory be the one to whom a one-time code was given, from now on.

    Raises:
        SignInFailed: the code opens nothing, or it is too long since they came.
        TooManyTries: codes were tried too often from this address.
    """
    _sign_on(scope)
    identity = _identity(_unwrapped(scope, _STRANGER, cookie))
    with scopes.open(VISITOR) as first:
        guessing.count_try(first.write, guessing.address_key(where.address), guessing.OF_AN_ADDRESS, first.now())
    tx = scope.write
    owner = ways_in.owner_of_code(tx, code.strip(), now=scope.now())
    person = None if owner is None else store.get(tx, owner)
    if person is None or person.disabled_at is not None or person.issuer is not None:
        raise SignInFailed(entering.DEAD_CODE, fix=entering.CODE_FIX)
    if store.by_subject(tx, identity.issuer, identity.subject) is not None:
        raise SignInFailed("You have an account here already.", fix=_AGAIN)
    ways_in.use_code(tx, code.strip(), now=scope.now())
    store.change(tx, person.id, issuer=identity.issuer, subject=identity.subject, password=None)
    ways_in.end_sessions(tx, person.id)
    return _let_in(scope, replace(person, issuer=identity.issuer, subject=identity.subject), identity, where)


@verbs.enters("account")
def sign_out_address(scope: Scope, back: str) -> str | None:
    """Return where a browser is signed out of the directory, too; None where the directory has no such address.

    Raises:
        NotFound, ProviderFailed, TooManyTries: as `begin`.
    """
    sign_on = _sign_on(scope)
    scope.release()
    with _in_words():
        return sign_on.provider.sign_out_address(back)


def _sign_on(scope: Scope) -> SignOn:
    found = scope.app_context.sign_on
    if found is None:
        raise NotFound("single sign-on", "", fix="This installation has none: docs/accounts.md says how to set it up.")
    return found


@contextmanager
def _in_words() -> Iterator[None]:
    """Tell what goes wrong with the directory in the domain's words; why an answer was refused is for the log."""
    try:
        yield
    except AnswerRejected as error:
        log.warning("an answer of single sign-on was refused: %s", error.reason)
        raise SignInFailed(error.message, fix=error.fix) from None
    except IssuerFailed as error:
        log.warning("single sign-on does not work: %s", error.reason)
        raise ProviderFailed(error.message, fix=error.fix) from None
    except IssuerBusy as error:
        raise TooManyTries(error.message, wait_s=_BUSY_S, fix=error.fix) from None


def _refuse_errors(answer: Answer) -> None:
    if answer.error or not answer.code:
        word = "".join(each for each in answer.error if each.isascii() and each.isidentifier())[:40]
        log.warning("single sign-on ended without a code: %s", word)
        message = f"The directory did not sign you in{f' ({word})' if word else ''}."
        raise SignInFailed(message, fix="Try again, or ask whoever administers the directory.")


def _is_welcome(sign_on: SignOn, identity: Identity) -> bool:
    new_people = sign_on.directory.new_people
    return new_people == "all" or (new_people == "granted" and bool(identity.grants))


def _made(scope: Scope, identity: Identity) -> Person:
    person = Person(
        id=scope.new_id("per"),
        name=_free_name(scope.write, identity.name),
        issuer=identity.issuer,
        subject=identity.subject,
        created_at=scope.now(),
    )
    store.add(scope.write, person)
    return person


def _free_name(tx: Writer, wanted: str) -> str:
    """Return the name, with a number behind it where somebody else has it: nobody is taken for them."""
    numbered = (wanted, *(f"{wanted}-{number}" for number in range(2, _MOST_NAMESAKES)))
    free = next((each for each in numbered if store.by_name(tx, each) is None), None)
    return free or f"{wanted[:40]}-{secrets.token_hex(4)}"


def _let_in(scope: Scope, person: Person, identity: Identity, where: From, *, after: str = "/") -> Entered:
    if person.disabled_at is not None:
        raise SignInFailed(_DISABLED, fix=_ASK, about=person.id)
    _give_roles(scope, person, identity)
    ways_in.clear_attempt(scope.write, guessing.address_key(where.address))
    return Entered(entering.begin_session(scope, person, where), person, after)


def _give_roles(scope: Scope, person: Person, identity: Identity) -> None:
    """Let somebody be what their claims say: roles that people gave them here stay, those of earlier claims go."""
    tx = scope.write
    sign_on = _sign_on(scope)
    if sign_on.directory.names_administrators and identity.administers != person.administers:
        store.change(tx, person.id, administers=int(identity.administers))
        ways_in.end_sessions(tx, person.id)
    named = {project_store.by_name(tx, name): role for name, role in identity.project_roles.items()}
    wanted = {project.id: role for project, role in named.items() if project is not None}
    before = {each.project: each for each in store.of_person(tx, person.id)}
    for project, membership in before.items():
        if membership.claimed and project not in wanted:
            store.remove_role(tx, person.id, project)
    for project, role in wanted.items():
        if project not in before or before[project].claimed:
            store.set_role(tx, person.id, project, role, claimed=True)


def _random() -> str:
    return secrets.token_urlsafe(_RANDOM_BYTES)


def _wrapped(scope: Scope, kind: str, values: Mapping[str, str]) -> str:
    try:
        return scope.backends.vault.wrap(_OWNER.format(kind), {**values, "at": scope.now().isoformat()})
    except VaultClosed as closed:
        raise ProviderFailed(str(closed), fix="See TUNEDESK_SECRET_KEY_FILE in docs/settings.md.") from None


def _unwrapped(scope: Scope, kind: str, cookie: str) -> Mapping[str, str]:
    """Return what a cookie holds.

    Raises:
        SignInFailed: it is not of ours, or too old.
    """
    values: Mapping[str, str] = {}
    with suppress(VaultClosed):
        values = scope.backends.vault.unwrap(_OWNER.format(kind), cookie) if cookie.isascii() else {}
    if not values or not timedelta() <= scope.now() - datetime.fromisoformat(values["at"]) <= BEGUN_LIVES:
        raise SignInFailed("This sign-in was started in another browser, or too long ago.", fix=_AGAIN)
    return values


def _as_text(identity: Identity) -> Mapping[str, str]:
    given = "\n".join(identity.grants)
    return {"issuer": identity.issuer, "subject": identity.subject, "name": identity.name, "grants": given}


def _identity(values: Mapping[str, str]) -> Identity:
    return Identity(
        issuer=values["issuer"],
        subject=values["subject"],
        name=values["name"],
        grants=tuple(values["grants"].splitlines()),
    )

"""Verbs on connections, the doctor among them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from app.domain.actors import Role
from app.domain.backend import Backend, Checks
from app.domain.backend_abilities import ChecksFor
from app.domain.connection_kinds import ConnectionKind
from app.domain.connections import Check, CheckStatus, Connection, DoctorReport, Fix, sealed_for
from app.domain.errors import Conflict, Invalid, Problem, ProviderFailed, or_not_found
from app.domain.fields import ConnectionField, asked, check_fields
from app.domain.names import checked_name
from app.kit.vault import VaultClosed
from app.services import verbs
from app.services.provider_errors import PROVIDER_ERRORS, provider_errors
from app.services.scope import Scope
from app.store import connections as store
from app.store import waiting

MAX_SLOTS = 64


@verbs.reads("connections")
def list_connections(scope: Scope) -> Sequence[Connection]:
    """Return the connections whose backend this installation has."""
    found = scope.read_once("connections", store.all_of_them)
    scope.keep("connection", {each.id: each for each in found})
    return [each for each in found if each.backend in scope.backends.profiles]


@verbs.reads("connections")
def get(scope: Scope, identifier: str) -> Connection:
    return scope.row("connection", identifier, store.get)


@verbs.reads("discovery")
def whole(scope: Scope, identifier: str) -> Connection:
    """Return a connection with its settings and all that its doctor found: for those who may change it."""
    return get(scope, identifier)


@verbs.reads("connections")
def shown(scope: Scope, connection: Connection) -> Connection:
    """Return as much of a connection as whoever asks is shown.

    People who do not administer it need to know whether it works, and what fails; not to where it leads, as whom, nor
    what a provider said of rights and resources there.
    """
    if scope.actor.role is not Role.PERSON:
        return connection
    report = connection.doctor
    if report is not None:
        report = replace(report, checks=[replace(each, detail="", fix=None) for each in report.checks])
    return replace(connection, settings={}, sealed=None, doctor=report)


@verbs.reads("connections")
def default_id(scope: Scope) -> str:
    """Return the id of the connection that is meant where none is named: the first backend's of the registry."""
    return next((each.profile.connection_id for each in scope.backends.built_in.values()), "")


@verbs.writes("connections")
def ensure_built_in(scope: Scope) -> None:
    """Make the connections that exist from the start, and bring their number of slots up to the settings."""
    tx = scope.write
    for profile in (each.profile for each in scope.backends.built_in.values()):
        known = store.get(tx, profile.connection_id)
        if known is None:
            made = Connection(
                id=profile.connection_id,
                name=profile.title,
                backend=profile.id,
                slots=profile.slots,
                created_at=scope.now(),
            )
            store.add(tx, made)
        elif known.slots != profile.slots:
            store.save(tx, replace(known, slots=profile.slots))


@verbs.reads("connections")
def kind_of(scope: Scope, name: str) -> ConnectionKind:
    """Return a kind of connection by its name; the first one for an empty name.

    Raises:
        NotFound: when there is no such kind here.
    """
    kind = scope.backends.kind(name) if name else next(iter(scope.backends.kinds), None)
    return or_not_found(kind, "kind of connection", name)


@verbs.administers("connections")
def create(
    scope: Scope,
    *,
    backend: object,
    name: object,
    settings: Mapping[str, str],
    secrets: Mapping[str, str],
    slots: int = 4,
) -> Connection:
    """Record a connection of a kind; nothing is called out to, the doctor does that.

    Raises:
        Invalid: with every problem at once.
        Conflict: when the secrets cannot be sealed.
    """
    kind = scope.backends.kind(str(backend))
    if kind is None:
        known = ", ".join(each.profile.id for each in scope.backends.kinds) or "none here"
        raise Invalid([Problem("/backend", "unknown", "There is no such kind of connection.", f"Kinds: {known}.")])
    tx = scope.write
    good, given, problems = check_fields(kind.fields, {**settings, **secrets})
    _check_fields(scope, kind, good, problems)
    label = _named(name, problems)
    _check_slots(slots, problems)
    if problems:
        raise Invalid(problems)
    identifier = scope.new_id("con")
    made = Connection(
        id=identifier,
        name=label,
        backend=kind.profile.id,
        settings=good,
        sealed=_sealed(scope, identifier, given),
        slots=slots,
        created_at=scope.now(),
    )
    store.add(tx, made)
    return made


@verbs.administers("connections")
def update(
    scope: Scope,
    identifier: str,
    *,
    name: object = None,
    slots: int | None = None,
    settings: Mapping[str, str] | None = None,
    secrets: Mapping[str, str] | None = None,
    openai_spending: bool | None = None,
) -> Connection:
    """Change a connection: what is not given stays; secrets left empty stay, too. Lifts a pause.

    Raises:
        Invalid: with every problem at once.
        Conflict: when the secrets cannot be sealed, or it has no settings to change.
    """
    tx = scope.write
    connection = get(scope, identifier)
    problems: list[Problem] = []
    if name is not None:
        connection = replace(connection, name=_named(name, problems))
    if slots is not None:
        _check_slots(slots, problems)
        connection = replace(connection, slots=slots)
    if openai_spending is not None:
        connection = replace(connection, openai_spending=openai_spending)
    if settings is not None or secrets:
        connection = _reset(scope, connection, settings, secrets or {}, problems)
    if problems:
        raise Invalid(problems)
    store.save(tx, connection)
    _go_on(scope, identifier)  # there may be more slots, or no pause any more
    return get(scope, identifier)


@verbs.reads("connections")
def uses(scope: Scope, identifier: str) -> Mapping[str, int]:
    """Return how many of each noun name a connection, of what there is any: it cannot be deleted while there is."""
    return {noun: count for noun, count in store.users(scope.read, identifier).items() if count}


@verbs.administers("connections")
def delete(scope: Scope, identifier: str) -> None:
    """Forget a connection and its secrets; what it made at the provider stays there.

    Raises:
        Conflict: for a built-in one, and while anything here names it.
    """
    tx = scope.write
    connection = get(scope, identifier)
    if scope.backends.kind(connection.backend) is None:
        raise Conflict("This connection belongs to the installation.", fix="Nothing has to be done about it.")
    used = uses(scope, identifier)
    if used:
        listed = ", ".join(f"{count} {table}" for table, count in used.items())
        raise Conflict(
            f"The connection {connection.name!r} is used by {listed}.",
            fix="Their records need it. To stop its use, replace its secrets, or take away its rights at the provider.",
        )
    store.remove(tx, identifier)


@verbs.administers("connections")
def run_doctor(scope: Scope, identifier: str, *, base_model: str | None = None) -> DoctorReport:
    """Run the backend's read-only checks now, and record them; a check that cannot be made is "unknown".

    Where nothing fails, and the backend says itself that it could train, a pause ends at once. `base_model`: what
    depends on a model is looked at for this one, where the backend can.
    """
    connection = get(scope, identifier)
    checks: Sequence[Check]
    answers = False
    try:
        backend = scope.backends.of(connection)
    except ProviderFailed as error:
        mend = Fix(text=error.fix)
        checks = (Check(id="secrets", title="Secrets", status=CheckStatus.FAIL, detail=error.message, fix=mend),)
    else:
        scope.release()
        checks = _checked(backend, base_model)
        answers = connection.paused_reason is not None and _could_train(backend)
    report = DoctorReport(checked_at=scope.now(), checks=tuple(checks))
    tx = scope.write
    store.save(tx, replace(get(scope, identifier), doctor=report))
    if answers and report.healthy:
        _go_on(scope, identifier)
    return report


def _go_on(scope: Scope, identifier: str) -> None:
    """End a pause, if there is one, and let those look who wait."""
    store.lift(scope.write, identifier)
    waiting.wake(scope.write, identifier, due_at=scope.due_now())
    scope.nudge()


def _could_train(backend: Backend) -> bool:
    try:
        with provider_errors():
            backend.check()
    except PROVIDER_ERRORS:
        return False
    return True


def _checked(backend: Backend, base_model: str | None) -> Sequence[Check]:
    """Return what the backend's checks say; one of ours where they cannot be made."""
    try:
        with provider_errors():
            return tuple(_checks(backend, base_model))
    except PROVIDER_ERRORS as error:
        fix = Fix(text=error.fix) if error.fix else None
        return (Check(id="reach", title="Backend", status=CheckStatus.UNKNOWN, detail=error.message, fix=fix),)


def _checks(backend: Backend, base_model: str | None) -> Sequence[Check]:
    if base_model is not None and isinstance(backend, ChecksFor):
        return backend.doctor_for(base_model)
    return backend.doctor() if isinstance(backend, Checks) else ()


def _reset(
    scope: Scope,
    connection: Connection,
    settings: Mapping[str, str] | None,
    secrets: Mapping[str, str],
    problems: list[Problem],
) -> Connection:
    kind = scope.backends.kind(connection.backend)
    if kind is None:
        raise Conflict("This connection has no settings to change.", fix="Change its name or its number of places.")
    wanted = connection.settings if settings is None else settings
    kept = _kept(scope, kind, connection, wanted)
    good, given, found_problems = check_fields(kind.fields, {**wanted, **secrets}, kept=frozenset(kept))
    problems += found_problems
    _check_fields(scope, kind, good, problems, but=connection.id)
    if problems:
        return connection
    asked_for = {each.name for each in asked(kind.fields, good)}
    whole = {name: value for name, value in kept.items() if name in asked_for} | given
    return replace(connection, settings=good, sealed=_sealed(scope, connection.id, whole), doctor=None)


def _check_fields(
    scope: Scope, kind: ConnectionKind, settings: Mapping[str, str], problems: list[Problem], *, but: str = ""
) -> None:
    """Add what is wrong with the settings as a whole, where nothing is wrong with the field itself."""
    all_of_them = store.all_of_them(scope.write)
    others = [each.settings for each in all_of_them if each.backend == kind.profile.id and each.id != but]
    flagged = {each.pointer for each in problems}
    with provider_errors():
        whole = kind.problems(settings, others)
    problems += [each for each in whole if each.pointer not in flagged]


def _kept(scope: Scope, kind: ConnectionKind, connection: Connection, wanted: Mapping[str, str]) -> Mapping[str, str]:
    """Return the secrets that stay: none where a value that they were typed for is another one now."""

    def value(field: ConnectionField, settings: Mapping[str, str]) -> str:
        return settings.get(field.name) or field.default

    moved = any(value(each, wanted) != value(each, connection.settings) for each in kind.fields if each.binds_secrets)
    if moved or connection.sealed is None:
        return {}
    try:
        return scope.backends.vault.open(sealed_for(connection.id), connection.sealed)
    except VaultClosed:
        return {}  # they are lost; the checks ask for them again


def _sealed(scope: Scope, identifier: str, secrets: Mapping[str, str]) -> str | None:
    if not secrets:
        return None
    try:
        return scope.backends.vault.seal(sealed_for(identifier), secrets)
    except VaultClosed as error:
        raise Conflict(str(error), fix="See TUNEDESK_SECRET_KEY_FILE in the settings.") from error


def _named(name: object, problems: list[Problem]) -> str:
    try:
        return checked_name(name, "/name", "The connection")
    except Invalid as error:
        problems.extend(error.problems)
        return ""


def _check_slots(slots: int, problems: list[Problem]) -> None:
    if not 1 <= slots <= MAX_SLOTS:
        fix = f"Enter a whole number from 1 to {MAX_SLOTS}."
        problems.append(Problem("/slots", "range", "The number of places is out of range.", fix))

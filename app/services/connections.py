"""Verbs on connections, the doctor among them."""

from collections.abc import Sequence
from dataclasses import replace

from app.domain.backend import BackendError, Checks
from app.domain.connections import LOCAL_ID, REHEARSAL_ID, Check, CheckStatus, Connection, DoctorReport, Fix
from app.domain.errors import Invalid, Problem
from app.services.found import found
from app.services.names import checked_name
from app.services.scope import Scope
from app.store import connections as store

MAX_SLOTS = 64
# Which connections exist from the start: (id, name, backend).
BUILT_IN = ((LOCAL_ID, "This machine", "local"), (REHEARSAL_ID, "Rehearsal", "rehearsal"))


def list_connections(scope: Scope) -> Sequence[Connection]:
    """Return the connections whose backend this installation has."""
    return [each for each in store.everyone(scope.read) if each.backend in scope.backends.names]


def get(scope: Scope, identifier: str) -> Connection:
    return found(store.get(scope.read, identifier), "connection", identifier)


def ensure_built_in(scope: Scope, *, local_slots: int, rehearsal_slots: int = 4) -> None:
    """Make the connections that exist from the start, and bring their number of slots up to the settings."""
    tx = scope.write
    for identifier, name, backend in BUILT_IN:
        if backend not in scope.backends.names:
            continue
        slots = local_slots if identifier == LOCAL_ID else rehearsal_slots
        known = store.get(tx, identifier)
        if known is None:
            made = Connection(id=identifier, name=name, backend=backend, slots=slots, created_at=scope.now())
            store.add(tx, made)
        elif known.slots != slots:
            store.save(tx, replace(known, slots=slots))


def update(scope: Scope, identifier: str, *, name: object = None, slots: int | None = None) -> Connection:
    """Change a connection's name or how much it does at once; lifts a pause."""
    tx = scope.write
    connection = get(scope, identifier)
    if name is not None:
        connection = replace(connection, name=checked_name(name, "/name", "The connection"))
    if slots is not None:
        if not 1 <= slots <= MAX_SLOTS:
            fix = f"Enter a whole number from 1 to {MAX_SLOTS}."
            raise Invalid([Problem("/slots", "range", "The number of places is out of range.", fix)])
        connection = replace(connection, slots=slots)
    connection = replace(connection, paused_reason=None)
    store.save(tx, connection)
    scope.nudge()
    return connection


def run_doctor(scope: Scope, identifier: str) -> DoctorReport:
    """Run the backend's read-only checks now, and record them; a check that cannot be made is "unknown"."""
    connection = get(scope, identifier)
    backend = scope.backends.of(connection)
    scope.release()
    try:
        checks = tuple(backend.doctor()) if isinstance(backend, Checks) else ()
    except BackendError as error:
        fix = Fix(text=error.fix) if error.fix else None
        checks = (Check(id="reach", title="Backend", status=CheckStatus.UNKNOWN, detail=error.detail, fix=fix),)
    report = DoctorReport(checked_at=scope.now(), checks=checks)
    tx = scope.write
    store.save(tx, replace(get(scope, identifier), doctor=report))
    return report

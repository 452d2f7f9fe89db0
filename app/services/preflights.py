"""Verbs on the look before a training: begun while nobody waits, seen by the review, and asked again at submit."""

from collections.abc import Mapping
from threading import Lock, Thread
from typing import Any

from app.domain.backend_abilities import LooksAhead
from app.domain.drafts import Checked, step_of
from app.domain.errors import DomainError, Invalid, Problem
from app.domain.estimates import Notice
from app.domain.jobs import ValidationKind
from app.domain.preflight import Preflight, PreflightFinding, PreflightRequest, PreflightSeverity, PreflightStatus
from app.services import datasets, specs, verbs
from app.services.provider_errors import PROVIDER_ERRORS
from app.services.scope import Scope

_FIX = "Submit the job: its backend says what is wrong."
_ROWS = Preflight(status=PreflightStatus.RUNNING, stage="The rows are being made ready")


class _Conversions:
    """Large files that are being converted to canonical rows, each in a thread of its own."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._under_way: set[str] = set()

    def begin(self, scope: Scope, sha256: str) -> None:
        """Convert a file unless that is under way; a fault of its rows is found again by whoever reads them."""
        with self._lock:
            if sha256 in self._under_way:
                return
            self._under_way.add(sha256)
        Thread(target=self._convert, args=(scope, sha256), name="rows", daemon=True).start()

    def _convert(self, scope: Scope, sha256: str) -> None:
        try:
            datasets.canonical_of(scope, sha256)
        except DomainError:
            pass
        finally:
            with self._lock:
                self._under_way.discard(sha256)


_CONVERSIONS = _Conversions()


@verbs.reads("jobs")
def of_checked(scope: Scope, checked: Checked) -> Preflight | None:
    """Return what is known of a checked job; None where it is not complete, or its backend does not look ahead."""
    request = _request(checked)
    if request is None or checked.connection is None:
        return None
    try:
        backend = scope.backends.opened(checked.connection, LooksAhead)
        if backend is None:
            return None
        with scope.provider_call():
            return backend.observe_preflight(request)
    except PROVIDER_ERRORS as error:
        return Preflight(status=PreflightStatus.FAILED, message=f"{error.message} {error.fix}".strip())


@verbs.reads("jobs")
def look(scope: Scope, checked: Checked) -> Preflight:
    """Return the same where somebody asks for it by name.

    Raises:
        Invalid: while something is missing, with every problem.
        Conflict: where the backend does not look ahead.
    """
    request = _request(checked)
    if request is None or checked.spec is None:
        raise Invalid(checked.problems)
    with scope.ask(checked.spec.connection, LooksAhead, fix=_FIX) as backend:
        return backend.observe_preflight(request)


@verbs.writes("jobs", verbs.Within(parameter="fields"))
def begin(scope: Scope, fields: Mapping[str, Any]) -> Preflight:
    """Begin to look at what these fields describe, and return how far that is; asking again is how to follow it.

    Raises:
        Invalid: with every problem of the fields.
        Conflict: where the backend does not look ahead.
    """
    return begin_checked(scope, specs.check(scope, fields))


@verbs.writes("jobs", verbs.LATER)
def begin_checked(scope: Scope, checked: Checked) -> Preflight:
    """Do the same for fields that have been checked.

    Raises:
        Invalid, Conflict: as `begin`.
    """
    request = _request(checked)
    if request is None or checked.spec is None:
        raise Invalid(checked.problems)
    with scope.ask(checked.spec.connection, LooksAhead, fix=_FIX) as asked:
        known = asked.observe_preflight(request)
    if known.status not in {PreflightStatus.ABSENT, PreflightStatus.FAILED}:
        return known
    hashes = [request.training, *([request.validation] if request.validation else [])]
    waiting = [each for each in hashes if _is_slow(scope, each)]
    for each in waiting:
        _CONVERSIONS.begin(scope, each)
    if waiting:
        return _ROWS
    training, *validation = [datasets.canonical_of(scope, each) for each in hashes]
    with scope.ask(checked.spec.connection, LooksAhead) as asked:
        asked.start_preflight(request, training=training, validation=validation[0] if validation else None)
        return asked.observe_preflight(request)


def notices(preflight: Preflight | None, severity: PreflightSeverity) -> list[Notice]:
    """Return its findings of a severity, each with the step where it is mended."""
    found = preflight.findings if preflight is not None else ()
    return [_notice(each) for each in found if each.severity is severity]


@verbs.reads("jobs")
def refuse_blocked(scope: Scope, checked: Checked) -> None:
    """Refuse a job that is known to fail before its first step. What is not known yet, the job finds itself.

    Raises:
        Invalid: with the sentences of all blockers.
    """
    known = of_checked(scope, checked)
    if known is not None and known.blockers:
        raise Invalid([Problem(each.pointer, each.code, each.message, each.fix) for each in known.blockers])


def _request(checked: Checked) -> PreflightRequest | None:
    spec, training = checked.spec, checked.training
    if spec is None or training is None:
        return None
    own = checked.validation if spec.validation.kind is ValidationKind.DATASET else None
    return PreflightRequest(
        base_model=spec.base_model,
        method=spec.method.value,
        training=training.sha256,
        validation=own.sha256 if own is not None else None,
        hyperparameters=spec.hyperparameters,
        options=spec.options,
    )


def _is_slow(scope: Scope, sha256: str) -> bool:
    """Tell whether a file has no canonical rows yet and is too large to make them while somebody waits."""
    made, source = scope.files.rows_path(sha256), scope.files.path(sha256)
    return not made.is_file() and source.is_file() and source.stat().st_size > scope.app_context.at_once_bytes


def _notice(each: PreflightFinding) -> Notice:
    return Notice(step=step_of(each.pointer).value, pointer=each.pointer, message=each.message, fix=each.fix)

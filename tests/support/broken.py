"""A provider whose every further ability raises what no backend may: for what a person is told then."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from app.backends.rehearsal import Fault, FaultKind, RehearsalBackend
from app.backends.rehearsal.backend import PROFILE
from app.domain.backend import ChatChunk, ChatRequest
from app.domain.profiles import Ability
from app.services.scope import Backends
from tests.support.app_context import TestHouse

SECRET = "the-secret-of-somebody"
# What backends can do that the rehearsal cannot, or does not stumble at.
CALLS = (
    "as_base", "asking_charges", "base_name", "begin_sign_in", "catalog_state", "checkpoint_as_base",
    "checkpoint_behind", "choices", "code_targets", "deployment_offer",
    "direct_code", "discard_checkpoints", "discard_upload", "doctor", "end_run", "endpoint_key", "first_batch",
    "hosting_charges", "is_at_work", "log_path", "observe_merge", "origin", "portable_id", "prices", "provision",
    "provisioning", "quotas", "refresh_catalog", "remote_things", "remove_run", "remove_thing", "run", "run_tags",
    "sign_in", "start_merge", "usage_metrics", "weights",
)  # fmt: skip


def _breaks(*_given: object, **_named: object) -> Any:  # noqa: ANN401
    raise KeyError(SECRET)


def _abilities(calls: Sequence[str]) -> list[type[Ability]]:
    """Return the abilities that the rehearsal has not got, and that these calls are the whole of."""
    lacking = [each for each in Ability.__subclasses__() if not issubclass(RehearsalBackend, each)]
    return [each for each in lacking if each.__abstractmethods__ and each.__abstractmethods__ <= set(calls)]


def breaking(*calls: str) -> type[RehearsalBackend]:
    """Return a rehearsal that has these calls, all of which raise KeyError."""
    broken: dict[str, Callable[..., Any]] = dict.fromkeys(calls, _breaks)
    return type(
        "Breaking",
        (RehearsalBackend, *_abilities(calls)),
        broken | {"profile": replace(PROFILE, bills="prices" in calls)},
    )


class BreaksOff(RehearsalBackend):
    """A rehearsal that says one word of an answer, and then breaks off."""

    def chat(self, tag: str, request: ChatRequest) -> Iterator[ChatChunk]:
        """Begin to answer."""
        yield ChatChunk(text=f"{tag[:3]}:{len(request.messages)}")
        raise KeyError(SECRET)


@contextmanager
def replaced(app_context: TestHouse, kind: type[RehearsalBackend]) -> Iterator[None]:
    """Put another rehearsal in the place of the house's, on the same ledger, for as long as the block lasts."""
    usual, scopes = app_context.backend, app_context.scopes
    other = kind(usual.folder, clock=app_context.clock, script=usual.script)
    scopes.app_context = replace(app_context.app_context, backends=Backends([other]))
    try:
        yield
    finally:
        scopes.app_context = app_context.app_context


@contextmanager
def stumbling(app_context: TestHouse, call: str, kind: FaultKind = FaultKind.WRONG_SHAPE) -> Iterator[None]:
    """Let the house's rehearsal go wrong at each call of a name, for as long as the block lasts."""
    usual = app_context.backend.script
    app_context.backend.script = replace(usual, faults=(Fault(call=call, kind=kind, times=None),))
    try:
        yield
    finally:
        app_context.backend.script = usual

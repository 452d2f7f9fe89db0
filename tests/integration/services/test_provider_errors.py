"""What a person is told when a backend raises what no backend may: its kind, where to look, and what to do."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from app.backends.azure_foundry.account.steps import CREATIONS, STEPS
from app.backends.rehearsal import Died, FaultKind
from app.backends.rehearsal.faults import FOREIGN
from app.domain.backend import Backend, ChatRequest, Unavailable
from app.domain.connection_kinds import ConnectionKind
from app.domain.connections import CheckStatus, Connection
from app.domain.deployments import DeploymentStatus
from app.domain.drafts import Step
from app.domain.errors import Conflict, DomainError, ProviderFailed, StorageFull
from app.domain.profiles import BackendProfile
from app.domain.sign_in import SignInStatus
from app.kit.request_ids import REQUEST_ID
from app.services import (
    capsules,
    catalog,
    checkpoints,
    code,
    connections,
    deployments,
    discovery,
    drafts,
    engine_health,
    estimates,
    job_logs,
    jobs,
    lifecycle,
    merging,
    models,
    orphan_runs,
    orphans,
    prices,
    retention,
    sign_in,
)
from app.services.provider_errors import provider_errors
from app.services.scope import Backends, Scope
from app.store import models as model_store
from tests.support.app_context import MODEL
from tests.support.broken import CALLS, SECRET, BreaksOff, breaking, replaced, stumbling
from tests.support.connections import REHEARSAL_ID
from tests.support.rehearsed import Rehearsed

QUESTION = ChatRequest(messages=({"role": "user", "content": "Is it so?"},), temperature=0.0, max_tokens=20)
VALUES = {
    "subscription": "00000000-0000-0000-0000-000000000001",
    "resource_group": "group",
    "name": "name",
    "hub": "hub",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A house in which a model has been trained and is served."""

    app_context: Rehearsed
    job: str
    model: str
    deployment: str
    fields: dict[str, Any]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    app_context = Rehearsed(tmp_path_factory.mktemp("made"), train_s=3.0)
    job = app_context.until(app_context.job().id)
    assert job.fine_tuned_model is not None
    with app_context.open() as scope:
        served = deployments.create(scope, target={"model": job.fine_tuned_model}, expires_after_idle_s=0).id
        model_store.save(scope.write, replace(models.get(scope, job.fine_tuned_model), adapter="lora"))
    for _ in range(60):
        app_context.tick()
    assert app_context.deployment(served).status is DeploymentStatus.READY
    yield Made(
        app_context=app_context,
        job=job.id,
        model=job.fine_tuned_model,
        deployment=served,
        fields=jobs.fields_of(job.spec),
    )
    app_context.close()


def reported(made: Made, ask: Callable[[Scope, Made], object], caplog: pytest.LogCaptureFixture) -> DomainError:
    """Return what somebody is told; the log must have the whole of it, and the sentence none of its words."""
    with caplog.at_level(logging.ERROR), made.app_context.open() as scope, pytest.raises(DomainError) as caught:
        ask(scope, made)
    error = caught.value
    assert SECRET not in error.message + error.fix
    assert "Rehearsal" not in error.message + error.fix
    return error


def answer(scope: Scope, made: Made) -> list[str]:
    return [each.text for each in deployments.chat(scope, made.app_context.scopes, made.deployment, QUESTION).chunks]


def first_step(scope: Scope, made: Made) -> int:
    return checkpoints.of_job(scope, made.job)[0].step


STUMBLED: dict[str, Callable[[Scope, Made], object]] = {
    "base_model": lambda scope, _: catalog.model(scope, REHEARSAL_ID, MODEL),
    "code": lambda scope, made: code.of_job(scope, made.job, "json", base_url="http://here"),
    "model_files": lambda scope, made: models.files(scope, made.model),
    "model_from_checkpoint": lambda scope, made: checkpoints.make_model(scope, made.job, first_step(scope, made)),
    "chat": answer,
}
BROKEN: dict[str, Callable[[Scope, Made], object]] = {
    "as_base": lambda scope, made: drafts.of_model(scope, made.model),
    "begin_sign_in": lambda scope, _: sign_in.begin(scope, REHEARSAL_ID),
    "discard_checkpoints": lambda scope, made: retention.discard(scope, made.job),
    "endpoint_key": lambda scope, made: deployments.show_key(scope, made.deployment),
    "first_batch": lambda scope, made: jobs.first_batch(scope, made.job),
    "log_path": lambda scope, made: job_logs.log_path(scope, made.job),
    "choices": lambda scope, _: discovery.choices(scope, REHEARSAL_ID, STEPS[:1], {}),
    "provision": lambda scope, _: discovery.make(scope, REHEARSAL_ID, CREATIONS[0], STEPS, VALUES),
    "provisioning": lambda scope, _: discovery.making(scope, REHEARSAL_ID, CREATIONS[0], STEPS, VALUES),
    "measured": lambda scope, made: deployments.measured(scope, made.deployment, over=timedelta(hours=1)),
    "observe_merge": lambda scope, made: merging.look(scope, made.model),
    "origin": lambda scope, made: capsules.of_job(scope, made.job),
    "prices": lambda scope, _: prices.lists(scope),
    "quotas": lambda scope, _: prices.quotas(scope, REHEARSAL_ID),
    "refresh_catalog": lambda scope, _: catalog.refresh(scope, REHEARSAL_ID),
    "remote_things": lambda scope, _: orphans.report(scope, REHEARSAL_ID),
    "run_tags": lambda scope, _: orphan_runs.clear(scope, "job_1"),
}


@pytest.mark.parametrize("call", STUMBLED)
@pytest.mark.parametrize("kind", [kind for kind in FOREIGN if kind is not FaultKind.DISK_FULL])
def test_what_no_backend_may_raise_is_reported_as_one_sentence(
    made: Made, caplog: pytest.LogCaptureFixture, call: str, kind: FaultKind
) -> None:
    with stumbling(made.app_context, call, kind):
        error = reported(made, STUMBLED[call], caplog)
    assert isinstance(error, ProviderFailed)
    assert type(FOREIGN[kind]).__name__ in error.message
    assert "server's log" in error.message
    assert "Try again" in error.fix
    assert any(record.exc_info and record.exc_info[1] is error.__cause__ for record in caplog.records)


@pytest.mark.parametrize("call", STUMBLED)
def test_a_full_disk_stays_a_full_disk(made: Made, caplog: pytest.LogCaptureFixture, call: str) -> None:
    with stumbling(made.app_context, call, FaultKind.DISK_FULL):
        error = reported(made, STUMBLED[call], caplog)
    assert isinstance(error, StorageFull)
    assert "Free some space" in error.fix


@pytest.mark.parametrize("call", BROKEN)
def test_every_further_ability_is_asked_as_carefully(made: Made, caplog: pytest.LogCaptureFixture, call: str) -> None:
    # An ability is recognised by all of its calls. Prices break only where they are meant: everything asks for them.
    with replaced(made.app_context, breaking(*(each for each in CALLS if each != "prices"), call)):
        error = reported(made, BROKEN[call], caplog)
    assert isinstance(error, ProviderFailed)
    assert "(KeyError)" in error.message


def test_a_backends_own_error_keeps_its_words(made: Made) -> None:
    with stumbling(made.app_context, "code", FaultKind.UNAVAILABLE), made.app_context.open() as scope:
        with pytest.raises(ProviderFailed, match="Rehearsal: unavailable") as caught:
            STUMBLED["code"](scope, made)
        assert isinstance(caught.value.__cause__, Unavailable)


def test_domain_errors_and_deaths_pass(caplog: pytest.LogCaptureFixture) -> None:
    for error in (Conflict("It is so.", fix="Wait."), Died("code"), KeyboardInterrupt()):
        with pytest.raises(type(error)) as caught, provider_errors():
            raise error
        assert caught.value is error
    assert not caplog.records


def test_the_sentence_names_the_request_under_which_the_log_has_it(caplog: pytest.LogCaptureFixture) -> None:
    before = REQUEST_ID.set("req_of_today")
    try:
        with pytest.raises(ProviderFailed, match="whole under req_of_today"), provider_errors():
            raise TypeError(SECRET)
    finally:
        REQUEST_ID.reset(before)
    assert "req_of_today: a backend raised TypeError" in caplog.text
    assert "Traceback" in caplog.text


def test_an_answer_that_breaks_off_is_reported_and_counted_as_a_failure(made: Made) -> None:
    before = made.app_context.deployment(made.deployment).usage
    with replaced(made.app_context, BreaksOff), made.app_context.open() as scope:
        chunks = deployments.chat(scope, made.app_context.scopes, made.deployment, QUESTION).chunks
        assert next(chunks).text == "dep:1"
        with pytest.raises(ProviderFailed, match="KeyError"):
            next(chunks)
    after = made.app_context.deployment(made.deployment).usage
    assert (after.requests, after.errors) == (before.requests + 1, before.errors + 1)


def test_a_backend_that_cannot_be_made_is_reported() -> None:
    def unwilling(*_given: object, **_named: object) -> None:
        raise AttributeError(SECRET)

    backends = Backends(
        [],
        kinds=[
            cast(
                "ConnectionKind",
                SimpleNamespace(profile=BackendProfile(id="odd", title="Odd", bills=True), open=unwilling),
            )
        ],
    )
    where = Connection(id="con_odd", name="Odd", backend="odd", created_at=datetime(2026, 11, 25, tzinfo=UTC))
    with pytest.raises(ProviderFailed, match="AttributeError"):
        backends.of(where)
    assert backends.opened(where, Backend) is None


def test_pages_show_what_there_is_when_the_models_cannot_be_listed(made: Made) -> None:
    with stumbling(made.app_context, "base_models"), made.app_context.open() as scope:
        assert list(catalog.search(scope)) == []
    with replaced(made.app_context, breaking(*CALLS, "base_models")), made.app_context.open() as scope:
        assert list(lifecycle.endings(scope)) == []


def test_an_estimate_and_a_log_say_that_they_cannot_be_had(made: Made) -> None:
    with stumbling(made.app_context, "estimate"), made.app_context.open() as scope:
        assert "(KeyError)" in estimates.estimate(scope, made.fields).basis
    with stumbling(made.app_context, "log"), made.app_context.open() as scope:
        assert "cannot be read now: The backend failed" in job_logs.log(scope, made.job)[0]


def test_a_draft_stays_open_and_says_at_its_base_model_what_failed(made: Made) -> None:
    with made.app_context.open() as scope:
        draft = drafts.create(scope, made.fields).id
    with stumbling(made.app_context, "base_model"), made.app_context.open() as scope:
        review = drafts.review(scope, draft)
    said = [(each.pointer, each.code) for each in review.problems[Step.MODEL]]
    assert said == [("/base_model", "provider_failed")]
    assert not review.complete


def test_what_stands_beside_something_else_does_not_take_it_along(made: Made) -> None:
    with replaced(made.app_context, breaking(*CALLS)), made.app_context.open() as scope:
        served, where = deployments.get(scope, made.deployment), connections.get(scope, REHEARSAL_ID)
        assert catalog.BaseNames(scope)(REHEARSAL_ID, MODEL) == MODEL
        assert list(catalog.search(scope)) == [], "without its prices a model would look as if it were free"
        assert deployments.direct_code(scope, served) == {}
        assert code.targets(scope, jobs.get(scope, made.job).spec) == {"curl": "REST (curl)"}
        offer, signed_in = deployments.offer(scope, served.target), sign_in.state(scope, where)
        assert offer is not None
        assert signed_in is not None
        assert signed_in.status is SignInStatus.FAILED
        said = [offer.refused, signed_in.message, engine_health.health(scope).orphan_runs_problem]
        said += [each.state.problem for each in catalog.freshness(scope)]
        assert len(said) == 4
        assert all("(KeyError)" in each and SECRET not in each for each in said)


def test_checks_that_break_are_unknown_and_say_why(made: Made) -> None:
    with replaced(made.app_context, breaking("doctor")), made.app_context.open() as scope:
        checks = connections.run_doctor(scope, REHEARSAL_ID).checks
    assert [(each.id, each.status) for each in checks] == [("reach", CheckStatus.UNKNOWN)]
    assert "(KeyError)" in checks[0].detail

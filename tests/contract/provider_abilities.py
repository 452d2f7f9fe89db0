"""Abilities that only a provider has, as tests; see `tests.contract.abilities`."""

import hashlib
import re
from datetime import timedelta
from functools import partial

import pytest

from app.domain.adoption import Adopts
from app.domain.backend import (
    BackendError,
    Checks,
    Deploys,
    Estimates,
    Evaluates,
    EvaluationRequest,
    JobObservation,
    NotFound,
    Unsupported,
)
from app.domain.backend_abilities import (
    ChecksFor,
    Identifies,
    LooksAhead,
    MendsEnds,
    NamesCandidates,
    OffersCheckpoints,
    Pauses,
    TellsHistory,
)
from app.domain.catalog import LifecycleStatus, LooksUpModels
from app.domain.discovery import Discovers, ProvisioningStatus, Provisions
from app.domain.hyperparameters import check_values
from app.domain.jobs import JobSpec, JobStatus
from app.domain.preflight import PreflightRequest, PreflightSeverity, PreflightStatus
from app.domain.prices import Prices, Quotas
from app.domain.serving import (
    AnswersDirectly,
    EvaluatesByChat,
    FindsOrphans,
    ForgetsUploads,
    OffersDeployments,
    ReportsUsage,
)
from app.domain.sign_in import SignInStatus, SignsIn
from tests.contract.abilities import AbilitiesContract
from tests.contract.bench import Bench, ability, covers, job_over
from tests.support.waiting import until


class ProviderAbilitiesContract(AbilitiesContract):
    """What holds for every backend that has the ability at all."""

    @covers(Checks, ChecksFor)
    def test_the_doctor_for_a_model_makes_every_check_that_it_makes_anyway(self, bench: Bench) -> None:
        usual = {check.id for check in ability(bench.backend, Checks).doctor()}
        backend = ability(bench.backend, ChecksFor)
        for model in (None, bench.base_model):
            ids = [check.id for check in backend.doctor_for(model)]
            assert usual <= set(ids)
            assert len(ids) == len(set(ids))

    @covers(Pauses)
    def test_what_is_paused_stands_still_and_goes_on(self, bench: Bench) -> None:
        job = bench.backend.submit(bench.request("job-pause"))

        def look() -> JobObservation:
            return bench.backend.observe(job, since=None)

        bench.until(look, lambda seen: seen.status is JobStatus.RUNNING and bool(seen.metrics))
        for backend in (bench.backend, bench.reopen()):
            ability(backend, Pauses).pause(job)
        still = bench.until(look, lambda seen: seen.status is JobStatus.PAUSED)
        assert still.raw_status
        for _ in range(40):
            bench.pass_time()
        assert look().progress == still.progress
        assert look().status is JobStatus.PAUSED
        for backend in (bench.backend, bench.reopen()):
            ability(backend, Pauses).unpause(job)
        assert bench.until(look, job_over).status is JobStatus.SUCCEEDED

    @covers(Pauses)
    def test_what_is_paused_can_be_cancelled(self, bench: Bench) -> None:
        job = bench.backend.submit(bench.request("job-pause-cancel"))

        def look() -> JobObservation:
            return bench.backend.observe(job, since=None)

        bench.until(look, lambda seen: seen.status is JobStatus.RUNNING and bool(seen.metrics))
        ability(bench.backend, Pauses).pause(job)
        bench.until(look, lambda seen: seen.status is JobStatus.PAUSED)
        bench.backend.cancel(job)
        assert bench.until(look, job_over).status is JobStatus.CANCELLED

    @covers(LooksUpModels)
    def test_a_catalog_is_looked_up_in_the_background_and_is_never_empty_meanwhile(self, bench: Bench) -> None:
        backend = ability(bench.backend, LooksUpModels)
        assert backend.catalog_state().fetched_at is None
        for _ in range(2):
            backend.refresh_catalog()
        assert bench.backend.base_models()
        until(lambda: not backend.catalog_state().refreshing, doing="the look-up")
        state = backend.catalog_state()
        assert state.fetched_at is not None or state.problem
        assert bench.backend.base_model(bench.base_model).id == bench.base_model

    @covers(Discovers)
    def test_each_step_lists_what_the_next_one_looks_into(self, bench: Bench) -> None:
        backend, chosen = ability(bench.backend, Discovers), dict[str, str]()
        for step in bench.steps:
            found = backend.choices(step.name, dict(chosen))
            assert found, step.name
            assert all(isinstance(each.item, step.item) and each.title for each in found)
            chosen[step.name] = next(each.value for each in found if each.usable)
            assert step.field.pattern == "" or re.fullmatch(step.field.pattern, chosen[step.name])
        with pytest.raises(NotFound):
            backend.choices("no-such-step", chosen)

    @covers(Provisions)
    def test_what_is_made_is_made_once_and_followed(self, bench: Bench) -> None:
        bench.grant()
        backend, finds = ability(bench.backend, Provisions), ability(bench.backend, Discovers)
        chosen = dict[str, str]()
        for step in bench.steps[:-1]:
            chosen[step.name] = finds.choices(step.name, dict(chosen))[0].value
        last = bench.steps[-1].name
        within = {each.kind: each.value for each in finds.choices(last, dict(chosen))}
        for creation in bench.creations:
            values = {field.name: field.placeholder for field in creation.fields} | chosen
            values |= {field: within[kind] for field, kind in creation.picks.items()}
            values[last] = f"made-{creation.name}"
            assert backend.provisioning(creation.name, values).status is ProvisioningStatus.ABSENT
            for _ in range(2):
                backend.provision(creation.name, values)
            look = partial(backend.provisioning, creation.name, values)
            made = bench.until(look, lambda seen: seen.status is not ProvisioningStatus.CREATING)
            assert (made.name, made.kind, made.status) == (values[last], creation.name, ProvisioningStatus.READY)
        listed = [each.value for each in finds.choices(last, dict(chosen))]
        assert [listed.count(f"made-{each.name}") for each in bench.creations] == [1] * len(bench.creations)

    @covers(OffersDeployments)
    def test_an_offers_defaults_fit_its_options(self, bench: Bench) -> None:
        backend = ability(bench.backend, OffersDeployments)
        for model in bench.backend.base_models():
            for tuned in (False, True):
                offer = backend.deployment_offer(model.id, tuned=tuned)
                defaults = {spec.name: spec.default for spec in offer.options}
                assert check_values(offer.options, defaults, "")[1] == []

    @covers(Deploys, AnswersDirectly, ReportsUsage)
    def test_a_deployment_has_a_key_that_no_code_shows_and_its_use_is_counted_or_the_reason_given(
        self, bench: Bench
    ) -> None:
        deployed = self.deployed(bench, "dep-direct")
        try:
            backend = ability(bench.backend, AnswersDirectly)
            endpoint, key = deployed.observe_deployment("dep-direct").endpoint, backend.endpoint_key("dep-direct")
            assert endpoint
            code = backend.direct_code(endpoint)
            assert {"curl", "python"} <= code.keys()
            assert all(endpoint.rstrip("/") in text and key not in text for text in code.values())
            seen = ability(bench.backend, ReportsUsage).usage_metrics("dep-direct", over=timedelta(hours=1))
            assert seen.since.tzinfo is not None
            for name in ("requests", "errors", "latency_ms_p50", "latency_ms_p95"):
                assert getattr(seen, name) is not None or seen.missing.get(name), name
        finally:
            deployed.undeploy("dep-direct")

    @covers(FindsOrphans)
    def test_what_was_made_carries_our_mark_and_can_be_removed_twice(self, bench: Bench) -> None:
        backend = ability(bench.backend, FindsOrphans)
        job, _seen = bench.finished("job-mark")
        file = bench.backend.upload(bench.training_rows, tag="file-mark")
        ours = [each for each in backend.remote_things() if each.ours]
        assert len({each.key for each in ours}) == len(ours)
        assert [each.tag for each in ours if each.name == job.id] == ["job-mark"]
        (rows,) = [each for each in ours if each.name == file.id]
        for _ in range(2):
            assert backend.remove_thing(rows.kind, rows.name)
        assert rows.key not in {each.key for each in backend.remote_things()}
        with pytest.raises(BackendError):
            backend.remove_thing("no-such-kind", "x")

    @covers(ForgetsUploads)
    def test_rows_are_forgotten_also_twice_and_also_what_was_never_sent(self, bench: Bench) -> None:
        backend = ability(bench.backend, ForgetsUploads)
        file = bench.backend.upload(bench.training_rows, tag="file-forget")
        bench.until(lambda: bench.backend.file(file), lambda seen: seen.ready)
        for path in (bench.training_rows, bench.training_rows, bench.validation_rows):
            assert backend.discard_upload(path)

    @covers(Evaluates, EvaluatesByChat)
    def test_an_evaluation_without_a_deployment_is_refused(self, bench: Bench) -> None:
        request = EvaluationRequest(
            tag="evl-alone", base_model=bench.base_model, model=None, rows=bench.validation_rows
        )
        with pytest.raises(BackendError):
            ability(bench.backend, Evaluates).start_evaluation(request)

    @covers(Prices, Estimates)
    def test_whatever_is_charged_has_a_price_of_its_name(self, bench: Bench) -> None:
        backend = ability(bench.backend, Prices)
        ids = [price.id for price in backend.prices()]
        assert ids
        assert len(ids) == len(set(ids))
        sold = [each for each in bench.backend.base_models() if each.lifecycle.status != LifecycleStatus.RETIRED]
        for model in sold:
            spec = JobSpec(
                project="prj_1", connection="con_1", base_model=model.id, name="contract", training_dataset="ds_1"
            )
            asked = ability(bench.backend, Estimates).estimate(
                spec, rows=100, tokens=5000, validation_rows=10, longest=80
            )
            answered = backend.asking_charges(model.id, rows=10, tokens=100) or ()
            hosted = [backend.hosting_charges(model.id, tuned=tuned, options={}) for tuned in (False, True)]
            for charge in (*asked.charges, *answered, *hosted[0], *hosted[1]):
                assert charge.price in ids
                assert charge.low <= charge.expected <= charge.high

    @covers(TellsHistory)
    def test_what_was_trained_comes_with_its_rows_curves_and_answers(self, bench: Bench) -> None:
        backend = ability(bench.backend, TellsHistory)
        jobs = [bench.finished(f"job-past-{number}") for number in range(2)]
        page = backend.past_jobs(None)
        listed = list(page.jobs)
        while page.after is not None:
            page = backend.past_jobs(page.after)
            listed += page.jobs
        made = [each.id for each in listed if each.id in {job.id for job, _seen in jobs}]
        assert made == [job.id for job, _seen in reversed(jobs)], "the newest first, each once"
        newest = next(each for each in listed if each.id == jobs[-1][0].id)
        assert newest.model == jobs[-1][1].fine_tuned_model
        assert backend.past_file(newest.training_file).startswith(b'{"messages"')
        curves = backend.past_curves(newest.id)
        assert curves
        assert len({(each.name, each.step) for each in curves}) == len(curves)

    @covers(Adopts)
    def test_what_is_on_the_account_is_shown_read_and_removed_by_nothing_but_its_removal(self, bench: Bench) -> None:
        backend = ability(bench.backend, Adopts)
        job, _seen = bench.finished("job-account")
        file = bench.backend.upload(bench.training_rows, tag="file-account")
        shown = backend.account()
        (made,) = [each for each in shown.jobs if each.id == job.id]
        (sent,) = [each for each in shown.files if each.id == file.id]
        assert (made.tag, sent.tag) == ("job-account", "file-account"), "what is ours is known as ours"
        assert made.job.base_model == bench.base_model
        assert made.job.training_file in {each.id for each in shown.files}
        for found in (backend, ability(bench.reopen(), Adopts)):
            assert found.account_job(job.id) == made
            assert found.account_file(file.id).name == sent.name
            assert found.account_rows(file.id).count(b"\n") == len(bench.training_rows.read_bytes().splitlines())
        for name in ("no-such-thing", job.id, file.id):
            with pytest.raises(NotFound):
                (backend.account_file if name == job.id else backend.account_job)(name)
        for _ in range(2):
            backend.remove_account_file(file.id)
        after = backend.account()
        assert file.id not in {each.id for each in after.files}
        assert len(after.files) == len(shown.files) - 1
        assert [each.id for each in after.jobs] == [each.id for each in shown.jobs]
        with pytest.raises(NotFound):
            backend.account_rows(file.id)

    @covers(OffersCheckpoints)
    def test_a_checkpoint_is_a_model_of_its_own(self, bench: Bench) -> None:
        backend = ability(bench.backend, OffersCheckpoints)
        job, seen = bench.finished("job-checkpoint")
        kept = [each for each in seen.checkpoints if each.present]
        for each in kept[:2]:
            name = backend.model_from_checkpoint(job, each.remote_id)
            assert ability(bench.reopen(), OffersCheckpoints).model_from_checkpoint(job, each.remote_id) == name
            assert name != seen.fine_tuned_model
        assert backend.checkpoints_stay() in {True, False}
        with pytest.raises(BackendError):
            backend.model_from_checkpoint(job, "no-such-checkpoint")

    @covers(Quotas)
    def test_limits_have_names_of_their_own_and_shares_between_0_and_1(self, bench: Bench) -> None:
        report = ability(bench.backend, Quotas).quotas()
        ids = [each.id for each in report.quotas]
        assert ids or report.missing
        assert len(ids) == len(set(ids))
        assert all(each.share is None or 0 <= each.share <= 1 for each in report.quotas)

    @covers(SignsIn)
    def test_who_signs_in_by_itself_gives_no_code(self, bench: Bench) -> None:
        backend = ability(bench.backend, SignsIn)
        state = backend.sign_in()
        if state is None:
            with pytest.raises(Unsupported):
                backend.begin_sign_in()
        else:
            assert backend.begin_sign_in().status in {SignInStatus.WAITING, SignInStatus.SIGNED_IN}

    @covers(MendsEnds)
    def test_a_model_without_a_fault_is_left_alone(self, bench: Bench) -> None:
        _job, seen = bench.finished("job-ends")
        assert seen.fine_tuned_model is not None
        backend = ability(bench.backend, MendsEnds)
        assert not backend.ends(seen.fine_tuned_model).wrong
        with pytest.raises(BackendError):
            backend.mend_ends(seen.fine_tuned_model)

    @covers(Identifies)
    def test_a_model_is_the_same_to_whoever_looks(self, bench: Bench) -> None:
        _job, seen = bench.finished("job-identity")
        for model in (None, seen.fine_tuned_model):
            found = ability(bench.backend, Identifies).identity(bench.base_model, model)
            assert ability(bench.reopen(), Identifies).identity(bench.base_model, model) == found
            assert found is None or re.fullmatch("[0-9a-f]{64}", found.model)

    @covers(LooksAhead)
    def test_looking_ahead_once_is_enough_and_good_rows_have_no_blocker(self, bench: Bench) -> None:
        wanted = bench.request("job-ahead")
        asked = PreflightRequest(
            base_model=wanted.base_model,
            method=wanted.method,
            training=hashlib.sha256(bench.training_rows.read_bytes()).hexdigest(),
            hyperparameters=wanted.hyperparameters,
            options=wanted.options,
        )
        assert ability(bench.backend, LooksAhead).observe_preflight(asked).status is PreflightStatus.ABSENT
        for backend in (bench.backend, bench.reopen()):
            ability(backend, LooksAhead).start_preflight(asked, training=bench.training_rows, validation=None)
        begun = {PreflightStatus.ABSENT, PreflightStatus.RUNNING}
        seen = bench.until(
            lambda: ability(bench.backend, LooksAhead).observe_preflight(asked), lambda seen: seen.status not in begun
        )
        assert seen.status is PreflightStatus.DONE or seen.message
        assert [each for each in seen.findings if each.severity is PreflightSeverity.BLOCKER] == []
        assert ability(bench.reopen(), LooksAhead).observe_preflight(asked) == seen

    @covers(NamesCandidates)
    def test_candidates_of_a_training_that_ended_stay_the_same(self, bench: Bench) -> None:
        job, seen = bench.finished("job-candidates")
        first, second = (
            ability(backend, NamesCandidates).model_candidates(job) for backend in (bench.backend, bench.reopen())
        )
        assert list(first) == list(second)
        assert seen.fine_tuned_model is None or seen.fine_tuned_model in {each.name for each in first}

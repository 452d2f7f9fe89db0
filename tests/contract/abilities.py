"""The further abilities of a backend, as tests: subclass `AbilitiesContract`, name the `backend` and give it a `bench`.

Each test says which abilities it `covers`; those that a backend lacks are skipped, and say so. Abilities that only make
sense at a provider stand in `tests.contract.provider_abilities`, the rules of training in `tests.contract.suite`.
"""

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from app.domain.backend import (
    BackendError,
    ChatRequest,
    Chats,
    Checks,
    Completes,
    CompletionRequest,
    DeploymentObservation,
    DeploymentRequest,
    Deploys,
    Estimates,
    Evaluates,
    EvaluationObservation,
    EvaluationRequest,
    KeepsLogs,
    KeepsWeights,
    NotFound,
    RemoteJob,
    Resumes,
    ShowsCode,
)
from app.domain.backend_abilities import (
    ContinuesTuned,
    DiscardsCheckpoints,
    KnownJob,
    MergesAdapters,
    MergeStatus,
    NamesBases,
    OffersCheckpoints,
    PollsInBatch,
    ShowsFirstBatch,
    StopsEarly,
    TellsOrigin,
)
from app.domain.deployments import DeploymentStatus
from app.domain.evaluations import EvaluationStatus
from app.domain.hyperparameters import check_values
from app.domain.jobs import JobSpec, JobStatus
from app.domain.metrics import TRAIN_LOSS
from app.domain.runs import ListsRuns
from app.domain.serving import EvaluatesByChat
from tests.contract.bench import AbilityContract, Bench, ability, covers, gone, job_over

RUN = "job_01jd3x8z4pex5vsknk084sn02q"  # a folder is one of ours by its name


class AbilitiesContract(AbilityContract):
    """What holds for every backend that has the ability at all."""

    def test_it_could_train_now(self, bench: Bench) -> None:
        bench.backend.check()

    def test_the_hyperparameters_defaults_and_presets_fit_the_hyperparameters(self, bench: Bench) -> None:
        for model in bench.backend.base_models():
            assert bench.backend.base_model(model.id).id == model.id
            defaults = {spec.name: spec.default for spec in model.hyperparameters}
            assert check_values(model.hyperparameters, defaults, "")[1] == []
            for preset in model.presets:
                assert check_values(model.hyperparameters, preset.values, "")[1] == []
            assert {"n_epochs", "batch_size"} <= defaults.keys()
            assert all(spec.help and spec.label for spec in model.hyperparameters)

    def test_a_cursor_leaves_out_what_was_reported_and_loses_nothing(self, bench: Bench) -> None:
        job = bench.backend.submit(bench.request("job-cursor"))
        reported: dict[tuple[str, int], float] = {}
        cursor: str | None = None
        while True:
            seen = bench.backend.observe(job, since=cursor)
            reported |= {(metric.name, metric.step): metric.value for metric in seen.metrics}
            cursor = seen.cursor or cursor
            if seen.status.is_final:
                break
            bench.pass_time()
        whole = bench.reopen().observe(job, since=None)
        assert reported == {(metric.name, metric.step): metric.value for metric in whole.metrics}
        assert min(step for name, step in reported if name == TRAIN_LOSS) >= 1
        assert not bench.backend.observe(job, since=cursor).metrics

    def test_events_and_checkpoints_keep_their_names(self, bench: Bench) -> None:
        job = bench.backend.submit(bench.request("job-events"))
        bench.until(lambda: bench.backend.observe(job, since=None), job_over)
        first, second = bench.backend.observe(job, since=None), bench.reopen().observe(job, since=None)
        assert [event.id for event in second.events] == [event.id for event in first.events]
        assert all(event.at.tzinfo is not None and event.message for event in first.events)
        assert [each.step for each in first.checkpoints] == [each.step for each in second.checkpoints]
        assert sum(each.best for each in first.checkpoints) <= 1

    @covers(KeepsLogs)
    def test_the_log_can_be_read_and_fetched(self, bench: Bench) -> None:
        backend = ability(bench.backend, KeepsLogs)
        job = bench.backend.submit(bench.request("job-log"))
        bench.until(lambda: bench.backend.observe(job, since=None), job_over)
        assert 0 < len(backend.log(job, lines=3)) <= 3
        path = backend.log_path(job)
        assert path is not None
        assert path.is_file()

    @covers(KeepsWeights)
    def test_the_models_files_can_be_fetched(self, bench: Bench) -> None:
        backend = ability(bench.backend, KeepsWeights)
        job = bench.backend.submit(bench.request("job-files"))
        seen = bench.until(lambda: bench.backend.observe(job, since=None), job_over)
        assert seen.fine_tuned_model is not None
        assert (backend.model_files(seen.fine_tuned_model) / "README.md").is_file()

    def deployed(self, bench: Bench, tag: str) -> Deploys:
        backend = ability(bench.backend, Deploys)
        request = DeploymentRequest(tag=tag, base_model=bench.base_model, model=None, name="contract")
        backend.deploy(request)
        backend.deploy(request)

        def ready(seen: DeploymentObservation) -> bool:
            assert seen.status is not DeploymentStatus.FAILED, seen.message
            return seen.status is DeploymentStatus.READY

        assert bench.until(lambda: backend.observe_deployment(tag), ready).endpoint
        return backend

    def question(self) -> ChatRequest:
        return ChatRequest(messages=[{"role": "user", "content": "My parcel never came."}], max_tokens=8)

    @covers(Deploys, Chats)
    def test_a_deployment_comes_answers_and_goes(self, bench: Bench) -> None:
        backend = self.deployed(bench, "dep-1")
        try:
            *_, last = ability(bench.backend, Chats).chat("dep-1", self.question())
            assert last.finish_reason in {"stop", "length"}
            assert last.prompt_tokens
            assert last.completion_tokens is not None
            if isinstance(bench.backend, Completes):
                *_, last = bench.backend.complete("dep-1", CompletionRequest(prompt="My parcel", max_tokens=3))
                assert last.finish_reason in {"stop", "length"}
                assert last.completion_tokens is not None
                assert last.completion_tokens <= 3
            reopened = bench.reopen()
            assert isinstance(reopened, Deploys)
            assert reopened.observe_deployment("dep-1").status is DeploymentStatus.READY
        finally:
            backend.undeploy("dep-1")
        bench.until(lambda: gone(backend, "dep-1"), bool)
        backend.undeploy("dep-1")

    @covers(Deploys, Chats)
    def test_a_reader_may_stop_listening(self, bench: Bench) -> None:
        backend = self.deployed(bench, "dep-2")
        try:
            chats = ability(bench.backend, Chats)
            answer = iter(chats.chat("dep-2", self.question()))
            next(answer)
            if hasattr(answer, "close"):
                answer.close()
            assert list(chats.chat("dep-2", self.question()))[-1].finish_reason
        finally:
            backend.undeploy("dep-2")

    @covers(Deploys, Chats)
    def test_what_was_never_deployed_is_gone_and_answers_nothing(self, bench: Bench) -> None:
        backend = ability(bench.backend, Deploys)
        assert gone(backend, "dep-never")
        backend.undeploy("dep-never")
        with pytest.raises(BackendError):
            list(ability(bench.backend, Chats).chat("dep-never", self.question()))

    @covers(Completes)
    def test_what_was_never_deployed_completes_nothing(self, bench: Bench) -> None:
        with pytest.raises(BackendError):
            list(ability(bench.backend, Completes).complete("dep-never", CompletionRequest(prompt="My parcel")))

    def asked(self, bench: Bench, tag: str) -> EvaluationRequest:
        served = None
        if isinstance(bench.backend, EvaluatesByChat):
            served = f"dep-{tag}"
            self.deployed(bench, served)
        return EvaluationRequest(
            tag=tag,
            base_model=bench.base_model,
            model=None,
            rows=bench.validation_rows,
            labels=bench.labels,
            deployment=served,
        )

    @covers(Evaluates)
    def test_an_evaluation_answers_every_row_once(self, bench: Bench) -> None:
        backend = ability(bench.backend, Evaluates)
        request = self.asked(bench, "evl-1")
        backend.start_evaluation(request)
        backend.start_evaluation(request)

        def over(seen: EvaluationObservation) -> bool:
            return seen.status.is_final

        seen = bench.until(lambda: backend.observe_evaluation("evl-1"), over)
        assert seen.status is EvaluationStatus.SUCCEEDED, seen.message
        wanted = [n for n, text in enumerate(bench.validation_rows.read_bytes().split(b"\n"), 1) if text.strip()]
        assert [row.line for row in seen.rows] == wanted
        assert seen.metrics is not None
        assert seen.metrics.rows == seen.done_rows == seen.total_rows == len(wanted)
        for name in ("exact_match", "token_f1", "token_accuracy"):
            figure = getattr(seen.metrics, name)
            assert name in seen.metrics.missing if figure is None else 0 <= figure <= 1
        if bench.labels:
            assert seen.metrics.accuracy is not None
            assert seen.metrics.confusion is not None
            assert sum(map(sum, seen.metrics.confusion.counts)) == len(wanted)
        again = bench.reopen()
        assert isinstance(again, Evaluates)
        assert again.observe_evaluation("evl-1").rows == seen.rows

    @covers(Evaluates)
    def test_an_evaluation_can_be_stopped(self, bench: Bench) -> None:
        backend = ability(bench.backend, Evaluates)
        backend.start_evaluation(self.asked(bench, "evl-2"))
        backend.cancel_evaluation("evl-2")
        backend.cancel_evaluation("evl-2")
        seen = bench.until(lambda: backend.observe_evaluation("evl-2"), lambda seen: seen.status.is_final)
        assert seen.status in {EvaluationStatus.CANCELLED, EvaluationStatus.SUCCEEDED}

    @covers(Evaluates)
    def test_an_unknown_evaluation_is_not_found(self, bench: Bench) -> None:
        backend = ability(bench.backend, Evaluates)
        backend.cancel_evaluation("evl-never")
        with pytest.raises(NotFound):
            backend.observe_evaluation("evl-never")

    @covers(Checks)
    def test_the_doctor_names_each_check_once(self, bench: Bench) -> None:
        checks = ability(bench.backend, Checks).doctor()
        ids = [check.id for check in checks]
        assert ids
        assert len(ids) == len(set(ids))
        assert all(check.title for check in checks)

    def spec(self, bench: Bench) -> JobSpec:
        return JobSpec(
            project="prj_1",
            connection="con_1",
            base_model=bench.base_model,
            name="contract",
            training_dataset="ds_1",
            hyperparameters=bench.hyperparameters,
            options=bench.options,
        )

    @covers(Estimates)
    def test_an_estimate_grows_with_the_epochs_and_says_what_it_rests_on(self, bench: Bench) -> None:
        backend = ability(bench.backend, Estimates)
        tokens = []
        for epochs in (2, 4):
            asked = replace(self.spec(bench), hyperparameters={**bench.hyperparameters, "n_epochs": epochs})
            seen = backend.estimate(asked, rows=100, tokens=5000, validation_rows=10, longest=80)
            assert seen.basis
            assert seen.tokens is not None
            tokens.append(seen.tokens)
        assert tokens[1] == 2 * tokens[0]

    @covers(ShowsCode)
    def test_every_code_target_gives_code(self, bench: Bench) -> None:
        backend = ability(bench.backend, ShowsCode)
        for target in backend.code_targets():
            code = backend.code(
                target, self.spec(bench), training_file=bench.training_rows, validation_file=bench.validation_rows
            )
            assert code.strip()
        with pytest.raises(BackendError):
            backend.code("no-such", self.spec(bench), training_file=bench.training_rows, validation_file=None)

    @covers(Resumes)
    def test_going_on_with_what_runs_changes_nothing(self, bench: Bench) -> None:
        job = bench.backend.submit(bench.request("job-resume"))
        bench.until(lambda: bench.backend.observe(job, since=None), lambda seen: seen.status is JobStatus.RUNNING)
        for backend in (bench.backend, bench.reopen()):
            ability(backend, Resumes).resume(job)
        seen = bench.until(lambda: bench.backend.observe(job, since=None), job_over)
        assert seen.status is JobStatus.SUCCEEDED
        ability(bench.backend, Resumes).resume(job)
        assert bench.backend.observe(job, since=None).status is JobStatus.SUCCEEDED

    @covers(StopsEarly)
    def test_what_is_stopped_early_succeeds_with_its_model_and_says_so(self, bench: Bench) -> None:
        job = bench.backend.submit(bench.request("job-early"))
        bench.until(lambda: bench.backend.observe(job, since=None), lambda seen: seen.status is JobStatus.RUNNING)
        for backend in (bench.backend, bench.reopen()):
            ability(backend, StopsEarly).stop_early(job)
        seen = bench.until(lambda: bench.backend.observe(job, since=None), job_over)
        assert seen.status is JobStatus.SUCCEEDED
        assert seen.fine_tuned_model
        assert seen.message

    @covers(ContinuesTuned, NamesBases)
    def test_a_tuned_model_is_a_base_with_a_name(self, bench: Bench) -> None:
        _job, seen = bench.finished("job-continue")
        assert seen.fine_tuned_model is not None
        base = ability(bench.backend, ContinuesTuned).as_base(seen.fine_tuned_model)
        assert ability(bench.reopen(), ContinuesTuned).as_base(seen.fine_tuned_model) == base
        assert ability(bench.backend, NamesBases).base_name(base)

    @covers(NamesBases)
    def test_every_base_has_a_name_also_what_is_gone(self, bench: Bench) -> None:
        backend = ability(bench.backend, NamesBases)
        for model in bench.backend.base_models():
            assert model.name in backend.base_name(model.id)
        assert backend.base_name("no-such:model")

    @covers(DiscardsCheckpoints, KeepsWeights, OffersCheckpoints)
    def test_checkpoints_go_and_the_model_stays(self, bench: Bench) -> None:
        job, seen = bench.finished("job-space")
        assert seen.fine_tuned_model is not None
        for backend in (bench.backend, bench.reopen()):
            ability(backend, DiscardsCheckpoints).discard_checkpoints(job)
        assert ability(bench.backend, KeepsWeights).model_files(seen.fine_tuned_model).is_dir()
        for checkpoint in seen.checkpoints:
            with pytest.raises(BackendError):
                ability(bench.backend, OffersCheckpoints).model_from_checkpoint(job, checkpoint.remote_id)

    @covers(ShowsFirstBatch)
    def test_a_batch_is_shown_whole_or_not_at_all(self, bench: Bench) -> None:
        job, _seen = bench.finished("job-batch")
        rows = ability(bench.backend, ShowsFirstBatch).first_batch(job)
        assert ability(bench.reopen(), ShowsFirstBatch).first_batch(job) == rows
        assert all(0 <= row.learned <= row.tokens and row.pieces for row in rows)
        assert list(ability(bench.backend, ShowsFirstBatch).first_batch(RemoteJob(id="no-such-job"))) == []

    @covers(MergesAdapters)
    def test_looking_merges_nothing_and_a_whole_model_is_refused(self, bench: Bench) -> None:
        _job, seen = bench.finished("job-merge")
        assert seen.fine_tuned_model is not None
        backend = ability(bench.backend, MergesAdapters)
        for _ in range(2):
            assert backend.observe_merge(seen.fine_tuned_model).status is MergeStatus.ABSENT
        with pytest.raises(BackendError):
            backend.start_merge(seen.fine_tuned_model)
        assert backend.observe_merge(seen.fine_tuned_model).status is MergeStatus.ABSENT

    @covers(TellsOrigin)
    def test_weights_are_named_by_their_hashes_or_not_at_all(self, bench: Bench) -> None:
        backend = ability(bench.backend, TellsOrigin)
        job, _seen = bench.finished("job-origin")
        reported = backend.weights(bench.base_model)
        assert ability(bench.reopen(), TellsOrigin).weights(bench.base_model) == reported
        assert reported is None or all(re.fullmatch("[0-9a-f]{64}", each) for each in reported.values())
        origin = backend.origin(job)
        assert origin is None or all(re.fullmatch("[0-9a-f]{64}", each) for each in origin.weights.values())

    @covers(ListsRuns)
    def test_a_run_is_listed_ended_and_removed(self, bench: Bench) -> None:
        backend = ability(bench.backend, ListsRuns)
        job, _seen = bench.finished(RUN)
        assert RUN in backend.run_tags()
        assert backend.run(RUN).tag == RUN
        assert not bench.until(lambda: backend.is_at_work(RUN), lambda at_work: not at_work)
        for _ in range(2):
            backend.end_run(RUN)
            backend.remove_run(RUN)
        assert RUN not in ability(bench.reopen(), ListsRuns).run_tags()
        with pytest.raises(NotFound):
            bench.backend.observe(job, since=None)

    @covers(PollsInBatch)
    def test_nothing_is_called_unchanged_that_has_news(self, bench: Bench) -> None:
        backend = ability(bench.backend, PollsInBatch)
        jobs = [bench.backend.submit(bench.request(f"job-many-{number}")) for number in range(5)]
        seen = {job.id: bench.backend.observe(job, since=None) for job in jobs}

        def known(**changes: Any) -> list[KnownJob]:  # noqa: ANN401 -- of a dataclass
            return [
                replace(KnownJob(remote_id=name, status=each.status, cursor=each.cursor), **changes)
                for name, each in seen.items()
            ]

        found = backend.unchanged(known())
        assert set(found) <= set(seen)
        assert all(wait is None or wait > timedelta(0) for wait in found.values())
        assert backend.unchanged(known(remote_id="no-such-job")) == {}
        assert backend.unchanged(known(status=JobStatus.SUCCEEDED)) == {}
        assert backend.unchanged(known(cursor=None)) == {}

"""The further abilities of a backend, as tests: subclass `AbilitiesContract` and give it a `bench`.

Abilities that a backend lacks (`Deploys`, `Evaluates`, …) are skipped, and say so. The rules of training stand in
`tests.contract.suite`.
"""

# mypy: disable-error-code="type-abstract"
# Abilities are protocols, asked for with `isinstance`; mypy would have them concrete.

from dataclasses import replace

import pytest

from app.domain.backend import (
    BackendError,
    ChatRequest,
    Chats,
    Checks,
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
    ShowsCode,
)
from app.domain.deployments import DeploymentStatus
from app.domain.evaluations import EvaluationStatus
from app.domain.hyperparameters import check_values
from app.domain.jobs import JobSpec
from app.domain.metrics import TRAIN_LOSS
from app.domain.serving import EvaluatesByChat
from tests.contract.bench import Bench, ability, gone, job_over


class AbilitiesContract:
    """What holds for every backend that has the ability at all."""

    @pytest.fixture
    def bench(self) -> Bench:
        raise NotImplementedError("a subclass gives its own")

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

    def test_the_log_can_be_read_and_fetched(self, bench: Bench) -> None:
        backend = ability(bench.backend, KeepsLogs)
        job = bench.backend.submit(bench.request("job-log"))
        bench.until(lambda: bench.backend.observe(job, since=None), job_over)
        assert 0 < len(backend.log(job, lines=3)) <= 3
        path = backend.log_path(job)
        assert path is not None
        assert path.is_file()

    def test_the_models_files_can_be_fetched(self, bench: Bench) -> None:
        backend = ability(bench.backend, KeepsWeights)
        job = bench.backend.submit(bench.request("job-files"))
        seen = bench.until(lambda: bench.backend.observe(job, since=None), job_over)
        assert seen.fine_tuned_model is not None
        assert (backend.model_files(seen.fine_tuned_model) / "README.md").is_file()
        kept = [each for each in seen.checkpoints if each.present]
        if kept:
            name = backend.model_from_checkpoint(job, kept[-1].remote_id)
            assert backend.model_from_checkpoint(job, kept[-1].remote_id) == name
            assert name != seen.fine_tuned_model

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

    def test_a_deployment_comes_answers_and_goes(self, bench: Bench) -> None:
        backend = self.deployed(bench, "dep-1")
        try:
            *_, last = ability(bench.backend, Chats).chat("dep-1", self.question())
            assert last.finish_reason in {"stop", "length"}
            assert last.prompt_tokens
            assert last.completion_tokens is not None
            reopened = bench.reopen()
            assert isinstance(reopened, Deploys)
            assert reopened.observe_deployment("dep-1").status is DeploymentStatus.READY
        finally:
            backend.undeploy("dep-1")
        bench.until(lambda: gone(backend, "dep-1"), bool)
        backend.undeploy("dep-1")

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

    def test_what_was_never_deployed_is_gone_and_answers_nothing(self, bench: Bench) -> None:
        backend = ability(bench.backend, Deploys)
        assert gone(backend, "dep-never")
        backend.undeploy("dep-never")
        with pytest.raises(BackendError):
            list(ability(bench.backend, Chats).chat("dep-never", self.question()))

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

    def test_an_evaluation_can_be_stopped(self, bench: Bench) -> None:
        backend = ability(bench.backend, Evaluates)
        backend.start_evaluation(self.asked(bench, "evl-2"))
        backend.cancel_evaluation("evl-2")
        backend.cancel_evaluation("evl-2")
        seen = bench.until(lambda: backend.observe_evaluation("evl-2"), lambda seen: seen.status.is_final)
        assert seen.status in {EvaluationStatus.CANCELLED, EvaluationStatus.SUCCEEDED}

    def test_an_unknown_evaluation_is_not_found(self, bench: Bench) -> None:
        backend = ability(bench.backend, Evaluates)
        backend.cancel_evaluation("evl-never")
        with pytest.raises(NotFound):
            backend.observe_evaluation("evl-never")

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

    def test_an_estimate_grows_with_the_epochs_and_says_what_it_rests_on(self, bench: Bench) -> None:
        backend = ability(bench.backend, Estimates)
        tokens = []
        for epochs in (2, 4):
            asked = replace(self.spec(bench), hyperparameters={**bench.hyperparameters, "n_epochs": epochs})
            seen = backend.estimate(asked, rows=100, tokens=5000, validation_rows=10)
            assert seen.basis
            assert seen.tokens is not None
            tokens.append(seen.tokens)
        assert tokens[1] == 2 * tokens[0]

    def test_every_code_target_gives_code(self, bench: Bench) -> None:
        backend = ability(bench.backend, ShowsCode)
        for target in backend.code_targets():
            code = backend.code(
                target, self.spec(bench), training_file=bench.training_rows, validation_file=bench.validation_rows
            )
            assert code.strip()
        with pytest.raises(BackendError):
            backend.code("no-such", self.spec(bench), training_file=bench.training_rows, validation_file=None)

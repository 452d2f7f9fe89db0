"""A client that a stranger's tool makes from the document does the first journey, against a server of its own."""

import importlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest
from openapi_python_client import generate
from openapi_python_client.config import Config, ConfigFile, MetaType

from app.demo.server import serving
from app.settings import ROOT
from tests.support.waiting import until

ROWS = ROOT / "app" / "samples" / "support_triage" / "train.jsonl"
CONNECTION, BASE_MODEL = "con_rehearsal", "rehearsal:small"
# How fast the rehearsal is, in seconds.
SCRIPT = {"queue_s": 0.1, "train_s": 0.5, "deploy_s": 0.1, "undeploy_s": 0.1, "evaluate_s": 0.1, "look_s": 0.1}


class Generated:
    """The client: `call` asks one operation by the noun of its address and its id, and hands out what came of it."""

    def __init__(self, package: str, url: str) -> None:
        self.package = package
        self.models: Any = self._module("models")
        self.client: Any = self._module("client").Client(base_url=url, raise_on_unexpected_status=True)

    def call(self, noun: str, operation: str, *where: str, **given: Any) -> Any:  # noqa: ANN401 -- generated shapes
        """Return the parsed answer.

        Raises:
            AssertionError: it is a problem.
        """
        answer = self._module(f"api.{noun}.{operation}").sync_detailed(*where, client=self.client, **given)
        assert answer.status_code < 300, answer.content
        return answer.parsed

    def file(self, path: Path) -> Any:  # noqa: ANN401
        """Return a file as the client sends it."""
        return self._module("types").File(payload=path.read_bytes())

    def _module(self, name: str) -> ModuleType:
        return importlib.import_module(f"{self.package}.{name}")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """The address of a server with the rehearsal, whose engine turns quickly."""
    script = tmp_path / "script.json"
    script.write_text(json.dumps(SCRIPT))
    settings = {
        "rehearsal": "true",
        "rehearsal_script": str(script),
        "runtimes_dir": str(tmp_path / "runtimes"),
        "runtime_autoinstall": "false",
        "disk_reserve_mb": "0",
        "engine_interval_s": "0.1",
        "log_level": "warning",
    }
    with serving(tmp_path / "data", settings) as running:
        yield running.url


@pytest.fixture
def generated(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Generated]:
    """A client made of that server's document. The generator must have left nothing out."""
    document = tmp_path / "openapi.json"
    document.write_bytes(httpx.get(f"{server}/openapi.json", timeout=60).content)
    asked = ConfigFile(
        post_hooks=[], literal_enums=True, content_type_overrides={"application/zip": "application/octet-stream"}
    )
    package = "client_of_tunedesk"
    config = Config.from_sources(
        asked, MetaType.NONE, document, "utf-8", overwrite=False, output_path=tmp_path / package
    )
    assert [f"{each.header}: {each.detail}" for each in generate(config=config)] == []
    monkeypatch.syspath_prepend(str(tmp_path))
    made = Generated(package, server)
    with made.client:
        yield made


def has_status(look: Callable[[], Any], status: str) -> Callable[[], bool]:
    return lambda: bool(look().status == status)


def test_the_first_journey(generated: Generated) -> None:
    ask, models = generated.call, generated.models
    project = ask("projects", "create_project", body=models.ProjectIn(name="Support triage"))
    dataset = ask("datasets", "upload_dataset", body=generated.file(ROWS), name="train", project=project.id)
    assert (dataset.status, dataset.errors) == ("ready", 0)

    split = models.ValidationIn(kind="split", ratio=0.1, test_ratio=0.1, seed=7, strategy="stratified")
    wanted = models.JobIn(
        project=project.id,
        connection=CONNECTION,
        base_model=BASE_MODEL,
        name="support-triage",
        training_dataset=dataset.id,
        validation=split,
    )
    assert ask("jobs", "estimate_job", body=wanted).blockers == []
    job = ask("jobs", "create_job", body=wanted, idempotency_key="job")
    until(has_status(lambda: ask("jobs", "get_job", job.id), "succeeded"), doing="the job")
    tuned = ask("jobs", "get_job", job.id).fine_tuned_model
    assert {each.name for each in ask("jobs", "get_job_metrics", job.id).items} >= {"train_loss", "validation_loss"}

    target = models.TargetIn(model=tuned)
    rows = ask("jobs", "get_job", job.id).parts.test
    body = models.EvaluationIn(target=target, dataset=rows)
    evaluation = ask("evaluations", "create_evaluation", body=body, idempotency_key="evaluation")
    until(has_status(lambda: ask("evaluations", "get_evaluation", evaluation.id), "succeeded"), doing="the evaluation")
    assert ask("evaluations", "get_evaluation", evaluation.id).metrics.rows > 0

    made = ask("deployments", "create_deployment", body=models.DeploymentIn(target=target), idempotency_key="serve")
    until(has_status(lambda: ask("deployments", "get_deployment", made.id), "ready"), doing="the deployment")
    question = models.ChatIn(messages=[models.MessageIn(role="user", content="My card was charged twice.")])
    assert ask("deployments", "chat", made.id, body=question).choices[0].message.content

    plan = ask("models", "get_teardown", tuned)
    assert [step.kind for step in plan.steps] == ["deployment", "model"]
    assert ask("models", "tear_down", tuned, body=models.TeardownIn(confirm="support-triage")).started
    until(has_status(lambda: ask("models", "get_model", tuned), "deleted"), doing="the teardown")

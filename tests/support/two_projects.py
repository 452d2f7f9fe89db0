"""Two projects with a thing of every kind each: what one project's people must never hear of is in the other."""

from collections.abc import Callable
from dataclasses import dataclass

from app.domain.deployments import Deployment, Target
from app.domain.evaluations import Evaluation, EvaluationRow
from app.domain.metrics import Checkpoint, Metric, Sample
from app.domain.models import FineTunedModel
from app.domain.openai_requests import KeptRequest
from app.services import datasets, drafts, jobs
from app.store import checkpoints, evaluations, metrics, openai_requests, samples
from app.store import deployments as deployment_store
from app.store import models as model_store
from tests.support.app_context import MODEL, TestHouse
from tests.support.connections import REHEARSAL_ID

_ROW = '{{"messages":[{{"role":"user","content":"{0}"}},{{"role":"assistant","content":"yes"}}]}}\n'


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """The ids of one project's things."""

    project: str
    dataset: str
    job: str
    model: str
    deployment: str
    evaluation: str
    draft: str

    def of(self, verb: Callable[..., object]) -> str:
        """Return the id of the thing that a verb is about."""
        noun = verb.__module__.rsplit(".", 1)[-1].removesuffix("s")
        return str(getattr(self, noun))


class TwoProjects:
    """A house with two projects, `ours` and `theirs`, alike but for the name."""

    def __init__(self, house: TestHouse) -> None:
        self.house = house
        self.ours = self._made("ours")
        self.theirs = self._made("theirs")

    def _made(self, name: str) -> Side:
        house = self.house
        project = house.project(name)
        with house.open() as scope:
            rows = "".join(_ROW.format(f"{name} {number // 2}") for number in range(20))  # each twice: a warning
            content = [rows.encode()]
            dataset = datasets.upload(scope, name=name, filename=f"{name}.jsonl", chunks=content, project=project)
        fields = house.fields(project=project, training_dataset=dataset.id, validation={"kind": "none"})
        with house.open() as scope:
            job = jobs.create(scope, {**fields, "name": name, "metadata": {"of": name}})
            draft = drafts.create(scope, {"project": project})
            tx, now = scope.write, scope.now()
            model = FineTunedModel(
                id=scope.new_id("mdl"),
                name=name,
                job=job.id,
                project=project,
                connection=REHEARSAL_ID,
                base_model=MODEL,
                remote_id=f"{name} model",
                created_at=now,
            )
            model_store.add(tx, model)
            target = Target(connection=REHEARSAL_ID, base_model=MODEL, model=model.id)
            deployment = Deployment(id=scope.new_id("dep"), name=name, target=target, created_at=now, changed_at=now)
            deployment_store.add(tx, deployment, due_at=scope.due_now())
            evaluation = Evaluation(
                id=scope.new_id("evl"),
                target=target,
                dataset=dataset.id,
                project=project,
                job=job.id,
                created_at=now,
                changed_at=now,
            )
            evaluations.add(tx, evaluation)
            row = EvaluationRow(line=1, prompt="p", expected="e", answer="a", correct=False)
            evaluations.save_rows(tx, evaluation.id, [row])
            metrics.add(tx, job.id, [Metric(step=1, name="train_loss", value=2.0)])
            checkpoints.save(tx, job.id, [Checkpoint(step=1, remote_id=f"{name} checkpoint")])
            openai_requests.add(tx, job.id, KeptRequest(model=name, suffix=None, hyperparameters={}))
            samples.add(tx, job.id, [Sample(step=1, number=0, prompt="p", expected="e", answer="a")])
        return Side(
            project=project,
            dataset=dataset.id,
            job=job.id,
            model=model.id,
            deployment=deployment.id,
            evaluation=evaluation.id,
            draft=draft.id,
        )

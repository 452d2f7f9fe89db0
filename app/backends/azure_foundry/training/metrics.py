"""What a training measures, by the MLflow interface that every workspace has: newest values, and whole histories."""

import math
from collections.abc import Iterator, Mapping, Sequence
from threading import Lock
from typing import Any

from app.backends.azure_foundry.transport.client import Call
from app.backends.azure_foundry.transport.json_values import number, part, parts, text
from app.backends.azure_foundry.transport.names import INSTALLATION_TAG
from app.backends.azure_foundry.transport.workspace import Workspace
from app.domain.backend import NotFound
from app.domain.metrics import TRAIN_LOSS, TRAINER_NAMES, VALIDATION_LOSS, Metric

Point = tuple[int, float]  # step, value
Latest = Mapping[str, Point]  # by Azure's name of the metric
# Names that trainers of Azure's fine-tuning components log (Hugging Face's Trainer among them), in our words.
_OURS = {
    **TRAINER_NAMES,
    "train_loss": TRAIN_LOSS,
    "training_loss": TRAIN_LOSS,
    "validation_loss": VALIDATION_LOSS,
    "valid_loss": VALIDATION_LOSS,
    "val_loss": VALIDATION_LOSS,
}
_MOST_METRICS = 40
_NAME_LIMIT = 60
_PAGE = 1000
_PAGES = 20
_FAILED = "FAILED"  # MLflow's word
_STEPS = 10  # of a pipeline are looked at one by one


class Runs:
    """The runs of one workspace."""

    def __init__(self, workspace: Workspace) -> None:
        self._azure = workspace.azure
        self._workspace = workspace
        self._lock = Lock()
        self._experiment: str | None = None
        self._homes: dict[tuple[str, str], str] = {}  # the run below a job that measures: by job and metric

    def latest(self, name: str) -> Latest:
        """Return the newest value of each metric of a run, or of those below it where it has none itself: a pipeline
        measures in its steps. Nothing where nothing is measured yet.
        """
        try:
            body = self._get("runs/get", {"run_id": name})
        except NotFound:
            return {}
        run = part(body, "run")
        self._note(run)
        return _latest(run) or self._latest_below(name)

    def below(self, name: str) -> list[Mapping[str, Any]]:
        """Return the runs below a run as MLflow tells them, at any depth: what trains first, then what began first.

        The filter is that of Microsoft's notebooks: Azure/azureml-examples, foundation-models/system/finetune,
        summarization_with_text_gen.ipynb.
        """
        with self._lock:
            experiment = self._experiment
        if experiment is None:
            return []
        url = f"{self._workspace.location.mlflow}/runs/search"
        asked = {
            "experiment_ids": [experiment],
            "filter": f"tags.mlflow.rootRunId='{name}'",
            "max_results": _PAGE,
        }
        found = parts(self._azure.send(Call("POST", url, body=asked)).body, "runs")
        return sorted((run for run in found if _id_of(run) not in {name, ""}), key=_rank)

    def steps(self, name: str, *, failed: bool = False) -> list[str]:
        """Return the ids of some runs below a run, those that failed first; with `failed` no others."""
        self.latest(name)  # tells the experiment, without which nothing below it is found
        words = {_id_of(run): text(run, "info", "status") for run in self.below(name)}
        found = sorted(words, key=lambda step: words[step] != _FAILED)
        return [step for step in found if not failed or words[step] == _FAILED][:_STEPS]

    def forget(self, name: str) -> None:
        """Drop where the metrics of a job that is over were found."""
        with self._lock:
            for key in [each for each in self._homes if each[0] == name]:
                del self._homes[key]

    def _latest_below(self, name: str) -> Latest:
        found: dict[str, Point] = {}
        for run in self.below(name):
            for key, point in _latest(run).items():
                if key not in found:
                    found[key] = point
                    with self._lock:
                        self._homes[name, key] = _id_of(run)
        return found

    def search(self, names: Sequence[str]) -> dict[str, Latest]:
        """Return the same for many runs, in as few calls as there are pages; runs that are not found are left out."""
        with self._lock:
            experiment = self._experiment
        if experiment is None:
            first = self.latest(names[0])  # tells the experiment that all of our jobs are in
            with self._lock:
                experiment = self._experiment
            if experiment is None:
                return {names[0]: first}
        wanted, found = set(names), dict[str, Latest]()
        asked: dict[str, Any] = {
            "experiment_ids": [experiment],
            "filter": f"tags.`{INSTALLATION_TAG}` = '{self._azure.installation}'",
            "order_by": ["attributes.start_time DESC"],
            "max_results": _PAGE,
        }
        for _ in range(_PAGES):
            url = f"{self._workspace.location.mlflow}/runs/search"
            body = part(self._azure.send(Call("POST", url, body=asked)).body)
            for run in parts(body, "runs"):
                if _id_of(run) in wanted:
                    found[_id_of(run)] = _latest(run)
            if not body.get("next_page_token") or wanted <= found.keys():
                break
            asked["page_token"] = body["next_page_token"]
        return found

    def history(self, name: str, metric: str) -> list[Point]:
        """Return every value of one metric that `latest` has found, in the order of steps; of several at one step,
        the last.
        """
        points: dict[int, tuple[float, float]] = {}  # step: (when, value)
        with self._lock:
            home = self._homes.get((name, metric), name)
        params = {"run_id": home, "metric_key": metric, "max_results": str(_PAGE)}
        for _ in range(_PAGES):
            try:
                body = self._get("metrics/get-history", params)
            except NotFound:
                break  # what has logged a value before has not vanished: the next look finds it
            for each in parts(body, "metrics"):
                step, value, when = _step(each), number(each.get("value")), number(each.get("timestamp"))
                if step is None or value is None:
                    continue
                if step not in points or points[step][0] <= (when or 0):
                    points[step] = (when or 0, value)
            if not body.get("next_page_token"):
                break
            params["page_token"] = str(body["next_page_token"])
        return [(step, points[step][1]) for step in sorted(points)]

    def _get(self, path: str, params: Mapping[str, str]) -> Mapping[str, Any]:
        return part(self._azure.send(Call("GET", f"{self._workspace.location.mlflow}/{path}", params=params)).body)

    def _note(self, run: Mapping[str, Any]) -> None:
        experiment = text(run, "info", "experiment_id")
        if experiment:
            with self._lock:
                self._experiment = experiment


def metrics(name: str, points: Sequence[Point]) -> Iterator[Metric]:
    """Give one metric's points under our name of it; those without a finite value are left out."""
    ours = _OURS.get(name, name[:_NAME_LIMIT])
    for step, value in points:
        if math.isfinite(value):
            yield Metric(step=step, name=ours, value=value)


def is_loss(name: str) -> bool:
    """Tell whether a metric is the training loss, by which progress is told."""
    return _OURS.get(name) == TRAIN_LOSS


def _id_of(run: Mapping[str, Any]) -> str:
    return text(run, "info", "run_id")


def _rank(run: Mapping[str, Any]) -> tuple[bool, float, str]:
    trains = any(is_loss(name) or name == "epoch" for name in _latest(run))
    return (not trains, number(part(run, "info").get("start_time")) or 0.0, _id_of(run))


def _latest(run: Mapping[str, Any]) -> dict[str, Point]:
    found: dict[str, Point] = {}
    for each in parts(run, "data", "metrics")[:_MOST_METRICS]:
        step, value, key = _step(each), number(each.get("value")), text(each, "key")
        if key and step is not None and value is not None:
            found[key] = (step, value)
    return found


def _step(point: Mapping[str, Any]) -> int | None:
    found = number(point.get("step"))
    return int(found) if found is not None and math.isfinite(found) else None

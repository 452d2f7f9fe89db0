"""Two to ten runs side by side: settings, figures and curves."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from app.domain.comparison import (
    FEWEST_RUNS,
    MOST_RUNS,
    ComparedFigure,
    ComparedSetting,
    Comparison,
    Setting,
    figure,
    setting,
)
from app.domain.datasets import Dataset
from app.domain.errors import Invalid, Problem
from app.domain.evaluations import FIGURES, Evaluation
from app.domain.hyperparameters import Hyperparameter
from app.domain.jobs import FineTuningJob, ValidationKind
from app.domain.metrics import HELD_OUT, SERIES, SHARE, TRAIN_LOSS, VALIDATION_LOSS, MetricSeries, Series
from app.domain.paired import Verdict
from app.services import connections, datasets, evaluations, jobs, verbs
from app.services.scope import Scope
from app.store import jobs as store

_HASH_CHARS = 12
Parts = Mapping[str, Dataset]
LastValues = Mapping[str, tuple[int, float | None]]


def chosen(values: Sequence[str]) -> list[str]:
    """Return the ids behind one or several values of `ids`, each a list by commas; repeats count once."""
    parts = [part.strip() for value in values for part in value.split(",")]
    return list(dict.fromkeys(part for part in parts if part))


@verbs.reads("jobs")
def compare(scope: Scope, ids: Sequence[str]) -> Comparison:
    """Set runs side by side, in the order of `ids`.

    Raises:
        Invalid: for fewer than two, more than ten, or an id that is no job's.
    """
    problem = _number_problem(len(ids))
    if problem is not None:
        raise Invalid([problem])
    found = store.many(scope.read, ids)
    missing = [each for each in ids if each not in found]
    if missing:
        fix = "Choose the runs in the list of jobs."
        raise Invalid([Problem("?ids", "not_found", f"There is no job {each[:60]!r}.", fix) for each in missing])
    runs = [found[each] for each in ids]
    evaluated = [evaluations.for_job(scope, each).tuned for each in runs]
    known = datasets.many(scope, sorted({used for run in runs for used in _datasets(run)} | _rows_of(evaluated)))
    last = [jobs.last_values(scope, each.id) for each in runs]
    return Comparison(
        jobs=runs,
        evaluations=evaluated,
        settings=_settings(scope, runs, known),
        figures=[*_training_figures(scope, runs, last, known), *_evaluation_figures(scope, evaluated, known)],
        series=frozenset(name for values in last for name in values),
    )


@verbs.reads("jobs")
def curves(scope: Scope, ids: Sequence[str], name: str, *, points: int) -> list[MetricSeries]:
    """Return one series of each run under the run's id, thinned to `points`; empty where a run has none."""
    found = []
    for identifier in ids:
        of_run = jobs.metrics(scope, identifier, names=(name,), points=points)
        steps, values = (of_run[0].steps, of_run[0].values) if of_run else ((), ())
        found.append(MetricSeries(name=identifier, steps=steps, values=values))
    return found


def _number_problem(count: int) -> Problem | None:
    if count == 0:
        return Problem("?ids", "missing", "No run was chosen.", "Tick two to ten jobs in the list, then compare.")
    if count < FEWEST_RUNS:
        return Problem("?ids", "few", "One run alone cannot be compared.", "Tick at least one more job in the list.")
    if count > MOST_RUNS:
        message = f"{count} runs were chosen; at most {MOST_RUNS} stand side by side."
        return Problem("?ids", "many", message, f"Take {count - MOST_RUNS} of them out.")
    return None


def _datasets(job: FineTuningJob) -> set[str]:
    parts = job.datasets
    return {each for each in (parts.training, parts.validation, parts.test) if each}


def _rows_of(evaluated: Sequence[Evaluation | None]) -> set[str]:
    return {each.dataset for each in evaluated if each is not None}


def _settings(scope: Scope, runs: Sequence[FineTuningJob], known: Parts) -> list[ComparedSetting]:
    specs = [run.spec for run in runs]
    lines = [
        setting("connection", [_connection(scope, spec.connection) for spec in specs], [s.connection for s in specs]),
        setting("base_model", [spec.base_model for spec in specs]),
        setting("method", [spec.method_name for spec in specs]),
        setting("task_type", [spec.task_type.value for spec in specs]),
    ]
    for part in ("training", "validation", "test"):
        ids = [getattr(run.datasets, part) for run in runs]
        lines.append(_rows(f"{part}_rows", [known.get(each or "") for each in ids]))
    for name in ("kind", "ratio", "test_ratio", "seed", "strategy", "key"):
        values = [_of_split(run, name) for run in runs]
        if any(value is not None for value in values):
            lines.append(setting(f"validation.{name}", values))
    taken = [_taken(scope, run) for run in runs]
    names = sorted({name for values in taken for name in values} - {"seed"})
    lines += [setting(name, [values.get(name) for values in taken]) for name in names]
    return [*lines, setting("seed", [values.get("seed") for values in taken])]


def _connection(scope: Scope, identifier: str) -> str:
    return connections.get(scope, identifier).name


def _rows(name: str, used: Sequence[Dataset | None]) -> ComparedSetting:
    """Compare datasets by their content; the same bytes under two names are the same rows."""
    words = [None if each is None else f"{each.name} · {each.sha256[:_HASH_CHARS]}" for each in used]
    return setting(name, words, [None if each is None else each.sha256 for each in used])


def _of_split(job: FineTuningJob, name: str) -> Setting:
    choice = job.spec.validation
    if name != "kind" and choice.kind is not ValidationKind.SPLIT:
        return None
    value: Setting = getattr(choice, name)
    return str(value) if isinstance(value, str) else value  # the bare word of an enum


def _taken(scope: Scope, job: FineTuningJob) -> dict[str, Hyperparameter]:
    """Return the parameters as the backend took them, and as they were asked for where it has not told."""
    asked = {**job.spec.hyperparameters, **job.spec.options}
    if job.spec.seed is not None:
        asked["seed"] = job.spec.seed
    return {**asked, **jobs.sent_parameters(scope, job)}


def _same(used: Sequence[Dataset | None]) -> bool:
    return len({each.sha256 for each in used if each is not None}) <= 1


def _training_figures(
    scope: Scope, runs: Sequence[FineTuningJob], last: Sequence[LastValues], known: Parts
) -> Iterator[ComparedFigure]:
    fair = _same([known.get(run.datasets.validation or "") for run in runs])
    losses = [values[TRAIN_LOSS][1] if TRAIN_LOSS in values else None for values in last]
    # A low training loss alone is no merit: a model that learned its rows by heart has the lowest.
    yield figure("train_loss", losses, lower_is_better=True, fair=False)
    held_out = [jobs.metrics(scope, run, names=HELD_OUT, points=jobs.MAX_POINTS, since=0) for run in runs]
    for each in SERIES:
        if each.name in HELD_OUT and each.lower_is_better is not None:
            best = [_best(of_run, each) for of_run in held_out]
            if each.name == VALIDATION_LOSS or any(value is not None for value in best):
                share = each.unit == SHARE
                yield figure(each.name, best, lower_is_better=each.lower_is_better, share=share, fair=fair)


def _best(series: Sequence[MetricSeries], wanted: Series) -> float | None:
    """Return the best value that was measured once training had begun; step 0 is the untrained model."""
    values = (value for each in series if each.name == wanted.name for value in each.values if value is not None)
    return min(values, default=None) if wanted.lower_is_better else max(values, default=None)


def _evaluation_figures(scope: Scope, evaluated: Sequence[Evaluation | None], known: Parts) -> list[ComparedFigure]:
    fair = _same([known.get(each.dataset) if each else None for each in evaluated])
    fair = fair and len({each.rendering for each in evaluated if each is not None and each.metrics}) <= 1
    lines = []
    for name, share, lower in FIGURES:
        values = [getattr(each.metrics, name) if each and each.metrics else None for each in evaluated]
        if any(value is not None for value in values):
            line = figure(f"evaluation.{name}", values, lower_is_better=lower, share=share, fair=fair)
            lines.append(replace(line, best=_unbeaten(scope, evaluated, name, line.best)))
    return lines


def _unbeaten(scope: Scope, evaluated: Sequence[Evaluation | None], name: str, best: Sequence[int]) -> Sequence[int]:
    """Return the runs of which the best is not proved better, by the rows that both answered; none where nothing is.

    A figure of which pairs of answers prove nothing has no best run.
    """
    top = evaluated[best[0]] if best else None
    if top is None:
        return ()
    verdicts = {
        at: evaluations.prove(scope, each, top).verdict(name)
        for at, each in enumerate(evaluated)
        if each is not None and each.metrics is not None and at not in best
    }
    if Verdict.BETTER not in verdicts.values():
        return ()
    return [at for at in sorted([*best, *verdicts]) if verdicts.get(at) is not Verdict.BETTER]

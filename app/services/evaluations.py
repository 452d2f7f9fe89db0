"""Verbs on evaluations: let a target answer held-out rows, and set two side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from app.data.tokens import BYTES_PER_TOKEN
from app.domain.actors import Action, Role, in_project
from app.domain.backend import Evaluates
from app.domain.datasets import Dataset
from app.domain.deployments import Target
from app.domain.errors import Conflict, Invalid, Problem, or_not_found
from app.domain.evaluations import (
    Evaluation,
    EvaluationGoal,
    EvaluationRow,
    EvaluationStatus,
    why_not_comparable,
)
from app.domain.paired import Paired
from app.domain.prices import Bill
from app.domain.spending import AcceptedCost, most_of_job, require
from app.kit.paging import DEFAULT_LIMIT, Page
from app.services import connections, datasets, jobs, models, prices, serving_targets, verbs
from app.services.scope import Scope
from app.store import evaluations as store
from app.store import events as event_store

MAX_FEW_SHOT = 50
MAX_PROMPT_CHARS = 20_000
MAX_PAIRS = 2000


@verbs.reads("evaluations")
def list_evaluations(
    scope: Scope,
    *,
    job: str | None = None,
    model: str | None = None,
    project: str | None = None,
    limit: int = DEFAULT_LIMIT,
    cursor: str | None = None,
) -> Page[Evaluation]:
    return store.page(scope.read, job=job, model=model, project=project, limit=limit, cursor=cursor)


@verbs.reads("evaluations")
def get(scope: Scope, identifier: str) -> Evaluation:
    return or_not_found(store.get(scope.read, identifier), "evaluation", identifier)


@verbs.spends("evaluations", verbs.LATER)
def create(
    scope: Scope,
    *,
    target: Mapping[str, Any],
    dataset: str,
    system_prompt: str | None = None,
    few_shot: int = 0,
    few_shot_dataset: str | None = None,
    job: str | None = None,
    accepted: AcceptedCost | None = None,
) -> Evaluation:
    """Record an evaluation; the engine has it done.

    Raises:
        Invalid, Conflict, NotFound: when the target, the rows or the examples are wrong.
        CostNotAccepted: when its answers are billed, and nobody has agreed to that.
    """
    wanted = serving_targets.target(scope, target)
    if wanted.model is not None and scope.actor.role is Role.PERSON:  # whoever only looks at a model may not ask it
        in_project(scope.actor, Action.SPEND, "evaluations", models.get(scope, wanted.model).project)
    backend = scope.backend(wanted.connection)
    if not isinstance(backend, Evaluates):
        raise Conflict(backend.profile.why_not(Evaluates), fix="Choose a model of another connection.")
    rows = datasets.get(scope, dataset)
    problems = [datasets.ready_problem(rows, "/dataset"), *_example_problems(scope, few_shot, few_shot_dataset)]
    if system_prompt is not None and len(system_prompt) > MAX_PROMPT_CHARS:
        fix = f"Use at most {MAX_PROMPT_CHARS} characters."
        problems.append(Problem("/system_prompt", "length", "The system prompt is too long.", fix))
    real = [problem for problem in problems if problem is not None]
    if real:
        raise Invalid(real)
    bill = _bill(scope, wanted, rows, few_shot=few_shot, system_prompt=system_prompt or "")
    require(bill, accepted, most=most_of_job(bill))
    evaluated = job or (models.get(scope, wanted.model).job if wanted.model else None)
    tx, now = scope.write, scope.now()
    evaluation = Evaluation(
        id=scope.new_id("evl"),
        target=wanted,
        dataset=rows.id,
        project=rows.project,
        job=evaluated,
        system_prompt=system_prompt or None,
        few_shot=few_shot,
        few_shot_dataset=few_shot_dataset if few_shot else None,
        selection_biased=_selection_biased(scope, evaluated, rows.id),
        created_at=now,
        changed_at=now,
    )
    store.add(tx, evaluation, due_at=scope.due_now())
    event_store.add(tx, evaluation.id, EvaluationStatus.PENDING.value, at=now)
    scope.nudge()
    return evaluation


@verbs.writes("evaluations")
def cancel(scope: Scope, identifier: str) -> Evaluation:
    """Ask for an evaluation's end; asking again is fine."""
    tx = scope.write
    evaluation = get(scope, identifier)
    if not evaluation.status.is_final:
        store.set_goal(tx, identifier, EvaluationGoal.CANCELLED, due_at=scope.due_now())
        scope.nudge()
    return get(scope, identifier)


@verbs.reads("evaluations")
def rows(
    scope: Scope, identifier: str, *, wrong_only: bool = False, limit: int = DEFAULT_LIMIT, cursor: str | None = None
) -> Page[EvaluationRow]:
    get(scope, identifier)
    return store.row_page(scope.read, identifier, wrong_only=wrong_only, limit=limit, cursor=cursor)


class PairFilter(StrEnum):
    """Which rows of a comparison are shown."""

    ALL = "all"
    DIFFERS = "differs"
    TUNED_WRONG = "tuned_wrong"
    REGRESSIONS = "regressions"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One row answered by both."""

    base: EvaluationRow
    tuned: EvaluationRow

    def fits(self, wanted: PairFilter) -> bool:
        """Whether a filter lets it through."""
        match wanted:
            case PairFilter.ALL:
                return True
            case PairFilter.DIFFERS:
                return self.base.answer != self.tuned.answer
            case PairFilter.TUNED_WRONG:
                return not self.tuned.correct
            case PairFilter.REGRESSIONS:
                return self.base.correct and not self.tuned.correct


@verbs.reads("evaluations")
def compare(
    scope: Scope, base: Evaluation | str, tuned: Evaluation | str, *, only: PairFilter = PairFilter.ALL
) -> Sequence[Pair]:
    """Return the rows that both answered, side by side.

    Raises:
        Invalid: when they answered different datasets, or were asked in different ways.
    """
    left, right = (each if isinstance(each, Evaluation) else get(scope, each) for each in (base, tuned))
    if left.dataset != right.dataset:
        fix = "Evaluate both on the same dataset."
        raise Invalid([Problem("/base", "dataset", "The two evaluations answered different rows.", fix)])
    reason = why_not_comparable(left, right)
    if reason:
        fix = "Repeat the older of the two."
        raise Invalid([Problem("/base", "rendering", reason, fix)])
    both = store.pairs(scope.read, left.id, right.id, limit=MAX_PAIRS)
    pairs = [Pair(base=left_row, tuned=right_row) for left_row, right_row in both]
    return [pair for pair in pairs if pair.fits(only)]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEvaluations:
    """What judges a job's result: tuned and base on the same rows, and whatever else was asked for.

    `paired`: what the rows that both answered prove; None as long as not both are done. `not_comparable` says why
    the figures of the two say nothing of each other; empty where they do.
    """

    tuned: Evaluation | None
    base: Evaluation | None
    others: Sequence[Evaluation]
    paired: Paired | None = None
    not_comparable: str = ""


@verbs.reads("evaluations")
def for_job(scope: Scope, job: jobs.AnyJob) -> JobEvaluations:
    """Return a job's evaluations: the newest plain pair on the same rows, and the others."""
    identifier = jobs.at_hand(scope, job).id
    found = scope.read_once(("evaluations", identifier), lambda tx: store.of_job(tx, identifier))
    everything = list(reversed(found))
    plain = [each for each in everything if not each.few_shot and each.system_prompt is None]
    tuned = next((each for each in plain if each.target.is_tuned), None)
    bases = [each for each in plain if not each.target.is_tuned and (tuned is None or each.dataset == tuned.dataset)]
    like = [each for each in bases if tuned is not None and not _difference(each, tuned)]
    base = next(iter([*like, *bases]), None)
    return pair_of(scope, base, tuned, others=[each for each in everything if each not in (tuned, base)])


@verbs.reads("evaluations")
def pair_of(
    scope: Scope, base: Evaluation | None, tuned: Evaluation | None, *, others: Sequence[Evaluation] = ()
) -> JobEvaluations:
    """Return two evaluations with what they prove of each other."""
    reason = _difference(base, tuned) if base is not None and tuned is not None else ""
    done = [each for each in (base, tuned) if each is not None and each.status is EvaluationStatus.SUCCEEDED]
    paired = prove(scope, *done) if len(done) > 1 and not reason else None
    return JobEvaluations(tuned=tuned, base=base, others=others, paired=paired, not_comparable=reason)


@verbs.reads("evaluations")
def prove(scope: Scope, base: Evaluation, tuned: Evaluation) -> Paired:
    """Return what the rows that two evaluations both answered prove of the second one."""
    return store.paired(scope.read, base.id, tuned.id)


def _bill(scope: Scope, target: Target, rows: Dataset, *, few_shot: int, system_prompt: str) -> Bill:
    """Return what the answers are billed for. Each question brings its examples, which are as long as other rows."""
    count, tokens = rows.rows or 0, rows.tokens or 0
    prompt = len(system_prompt.encode()) // BYTES_PER_TOKEN * count
    where = connections.get(scope, target.connection)
    asked = tokens * (1 + few_shot) + prompt
    return prices.asking_bill(scope, where, target.base_model, rows=count, tokens=asked)


def _difference(base: Evaluation, tuned: Evaluation) -> str:
    """Return why two evaluations cannot be compared; one that is not over has no identity yet."""
    both_done = base.status is tuned.status is EvaluationStatus.SUCCEEDED
    return why_not_comparable(base, tuned) if both_done else ""


def _selection_biased(scope: Scope, job: str | None, dataset: str) -> bool:
    if job is None:
        return False
    known = jobs.get(scope, job)
    return dataset in {
        known.spec.training_dataset,
        known.spec.validation.dataset,
        known.datasets.training,
        known.datasets.validation,
    }


def _example_problems(scope: Scope, few_shot: int, dataset: str | None) -> list[Problem | None]:
    if not 0 <= few_shot <= MAX_FEW_SHOT:
        return [Problem("/few_shot", "range", "few_shot is out of range.", f"Enter 0 to {MAX_FEW_SHOT}.")]
    if few_shot and not dataset:
        fix = "Choose the dataset that the examples come from, usually the training dataset."
        return [Problem("/few_shot_dataset", "missing", "The examples' dataset is missing.", fix)]
    if few_shot and dataset:
        return [datasets.ready_problem(datasets.get(scope, dataset), "/few_shot_dataset")]
    return []

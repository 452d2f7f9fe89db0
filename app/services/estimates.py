"""What a job will take, said before it is submitted."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from app.domain.backend import Estimates
from app.domain.catalog import LifecycleStatus
from app.domain.datasets import Dataset
from app.domain.drafts import Checked, Step, step_of
from app.domain.errors import Problem
from app.domain.estimates import Estimate, Notice
from app.domain.jobs import ValidationChoice, ValidationKind
from app.domain.preflight import Preflight, PreflightSeverity
from app.domain.prices import FREE, Bill
from app.services import catalog, datasets, preflights, prices, specs, verbs
from app.services.provider_errors import PROVIDER_ERRORS
from app.services.scope import Scope

_FEW_ROWS = 50
_OPEN_BIN = 2  # the last bin of lengths has no end: twice its beginning stands for it


def as_notice(problem: Problem) -> Notice:
    """Return a problem as a blocker, with the step where it is mended."""
    return Notice(
        step=step_of(problem.pointer).value, pointer=problem.pointer, message=problem.message, fix=problem.fix
    )


@verbs.reads("jobs")
def estimate(scope: Scope, fields: Mapping[str, Any]) -> Estimate:
    """Return what the job would take, with everything that blocks or might surprise."""
    return of_checked(scope, specs.check(scope, fields))


@verbs.reads("jobs")
def of_checked(scope: Scope, checked: Checked) -> Estimate:
    """Return the estimate for fields that have been checked already."""
    base, longest = Estimate(), _longest(scope, checked)  # read first: a backend that is asked ends the transaction
    looked = preflights.of_checked(scope, checked)
    if checked.connection is not None:
        base = _ask(scope, checked, base, longest, looked)
        made = prices.training_bill(scope, checked.connection, base.charges)
        base = replace(base, bill=made, cost=made.cost)
    return replace(
        base,
        blockers=(
            *(as_notice(problem) for problem in checked.problems),
            *base.blockers,
            *preflights.notices(looked, PreflightSeverity.BLOCKER),
        ),
        warnings=(
            *base.warnings,
            *preflights.notices(looked, PreflightSeverity.WARNING),
            *_warnings(checked),
            *_unpriced(base),
            *_ending(scope, checked),
        ),
    )


@verbs.reads("jobs")
def bill(scope: Scope, checked: Checked) -> Bill:
    """Return what a checked job will be billed for; an estimate is asked for only where something is."""
    if checked.connection is not None and prices.is_free(scope, checked.connection):
        return FREE
    return of_checked(scope, checked).bill


def _unpriced(estimate: Estimate) -> list[Notice]:
    fix = "Set your price in Settings, Prices; until then the total leaves it out."
    return [
        Notice(step=Step.MODEL.value, pointer="/base_model", message=f"No price is known: {price.label}.", fix=fix)
        for price in estimate.bill.unpriced
    ]


def _ending(scope: Scope, checked: Checked) -> list[Notice]:
    model = checked.model
    if model is None or model.lifecycle.status != LifecycleStatus.RETIRING:
        return []
    life = model.lifecycle
    until = f" It can be trained until {life.train_until.isoformat()}." if life.train_until else ""
    message = f"{model.name} is being retired.{until} {life.note}".strip()
    fix = "Choose another base model in time."
    if life.replacement:
        fix = f"Its replacement is {catalog.BaseNames(scope)(model.connection, life.replacement)}."
    return [Notice(step=Step.MODEL.value, pointer="/base_model", message=message, fix=fix)]


def _ask(scope: Scope, checked: Checked, base: Estimate, longest: int | None, looked: Preflight | None) -> Estimate:
    spec, connection, training = checked.spec, checked.connection, checked.training
    if spec is None or connection is None or training is None:
        return base
    backend = scope.backends.of(connection)
    if not isinstance(backend, Estimates):
        return base
    rows, tokens, validation_rows = _trained(spec.validation, training, checked.validation, looked)
    try:
        with scope.provider_call():
            return backend.estimate(spec, rows=rows, tokens=tokens, validation_rows=validation_rows, longest=longest)
    except PROVIDER_ERRORS as error:
        return replace(base, basis=error.message)


def _trained(
    validation: ValidationChoice, training: Dataset, chosen: Dataset | None, looked: Preflight | None
) -> tuple[int, int, int]:
    """Return the rows and tokens that are trained, and the rows that are held against them.

    Each row stands for one sequence until a look has counted what it becomes in training.
    """
    rows, tokens = training.rows or 0, training.tokens or 0
    sequences = looked.sequences if looked is not None and looked.sequences is not None else rows
    if looked is not None and looked.sequence_tokens is not None:
        tokens = looked.sequence_tokens
    each = sequences / rows if rows else 1.0
    if validation.kind is not ValidationKind.SPLIT:
        held_out = chosen.rows or 0 if chosen else 0
        return sequences, tokens, round(held_out * each)
    ratio, tested = validation.ratio or 0, validation.test_ratio or 0
    share = 1 - ratio - tested
    return round(sequences * share), round(tokens * share), round(sequences * ratio)


def _longest(scope: Scope, checked: Checked) -> int | None:
    """Return the tokens that no row of a job has more of, by the reports of its files; None where nothing says it."""
    if checked.spec is None:
        return None  # nothing is estimated yet
    files = [each.id for each in (checked.training, checked.validation, checked.test) if each is not None]
    bins = [each for report in datasets.reports(scope, files) for each in report.lengths if each.rows]
    return max((each.high or _OPEN_BIN * each.low for each in bins), default=None)


def _warnings(checked: Checked) -> list[Notice]:
    warnings = []
    training = checked.training
    if training is not None and (training.rows or 0) < _FEW_ROWS:
        message = f"The training dataset has only {training.rows} {'row' if training.rows == 1 else 'rows'}."
        fix = f"Providers advise at least {_FEW_ROWS}; quality grows with more."
        warnings.append(Notice(step=Step.DATA.value, pointer="/training_dataset", message=message, fix=fix))
    if training is not None and training.warnings:
        message = f"The training dataset has {training.warnings} warnings."
        fix = "Look at its findings before you train."
        warnings.append(Notice(step=Step.DATA.value, pointer="/training_dataset", message=message, fix=fix))
    spec = checked.spec
    if spec is not None and spec.validation.kind is ValidationKind.NONE:
        message = "Without validation rows you cannot tell learning from memorising."
        notice = Notice(step=Step.VALIDATION.value, pointer="/validation", message=message, fix="Split some rows off.")
        warnings.append(notice)
    if spec is not None and spec.test_dataset is None and not spec.validation.test_ratio:
        message = "There is no test set: the evaluation will be marked as selection-biased."
        fix = "Set a test share, or choose a test dataset."
        warnings.append(Notice(step=Step.VALIDATION.value, pointer="/test_dataset", message=message, fix=fix))
    return warnings

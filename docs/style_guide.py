"""The living style guide, every component on one page: `python -m docs.style_guide` serves it.

Its values are made up, the same at every call, and labelled as rehearsal wherever they are shown.
"""

import math
import sys
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import uvicorn
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from app.data.rows import Row, RowMessage
from app.domain.actors import Action
from app.domain.datasets import DatasetUse, LabelCount, LengthBin, UseCount
from app.domain.money import Money
from app.domain.prices import Bill, BillItem, Charge, Meter, Price, Unit
from app.domain.splits import Leakage, Part, SplitResult
from app.http.application import GuardedApp
from app.http.dependencies import may_do
from app.main import create_app
from app.services.scope import Scope
from app.settings import Settings
from app.web.rendering import page
from app.web.views import charts, costs
from app.web.views import datasets as dataset_view
from app.web.views.parts import CheckItem, Choice, FieldError, SeriesSummary, Stage, Stat, StepMark, Tab

router = APIRouter(include_in_schema=False)
Seen = Annotated[Scope, may_do(Action.READ, "style guide")]
PORT = 8090
EPOCH = datetime(2026, 11, 30, tzinfo=UTC)
STEPS = 240
LINES = 9
EVERY = 20
LABELS = ("account", "billing", "delivery", "returns", "sales", "technical")
COUNTS = (
    (7, 0, 0, 0, 0, 1, 0),
    (0, 8, 0, 0, 0, 0, 0),
    (0, 0, 7, 1, 0, 0, 0),
    (0, 1, 0, 7, 0, 0, 0),
    (0, 0, 0, 0, 8, 0, 0),
    (2, 0, 0, 0, 0, 5, 1),
)


ROWS_BY_LENGTH = [round(90 * math.exp(-(((low - 40) / 18) ** 2))) for low in range(8, 96, 8)]


def train_loss(step: int) -> float:
    """A falling loss with a wobble that is the same at every call."""
    return 0.35 + 2.1 * math.exp(-step / 55) + 0.05 * math.sin(step * 1.7) * math.cos(step * 0.37)


def validation_loss(step: int) -> float:
    """A loss that turns upwards after two thirds, as over-fitting does."""
    return 0.45 + 1.9 * math.exp(-step / 58) + max(0.0, (step - 160) / 1600)


def series() -> list[charts.Series]:
    """Both curves, as the chart wants them."""
    steps, marks = range(1, STEPS + 1), range(EVERY, STEPS + 1, EVERY)
    return [
        charts.Series("train_loss", list(steps), [train_loss(step) for step in steps]),
        charts.Series("validation_loss", list(marks), [validation_loss(step) for step in marks]),
    ]


def metrics_items() -> list[dict[str, object]]:
    """The same curves in the shape of REST's metrics."""
    return [{"name": one.name, "steps": list(one.steps), "values": list(one.values)} for one in series()]


def context(now: datetime) -> Mapping[str, object]:
    """Everything that patterns.html shows."""
    return {**_figures(now), **_paths(), **_curves(), **_forms()}


def _figures(now: datetime) -> Mapping[str, object]:
    return {
        "states": (
            "pending",
            "preparing",
            "queued",
            "running",
            "cancelling",
            "unknown",
            "succeeded",
            "failed",
            "cancelled",
            "creating",
            "ready",
            "deleting",
            "deleted",
            "validating",
            "needs_fixing",
            "rejected",
        ),
        "seen": now - timedelta(seconds=4),
        "failing": {
            "id": "job_example",
            "note": "The provider asks to wait.",
            "attempts": 3,
            "failing_since": now - timedelta(minutes=2),
            "next_look_at": now + timedelta(seconds=16),
        },
        "moments": [now - timedelta(seconds=s) for s in (3, 140, 9000, 400_000)],
        "stats": [
            Stat(label="Progress", value="58%", note="140 of 240 steps"),
            Stat(label="Training loss", value="0.514", note="−1.892 since step 1", tone="up"),
            Stat(label="Validation loss", value="0.620", note="best 0.608 at step 120"),
            Stat(label="Speed", value="4.1k", note="tokens a second"),
            Stat(label="Time left", value="12 s", note="ends at 09:14"),
            Stat(label="Cost so far", value="free", note="this machine"),
        ],
    }


def _paths() -> Mapping[str, object]:
    return {
        "steps": [
            StepMark(label="Project", state="done", href="#steps", answer="Support triage"),
            StepMark(label="Model", state="done", href="#steps", answer="starter"),
            StepMark(label="Data", state="error", href="#steps", answer="360 rows"),
            StepMark(label="Validation", state="todo", href="#steps", current=True),
            StepMark(label="Hyperparameters", state="todo"),
            StepMark(label="Review", state="todo"),
        ],
        "stages": [
            Stage(name="Data", state="done", took=0.4, note="360 rows to train on, 60 to validate"),
            Stage(name="Checks", state="done", took=0.1),
            Stage(name="Queue", state="done", took=2.0),
            Stage(name="Training", state="running", took=18, note="step 140 of 240"),
            Stage(name="Model", state="waiting"),
            Stage(name="Evaluation", state="waiting"),
            Stage(name="Deployment", state="waiting"),
        ],
        "failed_stages": [
            Stage(name="Data", state="done", took=0.4),
            Stage(
                name="Training",
                state="failed",
                took=4,
                note="Out of memory at step 3. Halve the batch size, or train an adapter (LoRA).",
            ),
        ],
    }


def _curves() -> Mapping[str, object]:
    curves = series()
    return {
        "plot": charts.plot(curves),
        "summaries": [_summary(one) for one in curves],
        "spark": [train_loss(step) for step in range(1, STEPS, 8)],
        "lengths": dataset_view.lengths(
            [LengthBin(low=8 * at, high=8 * at + 8, rows=rows) for at, rows in enumerate(ROWS_BY_LENGTH, 1)]
        ),
        "balance": [LabelCount(label=label, rows=48 - 7 * number) for number, label in enumerate(LABELS)],
        "split": SplitResult(
            training=Part(lines=range(1, 289)),
            validation=Part(lines=range(1, 37)),
            test=Part(lines=range(1, 37)),
            leakage=Leakage(exact=0, near=2, checked=72),
        ),
        "row": Row(line=7, bytes=64, raw="", cut=False, messages=_CONVERSATION),
        "price": Money(amount="1.70"),
        **_used_and_billed(),
        "log": [f"step {n * 10} loss {train_loss(n * 10):.4f}" for n in range(1, LINES + 1)],
    }


def _used_and_billed() -> Mapping[str, object]:
    known = Price(id="hour", label="A machine", kind=Meter.COMPUTE, unit=Unit.HOUR, amount="3.67")
    unknown = Price(id="tokens", label="Training", kind=Meter.TRAINING, unit=Unit.MILLION_TOKENS)
    quantities = ((known, 0.5, 1.0, 1.5), (unknown, 0.72, 0.9, 1.2))
    bill = Bill(
        items=tuple(
            BillItem(
                charge=Charge(price=price.id, label=price.label, low=low, expected=expected, high=high), price=price
            )
            for price, low, expected, high in quantities
        )
    )
    use = DatasetUse(  # an address that leads somewhere
        kind="job", id="from-capsule", name="support-triage", status="succeeded", created_at=EPOCH, parts=("training",)
    )
    return {
        "cost": costs.of_job(bill, "con_example", EPOCH.date()),
        "used": UseCount(jobs=2, evaluations=1),
        "uses": [use],
    }


def _forms() -> Mapping[str, object]:
    return {
        "choices": [
            Choice(value="quick", label="Quick look", note="1 epoch, about 8 s"),
            Choice(value="balanced", label="Balanced", note="4 epochs, about 30 s"),
            Choice(value="thorough", label="Thorough", note="needs a GPU", disabled=True),
        ],
        "errors": [
            FieldError(
                field="p-rate",
                message="Learning rate is out of range: 2. Enter a number above 0 and up to 1, for example 0.0005.",
            )
        ],
        "checks": [
            CheckItem(tone="ok", text="Training data: 360 rows, no errors"),
            CheckItem(tone="warn", text="2 rows of validation also stand in training", href="#forms"),
            CheckItem(tone="bad", text="Choose a base model", href="#forms"),
        ],
        "tabs": [
            Tab(label="Events", href="#tabs", current=True, count=14),
            Tab(label="Log", href="#tabs"),
            Tab(label="Parameters", href="#tabs"),
        ],
        "chips": [
            Tab(label="All", href="#tabs", current=True),
            Tab(label="Running", href="#tabs", count=2),
            Tab(label="Failed", href="#tabs", count=1),
        ],
        "messages": [
            {"role": "system", "content": "Answer with one queue."},
            {"role": "user", "content": "My parcel says delivered, but nothing came."},
            {"role": "assistant", "content": "delivery"},
        ],
        "labels": LABELS,
        "counts": COUNTS,
        "pieces": [("equal", "The answer is "), ("delete", "billing"), ("insert", "returns"), ("equal", ".")],
        "hostile": "invoice\u202egnp.exe \x07 <b>bold</b>",
        "code": 'from trl import SFTConfig, SFTTrainer\n\nconfig = SFTConfig(output_dir="out", learning_rate=5e-4)',
    }


_CONVERSATION = (
    RowMessage(role="user", content="My parcel says delivered, but nothing came.", learned=False),
    RowMessage(role="assistant", content="delivery", learned=True),
)


def _summary(one: charts.Series) -> SeriesSummary:
    best = min(zip(one.values, one.steps, strict=True))
    return SeriesSummary(name=one.name, first=one.values[0], last=one.values[-1], best=best[0], best_step=best[1])


@router.get("/patterns")
def patterns(request: Request, scope: Seen) -> Response:
    """Every component once."""
    return page(request, scope, "patterns.html", context(scope.now()))


@router.get("/patterns/metrics.json")
def metrics(_scope: Seen) -> Response:
    """The made-up curves of the chart."""
    return JSONResponse({"items": metrics_items()})


def main() -> int:
    """Serve it until Ctrl-C, on an installation in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="tunedesk-style-") as folder:
        app = create_app(Settings(data_dir=Path(folder), runtime_autoinstall=False))
        if isinstance(app, GuardedApp):
            app.include([router])
        print(f"The style guide is at http://127.0.0.1:{PORT}/patterns  (stop with Ctrl-C)", flush=True)
        uvicorn.run(app, port=PORT, log_level="warning")
    return 0


if __name__ == "__main__":
    sys.exit(main())

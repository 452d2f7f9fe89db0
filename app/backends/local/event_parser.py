"""A trainer's events, read as what the domain has: progress, metrics, checkpoints, and sentences for people."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from app.backends.local.runs import Look
from app.domain.backend import RemoteEvent
from app.domain.events import EventLevel
from app.domain.jobs import JobProgress
from app.domain.metrics import Checkpoint, Metric, Sample

News = Sequence[tuple[str, dict[str, Any]]]  # events with their ids, in their order
_POSITION = {"kind", "t", "step", "steps", "epoch", "epochs", "eta_s"}  # what an event of metrics has besides series
_SAMPLED = ("prompt", "expected", "answer")
_BEFORE = {"starting", "loading", "measuring"}  # afterwards, what was told last stays true
_STATES = {
    "starting": "The training process has started.",
    "loading": "Loading the base model on {device}.",
    "measuring": "Measuring the untrained model on the validation rows.",
    "training": "Training from step {step} to {steps}.",
    "saving": "Saving the model.",
    "succeeded": "Done in {train_runtime:.0f} s of training.",
    "stopped": "Stopped.",
}


def progress(news: News, look: Look) -> JobProgress | None:
    """Return how far it is; None where nothing new is known."""
    reported = [event for _, event in news if event.get("kind") == "metrics"]
    if look.state == "succeeded":
        steps = look.reported.get("steps")
        return JobProgress(
            step=look.reported.get("step"), steps=steps, eta_s=0.0, stage=look.state, **_epochs(reported)
        )
    if not reported:
        return JobProgress(stage=look.state) if look.state in _BEFORE and not news else None
    last = reported[-1]
    steps = last.get("steps") or None
    return JobProgress(
        step=last.get("step"), steps=steps, eta_s=last.get("eta_s"), stage=look.state, **_epochs(reported)
    )


def _epochs(reported: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {"epoch": reported[-1].get("epoch"), "epochs": reported[-1].get("epochs")} if reported else {}


def metrics(news: News) -> list[Metric]:
    """Return the values of every series, also of one that is not known here."""
    return [
        Metric(step=int(event["step"]), name=name, value=float(value))
        for _, event in news
        if event.get("kind") == "metrics"
        for name, value in event.items()
        if name not in _POSITION and isinstance(value, int | float) and not isinstance(value, bool)
    ]


def checkpoints(news: News) -> list[Checkpoint]:
    """Return the checkpoints as the last event about them tells: each time all, for the best one changes."""
    listed = [event["all"] for _, event in news if event.get("kind") == "checkpoint"]
    return [
        Checkpoint(
            step=int(one["step"]),
            remote_id=str(one["step"]),
            epoch=one.get("epoch"),
            train_loss=one.get("train_loss"),
            validation_loss=one.get("validation_loss"),
            best=bool(one.get("best")),
            present=bool(one.get("present")),
        )
        for one in (listed[-1] if listed else [])
    ]


def samples(news: News) -> list[Sample]:
    """Return what was answered to the held-out prompts."""
    return [
        Sample(step=int(event["step"]), number=number, **{name: str(one.get(name, "")) for name in _SAMPLED})
        for _, event in news
        if event.get("kind") == "samples"
        for number, one in enumerate(event.get("items", ()))
    ]


def events(news: News) -> list[RemoteEvent]:
    """Return the sentences for people."""
    reported = []
    for identifier, event in news:
        text = _sentence(event)
        if text:
            level = EventLevel(event.get("level", "error" if event.get("state") == "failed" else "info"))
            at = datetime.fromtimestamp(float(event["t"]), tz=UTC)
            reported.append(RemoteEvent(id=identifier, at=at, level=level, message=text))
    return reported


def _sentence(event: Mapping[str, Any]) -> str:
    match event.get("kind"):
        case "log":
            return str(event.get("message", ""))
        case "checkpoint":
            loss = event.get("validation_loss")
            return f"Checkpoint at step {event['step']}" + (
                f", validation loss {loss:.4g}." if loss is not None else "."
            )
        case "status":
            return _STATES.get(str(event.get("state")), "").format_map(event) or str(event.get("message", ""))
        case _:
            return ""

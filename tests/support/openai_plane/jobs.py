"""Emulated jobs: everything follows from what was asked of them, and the time."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.support.openai_plane.script import Script

FINAL = {"succeeded", "failed", "cancelled"}


@dataclass(slots=True, kw_only=True)
class Job:
    """A job: its request, and the moments (seconds) at which it was asked to pause, to resume and to stop."""

    id: str
    body: dict[str, Any]
    at: float
    steers: list[tuple[str, float]] = field(default_factory=list)

    def trained_s(self, script: Script, now: float) -> float:
        """Return for how long it has trained."""
        begins = self.at + script.check_s + script.queue_s
        total, since = 0.0, begins
        paused = False
        for verb, moment in self.steers:
            if verb == "cancel":
                now = min(now, moment)
            elif verb == "pause" and not paused:
                total, paused = total + max(0.0, moment - since), True
            elif verb == "resume" and paused:
                since, paused = max(moment, begins), False
        return total if paused else total + max(0.0, now - since)

    def status(self, script: Script, now: float) -> str:
        """Return OpenAI's word."""
        cancelled = next((moment for verb, moment in self.steers if verb == "cancel"), None)
        at = now if cancelled is None else min(now, cancelled)
        if at >= self.at + script.check_s and script.ends == "bad_file":
            return "failed"
        if self.trained_s(script, at) >= script.train_s:
            return "failed" if script.ends == "moderation" else "succeeded"
        if cancelled is not None:
            return "cancelled"
        if at < self.at + script.check_s:
            return "validating_files"
        if at < self.at + script.check_s + script.queue_s:
            return "queued"
        return self._steered(script, at)

    def _steered(self, script: Script, at: float) -> str:
        steers = [each for each in self.steers if each[0] in {"pause", "resume"}]
        if not steers or steers[-1][0] == "resume":
            return "running"
        return "pausing" if at < steers[-1][1] + script.pause_s else "paused"

    def step(self, script: Script, now: float) -> int:
        """Return the last step that was taken."""
        return min(script.steps, int(script.steps * self.trained_s(script, now) / script.train_s))

    def model(self) -> str:
        """Return the tuned model's name."""
        return f"ft:{self.body['model']}:tunedesk:{self.body.get('suffix') or ''}:{self.id[-8:]}"


def loss(step: int, steps: int) -> float:
    """Return a training loss that falls."""
    return round(2.4 - 2.0 * step / steps, 4)


def figures(step: int, steps: int) -> dict[str, Any]:
    """Return the data of a metrics event."""
    found: dict[str, Any] = {
        "step": step,
        "total_steps": steps,
        "train_loss": loss(step, steps),
        "train_mean_token_accuracy": round(0.5 + 0.4 * step / steps, 4),
    }
    if step % 10 == 0:
        found |= {"valid_loss": round(loss(step, steps) + 0.1, 4), "valid_mean_token_accuracy": 0.7}
    return found


def saved(script: Script, step: int) -> list[int]:
    """Return the steps at which a checkpoint was saved, by a step."""
    third = max(1, script.steps // 3)
    return [at for at in range(1, step + 1) if at % third == 0 or at == script.steps]


def events(job: Job, script: Script, now: float) -> list[dict[str, Any]]:
    """Return the events so far, newest first."""
    status, step = job.status(script, now), job.step(script, now)
    said: list[tuple[str, str, dict[str, Any] | None]] = [
        ("message", f"Created fine-tuning job: {job.id}", {}),
        ("message", f"Validating training file: {job.body['training_file']}", {}),
    ]
    if status != "validating_files" and script.ends != "bad_file":
        said.append(("message", "Files validated, moving job to queued state", {}))
    if step or status in {"running", "paused"}:
        said.append(("message", "Fine-tuning job started", None))
    for at in range(1, step + 1):
        data = figures(at, script.steps)
        said.append(("metrics", f"Step {at}/{script.steps}: training loss={data['train_loss']:.2f}", data))
        if at in saved(script, step):
            said.append(("message", f"Checkpoint created at step {at}", None))
    if status == "succeeded":
        said.append(("message", f"New fine-tuned model created: {job.model()}", None))
        said.append(("message", "The job has successfully completed", None))
    elif status == "failed":
        said.append(("message", "The job failed", None))
    rows = [
        {
            "id": f"ftevent-{job.id[6:]}{number:05d}",
            "object": "fine_tuning.job.event",
            "created_at": int(job.at) + number,
            "level": "error" if message == "The job failed" else "info",
            "message": message,
            "type": kind,
            "data": data,
        }
        for number, (kind, message, data) in enumerate(said)
    ]
    return rows[::-1]


def checkpoints(job: Job, script: Script, now: float) -> list[dict[str, Any]]:
    """Return the checkpoints, newest first."""
    made = [
        {
            "id": f"ftckpt_{job.id[6:]}{step}",
            "object": "fine_tuning.job.checkpoint",
            "created_at": int(job.at) + step,
            "fine_tuned_model_checkpoint": job.model() + ("" if step == script.steps else f":ckpt-step-{step}"),
            "step_number": step,
            "fine_tuning_job_id": job.id,
            "metrics": {
                "step": step,
                "train_loss": loss(step, script.steps),
                "train_mean_token_accuracy": 0.8,
                "full_valid_loss": round(loss(step, script.steps) + 0.1, 4),
                "full_valid_mean_token_accuracy": 0.7,
            },
        }
        for step in saved(script, job.step(script, now))
    ]
    return made[::-1]


def results(script: Script) -> bytes:
    """Return the result file: base64 of a CSV at OpenAI, the CSV itself at Azure, with other names of columns."""
    rows: Sequence[dict[str, Any]] = [figures(step, script.steps) for step in range(1, script.steps + 1)]
    last = "validation_mean_token_accuracy" if script.plain_results else "valid_mean_token_accuracy"
    accuracy = "train_mean_token_accuracy" if script.plain_results else "train_accuracy"
    lines = [f"step,train_loss,{accuracy},valid_loss,{last}"]
    lines += [
        f"{row['step']},{row['train_loss']},{row['train_mean_token_accuracy']},{row.get('valid_loss', '')},"
        f"{row.get('valid_mean_token_accuracy', '')}"
        for row in rows
    ]
    text = ("\n".join(lines) + "\n").encode()
    return text if script.plain_results else base64.b64encode(text)

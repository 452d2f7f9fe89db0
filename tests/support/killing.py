"""A training that is killed at a known place inside a checkpoint write, and goes on.

The place is known because one of the files that the trainer is about to write is there already, as a named pipe that
nobody reads from: whoever opens it to write stands still. Nothing of the trainer is touched.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from app.backends.local.backend import LocalBackend
from app.domain.hyperparameters import Hyperparameter
from app.domain.jobs import JobStatus
from tests.support import local
from tests.support.local import Watched
from tests.support.waiting import until

# The files of a checkpoint in the order in which transformers (5.23) writes them.
WEIGHTS = {"none": "model.safetensors", "lora": "adapter_model.safetensors"}
MEASURING = "Measuring the untrained model on the validation rows."
PATIENCE_S = 600.0  # many children start here, one after the other
LATER = ("optimizer.pt", "scheduler.pt", "rng_state.pth", "trainer_state.json")


class Killing:
    """One training in a folder of runs, as `job_1`."""

    def __init__(
        self,
        backend: LocalBackend,
        runs: Path,
        files: Sequence[Path],
        values: Mapping[str, Hyperparameter],
        *,
        options: Mapping[str, Hyperparameter] | None = None,
        method: str = "sft",
    ) -> None:
        self.backend, self.runs, self.run = backend, runs, runs / "job_1"
        self.adapter = str((options or {}).get("adapter", "none"))
        self.request = local.request(backend, "job_1", files, values, options=options, method=method)

    def killed_while_writing(self, name: str, *, step: int, watched: Watched | None = None) -> Watched:
        """Train, or go on, until the file `name` of the checkpoint of `step` is being written, then kill."""
        folder = self.run / "checkpoints" / f"checkpoint-{step}"
        if watched is None:
            watched = Watched(self.backend, self.backend.submit(self.request))
        times = watched.begun
        seen = watched

        def begun() -> bool:
            seen.look()
            return seen.begun > times or (MEASURING in seen.messages and not times)

        until(begun, within=PATIENCE_S, doing="the beginning")  # what was left by others has been removed by now
        folder.mkdir(parents=True)
        os.mkfifo(folder / name)

        def is_at_it() -> bool:
            seen.look()
            if name == WEIGHTS[self.adapter]:  # the first file that is written: nothing else is to be seen
                return step in seen.series("validation_loss")
            return len(list(folder.iterdir())) > 1

        until(is_at_it, within=PATIENCE_S, doing=f"the writing of checkpoint {step}")
        local.kill(self.run)
        return watched

    def is_taken_up(self, watched: Watched) -> None:
        """Let another process over the same folder go on with it, as after a restart of the server."""
        again = local.backend_over(self.runs, self.backend.context.runs.interpreter())
        watched.backend = again
        seen = watched.until_final()
        assert (seen.status, seen.interrupted) == (JobStatus.RUNNING, True), seen.message
        assert again.submit(self.request) == watched.job
        again.resume(watched.job)

    def goes_on(self, watched: Watched) -> None:
        """Take it up, and let it come to its end."""
        self.is_taken_up(watched)
        last = until(lambda: watched.until_final() if not watched.look().interrupted else None, within=PATIENCE_S)
        assert last.status is JobStatus.SUCCEEDED, last.message

    def weights(self) -> bytes:
        """Return the bytes of the finished model's weights."""
        return (self.run / "model" / WEIGHTS[self.adapter]).read_bytes()

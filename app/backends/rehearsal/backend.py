"""The whole rehearsal, as one backend with every ability that the domain names."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from app.backends.rehearsal.catalog import Catalog
from app.backends.rehearsal.evaluation import RehearsalEvaluation
from app.backends.rehearsal.faults import Script, read_script
from app.backends.rehearsal.serving import Serving
from app.backends.rehearsal.state import LABEL, NAME
from app.backends.rehearsal.training import Training
from app.domain.backend import Unsupported
from app.domain.jobs import JobSpec
from app.kit.clock import Clock


def rehearsal_backend(folder: Path, *, clock: Clock, script: Path | None = None) -> "RehearsalBackend":
    """Return the rehearsal that keeps its ledger in `folder` and plays the script in a JSON file, if one is given.

    Raises:
        ValueError: the file is no script; the message says where.
    """
    return RehearsalBackend(folder, clock=clock, script=Script() if script is None else read_script(script))


class RehearsalBackend(Catalog, Training, Serving, RehearsalEvaluation):
    """Scripted and deterministic: for tests and for trying pages. Always labelled, off unless asked for."""

    bills = False

    @property
    def name(self) -> str:
        """The backend's name."""
        return NAME

    def code_targets(self) -> Sequence[str]:
        """Return the one target that there is."""
        return ("json",)

    def code(self, target: str, spec: JobSpec, *, training_file: Path, validation_file: Path | None) -> str:
        """Return the job's own words; there is nothing to run."""
        self.stumble("code", "")
        if target not in self.code_targets():
            raise Unsupported(f"{LABEL}: there is no code for {target!r}.", fix="Choose json.")
        files = {"training_file": training_file.name, "validation_file": validation_file and validation_file.name}
        body = {"backend": NAME, "spec": msgspec.to_builtins(spec), **files}
        return msgspec.json.format(msgspec.json.encode(body), indent=2).decode() + "\n"

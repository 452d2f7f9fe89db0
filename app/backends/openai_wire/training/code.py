"""A job as code for the provider itself, without us: the official clients for Python and Node, and curl."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.backends.openai_wire.training.jobs import Wire
from app.domain.backend import DataRejected, NotFound, RemoteFile, ShowsCode, TrainingRequest, Unsupported
from app.domain.errors import Invalid
from app.domain.jobs import JobSpec
from app.domain.openai_code.request import CodeRequest, Rows, RowsForm, form_of
from app.domain.openai_code.targets import TARGETS, write


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeServer:
    """What the code says of the server: the variable with its key, its headers, and what comes after the training."""

    key: str
    headers: Mapping[str, str] = field(default_factory=dict)
    after: str = ""


class WireCode(ShowsCode):
    """To show a job as code that runs when pasted; the key comes from an environment variable."""

    wire: Wire

    @property
    @abstractmethod
    def code_server(self) -> CodeServer:
        """What the code says of the server."""

    @abstractmethod
    def further(self, request: TrainingRequest) -> Mapping[str, Any]:
        """Return the fields of a create that only this backend knows."""

    def code_targets(self) -> Mapping[str, str]:
        """Return the targets."""
        return TARGETS

    def code(self, target: str, spec: JobSpec, *, training_file: Path, validation_file: Path | None) -> str:
        """Return the script, which sends the rows from where they are on this machine.

        Raises:
            DataRejected: the provider reads no such rows.
        """
        if target not in TARGETS:
            raise Unsupported(f"There is no code for {target}.", fix=f"Choose one of {', '.join(TARGETS)}.")
        form, server = _form(training_file), self.code_server
        request = CodeRequest(
            name=spec.name,
            base_url=self.wire.plane.base,
            key=server.key,
            headers=server.headers,
            model=spec.base_model,
            method=spec.method,
            training=Rows(path=training_file, form=form),
            validation=None if validation_file is None else Rows(path=validation_file, form=form),
            hyperparameters=spec.hyperparameters,
            suffix=spec.name[: self.wire.dialect.suffix_chars],
            seed=spec.seed,
            metadata=spec.metadata,
            further=self.further(_request(spec)),
            waits=self.wire.dialect.waits_for_files,
            after=server.after,
        )
        return write(target, request)


def _form(path: Path) -> RowsForm:
    with path.open("rb") as stream:
        first = next((line for line in stream if line.strip()), None)
    if first is None:
        raise NotFound("The training file has no row that can be trained.", fix="Look at the dataset's findings.")
    try:
        return form_of(first)
    except Invalid as error:
        problem = error.problems[0]
        raise DataRejected(problem.message, fix=problem.fix) from error


def _request(spec: JobSpec) -> TrainingRequest:
    """Return the training as the backend's own fields are worked out from."""
    return TrainingRequest(
        tag="",
        base_model=spec.base_model,
        method=spec.method.value,
        task_type=spec.task_type.value,
        training_file=RemoteFile(""),
        validation_file=None,
        hyperparameters=spec.hyperparameters,
        options=spec.options,
        seed=spec.seed,
        suffix=spec.name,
    )

"""What the abilities of this backend share: the runs, the base models, and where tuned models lie."""

import re
from dataclasses import dataclass
from pathlib import Path

from app.backends.local.models import BaseModels
from app.backends.local.process import Runs
from app.domain.backend import NotFound

_MODEL = re.compile(r"run:([\w.-]+?)(?:@(\d+))?", re.ASCII)
_SMALL_BYTES = 500_000_000
_SMALL_BATCH, _LARGE_BATCH = 4, 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """This machine's workshop. `threads` of one child; `slots`: trainings at once."""

    runs: Runs
    models: BaseModels
    threads: int
    slots: int = 1
    device: str = "auto"

    def model_folder(self, model: str) -> Path:
        """Return the folder of the tuned model that this backend calls `model`: `run:<tag>` or `run:<tag>@<step>`.

        Raises:
            NotFound: when there is none of that name, or its files are gone.
        """
        folder = self.place_of(model)
        if folder is None or not folder.is_dir():
            raise NotFound("The tuned model's files are gone.", fix="Train it again, or choose another model.")
        return folder

    def place_of(self, model: str) -> Path | None:
        """Return where a tuned model of that name would lie; None for a name of another form."""
        match = _MODEL.fullmatch(model)
        if match is None:
            return None
        tag, step = match.groups()
        return self.runs.folder(tag) / ("model" if step is None else f"model-{int(step)}")

    def target(self, base_model: str, model: str | None) -> dict[str, object]:
        """Return a base or tuned model as a child's spec has it."""
        base = self.models.resolve(base_model).as_spec()
        return {"base": base, "model": str(self.model_folder(model)) if model else None}

    def batch_for(self, base_model: str) -> int:
        """Return how many rows a model of that size reads at once where nobody chose."""
        size = self.models.size_bytes(base_model)
        return _LARGE_BATCH if size is not None and size < _SMALL_BYTES else _SMALL_BATCH

"""What the abilities of this backend share: the runs, the base models, and where tuned models lie."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.backends.local.models import BaseModels
from app.backends.local.runs import Runs
from app.backends.local.tuned import TunedModels

_SMALL_BYTES = 500_000_000
_SMALL_BATCH, _LARGE_BATCH = 4, 16


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalContext:
    """This machine's workshop. `threads` of one child; `slots`: trainings at once."""

    runs: Runs
    tuned: TunedModels
    models: BaseModels
    threads: int
    slots: int = 1
    device: str = "auto"
    reserve: int = 0  # bytes of the disk that are left to others
    niceness: int = 0  # of children that nobody waits for: all but those that serve

    def model_folder(self, model: str) -> Path:
        """Return the folder of the tuned model that this backend calls `model`: `run:<tag>` or `run:<tag>@<step>`.

        Raises:
            NotFound: when there is none of that name, or its files are gone.
        """
        return self.tuned.folder(model)

    def target(self, base_model: str, model: str | None) -> dict[str, Any]:
        """Return a base or tuned model as a child's spec has it."""
        base = self.models.resolve(base_model).as_spec()
        return {"base": base, "model": str(self.model_folder(model)) if model else None}

    def machine(self, hub: str | None) -> dict[str, Any]:
        """Return how a child may use this machine, as its spec has it; `hub` is its base's name there, if any.

        Only a child whose base is of the hub may ask the hub for anything, and has a token for it (`Runs`).
        """
        return {
            "threads": self.threads,
            "niceness": self.niceness,
            "device": self.device,
            "offline": self.models.offline or hub is None,
        }

    def batch_for(self, base_model: str) -> int:
        """Return how many rows a model of that size reads at once where nobody chose."""
        size = self.models.size_bytes(base_model)
        return _LARGE_BATCH if size is not None and size < _SMALL_BYTES else _SMALL_BATCH

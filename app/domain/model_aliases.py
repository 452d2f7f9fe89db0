"""Other names of models, for programs whose model name cannot be changed. A name never changes its meaning."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelAlias:
    """One more name of a model. `target` is the name that it stands for, with its connection.

    One that is withdrawn means nothing any more; it can come back, as the same model alone.
    """

    name: str
    target: str
    created_at: datetime
    withdrawn_at: datetime | None = None

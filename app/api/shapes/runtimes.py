"""Runtime environments as REST sees them."""

from typing import Literal

from app.http.fields import RequestModel, ResponseModel, exemplified
from app.runtimes.environments import RuntimeStatus


class RuntimeIn(RequestModel):
    """Make an environment; `allow_cuda` agrees to the large CUDA build where no CPU build is to be had."""

    model_config = exemplified({"name": "trl"})

    name: Literal["trl"]
    allow_cuda: bool = False


class RuntimeOut(ResponseModel):
    """Where an environment stands; `progress` runs from 0 to 1."""

    name: str
    status: RuntimeStatus
    progress: float
    message: str
    size_bytes: int | None
    log_tail: list[str]

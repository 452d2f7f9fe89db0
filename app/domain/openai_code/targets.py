"""Which code there is, by the names for people."""

from collections.abc import Callable, Mapping

from app.domain.openai_code import curl, node, python
from app.domain.openai_code.request import CodeRequest

_WRITERS: Mapping[str, tuple[str, Callable[[CodeRequest], str]]] = {
    "openai-python": ("Python", python.script),
    "openai-node": ("Node", node.script),
    "openai-curl": ("curl", curl.commands),
}
TARGETS: Mapping[str, str] = {target: title for target, (title, _) in _WRITERS.items()}


def write(target: str, request: CodeRequest) -> str:
    """Return the job as one of `TARGETS`.

    Raises:
        KeyError: it is none of them.
    """
    return _WRITERS[target][1](request)

"""The forms in which managed online endpoints are asked and answer. They differ by model, and no field of Azure's says
which one it is; so an endpoint is asked in one after the other, and the one that works is kept for it.

Each is one of Microsoft's: Azure/azureml-examples, sdk/python/foundation-models/system, at the path beside it.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from app.domain.backend import ChatRequest, Unavailable
from app.kit.whole_files import draft_of

_SCORE, _OPENAI = "/score", "/v1/chat/completions"
Body = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoringForm:
    """One form: the path where it is asked, the body, and the Python that picks the text of its usual answer."""

    name: str
    source: str
    body: Callable[[ChatRequest], Body]
    picked: str
    path: str = _SCORE

    @property
    def scores(self) -> bool:
        """Whether it is asked at the address that Azure names, rather than at a path of its own."""
        return self.path == _SCORE

    def address(self, scoring_uri: str) -> str:
        """Return where an endpoint is asked in this form."""
        return scoring_uri if self.scores else f"{scoring_uri.rstrip('/').removesuffix(_SCORE)}{self.path}"


def _parameters(request: ChatRequest) -> Body:
    parameters: Body = {"return_full_text": False}
    if request.max_tokens is not None:
        parameters["max_new_tokens"] = request.max_tokens
    if request.temperature > 0:
        return parameters | {"temperature": request.temperature, "top_p": request.top_p, "do_sample": True}
    return parameters | {"do_sample": False}


def _messages(request: ChatRequest) -> list[Body]:
    return [dict(each) for each in request.messages]


def _flat(request: ChatRequest) -> Body:
    return {"input_data": {"input_string": _messages(request), "parameters": _parameters(request)}}


def _rows(request: ChatRequest) -> Body:
    inputs = {"input_string": [_messages(request)], "parameters": _parameters(request)}
    return {"input_data": inputs, "params": {}}


def _inputs(request: ChatRequest) -> Body:
    return {"inputs": {"input_string": _messages(request)}, "parameters": _parameters(request)}


def _split(request: ChatRequest) -> Body:
    table = {"columns": ["input_string"], "index": [0], "data": [[_messages(request)]]}
    return {"input_data": table, "params": _parameters(request)}


def _openai(request: ChatRequest) -> Body:
    optional = {"max_tokens": request.max_tokens, "seed": request.seed, "stop": list(request.stop) or None}
    given: Body = {name: value for name, value in optional.items() if value is not None}
    return {"messages": _messages(request), "temperature": request.temperature, "top_p": request.top_p, **given}


FORMS: Sequence[ScoringForm] = (
    ScoringForm(
        name="input_string", source="inference/chat-completion/payload.json", body=_flat, picked='["output"]',
    ),
    ScoringForm(
        name="input_string of rows", source="finetune/chat-completion/chat-completion.ipynb", body=_rows,
        picked='[0]["0"]',
    ),
    ScoringForm(
        name="inputs", source="inference/meta-llama-3/meta-llama-3-8b-instruct/sample_chat_completions_score.json",
        body=_inputs, picked='["output"]',
    ),
    ScoringForm(
        name="columns, index, data", source="../../endpoints/online/mlflow/sample-request-sklearn.json", body=_split,
        picked='[0]["0"]',
    ),
    ScoringForm(
        name="chat completions", source="https://learn.microsoft.com/azure/ai-foundry/model-inference", body=_openai,
        picked='["choices"][0]["message"]["content"]', path=_OPENAI,
    ),
)  # fmt: skip
_BY_NAME: Mapping[str, ScoringForm] = {each.name: each for each in FORMS}


class NoForm(Unavailable):
    """A managed endpoint refuses a question in every form."""


class KnownForms:
    """Which form each endpoint takes, or since when it takes none; kept in a folder, and found again by asking."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def of(self, address: str) -> ScoringForm | None:
        """Return the form that an endpoint has answered in; None where that is not known."""
        try:
            return _BY_NAME.get(self._file(address).read_text(encoding="utf-8"))
        except OSError:
            return None

    def keep(self, address: str, form: ScoringForm) -> None:
        """Note the form that an endpoint has answered in; where it cannot be noted, it is found again."""
        self._note(address, form.name)

    def refused_since(self, address: str, now: datetime) -> datetime:
        """Return since when an endpoint has refused every form, noting `now` where that is not known."""
        try:
            return datetime.fromisoformat(self._file(address).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            self._note(address, now.isoformat())
            return now

    def _note(self, address: str, text: str) -> None:
        file = self._file(address)
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            half = draft_of(file)
            half.write_text(text, encoding="utf-8")
            half.replace(file)
        except OSError:
            return

    def _file(self, address: str) -> Path:
        host = urlsplit(address).hostname or "none"
        return self._folder / f"{host.replace('/', '-')}.txt"


def answer_of(text: str) -> str | None:
    """Return the text in an answer of any of the forms; None where there is none."""
    try:
        found: Any = json.loads(text)
    except ValueError:
        return None
    for _ in range(6):
        if isinstance(found, str):
            return found
        if isinstance(found, list):
            found = found[0] if found else ""
        elif isinstance(found, Mapping):
            found = next((found[key] for key in _TEXTS if found.get(key) is not None), None)
        else:
            return None
    return None


# Members of an answer under which the text is, or leads to it.
_TEXTS = ("output", "choices", "message", "content", "generated_text", "text", "predictions", "0")

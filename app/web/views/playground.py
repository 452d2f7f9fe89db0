"""What the playground shows and sends, computed from frozen values."""

import json
import math
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from app.domain.backend import ChatChunk, ChatRequest
from app.domain.deployments import Deployment, DeploymentStatus
from app.services.models import HeldOutRow
from app.web.i18n import gettext as _

_DEFAULT_TOKENS = 128
COLUMNS = ("left", "right")
_STARTING = (DeploymentStatus.PENDING, DeploymentStatus.CREATING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One column's answer, or why there is none."""

    text: str = ""
    facts: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One message of a conversation as it is shown."""

    role: str
    content: str


def request_of(form: Mapping[str, str], history: str) -> ChatRequest:
    """Return the form as a chat request behind a column's earlier turns; numbers that are none are out of range."""
    messages = []
    if form.get("system", "").strip():
        messages.append({"role": "system", "content": form["system"]})
    messages += [{"role": turn.role, "content": turn.content} for turn in turns(history)]
    messages.append({"role": "user", "content": form.get("prompt", "")})
    return ChatRequest(
        messages=messages,
        temperature=_number(form.get("temperature", "0")),
        max_tokens=int(_number(form.get("max_tokens", str(_DEFAULT_TOKENS)))),
    )


def turns(history: str) -> list[Turn]:
    """Return a column's conversation so far: questions and answers in turn, as a JSON list of texts; else nothing."""
    try:
        texts = json.loads(history or "[]")
    except ValueError:
        return []
    if not isinstance(texts, list) or len(texts) % 2 or not all(isinstance(each, str) for each in texts):
        return []
    return [Turn(role="assistant" if at % 2 else "user", content=text) for at, text in enumerate(texts)]


def history(said: Sequence[Turn]) -> str:
    """Return a conversation as the form carries it."""
    return json.dumps([turn.content for turn in said], ensure_ascii=False)


def histories(said: Mapping[str, Sequence[Turn]], answers: Mapping[str, Answer]) -> dict[str, str]:
    """Return the columns' conversations as the form carries them on: with this turn where it was answered."""
    carried = {}
    for column, conversation in said.items():
        answer = answers.get(column)
        answered = [] if answer is None else [Turn(role="assistant", content=answer.text)]
        failed = answer is not None and bool(answer.error)
        carried[column] = history(conversation[:-1] if failed else [*conversation, *answered])
    return carried


def whole(chunks: Iterable[ChatChunk]) -> Answer:
    """Return a finished answer."""
    began = time.perf_counter()
    parts = list(chunks)
    last = parts[-1] if parts else ChatChunk()
    return Answer(text="".join(part.text for part in parts), facts=facts(last, time.perf_counter() - began))


def facts(last: ChatChunk, seconds: float) -> str:
    """Return the small print under an answer."""
    took = _("%(ms)d ms") % {"ms": round(seconds * 1000)}
    if last.completion_tokens is None:
        return took
    tokens = _("%(n)d tokens") % {"n": last.completion_tokens}
    cut = [_("cut off at the limit")] if last.finish_reason == "length" else []
    return " · ".join([tokens, took, *cut])


def chosen(values: Mapping[str, str], served: Sequence[Deployment]) -> dict[str, str]:
    """Return which deployments stand in the columns: those asked for, else a base model left and a tuned one right."""
    ready = [each for each in served if each.status is DeploymentStatus.READY]
    tuned = next((each for each in ready if each.target.is_tuned), None)
    base = next((each for each in ready if not each.target.is_tuned), None)
    right = values.get("right") or (tuned.id if tuned else "")
    left = values.get("left") or (base.id if base and base.id != right else "")
    model = next((each.target.model for each in served if each.id == right), None)
    return {"left": left, "right": right, "right_model": model or ""}


def starting(columns: Mapping[str, str], served: Sequence[Deployment]) -> list[str]:
    """Return the names of the columns' deployments that cannot answer yet, but will."""
    return [each.name for each in served if each.status in _STARTING and each.id in (columns["left"], columns["right"])]


def values(form: Mapping[str, str], columns: Mapping[str, str], row: HeldOutRow | None, taught: str) -> dict[str, str]:
    """Return what stands in the form's fields; `taught` is the training's system prompt, until another is typed."""
    return {
        "left": columns["left"],
        "right": columns["right"],
        "system": row.system if row else form.get("system", taught),
        "prompt": row.prompt if row else form.get("prompt", ""),
        "temperature": form.get("temperature", "0"),
        "max_tokens": form.get("max_tokens", str(_DEFAULT_TOKENS)),
    }


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        return -1
    return number if math.isfinite(number) and abs(number) < 10**9 else -1

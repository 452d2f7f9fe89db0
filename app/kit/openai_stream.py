"""OpenAI's streaming wire of a chat completion, written and read: one chunk of JSON an event, then the end's mark.

    data: {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": "Hi"}, …}], …}

    data: [DONE]

It needs the standard library alone, because the server of a tuned model runs in a runtime's own interpreter. Sources:
https://html.spec.whatwg.org/multipage/server-sent-events.html (how a stream of events is parsed) and
https://platform.openai.com/docs/api-reference/chat-streaming (the chunks, and the usage that follows the last choice).
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")
MEDIA_TYPE = "text/event-stream"
DONE = b"data: [DONE]\n\n"
LONGEST_EVENT = 1_000_000  # bytes; a chunk with everything that servers add has some thousands
LONGEST_STREAM = 64_000_000  # bytes; with half a kilobyte a chunk that is more than 100,000 tokens
_NO_CHUNK = "The answer is not a chat completion"
_BOM = b"\xef\xbb\xbf"
_LINE_END = re.compile(rb"\r\n|\n|\r(?=[^\n])")  # a CR at the end of what came so far may be half a CRLF


class StreamError(Exception):
    """The stream holds no answer, or no more of it. Its text and `remedy` are sentences for people."""

    remedy = "Ask once more."


class CutShort(StreamError):
    """It ended before the answer did."""


class Malformed(StreamError):
    """An event is no chunk of a chat completion."""


class TooLong(StreamError):
    """An event, or the stream, is longer than any answer."""

    remedy = "Ask for fewer tokens."


class ReportedError(StreamError):
    """The server told of an error in the middle of the stream; `error` is the object that it sent."""

    def __init__(self, error: Mapping[str, Any]) -> None:
        super().__init__(str(error.get("message") or "The server reports an error without saying which."))
        self.error = error


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """A piece of text; or, with `finish_reason`, the end and the tokens that were counted (None: not told).

    `tool_calls` come whole with the end, in OpenAI's shape: the arguments of each are a text of JSON.
    """

    text: str = ""
    finish_reason: str | None = None
    tool_calls: Sequence[Mapping[str, Any]] = ()
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class ChunkWriter:
    """Writes the chunks of one answer. `created`: seconds since 1970."""

    id: str
    created: int
    model: str
    chat: bool = True  # else a completion of a text, whose chunks have the text where a chat's have a delta

    def chunk(
        self,
        delta: Mapping[str, Any] | None = None,
        *,
        finish_reason: str | None = None,
        usage: Mapping[str, int | None] | None = None,
    ) -> bytes:
        """Return an event with one chunk. Without a `delta` it has no choice, as the one with the usage alone."""
        said = {"delta": delta} if self.chat else {"text": (delta or {}).get("content", "")}
        choice = {"index": 0, **said, "logprobs": None, "finish_reason": finish_reason}
        kind = "chat.completion.chunk" if self.chat else "text_completion"
        head = {"id": self.id, "object": kind, "created": self.created, "model": self.model}
        return event({**head, "choices": [] if delta is None else [choice], **({"usage": usage} if usage else {})})


def event(value: Mapping[str, Any]) -> bytes:
    """Return an event with a JSON object: one line of ASCII, whatever the object's texts hold."""
    return b"data: " + json.dumps(value, separators=(",", ":")).encode() + b"\n\n"


def error_event(message: str, kind: str, **more: str | None) -> bytes:
    """Return an event that tells of an error after the answer has begun."""
    return event({"error": {"message": message, "type": kind, **more}})


def usage(prompt_tokens: int | None, completion_tokens: int | None) -> dict[str, int | None]:
    """Return token counts as the wire has them; the total is known where both are."""
    known = prompt_tokens is not None and completion_tokens is not None
    total = (prompt_tokens or 0) + (completion_tokens or 0) if known else None
    return {"prompt_tokens": prompt_tokens, "completion_tokens": completion_tokens, "total_tokens": total}


def read(pieces: Iterable[bytes]) -> Iterator[Delta]:
    """Yield the answer's texts, then one last delta with the reason of its end. `pieces` may be cut anywhere.

    Comments (which keep a connection alive), empty deltas, other fields of an event, and a missing `[DONE]` are fine.

    Raises:
        CutShort, Malformed, TooLong, ReportedError: instead of the last delta.
    """
    reason: str | None = None
    counted: Mapping[str, Any] = {}
    calls: dict[int, list[object]] = {}
    for name, data, ended in _events(pieces):
        if data.strip() == b"[DONE]":
            break
        try:
            chunk = _object(data)
        except Malformed:
            if ended:
                raise
            break  # half an event at the end of the stream
        error = chunk.get("error")
        if error is not None or name == b"error":
            raise ReportedError(error if isinstance(error, dict) else {"message": error, **chunk})
        counted = _field(chunk, "usage", dict) or counted
        for choice in _field(chunk, "choices", list) or ():
            delta = _field(choice, "delta", dict) or {}
            text = _field(delta, "content", str) or _field(choice, "text", str)
            if text:
                yield Delta(text=valid_text(text))
            for piece in _field(delta, "tool_calls", list) or ():
                calls.setdefault(_field(piece, "index", int) or 0, []).append(piece)
            reason = _field(choice, "finish_reason", str) or reason
    if reason is None:
        raise CutShort("The answer broke off before its end.")
    yield Delta(
        finish_reason=reason,
        tool_calls=tuple(_whole_call(calls[index]) for index in sorted(calls)),
        prompt_tokens=_count(counted, "prompt_tokens"),
        completion_tokens=_count(counted, "completion_tokens"),
    )


def _whole_call(pieces: Sequence[object]) -> dict[str, Any]:
    """Return the call of its pieces: the first one names the function, the others go on with its arguments."""
    functions = [_field(piece, "function", dict) for piece in pieces]
    name, arguments = ("".join(_field(each, key, str) or "" for each in functions) for key in ("name", "arguments"))
    return {
        "id": "".join(_field(piece, "id", str) or "" for piece in pieces),
        "type": "function",
        "function": {"name": valid_text(name), "arguments": valid_text(arguments)},
    }


def valid_text(text: str) -> str:
    """Return a text without halves of characters (lone surrogates), which JSON can hold and UTF-8 cannot."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _events(pieces: Iterable[bytes]) -> Iterator[tuple[bytes, bytes, bool]]:
    """Yield each event's name and data, and whether its end was there: the last event's may be missing."""
    name, data, size = b"", list[bytes](), 0
    for line in _lines(pieces):
        field, _, value = line.partition(b":")
        if not line and data:
            yield name, b"\n".join(data), True
        if not line:
            name, data, size = b"", [], 0
        elif field == b"event":
            name = value.removeprefix(b" ")
        elif field.removeprefix(_BOM) == b"data":
            data.append(value.removeprefix(b" "))
            size += len(value)
            if size > LONGEST_EVENT:
                raise TooLong("The answer is far too long.")
    if data:
        yield name, b"\n".join(data), False


def _lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield lines without their ends (LF, CRLF or CR); what follows the last end is a line, too."""
    rest, size = b"", 0
    for piece in pieces:
        size += len(piece)
        *lines, rest = _LINE_END.split(rest + piece)
        yield from lines
        if len(rest) > LONGEST_EVENT or size > LONGEST_STREAM:
            raise TooLong("The answer is far too long.")
    if rest:
        yield rest.removesuffix(b"\r")


def _object(data: bytes) -> dict[str, Any]:
    try:
        chunk = json.loads(data.decode())
    except (ValueError, RecursionError) as error:
        raise Malformed(f"{_NO_CHUNK}: an event of it is not JSON.") from error
    if not isinstance(chunk, dict):
        raise Malformed(f"{_NO_CHUNK}: an event of it is no object.")
    return chunk


def _field(holder: object, name: str, kind: type[T]) -> T | None:
    """Return what an object has under a name; None for null and for nothing."""
    value = holder.get(name) if isinstance(holder, dict) else holder
    if value is None or (isinstance(holder, dict) and isinstance(value, kind)):
        return value
    raise Malformed(f"{_NO_CHUNK}: its {name} has another type than it should.")


def _count(counted: Mapping[str, Any], name: str) -> int | None:
    value = counted.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None

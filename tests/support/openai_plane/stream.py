"""A chat's answer as the wire streams it."""

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Stream:
    """A chat's answer, to be sent as events."""

    model: str
    text: str
    created: int

    def chunks(self) -> list[bytes]:
        """Return the events."""
        head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": self.created, "model": self.model}

        def chunk(delta: dict[str, Any], finish: str | None = None) -> bytes:
            choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
            return b"data: " + json.dumps(head | {"choices": [choice], "usage": None}).encode() + b"\n\n"

        words = [chunk({"content": word + " "}) for word in self.text.split()]
        usage = {"prompt_tokens": 5, "completion_tokens": len(words), "total_tokens": 5 + len(words)}
        last = b"data: " + json.dumps(head | {"choices": [], "usage": usage}).encode() + b"\n\n"
        first = chunk({"role": "assistant", "content": ""})
        return [first, b": ping\n\n", *words, chunk({}, "stop"), last, b"data: [DONE]\n\n"]

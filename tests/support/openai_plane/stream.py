"""A chat's answer as the wire streams it."""

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Stream:
    """A chat's answer, to be sent as events: words, or a call of the function that is named."""

    model: str
    text: str
    created: int
    calls: str = ""

    def chunks(self) -> list[bytes]:
        """Return the events."""
        head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": self.created, "model": self.model}

        def chunk(delta: dict[str, Any], finish: str | None = None) -> bytes:
            choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
            return b"data: " + json.dumps(head | {"choices": [choice], "usage": None}).encode() + b"\n\n"

        def piece(function: dict[str, str], **more: str) -> bytes:
            return chunk({"tool_calls": [{"index": 0, "function": function, **more}]})

        words = [chunk({"content": word + " "}) for word in self.text.split()]
        if self.calls:
            arguments = json.dumps({"asked": self.text})
            head_of_call = piece({"name": self.calls, "arguments": ""}, id="call_1", type="function")
            words = [head_of_call, *(piece({"arguments": part}) for part in (arguments[:5], arguments[5:]))]
        usage = {"prompt_tokens": 5, "completion_tokens": len(words), "total_tokens": 5 + len(words)}
        last = b"data: " + json.dumps(head | {"choices": [], "usage": usage}).encode() + b"\n\n"
        first = chunk({"role": "assistant", "content": ""})
        return [
            first,
            b": ping\n\n",
            *words,
            chunk({}, "tool_calls" if self.calls else "stop"),
            last,
            b"data: [DONE]\n\n",
        ]

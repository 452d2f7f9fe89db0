"""The id of the request that is being answered, for whatever is told or written to the log meanwhile."""

from contextvars import ContextVar

# Threads that work for a request are started with a copy of its context, so they know it, too.
REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="")

"""The log: one line an entry, without secrets, with what it is about; as text for people or as JSON for collectors."""

import json
import logging
import re
import sys
import threading
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from types import TracebackType

from app.kit import log_context
from app.kit.redaction import know, redacted

ACCESS = "tunedesk.access"
FORMS = ("text", "json")
_CHATTY = ("alembic", "httpcore", "httpcore2", "httpx", "httpx2", "azure.core.pipeline.policies.http_logging_policy")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_SECRET_NAMES = re.compile(r"(?i)(SECRET|TOKEN|PASSWORD|PASSWD|API_?KEY|CREDENTIAL|CONNECTION_STRING|ACCOUNT_?KEY)")
_NO_SECRETS = re.compile(r"(?i)(_FILE|_PATH|_DIR)$")


class TextLog(logging.Formatter):
    """A line for people; the lines of a trace follow it."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the entry, redacted last, so that also what a trace quotes is looked at."""
        moment = datetime.fromtimestamp(record.created, UTC).strftime("%Y-%m-%d %H:%M:%S,%f")[:-3]
        known = " ".join(log_context.present().values())
        where = f" [{known}]" if known else ""
        line = f"{moment} {record.levelname} {record.name}: {_CONTROLS.sub(_shown, record.getMessage())}{where}"
        trace = _trace(record)
        return redacted(f"{line}\n{trace}" if trace else line)


class JsonLog(logging.Formatter):
    """An object a line: time, level, logger, message, and request, person, job, connection where they are known."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the entry; texts are redacted one by one, lest a quotation mark be taken for a part of a secret."""
        whole: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": redacted(record.getMessage()),
            **log_context.present(),
            **getattr(record, "fields", {}),
        }
        trace = _trace(record)
        if trace:
            whole["trace"] = redacted(trace)
        return json.dumps(whole, ensure_ascii=False)


class _OurStderr(logging.StreamHandler):  # type: ignore[type-arg]  # its stream is standard error
    """Ours, so that it is found and not added twice."""


def configure(level: str, form: str, environment: Mapping[str, str]) -> None:
    """Write the log to standard error from now on; the environment's secrets are known from the start.

    What breaks a thread or the process is told the same way, because Python itself would print it as it is.
    """
    know(*(text for name, text in environment.items() if _SECRET_NAMES.search(name) and not _NO_SECRETS.search(name)))
    root = logging.getLogger()
    for earlier in [each for each in root.handlers if isinstance(each, _OurStderr)]:
        root.removeHandler(earlier)
    handler = _OurStderr()
    handler.setFormatter(JsonLog() if form == "json" else TextLog())
    root.addHandler(handler)
    root.setLevel(level.upper())
    for chatty in _CHATTY:
        logging.getLogger(chatty).setLevel(logging.WARNING)
    quiet = form != "json" and level.lower() != "debug"
    logging.getLogger(ACCESS).setLevel(logging.WARNING if quiet else logging.INFO)
    sys.excepthook = _broken
    threading.excepthook = lambda given: _broken(given.exc_type, given.exc_value, given.exc_traceback)


def _broken(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
    if error is None or issubclass(kind, KeyboardInterrupt):
        return
    logging.getLogger("tunedesk").critical("broken off by %s", kind.__name__, exc_info=(kind, error, trace))


def _trace(record: logging.LogRecord) -> str:
    found = ""
    if record.exc_info and record.exc_info[0] is not None:
        found = "".join(traceback.format_exception(*record.exc_info)).rstrip()
    return "\n".join(each for each in (found, record.stack_info or "") if each)


def _shown(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()

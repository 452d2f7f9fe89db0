"""The audit handed out whole: JSON Lines for programs, or CSV whose cells no spreadsheet takes for formulas."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, fields
from enum import StrEnum

import orjson
from starlette.responses import StreamingResponse

from app.domain.audit import AuditEntry
from app.http.dependencies import OpenScope
from app.http.downloads import SANDBOX, csv_cell
from app.services import audit


class AuditForm(StrEnum):
    """How the audit is handed out."""

    JSONL = "jsonl"
    CSV = "csv"


_MEDIA = {AuditForm.JSONL: "application/x-ndjson", AuditForm.CSV: "text/csv; charset=utf-8"}


def whole_audit(open_scope: OpenScope, form: AuditForm) -> StreamingResponse:
    """Return every entry, oldest first; read piece by piece, so that its length costs no memory."""
    headers = {**SANDBOX, "content-disposition": f'attachment; filename="audit.{form.value}"'}
    return StreamingResponse(_pieces(open_scope, form), headers=headers, media_type=_MEDIA[form])


def _pieces(open_scope: OpenScope, form: AuditForm) -> Iterator[bytes]:
    if form is AuditForm.CSV:
        yield (",".join(each.name for each in fields(AuditEntry)) + "\r\n").encode()
    line: Callable[[AuditEntry], bytes] = _csv_line if form is AuditForm.CSV else _json_line
    number = -1
    while True:
        with open_scope() as scope:
            chunk = audit.after(scope, number)
        if not chunk:
            return
        yield b"".join(line(each) for each in chunk)
        number = chunk[-1].number


def _json_line(entry: AuditEntry) -> bytes:
    return orjson.dumps(asdict(entry)) + b"\n"


def _csv_line(entry: AuditEntry) -> bytes:
    cells = [str(entry.number), entry.at.isoformat(), *(str(getattr(entry, each.name)) for each in fields(entry)[2:])]
    return (",".join([cells[0], *(csv_cell(each) for each in cells[1:])]) + "\r\n").encode()

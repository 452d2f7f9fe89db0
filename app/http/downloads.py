"""Files handed out so that no browser runs them: as attachments, under a policy that allows nothing."""

import zipfile
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path
from urllib.parse import quote

import orjson
from starlette.responses import FileResponse, Response, StreamingResponse

from app.domain.metrics import MetricSeries
from app.http.own_threads import AwaitedResponse, awaited
from app.kit.forward import ForwardFile
from app.services.downloads import Download
from app.training.portable import is_handed_out

SANDBOX = {"content-security-policy": "sandbox; default-src 'none'"}
_PIECE = 1 << 20
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")


def attachment(path: Path, filename: str, media_type: str = "application/octet-stream") -> Response:
    """Return a file under a name (any text; encoded as RFC 6266 says)."""
    return FileResponse(path, media_type=media_type, filename=filename, headers=SANDBOX)


def made_attachment(make: Callable[[], Download]) -> Response:
    """Return a file that is made while it is sent, beginning with `make`, in a thread of its own."""
    return AwaitedResponse(lambda: _sent(make()))


def _sent(made: Download) -> Response:
    quoted = quote(made.filename)
    named = f'filename="{made.filename}"' if quoted == made.filename else f"filename*=utf-8''{quoted}"
    headers = {**SANDBOX, "content-disposition": f"attachment; {named}"}
    return StreamingResponse(awaited(_each(made.pieces)), headers=headers, media_type=made.media_type)


def _each(pieces: Iterator[bytes]) -> Generator[bytes, None, None]:
    yield from pieces


def text_attachment(text: str, filename: str, media_type: str) -> Response:
    """Return a text under an ASCII name of our own making."""
    headers = {**SANDBOX, "content-disposition": f'attachment; filename="{filename}"'}
    return Response(text, headers=headers, media_type=media_type)


def zipped(folder: Path, filename: str) -> Response:
    """Return a model's files as a ZIP archive, made while it is sent; `filename` is ASCII of our making.

    Pickles and what is our own stay here, whatever the folder holds.
    """
    headers = {**SANDBOX, "content-disposition": f'attachment; filename="{filename}"'}
    return StreamingResponse(_zip_pieces(folder), headers=headers, media_type="application/zip")


def series_json(series: Sequence[MetricSeries]) -> Response:
    """Return series as the pages' charts take them: the shape of REST, written by the quickest means."""
    items = [{"name": each.name, "steps": list(each.steps), "values": list(each.values)} for each in series]
    return Response(orjson.dumps({"items": items}), media_type="application/json")


def metrics_csv(series: Sequence[MetricSeries]) -> str:
    """Return series as a table with one row a step and one column a series; empty where a series has no value."""
    by_step: dict[int, dict[str, float | None]] = {}
    for each in series:
        for step, value in zip(each.steps, each.values, strict=True):
            by_step.setdefault(step, {})[each.name] = value
    names = [each.name for each in series]
    lines = [",".join(["step", *(csv_cell(name) for name in names)])]
    for step in sorted(by_step):
        values = (by_step[step].get(name) for name in names)
        lines.append(",".join([str(step), *("" if value is None else repr(value) for value in values)]))
    return "\r\n".join(lines) + "\r\n"


def csv_cell(text: str) -> str:
    """Return a text as one cell of CSV (RFC 4180) that no spreadsheet takes for a formula."""
    safe = f"'{text}" if text.lstrip(" \ufeff\n").startswith(_FORMULA_STARTS) else text
    if any(character in safe for character in ',"\r\n'):
        return '"' + safe.replace('"', '""') + '"'
    return safe


def _zip_pieces(folder: Path) -> Iterator[bytes]:
    out = ForwardFile()
    # Weights do not compress; storing them costs no time.
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_symlink() or not path.is_file() or not is_handed_out(path):
                continue
            entry = zipfile.ZipInfo.from_file(
                path, f"{folder.name}/{path.relative_to(folder)}", strict_timestamps=False
            )
            with path.open("rb") as source, archive.open(entry, "w", force_zip64=True) as target:
                while piece := source.read(_PIECE):
                    target.write(piece)
                    yield out.take()
            yield out.take()
    yield out.take()

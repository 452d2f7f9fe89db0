"""A dataset's rows in one of the formats: what has to be known of them first, and the file, piece by piece."""

from collections.abc import Iterator
from pathlib import Path

from app.data.exports import columns, parquet, texts, workbook
from app.domain.downloads import DownloadFormat


def pieces(path: Path, wanted: DownloadFormat) -> Iterator[bytes]:
    """Return what gives the file: its rows are read once here, and again while it is given; memory is bounded.

    Raises:
        columns.Unfit: when the format cannot hold the rows.
        OSError: the rows cannot be read.
    """
    if wanted.rows == "jsonl":
        return texts.packed(texts.as_they_stand(path), wanted.packing)
    if wanted.rows == "json":
        columns.check(path)
        return texts.packed(texts.json_array(path), wanted.packing)
    found = columns.look(path)
    match wanted.rows:
        case "parquet":
            return parquet.pieces(path, found)
        case "xlsx":
            workbook.check(found)
            return workbook.pieces(path, found)
        case _:
            delimiter = "\t" if wanted.rows == "tsv" else ","
            return texts.packed(texts.table(path, found, delimiter), wanted.packing)

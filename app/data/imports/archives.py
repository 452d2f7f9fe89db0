"""Archives around one file: gzip, bzip2, xz, Zstandard, and a ZIP that holds nothing else."""

import bz2
import gzip
import lzma
import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast

from app.data.imports.container import Layer, Sample, unreadable

_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_ENCRYPTED = 1
_UNPACK = "Unpack it, and upload the file with the rows."


def _stream(name: str, words: str, magic: bytes, opened: Callable[[BinaryIO], BinaryIO]) -> Layer:
    """Return the layer of a stream that holds one file without a name."""

    def inside(sample: Sample, file: BinaryIO) -> tuple[BinaryIO, str]:
        path = Path(sample.filename)
        return opened(file), path.stem if path.suffix.lower() in _ENDINGS else path.name

    return Layer(name=name, recognise=lambda sample: words if sample.head.startswith(magic) else None, open=inside)


def _zstd(file: BinaryIO) -> BinaryIO:
    import pyarrow as pa

    return cast("BinaryIO", pa.input_stream(file, compression="zstd"))


def _is_zip(sample: Sample) -> str | None:
    return "ZIP archive" if sample.head.startswith(_ZIP) and not _is_document(sample) else None


def _is_document(sample: Sample) -> bool:
    """Return whether a ZIP is an office program's document, which is read as what it is, or named."""
    try:
        with zipfile.ZipFile(sample.path) as archive:
            return not {"[Content_Types].xml", "mimetype", "xl/workbook.xml"}.isdisjoint(archive.namelist())
    except (zipfile.BadZipFile, OSError, NotImplementedError, ValueError):
        return False


def _open_zip(_: Sample, file: BinaryIO) -> tuple[BinaryIO, str]:
    archive = zipfile.ZipFile(file)
    files = [each for each in archive.infolist() if not each.is_dir() and not each.filename.startswith("__MACOSX/")]
    if len(files) != 1:
        names = ", ".join(PurePosixPath(each.filename).name[:40] for each in files[:5]) or "none"
        raise unreadable(
            f"The ZIP archive holds {len(files)} files ({names}{', …' if len(files) > 5 else ''}); "  # noqa: PLR2004
            "it is read where it holds one.",
            "Unpack it, and upload the files with the rows.",
        )
    if files[0].flag_bits & _ENCRYPTED:
        raise unreadable("The ZIP archive asks for a password.", _UNPACK)
    return cast("BinaryIO", archive.open(files[0])), PurePosixPath(files[0].filename).name


_ENDINGS = {".gz", ".gzip", ".bz2", ".xz", ".zst", ".zstd"}
GZIP = _stream("gzip", "gzip", b"\x1f\x8b", lambda file: cast("BinaryIO", gzip.GzipFile(fileobj=file, mode="rb")))
BZIP2 = _stream("bzip2", "bzip2", b"BZh", lambda file: cast("BinaryIO", bz2.BZ2File(file)))
XZ = _stream("xz", "xz", b"\xfd7zXZ\0", lambda file: cast("BinaryIO", lzma.LZMAFile(file)))  # noqa: SIM115 - closed by the reader
ZSTD = _stream("zstd", "Zstandard", b"\x28\xb5\x2f\xfd", _zstd)
ZIP = Layer(name="zip", recognise=_is_zip, open=_open_zip)

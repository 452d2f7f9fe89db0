"""Texts in another encoding than UTF-8: found, read strictly, and written anew."""

import codecs
import io
import re
from typing import BinaryIO, cast

from app.data.containers import HEAD_BYTES
from app.data.imports.container import Layer, Sample, unreadable
from app.data.lines import BOM, READ_BYTES

_MARKS = (
    (b"\xff\xfe\0\0", "utf-32-le"),
    (b"\0\0\xfe\xff", "utf-32-be"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)
_SAVE = "Save the file as UTF-8 (in most editors: Save as, Encoding, UTF-8)."
_MANY_ZEROS = 0.2
_WORDS = {"utf-16-le": "UTF-16", "utf-16-be": "UTF-16", "utf-32-le": "UTF-32", "utf-32-be": "UTF-32"}
# Letters with accents, typographic quotes, dashes, currencies: what Windows-1252 writes beyond ASCII in real texts.
_LIKELY = re.compile(
    rb"[\x80\x82\x84\x85\x8a\x8c\x8e\x91-\x97\x99\x9a\x9c\x9e\x9f\xa0\xa1\xa3\xa7\xab\xad\xb0-\xb3\xb5\xba-\xff]"
)
_HIGH = re.compile(rb"[\x80-\xff]+")
_LONG_RUN = 3  # such runs are Chinese, Japanese or Cyrillic in an encoding of theirs


def wide_encoding(head: bytes) -> str | None:
    """Return which of UTF-16 and UTF-32 a file is in, by its mark or by the zeros among its first bytes."""
    for mark, name in _MARKS:
        if head.startswith(mark):
            return name
    sample = head[:2000]
    counts = sample[0::2].count(0), sample[1::2].count(0)
    few, many = sorted(counts)
    if few == 0 and many > max(1, len(sample) * _MANY_ZEROS):  # every other byte of plain text is zero
        return "utf-16-le" if counts[1] else "utf-16-be"
    return None


def is_windows_1252(sample: Sample) -> bool:
    """Return whether a text is in Windows-1252: nowhere in UTF-8, and its bytes beyond ASCII are likely ones there.

    A file that is in UTF-8 but for a few bytes stays as it is: its lines are named one by one.
    """
    if sample.head.isascii() and sample.whole:
        return False
    high = likely = long_runs = 0
    with sample.path.open("rb") as stream:
        decoder, sound = codecs.getincrementaldecoder("utf-8")(), True
        while chunk := stream.read(READ_BYTES):
            if chunk.isascii() and sound:
                decoder.reset()
                continue
            try:
                if sound and not decoder.decode(chunk).isascii():
                    return False
            except UnicodeDecodeError:
                sound = False
            if not chunk.decode("utf-8", "ignore").isascii():
                return False
            runs = _HIGH.findall(chunk)
            high += sum(map(len, runs))
            long_runs += sum(len(run) > _LONG_RUN for run in runs)
            likely += len(_LIKELY.findall(chunk))
    return not sound and likely == high and long_runs * 20 < high


def _name(sample: Sample) -> str | None:
    name = wide_encoding(sample.head)
    if name is not None:
        return name
    controls = sum(sample.head.count(code) for code in range(9))
    return "cp1252" if not controls and is_windows_1252(sample) else None


def _recognise(sample: Sample) -> str | None:
    name = _name(sample)
    return None if name is None else _WORDS.get(name, "Windows-1252")


def _open(sample: Sample, file: BinaryIO) -> tuple[BinaryIO, str]:
    return cast("BinaryIO", io.BufferedReader(_Reencoded(file, _name(sample) or "utf-8"))), sample.filename


class _Reencoded(io.RawIOBase):
    """A file's text as UTF-8."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._stream = file
        self._decoder = codecs.getincrementaldecoder(name)("strict")
        self._name, self._offset, self._ready = name, 0, b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer)  # type: ignore[arg-type]  # what has the buffer protocol
        while not self._ready:
            chunk = self._stream.read(HEAD_BYTES)
            try:
                self._ready = self._decoder.decode(chunk, final=not chunk).encode()
            except UnicodeError as error:
                at = self._offset + getattr(error, "start", 0)
                words = _WORDS.get(self._name, "Windows-1252")
                raise unreadable(f"The file looks like {words}, but the bytes near {at:,} are not.", _SAVE) from error
            if self._offset == 0:
                self._ready = self._ready.removeprefix(BOM)
            self._offset += len(chunk)
            if not chunk:
                break
        size = min(len(view), len(self._ready))
        view[:size] = self._ready[:size]
        self._ready = self._ready[size:]
        return size


LAYER = Layer(name="encoding", recognise=_recognise, open=_open, packs=False)

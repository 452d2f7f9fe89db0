"""A form's parts as they come in, for forms that bring a file of any size: the one being read is all there is of it.

The fields may stand in any order, before the file or behind it (OpenAI's client for Node puts the file first), and no
Content-Length is needed. Source: RFC 7578.
"""

from collections import deque
from collections.abc import Iterable, Iterator

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header

from app.domain.errors import Invalid, Problem
from app.domain.uploads import FormPart
from app.http.problems import WrongContentType

_MOST_PARTS = 50
_FIX = "Send a form as multipart/form-data with its boundary, for example with curl -F file=@FILE."


class FormParts:
    """The parts of one form. Each is to be read before the next one is asked for; what is left of it is skipped."""

    def __init__(self, content_type: str, chunks: Iterable[bytes]) -> None:
        """`content_type` is the header with the boundary.

        Raises:
            WrongContentType: it declares no form.
        """
        kind, options = parse_options_header(content_type)
        boundary = options.get(b"boundary", b"")
        if kind != b"multipart/form-data" or not boundary:
            raise WrongContentType("The body is not declared as a form.", fix=_FIX)
        self._chunks = iter(chunks)
        self._events: deque[tuple[str, bytes]] = deque()
        self._header: list[bytes] = [b"", b""]
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": lambda: self._events.append(("begin", b"")),
                "on_part_data": self._data,
                "on_part_end": lambda: self._events.append(("end", b"")),
                "on_header_field": lambda data, start, end: self._header_piece(0, data[start:end]),
                "on_header_value": lambda data, start, end: self._header_piece(1, data[start:end]),
                "on_header_end": self._header_ended,
                "on_headers_finished": lambda: self._events.append(("content", b"")),
                "on_end": lambda: self._events.append(("over", b"")),
            },
        )

    def __iter__(self) -> Iterator[FormPart]:
        """Yield the parts in their order.

        Raises:
            Invalid: the body is no form, or ends within one.
        """
        count = 0
        disposition = b""
        while (event := self._next())[0] != "over":
            if event[0] == "begin":
                count += 1
                if count > _MOST_PARTS:
                    raise _broken(f"The form has more than {_MOST_PARTS} parts.")
            elif event[0] == "header":
                disposition = event[1]
            elif event[0] == "content":
                part = _part(disposition, self._content())
                disposition = b""
                yield part
                for _ in part.chunks:
                    pass

    def _content(self) -> Iterator[bytes]:
        while (event := self._next())[0] != "end":
            if event[0] == "over":
                raise _broken("The form ends within a part.")
            yield event[1]

    def _next(self) -> tuple[str, bytes]:
        while not self._events:
            chunk = next(self._chunks, None)
            if chunk is None:
                raise _broken("The form has no end: its last boundary is missing.")
            try:
                self._parser.write(chunk)
            except MultipartParseError as error:
                raise _broken("The body is no form with the boundary that its Content-Type names.") from error
        return self._events.popleft()

    def _data(self, data: bytes, start: int, end: int) -> None:
        self._events.append(("data", data[start:end]))

    def _header_piece(self, which: int, piece: bytes) -> None:
        self._header[which] += piece

    def _header_ended(self) -> None:
        name, value = self._header
        self._header = [b"", b""]
        if name.lower() == b"content-disposition":
            self._events.append(("header", value))


def _part(disposition: bytes, chunks: Iterator[bytes]) -> FormPart:
    _, options = parse_options_header(disposition)
    filename = options.get(b"filename")
    return FormPart(
        name=options.get(b"name", b"").decode("utf-8", "replace"),
        filename=None if filename is None else filename.decode("utf-8", "replace"),
        chunks=chunks,
    )


def _broken(message: str) -> Invalid:
    return Invalid([Problem("", "invalid_form", message, _FIX)])

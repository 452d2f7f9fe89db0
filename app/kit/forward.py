"""A file that is written forwards and taken piece by piece: it keeps nothing but what has not been taken yet."""

import io


class ForwardFile(io.RawIOBase):
    """What is written is given once, by `take`; it cannot seek."""

    def __init__(self) -> None:
        self._pending = bytearray()
        self._taken = 0

    def writable(self) -> bool:
        """Say that it can be written."""
        return True

    def write(self, data: object) -> int:
        """Add bytes."""
        piece = bytes(memoryview(data))  # type: ignore[arg-type]  # whatever has the buffer protocol
        self._pending += piece
        return len(piece)

    def tell(self) -> int:
        """Return how many bytes have been written."""
        return self._taken + len(self._pending)

    def take(self) -> bytes:
        """Return what has been written since the last time."""
        piece = bytes(self._pending)
        self._taken += len(piece)
        self._pending.clear()
        return piece

"""What set-up says while it works: one line per step, a moving count where there is a terminal."""

import sys
import time


class Terminal:
    """Writes to standard error, so that standard output stays the command's own."""

    def __init__(self) -> None:
        self._moving = sys.stderr.isatty()
        self._open_line = False
        self._began = time.monotonic()

    def say(self, line: str) -> None:
        """A line that stays."""
        self._finish()
        print(line, file=sys.stderr, flush=True)

    def count(self, label: str, done: int, total: int) -> None:
        """How far a step is; without a terminal, only every twentieth is worth a line."""
        text = f"  {label}: {done} of {total}, {self.seconds():.0f} s"
        if self._moving:
            print(f"\r{text:<78}", end="", file=sys.stderr, flush=True)
            self._open_line = True
        elif done % 20 == 0 or done == total:
            print(text, file=sys.stderr, flush=True)

    def bar(self, fraction: float, message: str) -> None:
        """A bar with a message, redrawn in place."""
        filled = round(24 * min(max(fraction, 0.0), 1.0))
        text = f"  [{'#' * filled}{'.' * (24 - filled)}] {fraction:4.0%}  {message}"
        if self._moving:
            print(f"\r{text[:118]:<118}", end="", file=sys.stderr, flush=True)
            self._open_line = True
        else:
            print(text, file=sys.stderr, flush=True)

    def seconds(self) -> float:
        """Seconds since this terminal was opened."""
        return time.monotonic() - self._began

    def _finish(self) -> None:
        if self._open_line:
            print(file=sys.stderr)
            self._open_line = False

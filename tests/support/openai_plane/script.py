"""How an emulated plane behaves: its times, and what it does wrong."""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrong:
    """At `call` (a method and a path, * for any part of it), do `kind` for the first `times` calls.

    `kind`: an HTTP status as a number, `cut` (no answer), `half` (half an answer), `silent` (none until the client goes
    away), each before anything was done; the same with `accepted_` before it: it was done. `after`: so many calls go
    well before. `body`: what an error says. `headers` go along.
    """

    call: str
    kind: str
    times: int = 1
    after: int = 0
    body: dict[str, object] | None = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """Durations in seconds of the given clock. `lag_reads`: how many lists leave out what was just created.

    `ends`: how trainings end: succeeded, moderation, bad_file. `pause_s`: how long a job is pausing before it is
    paused. `file_ends`: how files end: processed, error. `bare_error`: `error: {}` stands in every body.
    `page_cap`: the most items of a page, whatever is asked for. `listless`: metadata filters are not known.
    `words`: statuses said in other words. `one_request`, `part`: the most bytes of a file at once, and of a
    part of one. `upload_s`: for how long one in parts may go on.
    """

    check_s: float = 1.0
    queue_s: float = 2.0
    train_s: float = 20.0
    steps: int = 30
    lag_reads: int = 0
    pause_s: float = 0.0
    file_s: float = 0.0
    file_ends: str = "processed"
    ends: str = "succeeded"
    bare_error: bool = True
    page_cap: int = 100
    filters: bool = True
    words: dict[str, str] = field(default_factory=dict)
    plain_results: bool = False
    models_late_reads: int = 0
    one_request: int = 512_000_000
    part: int = 64 << 20
    upload_s: float = 3600.0
    wrongs: Sequence[Wrong] = ()

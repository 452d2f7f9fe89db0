"""What some questions, or some lines of a file, give away of others."""

import json
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryFile

import numpy as np

from app.data.assignment import number
from app.data.leaks import LeakCheck
from app.data.normalising import normalise_rows
from app.data.questions import questions_of
from app.data.shingles import BLOCK_BYTES, ShingleFile
from app.domain.splits import Leakage

Numbered = Sequence[tuple[int, bytes]]  # line numbers, and questions as `app.data.normalising` takes them


def leaks_of(held_out: Sequence[str], training: Sequence[str]) -> Leakage:
    """Hold training questions, of lines 101 and so on, against held-out ones, of lines 1 and so on."""
    written = [[json.dumps(each).encode() for each in questions] for questions in (held_out, training)]
    return _leaks(list(enumerate(written[0], 1)), list(enumerate(written[1], 101)))


def leaks_between(path: Path, training: Sequence[int], held_out: Sequence[int]) -> Leakage:
    """Hold lines of a file, whatever its format, against held-out lines."""
    rows = [row for batch in questions_of(path, BLOCK_BYTES) for row in zip(batch.numbers, batch.texts, strict=True)]
    some, others = ([row for row in rows if row[0] in wanted] for wanted in (held_out, training))
    return _leaks(some, others)


def _leaks(held_out: Numbered, training: Numbered) -> Leakage:
    with TemporaryFile() as scratch:
        shingles, ranks = ShingleFile(scratch), list[int]()
        for _, question in (*held_out, *training):  # row by row: what hashes blocks is tested with blocks
            normal = normalise_rows([question])
            shingles.add(normal)
            ranks.append(number(normal.tobytes()))
        held = np.arange(len(ranks)) < len(held_out)
        lines = np.array([line for line, _ in (*held_out, *training)])
        return LeakCheck(shingles, held).run(np.array(ranks, np.uint64), lines)

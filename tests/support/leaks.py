"""What some lines of a file give away of others, whatever the file is."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from app.data.leaks import LeakCheck
from app.data.lines import lines_of
from app.data.questions import question_reader
from app.domain.splits import Leakage


def leaks_between(path: Path, training: Sequence[int], held_out: Sequence[int]) -> Leakage:
    """Hold training lines against held-out lines."""

    def questions(wanted: Sequence[int]) -> Iterator[tuple[int, str]]:
        read = question_reader(path)
        return ((number, read(line)[0]) for number, line in lines_of(path) if number in wanted)

    check = LeakCheck(questions(held_out))
    for number, question in questions(training):
        check.compare(number, question)
    return check.result()

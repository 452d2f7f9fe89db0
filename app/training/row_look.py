"""What training makes of the rows, counted before it begins: refused, cut, dropped, empty, and nothing to learn.

It counts the very sequences that the trainer is handed (`examples`), so that what is said is what will happen.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from app.domain.canonical import Shape
from app.domain.preflight import MOST_LINES, PreflightFinding, PreflightSeverity, listed
from app.training import batch_encoding
from app.training.examples import IGNORED, Example, Pair
from app.training.rendering import Renderer, TemplateRefused
from app.training.rows import Row

_BLOCKER, _WARNING = PreflightSeverity.BLOCKER, PreflightSeverity.WARNING


@dataclass
class Rows:
    """Rows with the lines at which each thing was found. `made` are the sequences, in the rows' order."""

    rows: Sequence[Row]
    max_length: int
    pointer: str
    made: list[Example] | list[Pair] = field(default_factory=list)
    refused: dict[str, list[int]] = field(default_factory=dict)  # by what the template says
    unlearned: list[int] = field(default_factory=list)
    too_late: list[int] = field(default_factory=list)  # every answer begins behind the limit
    cut: list[int] = field(default_factory=list)
    cut_away: list[int] = field(default_factory=list)  # one answer of several begins behind the limit
    empty: list[int] = field(default_factory=list)
    same: list[int] = field(default_factory=list)
    tokens: int = 0
    kept: int = 0  # sequences whose answer begins within the limit: those that are trained
    kept_tokens: int = 0  # theirs, as the limit cuts them
    learned: int = 0
    longest: int = 0
    largest_id: int = 0
    largest_line: int = 0

    def findings(self) -> Iterator[PreflightFinding]:
        """Yield what a person should know, what blocks first."""
        for said, lines in self.refused.items():
            message = f"{listed(lines, len(lines))}: the model's chat template does not take this conversation. It "
            fix = "Bring the rows to the order of roles that the model was made for, or choose another model."
            yield self._finding("template_refused", f"{message}says: {said}", fix, lines, _BLOCKER)
        length = "/hyperparameters/max_length"
        rules = (
            (self.unlearned, "no_rows", "every answer has the weight 0: nothing of it is learned",
             "Give at least one answer the weight 1.", self.pointer),
            (self.too_late, "rows_too_long", f"the answer begins after {self.max_length} tokens, so it is left out",
             "Raise max length, or shorten the rows.", length),
            (self.empty, "empty_answers", "an answer is empty: the model would learn to say nothing",
             "Write the answers, or take the rows out.", self.pointer),
            (self.same, "same_answers", "the chosen and the rejected answer are the same: there is nothing to prefer",
             "Take the rows out, or give them another rejected answer.", self.pointer),
        )  # fmt: skip
        for lines, code, what, fix, pointer in rules:
            if len(set(lines)) == len(self.rows):
                message = f"In every row {what.replace(': nothing of it is', ': nothing is')}."
                yield self._finding(code, message, fix, lines, _BLOCKER, pointer)
            elif lines:
                yield self._finding(code, f"{listed(lines, len(lines))}: {what}.", fix, lines, _WARNING, pointer)
        if self.cut:
            message = f"{listed(self.cut, len(self.cut))}: more than {self.max_length} tokens; what lies beyond is cut."
            yield self._finding("cut", message, "Raise max length, or shorten the rows.", self.cut, _WARNING, length)
        if self.cut_away:
            where, fix = listed(self.cut_away, len(self.cut_away)), "Raise max length, or shorten the rows."
            message = f"{where}: an answer lies wholly beyond {self.max_length} tokens and is not learned."
            yield self._finding("cut_away", message, fix, self.cut_away, _WARNING, length)

    def _finding(
        self, code: str, message: str, fix: str, lines: Sequence[int], severity: PreflightSeverity, pointer: str = ""
    ) -> PreflightFinding:
        return PreflightFinding(
            severity=severity,
            code=code,
            message=message,
            fix=fix,
            pointer=pointer or self.pointer,
            count=len(lines),
            lines=tuple(lines[:MOST_LINES]),
        )


def look(
    rows: Sequence[Row],
    renderer: Renderer,
    *,
    answers_only: bool,
    max_length: int,
    pointer: str = "/training_dataset",
    tell: Callable[[int], None] = lambda _: None,
) -> Rows:
    """Return the rows as the sequences that are trained, counted; `tell` is given how many rows are done."""
    found = Rows(rows, max_length, pointer)
    preferring = rows[0].shape is Shape.PREFERENCE
    for row, made in batch_encoding.each(rows, renderer, answers_only=answers_only, tell=tell):
        if isinstance(made, TemplateRefused):
            found.refused.setdefault(str(made), []).append(row.line)
            continue
        if not made:
            found.unlearned.append(row.line)
        _count(found, row, made)
        if preferring and made:
            _compare(found, row, made[0])
        if any(not text.strip() for text in _answers(row)):
            found.empty.append(row.line)
    return found


def _count(found: Rows, row: Row, made: Sequence[Example | Pair]) -> None:
    limit, kept, cut, lost = found.max_length, False, False, False
    for each in made:
        sequences = (
            [each.ids] if isinstance(each, Example) else [each.prompt + side for side in (each.chosen, each.rejected)]
        )
        length = max(map(len, sequences))
        largest = max(map(max, filter(None, sequences)), default=0)
        if largest > found.largest_id:
            found.largest_id, found.largest_line = largest, row.line
        found.longest = max(found.longest, length)
        found.tokens += sum(map(len, sequences))
        learned = (
            [len(each.labels) - each.labels.count(IGNORED)]
            if isinstance(each, Example)
            else [len(each.chosen), len(each.rejected)]
        )
        found.learned += sum(learned)
        begins = _begins(each) if length > limit else (0,)
        if begins[0] < limit:
            kept = True
            found.kept += 1
            found.kept_tokens += sum(min(len(ids), limit) for ids in sequences)
        cut = cut or (length > limit and begins[0] < limit)
        lost = lost or begins[-1] >= limit
        found.made.append(each)  # type: ignore[arg-type]  # rows are all of one shape
    if made and not kept:
        found.too_late.append(row.line)
        return
    if cut:
        found.cut.append(row.line)
    if lost:  # also where the answer would have been a sequence of its own
        found.cut_away.append(row.line)


def _begins(each: Example | Pair) -> Sequence[int]:
    """Return where the runs of learned tokens begin."""
    if isinstance(each, Pair):
        return (len(each.prompt),)
    before = [IGNORED, *each.labels]
    return [at for at, label in enumerate(each.labels) if label != IGNORED and before[at] == IGNORED] or [len(each.ids)]


def _compare(found: Rows, row: Row, pair: Example | Pair) -> None:
    if isinstance(pair, Pair) and pair.chosen == pair.rejected:
        found.same.append(row.line)


def _answers(row: Row) -> Iterable[str]:
    """Yield the texts that a row teaches; a call of a tool is an answer without one."""
    if row.shape is Shape.MESSAGES:
        for position, turn in enumerate(row.value["messages"]):
            if turn["role"] == "assistant" and not turn.get("tool_calls") and position not in row.ignored_turns:
                yield turn["content"]
        return
    for name in ("completion", "text", "chosen", "rejected"):
        part = row.value.get(name)
        if isinstance(part, str):
            yield part
        for turn in part if isinstance(part, list) else ():
            if turn["role"] == "assistant" and not turn.get("tool_calls"):
                yield turn["content"]

"""Every family × shape of rows × {all weights, LoRA}, in one process: what is taught, its loss, what is answered.

Run by a runtime's interpreter: `python -m tests.families.matrix FOLDER [CELL …]`, a cell being `family/shape/full` or
`family/shape/lora`, with `*` for any. Writes `FOLDER/table.json`, after each cell.
"""

import fnmatch
import json
import sys
import time
import traceback
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.utils import logging

from app.training.failures import explain
from tests.families import ours, plain, rows
from tests.families.alone import Alone
from tests.families.make import make
from tests.families.plain import Example, Plain
from tests.families.rows import CHAT, COMPLETION, DPO, SHAPES, TEXT, TOOLS
from tests.families.table import FAMILIES, Family

OK, REFUSED, NOT_OFFERED, WRONG = "ok", "refused", "not offered", "wrong"
_TOLERANCE = 1e-4  # relative, of a loss
_ROOM = 24  # tokens beyond the longest answer, in which an answer has to end by itself
# Nats between two next tokens that are alike: a merged model is saved in its base's dtype, and the weights' rounding to
# bfloat16 moves these models' logits by up to 0.4 (float64 of both shows the same).
_TIE, _TIE_BF16 = 1e-3, 0.1
_IN_A_ROW = 5  # steps at which the rows have to be known, for the next step may unlearn some
_SHOWN = 3  # differences of a kind
_BEFORE, _WIDTH = 10, 50  # characters of a text that are shown before and from a difference


@dataclass
class Cell:
    """What became of one family, shape and way of training."""

    family: str
    shape: str
    adapter: str
    status: str = OK
    said: str = ""  # the sentence of a refusal
    wrong: list[str] = field(default_factory=list)
    loss: tuple[float, float] | None = None  # ours, and the plain loop's
    steps: int = 0
    seconds: float = 0.0

    @property
    def name(self) -> str:
        return f"{self.family}/{self.shape}/{self.adapter}"


class _ByHeart(TrainerCallback):  # type: ignore[misc]  # a base class of the runtime's
    """Ends a training as soon as its rows are known by heart."""

    def __init__(self, loss: float, accuracy: float) -> None:
        self.loss, self.accuracy = loss, accuracy
        self.steps = 0

    def on_log(  # transformers' signature
        self,
        args: TrainingArguments,  # noqa: ARG002
        state: TrainerState,  # noqa: ARG002
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **_: object,
    ) -> None:
        if logs is None or "loss" not in logs:
            return
        known = logs["loss"] < self.loss and logs.get("mean_token_accuracy", 0.0) >= self.accuracy
        self.steps = self.steps + 1 if known else 0
        if self.steps == _IN_A_ROW:
            control.should_training_stop = True


def rows_of(family: Family, shape: str) -> list[rows.Row]:
    """Return the rows that a family is taught in a shape."""
    if shape == CHAT:
        return [*rows.CHATS, *(rows.WITH_SYSTEM if family.system else ())]
    if shape == DPO:
        if family.template is None:
            return list(rows.PLAIN_PAIRS)
        return [*rows.PAIRS, *(rows.PAIR_WITH_SYSTEM if family.system else ())]
    return list({COMPLETION: rows.COMPLETIONS, TEXT: rows.TEXTS, TOOLS: rows.TOOL_ROWS}[shape])


def run(cell: Cell, family: Family, folder: Path, work: Path) -> None:
    """Fill in the cell."""
    taught = rows_of(family, cell.shape)
    work.mkdir(parents=True)
    file = work / "rows.jsonl"
    file.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in taught), encoding="utf-8")
    spec = ours.spec_of(folder, work / "run", file, cell.shape, lora=cell.adapter == "lora")
    try:
        training = ours.Training(spec, work / "run")
    except Exception as error:  # noqa: BLE001 -- every way to fail is a finding
        _refused(cell, error)
        return
    if cell.shape not in family.offered:
        cell.wrong.append("it was taken, though the model has no way to write these rows")
        return
    by_hand, examples = min(
        ((reading, reading.examples(cell.shape, taught)) for reading in _readings(family, folder)),
        key=lambda pair: _distance(plain.learned(pair[1]), training.learned()),
    )
    _compare_batch(cell, training, by_hand, examples)
    try:
        # Below an adapter the head stays as it is, and cannot be sure of anything.
        sure = 0.02 if cell.adapter == "lora" else 0.01
        enough = (
            (0.15, 0.0) if cell.shape == DPO else (plain.least_loss(examples) + sure, plain.best_accuracy(examples))
        )
        saved = training.finish(_ByHeart(*enough))
        cell.steps = training.trainer.state.global_step
        folders = {"saved": saved}
        if cell.adapter == "lora":
            folders["merged"] = training.merged()
        _compare_answers(cell, training, by_hand, examples, folders)
    except Exception as error:  # noqa: BLE001 -- as above
        traceback.print_exc()
        cell.wrong.append(f"after the start: {type(error).__name__}: {str(error).strip()[:300]}")


def _readings(family: Family, folder: Path) -> list[Plain]:
    return [Plain(family, folder, blank_is_learned=learned) for learned in (False, True)]


def _distance(one: plain.Learned, other: plain.Learned) -> int:
    return (one - other).total() + (other - one).total()


def _refused(cell: Cell, error: Exception) -> None:
    failure = explain(error)
    if failure.code == "unexpected":
        traceback.print_exc()
        cell.wrong.append(f"bare: {failure.message}")
        return
    cell.status, cell.said = REFUSED, failure.message


def _compare_batch(cell: Cell, training: ours.Training, by_hand: Plain, examples: Sequence[Example]) -> None:
    """Compare what the first batch teaches, and its loss."""
    expected, found = plain.learned(examples), training.learned()
    besides = found - expected
    also = besides & plain.after_the_end(examples)
    for name, difference in (("not learned", expected - found), ("learned besides", besides - also)):
        shown = [
            f"{by_hand.tokenizer.decode([token])!r} after {by_hand.tokenizer.decode(list(before))[-60:]!r}"
            for before, token in list(difference)[:_SHOWN]
        ]
        if shown:
            cell.wrong.append(f"{name}, {difference.total()} of {expected.total()} tokens: {'; '.join(shown)}")
    base = by_hand.model()
    if cell.shape == DPO:
        training.shift()
        theirs = plain.preference_loss(training.trainer.model.eval(), base, examples, also, beta=ours.BETA)
    else:
        theirs = plain.supervised_loss(base, examples, also)
    cell.loss = (training.loss(), theirs)
    if abs(cell.loss[0] - theirs) > _TOLERANCE * abs(theirs):
        cell.wrong.append(f"loss {cell.loss[0]:.6f}, by hand {theirs:.6f}")


def _compare_answers(
    cell: Cell, training: ours.Training, by_hand: Plain, examples: Sequence[Example], folders: Mapping[str, Path]
) -> None:
    """Ask the saved model in every way there is, and compare the answers with those that were taught.

    Of pairs, which teach no model of random weights to answer, the ways are compared with one another.
    """
    limit = max(len(example.learned) for example in examples) + _ROOM
    alone = {name: Alone(folder, by_hand) for name, folder in folders.items()}
    if cell.shape == DPO:
        moved = plain.margins(alone["saved"].model, by_hand.model(), examples, Counter())
        if float(moved.min()) <= 0:
            cell.wrong.append(f"a chosen answer is {float(moved.min()):.3f} nats likelier than the rejected one")
        asked = list(examples[0::2])
        wanted = [(answer, ended) for answer, ended in (alone["saved"].answer(each, limit) for each in asked)]
    else:
        asked = list(examples)
        wanted = [(example.answer.strip(), True) for example in asked]
    ways = {
        f"{name} folder by transformers": [each.answer(ask, limit) for ask in asked] for name, each in alone.items()
    }
    if cell.shape == DPO and "merged" in alone:
        merged, tie = ways["merged folder by transformers"], _TIE_BF16 if by_hand.family.bf16 else _TIE
        for number, ask in enumerate(asked):  # between tokens of one likelihood, rounding decides
            if alone["merged"].lead(ask, limit, alone["saved"]) < tie:
                merged[number] = wanted[number]
    if cell.shape != TEXT:
        served = ours.Deployment(training.target()).answers([each.asked for each in asked], limit=limit)
        ways["deployment"] = [(text.strip(), ended) for text, ended in served]
    for way, answers in ways.items():
        _differences(cell, way, answers, wanted)
    if cell.shape in (CHAT, COMPLETION, TOOLS):  # the ends of an evaluation's answers are its own affair
        last = _last_of_each(examples)
        found = ours.evaluated(training.target(), training.run.parent / "rows.jsonl", training.run / "evaluation")
        right = [(each.answer.strip(), True) for each in last]
        _differences(cell, "evaluation", [(text, True) for text in found], right)


def _last_of_each(examples: Sequence[Example]) -> list[Example]:
    """Return the examples that no later one of the same conversation goes on from."""
    return [
        each
        for each, after in zip(examples, [*examples[1:], None], strict=True)
        if after is None
        or "messages" not in each.asked
        or after.asked["messages"][: len(each.asked["messages"])] != each.asked["messages"]
        or len(after.asked["messages"]) == len(each.asked["messages"])
    ]


def _differences(cell: Cell, way: str, answers: Sequence[tuple[str, bool]], wanted: Sequence[tuple[str, bool]]) -> None:
    other = [_apart(text, right) for (text, _), (right, _) in zip(answers, wanted, strict=True) if text != right]
    running = sum(ends and not ended for (_, ended), (_, ends) in zip(answers, wanted, strict=True))
    if other:
        cell.wrong.append(f"{way}: {len(other)} of {len(wanted)} answers differ: {'; '.join(other[:_SHOWN])}")
    if running:
        cell.wrong.append(f"{way}: {running} of {len(wanted)} answers do not end by themselves")


def _apart(text: str, right: str) -> str:
    """Show two texts from shortly before where they part."""
    pairs = enumerate(zip(text, right, strict=False))
    begin = max(0, next((at for at, (one, other) in pairs if one != other), min(len(text), len(right))) - _BEFORE)
    return f"{text[begin : begin + _WIDTH]!r} for {right[begin : begin + _WIDTH]!r}"


def cells(patterns: Sequence[str]) -> list[Cell]:
    """Return the cells that are asked for; of rows that a family is not offered, one each is enough."""
    found = [
        Cell(family.name, shape, adapter)
        for family in FAMILIES
        for shape in SHAPES
        for adapter in ("full", "lora")
        if shape in family.offered or adapter == "full"
    ]
    return [cell for cell in found if any(fnmatch.fnmatch(cell.name, pattern) for pattern in patterns or ["*"])]


def main(folder: Path, patterns: Sequence[str]) -> None:
    """Fill in the table, family by family."""
    logging.disable_progress_bar()
    torch.set_num_threads(1)
    table: list[Cell] = []
    asked = cells(patterns)
    for family in FAMILIES:
        mine = [cell for cell in asked if cell.family == family.name]
        model = make(family, folder / "models" / family.name) if mine else folder
        for cell in mine:
            began = time.monotonic()
            run(cell, family, model, folder / cell.name)
            offered = cell.shape in family.offered
            if cell.wrong:
                cell.status = WRONG
            elif cell.status == REFUSED and not offered:
                cell.status = NOT_OFFERED
            cell.seconds = round(time.monotonic() - began, 1)
            table.append(cell)
            (folder / "table.json").write_text(json.dumps([asdict(each) for each in table], indent=1), encoding="utf-8")
            print(f"{cell.name}: {cell.status} {cell.seconds} s {cell.said} {cell.wrong}", flush=True)  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])

"""Splits: a partition, the same for the same seed, true to the ratio, blind to the order of lines."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.data.assignment import apportion
from app.data.lines import BOM
from app.data.questions import value_of
from app.data.split import plan_split, write_part
from app.data.validation import validate
from app.domain.datasets import DatasetStatus
from app.domain.errors import Invalid
from app.domain.jobs import SplitStrategy
from app.domain.splits import Leakage, SplitResult, SplitSpec, split_problems

Write = Callable[[bytes], Path]
RANDOM, GROUPED, STRATIFIED = SplitStrategy.RANDOM, SplitStrategy.GROUPED, SplitStrategy.STRATIFIED
ratios = st.floats(0.01, 0.6)


def _row(question: str, answer: str = "a", **extra: Any) -> bytes:  # noqa: ANN401 - JSON
    messages = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return orjson.dumps({"messages": messages, **extra}) + b"\n"


def _split(content: bytes, spec: SplitSpec) -> SplitResult:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "rows.jsonl"
        path.write_bytes(content)
        return plan_split(path, validate(path), spec)


def _lines(result: SplitResult) -> list[int]:
    test = result.test.lines if result.test else ()
    return sorted([*result.training.lines, *result.validation.lines, *test])


@given(count=st.integers(3, 60), ratio=ratios, test=st.none() | st.floats(0.01, 0.39), seed=st.integers(0, 2**31 - 1))
@settings(max_examples=60, deadline=None)
def test_random_split_is_a_partition_true_to_the_ratio(count: int, ratio: float, test: float | None, seed: int) -> None:
    content = b"".join(_row(f"question {number}", f"answer {number}") for number in range(count))
    spec = SplitSpec(ratio=ratio, test_ratio=test, seed=seed)
    result = _split(content, spec)
    assert _lines(result) == list(range(1, count + 1))
    assert abs(result.validation.rows - count * ratio) <= 1
    test_rows = result.test.rows if result.test else 0
    assert abs(test_rows - count * (test or 0)) <= 1  # each part has a row at least, and takes no more than that
    assert result.training.rows > 0
    assert (result.test is None) == (test is None)
    assert result == _split(content, spec)


@given(order=st.permutations(range(30)), seed=st.integers(0, 1000), strategy=st.sampled_from([RANDOM, STRATIFIED]))
@settings(max_examples=40, deadline=None)
def test_split_does_not_depend_on_the_order_of_lines(order: list[int], seed: int, strategy: SplitStrategy) -> None:
    rows = [_row(f"question {number}", f"label {number % 3}") for number in range(30)]
    spec = SplitSpec(ratio=0.2, test_ratio=0.1, seed=seed, strategy=strategy)
    straight, mixed = _split(b"".join(rows), spec), _split(b"".join(rows[number] for number in order), spec)
    assert {line - 1 for line in straight.validation.lines} == {order[line - 1] for line in mixed.validation.lines}
    assert {line - 1 for line in straight.training.lines} == {order[line - 1] for line in mixed.training.lines}


def test_known_split() -> None:
    """The same on every machine and Python; if this changes, stored splits can no longer be made again."""
    content = b"".join(_row(f"question {number}", f"answer {number}") for number in range(20))
    assert _split(content, SplitSpec(ratio=0.2, seed=7)).validation.lines == (7, 11, 12, 15)


def test_seeds_give_different_splits() -> None:
    content = b"".join(_row(f"question {number}", f"answer {number}") for number in range(50))
    splits = {tuple(_split(content, SplitSpec(ratio=0.2, seed=seed)).validation.lines) for seed in range(20)}
    assert len(splits) == 20


def test_rows_with_equal_questions_stay_together_but_at_a_boundary() -> None:
    content = b"".join(_row(f"  Question, {number % 20}! ", f"answer {number}") for number in range(100))
    for seed in range(10):
        result = _split(content, SplitSpec(ratio=0.2, seed=seed))
        questions = [{(line - 1) % 20 for line in part.lines} for part in (result.training, result.validation)]
        assert len(questions[0] & questions[1]) <= 1
        assert result.leakage.exact <= 5


def test_leaks_may_be_left_out(write: Write) -> None:
    path = write(b"".join(_row(f"Question, {number % 5}") for number in range(40)))
    spec = SplitSpec(ratio=0.5)
    full, fast_check = plan_split(path, validate(path), spec), plan_split(path, validate(path), spec, leaks=False)
    assert full.leakage.checked == 20
    assert full.leakage.exact > 0
    assert fast_check == replace(full, leakage=Leakage())


@given(
    groups=st.lists(st.integers(0, 7), min_size=4, max_size=60).filter(lambda groups: len(set(groups)) > 3),
    ratio=st.floats(0.1, 0.4),
    seed=st.integers(0, 100),
)
@settings(max_examples=60, deadline=None)
def test_groups_are_never_torn(groups: list[int], ratio: float, seed: int) -> None:
    content = b"".join(_row(f"question {position}", customer={"id": group}) for position, group in enumerate(groups))
    try:
        result = _split(content, SplitSpec(ratio=ratio, seed=seed, strategy=GROUPED, key="customer.id"))
    except Invalid as error:
        assert [problem.code for problem in error.problems] == ["empty_part"]  # noqa: PT017
        return
    assert _lines(result) == list(range(1, len(groups) + 1))
    training, validation = ({groups[line - 1] for line in part.lines} for part in (result.training, result.validation))
    assert not training & validation
    assert abs(result.validation.rows - len(groups) * ratio) <= max(Counter(groups).values()) + 1


@given(
    labels=st.lists(st.sampled_from("abcd"), min_size=12, max_size=80),
    ratio=st.floats(0.05, 0.5),
    seed=st.integers(0, 100),
)
@settings(max_examples=60, deadline=None)
def test_labels_are_shared_out_evenly(labels: list[str], ratio: float, seed: int) -> None:
    content = b"".join(_row(f"question {position}", label, queue=label) for position, label in enumerate(labels))
    result = _split(content, SplitSpec(ratio=ratio, seed=seed, strategy=STRATIFIED, key="queue"))
    assert _lines(result) == list(range(1, len(labels) + 1))
    held_out = Counter(labels[line - 1] for line in result.validation.lines)
    assert dict(result.validation.labels) == held_out
    for label, count in Counter(labels).items():
        assert abs(held_out[label] - count * result.validation.rows / len(labels)) < 1


@given(sizes=st.dictionaries(st.text(max_size=2), st.integers(0, 50), min_size=1), share=st.floats(0, 1))
def test_apportioning_is_fair_and_exact(sizes: dict[str, int], share: float) -> None:
    seats = int(sum(sizes.values()) * share)
    shares = apportion(sizes, seats)
    assert sum(shares.values()) == seats
    assert all(0 <= shares[name] <= size for name, size in sizes.items())


@pytest.mark.parametrize(
    ("spec", "field", "code"),
    [
        (SplitSpec(ratio=0), "ratio", "range"),
        (SplitSpec(ratio=1), "ratio", "range"),
        (SplitSpec(ratio=-0.1), "ratio", "range"),
        (SplitSpec(ratio=float("nan")), "ratio", "range"),
        (SplitSpec(ratio=float("inf")), "ratio", "range"),
        (SplitSpec(ratio=0.1, test_ratio=0), "test_ratio", "range"),
        (SplitSpec(ratio=0.5, test_ratio=0.5), "ratio", "sum"),
        (SplitSpec(seed=-1), "seed", "range"),
        (SplitSpec(seed=2**31), "seed", "range"),
        (SplitSpec(strategy=GROUPED), "key", "missing"),
        (SplitSpec(key="x"), "key", "unused"),
        (SplitSpec(strategy=GROUPED, key="x" * 201), "key", "length"),
    ],
)
def test_requests_that_make_no_sense(spec: SplitSpec, field: str, code: str) -> None:
    [problem] = split_problems(spec)
    assert (problem.pointer, problem.code) == (f"/validation/{field}", code)
    assert problem.message
    assert problem.fix


@pytest.mark.parametrize(
    ("content", "spec", "code", "words"),
    [
        (
            b"".join(_row(str(n)) for n in range(9)) + _row("x", customer="c"),
            SplitSpec(strategy=GROUPED, key="customer"),
            "unknown",
            "9 rows",
        ),
        (
            b"".join(_row(str(n), customer="c") for n in range(9)),
            SplitSpec(strategy=GROUPED, key="customer"),
            "empty_part",
            "validation",
        ),
        (
            b"".join(_row(str(n), f"free text {n}") for n in range(9)),
            SplitSpec(strategy=STRATIFIED),
            "no_labels",
            "labels",
        ),
        (b"".join(_row(str(n)) for n in range(2)), SplitSpec(test_ratio=0.1), "too_few_rows", "2 rows"),
        (_row("x"), SplitSpec(), "not_ready", "not ready"),
    ],
)
def test_requests_that_do_not_fit_the_file(content: bytes, spec: SplitSpec, code: str, words: str) -> None:
    with pytest.raises(Invalid) as caught:
        _split(content, spec)
    [problem] = caught.value.problems
    assert problem.code == code
    assert words in problem.message
    assert problem.fix


def test_file_with_errors_is_not_split(write: Write) -> None:
    path = write(b"".join(_row(str(number)) for number in range(12)))
    report = replace(validate(path), status=DatasetStatus.NEEDS_FIXING, errors=3)
    with pytest.raises(Invalid, match="3 findings are errors"):
        plan_split(path, report, SplitSpec())


def test_parts_hold_the_very_bytes_of_the_source(write: Write, tmp_path: Path) -> None:
    rows = [_row(f"q {number} \u2028 é").replace(b":", b" : ") for number in range(5)]
    path = write(
        BOM + rows[0] + b"\n" + rows[1] + rows[2].replace(b"\n", b"\r\n") + rows[3] + rows[4].removesuffix(b"\n")
    )
    written = write_part(path, [1, 4, 6], tmp_path / "part")
    assert (tmp_path / "part").read_bytes() == rows[0] + rows[2].replace(b"\n", b"\r\n") + rows[4]
    assert written == (tmp_path / "part").stat().st_size
    assert validate(tmp_path / "part").rows == 3


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("a", "1"),
        ("b.c", "x"),
        ("b.d", None),
        ("d.e", "dotted"),
        ("f", None),
        ("g", None),
        ("h", "True"),
        ("b", None),
        ("a.b", None),
    ],
)
def test_values_of_fields(key: str, value: str | None) -> None:
    row = {"a": 1, "b": {"c": "x"}, "d.e": "dotted", "f": None, "g": [1], "h": True}
    assert value_of(row, key) == value

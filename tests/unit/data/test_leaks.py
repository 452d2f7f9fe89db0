"""Held-out rows that training gives away."""

import json
import re
import unicodedata
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.data.leaks import MAX_PAIRS, MAX_POSTINGS, NEAR
from app.data.normalising import PART, normalise, normalise_rows, text_of
from app.data.shingles import BLOCK_BYTES, Shingler
from app.domain.splits import LeakPair
from tests.support.leaks import leaks_between, leaks_of

Write = Callable[[bytes], Path]
LONG = "my parcel with order number 4711 has not arrived although it was sent two weeks ago"


@pytest.mark.parametrize("text", ["Hello,  World!", "hello world", "HELLO\nworld?", "ｈｅｌｌｏ – world"])
def test_normalising_leaves_the_words(text: str) -> None:
    assert normalise(text) == "hello world"


@given(st.text(alphabet=st.characters(max_codepoint=127)))
def test_normalising_ascii_is_the_same_by_either_way(text: str) -> None:
    assert normalise(text) == normalise(f"{text} é").removesuffix("é").strip()


CHARACTERS = st.sampled_from("aB1 _-.éÉßﬁ…½“日ガ゙가각\u1100\u1161\u11a8\u0301\u00a0\u3000ıİςΣǅ™ｱ\u09be😀")


@given(st.text(CHARACTERS | st.characters(exclude_categories=["Cs"]), max_size=12))
def test_normalising_piece_by_piece_is_that_of_the_whole(text: str) -> None:
    whole = re.sub(r"[\W_]+", " ", unicodedata.normalize("NFKC", text).casefold()).strip()
    assert normalise(text) == whole


def shingles(normal: str) -> set[tuple[str, ...]]:
    """Return each three words of the first four hundred, or all of fewer than three."""
    words = normal.split(" ")[:400]
    return {tuple(words[at : at + 3]) for at in range(max(len(words) - 2, 1))} if normal else set()


def sentences(words: str) -> st.SearchStrategy[list[str]]:
    """Give texts of few words and of many, that hold some of them again and again."""
    some = st.lists(st.sampled_from(words), min_size=1, max_size=14)
    again = st.tuples(some, st.integers(1, 40), some).map(lambda parts: parts[0] * parts[1] + parts[2])
    return st.lists((some | again).map(" ".join), min_size=1, max_size=8)


@given(sentences("abcdef"), sentences("abcdefgh"))
def test_near_leaks_are_those_of_comparing_all_pairs(held_out: list[str], training: list[str]) -> None:
    """Without the look ahead by which far questions are left out, without hashes, and without an index."""
    best: dict[int, tuple[float, int]] = {}
    for number, question in enumerate(training, 101):
        for line, held in enumerate(held_out, 1):
            own, other = shingles(question), shingles(held)
            common = len(own & other)
            similarity = 1.0 if question == held else min(common / len(own | other), 0.999)
            if (similarity >= NEAR or question == held) and similarity > best.get(line, (0.0, 0))[0]:
                best[line] = (similarity, number)
    found = {pair.line: (pair.similarity, pair.training_line) for pair in leaks_of(held_out, training).pairs}
    assert found == {line: (round(similarity, 3), number) for line, (similarity, number) in best.items()}


@given(st.lists(st.lists(st.text(CHARACTERS | st.sampled_from('"\\/\n\r\t\b'), max_size=12), min_size=1, max_size=3)))
def test_normalising_rows_of_a_file_is_that_of_each(rows: list[list[str]]) -> None:
    for ascii_only in (True, False):
        written = [PART.join(json.dumps(part, ensure_ascii=ascii_only).encode() for part in parts) for parts in rows]
        wanted = [normalise("\n".join(parts)).encode() for parts in rows]
        assert normalise_rows(written).tobytes() == b"\n".join(wanted)
        assert [text_of(each) for each in written] == ["\n".join(parts) for parts in rows]


LONG_WORD = "x" * BLOCK_BYTES


@given(st.lists(sentences("abc") | st.sampled_from([[""], [f"a {LONG_WORD}"], [f"a b {LONG_WORD} a b c a b c"]])))
@settings(max_examples=30)
def test_shingles_have_one_number_in_any_block(rows: list[list[str]]) -> None:
    texts = [text for some in rows for text in some]
    shingler = Shingler()
    alone = [shingler.of(np.frombuffer(text.encode(), np.uint8)) for text in texts]
    for text, (hashes, counts) in zip(texts, alone, strict=True):
        assert counts.tolist() == [len(hashes)]
        assert len(set(hashes.tolist())) == len(shingles(text))
    together = "\n".join(text for text in texts if len(text) < BLOCK_BYTES // 64)
    if len(together) <= BLOCK_BYTES:
        hashes, _ = shingler.of(np.frombuffer(together.encode(), np.uint8))
        some = [found for text, (found, _) in zip(texts, alone, strict=True) if len(text) < BLOCK_BYTES // 64]
        assert hashes.tolist() == np.concatenate([np.empty(0, np.uint64), *some]).tolist()


def test_equal_questions_are_exact_leaks() -> None:
    leakage = leaks_of(["Where is it?", "Something else", ""], ["where is it", "third"])
    assert (leakage.exact, leakage.near, leakage.checked) == (1, 0, 2)
    assert leakage.pairs == (LeakPair(line=1, training_line=101, similarity=1.0),)


def test_nearly_equal_questions_are_near_leaks() -> None:
    leakage = leaks_of([LONG], [LONG.replace("two", "three"), "an entirely different question about a bill"])
    assert (leakage.exact, leakage.near) == (0, 1)
    assert leakage.pairs[0].training_line == 101
    assert 0.6 <= leakage.pairs[0].similarity < 1


def test_an_exact_leak_is_no_near_one_too() -> None:
    leakage = leaks_of([LONG], [LONG.replace("two", "three"), LONG])
    assert (leakage.exact, leakage.near) == (1, 0)


def test_same_words_in_another_order_are_no_leak() -> None:
    assert leaks_of([LONG], [" ".join(reversed(LONG.split()))]).pairs == ()


def test_phrases_that_everybody_uses_tell_nothing() -> None:
    held_out = [f"please help me with my order {number}" for number in range(MAX_POSTINGS + 10)]
    assert leaks_of(held_out, ["please help me with my order 99999"]).near == 0


def test_pairs_are_bounded_and_counts_are_not() -> None:
    questions = [f"question {number}" for number in range(MAX_PAIRS + 20)]
    leakage = leaks_of(questions, questions)
    assert (leakage.exact, len(leakage.pairs)) == (MAX_PAIRS + 20, MAX_PAIRS)


def test_leaks_within_one_file(write: Write, chat_row: Callable[..., bytes]) -> None:
    path = write(b"".join(chat_row(question) for question in ("one", "two", "three", "Two!")))
    assert [(pair.line, pair.training_line) for pair in leaks_between(path, [1, 2], [3, 4]).pairs] == [(4, 2)]


def test_system_messages_and_answers_do_not_count(write: Write) -> None:
    row = b'{"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "%s"}, '
    row += b'{"role": "assistant", "content": "a"}]}\n'
    assert leaks_between(write(row % b"one" + row % b"two"), [1], [2]).pairs == ()

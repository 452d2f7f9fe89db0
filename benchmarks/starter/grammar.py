"""Turns the grammar's TOML files into chats: a generated customer message and an answer about its subject.

In a pattern ``(a|b)`` stands for either, ``{X}`` for a word class of ``words.toml`` and ``{K}`` for the subject's own
words. No answer is one of the sample's six queues, so that the starter is not handed the task it is tuned on.
"""

import random
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "grammar"
AREAS = ("money", "parcels", "goods_back", "access", "devices", "shopping", "elsewhere")

TWO_CLAUSES = 0.4
TYPO = 0.2
LEAST_WEIGHT = 3
MIN_TYPO_LENGTH = 8
KEYWORD_LENGTH = 5
QUEUES = frozenset({"billing", "delivery", "returns", "account", "technical", "sales"})
"""Answers of the sample task; none is ever an answer here."""

_CLASS = re.compile(r"\{(\w+)\}")
_CHOICE = re.compile(r"\(([^()]*)\)")
_WORD = re.compile(r"[a-z0-9'-]+")
_SENTENCE_START = re.compile(r"([.!?] )([a-z])")


class GrammarError(ValueError):
    """A grammar file says something the expander cannot follow; the message names the pattern."""


@dataclass(frozen=True)
class Pattern:
    """One way to say something, and the plain sentence it amounts to ('' where none is written)."""

    text: str
    meaning: str = ""


@dataclass(frozen=True)
class Subject:
    """A subject of messages: its name (an answer), its own words for ``{K}`` and its patterns."""

    name: str
    keys: str
    patterns: tuple[Pattern, ...]

    @property
    def weight(self) -> int:
        """How often the subject is drawn: as often as it has patterns."""
        return max(LEAST_WEIGHT, len(self.patterns))


@dataclass(frozen=True)
class Chat:
    """One generated training chat."""

    system: str
    user: str
    assistant: str
    subject: str

    @property
    def messages(self) -> list[dict[str, str]]:
        """The chat in the messages format that trainers read."""
        return [
            {"role": "system", "content": self.system},
            {"role": "user", "content": self.user},
            {"role": "assistant", "content": self.assistant},
        ]


def _read(name: str) -> dict[str, object]:
    return tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))


def _strings(value: object, where: str) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        msg = f"{where}: expected a list of strings"
        raise GrammarError(msg)
    return [str(item) for item in value]


def _subject(name: str, table: object) -> Subject:
    if not isinstance(table, dict) or not isinstance(table.get("keys"), str):
        msg = f'subject "{name}": expected a table with "keys" (a string)'
        raise GrammarError(msg)
    patterns = [Pattern(text) for text in _strings(table.get("patterns", []), name)]
    for meaning, texts in table.get("means", {}).items():
        patterns += [Pattern(text, meaning) for text in _strings(texts, f"{name}.means.{meaning}")]
    return Subject(name, table["keys"], tuple(patterns))


class Grammar:
    """The whole grammar, and the drawing of chats from it; the same seed gives the same chats."""

    def __init__(self) -> None:
        """Read every file under ``grammar/``.

        Raises:
            GrammarError: a file has the wrong shape, or a pattern names an unknown word class.
        """
        self.classes = {name: str(text) for name, text in _read("words").items()}
        self.phrases = {name: _strings(value, name) for name, value in _read("phrases").items()}
        self.subjects = [_subject(name, table) for area in AREAS for name, table in _read(area).items()]
        self._weights = [subject.weight for subject in self.subjects]
        for subject in self.subjects:
            for pattern in subject.patterns:
                self._check(subject, pattern)

    def _check(self, subject: Subject, pattern: Pattern) -> None:
        unknown = set(_CLASS.findall(pattern.text)) - set(self.classes) - {"K"}
        if unknown or pattern.text.count("(") != pattern.text.count(")"):
            msg = f'subject "{subject.name}": cannot read "{pattern.text}" (unknown {sorted(unknown)} or open bracket)'
            raise GrammarError(msg)

    def expand(self, text: str, keys: str, rng: random.Random) -> str:
        """One reading of a pattern: word classes put in, every choice made, blanks squeezed."""
        while "{" in text:
            text = _CLASS.sub(lambda match: keys if match[1] == "K" else self.classes[match[1]], text)
        while "(" in text:
            text = _CHOICE.sub(lambda match: rng.choice(match[1].split("|")), text)
        return " ".join(text.split())

    def _clause(self, subject: Subject, pattern: Pattern, rng: random.Random) -> str:
        return self.expand(pattern.text, subject.keys, rng)

    def message(self, subject: Subject, pattern: Pattern, rng: random.Random) -> str:
        """A customer's message: one or two clauses of the subject, with a greeting, an ending, capitals and typos."""
        text = self._clause(subject, pattern, rng)
        if rng.random() < TWO_CLAUSES:
            other = self._clause(subject, rng.choice(subject.patterns), rng)
            text += rng.choice(self.phrases["joints"]) + other
        text = rng.choice(self.phrases["before"]) + text + rng.choice(self.phrases["after"])
        if rng.random() < 0.6:
            text = _SENTENCE_START.sub(lambda match: match[1] + match[2].upper(), text[0].upper() + text[1:])
        if rng.random() < 0.5:
            text = re.sub(r"\bi\b", "I", text)
        return _with_typo(text, rng) if rng.random() < TYPO else text

    def _keywords(self, subject: Subject, rng: random.Random) -> str:
        chosen: list[str] = []
        while len(chosen) < 3:
            clause = self._clause(subject, rng.choice(subject.patterns), rng)
            words = [word for word in _WORD.findall(clause) if len(word) >= KEYWORD_LENGTH and word not in QUEUES]
            if words:
                chosen.append(rng.choice(words))
        return ", ".join(chosen)

    def chat(self, rng: random.Random) -> Chat:
        """Draw one chat: mostly the subject as answer, else its meaning, key words, or a short reply."""
        subject = rng.choices(self.subjects, self._weights)[0]
        pattern = rng.choice(subject.patterns)
        kind = rng.random()
        if pattern.meaning and kind < 0.35:
            system, answer = rng.choice(self.phrases["meaning_systems"]), pattern.meaning
        elif kind < 0.75:
            system, answer = rng.choice(self.phrases["subject_systems"]), subject.name
        elif kind < 0.85:
            system, answer = rng.choice(self.phrases["keyword_systems"]), self._keywords(subject, rng)
        else:
            reply = rng.choice(self.phrases["replies"]).replace("{subject}", subject.name)
            system, answer = rng.choice(self.phrases["reply_systems"]), reply
        return Chat(system, self.message(subject, pattern, rng), answer, subject.name)

    def chats(self, seed: int) -> Iterator[Chat]:
        """An endless, seeded stream of chats."""
        rng = random.Random(seed)
        while True:
            yield self.chat(rng)


def _with_typo(text: str, rng: random.Random) -> str:
    """Drop, swap or double one letter."""
    if len(text) < MIN_TYPO_LENGTH:
        return text
    at = rng.randrange(1, len(text) - 2)
    kind = rng.randrange(3)
    if kind == 0:
        return text[:at] + text[at + 1 :]
    if kind == 1:
        return text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    return text[:at] + text[at] + text[at:]

"""docs/security.md has every requirement that applies, and names tests that there are."""

import re

from tests.architecture.tree import ROOT

NAMED = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")


def test_every_test_that_a_requirement_names_exists() -> None:
    document = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    named = NAMED.findall(document)
    missing = []
    for file, test in named:
        path = ROOT / file
        if not path.is_file() or (test and f"def {test}(" not in path.read_text(encoding="utf-8")):
            missing.append(f"{file}::{test}")
    assert len(named) > 30
    assert missing == []


# Of OWASP ASVS 5.0, levels 1 and 2: what can be held by a test of an application like this one.
APPLY = [
    "1.2.1", "1.2.3", "1.2.4", "1.2.5", "1.3.2", "1.3.5", "1.3.6", "1.3.7", "1.5.2", "2.2.2", "2.3.2", "2.3.3",
    "2.3.4", "2.4.1", "3.2.1", "3.3.1", "3.3.2", "3.3.3", "3.3.4", "3.4.1", "3.4.3", "3.4.4", "3.4.5", "3.4.6",
    "3.5.1", "3.5.3", "3.7.2", "4.1.1", "4.1.3", "4.4.2", "5.2.1", "5.2.3", "5.3.2", "5.4.2", "6.2.1", "6.2.4",
    "6.2.9", "6.3.1", "6.3.2", "6.4.1", "6.8.1", "7.2.4", "7.3.1", "7.3.2", "7.4.1", "7.4.2", "7.4.3", "7.5.2",
    "8.2.1", "8.2.2", "8.2.3", "8.3.1", "9.1.2", "9.2.1", "9.2.3", "10.1.2", "10.2.1", "10.5.1", "10.5.2", "10.5.3",
    "11.4.2", "11.5.1", "12.3.2", "13.2.4", "13.3.1", "13.4.2", "13.4.5", "14.2.1", "14.3.2", "15.1.2", "15.2.2",
    "15.3.1", "15.3.2", "15.3.3", "16.2.5", "16.3.1", "16.3.2", "16.3.3", "16.4.1", "16.5.1", "16.5.2",
]  # fmt: skip


def test_every_requirement_that_applies_is_held_or_its_reason_is_given() -> None:
    document = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    stand = set(re.findall(r"\bV(\d+\.\d+\.\d+)\b", document))
    assert len(set(APPLY)) == 81
    assert [each for each in APPLY if each not in stand] == []

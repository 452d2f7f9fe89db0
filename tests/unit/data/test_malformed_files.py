"""Files with planted faults: nothing raises, and each fault is named by its rule at the line where it was planted.

The campaign sends ten times as many to a server (tests/campaigns/test_malformed.py).
"""

from pathlib import Path

import pytest

from app.data.validation import validate
from app.services.reading_in import read_in
from app.store.files import FileStore
from tests.support.malformed import MAKERS, Maker, planted

FILES = 504  # forty-two of each kind


@pytest.fixture
def files(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path, upload_limit=1 << 22, disk_reserve=0)


@pytest.mark.parametrize("make", MAKERS)
def test_each_fault_is_named_where_it_was_planted(files: FileStore, make: Maker) -> None:
    for number, (name, content, rule, line) in enumerate(planted(make, FILES // len(MAKERS))):
        stored = files.store([content])
        report = read_in(files, stored, name).report or validate(stored.path)
        where = f"{number}: {content!r}"
        assert all(each.message and each.fix for each in report.findings), where
        if not rule:
            continue
        found = [each for each in report.findings if each.rule == rule]
        assert found, f"{where} {[each.rule for each in report.findings]}"
        if line is not None:
            lines = {each.source.split()[1] if each.source else str(each.line) for each in found}
            assert str(line) in lines, f"{where} {lines}"
    assert not list(files.root.glob("files/incoming-*"))

"""A file that is written by many at once is there, whole."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from app.kit.whole_files import draft_of


def test_whoever_writes_at_the_same_moment_does_so_beside_the_others(tmp_path: Path) -> None:
    path = tmp_path / "models.json"
    drafts = [draft_of(path) for _ in range(8)]
    assert len(set(drafts)) == 8
    assert {each.parent for each in drafts} == {tmp_path}

    def write(draft: Path) -> None:
        draft.write_text(draft.name, encoding="utf-8")
        draft.replace(path)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, drafts))
    assert [each.name for each in tmp_path.iterdir()] == ["models.json"]
    assert path.read_text(encoding="utf-8") in {each.name for each in drafts}

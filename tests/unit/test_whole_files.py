"""A file that is written by many at once is there, whole."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from app.domain.uploads import UploadInParts
from app.kit.whole_files import draft_of
from app.store.files import FileStore
from app.store.upload_parts import UploadParts


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


def test_an_upload_of_which_several_say_something_at_once_is_kept(tmp_path: Path) -> None:
    parts, now = UploadParts(FileStore(tmp_path, upload_limit=1000, disk_reserve=0)), datetime(2026, 12, 1, tzinfo=UTC)
    upload = UploadInParts(id=f"up_{'0' * 26}", filename="x.jsonl", bytes=9, created_at=now, expires_at=now)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(parts.save, [upload] * 200))
    assert parts.get(upload.id) == upload

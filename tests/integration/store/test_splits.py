"""Splits that were computed once."""

from pathlib import Path
from threading import Barrier, Thread

from app.domain.splits import Part, SplitResult
from app.store import splits
from app.store.files import FileStore


def test_a_split_that_several_ask_for_at_once_is_computed_once(tmp_path: Path) -> None:
    files = FileStore(tmp_path, upload_limit=1 << 20, disk_reserve=0)
    sha256 = files.store([b"rows\n"]).sha256
    start, computed, got = Barrier(4), list[int](), list[SplitResult]()

    def compute() -> SplitResult:
        computed.append(1)
        return SplitResult(training=Part(lines=(1, 2)), validation=Part(lines=(3,)))

    def ask() -> None:
        start.wait()
        got.append(splits.once(files, sha256, "key", compute))

    threads = [Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(computed) == 1
    assert got == [got[0]] * 4
    assert splits.once(files, sha256, "other", compute) == got[0]
    assert len(computed) == 2

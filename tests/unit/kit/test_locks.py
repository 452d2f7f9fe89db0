"""One process at a time, and a moment's patience with a holder that is just ending."""

import threading
from pathlib import Path

from app.kit.locks import held


def test_the_second_is_reported_at_once(tmp_path: Path) -> None:
    with held(tmp_path / "lock") as first, held(tmp_path / "lock") as second:
        assert (first, second) == (True, False)


def test_it_is_free_again_afterwards(tmp_path: Path) -> None:
    with held(tmp_path / "lock"):
        pass
    with held(tmp_path / "lock") as later:
        assert later


def test_one_with_patience_takes_what_is_let_go_meanwhile(tmp_path: Path) -> None:
    holds, go = threading.Event(), threading.Event()

    def hold() -> None:
        with held(tmp_path / "lock"):
            holds.set()
            go.wait(20)

    thread = threading.Thread(target=hold)
    thread.start()
    assert holds.wait(20)
    go.set()
    with held(tmp_path / "lock", patience_s=20) as patient:
        assert patient
    thread.join()

"""How far long work is."""

from pathlib import Path

import pytest

from app.kit.progress import CountedFile, Furthest, Progress, counted_as, passed


def test_work_is_counted_by_its_key_and_forgotten_when_it_ends() -> None:
    progress = Progress()
    passed(5)
    assert progress.share("a") is None
    with progress.of("a", 10):
        passed(4)
        assert progress.share("a") == pytest.approx(0.4)
        with progress.of("b", 4):
            passed(3)
            assert progress.share("b") == pytest.approx(0.75)
        passed(100)
        assert (progress.share("a"), progress.share("b")) == (1.0, None)
    passed(1)
    assert progress.share("a") is None


def test_work_that_fails_is_forgotten_too() -> None:
    progress = Progress()
    with pytest.raises(ValueError, match="full"), progress.of("a", 10):
        raise ValueError("full")
    assert progress.share("a") is None


def test_a_part_of_the_work_counts_as_what_it_is_said_to_be() -> None:
    progress = Progress()
    with progress.of("a", 100):
        with counted_as(20, of=1000):
            passed(500)
            assert progress.share("a") == pytest.approx(0.1)
            passed(5000)
            assert progress.share("a") == pytest.approx(0.2)
        with counted_as(60, of=10), counted_as(5, of=1):
            passed(1)
            assert progress.share("a") == pytest.approx(0.5)
        assert progress.share("a") == pytest.approx(0.8)
        with counted_as(10, of=0):
            passed(1)
        assert progress.share("a") == pytest.approx(0.9)
        with pytest.raises(ValueError, match="full"), counted_as(10, of=2):
            raise ValueError("full")
        assert progress.share("a") == pytest.approx(0.9)
    with counted_as(1, of=1):
        passed(1)
    assert progress.share("a") is None


def test_a_file_passes_what_is_read_of_it(tmp_path: Path) -> None:
    file, progress = tmp_path / "file", Progress()
    file.write_bytes(bytes(100))
    with progress.of("a", 200), CountedFile(file) as stream:
        assert len(stream.read(30)) == 30
        assert progress.share("a") == pytest.approx(0.15)
        assert stream.readinto(bytearray(50)) == 50
        assert len(stream.read()) == 20
        assert progress.share("a") == pytest.approx(0.5)
        furthest = Furthest()
        for at in (60, 20, 60, 100):
            furthest.reached(at)
        assert progress.share("a") == pytest.approx(1.0)

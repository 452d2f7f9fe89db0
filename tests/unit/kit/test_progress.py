"""How far long work is."""

import pytest

from app.kit.progress import Progress, passed


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

"""Each minute, what nobody needs just now is given back."""

import ctypes
import platform
import re
from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy.pool import QueuePool

from app.engine.background_tasks import BackgroundTasks
from app.engine.ending_models import EndingModels
from app.engine.maintenance import EACH_MINUTE, Maintenance
from app.engine.orphan_gc import OrphanCollector
from tests.support.app_context import TestHouse

_PIECE_BYTES, _PIECES = 10_000, 3_000


@pytest.fixture
def pass_time(app_context: TestHouse) -> Callable[[timedelta], None]:
    """What turns the clock and has the house kept, as it was a moment ago."""
    scopes, tasks = app_context.scopes, BackgroundTasks(0)
    maintenance = Maintenance(scopes, OrphanCollector(scopes, tasks), EndingModels(scopes, tasks))

    def passed(span: timedelta) -> None:
        app_context.clock.turn(span)
        maintenance.run(app_context.clock.now())

    passed(timedelta(0))
    return passed


def test_connections_that_nobody_reads_by_are_closed(
    app_context: TestHouse, pass_time: Callable[[timedelta], None]
) -> None:
    def kept() -> int:
        pool = app_context.database.readers.pool
        assert isinstance(pool, QueuePool)
        return pool.checkedin()

    with ExitStack() as crowd:
        for _ in range(6):
            crowd.enter_context(app_context.database.reading())
    assert kept() == 3  # what a burst took beyond them went with it
    pass_time(EACH_MINUTE / 2)
    assert kept() == 3
    pass_time(EACH_MINUTE)
    assert kept() <= 1  # by which the house was kept since


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not glibc")
def test_memory_that_is_free_goes_back_to_the_system(pass_time: Callable[[timedelta], None]) -> None:
    libc = ctypes.CDLL(None)
    libc.malloc.restype = ctypes.c_void_p
    libc.free.argtypes = [ctypes.c_void_p]
    libc.memset.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]

    def resident_mb() -> float:
        found = re.search(r"RssAnon:\s+(\d+)", Path("/proc/self/status").read_text(encoding="ascii"))
        assert found is not None
        return int(found[1]) / 1024

    pieces = [libc.malloc(_PIECE_BYTES) for _ in range(_PIECES)]
    for each in pieces:
        libc.memset(each, 1, _PIECE_BYTES)
    last = libc.malloc(_PIECE_BYTES)  # behind them: glibc gives back by itself what is free at the end
    for each in pieces:
        libc.free(each)
    before = resident_mb()
    pass_time(EACH_MINUTE)
    assert before - resident_mb() > 0.8 * _PIECE_BYTES * _PIECES / 1e6
    libc.free(last)

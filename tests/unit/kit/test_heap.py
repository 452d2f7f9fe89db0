import platform
import subprocess
import sys

import pytest

from app.settings import ROOT

# Eight threads hold memory at the same time; malloc_info(3) then tells how many heaps there are.
_COUNT = """
import ctypes, sys, threading
from app.kit import heap

if "shared" in sys.argv:
    assert heap.share_one()
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.fdopen.restype = ctypes.c_void_p
libc.malloc_info.argtypes = [ctypes.c_int, ctypes.c_void_p]
libc.fflush.argtypes = [ctypes.c_void_p]
together = threading.Barrier(8)

def hold():
    together.wait()
    assert libc.malloc(50_000)
    together.wait()

threads = [threading.Thread(target=hold) for _ in range(8)]
for each in threads:
    each.start()
for each in threads:
    each.join()
out = libc.fdopen(1, b"w")
libc.malloc_info(0, out)
libc.fflush(out)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not glibc, and has no arenas")
def test_all_threads_share_one_heap() -> None:
    def heaps(*asked: str) -> int:
        command = [sys.executable, "-c", _COUNT, *asked]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.count("<heap nr")

    assert heaps() > 1
    assert heaps("shared") == 1

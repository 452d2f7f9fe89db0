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

# Thirty MB in pieces that come from the heap, and a last one behind them, so that its end cannot be given back.
_BURST = """
import ctypes, re
from pathlib import Path
from app.kit import heap

libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.free.argtypes = [ctypes.c_void_p]

def resident():
    return int(re.search(r"RssAnon:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) // 1024

def burst():
    return [libc.malloc(10_000) for _ in range(3_000)]

first = resident()
pieces = burst()
for each in pieces:
    ctypes.memset(each, 1, 10_000)
last = libc.malloc(10_000)
full = resident()
for each in pieces:
    libc.free(each)
freed = resident()
assert heap.give_back()
print(full - first, freed - first, resident() - first)
"""
_GLIBC_ONLY = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not glibc")


@_GLIBC_ONLY
def test_what_a_burst_took_is_given_back() -> None:
    done = subprocess.run([sys.executable, "-c", _BURST], cwd=ROOT, capture_output=True, text=True, check=True)
    full, freed, given_back = map(int, done.stdout.split())
    assert full >= freed >= 25
    assert given_back <= 5


@_GLIBC_ONLY
def test_all_threads_share_one_heap() -> None:
    def heaps(*asked: str) -> int:
        command = [sys.executable, "-c", _COUNT, *asked]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.count("<heap nr")

    assert heaps() > 1
    assert heaps("shared") == 1

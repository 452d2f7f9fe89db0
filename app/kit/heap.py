"""What the C library does with memory that is given back.

One heap for all threads: what one of them gives back, any other takes.

glibc gives threads arenas of their own, up to eight a core (mallopt(3), M_ARENA_MAX), and never moves free memory from
one to another. Each page is made in whichever thread is free, and each commit lets SQLite drop what it has cached of
the database, so every arena grew to its own peak: after four minutes of thirty people at work 101 of 155 MB were free
and held, and rising (benchmarks/team.py); with one arena 15 of 65 MB, and no more. Python's own lock lets one thread
at a time make objects anyhow; there is nobody to wait for at the one heap.
"""

import ctypes

_ARENA_MAX = -8  # M_ARENA_MAX of glibc's malloc.h
_KEPT_BYTES = 8 << 20  # below the most to which the threshold grows, 32 MiB


def share_one() -> bool:
    """Let all threads that are still to come use the process's first heap; False where the C library is another."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and bool(mallopt(_ARENA_MAX, 1))


def give_back() -> bool:
    """Give the system what is free in whole pages; False where the C library is another, or nothing was.

    glibc does so only at the heap's end, so that one piece kept there holds all below it (malloc_trim(3)): what a burst
    took would stay taken. It takes a few milliseconds, in which nobody gets memory.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    return trim is not None and bool(trim(0))


def keep_freed_blocks() -> None:
    """Keep blocks of up to a few MiB that are freed for the next ones, in this process from now on.

    glibc gives a large block back to the system as soon as it is freed, and each new one costs a page fault every
    4 KiB, until one of its size was freed (mallopt(3), M_MMAP_THRESHOLD: "Dynamic"). This one is never written to.
    Work in blocks spent a third of its CPU in the kernel for them.
    """
    bytes(_KEPT_BYTES)

"""Two threads that are the first to load a value of a class, at once: a server's first moment."""

import subprocess
import sys

from tests.support.rehearsed import ROOT

# The nested class's annotation takes a moment to be understood, as it may on a loaded machine.
PROGRAM = """
import threading
from dataclasses import dataclass
from app.store import codec

begun = threading.Event()

def late():
    begun.set()
    threading.Event().wait(0.3)
    return int

@dataclass
class Inner:
    a: "late()"

@dataclass
class Outer:
    first: int
    inner: Inner
    last: int

TEXT = '{"last": 3, "first": 1, "inner": {"a": 2}}'
loaded = []
threads = [threading.Thread(target=lambda: loaded.append(codec.load(Outer, TEXT))) for _ in "ab"]
threads[0].start()
begun.wait(20)
threads[1].start()
for thread in threads:
    thread.join()
assert loaded == [Outer(1, Inner(2), 3)] * 2
"""


def test_two_threads_may_be_the_first_at_once() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")

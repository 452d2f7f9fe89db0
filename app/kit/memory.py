"""How much main memory there is, and how much of it could be had now: the machine's, or less where a container ends.

Linux counts a container's memory in control groups, which lie in one another; each may have a limit, and the least
room of all is what is left. Files and fields are those of the kernel's documents: proc(5), admin-guide/cgroup-v2
(memory.max, memory.current, memory.stat) and admin-guide/cgroup-v1/memory.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_UNLIMITED = 2**60  # version 1 writes the largest number of pages where there is no limit


@dataclass(frozen=True, slots=True)
class _Version:
    """Where a version of control groups keeps its figures."""

    mount: str
    controller: str  # in the list of a process's groups; "" in version 2
    limit: str
    usage: str
    reclaimable: str  # the line of memory.stat with what is given back when it is needed


_VERSIONS = (
    _Version("sys/fs/cgroup", "", "memory.max", "memory.current", "inactive_file"),
    _Version("sys/fs/cgroup/memory", "memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
)
_ROOT = Path("/")


def memory_bytes(root: Path = _ROOT) -> int | None:
    """Return the main memory of this machine, or of the container around us; None where the system does not say."""
    try:
        machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return None
    return min([machine, *(limit for limit, _ in _groups(root))])


def available_memory(root: Path = _ROOT) -> int | None:
    """Return what of the main memory could be had now (Linux), else all of it.

    Args:
        root: the folder that `proc` and `sys` lie in.
    """
    try:
        lines = (root / "proc" / "meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return memory_bytes(root)
    reported = next((line.split()[1] for line in lines if line.startswith("MemAvailable:")), "")
    machine = int(reported) * 1024 if reported.isdecimal() else memory_bytes(root)
    return None if machine is None else max(0, min([machine, *(room for _, room in _groups(root))]))


def _groups(root: Path) -> Iterator[tuple[int, int]]:
    """Yield (limit, room left) of each control group around this process that has a limit, in bytes."""
    for version, folder in _folders(root):
        limit = _number(folder / version.limit)
        if limit is not None and limit < _UNLIMITED:
            used = (_number(folder / version.usage) or 0) - _reclaimable(folder, version.reclaimable)
            yield limit, limit - max(0, used)


def _folders(root: Path) -> Iterator[tuple[_Version, Path]]:
    """Yield the folders of this process's groups from the innermost out; one that cannot be seen is left out."""
    try:
        lines = (root / "proc" / "self" / "cgroup").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return
    for line in lines:
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        for version in _VERSIONS:
            if version.controller in controllers.split(","):
                mount = root / version.mount
                inner = mount.joinpath(*(part for part in path.split("/") if part not in {"", ".."}))
                yield from ((version, each) for each in (inner, *inner.parents) if each.is_relative_to(mount))


def _number(file: Path) -> int | None:
    try:
        text = file.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return None
    return int(text) if text.isdecimal() else None


def _reclaimable(folder: Path, name: str) -> int:
    try:
        lines = (folder / "memory.stat").read_text(encoding="ascii").splitlines()
    except (OSError, ValueError):
        return 0
    found = next((line.split()[1] for line in lines if line.startswith(f"{name} ")), "0")
    return int(found) if found.isdecimal() else 0

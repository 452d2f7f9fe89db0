"""How much main memory can be had now: what the machine has free, and what a container is allowed. Linux, else all."""

import os
from pathlib import Path

# A control group's limit, and what is used of it.
_VERSION_1, _VERSION_2 = ("memory.limit_in_bytes", "memory.usage_in_bytes"), ("memory.max", "memory.current")


def memory_bytes() -> int | None:
    """Return all the main memory of the machine; None where nobody says."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return None


def available_memory(root: Path = Path("/")) -> int | None:
    """Return the bytes that could be had now; None where nobody says. `root` is where `proc` and `sys` are found."""
    free = [_machine(root), *_containers(root)]
    known = [each for each in free if each is not None]
    return max(0, min(known)) if known else None


def _machine(root: Path) -> int | None:
    lines = _read(root / "proc/meminfo").splitlines()
    reported = next((line.split()[1] for line in lines if line.startswith("MemAvailable:")), "")
    return int(reported) * 1024 if reported.isdecimal() else memory_bytes()


def _containers(root: Path) -> list[int]:
    """Return what each control group that this process is in leaves (version 2), or its memory controller's.

    https://docs.kernel.org/admin-guide/cgroup-v2.html: `memory.max` is "max" where there is no limit, `memory.current`
    counts pages of files, of which the inactive ones are given up when memory is short. Version 1 has other names.
    """
    groups = [line.split(":", 2) for line in _read(root / "proc/self/cgroup").splitlines()]
    found = []
    for _, controllers, path in (group for group in groups if len(group) == 3):  # noqa: PLR2004 -- id:controllers:path
        if controllers not in {"", "memory"}:
            continue
        folder = root / "sys/fs/cgroup" / controllers
        names = (
            ("memory.max", "memory.current") if not controllers else ("memory.limit_in_bytes", "memory.usage_in_bytes")
        )
        inner = folder / path.strip("/")
        # In a container its own group may be mounted as the topmost.
        for each in {inner, *(outer for outer in inner.parents if outer.is_relative_to(folder)), folder}:
            most, used = (_read(each / name).strip() for name in names)
            if most.isdecimal() and used.isdecimal():
                found.append(int(most) - int(used) + _inactive(each))
    return found


def _inactive(folder: Path) -> int:
    lines = (line.split() for line in _read(folder / "memory.stat").splitlines())
    return next((int(line[1]) for line in lines if line[0] in {"inactive_file", "total_inactive_file"}), 0)


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii")
    except (OSError, ValueError):
        return ""

"""The memory that can be had, also where a container's is less than the machine's."""

import os
from pathlib import Path

import pytest

from app.kit.memory import available_memory, memory_bytes

GB = 10**9
V1, V2 = "sys/fs/cgroup/memory", "sys/fs/cgroup"


def machine(root: Path, cgroup: str, files: dict[str, object], *, available_kib: int = 8 * 10**6) -> Path:
    """A machine with 8,192,000,000 bytes to be had, and these files of control groups."""
    (root / "proc" / "self").mkdir(parents=True)
    (root / "proc" / "meminfo").write_text(f"MemTotal: 16000000 kB\nMemAvailable: {available_kib} kB\n")
    (root / "proc" / "self" / "cgroup").write_text(cgroup)
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{content}\n")
    return root


CASES: dict[str, tuple[str, dict[str, object], int]] = {
    "no groups": ("", {}, 8_192_000_000),
    "no limit": ("0::/a\n", {f"{V2}/a/memory.max": "max", f"{V2}/a/memory.current": GB}, 8_192_000_000),
    "its own": ("0::/a\n", {f"{V2}/a/memory.max": 4 * GB, f"{V2}/a/memory.current": GB}, 3 * GB),
    "one around it": (
        "0::/a/b\n",
        {
            f"{V2}/a/b/memory.max": 6 * GB, f"{V2}/a/b/memory.current": GB,
            f"{V2}/a/memory.max": 5 * GB, f"{V2}/a/memory.current": 3 * GB,
        },
        2 * GB,
    ),
    "seen from inside": ("0::/\n", {f"{V2}/memory.max": 2 * GB, f"{V2}/memory.current": GB}, GB),
    "a path outside of what is seen": (
        "0::/../other\n",
        {f"{V2}/memory.max": 2 * GB, f"{V2}/memory.current": GB},
        GB,
    ),
    "files in memory are given back": (
        "0::/\n",
        {
            f"{V2}/memory.max": 4 * GB, f"{V2}/memory.current": 3 * GB,
            f"{V2}/memory.stat": f"anon {GB}\ninactive_file {2 * GB}\nactive_file 5",
        },
        3 * GB,
    ),
    "more than the machine has": ("0::/\n", {f"{V2}/memory.max": 400 * GB, f"{V2}/memory.current": 0}, 8_192_000_000),
    "full": ("0::/\n", {f"{V2}/memory.max": GB, f"{V2}/memory.current": 2 * GB}, 0),
    "version 1": (
        "5:memory:/docker/x\n3:cpuset:/docker/x\n",
        {
            f"{V1}/docker/x/memory.limit_in_bytes": 3 * GB, f"{V1}/docker/x/memory.usage_in_bytes": GB,
            f"{V1}/memory.limit_in_bytes": 2**63 - 4096, f"{V1}/memory.usage_in_bytes": 9 * GB,
        },
        2 * GB,
    ),
    "version 1 from inside a container": (
        "5:cpuacct,memory:/docker/x\n0::/\n",
        {
            f"{V1}/memory.limit_in_bytes": 3 * GB, f"{V1}/memory.usage_in_bytes": 2 * GB,
            f"{V1}/memory.stat": f"inactive_file 7\ntotal_inactive_file {GB}",
        },
        2 * GB,
    ),
    "both": (
        "5:memory:/x\n0::/y\n",
        {
            f"{V1}/x/memory.limit_in_bytes": 3 * GB, f"{V1}/x/memory.usage_in_bytes": 0,
            f"{V2}/y/memory.max": 2 * GB, f"{V2}/y/memory.current": 0,
        },
        2 * GB,
    ),
    "not to be read": ("0::/\n", {f"{V2}/memory.max": "?", f"{V2}/memory.current": "?"}, 8_192_000_000),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_the_least_room_counts(tmp_path: Path, name: str) -> None:
    cgroup, files, expected = CASES[name]
    assert available_memory(machine(tmp_path, cgroup, files)) == expected


def test_all_of_it_is_the_containers_where_that_is_less(tmp_path: Path) -> None:
    whole = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    root = machine(tmp_path, "0::/\n", {f"{V2}/memory.max": 10**6, f"{V2}/memory.current": 10})
    assert memory_bytes(root) == 10**6
    assert memory_bytes(tmp_path / "nothing") == whole
    assert available_memory(tmp_path / "nothing") == whole


def test_here_there_is_some() -> None:
    here = available_memory()
    assert here is not None
    assert 0 <= here <= (memory_bytes() or 0)

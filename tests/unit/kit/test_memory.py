from pathlib import Path

import pytest

from app.kit.memory import available_memory, memory_bytes

GB = 1_000_000_000


def write(root: Path, **files: str) -> None:
    for name, text in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="ascii")


def machine(root: Path, groups: str) -> None:
    write(root, proc__meminfo="MemTotal: 9000000 kB\nMemAvailable: 8000000 kB\n", proc__self__cgroup=groups)


def test_without_a_container_it_is_what_the_machine_has_free(tmp_path: Path) -> None:
    machine(tmp_path, "0::/\n")
    assert available_memory(tmp_path) == 8_000_000 * 1024


def test_a_containers_limit_counts_less_what_is_used_and_cannot_be_given_up(tmp_path: Path) -> None:
    machine(tmp_path, "0::/box\n")
    for folder, limit in (("sys/fs/cgroup/box", "max"), ("sys/fs/cgroup", str(4 * GB))):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / folder / "memory.max").write_text(f"{limit}\n")
        (tmp_path / folder / "memory.current").write_text(f"{3 * GB}\n")
        (tmp_path / folder / "memory.stat").write_text(f"anon {GB}\ninactive_file {GB}\n")
    assert available_memory(tmp_path) == 2 * GB


@pytest.mark.parametrize("where", ["", "/box"])
def test_so_does_one_of_the_older_kind(tmp_path: Path, where: str) -> None:
    machine(tmp_path, "5:cpu:/\n4:memory:/box\n")
    folder = tmp_path / f"sys/fs/cgroup/memory{where}"
    folder.mkdir(parents=True)
    (folder / "memory.limit_in_bytes").write_text(f"{3 * GB}\n")
    (folder / "memory.usage_in_bytes").write_text(f"{GB}\n")
    assert available_memory(tmp_path) == 2 * GB


def test_nothing_is_left_where_the_limit_is_passed(tmp_path: Path) -> None:
    machine(tmp_path, "0::/\n")
    write(tmp_path, **{"sys__fs__cgroup__memory.max": str(GB), "sys__fs__cgroup__memory.current": str(2 * GB)})
    assert available_memory(tmp_path) == 0


def test_where_nothing_is_said_it_is_all_there_is(tmp_path: Path) -> None:
    assert available_memory(tmp_path) == memory_bytes()

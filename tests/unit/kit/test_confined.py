"""Files by their path: below allowed folders, and nothing but regular files that stand still."""

import os
import socket
from pathlib import Path

import pytest

from app.kit.confined import NotAllowed, opened, whole


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = tmp_path / "allowed"
    (made / "deep" / "er").mkdir(parents=True)
    (made / "deep" / "er" / "rows.jsonl").write_bytes(b"rows")
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "allowed-not").mkdir()
    (tmp_path / "allowed-not" / "rows").write_bytes(b"secret")
    return made


def read(path: object, *roots: Path) -> bytes:
    with opened(str(path), roots) as stream:
        return b"".join(whole(stream))


def test_a_regular_file_below_a_root_is_read(root: Path, tmp_path: Path) -> None:
    assert read(root / "deep" / "er" / "rows.jsonl", tmp_path / "none", root) == b"rows"
    assert read(f"{root}//deep/./er/rows.jsonl", root) == b"rows"


def test_what_lies_elsewhere_is_refused(root: Path, tmp_path: Path) -> None:
    for path, word in (
        (tmp_path / "secret", "below none"),
        (tmp_path / "allowed-not" / "rows", "below none"),
        (f"{root}/../secret", "'..'"),
        (f"{root}/deep/../../secret", "'..'"),
        ("deep/er/rows.jsonl", "begin at the root"),
        (root, "below none"),
        (root / "nothing", "no such file"),
        (root / "deep" / "er" / "rows.jsonl" / "x", "no folder"),
        (root / "deep", "not to a file"),
        (f"{root}/a\0b", "not valid"),
    ):
        with pytest.raises(NotAllowed, match=word):
            read(path, root)


def test_links_are_not_followed_wherever_they_stand(root: Path, tmp_path: Path) -> None:
    (root / "link").symlink_to(tmp_path / "secret")
    (root / "inside").symlink_to(root / "deep" / "er" / "rows.jsonl")
    (root / "folder").symlink_to(root / "deep")
    for path in ("link", "inside", "folder/er/rows.jsonl"):
        with pytest.raises(NotAllowed, match="symbolic link"):
            read(root / path, root)


def test_devices_pipes_and_sockets_are_refused_at_once(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(root / "pipe")
    monkeypatch.chdir(root)  # the path of a socket is short
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
        for path, roots in ((root / "pipe", root), (root / "socket", root), (Path("/dev/zero"), Path("/dev"))):
            with pytest.raises(NotAllowed, match="device"):
                read(path, roots)


@pytest.mark.parametrize("write", [b"longer than before", b"s", b"sows"])
def test_a_file_that_changes_meanwhile_is_refused(root: Path, write: bytes) -> None:
    path = root / "deep" / "er" / "rows.jsonl"
    with opened(str(path), [root]) as stream:
        chunks = whole(stream)
        assert next(chunks) == b"rows"
        path.write_bytes(write)
        os.utime(path, (1, 1))
        with pytest.raises(NotAllowed, match="changed"):
            list(chunks)

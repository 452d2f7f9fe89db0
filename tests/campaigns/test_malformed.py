"""Five thousand files with planted faults, sent to a server: no 5xx, each at its line, and the memory of a few."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.campaigns.servers import Server
from tests.support.malformed import MAKERS, Planted, planted

FILES = 5040  # 420 of each kind
MOST_MB = 300
SEED = 2  # other files than those of every run (tests/unit/data/test_malformed_files.py)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path, {}, runtime_python=Path(sys.executable))
    server._environment["TUNEDESK_AT_ONCE_MB"] = "32"
    try:
        server.start(cold=True)
        server.comes_up()
        yield server
    finally:
        server.close()


def memory_mb(server: Server) -> float:
    """Return the most that the server's process ever held (proc(5): VmHWM)."""
    status = Path(f"/proc/{server._pid}/status").read_text(encoding="ascii")
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found
    return int(found[1]) / 1024


def brought(client: httpx.Client, label: str, file: Planted) -> Iterator[str]:
    """Bring one file, and say what is wrong with the answers."""
    made = client.put("/datasets", params={"name": label, "filename": file.name}, content=file.content)
    if made.status_code != 201:
        yield f"{made.status_code} {made.text}"
        return
    here = f"/datasets/{made.json()['id']}"
    found = client.get(f"{here}/findings", params={"limit": 200})
    answers = [found, client.get(f"{here}/rows"), client.get(here)]
    yield from (f"{each.request.url}: {each.status_code} {each.text}" for each in answers if not each.is_success)
    if found.is_success and file.rule:
        items = [each for each in found.json()["items"] if each["rule"] == file.rule]
        lines = {each["source"].split()[1] if each.get("source") else str(each["line"]) for each in items}
        if not items or (file.line is not None and str(file.line) not in lines):
            yield f"{file.rule} in line {file.line} was planted, and found in {sorted(lines)}: {file.content!r}"


@pytest.mark.campaign
def test_each_of_five_thousand_faults_is_named_and_none_is_the_servers(server: Server) -> None:
    wrong = []
    with httpx.Client(base_url=f"{server.address}/api/v1", timeout=60) as client:
        for make in MAKERS:
            for number, file in enumerate(planted(make, FILES // len(MAKERS), SEED)):
                label = f"{make.__name__} {number}"
                wrong += [f"{label}: {each}" for each in brought(client, label, file)]
    assert wrong == []
    assert memory_mb(server) <= MOST_MB
    sys.stdout.write(f"{FILES} files, {memory_mb(server):.0f} MB at most\n")

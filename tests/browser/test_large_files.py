"""A large file on a page: cut on the way it goes on where it stopped, also after a reload."""

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, Route, expect

from tests.support.journeys import Installation

ROW = b'{"messages": [{"role": "user", "content": "%d"}, {"role": "assistant", "content": "a"}], "filler": "%b"}\n'
PATIENCE_MS = 60_000


class _Line:
    """A network that lets so many bytes of each piece through, and then breaks."""

    def __init__(self, url: str, through: list[int]) -> None:
        self._url, self._through = url, through
        self.offsets: list[int] = []

    def __call__(self, route: Route) -> None:
        address = urlsplit(route.request.url)
        if route.request.method != "PATCH":
            route.continue_()
            return
        self.offsets.append(int(parse_qs(address.query)["offset"][0]))
        if not self._through:
            route.continue_()
            return
        piece = (route.request.post_data_buffer or b"")[: self._through.pop(0)]
        httpx.patch(f"{self._url}{address.path}?{address.query}", content=piece, timeout=60).raise_for_status()
        route.abort()


@pytest.mark.slow
def test_large_file_goes_on_after_cuts_and_after_a_reload(
    browser: Browser, rehearsal_installation: Installation, tmp_path: Path
) -> None:
    context = browser.new_context()  # its console may complain, as it does of a request that fails
    visitor = context.new_page()
    url = rehearsal_installation.server.url
    file = tmp_path / "large.jsonl"
    file.write_bytes(b"".join(ROW % (number, b"x" * 100_000) for number in range(100)))
    line = _Line(url, [1_000_000, 2_000_000, 0, 0, 0, 0, 0])
    visitor.route("**/api/v1/uploads/**", line)
    visitor.goto(f"{url}/datasets")
    visitor.set_input_files("#upload input[type=file]", file)
    visitor.click("#upload button:not([type=button])")
    said = visitor.locator("[data-upload-status]")
    expect(said).to_contain_text("What arrived is kept", timeout=PATIENCE_MS)
    assert line.offsets[:3] == [0, 1_000_000, 3_000_000]
    visitor.reload()
    visitor.set_input_files("#upload input[type=file]", file)
    visitor.click("#upload button:not([type=button])")
    visitor.wait_for_url("**/datasets/ds_*", timeout=PATIENCE_MS)
    assert line.offsets[-1] == 3_000_000
    made = visitor.url.rpartition("/")[2].partition("?")[0]
    assert httpx.get(f"{url}/api/v1/datasets/{made}").json()["bytes"] == file.stat().st_size
    context.close()

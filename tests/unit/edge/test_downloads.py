import asyncio
import csv
import io
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.responses import Response, StreamingResponse

from app.domain.metrics import MetricSeries
from app.http.downloads import attachment, csv_cell, metrics_csv, zipped


def body_of(response: Response) -> bytes:
    assert isinstance(response, StreamingResponse)

    async def collect() -> bytes:
        return b"".join([bytes(piece) async for piece in response.body_iterator if not isinstance(piece, str)])

    return asyncio.run(collect())


def test_a_folder_goes_out_as_an_archive_of_its_regular_files(tmp_path: Path) -> None:
    folder = tmp_path / "weights"
    (folder / "inner").mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(b"w" * 3_000_000)
    (folder / "inner" / "card.md").write_text("card")
    (folder / "link").symlink_to("/etc/hostname")
    for ours in ("training_args.bin", "optimizer.pt", "tunedesk.json"):  # a pickle, another, and a note with a path
        (folder / ours).write_bytes(b"not to be had")
    response = zipped(folder, "mdl_1.zip")
    assert response.headers["content-disposition"] == 'attachment; filename="mdl_1.zip"'
    with zipfile.ZipFile(io.BytesIO(body_of(response))) as archive:
        assert archive.testzip() is None
        assert sorted(archive.namelist()) == ["weights/inner/card.md", "weights/model.safetensors"]
        assert len(archive.read("weights/model.safetensors")) == 3_000_000


@pytest.mark.parametrize("name", ['a"b.jsonl', "ä.jsonl", "x.html", "..\\..\\x", "a\r\nSet-Cookie: x"])
def test_files_are_never_shown_by_the_browser(tmp_path: Path, name: str) -> None:
    file = tmp_path / "file"
    file.write_text("<script>alert(1)</script>")
    headers = attachment(file, name).headers
    assert headers["content-disposition"].startswith("attachment;")
    assert "\n" not in headers["content-disposition"]
    assert headers["content-type"] == "application/octet-stream"
    assert headers["content-security-policy"].startswith("sandbox")


# Cells that a spreadsheet would run: signs, tabs and carriage returns, full-width signs, and blanks before them.
FORMULAS = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    " =1",
    "\n=1",
    "\ufeff=1",
    "＝1",
    "＋1",
    "－1",
    "＠x",
    '="a,b"',
]


@pytest.mark.parametrize("text", FORMULAS)
def test_no_cell_is_a_formula(text: str) -> None:
    read = next(csv.reader(io.StringIO(csv_cell(text), newline="")))
    assert read == [f"'{text}"]


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1))
def test_every_cell_reads_back(text: str) -> None:
    row = next(csv.reader(io.StringIO(f"{csv_cell(text)},2", newline="")))
    assert row in ([text, "2"], [f"'{text}", "2"])


def test_series_share_one_table() -> None:
    series = [
        MetricSeries(name="train_loss", steps=[1, 2, 3], values=[2.5, None, 1.25]),
        MetricSeries(name="=evil", steps=[2], values=[-0.5]),
    ]
    assert metrics_csv(series) == "step,train_loss,'=evil\r\n1,2.5,\r\n2,,-0.5\r\n3,1.25,\r\n"
    assert metrics_csv([]) == "step\r\n"

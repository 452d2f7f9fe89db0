"""A dataset's rows in other formats, by REST and from its page; what came out is brought in again."""

import pytest
from bs4 import BeautifulSoup
from starlette.testclient import TestClient

from app.domain.downloads import DownloadFormat
from tests.support.app_context import TestHouse
from tests.support.door import client_of, whole_app

DATASETS = "/api/v1/datasets"
ROWS = b"".join(b'{"prompt":"=%d","completion":"a\\nb","id":%d}\n' % (n, 2**63 + n) for n in range(12))


def brought(client: TestClient, content: bytes, filename: str) -> str:
    made = client.put(DATASETS, params={"filename": filename}, content=content)
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


@pytest.mark.parametrize("wanted", DownloadFormat)
def test_rows_go_out_in_every_format_and_come_in_again(client: TestClient, wanted: DownloadFormat) -> None:
    first = brought(client, ROWS, "tickets.csv.gz")
    got = client.get(f"{DATASETS}/{first}/download", params={"format": wanted})
    assert got.status_code == 200
    assert got.headers["content-disposition"] == f'attachment; filename="tickets.{wanted}"'
    assert got.headers["content-type"].split(";")[0] == wanted.media_type
    assert got.headers["content-security-policy"].startswith("sandbox")
    again = brought(client, got.content, f"again.{wanted}")
    assert client.get(f"{DATASETS}/{again}/download").content == ROWS


def test_what_a_format_cannot_hold_is_refused_with_the_line(client: TestClient) -> None:
    here = f"{DATASETS}/{brought(client, ROWS + b'{oops' + bytes([10]), 'a.jsonl')}/download"
    refused = client.get(here, params={"format": "csv"})
    assert (refused.status_code, refused.headers["content-type"]) == (409, "application/problem+json")
    assert "Line 13 is not JSON" in refused.json()["detail"]
    assert refused.json()["fix"]
    assert client.get(here, params={"format": "jsonl"}).content.endswith(b"{oops\n")
    both = client.get(here, params={"format": "csv", "original": True})
    assert [each["pointer"] for each in both.json()["errors"]] == ["/format"]
    assert client.get(here, params={"format": "docx"}).status_code == 422
    none = brought(client, b"%PDF-1.7", "a.pdf")
    assert client.get(f"{DATASETS}/{none}/download", params={"format": "csv"}).status_code == 409
    assert client.get(f"{DATASETS}/ds_none/download", params={"format": "csv"}).status_code == 404


def test_the_page_offers_the_formats_without_scripts(app_context: TestHouse) -> None:
    with client_of(whole_app(app_context.scopes)) as client:
        here = f"/datasets/{brought(client, ROWS, 'ünï.jsonl')}"
        menu = BeautifulSoup(client.get(here).text, "html.parser").select_one("details:has(.downloads)")
        assert menu is not None
        links = [str(link["href"]) for link in menu.select("a")]
        assert [link.rpartition("=")[2] for link in links[1:]] == ["jsonl.gz", "json", "csv", "tsv", "parquet", "xlsx"]
        for link in links:
            got = client.get(link)
            assert got.status_code == 200
            assert got.headers["content-disposition"].startswith("attachment; filename*=utf-8''%C3%BCn%C3%AF.")

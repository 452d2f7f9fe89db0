"""Files below `/v1`: in either order of the form, of any size, in parts, and back as they were brought."""

import gzip
import hashlib
import json
from collections.abc import Iterator
from datetime import timedelta

import openai
import pytest

from tests.integration.openai_api.conftest import Door
from tests.integration.openai_api.rows import chats
from tests.support.openai_types import fits

ROWS = chats()
BOUNDARY = "----tunedesk"
FORM = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}


def part(name: str, content: bytes, filename: str | None = None) -> bytes:
    named = f'; filename="{filename}"' if filename else ""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{named}\r\n\r\n'
    return head.encode() + content + b"\r\n"


END = f"--{BOUNDARY}--\r\n".encode()


def dripping(body: bytes, size: int = 7) -> Iterator[bytes]:
    """Yield a body in small pieces, as a client does that sends no Content-Length."""
    for start in range(0, len(body), size):
        yield body[start : start + size]


def test_a_file_is_taken_looked_at_listed_read_and_removed(door: Door) -> None:
    made = door.client.files.create(file=("recipes.jsonl", ROWS), purpose="fine-tune")
    assert (made.bytes, made.filename, made.status, made.purpose) == (
        len(ROWS), "recipes.jsonl", "processed", "fine-tune",
    )  # fmt: skip
    waited = door.client.files.wait_for_processing(made.id)
    assert waited == made
    assert door.client.files.content(made.id).read() == ROWS
    assert [each.id for each in door.client.files.list()] == [made.id]
    fits(door.raw.get("/files").json(), "ListFilesResponse")
    gone = door.raw.delete(f"/files/{made.id}")
    fits(gone.json(), "DeleteFileResponse")
    assert list(door.client.files.list()) == []
    fits(door.raw.get("/files").json(), "ListFilesResponse")


@pytest.mark.parametrize("file_first", [True, False], ids=["as Node sends it", "as Python sends it"])
def test_a_form_is_read_in_either_order_and_without_its_length(door: Door, *, file_first: bool) -> None:
    fields = [part("file", ROWS, "a.jsonl"), part("purpose", b"fine-tune")]
    body = b"".join(fields if file_first else fields[::-1]) + END
    answered = door.raw.post("/files", content=dripping(body), headers=FORM)
    assert answered.status_code == 200
    assert "content-length" not in answered.request.headers
    fits(answered.json(), "OpenAIFile")
    assert door.client.files.content(answered.json()["id"]).read() == ROWS


def test_the_same_file_twice_is_one_file(door: Door) -> None:
    """What a client sends again after a broken connection leaves nothing twice."""
    first, second = (door.client.files.create(file=("a.jsonl", ROWS), purpose="fine-tune") for _ in range(2))
    assert first.id == second.id


@pytest.mark.parametrize(
    ("body", "param", "code", "words"),
    [
        (part("file", ROWS, "a.jsonl") + END, "purpose", "missing_required_parameter", "Send fine-tune"),
        (part("purpose", b"fine-tune") + END, "file", "missing_required_parameter", "needed"),
        (part("purpose", b"batch") + part("file", ROWS, "a.jsonl") + END, "purpose", "unsupported_value", "'batch'"),
        (part("file", ROWS, "a.jsonl") + part("purpose", b"vision") + END, "purpose", "unsupported_value", "'vision'"),
        (part("purpose", b"fine-tune") + part("more", b"1") + END, "more", "unknown_parameter", "no such field"),
        (part("expires_after[anchor]", b"created_at") + END, "expires_after", "unsupported_value", "do not expire"),
        (part("file", b"as a text") + END, "file", "invalid_value", "as a text"),
        (part("purpose", b"fine-tune") + part("file", b"", "a.jsonl") + END, "file", "invalid_value", "empty"),
        (part("file", ROWS, "a.jsonl"), None, "invalid_value", "no end"),
        (b"nothing of a form", None, "invalid_value", "no form"),
        (b"", None, "invalid_value", "no end"),
        (part("purpose", b"x" * 2000) + END, "purpose", "invalid_value", "too long"),
        (part("purpose", b"fine-tune") * 60 + END, None, "invalid_value", "more than 50"),
    ],
)  # fmt: skip
def test_a_form_that_cannot_be_taken_is_refused_by_its_field_and_leaves_nothing(
    shared: Door, body: bytes, param: str | None, code: str, words: str
) -> None:
    refused = shared.raw.post("/files", content=body, headers=FORM)
    error = refused.json()["error"]
    assert (refused.status_code, error["param"], error["code"]) == (400, param, code)
    assert words in error["message"]
    assert refused.headers["x-should-retry"] == "false"
    assert list(shared.client.files.list()) == []
    assert [each for each in shared.house.app_context.files.root.rglob("files/*/*") if each.is_file()] == []


def test_a_body_that_is_no_form_is_refused(shared: Door) -> None:
    refused = shared.raw.post("/files", content=ROWS, headers={"content-type": "application/jsonl"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "invalid_content_type")


def test_a_file_with_mistakes_says_which(door: Door) -> None:
    bad = door.client.files.create(file=("bad.jsonl", ROWS + b'{"messages": []}\n'), purpose="fine-tune")
    seen = door.raw.get(f"/files/{bad.id}").json()
    fits(seen, "OpenAIFile")
    assert seen["status"] == "error"
    assert "Line 13" in seen["status_details"]


def test_a_packed_file_comes_back_as_it_was_brought(door: Door) -> None:
    packed = gzip.compress(ROWS)
    made = door.client.files.create(file=("a.jsonl.gz", packed), purpose="fine-tune")
    assert (made.status, made.bytes) == ("processed", len(packed))
    assert door.client.files.content(made.id).read() == packed


def test_files_are_paged_in_both_orders(door: Door) -> None:
    made = [
        door.client.files.create(file=(f"{number}.jsonl", chats(10 + number)), purpose="fine-tune").id
        for number in range(5)
    ]
    assert [each.id for each in door.client.files.list(limit=2, order="asc")] == sorted(made)
    assert [each.id for each in door.client.files.list(limit=2)] == sorted(made, reverse=True)
    assert door.raw.get("/files", params={"limit": 2}).json()["has_more"] is True
    assert list(door.client.files.list(purpose="batch")) == []
    with pytest.raises(openai.NotFoundError, match="no file 'file-none'"):
        door.client.files.list(after="file-none")


def test_a_large_file_comes_in_parts_in_the_order_that_is_said(door: Door) -> None:
    upload = door.client.uploads.create(
        filename="large.jsonl", bytes=len(ROWS), mime_type="text/jsonl", purpose="fine-tune"
    )
    fits(json.loads(upload.to_json()), "Upload")
    half = len(ROWS) // 2
    second, first = (door.client.uploads.parts.create(upload.id, data=each).id for each in (ROWS[half:], ROWS[:half]))
    with pytest.raises(openai.BadRequestError, match="bytes together"):
        door.client.uploads.complete(upload.id, part_ids=[first])
    with pytest.raises(openai.BadRequestError, match="another MD5"):
        door.client.uploads.complete(upload.id, part_ids=[first, second], md5="0" * 32)
    with pytest.raises(openai.BadRequestError, match="named twice"):
        door.client.uploads.complete(upload.id, part_ids=[first, first])
    digest = hashlib.md5(ROWS, usedforsecurity=False).hexdigest()
    done = door.raw.post(f"/uploads/{upload.id}/complete", json={"part_ids": [first, second], "md5": digest})
    fits(done.json(), "Upload")
    again = door.client.uploads.complete(upload.id, part_ids=[first, second])
    assert again.file is not None
    assert again.to_dict() == done.json()
    assert door.client.files.content(again.file.id).read() == ROWS
    door.client.files.delete(again.file.id)  # as if what was recorded of it had been lost in the same moment
    assert door.client.uploads.complete(upload.id, part_ids=[first, second]).file is not None


def test_pythons_own_chunked_upload_makes_a_file(door: Door) -> None:
    done = door.client.uploads.upload_file_chunked(
        file=ROWS, filename="c.jsonl", bytes=len(ROWS), mime_type="text/jsonl", purpose="fine-tune", part_size=300
    )
    assert done.file is not None
    assert (done.status, done.file.status) == ("completed", "processed")


def test_an_upload_ends_by_cancelling_or_by_its_hour(door: Door) -> None:
    def begin() -> str:
        return str(door.client.uploads.create(filename="x", bytes=9, mime_type="x", purpose="fine-tune").id)

    cancelled, late = begin(), begin()
    assert door.client.uploads.cancel(cancelled).status == door.client.uploads.cancel(cancelled).status == "cancelled"
    with pytest.raises(openai.BadRequestError, match="is cancelled already"):
        door.client.uploads.parts.create(cancelled, data=b"x")
    with pytest.raises(openai.APIStatusError, match="more bytes than the 9") as refused:
        door.client.uploads.parts.create(late, data=b"0123456789")
    assert refused.value.status_code == 413
    door.house.clock.turn(timedelta(hours=1))
    with pytest.raises(openai.BadRequestError, match="is expired already"):
        door.client.uploads.parts.create(late, data=b"x")
    with pytest.raises(openai.NotFoundError, match="no upload 'upload_none'"):
        door.client.uploads.cancel("upload_none")
    odd = door.raw.post(f"/uploads/{late}/parts", headers=FORM, content=END)
    assert (odd.status_code, odd.json()["error"]["param"]) == (400, "data")

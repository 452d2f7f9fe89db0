"""The page on which columns are said to be what they are; and what the wizard makes of files that it cannot use."""

import re
from typing import Any

from bs4 import BeautifulSoup
from starlette.testclient import TestClient

TABLE = b"question,answer,team\n" + b"".join(b"Where is %d?,Here %d.,post\n" % (n, n) for n in range(12))
ROWS = b"".join(b'{"prompt": "p%d", "completion": "c"}\n' % n for n in range(12))


def upload(pages: TestClient, content: bytes, filename: str, **fields: str) -> str:
    answer = pages.post("/datasets", files={"file": (filename, content)}, data=fields, follow_redirects=False)
    assert answer.status_code == 303
    return str(answer.headers["location"])


def draft(pages: TestClient) -> str:
    made = pages.post("/wizard", data={}, follow_redirects=False).headers["location"]
    return str(re.findall(r"/wizard/([^/]+)/", made)[0])


def soup(text: str) -> Any:  # noqa: ANN401 -- a page that is known to have what is looked for
    return BeautifulSoup(text, "html.parser")


def test_columns_are_shown_previewed_and_used(pages: TestClient) -> None:
    here = upload(pages, TABLE, "t.csv")
    page = soup(pages.get(here).text)
    chosen = {each["name"]: each.find("option", selected=True)["value"] for each in page.select("#columns select")}
    assert chosen == {"role-1": "user", "role-2": "assistant", "role-3": "ignore", "first_row": "keep"}
    assert "Where is 0?" in page.select_one("#mapped").text
    fragment = pages.post(
        f"{here}/mapping", data={**chosen, "role-2": "ignore"}, headers={"hx-request-type": "partial"}
    )
    assert fragment.status_code == 200
    assert fragment.text.lstrip().startswith('<section class="stack" id="mapped"')
    assert "make no training row" in fragment.text
    again = pages.post(f"{here}/mapping", data={**chosen, "role-1": "text", "role-2": "ignore", "role-3": "label"})
    assert "post" in soup(again.text).select_one("#mapped").text
    refused = pages.post(f"{here}/mapping", data={"role-1": "user", "apply": "yes"})
    assert refused.status_code == 422
    made = pages.get(pages.post(f"{here}/mapping", data={**chosen, "apply": "yes"}).headers["location"])
    assert "A version with the chosen columns was created" in made.text
    assert "Ready" in made.text
    assert "Made from" in made.text


def test_in_the_wizard_a_table_goes_to_its_columns_and_comes_back_chosen(pages: TestClient) -> None:
    wizard = draft(pages)
    here = upload(pages, TABLE, "t.csv", draft=wizard)
    assert f"draft={wizard}" in here
    address, _, _ = here.partition("?")
    page = soup(pages.get(here).text)
    assert page.select_one("#columns input[name=draft]")["value"] == wizard
    given = {"role-1": "user", "role-2": "assistant", "apply": "yes", "draft": wizard}
    back = pages.get(pages.post(f"{address}/mapping", data=given).headers["location"])
    assert back.url.path == f"/wizard/{wizard}/data"
    assert soup(back.text).select_one("input[name=training_dataset][checked]") is not None


def test_in_the_wizard_a_refused_file_displaces_nothing(pages: TestClient) -> None:
    wizard = draft(pages)
    good = upload(pages, ROWS, "good.jsonl", draft=wizard)
    before = soup(pages.get(good).text).select_one("input[name=training_dataset][checked]")
    refused = pages.get(upload(pages, b"%PDF-1.7\n", "letter.pdf", draft=wizard))
    assert "the dataset chosen in the wizard stays as it was" in refused.text
    after = soup(pages.get(f"/wizard/{wizard}/data").text)
    assert after.select_one("input[name=training_dataset][checked]") == before
    assert "letter.pdf" not in after.text


def test_pasted_rows_are_a_file_like_any(pages: TestClient) -> None:
    pasted = "question\tanswer\n" + "".join(f"Where is {n}?\tHere {n}.\n" for n in range(12))
    answer = pages.post("/datasets", files={"file": ("", b"")}, data={"pasted": pasted}, follow_redirects=False)
    page = soup(pages.get(answer.headers["location"]).text)
    assert "Where is 0?" in page.select_one("#mapped").text
    nothing = pages.post("/datasets", files={"file": ("", b"")}, data={"pasted": " "})
    assert nothing.status_code == 422


def test_form_takes_a_file_that_scripts_brought_in_pieces(pages: TestClient) -> None:
    made = pages.post("/api/v1/uploads", json={"filename": "brought.jsonl", "bytes": len(ROWS)}).json()["id"]
    pages.patch(f"/api/v1/uploads/{made}", params={"offset": 0}, content=ROWS)
    shown = pages.post("/datasets", files={"none": ("", b"")}, data={"upload": made, "name": "In pieces"})
    assert "In pieces" in pages.get(shown.headers["location"]).text
    wrong = pages.post("/datasets", files={"none": ("", b"")}, data={"upload": "../../etc/passwd"})
    assert "There is no upload" in wrong.text

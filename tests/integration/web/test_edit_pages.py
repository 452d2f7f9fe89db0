"""Pages on which rows are fixed, dropped, edited and found; and what becomes of files that are refused."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from bs4 import BeautifulSoup
from starlette.testclient import TestClient

from app.domain.actors import ENGINE
from app.domain.datasets import DatasetStatus
from app.domain.errors import NotFound
from app.kit.progress import passed
from app.services import datasets, edits, estimates, jobs, specs
from app.services.scope import Scopes
from app.store import datasets as store
from tests.integration.web.test_mapping_pages import draft, upload
from tests.support.app_context import TestHouse
from tests.support.door import visiting

GOOD = b'{"messages": [{"role": "user", "content": "Where is %d?"}, {"role": "assistant", "content": "Here."}]}\n'
ROWS = b"".join(GOOD % n for n in range(12))
BROKEN = ROWS + GOOD.replace(b"user", b"human") % 12 + b"{oops\n"
PDF = b"%PDF-1.7 and so on"


def soup(text: str) -> Any:  # noqa: ANN401 -- a page that is known to have what is looked for
    return BeautifulSoup(text, "html.parser")


def form_of(page: Any) -> dict[str, str]:  # noqa: ANN401 -- as above
    return {each["name"]: each.get("value", "on") for each in page.select("#fix input[checked]")}


def test_findings_lead_to_a_preview_and_to_a_version(pages: TestClient) -> None:
    here = upload(pages, BROKEN, "t.jsonl")
    page = soup(pages.get(f"{here}?tab=findings").text)
    assert "The first findings of each kind are kept" not in page.text, "all of them are here"
    chosen = form_of(page)
    assert chosen == {"fix-syntax": "on", "fix-roles": "on", "drop_errors": "on"}
    preview = pages.post(f"{here}/edits", data=chosen)
    assert preview.status_code == 200
    shown = soup(preview.text)
    counts = [each.text.strip() for each in shown.select(".stats dd")]
    assert counts == ["14", "13", "1", "1", "0"]
    changes = shown.select("#changes li")
    assert [each.select_one("a")["href"] for each in changes] == [f"{here}?tab=rows&from={n}" for n in (13, 14)]
    assert (changes[0].select_one("del").text, changes[0].select_one("ins").text) == ("human", "user")
    assert changes[1].select_one("del").text == "{oops"
    sent = {each["name"]: each["value"] for each in shown.select("form[method=post] input[type=hidden]")}
    made = pages.get(pages.post(f"{here}/edits", data={**sent, "apply": "yes"}).headers["location"])
    assert "A new version was created" in made.text
    assert "Ready" in made.text
    listed = soup(pages.get("/datasets").text).select("#datasets tbody th")
    assert [each.select_one(".tag").text for each in listed] == ["v2"]
    assert pages.get(here).status_code == 200


def test_fixes_that_change_nothing_are_said_to(pages: TestClient) -> None:
    here = upload(pages, ROWS + b"{oops\n", "t.jsonl")
    assert "Nothing would change" in pages.post(f"{here}/edits", data={"fix-syntax": "on"}).text
    refused = pages.post(f"{here}/edits", data={"fix-syntax": "on", "apply": "yes"})
    assert (refused.status_code, "Nothing would change" in refused.text) == (422, True)
    assert pages.post(f"{here}/edits", data={"fix-magic": "on"}).status_code == 422


def test_findings_that_are_counted_and_not_kept_are_said_to_be(pages: TestClient) -> None:
    here = upload(pages, ROWS + b"\n" * 1100 + ROWS, "t.jsonl")
    assert "The first findings of each kind are kept" in pages.get(f"{here}?tab=findings").text


def test_a_row_is_edited_or_left_out(pages: TestClient) -> None:
    here = upload(pages, BROKEN, "t.jsonl")
    link = soup(pages.get(f"{here}?tab=rows&from=14").text).select_one("#line-14 a.btn")["href"]
    area = soup(pages.get(link).text).select_one("textarea#text")
    assert area.text.strip() == "{oops"
    refused = pages.post(link, data={"text": "{oops again", "save": "yes"})
    assert refused.status_code == 422
    page = soup(refused.text)
    assert page.select_one("#text").text.strip() == "{oops again"
    assert "JSON" in page.select_one("#text-err").text
    pretty = soup(pages.get(f"{here}/rows/1").text).select_one("textarea#text").text
    typed = pretty.strip().replace("Where is 0?", "Where was it?").replace("\n", "\r\n")
    made = pages.post(link, data={"text": typed, "save": "yes"}).headers["location"]
    assert "tab=rows&from=14" in made
    assert "Where was it?" in pages.get(made).text
    without = pages.post(f"{here}/rows/1", data={"exclude": "yes"}).headers["location"]
    assert "Where is 0?" not in pages.get(without).text
    assert pages.get(f"{here}/rows/99").status_code == 404


def test_rows_are_found_by_their_text(pages: TestClient) -> None:
    here = upload(pages, ROWS * 3 + 'x {"Größe": 1}\n'.encode(), "t.jsonl")
    found = soup(pages.get(f"{here}?tab=rows&find=where+IS+7").text)
    assert [each["id"] for each in found.select("section[id^=line-]")] == ["line-8", "line-20", "line-32"]
    named = soup(pages.get(f"{here}?tab=rows&find=größe").text)
    assert [each["id"] for each in named.select("section[id^=line-]")] == ["line-37"]
    many = soup(pages.get(f"{here}?tab=rows&find=where").text)
    following = many.select_one("a[rel=next]")["href"]
    assert "find=where" in following
    assert "from=21" in following
    assert many.select_one("#find")["value"] == "where"
    assert "contain this text" in pages.get(f"{here}?tab=rows&find=nowhere").text


def test_a_draft_takes_the_new_version_by_one_press(pages: TestClient) -> None:
    wizard = draft(pages)
    upload(pages, BROKEN, "t.jsonl", draft=wizard)
    chosen = soup(pages.get(f"/wizard/{wizard}/data").text).select_one("input[name=training_dataset][checked]")["value"]
    made = pages.post(f"/datasets/{chosen}/edits", data={"drop_errors": "on", "apply": "yes"}).headers["location"]
    form = soup(pages.get(made).text).select_one("form[action$='/use']")
    assert form.select_one("input[name=draft]")["value"] == wizard
    back = pages.post(form["action"], data={"draft": wizard}).headers["location"]
    page = soup(pages.get(back).text)
    newest = page.select_one("input[name=training_dataset][checked]")["value"]
    assert (f"/datasets/{newest}" == made, newest == chosen) == (True, False)


def test_a_refused_file_is_no_dataset_anywhere(pages: TestClient, app_context: TestHouse) -> None:
    wizard = draft(pages)
    upload(pages, ROWS, "t.jsonl", draft=wizard)
    chosen = "input[name=training_dataset][checked]"
    before = soup(pages.get(f"/wizard/{wizard}/data").text).select_one(chosen)["value"]
    for number in range(3):
        app_context.clock.turn(timedelta(seconds=1))
        here = upload(pages, PDF + b"%d" % number, f"{number}.pdf", draft=wizard)
        assert "removed 24 hours after" in pages.get(here).text
    wizard_page = soup(pages.get(f"/wizard/{wizard}/data").text)
    assert [each["value"] for each in wizard_page.select("input[name=training_dataset]")] == [before]
    assert wizard_page.select_one(chosen)["value"] == before
    listed = soup(pages.get("/datasets").text)
    assert len(listed.select("#datasets tbody tr")) == 1
    assert [each.text for each in listed.select("#refused li a")] == ["2.pdf", "1.pdf", "0.pdf"]
    assert [each.name for each in _all(app_context)] == ["t"]


def test_a_large_upload_displaces_no_choice_until_it_is_known_to_be_good(
    pages: TestClient, app_context: TestHouse
) -> None:
    wizard = draft(pages)
    upload(pages, ROWS, "t.jsonl", draft=wizard)
    chosen = soup(pages.get(f"/wizard/{wizard}/data").text).select_one("input[name=training_dataset][checked]")["value"]
    large = b" " * (app_context.app_context.at_once_bytes + 1)
    here = upload(pages, large, "large.jsonl", draft=wizard)
    assert here.endswith(f"?draft={wizard}")
    page = pages.get(here).text
    assert "Waiting for other work on this machine" in page
    assert f"draft={wizard}" in soup(page).select_one("[hx-get]")["hx-get"]
    assert soup(pages.get(f"/wizard/{wizard}/data").text).select_one("input[checked]")["value"] == chosen


def test_refused_files_go_after_a_day_with_their_bytes_and_nothing_else_does(
    pages: TestClient, app_context: TestHouse
) -> None:
    kept = upload(pages, ROWS, "t.jsonl")
    old = upload(pages, PDF, "old.pdf")
    file = app_context.app_context.files.path(_sha(app_context, old))
    app_context.clock.turn(timedelta(hours=23))
    young = upload(pages, PDF + b"2", "young.pdf")
    other = upload(pages, PDF, "same-bytes.pdf")
    assert _clear(app_context) == 0
    app_context.clock.turn(timedelta(hours=2))
    assert _clear(app_context) == 1
    assert [pages.get(each).status_code for each in (old, young, other, kept)] == [404, 200, 200, 200]
    assert file.is_file(), "the same bytes were brought again later"
    app_context.clock.turn(timedelta(hours=24))
    assert _clear(app_context) == 2
    assert [pages.get(each).status_code for each in (young, other, kept)] == [404, 404, 200]
    assert not file.exists()


def test_a_refused_file_that_a_job_waited_for_stays_and_keeps_no_other(app_context: TestHouse) -> None:
    app_context.app_context = replace(app_context.app_context, at_once_bytes=64)
    app_context.scopes = Scopes(app_context.app_context)
    made = []
    for words in (b"no row\n", b"none either\n"):
        with app_context.open() as scope:
            made.append(datasets.upload(scope, name="late", filename="t.jsonl", chunks=[words * 50]))
    assert [each.status for each in made] == [DatasetStatus.VALIDATING] * 2
    with app_context.open() as scope:
        fields = {**app_context.fields(), "training_dataset": made[0].id, "validation": {"kind": "none"}}
        waiting = specs.check(scope, fields, waits=True)
        assert waiting.spec is not None, waiting.problems
        job = jobs.record(scope, waiting.spec, estimates.bill(scope, waiting))
    for each in made:
        with app_context.scopes.open(ENGINE) as scope:
            checked = datasets.check(scope, each.id)
            assert checked.report is not None
            assert checked.report.status is DatasetStatus.REJECTED
            store.save_report(scope.write, each, checked.report)
    app_context.clock.turn(timedelta(hours=25))
    assert _clear(app_context) == 1
    with app_context.open() as scope:
        assert datasets.get(scope, made[0].id).status is DatasetStatus.REJECTED
        assert jobs.get(scope, job.id).spec.training_dataset == made[0].id
        with pytest.raises(NotFound):
            datasets.get(scope, made[1].id)


def _clear(app_context: TestHouse) -> int:
    with app_context.scopes.open(ENGINE) as scope:
        return datasets.forget_refused(scope)


def _all(app_context: TestHouse) -> list[Any]:
    with app_context.open() as scope:
        return list(datasets.list_datasets(scope, with_parts=True).items)


def _sha(app_context: TestHouse, address: str) -> str:
    with app_context.open() as scope:
        return datasets.get(scope, address.rpartition("/")[2]).sha256


def test_rows_that_are_still_being_made_are_not_shown_as_those_of_the_source(app_context: TestHouse) -> None:
    app_context.app_context = replace(app_context.app_context, at_once_bytes=64)
    app_context.scopes = Scopes(app_context.app_context)
    with visiting(app_context.scopes) as pages:
        here = upload(pages, BROKEN, "t.jsonl").partition("?")[0]
    with app_context.scopes.open(ENGINE) as scope:
        checked = datasets.check(scope, here.rpartition("/")[2])
        assert checked.report is not None
        store.save_report(scope.write, datasets.get(scope, here.rpartition("/")[2]), checked.report)
    with visiting(app_context.scopes) as pages:
        made = pages.post(f"{here}/edits", data={"drop_errors": "on", "apply": "yes"}).headers["location"]
        made = made.partition("?")[0]
        with app_context.app_context.progress.of(made.rpartition("/")[2], 200):
            passed(50)
            page = soup(pages.get(f"{made}?tab=rows").text)
        assert page.select_one("progress")["value"] == "25.0"
        assert "The rows are still being made" in page.text
        assert "/download" not in page.text
        assert not page.select("section[id^=line-]")
        assert "value" not in soup(pages.get(made).text).select_one("progress").attrs
        for address in (f"{made}/download", f"{made}/rows/1", f"{made}/download?format=csv"):
            assert pages.get(address).status_code == 409
    with app_context.scopes.open(ENGINE) as scope:
        done = edits.carry_out(scope, made.rpartition("/")[2])
        assert done is not None
        assert done.report is not None
        store.save_report(scope.write, done.of(datasets.get(scope, made.rpartition("/")[2])), done.report)
    with visiting(app_context.scopes) as pages:
        assert len(soup(pages.get(f"{made}?tab=rows").text).select("section[id^=line-]")) == 12

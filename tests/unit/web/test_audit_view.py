"""Entries of the audit as rows: a link to what has a page, and what failed does not read as done."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from app.domain.audit import AuditEntry
from app.web.views import audit

AT = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
ENTRY = AuditEntry(
    number=1, at=AT, actor="per_1", role="person", request="req_1", peer="127.0.0.1", verb="datasets.upload",
    action="write", noun="datasets", subject="ds_1", given='{"name": "rows"}', previous="0", hash="1",
)  # fmt: skip


@pytest.mark.parametrize(
    ("subject", "href"),
    [
        ("ds_1", "/datasets/ds_1"),
        ("job_1", "/jobs/job_1"),
        ("mdl_1", "/models/mdl_1"),
        ("dep_1", "/deployments/dep_1"),
        ("evl_1", "/evaluations/evl_1"),
        ("prj_1", "/projects/prj_1"),
        ("con_1", "/connections/con_1"),
        ("whk_1", "/settings/webhooks/whk_1"),
        ("per_1", ""),
        ("", ""),
    ],
)
def test_what_has_a_page_is_a_link(subject: str, href: str) -> None:
    assert audit.line(replace(ENTRY, subject=subject), {}).href == href


@pytest.mark.parametrize(
    ("verb", "words"),
    [
        ("entering.sign_in", "failed to sign in with a password"),
        ("entering.redeem", "failed to sign in with a one-time code"),
        ("account.change_password", "failed to change their password"),
        ("POST /jobs", "was refused: POST /jobs"),
    ],
)
def test_what_was_refused_does_not_read_as_done(verb: str, words: str) -> None:
    assert audit.line(replace(ENTRY, verb=verb, action="refused"), {}).what == words

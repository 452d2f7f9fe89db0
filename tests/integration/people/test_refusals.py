"""Refusals stand in the audit, with who asked and what for, and nobody fills it by being refused."""

from datetime import timedelta

import pytest

from app.domain.audit import AuditEntry
from app.http.refusals import OF_ALL, OF_ONE, REFUSED, Refusals
from app.services import audit
from tests.support.app_context import TestHouse
from tests.support.office import Office


@pytest.fixture
def office(app_context: TestHouse) -> Office:
    return Office(app_context)


def refused(office: Office) -> list[AuditEntry]:
    """Return the refusals, oldest first."""
    with office.house.open() as scope:
        assert audit.verify(scope).whole
        return [each for each in audit.after(scope, 0) if each.action == REFUSED]


def test_what_somebody_may_not_is_written_down_with_who_asked(office: Office) -> None:
    with office.browser("vera") as vera:
        assert vera.get("/api/v1/people").status_code == 403
        assert vera.post(f"/projects/{office.two.ours.project}/people", data={"name": "vera"}).status_code == 403
        assert vera.get("/api/v1/jobs/job_00000000000000000000000000").status_code == 404
    first, second = refused(office)
    assert (first.actor, first.verb, first.noun) == (office.people["vera"].id, "GET /api/v1/people", "people")
    assert (second.verb, second.given) == ("POST /projects/{project}/people", '{"status":403}')
    assert first.request.startswith("req_")


def test_whoever_is_not_let_in_is_written_down_without_what_they_typed(office: Office) -> None:
    with office.browser() as browser:
        for name in ("ada", "a password in the wrong field"):
            assert browser.post("/sign-in", data={"name": name, "password": "a wrong one"}).status_code == 401
        assert browser.post("/welcome", data={"code": "x", "password": "y" * 12, "again": "y" * 12}).status_code == 401
    known, unknown, code = refused(office)
    assert (known.actor, known.subject, known.verb) == ("visitor", office.people["ada"].id, "entering.sign_in")
    assert (unknown.subject, code.verb) == ("", "entering.redeem")
    assert not any("wrong" in f"{each.given}{each.subject}" for each in (known, unknown, code))


def test_refusals_are_bounded_and_what_is_left_out_is_counted(office: Office) -> None:
    with office.browser("vera") as vera:
        for _ in range(OF_ONE + 3):
            vera.get("/api/v1/people")
        assert len(refused(office)) == OF_ONE
        office.house.clock.turn(timedelta(minutes=10))
        vera.get("/api/v1/people")
    assert refused(office)[-1].given == '{"status":403,"left_out_before":3}'


def test_many_addresses_together_are_bounded_too() -> None:
    refusals = Refusals()
    admitted = [refusals.admit(f"10.0.{number // 250}.{number % 250}", 0.0) for number in range(1000)]
    assert sum(each is not None for each in admitted) == OF_ALL
    assert refusals.admit("10.1.0.0", 600.0) == 1000 - OF_ALL

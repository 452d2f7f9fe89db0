"""Requests made from the OpenAPI document, signed in as each role: no 5xx, and no status that it does not name."""

from http import HTTPStatus

import pytest

from app.domain.actors import ProjectRole, TokenScope
from app.engine.engine import Engine
from app.store import people as store
from tests.support.app_context import TestHouse
from tests.support.contract import furnish, run
from tests.support.door import turning
from tests.support.hostile import pretend_ready
from tests.support.office import Office
from tests.support.server import serving

# Who asks, with what a token of theirs lets through.
ROLES = {
    "vera": TokenScope.ADMIN,
    "ada": TokenScope.ADMIN,
    "alma": TokenScope.ADMIN,
    "bob": TokenScope.WRITE,
    "root": TokenScope.ADMIN,
}
IN_OURS = {"vera": ProjectRole.VIEWER, "ada": ProjectRole.MEMBER, "alma": ProjectRole.ADMIN}


@pytest.mark.parametrize(
    ("who", "examples", "cases"),
    [
        *(pytest.param(who, 2, 300, marks=pytest.mark.slow, id=f"{who}-few") for who in ROLES),
        *(pytest.param(who, 70, 10_000, marks=pytest.mark.named, id=f"{who}-many") for who in ROLES),
    ],
)
def test_the_document_says_what_each_role_is_answered(
    app_context: TestHouse, engine: Engine, who: str, examples: int, cases: int
) -> None:
    office = Office(app_context)
    pretend_ready(app_context.app_context.runtimes)
    with serving(office.app) as url:
        office.app.state.accounts = None  # as the owner, before there are accounts
        with turning(app_context, engine):
            ids = furnish(url)
        office.app.state.accounts = office.accounts
        with app_context.open() as scope:
            for name, role in IN_OURS.items():
                store.set_role(scope.write, office.people[name].id, ids["projects"], role)
        token = office.token(who, ROLES[who])
        report = run(url, ids, examples=examples, phases=("examples", "fuzzing"), token=token)
    by_role = {each: count for each, count in report.kinds.items() if each.status == HTTPStatus.FORBIDDEN}
    assert report.wrong == {}, report.examples
    assert report.kinds.keys() == by_role.keys(), report.examples
    # With a token nobody makes tokens or ends sessions, whatever their role.
    others = [each for each in by_role if "/api/v1/account/" not in each.operation]
    assert (not others) == (who == "root")
    assert report.cases >= cases

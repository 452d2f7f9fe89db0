"""Requests made from the OpenAPI documents, signed in as each role: no 5xx, and no status that they do not name."""

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

import pytest

from app.domain.actors import ProjectRole, TokenScope
from app.engine.engine import Engine
from app.store import people as store
from tests.support import openai_contract
from tests.support.app_context import MODEL, TestHouse
from tests.support.contract import SEED, Report, furnish, run
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
PHASES = ("examples", "fuzzing")
# The campaign goes role by role in slices, each with a seed of its own: it can be stopped and gone on with.
SLICES = [
    *(pytest.param(who, SEED, 2, marks=pytest.mark.slow, id=f"{who}-few") for who in ROLES),
    *(
        pytest.param(who, seed, 11, marks=pytest.mark.named, id=f"{who}-seed-{seed}")
        for seed in range(1, 11)
        for who in ROLES
    ),
]


@contextmanager
def furnished(house: TestHouse, engine: Engine) -> Iterator[tuple[Office, str, dict[str, str]]]:
    """Serve an office with a thing of each kind in a project of its own; give its address, and their ids by noun."""
    office = Office(house)
    pretend_ready(house.app_context.runtimes)
    with serving(office.app) as url:
        office.app.state.accounts = None  # as the owner, before there are accounts
        with turning(house, engine):
            ids = {**furnish(url), **openai_contract.names_of(url, f"rehearsal/{MODEL}")}
        office.app.state.accounts = office.accounts
        with house.open() as scope:
            for name, role in IN_OURS.items():
                store.set_role(scope.write, office.people[name].id, ids["projects"], role)
        yield office, url, ids


def tell(what: str, who: str, seed: int, report: Report) -> None:
    """Say how much was asked, for whoever runs a campaign (`pytest -s`)."""
    print(f"\n{what}, {who}, seed {seed}: {report.cases} requests made from the document")  # noqa: T201


def by_role(report: Report) -> set[str]:
    """Return the operations that a role was refused; any other valid request that was refused is a fault."""
    assert report.wrong == {}, report.examples
    refused = {each for each in report.kinds if each.status == HTTPStatus.FORBIDDEN}
    assert report.kinds.keys() == refused, report.examples
    return {each.operation for each in refused}


def test_a_thousand_requests_of_all_roles_to_both_apis(app_context: TestHouse, engine: Engine) -> None:
    cases = 0
    with furnished(app_context, engine) as (office, url, ids):
        tokens = {who: office.token(who, reach) for who, reach in ROLES.items()}
        document = openai_contract.described(office.app)
        # `/v1` first: by REST the deployment may go that answers there, and nobody turns the engine for another one.
        for seed, token in enumerate(tokens.values(), start=SEED):
            openai = run(url, ids, examples=3, seed=seed, phases=PHASES, token=token, openai=document)
            assert openai.wrong == {}, openai.examples
            cases += openai.cases
        for seed, token in enumerate(tokens.values(), start=SEED):
            rest = run(url, ids, examples=1, seed=seed, phases=PHASES, token=token)
            by_role(rest)
            cases += rest.cases
    assert cases >= 1_000


@pytest.mark.parametrize(("who", "seed", "examples"), SLICES)
def test_the_document_says_what_each_role_is_answered(
    app_context: TestHouse, engine: Engine, who: str, seed: int, examples: int
) -> None:
    with furnished(app_context, engine) as (office, url, ids):
        token = office.token(who, ROLES[who])
        report = run(url, ids, examples=examples, seed=seed, phases=PHASES, token=token)
    tell("REST", who, seed, report)
    # With a token nobody makes tokens or ends sessions, whatever their role; and an administrator who comes upon their
    # own id changes nothing there.
    others = [each for each in by_role(report) if "/api/v1/account/" not in each]
    if who == "root":
        assert {each.rpartition(" ")[2] for each in others} <= {"/api/v1/people/{identifier}"}
    else:
        assert others
    assert report.cases >= (1_000 if examples > 2 else 300)  # ten slices of five roles: 50,000


@pytest.mark.parametrize(("who", "seed", "examples"), SLICES)
def test_openais_addresses_answer_each_role_as_described(
    app_context: TestHouse, engine: Engine, who: str, seed: int, examples: int
) -> None:
    with furnished(app_context, engine) as (office, url, ids):
        token, document = office.token(who, ROLES[who]), openai_contract.described(office.app)
        report = run(url, ids, examples=4 * examples, seed=seed, phases=PHASES, token=token, openai=document)
    tell("/v1", who, seed, report)
    assert report.wrong == {}, report.examples
    assert report.cases >= (500 if examples > 2 else 100)

"""What is hidden is not there when a body, a query, a capsule or a provider's list names it, either.

`test_who_may_what` asks for hidden things by their addresses; here everything else of a request names them, and the
answer must be the one that an id of nothing gets.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from fastapi.routing import APIRoute, iter_route_contexts
from httpx2 import Response
from sqlalchemy import update
from starlette.testclient import TestClient

from app.domain.actors import Actor, ProjectRole, Role, TokenScope
from app.domain.capsule import Capsule
from app.domain.connections import Check, CheckStatus, DoctorReport, Fix
from app.domain.errors import Forbidden, Invalid
from app.kit.ids import ID_PATTERN
from app.services import capsule_import, capsules, catalog, connections, datasets, evaluations, jobs
from app.store import connections as connection_store
from app.store import jobs as job_store
from app.store import models as model_store
from app.store import people as people_store
from app.store import schema
from app.store.codec import dump
from tests.support.app_context import MODEL, TestHouse
from tests.support.connections import REHEARSAL_ID
from tests.support.door import address
from tests.support.office import Office
from tests.support.rehearsed import rows_file
from tests.support.two_projects import Side, TwoProjects

IDS = re.compile(r"\b[a-z]{2,3}_[0-9a-z]{26}\b")
OF_THE_MOMENT = re.compile(r'req_\w+|data-version="[^"]*"|data-now="[^"]*"|name="idempotency_key" value="[^"]*"')
MISSING = "0" * 26
# Fields of bodies, forms and queries that name a thing, and the noun of what they name.
NAMES = {
    "project": "project", "project_id": "project", "wanted_project": "project",
    "dataset": "dataset", "training_dataset": "dataset", "test_dataset": "dataset", "few_shot_dataset": "dataset",
    "datasets": "dataset", "training_file": "dataset", "validation_file": "dataset", "rows": "dataset",
    "validation_dataset": "dataset",
    "job": "job", "jobs": "job", "cloned_from": "job", "after": "job", "id": "job",
    "model": "model", "deployment": "deployment", "target": "model", "evaluation": "evaluation",
    "base": "evaluation", "tuned": "evaluation", "draft": "draft",
}  # fmt: skip
# Fields that take the id of something that everybody sees, or nobody but administrators.
OF_THE_INSTALLATION = {"connection", "remote_id"}


@pytest.fixture
def office(app_context: TestHouse) -> Office:
    return Office(app_context)


def routes(office: Office) -> Iterator[tuple[str, APIRoute]]:
    for context in iter_route_contexts(office.app.routes):
        route = context.original_route
        if isinstance(route, APIRoute) and not route.path.endswith(("/live", "/stream", "/sign-out")):
            for method in sorted(route.methods or ()):
                yield method, route


def alike(answer: Response) -> tuple[int, str]:
    return answer.status_code, IDS.sub("<id>", OF_THE_MOMENT.sub("", answer.text))


def difference(path: str, name: object, one: tuple[int, str], other: tuple[int, str]) -> str:
    """Return where two answers part."""
    at = next((at for at, pair in enumerate(zip(one[1], other[1], strict=False)) if pair[0] != pair[1]), 0)
    return f"{path} {name}: {one[0]} {one[1][at - 40 : at + 200]!r}, {other[0]} {other[1][at - 40 : at + 200]!r}"


def both(side: Side, noun: str) -> tuple[str, str]:
    """Return the id of a hidden thing, and one of nothing."""
    known = str(getattr(side, noun))
    return known, f"{known.partition('_')[0]}_{MISSING}"


def test_no_query_tells_that_something_hidden_is_there(office: Office) -> None:
    hidden, asked, wrong = office.two.ours, 0, []
    headers = {"authorization": f"Bearer {office.token('bob', TokenScope.WRITE)}"}
    with office.browser("bob") as browser:
        for method, route in routes(office):
            names = [each.alias for each in route.dependant.query_params if each.alias in NAMES]
            if method != "GET" or not names:
                continue
            own = {} if not route.path.startswith(("/api", "/v1")) else headers
            for name in names:
                with_id, without = (
                    browser.get(address(route.path), params={name: each}, headers=own)
                    for each in both(hidden, NAMES[name])
                )
                asked += 1
                if alike(with_id) != alike(without) or with_id.status_code >= 500:
                    wrong.append((route.path, name, alike(with_id), alike(without)))
    assert not wrong, "\n".join(difference(*each) for each in wrong)
    assert asked >= 10


def test_no_body_tells_that_something_hidden_is_there(office: Office) -> None:
    two, asked, wrong = office.two, 0, []
    headers = {"authorization": f"Bearer {office.token('bob', TokenScope.WRITE)}"}
    document = office.app.openapi()
    with office.browser() as client:
        for method, path, schema in bodies(office):
            for field in fields_of(schema, document):
                noun = NAMES.get(field[-1])
                if noun is None:
                    continue
                whole = sound(two.theirs)
                answers = [
                    send(client, method, path, with_field(whole, field, each), headers) for each in both(two.ours, noun)
                ]
                asked += 1
                if alike(answers[0]) != alike(answers[1]) or answers[0].status_code not in {403, 404, 409, 422}:
                    wrong.append((path, field, alike(answers[0]), alike(answers[1])))
    assert not wrong, "\n".join(difference(*each) for each in wrong)
    assert asked > 15


def sound(mine: Side) -> dict[str, Any]:
    """Return fields as several bodies want them, all of them of one's own project."""
    return {
        "project": mine.project, "connection": REHEARSAL_ID, "base_model": MODEL, "name": "mine",
        "training_dataset": mine.dataset, "training_file": mine.dataset, "model": MODEL, "dataset": mine.dataset,
        "target": {"model": mine.model}, "datasets": [mine.dataset, mine.dataset],
    }  # fmt: skip


def with_field(whole: Mapping[str, Any], field: tuple[str, ...], value: str) -> dict[str, Any]:
    """Return a body in which one field, perhaps of an object in it, is another."""
    made = dict(whole)
    if len(field) > 1:
        inner = made.get(field[0])
        made[field[0]] = with_field(inner if isinstance(inner, dict) else {}, field[1:], value)
    else:
        made[field[0]] = [value, value] if isinstance(made.get(field[0]), list) else value
    return made


Field = tuple[tuple[str, ...], Mapping[str, Any]]


def fields_of(schema: Mapping[str, Any], document: Mapping[str, Any], depth: int = 2) -> Iterator[tuple[str, ...]]:
    """Yield the ways to the fields of a schema, down to the second storey."""
    yield from (way for way, _ in described_fields(schema, document, depth))


def described_fields(schema: Mapping[str, Any], document: Mapping[str, Any], depth: int = 2) -> Iterator[Field]:
    """Yield the same, each with its own schema."""
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    for name, inner in schema.get("properties", {}).items():
        yield (name,), inner
        options = [inner, *inner.get("anyOf", ())]
        if depth > 1:
            found = ((way, each) for option in options for way, each in described_fields(option, document, depth - 1))
            yield from (((name, *way), each) for way, each in found)


def bodies(office: Office) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Yield (method, path, the schema of its JSON body)."""
    document = office.app.openapi()
    for method, route in routes(office):
        content = document["paths"].get(route.path, {}).get(method.lower(), {}).get("requestBody", {})
        schema = content.get("content", {}).get("application/json", {}).get("schema")
        if schema is not None:
            yield method, route.path, schema


def test_every_field_of_a_body_that_takes_an_id_is_asked(office: Office) -> None:
    """Generated from the OpenAPI document: a field that takes an id has its pattern, or says so by its name."""
    document = office.app.openapi()
    taking = {
        way[-1]
        for _, _, schema in bodies(office)
        for way, inner in described_fields(schema, document, 3)
        if ID_PATTERN in json.dumps({key: value for key, value in inner.items() if key != "properties"})
        or way[-1].endswith("_id")
    }
    assert taking - NAMES.keys() == OF_THE_INSTALLATION
    assert len(taking) > 8


def send(client: TestClient, method: str, path: str, body: Mapping[str, Any], headers: Mapping[str, str]) -> Response:
    """Send of a body what the address knows; what else is in it is refused as unknown, so try without."""
    answer = client.request(method, address(path), json=body, headers={**headers, "idempotency-key": "k"})
    unknown = {
        each["pointer"].split("/")[1]
        for each in (answer.json().get("errors", []) if answer.status_code == 422 else [])
        if each.get("code") == "unknown_field"
    }
    kept = {name: value for name, value in body.items() if name not in unknown}
    return client.request(method, address(path), json=kept, headers={**headers, "idempotency-key": "k"})


@pytest.fixture
def two(app_context: TestHouse) -> TwoProjects:
    return TwoProjects(app_context)


def actor(two: TwoProjects, ours: ProjectRole | None, theirs: ProjectRole | None = None) -> Actor:
    roles = {two.ours.project: ours, two.theirs.project: theirs}
    return Actor("per_a", Role.PERSON, "Ada", {each: role for each, role in roles.items() if role is not None})


def test_whoever_only_looks_at_a_model_does_not_have_it_evaluated(two: TwoProjects) -> None:
    with two.house.scopes.open(actor(two, ProjectRole.VIEWER, ProjectRole.MEMBER)) as scope:
        with pytest.raises(Forbidden):
            evaluations.create(scope, target={"model": two.ours.model}, dataset=two.theirs.dataset)
        made = evaluations.create(scope, target={"model": two.theirs.model}, dataset=two.theirs.dataset)
        assert made.project == two.theirs.project


def test_what_others_tuned_is_in_no_catalog_and_is_no_candidate(two: TwoProjects) -> None:
    """Some servers list tuned models among those that can be trained, and a provider lists what all jobs made."""
    with two.house.open() as scope:
        change = update(schema.models).where(schema.models.c.id == two.theirs.model)
        scope.write.execute(change.values(remote_id=MODEL))
    with two.house.open() as scope:
        assert MODEL in {each.id for each in catalog.search(scope)}
    with two.house.scopes.open(actor(two, ProjectRole.MEMBER)) as scope:
        assert MODEL not in {each.id for each in catalog.search(scope)}
        assert model_store.taken(scope.read, REHEARSAL_ID, [MODEL, "ours model", "x"]) == {MODEL, "ours model"}
        assert model_store.hidden(scope.read, REHEARSAL_ID, [MODEL, "ours model", "x"]) == {MODEL}


def test_rows_stay_at_the_provider_while_a_hidden_job_needs_them(two: TwoProjects) -> None:
    with two.house.open() as scope:
        theirs = datasets.get(scope, two.theirs.dataset)
        job = jobs.get(scope, two.theirs.job)
        change = update(schema.jobs).where(schema.jobs.c.id == job.id)
        parts = dump({"training": theirs.id, "validation": None, "test": None})
        scope.write.execute(change.values(status="running", parts=parts))
    with two.house.scopes.open(actor(two, ProjectRole.MEMBER)) as scope:
        assert job_store.needed_content(scope.read, REHEARSAL_ID) == {theirs.sha256}
        assert job_store.needed_content(scope.read, "con_other") == set()


def test_a_capsule_tells_nothing_of_a_base_model_that_may_not_be_named(two: TwoProjects) -> None:
    with two.house.open() as scope:
        capsule = capsules.of_job(scope, two.ours.job)
    found = []
    for base in ("theirs model", "no model"):
        with two.house.scopes.open(actor(two, ProjectRole.MEMBER)) as scope:
            named = replace(capsule, recipe=replace(capsule.recipe, base_model=base))
            value = {**to_json(named), "origin": {"weights": {"model.safetensors": "0" * 64}}}
            with pytest.raises(Invalid) as refused:
                capsule_import.create(scope, value, project=two.ours.project)
            found.append([(each.pointer, each.code) for each in refused.value.problems])
    assert found[0] == found[1]
    assert ("/base_model", "unknown_model") in found[0]


def to_json(value: Capsule) -> dict[str, Any]:
    return dict(json.loads(capsules.text(value)))


def test_settings_and_findings_of_a_connection_are_its_administrators(office: Office) -> None:
    secret, said = "subscription-0042", "role-assignment-0042"
    check = Check(id="rights", title="Rights", status=CheckStatus.FAIL, detail=said, fix=Fix(text=said))
    with office.house.open() as scope:
        made = replace(
            connections.get(scope, REHEARSAL_ID),
            settings={"subscription_id": secret},
            doctor=DoctorReport(checked_at=scope.now(), checks=(check,)),
        )
        connection_store.save(scope.write, made)
    paths = [f"/connections/{REHEARSAL_ID}", "/connections", "/settings", "/wizard", f"/jobs/{office.two.ours.job}"]
    paths += [f"/wizard/{office.two.ours.draft}/project", f"/connections/{REHEARSAL_ID}/edit", "/"]
    with office.browser("ada") as browser:
        pages = {each: browser.get(each) for each in paths}
        token = {"authorization": f"Bearer {office.token('ada', TokenScope.ADMIN)}"}
        for name in ("", f"/{REHEARSAL_ID}", f"/{REHEARSAL_ID}/doctor"):
            pages[f"REST {name}"] = browser.get(f"/api/v1/connections{name}", headers=token)
    assert [each for each, page in pages.items() if secret in page.text or said in page.text] == []
    assert "Rights" in pages[f"/connections/{REHEARSAL_ID}"].text
    assert pages[f"REST /{REHEARSAL_ID}/doctor"].json()["healthy"] is False
    assert pages[f"/connections/{REHEARSAL_ID}/edit"].status_code == 403
    assert "Run the checks" not in pages[f"/connections/{REHEARSAL_ID}"].text
    with office.browser("root") as browser:
        assert said in browser.get(f"/connections/{REHEARSAL_ID}").text
        token = {"authorization": f"Bearer {office.token('root', TokenScope.READ)}"}
        assert secret in browser.get(f"/api/v1/connections/{REHEARSAL_ID}", headers=token).text


def test_a_token_of_one_project_sees_and_does_nothing_outside_of_it(office: Office) -> None:
    two = office.two
    wide = {"authorization": f"Bearer {office.token('ada', TokenScope.WRITE)}"}
    one = {"authorization": f"Bearer {office.token('ada', TokenScope.WRITE, project=two.ours.project)}"}
    with office.browser() as client:
        mine = put(client, wide, name="own").json()["id"]
        upload = client.post("/api/v1/uploads", json={"filename": "f", "bytes": 3}, headers=wide).json()["id"]
        assert client.get(f"/api/v1/datasets/{mine}", headers=wide).status_code == 200
        assert client.get(f"/api/v1/uploads/{upload}", headers=wide).status_code == 200
        assert client.get(f"/api/v1/datasets/{mine}", headers=one).status_code == 404
        assert client.get(f"/api/v1/uploads/{upload}", headers=one).status_code == 404
        assert client.delete(f"/api/v1/datasets/{mine}", headers=one).status_code == 404
        assert put(client, one, name="another").status_code == 403
        assert put(client, one, name="another", project=two.ours.project).status_code in {200, 201}


def put(client: TestClient, headers: Mapping[str, str], **params: str) -> Response:
    return client.put("/api/v1/datasets", params=params, content=rows_file(), headers=headers)


def test_an_answer_to_a_person_is_not_given_again_to_a_token_of_another_project(office: Office) -> None:
    two, key = office.two, {"idempotency-key": "one-and-the-same"}
    fields = office.house.fields(project=two.ours.project, training_dataset=two.ours.dataset)
    wide = {"authorization": f"Bearer {office.token('root', TokenScope.WRITE)}", **key}
    other = {"authorization": f"Bearer {office.token('root', TokenScope.WRITE, project=two.theirs.project)}", **key}
    with office.browser() as client:
        assert client.post("/api/v1/jobs", json=fields, headers=wide).status_code == 201
        again = client.post("/api/v1/jobs", json=fields, headers=wide)
        assert (again.status_code, again.headers["idempotency-replayed"]) == (201, "true")
        refused = client.post("/api/v1/jobs", json=fields, headers=other)
    assert refused.status_code == 422
    assert "idempotency-replayed" not in refused.headers


def test_an_answer_is_not_given_again_to_whoever_does_not_see_any_more_what_it_is_about(office: Office) -> None:
    two, key = office.two, {"idempotency-key": "one-and-the-same"}
    fields = office.house.fields(project=two.ours.project, training_dataset=two.ours.dataset, name="of-ours")
    headers = {"authorization": f"Bearer {office.token('ada', TokenScope.WRITE)}", **key}
    with office.browser() as client:
        made = client.post("/api/v1/jobs", json=fields, headers=headers)
        assert made.status_code == 201
        with office.house.open() as scope:
            people_store.set_role(scope.write, office.people["ada"].id, two.theirs.project, ProjectRole.MEMBER)
            people_store.remove_role(scope.write, office.people["ada"].id, two.ours.project)
        again = client.post("/api/v1/jobs", json=fields, headers=headers)
        assert again.status_code == 404
        assert "of-ours" not in again.text
        with office.house.open() as scope:
            people_store.set_role(scope.write, office.people["ada"].id, two.ours.project, ProjectRole.MEMBER)
        known = client.post("/api/v1/jobs", json=fields, headers=headers)
        assert (known.status_code, known.json()["id"]) == (201, made.json()["id"])

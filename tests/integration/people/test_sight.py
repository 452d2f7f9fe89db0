"""What a person does not see is not there: the database itself hides it, from every query that there is."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import event, func, insert, select, update

from app.domain.actors import Actor, ProjectRole, Role
from app.domain.errors import Conflict, Forbidden, Invalid, NotFound
from app.domain.jobs import JobParts
from app.services import catalog, datasets, deployments, drafts, evaluations, jobs, models, projects, usage
from app.services.scope import Scope
from app.store import codec, columns, people_schema, schema
from app.store import models as model_store
from app.store.sight import Sight
from tests.support.app_context import TestHouse
from tests.support.connections import REHEARSAL_ID
from tests.support.two_projects import TwoProjects

HELD = {"projects", "jobs", "models", "datasets", "evaluations", "deployments", "drafts"}
PARTS = {
    "job_metadata", "job_datasets", "job_counts", "openai_requests", "series", "checkpoints", "samples", "findings",
    "evaluation_rows", "events",
}  # fmt: skip
# Reached by the number of a series alone, which is protected.
BY_SERIES = {"metrics", "metric_chunks"}
# Written in whoever's transaction ends a job; read by the administrators' verbs alone.
ADMINISTRATORS = {
    "adopted_files", "webhooks", "webhook_messages", "audit", "audit_horizon", "lifeboats", "rescued_jobs",
}  # fmt: skip
NOBODYS = {"model_aliases", "connections", "counters", "own_prices", "column_mappings"}
# Asked for by the person's own id, or not readable by people at all: the verbs say so.
OF_PEOPLE = {
    "people", "members", "sessions", "api_tokens", "codes", "sign_in_attempts", "installation", "idempotency",
}  # fmt: skip


@pytest.fixture
def two(app_context: TestHouse) -> TwoProjects:
    return TwoProjects(app_context)


@pytest.fixture
def member(two: TwoProjects) -> Iterator[Scope]:
    actor = Actor("per_a", Role.PERSON, "Ada", {two.ours.project: ProjectRole.MEMBER})
    with two.house.scopes.open(actor) as scope:
        yield scope


def test_every_table_is_hidden_or_known_to_hold_nothing_hidden() -> None:
    assert people_schema.people.name in columns.metadata.tables
    assert {*columns.metadata.tables} == HELD | PARTS | BY_SERIES | ADMINISTRATORS | NOBODYS | OF_PEOPLE


@pytest.mark.parametrize("table", sorted(HELD | PARTS))
def test_rows_of_other_projects_are_in_no_table(table: str, two: TwoProjects, member: Scope) -> None:
    counted = select(func.count()).select_from(columns.metadata.tables[table])
    with two.house.database.reading() as everything:
        whole = everything.scalar(counted)
    seen = member.read.scalar(counted) or 0
    assert whole == 2 * seen > 0, f"{seen} of {whole} rows of {table}"


def test_who_looks_next_through_the_same_connection_sees_what_is_theirs(two: TwoProjects) -> None:
    ours, theirs = two.ours.project, two.theirs.project
    seen, connections = [], set()
    for visible in ((ours,), (theirs,), (), (ours, theirs), (theirs,), (ours,)):
        with two.house.database.reading(Sight("per_a", frozenset(visible))) as tx:
            connections.add(id(tx.connection.dbapi_connection))
            seen.append((visible, {*tx.scalars(select(schema.jobs.c.project))}))
    assert [(visible, {*visible}) for visible, _found in seen] == seen
    assert len(connections) == 1


def test_no_list_and_no_count_tells_of_it(two: TwoProjects, member: Scope) -> None:
    assert [each.id for each in projects.list_projects(member).items] == [two.ours.project]
    assert {each.id for each in jobs.list_jobs(member).items} == {two.ours.job}
    assert sum(jobs.counts(member).values()) == 1
    assert jobs.list_jobs(member, query=two.theirs.job).items == []
    for listed, mine in (
        (datasets.list_datasets(member).items, two.ours.dataset),
        (models.list_models(member).items, two.ours.model),
        (deployments.list_deployments(member).items, two.ours.deployment),
        (evaluations.list_evaluations(member).items, two.ours.evaluation),
        (drafts.list_drafts(member).items, two.ours.draft),
    ):
        assert [each.id for each in listed] == [mine]


def test_a_change_reaches_what_is_mine_alone(two: TwoProjects, member: Scope) -> None:
    tx, jobs_table = member.write, schema.jobs
    assert tx.execute(update(jobs_table).where(jobs_table.c.id == two.ours.job).values(note="seen")).rowcount == 1
    with pytest.raises(Forbidden):
        tx.execute(update(jobs_table).where(jobs_table.c.id == two.theirs.job).values(note="seen"))
    with pytest.raises(Forbidden):  # nor may anything be moved to where it is hidden
        tx.execute(update(jobs_table).where(jobs_table.c.id == two.ours.job).values(project=two.theirs.project))


def test_a_viewer_changes_nothing(two: TwoProjects) -> None:
    viewer = Actor("per_v", Role.PERSON, "Vera", {two.ours.project: ProjectRole.VIEWER})
    with two.house.scopes.open(viewer) as scope:
        assert jobs.get(scope, two.ours.job).id == two.ours.job
        for verb in (jobs.cancel, models.delete, deployments.delete, datasets.delete, drafts.delete):
            with pytest.raises(Forbidden):
                verb(scope, two.ours.of(verb))
        with pytest.raises(Forbidden):
            scope.write.execute(update(schema.jobs).values(note="seen"))


def test_what_is_hidden_is_not_found_by_any_verb_that_changes(two: TwoProjects, member: Scope) -> None:
    for verb in (jobs.cancel, models.delete, deployments.delete, datasets.delete, drafts.delete, evaluations.cancel):
        with pytest.raises(NotFound):
            verb(member, two.theirs.of(verb))


def test_what_is_in_no_project_is_its_makers(two: TwoProjects) -> None:
    names = []
    for person in ("per_a", "per_b"):
        actor = Actor(person, Role.PERSON, person, {two.ours.project: ProjectRole.MEMBER})
        with two.house.scopes.open(actor) as scope:
            drafts.create(scope)
        with two.house.scopes.open(actor) as scope:
            names.append({each.id for each in drafts.list_drafts(scope).items} - {two.ours.draft})
    assert [len(each) for each in names] == [1, 1]
    assert names[0] != names[1]


def test_bytes_that_somebody_else_holds_stay(two: TwoProjects) -> None:
    same = b'{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]}\n' * 12
    made = {}
    for person, project in (("per_a", two.ours.project), ("per_b", two.theirs.project)):
        with two.house.scopes.open(Actor(person, Role.PERSON, person, {project: ProjectRole.MEMBER})) as scope:
            made[person] = datasets.upload(scope, name="same", filename="s.jsonl", chunks=[same], project=project)
    with two.house.scopes.open(Actor("per_a", Role.PERSON, "", {two.ours.project: ProjectRole.MEMBER})) as scope:
        datasets.delete(scope, made["per_a"].id)
    with two.house.scopes.open(Actor("per_b", Role.PERSON, "", {two.theirs.project: ProjectRole.MEMBER})) as scope:
        assert datasets.rows(scope, made["per_b"].id)


@pytest.mark.parametrize("use", ["validation", "test", "examples"])
def test_rows_that_hidden_work_needs_stay(use: str, two: TwoProjects) -> None:
    actor = Actor("per_a", Role.PERSON, "Ada", {two.ours.project: ProjectRole.MEMBER})
    rows = b'{"messages":[{"role":"user","content":"c"},{"role":"assistant","content":"d"}]}\n' * 12
    with two.house.scopes.open(actor) as scope:
        made = datasets.upload(scope, name="lent", filename="l.jsonl", chunks=[rows], project=two.ours.project)
    with two.house.open() as scope:
        if use == "examples":
            theirs = update(schema.evaluations).where(schema.evaluations.c.id == two.theirs.evaluation)
            scope.write.execute(theirs.values(few_shot_dataset=made.id))
        else:
            hidden = update(schema.jobs).where(schema.jobs.c.id == two.theirs.job)
            scope.write.execute(
                hidden.values(parts=codec.dump(JobParts(training=two.theirs.dataset, **{use: made.id})))
            )
    with two.house.scopes.open(actor) as scope:
        assert usage.counts(scope, [made.id]) == {}
        with pytest.raises(Conflict, match="is used by work that you cannot see"):
            datasets.delete(scope, made.id)
    with two.house.scopes.open(actor) as scope:
        assert datasets.rows(scope, made.id)


def test_a_connection_shows_nothing_before_it_is_said_for_whom(two: TwoProjects) -> None:
    with two.house.database.reading(Sight("per_a", frozenset({two.ours.project}))) as seen:
        assert len(seen.execute(select(schema.jobs)).all()) == 1
    with two.house.database.reading(Sight("nobody")) as seen:
        assert seen.execute(select(schema.jobs)).all() == []


def test_the_journal_says_who(two: TwoProjects) -> None:
    actor = Actor("per_a", Role.PERSON, "Ada", {two.ours.project: ProjectRole.MEMBER})
    with two.house.scopes.open(actor) as scope:
        jobs.cancel(scope, two.ours.job)
    with two.house.scopes.open(actor) as scope:
        newest = jobs.events(scope, two.ours.job).items[0]
    assert (newest.actor, newest.message) == ("per_a", "Ada asked to cancel.")


def test_a_form_of_change_that_is_unknown_fails(two: TwoProjects, member: Scope) -> None:
    with pytest.raises(Exception, match="because it is a view"):
        member.write.exec_driver_sql("WITH x AS (SELECT 1) UPDATE jobs SET note = ''")
    with pytest.raises(Forbidden):
        member.write.execute(insert(schema.projects).values(id="prj_x", name="x", description="", decision="{}"))


def test_no_hidden_model_can_be_named_as_a_base(two: TwoProjects, member: Scope) -> None:
    assert model_store.is_hidden(member.read, REHEARSAL_ID, "theirs model")
    assert not model_store.is_hidden(member.read, REHEARSAL_ID, "ours model")
    for base in ("theirs model", "path:/etc", f"path:{two.house.folder}"):
        with pytest.raises(Invalid, match="There is no base model"):
            catalog.model(member, REHEARSAL_ID, base)


def test_no_job_of_somebody_else_can_be_claimed_by_its_id_at_the_provider(two: TwoProjects, member: Scope) -> None:
    with two.house.open() as scope:
        change = update(schema.jobs).where(schema.jobs.c.id == two.theirs.job)
        scope.write.execute(change.values(remote_id="ft-theirs"))
        unknown = update(schema.jobs).where(schema.jobs.c.id == two.ours.job)
        scope.write.execute(unknown.values(status="unknown"))
    with pytest.raises(Invalid, match="is that one there"):
        jobs.resolve(member, two.ours.job, remote_id="ft-theirs")


def test_what_a_member_searches_is_counted_out_of_the_index_alone(member: Scope) -> None:
    statements: list[tuple[str, tuple[Any, ...]]] = []

    def hear(_connection: object, _cursor: object, statement: str, parameters: tuple[Any, ...], *_: object) -> None:
        if "FROM jobs" in statement:
            statements.append((statement, parameters))

    event.listen(member.read.engine, "before_cursor_execute", hear)
    jobs.counts(member, query="tri")
    event.remove(member.read.engine, "before_cursor_execute", hear)
    ((statement, parameters),) = statements
    plan = [row[3] for row in member.read.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]
    looks = [step for step in plan if step.startswith("SEARCH main.jobs")]
    assert looks, plan
    assert [step for step in looks if "COVERING INDEX ix_jobs_searched " not in step] == []

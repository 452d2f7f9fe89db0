"""Webhooks: written with what they are about, verified by OpenAI's client, tried again, once a state."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from openai import InvalidWebhookSignatureError, OpenAI

from app.domain.errors import Conflict, Invalid
from app.domain.jobs import JobStatus
from app.domain.webhooks import MessageStatus, WebhookEvent, headers, new_secret
from app.engine.engine import Engine
from app.kit.crash_points import CrashPoint, watched
from app.services import jobs, webhooks
from app.store import webhooks as store
from tests.support.app_context import TestHouse
from tests.support.door import turn
from tests.support.receiver import Receiver, receiving

ANY_TIME = 10**9  # seconds: the house's clock stands elsewhere than the client's
CLIENT = OpenAI(api_key="unused", base_url="http://127.0.0.1:9")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


def hook(app_context: TestHouse, url: str, **more: object) -> webhooks.WithSecret:
    with app_context.open() as scope:
        return webhooks.create(scope, name="Our chat", url=url, **more)  # type: ignore[arg-type]


def trained(app_context: TestHouse, engine: Engine, **changes: object) -> str:
    """Submit a job and turn the engine until nothing happens any more; return the job's id."""
    with app_context.open() as scope:
        job = jobs.create(scope, app_context.fields(**changes))
    turn(app_context, engine, times=400)
    return job.id


def outbox(app_context: TestHouse, webhook: str) -> list[tuple[str, MessageStatus, int]]:
    with app_context.open() as scope:
        return [(each.event, each.status, each.attempts) for each in webhooks.messages(scope, webhook).items]


def test_openais_client_verifies_and_reads_the_end_of_a_job(
    app_context: TestHouse, engine: Engine, receiver: Receiver
) -> None:
    made = hook(app_context, receiver.url)
    job = trained(app_context, engine)
    (came,) = receiver.received
    CLIENT.webhooks.verify_signature(came.body, came.headers, secret=made.secret, tolerance=ANY_TIME)
    with pytest.raises(InvalidWebhookSignatureError):
        CLIENT.webhooks.verify_signature(came.body, came.headers, secret=new_secret(), tolerance=ANY_TIME)
    body = json.loads(came.body)
    assert (body["type"], body["data"]["id"], body["data"]["status"]) == ("fine_tuning.job.succeeded", job, "succeeded")
    assert body["id"] == came.headers["webhook-id"]
    assert outbox(app_context, made.webhook.id) == [(WebhookEvent.JOB_SUCCEEDED, MessageStatus.DELIVERED, 0)]


def test_openais_client_unwraps_what_is_signed_now() -> None:
    body = b'{"object":"event","id":"msg_1","type":"fine_tuning.job.failed","created_at":1,"data":{"id":"job_1"}}'
    secret = new_secret()
    named = headers("msg_1", datetime.now(UTC), body, [new_secret(), secret])
    event = CLIENT.webhooks.unwrap(body, named, secret=secret)
    assert (event.type, event.data.id) == ("fine_tuning.job.failed", "job_1")


def test_a_message_is_tried_again_with_the_same_id_and_body(app_context: TestHouse, engine: Engine) -> None:
    with receiving(500, 302, 204) as receiver:
        made = hook(app_context, receiver.url)
        trained(app_context, engine)
        app_context.clock.turn(timedelta(minutes=6))
        turn(app_context, engine)
    tries = receiver.received
    assert len(tries) == 3
    assert len({(each.headers["webhook-id"], each.body) for each in tries}) == 1
    assert len({each.headers["webhook-timestamp"] for each in tries}) == 3
    assert outbox(app_context, made.webhook.id) == [(WebhookEvent.JOB_SUCCEEDED, MessageStatus.DELIVERED, 2)]
    with app_context.open() as scope:
        message = webhooks.messages(scope, made.webhook.id).items[0]
        said = [each.message for each in reversed(webhooks.journal(scope, message.id))]
    assert [each.split(":")[0] for each in said] == ["Try 1", "Try 2", "Try 3"]
    assert "Redirects are not followed" in said[1]
    assert message.failing_since is None


def test_a_message_is_given_up_after_the_ten_tries_of_the_specification(app_context: TestHouse, engine: Engine) -> None:
    with receiving(503) as receiver:
        made = hook(app_context, receiver.url)
        with app_context.open() as scope:
            webhooks.send_test(scope, made.webhook.id)
        for _ in range(12):
            for _ in range(3):
                engine.tick()
                engine.tasks.wait()
                app_context.clock.turn(timedelta(seconds=2))
            app_context.clock.turn(timedelta(hours=30))
    assert len(receiver.received) == 10
    assert outbox(app_context, made.webhook.id) == [(WebhookEvent.TEST, MessageStatus.FAILED, 10)]


def test_a_death_between_sending_and_recording_sends_the_same_id_again(
    app_context: TestHouse, engine: Engine, receiver: Receiver
) -> None:
    made = hook(app_context, receiver.url)
    with app_context.open() as scope:
        webhooks.send_test(scope, made.webhook.id)
    died: list[CrashPoint] = []

    def die_once(point: CrashPoint) -> None:
        if point is CrashPoint.MESSAGE_SENT and not died:
            died.append(point)
            raise KeyboardInterrupt

    with watched(die_once):
        engine.tick()
        engine.tasks.wait()
    later = Engine(app_context.scopes)
    later.take_over()
    turn(app_context, later)
    assert died
    assert len(receiver.received) == 2
    assert len({each.headers["webhook-id"] for each in receiver.received}) == 1
    assert outbox(app_context, made.webhook.id) == [(WebhookEvent.TEST, MessageStatus.DELIVERED, 0)]


def test_one_message_a_state_however_often_it_is_written(app_context: TestHouse, receiver: Receiver) -> None:
    made = hook(app_context, receiver.url)
    for _ in range(3):
        with app_context.open() as scope:
            given = {"subject": "job_1", "state": "failed", "project": None, "data": {"id": "job_1"}}
            store.record(scope.write, WebhookEvent.JOB_FAILED, at=scope.now(), **given)  # type: ignore[arg-type]
    assert len(outbox(app_context, made.webhook.id)) == 1


def test_what_is_rolled_back_is_not_sent(app_context: TestHouse, receiver: Receiver) -> None:
    made = hook(app_context, receiver.url)
    around = app_context.open()
    scope = around.__enter__()
    webhooks.send_test(scope, made.webhook.id)
    assert not around.__exit__(RuntimeError, RuntimeError(), None)
    assert outbox(app_context, made.webhook.id) == []


def test_a_webhook_hears_of_its_own_project_and_of_what_it_chose(
    app_context: TestHouse, engine: Engine, receiver: Receiver
) -> None:
    own, other = app_context.project("Own"), app_context.project("Other")
    elsewhere = hook(app_context, receiver.url, project=other)
    failures = hook(app_context, receiver.url, events=["fine_tuning.job.failed"])
    here = hook(app_context, receiver.url, project=own)
    trained(app_context, engine, project=own)
    assert [len(outbox(app_context, each.webhook.id)) for each in (elsewhere, failures, here)] == [0, 0, 1]


def test_a_receiver_that_is_gone_is_called_no_more(app_context: TestHouse, engine: Engine) -> None:
    with receiving(410) as receiver:
        made = hook(app_context, receiver.url)
        with app_context.open() as scope:
            webhooks.send_test(scope, made.webhook.id)
        turn(app_context, engine)
    assert len(receiver.received) == 1
    with app_context.open() as scope:
        assert not webhooks.get(scope, made.webhook.id).active
        with pytest.raises(Conflict, match="switched off"):
            webhooks.send_test(scope, made.webhook.id)


def test_a_new_secret_signs_beside_the_one_before_for_a_day(
    app_context: TestHouse, engine: Engine, receiver: Receiver
) -> None:
    made = hook(app_context, receiver.url)
    with app_context.open() as scope:
        renewed = webhooks.renew_secret(scope, made.webhook.id)
        webhooks.send_test(scope, made.webhook.id)
    turn(app_context, engine)
    app_context.clock.turn(timedelta(hours=25))
    with app_context.open() as scope:
        webhooks.send_test(scope, made.webhook.id)
    turn(app_context, engine)
    first, second = receiver.received
    for secret in (made.secret, renewed.secret):
        CLIENT.webhooks.verify_signature(first.body, first.headers, secret=secret, tolerance=ANY_TIME)
    CLIENT.webhooks.verify_signature(second.body, second.headers, secret=renewed.secret, tolerance=ANY_TIME)
    with pytest.raises(InvalidWebhookSignatureError):
        CLIENT.webhooks.verify_signature(second.body, second.headers, secret=made.secret, tolerance=ANY_TIME)


@pytest.mark.parametrize(
    ("changed", "pointer"),
    [
        ({"url": "http://169.254.169.254/"}, "/url"),
        ({"url": "http://example.com/"}, "/url"),
        ({"url": ""}, "/url"),
        ({"name": " "}, "/name"),
        ({"events": []}, "/events"),
        ({"events": ["job.exploded"]}, "/events"),
        ({"project": "prj_none"}, "/project"),
    ],
)
def test_what_is_wrong_is_named(app_context: TestHouse, changed: dict[str, object], pointer: str) -> None:
    given: dict[str, object] = {"name": "Our chat", "url": "https://hooks.example/"} | changed
    with app_context.open() as scope, pytest.raises(Invalid) as found:
        webhooks.create(scope, **given)  # type: ignore[arg-type]
    assert [each.pointer for each in found.value.problems] == [pointer]


def test_the_secret_stays_with_its_host(app_context: TestHouse) -> None:
    made = hook(app_context, "https://hooks.example/a")
    with app_context.open() as scope:
        assert webhooks.update(scope, made.webhook.id, url="https://hooks.example/b").url.endswith("/b")
        with pytest.raises(Invalid, match="another host"):
            webhooks.update(scope, made.webhook.id, url="https://other.example/b")
    assert made.secret not in repr(made.webhook)


def test_an_address_that_leads_inside_is_not_called(app_context: TestHouse, engine: Engine) -> None:
    """The form's check looks nothing up; the call itself does."""
    made = hook(app_context, "https://localtest.invalid/hook")
    with app_context.open() as scope:
        webhooks.send_test(scope, made.webhook.id)
    engine.tick()
    engine.tasks.wait()
    app_context.clock.turn(timedelta(seconds=2))
    engine.tick()
    with app_context.open() as scope:
        (message,) = webhooks.messages(scope, made.webhook.id).items
    assert message.note.startswith("Not sent")
    assert message.status is MessageStatus.PENDING


def test_cancelled_jobs_are_ends_too(app_context: TestHouse, engine: Engine, receiver: Receiver) -> None:
    made = hook(app_context, receiver.url)
    with app_context.open() as scope:
        job = jobs.create(scope, app_context.fields())
        jobs.cancel(scope, job.id)
    turn(app_context, engine, times=400)
    assert outbox(app_context, made.webhook.id) == [(WebhookEvent.JOB_CANCELLED, MessageStatus.DELIVERED, 0)]
    with app_context.open() as scope:
        assert jobs.get(scope, job.id).status is JobStatus.CANCELLED

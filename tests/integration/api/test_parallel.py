"""Fifty at once, on a real server: what a double click, a retrying proxy and an impatient script come to."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import httpx2
import pytest

from app.http.application import GuardedApp
from tests.support.app_context import TestHouse
from tests.support.door import job_body, key
from tests.support.server import serving

MANY = 50


@pytest.mark.parametrize("way", ["job", "draft"])
def test_fifty_posts_with_one_key_make_one_job_and_get_fifty_equal_answers(
    app: GuardedApp, app_context: TestHouse, way: str
) -> None:
    body = job_body(app_context)
    start = Barrier(MANY)
    with (
        serving(app) as url,
        httpx2.Client(base_url=url, timeout=60, limits=httpx2.Limits(max_connections=MANY)) as http,
    ):
        path = "/api/v1/jobs"
        if way == "draft":
            path = f"/api/v1/drafts/{http.post('/api/v1/drafts', json=body).json()['id']}/submit"

        def post(_number: int) -> httpx2.Response:
            start.wait()
            return http.post(path, json=body if way == "job" else None, headers=key("the-same"))

        with ThreadPoolExecutor(MANY) as pool:
            answers = list(pool.map(post, range(MANY)))
        assert {answer.status_code for answer in answers} == {201}
        assert len({answer.content for answer in answers}) == 1
        assert sum("idempotency-replayed" not in answer.headers for answer in answers) == 1
        assert [job["id"] for job in http.get("/api/v1/jobs").json()["items"]] == [answers[0].json()["id"]]


def test_fifty_posts_with_fifty_keys_make_fifty_jobs(app: GuardedApp, app_context: TestHouse) -> None:
    body = job_body(app_context)
    start = Barrier(MANY)
    with (
        serving(app) as url,
        httpx2.Client(base_url=url, timeout=60, limits=httpx2.Limits(max_connections=MANY)) as http,
    ):

        def post(number: int) -> httpx2.Response:
            start.wait()
            return http.post("/api/v1/jobs", json=body, headers=key(f"key-{number}"))

        with ThreadPoolExecutor(MANY) as pool:
            answers = list(pool.map(post, range(MANY)))
        assert {answer.status_code for answer in answers} == {201}
        made = {answer.json()["id"] for answer in answers}
        listed = {job["id"] for job in http.get("/api/v1/jobs", params={"limit": 200}).json()["items"]}
        assert len(made) == MANY
        assert made == listed


def test_a_draft_changed_by_many_at_once_counts_every_change(app: GuardedApp) -> None:
    with serving(app) as url, httpx2.Client(base_url=url, timeout=60) as http:
        draft = http.post("/api/v1/drafts").json()
        path = f"/api/v1/drafts/{draft['id']}/model"

        def patch(number: int) -> int:
            return http.patch(path, json={"name": f"n{number}"}, headers={"if-match": '"1"'}).status_code

        with ThreadPoolExecutor(10) as pool:
            statuses = sorted(pool.map(patch, range(10)))
        assert statuses == [200] + [412] * 9
        assert http.get(f"/api/v1/drafts/{draft['id']}").json()["revision"] == 2

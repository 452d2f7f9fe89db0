"""The form that deploys, as what services take."""

from datetime import UTC, datetime, timedelta

import pytest

from app.domain.models import FineTunedModel
from app.web.views import deployments as view

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("form", "safe"),
    [
        ({}, True),  # a form that has no such box says nothing about it
        ({"content_safety_shown": "yes", "content_safety": "on"}, True),
        ({"content_safety_shown": "yes"}, False),  # the box was shown and is not ticked
    ],
)
def test_only_a_box_that_was_shown_switches_safety_off(form: dict[str, str], *, safe: bool) -> None:
    assert view.requested_fields({"model": "mdl_1", **form}, NOW)["content_safety"] is safe


@pytest.mark.parametrize(("typed", "hours"), [("", None), ("0", None), ("48", 48), ("soon", -1), ("-3", -1)])
def test_hours_become_a_moment_and_nonsense_stays_out_of_range(typed: str, hours: int | None) -> None:
    wanted = None if hours is None else NOW + timedelta(hours=hours)
    assert view.requested_fields({"model": "mdl_1", "expires_at": typed}, NOW)["expires_at"] == wanted


def test_options_are_those_fields_that_say_so() -> None:
    form = {"model": "base:con_1:managed:azureml/Phi", "options-instance_count": "2", "options-instance_type": ""}
    requested_fields = view.requested_fields(form, NOW)
    assert requested_fields["options"] == {"instance_count": "2"}
    assert requested_fields["target"] == {"connection": "con_1", "base_model": "managed:azureml/Phi"}


def test_models_of_one_name_are_distinguished() -> None:
    models = [
        FineTunedModel(
            id=f"mdl_01m8ccb{end}",
            name=name,
            job="job_1",
            project="prj_1",
            connection="con_local",
            base_model="b",
            remote_id="run:job_1",
            created_at=NOW,
        )
        for end, name in (("aaaa1111", "triage"), ("bbbb2222", "triage"), ("cccc3333", "letters"))
    ]
    assert [label for _, label in view.choices(models, ())] == ["triage · aaaa1111", "triage · bbbb2222", "letters"]

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from app.domain.jobs import FineTuningJob, JobProgress, JobSpec, JobStatus
from app.domain.profiles import BackendProfile
from app.web.views import jobs

NOW = datetime(2026, 11, 26, 9, 0, tzinfo=UTC)
JOB = FineTuningJob(
    id="job_1",
    spec=JobSpec(project="prj_1", name="triage", connection="con_1", base_model="m", training_dataset="ds_1"),
    status=JobStatus.RUNNING,
    created_at=NOW,
    changed_at=NOW,
)


@pytest.mark.parametrize(
    ("progress", "value", "note"),
    [
        (JobProgress(step=30, steps=120, stage="Running"), "25%", "30 of 120 steps"),
        (JobProgress(epoch=1.5, epochs=3, stage="Running"), "50%", "Running"),
        (JobProgress(step=30, stage="Running"), "30", "steps so far"),
        (JobProgress(stage="Running"), "–", "Running"),
    ],
)
def test_progress_is_reported_as_well_as_the_provider_tells_it(progress: JobProgress, value: str, note: str) -> None:
    shown = jobs.stats(replace(JOB, progress=progress), {}, [], NOW)[0]
    assert (shown.value, shown.note) == (value, note)


def test_who_cancels_reads_what_is_lost_kept_and_charged() -> None:
    cloud = BackendProfile(id="cloud", title="Cloud", bills=True)
    ours = BackendProfile(id="ours", title="This machine", bills=False, runs_here=True)

    def said(status: JobStatus, backend: BackendProfile, *, step: int | None = None) -> str:
        return jobs.cancelling(replace(JOB, status=status, progress=JobProgress(step=step)), backend).message

    for backend in (cloud, ours):
        assert "not been submitted yet" in said(JobStatus.PENDING, backend)
        assert "nothing to keep" in said(JobStatus.QUEUED, backend)
    assert "If it begins before Cloud stops it, that part is charged." in said(JobStatus.QUEUED, cloud)
    assert "trained until then stays charged" in said(JobStatus.RUNNING, cloud)
    assert "checkpoint" not in said(JobStatus.RUNNING, cloud)  # whether there are any, the provider decides
    assert "checkpoints saved so far are kept" in said(JobStatus.RUNNING, ours)
    assert "charged" not in said(JobStatus.RUNNING, ours) + said(JobStatus.QUEUED, ours)
    assert "checkpoints" in said(JobStatus.QUEUED, ours, step=30)  # paused before

"""All of `/v1`, in the order in which addresses are tried."""

from app.openai_api import chat, files, fine_tuning, job_records, models, uploads

ROUTERS = (
    files.router,
    uploads.router,
    fine_tuning.router,
    job_records.router,
    models.router,
    chat.router,
)

"""The page that stands before an act that is billed: what it costs, and what has to be agreed to."""

from starlette.requests import Request
from starlette.responses import Response

from app.domain.errors import DomainError
from app.domain.jobs import FineTuningJob
from app.domain.prices import Bill
from app.domain.spending import CostNotAccepted
from app.services import jobs
from app.services.scope import Scope
from app.web.i18n import gettext as _
from app.web.rendering import UNPROCESSABLE, field_errors, page
from app.web.views import costs
from app.web.views.parts import Lenient, Question


def again(job: FineTuningJob, action: str, key: str) -> Question:
    """Return the question before a job is run again or retried (`action`), at an address of the same name."""
    retried = action == "retry"
    return Question(
        title=_("Retry this job?") if retried else _("Run this job again?"),
        message=_("This submits a new job with the same data and settings: %(name)s.") % {"name": job.spec.name},
        action=f"/jobs/{job.id}/{action}",
        yes=_("Retry") if retried else _("Run again"),
        no=_("Do not start it"),
        back=f"/jobs/{job.id}",
        fields={"idempotency_key": key},
    )


def ask_again(
    request: Request, scope: Scope, identifier: str, action: str, key: str, error: CostNotAccepted | None = None
) -> Response:
    """Ask before a job is run again or retried (`action`); `error`: what the answer lacked."""
    job = jobs.get(scope, identifier)
    bill = jobs.bill_of_retry(scope, identifier) if error is None else error.bill
    come_back = f"/jobs/{identifier}/{action}"
    return ask(request, scope, again(job, action, key), bill, job.connection, come_back=come_back, error=error)


def ask(
    request: Request,
    scope: Scope,
    question: Question,
    bill: Bill,
    connection: str,
    *,
    come_back: str,
    error: DomainError | None = None,
) -> Response:
    """Ask for the agreement to a job's cost; a price that is set on the way leads to `come_back`."""
    errors = [] if error is None else field_errors(error)
    context = {
        "question": question,
        "cost": costs.of_job(bill, connection, scope.now().date()),
        "next": come_back,
        "errors": errors,
        "errors_by_field": Lenient({each.field: each.message for each in errors}),
    }
    return page(request, scope, "spend.html", context, status=200 if error is None else UNPROCESSABLE)

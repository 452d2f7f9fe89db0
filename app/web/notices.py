"""A word after an act, carried over the redirect by a cookie that holds a key of this table and nothing else."""

from collections.abc import Callable, Sequence
from gettext import gettext as _

from app.web.views.parts import Message

NOTICE_COOKIE = "notice"
# Called when shown, so that a translation installed later is found.
_WORDS: dict[str, tuple[str, Callable[[], str]]] = {
    "cancel_asked": ("ok", lambda: _("Cancelling. What has been trained so far is kept as a checkpoint.")),
    "submitted": ("ok", lambda: _("Submitted. This page follows the job by itself.")),
    "retried": ("ok", lambda: _("A new job with the same settings was submitted.")),
    "resolved": ("ok", lambda: _("Settled.")),
    "deploying": ("ok", lambda: _("Deploying. It is ready in a few seconds.")),
    "deployment_deleting": ("ok", lambda: _("The deployment is being deleted.")),
    "teardown_started": ("ok", lambda: _("Tearing down, in order: deployments first, then the weights.")),
    "evaluating": ("ok", lambda: _("The evaluation was started.")),
    "evaluation_cancelled": ("ok", lambda: _("The evaluation is being cancelled.")),
    "uploaded": ("ok", lambda: _("Uploaded and checked.")),
    "dataset_deleted": ("ok", lambda: _("The dataset was deleted.")),
    "project_saved": ("ok", lambda: _("The project was saved.")),
    "project_deleted": ("ok", lambda: _("The project was deleted.")),
    "decision_saved": ("ok", lambda: _("The decision record was saved.")),
    "draft_deleted": ("ok", lambda: _("The draft was deleted.")),
    "doctor_done": ("ok", lambda: _("The checks were run.")),
    "installing": ("ok", lambda: _("The installation was started.")),
    "looking": ("ok", lambda: _("The engine looks at it now.")),
    "cleared": ("ok", lambda: _("It is being cleared away.")),
    "model_made": ("ok", lambda: _("A model was made from the checkpoint.")),
}


def notice(key: str | None) -> Sequence[Message]:
    """Return the message behind a key; nothing for a key that is none."""
    if key is None or key not in _WORDS:
        return ()
    tone, words = _WORDS[key]
    return (Message(tone=tone, text=words()),)

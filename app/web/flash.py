"""A word after an act, carried over the redirect by a cookie that holds a key of this table and nothing else."""

from collections.abc import Callable, Sequence

from app.web.i18n import gettext as _
from app.web.views.parts import Message

NOTICE_COOKIE = "notice"
# Called when shown, so that a translation installed later is found.
_WORDS: dict[str, tuple[str, Callable[[], str]]] = {
    "cancel_asked": ("ok", lambda: _("Cancelling. Checkpoints that are saved already are kept.")),
    "submitted": ("ok", lambda: _("Submitted. This page updates by itself.")),
    "retried": ("ok", lambda: _("A new job with the same settings was submitted.")),
    "run_again": ("ok", lambda: _("The same run was submitted again, with the same seed.")),
    "from_capsule": ("ok", lambda: _("Everything the capsule refers to is available here. Its run was submitted.")),
    "adopted": ("ok", lambda: _("Adopted. It is in the record from now on.")),
    "lifeboat_begun": ("ok", lambda: _("The lifeboat was started. This page updates by itself.")),
    "train_again": ("ok", lambda: _("A draft with the same rows and settings was created. Choose where to train it.")),
    "from_autotrain": ("ok", lambda: _("A draft was created from the configuration; what is missing is listed here.")),
    "resolved": ("ok", lambda: _("Settled.")),
    "deploying": ("ok", lambda: _("Deploying. This page updates by itself.")),
    "deployment_deleting": ("ok", lambda: _("The deployment is being deleted.")),
    "teardown_started": ("ok", lambda: _("Tearing down, in order: deployments first, then the weights.")),
    "evaluating": ("ok", lambda: _("The evaluation was started.")),
    "evaluation_cancelled": ("ok", lambda: _("The evaluation is being cancelled.")),
    "uploaded": ("ok", lambda: _("Uploaded and checked.")),
    "mapped": ("ok", lambda: _("A version with the chosen columns was created and checked.")),
    "edited": ("ok", lambda: _("A new version was created; the earlier one is kept.")),
    "refused": ("bad", lambda: _("This file cannot be trained on; the dataset chosen in the wizard stays as it was.")),
    "dataset_deleted": ("ok", lambda: _("The dataset was deleted.")),
    "project_saved": ("ok", lambda: _("The project was saved.")),
    "project_deleted": ("ok", lambda: _("The project was deleted.")),
    "decision_saved": ("ok", lambda: _("The decision record was saved.")),
    "draft_deleted": ("ok", lambda: _("The draft was deleted.")),
    "connection_made": ("ok", lambda: _("Connected. Run the checks to see what is still missing.")),
    "connection_saved": ("ok", lambda: _("Saved. Run the checks again.")),
    "connection_deleted": ("ok", lambda: _("The connection was deleted.")),
    "project_chosen": ("ok", lambda: _("Jobs of this connection run in the chosen project.")),
    "doctor_done": ("ok", lambda: _("The checks were run.")),
    "orphan_removed": ("ok", lambda: _("Removed at the provider; an endpoint takes a few minutes to disappear.")),
    "installing": ("ok", lambda: _("The installation was started.")),
    "catalog_refreshing": ("ok", lambda: _("Looking up the registries. Reload this page in a few seconds.")),
    "model_replaced": ("ok", lambda: _("The base model was replaced.")),
    "webhook_saved": ("ok", lambda: _("The webhook was saved.")),
    "webhook_there": (
        "warn",
        lambda: _("This webhook was made already. If its secret never reached you, make a new one below."),
    ),
    "webhook_deleted": ("ok", lambda: _("The webhook was deleted.")),
    "message_sent": ("ok", lambda: _("The message was queued; reload this page to see the result.")),
    "price_saved": ("ok", lambda: _("The price was saved. Estimates and what is hosted use it from now on.")),
    "pause_asked": ("ok", lambda: _("Pausing. Progress is kept.")),
    "resume_asked": ("ok", lambda: _("Resuming from where it stopped.")),
    "alias_made": ("ok", lambda: _("The alias was created. Programs can use it as the model's name.")),
    "alias_withdrawn": ("ok", lambda: _("The alias was withdrawn.")),
    "spending_saved": ("ok", lambda: _("Saved. It applies from the next job that a program starts.")),
    "stop_asked": ("ok", lambda: _("Stopping. The best checkpoint becomes the job's model.")),
    "moved": ("ok", lambda: _("The line was changed.")),
    "continuing": ("ok", lambda: _("A draft with the same answers was created; its base is the tuned model.")),
    "continuing_step": (
        "ok",
        lambda: _("A draft with the same answers was created from the checkpoint. Nothing starts until you submit it."),
    ),
    "merging": ("ok", lambda: _("The adapter is being merged into its base.")),
    "checkpoints_gone": ("ok", lambda: _("The checkpoints were removed.")),
    "merged": ("ok", lambda: _("The merged model was added.")),
    "ends_mended": ("ok", lambda: _("The configs were fixed; the originals are kept beside them.")),
    "model_chosen": ("ok", lambda: _("It is the job's model now.")),
    "looking": ("ok", lambda: _("The engine is looking at it now.")),
    "cleared": ("ok", lambda: _("It is being removed.")),
    "password_changed": ("ok", lambda: _("The password was changed. All other sessions ended.")),
    "session_ended": ("ok", lambda: _("Signed out there.")),
    "token_revoked": ("ok", lambda: _("The token was revoked.")),
    "person_saved": ("ok", lambda: _("Saved. It applies from the next page on.")),
    "person_signed_out": ("ok", lambda: _("Signed out in every browser. Open pages notice within seconds.")),
    "person_disabled": ("ok", lambda: _("Disabled. Sessions, codes and tokens no longer work.")),
    "member_removed": ("ok", lambda: _("Removed from the project.")),
    "model_made": ("ok", lambda: _("The checkpoint was saved as a model.")),
}


def notice(key: str | None) -> Sequence[Message]:
    """Return the message behind a key; nothing for a key that is none."""
    if key is None or key not in _WORDS:
        return ()
    tone, words = _WORDS[key]
    return (Message(tone=tone, text=words()),)

"""A word after an act, carried over the redirect by a cookie that holds a key of this table and nothing else."""

from collections.abc import Callable, Sequence

from app.web.i18n import gettext as _
from app.web.views.parts import Message

NOTICE_COOKIE = "notice"
# Called when shown, so that a translation installed later is found.
_WORDS: dict[str, tuple[str, Callable[[], str]]] = {
    "cancel_asked": ("ok", lambda: _("Cancelling. What has been trained so far is kept as a checkpoint.")),
    "submitted": ("ok", lambda: _("Submitted. This page follows the job by itself.")),
    "retried": ("ok", lambda: _("A new job with the same settings was submitted.")),
    "run_again": ("ok", lambda: _("The same run was submitted again, with the same seed.")),
    "from_capsule": ("ok", lambda: _("Everything that the capsule names is here. Its run was submitted.")),
    "adopted": ("ok", lambda: _("Adopted. It is in the record from now on.")),
    "lifeboat_begun": ("ok", lambda: _("The lifeboat is on its way. This page follows it by itself.")),
    "train_again": ("ok", lambda: _("A draft was made with its rows and settings. Choose where it is to be trained.")),
    "from_autotrain": ("ok", lambda: _("A draft was made of the configuration. What is missing still is listed here.")),
    "resolved": ("ok", lambda: _("Settled.")),
    "deploying": ("ok", lambda: _("Deploying. This page follows by itself.")),
    "deployment_deleting": ("ok", lambda: _("The deployment is being deleted.")),
    "teardown_started": ("ok", lambda: _("Tearing down, in order: deployments first, then the weights.")),
    "evaluating": ("ok", lambda: _("The evaluation was started.")),
    "evaluation_cancelled": ("ok", lambda: _("The evaluation is being cancelled.")),
    "uploaded": ("ok", lambda: _("Uploaded and checked.")),
    "mapped": ("ok", lambda: _("A version with the chosen columns was made and checked.")),
    "edited": ("ok", lambda: _("A new version was made; the earlier one is kept.")),
    "refused": ("bad", lambda: _("This file cannot be trained on; the dataset chosen in the wizard stays as it was.")),
    "dataset_deleted": ("ok", lambda: _("The dataset was deleted.")),
    "project_saved": ("ok", lambda: _("The project was saved.")),
    "project_deleted": ("ok", lambda: _("The project was deleted.")),
    "decision_saved": ("ok", lambda: _("The decision record was saved.")),
    "draft_deleted": ("ok", lambda: _("The draft was deleted.")),
    "connection_made": ("ok", lambda: _("Connected. Run the checks: they say what is missing still.")),
    "connection_saved": ("ok", lambda: _("Saved. Run the checks again.")),
    "connection_deleted": ("ok", lambda: _("The connection was deleted.")),
    "project_chosen": ("ok", lambda: _("Jobs of this connection run in the chosen project.")),
    "doctor_done": ("ok", lambda: _("The checks were run.")),
    "orphan_removed": ("ok", lambda: _("Removed at the provider; an endpoint takes some minutes to go.")),
    "installing": ("ok", lambda: _("The installation was started.")),
    "catalog_refreshing": ("ok", lambda: _("The registries are being asked. Reload this page in a few seconds.")),
    "model_replaced": ("ok", lambda: _("The base model was exchanged for its replacement.")),
    "webhook_saved": ("ok", lambda: _("The webhook was saved.")),
    "webhook_deleted": ("ok", lambda: _("The webhook was deleted.")),
    "message_sent": ("ok", lambda: _("The message is on its way; reload this page to see what came of it.")),
    "price_saved": ("ok", lambda: _("The price was saved. Estimates and what is hosted use it from now on.")),
    "pause_asked": ("ok", lambda: _("Pausing. What has been learned is kept.")),
    "resume_asked": ("ok", lambda: _("Going on from where it stopped.")),
    "alias_made": ("ok", lambda: _("The alias was made. Programs can ask for the model by it now.")),
    "alias_withdrawn": ("ok", lambda: _("The alias was withdrawn; it means nothing any more.")),
    "spending_saved": ("ok", lambda: _("Saved. It holds from the next job that a program starts.")),
    "stop_asked": ("ok", lambda: _("Stopping. What has been learned becomes the job's model.")),
    "moved": ("ok", lambda: _("The line was changed.")),
    "continuing": ("ok", lambda: _("A draft with the same answers was begun; its base is the tuned model.")),
    "continuing_step": (
        "ok",
        lambda: _("A draft with the same answers was begun from the checkpoint. Nothing is made until you submit it."),
    ),
    "merging": ("ok", lambda: _("The adapter is being merged into its base.")),
    "checkpoints_gone": ("ok", lambda: _("The checkpoints were removed.")),
    "merged": ("ok", lambda: _("The merged model was added.")),
    "ends_mended": ("ok", lambda: _("The configs were mended; the originals are kept beside them.")),
    "model_chosen": ("ok", lambda: _("It is the job's model now.")),
    "looking": ("ok", lambda: _("The engine looks at it now.")),
    "cleared": ("ok", lambda: _("It is being cleared away.")),
    "password_changed": ("ok", lambda: _("The password was changed. All other sessions ended.")),
    "session_ended": ("ok", lambda: _("Signed out there.")),
    "token_revoked": ("ok", lambda: _("The token opens nothing any more.")),
    "person_saved": ("ok", lambda: _("Saved. It holds from the next page on.")),
    "person_disabled": ("ok", lambda: _("Disabled. Sessions, codes and tokens open nothing any more.")),
    "member_removed": ("ok", lambda: _("Removed from the project.")),
    "model_made": ("ok", lambda: _("A model was made from the checkpoint.")),
}


def notice(key: str | None) -> Sequence[Message]:
    """Return the message behind a key; nothing for a key that is none."""
    if key is None or key not in _WORDS:
        return ()
    tone, words = _WORDS[key]
    return (Message(tone=tone, text=words()),)

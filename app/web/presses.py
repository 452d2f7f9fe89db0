"""Forms that make something small (a draft, a test message): a press that arrives twice makes it once.

What is billed or takes a machine's time asks for the key of its form (`http.idempotency`). These forms carry one, too,
and are taken without it: nothing is lost by a draft too many.
"""

import hashlib
import secrets
from collections.abc import Callable, Mapping
from datetime import timedelta

from starlette.responses import Response

from app.http.idempotency import once
from app.services.scope import Scope

# Until then a press under the same key is the same press; later somebody has gone back to the page to make another.
_WITHIN = timedelta(minutes=10)
_KEY_CHARACTERS = 120


def fresh_key() -> str:
    """Return an idempotency key for a form that is about to be shown: pressing twice sends it twice."""
    return secrets.token_urlsafe(16)


def pressed(scope: Scope, address: str, form: Mapping[str, str], grant: Callable[[], Response]) -> Response:
    """Return what `grant` answers to a form at an address, and the same to the same press again.

    Raises:
        AlreadyAnswered: as `Once`.
    """
    key = form.get("idempotency_key")
    if not key:
        return grant()
    said = sorted((name, value) for name, value in form.items() if name != "idempotency_key")
    content = repr((address, said)).encode(errors="replace")
    named = f"{key[:_KEY_CHARACTERS]}.{hashlib.sha256(content).hexdigest()}"  # with other words it is another press
    return once("POST", named, content, within=_WITHIN)(scope, grant)

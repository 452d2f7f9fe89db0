"""What a name may be, for people and for providers alike."""

import re

from app.domain.errors import Invalid, Problem
from app.domain.projects import NAME_LIMIT

# What a fine-tuned model may be called: the narrowest provider rule among ours (Azure OpenAI: 18 characters are
# counted by the provider itself; here, characters that every provider and every file system takes).
MODEL_NAME = re.compile(r"^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$")
# Characters that do not show, or turn what follows around: controls, formats, private ones and tags (Unicode 15.0:
# Cc, Cf, Zl, Zp, and Co of the first plane). Written so that Python and JSON Schema read the same.
_HIDDEN = (
    r"\x00-\x1f\x7f-\x9f\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    r"\ue000-\uf8ff\ufeff\ufff0-\ufffb\ufffe\uffff" + "\U000e0000-\U000e0fff"
)
_HAS_HIDDEN = re.compile(f"[{_HIDDEN}\ud800-\udfff]")  # lone surrogates never come through strict JSON
NAME_PATTERN = rf"^[^{_HIDDEN}]*[^{_HIDDEN}\s][^{_HIDDEN}]*$"


def name_problem(name: object, pointer: str, what: str) -> Problem | None:
    """Return what is wrong with a label for people, if anything is."""
    if not isinstance(name, str) or not name.strip():
        return Problem(pointer, "missing", f"{what} needs a name.", "Type a short name.")
    if len(name) > NAME_LIMIT:
        return Problem(pointer, "length", f"The name has {len(name)} characters.", f"Use at most {NAME_LIMIT}.")
    if _HAS_HIDDEN.search(name):
        return Problem(pointer, "characters", "The name has invisible characters.", "Type it anew, without pasting.")
    return None


def checked_name(name: object, pointer: str, what: str) -> str:
    """Return a label for people, trimmed.

    Raises:
        Invalid: when there is something wrong with it.
    """
    problem = name_problem(name, pointer, what)
    if problem is not None or not isinstance(name, str):
        raise Invalid([problem] if problem is not None else [])
    return name.strip()


def fitting_name(text: str, otherwise: str) -> str:
    """Return a label for people made of a text, such as a file's name, that nobody typed as one."""
    return _HAS_HIDDEN.sub("", text).strip()[:NAME_LIMIT].strip() or otherwise


def model_name_problem(name: object, pointer: str) -> Problem | None:
    """Return what is wrong with a fine-tuned model's name, if anything is."""
    if not isinstance(name, str) or not name.strip():
        fix = "Type a short name, for example support-triage."
        return Problem(pointer, "missing", "The fine-tuned model needs a name.", fix)
    if MODEL_NAME.match(name) is None:
        fix = "Use at most 64 lower-case letters, digits and hyphens, for example support-triage."
        return Problem(pointer, "characters", "The name has characters that a model's name may not have.", fix)
    return None

"""What a name may be, for people and for providers alike."""

import re
import unicodedata

from app.domain.errors import Invalid, Problem
from app.domain.projects import NAME_LIMIT

# What a fine-tuned model may be called: the narrowest provider rule among ours (Azure OpenAI: 18 characters are
# counted by the provider itself; here, characters that every provider and every file system takes).
MODEL_NAME = re.compile(r"^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$")
_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def name_problem(name: object, pointer: str, what: str) -> Problem | None:
    """Return what is wrong with a label for people, if anything is."""
    if not isinstance(name, str) or not name.strip():
        return Problem(pointer, "missing", f"{what} needs a name.", "Type a short name.")
    if len(name) > NAME_LIMIT:
        return Problem(pointer, "length", f"The name has {len(name)} characters.", f"Use at most {NAME_LIMIT}.")
    if any(unicodedata.category(character) in _HIDDEN for character in name):
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


def model_name_problem(name: object, pointer: str) -> Problem | None:
    """Return what is wrong with a fine-tuned model's name, if anything is."""
    if not isinstance(name, str) or not name.strip():
        fix = "Type a short name, for example support-triage."
        return Problem(pointer, "missing", "The fine-tuned model needs a name.", fix)
    if MODEL_NAME.match(name) is None:
        fix = "Use at most 64 lower-case letters, digits and hyphens, for example support-triage."
        return Problem(pointer, "characters", "The name has characters that a model's name may not have.", fix)
    return None

"""Which installation this is: a short random name in a file of the data folder, made when it is first needed."""

import os
import re
import secrets
from pathlib import Path

from app.kit.whole_files import draft_of

_FILE = "installation"
_FORM = re.compile(r"[0-9a-f]{12}")


def installation_name(folder: Path) -> str:
    """Return the twelve hexadecimal digits that stand for the installation whose data lies in `folder`.

    Two processes that ask at once get the same answer; a kill at any instant leaves a whole file or none.

    Raises:
        OSError: when the file can be neither read nor made.
    """
    file = folder / _FILE
    try:
        return _read(file)
    except FileNotFoundError:
        folder.mkdir(parents=True, exist_ok=True)
    draft = draft_of(file)
    with draft.open("w", encoding="ascii") as made:
        made.write(secrets.token_hex(6) + "\n")
        made.flush()
        os.fsync(made.fileno())
    try:
        os.link(draft, file)
    except FileExistsError:
        pass  # somebody else was first
    finally:
        draft.unlink(missing_ok=True)
    return _read(file)


def _read(file: Path) -> str:
    text = file.read_text(encoding="ascii").strip()
    if _FORM.fullmatch(text) is None:
        raise OSError(f"{file} does not hold an installation's name (twelve hexadecimal digits).")
    return text

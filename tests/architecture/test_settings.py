"""Every setting is documented, with the default and the sentence that the code has."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

from app.settings import Settings
from tests.architecture.tree import ROOT

ROW = re.compile(r"\| `TUNEDESK_(\w+)` \| (?:`(.*)`)? *\| (.+) \|")


def documented() -> Iterator[tuple[str, str, str]]:
    """The rows of the table as (name, default, sentence)."""
    for line in (ROOT / "docs" / "settings.md").read_text(encoding="utf-8").splitlines():
        if match := ROW.fullmatch(line):
            yield match[1].lower(), match[2] or "", match[3]


def shown(default: object) -> str:
    """A default as an environment variable would say it."""
    match default:
        case None | "":
            return ""
        case Path():
            return f"./{default.relative_to(ROOT).as_posix()}"
        case tuple():
            return json.dumps(list(default))
        case bool():
            return str(default).lower()
    return str(default)


def test_every_setting_stands_in_the_documentation_as_it_is_in_the_code() -> None:
    fields = Settings.model_fields.items()
    assert list(documented()) == [(name, shown(field.default), field.description) for name, field in fields]

"""The words of pages that code writes: from the same catalogue as the templates', looked up once."""

import gettext as library
from pathlib import Path

LANGUAGE = "en"
_LOCALE = Path(__file__).parents[1] / "locale"  # <language>/LC_MESSAGES/messages.mo; without one, English

# The standard library's own `gettext` looks for a catalogue on the disk at every call: a twentieth of a page of jobs.
translations = library.translation("messages", str(_LOCALE), [LANGUAGE], fallback=True)
gettext = translations.gettext
ngettext = translations.ngettext

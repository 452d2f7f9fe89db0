"""The one place that knows Jinja: strict, escaping, translated; it takes a name and values, and gives text."""

import gettext
import hashlib
import json
import re
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from functools import cache, partial
from pathlib import Path
from types import SimpleNamespace

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from jinja2.ext import Extension
from markupsafe import Markup

from app.domain.staleness import stale_since
from app.web.i18n import LANGUAGE, translations
from app.web.presses import fresh_key
from app.web.views import charts, formats

_JINJA = r"\{\{(?:(?!\}\}).)*\}\}|\{%(?:(?!%\}).)*%\}"
_FORM = re.compile(
    rf"""(<form\b(?=[^>]*\bmethod="post")(?:[^>{{]|{_JINJA})*?\baction="((?:[^"{{]|{_JINJA})*)"(?:[^>{{]|{_JINJA})*>)"""
    r"(.*?)(</form>)",
    re.DOTALL,
)
_reader: ContextVar[object] = ContextVar("reader", default=None)
_PLAIN = re.compile(r"""(?<![\w.])_\((?:"([^"%{}\\]+)"|'([^'%{}\\]+)')\)""")  # with variables they stay calls


class Templates:
    """The templates of one application, compiled once and rendered without a request.

    `templates` holds the pages, `static` the files whose content hash goes into their address.
    """

    def __init__(self, templates: Path, static: Path) -> None:
        self._static = static
        self._hashes: dict[str, str] = {}
        self.environment = Environment(
            loader=FileSystemLoader(templates),
            auto_reload=False,  # like the code beside them; each page would look at every file it is made of
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=["jinja2.ext.i18n", PlainWords, GuardedForms],
        )
        self.environment.install_gettext_translations(translations, newstyle=True)  # type: ignore[attr-defined]
        self.environment.filters.update(_filters(translations))
        # A macro's context is copied when its template loads, so the namespace is there first and filled afterwards.
        components = SimpleNamespace()
        self.environment.globals.update(
            asset=self.asset,
            fresh_key=fresh_key,
            refusal=refusal,
            language=LANGUAGE,
            ui=components,
            navigation=cache(self._navigation),
        )
        vars(components).update(self._components())

    def render(self, name: str, context: Mapping[str, object]) -> str:
        """The template `name` filled with `context`; a name that the context lacks is an error, never an empty spot."""
        before = _reader.set(context.get("frame"))
        try:
            return self.environment.get_template(name).render(context)
        finally:
            _reader.reset(before)

    def part(self, name: str, context: Mapping[str, object]) -> Markup:
        """The same, to be written down in other templates as it is."""
        return Markup(self.render(name, context))  # noqa: S704 -- a template's own output

    def asset(self, path: str) -> str:
        """The address of a static file, with its content's hash, so that a browser never keeps an old one."""
        if path not in self._hashes:
            file = self._static / path
            self._hashes[path] = hashlib.sha256(file.read_bytes()).hexdigest()[:10] if file.is_file() else ""
        version = self._hashes[path]
        return f"/static/{path}?v={version}" if version else f"/static/{path}"

    def _navigation(self) -> Markup:
        """The places of the palette that are the same for everybody."""
        return self.part("_navigation.html", {})

    def _components(self) -> dict[str, object]:
        """Every macro of `components/` under one name, `ui`: a page imports nothing, so any block renders alone."""
        macros: dict[str, object] = {}
        for name in self.environment.list_templates(filter_func=lambda name: name.startswith("components/")):
            module = self.environment.get_template(name).module
            macros.update({key: value for key, value in vars(module).items() if not key.startswith("_")})
        return macros


def refusal(action: str) -> str:
    """Return what the reader of the page would be told who sent a form to this address; "" where they may."""
    asked = getattr(_reader.get(), "refusal", None)
    return str(asked(str(action))) if asked else ""


class GuardedForms(Extension):
    """Every form that its reader may not send is off, with the reason: no template has to think of it."""

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:  # noqa: ARG002 -- Jinja's
        """Put what is in a form that is posted into a field set that is off where the form's address refuses it."""
        return _FORM.sub(_guarded, source)


def _guarded(found: re.Match[str]) -> str:
    head, action, inside, end = found.groups()
    return (
        f"{head}{{% set off_for_reader %}}{{{{ refusal({_expression(action)}) }}}}{{% endset %}}"
        '{% if off_for_reader %}<fieldset class="refused" disabled title="{{ off_for_reader }}">{% endif %}'
        f'{inside}{{% if off_for_reader %}}<span class="refusal">{{{{ off_for_reader }}}}</span></fieldset>'
        f"{{% endif %}}{end}"
    )


def _expression(written: str) -> str:
    """Return an attribute's text as an expression of Jinja's that gives what it is when the page is made."""
    parts = re.split(r"\{\{(.*?)\}\}", written)
    return " ~ ".join(f"({part})" if at % 2 else json.dumps(part) for at, part in enumerate(parts) if part)


class PlainWords(Extension):
    """Words without variables, translated when a template is compiled: a page has a hundred of them."""

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:  # noqa: ARG002 -- Jinja's
        """Put the words as a literal, which Jinja escapes as it does any, where the source says `_("…")`."""
        return _PLAIN.sub(lambda found: json.dumps(translations.gettext(found[1] or found[2])), source)


def _filters(tr: gettext.NullTranslations) -> dict[str, Callable[..., object]]:
    return {
        "ago": partial(formats.ago, tr),
        "exact": formats.exact,
        "iso": formats.iso,
        "clock_time": formats.clock_time,
        "duration": formats.duration,
        "number": formats.number,
        "compact": formats.compact,
        "signed": formats.signed,
        "size": formats.size,
        "percent": formats.percent,
        "money": partial(formats.money, tr),
        "visible": formats.visible,
        "pretty_json": pretty_json,
        "stale_since": stale_since,
        "sparkline": charts.sparkline,
    }


def pretty_json(value: object) -> str:
    """JSON for reading, non-ASCII as written."""
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)

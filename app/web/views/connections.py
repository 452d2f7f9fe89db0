"""What the pages of connections show and send, computed from frozen values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.domain.connection_kinds import ConnectionKind
from app.domain.connections import Connection
from app.domain.fields import ConnectionField, asked, needed
from app.web.i18n import gettext as _
from app.web.views.parts import Choice, FieldError, Question

SETTING, SECRET = "settings.", "secrets."


@dataclass(frozen=True, slots=True, kw_only=True)
class FormField:
    """One field of a connection's form. `kept`: a secret is kept for it, and may be left as it is."""

    field: ConnectionField
    id: str
    name: str
    value: str
    error: str | None
    kept: bool = False
    needed: bool = False

    @property
    def choices(self) -> list[Choice]:
        """The choices as radio cards take them."""
        return [Choice(value=value, label=label) for value, label in self.field.choices.items()]

    @property
    def options(self) -> list[tuple[str, str]]:
        """The choices as a select takes them."""
        return list(self.field.choices.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionForm:
    """A connection's form: `leading` decides which `others` are asked for."""

    kind: ConnectionKind
    leading: Sequence[FormField]
    others: Sequence[FormField]
    name: str
    slots: str
    errors: Mapping[str, str]  # by field

    def error_of(self, field: str) -> str | None:
        """Return what is wrong with a field, if anything is."""
        return self.errors.get(field)


def form_of(
    kind: ConnectionKind,
    values: Mapping[str, str],
    errors: Sequence[FieldError],
    *,
    kept: bool = False,
    name: str = "",
    slots: str,
) -> ConnectionForm:
    """Return the form with `values` by field name; of secrets nothing is ever shown again, only that they are kept."""
    messages = {each.field: each.message for each in errors}
    leaders = {each.only_if[0] for each in kind.fields if each.only_if}

    def shown(field: ConnectionField) -> FormField:
        group = "secrets" if field.secret else "settings"
        identifier = f"{group}-{field.name}"
        return FormField(
            field=field,
            id=identifier,
            name=f"{group}.{field.name}",
            value="" if field.secret else values.get(field.name, field.default),
            error=messages.get(identifier),
            kept=kept and field.secret,
            needed=needed(field, values) and not (kept and field.secret),
        )

    fields = [shown(each) for each in asked(kind.fields, values)]
    return ConnectionForm(
        kind=kind,
        leading=[each for each in fields if each.field.name in leaders],
        others=[each for each in fields if each.field.name not in leaders],
        name=name,
        slots=slots,
        errors=messages,
    )


def typed(form: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Return (settings, secrets) of a form; a secret left empty is none."""
    settings = {name.removeprefix(SETTING): value for name, value in form.items() if name.startswith(SETTING)}
    secrets = {name.removeprefix(SECRET): value for name, value in form.items() if name.startswith(SECRET) and value}
    return settings, secrets


def whole(text: str) -> int:
    """Return a number of places; what is none stays out of range."""
    return int(text) if text.strip().isdecimal() and len(text.strip()) < 5 else -1  # noqa: PLR2004 -- four digits


def deletion(connection: Connection) -> Question:
    """Return the question that stands before a connection's deletion."""
    return Question(
        title=_("Delete this connection?"),
        message=_("Its settings and stored secrets are deleted. What exists at the provider stays there."),
        action=f"/connections/{connection.id}/delete",
        yes=_("Delete connection"),
        no=_("Keep it"),
        back=f"/connections/{connection.id}",
    )


def settings_of(kind: ConnectionKind | None, connection: Connection) -> list[tuple[str, str]]:
    """Return what is set as (label, value) in the order of the form; secrets are none of it."""
    if kind is None:
        return []
    rows = []
    for each in asked(kind.fields, connection.settings):
        value = connection.settings.get(each.name, "")
        if value and not each.secret:
            rows.append((each.label, each.choices.get(value, value)))
    return rows

"""What the pages show on which it is chosen where jobs run, computed from a kind's steps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from app.domain.discovery import Choice, Creation, Step
from app.domain.fields import ConnectionField
from app.web.views.formats import visible
from app.web.views.parts import FieldError


@dataclass(frozen=True, slots=True, kw_only=True)
class StepList:
    """What a step lists, and what is chosen of it; or why that cannot be told."""

    step: Step
    value: str
    items: Sequence[Choice]
    problem: str

    @property
    def options(self) -> list[tuple[str, str]]:
        """The choices as a select takes them."""
        return [(each.value, visible(f"{each.title} · {each.detail}" if each.detail else each.title))
                for each in self.items]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class CreationField:
    """A field of a creation's form; one with `options` is chosen, any other typed."""

    field: ConnectionField
    id: str
    value: str
    error: str | None
    options: Sequence[tuple[str, str]] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CreationForm:
    """The form of something to be made; it is not `possible` where a field has nothing to be chosen from."""

    creation: Creation
    fields: Sequence[CreationField]

    @property
    def possible(self) -> bool:
        """Whether there is something to choose for each field that is chosen."""
        return all(each.options != [] for each in self.fields)


def chosen(steps: Sequence[Step], given: Mapping[str, str], settings: Mapping[str, str]) -> dict[str, str]:
    """Return each step's value: as given, or as the connection is set for as long as what is given is that, too."""
    found, same = {}, True
    for each in steps:
        own = settings.get(each.setting, "")
        found[each.name] = given.get(each.name, "") or (own if same else "")
        same = same and found[each.name] == own
    return found


def forms(
    creations: Sequence[Creation],
    items: Sequence[Choice],
    typed: Mapping[str, Mapping[str, str]],
    settings: Mapping[str, str],
    errors: Sequence[FieldError],
) -> list[CreationForm]:
    """Return the forms of what can be made beside `items`; `typed` by creation."""
    messages = {each.field: each.message for each in errors}

    def shown(creation: Creation, field: ConnectionField) -> CreationField:
        kind, identifier = creation.picks.get(field.name), f"{creation.name}-{field.name}"
        options = [(each.value, visible(each.value)) for each in items if each.kind == kind]
        return CreationField(
            field=field,
            id=identifier,
            value=typed.get(creation.name, settings).get(field.name, ""),
            error=messages.get(identifier),
            options=options if kind else None,
        )

    return [CreationForm(creation=each, fields=[shown(each, field) for field in each.fields]) for each in creations]


def making_address(identifier: str, creation: Creation, steps: Sequence[Step], values: Mapping[str, str]) -> str:
    """Return the address of the page that follows the making of something."""
    query = {"kind": creation.name, **{each.name: values[each.name] for each in steps}}
    return f"/connections/{identifier}/making?{urlencode(query)}"


def choosing_address(identifier: str, steps: Sequence[Step], values: Mapping[str, str]) -> str:
    """Return the address of the page with all lists but the last chosen."""
    given = {each.name: values[each.name] for each in steps[:-1] if values.get(each.name)}
    return f"/connections/{identifier}/choose" + (f"?{urlencode(given)}" if given else "")

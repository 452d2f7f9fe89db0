"""Where a connection's jobs run, chosen from what its account sees, and made there when it is missing.

A kind of connection brings its steps as data: each is one choice, made within the choices before it. What the things
are called only the kind knows; pages and REST are made from the steps.
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from app.domain.fields import ConnectionField
from app.domain.profiles import Ability


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One thing that a step lists; it may be chosen where it is `usable`. `item` is the kind's own value of it."""

    value: str
    title: str
    item: object
    detail: str = ""
    kind: str = ""
    usable: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One choice on the way to where jobs run.

    `field` names it on pages and in REST, and says how its value looks; `setting` is the setting of the connection that
    it becomes. `path` is the address of its list in REST, `item` the dataclass whose fields are listed there, `about`
    a sentence on the list. The rest are words of the page: over the list, in place of an empty one, on the button that
    leads to the next list, and, for the last step, over the page.
    """

    field: ConnectionField
    setting: str
    path: str
    item: type
    about: str
    heading: str
    empty: str
    onward: str = ""
    choose: str = ""

    @property
    def name(self) -> str:
        """What pages and REST call its value."""
        return self.field.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Creation:
    """Something that can be made where the last step does not list it, with `fields` of its own.

    `noun` is what REST calls it, `name` what the kind does.
    `picks` names, for a field that is chosen from the last list, the kind of choice that it takes. `path` is its
    address in REST, `kinds` what may turn out to be there, `about` and `progress` a sentence on making it and on
    looking at it. `then` names what is made within it next; where that is empty, jobs can run in it. The rest are
    words of the page.
    """

    name: str
    noun: str
    path: str
    kinds: type[StrEnum]
    fields: Sequence[ConnectionField]
    about: str
    progress: str
    heading: str
    button: str
    doing: str
    following: str  # the button that goes on once it is there
    subheading: str = ""
    note: str = ""
    lacking: str = ""  # in place of the form, where there is nothing to pick
    then: str = ""
    picks: Mapping[str, str] = field(default_factory=dict)


class Discovers(Ability):
    """To list what the account can see; each call returns within seconds and raises nothing but BackendError."""

    @abstractmethod
    def choices(self, step: str, chosen: Mapping[str, str]) -> Sequence[Choice]:
        """Return what a step of the kind lists, by name; `chosen` holds the values of the steps before it.

        Raises:
            NotFound: when the kind has no such step.
        """


class ProvisioningStatus(StrEnum):
    """Where the making of something stands."""

    CREATING = "creating"
    READY = "ready"
    FAILED = "failed"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Provisioning:
    """Something that is being made, as one look finds it."""

    kind: str
    name: str
    status: ProvisioningStatus
    message: str = ""
    raw_status: str = ""


class Provisions(Ability):
    """To make what is missing. A repeat finds what the first call began, and nothing of others is changed."""

    @abstractmethod
    def provision(self, creation: str, values: Mapping[str, str]) -> None:
        """Begin to make something of the kind's creations, of the values of all its fields and of the steps before.

        Raises:
            Rejected: when something else has its name, or what it is to be made in is not there.
        """

    @abstractmethod
    def provisioning(self, creation: str, values: Mapping[str, str]) -> Provisioning:
        """Look at what is being made."""

"""What a backend says of itself before it is asked for anything, and what an ability is."""

from abc import ABC
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


class Ability(ABC):  # noqa: B024 -- each ability names methods of its own
    """Something that a backend may be able to do, beyond training.

    An ability is a direct subclass with abstract methods. A backend has it by inheriting from it, so that mypy holds
    each signature against it and a missing method is an error as soon as the backend is made; whether one has it is
    asked with `isinstance`. Every method returns within seconds and raises nothing but `BackendError`.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendProfile:
    """What a backend is, for people and for the pages.

    `runs_here`: on this machine, so nothing leaves it. `bills`: somebody is charged for what is done there.
    `accepts_paths`: a base model may be a directory or a hub's id. `methods` are the training methods that it knows at
    all; a model may take fewer. `slots`: how many jobs may be active there at once, unless a connection says so.
    `notice` stands wherever its jobs are shown. `model_help` tells how a base model's id is written.
    `cannot` gives, for an ability that it has not, the sentence why.
    """

    id: str
    title: str
    bills: bool  # without a default: whoever forgets it must not be taken for free
    runs_here: bool = False
    accepts_paths: bool = False
    methods: Sequence[str] = ("sft",)
    slots: int = 4
    notice: str = ""
    model_help: str = ""
    cannot: Mapping[type[ABC], str] = field(default_factory=dict)

    @property
    def connection_id(self) -> str:
        """The id of the connection that leads to it from the start, where it belongs to the installation."""
        return f"con_{self.id}"

    def why_not(self, ability: type[ABC]) -> str:
        """Return why it has not got an ability, as a sentence."""
        return self.cannot.get(ability) or f"{self.title} cannot do this."

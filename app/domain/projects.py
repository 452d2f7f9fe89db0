"""A project: what a team is after, and why fine-tuning is the way."""

from dataclasses import dataclass, field
from datetime import datetime

NAME_LIMIT = 80
TEXT_LIMIT = 4000


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRecord:
    """The lesson's questions "when to fine-tune?", answered once."""

    use_case: str = ""
    alternatives_tried: str = ""
    costs: str = ""
    benefits: str = ""

    @property
    def answered(self) -> int:
        """How many of the four questions have an answer."""
        return sum(bool(text.strip()) for text in (self.use_case, self.alternatives_tried, self.costs, self.benefits))


@dataclass(frozen=True, slots=True)
class ProjectName:
    """As much of a project as a list to choose from shows."""

    id: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A project."""

    id: str
    name: str
    description: str = ""
    decision: DecisionRecord = field(default_factory=DecisionRecord)
    created_at: datetime
    updated_at: datetime

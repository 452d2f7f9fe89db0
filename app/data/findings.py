"""Collecting findings: all of them counted, the first of each kind kept."""

from collections import Counter
from collections.abc import Callable, Collection

from app.data.limits import Limits
from app.data.rules import ALL, Issue, Rule
from app.domain.datasets import Finding, RuleCount, Severity

Heard = Callable[[int, Issue], object]


class Findings:
    """What was found so far; never holds more than the limits allow."""

    def __init__(
        self,
        limits: Limits,
        source: Callable[[int], str] = lambda _: "",
        heard: Heard | None = None,
        wanted: Collection[Rule] = ALL,
    ) -> None:
        """`source` says where a line stood in the file that it was made from; `heard` is told all about lines.

        What breaches a rule that is not `wanted` is passed over.
        """
        self._wanted = frozenset(wanted)
        self._limits, self._source, self._heard = limits, source, heard
        self._kept: list[Finding] = []
        self._counts: Counter[Rule] = Counter()
        self.errors = 0

    def wants(self, rule: Rule) -> bool:
        """Return whether breaches of a rule are asked for."""
        return rule in self._wanted

    def add(self, issue: Issue, *, line: int | None = None, offset: int | None = None) -> None:
        """Count a trouble, and keep it while there is room; `offset` is the first byte of its line."""
        rule = issue.rule
        if rule not in self._wanted:
            return
        self._counts[rule] += 1
        self.errors += rule.severity is Severity.ERROR
        if self._heard and line is not None:
            self._heard(line, issue)
        if len(self._kept) >= self._limits.findings and self._counts[rule] > self._limits.findings_per_rule:
            return
        self._kept.append(
            Finding(
                line=line,
                offset=offset if issue.at is None or offset is None else offset + issue.at,
                column=issue.column,
                path=issue.path,
                rule=rule.id,
                severity=rule.severity,
                message=issue.message,
                fix=issue.fix or rule.fix,
                source="" if line is None else self._source(line),
            )
        )

    @property
    def warnings(self) -> int:
        """The number of warnings, kept or not."""
        return sum(number for rule, number in self._counts.items() if rule.severity is Severity.WARNING)

    def kept(self) -> tuple[Finding, ...]:
        """The findings that were kept: the file's own first, then in the order of lines."""
        return tuple(sorted(self._kept, key=lambda finding: finding.line or 0))

    def rules(self) -> tuple[RuleCount, ...]:
        """The exact number of findings by rule: errors first, then the most frequent."""
        order = list(Severity)
        counts = [
            RuleCount(rule=rule.id, severity=rule.severity, title=rule.title, count=number)
            for rule, number in self._counts.items()
        ]
        return tuple(sorted(counts, key=lambda count: (order.index(count.severity), -count.count, count.rule)))

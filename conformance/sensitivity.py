"""How sensitive a profile is: faults caught, requirements named rightly, permitted behaviour left alone. Numbers only, no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One run against a twin with one fault, or one permitted variant.

    `red` are the requirements that failed, `expected` those the fault must turn red (only such as were judged without it).
    """

    profile: str
    kind: str  # fault, variant or twin
    name: str
    group: str = ""
    sentence: str = ""
    seed: int = 1
    expected: frozenset[str] = frozenset()
    red: frozenset[str] = frozenset()
    errors: frozenset[str] = frozenset()
    requests: int = 0
    seconds: float = 0.0

    @property
    def killed(self) -> bool:
        """Whether the fault was caught."""
        return bool(self.red)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensitivity:
    """Totals over trials. Shares are None where there is no denominator.

    precision is |red ∩ expected| / |red|, recall |red ∩ expected| / |expected|, each summed over the faults;
    a false finding is a red requirement on a faultless twin or a permitted variant.
    """

    faults: int
    killed: int
    red: int
    expected: int
    both: int
    false_findings: int
    variants: int
    errors: int
    requests: int
    seconds: float
    survivors: tuple[str, ...]

    @property
    def kill_rate(self) -> float | None:
        """Share of the faults that were caught."""
        return self.killed / self.faults if self.faults else None

    @property
    def precision(self) -> float | None:
        """Share of what turned red that should have."""
        return self.both / self.red if self.red else None

    @property
    def recall(self) -> float | None:
        """Share of what should have turned red that did."""
        return self.both / self.expected if self.expected else None


def sensitivity(trials: Iterable[Trial]) -> Sensitivity:
    """Add up trials."""
    every = list(trials)
    faults: Sequence[Trial] = [t for t in every if t.kind == "fault"]
    others = [t for t in every if t.kind != "fault"]
    return Sensitivity(
        faults=len(faults), killed=sum(t.killed for t in faults), red=sum(len(t.red) for t in faults), expected=sum(len(t.expected) for t in faults),
        both=sum(len(t.red & t.expected) for t in faults), false_findings=sum(len(t.red) for t in others), variants=len(others),
        errors=sum(len(t.errors) for t in every), requests=sum(t.requests for t in every), seconds=sum(t.seconds for t in every),
        survivors=tuple(f"{t.profile}: {t.name}" for t in faults if not t.killed),
    )  # fmt: skip

"""How sensitive a profile is: faults caught, requirements named rightly, permitted behaviour left alone. Numbers only, no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field


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
    """Totals over trials. Shares are None where there is no denominator; a fault that no judged requirement speaks of does not apply.

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
    faults: Sequence[Trial] = [t for t in every if t.kind == "fault" and t.expected]
    others = [t for t in every if t.kind != "fault"]
    return Sensitivity(
        faults=len(faults), killed=sum(t.killed for t in faults), red=sum(len(t.red) for t in faults), expected=sum(len(t.expected) for t in faults),
        both=sum(len(t.red & t.expected) for t in faults), false_findings=sum(len(t.red) for t in others), variants=len(others),
        errors=sum(len(t.errors) for t in every), requests=sum(t.requests for t in every), seconds=sum(t.seconds for t in every),
        survivors=tuple(f"{t.profile}: {t.name}" for t in faults if not t.killed),
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One fault of a stored matrix: what it must turn red, and what it did."""

    group: str
    sentence: str
    expected: tuple[str, ...] = ()
    red: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """The kill matrix of one profile, fault × requirement, as it was when it was stored; variants were without a finding."""

    profile: str
    edition: str
    faults: Mapping[str, Row] = field(default_factory=dict)
    variants: tuple[str, ...] = ()
    seeds: int = 1
    requests: int = 0

    def catchers(self, requirement: str) -> tuple[str, ...]:
        """Return the faults that this requirement is known to catch."""
        return tuple(name for name, row in self.faults.items() if requirement in row.red)


def matrix(profile: str, edition: str, trials: Iterable[Trial]) -> Matrix:
    """Return the matrix of one profile's trials."""
    every = sorted(trials, key=lambda t: (t.name, t.seed))
    return Matrix(
        profile=profile, edition=edition,
        faults={
            t.name: Row(group=t.group, sentence=t.sentence, expected=tuple(sorted(t.expected)), red=tuple(sorted(t.red)))
            for t in every if t.kind == "fault" and t.expected
        },
        variants=tuple(dict.fromkeys(t.name for t in every if t.kind == "variant")),
        seeds=max((t.seed for t in every), default=1), requests=sum(t.requests for t in every),
    )  # fmt: skip


def worse(stored: Matrix, now: Iterable[Trial]) -> list[str]:
    """Say what trials of a profile show that is worse than its stored matrix: a kill lost, an expected red lost, a false finding, an error."""
    found = []
    for t in now:
        row = stored.faults.get(t.name)
        if t.kind == "fault" and row and row.red and not t.red:
            found.append(f"{t.profile}: {t.name} was caught by {', '.join(row.red[:3])} and survives now")
        elif t.kind == "fault" and row:
            lost = sorted(set(row.red) & set(row.expected) & t.expected - t.red)
            found += [f"{t.profile}: {t.name} no longer turns {one} red" for one in lost]
        elif t.kind != "fault":
            found += [f"{t.profile}: {one} fails on a permitted variant, {t.name} (seed {t.seed})" for one in sorted(t.red)]
        found += [f"{t.profile}: {t.name}: error in {one}" for one in sorted(t.errors)]
    return found

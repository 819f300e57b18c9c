"""The board: systems, their cells (system and profile), histories, who fails alike. A pure function of what was gathered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any

from conformance.dashboard.gathering import Gathered, Pair, SystemFacts
from conformance.dashboard.knowledge import Knowledge
from conformance.dashboard.summary import Detail, Line, Row, detail_of, verdicts_of
from conformance.disposition import Disposition, day_of
from conformance.verdict import Verdict

DAY = 86_400.0
#: Evidence older than this is shown as stale.
STALE_DAYS = 90
#: Kinds of systems whose results tell of implementations; twins are ours, mocks were made for tests.
IMPLEMENTATIONS = ("product", "reference")
KINDS = ("product", "reference", "twin", "mock", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """What changed from one run of a cell to the next; empty `flips` and not `comparable`: another profile judged."""

    line: Line
    comparable: bool
    flips: tuple[tuple[str, Verdict | None, Verdict | None], ...]


@dataclass(kw_only=True)
class System:
    """A system under test; its cells by profile."""

    name: str
    partner: str
    kind: str
    title: str
    facts: SystemFacts | None
    cells: dict[str, Cell] = field(default_factory=dict)

    @property
    def counts(self) -> bool:
        """Whether it is an implementation, and no twin or mock."""
        return self.kind in IMPLEMENTATIONS

    @property
    def unexecuted(self) -> tuple[str, ...]:
        """Profiles that the testbed says it has, and no run shows."""
        said = (*self.facts.profiles, *self.facts.claims) if self.facts else ()
        return tuple(sorted({p.partition("@")[0] for p in said} - set(self.cells)))


@dataclass(kw_only=True)
class Cell:
    """A system and a profile: its runs, oldest first. The latest whole selection stands for it."""

    system: System
    profile: str
    lines: tuple[Line, ...]
    gathered: Gathered = field(repr=False)
    as_of: float

    @cached_property
    def latest(self) -> Line:
        """The newest run of the whole profile; where there is none, the newest."""
        whole = [line for line in self.lines if not line.selected]
        return (whole or self.lines)[-1]

    @cached_property
    def detail(self) -> Detail:
        """The details of the latest run."""
        cache = self.gathered.cache
        found = cache.detail(self.latest.key)
        if found is None:
            found = detail_of(self.gathered.run(self.latest))
            cache.keep_detail(self.latest.key, found)
        return found

    @cached_property
    def rows(self) -> Mapping[str, Row]:
        """The latest results by requirement."""
        return {row.requirement: row for row in self.detail.rows}

    @property
    def age_days(self) -> int:
        """How old the latest run is, in whole days."""
        return max(0, int((self.as_of - self.latest.started) // DAY))

    @property
    def stale(self) -> bool:
        """Whether the latest run is too old to rely on."""
        return self.age_days > STALE_DAYS

    @property
    def previous(self) -> Line | None:
        """The run before the latest, of the whole profile."""
        before = [line for line in self.lines[: self.lines.index(self.latest)] if not line.selected]
        return before[-1] if before else None

    def verdicts(self, line: Line) -> dict[str, Verdict]:
        """Return requirement -> verdict of a run of this cell."""
        return verdicts_of(line, self.gathered.cache.names[line.names])

    def transition(self, before: Line | None, after: Line) -> Transition:
        """Return what changed between two runs; runs that different profiles judged are not compared."""
        if before is None or before.judged_by != after.judged_by:
            return Transition(line=after, comparable=before is None, flips=())
        if before.names == after.names and before.verdicts == after.verdicts:
            return Transition(line=after, comparable=True, flips=())
        old, new = self.verdicts(before), self.verdicts(after)
        flips = tuple((n, old.get(n), new.get(n)) for n in sorted({*old, *new}) if old.get(n) != new.get(n))
        return Transition(line=after, comparable=True, flips=flips)

    @cached_property
    def history(self) -> tuple[Transition, ...]:
        """Every run with what it changed, newest first; a run of a selection is compared with nothing."""
        found: list[Transition] = []
        before: Line | None = None
        for line in self.lines:
            if line.selected:
                found.append(Transition(line=line, comparable=True, flips=()))
                continue
            found.append(self.transition(before, line))
            before = line
        return tuple(reversed(found))


@dataclass(kw_only=True)
class Board:
    """Everything the pages show."""

    gathered: Gathered
    knowledge: Knowledge
    dispositions: tuple[Disposition, ...]
    as_of: float
    systems: dict[str, System]
    partners: dict[str, tuple[System, ...]]

    @cached_property
    def cells(self) -> tuple[Cell, ...]:
        """All cells, by system and profile."""
        return tuple(cell for system in self.systems.values() for _, cell in sorted(system.cells.items()))

    @cached_property
    def profiles(self) -> dict[str, tuple[Cell, ...]]:
        """The cells of each profile."""
        found: dict[str, list[Cell]] = {}
        for cell in self.cells:
            found.setdefault(cell.profile, []).append(cell)
        return {name: tuple(found[name]) for name in sorted(found)}

    def groups(self, profile: str) -> list[tuple[str, tuple[Cell, ...]]]:
        """Return the cells of a profile by what judged them, the newest first: within a group they can be compared."""
        found: dict[str, list[Cell]] = {}
        for cell in self.profiles.get(profile, ()):
            found.setdefault(cell.latest.judged_by, []).append(cell)
        order = sorted(found, key=lambda d: (-max(c.latest.started for c in found[d]), d))
        return [(d, tuple(found[d])) for d in order]

    def compared(self, profile: str) -> tuple[Cell, ...]:
        """Return the cells of a profile that were judged by the newest version in use."""
        groups = self.groups(profile)
        return groups[0][1] if groups else ()

    @cached_property
    def alike(self) -> Mapping[tuple[str, str, str], tuple[Cell, ...]]:
        """(profile, what judged, cause) -> the cells that fail for it."""
        found: dict[tuple[str, str, str], list[Cell]] = {}
        for cell in self.cells:
            for cause, _ in cell.detail.causes:
                found.setdefault((cell.profile, cell.latest.judged_by, cause), []).append(cell)
        return {key: tuple(cells) for key, cells in found.items()}

    @property
    def pairs(self) -> dict[tuple[str, str, str], Pair]:
        """(profile, A, B) -> the newest session."""
        return {(p.profile, p.a, p.b): p for p in sorted(self.gathered.pairs, key=lambda p: str(p.at))}

    def vocabulary(self, cell: Cell) -> frozenset[str]:
        """Return the public words of the profile of a cell."""
        return self.knowledge.vocabulary(cell.profile, cell.latest.edition)

    def disposed(self, cell: Cell, row: Row) -> Disposition | None:
        """Return the disposition of a requirement at a system; one that holds wins over one that has expired."""
        found = [d for d in self.dispositions if d.covers(row.requirement, cell.system.name)]
        return min(found, key=lambda d: (d.expired(day_of(self.as_of)), d.disposition != "waived", d.expires), default=None)


def make_board(gathered: Gathered, knowledge: Knowledge, dispositions: Sequence[Disposition] = (), as_of: float | None = None) -> Board:
    """Return the board.

    Args:
        as_of: the moment from which ages and expiries are counted, seconds since the epoch; default: the start of the newest run.
    """
    moment = as_of if as_of is not None else max((line.started for line in gathered.lines), default=0.0)
    systems: dict[str, System] = {}
    runs: dict[tuple[str, str], list[Line]] = {}
    for line in gathered.lines:
        if line.system not in systems:
            facts = gathered.systems.get(line.system)
            systems[line.system] = _system(line.system, facts, line.partner, line.kind)
        runs.setdefault((line.system, line.profile), []).append(line)
    for name, facts in gathered.systems.items():
        if name not in systems:
            systems[name] = _system(name, facts, facts.partner, facts.kind)
    order: Any = sorted(systems.values(), key=lambda s: (KINDS.index(s.kind), s.partner.casefold(), s.name.casefold(), s.name))
    for (system, profile), lines in sorted(runs.items()):
        own = systems[system]
        own.cells[profile] = Cell(system=own, profile=profile, lines=tuple(lines), gathered=gathered, as_of=moment)
    partners: dict[str, list[System]] = {}
    for one in order:
        partners.setdefault(one.partner, []).append(one)
    return Board(
        gathered=gathered, knowledge=knowledge, dispositions=tuple(dispositions), as_of=moment, systems={s.name: s for s in order},
        partners={name: tuple(found) for name, found in partners.items()},
    )  # fmt: skip


def _system(name: str, facts: SystemFacts | None, partner: str, kind: str) -> System:
    kind = facts.kind if facts else kind
    return System(
        name=name, partner=facts.partner if facts else partner, kind=kind if kind in KINDS else "", title=facts.title if facts else "",
        facts=facts,
    )  # fmt: skip


def days_left(one: Disposition, moment: float) -> int:
    """Return how many days a disposition still holds after the day of a moment; below zero: it has expired."""
    return (date.fromisoformat(one.expires) - day_of(moment)).days

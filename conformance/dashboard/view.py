"""The board as one audience may see it. Pages take what they show from here, never from the board's private parts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from conformance.dashboard import address
from conformance.dashboard.audience import WITHHELD, Audience, published
from conformance.dashboard.board import IMPLEMENTATIONS, Board, Cell, System, days_left
from conformance.dashboard.summary import Line, Row
from conformance.disposition import Disposition
from conformance.verdict import Level, Verdict
from conformance.writers.data import tally_data

#: Pages are written for so many of the newest runs of a cell; older ones are lines of its history.
RUN_PAGES = 3
#: Reasons that a run gives are told to others up to the first of these: what follows is what was seen.
_FOLLOWS = (":", "(")


@dataclass(kw_only=True)
class View:
    """A board and who looks at it."""

    board: Board
    audience: Audience

    # -- who ------------------------------------------------------------------------------------------------------------
    def systems(self) -> Iterator[System]:
        """Give the systems that are shown by name."""
        return (s for s in self.board.systems.values() if self.audience.names(s.partner))

    def cells(self) -> Iterator[Cell]:
        """Give the cells that are shown by name."""
        return (c for c in self.board.cells if self.audience.names(c.system.partner))

    def named(self, cell: Cell) -> bool:
        """Tell whether a cell is shown by name."""
        return self.audience.names(cell.system.partner)

    def owned(self, cell: Cell) -> bool:
        """Tell whether exchanges of a cell may be shown."""
        return self.audience.owns(cell.system.partner)

    def told(self, cells: Iterable[Cell]) -> bool:
        """Tell whether a figure over cells may be shown."""
        return self.audience.told(c.system.partner for c in cells if c.system.kind == "product")

    # -- what -----------------------------------------------------------------------------------------------------------
    def text(self, cell: Cell, text: str) -> str:
        """Return a text of a run: to its owner as it is, to others only if every word of it is public."""
        if not text or self.owned(cell) or published(text, self.board.vocabulary(cell)):
            return text
        return WITHHELD

    def cause(self, cell: Cell, cause: str, first: str) -> str:
        """Return a cause; a cause that is a requirement by itself stays one."""
        return cause if cause == first else self.text(cell, cause)

    def reason(self, cell: Cell, row: Row) -> str:
        """Return why a verdict is what it is: to others without what was seen."""
        if self.owned(cell):
            return row.reason
        if row.verdict in (Verdict.FAIL, Verdict.ERROR):
            return ""
        if row.reason.removeprefix("needs ") in cell.rows:
            return row.reason
        cut = min((at for sign in _FOLLOWS if (at := row.reason.find(sign)) > 0), default=len(row.reason))
        return self.text(cell, row.reason[:cut].strip())

    # -- as data --------------------------------------------------------------------------------------------------------
    def system_data(self, system: System) -> dict[str, Any]:
        """Return who a system is."""
        partner = self.board.gathered.partners.get(system.partner)
        return {
            "system": system.name, "title": system.title, "partner": system.partner,
            "partner_title": (partner.title if partner else "") or system.partner, "kind": system.kind, "counts": system.counts,
            "href": address.system(system.name), "partner_href": address.partner(system.partner),
        }  # fmt: skip

    def line_data(self, line: Line, cell: Cell) -> dict[str, Any]:
        """Return a run in a line, with the numbers of the scorer."""
        return {
            "run": line.run_id, "started": line.started, "date": day(line.started), "verdict": line.standing.value,
            "conclusion": line.conclusion if self.owned(cell) else untroubled(line.conclusion),
            "must": tally_data(line.tally(Level.MUST)), "should": tally_data(line.tally(Level.SHOULD)),
            "may": tally_data(line.tally(Level.MAY)), "complete": line.complete, "ended": line.ended, "edition": line.edition,
            "judged_by": line.judged_by, "run_by": line.run_by, "flipped": line.flipped, "suite": line.suite, "state": line.state,
            "selected": bool(line.selected), "requests": line.requests, "href": self.run_href(line, cell),
        }  # fmt: skip

    def run_href(self, line: Line, cell: Cell) -> str:
        """Return the page of a run, or where its line of the history is."""
        if line in self.pages_of(cell):
            return address.run(cell.system.name, cell.profile, line.run_id, line.digest)
        return f"{address.cell(cell.system.name, cell.profile)}#run-{line.digest[:10]}"

    def pages_of(self, cell: Cell) -> tuple[Line, ...]:
        """Return the runs of a cell that have a page of their own, newest first."""
        newest = [line for line in reversed(cell.lines) if line is not cell.latest][: RUN_PAGES - 1]
        return (cell.latest, *newest)

    def cell_data(self, cell: Cell) -> dict[str, Any]:
        """Return a cell as the tables show it."""
        line = cell.latest
        return {
            **self.line_data(line, cell), **{k: v for k, v in self.system_data(cell.system).items() if k != "href"},
            "profile": cell.profile, "profile_title": line.title, "interface": line.interface, "stale": cell.stale,
            "run_href": self.run_href(line, cell), "href": address.cell(cell.system.name, cell.profile), "runs": len(cell.lines),
            "system_href": address.system(cell.system.name), "profile_href": address.profile(cell.profile),
        }  # fmt: skip

    def row_data(self, cell: Cell, row: Row) -> dict[str, Any]:
        """Return a result of the latest run."""
        cause = row.cause or (row.requirement if row.verdict is Verdict.FAIL else "")
        return {
            "requirement": row.requirement, "level": row.level.value, "draft": row.draft, "basis": row.basis, "feature": row.feature,
            "clause": row.clause, "sentence": row.sentence, "verdict": row.verdict.value,
            "cause": self.cause(cell, cause, row.requirement) if cause else "", "reason": self.reason(cell, row),
            "href": address.requirement(row.requirement, cell.profile), "disposition": self.disposition_data(self.board.disposed(cell, row)),
            "failure_href": self.failure_href(cell, row),
        }  # fmt: skip

    def failure_href(self, cell: Cell, row: Row) -> str:
        """Return the page of the failure that a result is part of; '' when it did not fail or counts in no total."""
        if row.verdict is not Verdict.FAIL or row.draft:
            return ""
        first = next((names[0] for _, names in cell.detail.causes if row.requirement in names), row.requirement)
        return address.failure(cell.system.name, cell.profile, first)

    def causes_data(self, cell: Cell) -> list[dict[str, Any]]:
        """Return why the latest run failed, by cause, in the order of the scorer."""
        return [
            {
                "cause": self.cause(cell, cause, names[0]), "level": min((cell.rows[n].level for n in names), key=list(Level).index).value,
                "requirements": [self.row_data(cell, cell.rows[n]) for n in names],
                "also": self.also(cell, cause), "href": address.failure(cell.system.name, cell.profile, names[0]),
            }
            for cause, names in cell.detail.causes
        ]  # fmt: skip

    def also(self, cell: Cell, cause: str) -> dict[str, Any]:
        """Return who else fails the same way, among implementations that the same version of the profile judged."""
        alike = [c for c in self.board.alike.get((cell.profile, cell.latest.judged_by, cause), ()) if c is not cell]
        counted = [c for c in alike if c.system.counts]
        judged = [c for c in self.board.profiles[cell.profile] if c.latest.judged_by == cell.latest.judged_by and c.system.counts]
        others = [c for c in judged if c is not cell]
        return {
            "figure": {"count": len(counted), "of": len(others)} if self.told(others) else None,
            "systems": [self.system_data(c.system) | {"href": address.cell(c.system.name, c.profile)} for c in alike if self.named(c)],
        }

    def disposition_data(self, one: Disposition | None) -> dict[str, Any] | None:
        """Return a disposition as a result shows it."""
        if one is None:
            return None
        left = days_left(one, self.board.as_of)
        return {
            "disposition": one.disposition, "reason": one.reason, "owner": one.owner, "expires": one.expires,
            "days_left": left, "expired": left < 0, "issue": one.issue,
        }  # fmt: skip

    def figures(self, profile: str) -> dict[str, Any]:
        """Return how many implementations stand how, of those that one version of a profile judged; twins and mocks are none."""
        counted = [c for c in self.board.compared(profile) if c.system.kind in IMPLEMENTATIONS]
        partners = {c.system.partner for c in counted if c.system.kind == "product"}
        told = self.told(counted)
        standing = {
            v.value: sum(c.latest.standing is v for c in counted) for v in (Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.ERROR)
        }
        others = [c for c in self.board.profiles.get(profile, ()) if c.system.counts and c not in counted]
        return {
            "told": told, "implementations": len(counted) if told else None, "partners": len(partners) if told else None,
            "standing": standing if told else None, "judged_otherwise": len(others) if self.audience.kind == "task-force" else None,
        }  # fmt: skip


def untroubled(conclusion: str) -> str:
    """Return a conclusion without the trouble that it may end with: that was seen at the target."""
    return conclusion.partition(":")[0] if conclusion.startswith("nothing can be said") else conclusion


def day(seconds: float) -> str:
    """Return the day of a moment, UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")


def minute(seconds: float) -> str:
    """Return the minute of a moment, UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")

"""Pages of a partner, of a system, and of one profile at a system: claims against what was seen, failures by cause, history."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import partial
from typing import Any

from conformance.dashboard import address
from conformance.dashboard.board import Cell, System, Transition, days_left
from conformance.dashboard.knowledge import INTERFACES
from conformance.dashboard.site import Page
from conformance.dashboard.summary import tally_of
from conformance.dashboard.view import View
from conformance.verdict import Verdict
from conformance.writers.data import tally_data

#: So many requirements of one transition are named; the rest is counted.
MAX_FLIPS = 12
MAX_SHOWN_CAUSES = 40


def pages(view: View) -> Iterator[Page]:
    """Give the pages of everybody who is shown by name."""
    for partner, systems in view.board.partners.items():
        if view.audience.names(partner):
            yield Page(path=address.partner(partner), template="partner", data=partial(_partner, view, partner, systems))
    for system in view.systems():
        yield Page(path=address.system(system.name), template="system", data=partial(_system, view, system))
    for cell in view.cells():
        yield Page(
            path=address.cell(cell.system.name, cell.profile), template="cell", key=key_of(view, cell), data=partial(_cell, view, cell)
        )


def key_of(view: View, cell: Cell) -> list[Any]:
    """Return what all pages of a cell depend on: its runs, its age, its dispositions, the profile, and who else has that profile."""
    board = view.board
    known = board.knowledge.of(cell.profile, cell.latest.edition)
    waived = [
        (d.requirement, d.disposition, d.reason, d.owner, d.issue, days_left(d, board.as_of))
        for d in board.dispositions
        if fnmatchcase(cell.system.name, d.target)
    ]
    return [
        view.system_data(cell.system), [(line.key, line.system) for line in cell.lines], cell.stale, waived, known.judged_by if known else "",
        [(c.system.name, c.system.partner, c.system.kind, c.latest.key) for c in board.profiles[cell.profile]],
    ]  # fmt: skip


def _partner(view: View, partner: str, systems: tuple[System, ...]) -> dict[str, Any]:
    facts = view.board.gathered.partners.get(partner)
    return {
        "title": (facts.title if facts else "") or partner, "partner": partner,
        "systems": [_overview(view, system) for system in systems], "own": view.audience.owns(partner),
    }  # fmt: skip


def _system(view: View, system: System) -> dict[str, Any]:
    return {
        "page_title": system.title or system.name,
        **_overview(view, system),
        "own": view.audience.owns(system.partner),
        "title": system.title or system.name,
    }


def _overview(view: View, system: System) -> dict[str, Any]:
    cells = sorted(system.cells.values(), key=lambda c: (c.latest.interface, c.profile))
    return {
        **view.system_data(system), "unexecuted": list(system.unexecuted),
        "cells": [
            {**view.cell_data(cell), "causes": view.causes_data(cell)[:MAX_SHOWN_CAUSES], "waived": _waived(view, cell)} for cell in cells
        ],
    }  # fmt: skip


def _waived(view: View, cell: Cell) -> dict[str, int]:
    found = {"waived": 0, "disputed": 0, "expired": 0}
    for row in cell.detail.rows:
        if row.verdict is Verdict.FAIL and (one := view.board.disposed(cell, row)):
            found["expired" if days_left(one, view.board.as_of) < 0 else one.disposition] += 1
    return found


def _cell(view: View, cell: Cell) -> dict[str, Any]:
    detail = cell.detail
    own = view.owned(cell)
    by = {v: [r for r in detail.rows if r.verdict is v and not r.draft] for v in Verdict}
    previous = cell.previous
    known = view.board.knowledge.of(cell.profile, cell.latest.edition)
    return {
        "title": f"{cell.latest.title} at {cell.system.title or cell.system.name}", "cell": view.cell_data(cell),
        "interface_title": INTERFACES.get(cell.latest.interface, ""), "own": own,
        "programme": tally_data(tally_of(detail.programme)), "drafts": tally_data(tally_of(detail.drafts)),
        "causes": view.causes_data(cell),
        "open": {
            v.value: [view.row_data(cell, r) for r in by[v]] for v in (Verdict.ERROR, Verdict.INCONCLUSIVE, Verdict.NOT_TESTED)
        },
        "claims": _claims(view, cell),
        "leftovers": detail.leftovers, "trouble": detail.trouble if own else ("yes" if detail.trouble else ""),
        "server_says": detail.server_says if own else "", "notes": list(detail.notes) if own else [],
        "allowed": list(detail.allowed), "today": known is None or known.judged_by == cell.latest.judged_by, "on_shelf": known is not None,
        "history": [_transition(view, cell, t) for t in cell.history],
        "strip": [
            {"verdict": line.standing.value, "run": line.run_id, "digest": line.digest[:10], **_share(line.tally())} for line in cell.lines
        ],
        "diff_href": address.diff(cell.system.name, cell.profile) if previous else "",
    }  # fmt: skip


def _share(tally: Any) -> dict[str, int]:
    return {"passed": tally[Verdict.PASS], "applicable": tally.applicable}


def _transition(view: View, cell: Cell, one: Transition) -> dict[str, Any]:
    fixed = [f for f in one.flips if f[2] is Verdict.PASS]
    worse = [f for f in one.flips if f[1] is Verdict.PASS and f[2] is not Verdict.PASS]
    other = [f for f in one.flips if f not in fixed and f not in worse]
    return {
        **view.line_data(one.line, cell), "comparable": one.comparable, "digest": one.line.digest[:10],
        "groups": [
            {
                "what": what, "count": len(flips),
                "flips": [
                    {"requirement": name, "before": before.value if before else "", "after": after.value if after else "",
                     "href": address.requirement(name, cell.profile) if name in cell.rows else ""}
                    for name, before, after in flips[:MAX_FLIPS]
                ],
            }
            for what, flips in (("no longer pass", worse), ("pass now", fixed), ("changed otherwise", other)) if flips
        ],
    }  # fmt: skip


def _claims(view: View, cell: Cell) -> list[dict[str, Any]]:
    """Return each feature: what was claimed, whether it was in scope and why, what its requirements came to."""
    detail = cell.detail
    names = list(dict.fromkeys(["core", *detail.features, *detail.scope, *(r.feature for r in detail.rows)]))
    found = []
    for name in names:
        rows = [r for r in detail.rows if r.feature == name and not r.draft]
        scope = detail.scope.get(name, {})
        claimed = "yes" if name == "core" else detail.features.get(name, "silent")
        counts = {v.value: sum(r.verdict is v for r in rows) for v in Verdict}
        state = str(scope.get("state", ""))
        found.append(
            {
                "feature": name, "claimed": claimed, "state": state, "reason": view.text(cell, str(scope.get("reason", ""))),
                "counts": counts, "requirements": len(rows), "applicable": len(rows) - counts["not-applicable"],
                "contradicts": "claimed, and fails" if claimed == "yes" and counts["fail"] else "works" if claimed in ("no", "planned") and counts["pass"] else "",
            }
        )  # fmt: skip
    return found

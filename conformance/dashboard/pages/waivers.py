"""Waivers and disputes: what they cover, until when, and which are not needed any more."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

from conformance.dashboard import address
from conformance.dashboard.board import Cell, days_left
from conformance.dashboard.site import Page, as_of
from conformance.dashboard.summary import Row
from conformance.dashboard.view import View
from conformance.disposition import Disposition
from conformance.verdict import Verdict

SOON_DAYS = 30
MAX_SHOWN = 20


def pages(view: View) -> Iterator[Page]:
    """Give the page of dispositions."""
    yield Page(path=address.DISPOSITIONS, template="dispositions", data=lambda: _dispositions(view))


def _dispositions(view: View) -> dict[str, Any]:
    rows = [_disposition(view, one) for one in view.board.dispositions if _told(view, one)]
    states = ("expired", "passes now", "expires soon", "holds", "matches nothing")
    return {
        "title": "Waivers and disputes", "as_of": as_of(view), "soon_days": SOON_DAYS, "named": view.audience.kind != "public",
        "rows": sorted(rows, key=lambda r: (states.index(r["state"]), r["expires"], r["requirement"])),
        "counts": {state: sum(r["state"] == state for r in rows) for state in states}, "total": len(rows),
    }  # fmt: skip


def _told(view: View, one: Disposition) -> bool:
    """Tell whether a disposition is shown: to the task force, and to the partner whose systems it speaks of."""
    own = (s.name for s in view.board.systems.values() if view.audience.owns(s.partner))
    return view.audience.kind == "task-force" or any(fnmatchcase(name, one.target) for name in own)


def _disposition(view: View, one: Disposition) -> dict[str, Any]:
    matched: list[tuple[Cell, Row]] = [
        (cell, row)
        for cell in view.cells()
        if fnmatchcase(cell.system.name, one.target)
        for row in cell.detail.rows
        if one.covers(row.requirement, cell.system.name)
    ]
    failing = [(c, r) for c, r in matched if r.verdict is Verdict.FAIL]
    passing = [(c, r) for c, r in matched if r.verdict is Verdict.PASS]
    left = days_left(one, view.board.as_of)
    state = (
        "expired" if left < 0 else "matches nothing" if not matched else "passes now" if passing and not failing
        else "expires soon" if left <= SOON_DAYS else "holds"
    )  # fmt: skip
    return {
        "requirement": one.requirement, "target": one.target, "disposition": one.disposition, "reason": one.reason, "owner": one.owner,
        "expires": one.expires, "days_left": left, "issue": one.issue, "state": state,
        "failing": len(failing), "passing": len(passing), "matched": len(matched),
        "results": [
            {"system": c.system.name, "requirement": r.requirement, "verdict": r.verdict.value, "href": view.failure_href(c, r) or address.cell(c.system.name, c.profile)}
            for c, r in (failing or passing)[:MAX_SHOWN]
        ],
    }  # fmt: skip

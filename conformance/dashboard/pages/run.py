"""Pages of a run and of what changed between the latest two."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from conformance.dashboard import address
from conformance.dashboard.board import Cell
from conformance.dashboard.pages.system import key_of
from conformance.dashboard.site import Page
from conformance.dashboard.summary import Line
from conformance.dashboard.view import View, minute
from conformance.verdict import Verdict

_ORDER = (Verdict.FAIL, Verdict.ERROR, Verdict.INCONCLUSIVE, Verdict.NOT_TESTED, Verdict.PASS, Verdict.NOT_APPLICABLE)


def pages(view: View) -> Iterator[Page]:
    """Give the newest runs of each cell, and the difference of the latest two."""
    for cell in view.cells():
        key = key_of(view, cell)
        for line in view.pages_of(cell):
            path = address.run(cell.system.name, cell.profile, line.run_id, line.digest)
            yield Page(path=path, template="run", key=[key, line.key], data=partial(_run, view, cell, line))
        if cell.previous:
            path = address.diff(cell.system.name, cell.profile)
            yield Page(path=path, template="diff", key=key, data=partial(_diff, view, cell))


def _run(view: View, cell: Cell, line: Line) -> dict[str, Any]:
    latest = line is cell.latest
    verdicts = cell.verdicts(line)
    rows = [
        view.row_data(cell, cell.rows[name]) if latest
        else {"requirement": name, "verdict": verdict.value, "href": address.requirement(name, cell.profile) if name in cell.rows else ""}
        for name, verdict in verdicts.items()
    ]  # fmt: skip
    groups = [{"verdict": v.value, "rows": [r for r in rows if r["verdict"] == v.value]} for v in _ORDER]
    return {
        "title": f"Run of {line.title} at {cell.system.title or cell.system.name}", "cell": view.cell_data(cell), "line": view.line_data(line, cell),
        "moment": minute(line.started), "latest": latest, "own": view.owned(cell), "groups": [g for g in groups if g["rows"]],
        "causes": view.causes_data(cell) if latest else [], "total": len(rows), "seed": cell.detail.seed if latest else None,
        "digests": dict(cell.detail.digests) if latest else {}, "record_digest": line.digest, "seconds": round(line.seconds, 1),
        "allowed": list(cell.detail.allowed) if latest else [],
    }  # fmt: skip


def _diff(view: View, cell: Cell) -> dict[str, Any]:
    before, after = cell.previous, cell.latest
    assert before is not None
    change = cell.transition(before, after)
    flips = [
        {
            "requirement": name, "before": a.value if a else "", "after": b.value if b else "",
            "level": cell.rows[name].level.value if name in cell.rows else "",
            "sentence": cell.rows[name].sentence if name in cell.rows else "",
            "href": address.requirement(name, cell.profile) if name in cell.rows else "",
            "what": "regression" if a is Verdict.PASS and b in (Verdict.FAIL, Verdict.ERROR) else "fixed" if b is Verdict.PASS else "changed",
        }
        for name, a, b in change.flips
    ]  # fmt: skip
    return {
        "title": f"What changed in {after.title} at {cell.system.title or cell.system.name}", "cell": view.cell_data(cell),
        "before": view.line_data(before, cell), "after": view.line_data(after, cell), "comparable": change.comparable, "flips": flips,
        "unchanged": len(set(cell.verdicts(after)) | set(cell.verdicts(before))) - len(flips),
        "requirements": len(set(cell.verdicts(after)) | set(cell.verdicts(before))),
    }  # fmt: skip

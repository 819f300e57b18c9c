"""The first page: interfaces by systems, each cell with its verdict, MUSTs passed of those in scope, edition and age."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from conformance.dashboard import address
from conformance.dashboard.board import STALE_DAYS, Cell, System
from conformance.dashboard.knowledge import INTERFACES
from conformance.dashboard.site import Page, as_of
from conformance.dashboard.view import View, day
from conformance.verdict import Level, Verdict


def pages(view: View) -> Iterator[Page]:
    """Give the overview."""
    yield Page(path=address.OVERVIEW, template="overview", data=lambda: overview(view))


def overview(view: View) -> dict[str, Any]:
    """Return the heat map and what stands around it."""
    board = view.board
    systems = list(view.systems())
    cells = list(view.cells())
    numbers = sorted({c.latest.interface for c in cells if c.latest.interface in INTERFACES} | set(INTERFACES))
    unknown = {name for system in systems for name in system.unexecuted} - {name for name, _ in board.knowledge.known}
    if unknown or any(c.latest.interface not in INTERFACES for c in cells):
        numbers.append(0)
    mixed = {name for name in board.profiles if len({c.latest.judged_by for c in board.profiles[name] if view.named(c)}) > 1}
    newest = {name: board.groups(name)[0][0] for name in mixed}
    partners = {s.partner for s in systems if s.kind == "product"}
    return {
        "title": "Overview", "as_of": as_of(view), "as_of_day": day(board.as_of), "stale_days": STALE_DAYS,
        "interfaces": numbers,
        "rows": [_row(view, system, numbers, newest) for system in systems],
        "totals": {
            "partners": len(partners), "implementations": sum(s.counts for s in systems),
            "systems": len(systems), "cells": len(cells), "stale": sum(c.stale for c in cells),
            "cut_short": sum(not c.latest.complete for c in cells),
            "standing": {v.value: sum(c.latest.standing is v and c.system.counts for c in cells) for v in _SHOWN},
            "counted": sum(c.system.counts for c in cells),
        },
        "mixed": sorted(mixed),
        "profiles": [_profile(view, name) for name in board.profiles],
        "problems": list(board.gathered.problems) if view.audience.kind != "public" and not view.audience.partner else [],
        "named": view.audience.kind != "public",
    }  # fmt: skip


_SHOWN = (Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.ERROR)


def _row(view: View, system: System, numbers: list[int], newest: dict[str, str]) -> dict[str, Any]:
    by_number: dict[int, list[dict[str, Any]]] = {}
    for name, cell in sorted(system.cells.items()):
        number = cell.latest.interface if cell.latest.interface in numbers else 0
        by_number.setdefault(number, []).append(_chip(cell, name in newest and newest[name] != cell.latest.judged_by))
    for name in system.unexecuted:
        known = next((k for (profile, _), k in view.board.knowledge.known.items() if profile == name), None)
        number = known.profile.interface if known else 0
        by_number.setdefault(number, []).append({"profile": name, "verdict": "", "href": ""})
    return {
        **view.system_data(system),
        "cells": [by_number.get(number, []) for number in numbers],
    }  # fmt: skip


def _chip(cell: Cell, otherwise: bool) -> dict[str, Any]:
    line = cell.latest
    must = line.tally(Level.MUST)
    return {
        "profile": cell.profile, "edition": line.edition, "verdict": line.standing.value, "passed": must[Verdict.PASS],
        "applicable": must.applicable, "age_days": cell.age_days, "stale": cell.stale, "complete": line.complete,
        "run_by": line.run_by, "judged_otherwise": otherwise, "href": address.cell(cell.system.name, cell.profile),
    }  # fmt: skip


def _profile(view: View, name: str) -> dict[str, Any]:
    latest = max((c.latest for c in view.board.profiles[name]), key=lambda line: (line.started, line.digest))
    return {
        "profile": name, "title": latest.title, "interface": latest.interface, "edition": latest.edition,
        "href": address.profile(name), "figures": view.figures(name),
    }  # fmt: skip

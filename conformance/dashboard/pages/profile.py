"""Pages of a profile and of a requirement: what is asked, by which clause, who passes, what it is known to catch."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from conformance.dashboard import address
from conformance.dashboard.board import Cell, days_left
from conformance.dashboard.knowledge import INTERFACES
from conformance.dashboard.site import Page
from conformance.dashboard.summary import Row
from conformance.dashboard.view import View, day
from conformance.verdict import Level, Verdict

_OPEN = (Verdict.INCONCLUSIVE, Verdict.NOT_TESTED, Verdict.ERROR)


def pages(view: View) -> Iterator[Page]:
    """Give each profile in the records, and each requirement that a latest run holds."""
    for name, cells in view.board.profiles.items():
        key = _key(view, name)
        yield Page(path=address.profile(name), template="profile", key=key, data=partial(_profile, view, name))
        rows: dict[str, Row] = {}
        for cell in sorted(cells, key=lambda c: (c.latest.started, c.latest.digest)):
            if view.named(cell) or cell in view.board.compared(name):
                rows |= cell.rows
        for row in rows.values():
            path = address.requirement(row.requirement, name)
            yield Page(path=path, template="requirement", key=key, data=partial(_requirement, view, name, row))


def _key(view: View, name: str) -> list[Any]:
    """Return what the pages of a profile depend on: every cell of it, its dispositions, what the shelf says."""
    board = view.board
    about = board.knowledge.of(name, max((c.latest for c in board.profiles[name]), key=lambda line: (line.started, line.digest)).edition)
    waived = [(d.requirement, d.target, d.disposition, d.reason, d.owner, d.issue, days_left(d, board.as_of)) for d in board.dispositions]
    cells = [(view.system_data(c.system), c.latest.key, len(c.lines), c.stale) for c in board.profiles[name]]
    return [
        cells,
        waived,
        about.judged_by if about else "",
        sorted((k, list(v)) for k, v in board.knowledge.catches.items() if k.startswith(f"{name}/")),
    ]


def _about(view: View, name: str) -> dict[str, Any]:
    newest = max((c.latest for c in view.board.profiles[name]), key=lambda line: (line.started, line.digest))
    known = view.board.knowledge.of(name, newest.edition)
    source = known.source if known else None
    return {
        "profile": name, "profile_title": newest.title, "edition": newest.edition, "interface": newest.interface,
        "interface_title": INTERFACES.get(newest.interface, ""), "state": newest.state, "href": address.profile(name),
        "on_shelf": known is not None, "judged_by": newest.judged_by,
        "today": known.judged_by if known else "", "depth": known.depth if known else None,
        "publisher": source.publisher if source else "", "licence": source.licence if source else "", "url": source.url if source else "",
        "standard": source.title if source else "",
    }  # fmt: skip


def passed_of(view: View, cells: tuple[Cell, ...], requirement: str) -> dict[str, Any]:
    """Return how many implementations pass a requirement, of those that were judged; twins and mocks are none."""
    having = [c for c in cells if c.system.counts and requirement in c.rows]
    counts = {v: sum(c.rows[requirement].verdict is v for c in having) for v in Verdict}
    judged = [c for c in having if c.rows[requirement].verdict in (Verdict.PASS, Verdict.FAIL)]
    told = view.told(having) and view.told(judged)
    return {
        "told": told, "passed": counts[Verdict.PASS] if told else None, "judged": counts[Verdict.PASS] + counts[Verdict.FAIL] if told else None,
        "open": sum(counts[v] for v in _OPEN) if told else None, "not_applicable": counts[Verdict.NOT_APPLICABLE] if told else None,
    }  # fmt: skip


def _profile(view: View, name: str) -> dict[str, Any]:
    groups = view.board.groups(name)
    compared = groups[0][1]
    rows: dict[str, Row] = {}
    for cell in compared:
        rows |= {k: r for k, r in cell.rows.items() if k not in rows}
    return {
        "title": _about(view, name)["profile_title"], **_about(view, name), "figures": view.figures(name),
        "groups": [
            {
                "judged_by": judged_by, "compared": n == 0,
                "cells": [view.cell_data(c) for c in sorted(cells, key=_order) if view.named(c)],
            }
            for n, (judged_by, cells) in enumerate(groups) if any(view.named(c) for c in cells)
        ],
        "requirements": [
            {
                "requirement": r.requirement, "level": r.level.value, "draft": r.draft, "sentence": r.sentence, "clause": r.clause,
                "feature": r.feature, "href": address.requirement(r.requirement, name), "figure": passed_of(view, compared, r.requirement),
            }
            for r in sorted(rows.values(), key=lambda r: (list(Level).index(r.level), r.requirement))
        ],
    }  # fmt: skip


def _order(cell: Cell) -> tuple[bool, str, str]:
    return not cell.system.counts, cell.system.partner.casefold(), cell.system.name


def _requirement(view: View, name: str, row: Row) -> dict[str, Any]:
    groups = []
    for number, (judged_by, cells) in enumerate(view.board.groups(name)):
        having = [c for c in sorted(cells, key=_order) if row.requirement in c.rows and view.named(c)]
        if having:
            groups.append(
                {
                    "judged_by": judged_by, "compared": number == 0,
                    "rows": [
                        {**view.row_data(c, c.rows[row.requirement]), **view.system_data(c.system), "date": day(c.latest.started),
                         "edition": c.latest.edition, "stale": c.stale, "href": address.cell(c.system.name, name)}
                        for c in having
                    ],
                }
            )  # fmt: skip
    return {
        "title": row.sentence or row.requirement, "requirement": row.requirement, "level": row.level.value, "draft": row.draft,
        "basis": row.basis, "clause": row.clause, "feature": row.feature, "check": row.check, "about": _about(view, name),
        "figure": passed_of(view, view.board.compared(name), row.requirement), "groups": groups,
        "catches": list(view.board.knowledge.catches.get(row.requirement, ())),
    }  # fmt: skip

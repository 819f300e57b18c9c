"""What systems were seen to need of others (facts `needs` and `provides` of their latest runs): which another offers, which dangle."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from conformance.dashboard import address
from conformance.dashboard.board import System
from conformance.dashboard.site import Page
from conformance.dashboard.view import View
from conformance.run import Fact

#: The form of an ORD id. What has another form may be any text of a server, and is told to its owner only.
_ID = re.compile(r"[a-z0-9.]{1,100}:[A-Za-z]{1,40}:[A-Za-z0-9._-]{1,100}:v[0-9]{1,6}")
MOST_ROWS = 10_000


def pages(view: View) -> Iterator[Page]:
    """Give the page of dependencies."""
    yield Page(path=address.DEPENDENCIES, template="dependencies", data=lambda: _dependencies(view))


def _dependencies(view: View) -> dict[str, Any]:
    said = [(s, facts) for s in view.board.systems.values() if (facts := [f for cell in s.cells.values() for f in cell.detail.facts])]
    offers: dict[str, list[System]] = {}
    for system, facts in said:
        for value in dict.fromkeys(f.value for f in facts if f.kind == "provides"):
            offers.setdefault(value, []).append(system)
    needs = [(system, fact) for system, facts in said for fact in facts if fact.kind == "needs"]
    rows = [_row(view, system, fact, offers.get(fact.value, [])) for system, fact in needs if view.audience.names(system.partner)]
    resolved = sum(fact.value in offers for _, fact in needs)
    told = view.audience.told(s.partner for s, _ in said)
    return {
        "title": "Dependencies", "rows": sorted(rows, key=lambda r: (r["resolved"], r["system"], r["id"]))[:MOST_ROWS],
        "figure": {"declared": len(needs), "resolved": resolved, "dangling": len(needs) - resolved, "systems": len(said)} if told else None,
        "systems": len(view.board.systems) if view.audience.kind == "task-force" else None, "named": view.audience.kind != "public",
    }  # fmt: skip


def _row(view: View, system: System, need: Fact, by: list[System]) -> dict[str, Any]:
    """Return a need; its own words are for its owner, an id is for whoever sees the system."""
    own = view.audience.owns(system.partner)
    return {
        **view.system_data(system), "id": need.value if own or _ID.fullmatch(need.value) else "(no ORD id)",
        "part": (need.more.get("part_title") or need.about) if own else "", "mandatory": need.more.get("part_mandatory") == "true",
        "resolved": bool(by), "by": [{"system": s.name, "href": address.system(s.name)} for s in by if view.audience.names(s.partner)],
    }  # fmt: skip

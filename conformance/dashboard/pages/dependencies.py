"""Dependencies that systems declare (Open Resource Discovery): which another system resolves, which dangle."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from conformance.dashboard import address
from conformance.dashboard.board import System
from conformance.dashboard.site import Page
from conformance.dashboard.view import View

_OFFERS = ("apiResources", "eventResources", "capabilities", "dataProducts", "entityTypes")
MAX_ITEMS = 2_000


def pages(view: View) -> Iterator[Page]:
    """Give the page of dependencies."""
    yield Page(path=address.DEPENDENCIES, template="dependencies", data=lambda: _dependencies(view))


def offered(document: Any) -> list[str]:
    """Return the ORD ids that a document offers."""
    return [i for kind in _OFFERS for one in _items(document, kind) if (i := _text(one, "ordId"))]


def wanted(document: Any) -> list[dict[str, Any]]:
    """Return what a document depends on: for each integration dependency, the ids of its aspects."""
    found = []
    for one in _items(document, "integrationDependencies"):
        for aspect in _items(one, "aspects"):
            ids = [
                i for kind in ("apiResources", "eventResources", "capabilities") for r in _items(aspect, kind) if (i := _text(r, "ordId"))
            ]
            found += [
                {
                    "dependency": _text(one, "ordId"),
                    "aspect": _text(aspect, "title"),
                    "mandatory": aspect.get("mandatory") is True,
                    "ord_id": i,
                }
                for i in ids
            ]
    return found


def _items(value: Any, name: str) -> list[Any]:
    found = value.get(name) if isinstance(value, dict) else None
    return [one for one in found[:MAX_ITEMS] if isinstance(one, dict)] if isinstance(found, list) else []


def _text(value: Any, name: str) -> str:
    found = value.get(name)
    return found if isinstance(found, str) else ""


def _dependencies(view: View) -> dict[str, Any]:
    every = [s for s in view.board.systems.values() if s.facts and s.facts.ord is not None]
    offers: dict[str, list[System]] = {}
    for system in every:
        for ord_id in offered(system.facts.ord if system.facts else None):
            offers.setdefault(ord_id, []).append(system)
    rows = []
    for system in every:
        for one in wanted(system.facts.ord if system.facts else None) if view.audience.names(system.partner) else ():
            by = [s for s in offers.get(one["ord_id"], ()) if s is not system]
            rows.append(
                {
                    **view.system_data(system), **one, "resolved": bool(by),
                    "by": [{"system": s.name, "href": address.system(s.name)} for s in by if view.audience.names(s.partner)],
                }
            )  # fmt: skip
    declared = sum(len(wanted(s.facts.ord)) for s in every if s.facts)
    resolved = sum(any(s is not x for x in offers.get(w["ord_id"], ())) for s in every if s.facts for w in wanted(s.facts.ord))
    told = view.audience.told(s.partner for s in every)
    return {
        "title": "Dependencies", "rows": sorted(rows, key=lambda r: (r["resolved"], r["system"], r["ord_id"])),
        "figure": {"declared": declared, "resolved": resolved, "dangling": declared - resolved, "systems": len(every)} if told else None,
        "systems": len(view.board.systems) if view.audience.kind == "task-force" else None, "named": view.audience.kind != "public",
    }  # fmt: skip

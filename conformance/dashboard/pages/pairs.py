"""The pair matrix: A originating by B partner, as in plugtests; where no session ran, what the two have in common, and that it is no session."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from conformance.dashboard import address
from conformance.dashboard.audience import published
from conformance.dashboard.board import System
from conformance.dashboard.gathering import OUTSIDE, Pair
from conformance.dashboard.knowledge import INTERFACES
from conformance.dashboard.site import Page
from conformance.dashboard.view import View, minute

VERDICTS = ("OK", "NO", "NA", "OT")
#: Interfaces on which partners face each other; others have a matrix where a session was held.
FACING = (3,)


def pages(view: View) -> Iterator[Page]:
    """Give the matrix and the sessions that are shown."""
    sessions = {key: pair for key, pair in view.board.pairs.items() if _told(view, pair)}
    yield Page(path=address.PAIRS, template="pairs", data=lambda: _matrices(view, sessions))
    for (profile, a, b), pair in sorted(sessions.items()):
        yield Page(path=address.pair(profile, a, b), template="pair", data=partial(_session, view, pair))


def _partner(view: View, system: str) -> str:
    found = view.board.systems.get(system)
    return found.partner if found else OUTSIDE


def _told(view: View, pair: Pair) -> bool:
    """Tell whether a session is shown by name: to the task force, and to either party."""
    return any(view.audience.names(_partner(view, name)) for name in (pair.a, pair.b))


def _verdict(text: str) -> str:
    return text if text in VERDICTS else "OT"


def _matrices(view: View, sessions: dict[tuple[str, str, str], Pair]) -> dict[str, Any]:
    board = view.board
    facing = {name for name, cells in board.profiles.items() if any(c.latest.interface in FACING for c in cells)}
    profiles = sorted({p for p, _, _ in board.pairs} | facing)
    every = list(board.pairs.values())
    counts = {v: sum(_verdict(p.verdict) == v for p in every) for v in VERDICTS}
    told = view.audience.told(_partner(view, name) for p in every for name in (p.a, p.b))
    return {
        "title": "Pair sessions", "named": view.audience.kind != "public",
        "figure": {"ok": counts["OK"], "executed": counts["OK"] + counts["NO"], "sessions": len(every), **counts} if told else None,
        "matrices": [m for p in profiles if (m := _matrix(view, p, sessions))["systems"]],
    }  # fmt: skip


def _matrix(view: View, profile: str, sessions: dict[tuple[str, str, str], Pair]) -> dict[str, Any]:
    mine = {(a, b): pair for (p, a, b), pair in sessions.items() if p == profile}
    named = {s.name for s in view.systems() if profile in s.cells or (s.facts and profile in {*s.facts.profiles, *s.facts.claims})}
    names = sorted(named | {n for pair in mine for n in pair})
    systems = [view.board.systems.get(n) for n in names]
    planned = len(names) * (len(names) - 1)
    counts = {v: sum(_verdict(p.verdict) == v for p in mine.values()) for v in VERDICTS}
    cells = view.board.profiles.get(profile, ())
    return {
        "profile": profile, "profile_title": cells[0].latest.title if cells else profile,
        "interface": cells[0].latest.interface if cells else 0, "interface_title": INTERFACES.get(cells[0].latest.interface, "") if cells else "",
        "profile_href": address.profile(profile) if cells else "",
        "planned": planned, "executed": counts["OK"] + counts["NO"], "counts": counts,
        "systems": [{"system": n, "kind": s.kind if s else "", "href": address.system(n) if s and view.audience.names(s.partner) else ""} for n, s in zip(names, systems, strict=True)],
        "rows": [[_between(view, profile, a, b, mine.get((a, b))) for b in names] for a in names],
    }  # fmt: skip


def _between(view: View, profile: str, a: str, b: str, pair: Pair | None) -> dict[str, Any]:
    if a == b:
        return {"verdict": "", "note": "itself", "href": "", "steps": None}
    if pair:
        done = sum(_verdict(s.verdict) == "OK" for s in pair.steps)
        return {
            "verdict": _verdict(pair.verdict), "note": "", "href": address.pair(profile, a, b), "steps": {"ok": done, "of": len(pair.steps)},
        }  # fmt: skip
    shared = common(view.board.systems.get(a), view.board.systems.get(b), profile)
    return {"verdict": "", "note": shared, "href": "", "steps": None}


def common(a: System | None, b: System | None, profile: str) -> str:
    """Return which dialects and editions two systems have in common; this is no session."""
    if a is None or b is None:
        return ""
    one, other = (s.facts.spoken if s.facts else frozenset() for s in (a, b))
    dialects = sorted(one & other)
    if one and other and not dialects:
        return "no dialect in common"
    editions = [s.cells[profile].latest.edition for s in (a, b) if profile in s.cells]
    if len(editions) < 2:
        return f"dialect {', '.join(dialects)}" if dialects else ""
    if editions[0] != editions[1]:
        return f"editions {editions[0]} and {editions[1]}"
    return f"both {', '.join(dialects) if dialects else 'edition ' + editions[0]}"


def _session(view: View, pair: Pair) -> dict[str, Any]:
    own = any(view.audience.owns(_partner(view, name)) for name in (pair.a, pair.b))
    vocabulary = view.board.knowledge.vocabulary(
        pair.profile, next((c.latest.edition for c in view.board.profiles.get(pair.profile, ())), "")
    )

    def fit(text: str) -> str:
        return text if own or published(text, vocabulary) else ""

    systems = {n: view.board.systems.get(n) for n in (pair.a, pair.b)}
    return {
        "title": f"{pair.a} originating, {pair.b} partner", "a": pair.a, "b": pair.b, "profile": pair.profile, "verdict": _verdict(pair.verdict),
        "at": minute(pair.at) if isinstance(pair.at, float) and 0 <= pair.at < 4e10 else str(pair.at), "own": own,
        "systems": [view.system_data(s) for s in systems.values() if s and view.audience.names(s.partner)],
        "dialects": {side: list(found) for side, found in pair.dialects.items()},
        "steps": [{"step": fit(s.step), "verdict": _verdict(s.verdict), "detail": s.detail if own else ""} for s in pair.steps],
        "ok": sum(_verdict(s.verdict) == "OK" for s in pair.steps), "of": len(pair.steps),
    }  # fmt: skip

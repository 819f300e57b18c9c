"""Pages of failures: one per cause and cell. Exchanges, observed values and curl are there for the partner's own audience only."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from conformance.dashboard import address
from conformance.dashboard.audience import WITHHELD
from conformance.dashboard.board import Cell
from conformance.dashboard.pages.system import key_of
from conformance.dashboard.site import Page
from conformance.dashboard.view import View
from conformance.errors import UsageError
from conformance.loading.records import read_exchanges
from conformance.run import Exchanges, Finding, Run
from conformance.writers.html import ShownExchange, shown_exchanges, step_name

#: So many requirements of one cause show their exchanges; the others are listed.
MAX_WITH_EXCHANGES = 5
MAX_FINDINGS = 10


def pages(view: View) -> Iterator[Page]:
    """Give a page for each cause of each cell."""
    for cell in view.cells():
        key = key_of(view, cell)
        for number, (_, names) in enumerate(cell.detail.causes):
            path = address.failure(cell.system.name, cell.profile, names[0])
            yield Page(path=path, template="failure", key=key, data=partial(_failure, view, cell, number))


def _failure(view: View, cell: Cell, number: int) -> dict[str, Any]:
    cause, names = cell.detail.causes[number]
    own = view.owned(cell)
    data = view.causes_data(cell)[number]
    shown = _evidence(view, cell, names) if own else {}
    catches = view.board.knowledge.catches
    for one in data["requirements"]:
        row = cell.rows[one["requirement"]]
        expected = view.text(cell, row.expected)
        one |= {
            "expected": "" if expected == WITHHELD else expected, "expected_withheld": expected == WITHHELD,
            "catches": list(catches.get(row.requirement, ()))[:5], **shown.get(row.requirement, {"findings": [], "exchanges": []}),
        }  # fmt: skip
    return {
        "title": data["cause"] if cause != names[0] else cell.rows[names[0]].sentence or names[0], "failure": data, "own": own,
        "cell": view.cell_data(cell), "alone": cause == names[0],
    }  # fmt: skip


def _evidence(view: View, cell: Cell, names: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """Return findings and exchanges of the requirements of a cause. Only for the owner's eyes."""
    run: Run = view.board.gathered.run(cell.latest)
    try:
        exchanges: Exchanges = read_exchanges(Path(cell.latest.folder))
    except UsageError:
        exchanges = {}
    wanted = {name: n for n, name in enumerate(names)}
    found = {}
    for result in run.results:
        if result.requirement in wanted:
            first = wanted[result.requirement] < MAX_WITH_EXCHANGES
            found[result.requirement] = {
                "findings": [_finding(f) for f in result.findings[:MAX_FINDINGS]],
                "exchanges": [_exchange(x) for x in shown_exchanges(run, exchanges, result)] if first else [],
            }
    return found


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "case": finding.case, "expected": finding.expected, "observed": finding.observed, "seen_once": finding.seen_once,
        "steps": [step_name(at) for at in finding.evidence],
    }  # fmt: skip


def _exchange(shown: ShownExchange) -> dict[str, Any]:
    seen = shown.exchange
    return {
        "step": shown.step, "where": shown.where, "manner": shown.manner, "summary": shown.summary, "url": shown.url,
        "method": seen.request.method, "status": seen.status, "seconds": round(seen.ended_s - seen.started_s, 3),
        "request_headers": [list(h) for h in shown.request_headers], "request_body": shown.request_body.text.unescape(),
        "request_note": shown.request_body.note, "headers": [list(h) for h in shown.headers], "body": shown.body.text.unescape(),
        "note": shown.body.note, "curl": shown.command.unescape(),
    }  # fmt: skip

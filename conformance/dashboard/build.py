"""Build a dashboard: gather, make the board, look at it as the audience may, write the site."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from conformance.dashboard.audience import Audience
from conformance.dashboard.board import make_board
from conformance.dashboard.gathering import Gathered, Judge, gather
from conformance.dashboard.knowledge import know
from conformance.dashboard.pages import dependencies, failure, overview, pairs, profile, run, standards, system, waivers
from conformance.dashboard.site import Built, Page, write_site
from conformance.dashboard.view import View
from conformance.disposition import Disposition
from conformance.loading.profiles import Shelf


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What was gathered, and what was written of it."""

    gathered: Gathered
    view: View
    built: Built


def all_pages(view: View) -> Iterator[Page]:
    """Give every page of a site."""
    for kind in (overview, standards, pairs, dependencies, waivers, profile, system, failure, run):
        yield from kind.pages(view)


def build(
    places: Sequence[Path],
    site: Path,
    shelf: Shelf,
    *,
    audience: str = "task-force",
    as_of: float | None = None,
    dispositions: Sequence[Disposition] = (),
    catches: Mapping[str, Sequence[str]] | None = None,
    judge: Judge | None = None,
    keep: bool = True,
) -> Outcome:
    """Build the site of all runs below *places*.

    Args:
        audience: `partner:NAME`, `task-force` or `public`.
        as_of: from when ages are counted, seconds since the epoch; default: the newest run.
        catches: requirement -> sentences of faults that it is known to catch.
        judge: judges submitted runs again; without one they count as they were submitted.
        keep: keep scored runs beside the records for the next build.

    Raises:
        UsageError: no runs, no such audience, or *site* holds something else.
    """
    gathered = gather(places, judge, keep=keep)
    board = make_board(gathered, know(shelf, catches), dispositions, as_of)
    view = View(board=board, audience=Audience.parse(audience, board.partners))
    built = write_site(site, view, all_pages(view), {standards.FEEDBACK_FILE: standards.change_requests(view)})
    gathered.cache.close(line.digest for line in gathered.lines)
    return Outcome(gathered=gathered, view=view, built=built)

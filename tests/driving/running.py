"""Runs of a profile against servers of these tests: over a socket, or in this process on a virtual clock."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from conformance.claim import Claim
from conformance.cli.common import write_views
from conformance.cli.running import execute
from conformance.driving.session import Options, Session
from conformance.driving.virtual import VirtualLoop
from conformance.driving.wires import TwinWire, Wire
from conformance.loading.profiles import Shelf
from conformance.loading.records import read_exchanges, read_run
from conformance.run import Result, Run
from conformance.scoring import Score, score
from conformance.target import Limits, Target
from conformance.verdict import Level, Verdict
from conformance.wire import Twin, WireRequest, WireResponse

EPOCH = 1_790_000_000.0
#: Bounds that keep a hostile answer small and short.
TIGHT = Limits(timeout=0.4, body_bytes=300_000, header_bytes=16_000)


@cache
def shelf() -> Shelf:
    """Return the profiles that come with the package."""
    return Shelf.standard()


@dataclass(frozen=True, kw_only=True)
class Handled:
    """A twin made of a function."""

    function: object

    def handle(self, request: WireRequest, now: float) -> WireResponse:
        """Answer from the function."""
        return self.function(request)  # type: ignore[operator,no-any-return]


def run_live(
    profile: str,
    url: str,
    folder: Path,
    *,
    target: Target | None = None,
    only: tuple[str, ...] = (),
    expression: str = "",
    options: Options | None = None,
    claim: Claim | None = None,
) -> Run:
    """Run a profile over real sockets, in a hurry, and write every view."""
    target = replace(target or Target(url=url, limits=TIGHT, allow=("write",)), url=url)
    options = options or Options(patience=0.02, selected=expression or " ".join(only))
    session = Session(profile, target, claim or Claim(), folder, options, EPOCH, shelf())
    run = execute(session, only=only, expression=expression)
    write_views(run, folder)
    return run


def run_twin(
    profile: str,
    twin: Twin,
    folder: Path,
    *,
    target: Target | None = None,
    only: tuple[str, ...] = (),
    expression: str = "",
    options: Options | None = None,
    claim: Claim | None = None,
    wire: Wire | None = None,
) -> Run:
    """Run a profile against a twin in this process on a virtual clock, and write every view."""
    target = target or Target(url="http://twin.invalid", allow=("write",))
    session = Session(profile, target, claim or Claim(), folder, options or Options(), EPOCH, shelf(), wire or TwinWire(twin, EPOCH))
    run = execute(session, only=only, expression=expression, new_loop=VirtualLoop)
    write_views(run, folder)
    return run


def with_verdict(run: Run, *verdicts: Verdict, level: Level | None = None) -> list[Result]:
    """Return the settled results with one of these verdicts, drafts included."""
    return [r for r in score(run).results if r.verdict in verdicts and level in (None, r.level)]


def named(results: list[Result]) -> Mapping[str, str]:
    """Return requirement -> reason, which reads well when a test fails."""
    return {r.requirement: r.reason for r in results}


def assert_whole(folder: Path, *, footer: str = "complete") -> Score:
    """Assert that the record of a run can be read and its reports are there and escaped; return the score."""
    run = read_run(folder)
    read_exchanges(folder)
    assert run.footer is not None
    assert run.footer.ended == footer
    page = (folder / "report.html").read_text("utf-8")
    junit = (folder / "junit.xml").read_text("utf-8")
    ET.fromstring(junit)
    for text in (page, junit):
        assert "\x1b" not in text
        assert "\x00" not in text
    assert not with_verdict(run, Verdict.ERROR), named(with_verdict(run, Verdict.ERROR))
    return score(run)


def size_of(folder: Path) -> int:
    """Return the bytes of all files of a run."""
    return sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())

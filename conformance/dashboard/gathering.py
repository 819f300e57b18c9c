"""Find the runs, pair sessions and testbeds below folders. What cannot be read is told and loses nothing else.

What a partner sends in is evidence; what it shows is for us to say: a submitted run is judged again before it counts.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import msgspec

from conformance.dashboard.cache import CACHE_FILE, Cache
from conformance.dashboard.summary import Line, detail_of, line_of, names_of
from conformance.errors import Problem, UsageError
from conformance.loading.records import read_run
from conformance.run import Header, Run
from conformance.scoring import score
from conformance.writers.record import RUN_FILE

OUTSIDE = "(not in a testbed)"
TESTBED_FILE, SESSION_FILE = "testbed.json", "session.json"
MAX_FILE = 16_000_000


class SystemFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What a testbed says of a system in public."""

    partner: str = OUTSIDE
    kind: str = "product"
    title: str = ""
    profiles: tuple[str, ...] = ()
    claims: dict[str, Any] = msgspec.field(default_factory=dict)
    dialect: str = ""
    dialects: tuple[str, ...] = ()

    @property
    def spoken(self) -> frozenset[str]:
        """The dialects of a standard that it speaks."""
        return frozenset((*self.dialects, *([self.dialect] if self.dialect else [])))


class PartnerFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What a testbed says of a partner."""

    title: str = ""


class Testbed(msgspec.Struct, frozen=True, kw_only=True):
    """`testbed.json`: the public facts of a testbed."""

    __test__ = False
    name: str = ""
    partners: dict[str, PartnerFacts] = msgspec.field(default_factory=dict)
    systems: dict[str, SystemFacts] = msgspec.field(default_factory=dict)


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a pair session; the detail is for the two parties."""

    step: str
    verdict: str = "OT"
    detail: str = ""


class Pair(msgspec.Struct, frozen=True, kw_only=True):
    """`session.json`: A originating, B partner."""

    a: str
    b: str
    profile: str
    verdict: str = "OT"
    at: float | str = 0.0
    dialects: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    steps: tuple[Step, ...] = ()


class Judge(Protocol):
    """Judges a recorded run again by the profiles of today."""

    def version(self, profile: str, edition: str) -> str:
        """Return a digest of what would judge; '' where that profile is not there."""

    def again(self, run: Run, folder: Path) -> tuple[Run, int] | None:
        """Return a run as it is judged now, and how many verdicts are others than in the record; None where no exchanges are kept."""


@dataclass(kw_only=True)
class Gathered:
    """All there is: lines of runs by time, pair sessions, what the testbeds say, what could not be read."""

    cache: Cache
    judge: Judge | None = None
    lines: tuple[Line, ...] = ()
    pairs: tuple[Pair, ...] = ()
    partners: dict[str, PartnerFacts] = field(default_factory=dict)
    systems: dict[str, SystemFacts] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    scored: int = 0

    def run(self, line: Line) -> Run:
        """Return the whole run of a line, as it counts."""
        recorded = read_run(Path(line.folder))
        again = self.judge.again(recorded, Path(line.folder)) if self.judge and line.flipped is not None else None
        return again[0] if again else recorded

    def version(self, of: Header | Line) -> str:
        """Return what judges a run again here; '' for one that the testbed itself made, or of a twin, which counts nowhere."""
        kind = of.kind if isinstance(of, Line) else of.system_kind
        return self.judge.version(of.profile, of.edition) if self.judge and of.run_by != "testbed" and kind != "twin" else ""


def gather(places: Sequence[Path], judge: Judge | None = None, *, keep: bool = True) -> Gathered:
    """Return what lies below *places*.

    Args:
        places: campaign folders, run folders, or folders of them.
        judge: judges submitted runs again; without one they count as they were submitted.
        keep: keep scored runs in a file in the first place, so that the next time only new ones are read.

    Raises:
        UsageError: a place is not there, or there is no run in any.
    """
    missing = [Problem(file=str(p), problem="no such folder", hint="a folder that holds runs") for p in places if not p.exists()]
    if missing:
        raise UsageError(*missing)
    first = places[0] if places[0].is_dir() else places[0].parent
    found = Gathered(cache=Cache(first / CACHE_FILE if keep else None), judge=judge)
    files: list[Path] = []
    problems: list[str] = []
    for place in places:
        files += [place] if place.is_file() else sorted(_walk(place))
    testbeds = {f.parent: t for f in files if f.name == TESTBED_FILE and (t := _read(f, Testbed, problems)) is not None}
    for testbed in testbeds.values():
        found.partners |= testbed.partners
        found.systems |= testbed.systems
    found.names = tuple(dict.fromkeys(t.name for t in testbeds.values() if t.name))
    found.pairs = tuple(p for f in files if f.name == SESSION_FILE and (p := _read(f, Pair, problems)) is not None)
    found.lines = tuple(_lines([f for f in files if f.name == RUN_FILE], found, problems))
    found.problems = tuple(problems)
    if not found.lines and not found.systems:
        told = [Problem(file="records", problem=p) for p in problems[:20]]
        raise UsageError(*told, Problem(file=str(places[0]), problem="no run is there", hint="a folder that `conformance run` wrote"))
    return found


def _walk(place: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(place):
        folders[:] = sorted(f for f in folders if f != "earlier")
        yield from (Path(folder) / name for name in files if name in (RUN_FILE, TESTBED_FILE, SESSION_FILE))


def _read(file: Path, kind: Any, problems: list[str]) -> Any:
    try:
        if file.stat().st_size > MAX_FILE:
            raise ValueError(f"larger than {MAX_FILE // 1_000_000} MB")
        return msgspec.convert(json.loads(file.read_bytes()), kind)
    except (OSError, ValueError, RecursionError) as error:
        problems.append(f"{file}: {str(error)[:300]}")
        return None


def _lines(files: Sequence[Path], found: Gathered, problems: list[str]) -> list[Line]:
    known = found.cache.lines()
    lines: dict[str, Line] = {}
    for file in files:
        try:
            digest = found.cache.digest(file)
            if digest in lines:
                continue  # a copy of a run that was read already
            line = known.get(digest)
            if line is None or line.tried != found.version(line):
                line = _counted(file, digest, found, problems)
                found.cache.keep_line(line)
                found.scored += 1
            lines[digest] = line if line.folder == str(file.parent) else msgspec.structs.replace(line, folder=str(file.parent))
        except (UsageError, OSError) as error:
            problems.append(str(error)[:400])
    return sorted(lines.values(), key=lambda line: (line.started, line.run_id, line.digest))


def _counted(file: Path, digest: str, found: Gathered, problems: list[str]) -> Line:
    """Return the line of a run, of a submitted one as it is judged now."""
    run = read_run(file)
    tried = found.version(run.header)
    flipped = None
    try:
        if found.judge and tried and (again := found.judge.again(run, file.parent)):
            run, flipped = again
    except UsageError as error:
        problems.append(f"as submitted: {str(error)[:400]}")
    said = score(run)
    names = found.cache.keep_names(names_of(said))
    system, partner, kind = _whose(run, file, found.systems)
    line = line_of(
        run, said, folder=str(file.parent), digest=digest, names=names, system=system, partner=partner, kind=kind, tried=tried, flipped=flipped,
    )  # fmt: skip
    if flipped is not None:
        found.cache.keep_detail(line.key, detail_of(run))  # or it would be judged once more for its page
    return line


def _whose(run: Run, file: Path, systems: Mapping[str, SystemFacts]) -> tuple[str, str, str]:
    """Return system, partner and kind of a run as its header has them; outside a testbed the target's name stands for the system."""
    head = run.header
    system = head.system
    folder = file.parent.parent.parent
    if not system and folder.name in systems:
        system = folder.name  # DIR/SYSTEM/PROFILE/RUNID
    if system:
        return system, head.partner or OUTSIDE, head.system_kind
    target = head.target
    address = urlsplit(str(target.get("url", "")))
    return str(target.get("name") or (address.hostname or "") + address.path or "a target without a name"), OUTSIDE, head.system_kind

"""`run --testbed`: the whole of a testbed, its progress on stderr and its table on stdout."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

import conformance
from conformance.cli.common import put, say, shelf_of, write_views
from conformance.driving.campaign import SESSION_FILE, Campaign, Outcome, Told, readable
from conformance.driving.lock import held
from conformance.errors import Problem, UsageError
from conformance.loading.profiles import Shelf, load_profile
from conformance.loading.testbeds import load_testbed
from conformance.pairing import PairSession
from conformance.reference.dressing import names
from conformance.scoring import Exit, score, worst
from conformance.testbed import Pair, Testbed, Unit
from conformance.verdict import Level, Verdict
from conformance.writers.text import clipped, plain

#: Options of `run` that say something of one target, and so cannot be said of a testbed.
OF_ONE_TARGET = (
    "url", "target", "claim", "token_env", "cert", "key", "cacert", "proxy", "allow", "requirement", "sink_url", "budget", "allure",
    "expression", "exit_first", "last_failed", "explore", "explore_time",
)  # fmt: skip


def run_testbed(options: argparse.Namespace) -> int:
    """Run every unit of a testbed and say how each ended; the exit code is that of the whole."""
    odd = [name for name in OF_ONE_TARGET if getattr(options, name)]
    if options.profile or odd:
        what = ["PROFILE"] * bool(options.profile) + [f"--{name.replace('_', '-')}" for name in odd]
        raise UsageError(
            *[Problem(file=w, problem="cannot be said together with --testbed", hint="it belongs into the file") for w in what]
        )
    shelf = shelf_of(options)
    testbed = load_testbed(options.testbed, shelf, names)
    folder: Path = options.output or Path("runs") / "testbed"
    teller = Progress(testbed, shelf, quiet=options.quiet)
    campaign = Campaign(
        testbed=testbed, folder=folder, command=unit_command(), seed=options.seed, resume=options.resume, tell=teller.told, over=teller.over,
        profile_dir=str(options.profile_dir or ""), spec_dir=str(options.spec_dir or ""),
    )  # fmt: skip
    with held(folder):
        campaign.begin()
        code = conduct(campaign)
    outcomes = [campaign.outcomes[u.name] for u in testbed.units if u.name in campaign.outcomes]
    pairs = [campaign.outcomes[p.name] for p in testbed.pairs if p.name in campaign.outcomes]
    whole = Exit.INTERRUPTED if code else worst([o.exit_code for o in (*outcomes, *pairs)])
    if options.format == "json":
        put(json.dumps(document(testbed, outcomes, whole) | {"pairs": [_session_row(o) for o in pairs]}, indent=1) + "\n")
    else:
        put(table(testbed, outcomes, whole, [*(f"{o.unit.name.removeprefix('pairs/')}: {_session(o)}" for o in pairs), *not_held(testbed)]))
    return int(whole)


def conduct(campaign: Campaign) -> int:
    """Run a campaign to its end; return 130 after Ctrl-C, when all its units have stopped in order."""
    try:
        asyncio.run(campaign.run())
    except KeyboardInterrupt:
        return int(Exit.INTERRUPTED)
    return 0


def unit_command() -> Sequence[str]:
    """Return how a unit's process is started: this Python and this copy of the package, whatever the working directory holds."""
    here = str(Path(conformance.__file__).resolve().parent.parent)
    code = f"import sys; sys.path.insert(0, {here!r}); from conformance.cli.unit import main; raise SystemExit(main())"
    return (sys.executable, "-P", "-c", code)


class Progress:
    """What is known of the whole while it runs: units done, failures so far, time left."""

    def __init__(self, testbed: Testbed, shelf: Shelf, *, quiet: bool = False, clock: Callable[[], float] = time.monotonic) -> None:
        self.units = [u.name for u in testbed.units]
        self.planned = {u.name: len(load_profile(u.profile, shelf).by_id) for u in testbed.units}
        self.judged = dict.fromkeys(self.units, 0)
        self.before = dict.fromkeys(self.units, 0)
        self.failed = dict.fromkeys(self.units, 0)
        self.done: list[str] = []
        self.running: list[str] = []
        self.quiet, self.clock, self.began = quiet, clock, clock()
        self.terminal = sys.stderr.isatty() and not quiet
        self._drawn = 0.0

    def told(self, unit: Unit | Pair, told: Told) -> None:
        """Hear what a unit says."""
        name = unit.name
        if isinstance(unit, Pair):
            return
        if name not in self.running:
            self.running.append(name)
        if told.planned:
            self.planned[name], self.before[name] = told.planned, told.done_before
        if told.verdict:
            self.judged[name] += 1
            self.failed[name] += told.failed_must
        if self.terminal and self.clock() - self._drawn > 0.2:
            self._drawn = self.clock()
            print(f"\r\x1b[K{clipped(self.line(), _width())}", end="", file=sys.stderr, flush=True)

    def over(self, outcome: Outcome) -> None:
        """Hear that a unit ended: a line of its own, and the state of the whole."""
        name = outcome.unit.name
        if isinstance(outcome.unit, Pair):
            if not self.quiet:
                say(f"{plain(name)}: {plain(_session(outcome))}")
            return
        self.done.append(name)
        self.running = [n for n in self.running if n != name]
        run = readable(outcome.folder)
        if run is not None:
            said = score(run)
            self.failed[name] = said.tallies[Level.MUST][Verdict.FAIL]
            if not (outcome.folder / "report.html").exists():
                write_views(run, outcome.folder)
        if not self.quiet:
            told = outcome.problem or (score(run).conclusion if run else "nothing was recorded")
            how = "complete before" if outcome.skipped else f"{outcome.seconds:.0f} s"
            wipe = "\r\x1b[K" if self.terminal else ""
            say(f"{wipe}{plain(name)}: {clipped(told, 160)} ({how})")
            say(f"  {self.line()}")

    def left_s(self) -> float | None:
        """Return about how many seconds are left, from the requirements judged so far; None before anything was judged."""
        now = sum(self.judged.values())
        open_ = sum(max(0, self.planned[n] - self.before[n] - self.judged[n]) for n in self.units if n not in self.done)
        return None if not now else (self.clock() - self.began) * open_ / now

    def line(self) -> str:
        """Return the state of the whole in a line."""
        left = self.left_s()
        parts = [f"{len(self.done)} of {len(self.units)} units done", f"{sum(self.failed.values())} failed MUSTs so far"]
        if len(self.done) < len(self.units):
            parts.append("time left unknown" if left is None else f"about {duration(left)} left")
        if self.running:
            parts.append("at " + ", ".join(self.running))
        return plain(", ".join(parts))


def duration(seconds: float) -> str:
    """Return a time as people say it.

    >>> duration(8), duration(95), duration(7300)
    ('8 s', '2 min', '2 h')
    """
    for size, unit in ((5400, 3600), (90, 60)):
        if seconds >= size:
            return f"{seconds / unit:.0f} {'h' if unit == 3600 else 'min'}"
    return f"{seconds:.0f} s"


def _width() -> int:
    try:
        return max(40, os.get_terminal_size(2).columns - 1)
    except OSError:
        return 110


def rows(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """Return what is known of each unit that ended."""
    found = []
    for outcome in outcomes:
        unit = outcome.unit
        assert isinstance(unit, Unit)
        run = readable(outcome.folder)
        said = score(run) if run else None
        must = said.tallies[Level.MUST] if said else None
        found.append(
            {
                "system": unit.system.name, "partner": unit.system.partner, "kind": unit.system.kind,
                "profile": unit.profile, "edition": run.header.edition if run else "", "run": str(outcome.folder),
                "complete": bool(run and run.complete), "passed": must[Verdict.PASS] if must else 0, "failed": must[Verdict.FAIL] if must else 0,
                "applicable": must.applicable if must else 0, "exit_code": int(outcome.exit_code),
                "conclusion": said.conclusion if said else "", "problem": outcome.problem,
            }
        )  # fmt: skip
    return found


def document(testbed: Testbed, outcomes: Sequence[Outcome], whole: Exit) -> dict[str, Any]:
    """Return the campaign as JSON values."""
    told = rows(outcomes)
    return {
        "testbed": testbed.name, "exit_code": int(whole), "units": len(testbed.units), "done": len(told),
        "failed_musts": sum(r["failed"] for r in told), "runs": told,
    }  # fmt: skip


def not_held(testbed: Testbed) -> list[str]:
    """Return a line for each pair that has no session because nobody here can make A originate."""
    return [
        f"{pair.name.removeprefix('pairs/')}: no session: {pair.a.name} is no twin, only its owner can make it originate"
        for pair in testbed.pairs
        if not pair.drivable
    ]


def _session(outcome: Outcome) -> str:
    """Return a pair session in a line."""
    row = _session_row(outcome)
    at_odds = f" ({row['first']})" if row["first"] else ""
    return row["problem"] or f"{row['verdict']}, {row['ok']} of {row['steps']} steps OK{at_odds}"


def _session_row(outcome: Outcome) -> dict[str, Any]:
    file = outcome.folder / SESSION_FILE
    if not file.is_file():
        return {"pair": outcome.unit.name, "problem": outcome.problem or "no session", "verdict": "OT", "steps": 0, "ok": 0, "first": ""}
    held = msgspec.json.decode(file.read_bytes(), type=PairSession)
    first = next((f"{s.step}: {s.detail}" for s in held.steps if s.verdict == "NO"), "")
    ok = sum(s.verdict == "OK" for s in held.steps)
    return {
        "pair": outcome.unit.name,
        "problem": "",
        "verdict": held.verdict,
        "steps": len(held.steps),
        "ok": ok,
        "first": clipped(first, 200),
    }


def table(testbed: Testbed, outcomes: Sequence[Outcome], whole: Exit, pairs: Sequence[str] = ()) -> str:
    """Return the campaign as text: a line for each unit, and what its exit code says."""
    told = rows(outcomes)
    wide = max([len(f"{r['system']}/{r['profile']}") for r in told], default=10)
    lines = [f"{testbed.name}: {len(told)} of {len(testbed.units)} units", ""]
    for row in told:
        counts = f"{row['passed']:>4} of {row['applicable']:<4} MUSTs passed, {row['failed']} failed"
        name = f"{row['system']}/{row['profile']}"
        why = row["problem"] or ("" if row["complete"] else "cut short")
        lines.append(plain(f"{name:<{wide}}  {row['kind']:<9}  exit {row['exit_code']:<3}  {counts}{'  ' + why[:200] if why else ''}"))
    lines += ["", "pair sessions (A originating, B partner):", *map(plain, pairs)] if pairs else []
    return "\n".join([*lines, "", f"exit {int(whole)}"]) + "\n"

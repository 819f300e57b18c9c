"""`diff`: what changed between two runs, or two folders of runs; with --gate it decides."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import msgspec

from conformance.cli.common import put, say
from conformance.errors import asked
from conformance.loading.dispositions import load_dispositions
from conformance.loading.records import newest_runs, read_run, runs_below
from conformance.planning.gate import Covered, Gate, gate
from conformance.planning.rejudge import Flip, flips
from conformance.run import Run
from conformance.scoring import Exit, worst
from conformance.verdict import Level, Verdict
from conformance.writers.markdown import Section, write_markdown
from conformance.writers.text import plain


def _diff_command(commands: Any) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser("diff", help="what changed between two runs, or two folders of runs")
    command.add_argument("before", type=Path, metavar="A")
    command.add_argument("after", type=Path, metavar="B")
    command.add_argument("--gate", action="store_true", help="exit 1 on a regression or a failed MUST that is not waived")
    command.add_argument("--strict", action="store_true", help="with --gate: a pass that could not be judged any more is a regression too")
    command.add_argument("--dispositions", type=Path, metavar="FILE", help="with --gate: what was waived or is disputed (docs/testbeds.md)")
    command.add_argument(
        "--as-of", default="", metavar="DATE", help="with --gate: the day on which dispositions must hold (default: that of B)"
    )
    command.add_argument("--format", choices=("text", "json", "markdown"), default="text")
    command.set_defaults(call=diff)
    return command


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two runs of one system and profile; one of them may be missing."""

    name: str
    before: Run | None
    after: Run | None


def diff(options: argparse.Namespace) -> int:
    """Print the requirements whose verdict changed; times, ids and addresses are not compared."""
    dispositions = load_dispositions(options.dispositions)
    day = day_option(options.as_of)
    pairs = paired(options.before, options.after)
    gates = [gate(p.before, p.after, dispositions, strict=options.strict, day=day) for p in pairs if p.after] if options.gate else []
    lost = [p for p in pairs if p.after is None]
    if options.format == "markdown":
        put(markdown(pairs, gates, lost, options.gate))
    elif options.format == "json":
        told = [{**({"run": p.name} if p.name else {}), **flip_data(f)} for p in pairs for f in changes(p)]
        put(json.dumps(gate_document(gates, lost) if options.gate else told, indent=1) + "\n")
    else:
        put("".join(f"{'  ' + plain(p.name) + ':' if p.name else ''}{flip_line(f)}\n" for p in pairs for f in changes(p)))
        for one in gates:
            where = f"{plain(one.about)}, {plain(one.profile)}: " if len(gates) > 1 else ""
            put("".join(f"gate: {where}{plain(problem)}\n" for problem in one.problems))
            put("".join(f"waived until {c.by.expires}: {where}{plain(c.result.requirement)}: {plain(c.by.reason)}\n" for c in one.waived))
            put("".join(f"disputed: {where}{plain(c.result.requirement)}: {plain(c.by.reason)}\n" for c in one.disputed))
        put("".join(f"{'gate: ' if options.gate else ''}not in B: {plain(p.name)}\n" for p in lost))
    if any(p.before and p.after and p.before.header.digests != p.after.header.digests for p in pairs):
        say("the runs were judged by different profiles: `conformance judge` puts them on one")
    return int(worst([*(g.exit_code for g in gates), *(Exit.INCOMPLETE for _ in lost)])) if options.gate else 0


def day_option(text: str) -> date | None:
    """Return the day that an option names, or None.

    Raises:
        UsageError: it is no day.
    """
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise asked(f"'{text}' is not a day", place="--as-of", hint="2026-11-30") from None


def paired(before: Path, after: Path) -> list[Pair]:
    """Return the runs of two folders by system and profile, the newest of each; two single runs are a pair whatever they are called."""
    if _single(before) and _single(after):
        return [Pair(name="", before=read_run(before), after=read_run(after))]
    old, new = newest_runs(before), newest_runs(after)
    return [
        Pair(name="/".join(key), before=read_run(old[key]) if key in old else None, after=read_run(new[key]) if key in new else None)
        for key in dict.fromkeys([*new, *old])
    ]


def _single(folder: Path) -> bool:
    return runs_below(folder) == [folder]


def changes(pair: Pair) -> list[Flip]:
    """Return what changed between the two of a pair."""
    return flips(pair.before, pair.after) if pair.before and pair.after else []


def flip_line(flip: Flip) -> str:
    """Return a flip in one line."""
    before, after = (v.value if v else "absent" for v in (flip.before, flip.after))
    return f"  {plain(flip.requirement)}: {before} -> {after}" + (f" ({plain(flip.reason)})" if flip.reason else "")


def flip_data(flip: Flip) -> dict[str, Any]:
    """Return a flip as JSON members."""
    return {"requirement": flip.requirement, "before": flip.before, "after": flip.after, "reason": flip.reason}


def gate_document(gates: Sequence[Gate], lost: Sequence[Pair]) -> dict[str, Any]:
    """Return what the gate found as JSON values."""
    return {
        "exit_code": int(worst([*(g.exit_code for g in gates), *(Exit.INCOMPLETE for _ in lost)])),
        "not_in_b": [p.name for p in lost],
        "runs": [
            {
                "system": g.about, "profile": g.profile, "edition": g.edition, "as_of": g.day.isoformat(), "exit_code": int(g.exit_code),
                "conclusion": g.score.conclusion, "problems": list(g.problems), "changed": [flip_data(f) for f in g.changed],
                "regressions": [f.requirement for f in g.regressions], "failed": [r.requirement for r in g.failed],
                "waived": [_covered(c) for c in g.waived], "disputed": [_covered(c) for c in g.disputed],
                "expired": [msgspec.to_builtins(d) for d in g.expired],
                "waived_but_passing": [{"requirements": list(m.requirements), "by": msgspec.to_builtins(m.by)} for m in g.moot],
                "other_profile": g.other_profile,
            }
            for g in gates
        ],
    }  # fmt: skip


def _covered(covered: Covered) -> dict[str, Any]:
    return {"requirement": covered.result.requirement, "by": msgspec.to_builtins(covered.by)}


def markdown(pairs: Sequence[Pair], gates: Sequence[Gate], lost: Sequence[Pair], decides: bool) -> str:
    """Return the same for the summary of a build."""
    if not decides:
        rows = tuple((p.name, *_cells(f)) for p in pairs for f in changes(p))
        lines = ["" if rows else "every verdict as before"]
        return write_markdown("Conformance: what changed", lines, [Section(title="Changed", columns=("run", *_FLIP), rows=rows)])
    code = worst([*(g.exit_code for g in gates), *(Exit.INCOMPLETE for _ in lost)])
    title = f"Conformance gate: {'open' if code is Exit.PASSED else f'closed (exit {int(code)})'}"
    lines = [f"not in this run: {p.name}" for p in lost]
    sections = [
        Section(
            title="Runs",
            columns=("system", "profile", "MUSTs passed", "failed", "inconclusive", "not tested", "conclusion"),
            rows=tuple((g.about, f"{g.profile} {g.edition}", *_musts(g), g.score.conclusion) for g in gates),
        ),
        Section(title="Why it is closed", columns=("system", "problem"), rows=tuple((g.about, p) for g in gates for p in g.problems)),
        Section(
            title="Waived and disputed",
            columns=("system", "requirement", "", "until", "owner", "reason"),
            rows=tuple(
                (g.about, c.result.requirement, c.by.disposition, c.by.expires, c.by.owner, c.by.reason)
                for g in gates
                for c in (*g.waived, *g.disputed)
            ),
        ),
        Section(title="Changed", columns=("system", *_FLIP), rows=tuple((g.about, *_cells(f)) for g in gates for f in g.changed)),
    ]
    if any(g.other_profile for g in gates):
        lines.append("the runs were judged by different profiles: conformance judge puts them on one")
    return write_markdown(title, lines, sections)


_FLIP = ("requirement", "before", "after", "reason")


def _cells(flip: Flip) -> tuple[str, ...]:
    return (flip.requirement, *(v.value if v else "absent" for v in (flip.before, flip.after)), flip.reason)


def _musts(found: Gate) -> tuple[str, ...]:
    must = found.score.tallies[Level.MUST]
    told = (must[Verdict.FAIL], must[Verdict.INCONCLUSIVE], must[Verdict.NOT_TESTED])
    return (f"{must[Verdict.PASS]} of {must.applicable}", *map(str, told))


COMMANDS = (_diff_command,)

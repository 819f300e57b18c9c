"""Commands over records: judge, report; `diff` is in `gating`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conformance.checks.registry import known_checks
from conformance.cli.common import colour, put, shelf_of
from conformance.cli.gating import flip_data, flip_line
from conformance.loading.profiles import Shelf, load_profile
from conformance.loading.records import newest_runs, read_exchanges, read_run, runs_below
from conformance.loading.targets import claim_of
from conformance.planning.rejudge import Flip, flips, rejudge
from conformance.run import Run
from conformance.scoring import score, worst
from conformance.verdict import Verdict
from conformance.writers.badge import write_badge
from conformance.writers.data import write_json
from conformance.writers.gitb import write_gitb
from conformance.writers.html import write_html
from conformance.writers.junit import write_junit
from conformance.writers.text import plain, write_text


def _judge_command(commands: Any) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser("judge", help="judge recorded runs again without the network")
    command.add_argument(
        "runs", type=Path, nargs="+", metavar="RUN", help="a run, or a folder of runs: the newest of each system and profile"
    )
    command.add_argument("--edition", default="", help="judge by another edition of the profile")
    command.add_argument("--format", choices=("text", "json"), default="text")
    command.set_defaults(call=judge)
    return command


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A run as it was recorded and as today's profile judges it."""

    folder: Path
    before: Run
    after: Run
    flips: tuple[Flip, ...]


def judge(options: argparse.Namespace) -> int:
    """Say what each run is worth by today's profile, whose verdict flips, and, of several runs, what the change does to whom."""
    shelf = shelf_of(options)
    folders = [place for named in options.runs for place in (newest_runs(named).values() if runs_below(named) != [named] else [named])]
    found = [judged_again(read_run(folder), folder, shelf, options.edition) for folder in folders]
    if options.format == "json":
        documents = [{"run": str(j.folder), **json.loads(write_json(j.after)), "flips": [flip_data(f) for f in j.flips]} for j in found]
        whole: Any = {"runs": documents, "impact": impact_data(found)} if len(found) > 1 else documents
        put(json.dumps(whole, indent=1) + "\n")
    else:
        lines: list[str] = []
        for one in found:
            lines += [f"{plain(str(one.folder))}: {plain(score(one.after).conclusion)}", *map(flip_line, one.flips)]
            lines += [] if one.flips else ["  every verdict as recorded"]
        put("".join(f"{line}\n" for line in [*lines, *(impact_lines(found) if len(found) > 1 else [])]))
    return int(worst(score(j.after).exit_code for j in found))


def judged_again(before: Run, folder: Path, shelf: Shelf, edition: str = "") -> Judged:
    """Return the run in *folder* as the profiles of *shelf* judge it, by its own edition or another.

    Raises:
        UsageError: there is no such profile, or the exchanges cannot be read.
    """
    claim = claim_of(before.header.claim)
    profile = load_profile(f"{before.header.profile}@{edition or before.header.edition}", shelf, claim.beside)
    after = rejudge(before, read_exchanges(folder), profile, claim, known_checks())
    return Judged(folder=folder, before=before, after=after, flips=tuple(flips(before, after)))


def impact_data(found: Sequence[Judged]) -> dict[str, Any]:
    """Return what a change of profiles does to whom: whose conclusion is another one, and each requirement with the systems that flip on it."""
    concluded = [
        {"system": j.before.header.about, "profile": j.after.header.profile, "before": _says(j.before), "after": _says(j.after)}
        for j in found
        if _says(j.before) != _says(j.after)
    ]
    on: dict[str, list[dict[str, Any]]] = {}
    for one in found:
        for flip in one.flips:
            on.setdefault(flip.requirement, []).append({"system": one.before.header.about, "before": flip.before, "after": flip.after})
    return {"runs": len(found), "flipping": sum(bool(j.flips) for j in found), "conclusions": concluded, "requirements": on}


def _says(run: Run) -> str:
    return score(run).exit_code.name.lower()


def impact_lines(found: Sequence[Judged]) -> list[str]:
    """Return the same as text."""
    told = impact_data(found)
    lines = ["", f"impact: {told['flipping']} of {told['runs']} runs flip, {len(told['conclusions'])} of them to another exit code"]
    lines += [f"  {plain(c['system'])}, {plain(c['profile'])}: {c['before']} -> {c['after']}" for c in told["conclusions"]]
    for requirement, flipping in told["requirements"].items():
        who = ", ".join(f"{plain(f['system'])} ({_word(f['before'])} -> {_word(f['after'])})" for f in flipping)
        lines.append(f"  {plain(requirement)}: {who}")
    return lines


def _word(verdict: Verdict | None) -> str:
    return verdict.value if verdict else "absent"


def _report_command(commands: Any) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser("report", help="write a run in another format")
    command.add_argument("run", type=Path, metavar="RUN")
    command.add_argument("--to", choices=sorted(REPORTS), default="text")
    command.add_argument("-o", "--output", type=Path, metavar="FILE", help="default: stdout")
    command.set_defaults(call=report)
    return command


REPORTS: dict[str, Callable[[Run, Path], str]] = {
    "text": lambda run, folder: write_text(run, colour=colour()),
    "html": lambda run, folder: write_html(run, read_exchanges(folder)),
    "junit": lambda run, folder: write_junit(run),
    "json": lambda run, folder: write_json(run),
    "gitb": lambda run, folder: write_gitb(run),
    "badge": lambda run, folder: write_badge(run),
}


def report(options: argparse.Namespace) -> int:
    """Write a run in the format asked for."""
    text = REPORTS[options.to](read_run(options.run), options.run)
    if options.output:
        options.output.write_text(text, "utf-8", errors="backslashreplace")
    else:
        put(text)
    return 0


COMMANDS = (_judge_command, _report_command)

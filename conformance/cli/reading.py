"""Commands over records: judge, diff, report."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from conformance.checks.registry import known_checks
from conformance.cli.common import colour, put, say, shelf_of
from conformance.loading.profiles import load_profile
from conformance.loading.records import read_exchanges, read_run
from conformance.loading.targets import claim_of
from conformance.planning.rejudge import Flip, flips, rejudge
from conformance.run import Run
from conformance.scoring import Exit, score
from conformance.verdict import Verdict
from conformance.writers.data import write_json
from conformance.writers.html import write_html
from conformance.writers.junit import write_junit
from conformance.writers.text import plain, write_text


def _judge_command(commands: Any) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser("judge", help="judge recorded runs again without the network")
    command.add_argument("runs", type=Path, nargs="+", metavar="RUN")
    command.add_argument("--edition", default="", help="judge by another edition of the profile")
    command.add_argument("--format", choices=("text", "json"), default="text")
    command.set_defaults(call=judge)
    return command


def judge(options: argparse.Namespace) -> int:
    """Say what each run is worth by today's profile, and whose verdict flips."""
    shelf = shelf_of(options)
    documents, worst = [], Exit.PASSED
    lines: list[str] = []
    for folder in options.runs:
        before = read_run(folder)
        profile = load_profile(f"{before.header.profile}@{options.edition or before.header.edition}", shelf)
        after = rejudge(before, read_exchanges(folder), profile, claim_of(before.header.claim), known_checks())
        changed = flips(before, after)
        said = score(after)
        worst = max(worst, said.exit_code, key=_severity)
        if options.format == "json":
            documents.append({"run": str(folder), **json.loads(write_json(after)), "flips": [flip_data(f) for f in changed]})
            continue
        lines += [f"{folder}: {plain(said.conclusion)}", *map(flip_line, changed), *([] if changed else ["  every verdict as recorded"])]
    put(json.dumps(documents, indent=1) + "\n" if options.format == "json" else "".join(f"{line}\n" for line in lines))
    return int(worst)


def _severity(code: Exit) -> int:
    order = (Exit.PASSED, Exit.INCOMPLETE, Exit.BROKEN, Exit.FAILED, Exit.UNREACHABLE, Exit.USAGE, Exit.INTERRUPTED)
    return order.index(code)


def flip_line(flip: Flip) -> str:
    """Return a flip in one line."""
    before, after = (v.value if v else "absent" for v in (flip.before, flip.after))
    return f"  {plain(flip.requirement)}: {before} -> {after}" + (f" ({plain(flip.reason)})" if flip.reason else "")


def flip_data(flip: Flip) -> dict[str, Any]:
    """Return a flip as JSON members."""
    return {"requirement": flip.requirement, "before": flip.before, "after": flip.after, "reason": flip.reason}


def _diff_command(commands: Any) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser("diff", help="what changed between two runs")
    command.add_argument("before", type=Path, metavar="A")
    command.add_argument("after", type=Path, metavar="B")
    command.add_argument("--gate", action="store_true", help="exit 1 on a regression or a failed MUST")
    command.add_argument("--strict", action="store_true", help="with --gate: a pass that became inconclusive is a regression too")
    command.add_argument("--format", choices=("text", "json"), default="text")
    command.set_defaults(call=diff)
    return command


def diff(options: argparse.Namespace) -> int:
    """Print the requirements whose verdict or cause changed; times, ids and addresses are not compared."""
    before, after = read_run(options.before), read_run(options.after)
    changed = flips(before, after)
    if options.format == "json":
        put(json.dumps([flip_data(f) for f in changed], indent=1) + "\n")
    else:
        put("".join(f"{flip_line(flip)}\n" for flip in changed))
        if before.header.digests != after.header.digests:
            say("the runs were judged by different profiles: `conformance judge` puts them on one")
    return int(gate(after, changed, options.strict)) if options.gate else 0


def gate(after: Run, changed: list[Flip], strict: bool) -> Exit:
    """Return FAILED on a regression or a failed MUST, else PASSED."""
    worse = {Verdict.FAIL, Verdict.ERROR} | ({Verdict.INCONCLUSIVE, Verdict.NOT_TESTED} if strict else set())
    regressed = [f for f in changed if f.before is Verdict.PASS and f.after in worse]
    return Exit.FAILED if regressed or score(after).exit_code is Exit.FAILED else Exit.PASSED


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
}


def report(options: argparse.Namespace) -> int:
    """Write a run in the format asked for."""
    text = REPORTS[options.to](read_run(options.run), options.run)
    if options.output:
        options.output.write_text(text, "utf-8", errors="backslashreplace")
    else:
        put(text)
    return 0


COMMANDS = (_judge_command, _diff_command, _report_command)

"""The command `dashboard`: records of runs into a static site."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from conformance.cli.common import say, shelf_of
from conformance.cli.reading import judged_again
from conformance.dashboard.build import build
from conformance.dashboard.summary import judged_by
from conformance.errors import UsageError, asked
from conformance.loading.dispositions import load_dispositions
from conformance.loading.matrices import read_matrix
from conformance.loading.profiles import Shelf, load_profile
from conformance.run import Run
from conformance.writers.record import EXCHANGES_FILE


def _dashboard_command(commands: Any) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser("dashboard", help="write a static site of all runs below folders")
    command.add_argument("places", type=Path, nargs="+", metavar="DIR_OR_RUN")
    command.add_argument("-o", "--output", type=Path, required=True, metavar="SITE")
    command.add_argument("--audience", default="task-force", metavar="WHO", help="partner:NAME, task-force (default) or public")
    command.add_argument("--as-of", default="", metavar="DATE", help="from when ages and expiries are counted (default: the newest run)")
    command.add_argument("--dispositions", type=Path, metavar="FILE", help="waivers and disputes")
    command.add_argument("--no-cache", action="store_true", help="keep no scored runs beside the records")
    command.set_defaults(call=dashboard)
    return command


def dashboard(options: argparse.Namespace) -> int:
    """Build the site and say how large it is."""
    shelf = shelf_of(options)
    dispositions = load_dispositions(options.dispositions) if options.dispositions else ()
    made = build(
        options.places, options.output, shelf, audience=options.audience, as_of=moment_of(options.as_of), dispositions=dispositions,
        catches=catches_of(shelf), judge=ShelfJudge(shelf), keep=not options.no_cache,
    )  # fmt: skip
    for problem in made.gathered.problems:
        say(f"left out: {problem}")
    built = made.built
    print(
        f"{options.output / 'index.html'}: {len(made.gathered.lines)} runs ({made.gathered.scored} new) of {len(made.view.board.systems)} systems "
        f"for {made.view.audience}; {built.pages} pages, {built.written} written, {built.removed} removed, "
        f"{built.bytes / 1e6:.1f} MB, largest {built.largest} {built.largest_bytes / 1e3:.0f} kB"
    )
    return 0


class ShelfJudge:
    """Judges submitted runs by the profiles of a shelf."""

    def __init__(self, shelf: Shelf) -> None:
        self.shelf, self._versions = shelf, dict[str, str]()

    def version(self, profile: str, edition: str) -> str:
        """Return a digest of the profile; '' where it is not on the shelf."""
        name = f"{profile}@{edition}"
        if name not in self._versions:
            try:
                self._versions[name] = judged_by(load_profile(name, self.shelf).digests)
            except UsageError:
                self._versions[name] = ""
        return self._versions[name]

    def again(self, run: Run, folder: Path) -> tuple[Run, int] | None:
        """Return a run as it is judged now, and how many verdicts are others than in the record; None where no exchanges are kept."""
        file = folder / EXCHANGES_FILE
        if not file.is_file() or not file.stat().st_size:
            return None
        found = judged_again(run, folder, self.shelf)
        return found.after, len(found.flips)


def moment_of(text: str) -> float | None:
    """Return the end of a day, seconds since the epoch.

    Raises:
        UsageError: it is not a date.
    """
    if not text:
        return None
    try:
        day = datetime.fromisoformat(text)
    except ValueError:
        raise asked(f"'{text[:40]}' is not a date", place="--as-of", hint="2027-03-31") from None
    return (day if day.tzinfo else day.replace(tzinfo=UTC)).timestamp()


def catches_of(shelf: Shelf) -> dict[str, list[str]]:
    """Return, for each requirement, what our faulty twins do that turned it red when the kill matrices were stored.

    Raises:
        UsageError: a file is not a matrix.
    """
    found: dict[str, dict[str, None]] = {}
    for name, editions in shelf.profiles.items():
        for stored in filter(None, (read_matrix(name, edition, shelf) for edition in editions)):
            for row in stored.faults.values():
                for requirement in row.red:
                    found.setdefault(requirement, {})[row.sentence] = None
    return {requirement: list(sentences) for requirement, sentences in sorted(found.items())}


COMMANDS = (_dashboard_command,)

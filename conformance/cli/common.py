"""What several commands share: the shelf of profiles, colour, writing a run's files."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from conformance.loading.profiles import Shelf
from conformance.loading.records import read_exchanges
from conformance.run import Run
from conformance.writers.html import write_html
from conformance.writers.junit import write_junit

Subparsers = "argparse._SubParsersAction[argparse.ArgumentParser]"


def shelf_of(options: argparse.Namespace) -> Shelf:
    """Return the folders to read profiles and contracts from."""
    return Shelf.standard(options.profile_dir, options.spec_dir)


def colour() -> bool:
    """Tell whether stdout takes colours: a terminal, and NO_COLOR is not set."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def write_views(run: Run, folder: Path) -> None:
    """Write `report.html` and `junit.xml` beside the record."""
    (folder / "report.html").write_text(write_html(run, read_exchanges(folder)), "utf-8", errors="backslashreplace")
    (folder / "junit.xml").write_text(write_junit(run), "utf-8", errors="backslashreplace")


def say(text: str) -> None:
    """Talk: on stderr, so that stdout holds results only."""
    print(text, file=sys.stderr)


def put(text: str) -> None:
    """Write a result to stdout; a reader that went away (`| head`) changes nothing, least of all the exit code."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

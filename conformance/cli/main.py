"""The command line: parse, call one library function, print, return an exit code. Results on stdout, talk on stderr."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from conformance import __version__
from conformance.cli import dashboard, knowing, reading, running, selftest, specs, twins
from conformance.cli.common import say
from conformance.errors import TestbedError, UsageError
from conformance.scoring import Exit
from conformance.writers.text import plain


class _Parser(argparse.ArgumentParser):
    """Asks for nothing it was not told: usage errors end with exit code 2 in one line and a hint."""

    def error(self, message: str) -> None:  # type: ignore[override]
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


def parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    top = _Parser(
        prog="conformance", description="Conformance and interoperability tests for the interfaces of the IPCEI-CIS Reference Architecture."
    )
    top.add_argument("--version", action="version", version=f"icra-conformance {__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=_Parser)
    for add in (
        *running.COMMANDS,
        *twins.COMMANDS,
        *selftest.COMMANDS,
        *specs.COMMANDS,
        *knowing.COMMANDS,
        *reading.COMMANDS,
        *dashboard.COMMANDS,
    ):
        command = add(commands)
        command.add_argument("--spec-dir", type=Path, help="a folder of contracts looked at before our own")
        command.add_argument("--profile-dir", type=Path, help="a folder of profiles looked at before our own")
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; bad input is told in a line per problem, never a traceback."""
    try:
        options = parser().parse_args(argv)
    except SystemExit as stop:
        return int(stop.code or 0)
    try:
        return int(options.call(options))
    except UsageError as error:
        for problem in error.problems:
            say(f"conformance: {plain(str(problem))}")
        return Exit.USAGE
    except TestbedError as error:
        say(f"conformance: our side broke: {plain(str(error))}")
        return Exit.BROKEN
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except BrokenPipeError:  # of the commands that only tell; those with an exit code to keep write with `put`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        if error.filename is None:
            raise
        say(f"conformance: {plain(str(error.filename))}: {error.strerror}")
        return Exit.USAGE


def entry() -> None:
    """The `conformance` command."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    sys.exit(main())


if __name__ == "__main__":
    entry()

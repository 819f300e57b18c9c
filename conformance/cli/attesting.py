"""`attest` and `verify`: sign what a run found, and hold such a signature against the record."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from conformance.attestation import sign, statement, unfit
from conformance.checks.registry import known_checks
from conformance.cli.common import put, say, shelf_of
from conformance.disposition import day_of
from conformance.errors import Problem, UsageError
from conformance.loading.bundles import ENVELOPE_FILE, digests_of, load_key, load_private_key, read_envelope
from conformance.loading.dispositions import load_dispositions
from conformance.loading.profiles import Shelf, load_profile
from conformance.loading.records import read_exchanges, read_run
from conformance.loading.targets import claim_of
from conformance.planning.attesting import about, expired, holds, missing
from conformance.run import Run
from conformance.scoring import Exit
from conformance.writers.text import plain


def _attest_command(commands: Any) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser("attest", help="sign what a whole run found")
    command.add_argument("run", type=Path, metavar="RUN")
    command.add_argument("--key", type=Path, required=True, metavar="FILE", help="an ed25519 private key in PEM")
    command.add_argument("--dispositions", type=Path, metavar="FILE", help="what was waived or is disputed")
    command.add_argument("-o", "--output", type=Path, metavar="FILE", help=f"default: {ENVELOPE_FILE} beside the record")
    command.set_defaults(call=attest)
    return command


def attest(options: argparse.Namespace) -> int:
    """Sign a run that is whole; refuse a partial one."""
    run = read_run(options.run)
    key = load_private_key(options.key)
    decided = about(load_dispositions(options.dispositions), run)
    profile = load_profile(f"{run.header.profile}@{run.header.edition}", shelf_of(options), claim_of(run.header.claim).beside)
    wrong = [*unfit(run), *expired(decided, day_of(run.ended)), *missing(run, profile)]
    if wrong:
        raise UsageError(*[Problem(file=str(options.run), problem=w) for w in wrong[:20]])
    folder = Path(run.folder)
    payload = statement(run, digests_of(folder), decided)
    file = options.output or folder / ENVELOPE_FILE
    file.write_text(json.dumps(sign(payload, key), indent=1) + "\n", "utf-8")
    say(f"attested: {file}: {json.loads(payload)['predicate']['result']}")
    return 0


def _verify_command(commands: Any) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser("verify", help="hold an attestation against the record beside it")
    command.add_argument("bundle", type=Path, metavar="BUNDLE", help="the folder of the run, or its attestation")
    command.add_argument(
        "--key", action="append", default=[], metavar="PUB", help="a public key: FILE, testbed=FILE or partner:NAME=FILE (may be repeated)"
    )
    command.set_defaults(call=verify)
    return command


def verify(options: argparse.Namespace) -> int:
    """Say what an attestation proves, or why it is refused (exit 1)."""
    keys = [load_key(said) for said in options.key]
    envelope, folder = read_envelope(options.bundle)
    digests = digests_of(folder)
    run, profile, unreadable = _record(folder, shelf_of(options))
    exchanges = read_exchanges(folder) if run and len(digests) > 1 and not unreadable else None
    claim = claim_of(run.header.claim) if run else None
    found = holds(envelope, keys, digests, run, profile, exchanges, claim, known_checks())
    refused = [*found.refused, *unreadable]
    if not keys:
        refused = [r for r in refused if not r.startswith("signed with another key")] + [
            "no key was named, so nobody vouches for it (--key)"
        ]
    put("".join(f"refused: {plain(line)}\n" for line in refused) or "".join(f"{plain(line)}\n" for line in found.told))
    return int(Exit.FAILED if refused else Exit.PASSED)


def _record(folder: Path, shelf: Shelf) -> tuple[Run | None, Any, list[str]]:
    """Return the run and its profile as far as they can be read, and what is wrong with the rest."""
    try:
        run = read_run(folder)
        read_exchanges(folder)
    except UsageError as error:
        return None, None, [f"the record cannot be read: {p}" for p in error.problems[:3]]
    try:
        return run, load_profile(f"{run.header.profile}@{run.header.edition}", shelf, claim_of(run.header.claim).beside), []
    except UsageError as error:
        return run, None, [f"the profile is not known here, so nothing can be said of what is missing: {error.problems[0]}"]


COMMANDS = (_attest_command, _verify_command)

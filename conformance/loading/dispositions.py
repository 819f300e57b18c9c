"""Load dispositions: every problem of the file at once."""

from __future__ import annotations

from pathlib import Path

import msgspec

from conformance.disposition import Disposition
from conformance.errors import Problem, UsageError
from conformance.loading.plain_yaml import read_yaml
from conformance.loading.validation import demand


def load_dispositions(file: Path | None) -> tuple[Disposition, ...]:
    """Return the dispositions of a file; none without a file.

    Raises:
        UsageError: all problems of the file; two that say different things of one requirement at one target are one of them.
    """
    raw = read_yaml(file) if file else None
    found = msgspec.convert(demand([] if raw is None else raw, "dispositions", str(file)), tuple[Disposition, ...])
    first: dict[tuple[str, str], int] = {}
    problems = []
    for number, one in enumerate(found):
        earlier = first.setdefault((one.requirement, one.target), number)
        if earlier != number:
            problems.append(
                Problem(
                    file=str(file), place=f"[{number}]", problem=f"says again what [{earlier}] says of {one.requirement} at {one.target}"
                )
            )
    if problems:
        raise UsageError(*problems)
    return found

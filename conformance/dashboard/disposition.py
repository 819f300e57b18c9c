"""Read waivers and disputes: which requirement at which target, why, who owns it, until when."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from conformance.errors import Problem, UsageError, did_you_mean
from conformance.loading.plain_yaml import read_yaml

KINDS = ("waived", "disputed")
_NEEDED = ("requirement", "target", "disposition", "reason", "owner", "expires")


@dataclass(frozen=True, slots=True, kw_only=True)
class Disposition:
    """One waiver or dispute; `expires` is the last day on which it holds."""

    requirement: str
    target: str
    disposition: str
    reason: str
    owner: str
    expires: date
    issue: str = ""

    def covers(self, requirement: str, target: str) -> bool:
        """Tell whether it speaks of a requirement at a target."""
        return self.target in ("*", target) and fnmatchcase(requirement, self.requirement)

    def expired(self, moment: float) -> bool:
        """Tell whether it does not hold any more at a moment."""
        return self.days_left(moment) < 0

    def days_left(self, moment: float) -> int:
        """Return how many days it still holds; below zero: it has expired."""
        return (self.expires - datetime.fromtimestamp(moment, UTC).date()).days


def load_dispositions(file: Path) -> tuple[Disposition, ...]:
    """Return the dispositions of a file.

    Raises:
        UsageError: all that is wrong with it.
    """
    raw: Any = read_yaml(file)
    listed = raw.get("dispositions") if isinstance(raw, dict) else raw
    if not isinstance(listed, list):
        raise UsageError(Problem(file=str(file), problem="not a list of dispositions"))
    problems: list[Problem] = []
    found: list[Disposition] = []
    for number, one in enumerate(listed):
        told = list(_problems(one, str(file), f"[{number}]"))
        problems += told
        if not told:
            found.append(Disposition(**{**{k: str(v) for k, v in one.items()}, "expires": _day(one["expires"])}))  # type: ignore[arg-type]
    if problems:
        raise UsageError(*problems[:50])
    return tuple(found)


def _problems(one: Any, file: str, place: str) -> Iterable[Problem]:
    if not isinstance(one, dict):
        yield Problem(file=file, place=place, problem="not a disposition", hint=f"members {', '.join(_NEEDED)}")
        return
    for name in one:
        if name not in (*_NEEDED, "issue"):
            yield Problem(file=file, place=place, problem=f"'{name}' is not known here", hint=did_you_mean(str(name), (*_NEEDED, "issue")))
    for name in _NEEDED:
        if name not in one:
            yield Problem(file=file, place=place, problem=f"'{name}' is missing")
    if one.get("disposition", "waived") not in KINDS:
        yield Problem(
            file=file, place=f"{place}.disposition", problem=f"'{one['disposition']}' is not one of them", hint="waived, disputed"
        )
    if "expires" in one and _day(one["expires"]) is None:
        yield Problem(file=file, place=f"{place}.expires", problem=f"'{one['expires']}' is not a date", hint="2027-03-31")


def _day(value: Any) -> date | None:
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        return None

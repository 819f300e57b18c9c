"""A disposition: what people decided about a finding. It changes no verdict; the gate and every page show it beside the verdict."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from fnmatch import fnmatchcase
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Disposition:
    """`waived`: known, and let pass until `expires`; `disputed`: the partner says that the finding is wrong, and it counts meanwhile.

    `requirement` is an id or a pattern with `*`; `target` is the name of a system, or `*`; `expires` is the last day it holds.
    """

    requirement: str
    target: str = "*"
    disposition: Literal["waived", "disputed"]
    reason: str
    owner: str
    expires: str
    issue: str = ""

    def covers(self, requirement: str, about: str) -> bool:
        """Tell whether this is about a requirement at a system."""
        return fnmatchcase(about, self.target) and fnmatchcase(requirement, self.requirement)

    def expired(self, day: date) -> bool:
        """Tell whether it no longer holds on *day*; on the day that it names it does.

        >>> one = Disposition(requirement="p/a", disposition="waived", reason="r", owner="o", expires="2026-11-30")
        >>> one.expired(date(2026, 11, 30)), one.expired(date(2026, 12, 1))
        (False, True)
        """
        return day > date.fromisoformat(self.expires)


def day_of(seconds: float) -> date:
    """Return the day (UTC) of a time in seconds since the epoch."""
    return datetime.fromtimestamp(seconds, UTC).date()


def covering(dispositions: Iterable[Disposition], requirement: str, about: str, day: date) -> Disposition | None:
    """Return what holds on *day* for a requirement at a system: the first that names it, a waiver before a dispute."""
    found = [d for d in dispositions if d.covers(requirement, about) and not d.expired(day)]
    return min(found, key=lambda d: d.disposition != "waived", default=None)

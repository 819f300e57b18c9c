"""Errors for whoever must act: asked wrongly (`UsageError`), or our side broke (`TestbedError`).

A finding about a target is never one of these: see `conformance.ending`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing wrong with one place of a file or an option."""

    file: str
    place: str = ""
    problem: str
    hint: str = ""

    def __str__(self) -> str:
        where = f"{self.file}: {self.place}" if self.place else self.file
        return f"{where}: {self.problem}" + (f" ({self.hint})" if self.hint else "")


class ConformanceError(Exception):
    """Base of what this package raises on purpose."""


class UsageError(ConformanceError):
    """A file or an option is wrong; carries every problem found, not just the first."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__("\n".join(str(p) for p in problems))
        self.problems: Sequence[Problem] = problems


class TestbedError(ConformanceError):
    """Our side broke: nothing is said about the target."""

    __test__ = False


def asked(problem: str, *, file: str = "command line", place: str = "", hint: str = "") -> UsageError:
    """Return a `UsageError` with a single problem."""
    return UsageError(Problem(file=file, place=place, problem=problem, hint=hint))


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return a hint that names the nearest of *known*, or lists them when none is near and they are few."""
    known = sorted(known)
    near = get_close_matches(word, known, n=1, cutoff=0.6)
    if near:
        return f"did you mean '{near[0]}'?"
    return f"one of {', '.join(known)}" if 0 < len(known) <= 12 else ""

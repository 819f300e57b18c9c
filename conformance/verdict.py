"""Verdicts, levels and effects: three things that are never mixed, and the words every output uses for them."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class Verdict(StrEnum):
    """Outcome of a check, mildest first; when the cases of one requirement are combined the last one wins.

    ERROR is about us, never about the target, and wins among the cases of one requirement,
    because a broken look proves nothing; it never hides another requirement's FAIL.
    Source: pass < inconclusive < fail < error as in TTCN-3 (ETSI ES 201 873-1);
    not-applicable and not-tested are EARL's `inapplicable` and `untested`.
    """

    NOT_APPLICABLE = "not-applicable"
    PASS = "pass"
    NOT_TESTED = "not-tested"
    INCONCLUSIVE = "inconclusive"
    FAIL = "fail"
    ERROR = "error"

    @property
    def weight(self) -> int:
        """The place in the order above: the larger wins."""
        return list(Verdict).index(self)


def fold(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the verdict of a requirement from those of its cases; nothing judged is not-tested.

    >>> fold([Verdict.PASS, Verdict.INCONCLUSIVE]).value
    'inconclusive'
    """
    return max(verdicts, key=lambda v: v.weight, default=Verdict.NOT_TESTED)


class Level(StrEnum):
    """How strictly the standard asks. Source: RFC 2119."""

    MUST = "MUST"
    SHOULD = "SHOULD"
    MAY = "MAY"


class Effect(StrEnum):
    """What a request does to the target, mildest first."""

    READ = "read"
    OWN = "own"
    LASTING = "lasting"
    DISRUPTIVE = "disruptive"

    @property
    def weight(self) -> int:
        """The place in the order above: the larger needs the stronger consent."""
        return list(Effect).index(self)

    @property
    def consent(self) -> str:
        """What `--allow` must name before such a request may be sent; empty for a read."""
        return {"read": "", "own": "write", "lasting": "write", "disruptive": "disruptive"}[self.value]


CONSENTS = ("write", "disruptive")

#: The one table of verdict -> word and symbol of every output format.
WORDS: dict[Verdict, dict[str, str]] = {
    Verdict.PASS: {"text": "pass", "symbol": "✓", "ascii": "+", "junit": "", "allure": "passed", "gitb": "SUCCESS", "plugtest": "OK"},
    Verdict.FAIL: {
        "text": "FAIL",
        "symbol": "✗",
        "ascii": "x",
        "junit": "failure",
        "allure": "failed",
        "gitb": "FAILURE",
        "plugtest": "NO",
    },
    Verdict.INCONCLUSIVE: {
        "text": "inconclusive",
        "symbol": "?",
        "ascii": "?",
        "junit": "skipped",
        "allure": "skipped",
        "gitb": "UNDEFINED",
        "plugtest": "OT",
    },
    Verdict.NOT_APPLICABLE: {
        "text": "not applicable",
        "symbol": "–",
        "ascii": "-",
        "junit": "skipped",
        "allure": "skipped",
        "gitb": "UNDEFINED",
        "plugtest": "NA",
    },
    Verdict.NOT_TESTED: {
        "text": "not tested",
        "symbol": "○",
        "ascii": "o",
        "junit": "skipped",
        "allure": "skipped",
        "gitb": "UNDEFINED",
        "plugtest": "OT",
    },
    Verdict.ERROR: {
        "text": "error (ours)",
        "symbol": "!",
        "ascii": "!",
        "junit": "error",
        "allure": "broken",
        "gitb": "UNDEFINED",
        "plugtest": "OT",
    },
}

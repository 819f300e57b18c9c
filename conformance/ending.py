"""How a check can end when it does not simply fall off its end, which is a pass if a response was seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conformance.exchange import Exchange

MAX_TEXT = 600


def clip(value: object, length: int = MAX_TEXT) -> str:
    """Return *value* as text of at most *length* characters, saying what was cut.

    Half surrogate pairs, which no file holds, are spelt out.
    """
    text = (value if isinstance(value, str) else str(value)).encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= length else f"{text[:length]}… ({len(text)} characters)"


class Ending(Exception):
    """Base of the endings; `evidence` are the exchanges that show it."""

    def __init__(self, text: str, *evidence: Exchange) -> None:
        super().__init__(text)
        self.evidence = evidence


class Nonconformity(Ending, AssertionError):
    """What was observed contradicts the requirement: FAIL.

    `cause` groups findings that have one reason (`schema Silence: required annotations`); empty when it stands alone.
    `place` is the JSON Pointer into the first of the evidence at which it was observed, where that can be told.
    """

    def __init__(self, expected: object, observed: object, *evidence: Exchange, cause: str = "", place: str | None = None) -> None:
        self.expected, self.observed, self.cause, self.place = clip(expected), clip(observed), cause, place
        super().__init__(f"expected {self.expected}; observed {self.observed}", *evidence)


class Inconclusive(Ending):
    """We could not look.

    `needs` names the operation whose failure kept us from looking; `disturbed` says that others changed what we looked at, or that it had no end, so that
    looking again with more patience proves no more.
    """

    def __init__(self, reason: str, *evidence: Exchange, needs: str = "", disturbed: bool = False) -> None:
        super().__init__(clip(reason), *evidence)
        self.needs, self.disturbed = needs, disturbed


class NotTested(Ending):
    """We did not look: no consent, or the recording does not cover it."""


class Stale(NotTested):
    """The recording does not hold what this check asks."""


class NotApplicable(Ending):
    """A condition that only the target could decide does not hold; the claim decided the rest before."""

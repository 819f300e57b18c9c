"""A requirement: what a standard asks, how strictly, where it says so, and how we look."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from conformance.verdict import Level

Basis = Literal["standard", "programme"]
#: Why a rule of a standard cannot be looked at.
REASONS = ("unobservable", "needs an operator", "needs a second party", "destructive")
#: Derived requirements, in the order in which they are tested.
FAMILIES = ("answers", "answer", "errors", "authentication", "refuses")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question to the server: switches a feature on, or makes a requirement conditional; `also` may say yes in place of `operation`."""

    operation: str
    also: str = ""
    pointer: str | None = None
    equals: Any = None
    contains: Any = None

    def holds(self, body: Any) -> bool:
        """Tell whether *body* (the JSON of a successful answer) says yes."""
        if self.pointer is None:
            return True
        found = list(pick(body, self.pointer))
        if self.equals is not None:
            return any(value == self.equals for value in found)
        if self.contains is not None:
            return any(value == self.contains or (isinstance(value, list) and self.contains in value) for value in found)
        return any(value is not None and value is not False for value in found)


def pick(body: Any, pointer: str) -> list[Any]:
    """Return all values that a JSON Pointer leads to; `*` stands for each item of an array or member of an object.

    >>> pick({"a": [{"b": 1}, {"b": 2}]}, "/a/*/b")
    [1, 2]
    """
    found = [body]
    for part in pointer.split("/")[1:]:
        part = part.replace("~1", "/").replace("~0", "~")
        after: list[Any] = []
        for value in found:
            if isinstance(value, dict):
                after += list(value.values()) if part == "*" and "*" not in value else [value[part]] if part in value else []
            elif isinstance(value, list):
                after += value if part == "*" else [value[int(part)]] if part.isdigit() and int(part) < len(value) else []
        found = after
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """One thing asked; `id` is `PROFILE/slug.slug` and lives for ever.

    `check` names how we look; `on` the resource or operation it looks at; `reason` is set when no request can show it.
    `needs` are requirements whose failure leaves nothing to look at here; `alone` where what other looks do at the same time would hide it.
    """

    id: str
    level: Level
    clause: str
    seen: bool = True
    basis: Basis = "standard"
    decided: str = ""
    feature: str = "core"
    sentence: str
    check: str = ""
    on: str = ""
    arguments: Mapping[str, Any]
    when: Question | None = None
    needs: tuple[str, ...] = ()
    alone: bool = False
    reason: str = ""
    family: str = ""

    @property
    def draft(self) -> bool:
        """Whether the clause was not looked up yet: it runs, is shown, and counts in no total."""
        return self.basis == "standard" and not self.seen

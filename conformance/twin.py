"""What only the twin of one standard does, and what may be wrong with it, as data: `twin.yaml` beside the bindings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

#: What a fault is about.
GROUPS = (
    "answer shape", "status", "headers", "media type", "query semantics", "paging", "state", "concurrency and validators", "idempotency",
    "authentication", "input validation", "error body", "value fidelity", "methods", "time", "bulk", "asynchrony and callbacks",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An error in the format of the standard; `code` is its own word for it."""

    status: int
    code: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What becomes of a message: parameters and headers put, or taken away (null), and its JSON another one or patched (RFC 7396).

    `{/pointer}` in a text is what the call has there; a text that is nothing else is the value itself.
    """

    status: int = 0
    query: Mapping[str, str | None] = field(default_factory=dict)
    headers: Mapping[str, str | None] = field(default_factory=dict)
    body: Any = None
    patch: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """How a twin answers a call at one of `at` (at any operation where it is empty) that `when` describes: part of a call -> JSON Schema."""

    at: tuple[str, ...] = ()
    when: Mapping[str, Any] = field(default_factory=dict)
    refuse: Refusal | None = None
    answer: Change | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultRule:
    """What is wrong with a call at one of `at` (at all of them, as one fault, where it is empty) that `when` describes.

    It is refused, or `request` is what the twin gets in its place, or `response` what becomes of the answer. `turns` has for each place
    the slugs of the requirements that must turn red.
    """

    name: str
    group: str
    sentence: str
    turns: Mapping[str, tuple[str, ...]]
    at: tuple[str, ...] = ()
    when: Mapping[str, Any] = field(default_factory=dict)
    refuse: Refusal | None = None
    request: Change | None = None
    response: Change | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TwinRules:
    """The rules and the faults of a twin.

    `like` names the family whose ways it has; `test_data` is what a run against it is told; `members` are those that the server gives a
    thing that is made, by resource; `instants` are parameters that hold a time, as RFC 3339 or as seconds since the epoch.
    """

    like: str = ""
    test_data: Mapping[str, Any] = field(default_factory=dict)
    members: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    instants: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = ()
    faults: tuple[FaultRule, ...] = ()

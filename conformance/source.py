"""Where a contract comes from, and each place where it differs from the published document on purpose."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

Kind = Literal["defect", "ambiguity", "narrowed"]
KINDS: tuple[Kind, ...] = ("defect", "ambiguity", "narrowed")
#: A deviation that points at one of these speaks of what is in it and what is not, never of the contents.
CONTAINERS = ("paths", "parameters", "responses", "content", "headers", "properties", "schemas", "enum", "required")


@dataclass(frozen=True)
class Deviation:
    """One difference on purpose. In `pointer`, `*` stands for one step and `**` for any number of them."""

    pointer: str
    theirs: str
    ours: str
    kind: Kind
    reason: str
    issue: str | None = None

    @cached_property
    def _steps(self) -> tuple[str, ...]:
        return tuple(modern_pointer(self.pointer).split("/")[1:])

    @property
    def container(self) -> bool:
        """Whether it speaks of what a container holds: members that are left out or added."""
        steps = self._steps
        return bool(steps) and steps[-1] in CONTAINERS and steps[-2:-1] not in (("properties",), ("schemas",))

    @property
    def precision(self) -> tuple[int, int]:
        """How closely it says where: the larger is the closer."""
        named = [step for step in self._steps if step not in ("*", "**")]
        return len(named), len(self._steps)

    def covers(self, pointer: str, absence: bool) -> bool:
        """Tell whether it speaks of a difference at *pointer*; *absence* is a member that only one side has."""
        here = tuple(pointer.split("/")[1:])
        if self.container and self._steps[-1] not in ("enum", "required"):
            return absence and _begins(here[:-1], self._steps, whole=True)
        return _begins(here, self._steps)


def _begins(here: tuple[str, ...], steps: tuple[str, ...], whole: bool = False) -> bool:
    """Tell whether *here* begins with *steps* (or is them)."""
    if not steps:
        return not whole or not here
    if steps[0] == "**":
        return any(_begins(here[n:], steps[1:], whole) for n in range(len(here) + 1))
    return bool(here) and steps[0] in ("*", here[0]) and _begins(here[1:], steps[1:], whole)


def modern_pointer(pointer: str) -> str:
    """Return a pointer into a Swagger 2.0 document as one into its OpenAPI 3.1 form.

    >>> modern_pointer("/responses/BadRequest/schema")
    '/components/responses/BadRequest/content/*/schema'
    """
    pointer = re.sub(r"^/definitions(?=/|$)", "/components/schemas", pointer)
    pointer = re.sub(r"^/(responses|parameters)(?=/|$)", r"/components/\1", pointer)
    return re.sub(r"(/responses/[^/]+)/schema(?=/|$)", r"\1/content/*/schema", pointer)


@dataclass(frozen=True, kw_only=True)
class Source:
    """The origin of one edition of a contract; `documents` are the pinned upstream files, none for a text that has no description."""

    standard: str
    edition: str
    title: str
    publisher: str
    licence: str
    url: str
    commit: str | None = None
    documents: tuple[str, ...] = ()
    sha256: tuple[str, ...] = ()
    clauses: str = ""
    deviations: tuple[Deviation, ...] = ()

    @property
    def name(self) -> str:
        """Standard and edition, as a profile names its contract."""
        return f"{self.standard}/{self.edition}"

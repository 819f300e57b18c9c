"""Which operation a request is for: by path template and method, the most literal template first."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from conformance.contract import Contract, Operation
from conformance.reference.message import unsegment


@dataclass(frozen=True)
class Route:
    """A path of the contract that fits, the operations on it by method, and the values of its parameters."""

    path: str
    operations: Mapping[str, Operation]
    values: Mapping[str, str]

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods that the resource supports, for Allow."""
        found = list(self.operations)
        return tuple([*found, "HEAD"] if "GET" in found and "HEAD" not in found else found)

    def operation(self, method: str) -> Operation | None:
        """Return the operation of a method; HEAD is a GET without a body."""
        return self.operations.get(method) or (self.operations.get("GET") if method == "HEAD" else None)


@dataclass(frozen=True)
class Router:
    """The paths of a contract as patterns."""

    contract: Contract

    @cached_property
    def _patterns(self) -> list[tuple[re.Pattern[str], str, dict[str, Operation], tuple[str, ...]]]:
        found: dict[str, dict[str, Operation]] = {}
        for operation in self.contract.operations.values():
            found.setdefault(operation.path, {})[operation.method] = operation
        ordered = sorted(found.items(), key=lambda item: ("{" in item[0], item[0].count("{"), -len(item[0])))
        return [(_pattern(path), path, methods, tuple(re.findall(r"\{([^}]+)\}", path))) for path, methods in ordered]

    def find(self, path: str) -> Route | None:
        """Return the route of a raw path below the base, or None."""
        for pattern, template, methods, names in self._patterns:
            match = pattern.fullmatch(path)
            if match:
                return Route(template, methods, {n: unsegment(v) for n, v in zip(names, match.groups(), strict=True)})
        return None


def _pattern(template: str) -> re.Pattern[str]:
    return re.compile("".join("([^/]+)" if part.startswith("{") else re.escape(part) for part in re.split(r"(\{[^}]+\})", template)))

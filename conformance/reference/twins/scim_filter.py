"""Filters of SCIM (RFC 7644 section 3.4.2.2): parsed once, held against resources."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from conformance.reference.message import seconds

_TOKEN = re.compile(r'\s*("(?:[^"\\]|\\.)*"|[()\[\]]|[^\s()\[\]"]+)')
_PATH = re.compile(r"(?:(urn:[^\s\[\]]+):)?([A-Za-z$][\w$-]*)(?:\.([A-Za-z$][\w$-]*))?", re.IGNORECASE)
_OPERATORS = ("eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le")
#: Attributes whose case matters (caseExact); all other strings are compared without it.
CASE_EXACT = ("id", "externalid", "version", "location", "resourcetype", "$ref")


class InvalidFilter(ValueError):
    """An expression that the grammar does not allow, or a comparison that its types do not."""


@dataclass(frozen=True, slots=True)
class Path:
    """An attribute, perhaps of an extension, perhaps a sub-attribute of it; names in lower case."""

    name: str
    sub: str = ""
    urn: str = ""


@dataclass(frozen=True, slots=True)
class Compare:
    """One comparison; `pr` has no value."""

    path: Path
    operator: str
    value: Any = None


@dataclass(frozen=True, slots=True)
class Logic:
    """`and`, `or` (two parts) and `not` (one)."""

    word: str
    parts: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class Within:
    """A filter over the values of a multi-valued attribute."""

    path: Path
    filter: Filter


Filter = Compare | Logic | Within


def path_of(text: str) -> Path:
    """Return an attribute path.

    Raises:
        InvalidFilter: it is none.
    """
    found = _PATH.fullmatch(text)
    if not found:
        raise InvalidFilter(f"{text!r} is no attribute")
    return Path(found[2].lower(), (found[3] or "").lower(), (found[1] or "").lower())


def parse(text: str) -> Filter:
    """Return a filter.

    Raises:
        InvalidFilter: *text* breaks the grammar.
    """
    tokens: list[str] = []
    at = 0
    while at < len(text.rstrip()):
        found = _TOKEN.match(text, at)
        if not found:
            raise InvalidFilter(f"cannot be read from {text[at : at + 20]!r}")
        tokens.append(found[1])
        at = found.end()
    parser = _Parser(tokens)
    tree = parser.either()
    if parser.left:
        raise InvalidFilter(f"{parser.left[0]!r} is too much")
    return tree


class _Parser:
    def __init__(self, tokens: list[str]) -> None:
        self.left = tokens

    def word(self) -> str:
        return self.left[0].lower() if self.left else ""

    def take(self, wanted: str = "") -> str:
        if not self.left or (wanted and self.left[0].lower() != wanted):
            raise InvalidFilter(f"{wanted or 'more'} expected, not {self.left[0] if self.left else 'the end'!r}")
        return self.left.pop(0)

    def either(self) -> Filter:
        parts = [self.both()]
        while self.word() == "or":
            self.take()
            parts.append(self.both())
        return parts[0] if len(parts) == 1 else Logic("or", tuple(parts))

    def both(self) -> Filter:
        parts = [self.single()]
        while self.word() == "and":
            self.take()
            parts.append(self.single())
        return parts[0] if len(parts) == 1 else Logic("and", tuple(parts))

    def single(self) -> Filter:
        if self.word() == "not":
            self.take()
            return Logic("not", (self.grouped(),))
        if self.word() == "(":
            return self.grouped()
        path = path_of(self.take())
        if self.word() == "[":
            self.take()
            inner = self.either()
            self.take("]")
            return Within(path, inner)
        operator = self.take().lower()
        if operator == "pr":
            return Compare(path, "pr")
        if operator not in _OPERATORS:
            raise InvalidFilter(f"{operator!r} is no operator")
        value = self.take()
        try:
            read = json.loads(value)
        except ValueError:
            raise InvalidFilter(f"{value!r} is no value") from None
        ordered, textual = operator not in ("eq", "ne"), operator in ("co", "sw", "ew")
        if (isinstance(read, bool | None) and ordered) or (not isinstance(read, str) and textual):
            raise InvalidFilter(f"{operator} does not compare {value}")
        return Compare(path, operator, read)

    def grouped(self) -> Filter:
        self.take("(")
        inner = self.either()
        self.take(")")
        return inner


def holds(tree: Filter, resource: Mapping[str, Any]) -> bool:
    """Tell whether a resource (or one value of a multi-valued attribute) is what a filter asks for."""
    if isinstance(tree, Logic):
        parts = [holds(p, resource) for p in tree.parts]
        return {"and": all(parts), "or": any(parts), "not": not parts[0]}[tree.word]
    if isinstance(tree, Within):
        return any(holds(tree.filter, v if isinstance(v, Mapping) else {"value": v}) for v in values_at(resource, tree.path))
    found = values_at(resource, tree.path, plain=tree.operator != "pr")
    if tree.operator == "pr":
        return any(v not in (None, "", [], {}) for v in found)
    if tree.operator == "ne":
        return not any(compared("eq", tree, v) for v in found)
    if tree.operator == "eq" and tree.value is None:
        return not any(v is not None for v in found)
    return any(compared(tree.operator, tree, v) for v in found)


def get(holder: Any, name: str) -> Any:
    """Return a member of an object in whatever case its name is asked for."""
    if not isinstance(holder, Mapping):
        return None
    return next((v for k, v in holder.items() if k.lower() == name.lower()), None)


def values_at(resource: Mapping[str, Any], path: Path, *, plain: bool = False) -> list[Any]:
    """Return the values of an attribute; *plain*: of complex values their `value`."""
    holder: Any = resource
    if path.urn and "core:2.0" not in path.urn:
        holder = get(resource, path.urn)
    elif path.urn and path.urn not in [str(s).lower() for s in resource.get("schemas", ())]:
        return []
    found = get(holder, path.name)
    values = found if isinstance(found, list) else [] if found is None else [found]
    if path.sub:
        return [v for v in (get(value, path.sub) for value in values) if v is not None]
    return [get(v, "value") if isinstance(v, Mapping) else v for v in values] if plain else values


def compared(operator: str, asked: Compare, found: Any) -> bool:
    """Tell whether one value stands to the value asked for as the operator says."""
    wanted = asked.value
    if isinstance(found, bool) or isinstance(wanted, bool):
        if operator not in ("eq", "ne"):
            raise InvalidFilter(f"{operator} does not compare Booleans")
        return found is wanted
    if isinstance(found, str) and isinstance(wanted, str):
        left, right = _comparable(asked, found, wanted)
    elif isinstance(found, int | float) and isinstance(wanted, int | float):
        left, right = found, wanted
    else:
        return False
    if operator in ("co", "sw", "ew"):
        left, right = str(left), str(right)
        return {"co": right in left, "sw": left.startswith(right), "ew": left.endswith(right)}[operator]
    return bool({"eq": left == right, "gt": left > right, "ge": left >= right, "lt": left < right, "le": left <= right}[operator])


def _comparable(asked: Compare, found: str, wanted: str) -> tuple[Any, Any]:
    name = asked.path.sub or asked.path.name
    if name in ("created", "lastmodified"):
        try:
            return seconds(found), seconds(wanted)
        except ValueError:
            raise InvalidFilter(f"{wanted!r} is no time") from None
    return (found, wanted) if name in CASE_EXACT else (found.casefold(), wanted.casefold())


def selected(body: Mapping[str, Any], asked: list[Path], excluded: list[Path]) -> dict[str, Any]:
    """Return the members that `attributes` asks for or `excludedAttributes` leaves; id and schemas are always there."""
    always = ("id", "schemas")
    if asked:
        out: dict[str, Any] = {}
        for name, value in body.items():
            mine = [p for p in asked if p.name == name.lower() or f"{p.urn}:{p.name}" == name.lower()]
            if name in always or any(not p.sub for p in mine):
                out[name] = value
            elif mine:
                out[name] = _only(value, [p.sub for p in mine])
        return out
    whole = {p.name for p in excluded if not p.sub} - set(always)
    out = {k: v for k, v in body.items() if k.lower() not in whole}
    for path in excluded:
        for name, value in list(out.items()):
            if path.sub and name.lower() == path.name and name not in always:
                out[name] = _leaving(value, path.sub)
    return out


def _only(value: Any, names: list[str]) -> Any:
    if isinstance(value, list):
        return [_only(v, names) for v in value]
    return {k: v for k, v in value.items() if k.lower() in names} if isinstance(value, Mapping) else value


def _leaving(value: Any, name: str) -> Any:
    if isinstance(value, list):
        return [_leaving(v, name) for v in value]
    return {k: v for k, v in value.items() if k.lower() != name} if isinstance(value, Mapping) else value

"""Break a body at one place: each keyword of its schema violated once, everything else as it was."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from conformance.planning.shapes import Pointers, Shape, type_of
from conformance.schema import ASSERTED_FORMATS

_OTHERS: tuple[Any, ...] = ({"icra": 1}, "icra-no-such-value", 987654321, True, [])
_NOTHING = object()


@dataclass
class Breakage:
    """A change of one place, in force between `with` and its end; `path` leads to the place from the body."""

    holder: Any
    key: Any
    value: Any
    keyword: str
    pointers: Pointers
    path: tuple[str | int, ...]
    _before: Any = field(default=_NOTHING, repr=False)

    @property
    def shown(self) -> str:
        """The value that stands there, for people."""
        return "its absence" if self.value is _NOTHING else repr(self.value)[:60]

    def __enter__(self) -> Breakage:
        self._before = self.holder[self.key] if isinstance(self.holder, list) or self.key in self.holder else _NOTHING
        if self.value is _NOTHING:
            self.holder.pop(self.key)
        else:
            self.holder[self.key] = self.value
        return self

    def __exit__(self, *_: object) -> None:
        if self._before is _NOTHING:
            self.holder.pop(self.key)
        else:
            self.holder[self.key] = self._before


def breakages(shape: Shape, holder: list[Any], alternative: int = 0) -> Iterator[Breakage]:
    """Yield each one-place violation of the body `holder[0]`, which was made from *shape* with this alternative of every choice."""
    yield from _at(shape, holder, 0, (), alternative, 0)


def _at(shape: Shape, holder: Any, key: Any, path: tuple[str | int, ...], alternative: int, depth: int) -> Iterator[Breakage]:
    shape = shape.chosen(alternative)
    value = holder[key]
    if depth > 10 or not shape.parts:
        return
    for keyword, wrong in _wrong(shape, value):
        yield Breakage(holder, key, wrong, keyword, _pointers(shape, keyword), path)
    if isinstance(value, dict):
        for name in [n for n in shape.required if n in value]:
            yield Breakage(value, name, _NOTHING, "required", shape.pointers, path)
        if shape.closed:
            yield Breakage(value, "icraUnknownMember", 1, "additionalProperties", shape.pointers, path)
        for name in list(value):
            inner = shape.properties.get(name) or shape.others
            if inner:
                yield from _at(inner, value, name, (*path, name), alternative, depth + 1)
    elif isinstance(value, list) and value:
        first = shape.tuple_items[0] if shape.tuple_items else shape.items
        if first:
            yield from _at(first, value, 0, (*path, 0), alternative, depth + 1)


def _pointers(shape: Shape, keyword: str) -> Pointers:
    """Return the pointers of the parts that have the keyword, else of all."""
    return tuple(p for part in shape.parts if keyword in part.schema for p in part.pointers) or shape.pointers


def _wrong(shape: Shape, value: Any) -> Iterator[tuple[str, Any]]:
    types = shape.types
    if shape.enum is not None:
        yield "enum", 987654321 if type_of(value) in ("integer", "number") else "icra-no-such-value"
    elif shape.typed:
        other = next((o for o in _OTHERS if type_of(o) not in types and not (type_of(o) == "integer" and "number" in types)), _NOTHING)
        if other is not _NOTHING:
            yield "type", other
    if shape.typed and "null" not in types and value is not None:
        yield "type", None
    for word, said in ((w, v) for w in ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum") for v, _ in shape.facts(w)):
        step = 0 if word.startswith("exclusive") else 1
        if type_of(value) in ("integer", "number"):
            yield word, said - step if "Min" in word or word == "minimum" else said + step
    if isinstance(value, str):
        yield from _wrong_text(shape, value)
    if isinstance(value, list):
        least = max((int(v) for v, _ in shape.facts("minItems")), default=0)
        most = min((int(v) for v, _ in shape.facts("maxItems")), default=0)
        if least and len(value) >= least:
            yield "minItems", value[: least - 1]
        if value and 0 < most < 200:
            yield "maxItems", [*value, *([value[-1]] * (most + 1 - len(value)))]
        if value and any(v for v, _ in shape.facts("uniqueItems")):
            yield "uniqueItems", [*value, value[-1]]


def _wrong_text(shape: Shape, value: str) -> Iterator[tuple[str, str]]:
    least = max((int(v) for v, _ in shape.facts("minLength")), default=0)
    most = min((int(v) for v, _ in shape.facts("maxLength")), default=None)
    if least:
        yield "minLength", value[: least - 1]
    if most is not None and most < 100_000:
        yield "maxLength", value + "x" * (most + 1 - len(value))
    if shape.facts("pattern"):
        yield "pattern", "\n icra no such value \n"
    if any(v in ASSERTED_FORMATS for v, _ in shape.facts("format")):
        yield "format", "icra no such value"

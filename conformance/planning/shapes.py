"""What schemas ask of one place of a body: every schema that holds there at once, with the pointers that lead to it.

References and `allOf` are followed; `anyOf` and `oneOf` stay choices. Each fact keeps its pointers, so that a difference between two
documents can be told, and listed, by any of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any
from urllib.parse import unquote

from conformance.schema import lookup

Pointers = tuple[str, ...]
ALL_TYPES = ("object", "array", "string", "integer", "number", "boolean", "null")
_OBJECT = ("properties", "required", "additionalProperties", "patternProperties", "minProperties", "maxProperties", "propertyNames")
_ARRAY = ("items", "prefixItems", "minItems", "maxItems", "uniqueItems", "contains")
_STRING = ("pattern", "minLength", "maxLength", "format", "contentEncoding")
_NUMBER = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")
#: Keywords whose value is compared as it is.
PLAIN = (
    "minLength", "maxLength", "pattern", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minItems", "maxItems",
    "uniqueItems", "minProperties", "maxProperties",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Part:
    """One schema without its references: the keywords, and each pointer that leads here (the way through the paths first)."""

    pointers: Pointers
    schema: Mapping[str, Any]


@dataclass(frozen=True)
class Choice:
    """The alternatives of an `anyOf` or `oneOf`."""

    keyword: str
    pointers: Pointers
    options: tuple[Shape, ...]


@dataclass(frozen=True)
class Shape:
    """All that is asked of one place. An empty shape allows anything."""

    document: Mapping[str, Any] = field(repr=False)
    parts: tuple[Part, ...] = ()
    choices: tuple[Choice, ...] = ()
    nullable: bool = False
    never: bool = False

    @classmethod
    def at(cls, document: Mapping[str, Any], schema: Any, *pointers: str) -> Shape:
        """Return the shape of *schema*, which *pointers* lead to."""
        return _flat(document, schema, pointers, frozenset())

    @property
    def pointers(self) -> Pointers:
        """Every pointer that leads here."""
        return tuple(dict.fromkeys(p for part in self.parts for p in part.pointers))

    @cached_property
    def types(self) -> tuple[str, ...]:
        """The types that may stand here; a schema without `type` means what its keywords speak of."""
        allowed = set(ALL_TYPES)
        for part in self.parts:
            said = part.schema.get("type")
            if said is not None:
                named = {said} if isinstance(said, str) else set(said)
                allowed &= named | ({"integer"} if "number" in named else set())
        if self.nullable:
            allowed |= {"null"} if allowed != set(ALL_TYPES) else set()
        return tuple(t for t in ALL_TYPES if t in allowed)

    @property
    def typed(self) -> bool:
        """Whether a type is said at all."""
        return any("type" in part.schema for part in self.parts)

    @cached_property
    def likely(self) -> str:
        """The type that a value most probably has."""
        if self.enum is not None:
            value = next((v for v in self.enum if v is not None), None)
            return type_of(value)
        types = [t for t in self.types if t != "null"] or ["null"]
        if len(types) < 5:
            return "number" if types[0] == "integer" and "number" in types else types[0]
        for name, words in (("object", _OBJECT), ("array", _ARRAY), ("string", _STRING), ("number", _NUMBER)):
            if any(word in part.schema for part in self.parts for word in words):
                return name
        return "any"

    @cached_property
    def enum(self) -> list[Any] | None:
        """The values that may stand here, where they are listed (`const` lists one)."""
        found: list[Any] | None = None
        for part in self.parts:
            listed = [part.schema["const"]] if "const" in part.schema else part.schema.get("enum")
            if isinstance(listed, list):
                found = listed if found is None else [v for v in found if v in listed]
        if found is not None and self.nullable and None not in found:
            found = [*found, None]
        return found

    @cached_property
    def required(self) -> Mapping[str, Pointers]:
        """Required members, with the pointers of the lists that name them."""
        found: dict[str, Pointers] = {}
        for part in self.parts:
            for name in part.schema.get("required") or ():
                found[name] = (*found.get(name, ()), *(f"{p}/required" for p in part.pointers))
        return found

    @cached_property
    def properties(self) -> Mapping[str, Shape]:
        """The members that are described."""
        found: dict[str, list[tuple[Any, Pointers]]] = {}
        for part in self.parts:
            for name, schema in (part.schema.get("properties") or {}).items():
                found.setdefault(name, []).append((schema, tuple(f"{p}/properties/{escape(name)}" for p in part.pointers)))
        return {name: join(*(Shape.at(self.document, s, *ps) for s, ps in listed)) for name, listed in found.items()}

    def facts(self, keyword: str) -> list[tuple[Any, Pointers]]:
        """Return each value that *keyword* has here, with its pointers."""
        return self._facts.get(keyword, [])

    @cached_property
    def _facts(self) -> dict[str, list[tuple[Any, Pointers]]]:
        found: dict[str, list[tuple[Any, Pointers]]] = {}
        for part in self.parts:
            for keyword, value in part.schema.items():
                found.setdefault(keyword, []).append((value, tuple(f"{p}/{keyword}" for p in part.pointers)))
        return found

    @property
    def closed(self) -> Pointers:
        """The pointers of what forbids further members; none where they are allowed."""
        said = (*self.facts("additionalProperties"), *self.facts("unevaluatedProperties"))
        return tuple(p for value, pointers in said if value is False for p in pointers)

    @cached_property
    def others(self) -> Shape | None:
        """The shape of members that no name describes, where one is given."""
        found = [Shape.at(self.document, v, *ps) for v, ps in self.facts("additionalProperties") if isinstance(v, Mapping)]
        return join(*found) if found else None

    @cached_property
    def patterns(self) -> Mapping[str, Shape]:
        """The shapes of members whose names follow a pattern."""
        return {
            name: Shape.at(self.document, schema, *(f"{p}/{escape(name)}" for p in ps))
            for listed, ps in self.facts("patternProperties") for name, schema in listed.items()
        }  # fmt: skip

    @cached_property
    def items(self) -> Shape | None:
        """The shape of the items of an array, where one is given."""
        found = [Shape.at(self.document, v, *ps) for v, ps in self.facts("items") if isinstance(v, Mapping)]
        return join(*found) if found else None

    @property
    def tuple_items(self) -> tuple[Shape, ...]:
        """The shapes of the first items, where each has its own."""
        listed = self.facts("prefixItems")
        return tuple(Shape.at(self.document, s, *(f"{p}/{i}" for p in listed[0][1])) for i, s in enumerate(listed[0][0])) if listed else ()

    def chosen(self, number: int = 0) -> Shape:
        """Return the shape with one alternative of every choice taken, the *number*-th where there are so many."""
        here = self
        for _ in range(20):
            if not here.choices:
                return here
            choice, rest = here.choices[0], here.choices[1:]
            here = join(replace(here, choices=rest), choice.options[number % len(choice.options)])
        return replace(here, choices=())

    def widest(self) -> int:
        """Return the largest number of alternatives of a choice here."""
        return max((len(c.options) for c in self.choices), default=1)

    @property
    def plain(self) -> bool:
        """Whether everything asked here is among what this class tells apart."""
        return not self.choices and not any(word in part.schema for part in self.parts for word in ("not", "if", "dependentSchemas"))


def join(*shapes: Shape) -> Shape:
    """Return the shape of what satisfies all of them."""
    first = shapes[0]
    if len(shapes) == 1:
        return first
    return Shape(
        first.document, tuple(p for s in shapes for p in s.parts), tuple(c for s in shapes for c in s.choices),
        all(s.nullable for s in shapes if s.parts), any(s.never for s in shapes),
    )  # fmt: skip


def _flat(document: Mapping[str, Any], schema: Any, pointers: Pointers, seen: frozenset[str]) -> Shape:
    if schema is False:
        return Shape(document, never=True)
    if not isinstance(schema, Mapping):
        return Shape(document, (Part(pointers, {}),))
    found: list[Shape] = []
    own = {k: v for k, v in schema.items() if k not in ("$ref", "allOf", "anyOf", "oneOf")}
    ref = schema.get("$ref")
    if isinstance(ref, str) and ref not in seen:
        target = lookup(document, unquote(ref.removeprefix("#")))
        found.append(_flat(document, target, _after(pointers, unquote(ref.removeprefix("#"))), seen | {ref}))
    for i, inner in enumerate(schema.get("allOf") or ()):
        found.append(_flat(document, inner, tuple(f"{p}/allOf/{i}" for p in pointers), seen))
    nullable = False
    for keyword in ("anyOf", "oneOf"):
        options = schema.get(keyword)
        if not isinstance(options, list) or not options:
            continue
        real = [(i, o) for i, o in enumerate(options) if not _is_null(o)]
        shapes = tuple(_flat(document, o, tuple(f"{p}/{keyword}/{i}" for p in pointers), seen) for i, o in real)
        if len(real) == 1 and len(options) > 1:
            found.append(replace(shapes[0], nullable=True))
            nullable = True
        elif shapes:
            found.append(Shape(document, choices=(Choice(keyword, pointers, shapes),)))
    if own or not found:
        found.insert(0, Shape(document, (Part(pointers, own),), nullable=nullable))
    return join(*found)


def _after(pointers: Pointers, target: str) -> Pointers:
    """Return the pointers after following a reference: the ways through the paths, the last component on the way, the target."""
    through = [p for p in pointers if not p.startswith("/components/schemas/")]
    return tuple(dict.fromkeys((*through, *[p for p in pointers if p.startswith("/components/schemas/")][-1:], target)))


def _is_null(schema: Any) -> bool:
    return isinstance(schema, Mapping) and (schema.get("type") == "null" or schema.get("enum") == [None])


def escape(name: str) -> str:
    """Return a member's name as a part of a JSON Pointer (RFC 6901)."""
    return name.replace("~", "~0").replace("/", "~1")


def type_of(value: Any) -> str:
    """Return the JSON Schema type of a value.

    >>> [type_of(v) for v in (True, 1, 1.5, None, [], "")]
    ['boolean', 'integer', 'number', 'null', 'array', 'string']
    """
    if isinstance(value, bool):
        return "boolean"
    if value is None:
        return "null"
    for kind, name in ((int, "integer"), (float, "number"), (str, "string"), (dict, "object"), (list, "array")):
        if isinstance(value, kind):
            return name
    raise TypeError(type(value).__name__)


def walk(shape: Shape, depth: int = 6) -> Iterator[Shape]:
    """Yield the shape and those of everything inside it, to a depth."""
    yield shape
    if depth:
        one = shape.chosen()
        for inner in (*one.properties.values(), *([one.items] if one.items else []), *([one.others] if one.others else [])):
            yield from walk(inner, depth - 1)

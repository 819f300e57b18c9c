"""Make values that a schema allows: the smallest, the fullest, and chance ones between; the same seed gives the same values.

An own generator, so that a proof is the same on every machine and bounded in time; each value is still held against its schema.
"""

from __future__ import annotations

import base64
import random
import re
import string
import uuid
from collections.abc import Callable
from re import _constants as rc
from re import _parser as rp
from typing import Any, Literal

from conformance.planning.shapes import Shape, type_of

Extent = Literal["least", "full", "chance"]
DEEPEST = 9
MOST_VALUES = 1000
_FORMATS: dict[str, Callable[[random.Random], str]] = {
    "date-time": lambda r: _day(r) + f"T1{r.randint(0, 9)}:00:0{r.randint(0, 9)}" + r.choice(["Z", ".25Z", "+01:00"]),
    "date": lambda r: _day(r),
    "time": lambda r: f"1{r.randint(0, 9)}:00:00Z",
    "duration": lambda r: f"PT{r.randint(1, 59)}M",
    "uuid": lambda r: str(uuid.UUID(int=r.getrandbits(128), version=4)),
    "uri": lambda r: f"https://host{r.randint(1, 99)}.example/{r.randint(1, 99)}",
    "uri-reference": lambda r: f"/things/{r.randint(1, 99)}",
    "email": lambda r: f"someone{r.randint(1, 99)}@example.com",
    "hostname": lambda r: f"host{r.randint(1, 99)}.example",
    "ipv4": lambda r: f"192.0.2.{r.randint(1, 254)}",
    "ipv6": lambda r: f"2001:db8::{r.randint(1, 9999)}",
    "json-pointer": lambda r: f"/a/{r.randint(0, 9)}",
    "byte": lambda r: base64.b64encode(bytes([r.randint(0, 255)] * 3)).decode(),
}  # fmt: skip
_FORMATS |= {
    "url": _FORMATS["uri"],
    "iri": _FORMATS["uri"],
    "uri-template": _FORMATS["uri"],
    "cidr": lambda r: f"192.0.2.{r.randint(0, 31) * 8}/29",
}


def _day(chance: random.Random) -> str:
    return f"20{chance.randint(20, 39)}-0{chance.randint(1, 9)}-1{chance.randint(0, 9)}"


class Unmakeable(Exception):
    """No value was found that the schema allows."""


class Sampler:
    """Makes values; a subclass may word strings its own way."""

    def __init__(self, seed: object, *, extent: Extent = "chance", alternative: int = 0) -> None:
        self.random = random.Random(str(seed))
        self.extent: Extent = extent
        self.alternative = alternative
        self.left = MOST_VALUES

    def value(self, shape: Shape, name: str = "", depth: int = 0) -> Any:
        """Return a value for *shape*, which is called *name*.

        Raises:
            Unmakeable: nothing is allowed there, or it never ends.
        """
        self.left -= 1
        if shape.never or depth > DEEPEST + 6 or self.left < -MOST_VALUES:
            raise Unmakeable(name)
        number = self.alternative if self.extent != "chance" else self.random.randrange(max(shape.widest(), 1))
        shape = shape.chosen(number)
        if shape.never:
            raise Unmakeable(name)
        if shape.enum is not None:
            return self._listed(shape, name)
        types = shape.types
        if not types:
            raise Unmakeable(name)
        if "null" in types and len(types) > 1 and self.extent == "chance" and self.random.random() < 0.15:
            return None
        kind = shape.likely
        if self.extent == "chance" and shape.typed and len(types) < 6:
            whole = "integer" if "number" in types else ""  # a number may be a whole one anyway
            kind = self.random.choice([t for t in types if t not in ("null", whole)] or ["null"])
        return self.of_kind(kind, shape, name, depth)

    def of_kind(self, kind: str, shape: Shape, name: str, depth: int) -> Any:
        """Return a value of one type."""
        if kind == "object":
            return self.object(shape, depth)
        if kind == "array":
            return self.array(shape, name, depth)
        if kind in ("integer", "number"):
            return self.number(kind, shape)
        if kind == "boolean":
            return self.random.random() < 0.5
        return self.text(shape, name) if kind in ("string", "any") else None

    def _listed(self, shape: Shape, name: str) -> Any:
        values = [v for v in shape.enum or () if type_of(v) in shape.types or (type_of(v) == "integer" and "number" in shape.types)]
        if not values:
            raise Unmakeable(name)
        real = [v for v in values if v is not None] or values
        return self.random.choice(values) if self.extent == "chance" else real[0]

    def wanted(self, shape: Shape, depth: int) -> list[str]:
        """Return the names of the members that an object gets."""
        names = list(shape.required)
        if self.extent == "least" or depth >= DEEPEST or self.left <= 0:
            return names
        share = 1.0 if self.extent == "full" else 0.5 / (1 + depth / 3)
        return names + [n for n in shape.properties if n not in shape.required and self.random.random() < share]

    def object(self, shape: Shape, depth: int) -> dict[str, Any]:
        """Return an object."""
        out: dict[str, Any] = {}
        properties = shape.properties
        for name in self.wanted(shape, depth):
            inner = properties.get(name) or next((s for p, s in shape.patterns.items() if matches(p, name)), None) or shape.others
            try:
                out[name] = self.value(inner, name, depth + 1) if inner else self.anything(name)
            except Unmakeable:
                if name in shape.required:
                    raise
        least = max((int(v) for v, _ in shape.facts("minProperties")), default=0)
        for name in [n for n in properties if n not in out and not _owned(properties[n])][: max(least - len(out), 0)]:
            out[name] = self.value(properties[name], name, depth + 1)
        extra = max(least - len(out), 1 if self.extent == "full" and not properties and shape.others and depth < DEEPEST else 0)
        for n in range(extra):
            key = f"key{n + 1}"
            if shape.others or not shape.closed:
                out[key] = self.value(shape.others, key, depth + 1) if shape.others else self.anything(key)
        if depth < DEEPEST and (self.extent == "full" or (self.extent == "chance" and self.random.random() < 0.3)):
            for pattern, inner in shape.patterns.items():
                try:
                    out.setdefault(matching(pattern, self.random), self.value(inner, "", depth + 1))
                except Unmakeable:
                    continue
        return out

    def array(self, shape: Shape, name: str, depth: int) -> list[Any]:
        """Return an array."""
        least = max((int(v) for v, _ in shape.facts("minItems")), default=0)
        most = min((int(v) for v, _ in shape.facts("maxItems")), default=max(least, 3))
        wanted = {"least": least, "full": max(least, 1), "chance": self.random.randint(least, max(least, min(most, least + 2)))}[
            self.extent
        ]
        if depth >= DEEPEST or self.left <= 0:
            wanted = least
        first, extent = list(shape.tuple_items), self.extent
        unique = any(v for v, _ in shape.facts("uniqueItems"))
        out: list[Any] = [
            self.value(Shape.at(shape.document, v), name, depth + 1) for v, _ in shape.facts("contains") if isinstance(v, dict)
        ]
        for n in range(len(out), min(max(wanted, len(first) if self.extent != "least" else wanted), max(most, 0))):
            inner = first[n] if n < len(first) else shape.items
            for _ in range(5):
                one = self.value(inner, name, depth + 1) if inner else self.anything(name)
                if not unique or one not in out:
                    out.append(one)
                    break
                self.extent = "chance"
            self.extent = extent
        return out

    def number(self, kind: str, shape: Shape) -> Any:
        """Return a number within its bounds."""
        low = max((float(v) for word in ("minimum", "exclusiveMinimum") for v, _ in shape.facts(word)), default=None)
        high = min((float(v) for word in ("maximum", "exclusiveMaximum") for v, _ in shape.facts(word)), default=None)
        step = next((v for v, _ in shape.facts("multipleOf")), None)
        low = low if low is not None else (min(0.0, high - 10) if high is not None else 0.0)
        high = high if high is not None else low + 100
        if step:
            first = -(-low // step)
            return _whole((first + (1 if shape.facts("exclusiveMinimum") else 0)) * step)
        if kind == "integer":
            first, last = int(-(-low // 1)), int(high // 1)
            if shape.facts("exclusiveMinimum") and first == low:
                first += 1
            if shape.facts("exclusiveMaximum") and last == high:
                last -= 1
            if first > last:
                raise Unmakeable("number")
            return first if self.extent == "least" else self.random.randint(first, min(last, first + 1000))
        share = 0.5 if self.extent != "chance" else self.random.uniform(0.01, 0.99)
        middle = low + (min(high, low + 1000) - low) * share
        return _whole(round(middle, 3)) if low < round(middle, 3) < high else middle

    def text(self, shape: Shape, name: str) -> str:
        """Return a string of the right format, pattern and length."""
        least = max((int(v) for v, _ in shape.facts("minLength")), default=0)
        most = min((int(v) for v, _ in shape.facts("maxLength")), default=max(least, 40))
        patterns = [str(v) for v, _ in shape.facts("pattern")]
        made = next((_FORMATS[str(v)](self.random) for v, _ in shape.facts("format") if str(v) in _FORMATS), None)
        if patterns and (made is None or not all(matches(p, made) for p in patterns)):
            for _ in range(20):
                made = matching(patterns[0], self.random, least)
                if all(matches(p, made) for p in patterns) and least <= len(made) <= most:
                    break
        if made is None:
            shortest = max(least, min(1, most))
            length = least if self.extent == "least" else self.random.randint(shortest, max(shortest, min(most, shortest + 10)))
            made = "".join(self.random.choices(string.ascii_lowercase, k=length))
        return made

    def anything(self, name: str) -> Any:
        """Return a value for a place that nothing is said of."""
        return "x" if self.extent != "chance" else self.random.choice(["x", 1, True, {}, []])


def _owned(shape: Shape) -> bool:
    return any(v for v, _ in shape.facts("readOnly"))


def _whole(value: float) -> Any:
    return int(value) if float(value).is_integer() else value


def matches(pattern: str, text: str) -> bool:
    """Tell whether a pattern is found in a text; one that Python cannot read matches everything."""
    try:
        return re.search(pattern, text) is not None
    except re.error:
        return True


_EVERY = {
    rc.CATEGORY_DIGIT: string.digits, rc.CATEGORY_WORD: string.ascii_letters + string.digits + "_", rc.CATEGORY_SPACE: " ",
    rc.CATEGORY_NOT_DIGIT: string.ascii_letters, rc.CATEGORY_NOT_WORD: "-. ", rc.CATEGORY_NOT_SPACE: string.ascii_letters + string.digits,
}  # fmt: skip


def matching(pattern: str, chance: random.Random, least: int = 0) -> str:
    """Return a text that a regular expression matches, where its parts are plain ones; look-arounds are passed over.

    >>> matching(r"^[a-f]{3}-(?:x|y)\\\\d+$", random.Random(1))[3]
    '-'

    Raises:
        Unmakeable: it cannot be read.
    """
    try:
        tree = rp.parse(pattern)
    except (re.error, RecursionError, OverflowError):
        raise Unmakeable(pattern) from None
    return _text_of(tree, chance, {}, least)


def _text_of(tree: Any, chance: random.Random, groups: dict[int, str], least: int) -> str:
    out = ""
    for op, argument in tree:
        if op is rc.LITERAL:
            out += chr(argument)
        elif op is rc.NOT_LITERAL:
            out += "b" if chr(argument) == "a" else "a"
        elif op is rc.ANY:
            out += chance.choice(string.ascii_lowercase)
        elif op is rc.IN:
            out += chance.choice(_characters(argument))
        elif op is rc.CATEGORY:
            out += chance.choice(_EVERY[argument])
        elif op is rc.BRANCH:
            out += _text_of(chance.choice(argument[1]), chance, groups, 0)
        elif op in (rc.MAX_REPEAT, rc.MIN_REPEAT, rc.POSSESSIVE_REPEAT):
            low, high, inner = argument
            wanted = max(low, min(high if high is not rc.MAXREPEAT else low + 8, max(least, low, 1) if high else 0))
            times = chance.randint(low, max(low, wanted)) if least <= low else wanted
            out += "".join(_text_of(inner, chance, groups, 0) for _ in range(min(times, 300)))
        elif op is rc.SUBPATTERN:
            groups[argument[0] or 0] = _text_of(argument[3], chance, groups, 0)
            out += groups[argument[0] or 0]
        elif op is rc.GROUPREF:
            out += groups.get(argument, "")
        elif op is rc.ATOMIC_GROUP:
            out += _text_of(argument, chance, groups, 0)
    return out


def _characters(listed: Any) -> str:
    found, negated = "", False
    for op, argument in listed:
        if op is rc.NEGATE:
            negated = True
        elif op is rc.LITERAL:
            found += chr(argument)
        elif op is rc.RANGE:
            found += "".join(chr(c) for c in range(argument[0], min(argument[1], argument[0] + 200) + 1))
        elif op is rc.CATEGORY:
            found += _EVERY[argument]
    if negated:
        return "".join(c for c in string.ascii_letters + string.digits + "-_ " if c not in found) or "é"
    return found or "a"

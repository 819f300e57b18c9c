"""Values that satisfy a schema, made without chance: what a twin invents where the contract only says what must be there."""

from __future__ import annotations

import copy
import hashlib
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from conformance.reference.message import moment
from conformance.schema import resolve

DEEPEST = 8
_WORD = "abcdefghjkmnpqrstuvwxyz23456789"
_MERGED = ("properties", "required", "items", "allOf", "anyOf", "oneOf", "if", "then", "else")


@dataclass(frozen=True)
class Samples:
    """Makes values for the schemas of one OpenAPI document; the same place gives the same value."""

    document: Mapping[str, Any]

    def flat(self, schema: Any, value: Any = None) -> dict[str, Any]:
        """Return *schema* with references followed and `allOf` merged; of `anyOf`/`oneOf` the first branch that fits *value*."""
        schema = resolve(self.document, schema)
        if not isinstance(schema, Mapping):
            return {}
        out: dict[str, Any] = {k: v for k, v in schema.items() if k not in ("allOf", "anyOf", "oneOf")}
        for part in schema.get("allOf", ()):
            _merge(out, self.flat(part, value))
        for key in ("oneOf", "anyOf"):
            branches = [self.flat(branch, value) for branch in schema.get(key, ())]
            fitting = [b for b in branches if b.get("type") != "null" and _may_hold(b, value)]
            if fitting:
                _merge(out, fitting[0])
        return out

    def value(self, schema: Any, name: str = "", *, seed: str = "", now: float = 0.0, rich: bool = False, depth: int = 0) -> Any:
        """Return a value that satisfies *schema*; *rich* also fills optional members, *name* and *seed* make it tellable."""
        flat = self.flat(schema)
        if "const" in flat:
            return copy.deepcopy(flat["const"])
        if flat.get("enum"):
            return copy.deepcopy(next((v for v in flat["enum"] if v is not None), None))
        for key in ("example", "default"):
            if key in flat and flat[key] is not None:
                return copy.deepcopy(flat[key])
        if flat.get("examples"):
            return copy.deepcopy(flat["examples"][0])
        kind = flat.get("type") or _kind(flat)
        if isinstance(kind, list):
            kind = next((k for k in kind if k != "null"), "null")
        if kind == "object":
            return self._object(flat, seed, now, rich, depth)
        if kind == "array":
            return self._array(flat, name, seed, now, rich, depth)
        if kind in ("integer", "number"):
            return _number(flat, kind)
        if kind == "string":
            return text_for(flat, name, seed, now)
        return {"boolean": True, "null": None}.get(str(kind), name or "x")

    def _object(self, flat: Mapping[str, Any], seed: str, now: float, rich: bool, depth: int) -> dict[str, Any]:
        properties: Mapping[str, Any] = flat.get("properties", {})
        wanted = dict.fromkeys(flat.get("required", ()))
        if rich and depth < 2:
            wanted |= dict.fromkeys(n for n, s in properties.items() if not self.flat(s).get("writeOnly"))
        if depth > DEEPEST:
            return {}
        return {n: self.value(properties.get(n, {}), n, seed=f"{seed}/{n}", now=now, rich=rich, depth=depth + 1) for n in wanted}

    def _array(self, flat: Mapping[str, Any], name: str, seed: str, now: float, rich: bool, depth: int) -> list[Any]:
        contained = [flat["contains"]] if "contains" in flat and flat.get("minContains", 1) else []
        made = [self.value(c, name, seed=f"{seed}/c", now=now, depth=depth + 1) for c in contained]
        if depth > DEEPEST:
            return made
        missing = max(flat.get("minItems", 0), 1 if rich and depth < 2 else 0) - len(made)
        items = flat.get("items", {})
        return made + [self.value(items, name, seed=f"{seed}/{i}", now=now, rich=rich, depth=depth + 1) for i in range(missing)]

    def complete(self, schema: Any, value: Any, *, seed: str = "", now: float = 0.0, depth: int = 0) -> Any:
        """Return *value* with the members that *schema* requires and that are missing."""
        flat = self.flat(schema, value)
        if isinstance(value, Mapping) and depth < DEEPEST:
            properties: Mapping[str, Any] = flat.get("properties", {})
            out = {
                n: self.complete(properties[n], v, seed=f"{seed}/{n}", now=now, depth=depth + 1) if n in properties else copy.deepcopy(v)
                for n, v in value.items()
            }
            for name in flat.get("required", ()):
                if name not in out:
                    out[name] = self.value(properties.get(name, {}), name, seed=f"{seed}/{name}", now=now)
            return out
        if isinstance(value, list) and depth < DEEPEST:
            items = flat.get("items", {})
            return [self.complete(items, v, seed=f"{seed}/{i}", now=now, depth=depth + 1) for i, v in enumerate(value)]
        return copy.deepcopy(value)

    def at(self, schema: Any, pointer: str) -> dict[str, Any]:
        """Return the schema of what a JSON Pointer leads to in a value of *schema*; {} where the schema does not say."""
        here = self.flat(schema)
        for part in pointer.split("/")[1:]:
            part = part.replace("~1", "/").replace("~0", "~")
            inner = here.get("properties", {}).get(part)
            here = self.flat(inner if inner is not None else here.get("items", {}))
        return here

    def marked(self, schema: Any, mark: str, *, unmarked: bool = False) -> tuple[tuple[str, ...], ...]:
        """Return the places of the members that *schema* marks `readOnly` or `writeOnly` (or does not), as paths with `*` for items."""
        found: dict[tuple[str, ...], None] = {}

        def walk(node: Any, at: tuple[str, ...]) -> None:
            if len(at) > DEEPEST:
                return
            flat = self.flat(node)
            for name, inner in flat.get("properties", {}).items():
                if self.flat(inner).get(mark) or (isinstance(inner, Mapping) and inner.get(mark)):
                    found[(*at, name)] = None
                else:
                    walk(inner, (*at, name))
            if "items" in flat:
                walk(flat["items"], (*at, "*"))

        walk(schema, ())
        return tuple(found)


def _merge(out: dict[str, Any], part: Mapping[str, Any]) -> None:
    for key, value in part.items():
        if key == "properties":
            mine = dict(out.get("properties", {}))
            for name, schema in value.items():
                mine[name] = {"allOf": [mine[name], schema]} if name in mine else schema
            out["properties"] = mine
        elif key == "required":
            out["required"] = list(dict.fromkeys([*out.get("required", []), *value]))
        elif key == "items" and "items" in out:
            out["items"] = {"allOf": [out["items"], value]}
        elif key == "type" and isinstance(out.get("type"), str):
            continue
        elif key not in out or (key not in _MERGED and key in ("minimum", "minLength", "minItems")):
            out[key] = max(out[key], value) if key in out else value


def _kind(flat: Mapping[str, Any]) -> str:
    if "properties" in flat or "required" in flat:
        return "object"
    if "items" in flat or "contains" in flat:
        return "array"
    return "number" if "minimum" in flat or "maximum" in flat else "string"


def _may_hold(branch: Mapping[str, Any], value: Any) -> bool:
    if value is None:
        return True
    kinds = branch.get("type")
    wanted = {dict: "object", list: "array", str: "string", bool: "boolean", int: "integer", float: "number"}.get(type(value), "")
    allowed = kinds if isinstance(kinds, list) else [kinds] if kinds else []
    if allowed and wanted not in allowed and not (wanted == "integer" and "number" in allowed):
        return False
    constants = {n: s["const"] for n, s in branch.get("properties", {}).items() if isinstance(s, Mapping) and "const" in s}
    return not isinstance(value, dict) or all(n not in value or value[n] == c for n, c in constants.items())


def _number(flat: Mapping[str, Any], kind: str) -> int | float:
    low = flat.get("minimum", flat.get("exclusiveMinimum"))
    step = flat.get("multipleOf", 1 if kind == "integer" else None)
    value: float = 1 if low is None or (low <= 1 and "exclusiveMinimum" not in flat) else low
    if "exclusiveMinimum" in flat and value <= flat["exclusiveMinimum"]:
        value = flat["exclusiveMinimum"] + (step or 0.5)
    if "maximum" in flat:
        value = min(value, flat["maximum"])
    if "exclusiveMaximum" in flat and value >= flat["exclusiveMaximum"]:
        value = flat["exclusiveMaximum"] - (step or 0.5)
    if step and kind == "integer":
        value = -(-value // step) * step
    return int(value) if kind == "integer" else value


def chance(seed: str) -> random.Random:
    """Return a source of values that depends on *seed* only."""
    return random.Random(hashlib.sha256(seed.encode()).digest())


def text_for(flat: Mapping[str, Any], name: str, seed: str, now: float) -> str:
    """Return a string that satisfies the format, pattern and lengths of a schema."""
    source = chance(seed or name)
    made = _formatted(str(flat.get("format", "")), name, source, now)
    if made is None and "pattern" in flat:
        made = matching(flat["pattern"], source)
    if made is None or ("pattern" in flat and not re.search(flat["pattern"], made)):
        made = f"{name or 'text'}-{''.join(source.choices(_WORD, k=6))}" if "pattern" not in flat else matching(flat["pattern"], source)
    least, most = flat.get("minLength", 0), flat.get("maxLength")
    if len(made) < least:
        made += "x" * (least - len(made))
    return made if most is None else made[-most:] if most else ""


def _formatted(form: str, name: str, source: random.Random, now: float) -> str | None:
    hexadecimal = f"{source.getrandbits(128):032x}"
    dashed = f"{hexadecimal[:8]}-{hexadecimal[8:12]}-4{hexadecimal[13:16]}-8{hexadecimal[17:20]}-{hexadecimal[20:]}"
    place = name or "thing"
    return {
        "date-time": moment(now), "date": moment(now)[:10], "time": moment(now)[11:], "uuid": dashed, "duration": "PT1M",
        "uri": f"https://twin.example/{place}", "url": f"https://twin.example/{place}", "iri": f"https://twin.example/{place}",
        "uri-reference": f"/{place}", "iri-reference": f"/{place}", "email": "someone@twin.example", "byte": "dHdpbg==",
        "hostname": "host.twin.example", "ipv4": "192.0.2.7", "ipv6": "2001:db8::7", "json-pointer": "",
    }.get(form)  # fmt: skip


def matching(pattern: str, source: random.Random) -> str:
    """Return a string that a regular expression matches; repetitions are as short as they may be.

    >>> matching("^v?0[.](3[4-9])[.]", chance("x"))[:3]
    '0.3'
    """
    try:
        parsed = vars(re)["_parser"].parse(pattern)
    except re.error:
        return "x"
    return "".join(_of(item, source) for item in parsed)


def _of(item: tuple[Any, Any], source: random.Random) -> str:
    kind, what = str(item[0]), item[1]
    if kind == "LITERAL":
        return chr(what)
    if kind == "NOT_LITERAL":
        return "a" if what != ord("a") else "b"
    if kind == "ANY":
        return "a"
    if kind == "IN":
        return _one_of(what, source)
    if kind == "BRANCH":
        return "".join(_of(i, source) for i in source.choice(what[1]))
    if kind == "SUBPATTERN":
        return "".join(_of(i, source) for i in what[3])
    if kind in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
        least, most, inner = what
        return "".join(_of(i, source) for _ in range(max(least, min(most, 8) if least and int(most) > least else least)) for i in inner)
    return ""


def _one_of(what: Sequence[tuple[Any, Any]], source: random.Random) -> str:
    classes = {"CATEGORY_DIGIT": "0123456789", "CATEGORY_WORD": _WORD, "CATEGORY_SPACE": " "}
    allowed: list[str] = []
    negated = str(what[0][0]) == "NEGATE"
    for kind, value in what:
        if str(kind) == "LITERAL":
            allowed.append(chr(value))
        elif str(kind) == "RANGE":
            allowed += [chr(c) for c in range(value[0], min(value[1], value[0] + 94) + 1)]
        elif str(kind) == "CATEGORY":
            allowed += classes.get(str(value), "a")
    if negated:
        return next(c for c in "ab0-_. " + _WORD if c not in allowed)
    return source.choice(allowed)

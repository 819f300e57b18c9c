"""Properties: whatever value the contract permits and the server accepts comes back as it was sent, at the boundaries first.

Values are a function of the contract and the requirement's id alone, and each smaller one that is tried after a failure of what came
before: a recording is judged again from its exchanges, with no generator at hand.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from conformance.api import Api
from conformance.checks.expect import same_value
from conformance.checks.patterns.home import Home, home, making
from conformance.checks.patterns.places import one_at, put
from conformance.checks.patterns.writing import settled
from conformance.checks.registry import check
from conformance.checks.subjects import created, fresh_example, until_ready
from conformance.ending import Inconclusive, Nonconformity, NotApplicable, clip
from conformance.exchange import Exchange
from conformance.flow import given, send
from conformance.profile import Profile, Resource
from conformance.requirement import Requirement
from conformance.schema import resolve

#: Values that are drawn beyond the boundaries, and creates that are spent on a smaller counterexample.
DRAWN, SMALLER = 4, 8
#: A text longer than this is left to the limits of servers, which standards seldom name.
LONGEST = 1_024
#: Boundaries of texts by kind; each is one class of what gets lost.
TEXTS: Mapping[str, str] = {
    "plain": "one two  three",
    "case": "MiXeD cAsE",
    "composed": "caf\u00e9 \u00c5ngstr\u00f6m",
    "decomposed": "cafe\u0301 A\u030angstro\u0308m",
    "astral": "\U0001f600 \U00020bb7 \U0001d4b3",
    "scripts": "\u0391\u03b8\u03ae\u03bd\u03b1 \u6771\u4eac \u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627",
    "quotes": "\"double\" 'single' back\\slash /slash",
    "markup": "<b>&amp; &lt; </b> %20 +",
    "lines": "first\nsecond\n\tthird",
    "number": "007",
}
#: Of what drawn texts are made.
_ALPHABET = "aZ9 -_.\u00e9\u00df\u0130\u0416\u6f22\u3042\u20ac\u2028\U0001f680\U00010348"
_INTEGERS = (0, 1, -1, 2**31 - 1, 2**31, 2**32 + 1, 2**53 - 1)
_NUMBERS = (0.1, 1.5, 1e-7, 123456789.125)


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """One value at one place."""

    pointer: str
    name: str
    value: Any

    @property
    def id(self) -> str:
        """Its name among the cases."""
        return f"{self.pointer} {self.name}"

    @property
    def title(self) -> str:
        """What it is, for people."""
        return f"{self.name} at {self.pointer}: {clip(ascii(self.value), 80)}"


def _cases(profile: Profile, requirement: Requirement) -> Sequence[Value]:
    """Return the values of each member that the contract permits, boundaries first, then drawn ones, smallest first."""
    resource = profile.resource(requirement.on)
    members: Mapping[str, Sequence[str]] = requirement.arguments["members"]
    operation = profile.operation(resource.create)
    found = []
    for pointer, kinds in members.items():
        schema = _schema_at(profile, operation.request_schema, pointer)
        for name, value in _values(schema, kinds, f"{requirement.id}|{pointer}"):
            broken = profile.contract.requests.violations(operation.request_schema, put(resource.example, pointer, value))
            if not any(v.pointer == pointer or v.pointer.startswith(f"{pointer}/") for v in broken):
                found.append(Value(pointer=pointer, name=name, value=value))
    return found


def _schema_at(profile: Profile, request_schema: str, pointer: str) -> Mapping[str, Any]:
    """Return the schema of a member of the request body; {} where the contract does not say."""
    document = profile.contract.document
    here: Any = resolve(document, {"$ref": f"#{request_schema}"})
    for part in pointer.split("/")[1:]:
        part = part.replace("~1", "/").replace("~0", "~")
        here = _inside(document, here, part)
    return here if isinstance(here, Mapping) else {}


def _inside(document: Mapping[str, Any], schema: Any, name: str) -> Any:
    if not isinstance(schema, Mapping):
        return {}
    if name in (schema.get("properties") or {}):
        return resolve(document, schema["properties"][name])
    for part in (*schema.get("allOf", ()), *schema.get("anyOf", ()), *schema.get("oneOf", ())):
        inner = _inside(document, resolve(document, part), name)
        if inner:
            return inner
    others = schema.get("items") if name.isdigit() else schema.get("additionalProperties")
    return resolve(document, others) if isinstance(others, Mapping) else {}


def _values(schema: Mapping[str, Any], kinds: Sequence[str], seed: str) -> Iterator[tuple[str, Any]]:
    kind = schema.get("type", "string")
    kind = next((k for k in kind if k != "null"), "") if isinstance(kind, list) else kind
    if kind == "integer":
        bounds = [schema[k] for k in ("minimum", "maximum") if isinstance(schema.get(k), int)]
        yield from ((f"integer {n}", n) for n in dict.fromkeys((*bounds, *_INTEGERS)))
    elif kind == "number":
        yield from ((f"number {n}", n) for n in _NUMBERS)
    elif kind == "boolean":
        yield from (("true", True), ("false", False))
    elif kind == "string":
        yield from ((name, TEXTS[name]) for name in TEXTS if not kinds or name in kinds)
        shortest, longest = int(schema.get("minLength", 1)), int(schema.get("maxLength", 0))
        if not kinds or "lengths" in kinds:
            yield "shortest", "x" * max(1, shortest)
            if 0 < longest <= LONGEST:
                yield "longest", "x" * longest
        if not kinds or "drawn" in kinds:
            yield from ((f"drawn {n}", _drawn(f"{seed}|{n}", 4 + 6 * n)) for n in range(DRAWN))


def _drawn(seed: str, length: int) -> str:
    """Return a text of *length* characters that neither begins nor ends with a space; the same for the same seed.

    >>> _drawn("a", 5) == _drawn("a", 5)
    True
    """
    digest = hashlib.shake_256(seed.encode()).digest(length)
    text = "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in digest)
    return f"a{text[1:-1]}z"


@check("values-round-trip", roles=("create", "read"), cases=_cases)
async def values_round_trip(api: Api, resource: Resource, case: Value, members: Mapping[str, Sequence[str]]) -> None:
    """Creates one for each boundary value that the contract permits at a member, and drawn ones; what is accepted is read back as it was sent.

    A value that is refused with a 4xx is no finding: what a server must accept is for other requirements; one that breaks the server,
    while the example does not, is. Of a text that is lost the smallest part that is lost as well is told.

    Args:
        members: pointers of members, each with the kinds of values to try: of texts `plain`, `case`, `composed`, `decomposed`, `astral`,
            `scripts`, `quotes`, `markup`, `lines`, `number`, `lengths`, `drawn`; an empty list stands for all. Of numbers and booleans
            all kinds are tried that the contract permits.
    """
    at = await home(api, resource)
    endings: dict[str, tuple[Any, Exchange, Exchange] | None] = {}
    lost = await _lost(api, resource, at, case.pointer, case.value, endings)
    if lost is None:
        return
    value, (shown, seen, made) = case.value, lost
    for smaller in _smaller(value):
        if len(endings) > SMALLER:
            break
        try:
            again = await _lost(api, resource, at, case.pointer, smaller, endings)
        except (NotApplicable, Inconclusive):
            continue
        if again is not None:
            value, (shown, seen, made) = smaller, again
            break
    raise Nonconformity(f"{_told(value)} at {case.pointer}, as it was sent", _told(shown), seen, made, cause=f"round trip of {case.name}")


async def _lost(
    api: Api, resource: Resource, at: Home, pointer: str, value: Any, endings: dict[str, tuple[Any, Exchange, Exchange] | None]
) -> tuple[Any, Exchange, Exchange] | None:
    """Create one with *value*; return what is read instead, or None when it came back. A value that was tried is not tried again."""
    key = ascii(value)
    if key not in endings:
        wanted = put(await fresh_example(api, resource), pointer, value)
        made = await send(making(api, resource, at, wanted), also=(403,))
        if 400 <= made.status < 500:
            raise NotApplicable(f"{_told(value)} is refused with {made.status}")
        if made.status >= 500 and made.status != 501:
            control = await given(making(api, resource, at, await fresh_example(api, resource)))
            title = api.operation(resource.create).title
            raise Nonconformity(
                f"{_told(value)} at {pointer} is taken or refused with a 4xx",
                made.summary,
                made,
                control,
                cause=f"{made.status}: {title} on valid input",
            )
        if not made.success:
            raise Inconclusive(f"set-up: {made.request.where} answered {made.status}", made, needs=resource.create)
        subject = created(api, resource, made, wanted, at.parent)
        await until_ready(api, resource, subject)
        seen = await settled(api, resource, subject, made, lambda body: _equal(one_at(body, pointer), value))
        if not seen.success:
            raise Inconclusive(f"set-up: {seen.request.where} answered {seen.status}", seen, needs=resource.read)
        shown = one_at(seen.json(), pointer)
        endings[key] = None if _equal(shown, value) else (shown, seen, made)
    return endings[key]


def _equal(shown: Any, value: Any) -> bool:
    return shown == value if isinstance(value, str) else same_value(value, shown)


def _smaller(value: Any) -> Iterator[Any]:
    """Yield smaller texts that may be lost alike: single odd characters, with what combines with them, then the halves."""
    if not isinstance(value, str) or len(value) < 2:
        return
    odd = [n for n, c in enumerate(value) if not (c.isascii() and c.isalnum())]
    for n in odd:
        start = n - 1 if unicodedata.combining(value[n]) and n else n
        if value[n] != " ":
            yield f"a{value[start : n + 1]}z"
    yield value[: len(value) // 2].strip() or "a"
    yield value[len(value) // 2 :].strip() or "a"


def _told(value: Any) -> str:
    """Return a value so that every character of it shows."""
    return clip(ascii(value), 200)

"""What one edition of a profile asks otherwise than another: operations that moved, came or went, their inputs and answers, requirements."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from conformance.contract import Contract, Operation
from conformance.profile import Profile
from conformance.schema import lookup, resolve

DEEPEST = 6


def changes(old: Profile, new: Profile) -> tuple[str, ...]:
    """Return what *new* changes, one line each: first what clients call, then what is asked of it."""
    return (*_operations(old.contract, new.contract), *_requirements(old, new))


def _operations(old: Contract, new: Contract) -> Iterator[str]:
    """Say which operations moved, came and went, and what became of those that stayed; a move that several share is one line."""
    before, after = old.operations, new.operations
    both = [name for name in after if name in before]
    moved: dict[str, list[str]] = {}
    for name in both:
        if before[name].title != after[name].title:
            moved.setdefault(_move(before[name], after[name]), []).append(name)
    for move, names in moved.items():
        yield f"{move}: {', '.join(names)}"
    yield from (f"{before[name].title} is gone ({name})" for name in before if name not in after)
    yield from (f"{after[name].title} is new ({name})" for name in after if name not in before)
    for name in both:
        for said in _operation(old, before[name], new, after[name]):
            yield f"{name}: {said}"


def _move(before: Operation, after: Operation) -> str:
    """Return how the address of an operation changed, with the segments that stay left out."""
    if before.method != after.method:
        return f"{before.title} becomes {after.title}"
    a, b = before.path.strip("/").split("/"), after.path.strip("/").split("/")
    while len(a) > 1 and len(b) > 1 and a[-1] == b[-1]:
        a, b = a[:-1], b[:-1]
    return f"/{'/'.join(a)} becomes /{'/'.join(b)}"


def _operation(old: Contract, before: Operation, new: Contract, after: Operation) -> Iterator[str]:
    a = {(p.place, p.name): p.required for p in before.parameters if p.place != "path"}
    b = {(p.place, p.name): p.required for p in after.parameters if p.place != "path"}
    yield from (f"{place} parameter {name} is gone" for place, name in a if (place, name) not in b)
    yield from (f"{place} parameter {name} is new{', required' if b[place, name] else ''}" for place, name in b if (place, name) not in a)
    yield from _statuses(before, after)
    for status, one in after.answers.items():
        earlier = before.answers.get(status)
        yield from (
            f"{status} has the header {h}" for h, needed in one.headers.items() if needed and earlier and not earlier.headers.get(h)
        )
        if earlier and status.startswith("2"):
            yield from _members(
                f"answer {status}", old, next(iter(earlier.media.values()), ""), new, next(iter(one.media.values()), ""), "response"
            )
    yield from _members("body", old, before.request_schema, new, after.request_schema, "request")


def _statuses(before: Operation, after: Operation) -> Iterator[str]:
    gone, come = [s for s in before.answers if s not in after.answers], [s for s in after.answers if s not in before.answers]
    if gone:
        yield f"{', '.join(gone)} documented no more"
    if come:
        yield f"{', '.join(come)} documented"


def _members(what: str, old: Contract, theirs: str, new: Contract, ours: str, side: str) -> Iterator[str]:
    """Say which members of a body came, went, are needed now or take other words, and whether others are refused now."""
    a, b = _told(old.document, theirs), _told(new.document, ours)
    for pointer, member in b.items():
        if pointer not in a and pointer.rpartition("/")[0] in (*a, ""):
            yield f"{what}: {pointer} is new{', required' if member.needed else ''}"
        elif pointer in a and member.needed and not a[pointer].needed:
            yield f"{what}: {pointer} is required"
    yield from (f"{what}: {pointer} is gone" for pointer in a if pointer not in b and pointer.rpartition("/")[0] in (*b, ""))
    yield from (f"{what}: {pointer} is optional" for pointer, one in a.items() if one.needed and pointer in b and not b[pointer].needed)
    for pointer in (p for p in a if p in b and a[p].words and b[p].words):
        gone, come = [w for w in a[pointer].words if w not in b[pointer].words], [w for w in b[pointer].words if w not in a[pointer].words]
        yield from (f"{what}: {pointer} is never {', '.join(map(str, gone))}" for _ in gone[:1])
        yield from (f"{what}: {pointer} may be {', '.join(map(str, come))}" for _ in come[:1])
    if side == "request" and ours and theirs and _closed(new.document, ours) and not _closed(old.document, theirs):
        yield f"{what}: members that are not declared are refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Member:
    """A member of a body: whether it must be there, and the words that it takes, where there is a list of them."""

    needed: bool = False
    words: tuple[Any, ...] = ()


def _told(document: Mapping[str, Any], pointer: str) -> dict[str, _Member]:
    """Return the members that a schema names, as JSON Pointers (`*` for the items of an array)."""
    found: dict[str, _Member] = {}

    def walk(node: Any, at: str, depth: int, sure: bool, within: int = 0) -> None:
        if not isinstance(node, Mapping) or not depth or within > DEEPEST:
            return
        node = resolve(document, node)
        for key in ("allOf", "anyOf", "oneOf"):
            for one in node.get(key, ()):
                walk(one, at, depth, sure and key == "allOf", within + 1)
        if at in found and node.get("enum"):
            found[at] = replace(found[at], words=tuple(node["enum"]))
        for name, schema in node.get("properties", {}).items():
            here = f"{at}/{name}"
            known = found.get(here, _Member())
            found[here] = replace(known, needed=known.needed or (sure and name in node.get("required", ())))
            walk(schema, here, depth - 1, True)
        if isinstance(node.get("items"), Mapping):
            found.setdefault(f"{at}/*", _Member())
            walk(node["items"], f"{at}/*", depth - 1, True)

    if pointer:
        walk(lookup(document, pointer), "", DEEPEST, True)
    return found


def _closed(document: Mapping[str, Any], pointer: str) -> bool:
    schema = resolve(document, lookup(document, pointer))
    return schema.get("additionalProperties") is False or schema.get("unevaluatedProperties") is False


def _requirements(old: Profile, new: Profile) -> Iterator[str]:
    before, after = old.by_id, new.by_id
    yield from (f"asks for {name} ({one.level.value})" for name, one in after.items() if name not in before)
    yield from (f"does not ask for {name} any more" for name in before if name not in after)
    yield from (
        f"asks for {name} as a {one.level.value}, was a {before[name].level.value}"
        for name, one in after.items()
        if name in before and before[name].level is not one.level
    )

"""Prove a contract against the pinned upstream description: structure, soundness, tightness.

*Structure*: paths, methods, parameters, required, types, enums, statuses and media types agree. *Soundness*: what their response schema
allows, ours accepts; what our request schema allows, theirs accepts, and the other way round. *Tightness*: a body that breaks their
response schema at one place is refused by ours. Each difference is a listed deviation, or it is reported.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal
from urllib.parse import unquote

from conformance.planning.bodies import Body, Pair, pairs_of
from conformance.planning.breaking import breakages
from conformance.planning.sampling import Sampler, Unmakeable, matches
from conformance.planning.shapes import PLAIN, Pointers, Shape, escape, type_of
from conformance.planning.slicing import each_operation
from conformance.schema import ASSERTED_FORMATS, Schemas, lookup, seen_from
from conformance.source import KINDS, Deviation, Source

Aspect = Literal["structure", "soundness", "tightness"]
DEEPEST = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One place where contract and upstream document differ; `listed` is the deviation that says so on purpose.

    `absence`: a member, parameter, status or media type that only one side has.
    """

    aspect: Aspect
    operation: str
    pointers: Pointers
    theirs: str
    ours: str
    absence: bool = False
    listed: Deviation | None = None

    @property
    def pointer(self) -> str:
        """The pointer to show: into the component that the place belongs to, where there is one."""
        return next((p for p in reversed(self.pointers) if p.startswith("/components/")), self.pointers[-1] if self.pointers else "")


@dataclass(frozen=True, kw_only=True)
class Proof:
    """The outcome for one edition; `compared` is false where no document is pinned."""

    source: Source
    compared: bool
    operations: int = 0
    samples: int = 0
    refused: int = 0
    accepted: int = 0
    unmade: int = 0
    left_out: int = 0
    differences: tuple[Difference, ...] = ()
    unmet: tuple[Deviation, ...] = ()

    @property
    def unlisted(self) -> tuple[Difference, ...]:
        """The differences that no deviation speaks of."""
        return tuple(d for d in self.differences if d.listed is None)

    @property
    def tightness(self) -> float | None:
        """The share of the one-place violations of their schemas that ours refuse, of those at places that ours describe."""
        return self.refused / (self.refused + self.accepted) if self.refused + self.accepted else None

    def count(self, kind: str) -> int:
        """Return the number of deviations of one kind."""
        return sum(d.kind == kind for d in self.source.deviations)


def unproved(source: Source) -> Proof:
    """Return the outcome for a contract that was written from a text: there is nothing to compare."""
    return Proof(source=source, compared=False)


def prove(source: Source, ours: Mapping[str, Any], theirs: Mapping[str, Any], *, base: str = "", samples: int = 20, seed: int = 0) -> Proof:
    """Compare our contract with the upstream document (both OpenAPI 3.1) and return every difference.

    Args:
        base: what stands before all paths of the upstream document; our paths may hold it or not.
        samples: bodies made per pair of schemas and direction.
        seed: the same seed makes the same bodies.
    """
    pairs, structural, theirs = pairs_of(ours, theirs, base)
    nearest = tuple(sorted(source.deviations, key=lambda d: d.precision, reverse=True))
    work = _Work(ours=ours, theirs=theirs, samples=samples, seed=seed, deviations=nearest)
    for place, absence, said, told, operation in structural:
        work.differ("structure", operation, place, said, told, absence=absence)
    for pair in pairs:
        work.compare(pair)
    found = tuple(work.differences)
    operations = sum(1 for _ in each_operation(ours))
    used = {d.listed for d in found if d.listed}
    return Proof(
        source=source, compared=True, operations=operations, samples=work.made, refused=work.refused,
        accepted=work.accepted, unmade=work.unmade, left_out=work.left_out, differences=found,
        unmet=tuple(d for d in source.deviations if d not in used),
    )  # fmt: skip


@dataclass(kw_only=True)
class _Side:
    """One of the two documents, seen from one side of the wire."""

    document: Mapping[str, Any]
    view: Literal["request", "response"]

    @cached_property
    def seen(self) -> Mapping[str, Any]:
        return seen_from(self.document, self.view)

    @cached_property
    def schemas(self) -> Schemas:
        return Schemas(self.document, self.view)

    def target(self, body: Body) -> str:
        """Return where a schema really stands, when it is nothing but a reference."""
        pointer = body.schema
        for _ in range(20):
            node = lookup(self.document, pointer)
            if not (isinstance(node, Mapping) and set(node) == {"$ref"}):
                break
            pointer = unquote(node["$ref"].removeprefix("#"))
        return pointer

    def shape(self, body: Body) -> Shape:
        return Shape.at(self.seen, {"$ref": f"#{body.schema}"}, *body.pointers)


@dataclass(frozen=True, slots=True)
class _Held:
    """A schema of one side: its shape, what judges by it, and where it is."""

    shape: Shape
    schemas: Schemas
    body: Body


@dataclass(kw_only=True)
class _Work:
    ours: Mapping[str, Any]
    theirs: Mapping[str, Any]
    samples: int
    seed: int
    deviations: tuple[Deviation, ...]
    made: int = 0
    refused: int = 0
    accepted: int = 0
    unmade: int = 0
    left_out: int = 0
    differences: list[Difference] = field(default_factory=list)
    _alike: set[tuple[str, str, str]] = field(default_factory=set)
    _differed: bool = False
    _explained: dict[tuple[Pointers, bool], Deviation | None] = field(default_factory=dict)
    _told: set[tuple[str, ...]] = field(default_factory=set)
    _tried: set[tuple[str, str, str]] = field(default_factory=set)
    _sides: dict[tuple[str, str], _Side] = field(default_factory=dict)

    def side(self, whose: str, view: Literal["request", "response"]) -> _Side:
        if (whose, view) not in self._sides:
            self._sides[whose, view] = _Side(document=self.ours if whose == "ours" else self.theirs, view=view)
        return self._sides[whose, view]

    def differ(self, aspect: Aspect, operation: str, pointers: Pointers, theirs: str, ours: str, *, absence: bool = False) -> None:
        self._differed = True
        pointers = tuple(dict.fromkeys(pointers))
        place = (pointers, absence)
        if place not in self._explained:
            self._explained[place] = next((d for d in self.deviations if any(d.covers(p, absence) for p in pointers)), None)
        listed = self._explained[place]
        key = (pointers[-1] if pointers else "", aspect, theirs if aspect == "structure" else "", listed.pointer if listed else "")
        if key not in self._told:
            self._told.add(key)
            found = Difference(
                aspect=aspect, operation=operation, pointers=pointers, theirs=theirs, ours=ours, absence=absence, listed=listed
            )  # fmt: skip
            self.differences.append(found)

    def compare(self, pair: Pair) -> None:
        ours, theirs = self.side("ours", pair.view), self.side("theirs", pair.view)
        key = (pair.view, ours.target(pair.ours), theirs.target(pair.theirs))
        if key in self._alike:
            return
        self._differed = False
        our_shape, their_shape = ours.shape(pair.ours), theirs.shape(pair.theirs)
        self._structure(pair, our_shape, their_shape, set(), 0)
        mine, other = _Held(our_shape, ours.schemas, pair.ours), _Held(their_shape, theirs.schemas, pair.theirs)
        self._sound(pair, other, mine, "what theirs allows, ours refuses")
        if pair.view == "response":
            self._tight(pair, mine, other)
        else:
            self._sound(pair, mine, other, "what ours allows, theirs refuses")
        if not self._differed:
            self._alike.add(key)

    # -- structure ----------------------------------------------------------------------------------------------------
    def _structure(self, pair: Pair, ours: Shape, theirs: Shape, seen: set[tuple[Pointers, Pointers]], depth: int) -> None:
        key = (ours.pointers[-1:], theirs.pointers[-1:])
        if key in seen or depth > DEEPEST or ours.never or theirs.never:
            return
        seen.add(key)
        if ours.choices or theirs.choices:
            return  # alternatives can be written in many ways: the samples decide

        def differ(keyword: str, said: Any, told: Any, places: Pointers = (), absence: bool = False) -> None:
            where = places or tuple(f"{p}/{keyword}" for p in (*ours.pointers, *theirs.pointers))
            self.differ("structure", pair.operation, where, f"{keyword} {said}", f"{keyword} {told}", absence=absence)

        if ours.typed != theirs.typed or (ours.typed and set(ours.types) != set(theirs.types)):
            differ("type", _words(theirs), _words(ours))
        if (ours.enum is None) != (theirs.enum is None) or (
            ours.enum is not None and theirs.enum is not None and _set(ours.enum) != _set(theirs.enum)
        ):
            differ("enum", theirs.enum or "none", ours.enum or "none")
        if set(ours.required) != set(theirs.required):
            differ(
                "required",
                sorted(set(theirs.required) - set(ours.required)) or "not more",
                sorted(set(ours.required) - set(theirs.required)) or "not more",
            )
        for keyword in PLAIN:
            said, told = _strictest(keyword, theirs), _strictest(keyword, ours)
            if said != told:
                differ(keyword, said, told)
        formats = [{f for f, _ in s.facts("format") if f in ASSERTED_FORMATS} for s in (theirs, ours)]
        if formats[0] != formats[1]:
            said, told = (", ".join(sorted(f)) or "none" for f in formats)
            differ("format", said, told)
        if bool(ours.closed) != bool(theirs.closed):
            said, told = ("forbidden" if s.closed else "allowed" for s in (theirs, ours))
            differ("additionalProperties", said, told)
        for name, inner in theirs.properties.items():
            if name in ours.properties:
                self._structure(pair, ours.properties[name], inner, seen, depth + 1)
            elif pair.view == "response" and not (theirs.closed and inner.never):
                places = (
                    *(f"{p}/properties/{escape(name)}" for p in ours.pointers),
                    *inner.pointers,
                    *(f"{p}/properties/{escape(name)}" for p in theirs.pointers),
                )
                differ("member", f"{name} is described", f"{name} is not described", places, True)
            else:
                self.left_out += 1
        for name in [n for n in ours.properties if n not in theirs.properties]:
            other = next((s for p, s in theirs.patterns.items() if matches(p, name)), theirs.others)
            if other:
                self._structure(pair, ours.properties[name], other, seen, depth + 1)
            else:
                places = tuple(f"{p}/properties/{escape(name)}" for p in (*ours.pointers, *theirs.pointers))
                differ("member", f"{name} is not described", f"{name} is described", places)
        for mine, their in ((ours.items, theirs.items), (ours.others, theirs.others)):
            if mine and their:
                self._structure(pair, mine, their, seen, depth + 1)

    # -- soundness ----------------------------------------------------------------------------------------------------
    def _sound(self, pair: Pair, maker: _Held, reader: _Held, what: str) -> None:
        """Make bodies from one side and hold them against the other."""
        for value in self._bodies(pair, maker):
            for violation in reader.schemas.violations(reader.body.schema, value):
                places = self._places(violation.pointer, violation.keyword, maker.shape, reader.shape)
                self.differ("soundness", pair.operation, places, what, f"{violation.pointer or 'the body'}: {violation.problem[:120]}")

    def _bodies(self, pair: Pair, maker: _Held) -> Iterator[Any]:
        shape, schemas, body = maker.shape, maker.schemas, maker.body
        wanted, tries = self.samples, 0
        while wanted and tries < self.samples * 3:
            extent: Literal["least", "full", "chance"] = "least" if tries == 0 else "full" if tries <= 3 else "chance"
            sampler = Sampler(f"{self.seed}|{pair.operation}|{body.schema}|{tries}", extent=extent, alternative=max(0, tries - 1))
            tries += 1
            try:
                value = sampler.value(shape)
            except (Unmakeable, RecursionError):
                continue
            if schemas.is_valid(body.schema, value):
                wanted -= 1
                self.made += 1
                yield value
        if wanted == self.samples:
            self.unmade += 1

    @staticmethod
    def _places(instance: str, keyword: str, *shapes: Shape) -> Pointers:
        found: list[str] = []
        for shape in shapes:
            here: Shape | None = shape
            last = shape
            for step in instance.split("/")[1:]:
                here = inside(here, step.replace("~1", "/").replace("~0", "~")) if here else None
                last = here or last
            found += [f"{p}/{keyword}" for p in last.pointers]
        return tuple(found)

    # -- tightness ----------------------------------------------------------------------------------------------------
    def _tight(self, pair: Pair, mine: _Held, other: _Held) -> None:
        """Break a body that both accept, at one place after the other."""
        ours, theirs, our_schemas, their_schemas = mine.shape, other.shape, mine.schemas, other.schemas
        budget = 50 * self.samples
        tried: list[Any] = []
        for alternative in range(3):
            maker = Sampler(f"{self.seed}|tight", extent="full", alternative=alternative)
            try:
                value = maker.value(theirs)
            except (Unmakeable, RecursionError):
                continue
            if value in tried:
                continue
            tried.append(copy.deepcopy(value))
            holder = [value]
            if not their_schemas.is_valid(pair.theirs.schema, value) or not _suit(holder, ours, our_schemas, pair.ours):
                continue
            if not their_schemas.is_valid(pair.theirs.schema, holder[0]):
                continue
            for broken in breakages(theirs.chosen(alternative), holder, alternative):
                here = _described(ours.chosen(alternative), broken.path)
                key = (broken.pointers[-1], broken.keyword, "|".join(here.pointers[-1:]) if here else "")
                if key in self._tried:
                    continue
                self._tried.add(key)
                with broken:
                    if their_schemas.is_valid(pair.theirs.schema, holder[0]):
                        continue
                    refused = not our_schemas.is_valid(pair.ours.schema, holder[0])
                budget -= 1
                if refused:
                    self.refused += 1
                elif here is None:
                    self.left_out += 1
                else:
                    self.accepted += 1
                    places = tuple(f"{p}/{broken.keyword}" for p in (*here.pointers, *broken.pointers))
                    self.differ("tightness", pair.operation, places, f"{broken.keyword} refuses {broken.shown}", "accepted")
                if budget <= 0:
                    return


def _suit(holder: list[Any], ours: Shape, schemas: Schemas, body: Body) -> bool:
    """Put what ours refuse of a body right, place by place (such a place was told already), so that the rest can be looked at."""
    for round_ in range(20):
        wrong = next(schemas.violations(body.schema, holder[0]), None)
        if wrong is None:
            return True
        steps = [step.replace("~1", "/").replace("~0", "~") for step in wrong.pointer.split("/")[1:]]
        here: Any = holder
        key: Any = 0
        for step in steps:
            here = here[key]
            key = int(step) if isinstance(here, list) else step
        shape = _described(ours, tuple(steps))
        try:
            here[key] = Sampler(round_, extent="full").value(shape) if shape else None
        except (Unmakeable, RecursionError):
            return False
    return False


def inside(shape: Shape, step: str) -> Shape | None:
    """Return the shape of a member or item, or None where nothing is said of it; of alternatives the first that knows it."""
    options = [shape, *(shape.chosen(n) for n in range(shape.widest()))] if shape.choices else [shape]
    for one in options:
        if step in one.properties:
            return one.properties[step]
    for one in options:
        if step.isdigit():
            number = int(step)
            if number < len(one.tuple_items):
                return one.tuple_items[number]
            if one.items:
                return one.items
        if one.others:
            return one.others
        if one.patterns:
            return next(iter(one.patterns.values()))
    return None


def _described(shape: Shape, path: tuple[str | int, ...]) -> Shape | None:
    here: Shape | None = shape
    for step in path:
        here = inside(here, str(step)) if here else None
    return here


def _words(shape: Shape) -> str:
    return ", ".join(shape.types) if shape.typed else "any"


def _set(values: list[Any]) -> set[tuple[str, str]]:
    return {(type_of(v), str(v)) for v in values if v is not None}


def _strictest(keyword: str, shape: Shape) -> Any:
    values = [v for v, _ in shape.facts(keyword)]
    if not values:
        return None
    if keyword == "pattern":
        return tuple(sorted(set(map(str, values))))
    if keyword.startswith(("max", "exclusiveMax")):
        return min(values)
    if keyword in ("minLength", "minItems", "minProperties", "uniqueItems"):
        return max(values) or None  # nought and false say nothing
    return max(values)


def table(proofs: list[Proof]) -> list[tuple[str, ...]]:
    """Return the rows of the table of all contracts, its heading first."""
    rows: list[tuple[str, ...]] = [("standard", "operations", "samples", *KINDS, "unlisted", "tightness")]
    for proof in proofs:
        counts = tuple(str(proof.count(kind)) for kind in KINDS)
        if not proof.compared:
            rows.append((proof.source.name, "", "", *counts, "", "authored: nothing to compare"))
            continue
        share = "–" if proof.tightness is None else f"{proof.tightness:.0%} of {proof.refused + proof.accepted}"
        rows.append((proof.source.name, str(proof.operations), str(proof.samples), *counts, str(len(proof.unlisted)), share))
    return rows


__all__ = ["Difference", "Proof", "prove", "table", "unproved"]

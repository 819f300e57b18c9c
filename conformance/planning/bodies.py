"""Find what to compare in two descriptions of one API: operations, parameters, and pairs of body schemas."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from conformance.planning.shapes import Pointers, escape
from conformance.planning.slicing import each_operation, sliced
from conformance.schema import resolve

#: pointers, whether only one side has it, what theirs says, what ours says, operation
Found = tuple[Pointers, bool, str, str, str]
_IGNORED_HEADERS = ("accept", "content-type", "authorization")


@dataclass(frozen=True, slots=True)
class Body:
    """A schema: where it really is in its document, and the pointers by which a difference in it may be listed."""

    schema: str
    pointers: Pointers


@dataclass(frozen=True, slots=True)
class Pair:
    """Two schemas of the same thing: a parameter, a request body, or the body of an answer."""

    operation: str
    view: Literal["request", "response"]
    ours: Body
    theirs: Body


def plain_path(path: str) -> str:
    """Return a path template without the names of its parameters, which nobody sees on the wire."""
    return re.sub(r"\{[^}]*\}", "{}", path)


def pairs_of(ours: Mapping[str, Any], theirs: Mapping[str, Any], base: str) -> tuple[list[Pair], list[Found], dict[str, Any]]:
    """Return the pairs to compare, what differs without looking into schemas, and their document cut down to what is compared."""
    known: dict[str, list[str]] = {}
    for path in theirs.get("paths", {}):
        for spelled in dict.fromkeys((path, base + path)):
            known.setdefault(plain_path(spelled), []).append(path)
    matched: list[tuple[str, str, str]] = []
    found: list[Found] = []
    for path, method, raw in each_operation(ours):
        alike = known.get(plain_path(path), [])
        other = next((p for p in alike if method in theirs["paths"][p]), alike[0] if alike else None)
        here = tuple(f"/paths/{escape(p)}" for p in dict.fromkeys((path, path.removeprefix(base) or "/")))
        name = str(raw.get("operationId", f"{method.upper()} {path}"))
        if other is None:
            found.append((here, True, "no such path", path, name))
        elif method not in theirs["paths"][other]:
            found.append((tuple(f"{p}/{method}" for p in here), True, f"{path} has no {method.upper()}", "it has", name))
        else:
            matched.append((path, other, method))
    theirs = sliced(theirs, {(other, method) for _, other, method in matched})
    pairs: list[Pair] = []
    for path, other, method in matched:
        one = _Operation(ours, path, method, (f"/paths/{escape(path)}",))
        two = _Operation(theirs, other, method, tuple(dict.fromkeys((f"/paths/{escape(other)}", f"/paths/{escape(path)}"))))
        for thing in (*_parameters(one, two), *_requests(one, two), *_responses(one, two)):
            if isinstance(thing, Pair):
                pairs.append(thing)
            else:
                found.append(thing)
    return pairs, found, theirs


@dataclass(frozen=True)
class _Operation:
    document: Mapping[str, Any]
    path: str
    method: str
    places: Pointers

    @property
    def raw(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.document["paths"][self.path][self.method]
        return found

    @property
    def name(self) -> str:
        return str(self.raw.get("operationId", f"{self.method.upper()} {self.path}"))

    def under(self, *steps: str) -> Pointers:
        return tuple("/".join((p, self.method, *map(escape, steps))) for p in self.places)

    def followed(self, node: Any, real: str, pointers: Pointers) -> tuple[Any, str, Pointers]:
        """Follow the references of something that is no schema; its pointers are added to."""
        while isinstance(node, Mapping) and isinstance(node.get("$ref"), str):
            real = node["$ref"].removeprefix("#")
            pointers = (*pointers, real)
            node = resolve(self.document, {"$ref": node["$ref"]})
        return node, real, pointers

    def real(self, *steps: str) -> str:
        return "/".join((f"/paths/{escape(self.path)}", *map(escape, steps)))

    def parameters(self) -> dict[tuple[str, str], tuple[Mapping[str, Any], Body]]:
        """Return the parameters by place and name; those of the path by their position."""
        found: dict[tuple[str, str], tuple[Mapping[str, Any], Body]] = {}
        order = re.findall(r"\{([^}]*)\}", self.path)
        item = self.document["paths"][self.path]
        for listed, own in ((item.get("parameters"), False), (self.raw.get("parameters"), True)):
            for number, one in enumerate(listed or ()):
                steps = (self.method, "parameters", str(number)) if own else ("parameters", str(number))
                node, real, pointers = self.followed(one, self.real(*steps), ())
                if not isinstance(node, Mapping) or "in" not in node:
                    continue
                where, name = str(node["in"]), str(node["name"])
                if where == "header" and name.lower() in _IGNORED_HEADERS:
                    continue
                key = str(order.index(name)) if where == "path" and name in order else name.lower() if where == "header" else name
                places = (*self.under("parameters", name), *(f"{p}/schema" for p in (real, *pointers)))
                found[where, key] = node, Body(f"{real}/schema" if "schema" in node else "", places)
        return found

    def content(self, node: Any, real: str, pointers: Pointers) -> dict[str, tuple[str, Body | None]]:
        """Return the media types of a body with their schemas."""
        found: dict[str, tuple[str, Body | None]] = {}
        for media, said in (node.get("content") or {}).items() if isinstance(node, Mapping) else ():
            steps = f"/content/{escape(media)}/schema"
            body = Body(real + steps, tuple(p + steps for p in pointers)) if isinstance(said, Mapping) and "schema" in said else None
            found[media.partition(";")[0].strip().lower()] = media, body
        return found


def _parameters(ours: _Operation, theirs: _Operation) -> Iterator[Pair | Found]:
    mine, other = ours.parameters(), theirs.parameters()
    for (where, key), (node, body) in mine.items():
        if (where, key) not in other:
            if where != "path":
                yield (
                    (*theirs.under("parameters", key), *ours.under("parameters", key)),
                    True,
                    f"no {where} parameter {key}",
                    f"{where} parameter {key}",
                    ours.name,
                )
            continue
        said, there = other[where, key]
        if bool(node.get("required")) != bool(said.get("required")) and where != "path":
            words = ["required" if n.get("required") else "optional" for n in (said, node)]
            yield (
                tuple(f"{p}/required" for p in theirs.under("parameters", key)),
                False,
                f"{key} is {words[0]}",
                f"{key} is {words[1]}",
                ours.name,
            )
        if body.schema and there.schema:
            yield Pair(ours.name, "request", body, there)
    for (where, key), (said, _) in other.items():
        if (where, key) not in mine and said.get("required") and where != "path":
            yield (
                (*theirs.under("parameters", key), *ours.under("parameters", key)),
                True,
                f"required {where} parameter {key}",
                "left out",
                ours.name,
            )


def _requests(ours: _Operation, theirs: _Operation) -> Iterator[Pair | Found]:
    mine, real, pointers = ours.followed(ours.raw.get("requestBody"), ours.real(ours.method, "requestBody"), ours.under("requestBody"))
    other, there, places = theirs.followed(
        theirs.raw.get("requestBody"), theirs.real(theirs.method, "requestBody"), theirs.under("requestBody")
    )
    both = tuple(dict.fromkeys((*pointers, *places)))
    if not mine or not other:
        if bool(mine) != bool(other) and (mine or other.get("required")):
            yield both, True, "a body" if other else "no body", "a body" if mine else "no body", ours.name
        return
    if bool(mine.get("required")) != bool(other.get("required")):
        words = ["required" if n.get("required") else "optional" for n in (other, mine)]
        yield tuple(f"{p}/required" for p in both), False, f"the body is {words[0]}", f"the body is {words[1]}", ours.name
    known = theirs.content(other, there, places)
    for media, (_, body) in ours.content(mine, real, pointers).items():
        match = known.get(media) or known.get("*/*")
        if match is None:
            yield tuple(f"{p}/content/{escape(media)}" for p in both), True, f"no {media} in requests", media, ours.name
        elif body and match[1] and _json(media):
            yield Pair(ours.name, "request", body, match[1])


def _responses(ours: _Operation, theirs: _Operation) -> Iterator[Pair | Found]:
    mine, other = (o.raw.get("responses") or {} for o in (ours, theirs))
    for status in other:
        if re.fullmatch(r"2(\d\d|XX)", str(status), re.I) and _documented(mine, str(status)) in (None, "default"):
            yield (*theirs.under("responses", status), *ours.under("responses", status)), True, f"status {status}", "left out", ours.name
    for status in mine:
        match = _documented(other, str(status))
        if match is None and not other:
            continue
        if match is None:
            yield (
                (*theirs.under("responses", status), *ours.under("responses", status)),
                True,
                f"no status {status}",
                f"status {status}",
                ours.name,
            )
            continue
        yield from _answers(ours, theirs, str(status), match)


def _documented(responses: Mapping[str, Any], status: str) -> str | None:
    return next((s for s in (status, f"{status[:1]}XX", f"{status[:1]}xx", "default") if s in responses), None)


def _answers(ours: _Operation, theirs: _Operation, status: str, match: str) -> Iterator[Pair | Found]:
    node, real, pointers = ours.followed(
        ours.raw["responses"][status], ours.real(ours.method, "responses", status), ours.under("responses", status)
    )
    other, there, places = theirs.followed(
        theirs.raw["responses"][match],
        theirs.real(theirs.method, "responses", match),
        (*theirs.under("responses", match), *theirs.under("responses", status)),
    )
    both = tuple(dict.fromkeys((*pointers, *places)))
    known, said = theirs.content(other, there, places), ours.content(node, real, pointers)
    for media, (_, body) in said.items():
        paired = known.get(media) or known.get("*/*")
        if paired is None:
            yield tuple(f"{p}/content/{escape(media)}" for p in both), True, f"{match}: no body of {media}", f"{status}: {media}", ours.name
        elif body and paired[1] and _json(media):
            yield Pair(ours.name, "response", body, paired[1])
        elif bool(body) != bool(paired[1]):
            yield (
                tuple(f"{p}/content/{escape(media)}/schema" for p in both),
                True,
                f"{match}: {_has(paired[1])}",
                f"{status}: {_has(body)}",
                ours.name,
            )
    for media in known:
        if media not in said and media != "*/*" and status == match and not (said and status[0] in "45d"):
            yield tuple(f"{p}/content/{escape(media)}" for p in both), True, f"{match}: {media}", f"{status}: no {media}", ours.name
    heads = [
        {n.lower(): bool((o.followed(h, "", ())[0] or {}).get("required")) for n, h in (x.get("headers") or {}).items()}
        for o, x in ((ours, node), (theirs, other))
    ]
    for name in {*heads[0], *heads[1]}:
        wanted = [h.get(name, False) for h in heads]
        if wanted[0] != wanted[1]:
            shown = next(n for n in (*(node.get("headers") or {}), *(other.get("headers") or {})) if n.lower() == name)
            words = ["required" if w else "not required" for w in wanted]
            yield (
                tuple(f"{p}/headers/{escape(shown)}" for p in both),
                True,
                f"{match}: header {shown} {words[1]}",
                f"{status}: {words[0]}",
                ours.name,
            )


def _has(body: Body | None) -> str:
    return "a schema" if body else "no schema"


def _json(media: str) -> bool:
    return "json" in media or media == "*/*"

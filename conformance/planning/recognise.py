"""Recognise what the operations of a description mean to each other: collections and items, ids, pages, entity tags, errors.

Everything here is a guess from names and shapes, made so that a wrong one asks too little rather than too much; people look at it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from conformance.planning.naming import singular, squeezed, words
from conformance.planning.shapes import Shape, escape
from conformance.planning.slicing import each_operation
from conformance.schema import resolve

LIMITS = (
    "limit",
    "count",
    "pagesize",
    "perpage",
    "size",
    "maxresults",
    "maxpagesize",
    "maxitems",
    "top",
    "$top",
    "itemsperpage",
    "numresults",
)
OFFSETS = ("offset", "skip", "$skip")
INDEXES = ("startindex",)
PAGES = ("page", "pagenumber", "pageno", "currentpage")
TOKENS = (
    "pagetoken",
    "cursor",
    "continue",
    "continuetoken",
    "continuationtoken",
    "nexttoken",
    "skiptoken",
    "after",
    "starttoken",
    "nextpagetoken",
)
MARKERS = ("marker",)
NEXT = ("nextpagetoken", "nextcursor", "nexttoken", "continue", "continuetoken", "continuationtoken", "skiptoken", "next", "cursor")
NEXT_LINKS = ("nextlink", "@odata.nextlink", "nexturi", "nexturl", "next")
TOTALS = ("total", "totalcount", "totalresults", "totalitems", "totalelements", "totalsize")
LISTS = ("items", "data", "results", "resources", "members", "value", "content", "list", "entries", "records", "elements")
PROBES = ("version", "versions", "status", "health", "healthz", "livez", "readyz", "capabilities", "discovery", "info", "configuration")
LINKS = ("@odata.id", "href", "self", "link", "uri", "url", "selflink", "resourceuri")


@dataclass(frozen=True, kw_only=True)
class Paging:
    """How the pages of a list are asked for, in the words of the paging checks."""

    count: str = ""
    start: str = ""
    first: int | None = None
    step: str = "items"
    next: str = ""
    last: str = ""
    total: str = ""

    @property
    def arguments(self) -> dict[str, Any]:
        """What the bindings of a check say."""
        found: dict[str, Any] = {k: getattr(self, k) for k in ("count", "start", "next", "last", "total") if getattr(self, k)}
        if self.first is not None:
            found["first"] = self.first
        return found | ({"step": "page"} if self.step == "page" else {})

    @property
    def complete(self) -> bool:
        """Whether the way to the next page is known."""
        return bool(self.start or self.next)


@dataclass(kw_only=True)
class Kind:
    """A kind of thing: its operations by role (path, method), and where to find what."""

    name: str
    item: str
    collection: str = ""
    parameter: str = ""
    roles: dict[str, tuple[str, str]] = field(default_factory=dict)
    id: str = ""
    created_id: str = ""
    link: str = ""
    items: str | None = None
    location: bool = False
    slow: bool = False
    etag: bool = False
    if_match: bool = False
    not_modified: bool = False
    refused_match: bool = False
    paging: Paging = Paging()
    filters: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Reader:
    """Reads a converted description: shapes of bodies, parameters, headers."""

    document: Mapping[str, Any]

    def raw(self, at: tuple[str, str]) -> Mapping[str, Any]:
        """Return a raw operation by path and method."""
        found: Mapping[str, Any] = self.document["paths"][at[0]][at[1]]
        return found

    def parameters(self, at: tuple[str, str]) -> list[Mapping[str, Any]]:
        """Return the parameters of an operation, those of its path too."""
        item = self.document["paths"][at[0]]
        found = {}
        for one in (*(item.get("parameters") or ()), *(item[at[1]].get("parameters") or ())):
            seen = resolve(self.document, one)
            if isinstance(seen, Mapping) and "name" in seen:
                found[str(seen.get("in")), str(seen["name"])] = seen
        return list(found.values())

    def query(self, at: tuple[str, str]) -> dict[str, Mapping[str, Any]]:
        """Return the query parameters by name."""
        return {str(p["name"]): p for p in self.parameters(at) if p.get("in") == "query"}

    def statuses(self, at: tuple[str, str]) -> list[str]:
        """Return the documented statuses."""
        return [str(s) for s in self.raw(at).get("responses") or {}]

    def answer(self, at: tuple[str, str], status: str) -> Mapping[str, Any]:
        """Return a documented answer, its reference followed."""
        found = resolve(self.document, self.raw(at)["responses"][status])
        return found if isinstance(found, Mapping) else {}

    def headers(self, at: tuple[str, str], status: str) -> dict[str, str]:
        """Return the documented headers of an answer: lower case -> as written."""
        return {str(h).lower(): str(h) for h in self.answer(at, status).get("headers") or {}}

    def success(self, at: tuple[str, str]) -> list[str]:
        """Return the documented statuses of success, those with a body first."""
        found = [s for s in self.statuses(at) if s.startswith("2")]
        return sorted(found, key=lambda s: (not self.answer(at, s).get("content"), s))

    def shown(self, at: tuple[str, str]) -> Shape | None:
        """Return the shape of the JSON body of success."""
        for status in self.success(at):
            shape = self.body(self.answer(at, status))
            if shape is not None:
                return shape
        return None

    def sent(self, at: tuple[str, str]) -> tuple[str, Shape | None]:
        """Return media type and shape of the JSON request body; media alone where it is not JSON."""
        body = resolve(self.document, self.raw(at).get("requestBody") or {})
        content = body.get("content") or {} if isinstance(body, Mapping) else {}
        media = next((m for m in content if m.startswith("application/json") and "patch" not in m), None)
        media = media or next((m for m in content if "json" in m and "json-patch" not in m), None) or next(iter(content), "")
        json = "json" in media or media == "*/*"
        return media, self.body({"content": {media: content[media]}}) if json else None

    def body(self, answer: Mapping[str, Any]) -> Shape | None:
        """Return the shape of the JSON body of an answer."""
        for media, said in (answer.get("content") or {}).items():
            if ("json" in media or media == "*/*") and isinstance(said, Mapping) and "schema" in said:
                return Shape.at(self.document, said["schema"])
        return None


def kinds_of(document: Mapping[str, Any]) -> list[Kind]:
    """Return the kinds of things that the operations of a description work on, in the order of its paths."""
    reader = Reader(document)
    paths = document.get("paths", {})
    found: list[Kind] = []
    for path, item in paths.items():
        above, _, last = path.rpartition("/")
        methods = [m for m in ("get", "put", "patch", "delete") if m in item]
        if not re.fullmatch(r"\{[^{}]+\}", last) or not methods:
            continue
        kind = Kind(name=_name(above, path, found), item=path, parameter=last[1:-1])
        kind.collection = _collection(above, paths)
        for method, role in (("get", "read"), ("put", "replace"), ("patch", "update"), ("delete", "delete")):
            if method in item:
                kind.roles[role] = (path, method)
        _look(kind, reader)
        found.append(kind)
    return found


def _name(above: str, path: str, taken: list[Kind]) -> str:
    segments = [s for s in above.split("/") if s and "{" not in s]
    parts = words(singular(segments[-1])) if segments else ["thing"]
    name = "_".join(parts) or "thing"
    if not name[:1].isalpha():
        name = f"thing_{name}"
    for earlier in reversed(segments[:-1]):
        if all(k.name != name for k in taken):
            return name
        name = "_".join([*words(singular(earlier)), name])
    number, wanted = 2, name
    while any(k.name == name for k in taken):
        name, number = f"{wanted}_{number}", number + 1
    return name


def _collection(above: str, paths: Mapping[str, Any]) -> str:
    """Return the path of the collection: the item's without its id, or with the plural of its last word."""
    if any(m in paths.get(above, {}) for m in ("get", "post")):
        return above
    if any(m in paths.get(above + "/", {}) for m in ("get", "post")):
        return above + "/"
    before, _, word = above.rpartition("/")
    for plural in (f"{word}s", f"{word}es", f"{word[:-1]}ies" if word.endswith("y") else ""):
        if plural and any(m in paths.get(f"{before}/{plural}", {}) for m in ("get", "post")):
            return f"{before}/{plural}"
    return ""


def _look(kind: Kind, reader: Reader) -> None:
    """Find the list, the create, the ids, the pages and the tags of a kind."""
    shown = reader.shown(kind.roles["read"]) if "read" in kind.roles else None
    item: Shape | None = None
    paths = reader.document["paths"]
    if "get" in paths.get(kind.collection, {}):
        listing = reader.shown((kind.collection, "get"))
        place = items_in(listing, kind) if listing else None
        if listing and place is not None and not (place[1] and place[1].chosen().typed and place[1].chosen().likely != "object"):
            kind.items, item = place
            kind.roles["list"] = (kind.collection, "get")
    inner = envelope(shown)[1]
    example = item or inner or shown
    pointer = id_in(example, kind) if example else ""
    if "post" in paths.get(kind.collection, {}):
        _creating(kind, reader, pointer)
    kind.id = pointer or kind.id or (id_in(inner or shown, kind) if shown else "")
    if item and not pointer:
        kind.link = next(_members(item.chosen(), LINKS, "string"), "")
    if "read" in kind.roles:
        headers = {h for s in reader.success(kind.roles["read"]) for h in reader.headers(kind.roles["read"], s)}
        kind.etag = "etag" in headers
        asked = {str(p["name"]).lower() for p in reader.parameters(kind.roles["read"]) if p.get("in") == "header"}
        kind.not_modified = "304" in reader.statuses(kind.roles["read"]) or "if-none-match" in asked
    for role in ("replace", "update", "delete"):
        if role in kind.roles:
            asked = {str(p["name"]).lower() for p in reader.parameters(kind.roles[role]) if p.get("in") == "header"}
            kind.if_match |= "if-match" in asked
            kind.refused_match |= "412" in reader.statuses(kind.roles[role]) and role != "delete"
    if "list" in kind.roles:
        kind.paging = paging_of(reader, kind)
        kind.filters = tuple(_filters(reader, kind, item))


def _creating(kind: Kind, reader: Reader, pointer: str) -> None:
    at = (kind.collection, "post")
    success = reader.success(at)
    if not success or reader.sent(at)[1] is None:
        return
    kind.location = any("location" in reader.headers(at, s) for s in success)
    made = reader.shown(at)
    wrapped, inner = envelope(made)
    there = id_in(made, kind) if made else ""
    if not there and wrapped:
        there = f"/{escape(wrapped)}{found}" if (found := id_in(inner, kind)) else ""
    if not there and not kind.location:
        return
    kind.roles["create"] = at
    kind.slow = all(s == "202" for s in success)
    if there and there != pointer:
        kind.created_id = there if pointer else ""
        kind.id = pointer or there


def envelope(shape: Shape | None) -> tuple[str, Shape | None]:
    """Return the one member that holds everything (`{"server": {…}}`), or nothing."""
    if shape is None:
        return "", None
    members = shape.chosen().properties
    if len(members) == 1:
        name, inner = next(iter(members.items()))
        if "object" in inner.chosen().types and inner.chosen().properties:
            return name, inner
    return "", None


def items_in(listing: Shape, kind: Kind) -> tuple[str, Shape | None] | None:
    """Return where the items of a list answer are and what they look like."""
    shape = listing.chosen()
    if shape.likely == "array":
        return "", shape.items
    arrays = {n: s.chosen() for n, s in shape.properties.items() if s.chosen().likely == "array"}
    if not arrays:
        return None
    own = squeezed(kind.collection.rstrip("/").rpartition("/")[2])

    def rank(name: str) -> tuple[bool, ...]:
        items = arrays[name].items
        return squeezed(name) != own, squeezed(name) not in LISTS, not (items and items.chosen().properties)

    order = sorted(arrays, key=rank)
    return f"/{escape(order[0])}", arrays[order[0]].items


def id_in(shape: Shape | None, kind: Kind) -> str:
    """Return where a thing shows its id, or ''."""
    if shape is None:
        return ""
    members = shape.chosen().properties
    own, name = squeezed(kind.parameter), squeezed(kind.name)
    wanted = [own, f"{name}id", "id", f"{name}name", "uuid", "identifier", "name", f"{name}uuid", "key", "ref", name]
    if own.endswith("name"):
        wanted = [own, "name", *wanted]
    known = {squeezed(n): n for n in reversed(list(members)) if _scalar(members[n])}
    for word in wanted:
        if word in known:
            return f"/{escape(known[word])}"
    inner = members.get("metadata")
    return f"/metadata{found}" if inner and (found := id_in(inner, kind)) else ""


def _scalar(shape: Shape) -> bool:
    return shape.chosen().likely in ("string", "integer", "any")


def paging_of(reader: Reader, kind: Kind) -> Paging:
    """Return how the pages of a list are asked for."""
    at = kind.roles["list"]
    query = reader.query(at)
    known = {squeezed(n): n for n in query}
    count = next((known[n] for n in LIMITS if n in known), "")
    shape = (reader.shown(at) or Shape({})).chosen()
    total = next(_members(shape, TOTALS, "integer"), "") or next(
        (h for s in reader.success(at) for low, h in reader.headers(at, s).items() if low in ("x-total-count", "total-count", "x-total")),
        "",
    )
    headers = {low for s in reader.success(at) for low in reader.headers(at, s)}
    for names in (TOKENS, MARKERS, OFFSETS, INDEXES, PAGES):
        start = next((known[n] for n in names if n in known), "")
        if not start:
            continue
        if names is TOKENS:
            token = next(_members(shape, NEXT, "string"), "")
            return Paging(count=count, start=start, next=token, total=total) if token else Paging(count=count, total=total)
        if names is MARKERS:
            return Paging(count=count, start=start, last=kind.id or "/id", total=total)
        schema = resolve(reader.document, query[start].get("schema") or {})
        said = schema.get("default", schema.get("minimum"))
        default = 0 if names is OFFSETS else 1
        first = said if isinstance(said, int) and said in (0, 1) else default
        if names is PAGES and not count:
            return Paging(total=total)
        return Paging(count=count, start=start, first=first, step="page" if names is PAGES else "items", total=total)
    link = "Link" if "link" in headers else next(_members(shape, NEXT_LINKS, "string"), "")
    return Paging(count=count, next=link, total=total)


def _members(shape: Shape, names: Sequence[str], kind: str) -> Iterator[str]:
    """Yield the pointers of members of a list answer that have one of these names, at the top or one level down."""
    for holder, inner in (
        ("", shape),
        *((f"/{escape(n)}", s.chosen()) for n, s in shape.properties.items() if s.chosen().likely == "object"),
    ):
        if holder and squeezed(holder[1:]) not in ("links", "_links", "metadata", "meta", "paging", "pagination", "page", "pageinfo"):
            continue
        known = {squeezed(n): n for n, s in inner.properties.items() if s.chosen().likely in (kind, "any", "number")}
        yield from (f"{holder}/{escape(known[n])}" for n in names if n in known)


def _filters(reader: Reader, kind: Kind, item: Shape | None) -> Iterator[tuple[str, str]]:
    """Yield the query parameters that are called like a member of the items that a client writes as plain text."""
    if item is None or "create" not in kind.roles:
        return
    sent = (reader.sent(kind.roles["create"])[1] or Shape({})).chosen().properties
    shown = item.chosen().properties
    for name, parameter in reader.query(kind.roles["list"]).items():
        schema = Shape.at(reader.document, parameter.get("schema") or {}).chosen()
        if (
            name not in sent
            or name not in shown
            or schema.likely != "string"
            or squeezed(name) in (*LIMITS, *OFFSETS, *PAGES, *TOKENS, *MARKERS)
        ):
            continue
        member = sent[name].chosen()
        if member.likely == "string" and member.enum is None and not any(member.facts(w) for w in ("format", "pattern")):
            yield name, f"/{escape(name)}"


def error_schema(reader: Reader, document: Mapping[str, Any]) -> tuple[str, list[str]]:
    """Return the component schema that most answers 4xx and 5xx share, and the media types they come in."""
    counts: dict[str, int] = {}
    media: dict[str, dict[str, None]] = {}
    total = 0
    for path, method, raw in each_operation(document):
        for status in raw.get("responses") or {}:
            if not (str(status)[:1] in "45" or status == "default"):
                continue
            content = reader.answer((path, method), str(status)).get("content") or {}
            schemas = {m: s["schema"] for m, s in content.items() if "json" in m and isinstance(s, Mapping) and "schema" in s}
            total += bool(schemas)
            for kind, schema in schemas.items():
                name = _component(schema)
                if name:
                    counts[name] = counts.get(name, 0) + 1
                    media.setdefault(name, {})[kind.partition(";")[0].strip().lower()] = None
    best = max(counts, key=lambda n: counts[n], default="")
    return (best, list(media[best])) if best and counts[best] * 2 > total else ("", [])


def _component(schema: Any) -> str:
    if isinstance(schema, Mapping) and len(schema.get("allOf") or ()) >= 1 and "$ref" not in schema:
        schema = schema["allOf"][0]
    ref = schema.get("$ref", "") if isinstance(schema, Mapping) else ""
    return ref.rpartition("/")[2] if str(ref).startswith("#/components/schemas/") else ""


def anonymous(raw: Mapping[str, Any], document: Mapping[str, Any]) -> bool:
    """Tell whether an operation may be used without credentials, as its description says."""
    listed = raw.get("security", document.get("security"))
    return not listed or any(not one for one in listed)

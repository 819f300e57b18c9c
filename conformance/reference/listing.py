"""What a list shows: narrowed by the parameters that name a member, in pages of the usual styles."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from conformance.reference.message import Call
from conformance.reference.sampling import Samples
from conformance.wire import Headers

#: Names of the parameters that say how many, how many to leave out, which page, and after which item.
SIZES = ("limit", "count", "perPage", "per_page", "pageSize", "page_size", "size")
OFFSETS = ("offset", "skip")
PAGES = ("page", "pageNumber", "page_number")
INDEXES = ("startIndex",)
#: The parameter that names the members to show, separated by commas.
SELECTION = "fields"


@dataclass(frozen=True, kw_only=True)
class Page:
    """A part of a list: its items, how many there are in all, and where the next part begins (parameter and value)."""

    items: list[Any]
    total: int
    next: tuple[str, int] | None = None

    def headers(self, call: Call, base: str) -> Headers:
        """Return the link to the next page (RFC 8288), where there is one."""
        if self.next is None:
            return ()
        name, value = self.next
        query = [(k, v) for k, v in call.query if k != name] + [(name, str(value))]
        return (("Link", f'<{call.path}?{urlencode(query, quote_via=quote)}>; rel="next"'),)

    def counts(self, names: Iterable[str]) -> Headers:
        """Return the headers among *names* that count: how many items there are in all (`X-Total-Count`), or on this page (`X-Result-Count`)."""
        counting = [n for n in names if n.lower().endswith("-count")]
        return tuple((n, str(self.total if "total" in n.lower() else len(self.items))) for n in counting)


def selected(call: Call, shown: Any, always: str = "") -> Any:
    """Return an object with the members alone that the call asks for, and the one at the pointer *always*, where the contract lets it choose."""
    wanted = call.one(SELECTION)
    chosen = any(p.place == "query" and p.name == SELECTION for p in call.operation.parameters)
    if not wanted or not chosen or not isinstance(shown, Mapping):
        return shown
    names = {always.strip("/"), *(n.strip() for n in wanted.split(","))}
    return {n: v for n, v in shown.items() if n in names}


def narrowed(call: Call, items: list[Any], samples: Samples, schema: Any) -> list[Any]:
    """Return the items whose members equal the query parameters of the same name that the contract documents."""
    members: Mapping[str, Any] = samples.flat(schema).get("properties", {})
    for parameter in call.operation.parameters:
        if parameter.place != "query" or parameter.name not in members or call.one(parameter.name) is None:
            continue
        wanted = {w for value in call.every(parameter.name) for w in value.split(",")} | set(call.every(parameter.name))
        items = [i for i in items if _written(i.get(parameter.name) if isinstance(i, Mapping) else None) & wanted]
    return items


def _written(value: Any) -> set[str]:
    if isinstance(value, list):
        return {w for v in value for w in _written(v)}
    return {{True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)} if value is not None else set()


def paged(call: Call, items: list[Any]) -> Page:
    """Return the page that a call asks for, in the style that the contract documents."""
    names = {p.name for p in call.operation.parameters if p.place == "query"}
    size = _number(call, next((n for n in SIZES if n in names), ""))
    total = len(items)
    if size is not None:
        size = max(size, 0)
    for style, names_of in (("offset", OFFSETS), ("page", PAGES), ("index", INDEXES)):
        name = next((n for n in names_of if n in names), "")
        if not name:
            continue
        at = _number(call, name)
        lowest = 0 if style == "offset" else 1
        at = max(at if at is not None else lowest, lowest)
        skipped = {"offset": at, "page": (at - 1) * (size or total or 1), "index": at - 1}[style]
        if size is None:
            return Page(items=items[skipped:] if style != "page" or at == 1 else [], total=total)
        rest = skipped + size < total and size > 0
        following = {"offset": skipped + size, "page": at + 1, "index": skipped + size + 1}[style]
        return Page(items=items[skipped : skipped + size], total=total, next=(name, following) if rest else None)
    return Page(items=items if size is None else items[:size], total=total)


def _number(call: Call, name: str) -> int | None:
    value = call.one(name) if name else None
    try:
        return int(value) if value is not None else None
    except ValueError:
        return None

"""What a list of things that nobody can create may be asked for: the values that it shows itself are the questions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from conformance.api import Api
from conformance.checks.expect import ABSENT, same_value
from conformance.checks.patterns.home import cut_short, home, key_of, listing
from conformance.checks.patterns.paging import Paging, walk
from conformance.checks.patterns.places import one_at, processed
from conformance.checks.registry import check
from conformance.ending import Inconclusive, Nonconformity, NotApplicable
from conformance.flow import given, send
from conformance.profile import Resource


@check("listed-filter", roles=("list",))
async def listed_filter(
    api: Api, resource: Resource, parameter: str, pointer: str, default: Any = None, declined: Sequence[int] = (), place: str = "query"
) -> None:
    """Reads the list, asks for one of the values that it shows, and expects the items with that value and no others.

    With: `parameter` of the query, or where `place` is `body` the member of the body; `pointer`, where items have the value; `default`,
    the value of an item that shows none; `declined`, statuses with which the standard lets a server decline a filter. The plain list is
    read before and after.
    """
    at = await home(api, resource)
    before = await given(listing(api, resource, at))
    items = api.items(resource, before.json())

    def value_of(item: Any) -> Any:
        found = one_at(item, pointer)
        return default if found is ABSENT and default is not None else found

    shown = [v for v in map(value_of, items) if isinstance(v, str) and v]
    if not shown:
        raise NotApplicable(f"no item of the list shows a value at {pointer}")
    wanted = min(dict.fromkeys(shown), key=shown.count)  # the rarest: a filter that is ignored then shows most
    if place == "body":
        lister = api.operation(resource.list)
        asked = api.request(lister, subject=at.parent, link=at.link, body={**(api.fill(lister.body) or {}), parameter: wanted})
    else:
        asked = listing(api, resource, at, {parameter: wanted})
    seen = await send(asked)
    after = await given(listing(api, resource, at))
    if seen.status in declined:
        raise NotApplicable(f"the server declines this filter with {seen.status}")
    operation = api.operation(resource.list)
    processed(operation, seen, before, what="a filter", cause=f"filter refused: {operation.title}")
    strangers = [v for v in map(value_of, api.items(resource, seen.json())) if v is not ABSENT and not same_value(v, wanted)]
    if strangers:
        expected = f"only items whose {pointer} is {wanted!r}"
        raise Nonconformity(expected, f"also {strangers[0]!r}", seen, before, cause=f"filter ignored: {operation.title}")
    found = {key_of(resource, item) for item in api.items(resource, seen.json())}
    stayed = {key_of(resource, item) for item in api.items(resource, after.json()) if same_value(value_of(item), wanted)}
    missing = sorted(k for k in {key_of(resource, i) for i in items if same_value(value_of(i), wanted)} & stayed if k and k not in found)
    if missing and cut_short(seen):
        raise Inconclusive("the filtered list is paged, and its first page does not hold every item", seen, before)
    if missing:
        expected, observed = f"every item whose {pointer} is {wanted!r}", f"{len(missing)} missing: {missing[0]}"
        raise Nonconformity(expected, observed, seen, before, after, cause=f"filter misses: {operation.title}")


@check("listed-values", roles=("list", "read"))
async def listed_values(api: Api, resource: Resource, pointers: Sequence[str], values: Sequence[Any], next: str = "") -> None:
    """Reads the list and each of its items, and expects each of some values in one of them.

    With: `pointers`, where an item may have the value; `values`; `next`, where a page holds the link to the next one.
    """
    at = await home(api, resource)
    found = await walk(api, resource, at, Paging(next=next), None)
    if not found.whole or found.again or found.refused or (not next and cut_short(found.pages[-1])):
        raise Inconclusive("the list cannot be read to its end", *found.evidence)
    read = api.operation(resource.read)
    seen = [await given(api.request(read, subject=api.subject(resource, item, parent=at.parent))) for item in found.items]
    shown = [one_at(one.json(), pointer) for one in seen for pointer in pointers]
    missing = [v for v in values if not any(same_value(v, one) for one in shown if one is not ABSENT)]
    if missing:
        expected, observed = f"{', '.join(map(repr, missing))} at {' or '.join(pointers)} of an item", f"{len(seen)} others"
        raise Nonconformity(expected, observed, *found.evidence, *seen[:3], cause=f"not listed: {resource.name} {missing[0]}")

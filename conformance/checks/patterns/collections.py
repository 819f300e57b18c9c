"""What a list may be asked for: only what matches, in an order, with some members only; and what it must refuse."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from conformance.api import Api, Subject, merged
from conformance.checks.expect import ABSENT, one_of, same_value
from conformance.checks.patterns.home import Home, cut_short, found_in, home, listing, make, one, poll, same_marker, same_thing
from conformance.checks.patterns.lifecycle import still_there
from conformance.checks.patterns.paging import Paging, total_of, walk
from conformance.checks.patterns.places import CHANGES, empty, expect_told, one_at, processed, put, refer, set_up
from conformance.checks.registry import check
from conformance.checks.subjects import filled, fresh_example, valid_request
from conformance.contract import Operation
from conformance.ending import Inconclusive, Nonconformity, NotApplicable
from conformance.exchange import Exchange, Request
from conformance.flow import given, send
from conformance.profile import Resource
from conformance.requirement import pick

RELATIONS: Mapping[str, Callable[[str, str], bool]] = {
    "equal": lambda shown, asked: shown == asked,
    "starts": lambda shown, asked: shown.startswith(asked),
    "contains": lambda shown, asked: asked in shown,
}


@check("filter-honoured", roles=("list",), writes=True)
async def filter_honoured(
    api: Api, resource: Resource, parameter: str = "", template: str = "", pointer: str = "", relation: str = "equal",
    ignore_case: bool = False, change: str = "", total: str = "", operation: str = "", place: str = "query",
    keeps: Sequence[Mapping[str, Any]] = (), drops: Sequence[Mapping[str, Any]] = (), write: str = "", sent: str = "",
    headers: Mapping[str, str] | None = None, declined: Sequence[int] = (),
) -> None:  # fmt: skip
    """Creates items, filters for one of them, and expects what matches in the answer and nothing else.

    Either a filter that asks for a value:

    Args:
        parameter, template: the filter parameter and what it says; `{value}` is a value of our item, `{unique}` a fresh word.
        pointer: where items have the value.
        relation: `equal`, `starts` (asks for the beginning), `contains` (asks for a part), or `none` (nothing may match).
        ignore_case: letters of either case match; `change: swap-case` asks in the other case.
        total: where the number of matches is told (JSON Pointer or header), if it must be right.
        operation, place: an operation that is asked instead of the list; `body` puts the parameter into its body.

    or queries as they are, of which we know what they do to our item:

    Args:
        keeps, drops: queries whose answer holds, or does not hold, our item; `{/pointer}` is a value of it as it was sent.
        headers: what the queries carry besides, in a standard that filters by a header.
        write, sent: the operation that posts the item where the resource has no create, and where in its body the item is.

    Both:

    Args:
        declined: statuses with which the standard lets a server decline a filter.
    """
    if keeps or drops:
        await _by_queries(api, resource, keeps, drops, write, sent, headers or {}, declined)
    else:
        asked = _Asked(parameter, template, pointer, relation, ignore_case, change, total, operation, place, tuple(declined))
        await _by_value(api, resource, asked)


@dataclass(frozen=True, slots=True)
class _Asked:
    parameter: str
    template: str
    pointer: str
    relation: str
    ignore_case: bool
    change: str
    total: str
    operation: str
    place: str
    declined: tuple[int, ...]

    def part(self, value: str) -> str:
        """Return what of a value is asked for; the ends are left out where the relation is about a part."""
        if self.relation == "starts":
            return value[:-3] or value
        return value[2:-3] or value if self.relation == "contains" else value

    def matches(self, shown: Any, asked: str) -> bool:
        """Tell whether a shown value matches what was asked for."""
        if not isinstance(shown, str):
            return same_value(shown, asked) or str(shown) == asked
        test = RELATIONS[self.relation]
        return test(shown.casefold(), asked.casefold()) if self.ignore_case else test(shown, asked)


async def _by_value(api: Api, resource: Resource, asked: _Asked) -> None:
    at = await home(api, resource)
    other, _ = await make(api, resource, at)
    ours, made = await make(api, resource, at)
    value = one_at(ours.shown, asked.pointer)
    value = one_at(ours.sent, asked.pointer) if empty(value) else value
    if empty(value):
        raise Inconclusive(f"our {resource.name} has nothing at {asked.pointer}", made)
    part = asked.part(str(value))
    request = _filtered(api, resource, at, asked, api.fill(refer(asked.template, ours.sent, value=CHANGES[asked.change](part))))
    nothing = asked.relation == "none"
    seen = await poll(request, lambda page: nothing or not page.success or found_in(api, resource, page, ours) is not None, resource.within)
    await _answered(api, resource, at, api.operation(asked.operation or resource.list), seen, asked.declined)
    items = api.items(resource, seen.json())
    if nothing:
        if items:
            raise Nonconformity(
                "no item: nothing matches the filter", f"{len(items)} items", seen, made, cause=f"filter ignored: {request.operation}"
            )
        _expect_total(asked.total, 0, seen, made)
        return
    strangers = [v for item in items if (v := pick(item, asked.pointer)) and not any(asked.matches(one, part) for one in v)]
    alike = any(asked.matches(v, part) for v in pick(other.sent, asked.pointer))
    if strangers or (not alike and any(same_thing(resource, item, other) for item in items)):
        observed = f"also {strangers[0][0]!r}" if strangers else f"also another {resource.name}, which does not match"
        raise Nonconformity(
            f"only items whose {asked.pointer} matches {part!r}", observed, seen, made, cause=f"filter ignored: {request.operation}"
        )
    if not any(same_thing(resource, item, ours) for item in items):
        if cut_short(seen):
            raise Inconclusive("the filtered list is paged, and its first page does not hold our item", seen, made)
        await _listed_at_all(api, resource, at, ours, made)
        raise Nonconformity(
            f"the item whose {asked.pointer} is {value!r}", f"{len(items)} others", seen, made,
            cause=f"filter misses: {request.operation}", place=resource.items,
        )  # fmt: skip
    if not alike:
        _expect_total(asked.total, 1, seen, made)  # the value is fresh, so nobody else's item matches


async def _listed_at_all(api: Api, resource: Resource, at: Home, subject: Subject, made: Exchange) -> None:
    """Go on only where our item is there and in the list without a filter: that it is not is found elsewhere."""
    await still_there(api, resource, subject, made)
    if resource.list:
        whole = await send(listing(api, resource, at))
        paged = whole.success and cut_short(whole) and bool(api.items(resource, whole.json()))
        if whole.success and not paged and found_in(api, resource, whole, subject) is None:
            raise Inconclusive("the list without a filter does not show our item either; `list-contains` looks at that", whole, made)


def _expect_total(place: str, wanted: int, seen: Exchange, made: Exchange) -> None:
    if place and total_of(seen, place) != wanted:
        raise Nonconformity(
            f"{wanted} at {place}: the number of matches", repr(total_of(seen, place)), seen, made, cause="total of a filtered list"
        )


def _filtered(api: Api, resource: Resource, at: Home, asked: _Asked, text: str) -> Request:
    operation = api.operation(asked.operation or resource.list)
    if asked.place == "body":
        body = merged(api.fill(operation.body) or {}, {asked.parameter: text})
        return api.request(operation, subject=at.parent, link="" if asked.operation else at.link, body=body)
    if asked.operation:
        return api.request(operation, subject=at.parent, query={asked.parameter: text})
    return listing(api, resource, at, {asked.parameter: text})


async def _answered(api: Api, resource: Resource, at: Home, operation: Operation, seen: Exchange, declined: Sequence[int]) -> None:
    """Expect success, unless the standard lets the server decline this filter and the plain list works."""
    if seen.success:
        return
    control = await given(listing(api, resource, at))
    if seen.status in declined:
        raise NotApplicable(f"the server declines this filter with {seen.status}")
    processed(operation, seen, control, what="a filter", cause=f"filter refused: {operation.title}")


async def _by_queries(
    api: Api,
    resource: Resource,
    keeps: Sequence[Mapping[str, Any]],
    drops: Sequence[Mapping[str, Any]],
    write: str,
    sent: str,
    headers: Mapping[str, str],
    declined: Sequence[int],
) -> None:
    at = await home(api, resource)
    item, made, is_ours = await _posted(api, resource, at, write, sent)

    def shows(page: Exchange) -> bool:
        return page.success and any(is_ours(one) for one in api.items(resource, page.json()))

    plain = await poll(listing(api, resource, at), shows, resource.within)
    control = shows(plain)
    operation = api.operation(resource.list)
    for query in keeps:
        seen = await poll(listing(api, resource, at, await filled(api, refer(query, item)), headers), shows, resource.within)
        await _answered(api, resource, at, operation, seen, declined)
        if shows(seen):
            control = True
            continue
        if not control:
            raise Inconclusive(f"the list does not show our {resource.name} without a filter either", plain, seen, made)
        if cut_short(seen):
            raise Inconclusive("the filtered list is paged, and its first page does not hold our item", seen, made)
        await _asked_as_kept(api, resource, query, item, next((i for i in api.items(resource, plain.json()) if is_ours(i)), None), plain)
        raise Nonconformity(
            f"our {resource.name}, which matches {dict(query)}",
            "not in the list",
            seen,
            plain,
            made,
            cause=f"filter misses: {operation.title}",
        )
    if not control:
        raise Inconclusive(f"the list does not show our {resource.name} without a filter either", plain, made)
    for query in drops:
        seen = await send(listing(api, resource, at, await filled(api, refer(query, item)), headers))
        await _answered(api, resource, at, operation, seen, declined)
        if shows(seen):
            raise Nonconformity(
                f"no {resource.name} of ours, which does not match {dict(query)}",
                "in the list",
                seen,
                plain,
                made,
                cause=f"filter ignored: {operation.title}",
            )


async def _asked_as_kept(api: Api, resource: Resource, query: Mapping[str, Any], item: Any, shown: Any, plain: Exchange) -> None:
    """Go on only where a query asks for values that the server keeps as they were sent: that it does not is found elsewhere."""
    for pointer in dict.fromkeys(re.findall(r"\{(/[^{}]*)\}", str(dict(query)))):
        sent, kept = one_at(item, pointer), one_at(shown, pointer)
        if kept is not ABSENT and not same_value(sent, kept):
            raise Inconclusive(f"{sent!r} at {pointer} became {kept!r}; `read-after-create` looks at that", plain)


async def _posted(api: Api, resource: Resource, at: Home, write: str, sent: str) -> tuple[Any, Exchange, Callable[[Any], bool]]:
    """Make our item and return it as sent, the exchange, and how to know it in a list."""
    if write:
        operation = api.operation(write)
        body = api.fill(operation.body)
        item = one_at(body, sent) if sent else body[0] if isinstance(body, list) and body else body
        made = await given(await valid_request(api, operation, body))
        return item, made, lambda shown: same_marker(resource, shown, item)
    subject, made = await make(api, resource, at)
    return subject.sent, made, lambda shown: same_thing(resource, shown, subject)


@check("sort-honoured", roles=("create", "list"))
async def sort_honoured(
    api: Api, resource: Resource, query: Mapping[str, Any], pointer: str, order: str = "ascending", ignore_case: bool = False, own: int = 3,
    count: str = "", start: str = "", first: int | str | None = None, step: str = "items", next: str = "", last: str = "", total: str = "",
) -> None:  # fmt: skip
    """Creates a few in no order, asks for the sorted list, and expects those of ours that it shows in their order.

    Args:
        query: the parameters that ask for the order.
        pointer: where items have the value that they are sorted by (a text).
        order: `ascending` or `descending`.
        ignore_case: letters of either case are equal; one value is then sent in capitals.
        own: how many to create, at least 3.
        count, start, first, step, next, last, total: how pages are asked for, see `Paging`; without them the first page is looked at.
    """
    at = await home(api, resource)
    drawn = [await fresh_example(api, resource) for _ in range(max(own, 3))]
    bodies = sorted(drawn, key=lambda body: str(one_at(body, pointer)).casefold())
    if one_at(bodies[0], pointer) is ABSENT:
        raise Inconclusive(f"the example of {resource.name} has nothing at {pointer}")
    if ignore_case:
        bodies[1] = put(bodies[1], pointer, _capitals([str(one_at(body, pointer)) for body in bodies])[1])
    ours = [(await make(api, resource, at, body))[0] for body in (*bodies[1:], bodies[0])]
    operation = api.operation(resource.list)
    seen = await poll(
        listing(api, resource, at, query), lambda page: not page.success or _all_shown(api, resource, page, ours), resource.within
    )
    processed(operation, seen, what="a sorted list")
    items: list[Any] = api.items(resource, seen.json())
    evidence: tuple[Exchange, ...] = (seen,)
    if not _all_shown(api, resource, seen, ours) and (start or next):
        paging = Paging(count=count, start=start, first=first, step=step, next=next, last=last, total=total)
        items, evidence = await _sorted_pages(api, resource, at, paging, query)
    shown = [v for item in items if any(same_thing(resource, item, o) for o in ours) for v in pick(item, pointer)[:1] if isinstance(v, str)]
    if len(shown) < 2:
        raise Inconclusive(f"the sorted list shows {len(shown)} of our {len(ours)} items with a value at {pointer}", *evidence)
    keys = [v.casefold() if ignore_case else v for v in shown]
    if keys != sorted(keys, reverse=order == "descending"):
        raise Nonconformity(f"our items {order} by {pointer}", ", ".join(shown), *evidence, cause=f"sort: {operation.title}")


async def _sorted_pages(
    api: Api, resource: Resource, at: Home, paging: Paging, query: Mapping[str, Any]
) -> tuple[list[Any], tuple[Exchange, ...]]:
    found = await walk(api, resource, at, paging, None, query)
    return found.items, found.evidence


def _all_shown(api: Api, resource: Resource, page: Exchange, ours: Sequence[Subject]) -> bool:
    items = api.items(resource, page.json())
    return all(any(same_thing(resource, item, subject) for item in items) for subject in ours)


def _capitals(values: Sequence[str]) -> list[str]:
    """Return the values in capitals from where they begin to differ, so that a marker in front stays as it is."""
    common = next((n for n in range(min(map(len, values))) if len({v[n] for v in values}) > 1), 0)
    return [v[:common] + v[common:].upper() for v in values]


@check("field-selection")
async def field_selection(
    api: Api, resource: Resource, query: Mapping[str, Any], present: Sequence[str] = (), absent: Sequence[str] = (), role: str = "read"
) -> None:
    """Reads an item, or the list, with and without a selection of members, and compares which members are shown.

    Args:
        query: the parameters that select.
        present, absent: pointers of members that the selection keeps or leaves out; judged where the full answer shows them.
        role: `read` or `list`.
    """
    at = await home(api, resource)
    subject = await one(api, resource, at)
    if role == "list":
        full, selected = listing(api, resource, at), listing(api, resource, at, query)
        control = await poll(full, lambda page: not page.success or found_in(api, resource, page, subject) is not None, resource.within)
    else:
        operation = api.operation(resource.read)
        full, selected = api.request(operation, subject=subject), api.request(operation, subject=subject, query=query)
        control = await poll(full, lambda page: page.success, resource.within)
    set_up(control)
    whole = found_in(api, resource, control, subject) if role == "list" else control.json()
    if whole is None:
        raise Inconclusive(f"the list does not show the {resource.name} to look at", control)
    kept = [p for p in present if pick(whole, p)]
    left_out = [p for p in absent if pick(whole, p)]
    if (not kept and not left_out) or (absent and not left_out):
        raise Inconclusive("the full answer shows none of the members that the selection is about", control)
    seen = await send(selected)
    processed(api.operation(selected.operation), seen, control, what="a selection of members")
    part = found_in(api, resource, seen, subject) if role == "list" else seen.json()
    if part is None and (cut_short(seen) or resource.id not in present):
        raise Inconclusive("what was selected cannot be told apart in the list", seen, control)
    for pointer in kept:
        if not pick(part, pointer):
            raise Nonconformity(f"{pointer} is shown", "it is not", seen, control, cause=f"selection leaves out {pointer}")
    for pointer in left_out:
        if pick(part, pointer):
            raise Nonconformity(
                f"{pointer} is not shown",
                clip_value(one_at(part, pointer)),
                seen,
                control,
                cause=f"selection ignored: {selected.operation}",
            )


def clip_value(value: Any) -> str:
    """Return a value as a finding shows it."""
    return repr(value)[:120]


@check("invalid-filter", about="operation")
async def invalid_filter(
    api: Api, operation: Operation, parameter: str, value: Any, status: Sequence[int] = (400,), error: Mapping[str, Any] | None = None,
    right: Any = None,
) -> None:  # fmt: skip
    """Sends a query parameter that must be refused, then the same request without it (or with a right value) as control.

    Args:
        parameter, value: the query parameter and what must be refused.
        status: the statuses that refuse it.
        error: members of the error, pointer -> value.
        right: a value that is accepted; without it the control leaves the parameter out.
    """
    plain = await valid_request(api, operation)
    seen = await send(_with_query(api, operation, plain, {parameter: value}), also=tuple(status))
    control = await given(_with_query(api, operation, plain, {parameter: right}) if right is not None else plain)
    if 300 <= seen.status < 400:
        raise Inconclusive(f"{seen.request.where} redirects ({seen.status}); the suite follows no redirects", seen)
    if seen.status not in status:
        observed = f"{seen.summary}: accepted" if seen.success else seen.summary
        raise Nonconformity(
            f"{one_of(status)}: {parameter}={value} is refused",
            observed,
            seen,
            control,
            cause=f"{parameter} not refused: {operation.title}",
        )
    expect_told(api, seen, error or {}, control)


def _with_query(api: Api, operation: Operation, plain: Request, query: Mapping[str, Any]) -> Request:
    """Return *plain* with a query parameter more."""
    place = plain.link or plain.target
    asked = api.request(operation, link=place.split("?")[0], query=query, headers=dict(plain.headers)).link
    return plain.with_(link=asked, target="") if plain.link else plain.with_(target=asked, link="")

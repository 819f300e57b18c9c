"""What an answer says: the same as another one, what a schema asks, values that must be found elsewhere, or that it is not offered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from conformance.api import Api
from conformance.checks.expect import expect_same, expect_status, same_value
from conformance.checks.patterns.home import cut_short
from conformance.checks.patterns.places import one_at, processed
from conformance.checks.registry import check
from conformance.checks.subjects import collection, parents, valid_request
from conformance.content import sent_body
from conformance.contract import Operation
from conformance.ending import Inconclusive, Nonconformity, NotApplicable
from conformance.exchange import Exchange
from conformance.flow import given, send
from conformance.profile import Resource
from conformance.requirement import pick


@check("same-answer", about="operation", isolation="exclusive")
async def same_answer(
    api: Api,
    operation: Operation,
    query: Mapping[str, Any],
    like: Mapping[str, Any] | None = None,
    pointer: str = "",
    any_order: bool = False,
) -> None:
    """Reads one way, another way and the first way again: the second answer must be the same, unless the first changes by itself.

    Where both ways are one, a change by itself is what must not be.

    With: `query` of the second way; `like`, the query of the first (none); `pointer`, the part that is compared; `any_order`, whether
    arrays may be in any order.
    """
    resource = api.profile.bindings.resource_of(operation.id)
    link, subject = await collection(api, resource) if resource and resource.list == operation.id else ("", await parents(api, operation))
    plain = api.request(operation, subject=subject, link=link, query={**dict.fromkeys(query), **(like or {})})
    other = api.request(operation, subject=subject, link=link, query={**dict.fromkeys(like or {}), **query})
    before, seen, after = await given(plain), await send(other), await given(plain)
    processed(operation, seen, before)
    first, second, last = (one_at(x.json(), pointer) for x in (before, seen, after))
    if first != last and plain != other:
        raise Inconclusive("the answer changes by itself", before, after, disturbed=True)
    for answer, told in ((seen, second), (after, last)):
        if any_order:
            expect_same(first, told, answer, before, what="the same as without", at=pointer)
            expect_same(told, first, answer, before, what="no more than without", at=None)
        elif not same_value(first, told):
            raise Nonconformity(
                f"{first!r} at {pointer or 'the body'}", repr(told), answer, before, cause=f"not the same: {operation.title}"
            )


@check("answer-matches")
async def answer_matches(api: Api, resource: Resource, schema: str, role: str = "read", pointer: str = "") -> None:
    """Sends a valid request and holds a part of its answer against a schema of the contract that is stricter than the documented one.

    With: `role` of the operation at the resource; `pointer` to the part; `schema`, the name of the component.
    """
    operation = api.operation(getattr(resource, role))
    seen = await given(await valid_request(api, operation))
    parts = pick(seen.json(), pointer)
    if not parts:
        raise Nonconformity(f"{schema} at {pointer}", "nothing there", seen, cause=f"nothing at {pointer}", place=pointer)
    for part in parts:
        found = next(iter(api.profile.contract.responses.violations(f"/components/schemas/{schema}", part)), None)
        if found:
            place = pointer + found.place if len(parts) == 1 else None
            raise Nonconformity(f"{schema} at {pointer or 'the body'}", str(found), seen, cause=found.cause, place=place)


@check("answer-follows", about="operation")
async def answer_follows(api: Api, operation: Operation, schema: str, pointer: str = "") -> None:
    """Sends a valid request and holds each part of its answer, where it is there, against a stricter schema of the contract.

    With: `pointer` to the parts; `schema`, the name of the component.
    """
    seen = await given(await valid_request(api, operation))
    parts = pick(seen.json(), pointer)
    for part in parts:
        found = next(iter(api.profile.contract.responses.violations(f"/components/schemas/{schema}", part)), None)
        if found:
            place, cause = pointer + found.place if len(parts) == 1 else None, f"{schema}: {found.cause}"
            raise Nonconformity(f"{schema} at {pointer or 'the body'}", str(found), seen, cause=cause, place=place)


@check("values-included", about="service")
async def values_included(api: Api, values: Mapping[str, Any], among: Mapping[str, Any]) -> None:
    """Reads two things and expects each value that the first names to be found in the second.

    With: `values` {`operation`, `pointers`}; `among` {`operation`, `pointer`}.
    """
    naming = await given(await valid_request(api, api.operation(values["operation"])))
    listing = await given(await valid_request(api, api.operation(among["operation"])))
    named = [v for pointer in values["pointers"] for v in pick(naming.json(), pointer) if v is not None]
    found = pick(listing.json(), among["pointer"])
    missing = [v for v in dict.fromkeys(map(str, named)) if v not in map(str, found)]
    if missing and cut_short(listing):
        raise Inconclusive("the list is paged, and its first page does not hold every value", listing, naming)
    if missing:
        raise Nonconformity(
            f"{', '.join(missing)} at {among['pointer']}", f"{len(found)} others", listing, naming, cause="values not found"
        )


@check("results-confirmed", about="operation")
async def results_confirmed(
    api: Api, operation: Operation, items: str, confirm: str, member: str, expect: Mapping[str, Any], most: int = 5
) -> None:
    """Searches, asks another operation about each of the first results, and expects it to agree that they belong there.

    With: `items`, where the results are; `confirm`, the operation that is asked; `member`, of the body of the search, in whose place
    each result is sent; `expect`, pointer -> value of its answer; `most`, how many are asked about.
    """
    right = await valid_request(api, operation)
    found = await given(right)
    results = [result for held in pick(found.json(), items) for result in (held if isinstance(held, list) else [held])]
    if not results:
        raise NotApplicable("nothing was found")
    asked = api.operation(confirm)
    for result in results[:most]:
        seen = await send(await valid_request(api, asked, {**sent_body(right), member: result}))
        processed(asked, seen, found)
        for place, value in expect.items():
            if not same_value(one_at(seen.json(), place), value):
                observed = f"{one_at(seen.json(), place)!r} for {result!r}"[:200]
                raise Nonconformity(f"{value!r} at {place}, as found", observed, seen, found, cause=f"not confirmed: {operation.title}")


@check("unsupported-operation", about="operation")
async def unsupported_operation(api: Api, operation: Operation, status: Sequence[int]) -> None:
    """Sends a request that would be valid if the server offered the operation, which it says it does not.

    With: `status` of the refusal.
    """
    seen: Exchange = await send(await valid_request(api, operation))
    expect_status(seen, status, "the operation is not offered", cause=f"unsupported operation: {seen.status}")

"""Several operations in one request: each is answered for itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from conformance.api import Api
from conformance.checks.expect import ABSENT, one_of
from conformance.checks.patterns.home import poll
from conformance.checks.patterns.places import empty, one_at, processed, put
from conformance.checks.registry import check
from conformance.checks.subjects import fresh_example, valid_request
from conformance.contract import Operation
from conformance.ending import Nonconformity
from conformance.exchange import Exchange
from conformance.flow import send
from conformance.profile import Resource
from conformance.requirement import pick


@check("bulk-per-item", about="operation", writes=True)
async def bulk_per_item(
    api: Api, operation: Operation, create: str, request: Mapping[str, Any], items: str, item: Mapping[str, Any], example: str,
    answers: str, key: str, status: Sequence[str], made: Sequence[int] = (201,), location: str = "",
    failing: Mapping[str, Any] | None = None, explained: str = "",
) -> None:  # fmt: skip
    """Sends several operations in one request, one of them failing where told so, and expects an answer for each.

    Args:
        create: the resource that one of the operations creates.
        request, items: the body around the operations, and where in it they stand.
        item, example: the operation that creates, and where in it the example of the resource is put.
        answers: where the body of the answer holds what became of each operation.
        key: where an operation and its answer hold the name by which they belong together.
        status, made: where an answer may hold the status (as number or text), and the statuses of the create.
        location: where the answer holds the link to what was created.
        failing, explained: an operation that fails and is sent first, and where its answer explains the failure.
    """
    resource = api.resource(create)
    making = put(api.fill(dict(item)), example, await fresh_example(api, resource))
    asked = [*([api.fill(dict(failing))] if failing else []), making]
    body = put(api.fill(dict(request)), items, asked)
    sending = (await valid_request(api, operation, body)).with_(undo=resource.name if resource.delete else "")  # found again by its marker
    seen = await send(sending)
    processed(operation, seen, what="a request of several operations")
    told = [a for found in pick(seen.json(), answers) for a in (found if isinstance(found, list) else [])]
    name = one_at(making, key)
    ours = [a for a in told if one_at(a, key) == name]
    if not ours:
        raise Nonconformity(
            f"an answer with {name!r} at {key}", f"{len(told)} answers, none with it", seen, cause=f"bulk: {operation.title}"
        )
    _expect_status(ours[0], status, made, seen, operation)
    if location and empty(one_at(ours[0], location)):
        raise Nonconformity(f"the link to what was created at {location}", "nothing", seen, cause=f"bulk: {operation.title}")
    await _expect_made(api, resource, str(one_at(ours[0], location)) if location else "", seen, operation)
    if not failing:
        return
    others = [a for a in told if a is not ours[0]]
    failed = [a for a in others if (code := _code(a, status)) is not None and code >= 400]
    if not failed:
        raise Nonconformity(
            "an answer with a status of 400 or more for the operation that fails",
            f"{[_code(a, status) for a in others]}",
            seen,
            cause=f"bulk: {operation.title}",
        )
    if explained and empty(one_at(failed[0], explained)):
        raise Nonconformity(f"an explanation of the failure at {explained}", "nothing", seen, cause=f"bulk: {operation.title}")


async def _expect_made(api: Api, resource: Resource, link: str, seen: Exchange, operation: Operation) -> None:
    """Follow the link to what is told as created: it is there."""
    if not (link and resource.read):
        return
    read = await poll(api.request(api.operation(resource.read), link=link), lambda x: x.success, resource.within)
    if read.status in resource.gone:
        raise Nonconformity(
            f"the {resource.name} that is told as created at {link}", read.summary, read, seen, cause=f"bulk not done: {operation.title}"
        )


def _expect_status(told: Any, places: Sequence[str], wanted: Sequence[int], seen: Exchange, operation: Operation) -> None:
    code = _code(told, places)
    if code not in wanted:
        raise Nonconformity(f"{one_of(wanted)} for the operation that creates", repr(code), seen, cause=f"bulk: {operation.title}")


def _code(told: Any, places: Sequence[str]) -> int | None:
    """Return the status that an answer tells at the first of *places* that has a number or a text of digits."""
    for place in places:
        value = one_at(told, place)
        if value is ABSENT or isinstance(value, bool):
            continue
        if isinstance(value, int) or (isinstance(value, str) and value.isdigit() and len(value) < 6):
            return int(value)
    return None

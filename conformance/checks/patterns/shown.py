"""What answers show of what was sent and of time: nothing else than was sent, moments in their order, amounts that were added."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

from conformance.api import Api, Subject, merged
from conformance.checks.expect import ABSENT, first_difference, instant
from conformance.checks.patterns.home import found_in, home, poll
from conformance.checks.patterns.places import one_at, put
from conformance.checks.patterns.states import server_time
from conformance.checks.patterns.told import changed, replaced
from conformance.checks.registry import check
from conformance.checks.subjects import create, filled, fresh_example, valid_request
from conformance.content import sent_body
from conformance.contract import Operation
from conformance.ending import Inconclusive, Nonconformity, NotApplicable
from conformance.exchange import Exchange
from conformance.flow import given, send
from conformance.profile import Resource
from conformance.requirement import pick

#: Seconds of the units in which a limit may be told.
UNITS: Mapping[str, float] = {
    "Days": 86_400, "Hours": 3_600, "Minutes": 60, "Seconds": 1, "Milliseconds": 1e-3, "Microseconds": 1e-6, "Nanoseconds": 1e-9,
}  # fmt: skip


@check("shows-what-was-sent", roles=("create", "read"))
async def shows_what_was_sent(
    api: Api,
    resource: Resource,
    pointers: Sequence[str],
    changes: Mapping[str, Any] | None = None,
    role: str = "read",
    most: int = 0,
) -> None:
    """Creates one and expects nothing at the pointers that was not sent there; the server may show a part of it, or leave it out.

    With: `pointers`; `changes`, members of the example that are replaced (null: left out); `role`, `read` or `create`: the answer that is
    looked at; `most`, how many of the members sent there may be shown, of which one must be.
    """
    body = replaced(await fresh_example(api, resource), await filled(api, dict(changes or {})))
    subject, made = await create(api, resource, body)
    seen = made if role == "create" else await given(api.request(api.operation(resource.read), subject=subject))
    _only_sent(body, seen.json(), pointers, most, bool(most), seen, made)


@check("shows-only-sent", about="operation")
async def shows_only_sent(
    api: Api,
    operation: Operation,
    pointers: Sequence[str],
    changes: Mapping[str, Any] | None = None,
    most: int = 0,
    needed: bool = False,
) -> None:
    """Sends a request and expects nothing at the pointers of its answer that was not sent there; a part of it may be shown, or none.

    With: `pointers` into the body that is sent and into the answer, or into each item where that is an array; `changes`, members of the
    body that are replaced (null: left out); `most`, how many of the members sent there may be shown; `needed`, whether any must be.
    """
    seen = await given(await changed(api, operation, await valid_request(api, operation), changes or {}))
    shown = seen.json()
    for one in shown if isinstance(shown, list) else [shown]:
        _only_sent(sent_body(seen.request), one, pointers, most, needed, seen)


def _only_sent(body: Any, answered: Any, pointers: Sequence[str], most: int, needed: bool, seen: Exchange, *others: Exchange) -> None:
    """Expect at each pointer of an answer nothing but (a part of) what the body has there."""
    for pointer in pointers:
        sent, found = one_at(body, pointer), one_at(answered, pointer)
        if found is ABSENT or found is None:
            if needed and sent is not ABSENT:
                raise Nonconformity(f"a part of what was sent at {pointer}", "nothing", seen, *others, cause=f"not shown: {pointer}")
            continue
        if sent is ABSENT:
            raise Nonconformity(f"nothing at {pointer}: nothing was sent", repr(found), seen, *others, cause=f"shown, not sent: {pointer}")
        difference = first_difference(found, sent, pointer, frozenset())
        if difference:
            place, shown, ours = difference
            raise Nonconformity(f"what was sent at {place}: {ours!r}", repr(shown), seen, *others, cause=f"shown, not sent: {pointer}")
        if most and isinstance(found, Mapping) and len(found) > most:
            raise Nonconformity(
                f"{most} of the members sent at {pointer}", ", ".join(found), seen, *others, cause=f"too much shown: {pointer}"
            )


async def reached(
    api: Api, resource: Resource, shows: Mapping[str, Any], within: float, changes: Mapping[str, Any] | None = None
) -> tuple[Subject, Exchange, Exchange]:
    """Create one and read it until it shows the values of *shows*, as set-up; return it, the read and the create."""
    body = merged(await fresh_example(api, resource), await filled(api, dict(changes or {})))
    subject, made = await create(api, resource, body)
    wanted = dict(shows)

    seen = await poll(api.request(api.operation(resource.read), subject=subject), lambda x: _in_state(x, wanted), within)
    if not _in_state(seen, wanted):
        raise Inconclusive(f"set-up: {wanted} was not shown within {within:g} s", seen, made)
    return subject, seen, made


@check("times-in-order", roles=("create", "read"))
async def times_in_order(
    api: Api,
    resource: Resource,
    pointers: Sequence[str],
    shows: Mapping[str, Any] | None = None,
    within: float = 60.0,
    apart: str = "",
    tolerance: float = 2.0,
) -> None:
    """Creates one, reads it until it shows a state, and compares the moments that it shows.

    With: `pointers` of the moments, the earliest first, each later than the one before; `shows`, the state, within `within` seconds;
    `apart`, where the seconds between the first and the last are told, if that must agree within `tolerance`.
    """
    _, seen, made = await reached(api, resource, shows or {}, within)
    body = seen.json()
    moments = [_moment(body, pointer, seen, made) for pointer in pointers]
    for number, (earlier, later) in enumerate(pairwise(moments)):
        if earlier >= later:
            places = f"{pointers[number + 1]} later than {pointers[number]}"
            raise Nonconformity(places, f"{later.isoformat()}, {earlier.isoformat()}", seen, made, cause=f"order of {places}")
    told = one_at(body, apart) if apart else None
    if isinstance(told, int | float) and not isinstance(told, bool):
        shown = (moments[-1] - moments[0]).total_seconds()
        if abs(shown - told) > tolerance:
            raise Nonconformity(
                f"{told} seconds between {pointers[0]} and {pointers[-1]}, as {apart} says",
                f"{shown:g}",
                seen,
                made,
                cause=f"value of {apart}",
            )


@check("over-at-its-end", roles=("create", "read"), timed=True)
async def over_at_its_end(
    api: Api, resource: Resource, end: str, state: Mapping[str, Any], changes: Mapping[str, Any] | None = None, within: float = 60.0,
    longest: float = 120.0, grace: float = 10.0,
) -> None:  # fmt: skip
    """Creates one that lasts a short time, reads it until it shows a state and its end, and expects the state to be over after that.

    With: `end`, where the moment is shown; `state`, pointer -> value, shown within `within` seconds; `changes`, members of the create;
    `longest`, the most that we wait; `grace`, seconds after its end that it may still show the state.
    """
    subject, seen, made = await reached(api, resource, state, within, changes)
    moment = _moment(seen.json(), end, seen, made)
    left = moment.timestamp() - (server_time(seen) or api.started + seen.ended_s)
    if left > longest:
        raise Inconclusive(f"it lasts {left:.0f} s more, longer than we wait", seen, made)
    limit = seen.ended_s + max(left, 0.0) + grace
    look = api.request(api.operation(resource.read), subject=subject)
    last = await poll(look, lambda x: not _in_state(x, state), limit - seen.ended_s)
    if _in_state(last, state):
        raise Nonconformity(
            f"no more {dict(state)} after {moment.isoformat()}", last.summary, last, seen, made, cause=f"never over: {resource.name}"
        )
    if not last.success and last.status not in resource.gone:
        raise Inconclusive(f"{look.where} answered {last.status}", last, made, needs=resource.read)
    if last.started_s < seen.ended_s + left - grace:
        raise Inconclusive(f"it was over before {moment.isoformat()}, for a reason of its own", last, seen, made)


def _in_state(seen: Exchange, state: Mapping[str, Any]) -> bool:
    return seen.success and all(one_at(seen.json(), place) == value for place, value in state.items())


def _moment(body: Any, pointer: str, *seen: Exchange) -> datetime:
    found = instant(str(one_at(body, pointer)))
    if found is None:
        raise Nonconformity(f"a moment at {pointer}", repr(one_at(body, pointer)), *seen, cause=f"no moment at {pointer}", place=pointer)
    return found


@dataclass(frozen=True, slots=True)
class _Grown:
    """An amount before and after, and the most that it may be (None where nobody says)."""

    before: float
    after: float
    limit: float | None
    evidence: tuple[Exchange, ...]


@check("amount-added", about="operation")
async def amount_added(
    api: Api, operation: Operation, member: str, amount: int, shown: str, limit: Mapping[str, str] | None = None,
    shows: Mapping[str, Any] | None = None, within: float = 60.0, look: str = "granted",
) -> None:  # fmt: skip
    """Makes one, reads it until it shows a state, sends an amount to be added, and compares what is shown before and after.

    With: `member` of the body that holds `amount`; `shown`, where the amount is shown; `shows`, the state, within `within` seconds;
    `limit`, who tells the most that it may be: {`operation`, `parameter`, `from` (where we show its id), `value`, `unit`}; `look`:
    `granted` (all of it, or up to the limit), `kept` (it is no less than before) or `capped` (it is no more than the limit).
    """
    owner = api.profile.bindings.owners[operation.path_parameters[-1]]
    subject, before, _ = await reached(api, owner, shows or {}, within)
    grown = await _grown(api, operation, owner, subject, before, put(api.fill(operation.body) or {}, member, amount), shown, limit or {})
    if look == "kept" and grown.after < grown.before:
        raise Nonconformity(
            f"no less than {grown.before:g} at {shown}", f"{grown.after:g}", *grown.evidence, cause=f"less than before: {shown}"
        )
    if look == "kept":
        return
    if grown.limit is None:
        if look == "granted" and grown.after == grown.before + amount:
            return
        raise Inconclusive(f"nobody says the most that {shown} may be", *grown.evidence)
    if look == "capped" and grown.after > grown.limit:
        raise Nonconformity(
            f"no more than {grown.limit:g} at {shown}", f"{grown.after:g}", *grown.evidence, cause=f"beyond the limit: {shown}"
        )
    wanted = min(grown.before + amount, grown.limit)
    if look == "granted" and abs(grown.after - wanted) > 1:
        raise Nonconformity(
            f"{wanted:g} at {shown}", f"{grown.after:g}, {grown.before:g} before", *grown.evidence, cause=f"not added: {operation.title}"
        )


async def _grown(
    api: Api, operation: Operation, owner: Resource, subject: Subject, before: Exchange, body: Any, shown: str, limit: Mapping[str, str]
) -> _Grown:
    done = await send(api.request(operation, subject=subject, body=body))
    if not done.success:
        raise Inconclusive(f"{operation.title} answered {done.status}", done, needs=operation.id)
    after = await given(api.request(api.operation(owner.read), subject=subject))
    first, second = (one_at(x.json(), shown) for x in (before, after))
    if not isinstance(first, int | float) or not isinstance(second, int | float):
        raise NotApplicable(f"the server shows no amount at {shown}")
    most, told = await _limit(api, limit, before)
    return _Grown(first, second, most, (after, done, before, *told))


async def _limit(api: Api, limit: Mapping[str, str], shown: Exchange) -> tuple[float | None, tuple[Exchange, ...]]:
    """Return the limit in seconds, where an operation tells it, and the exchange that does."""
    name = one_at(shown.json(), limit["from"]) if limit else None
    if not isinstance(name, str):
        return None, ()
    seen = await send(api.request(api.operation(limit["operation"]), parameters={limit["parameter"]: name}))
    found = [pick(seen.json(), limit[key]) for key in ("value", "unit")] if seen.success else [[], []]
    if not found[0] or not found[1] or found[1][0] not in UNITS or not isinstance(found[0][0], int | float):
        return None, (seen,)
    return float(found[0][0]) * UNITS[found[1][0]], (seen,)


@check("list-of-another", roles=("create", "list"))
async def list_of_another(api: Api, resource: Resource, body: Mapping[str, Any], empty: bool = False) -> None:
    """Creates one and asks the list for those of somebody else: an answer with success, in which ours is not.

    With: `body` that asks for the others; `empty`, whether there are none, so that the list must be empty.
    """
    at = await home(api, resource)
    subject, made = await create(api, resource)
    operation = api.operation(resource.list)
    control = await given(api.request(operation, subject=at.parent, link=at.link))
    seen = await send(api.request(operation, subject=at.parent, link=at.link, body=await filled(api, dict(body))))
    if not seen.success:
        wanted = f"{operation.success[0]}, {'an empty list' if empty else 'a list'}"
        raise Nonconformity(wanted, seen.summary, seen, control, cause=f"{seen.status}: {operation.title} without items")
    if found_in(api, resource, seen, subject) is not None:
        raise Nonconformity(
            f"only what is asked for, not our {resource.name}", "it is in the list", seen, made, cause=f"list too wide: {operation.title}"
        )
    items = api.items(resource, seen.json())
    if empty and items:
        raise Nonconformity("an empty list", f"{len(items)} items", seen, made, cause=f"list too wide: {operation.title}")


@check("item-as-listed", roles=("list", "read"))
async def item_as_listed(api: Api, resource: Resource, same: Sequence[str] = ()) -> None:
    """Lists, reads the first item by its id, and expects the read to be about the item, as the list shows it.

    With: `same`, pointers that are compared besides the id (default: only the id).
    """
    at = await home(api, resource)
    listed = await given(api.request(api.operation(resource.list), subject=at.parent, link=at.link))
    items = api.items(resource, listed.json())
    if not items:
        raise NotApplicable(f"the list shows no {resource.name}")
    subject = api.subject(resource, items[0], parent=at.parent)
    seen = await send(api.request(api.operation(resource.read), subject=subject))
    if not seen.success:
        raise Nonconformity(
            f"the {resource.name} that is listed", seen.summary, seen, listed, cause=f"listed, not readable: {resource.name}"
        )
    for pointer in (resource.id, *same):
        ours, theirs = one_at(items[0], pointer), one_at(seen.json(), pointer)
        if first_difference(ours, theirs, pointer, frozenset()):
            raise Nonconformity(f"{ours!r} at {pointer}, as listed", repr(theirs), seen, listed, cause=f"value of {pointer}")

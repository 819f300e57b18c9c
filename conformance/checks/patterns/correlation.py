"""How a callback belongs to its request: it says what was asked for, under the id that the answer gave, after that answer; ids are its own.

Subscriptions, `event`, `after` and `changes` are those of `callbacks`: the path at our sink is known to one request only, so whatever
comes there is held against that request.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote

from conformance.api import Api
from conformance.checks.expect import ABSENT, expect_same, same_value
from conformance.checks.patterns.callbacks import Step, Wanted, Watch, told, violation, watched
from conformance.checks.patterns.places import one_at, refer
from conformance.checks.patterns.told import replaced
from conformance.checks.registry import check
from conformance.checks.subjects import create_request, filled, fresh_example
from conformance.ending import Inconclusive, Nonconformity
from conformance.exchange import Exchange
from conformance.flow import given
from conformance.profile import Resource


def _documented(api: Api, resource: Resource, made: Exchange) -> None:
    """Go on only with an answer that follows its schema.

    Raises:
        Inconclusive: it does not, which is for `answer` to find.
    """
    documented = api.operation(resource.create).documented(made.status)
    pointer = next((p for m, p in documented.media.items() if p and "json" in m), "") if documented else ""
    try:
        fits = not pointer or api.profile.contract.responses.is_valid(pointer, made.json())
    except Nonconformity:
        fits = False
    if not fits:
        raise Inconclusive("the answer is not as documented; `answer` looks at that", made, needs=resource.create)


async def _readable(api: Api, resource: Resource, event: Wanted | None, after: Sequence[Step], changes: Mapping[str, Any] | None) -> Watch:
    """Subscribe, take the steps and wait for the event, as set-up; what came can be read."""
    watch = await watched(api, resource, after, changes)
    await watch.awaited(event or {})
    if any(one.value is None for one in watch.events):
        raise Inconclusive("a delivery came that cannot be read; `callback-format` looks at that", *watch.evidence())
    return watch


@check("callback-says", roles=("create",), writes=True, timed=True)
async def callback_says(
    api: Api, resource: Resource, event: Wanted | None = None, after: Sequence[Step] = (), changes: Mapping[str, Any] | None = None,
    says: Mapping[str, Any] | None = None, same: Mapping[str, str] | None = None, schema: str = "", below: str = "",
) -> None:  # fmt: skip
    """Subscribes, waits for a delivery, and expects what it says: given values, values of the answer to the create, a schema, a place.

    With: `event` (default: whatever comes), `after`, `changes` as for `callback-delivered`; `says`, pointer -> value or a list of values;
    `same`, pointer into the event -> pointer into the answer of the create; `schema`, a component that the event follows; `below`, the
    path below the URL of our sink at which `event` comes, where `{/pointer}` is a value of it.
    """
    watch = await _readable(api, resource, event, after, changes)
    answered = api.body_of(watch.made)
    wanted = dict(says or {})
    for place, source in (same or {}).items():
        value = one_at(answered, source)
        if value is ABSENT or value is None:
            raise Inconclusive(f"the answer shows nothing at {source} to compare with", *watch.evidence())
        wanted[place] = value
    for one in watch.events:
        for place, value in wanted.items():
            found = one_at(one.value, place)
            if not any(same_value(found, v) for v in (value if isinstance(value, list | tuple) else [value])):
                raise Nonconformity(
                    f"a callback with {told({place: value})}", repr(found), one.delivery, watch.made, cause=f"callback: {place}"
                )
        problem = violation(watch, one, schema)
        if problem:
            raise Nonconformity(f"a callback as {schema} has it", problem, one.delivery, watch.made, cause=f"callback: {schema}")
        if below and watch.fits(one, event or {}):
            came = unquote(one.delivery.request.target.removeprefix(f"/{watch.path}"))
            place = refer(below, one.value)
            if came != place:
                raise Nonconformity(
                    f"a callback at {place} below our address",
                    came or "at our address itself",
                    one.delivery,
                    watch.made,
                    cause="callback: place",
                )


@check("callback-after-answer", roles=("create",), writes=True, timed=True)
async def callback_after_answer(
    api: Api, resource: Resource, event: Wanted | None = None, changes: Mapping[str, Any] | None = None, apart: float = 1.0
) -> None:
    """Subscribes and waits for a delivery: it may not come before the answer that tells the client what it will be about.

    With: `event`, `changes` as for `callback-delivered`; `apart`, seconds by which two messages may overtake each other on their way.
    """
    watch = await watched(api, resource, (), changes)
    found = await watch.awaited(event or {})
    before = watch.made.ended_s - found.arrived_s
    if before > apart:
        raise Nonconformity(
            "the callback after the answer to the request that asks for it",
            f"{before:.1f} s before it",
            found.delivery,
            watch.made,
            cause="callback before the answer",
        )


@check("callback-ids-differ", roles=("create",), writes=True, timed=True)
async def callback_ids_differ(
    api: Api, resource: Resource, event: Wanted | None = None, after: Sequence[Step] = (), changes: Mapping[str, Any] | None = None
) -> None:
    """Subscribes twice, each time with a path at our sink of its own, and expects the two events to differ in source or id.

    With: `event`, `after`, `changes` as for `callback-delivered`.
    """
    first = await _readable(api, resource, event, after, changes)
    second = await _readable(api.branch("another"), resource, event, after, changes)
    one, other = first.events[0], second.events[0]
    if one.identity is None or other.identity is None:
        raise Inconclusive("an event has no source or id; `callback-format` looks at that", one.delivery, other.delivery)
    if one.identity == other.identity:
        raise Nonconformity(
            "a source and id of its own for each event",
            f"{one.identity[1]} again",
            other.delivery,
            one.delivery,
            second.made,
            first.made,
            cause="event ids",
        )


@check("created-ids-differ", roles=("create",), writes=True)
async def created_ids_differ(api: Api, resource: Resource, changes: Mapping[str, Any] | None = None) -> None:
    """Creates twice and expects an id in each answer, and not the same.

    With: `changes`, members of the example that are replaced (null: left out).
    """
    found = []
    for _ in range(2):
        body = replaced(await fresh_example(api, resource), await filled(api, dict(changes or {})))
        made = await given((await create_request(api, resource, body))[0])
        _documented(api, resource, made)
        found.append((one_at(api.body_of(made), resource.created_id or resource.id), made))
    (one, first), (other, second) = found
    for id, seen in found:
        if id is ABSENT or id is None or id == "":
            raise Nonconformity(f"an id at {resource.created_id or resource.id}", "nothing", seen, cause=f"no id: {resource.name}")
    if one == other:
        raise Nonconformity("an id of its own for each", f"{one!r} again", second, first, cause=f"ids: {resource.name}")


@check("answer-shows", roles=("create",), writes=True)
async def answer_shows(api: Api, resource: Resource, pointers: Sequence[str], changes: Mapping[str, Any] | None = None) -> None:
    """Creates one and expects the answer to show what was sent at the pointers; nothing need be readable.

    With: `pointers`; `changes`, members of the example that are replaced (null: left out).
    """
    body = replaced(await fresh_example(api, resource), await filled(api, dict(changes or {})))
    made = await given((await create_request(api, resource, body))[0])
    _documented(api, resource, made)
    sent = json.loads(made.request.body)  # as it was recorded: secrets are placeholders there, as they are in the answer
    for pointer in pointers:
        expect_same(one_at(sent, pointer), one_at(made.json(), pointer), made, what=f"what was sent, at {pointer}", at=pointer)

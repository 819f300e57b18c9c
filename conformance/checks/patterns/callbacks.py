"""What a target sends to our sink: that it comes, in time and not before its cause, once, in order, well-formed, with its credential.

A create subscribes as the bindings say (`callbacks.subscribe`), steps bring about what the event tells, and then we wait. Each way to be
wrong is a check of its own: what is missing is neither late nor malformed.

Steps of `after`: {`shows`: pointer -> value, `within`: seconds, `or_gone`: true} reads until that is shown; {`send`: a role or an
operation, `body`, `statuses`} sends; {`wait`: seconds}. `event` and the like are pointer -> value (or a list of which it is one) into
the event.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from conformance.api import Api, Subject, merged
from conformance.checks.expect import instant
from conformance.checks.patterns.events import Event, read_event
from conformance.checks.patterns.home import poll
from conformance.checks.patterns.lifecycle import expect_left
from conformance.checks.patterns.places import one_at
from conformance.checks.registry import check
from conformance.checks.subjects import create_request, created, filled, fresh_example, guarded
from conformance.ending import Inconclusive, Nonconformity
from conformance.exchange import Exchange
from conformance.flow import callback, given, wait
from conformance.profile import ROLES, Callbacks, Resource
from conformance.requirement import pick
from conformance.wire import header

#: Seconds that a read may be behind where the bindings grant none: standards rarely promise that what is told is seen at once.
LAG_S = 1.0

MOST_EVENTS = 50
#: How long a step that reads may take when it does not say.
STEP_S = 60.0
#: Two moments of one server that are closer than this may be in either order: clocks are read, rounded and written.
ROUNDING_S = 1.0

Step = Mapping[str, Any]
Wanted = Mapping[str, Any]


@dataclass(kw_only=True)
class Watch:
    """A subscription of ours and what came of it; `cause` is the exchange that brought about what is waited for."""

    api: Api
    resource: Resource
    bound: Callbacks
    subject: Subject
    made: Exchange
    path: str
    cause: Exchange
    events: list[Event] = field(default_factory=list)
    silence: Exchange | None = None
    _now: float = 0.0

    @property
    def within(self) -> float:
        """Seconds that an event is waited for."""
        return float(self.api.fill(self.bound.within))

    def note(self, seen: Exchange) -> Exchange:
        """Remember that it is as late as *seen* tells."""
        self._now = max(self._now, seen.ended_s)
        return seen

    async def next(self, until_s: float) -> Event | None:
        """Return the next event that comes before *until_s* (seconds since the run began), or None."""
        if len(self.events) >= MOST_EVENTS:
            raise Inconclusive(f"{MOST_EVENTS} deliveries came, and not the one that was waited for", self.events[-1].delivery, self.cause)
        seen = self.note(await callback(self.path, max(0.0, until_s - self._now)))
        if seen.trouble:
            self.silence = seen
            return None
        event = read_event(seen, self.bound)
        self.events.append(event)
        return event

    def fits(self, event: Event, wanted: Wanted) -> bool:
        """Tell whether an event is about our instance and says what is wanted."""
        ours = self.subject.parameters.get(self.resource.parameter) if self.resource.parameter else None
        about = self.bound.about if ours is not None else ""
        return event.says(wanted) and (not about or ours in [str(v) for v in pick(event.value, about)])

    async def until(self, wanted: Wanted, until_s: float) -> Event | None:
        """Return the first event that fits, come already or coming before *until_s*."""
        for event in self.events:
            if self.fits(event, wanted):
                return event
        while (came := await self.next(until_s)) is not None:
            if self.fits(came, wanted):
                return came
        return None

    async def drained(self) -> None:
        """Take what has come until now."""
        while await self.next(0.0) is not None:
            continue

    async def awaited(self, wanted: Wanted, within: float = 0.0) -> Event:
        """Return the event that fits, as set-up for a look at it.

        Raises:
            Inconclusive: it did not come; that is for `callback-delivered` to judge.
        """
        found = await self.until(wanted, self.cause.ended_s + (within or self.within))
        if found is None:
            raise Inconclusive(f"no callback with {told(wanted)} to look at", *self.evidence())
        return found

    def evidence(self) -> tuple[Exchange, ...]:
        """Return what shows what came and why it should have."""
        return (*[e.delivery for e in self.events[-3:]], *([self.silence] if self.silence else []), self.cause, self.made)


def told(wanted: Wanted) -> str:
    """Return what an event must say, for people."""
    said = {place: value if isinstance(value, str) else json.dumps(value) for place, value in wanted.items()}
    return ", ".join(f"{value} at {place}" for place, value in said.items()) or "anything"


async def watched(api: Api, resource: Resource, after: Sequence[Step], changes: Mapping[str, Any] | None) -> Watch:
    """Subscribe with a create and take the steps; what is waited for counts from the last of them."""
    bound = api.profile.bindings.callbacks or Callbacks()
    name = next(iter(re.findall(r"\{sink\.([A-Za-z0-9_-]+)\}", json.dumps([dict(bound.subscribe), dict(changes or {})]))), "")
    if not name:
        raise Inconclusive("the bindings do not say where a create holds the URL of our sink")
    example = merged(await fresh_example(api, resource), api.fill(dict(bound.subscribe)))
    request, body, parent = await create_request(api, resource, merged(example, api.fill(dict(changes or {}))))
    made = await given(request)
    subject = created(api, resource, made, body, parent)  # not waited for until it is ready: what happens until then is looked at
    watch = Watch(api=api, resource=resource, bound=bound, subject=subject, made=made, path=api.sink_path(name), cause=made)
    watch.note(made)
    for step in after:
        await taken(watch, step)
    return watch


async def taken(watch: Watch, step: Step) -> None:
    """Take one step, as set-up, and make it the cause of what is waited for next."""
    api, resource = watch.api, watch.resource
    if "wait" in step:
        await wait(float(api.fill(step["wait"])))
        return
    if "send" in step:
        operation = api.operation(getattr(resource, step["send"]) if step["send"] in ROLES else step["send"])
        api.homes.setdefault(resource.name, watch.subject)  # a body may speak of what the instance shows
        request = api.request(operation, subject=watch.subject, body=await filled(api, step["body"]) if "body" in step else None)
        watch.cause = watch.note(await given(await guarded(api, resource, watch.subject, request), *step.get("statuses", ())))
        return
    shows = api.fill(dict(step["shows"]))

    def there(seen: Exchange) -> bool:
        if seen.status in resource.gone:
            return bool(step.get("or_gone"))
        return seen.success and shown(seen, shows)

    within = float(api.fill(step.get("within", STEP_S)))
    seen = await poll(api.request(api.operation(resource.read), subject=watch.subject), there, within)
    if not there(seen):
        raise Inconclusive(
            f"set-up: {told(shows)} was not shown within {within:g} s", seen, watch.made, needs="" if seen.success else resource.read
        )
    watch.cause = watch.note(seen)


def shown(seen: Exchange, wanted: Wanted) -> bool:
    """Tell whether an answer shows each value of *wanted*, or one of each list."""
    body = seen.json()
    return all(one_at(body, place) in (value if isinstance(value, list | tuple) else [value]) for place, value in wanted.items())


def malformed(watch: Watch) -> Event | None:
    """Return a delivery that cannot be read, or does not follow its schema: it may be the one that is waited for."""
    return next((e for e in watch.events if e.value is None or violation(watch, e, watch.bound.schema)), None)


def violation(watch: Watch, event: Event, schema: str) -> str:
    """Return how an event breaks its schema, or ''."""
    if not schema:
        return ""
    return str(next(watch.api.profile.contract.responses.violations(f"/components/schemas/{schema}", event.value), ""))


@check("callback-delivered", roles=("create",), writes=True, timed=True)
async def callback_delivered(
    api: Api, resource: Resource, event: Wanted, after: Sequence[Step] = (), changes: Mapping[str, Any] | None = None, within: float = 0.0
) -> None:
    """Subscribes our sink with a create, brings about what the event tells, and waits for the event; that none comes is a finding.

    With: `event`; `after`; `changes`, members of the create besides those that subscribe; `within` seconds after the last step.
    """
    watch = await watched(api, resource, after, changes)
    limit = within or watch.within
    if await watch.until(event, watch.cause.ended_s + limit) is not None:
        return
    broken = malformed(watch)
    if broken:
        raise Inconclusive(f"a delivery came that is not well-formed, and none with {told(event)}", broken.delivery, *watch.evidence())
    if any(step.get("send") in ("delete", resource.delete) for step in after):
        await expect_left(api, resource, watch.subject, watch.cause)
    others = f"{len(watch.events)} others" if watch.events else "nothing"
    raise Nonconformity(f"a callback with {told(event)} within {limit:g} s", others, *watch.evidence(), cause=f"no callback: {told(event)}")


@check("callback-in-time", roles=("create",), writes=True, timed=True)
async def callback_in_time(
    api: Api, resource: Resource, event: Wanted, within: float, after: Sequence[Step] = (), changes: Mapping[str, Any] | None = None
) -> None:
    """Subscribes, brings about what the event tells, and measures how long the event takes; one that never comes is not looked at here.

    With: `event`, `after`, `changes` as for `callback-delivered`; `within` seconds after the last step it must have come.
    """
    watch = await watched(api, resource, after, changes)
    found = await watch.awaited(event, max(watch.within, 2 * within))
    took = found.arrived_s - watch.cause.ended_s
    if took > within:
        raise Nonconformity(
            f"the callback within {within:g} s",
            f"after {took:.1f} s",
            found.delivery,
            watch.cause,
            watch.made,
            cause=f"late callback: {told(event)}",
        )


@check("callback-not-early", roles=("create", "read"), writes=True, timed=True)
async def callback_not_early(
    api: Api, resource: Resource, event: Wanted, after: Sequence[Step] = (), changes: Mapping[str, Any] | None = None,
    shows: Mapping[str, Any] | None = None, gone: bool = False, within: float | None = None,
) -> None:  # fmt: skip
    """Subscribes and takes the steps: the event may not come before the last one is sent, and then a read must show it.

    With: `event`, `after`, `changes` as for `callback-delivered`, without a step that waits for what the event tells; `shows`, what a
    read shows from then on; `gone`, whether it may be gone; `within` seconds that what it shows may lag (those of the bindings, else one).
    """
    steps = list(after)
    last = steps.pop() if steps and "send" in steps[-1] else None
    watch = await watched(api, resource, steps, changes)
    if last is not None:
        await watch.drained()
        before = next((e for e in watch.events if watch.fits(e, event)), None)
        if before:
            raise Nonconformity(
                f"no callback with {told(event)} before its cause",
                "it came",
                before.delivery,
                watch.made,
                cause=f"early callback: {told(event)}",
            )
        await taken(watch, last)
    found = await watch.awaited(event)

    def agrees(seen: Exchange) -> bool:
        return (gone and seen.status in resource.gone) or (seen.success and (shows is None or shown(seen, shows)))

    request = api.request(api.operation(resource.read), subject=watch.subject)
    if within is not None:  # what cannot be read yet has the time of the bindings
        await poll(request, lambda x: x.success or agrees(x), resource.within)
    seen = await poll(request, agrees, (resource.within or LAG_S) if within is None else within)
    if seen.status >= 500:
        raise Inconclusive(f"{request.where} answered {seen.status}", seen, found.delivery, needs=resource.read)
    if not agrees(seen):
        other = next((p for p in shows or {} if seen.success and not shown(seen, {p: (shows or {})[p]})), None)
        observed = seen.summary if not seen.success else ", ".join(f"{one_at(seen.json(), p)} at {p}" for p in shows or {})
        wanted = " or ".join([*([told(shows)] if shows else []), *(["nothing any more"] if gone else [])])
        raise Nonconformity(
            f"a read that shows {wanted} once the callback came",
            observed,
            seen,
            found.delivery,
            watch.made,
            cause=f"early callback: {told(event)}",
            place=other,
        )


@check("callback-once", roles=("create",), writes=True, timed=True)
async def callback_once(
    api: Api, resource: Resource, event: Wanted, after: Sequence[Step] = (), changes: Mapping[str, Any] | None = None, quiet: float = 5.0
) -> None:
    """Subscribes, waits for the event, which we accept, and listens on: it may not come a second time, under its own id or another.

    With: `event`, `after`, `changes` as for `callback-delivered`; `quiet` seconds that we listen on.
    """
    watch = await watched(api, resource, after, changes)
    first = await watch.awaited(event)
    end = max(first.arrived_s, watch.cause.ended_s) + quiet
    while await watch.next(end) is not None:
        continue
    others = [e for e in watch.events if e is not first]
    again = next((e for e in others if watch.fits(e, event) or (e.identity and e.identity == first.identity)), None)
    if again:
        same = "with the same id" if again.identity and again.identity == first.identity else "with another id"
        raise Nonconformity(
            "one callback for one event", f"a second one {same}", again.delivery, first.delivery, watch.made, cause="duplicate callback"
        )


@check("callback-format", roles=("create",), writes=True, timed=True)
async def callback_format(
    api: Api, resource: Resource, event: Wanted | None = None, after: Sequence[Step] = (), changes: Mapping[str, Any] | None = None,
    schema: str = "", look: str = "all", several: bool = False,
) -> None:  # fmt: skip
    """Subscribes, waits for a delivery, and holds method, media type, mode and body of all that comes against what is documented.

    With: `event` (default: whatever comes), `after`, `changes` as for `callback-delivered`; `schema`, another component than that of
    the bindings; `look`, where a standard has a rule for each: `media` for the media type and mode alone, `body` for all the rest;
    `several`, where a delivery may be an array of events.
    """
    watch = await watched(api, resource, after, changes)
    await watch.until(event or {}, watch.cause.ended_s + watch.within)
    if not watch.events:
        raise Inconclusive("no callback came to look at", *watch.evidence())
    wanted = schema or watch.bound.schema
    for one in [read_event(e.delivery, watch.bound, several=True) for e in watch.events] if several else watch.events:
        troubles = [t for t in one.troubles if look == "all" or (t in one.carriage) == (look == "media")]
        if troubles:
            cause = "callback of another media type" if look == "media" else "malformed callback"
            raise Nonconformity(_form(watch.bound), "; ".join(troubles), one.delivery, watch.made, cause=cause)
        if look == "body" and one.value is None:  # the mode is another one, in which it was not read
            raise Inconclusive("; ".join(one.troubles), one.delivery, watch.made)
        problem = "" if look == "media" else violation(watch, one, wanted)
        if problem:
            raise Nonconformity(f"an event as documented ({wanted})", problem, one.delivery, watch.made, cause="malformed callback")


def _form(bound: Callbacks) -> str:
    what = f"a CloudEvent in {' or '.join(bound.modes)} mode" if bound.format == "cloudevents" else "JSON"
    return f"a POST of {what}" + (f" ({' or '.join(bound.media)})" if bound.media else "")


@check("callback-credential", roles=("create",), writes=True, timed=True)
async def callback_credential(
    api: Api, resource: Resource, event: Wanted | None = None, after: Sequence[Step] = (), changes: Mapping[str, Any] | None = None
) -> None:
    """Subscribes with a credential for our sink and expects every delivery to carry it as its bearer token (RFC 6750 section 2.1).

    With: `event` (default: whatever comes), `after`, `changes` as for `callback-delivered`.
    """
    watch = await watched(api, resource, after, changes)
    secret = next((str(v) for v in pick(_sent(watch.made), watch.bound.credential)), "") if watch.bound.credential else ""
    if not secret:
        raise Inconclusive("the subscription holds no credential to expect", watch.made)
    await watch.until(event or {}, watch.cause.ended_s + watch.within)
    if not watch.events:
        raise Inconclusive("no callback came to look at", *watch.evidence())
    for one in watch.events:
        carried = header(one.delivery.request.headers, "authorization") or ""
        scheme, _, token = carried.partition(" ")
        if scheme.lower() != "bearer" or token.strip() != secret:
            observed = "no Authorization" if not carried else f"the scheme {scheme}" if scheme.lower() != "bearer" else "another token"
            raise Nonconformity(
                "the access token of the subscription as bearer",
                observed,
                one.delivery,
                watch.made,
                cause="callback without its credential",
            )


def _sent(made: Exchange) -> Any:
    """Return the body of a create as it was recorded: secrets are placeholders there, as they are in deliveries."""
    try:
        return json.loads(made.request.body)
    except ValueError:
        return None


@check("callback-in-order", roles=("create",), writes=True, timed=True)
async def callback_in_order(
    api: Api,
    resource: Resource,
    events: Sequence[Wanted],
    after: Sequence[Step] = (),
    changes: Mapping[str, Any] | None = None,
    time: str = "",
) -> None:
    """Subscribes, brings about several events, and expects them to come in the order in which they happened.

    With: `events` in their order; `after`, `changes` as for `callback-delivered`; `time`, where an event tells when it happened.
    """
    watch = await watched(api, resource, after, changes)
    found = [await watch.awaited(one) for one in events]
    places = [watch.events.index(one) for one in found]
    if places != sorted(places):
        came = " before ".join(told(events[places.index(p)]) for p in sorted(places))
        raise Nonconformity(
            " before ".join(map(told, events)), came, *[e.delivery for e in found], watch.made, cause="callbacks out of order"
        )
    times = [instant(str(one_at(e.value, time))) for e in found] if time else []
    for earlier, later in pairwise(times):
        if earlier and later and (earlier - later).total_seconds() > ROUNDING_S:
            observed = f"{earlier.isoformat()}, then {later.isoformat()}"
            raise Nonconformity(
                f"times at {time} in the order of the events", observed, *[e.delivery for e in found], cause="callbacks out of order"
            )


@check("callback-identity", roles=("create",), writes=True, timed=True)
async def callback_identity(
    api: Api, resource: Resource, events: Sequence[Wanted], after: Sequence[Step] = (), changes: Mapping[str, Any] | None = None
) -> None:
    """Subscribes, brings about several events, and expects each to be told from the others by its source and id.

    With: `events`, `after`, `changes` as for `callback-in-order`.
    """
    watch = await watched(api, resource, after, changes)
    found = [await watch.awaited(one) for one in events]
    names = [e.identity for e in found]
    if None in names:
        raise Inconclusive("an event has no source or id; `callback-format` looks at that", *watch.evidence())
    if len(set(names)) < len(names):
        raise Nonconformity(
            "a source and id of its own for each event", f"{names[0]} again", *[e.delivery for e in found], watch.made, cause="event ids"
        )


@check("callback-absent", roles=("create",), writes=True, timed=True)
async def callback_absent(
    api: Api, resource: Resource, event: Wanted, after: Sequence[Step], changes: Mapping[str, Any] | None = None, quiet: float = 5.0,
    control: Wanted | None = None,
) -> None:  # fmt: skip
    """Subscribes, takes the steps, and listens: an event that must not come may not come.

    With: `event`, `after`, `changes` as for `callback-delivered`; `quiet` seconds that we listen; `control`, an event that must have come
    before, or silence proves nothing.
    """
    watch = await watched(api, resource, after, changes)
    if control:
        await watch.awaited(control)
    while await watch.next(watch.cause.ended_s + quiet) is not None:
        continue
    came = next((e for e in watch.events if watch.fits(e, event)), None)
    if came:
        raise Nonconformity(
            f"no callback with {told(event)}", "it came", came.delivery, watch.cause, watch.made, cause=f"callback too many: {told(event)}"
        )

"""States that a server shows: reached after an action, following the clock, and what a write makes appear elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from conformance.api import Api, Subject, merged
from conformance.checks.expect import ABSENT, expect_same, instant, one_of
from conformance.checks.patterns.home import poll, same_marker
from conformance.checks.patterns.places import leaves, one_at, processed, put, refer
from conformance.checks.registry import check
from conformance.checks.subjects import create, existing, fresh_example, guarded, named, ours
from conformance.contract import Operation
from conformance.ending import Inconclusive, Nonconformity, NotApplicable
from conformance.exchange import Exchange, Request
from conformance.flow import ending, given, send, wait
from conformance.profile import Profile, Resource
from conformance.requirement import Requirement, pick
from conformance.verdict import Effect

ANY = "any"


# -- an action and the state it leads to ---------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class _Lever:
    """An operation on one instance, and the read that shows what it did."""

    api: Api
    operation: Operation
    subject: Subject
    look: Request
    target: str

    async def request(self, body: Any) -> Request:
        """Return the request that pulls the lever, at the link that the instance shows for it."""
        link = ""
        if self.target:
            link = one_at((await given(self.look)).json(), self.target)
            if not isinstance(link, str) or not link:
                raise NotApplicable(f"the server shows no link at {self.target}")
        request = self.api.request(self.operation, subject=self.subject, link=link, body=body)
        resource = self.api.profile.bindings.resource_of(self.operation.id)
        return await guarded(self.api, resource, self.subject, request) if resource else request


async def _lever(api: Api, operation: Operation, read: str, target: str) -> _Lever:
    subject = await _instance(api, operation)
    return _Lever(api, operation, subject, api.request(api.operation(read), subject=subject), target)


async def _instance(api: Api, operation: Operation) -> Subject:
    """Return what *operation* acts on: what the target's owner named, else something that it may act on."""
    if operation.test_data:
        return await named(api, operation)
    owner = next((api.profile.bindings.owners[p] for p in reversed(operation.path_parameters) if p in api.profile.bindings.owners), None)
    if owner is None:
        return Subject()
    return await existing(api, owner) if operation.effect is Effect.READ else await ours(api, owner)


@check("action-allowable", about="operation", timed=True)
async def action_allowable(
    api: Api, operation: Operation, read: str, member: str, target: str = "", value: Any = "{unique}", statuses: Sequence[int] = ()
) -> None:
    """Sends an action with a value that it does not know, then with the one that the bindings name: only the first is refused.

    With: `read`, the operation that shows the instance; `target`, where it shows the link of the action; `member` of the body that
    holds `value`; `statuses` of the refusal (any 4xx, 501).
    """
    lever = await _lever(api, operation, read, target)
    valid = api.fill(operation.body)
    seen = await send(await lever.request(put(valid, member, api.fill(value))))
    if seen.success:
        raise Nonconformity(
            f"a refusal of an unknown value at {member}", seen.summary, seen, cause=f"unknown value taken: {operation.title}"
        )
    control = await given(await lever.request(valid))
    if not (seen.status in statuses if statuses else 400 <= seen.status < 500 or seen.status == 501):
        wanted = one_of(statuses) if statuses else "a 4xx"
        raise Nonconformity(
            f"{wanted} for an unknown value at {member}", seen.summary, seen, control, cause=f"unknown value: {seen.status}"
        )


@check("state-reached", about="operation", timed=True)
async def state_reached(
    api: Api, operation: Operation, read: str, pointer: str, steps: Sequence[Mapping[str, Any]], within: float, target: str = "",
    member: str = "", allowable: str = "", final: Sequence[Any] | str = (), in_part: str = "", restore: bool = False,
) -> None:  # fmt: skip
    """Sends an action step by step, each time reads the instance until it shows the state wanted, and puts the first state back.

    With: `read`, the operation that shows the instance; `pointer`, where the state is; `steps`, each {`body`, `equals`: the state};
    `within` seconds; `target`, where the instance shows the link of the action; `member` of the body that must be among the values at
    `allowable`, where those are shown; `final`, the states in which nothing is under way (`any`: all): only a wrong one of these is a
    finding; `in_part`, a text in the answer that takes the acceptance back in part; `restore`, to write back what the steps overwrote
    (else the step that leads to the first state is repeated).
    """
    lever = await _lever(api, operation, read, target)
    before = (await given(lever.look)).json()
    if one_at(before, pointer) is ABSENT:
        raise NotApplicable(f"the server shows nothing at {pointer}")
    for step in steps:
        offered, wanted = one_at(before, allowable) if allowable else ABSENT, one_at(step["body"], member)
        if isinstance(offered, list) and wanted not in offered:
            raise NotApplicable(f"the server does not offer {wanted}")
    how = _Reach(pointer=pointer, within=within, final=final, in_part=in_part)
    result = await ending(_steps(lever, how, steps))
    back = await ending(_put_back(lever, how, steps, before, restore))
    if isinstance(result, Exception):
        raise result
    if isinstance(back, Exception):
        raise Inconclusive(f"the first state could not be put back: {back}", *getattr(back, "evidence", ()))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reach:
    """Where a state is shown, how long it may take, and which wrong state is a finding."""

    pointer: str
    within: float
    final: Sequence[Any] | str
    in_part: str


async def _steps(lever: _Lever, how: _Reach, steps: Sequence[Mapping[str, Any]]) -> None:
    for step in steps:
        await _step(lever, how, lever.api.fill(step["body"]), step["equals"])


async def _step(lever: _Lever, how: _Reach, body: Any, wanted: Any) -> None:
    request = await lever.request(body)
    done = await send(request)
    if not done.success:
        if done.status < 500 and _shown(await send(lever.look), how.pointer) == wanted:
            return  # a server may refuse what would change nothing
        raise Inconclusive(f"{request.where} answered {done.status}", done, needs=lever.operation.id if done.status >= 500 else "")
    seen = await send(lever.look)
    while _shown(seen, how.pointer) != wanted and seen.ended_s - done.ended_s < how.within:
        await wait(min(5.0, how.within / 10))
        seen = await send(lever.look)
    shown = _shown(seen, how.pointer)
    if shown == wanted:
        return
    settled = how.final == ANY or shown in how.final
    if done.status == 202 or not settled or (how.in_part and how.in_part.encode() in done.body):
        raise Inconclusive(f"{wanted!r} at {how.pointer} was not reached within {how.within:g} s: {shown!r}", seen, done)
    raise Nonconformity(
        f"{wanted!r} at {how.pointer}", f"{shown!r} after {how.within:g} s", seen, done, cause=f"state not reached: {lever.operation.title}"
    )


def _shown(seen: Exchange, pointer: str) -> Any:
    return one_at(seen.json(), pointer) if seen.success else ABSENT


async def _put_back(lever: _Lever, how: _Reach, steps: Sequence[Mapping[str, Any]], before: Any, restore: bool) -> None:
    """Put the first state back: what was overwritten, or by the step that leads there."""
    first = one_at(before, how.pointer)
    if not restore:
        step = next((s for s in steps if s["equals"] == first), None)
        if step is not None and _shown(await send(lever.look), how.pointer) != first:
            await _step(lever, how, lever.api.fill(step["body"]), first)
        return
    former: Any = {}
    for place in dict.fromkeys(p for step in steps for p in leaves(step["body"])):
        value = one_at(before, place)
        if value is not ABSENT and value is not None:
            former = put(former, place, value)
    if former:
        await given(await lever.request(former))


# -- a state that follows the clock --------------------------------------------------------------------------------
def _moments(profile: Profile, requirement: Requirement) -> Sequence[str]:
    return tuple(requirement.arguments["cases"])


@check("state-follows-time", roles=("create", "read"), cases=_moments, timed=True)
async def state_follows_time(api: Api, resource: Resource, case: str, pointer: str, cases: Mapping[str, Mapping[str, Any]]) -> None:
    """Creates one for each state with times that put it there, and reads it until it shows that state.

    With: `pointer`, where the state is; `cases`, state -> members of the create body.
    """
    subject, made = await create(api, resource, merged(await fresh_example(api, resource), api.fill(dict(cases[case]))))
    look = api.request(api.operation(resource.read), subject=subject)
    seen = await send(look)
    while _shown(seen, pointer) != case and seen.ended_s - made.ended_s < resource.within:
        await wait(min(1.0, resource.within / 4))
        seen = await send(look)
    shown = _shown(seen, pointer)
    if shown == case:
        return
    if not seen.success:
        raise Inconclusive(f"{look.where} answered {seen.status}", seen, made, needs=resource.read)
    _times_hold(api, made, subject.sent, seen)
    raise Nonconformity(f"{case!r} at {pointer}", repr(shown), seen, made, cause=f"state does not follow time: {resource.name}")


def _times_hold(api: Api, *looked: Any) -> None:
    """End the check where a time that we sent lies on the other side of now for the server than it did for us when the run began."""
    seen = [x for x in looked if isinstance(x, Exchange)]
    for moment in _instants([x for x in looked if not isinstance(x, Exchange)]):
        for exchange in seen:
            now = server_time(exchange) or api.started + exchange.started_s
            if (moment > api.started and moment <= now + 1) or (moment <= api.started and moment >= now + 1):
                raise Inconclusive("the clock of the server, or the length of this run, turns the times that were sent around", *seen)


def _instants(body: Any) -> list[float]:
    if isinstance(body, Mapping):
        return [m for value in body.values() for m in _instants(value)]
    if isinstance(body, list | tuple):
        return [m for value in body for m in _instants(value)]
    moment = instant(body) if isinstance(body, str) else None
    return [moment.timestamp()] if moment else []


def server_time(seen: Exchange) -> float | None:
    """Return what the Date header of an answer says, in seconds since the epoch."""
    try:
        return parsedate_to_datetime(seen.header("date") or "").timestamp()
    except (ValueError, TypeError, OverflowError):
        return None


# -- what a write makes appear elsewhere ---------------------------------------------------------------------------
@check("write-then-appears", roles=("list",))
async def write_then_appears(
    api: Api, resource: Resource, write: str, sent: str = "", list: str = "", items: str = "", same: Sequence[str] = (),
    also: Mapping[str, Any] | None = None, shows: Mapping[str, Any] | None = None, names: str = "", within: float = 0.0,
    keeps: Sequence[Mapping[str, Any]] = (), drops: Sequence[Mapping[str, Any]] = (),
) -> None:  # fmt: skip
    """Writes one and looks for it, by its marker, in a list until it is there as it must be; then in the list as queries narrow it.

    With: `write`, the operation; `sent`, where its body holds the item; `list` and `items`, the operation and the place of its items
    (those of the resource); `same`, pointers whose values are compared with what was sent; `also`, something made first: {`write`: a
    create operation, `changes`: members of its example, with `{/pointer}` into the item}; `shows`, pointer -> value of the listed item;
    `names`, where it lists the id of what was made first; `within` seconds; `keeps` and `drops`, queries whose answer holds it, or does
    not, as long as it is there as it must be: where it is not, another requirement looks at that (`{/pointer}` as above).
    """
    operation = api.operation(write)
    body = api.fill(operation.body)
    item = one_at(body, sent)
    if not (resource.marker and pick(item, resource.marker)):
        raise Inconclusive(f"needs a marker at {resource.marker or '…'} of the body of {operation.title}")
    first = await _made_first(api, also, item) if also else None
    wrote = await given(api.request(operation, body=body))
    wanted = _Appearance(resource, item, tuple(same), dict(shows or {}), names, _id_of(first))
    look = api.request(api.operation(list or resource.list))
    seen = await given(look)
    trouble = wanted.lacking(api, seen, items)
    while trouble and seen.ended_s - wrote.ended_s < max(within, resource.within):
        await wait(1.0)
        seen = await given(look)
        trouble = wanted.lacking(api, seen, items)
    if trouble and (keeps or drops):
        raise Inconclusive(f"set-up: {trouble.expected}: {trouble.observed}", seen, wrote)
    if trouble:
        _times_hold(api, wrote, item, first.sent if first else None, seen)
        raise Nonconformity(trouble.expected, trouble.observed, seen, wrote, cause=trouble.cause)
    for query in (*keeps, *drops):
        await _narrowed(api, wanted, look, items, query, query in keeps, max(within, resource.within))


async def _narrowed(api: Api, wanted: _Appearance, look: Request, items: str, query: Mapping[str, Any], kept: bool, within: float) -> None:
    """Expect the item in the list that a query narrows, or not, where the list without the query goes on showing it as it must be."""
    operation = api.operation(look.operation)
    asked = api.request(operation, query=api.fill(refer(dict(query), wanted.item)))
    seen = await poll(asked, lambda page: not page.success or bool(wanted.found(api, page, items)) is kept, within)
    plain = await given(look)
    if wanted.lacking(api, plain, items):
        raise Inconclusive(f"the {wanted.resource.name} is not there any more as it must be", plain, seen)
    processed(operation, seen, plain, what="a filter", cause=f"filter refused: {operation.title}")
    if bool(wanted.found(api, seen, items)) is not kept:
        expected, cause = ("", "filter misses") if kept else ("not ", "filter ignored")
        observed = "it is not" if kept else "it is"
        name = wanted.resource.name
        raise Nonconformity(
            f"our {name} is {expected}in the list for {dict(query)}", observed, seen, plain, cause=f"{cause}: {operation.title}"
        )


async def _made_first(api: Api, also: Mapping[str, Any], item: Any) -> Subject:
    resource = api.profile.bindings.resource_of(also["write"])
    if resource is None or resource.create != also["write"]:
        raise Inconclusive(f"the bindings name no resource that {also['write']} creates")
    changes = api.fill(refer(dict(also.get("changes", {})), item))
    return (await create(api, resource, merged(await fresh_example(api, resource), changes)))[0]


def _id_of(subject: Subject | None) -> str:
    return next(iter(subject.parameters.values()), "") if subject else ""


@dataclass(frozen=True, slots=True)
class _Appearance:
    """How an item must be shown."""

    resource: Resource
    item: Any
    same: tuple[str, ...]
    shows: Mapping[str, Any]
    names: str
    id: str

    def found(self, api: Api, seen: Exchange, items: str) -> list[Any]:
        """Return the item as a list shows it: every time that it does."""
        return [i for i in self._shown(api, seen, items) if same_marker(self.resource, i, self.item)]

    def _shown(self, api: Api, seen: Exchange, items: str) -> list[Any]:
        return list(pick(seen.json(), items) if items else api.items(self.resource, seen.json()))

    def lacking(self, api: Api, seen: Exchange, items: str) -> Nonconformity | None:
        """Return what is missing in a list, or None."""
        found = self.found(api, seen, items)
        if not found:
            return Nonconformity(
                f"the {self.resource.name} that was written in the list",
                f"{len(self._shown(api, seen, items))} others",
                seen,
                cause=f"not listed: {self.resource.name}",
            )
        troubles = [self._wrong(one, seen) for one in found]
        return troubles[0] if all(troubles) else None

    def _wrong(self, found: Any, seen: Exchange) -> Nonconformity | None:
        try:
            for pointer in self.same:
                expect_same(one_at(self.item, pointer), one_at(found, pointer), seen, what=f"what was written at {pointer}", at=None)
        except Nonconformity as trouble:
            return trouble
        for pointer, value in self.shows.items():
            if one_at(found, pointer) != value:
                return Nonconformity(
                    f"{value!r} at {pointer} of the {self.resource.name}", repr(one_at(found, pointer)), seen, cause=f"value of {pointer}"
                )
        listed = (
            [str(v) for place in pick(found, self.names) for v in (place if isinstance(place, list) else [place])] if self.names else []
        )
        if self.names and self.id not in listed:
            return Nonconformity(f"{self.id} at {self.names}", ", ".join(listed) or "nothing", seen, cause=f"value of {self.names}")
        return None

"""What is created can be read, is listed, and is gone once deleted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from conformance.api import Api, Subject, merged
from conformance.checks.expect import ABSENT, expect_same, one_of
from conformance.checks.patterns.home import cut_short, found_in, home, listing, make, poll, same_thing
from conformance.checks.patterns.paging import Paging, walk
from conformance.checks.patterns.places import one_at, set_up
from conformance.checks.patterns.writing import gone_within, has, leaving, not_compared, over
from conformance.checks.registry import check
from conformance.checks.subjects import create, fresh_example, guarded
from conformance.ending import Inconclusive, Nonconformity
from conformance.exchange import Exchange
from conformance.flow import given, send, wait
from conformance.profile import Resource
from conformance.requirement import pick


async def reading(api: Api, resource: Resource, subject: Subject) -> Exchange:
    """Read an instance that was just written; a 404 is looked at again until the time that the bindings grant is over."""
    request = api.request(api.operation(resource.read), subject=subject)
    seen = await send(request)
    began = seen.started_s
    while seen.status == 404 and seen.ended_s - began < resource.within:
        await wait(min(1.0, resource.within / 4))
        seen = await send(request)
    return seen


async def still_there(api: Api, resource: Resource, subject: Subject, made: Exchange) -> Exchange | None:
    """Go on only where what was made is there, and return the read, if there is any; that it was not kept is found elsewhere.

    Raises:
        Inconclusive: a read answers that there is nothing.
    """
    if not resource.read:
        return None
    seen = await reading(api, resource, subject)
    if seen.status in resource.gone:
        raise Inconclusive(
            f"the {resource.name} that was made is not there; `read-after-create` looks at that", seen, made, needs=resource.read
        )
    return seen


async def expect_left(api: Api, resource: Resource, subject: Subject, deletion: Exchange) -> None:
    """Go on only where a delete had an effect: of one that had none there is nothing to tell.

    Raises:
        Inconclusive: what was deleted can be read as if nothing had happened.
    """
    seen = await send(api.request(api.operation(resource.read), subject=subject)) if resource.read else deletion
    if resource.read and seen.success and not over(resource, seen) and not leaving(resource, seen.json()):
        raise Inconclusive("the delete had no effect; `delete-is-effective` looks at that", seen, deletion, needs=resource.delete)


@check("read-after-create", roles=("create", "read"))
async def read_after_create(
    api: Api, resource: Resource, changes: Mapping[str, Any] | None = None, same: Sequence[str] = (), at: Sequence[str] = (),
    altered: bool = False,
) -> None:  # fmt: skip
    """Creates one, reads it by the id or link the server gave, and compares every member that was written.

    Args:
        changes: members merged into the example.
        same: pointers of the members that are compared; by default all.
        at: where the read body holds what was written, if not at its root; the first place that is there.
        altered: the standard lets a server alter and ignore what it is sent, so that of what was written its answer counts.
    """
    subject, made = await create(api, resource, merged(await fresh_example(api, resource), api.fill(dict(changes or {}))))
    found = await reading(api, resource, subject)
    if not found.success:
        wanted = one_of(api.operation(resource.read).success)
        raise Nonconformity(f"{wanted} for what was just created", found.summary, found, made, cause=f"not readable: {resource.name}")
    body = found.json()
    place = next((p for p in at if pick(body, p)), "")
    whole = one_at(body, place)
    if not same:
        ignoring = [p.removeprefix(place) for p in not_compared(api, resource) if p.startswith(place)]
        counts, what = (_answered(subject), "what the create answered") if altered else (subject.sent, "what was written")
        expect_same(counts, whole, found, made, ignoring=ignoring, what=what, at=place)
    for pointer in same:
        sent, shown = one_at(subject.sent, pointer), one_at(whole, pointer)
        if not has(sent, shown):
            wanted, cause = f"what was written at {pointer}: {sent!r}", f"value of {pointer}"
            raise Nonconformity(wanted, repr(shown), found, made, cause=cause, place=place + pointer)


def _answered(subject: Subject) -> dict[str, Any]:
    """Return the members that were sent as the answer to the create shows them."""
    return {name: value for name, value in subject.shown.items() if name in subject.sent} if isinstance(subject.shown, dict) else {}


@check("list-contains", roles=("create", "list"))
async def list_contains(
    api: Api, resource: Resource, count: str = "", start: str = "", first: int | str | None = None, step: str = "items", next: str = "",
    last: str = "", total: str = "", same: Sequence[str] = (),
) -> None:  # fmt: skip
    """Creates one and looks for it, by id or link, in the list and its following pages.

    Args:
        same: pointers of members that the list shows as they were sent.
        count, start, first, step, next, last, total: how pages are asked for, see `Paging`; without them the first page is looked at.
    """
    at = await home(api, resource)
    subject, made = await make(api, resource, at)
    page = await poll(listing(api, resource, at), lambda x: x.success and found_in(api, resource, x, subject) is not None, resource.within)
    set_up(page)
    item = found_in(api, resource, page, subject)
    if item is not None:
        number = api.items(resource, page.json()).index(item)
        return await _as_sent(api, resource, subject, item, same, page, made, at=f"{resource.items}/{number}")
    if not cut_short(page):
        others = f"{len(api.items(resource, page.json()))} others"
        raise Nonconformity(
            f"the list shows the {resource.name} that was just created", others, page, made, cause=f"not listed: {resource.name}"
        )
    if not (start or next):
        raise Inconclusive("the list is paged, and its first page does not hold what was created", page, made)
    found = await walk(api, resource, at, Paging(count=count, start=start, first=first, step=step, next=next, last=last, total=total), None)
    ours = [i for i in found.items if same_thing(resource, i, subject)]
    if ours:
        return await _as_sent(api, resource, subject, ours[0], same, *found.evidence, made)
    if not found.whole:
        raise Inconclusive(found.stopped, *found.evidence, made)
    if found.again:
        raise Inconclusive(f"{found.repeats}; `paging-complete` and `totals-agree` look at that", *found.evidence, made)
    others = f"{len(found.items)} others on {len(found.pages)} pages"
    raise Nonconformity(
        f"the list shows the {resource.name} that was just created", others, *found.evidence, made, cause=f"not listed: {resource.name}"
    )


async def _as_sent(
    api: Api, resource: Resource, subject: Subject, item: Any, same: Sequence[str], *evidence: Exchange, at: str | None = None
) -> None:
    """Expect the members of a listed item as they were sent; what a read shows as the list does is found where it is read back."""
    for pointer in same:
        sent, shown = one_at(subject.sent, pointer), one_at(item, pointer)
        if sent is ABSENT or has(sent, shown):
            continue
        read = await still_there(api, resource, subject, evidence[-1])
        if read and read.success and shown is not ABSENT and kept_at(api, resource, read, pointer) == shown:
            raise Inconclusive(f"a read shows {shown!r} at {pointer} as well; `read-after-create` looks at that", read, *evidence)
        wanted, cause = f"what was written at {pointer}: {sent!r}", f"listed value of {pointer}: {resource.name}"
        raise Nonconformity(wanted, repr(shown), *evidence, cause=cause, place=None if at is None else at + pointer)


def kept_at(api: Api, resource: Resource, read: Exchange, pointer: str) -> Any:
    """Return what a read shows of a member that was sent, where `read-after-create` of the resource looks for it; `ABSENT` without one."""
    looks = [r.arguments for r in api.profile.requirements if r.check == "read-after-create" and r.on == resource.name]
    body = read.json()
    for look in looks:
        found = one_at(body, next((p for p in look.get("at", ()) if pick(body, p)), "") + pointer)
        if found is not ABSENT:
            return found
    return ABSENT


@check("delete-is-effective", roles=("create", "read", "delete"))
async def delete_is_effective(api: Api, resource: Resource, within: float = 0.0) -> None:
    """Creates one, deletes it, and reads it again: it must be gone, or shown as the bindings say, within the time granted.

    Args:
        within: seconds that a deletion may take, where other writes are visible sooner.
    """
    subject, _ = await create(api, resource)
    await given(api.request(api.operation(resource.read), subject=subject))
    deletion = await given(await guarded(api, resource, subject, api.request(api.operation(resource.delete), subject=subject)))
    request = api.request(api.operation(resource.read), subject=subject)
    seen = await send(request)
    deadline = max(gone_within(resource, deletion), within)
    while not over(resource, seen) and seen.ended_s - deletion.ended_s < deadline:
        await wait(min(1.0, deadline / 4))
        seen = await send(request)
    if over(resource, seen):
        return
    if seen.success and leaving(resource, seen.json()):
        raise Inconclusive(f"still being removed after {deadline:g} s", seen, deletion)
    if resource.expired and seen.success:
        told = next(iter(pick(seen.json(), resource.expired.pointer)), None)
        raise Nonconformity(
            f"{resource.expired.equals!r} at {resource.expired.pointer} after the delete",
            repr(told),
            seen,
            deletion,
            cause=f"delete without effect: {resource.name}",
        )
    raise Nonconformity(
        f"{one_of(resource.gone)} after the delete", seen.summary, seen, deletion, cause=f"delete without effect: {resource.name}"
    )

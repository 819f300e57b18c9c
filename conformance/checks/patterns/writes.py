"""What writes do: replace, change in part, ignore what the server owns, hide secrets, keep values, delete once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from conformance.api import Api, Subject, merged
from conformance.checks.expect import ABSENT, expect_same, one_of, same_value
from conformance.checks.patterns.home import home, make, making, poll
from conformance.checks.patterns.places import empty, leaves, one_at, processed, put, refer, set_up, shows_the_thing, without
from conformance.checks.patterns.writing import has, not_compared, over, settled, write_request
from conformance.checks.registry import check
from conformance.checks.subjects import create, created, filled, fresh_example
from conformance.contract import Operation
from conformance.ending import Inconclusive, Nonconformity, NotApplicable
from conformance.exchange import Exchange
from conformance.flow import given, send
from conformance.profile import Resource
from conformance.requirement import pick
from conformance.schema import lookup


@check("replace-replaces", roles=("create", "read", "replace"))
async def replace_replaces(
    api: Api, resource: Resource, omitted: str = "kept-or-cleared", omit: Sequence[str] = (), shown: Sequence[str] = ()
) -> None:
    """Creates one, replaces it with other values, and expects them in the answer, where it shows the resource, and when it is read.

    Args:
        omitted: what becomes of members that the new body leaves out: `kept-or-cleared` (not judged) or `cleared`.
        omit: pointers that the new body leaves out.
        shown: pointers that are compared only where the server shows them before.
    """
    subject, _ = await create(api, resource)
    read, replace = api.operation(resource.read), api.operation(resource.replace)
    before = await given(api.request(read, subject=subject))
    body = api.changed(resource, subject.sent)
    for pointer in omit:
        body = without(body, pointer)
    ignoring = (*not_compared(api, resource), *[p for p in shown if empty(one_at(before.json(), p))])
    if has(body, before.json(), ignoring) and not omit:
        raise Inconclusive("the server shows none of the members that a replace may change", before)
    seen = await given(await write_request(api, replace, subject, body))
    if shows_the_thing(api, replace, read, seen):
        expect_same(body, seen.json(), seen, before, ignoring=ignoring)
    after = await settled(api, resource, subject, seen, lambda found: has(body, found, ignoring))
    processed(read, after, seen, what="what was just replaced")
    expect_same(body, after.json(), after, seen, before, ignoring=ignoring)
    if omitted == "cleared":
        for pointer in omit:
            if not empty(one_at(after.json(), pointer)) and same_value(one_at(after.json(), pointer), one_at(before.json(), pointer)):
                observed = f"still {one_at(after.json(), pointer)!r}"
                raise Nonconformity(
                    f"nothing at {pointer}, which the replace left out",
                    observed,
                    after,
                    seen,
                    before,
                    cause=f"replace keeps: {resource.name}",
                )


@check("patch-applies", roles=("create", "read", "update"))
async def patch_applies(
    api: Api, resource: Resource, body: Any = None, takes: Mapping[str, str] | None = None, clears: Sequence[str] = (),
    shown: Sequence[str] = (), members: Mapping[str, Any] | None = None, uses: str = "", query: Mapping[str, Any] | None = None,
    status: Sequence[int] = (), must_accept: bool = False, media: str = "", in_part: str = "",
) -> None:  # fmt: skip
    """Creates one, changes it in part, and expects the change, and no other member cleared, when it is read.

    Args:
        body: the body of the change in the format of the operation; by default the changes of the bindings as a JSON Merge Patch.
            `{/pointer}` is a value that the resource shows, `{RESOURCE}` the id of a fresh one that `uses` names.
        takes: place in the resource (`*` for any item) -> place in the body whose value it has afterwards.
        clears: pointers that have no value afterwards.
        shown: pointers that the server must show before for this to be looked at.
        members: members added to the example before.
        query: parameters of the change; `status`: statuses that it must answer with, 200 then with a body.
        must_accept: refusing this body is a finding where the body of the bindings is accepted; else it is inconclusive.
        media: the media type of the body, where the operation takes several; else the first that the contract names.
        in_part: a text in the answer that takes the acceptance back in part; with it, as after a 202, a change without effect is no finding.
    """
    read, update = api.operation(resource.read), api.operation(resource.update)
    helper = (await create(api, api.resource(uses)))[0] if uses else None
    subject, _ = await create(api, resource, merged(await fresh_example(api, resource), api.fill(dict(members or {}))))
    before = await given(api.request(read, subject=subject))
    for pointer in shown:
        if empty(one_at(before.json(), pointer)):
            raise NotApplicable(f"the server shows nothing at {pointer}")
    words = {uses: helper.parameters.get(api.resource(uses).parameter, "")} if helper else {}
    wanted = api.fill(refer(body, before.json(), **words)) if body is not None else api.fill(dict(resource.changes))
    values = (
        {place: lookup(wanted, source) for place, source in takes.items()} if takes is not None else leaves(wanted) if body is None else {}
    )
    seen = await send(await write_request(api, update, subject, wanted, query=query, media=media))
    if not seen.success:
        await _refused(api, update, subject, seen, must_accept)
    if status and seen.status not in status:
        raise Nonconformity(one_of(status), seen.summary, seen, cause=f"status of {update.title}")
    if status and seen.status == 200 and not seen.body.strip():
        raise Nonconformity("200 with a body", "200 without one", seen, cause=f"no body: {update.title}")
    after = await settled(api, resource, subject, seen, lambda found: not _unmet(found, values, clears))
    processed(read, after, seen, what="what was just changed")
    unmet = _unmet(after.json(), values, clears)
    if unmet and in_part and (seen.status == 202 or in_part.encode() in seen.body):
        raise Inconclusive(f"the change was not accepted as a whole: {unmet[1]!r} is not at {unmet[0]}", after, seen)
    if unmet:
        place, value = unmet
        expected = f"{value!r} at {place}" if value is not ABSENT else f"nothing at {place}"
        raise Nonconformity(
            f"{expected} after the change",
            repr(one_at(after.json(), place)),
            after,
            seen,
            before,
            cause=f"change without effect: {update.title}",
        )
    merges = body is None and isinstance(wanted, Mapping) and update.body is None
    _others_kept(api, resource, before, after, seen, (*values, *clears), merged=merges)


async def _refused(api: Api, update: Operation, subject: Subject, seen: Exchange, must_accept: bool) -> None:
    if 300 <= seen.status < 400:
        raise Inconclusive(f"{seen.request.where} redirects ({seen.status}); the suite follows no redirects", seen)
    if seen.status >= 500 and seen.status != 501:
        raise Nonconformity(
            f"{one_of(update.success)}: a valid change is processed", seen.summary, seen, cause=f"{seen.status}: {update.title}"
        )
    if not must_accept:
        raise Inconclusive(f"needs test_data: {seen.request.where} refused our example with {seen.refusal}", seen)
    owner = api.profile.bindings.resource_of(update.id)
    usual = api.fill(update.body) if update.body is not None else api.fill(dict(owner.changes if owner else {}))
    control = await given(await write_request(api, update, subject, usual))
    raise Nonconformity(
        f"{one_of(update.success)}: this form of the change is accepted like the usual one",
        seen.summary,
        seen,
        control,
        cause=f"form of a change refused: {update.title}",
    )


def _unmet(found: Any, values: Mapping[str, Any], clears: Sequence[str]) -> tuple[str, Any] | None:
    """Return the first place that does not hold what it should, with the value wanted (`ABSENT` for none)."""
    for place, value in values.items():
        if not any(has(value, shown) for shown in pick(found, place)):
            return place, value
    return next(((place, ABSENT) for place in clears if any(not empty(shown) for shown in pick(found, place))), None)


def _others_kept(
    api: Api, resource: Resource, before: Exchange, after: Exchange, seen: Exchange, touched: Sequence[str], *, merged: bool = False
) -> None:
    """Expect that no member sent at the create, and not touched by the change, has lost its value (another value may be derived).

    Of a merge (RFC 7396), which leaves alone what it does not name, the members at any depth are looked at; else those at the top.
    """
    apart = [place for place in (*touched, *not_compared(api, resource)) if place]
    if merged:
        places = [place for place in leaves(resource.example or {}) if not any(_meet(place, other) for other in apart)]
    else:
        tops = {place.split("/")[1] for place in apart}
        places = [f"/{name}" for name in resource.example or {} if name not in tops]
    for place in places:
        value, left = one_at(before.json(), place), one_at(after.json(), place)
        if not empty(value) and empty(left):
            cause = f"change clears others: {resource.name}"
            raise Nonconformity(f"{place} as before: {value!r}", repr(left), after, seen, before, cause=cause, place=place)


def _meet(one: str, other: str) -> bool:
    return f"{one}/".startswith(f"{other}/") or f"{other}/".startswith(f"{one}/")


@check("read-only-ignored", roles=("create", "read"))
async def read_only_ignored(
    api: Api, resource: Resource, members: Mapping[str, Any], pointers: Sequence[str], role: str = "create", refusal: str = "finding"
) -> None:
    """Sends a valid write with values for members that belong to the server, and expects that it is done and they are not taken.

    Args:
        role: `create`, `replace` or `update`.
        members: what is added to the body.
        pointers: the places whose values may not be taken.
        refusal: `accepted` where the standard lets a server refuse such a write.
    """
    added = await filled(api, dict(members))
    if role == "create":
        at = await home(api, resource)
        body = merged(await fresh_example(api, resource), added)
        seen = await send(making(api, resource, at, body))
        control = None if seen.success else await given(making(api, resource, at, await fresh_example(api, resource)))
        subject = created(api, resource, seen, body, at.parent) if seen.success else None
    else:
        operation = api.operation(getattr(resource, role))
        subject = (await create(api, resource))[0]
        usual = api.changed(resource, subject.sent) if role == "replace" else api.fill(dict(resource.changes))
        body = merged(usual, added)
        seen = await send(await write_request(api, operation, subject, body))
        control = None if seen.success else await given(await write_request(api, operation, subject, usual))
    if not seen.success or subject is None:
        _refused_members(seen, control, refusal)
        return
    after = set_up(await settled(api, resource, subject, seen, lambda found: True))
    for pointer in pointers:
        ours, shown = one_at(body, pointer), one_at(after.json(), pointer)
        if ours is not ABSENT and shown is not ABSENT and same_value(ours, shown):
            raise Nonconformity(
                f"{pointer} belongs to the server",
                f"the client's {ours!r} was taken",
                after,
                seen,
                cause=f"client sets {pointer}: {resource.name}",
            )


def _refused_members(seen: Exchange, control: Exchange | None, refusal: str) -> None:
    if 300 <= seen.status < 400:
        raise Inconclusive(f"{seen.request.where} redirects ({seen.status}); the suite follows no redirects", seen)
    if refusal == "accepted" and seen.status < 500:
        return
    others = (control,) if control else ()
    raise Nonconformity(
        "the write is done and the server's members are ignored",
        seen.summary,
        seen,
        *others,
        cause=f"refuses read-only members: {seen.request.operation}",
    )


@check("immutable-member", roles=("create", "read"))
async def immutable_member(api: Api, resource: Resource, members: Mapping[str, Any], pointers: Sequence[str], role: str = "") -> None:
    """Creates one and writes it with other values in members that cannot be changed: refused or without effect, never changed.

    Args:
        members: what the write says of them.
        pointers: the places whose values must stay as they were shown.
        role: `replace` or `update`; by default `replace` where there is one.
    """
    role = role or ("replace" if resource.replace else "update")
    operation, read = api.operation(getattr(resource, role)), api.operation(resource.read)
    wanted = await filled(api, dict(members))
    subject = (await create(api, resource))[0]
    before = await given(api.request(read, subject=subject))
    if all(one_at(before.json(), p) is ABSENT for p in pointers):
        raise Inconclusive(f"the server shows nothing at {' or '.join(pointers)}", before)
    usual = api.changed(resource, subject.sent) if role == "replace" else api.fill(dict(resource.changes))
    seen = await send(await write_request(api, operation, subject, merged(usual, wanted)))
    if seen.status >= 500:
        cause = f"{seen.status}: {operation.title} on an immutable member"
        raise Nonconformity("a refusal, or no effect", seen.summary, seen, before, cause=cause)
    after = set_up(await settled(api, resource, subject, seen, lambda found: True))
    for pointer in pointers:
        was, shown = one_at(before.json(), pointer), one_at(after.json(), pointer)
        if was is not ABSENT and not same_value(was, shown):
            cause = f"can be changed: {pointer} of {resource.name}"
            raise Nonconformity(f"{pointer} stays {was!r}", repr(shown), after, seen, before, cause=cause)
    if not seen.success:
        await given(await write_request(api, operation, subject, usual))


@check("update-in-place", roles=("create", "read"))
async def update_in_place(
    api: Api, resource: Resource, member: str, new_id: bool = False, members: Mapping[str, Any] | None = None,
    changes: Mapping[str, Any] | None = None, ignore: Sequence[str] = (),
) -> None:  # fmt: skip
    """Creates one, sends the create again with its id and a change, and expects the change under the id in the answer.

    Args:
        member: where the body holds the known id.
        new_id: the change may be stored under a new id; what was there before is then gone or shown as the bindings say.
        members: added to the example before; `changes`: what is changed (the changes of the bindings).
        ignore: pointers that are not compared, beside those of the bindings.
    """
    at = await home(api, resource)
    first, made = await make(api, resource, at, merged(await fresh_example(api, resource), api.fill(dict(members or {}))))
    set_up(await settled(api, resource, first, made, lambda found: True))
    known = first.parameters.get(resource.parameter, "")
    named = put(first.sent, member, known)
    body = merged(named, api.fill(dict(changes))) if changes else api.changed(resource, named)
    seen = await given(making(api, resource, at, body))
    second = created(api, resource, seen, body, at.parent)
    moved = second.parameters.get(resource.parameter) != known
    if moved and not new_id:
        raise Nonconformity(
            f"the same id, {known}",
            repr(second.parameters.get(resource.parameter)),
            seen,
            made,
            cause=f"update makes another: {resource.name}",
        )
    ignoring = (*not_compared(api, resource), member, *ignore)
    after = await settled(api, resource, second, seen, lambda found: has(body, found, ignoring))
    processed(api.operation(resource.read), after, seen, what="what was just changed")
    expect_same(body, after.json(), after, seen, made, ignoring=ignoring)
    if moved:
        old = await poll(api.request(api.operation(resource.read), subject=first), lambda x: over(resource, x), resource.within)
        if not over(resource, old):
            raise Nonconformity(
                f"the {resource.name} of the first id is over, since the change has a new one",
                old.summary,
                old,
                seen,
                made,
                cause=f"update makes another: {resource.name}",
            )

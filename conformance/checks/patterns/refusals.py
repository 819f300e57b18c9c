"""Writes that must be refused: they say why, change nothing and make nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from conformance.api import Api, Subject, merged
from conformance.checks.expect import ABSENT, expect_format, expect_same, expect_schema, one_of, same_value
from conformance.checks.patterns.home import home, listing, make, making, same_marker
from conformance.checks.patterns.lifecycle import kept_at, still_there
from conformance.checks.patterns.places import CHANGES, empty, expect_told, leaves, one_at, put, refer
from conformance.checks.patterns.writing import write_request
from conformance.checks.registry import check
from conformance.checks.service import expect_error
from conformance.checks.subjects import changing_body, created, fresh_example, named
from conformance.contract import Operation
from conformance.ending import Inconclusive, Nonconformity, NotApplicable, NotTested
from conformance.exchange import Exchange, Request
from conformance.flow import given, send
from conformance.profile import ROLES, Resource

#: From this length on a text that is fresh is nobody else's.
LONG = 10


@dataclass(frozen=True, slots=True)
class _Refusal:
    """What a refusal must look like; one that is not `demanded` may fail to come, which then proves nothing."""

    status: tuple[int, ...] = ()
    members: Mapping[str, Any] = field(default_factory=dict)
    error_body: bool = False
    demanded: bool = False
    schema: str = ""
    may_be_granted: bool = False

    def expect(self, api: Api, seen: Exchange, *others: Exchange, what: str) -> None:
        """Expect this refusal of *what*."""
        good = seen.status in self.status if self.status else 400 <= seen.status < 500
        if self.demanded and not good:
            wanted = one_of(self.status) if self.status else "a 4xx"
            observed = f"{seen.summary}: accepted" if seen.success else seen.summary
            raise Nonconformity(
                f"{wanted}: {what} is refused", observed, seen, *others, cause=f"{what} not refused: {seen.request.operation}"
            )
        expect_told(api, seen, self.members, *others)
        if self.error_body:
            expect_error(api, seen)
        if self.schema:
            expect_format(api, seen, *others)
            expect_schema(api, f"/components/schemas/{self.schema}", seen)


@check("refused-write-changes-nothing", roles=("read",), writes=True)
async def refused_write_changes_nothing(
    api: Api, resource: Resource, write: str = "", body: Any = None, changes: Mapping[str, Any] | None = None, status: Sequence[int] = (),
    error: Mapping[str, Any] | bool = False, same: Sequence[str] = (), schema: str = "", if_refused: bool = False,
) -> None:  # fmt: skip
    """Sends a write that must be refused (unless told otherwise a body that is not JSON) and looks whether anything changed or was made.

    Args:
        write: `create`, `replace`, `update` or an operation; by default `replace`, or `update` where there is no replace.
        body: the body to refuse, as it is; `changes`: members that make a valid body one to refuse.
        status: the statuses that refuse it; without them any 4xx or 5xx, and accepting it is no finding.
        error: true for an error body as the bindings say, or members of it (pointer -> value).
        same: pointers that are compared before and after; by default all that the client may write.
        schema: the component that the body of the refusal follows.
        if_refused: where it may be granted too.
    """
    members = error if isinstance(error, Mapping) else {}
    refusal = _Refusal(tuple(status), members, error is True, bool(status), schema, if_refused)
    role = write or ("replace" if resource.replace else "update")
    if role == "create":
        await _nothing_made(api, resource, body, changes or {}, refusal)
    else:
        operation = api.operation(getattr(resource, role) if role in ROLES else role)
        await _nothing_changed(api, resource, operation, body, changes or {}, refusal, same)


async def _nothing_made(api: Api, resource: Resource, body: Any, changes: Mapping[str, Any], refusal: _Refusal) -> None:
    at = await home(api, resource)
    valid = await fresh_example(api, resource)
    wrong = merged(valid, api.fill(dict(changes))) if body is None else api.fill(body)
    asked = making(api, resource, at, wrong)
    seen = await send(asked if body is not None or changes else _spoil(asked), also=refusal.status)
    control = await given(making(api, resource, at, await fresh_example(api, resource)))
    if seen.success and refusal.may_be_granted:
        raise NotApplicable("it was not refused, which is permitted")
    if seen.success and not refusal.demanded:
        raise Inconclusive("nothing was refused", seen)
    refusal.expect(api, seen, control, what=f"a {resource.name} that must not be made")
    if resource.list and resource.marker and not seen.success:
        listed = await given(listing(api, resource, at))
        fresh = _fresh(wrong, valid, await fresh_example(api, resource))
        if any(same_marker(resource, i, wrong) or _shows(i, fresh) for i in api.items(resource, listed.json())):
            raise Nonconformity(
                "nothing is made by a refused create",
                f"the {resource.name} is in the list",
                listed,
                seen,
                cause=f"refused create makes: {resource.create}",
            )


def _fresh(sent: Any, valid: Any, other: Any) -> dict[str, str]:
    """Return the texts of a body, by place, that nobody else has: long ones of its example that a second example has otherwise."""
    ours, others = leaves(valid), leaves(other)
    long = {place: v for place, v in leaves(sent).items() if isinstance(v, str) and len(v) >= LONG and re.search("[A-Za-z]", v)}
    return {p: v for p, v in long.items() if ours.get(p) == v and isinstance(others.get(p), str) and others[p] != v}


def _shows(item: Any, fresh: Mapping[str, str]) -> bool:
    return any(same_value(one_at(item, place), value) for place, value in fresh.items())


async def _nothing_changed(
    api: Api, resource: Resource, operation: Operation, body: Any, changes: Mapping[str, Any], refusal: _Refusal, same: Sequence[str],
    shown: Sequence[str] = (),
) -> None:  # fmt: skip
    subject = await target_of(api, resource, operation)
    read = api.request(api.operation(resource.read), subject=subject)
    before = await given(read)
    for pointer in shown:
        if empty(one_at(before.json(), pointer)):
            raise NotApplicable(f"the server shows nothing at {pointer}")
    right = changing_body(api, resource, operation, subject)
    valid = await write_request(api, operation, subject, right)
    wrong = (
        right
        if body is None and not changes
        else merged(right, api.fill(dict(changes)))
        if body is None
        else api.fill(refer(body, before.json()))
    )
    asked = _spoil(valid) if wrong is right else await write_request(api, operation, subject, wrong)
    refused = await send(asked, also=refusal.status)
    after = await given(read)
    if refused.success and (refusal.may_be_granted or not refusal.demanded):
        control = await given(await write_request(api, operation, subject, right))
        if refusal.may_be_granted:
            raise NotApplicable("it was not refused, which is permitted")
        raise Inconclusive("nothing was refused", refused, control)
    if not refused.success:
        _expect_as_before(api, resource, before, after, refused, wrong, same)
    control = await send(await write_request(api, operation, subject, right))
    if not control.success:
        raise Inconclusive(f"no control: the valid write answered {control.status}", control, refused)
    refusal.expect(api, refused, control, what="this write")


def _expect_as_before(
    api: Api, resource: Resource, before: Exchange, after: Exchange, refused: Exchange, wrong: Any, same: Sequence[str]
) -> None:
    """Expect that nothing is other than before, at the pointers of *same* or everywhere, and that nothing of *wrong* was added."""
    ignoring = (*resource.ignore, *api.server_owned(api.operation(resource.read)))
    was, now = before.json(), after.json()
    for wanted, found in [(one_at(was, p), one_at(now, p)) for p in same] or [(was, now)]:
        first, second = (None if value is ABSENT else value for value in (wanted, found))
        expect_same(first, second, after, refused, before, ignoring=() if same else ignoring, what="as before the refused write", at=None)
    for pointer, value in leaves(wrong).items():
        if not same and not empty(value) and one_at(was, pointer) is ABSENT and same_value(one_at(now, pointer), value):
            raise Nonconformity(
                f"nothing at {pointer}, as before the refused write", repr(value), after, refused, before, cause=f"value of {pointer}"
            )


async def target_of(api: Api, resource: Resource, operation: Operation) -> Subject:
    """Return what may be written to: what the target's owner named for a disruptive operation, else one that we make."""
    if operation.test_data:
        return await named(api, operation)
    if not resource.create:
        raise NotTested(f"only a {resource.name} of our own may be changed, and the profile has no way to create one")
    return (await make(api, resource, await home(api, resource)))[0]


def _spoil(request: Request) -> Request:
    """Cut the body off before its last brace: the members that a careless server would apply are all there."""
    return request.with_(body=request.body.rstrip().removesuffix(b"}"))


@check("patch-refused", roles=("create", "read", "update"))
async def patch_refused(
    api: Api, resource: Resource, body: Any, status: Sequence[int] = (), error: Mapping[str, Any] | None = None, shown: Sequence[str] = ()
) -> None:
    """Sends a partial change that must be refused, looks that nothing of it took effect, and sends a valid one as control.

    Args:
        body: the body; `{/pointer}` is a value that the resource shows.
        status: the statuses that refuse it; without them any 4xx.
        error: members of the error, pointer -> value.
        shown: pointers that the server must show for this to be looked at.
    """
    refusal = _Refusal(tuple(status), error or {}, demanded=True)
    await _nothing_changed(api, resource, api.operation(resource.update), body, {}, refusal, (), shown)


@check("patch-in-part", roles=("create", "read", "update"))
async def patch_in_part(api: Api, resource: Resource, members: Mapping[str, Any], told: str, status: Sequence[int] = (200,)) -> None:
    """Sends a change of which one part cannot be done: the rest is done and the answer says which part is not, or nothing is changed.

    Args:
        members: the part that cannot be done, added to the changes of the bindings.
        told: how the names of the members end in which an answer says what was not done.
        status: the statuses of a change that is done in part.
    """
    operation = api.operation(resource.update)
    subject = await target_of(api, resource, operation)
    read = api.request(api.operation(resource.read), subject=subject)
    before = await given(read)
    right = changing_body(api, resource, operation, subject)
    wrong = merged(right, api.fill(dict(members)))
    seen = await send(await write_request(api, operation, subject, wrong))
    after = await given(read)
    if seen.status == 202 or 300 <= seen.status < 400:
        raise Inconclusive(f"{seen.request.where} answered {seen.status}, which does not say what is done", seen)
    if not seen.success:
        _expect_as_before(api, resource, before, after, seen, wrong, ())
        await given(await write_request(api, operation, subject, right))
        return
    if any(same_value(one_at(after.json(), p), v) for p, v in leaves(members).items()):
        raise NotApplicable("the part that cannot be done was done")
    if all(same_value(one_at(after.json(), p), one_at(before.json(), p)) for p in leaves(right)):
        raise Inconclusive("nothing was changed; `patch-applies` looks at that", seen, after)
    body = seen.json() if seen.body.strip() else None
    if seen.status not in status or not _names_all(body, told, members):
        expected = f"{one_of(status)} with {told} that names {', '.join(members)}, which was not done"
        raise Nonconformity(expected, f"{seen.summary}: the rest was done", seen, after, before, cause=f"done in part: {operation.title}")


def _names_all(body: Any, told: str, members: Mapping[str, Any]) -> bool:
    """Tell whether an answer has something at members whose name ends like *told*, and speaks there of each of *members*."""
    said = [f"{name}: {value}" for name, value in _members(body) if name.endswith(told) and value]
    return all(any(member in text for text in said) for member in members)


def _members(body: Any) -> list[tuple[str, Any]]:
    """Return the members of an object and of all that is inside it."""
    inside = body.items() if isinstance(body, dict) else [("", v) for v in body] if isinstance(body, list) else []
    return [*([(k, v) for k, v in inside if k]), *[pair for _, v in inside for pair in _members(v)]]


@check("unknown-id-on-create", roles=("create",))
async def unknown_id_on_create(api: Api, resource: Resource, member: str, value: Any = "{uuid}", status: Sequence[int] = (404,)) -> None:
    """Sends a create that names an id that does not exist, which must be refused without making anything; a plain create is the control.

    Args:
        member: where the body holds the id.
        value: a well-formed id that does not exist.
        status: the statuses that refuse it.
    """
    await _nothing_made(api, resource, None, put({}, member, value), _Refusal(tuple(status), demanded=True))


@check("unique-conflict", roles=("create",))
async def unique_conflict(
    api: Api, resource: Resource, pointer: str, status: Sequence[int] = (409,), error: Mapping[str, Any] | None = None, change: str = "",
    together: Sequence[str] = (),
) -> None:  # fmt: skip
    """Creates one, then another with the same value in a member that must be unique, then one with a value of its own as control.

    Args:
        pointer: the member.
        status: the statuses that refuse the second one.
        error: members of the error, pointer -> value.
        change: `swap-case` sends the value in the other case.
        together: further members that are only together with it unique, sent again as they are.
    """
    at = await home(api, resource)
    subject, made = await make(api, resource, at)
    taken = one_at(subject.shown, pointer)
    taken = one_at(subject.sent, pointer) if empty(taken) else taken
    if empty(taken):
        raise Inconclusive(f"our {resource.name} has nothing at {pointer}", made)
    second, third = await fresh_example(api, resource), await fresh_example(api, resource)
    again = CHANGES[change](taken) if isinstance(taken, str) else taken
    for member in together:
        second = put(second, member, one_at(subject.sent, member))
    seen = await send(making(api, resource, at, put(second, pointer, again)), also=tuple(status))
    control = await given(making(api, resource, at, third))
    if 300 <= seen.status < 400:
        raise Inconclusive(f"{seen.request.where} redirects ({seen.status}); the suite follows no redirects", seen)
    if seen.success and seen.status not in status:
        await still_there(api, resource, created(api, resource, control, third, at.parent), control)
        await _kept_as_sent(api, resource, subject, (pointer, *together), made)
    if seen.status not in status:
        observed = f"{seen.summary}: accepted" if seen.success else seen.summary
        raise Nonconformity(
            f"{one_of(status)}: {pointer} {again!r} is taken", observed, seen, made, control, cause=f"not unique: {resource.name} {pointer}"
        )
    expect_told(api, seen, error or {}, control)


async def _kept_as_sent(api: Api, resource: Resource, subject: Subject, pointers: Sequence[str], made: Exchange) -> None:
    """Go on only where the values are kept as they were sent, in whatever case: two that a server changes need not be the same."""
    read = await send(api.request(api.operation(resource.read), subject=subject)) if resource.read else made
    for pointer in pointers if read.success and resource.read else ():
        sent, shown = one_at(subject.sent, pointer), kept_at(api, resource, read, pointer)
        if isinstance(sent, str) and isinstance(shown, str) and sent.casefold() != shown.casefold():
            raise Inconclusive(f"{sent!r} at {pointer} became {shown!r}; `read-after-create` looks at that", read, made)


@check("replace-never-creates", roles=("create", "read", "replace"))
async def replace_never_creates(api: Api, resource: Resource) -> None:
    """Sends a replace to an id that does not exist and looks whether there is something now; a replace of ours is the control."""
    subject = (await make(api, resource, await home(api, resource)))[0]
    operation = api.operation(resource.replace)
    body = api.changed(resource, subject.sent)
    nowhere = Subject(parameters={**subject.parameters, resource.parameter: api.unknown_id(resource)})
    seen = await send(api.request(operation, subject=nowhere, body=body))
    after = await send(api.request(api.operation(resource.read), subject=nowhere))
    control = await given(await write_request(api, operation, subject, body))
    if seen.status == 201 or after.success:
        observed = f"{seen.summary}, and the read answers {after.summary}"
        raise Nonconformity(
            f"nothing is made by a replace; the read answers {one_of(resource.gone)}",
            observed,
            seen,
            after,
            control,
            cause=f"replace creates: {operation.title}",
        )
    if seen.success:
        raise Nonconformity(
            f"{one_of(api.profile.bindings.error.unknown)}: there is nothing to replace",
            seen.summary,
            seen,
            after,
            control,
            cause=f"replace creates: {operation.title}",
        )

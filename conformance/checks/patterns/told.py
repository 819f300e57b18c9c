"""What a refusal says: requests with one thing wrong, and the status and members that the standard gives to each reason."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from conformance.api import Api
from conformance.checks.contract import provoke
from conformance.checks.expect import ABSENT, expect_format, expect_schema, one_of, same_value
from conformance.checks.patterns.lifecycle import still_there
from conformance.checks.patterns.places import expect_told, one_at
from conformance.checks.patterns.protocol import asking
from conformance.checks.registry import check
from conformance.checks.subjects import create, discard, filled, fresh_example, located, renamed, valid_request
from conformance.content import sent_body, with_members
from conformance.contract import Operation
from conformance.ending import Inconclusive, Nonconformity, NotApplicable
from conformance.exchange import Exchange, Request
from conformance.flow import given, send
from conformance.forms import BASIC, FORM, POST, Client, fields_of, proven, with_fields
from conformance.profile import Resource
from conformance.requirement import pick
from conformance.scoring import ERROR_FORMAT


def replaced(body: Mapping[str, Any], members: Mapping[str, Any]) -> dict[str, Any]:
    """Return *body* with other *members*; those that are None are left out.

    >>> replaced({"a": {"b": 1}, "c": 2}, {"a": {}, "c": None})
    {'a': {}}
    """
    return {name: value for name, value in {**body, **members}.items() if value is not None}


async def changed(api: Api, operation: Operation, right: Request, changes: Mapping[str, Any]) -> Request:
    """Return a request with other members in its body: a JSON object, parts, or a form. Without changes it need not have a body."""
    if not changes:
        return right
    members = await filled(api, dict(changes))
    if operation.request_media == FORM:
        return with_fields(right, {**dict.fromkeys(changes), **members})
    return with_members(right, replaced(sent_body(right), members))


def as_client(api: Api, request: Request, client: str) -> Request:
    """Return a form that somebody else sends: `none`, `unknown`, `wrong-secret` and `wrong-secret-post`, or our client `twice`."""
    if client == "none":
        return proven(request, Client()).with_(identity="none")
    if client == "unknown":
        return proven(request, Client(id=api.fresh(), secret=api.fresh())).with_(identity="none")
    ours = api.client()
    if client == "twice":
        both = dict(fields_of(proven(request, Client(id=ours.id, secret=ours.secret, method=POST))))
        return with_fields(proven(request, Client(id=ours.id, secret=ours.secret)), {k: both[k] for k in ("client_id", "client_secret")})
    method = POST if client.endswith("post") else BASIC
    return proven(request, Client(id=ours.id, secret=f"wrong-{api.fresh()}", method=method)).with_(identity="none")


@check("error-members", about="operation")
async def error_members(
    api: Api,
    operation: Operation,
    kind: str,
    members: Mapping[str, Any] | None = None,
    statuses: Sequence[int] = (),
    same: Mapping[str, str] | None = None,
) -> None:
    """Provokes one kind of error, with a control, and looks at members of its body.

    With: `kind`, one of unknown-id, not-json, no-credentials, wrong-credentials; `members`, pointer -> value or a list of values;
    `statuses`, the only ones that are looked at (any 4xx); `same`, pointer -> header of the answer that says the same, where the body
    says anything.
    """
    seen, control = await provoke(api, operation, kind)
    if not (seen.status in statuses if statuses else 400 <= seen.status < 500):
        raise Inconclusive(f"{operation.title} answered {seen.status}", seen, control)
    expect_told(api, seen, members or {}, control)
    if same:
        _expect_same_as_headers(api, seen, same, control)


def _expect_same_as_headers(api: Api, seen: Exchange, same: Mapping[str, str], control: Exchange) -> None:
    expect_format(api, seen, control)
    told = {place: one_at(seen.json(), place) for place in same}
    if all(value is ABSENT for value in told.values()):
        raise NotApplicable(f"the error says nothing at {' or '.join(same)}")
    for place, value in told.items():
        wanted = seen.header(same[place])
        if value is not ABSENT and value != wanted:
            expected = f"{wanted!r} at {place} of the error, as in {same[place]}" if wanted else f"{same[place]}, as {place} of the error"
            raise Nonconformity(expected, repr(value), seen, control, cause=f"the error: {place} and {same[place]}", place=place)


@check("request-refused", about="operation")
async def request_refused(
    api: Api,
    operation: Operation,
    status: Sequence[int],
    changes: Mapping[str, Any] | None = None,
    headers: Mapping[str, str | None] | None = None,
    error: Mapping[str, Any] | None = None,
    client: str = "",
    tells: Mapping[str, str] | None = None,
    schema: str = "",
    if_refused: bool = False,
    kept: Sequence[str] = (),
    alone: Mapping[str, Any] | None = None,
) -> None:
    """Sends a valid request with some of it made wrong, which must be refused, then the valid one as control.

    With: `status` of the refusal; `changes`, members of the body that are replaced (null: left out; a list in a form: sent several
    times); `headers` of the request (null: left out); `client`, who sends a form instead of our client (none, unknown, wrong-secret,
    wrong-secret-post, or ours `twice`); `error`, members of the refusal, pointer -> value or a list of values; `tells`, headers of the
    refusal and a regular expression for each; `schema`, the component that its body follows; `if_refused`, where it may be granted too; `kept`, where the server may leave
    out or replace what it does not want: granting it is a finding only where the answer shows all of these places as they were sent;
    `alone`, members of a refusal that show by themselves that our client was let in, so that no control is needed (none: its status
    does; a request with other `headers` then needs no test data for those that it replaces).
    """
    told = {k: v and str(api.fill(v)) for k, v in (headers or {}).items()}
    bare = alone is not None and bool(told)
    if bare:
        right = api.request(operation, link=await located(api, operation), headers=dict.fromkeys(told))
    else:
        right = await valid_request(api, operation)
    wrong = _with_headers(right, told) if told else right
    if changes is not None:
        wrong = await changed(api, operation, wrong, changes)
    if client:
        wrong = as_client(api, wrong, client)
    # a client that is let in by the control was not refused for its credentials
    seen = await send(wrong, also=(*status, 401, 403) if operation.client else tuple(status))
    resource = api.profile.bindings.resource_of(operation.id)
    if seen.success and resource and resource.create == operation.id:
        await discard(api, resource, seen)
    controls: tuple[Exchange, ...] = ()
    if alone is None or not (seen.success or (_says(api, seen, alone) if alone else seen.status in status)):
        right = await valid_request(api, operation) if bare else right
        controls = (await given(renamed(api, resource, right) if resource and resource.create == operation.id else right),)
    if seen.success and if_refused:
        raise NotApplicable("it was not refused, which is permitted")
    if seen.success and any(not same_value(one_at(seen.json(), place), one_at(sent_body(seen.request), place)) for place in kept):
        raise NotApplicable(f"it was granted without what was sent at {', '.join(kept)}, which is permitted")
    if seen.status not in status:
        observed = f"{seen.summary}: accepted" if seen.success else seen.summary
        what = ", ".join([*(changes or {}), *(headers or {}), *([f"client {client}"] if client else [])])
        raise Nonconformity(f"{one_of(status)}: {what} is wrong", observed, seen, *controls, cause=f"not refused: {operation.title} {what}")
    if schema:
        _expect_refusal(api, schema, seen, *controls)
    expect_told(api, seen, error or {}, *controls)
    for name, pattern in (tells or {}).items():
        lines = [v for k, v in seen.headers if k.lower() == name.lower()]
        if not any(re.search(pattern, line) for line in lines):
            observed = ", ".join(lines) or "no such header"
            raise Nonconformity(f"{name} like {pattern} in the refusal", observed, seen, *controls, cause=f"refusal: {name}")


def _says(api: Api, seen: Exchange, error: Mapping[str, Any]) -> bool:
    """Tell whether a refusal has these members."""
    try:
        expect_told(api, seen, error)
    except (Nonconformity, Inconclusive):
        return False
    return True


def _expect_refusal(api: Api, schema: str, seen: Exchange, *controls: Exchange) -> None:
    """Expect the body of a refusal to follow a schema; of the schema that the bindings name for errors it is the format of errors."""
    try:
        expect_schema(api, f"/components/schemas/{schema}", seen)
    except Nonconformity as found:
        cause = ERROR_FORMAT if schema == api.profile.bindings.error.schema else found.cause
        raise Nonconformity(found.expected, found.observed, seen, *controls, cause=cause) from None


def _with_headers(request: Request, headers: Mapping[str, str | None]) -> Request:
    for name in headers:
        request = request.without_header(name)
    kept = tuple((k.lower(), v) for k, v in headers.items() if v is not None)
    return request.with_(headers=(*request.headers, *kept), identity=request.identity if len(kept) == len(headers) else "none")


def _with_query(api: Api, request: Request, query: Mapping[str, str | None]) -> Request:
    for name, value in query.items():
        request = asking(request, name, value and str(api.fill(value)))
    return request


@check("request-accepted", about="operation")
async def request_accepted(
    api: Api, operation: Operation, changes: Mapping[str, Any] | None = None, query: Mapping[str, str | None] | None = None
) -> None:
    """Sends a request with data that the standard, or the target's owner, says is good: accepted where the plain valid one is.

    With: `changes`, members of the valid body that are replaced; they may take from `test_data`; `query`, parameters that are sent in
    the place of those of the valid request (null: left out of either).
    """
    right = await valid_request(api, operation)
    asked = _with_query(api, await changed(api, operation, right, changes or {}), query or {})
    seen = await send(asked, also=(401, 403) if operation.client else (401,))
    if not seen.success:
        control = await given(right)  # which shows that it does not speak of the credentials
        what = ", ".join([*(changes or {}), *(query or {})])
        expected = f"{one_of(operation.success)}: accepted with this {what} as with the usual one"
        raise Nonconformity(expected, seen.summary, seen, control, cause=f"refused: {operation.title} {what}")


@check("request-survived", about="operation")
async def request_survived(
    api: Api, operation: Operation, changes: Mapping[str, Any] | None = None, query: Mapping[str, str | None] | None = None
) -> None:
    """Sends a request that the contract permits and that may be refused all the same: with a 4xx (or 501), never by breaking.

    With: `changes`, members of the valid body that are replaced; `query`, parameters that are sent in the place of those of the valid
    request (null: left out of either).
    """
    right = await valid_request(api, operation)
    asked = _with_query(api, await changed(api, operation, right, changes or {}), query or {})
    seen = await send(asked)
    control = await given(right)
    if seen.status >= 500 and seen.status not in (501, 503):
        what = ", ".join([*(changes or {}), *(query or {})])
        observed = f"{seen.summary}: {what}"
        raise Nonconformity("an answer or a refusal with a 4xx", observed, seen, control, cause=f"breaks: {operation.title} {what}")


@check("repeat-refused", roles=("create",))
async def repeat_refused(api: Api, resource: Resource, status: Sequence[int] = (409,), error: Mapping[str, Any] | None = None) -> None:
    """Creates one and sends the very same create again, which must be refused; another one is the control.

    With: `status` of the refusal; `error`, members of it, pointer -> value or a list of values.
    """
    body = await fresh_example(api, resource)
    _, made = await create(api, resource, body)
    again = with_members(made.request, body)
    seen = await send(again, also=tuple(status))
    if seen.success and pick(api.body_of(seen), resource.id) != pick(api.body_of(made), resource.id):
        await discard(api, resource, seen)
    other, control = await create(api, resource)
    if seen.success:
        await still_there(api, resource, other, control)
    if seen.status not in status:
        observed = f"{seen.summary}: accepted" if seen.success else seen.summary
        raise Nonconformity(
            f"{one_of(status)} for the same {resource.name} again", observed, seen, made, control, cause=f"repeated: {resource.name}"
        )
    expect_told(api, seen, error or {}, made, control)

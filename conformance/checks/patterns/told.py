"""What a refusal says: requests with one thing wrong, and the status and members that the standard gives to each reason."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from conformance.api import Api
from conformance.checks.contract import provoke
from conformance.checks.expect import one_of, same_value
from conformance.checks.patterns.places import one_at
from conformance.checks.registry import check
from conformance.checks.subjects import create, discard, filled, fresh_example, valid_request
from conformance.contract import Operation
from conformance.ending import Inconclusive, Nonconformity
from conformance.exchange import Exchange, Request
from conformance.flow import given, send
from conformance.profile import Resource
from conformance.requirement import pick

#: Kinds of `error-members` that are about who asks.
_IDENTITIES = {"no-credentials": "none", "wrong-credentials": "bad"}


def replaced(body: Mapping[str, Any], members: Mapping[str, Any]) -> dict[str, Any]:
    """Return *body* with other *members*; those that are None are left out.

    >>> replaced({"a": {"b": 1}, "c": 2}, {"a": {}, "c": None})
    {'a': {}}
    """
    return {name: value for name, value in {**body, **members}.items() if value is not None}


def _misshapen(api: Api, seen: Exchange) -> bool:
    """Tell whether an error does not follow the format of the standard, and another requirement looks at that."""
    schema = api.profile.bindings.error.schema
    rules = [r.arguments for r in api.profile.requirements if r.check == "service-error-format"]
    looks = [r for r in rules if seen.status not in r.get("apart_from", ()) and seen.status in r.get("statuses", (seen.status,))]
    if not schema or not looks:
        return False
    try:
        return not api.profile.contract.responses.is_valid(f"/components/schemas/{schema}", seen.json())
    except (Nonconformity, Inconclusive):
        return True


def expect_told(api: Api, seen: Exchange, members: Mapping[str, Any], *others: Exchange) -> None:
    """Expect the error of an answer to have each value of *members* (pointer -> a value, or a list of which it is one).

    Raises:
        Inconclusive: it is not in the format of the standard's errors, which is for `service-error-format` to find.
    """
    if not members:
        return
    if _misshapen(api, seen):
        raise Inconclusive("the error is not in the format of the standard; `service-error-format` looks at that", seen, *others)
    body = seen.json() if seen.body.strip() else None
    for pointer, value in members.items():
        wanted = value if isinstance(value, list | tuple) else [value]
        found = one_at(body, pointer)
        if not any(same_value(found, one) for one in wanted):
            expected = " or ".join(str(one) for one in wanted)
            raise Nonconformity(
                f"{expected} at {pointer} of the error", repr(found), seen, *others, cause=f"the error: {pointer} {expected}"
            )


@check("error-members", about="operation")
async def error_members(api: Api, operation: Operation, kind: str, members: Mapping[str, Any], statuses: Sequence[int] = ()) -> None:
    """Provokes one kind of error, with a control, and looks at members of its body.

    With: `kind`, one of unknown-id, not-json, no-credentials, wrong-credentials; `members`, pointer -> value or a list of values;
    `statuses`, the only ones that are looked at (any 4xx).
    """
    if kind in _IDENTITIES:
        right = await valid_request(api, operation)
        seen = await send(right.with_(identity=_IDENTITIES[kind], undo=""), also=(401, 403))
        control = await given(right)
    else:
        seen, control = await provoke(api, operation, kind)
    if not (seen.status in statuses if statuses else 400 <= seen.status < 500):
        raise Inconclusive(f"{operation.title} answered {seen.status}", seen, control)
    expect_told(api, seen, members, control)


@check("request-refused", about="operation")
async def request_refused(
    api: Api,
    operation: Operation,
    status: Sequence[int],
    changes: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
    error: Mapping[str, Any] | None = None,
) -> None:
    """Sends a valid request with some of it made wrong, which must be refused, then the valid one as control.

    With: `status` of the refusal; `changes`, members of the body that are replaced (null: left out); `headers` of the request; `error`,
    members of the refusal, pointer -> value or a list of values.
    """
    right = await valid_request(api, operation)
    wrong = right if headers is None else _with_headers(right, {k: str(api.fill(v)) for k, v in headers.items()})
    if changes is not None:
        wrong = wrong.with_(body=json.dumps(replaced(json.loads(right.body), await filled(api, dict(changes)))).encode())
    seen = await send(wrong, also=tuple(status))
    resource = api.profile.bindings.resource_of(operation.id)
    if seen.success and resource and resource.create == operation.id:
        await discard(api, resource, seen)
    control = await given(right)
    if seen.status not in status:
        observed = f"{seen.summary}: accepted" if seen.success else seen.summary
        what = ", ".join([*(changes or {}), *(headers or {})])
        raise Nonconformity(f"{one_of(status)}: {what} is wrong", observed, seen, control, cause=f"not refused: {operation.title} {what}")
    expect_told(api, seen, error or {}, control)


def _with_headers(request: Request, headers: Mapping[str, str]) -> Request:
    for name in headers:
        request = request.without_header(name)
    return request.with_(headers=(*request.headers, *((k.lower(), v) for k, v in headers.items())))


@check("request-accepted", about="operation")
async def request_accepted(api: Api, operation: Operation, changes: Mapping[str, Any]) -> None:
    """Sends a request with data that the target's owner says is good, which must be accepted where the plain valid one is.

    With: `changes`, members of the valid body that are replaced; they take from `test_data`.
    """
    right = await valid_request(api, operation)
    seen = await send(right.with_(body=json.dumps(replaced(json.loads(right.body), await filled(api, dict(changes)))).encode()))
    if not seen.success:
        control = await given(right)
        what = ", ".join(changes)
        expected = f"{one_of(operation.success)}: {what} of the test data is taken"
        raise Nonconformity(expected, seen.summary, seen, control, cause=f"refused: {operation.title} {what}")


@check("repeat-refused", roles=("create",))
async def repeat_refused(api: Api, resource: Resource, status: Sequence[int] = (409,), error: Mapping[str, Any] | None = None) -> None:
    """Creates one and sends the very same create again, which must be refused; another one is the control.

    With: `status` of the refusal; `error`, members of it, pointer -> value or a list of values.
    """
    body = await fresh_example(api, resource)
    _, made = await create(api, resource, body)
    again = made.request.with_(body=json.dumps(body).encode())
    seen = await send(again, also=tuple(status))
    if seen.success and pick(seen.json(), resource.id) != pick(made.json(), resource.id):
        await discard(api, resource, seen)
    _, control = await create(api, resource)
    if seen.status not in status:
        observed = f"{seen.summary}: accepted" if seen.success else seen.summary
        raise Nonconformity(
            f"{one_of(status)} for the same {resource.name} again", observed, seen, made, control, cause=f"repeated: {resource.name}"
        )
    expect_told(api, seen, error or {}, made, control)

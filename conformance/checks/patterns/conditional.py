"""Requests that depend on a version: If-None-Match on reads, If-Match on writes (RFC 9110 section 13)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from conformance.api import Api, Subject
from conformance.checks.expect import expect_same, one_of
from conformance.checks.patterns.home import home, make, one
from conformance.checks.patterns.writing import has, write_request
from conformance.checks.registry import check
from conformance.checks.subjects import changing_body, until_ready
from conformance.contract import Operation
from conformance.ending import Inconclusive, Nonconformity
from conformance.exchange import Exchange, Request
from conformance.flow import given, send
from conformance.profile import Resource
from conformance.requirement import pick


def tag_of(seen: Exchange, pointer: str = "") -> str:
    """Return the ETag of an answer, or the version at *pointer* of its body.

    Raises:
        Inconclusive: it has none.
    """
    tag = next((str(v) for v in pick(seen.json(), pointer) if v is not None), "") if pointer else seen.header("etag")
    if not tag:
        raise Inconclusive(f"{seen.request.where} shows no {f'version at {pointer}' if pointer else 'ETag'}", seen)
    return tag


def _invented(api: Api) -> str:
    return f'"conformance-{api.fresh()}"'


@check("conditional-read", roles=("read",))
async def conditional_read(api: Api, resource: Resource, header: str = "If-None-Match", status: Sequence[int] = (304,)) -> None:
    """Reads with the ETag that the server just gave, which must be answered without a body, and with an invented one as control.

    Args:
        header: the request header that carries the tag.
        status: the statuses for what has not changed.
    """
    subject = await one(api, resource, await home(api, resource))
    operation = api.operation(resource.read)
    before = await given(api.request(operation, subject=subject))
    tag = tag_of(before)
    seen = await send(api.request(operation, subject=subject, headers={header: tag}))
    if seen.success and seen.header("etag") not in (None, tag):
        raise Inconclusive("it changed between two reads", seen, before)
    if seen.status not in status:
        raise Nonconformity(
            f"{one_of(status)}: nothing has changed", seen.summary, seen, before, cause=f"conditional read: {operation.title}"
        )
    if seen.status == 304 and seen.body:
        raise Nonconformity("304 without a body", f"{len(seen.body)} bytes", seen, before, cause="304 with a body")
    other = await send(api.request(operation, subject=subject, headers={header: _invented(api)}))
    if other.status in status:
        raise Nonconformity(
            f"{one_of(operation.success)}: this tag is not the current one",
            other.summary,
            other,
            seen,
            before,
            cause=f"conditional read: {operation.title}",
        )
    if not other.success:
        raise Inconclusive(f"no control: another tag is answered with {other.status}", other, seen)


@check("conditional-write", roles=("create", "read"))
async def conditional_write(
    api: Api, resource: Resource, role: str = "", header: str = "If-Match", status: Sequence[int] = (412,), version: str = ""
) -> None:
    """Changes one and writes again with the outdated ETag: refused, and nothing changed; with the current one it is the control.

    Args:
        role: `replace`, `update` or `delete`; by default `replace`, or `update` where there is no replace.
        header: the request header that carries the tag.
        status: the statuses that refuse an outdated tag.
        version: where the body shows the version that stands for the tag, in a standard that has no ETag.
    """
    subject = (await make(api, resource, await home(api, resource)))[0]
    read = api.request(api.operation(resource.read), subject=subject)
    first = await given(read)
    old = tag_of(first, version)
    operation = api.operation(getattr(resource, role) if role else resource.replace or resource.update)
    change = operation if operation.method != "DELETE" else api.operation(resource.replace or resource.update)
    await given(await write_request(api, change, subject, changing_body(api, resource, change, subject)))
    await until_ready(api, resource, subject)
    second = await given(read)
    if version and tag_of(second, version) == old:
        raise Inconclusive(f"the version at {version} is the same after a change", second, first)
    outdated = old if tag_of(second, version) != old else _invented(api)
    seen = await send(_write(api, resource, operation, subject, {header: outdated}), also=tuple(status))
    after = await send(read)
    if seen.success:
        raise Nonconformity(
            f"{one_of(status)}: the tag {outdated} is not the current one",
            f"{seen.summary}: the write was done",
            seen,
            second,
            after,
            cause=f"lost update: {operation.title}",
        )
    if not after.success:
        raise Nonconformity(
            "as before the refused write", after.summary, after, seen, second, cause=f"refused write has an effect: {operation.title}"
        )
    ignoring = (*resource.ignore, *api.server_owned(api.operation(resource.read)))
    expect_same(second.json(), after.json(), after, seen, second, ignoring=ignoring, what="as before the refused write", at=None)
    control = await send(_write(api, resource, operation, subject, {header: tag_of(after, version)}))
    if not control.success:  # a weak tag never matches (RFC 9110 section 13.1.1)
        control = await given(_write(api, resource, operation, subject, {}))
    if seen.status not in status:
        raise Nonconformity(
            f"{one_of(status)}: the tag {outdated} is not the current one",
            seen.summary,
            seen,
            control,
            cause=f"outdated tag: {operation.title}",
        )
    if change is operation and not version and has(changing_body(api, resource, operation, subject), second.json(), resource.ignore):
        await _untouched(api, resource, operation, header, status)


async def _untouched(api: Api, resource: Resource, operation: Operation, header: str, status: Sequence[int]) -> None:
    """Write the first change of a fresh one with a tag that it never had: what is refused so changes nothing.

    Where the change is always to the same values, a second one that is done in spite of its refusal would not show.
    """
    subject = (await make(api, resource, await home(api, resource)))[0]
    read = api.request(api.operation(resource.read), subject=subject)
    before = await given(read)
    seen = await send(_write(api, resource, operation, subject, {header: _invented(api)}), also=tuple(status))
    after = await send(read)
    if seen.status not in status or not after.success:
        return  # that it must be is looked at with the outdated tag
    ignoring = (*resource.ignore, *api.server_owned(api.operation(resource.read)))
    expect_same(before.json(), after.json(), after, seen, before, ignoring=ignoring, what="as before the refused write", at=None)


def _write(api: Api, resource: Resource, operation: Operation, subject: Subject, headers: Mapping[str, Any]) -> Request:
    return api.request(operation, subject=subject, body=changing_body(api, resource, operation, subject), headers=headers)

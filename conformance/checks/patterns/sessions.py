"""Sessions: the token that a login gives opens what needs credentials, until the session is ended."""

from __future__ import annotations

from conformance.api import Api
from conformance.checks.patterns.protocol import adding
from conformance.checks.registry import check
from conformance.checks.subjects import create_request, created, valid_request
from conformance.ending import Inconclusive, Nonconformity, NotApplicable
from conformance.exchange import Exchange, Request
from conformance.flow import given, send, wait
from conformance.profile import Resource


@check("session-token", roles=("create", "delete"))
async def session_token(api: Api, resource: Resource, header: str, read: str, sent: str = "") -> None:
    """Logs in without other credentials, reads something protected with the token and without, logs out with it, and reads again.

    With: `header` in which the login answers the token; `sent`, the header that carries it in requests (the same); `read`, the
    protected operation.
    """
    request, wanted, parent = await create_request(api, resource)
    made = await given(request.with_(identity="none"))
    token = made.header(header)
    if not token:
        raise Nonconformity(f"{made.status} with the header {header}", "no such header", made, cause=f"no {header} header")
    carried = {sent or header: token}
    subject = created(api, resource, made, wanted, parent)
    bare = (await valid_request(api, api.operation(read))).with_(identity="none")
    without = await send(bare, also=(401, 403))
    if without.success:
        raise NotApplicable(f"{bare.where} is served without credentials, so a token proves nothing")
    await _opens(adding(bare, carried), made, resource)
    await given(adding(api.request(api.operation(resource.delete), subject=subject), carried).with_(identity="none"))
    await _closed(adding(bare, carried), resource)


async def _opens(look: Request, made: Exchange, resource: Resource) -> None:
    """Expect the token to be taken; a lack of privileges is not looked at here."""
    seen = await send(look, also=(401, 403))
    if seen.status == 401:
        raise Nonconformity("success with the token of a fresh login", seen.summary, seen, made, cause=f"token not taken: {resource.name}")
    if not seen.success:
        raise Inconclusive(f"{look.where} answered {seen.status} with the token of a fresh login", seen, made)


async def _closed(look: Request, resource: Resource) -> None:
    """Expect the token to be refused, within the time that the bindings grant."""
    seen = await send(look, also=(401, 403))
    began = seen.started_s
    while seen.success and seen.ended_s - began < resource.within:
        await wait(min(1.0, resource.within / 4))
        seen = await send(look, also=(401, 403))
    if seen.success:
        raise Nonconformity(
            "401 with the token of an ended session", seen.summary, seen, cause=f"token outlives its session: {resource.name}"
        )
    if seen.status not in (401, 403):
        raise Inconclusive(f"{look.where} answered {seen.status} with the token of an ended session", seen)

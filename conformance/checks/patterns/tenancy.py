"""What one client made is its own: another client of the same service neither sees nor changes it."""

from __future__ import annotations

from collections.abc import Sequence

from conformance.api import Api
from conformance.checks.expect import one_of
from conformance.checks.patterns.home import found_in, home
from conformance.checks.registry import check
from conformance.checks.subjects import create
from conformance.ending import Inconclusive, Nonconformity
from conformance.exchange import Exchange, Request
from conformance.flow import given, send
from conformance.profile import Resource

OTHER = "other"


async def another(api: Api) -> Exchange:
    """Show, with a read that works for us, that the credentials of the other client are good."""
    probe = api.request(api.operation(api.profile.bindings.probe)).with_(identity=OTHER)
    seen = await send(probe, also=(401, 403))
    if seen.status == 401:
        raise Inconclusive("the credentials of the other client are refused", seen)
    return seen


@check("other-client-refused", roles=("create", "read"))
async def other_client_refused(api: Api, resource: Resource, role: str = "read", status: Sequence[int] = (403, 404)) -> None:
    """Creates one, and asks for it with the credentials of another client, which must be refused; then with our own as control.

    With: `role`, `read` or `delete`, or an operation; `status` of the refusal.
    """
    subject, _ = await create(api, resource)
    good = await another(api)
    operation = api.operation(getattr(resource, role) if role in ("read", "delete") else role)
    seen = await send(_as_other(api.request(operation, subject=subject, body=api.fill(operation.body))), also=(401, 403))
    if seen.success:
        raise Nonconformity(
            f"{one_of(status)}: the {resource.name} is not of this client",
            f"{seen.summary}: served",
            seen,
            good,
            cause=f"not kept apart: {operation.title}",
        )
    await given(api.request(api.operation(resource.read), subject=subject))
    if seen.status not in status:
        raise Nonconformity(
            f"{one_of(status)}: the {resource.name} is not of this client", seen.summary, seen, good, cause=f"kept apart with {seen.status}"
        )


@check("other-client-not-listed", roles=("create", "list"))
async def other_client_not_listed(api: Api, resource: Resource) -> None:
    """Creates one, sees it in the list, and lists with the credentials of another client: it may not be there."""
    at = await home(api, resource)
    subject, made = await create(api, resource)
    request = api.request(api.operation(resource.list), subject=at.parent, link=at.link)
    control = await given(request)
    if found_in(api, resource, control, subject) is None:
        raise Inconclusive("the list does not show it to us either", control, made)
    seen = await send(_as_other(request), also=(403,))
    if seen.status in (403, 404):
        return
    if not seen.success:
        raise Inconclusive(f"the list of the other client answered {seen.status}", seen)
    if found_in(api, resource, seen, subject) is not None:
        raise Nonconformity(
            f"no {resource.name} of another client in the list",
            "it is there",
            seen,
            control,
            made,
            cause=f"not kept apart: list of {resource.name}",
        )


def _as_other(request: Request) -> Request:
    return request.with_(identity=OTHER)

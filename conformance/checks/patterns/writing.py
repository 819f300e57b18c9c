"""What checks of writes share: a valid write of one instance, and reading it until the write shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from conformance.api import Api, Subject
from conformance.checks.expect import first_difference
from conformance.checks.patterns.home import poll
from conformance.checks.subjects import guarded
from conformance.contract import Operation
from conformance.exchange import Exchange, Request
from conformance.profile import Resource
from conformance.requirement import pick

#: How long a write that was only accepted (202) may take to show.
ACCEPTED_S = 30.0


async def write_request(
    api: Api, operation: Operation, subject: Subject, body: Any = None, *, query: Mapping[str, Any] | None = None, media: str = ""
) -> Request:
    """Return a write of *subject*, with If-Match where the bindings say so; call it right before sending."""
    headers = {"content-type": media} if media else None
    request = api.request(operation, subject=subject, body=body, query=query, headers=headers)
    owner = api.profile.bindings.resource_of(operation.id)
    return await guarded(api, owner, subject, request) if owner else request


async def settled(api: Api, resource: Resource, subject: Subject, written: Exchange, good: Callable[[Any], bool]) -> Exchange:
    """Read an instance until its body is *good* or the time is over in which *written* must show; the last answer is returned."""
    within = max(resource.within, ACCEPTED_S if written.status == 202 else 0.0)
    request = api.request(api.operation(resource.read), subject=subject)
    return await poll(request, lambda seen: seen.success and good(seen.json()), within)


def gone_within(resource: Resource, deletion: Exchange) -> float:
    """Return the seconds after which what *deletion* removes must be gone."""
    if deletion.status != 202:
        return resource.within
    return max(resource.within, ACCEPTED_S, resource.ready.within if resource.ready and resource.ready.leaving else 0.0)


def leaving(resource: Resource, shown: Any) -> bool:
    """Tell whether the server shows that it is still removing a thing, for which the standard sets no time."""
    ready = resource.ready
    return ready is not None and any(value in ready.leaving for value in pick(shown, ready.pointer))


def not_compared(api: Api, resource: Resource) -> tuple[str, ...]:
    """Return the pointers that a read may show otherwise than they were written: the server's own, secrets, what the bindings say."""
    shown = api.operation(resource.read or resource.list)
    writes = [api.operation(o) for o in (resource.create, resource.replace, resource.update) if o]
    return (*api.server_owned(shown), *[p for o in writes for p in api.write_only(o)], *resource.ignore)


def over(resource: Resource, seen: Exchange) -> bool:
    """Tell whether a read shows that a resource is gone, or as the bindings say of a deleted one."""
    if seen.status in resource.gone:
        return True
    return resource.expired is not None and seen.success and resource.expired.equals in pick(seen.json(), resource.expired.pointer)


def has(wanted: Any, found: Any, ignoring: tuple[str, ...] = ()) -> bool:
    """Tell whether every member of *wanted* is in *found*, equal."""
    return first_difference(wanted, found, "", frozenset(ignoring)) is None

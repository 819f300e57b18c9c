"""The collection in which a check works: found once, so that what a check makes and what it lists are in the same place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from conformance.api import Api, Subject
from conformance.checks.expect import same_value
from conformance.checks.subjects import collection, created, fresh_example, until_ready
from conformance.ending import Inconclusive, NotTested
from conformance.exchange import Exchange, Request
from conformance.flow import given, send, wait
from conformance.profile import Resource
from conformance.requirement import pick


@dataclass(frozen=True, slots=True)
class Home:
    """The link to a collection, where clients must follow one, and the instance it hangs under."""

    link: str
    parent: Subject | None


async def home(api: Api, resource: Resource) -> Home:
    """Find the collection of *resource*."""
    return Home(*await collection(api, resource))


def making(api: Api, resource: Resource, at: Home, body: Any) -> Request:
    """Return the request that creates a *resource* at home."""
    if not resource.create:
        raise NotTested(f"needs a {resource.name} of our own, and the profile has no way to create one")
    return api.request(api.operation(resource.create), subject=at.parent, link=at.link, body=body)


async def make(api: Api, resource: Resource, at: Home, body: Any = None) -> tuple[Subject, Exchange]:
    """Create a *resource* at home as set-up; without a body from the example of the bindings."""
    wanted = await fresh_example(api, resource) if body is None else body
    made = await given(making(api, resource, at, wanted))
    subject = created(api, resource, made, wanted, at.parent)
    await until_ready(api, resource, subject)
    return subject, made


def listing(
    api: Api, resource: Resource, at: Home, query: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
) -> Request:
    """Return the request that lists what is at home."""
    return api.request(api.operation(resource.list), subject=at.parent, link=at.link, query=query, headers=headers)


async def one(api: Api, resource: Resource, at: Home) -> Subject:
    """Return an instance to look at: a fresh one where we may create, else the first that is listed.

    Raises:
        Inconclusive: there is none.
    """
    if resource.create and resource.example is not None and api.allows(api.operation(resource.create).effect):
        return (await make(api, resource, at))[0]
    if resource.list:
        items = api.items(resource, (await given(listing(api, resource, at))).json())
        if items:
            return api.subject(resource, items[0], parent=at.parent)
    raise Inconclusive(f"no {resource.name} to look at")


def key_of(resource: Resource, item: Any) -> str:
    """Return what tells an item of a list from the others: its link or id; '' where it shows neither."""
    found = pick(item, resource.link) if resource.link else []
    found = found or (pick(item, resource.id) if resource.id else [])
    return str(found[0]).rstrip("/") if found else ""


def same_thing(resource: Resource, item: Any, subject: Subject) -> bool:
    """Tell whether an item of a list is the instance *subject*, by link or id."""
    if resource.link:
        links = [v.rstrip("/") for v in pick(item, resource.link) if isinstance(v, str)]
        ours = subject.link.rstrip("/")
        if ours and any(v == ours or ours.endswith(v) for v in links if v):
            return True
    if resource.id and resource.parameter:
        return subject.parameters.get(resource.parameter) in [str(v) for v in pick(item, resource.id)]
    return False


def same_marker(resource: Resource, item: Any, sent: Any) -> bool:
    """Tell whether an item of a list carries the marker that *sent* has."""
    ours = pick(sent, resource.marker) if resource.marker else []
    return bool(ours) and any(same_value(ours[0], v) for v in pick(item, resource.marker))


def found_in(api: Api, resource: Resource, page: Exchange, subject: Subject) -> Any:
    """Return the item of a list answer that is *subject*, or None."""
    return next((i for i in api.items(resource, page.json()) if same_thing(resource, i, subject)), None)


def cut_short(page: Exchange) -> bool:
    """Tell whether a list answer says that there is more than it shows."""
    body = page.json()
    if 'rel="next"' in (page.header("link") or "").replace("'", '"').replace("rel=next", 'rel="next"'):
        return True
    if not isinstance(body, dict):
        return False
    if any(_has_next(key, value) for key, value in body.items()):
        return True
    shown = max((len(v) for v in body.values() if isinstance(v, list)), default=0)
    totals = [
        v for k, v in body.items() if isinstance(v, int) and not isinstance(v, bool) and ("total" in k.lower() or "count" in k.lower())
    ]
    return shown > 0 and any(total > shown for total in totals)  # a first page that is empty is no page of more


def _has_next(key: str, value: Any) -> bool:
    if "next" in key.lower() or key in ("continue", "skipToken"):
        return bool(value)
    return (
        key.lower() in ("metadata", "links", "_links", "paging", "pagination")
        and isinstance(value, dict)
        and any(_has_next(k, v) for k, v in value.items())
    )


async def poll(request: Request, good: Callable[[Exchange], bool], within: float, *, also: tuple[int, ...] = ()) -> Exchange:
    """Send until the answer is *good* or *within* seconds are over; the last answer is returned and is the check's to judge."""
    seen = await send(request, also=also)
    began = seen.started_s
    while not good(seen) and seen.ended_s - began < within:
        await wait(min(1.0, within / 4))
        seen = await send(request, also=also)
    return seen

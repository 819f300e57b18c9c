"""What is created can be read, is listed, and is gone once deleted; what is refused changes nothing."""

from __future__ import annotations

from conformance.api import Api, Subject
from conformance.checks.expect import expect_same, one_of
from conformance.checks.registry import check
from conformance.checks.subjects import changing_body, collection, create, created, create_request, ours
from conformance.ending import Inconclusive, Nonconformity
from conformance.exchange import Exchange, Request
from conformance.flow import given, send, wait
from conformance.profile import Resource
from conformance.requirement import pick


def not_compared(api: Api, resource: Resource) -> tuple[str, ...]:
    """Return the pointers that a read may show otherwise than they were written: the server's own, secrets, what the bindings say."""
    shown = api.operation(resource.read or resource.list)
    return (*api.server_owned(shown), *api.write_only(api.operation(resource.create)), *resource.ignore)


async def reading(api: Api, resource: Resource, subject: Subject) -> Exchange:
    """Read an instance that was just written; a 404 is looked at again until the time that the bindings grant is over."""
    request = api.request(api.operation(resource.read), subject=subject)
    seen = await send(request)
    began = seen.started_s
    while seen.status == 404 and seen.ended_s - began < resource.within:
        await wait(min(1.0, resource.within / 4))
        seen = await send(request)
    return seen


@check("read-after-create", roles=("create", "read"))
async def read_after_create(api: Api, resource: Resource) -> None:
    """Creates one, reads it by the id or link the server gave, and compares every member that was written."""
    subject, made = await create(api, resource)
    found = await reading(api, resource, subject)
    if not found.success:
        raise Nonconformity(f"{one_of(api.operation(resource.read).success)} for what was just created", found.summary, found, made, cause=f"not readable: {resource.name}")
    expect_same(subject.sent, found.json(), found, made, ignoring=not_compared(api, resource))


@check("list-contains", roles=("create", "list"))
async def list_contains(api: Api, resource: Resource) -> None:
    """Creates one and looks for it, by id or link, in the list and its following pages."""
    subject, made = await create(api, resource)
    pages = await _pages(api, resource)
    if any(_same_thing(api, resource, item, subject) for page in pages for item in api.items(resource, page.json())):
        return
    if resource.within:
        await wait(resource.within)
        pages = await _pages(api, resource)
        if any(_same_thing(api, resource, item, subject) for page in pages for item in api.items(resource, page.json())):
            return
    if len(pages) == 1 and _cut_short(pages[0]):
        raise Inconclusive("the list is paged, and its first page does not hold what was created", pages[0], made)
    raise Nonconformity(f"the list shows the {resource.name} that was just created", f"{sum(len(api.items(resource, p.json())) for p in pages)} others", pages[-1], made, cause=f"not listed: {resource.name}")


async def _pages(api: Api, resource: Resource) -> list[Exchange]:
    link, parent = await collection(api, resource)
    return [await given(api.request(api.operation(resource.list), subject=parent, link=link))]


def _cut_short(page: Exchange) -> bool:
    """Tell whether a list answer says that there is more than it shows."""
    body = page.json()
    if page.header("link") and 'rel="next"' in (page.header("link") or "").replace("'", '"'):
        return True
    if not isinstance(body, dict):
        return False
    if any("next" in key.lower() and value for key, value in body.items()):
        return True
    shown = max((len(v) for v in body.values() if isinstance(v, list)), default=0)
    totals = [v for k, v in body.items() if isinstance(v, int) and ("total" in k.lower() or "count" in k.lower())]
    return any(total > shown for total in totals)


def _same_thing(api: Api, resource: Resource, item: object, subject: Subject) -> bool:
    if resource.link:
        links = [v for v in pick(item, resource.link) if isinstance(v, str)]
        if subject.link and any(v.rstrip("/") == subject.link.rstrip("/") or subject.link.rstrip("/").endswith(v.rstrip("/")) for v in links):
            return True
    if resource.id and resource.parameter:
        return subject.parameters.get(resource.parameter) in [str(v) for v in pick(item, resource.id)]
    return False


@check("delete-is-effective", roles=("create", "read", "delete"))
async def delete_is_effective(api: Api, resource: Resource) -> None:
    """Creates one, deletes it, and reads it again: it must be gone, or shown as the bindings say, within the time granted."""
    subject, _ = await create(api, resource)
    await given(api.request(api.operation(resource.read), subject=subject))
    deletion = await given(api.request(api.operation(resource.delete), subject=subject))
    request = api.request(api.operation(resource.read), subject=subject)
    seen = await send(request)
    deadline = max(resource.within, 30.0 if deletion.status == 202 else 0.0)
    while not _gone(resource, seen) and seen.ended_s - deletion.ended_s < deadline:
        await wait(min(1.0, deadline / 4))
        seen = await send(request)
    if _gone(resource, seen):
        return
    if resource.expired and seen.success:
        told = next(iter(pick(seen.json(), resource.expired.pointer)), None)
        raise Nonconformity(f"{resource.expired.equals!r} at {resource.expired.pointer} after the delete", repr(told), seen, deletion, cause=f"delete without effect: {resource.name}")
    raise Nonconformity(f"{one_of(resource.gone)} after the delete", seen.summary, seen, deletion, cause=f"delete without effect: {resource.name}")


def _gone(resource: Resource, seen: Exchange) -> bool:
    if seen.status in resource.gone:
        return True
    return resource.expired is not None and seen.success and resource.expired.equals in pick(seen.json(), resource.expired.pointer)


@check("refused-write-changes-nothing", roles=("create", "read", "replace"))
async def refused_write_changes_nothing(api: Api, resource: Resource) -> None:
    """Sends a replace that must be refused (its body is not JSON) and compares the resource before and after."""
    subject = await ours(api, resource)
    read = api.request(api.operation(resource.read), subject=subject)
    before = await given(read)
    operation = api.operation(resource.replace)
    valid = api.request(operation, subject=subject, body=changing_body(api, resource, operation, subject))
    refused = await send(_spoil(valid))
    after = await given(read)
    if refused.success:
        raise Inconclusive("nothing was refused", refused)
    expect_same(before.json(), after.json(), after, refused, before, ignoring=resource.ignore, what="as before the refused write")
    control = await send(valid)
    if not control.success:
        raise Inconclusive(f"no control: the valid write answered {control.status}", control)


def _spoil(request: Request) -> Request:
    """Cut the body off before its last brace: the members that a careless server would apply are all there."""
    return request.with_(body=request.body.rstrip().removesuffix(b"}"))


__all__ = ["create_request", "created", "delete_is_effective", "list_contains", "read_after_create", "refused_write_changes_nothing"]

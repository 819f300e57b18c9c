"""What a delete leaves behind: a second one, the list, a name that is free again."""

from __future__ import annotations

from collections.abc import Sequence

from conformance.api import Api
from conformance.checks.expect import ABSENT, one_of
from conformance.checks.patterns.home import cut_short, found_in, home, listing, make, making, poll
from conformance.checks.patterns.places import one_at, processed, put, set_up
from conformance.checks.patterns.writing import gone_within, leaving, over, write_request
from conformance.checks.registry import check
from conformance.checks.service import expect_error
from conformance.checks.subjects import create, fresh_example
from conformance.ending import Inconclusive, Nonconformity
from conformance.exchange import Exchange
from conformance.flow import given, send
from conformance.profile import Resource
from conformance.requirement import pick


@check("second-delete", roles=("create", "delete"))
async def second_delete(
    api: Api, resource: Resource, status: Sequence[int] = (200, 202, 204, 404, 410), error_format: bool = False
) -> None:
    """Creates one, deletes it twice, and expects a permitted status the second time; not a gone one while it can still be read.

    Args:
        status: the statuses of the second delete.
        error_format: whether a second delete that finds nothing there must be refused in the error format of the standard.
    """
    subject, _ = await create(api, resource)
    delete = api.operation(resource.delete)
    first = await given(await write_request(api, delete, subject))
    read = api.request(api.operation(resource.read), subject=subject) if resource.read else None
    within = gone_within(resource, first)
    before = await poll(read, lambda x: over(resource, x), within) if read else None
    if before and not over(resource, before):
        raise Inconclusive(f"after the delete the read answers {before.status}", before, first, needs=resource.delete)
    seen = await send(api.request(delete, subject=subject))
    evidence = [seen, first, *([before] if before else [])]
    if seen.status not in status:
        raise Nonconformity(f"{one_of(status)} for the second delete", seen.summary, *evidence, cause=f"second delete: {delete.title}")
    if read and before and before.success and seen.status in resource.gone:
        after = await send(read)
        if after.success:
            wanted = [s for s in status if s not in resource.gone]
            raise Nonconformity(
                f"{one_of(wanted)}: the {resource.name} can still be read",
                seen.summary,
                *evidence,
                after,
                cause=f"second delete: {delete.title}",
            )
    if error_format and seen.status in resource.gone:
        expect_error(api, seen)


@check("deleted-not-listed", roles=("create", "list", "delete"))
async def deleted_not_listed(api: Api, resource: Resource) -> None:
    """Creates one, sees it in the list, deletes it, and expects it in the list no more."""
    at = await home(api, resource)
    subject, made = await make(api, resource, at)
    request = listing(api, resource, at)
    before = await poll(request, lambda x: x.success and found_in(api, resource, x, subject) is not None, resource.within)
    set_up(before)
    if found_in(api, resource, before, subject) is None:
        raise Inconclusive("the list does not show what was created" + (" on its first page" if cut_short(before) else ""), before, made)
    first = await given(await write_request(api, api.operation(resource.delete), subject))
    within = gone_within(resource, first)

    def left(page: Exchange) -> bool:
        item = found_in(api, resource, page, subject)
        if item is not None and leaving(resource, item):
            return False
        return item is not None and not (resource.expired and resource.expired.equals in pick(item, resource.expired.pointer))

    after = await poll(request, lambda x: x.success and not left(x), within)
    set_up(after)
    if left(after):
        raise Nonconformity(
            f"no deleted {resource.name} in the list",
            "it is still there",
            after,
            first,
            before,
            cause=f"deleted but listed: {resource.name}",
        )


@check("recreate-after-delete", roles=("create", "delete"))
async def recreate_after_delete(api: Api, resource: Resource, pointer: str) -> None:
    """Creates one, deletes it, and creates another with the same value in a member that must be unique.

    Args:
        pointer: the member.
    """
    at = await home(api, resource)
    subject, made = await make(api, resource, at)
    first = await given(await write_request(api, api.operation(resource.delete), subject))
    if resource.read:
        within = gone_within(resource, first)
        gone = await poll(api.request(api.operation(resource.read), subject=subject), lambda x: over(resource, x), within)
        if not over(resource, gone):
            raise Inconclusive(f"after the delete the read answers {gone.status}", gone, first, needs=resource.delete)
    value = one_at(subject.sent, pointer)
    if value is ABSENT:
        raise Inconclusive(f"the example of {resource.name} has nothing at {pointer}", made)
    seen = await send(making(api, resource, at, put(await fresh_example(api, resource), pointer, value)))
    control = None if seen.success else await given(making(api, resource, at, await fresh_example(api, resource)))
    if control:
        processed(
            api.operation(resource.create),
            seen,
            first,
            made,
            control,
            what=f"{pointer} {value!r} is free again",
            cause=f"not free after delete: {resource.name}",
        )

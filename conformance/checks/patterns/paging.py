"""Pages of a list: walking them shows everything once, a page is as large as asked, the total is the number of items."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urljoin

from conformance.api import Api, Subject
from conformance.checks.patterns.home import Home, cut_short, found_in, home, key_of, listing, make, poll, same_thing
from conformance.checks.patterns.places import processed, set_up
from conformance.checks.patterns.writing import gone_within, over, write_request
from conformance.checks.registry import check
from conformance.ending import Inconclusive, Nonconformity, NotApplicable
from conformance.exchange import Exchange, Request
from conformance.flow import ending, given, send, wait
from conformance.profile import Resource
from conformance.requirement import pick

MOST_PAGES = 60
#: A large collection is walked in about so many pages.
FEW_PAGES = 20
#: How a server may say that a position lies behind the last page.
BEHIND = (400, 404, 410, 416)


@dataclass(frozen=True, slots=True, kw_only=True)
class Paging:
    """How pages are asked for; what is given decides the style.

    * `next` alone: the answer holds a link to the next page, at this JSON Pointer or in the Link header (`next: Link`).
    * `next` and `start`: the value at the pointer (or in the header so called) is the `start` parameter of the next page (opaque token).
    * `last` and `start`: the value at this pointer of the last item is the next `start` (marker).
    * `start` alone: a position; it grows by the items shown (`step: items`: offset, startIndex) or by one (`step: page`).

    `count` names the parameter for the size of a page; `first` is `start` of the first page (left out where it is not given);
    `total` is where the number of all items is: a JSON Pointer or a header.
    """

    count: str = ""
    start: str = ""
    first: int | str | None = None
    step: str = "items"
    next: str = ""
    last: str = ""
    total: str = ""


@dataclass(slots=True)
class Walk:
    """The pages that were read, in order; `whole` when the server said or showed that there are no more, `again` when the last repeats the one before."""

    pages: list[Exchange] = field(default_factory=list)
    items: list[Any] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    whole: bool = False
    again: bool = False
    refused: Exchange | None = None

    @property
    def stopped(self) -> str:
        """Why it did not get to the end."""
        return f"a later page answered {self.refused.status}" if self.refused else f"more than {MOST_PAGES} pages"

    @property
    def repeats(self) -> str:
        """What is to be said of pages that do not go on."""
        return f"page {len(self.pages)} shows the items of the page before again"

    @property
    def evidence(self) -> tuple[Exchange, ...]:
        """The first and last pages and a refused one."""
        ends = [*self.pages[:2], *self.pages[-1:], *([self.refused] if self.refused else [])]
        return tuple(x for n, x in enumerate(ends) if x not in ends[:n])


def told(page: Exchange, place: str) -> Any:
    """Return what a page says at a JSON Pointer, or in the header so called; None where it says nothing."""
    if not place.startswith("/"):
        value = page.header(place) if place else None
        return int(value) if value is not None and value.strip().isdigit() and len(value) < 18 else value
    return next(iter(pick(page.json(), place)), None)


def total_of(page: Exchange, place: str) -> int | None:
    """Return the number of all items that a page tells, or None."""
    value = told(page, place)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


async def walk(api: Api, resource: Resource, at: Home, paging: Paging, size: int | None, asked: Mapping[str, Any] | None = None) -> Walk:
    """Read the pages from the first to the last, at most `MOST_PAGES`; *asked* are further query parameters."""
    found = Walk()
    position: Any = paging.first
    link = ""
    while len(found.pages) < MOST_PAGES:
        request = _page_request(api, resource, at, {**(asked or {}), **_position(paging, size, position)}, link)
        page = await send(request) if found.pages else await given(request)
        if not page.success:
            found.refused = page
            found.whole = page.status in BEHIND
            return found
        shown = api.items(resource, page.json())
        found.again = bool(found.pages) and bool(shown) and shown == api.items(resource, found.pages[-1].json())
        found.pages.append(page)
        found.items += shown
        found.sizes.append(len(shown))
        follows = None if found.again else _next(paging, page, shown, position, found)
        if follows is None:
            found.whole = True
            return found
        if paging.start:
            position = follows
        else:
            link = urljoin(page.url, str(follows)) if page.url else str(follows)
    return found


def _page_request(api: Api, resource: Resource, at: Home, query: Mapping[str, Any], link: str) -> Request:
    if link:  # followed as it is: the server put everything into it
        return api.request(api.operation(resource.list), subject=at.parent, link=link).with_(link=link, target="")
    return listing(api, resource, at, query)


def _position(paging: Paging, size: int | None, position: Any) -> dict[str, Any]:
    query: dict[str, Any] = {paging.count: size} if paging.count and size is not None else {}
    return {**query, paging.start: position} if paging.start and position is not None else query


def _next(paging: Paging, page: Exchange, shown: list[Any], position: Any, found: Walk) -> Any:
    """Return the next link, token or position; None after the last page."""
    if paging.next.lower() == "link":
        return next_link(page)
    if paging.next:
        return told(page, paging.next) or None
    if not paging.start or not shown:
        return None
    if paging.last:
        return next(iter(pick(shown[-1], paging.last)), None)
    total = total_of(page, paging.total) if paging.total else None
    if total is not None and len(found.items) >= total:
        return None
    here = position if isinstance(position, int) else 1 if paging.step == "page" else 0
    if paging.step == "page":
        short = total is None and len(shown) < found.sizes[0]
        return None if short else here + 1
    return here + len(shown)


def next_link(page: Exchange) -> str | None:
    """Return the target of the Link header with rel=next (RFC 8288), or None."""
    for name, value in page.headers:
        if name.lower() != "link":
            continue
        for part in value.split(","):
            target, _, parameters = part.strip().partition(";")
            rels = [p.partition("=")[2].strip().strip("\"'").lower() for p in parameters.split(";") if p.strip().lower().startswith("rel=")]
            if target.startswith("<") and any("next" in rel.split() for rel in rels):
                return target.strip().strip("<>")
    return None


@dataclass(frozen=True, slots=True)
class _Look:
    """What the plain list shows: the same before and after, when nobody else changed the collection."""

    keys: tuple[str, ...]
    total: int | None
    whole: bool


async def _look(api: Api, resource: Resource, at: Home, total: str) -> _Look:
    page = await given(listing(api, resource, at))
    keys = tuple(sorted(key_of(resource, item) for item in api.items(resource, page.json())))
    return _Look(keys, total_of(page, total) if total else None, not cut_short(page))


async def filled(api: Api, resource: Resource, at: Home, least: int) -> Exchange:
    """Return the plain list, after creating what it lacks to show at least so many items, where we may."""
    plain = await given(listing(api, resource, at))
    lacking = least - len(api.items(resource, plain.json()))
    if lacking <= 0 or not (resource.create and resource.example is not None and api.allows(api.operation(resource.create).effect)):
        return plain
    for _ in range(lacking):
        await make(api, resource, at)
    seen = await poll(
        listing(api, resource, at), lambda page: page.success and len(api.items(resource, page.json())) >= least, resource.within
    )
    return seen if seen.success else plain


@check("paging-complete", roles=("create", "list"), isolation="exclusive")
async def paging_complete(
    api: Api, resource: Resource, count: str = "", start: str = "", first: int | str | None = None, step: str = "items", next: str = "",
    last: str = "", total: str = "", size: int = 2, own: int = 3,
) -> None:  # fmt: skip
    """Creates a few, walks all pages in small steps, and expects to meet each exactly once, like all that the plain list shows.

    Args:
        count, start, first, step, next, last, total: how pages are asked for, see `Paging`.
        size: how many items to ask for; more where the collection is large (about `FEW_PAGES` pages are read).
        own: how many to create.
    """
    paging = Paging(count=count, start=start, first=first, step=step, next=next, last=last, total=total)
    at = await home(api, resource)
    ours = [(await make(api, resource, at))[0] for _ in range(own)]
    plain = await poll(listing(api, resource, at), lambda page: page.success and _all_in(api, resource, page, ours), resource.within)
    set_up(plain)
    if not _all_in(api, resource, plain, ours) and not cut_short(plain):
        raise Inconclusive("the list does not show what was just created", plain, needs=resource.list)
    before = await _look(api, resource, at, total)
    known = max(before.total or 0, len(before.keys))
    found = await walk(api, resource, at, paging, max(size, known // FEW_PAGES + 1) if count else None)
    if len(found.pages) == 1 and found.whole and not found.refused and not count:
        raise NotApplicable("the server shows everything on one page")
    met = [sum(same_thing(resource, item, subject) for item in found.items) for subject in ours]
    shown = Counter(key_of(resource, item) for item in found.items)
    others = [shown[key] for key in before.keys if key] if before.whole else []
    if all(times == 1 for times in (*met, *others)):
        return
    if not found.whole:
        raise Inconclusive(found.stopped, *found.evidence, disturbed=True)
    if await _look(api, resource, at, total) != before:
        raise Inconclusive("the collection changed while its pages were read", *found.evidence, disturbed=True)
    never, often = sum(times == 0 for times in others or met), sum(times > 1 for times in others or met)
    expected = f"each of {len(others or met)} items once on {len(found.pages)} pages"
    observed = f"{never} never, {often} more than once" + (f"; {found.repeats}" if found.again else "")
    raise Nonconformity(expected, observed, *found.evidence, cause=f"paging: {resource.list}")


def _all_in(api: Api, resource: Resource, page: Exchange, ours: Sequence[Subject]) -> bool:
    items = api.items(resource, page.json())
    return all(any(same_thing(resource, item, subject) for item in items) for subject in ours)


@check("totals-agree", roles=("list",), isolation="exclusive")
async def totals_agree(
    api: Api, resource: Resource, total: str, count: str = "", start: str = "", first: int | str | None = None, step: str = "items",
    next: str = "", last: str = "", size: int = 100,
) -> None:  # fmt: skip
    """Reads all pages of a list, twice where they do not add up, and compares the number of items with the total that the server tells.

    Where we may, two are created before and one of them is deleted, so that there is something to count and something that is gone.

    Args:
        total: where the total is: a JSON Pointer or a header.
        count, start, first, step, next, last: how pages are asked for, see `Paging`; none of them where the list is never paged.
        size: how many items to ask for on a page.
    """
    paging = Paging(count=count, start=start, first=first, step=step, next=next, last=last, total=total)
    at = await home(api, resource)
    await ending(_stirred(api, resource, at))
    looks = [await _counted(api, resource, at, paging, size)]
    while looks[-1].said != looks[-1].shown and looks[-1].ended_s - looks[0].ended_s < resource.within:
        await wait(min(1.0, resource.within / 4))
        looks.append(await _counted(api, resource, at, paging, size))
    looks = looks[-1:]
    if looks[0].said == looks[0].shown:
        return
    looks.append(await _counted(api, resource, at, paging, size))
    first_look, second = looks
    if (first_look.said, first_look.keys) != (second.said, second.keys):
        raise Inconclusive("the collection changed while it was counted", *second.walked.evidence, disturbed=True)
    if second.walked.again:
        raise Nonconformity(
            f"{second.said} items on all pages, as {total} says", f"{second.shown}: {second.walked.repeats}", *second.walked.evidence,
            cause=f"paging: {resource.list}",
        )  # fmt: skip
    raise Nonconformity(
        f"{total} is the number of items, {second.shown}", str(second.said), *second.walked.evidence, cause=f"total: {resource.list}"
    )


async def _stirred(api: Api, resource: Resource, at: Home) -> None:
    """Create two and delete one of them, where that is allowed; that it does not come about is for others to find."""
    create, delete = api.profile.contract.operations.get(resource.create), api.profile.contract.operations.get(resource.delete)
    if create is None or delete is None or resource.example is None or not (api.allows(create.effect) and api.allows(delete.effect)):
        return
    first, _ = await make(api, resource, at)
    await make(api, resource, at)
    await poll(listing(api, resource, at), lambda page: page.success and found_in(api, resource, page, first) is not None, resource.within)
    gone = await given(await write_request(api, delete, first))
    if resource.read:
        await poll(api.request(api.operation(resource.read), subject=first), lambda x: over(resource, x), gone_within(resource, gone))


@dataclass(frozen=True, slots=True)
class _Count:
    said: int
    shown: int
    keys: tuple[str, ...]
    walked: Walk

    @property
    def ended_s(self) -> float:
        """When the last page was read."""
        return self.walked.pages[-1].ended_s


async def _counted(api: Api, resource: Resource, at: Home, paging: Paging, size: int) -> _Count:
    found = await walk(
        api, resource, at, replace(paging, total=""), size if paging.count else None
    )  # to the empty page: a total may be too small
    said = total_of(found.pages[0], paging.total)
    if said is None:
        raise Inconclusive(f"the list tells no total at {paging.total}", found.pages[0])
    keys = sorted(key_of(resource, item) for item in found.items)
    shown = len(set(keys)) if keys and "" not in keys else len(keys)
    if not found.whole or (found.refused and said > shown):
        raise Inconclusive(found.stopped, *found.evidence, disturbed=True)
    return _Count(said, shown, tuple(keys), found)


@check("empty-page", roles=("list",), isolation="exclusive")
async def empty_page(api: Api, resource: Resource, query: dict[str, Any], total: str = "") -> None:
    """Asks for a page of no items from a list that has some, and expects no item but the same total.

    Args:
        query: the parameters that ask for nothing (`{count: 0}`).
        total: where the total is: a JSON Pointer or a header.
    """
    at = await home(api, resource)
    before = await filled(api, resource, at, 1)
    if not api.items(resource, before.json()):
        raise Inconclusive("the list is empty anyway", before)
    seen = await send(listing(api, resource, at, query))
    operation = api.operation(resource.list)
    processed(operation, seen, before, what="a page without items")
    shown = api.items(resource, seen.json())
    if shown:
        raise Nonconformity("no item on the page", f"{len(shown)} items", seen, before, cause=f"empty page: {operation.title}")
    after = await given(listing(api, resource, at))
    if not total or total_of(before, total) is None or total_of(before, total) != total_of(after, total):
        return
    if total_of(seen, total) != total_of(before, total):
        raise Nonconformity(
            f"{total_of(before, total)} at {total}", repr(told(seen, total)), seen, before, after, cause=f"empty page: {operation.title}"
        )


@check("page-limit", roles=("list",))
async def page_limit(api: Api, resource: Resource, parameter: str, value: int = 1) -> None:
    """Asks for a page smaller than the list and expects no more items on it than that.

    Args:
        parameter: the name of the query parameter.
        value: how many items to ask for.
    """
    at = await home(api, resource)
    plain = await filled(api, resource, at, value + 1)
    if len(api.items(resource, plain.json())) <= value:
        raise Inconclusive(f"the list shows no more than {value} anyway", plain)
    seen = await send(listing(api, resource, at, {parameter: value}))
    processed(api.operation(resource.list), seen, plain, what=f"{parameter}={value}")
    shown = len(api.items(resource, seen.json()))
    if shown > value:
        raise Nonconformity(
            f"at most {value} items", f"{shown} items", seen, plain, cause=f"page size: {api.operation(resource.list).title}"
        )
    if not shown:
        raise Inconclusive("the page shows no item", seen, plain)


@check("last-page", roles=("list",))
async def last_page(api: Api, resource: Resource, next: str, count: str = "", start: str = "", size: int = 1) -> None:
    """Walks the pages of a list in small steps and expects the last one to name no page after it.

    A page without items may name another one, as what was on it may be deleted; pages that go on and on and show nothing may not.

    Args:
        next, count, start: how pages are asked for, see `Paging`; `next` is a JSON Pointer.
        size: how many items to ask for; more where the collection is large (about `FEW_PAGES` pages are read).
    """
    at, paging = await home(api, resource), Paging(count=count, start=start, next=next)
    plain = await given(listing(api, resource, at))
    least = len(api.items(resource, plain.json()))
    found = await walk(api, resource, at, paging, max(size, least // FEW_PAGES + 1) if count else None)
    endless = False
    if start and not (found.whole or found.refused):
        # so many small pages may be those of the deleted; so many large ones are not
        found = await walk(api, resource, at, replace(paging, first=told(found.pages[-1], next)), None)
        endless = not (found.whole or found.refused or found.items)
    if found.again:
        raise Inconclusive(found.repeats, *found.evidence)
    if not endless and (not found.whole or (found.refused and len(found.items) < least)):
        raise Inconclusive(found.stopped, *found.evidence)
    named = [value for value in pick(found.pages[-1].json(), next) if value is not None]
    if named:
        what = f", which is refused with {found.refused.status}" if found.refused else f", {MOST_PAGES} pages later" if endless else ""
        raise Nonconformity(
            f"nothing at {next} of the last page", f"{named[0]!r}{what}", *found.evidence, cause=f"last page: {resource.list}"
        )


__all__ = ["Paging", "Walk", "empty_page", "last_page", "page_limit", "paging_complete", "totals_agree", "walk"]

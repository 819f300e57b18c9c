"""Lists that do not do what their query says: filters, order, selection, pages."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from conformance.contract import Operation
from conformance.profile import Profile
from conformance.reference.faults.planting import Seen, fault, json_of, success, with_header
from conformance.reference.faults.where import (
    POSITIONS,
    SELECTIONS,
    SIZES,
    SORTS,
    asks_with,
    both,
    has_filter,
    has_query,
    operations,
    role,
    turns,
)
from conformance.reference.places import first, put
from conformance.requirement import Requirement
from conformance.wire import WireResponse, header

_lists = role("list")
_PAGING = (*SIZES, *POSITIONS)


def _filters(seen: Seen) -> list[str]:
    return [k for k, _ in seen.query if k not in (*_PAGING, *SORTS, *SELECTIONS)]


def _items(seen: Seen, change: Callable[[list[Any]], list[Any]]) -> WireResponse:
    """Change the items of a list answer; totals stay as they were."""
    resource = seen.resource
    assert resource is not None

    def edit(body: Any) -> Any:
        items = first(body, resource.items) if resource.items else body
        return put(body, resource.items, change(copy.deepcopy(items))) if isinstance(items, list) else body

    return seen.edited(edit)


def _leaves_out(requirement: Requirement) -> bool:
    """Requirements that expect a query to leave something out of the list."""
    told = requirement.arguments
    return "headers" not in told and ("drops" in told or "keeps" not in told)


def _drops(requirement: Requirement) -> bool:
    """Requirements that expect a query to leave what they wrote out of the list of its resource."""
    return bool(requirement.arguments.get("drops")) and "list" not in requirement.arguments


def _keeps(requirement: Requirement) -> bool:
    """Requirements that expect a query to leave what they wrote in the list of its resource."""
    return bool(requirement.arguments.get("keeps")) and "list" not in requirement.arguments


def _of_a_filter(requirement: Requirement) -> bool:
    return requirement.arguments.get("parameter") not in _PAGING


# -- query semantics -------------------------------------------------------------------------------------------------
@fault(
    group="query semantics", sentence="Filters are ignored.",
    applies=operations(_lists, has_filter),
    expected=both(
        turns("filter-honoured", when=_leaves_out), turns("invalid-filter", when=_of_a_filter), turns("write-then-appears", when=_drops),
    ),
)  # fmt: skip
def filter_ignored(seen: Seen) -> WireResponse:
    return seen.leaving_out(*_filters(seen))


def _finds(requirement: Requirement) -> bool:
    """Requirements that expect something of a filter."""
    told = requirement.arguments
    return told.get("relation") != "none" and ("keeps" in told or "drops" not in told)


@fault(
    group="query semantics", sentence="A filter finds nothing.",
    applies=operations(_lists, has_filter),
    expected=both(turns("filter-honoured", when=_finds), turns("write-then-appears", when=_keeps)),
)  # fmt: skip
def filter_finds_nothing(seen: Seen) -> WireResponse:
    return _items(seen, lambda items: [] if _filters(seen) else items)


@fault(
    group="query semantics", sentence="A filter that cannot be read is ignored instead of refused.",
    applies=operations(_lists, has_filter),
    expected=turns("invalid-filter", when=_of_a_filter),
)  # fmt: skip
def broken_filter_ignored(seen: Seen) -> WireResponse:
    answer = seen.forward()
    return seen.leaving_out(*_filters(seen)) if answer.status == 400 and _filters(seen) else answer


@fault(
    group="query semantics", sentence="Sorting is ignored.", applies=operations(_lists, has_query(*SORTS)), expected=turns("sort-honoured")
)
def sort_ignored(seen: Seen) -> WireResponse:
    return seen.leaving_out(*SORTS)


@fault(
    group="query semantics", sentence="Sorted lists come in the opposite order.",
    applies=operations(_lists, has_query(*SORTS)), expected=turns("sort-honoured"),
)  # fmt: skip
def sort_reversed(seen: Seen) -> WireResponse:
    return _items(seen, lambda items: items[::-1] if any(k in SORTS for k, _ in seen.query) else items)


@fault(
    group="query semantics", sentence="The selection of members is ignored.",
    applies=operations(role("read", "list"), has_query(*SELECTIONS)),
    expected=lambda profile, place: turns(
        "field-selection", when=lambda r: bool(r.arguments.get("absent")) and _role_of(profile, place) == r.arguments.get("role")
    )(profile, place),
)  # fmt: skip
def selection_ignored(seen: Seen) -> WireResponse:
    return seen.leaving_out(*SELECTIONS)


def _role_of(profile: Profile, place: str) -> str:
    resource = profile.bindings.resource_of(place)
    return resource.role(place) if resource else ""


@fault(
    group="query semantics", sentence="An unknown query parameter is refused.",
    applies=operations(lambda p, o: o.method == "GET"), expected=turns("unknown-query-ignored"),
)  # fmt: skip
def unknown_query_refused(seen: Seen) -> WireResponse:
    assert seen.operation is not None
    known = {p.name for p in seen.operation.parameters}
    strange = [k for k, _ in seen.query if k not in known and not k.startswith("$")]
    return WireResponse(status=400) if strange else seen.forward()


@fault(
    group="query semantics", sentence="An unsupported query parameter is ignored instead of refused.",
    applies=operations(lambda p, o: o.method == "GET"),
    expected=turns("unsupported-query-refused", when=lambda r: str(r.arguments["parameter"]).startswith("$") and "error" not in r.arguments),
)  # fmt: skip
def unsupported_query_ignored(seen: Seen) -> WireResponse:
    return seen.asking(lambda query: [(k, v) for k, v in query if not k.startswith("$")])


def _refuses_sizes(profile: Profile, place: str) -> frozenset[str]:
    """What refuses invalid input, where some of that is a size of pages."""
    cases = [c for c in profile.cases.get(place, ()) if c.mode == "negative" and c.place == "query" and c.pointer in SIZES]
    limits = turns("invalid-filter", when=lambda r: r.arguments.get("parameter") in SIZES)(profile, place)
    return (turns("refuses")(profile, place) if cases else frozenset()) | limits


# -- paging ----------------------------------------------------------------------------------------------------------
@fault(
    group="paging", sentence="The size of a page is ignored.",
    applies=operations(_lists, has_query(*SIZES)), expected=both(turns("page-limit"), _refuses_sizes),
)  # fmt: skip
def page_size_ignored(seen: Seen) -> WireResponse:
    return seen.leaving_out(*SIZES)


@fault(
    group="paging", sentence="A page has one item more than asked for.",
    applies=operations(_lists, has_query(*SIZES)), expected=turns("page-limit"),
)  # fmt: skip
def page_one_too_long(seen: Seen) -> WireResponse:
    if not success(seen.pretend()):
        return seen.forward()
    return seen.asking(lambda query: [(k, str(max(int(v), 0) + 1) if k in SIZES and v.lstrip("-").isdigit() else v) for k, v in query])


@fault(
    group="paging", sentence="Every page is the first page.",
    applies=operations(_lists, has_query(*POSITIONS)), expected=turns("paging-complete"),
)  # fmt: skip
def always_the_first_page(seen: Seen) -> WireResponse:
    return seen.leaving_out(*POSITIONS)


@fault(
    group="paging", sentence="Each page but the first leaves out its first item.",
    applies=operations(_lists, has_query(*POSITIONS)), expected=turns("paging-complete"),
)  # fmt: skip
def page_skips_an_item(seen: Seen) -> WireResponse:
    later = [v for k, v in seen.query if k in POSITIONS and v not in ("0", "1")]
    return _items(seen, lambda items: items[1:] if later else items)


@fault(
    group="paging", sentence="Each page but the first begins with the last item of the page before.",
    applies=operations(_lists, has_query("startIndex", "offset", "skip")), expected=turns("paging-complete"),
)  # fmt: skip
def pages_overlap(seen: Seen) -> WireResponse:
    first_one = {"startIndex": 1}
    return seen.asking(
        lambda query: [
            (k, str(int(v) - 1)) if k in POSITIONS and v.isdigit() and int(v) > first_one.get(k, 0) else (k, v) for k, v in query
        ]
    )


def _has_total(profile: Profile, operation: Operation) -> bool:
    return _lists(profile, operation) and any(
        r.check in ("totals-agree", "empty-page", "filter-honoured") and "total" in r.arguments for r in profile.requirements
        if r.on in (operation.id, getattr(profile.bindings.resource_of(operation.id), "name", ""))
    )  # fmt: skip


def _total(seen: Seen) -> str:
    assert seen.operation is not None
    assert seen.resource is not None
    places = (seen.operation.id, seen.resource.name)
    return str(next(r.arguments["total"] for r in seen.twin.profile.requirements if r.on in places and "total" in r.arguments))


@fault(
    group="paging", sentence="The total is one too high.",
    applies=operations(_has_total), expected=both(turns("totals-agree"), turns("filter-honoured", when=asks_with("total"))),
)  # fmt: skip
def total_too_high(seen: Seen) -> WireResponse:
    place = _total(seen)
    if not place.startswith("/"):
        answer = seen.forward()
        told = header(answer.headers, place)
        return with_header(answer, place, str(int(told) + 1)) if told is not None and told.isdigit() else answer
    return seen.edited(lambda body: put(body, place, (first(body, place) or 0) + 1))


@fault(
    group="paging", sentence="The total counts what is on the page, not what there is.",
    applies=operations(_has_total, has_query(*SIZES)),
    expected=both(turns("empty-page"), turns("paging-complete", when=asks_with("total"))),
)  # fmt: skip
def total_of_the_page(seen: Seen) -> WireResponse:
    assert seen.resource is not None
    place, items = _total(seen), seen.resource.items
    if not place.startswith("/"):
        answer = seen.forward()
        shown = first(json_of(answer), items) if success(answer) else None
        return with_header(answer, place, str(len(shown))) if isinstance(shown, list) else answer
    return seen.edited(lambda body: put(body, place, len(first(body, items) or [])))


@fault(
    group="paging", sentence="An empty page is refused.",
    applies=operations(_lists, has_query("count", "limit")), expected=turns("empty-page"),
)  # fmt: skip
def empty_page_refused(seen: Seen) -> WireResponse:
    asked = [v for k, v in seen.query if k in SIZES]
    answer = seen.forward()
    nothing = bool(asked) and asked[-1].lstrip("-").isdigit() and int(asked[-1]) <= 0
    return WireResponse(status=400) if nothing and success(answer) and json_of(answer) is not None else answer

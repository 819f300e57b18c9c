"""Filters, order, selection of members, refused queries: green on a conforming server and its permitted habits, red on each fault."""

from __future__ import annotations

from typing import Any

import pytest

from conformance.verdict import Verdict
from tests.checks.support import run_check
from tests.checks.things import Things, profile

EQUAL = {"parameter": "filter", "template": 'name eq "{value}"', "pointer": "/name", "ignore_case": True, "total": "/total"}
STARTS = {**EQUAL, "template": 'name sw "{value}"', "relation": "starts"}
CONTAINS = {**EQUAL, "template": 'name co "{value}"', "relation": "contains", "change": "swap-case"}
NONE = {**EQUAL, "template": 'name eq "{unique}"', "relation": "none"}
SEARCH = {**EQUAL, "operation": "searchThings", "place": "body"}
QUERIES = {
    "keeps": [{"filter": 'name eq "{/name}"'}, {"filter": 'name ne "{unique}"'}],
    "drops": [{"filter": 'name eq "{unique}"'}, {"filter": 'name ne "{/name}"'}],
}
PUSHED = {**QUERIES, "write": "push"}


@pytest.mark.parametrize("arguments", [EQUAL, STARTS, CONTAINS, NONE, SEARCH, QUERIES], ids=["eq", "sw", "co", "none", "search", "queries"])
@pytest.mark.parametrize("ways", [(), ("no items member",), ("lower case names",), ("late lists",)], ids=str)
def test_a_filter_that_is_honoured_passes(arguments: dict[str, Any], ways: tuple[str, ...]) -> None:
    result = run_check("filter-honoured", profile(within=5), "thing", Things(*ways, others=3), **arguments)
    assert result.verdict is Verdict.PASS, result.reason


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (EQUAL, "ignores filters"), (EQUAL, "filters find nothing"), (EQUAL, "wrong total"), (STARTS, "ignores filters"),
        (CONTAINS, "case counts"), (NONE, "ignores filters"), (NONE, "404 for nothing"), (NONE, "wrong total"), (SEARCH, "ignores filters"),
        (QUERIES, "ignores filters"), (QUERIES, "filters find nothing"),
    ],
    ids=str,
)  # fmt: skip
def test_a_filter_that_is_not_honoured_fails(arguments: dict[str, Any], fault: str) -> None:
    result = run_check("filter-honoured", profile(), "thing", Things(fault), **arguments)
    assert result.verdict is Verdict.FAIL, result.reason


def test_a_filter_for_what_another_operation_posts() -> None:
    assert run_check("filter-honoured", profile(), "pushed", Things(), **PUSHED).verdict is Verdict.PASS
    assert run_check("filter-honoured", profile(), "pushed", Things("ignores filters"), **PUSHED).verdict is Verdict.FAIL


def test_what_is_never_listed_makes_no_finding_about_filters() -> None:
    assert run_check("filter-honoured", profile(), "pushed", Things("forgets pushes"), **PUSHED).verdict is Verdict.INCONCLUSIVE


def test_a_filter_may_be_declined_where_the_standard_says_so() -> None:
    assert (
        run_check("filter-honoured", profile(), "thing", Things("declines filters"), declined=[400], **EQUAL).verdict
        is Verdict.NOT_APPLICABLE
    )
    assert run_check("filter-honoured", profile(), "thing", Things("declines filters"), **EQUAL).verdict is Verdict.FAIL


def test_without_consent_nothing_is_created() -> None:
    server = Things(others=2)
    assert run_check("filter-honoured", profile(), "thing", server, allow=(), **EQUAL).verdict is Verdict.NOT_TESTED
    assert len(server.kept) == 2


ASCENDING = {"query": {"sort": "name"}, "pointer": "/name", "ignore_case": True}
DESCENDING = {"query": {"sort": "-name"}, "pointer": "/name", "order": "descending", "ignore_case": True}
PAGES = {"count": "limit", "start": "offset", "first": 0, "total": "/total"}


@pytest.mark.parametrize("arguments", [ASCENDING, DESCENDING], ids=["up", "down"])
def test_order(arguments: dict[str, Any]) -> None:
    assert run_check("sort-honoured", profile(), "thing", Things(others=4), **arguments).verdict is Verdict.PASS
    assert run_check("sort-honoured", profile(within=5), "thing", Things("late lists"), **arguments).verdict is Verdict.PASS
    assert run_check("sort-honoured", profile(), "thing", Things("ignores sort"), **arguments).verdict is Verdict.FAIL
    assert run_check("sort-honoured", profile(), "thing", Things("sorts by code"), **arguments).verdict is Verdict.FAIL


def test_order_over_several_pages() -> None:
    small = Things("small pages", others=20)
    assert run_check("sort-honoured", profile(), "thing", small, **ASCENDING, **PAGES).verdict is Verdict.PASS
    assert run_check("sort-honoured", profile(), "thing", Things("small pages", others=20), **DESCENDING).verdict is Verdict.INCONCLUSIVE
    wrong = Things("small pages", "ignores sort", others=20)
    assert run_check("sort-honoured", profile(), "thing", wrong, **ASCENDING, **PAGES).verdict is Verdict.FAIL


@pytest.mark.parametrize("role", ["read", "list"])
def test_selection_of_members(role: str) -> None:
    asked = {"role": role, "query": {"fields": "name"}, "present": ["/id", "/name"], "absent": ["/kind", "/note"]}
    assert run_check("field-selection", profile(), "thing", Things(others=1), **asked).verdict is Verdict.PASS
    assert run_check("field-selection", profile(), "thing", Things("hides the note"), **asked).verdict is Verdict.PASS
    assert run_check("field-selection", profile(), "thing", Things(others=1), allow=(), **asked).verdict is Verdict.PASS
    assert run_check("field-selection", profile(), "thing", Things("ignores fields"), **asked).verdict is Verdict.FAIL


def test_selection_that_hides_what_is_always_shown() -> None:
    asked = {"query": {"fields": "name"}, "present": ["/id"]}
    assert run_check("field-selection", profile(), "thing", Things("fields hide the id"), **asked).verdict is Verdict.FAIL


def test_selection_of_what_nothing_has_proves_nothing() -> None:
    asked = {"query": {"fields": "name"}, "present": ["/name"], "absent": ["/nowhere"]}
    assert run_check("field-selection", profile(), "thing", Things(), **asked).verdict is Verdict.INCONCLUSIVE


BAD = {"parameter": "filter", "value": "name conformancetest (", "error": {"/code": "filter"}}


def test_a_query_that_must_be_refused() -> None:
    assert run_check("invalid-filter", profile(), "listThings", Things(), **BAD).verdict is Verdict.PASS
    assert run_check("invalid-filter", profile(), "listThings", Things("ignores bad filters"), **BAD).verdict is Verdict.FAIL
    assert run_check("invalid-filter", profile(), "listThings", Things("bad filter is 422"), **BAD).verdict is Verdict.FAIL
    assert (
        run_check("invalid-filter", profile(), "listThings", Things("bad filter is 422"), **{**BAD, "status": [400, 422]}).verdict
        is Verdict.PASS
    )
    assert run_check("invalid-filter", profile(), "listThings", Things(), **{**BAD, "error": {"/code": "other"}}).verdict is Verdict.FAIL


def test_a_refusal_with_a_right_value_as_control() -> None:
    assert run_check("invalid-filter", profile(), "listThings", Things(), right='name eq "a"', **BAD).verdict is Verdict.PASS
    declining = run_check(
        "invalid-filter", profile(), "listThings", Things("declines filters"), right='name eq "a"', **{**BAD, "error": {}}
    )
    assert declining.verdict is Verdict.INCONCLUSIVE

"""Pages of a list in every style: complete, not longer than asked, with a true total; guests who come in between are no finding."""

from __future__ import annotations

import json
from typing import Any

import pytest

from conformance.checks.patterns.paging import next_link
from conformance.exchange import Exchange, Request
from conformance.verdict import Verdict
from conformance.wire import WireResponse
from tests.checks.support import answer, run_check
from tests.checks.things import Things, profile

OFFSET = {"count": "limit", "start": "offset", "first": 0, "total": "/total"}
STYLES: dict[str, dict[str, Any]] = {
    "offset": OFFSET,
    "offset without total": {"count": "limit", "start": "offset"},
    "index from one": {**OFFSET, "first": 1},
    "page": {"count": "limit", "start": "page", "first": 1, "step": "page", "total": "x-total-count"},
    "page without total": {"count": "limit", "start": "page", "first": 1, "step": "page"},
    "marker": {"count": "limit", "start": "marker", "last": "/id"},
    "token": {"count": "limit", "start": "token", "next": "/nextToken"},
    "link in the body": {"count": "limit", "next": "/next"},
    "Link header": {"count": "limit", "next": "Link"},
}


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("ways", [(), ("small pages",), ("404 behind the end",), ("no items member",)], ids=str)
def test_complete_pages_pass_in_every_style(style: str, ways: tuple[str, ...]) -> None:
    habits = (*ways, "counts from one") if style == "index from one" else ways
    for others in (0, 7, 90):
        result = run_check("paging-complete", profile(), "thing", Things(*habits, others=others), **STYLES[style])
        assert result.verdict is Verdict.PASS, (others, result.reason)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("fault", ["skips one", "ignores the position"])
def test_incomplete_pages_fail_in_every_style(style: str, fault: str) -> None:
    habits = (fault, "counts from one") if style == "index from one" else (fault,)
    result = run_check("paging-complete", profile(), "thing", Things(*habits), **STYLES[style], size=1)
    assert result.verdict is Verdict.FAIL, result.reason


def test_pages_of_a_collection_that_others_change_are_no_finding() -> None:
    result = run_check("paging-complete", profile(), "thing", Things("busy", "skips one"), **OFFSET, size=1)
    assert result.verdict is Verdict.INCONCLUSIVE


def test_everything_on_one_page_is_not_paged() -> None:
    assert run_check("paging-complete", profile(), "thing", Things(), next="/next").verdict is Verdict.NOT_APPLICABLE
    assert run_check("paging-complete", profile(), "thing", Things("small pages", others=2), next="/next").verdict is Verdict.PASS


def test_pages_without_end_are_given_up() -> None:
    result = run_check(
        "paging-complete", profile(), "thing", Things("next for ever", "skips one", others=1), count="limit", next="/next", size=1
    )
    assert result.verdict in (Verdict.FAIL, Verdict.INCONCLUSIVE)
    assert result.requests < 200


@pytest.mark.parametrize("style", [s for s in STYLES if "without" not in s])
@pytest.mark.parametrize("others", [0, 4])
def test_a_total_is_compared_with_all_pages(style: str, others: int) -> None:
    asked = {**STYLES[style], "total": STYLES[style].get("total", "/total")}
    habits = ("counts from one",) if style == "index from one" else ()
    good = run_check("totals-agree", profile(), "thing", Things("small pages", *habits, others=others), allow=(), **asked)
    assert good.verdict is Verdict.PASS, good.reason
    wrong = run_check("totals-agree", profile(), "thing", Things("small pages", "wrong total", *habits, others=others), allow=(), **asked)
    assert wrong.verdict is Verdict.FAIL, wrong.reason


def test_pages_that_do_not_go_on_are_one_cause_with_a_total_that_counts_more() -> None:
    """The total is then no wrong one: what it counts cannot be reached."""
    stuck = Things("small pages", "ignores the position", others=9)
    total, walked = (run_check(name, profile(), "thing", stuck, **OFFSET) for name in ("totals-agree", "paging-complete"))
    assert total.verdict is walked.verdict is Verdict.FAIL
    assert total.cause == walked.cause == "paging: listThings"
    assert "page 2 shows the items of the page before again" in total.reason
    assert "page 2 shows the items of the page before again" in walked.reason


def test_a_total_that_counts_only_the_page_fails() -> None:
    assert (
        run_check("totals-agree", profile(), "thing", Things("small pages", "total of the page", others=5), **OFFSET).verdict
        is Verdict.FAIL
    )


def test_a_total_beside_what_was_deleted() -> None:
    """Something is made and deleted before the count, where that is allowed: an empty list proves little."""
    assert run_check("totals-agree", profile(), "thing", Things(), **OFFSET).verdict is Verdict.PASS
    assert run_check("totals-agree", profile(), "thing", Things("lists nothing"), total="/total", next="/next").verdict is Verdict.FAIL
    assert run_check("totals-agree", profile(), "thing", Things("shows deleted"), **OFFSET).verdict is Verdict.FAIL
    assert run_check("totals-agree", profile(), "thing", Things("quota", others=2), **OFFSET).verdict is Verdict.PASS


def test_a_total_where_pages_end_with_404_passes() -> None:
    assert run_check("totals-agree", profile(), "thing", Things("404 behind the end", others=5), **OFFSET).verdict is Verdict.PASS


def test_a_total_of_a_collection_that_others_change_is_no_finding() -> None:
    assert run_check("totals-agree", profile(), "thing", Things("busy", "wrong total", others=5), **OFFSET).verdict is Verdict.INCONCLUSIVE


def test_a_total_that_is_not_told_is_no_finding() -> None:
    assert run_check("totals-agree", profile(), "thing", Things(others=2), total="/nowhere").verdict is Verdict.INCONCLUSIVE


def test_an_empty_page() -> None:
    asked = {"query": {"limit": 0}, "total": "/total"}
    assert run_check("empty-page", profile(), "thing", Things(), **asked).verdict is Verdict.PASS
    assert run_check("empty-page", profile(), "thing", Things("no items member", others=2), allow=(), **asked).verdict is Verdict.PASS
    assert run_check("empty-page", profile(), "thing", Things("ignores the size"), **asked).verdict is Verdict.FAIL
    assert run_check("empty-page", profile(), "thing", Things("total of the page"), **asked).verdict is Verdict.FAIL
    assert run_check("empty-page", profile(), "thing", Things("busy", "total of the page", others=2), **asked).verdict is Verdict.PASS
    assert run_check("empty-page", profile(), "thing", Things(), allow=(), **asked).verdict is Verdict.INCONCLUSIVE


def test_a_page_is_not_longer_than_asked() -> None:
    assert run_check("page-limit", profile(), "thing", Things(), parameter="limit", value=2).verdict is Verdict.PASS
    assert run_check("page-limit", profile(), "thing", Things(others=5), allow=(), parameter="limit").verdict is Verdict.PASS
    assert run_check("page-limit", profile(), "thing", Things("ignores the size"), parameter="limit").verdict is Verdict.FAIL
    assert run_check("page-limit", profile(), "thing", Things(), allow=(), parameter="limit").verdict is Verdict.INCONCLUSIVE


class Graves(Things):
    """What was deleted takes room on its page."""

    def _page(self, keys: list[str], query: dict[str, str]) -> WireResponse:
        page = super()._page([*keys, *(f"grave {n}" for n in range(200))], query)
        body = json.loads(page.body)
        return answer(200, {**body, "items": [i for i in body["items"] if "grave" not in i["id"]]})


class Ending(Things):
    """The last page says something of its own."""

    def __init__(self, token: Any) -> None:
        super().__init__(others=5)
        self.token = token

    def _page(self, keys: list[str], query: dict[str, str]) -> WireResponse:
        return answer(200, {"nextToken": self.token, **json.loads(super()._page(keys, query).body)})


class Forgetful(Things):
    """No page but the first can be asked for."""

    def _page(self, keys: list[str], query: dict[str, str]) -> WireResponse:
        return answer(410, {"code": "gone"}) if "token" in query else super()._page(keys, query)


@pytest.mark.parametrize("style", ["token", "link in the body"])
@pytest.mark.parametrize("others", [0, 1, 5, 40])
def test_the_last_page_names_none_after_it(style: str, others: int) -> None:
    for ways in ((), ("small pages",), ("no items member",)):
        result = run_check("last-page", profile(), "thing", Things(*ways, others=others), allow=(), **STYLES[style])
        assert result.verdict is Verdict.PASS, result.reason
    refused = Things("next for ever", "404 behind the end", others=5)
    assert run_check("last-page", profile(), "thing", refused, allow=(), **STYLES[style]).verdict is Verdict.FAIL


@pytest.mark.parametrize(
    ("server", "verdict"),
    [
        (Things("next for ever", others=5), Verdict.FAIL),
        (Things("next for ever"), Verdict.FAIL),
        (Ending(""), Verdict.FAIL),
        (Ending(None), Verdict.PASS),
        (Graves(others=5), Verdict.PASS),
        (Things("small pages", others=90), Verdict.PASS),
        (Forgetful(others=5), Verdict.INCONCLUSIVE),
        (Things("ignores the position", others=5), Verdict.INCONCLUSIVE),
    ],
    ids=lambda x: type(x).__name__,
)
def test_pages_that_go_on_behind_the_last(server: Things, verdict: Verdict) -> None:
    """What is empty may be followed by something; a page that is refused half way is none that was named by the last."""
    result = run_check("last-page", profile(), "thing", server, allow=(), **STYLES["token"])
    assert result.verdict is verdict, result.reason
    assert result.requests < 250


@pytest.mark.parametrize(
    ("value", "target"),
    [
        ('</a?x=1>; rel="next"', "/a?x=1"), ("</a>; rel=prev, </b>; rel=next", "/b"), ('</b>; title="x"; rel="last next"', "/b"),
        ('</a>; rel="last"', None), ("nonsense", None),
    ],
)  # fmt: skip
def test_the_next_page_in_a_link_header(value: str, target: str | None) -> None:
    page = Exchange(request=Request(operation="o", method="GET", target="/"), status=200, headers=(("link", value),))
    assert next_link(page) == target

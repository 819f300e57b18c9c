"""Requests that depend on a version."""

from __future__ import annotations

import pytest

from conformance.verdict import Verdict
from tests.checks.support import run_check
from tests.checks.things import Things, profile


@pytest.mark.parametrize(
    ("ways", "verdict"),
    [
        ((), Verdict.PASS), (("weak tags",), Verdict.PASS), (("ignores if-none-match",), Verdict.FAIL),
        (("304 for any tag",), Verdict.FAIL),
        (("no tags",), Verdict.INCONCLUSIVE),
    ],
    ids=str,
)  # fmt: skip
def test_a_read_that_depends_on_a_version(ways: tuple[str, ...], verdict: Verdict) -> None:
    result = run_check("conditional-read", profile(), "thing", Things(*ways))
    assert result.verdict is verdict, result.reason


def test_a_conditional_read_needs_no_consent() -> None:
    assert run_check("conditional-read", profile(), "thing", Things(others=1), allow=()).verdict is Verdict.PASS


@pytest.mark.parametrize("role", ["", "replace", "update", "delete"])
@pytest.mark.parametrize(
    ("ways", "verdict"),
    [
        ((), Verdict.PASS), (("weak tags",), Verdict.PASS), (("tag never changes",), Verdict.PASS), (("ignores if-match",), Verdict.FAIL),
        (("writes and answers 412",), Verdict.FAIL), (("409 for versions",), Verdict.FAIL), (("no tags",), Verdict.INCONCLUSIVE),
    ],
    ids=str,
)  # fmt: skip
def test_a_write_that_depends_on_a_version(role: str, ways: tuple[str, ...], verdict: Verdict) -> None:
    if role == "delete" and "writes and answers 412" in ways:
        return
    result = run_check("conditional-write", profile(), "thing", Things(*ways), role=role)
    assert result.verdict is verdict, result.reason


def test_other_statuses_that_refuse_an_outdated_version() -> None:
    assert run_check("conditional-write", profile(), "thing", Things("409 for versions"), status=[412, 409]).verdict is Verdict.PASS


def test_a_write_where_the_server_insists_on_a_version() -> None:
    assert run_check("conditional-write", profile(if_match=True), "thing", Things()).verdict is Verdict.PASS
    assert run_check("conditional-write", profile(if_match=True), "thing", Things("ignores if-match")).verdict is Verdict.FAIL


def test_a_write_that_would_show_nothing_is_tried_where_it_shows() -> None:
    """A change that is always to the same value hides a second one that was refused and done all the same."""
    same = profile(changes={"kind": "changed"})
    assert run_check("conditional-write", same, "thing", Things(), role="update").verdict is Verdict.PASS
    assert run_check("conditional-write", same, "thing", Things("weak tags"), role="update").verdict is Verdict.PASS
    assert run_check("conditional-write", same, "thing", Things("writes and answers 412"), role="update").verdict is Verdict.FAIL

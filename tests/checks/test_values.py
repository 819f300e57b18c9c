"""Secrets are shown nowhere, the case of letters is kept."""

from __future__ import annotations

import pytest

from conformance.verdict import Verdict
from tests.checks.support import run_check
from tests.checks.things import Things, profile

SECRET = {"members": {"secret": "{secret}"}}


@pytest.mark.parametrize(
    "roles", [["create"], ["read"], ["list"], ["create", "read", "list", "replace"], ["replace", "read"], ["update"]], ids=str
)
def test_a_secret_is_in_no_answer(roles: list[str]) -> None:
    assert run_check("write-only-hidden", profile(), "thing", Things(), **SECRET, roles=roles).verdict is Verdict.PASS
    with_create = [*roles, "create"] if roles in (["read"], ["list"]) else roles
    for fault in ("shows secrets", "leaks secrets in the log"):
        result = run_check("write-only-hidden", profile(), "thing", Things(fault), **SECRET, roles=with_create)
        assert result.verdict is Verdict.FAIL, (fault, result.reason)


def test_the_case_of_letters() -> None:
    asked = {"pointer": "/name", "value": "MiXeD-{unique}"}
    assert run_check("case-preserved", profile(), "thing", Things(), **asked).verdict is Verdict.PASS
    assert run_check("case-preserved", profile(), "thing", Things("lower case names"), **asked).verdict is Verdict.FAIL
    hidden = {"pointer": "/note", "value": "MiXeD-{unique}"}
    assert run_check("case-preserved", profile(), "thing", Things("hides the note"), **hidden).verdict is Verdict.NOT_APPLICABLE

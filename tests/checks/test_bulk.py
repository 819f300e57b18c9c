"""Several operations in one request."""

from __future__ import annotations

from typing import Any

import pytest

from conformance.verdict import Verdict
from tests.checks.support import run_check
from tests.checks.things import Things, profile

ONE: dict[str, Any] = {
    "create": "thing", "request": {"kind": "bulk"}, "items": "/operations", "item": {"method": "POST", "name": "{unique}"},
    "example": "/data",
    "answers": "/operations", "key": "/name", "status": ["/status", "/status/code"], "location": "/location",
}  # fmt: skip
TWO = {**ONE, "failing": {"method": "DELETE", "path": "/things/{uuid}"}, "explained": "/response"}


@pytest.mark.parametrize(
    ("ways", "arguments", "verdict"),
    [
        ((), ONE, Verdict.PASS), ((), TWO, Verdict.PASS), (("any order",), TWO, Verdict.PASS), (("status objects",), TWO, Verdict.PASS),
        (("bulk forgets names",), ONE, Verdict.FAIL), (("bulk stops",), TWO, Verdict.FAIL), (("bulk explains nothing",), TWO, Verdict.FAIL),
        (("bulk explains nothing",), ONE, Verdict.PASS), (("bulk does nothing",), ONE, Verdict.FAIL), (("bulk does nothing",), TWO, Verdict.FAIL),
    ],
    ids=str,
)  # fmt: skip
def test_each_operation_is_answered_for_itself(ways: tuple[str, ...], arguments: dict[str, Any], verdict: Verdict) -> None:
    result = run_check("bulk-per-item", profile(), "bulk", Things(*ways), **arguments)
    assert result.verdict is verdict, result.reason

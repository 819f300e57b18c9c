"""What answers show: of what was sent, of time, of amounts, of others."""

from __future__ import annotations

from typing import Any

import pytest

from conformance.verdict import Verdict
from tests.checks.leases import Leases, leases
from tests.checks.support import run_check

ACTIVE = {"/state": "active"}
LIMIT = {"operation": "getPlan", "parameter": "name", "from": "/plan", "value": "/most/value", "unit": "/most/unit"}
GROWS = {"member": "/more", "shown": "/seconds", "shows": ACTIVE, "limit": LIMIT}
PAIR = {"owner": {"a": 1, "b": 2}}
CASES: list[tuple[str, str, dict[str, Any], str]] = [
    ("shows-what-was-sent", "lease", {"pointers": ["/owner", "/flow"]}, "invents"),
    ("shows-what-was-sent", "lease", {"pointers": ["/owner"], "changes": PAIR, "role": "create", "most": 1}, "shows all"),
    ("shows-only-sent", "createLease", {"pointers": ["/owner", "/flow"]}, "invents"),
    ("shows-only-sent", "createLease", {"pointers": ["/owner"], "changes": PAIR, "most": 1, "needed": True}, "shows all"),
    ("times-in-order", "lease", {"pointers": ["/begins", "/ends"], "shows": ACTIVE, "apart": "/seconds"}, "backwards"),
    ("over-at-its-end", "lease", {"end": "/ends", "state": ACTIVE}, "endless"),
    ("amount-added", "extendLease", {**GROWS, "amount": 10, "look": "granted"}, "forgets"),
    ("amount-added", "extendLease", {**GROWS, "amount": 10_000, "look": "granted"}, "forgets"),
    ("amount-added", "extendLease", {**GROWS, "amount": 10_000, "look": "capped"}, "no limit"),
    ("amount-added", "extendLease", {**GROWS, "amount": 10, "look": "kept"}, "shortens"),
    ("list-of-another", "lease", {"body": {"owner": "nobody"}}, "one list"),
    ("list-of-another", "lease", {"body": {"owner": "nobody"}, "empty": True}, "one list"),
    ("item-as-listed", "lease", {"same": ["/flow"]}, ""),
]


@pytest.mark.parametrize(("check", "on", "arguments", "fault"), CASES)
def test_what_is_shown_is_held_against_what_is_so(check: str, on: str, arguments: dict[str, Any], fault: str) -> None:
    """Right as the standard says, wrong with the fault."""
    server = Leases()
    if check == "item-as-listed":
        server.make({"owner": "us", "flow": "x", "seconds": 5, "plan": "gold"}, 0.0, "us")
    assert run_check(check, leases(), on, server.handle, **arguments).verdict is Verdict.PASS
    if fault:
        assert run_check(check, leases(), on, Leases(frozenset({fault})).handle, **arguments).verdict is Verdict.FAIL


def test_an_amount_without_a_known_limit_proves_little() -> None:
    """Nobody says the limit: what was granted in full is right, what was not may be at its limit."""
    arguments = {**GROWS, "limit": {}, "look": "granted"}
    assert run_check("amount-added", leases(), "extendLease", Leases().handle, **{**arguments, "amount": 10}).verdict is Verdict.PASS
    assert (
        run_check("amount-added", leases(), "extendLease", Leases().handle, **{**arguments, "amount": 10_000}).verdict
        is Verdict.INCONCLUSIVE
    )


def test_what_lasts_long_is_not_waited_for() -> None:
    """A lease that ends in an hour is not looked at until then."""
    seen = run_check("over-at-its-end", leases(), "lease", Leases().handle, end="/ends", state=ACTIVE, changes={"seconds": 3600})
    assert seen.verdict is Verdict.INCONCLUSIVE

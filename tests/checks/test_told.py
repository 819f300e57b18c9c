"""Refusals that say why, and requests that must be accepted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from conformance.verdict import Verdict
from conformance.wire import WireRequest, WireResponse
from tests.checks.leases import Leases, leases
from tests.checks.support import answer, requirement_of, run_check

CASES: list[tuple[str, str, dict[str, Any], str]] = [
    ("error-members", "getLease", {"kind": "unknown-id", "members": {"/code": "NO_SUCH"}}, "one code"),
    ("error-members", "createLease", {"kind": "not-json", "members": {"/code": ["INVALID", "MALFORMED"]}}, "one code"),
    ("error-members", "getLease", {"kind": "no-credentials", "members": {"/code": "UNAUTHENTICATED"}, "statuses": [401]}, "one code"),
    ("error-members", "getLease", {"kind": "wrong-credentials", "members": {"/code": "UNAUTHENTICATED"}}, "one code"),
    ("request-refused", "createLease", {"changes": {"owner": ""}, "status": [422], "error": {"/code": "OWNER"}}, "any owner"),
    ("request-refused", "createLease", {"changes": {"owner": None}, "status": [422], "error": {"/code": "OWNER"}}, "one code"),
    ("request-refused", "getLease", {"headers": {"X-Trace": "bad trace"}, "status": [400]}, "any trace"),
    ("repeat-refused", "lease", {"error": {"/code": ["TAKEN", "EXISTS"]}}, "repeats"),
    ("repeat-refused", "lease", {"error": {"/code": "TAKEN"}}, "one code"),
]


@pytest.mark.parametrize(("check", "on", "arguments", "fault"), CASES)
def test_a_refusal_is_held_to_its_status_and_members(check: str, on: str, arguments: dict[str, Any], fault: str) -> None:
    """Right as the standard says, wrong with the fault."""
    assert run_check(check, leases(), on, Leases().handle, **arguments).verdict is Verdict.PASS
    assert run_check(check, leases(), on, Leases(frozenset({fault})).handle, **arguments).verdict is Verdict.FAIL


SAME: dict[str, Any] = {"kind": "unknown-id", "same": {"/request": "X-Request-Id"}}


@pytest.mark.parametrize(
    ("told", "header", "verdict"),
    [
        ({"request": "r1"}, {"X-Request-Id": "r1"}, Verdict.PASS),
        ({"request": "r1"}, {"X-Request-Id": "r2"}, Verdict.FAIL),
        ({"request": "r1"}, {}, Verdict.FAIL),
        ({}, {"X-Request-Id": "r1"}, Verdict.NOT_APPLICABLE),
    ],
)
def test_an_error_may_say_what_a_header_says_and_then_says_the_same(told: dict[str, str], header: dict[str, str], verdict: Verdict) -> None:
    server = Leases()

    def handle(request: WireRequest, now: float) -> WireResponse:
        seen = server.handle(request, now)
        return answer(404, {"code": "NO_SUCH", **told}, **header) if seen.status == 404 else seen

    result = run_check("error-members", leases(), "getLease", handle, **SAME)
    assert result.verdict is verdict, result.reason
    other = run_check("error-members", leases(), "getLease", handle, **SAME, members={"/code": "OTHER"})
    assert other.verdict is Verdict.FAIL, "the members are looked at first"


def test_good_data_must_be_taken() -> None:
    """What the owner of the target says is good is no reason to refuse; without such data nothing is looked at."""
    changes = {"owner": "{test_data.pair}"}
    taken = run_check("request-accepted", leases(), "createLease", Leases().handle, test_data={"pair": {"a": 1, "b": 2}}, changes=changes)
    assert taken.verdict is Verdict.PASS
    refused = run_check("request-accepted", leases(), "createLease", Leases().handle, test_data={"pair": ""}, changes=changes)
    assert refused.verdict is Verdict.FAIL
    nothing = run_check(
        "request-accepted", leases(), "createLease", lambda request, at: answer(404), test_data={"pair": ""}, changes=changes
    )
    assert nothing.verdict is Verdict.INCONCLUSIVE, "the plain request is refused as well"

    def unauthorised(only: bytes) -> Any:
        good = Leases()
        return lambda request, at: answer(401) if only in request.body else good.handle(request, at)

    for only, verdict in ((b"nobody", Verdict.FAIL), (b"", Verdict.INCONCLUSIVE)):  # of what was asked; of the credentials
        told = run_check("request-accepted", leases(), "createLease", unauthorised(only), test_data={"pair": "nobody"}, changes=changes)
        assert told.verdict is verdict, told.reason
    unknown = run_check("request-accepted", leases(), "createLease", Leases().handle, changes=changes)
    assert (unknown.verdict, unknown.reason) == (Verdict.INCONCLUSIVE, "needs test_data: pair")


def test_a_parameter_that_the_standard_permits_must_be_taken() -> None:
    """A query is sent in the place of that of the valid request, which is the control."""

    def server(*, picky: bool, broken: bool = False) -> Any:
        good = Leases()

        def answered(request: WireRequest, at: float) -> WireResponse:
            path, _, query = request.target.partition("?")
            refuses = request.method == "GET" and (broken or (picky and query == "at=1.5"))
            return answer(400) if refuses else good.handle(replace(request, target=path), at)

        return answered

    def seen(server: Any) -> Verdict:
        return run_check("request-accepted", leases(), "getLease", server, query={"at": "1.5"}).verdict

    assert seen(server(picky=False)) is Verdict.PASS
    assert seen(server(picky=True)) is Verdict.FAIL
    assert seen(server(picky=True, broken=True)) is Verdict.INCONCLUSIVE


def test_nothing_is_left_of_what_should_have_been_refused() -> None:
    """What a lenient server made of a wrong create is removed at once."""
    server = Leases(frozenset({"any owner"}))
    run_check("request-refused", leases(), "createLease", server.handle, changes={"owner": ""}, status=[422])
    assert all(lease["owner"] == "us" for lease in server.leases.values())


def test_an_error_of_another_shape_is_found_once() -> None:
    """Where a requirement looks at the format of errors, an error that breaks it says nothing of its members."""
    plain = leases()
    error = replace(plain.bindings.error, schema="Lease")
    looked_at = replace(plain, requirements=(requirement_of("service-error-format"),), bindings=replace(plain.bindings, error=error))
    server = Leases()

    def another_shape(request: WireRequest, now: float) -> WireResponse:
        seen = server.handle(request, now)
        return replace(seen, body=b'["wrong"]') if seen.status >= 400 else seen

    arguments: dict[str, Any] = {"changes": {"owner": ""}, "status": [422], "error": {"/code": "OWNER"}}
    assert run_check("request-refused", plain, "createLease", another_shape, **arguments).verdict is Verdict.FAIL
    assert run_check("request-refused", looked_at, "createLease", another_shape, **arguments).verdict is Verdict.INCONCLUSIVE
    assert run_check("request-refused", looked_at, "createLease", Leases().handle, **arguments).verdict is Verdict.PASS

"""Clients of one service are kept apart."""

from __future__ import annotations

from dataclasses import replace

import pytest

from conformance.exchange import Request
from conformance.verdict import Verdict
from conformance.wire import WireRequest, WireResponse
from tests.checks.leases import Leases, leases
from tests.checks.support import run_check


def handler(server: Leases) -> object:
    """Return the server for two clients: in these tests the second one has no credentials of its own, so the suite's are exchanged."""

    def handle(request: WireRequest, now: float) -> WireResponse:
        named = {k.lower() for k, _ in request.headers}
        if "authorization" not in named:
            request = replace(request, headers=(*request.headers, ("authorization", "Bearer other-credentials")))
        return server.handle(request, now)

    return handle


@pytest.mark.parametrize(
    ("check", "arguments", "fault"),
    [
        ("other-client-refused", {"role": "read", "status": [403]}, "served to anyone"),
        ("other-client-refused", {"role": "delete"}, "served to anyone"),
        ("other-client-not-listed", {}, "listed for anyone"),
    ],
)
def test_another_client_is_kept_out(check: str, arguments: dict[str, object], fault: str) -> None:
    """Reading, deleting and listing."""
    assert run_check(check, leases(), "lease", handler(Leases()), **arguments).verdict is Verdict.PASS  # type: ignore[arg-type]
    faulty = Leases(frozenset({fault}))
    assert run_check(check, leases(), "lease", handler(faulty), **arguments).verdict is Verdict.FAIL  # type: ignore[arg-type]


def test_credentials_that_nobody_knows_prove_nothing() -> None:
    """The other client must get in at all."""
    server = Leases()

    def handle(request: WireRequest, now: float) -> WireResponse:
        return server.handle(request, now)

    assert run_check("other-client-refused", leases(), "lease", handle).verdict is Verdict.INCONCLUSIVE
    assert Request(operation="", method="GET").identity == "default"

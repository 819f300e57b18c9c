"""A hostile server may keep us from judging it; it may not crash, fill or mislead a run, nor send us anywhere else."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from conformance.driving.wires import HttpWire, NoAnswer
from conformance.flow import outcome
from conformance.loading.profiles import load_profile
from conformance.reference.twins import twin_for
from conformance.run import Run
from conformance.target import Target
from conformance.verdict import Verdict
from conformance.wire import WireRequest, WireResponse
from conformance.writers.data import write_json
from conformance.writers.text import write_text
from tests.driving.attacks import ATTACKS, BODIES, SCRIPT
from tests.driving.running import TIGHT, assert_whole, named, run_live, shelf, size_of, with_verdict
from tests.driving.servers import Line, Server, answer, encoded, raw_server, served

#: Enough to reach every kind of reading: a list, a create and what hangs on its answer, an error, a delete.
LOOKED_AT = tuple(
    f"scim2/{name}" for name in ("list-users.answer", "create-user.answer", "service.error-format", "user.read-after-create", "user.list-contains", "user.delete")
)
#: Attacks on the protocol that get a run of their own; all of them go through the client alone.
WHOLE = (
    "endless chunked body", "a byte at a time", "flood of 1xx without an end", "gzip bomb", "brotli bomb", "100,000 headers", "cookies by the hundred",
    "terminal escapes and scripts in headers", "a header that is not UTF-8", "503 with Retry-After '99999999999999999999'", "version HTTP/99.99", "status 999",
    "101 to another protocol", "fewer bytes than Content-Length", "more bytes than Content-Length", "reset at once", "reset halfway",
)  # fmt: skip
#: Short, so that what never ends is soon over.
LIMITS = replace(TIGHT, timeout=0.15)


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Server]:
    """A server on another origin that nobody may speak to."""
    with served(lambda request: answer(200, b"{}")) as server:
        yield server
    assert server.connections == 0


def attacked(name: str, folder: Path) -> Run:
    """Run against a server that is honest about its configuration and attacks everything else."""
    twin = twin_for(load_profile("scim2", shelf()))

    async def respond(request: WireRequest, line: Line) -> bool:
        if "/ServiceProviderConfig" in request.target:
            await line.send(encoded(twin.handle(request, 1.8e9), request.method))
            return True
        return await ATTACKS[name](request, line)

    with raw_server(respond) as server:
        return run_live("scim2", server.url, folder, target=Target(url=server.url, limits=LIMITS, allow=("write",)), only=LOOKED_AT)


def assert_harmless(run: Run, folder: Path) -> None:
    """Assert what holds of every run, whatever came back."""
    assert_whole(folder)
    assert run.footer is not None
    assert (folder / "exchanges.jsonl").stat().st_size < 200_000 + run.footer.requests * 2 * (LIMITS.body_bytes + LIMITS.header_bytes)
    assert (folder / "run.jsonl").stat().st_size < 1_000_000
    assert (folder / "report.html").stat().st_size < 5_000_000
    page = (folder / "report.html").read_text("utf-8")
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert not re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]", write_text(run))
    json.loads(write_json(run))
    assert not Path("/tmp/owned").exists()


@pytest.mark.parametrize("name", [*BODIES, *WHOLE])
def test_a_hostile_answer_breaks_nothing(name: str, tmp_path: Path) -> None:
    """The run ends, no verdict is our own error, the record can be read, and the reports are there and escaped."""
    run = attacked(name, tmp_path)
    assert len(run.results) == len(LOOKED_AT)
    assert_harmless(run, tmp_path)


@pytest.mark.parametrize("name", ATTACKS)
def test_the_client_takes_no_more_than_it_may(name: str) -> None:
    """Whatever is sent, an answer within the limits comes out, or the trouble that kept it from coming; soon."""
    request = WireRequest(method="GET", target="/", headers=(("accept-encoding", "gzip"),))

    async def fetched(url: str) -> WireResponse | NoAnswer:
        wire = HttpWire(Target(url=url, limits=LIMITS))
        try:
            first, second = [await outcome(wire.fetch(url, request)) for _ in range(2)]  # the second may find what the first left behind
        finally:
            await wire.close()
        assert (first[0] is None) != (first[1] is None)
        assert isinstance(second[1], NoAnswer | None)
        seen = first[0] or first[1]
        assert isinstance(seen, WireResponse | NoAnswer)
        return seen

    with raw_server(ATTACKS[name]) as server:
        began = time.monotonic()
        seen = asyncio.run(fetched(server.url))
    assert time.monotonic() - began < 20
    if isinstance(seen, WireResponse):
        assert len(seen.body) <= LIMITS.body_bytes
        assert sum(len(k) + len(v) for k, v in seen.headers) <= LIMITS.header_bytes
    else:
        assert len(seen.detail) <= 300


def test_there_are_enough_attacks() -> None:
    """The lists do not shrink unseen."""
    assert len({*BODIES, *WHOLE}) >= 40
    assert len(ATTACKS) >= 80

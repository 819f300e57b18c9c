"""A hostile server may keep us from judging it; it may not crash, fill or mislead a run, nor send us anywhere else."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from conformance.driving.session import Options
from conformance.driving.wires import HttpWire, NoAnswer
from conformance.flow import outcome
from conformance.loading.profiles import load_profile
from conformance.reference.twins import twin_for
from conformance.run import Run
from conformance.target import Target
from conformance.verdict import Verdict
from conformance.wire import Twin, WireRequest, WireResponse
from conformance.writers.data import write_json
from conformance.writers.text import write_text
from tests.driving.attacks import ATTACKS, BODIES
from tests.driving.running import TIGHT, assert_whole, run_live, shelf, with_verdict
from tests.driving.servers import Line, Server, answer, encoded, json_answer, raw_server, served

#: Enough to reach every kind of reading: a list, a create and what hangs on its answer, an error, a delete.
LOOKED_AT = tuple(
    f"scim2/{name}"
    for name in (
        "list-users.answer",
        "create-user.answer",
        "service.error-format",
        "user.read-after-create",
        "user.list-contains",
        "user.delete",
    )
)
#: Attacks on the protocol that get a run of their own; all of them go through the client alone.
WHOLE = (
    "endless chunked body",
    "a byte at a time",
    "flood of 1xx without an end",
    "gzip bomb",
    "brotli bomb",
    "100,000 headers",
    "cookies by the hundred",
    "terminal escapes and scripts in headers",
    "a header that is not UTF-8",
    "503 with Retry-After '99999999999999999999'",
    "version HTTP/99.99",
    "status 999",
    "101 to another protocol",
    "fewer bytes than Content-Length",
    "more bytes than Content-Length",
    "reset at once",
    "reset halfway",
)
#: Short, so that what never ends is soon over.
LIMITS = replace(TIGHT, timeout=0.15)


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Server]:
    """A server on another origin that nobody may speak to."""
    with served(lambda request: answer(200, b"{}")) as server:
        yield server
    assert server.connections == 0


@cache
def _twin() -> Twin:
    return twin_for(load_profile("scim2", shelf()))


def attacked(name: str, folder: Path) -> Run:
    """Run against a server that is honest about its configuration and attacks everything else."""
    twin = _twin()

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


LINKS = (
    "{elsewhere}/redfish/v1/Systems",
    "//{authority}/redfish/v1/Systems",
    "http://169.254.169.254/latest/meta-data/",
    "http://[fe80::1]/x",
    "http://0.0.0.0/x",
    "http://[::ffff:169.254.169.254]/",
    "http://2852039166/",
    "http://127.0.0.1@{authority}/",
    "http://{authority}\\@127.0.0.1/",
    "file:///etc/passwd",
    "gopher://{authority}/",
    "javascript:alert(1)",
    "http://[",
    "http://127.0.0.1:99999/",
    "http://\ud800/",
    "\ud800",
    "http://a\u0000b/",
    "?",
    "#",
    "",
    "/" * 5000,
    "http://ⓛocalhost/",
    "\\\\{authority}\\x",
    "{own}@{authority}/x",
    "{own}.{authority}/x",
)


PLACES = ("Systems", "Chassis", "Managers", "AccountService", "SessionService", "EventService", "Tasks")


@pytest.mark.parametrize("first", range(0, len(LINKS), len(PLACES)))
def test_no_link_leads_us_to_another_origin(first: int, tmp_path: Path, elsewhere: Server) -> None:
    """Links in bodies, Location, redirects and `next` that leave the target's origins are not followed, whatever they look like."""
    own: dict[str, str] = {}

    def link(number: int) -> str:
        authority = elsewhere.url.removeprefix("http://")
        text = LINKS[(first + number) % len(LINKS)]
        return text.replace("{elsewhere}", elsewhere.url).replace("{authority}", authority).replace("{own}", own["url"])

    def handler(request: WireRequest) -> WireResponse:
        if request.target.rstrip("/").endswith("/redfish"):
            return json_answer('{"v1": "/redfish/v1/"}')
        number = len(request.target) % len(PLACES)
        heading = link(number).encode("utf-8", "replace").decode().replace("\x00", "")
        root = {
            "@odata.id": "/redfish/v1/" if request.target.endswith("v1/") else link(number),
            "@odata.type": "#ServiceRoot.v1_15_0.ServiceRoot",
            "Id": "Root",
            "Name": "Root",
            "RedfishVersion": "1.20.0",
            "Links": {"Sessions": {"@odata.id": link(1)}},
            "Members": [{"@odata.id": link(n)} for n in range(len(PLACES))],
            "Members@odata.count": 99,
            "Members@odata.nextLink": link(2),
            **{name: {"@odata.id": link(n)} for n, name in enumerate(PLACES)},
        }
        status = {"POST": 201, "GET": 200}.get(request.method, 307)
        return json_answer(json.dumps(root), status, location=heading, link=f'<{heading}>; rel="next"')

    with served(handler) as server:
        own["url"] = server.url
        run = run_live(
            "dmtf-redfish",
            server.url,
            tmp_path,
            target=Target(url=server.url, limits=TIGHT, allow=("write",)),
            options=Options(patience=0.01),
        )
    assert_harmless(run, tmp_path)
    assert elsewhere.connections == 0


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(status: int, tmp_path: Path, elsewhere: Server) -> None:
    """A redirect to another origin ends there, for reads and writes, with credentials and without."""
    with served(lambda request: answer(status, location=f"{elsewhere.url}/x")) as server:
        run = run_live("scim2", server.url, tmp_path)
    assert_harmless(run, tmp_path)
    assert not with_verdict(run, Verdict.PASS)
    assert elsewhere.connections == 0

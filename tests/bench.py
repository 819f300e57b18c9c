"""Speed as ratios, side by side in one run: `make bench`. Nothing here asserts; numbers go to stdout.

Everything talks to loopback servers started here, in processes of their own, and stopped at the end.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import multiprocessing
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx

from conformance.api import Api
from conformance.claim import Claim
from conformance.cli.running import execute
from conformance.cli.twins import claim_of_twin, target_of_twin
from conformance.driving.driver import Driver
from conformance.driving.ledger import Ledger
from conformance.driving.live import Live
from conformance.driving.session import Options, Session
from conformance.driving.wires import HttpWire
from conformance.exchange import Request
from conformance.flow import drive, send, together
from conformance.loading.profiles import Shelf, load_profile
from conformance.profile import Profile
from conformance.redaction import Redactor
from conformance.reference.serving import serve
from conformance.reference.twins import twin_for
from conformance.schema import Schemas
from conformance.target import Limits, Target
from conformance.wire import Outgoing, Twin, WireRequest, WireResponse, deliveries
from conformance.writers.record import RecordWriter

CASES = 1500
ITEM = {"id": "1", "name": "one", "size": 3, "tags": ["a", "b"]}
LISTS = ("items", "parts", "notes", "tags")
LIMIT = {"name": "limit", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": 100}}
ANSWER = {"description": "ok", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Item"}}}}
MEMBERS = {
    "id": {"type": "string"},
    "name": {"type": "string"},
    "size": {"type": "integer"},
    "tags": {"type": "array", "items": {"type": "string"}},
}
#: Several operations, because workers of `st run` share operations and not cases.
CONTRACT: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "items", "version": "1"},
    "paths": {f"/{one}": {"get": {"operationId": f"list-{one}", "parameters": [LIMIT], "responses": {"200": ANSWER}}} for one in LISTS},
    "components": {"schemas": {"Item": {"type": "object", "required": ["id", "name", "size"], "properties": MEMBERS}}},
}


def _serve_items(port: Any, latency: float) -> None:
    """Answer every request with the item: the least that HTTP/1.1 takes."""
    body = json.dumps(ITEM).encode()
    answer = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body) + body

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = re.search(rb"(?i)content-length: (\d+)", head)
                if length:
                    await reader.readexactly(int(length[1]))
                if latency:
                    await asyncio.sleep(latency)
                writer.write(answer)
        writer.close()

    async def main() -> None:
        server = await asyncio.start_server(client, "127.0.0.1", 0)
        port.value = server.sockets[0].getsockname()[1]
        await server.serve_forever()

    asyncio.run(main())


@contextlib.contextmanager
def items_server(latency: float = 0.0) -> Iterator[str]:
    """Serve the item in a process of its own; yields the base URL."""
    port = multiprocessing.Value("i", 0)
    process = multiprocessing.Process(target=_serve_items, args=(port, latency), daemon=True)
    process.start()
    try:
        while not port.value:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{port.value}"
    finally:
        process.terminate()
        process.join()


async def ours(url: str, in_flight: int, folder: Path) -> float:
    """Send the cases as checks do: driver, redaction, recording and schema validation included; return cases a second."""
    target = Target(url=url, limits=Limits(in_flight=in_flight))
    writer = RecordWriter(folder)
    schemas = Schemas(CONTRACT)

    def no_tools(place: str) -> Api:
        raise NotImplementedError

    class Anonymous:
        sessions: tuple[()] = ()

        def known(self, identity: str) -> bool:
            return True

        async def headers(self, identity: str) -> tuple[()]:
            return ()

        def renew(self, identity: str, used: object) -> bool:
            return False

    driver = Driver(
        target=target, wire=HttpWire(target), redactor=Redactor(b"k"), credentials=Anonymous(), ledger=Ledger(None), tools=no_tools,  # type: ignore[arg-type]
        record=writer.exchange, started_at=asyncio.get_running_loop().time(),
    )  # fmt: skip

    async def one(number: int) -> None:
        seen = await send(
            Request(operation="list-items", method="GET", target=f"/items?limit={number % 100}", headers=(("accept", "application/json"),))
        )
        assert schemas.is_valid("/components/schemas/Item", seen.json())

    async def burst() -> None:
        await together(*[one(n) for n in range(CASES)])

    started = time.perf_counter()
    await drive(burst(), Live(driver, "bench"))
    elapsed = time.perf_counter() - started
    await driver.wire.close()
    writer.close()
    return CASES / elapsed


async def bare(url: str, in_flight: int) -> float:
    """Send the cases with as many plain httpx clients; return cases a second."""
    left = iter(range(CASES))

    async def worker() -> None:
        async with httpx.AsyncClient(trust_env=False) as client:
            for number in left:
                (await client.get(f"{url}/items?limit={number % 100}")).json()

    started = time.perf_counter()
    await asyncio.gather(*[worker() for _ in range(in_flight)])
    return CASES / (time.perf_counter() - started)


def schemathesis(url: str, workers: int, folder: Path) -> float:
    """Run `st run` on the same contract; return cases a second of its own summary, start-up left out.

    Only inputs that the server rightly takes: it stops at the first thing that it finds, and then there is nothing to time.
    """
    file = folder / "items.json"
    file.write_text(json.dumps(CONTRACT))
    command = [
        str(Path(sys.executable).parent / "st"), "run", str(file), "--url", url, "--workers", str(workers), "--max-examples", "300",
        "--phases", "fuzzing", "--mode", "positive", "--generation-database", "none", "--seed", "1",
    ]  # fmt: skip
    started = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, env={**os.environ, "NO_COLOR": "1"}, timeout=300)
    elapsed = time.perf_counter() - started
    cases = re.search(r"(\d+) generated", done.stdout)
    inner = re.search(r"in (\d+(?:\.\d+)?)s =+\s*$", done.stdout)
    return int(cases[1]) / (float(inner[1]) if inner else elapsed) if cases else 0.0


class Distant:
    """A twin at the other end of a line: every answer takes *latency* seconds; notes when it was first asked."""

    def __init__(self, twin: Twin, latency: float) -> None:
        self.twin, self.latency, self.first = twin, latency, 0.0

    @property
    def test_data(self) -> Mapping[str, Any]:
        """The test data of the twin inside."""
        return dict(getattr(self.twin, "test_data", {}))

    def due(self, now: float) -> list[Outgoing]:
        """Return what the twin inside sends by itself."""
        return deliveries(self.twin, now)

    def handle(self, request: WireRequest, now: float) -> WireResponse:
        """Answer late."""
        self.first = self.first or time.time()
        answer = self.twin.handle(request, now)
        return replace(answer, delay_s=answer.delay_s + self.latency)


def full_verdict(latency: float, folder: Path) -> tuple[int, float, float]:
    """Run the SCIM profile against its twin over HTTP; return requests, seconds, and seconds until the first request."""
    profile = load_profile("scim2")
    twin = Distant(twin_for(profile), latency)
    with serve(twin) as url:
        target = target_of_twin(profile, twin, url, folder)
        session = Session("scim2", target, Claim(), folder, Options(), epoch=time.time())
        began, started = time.time(), time.perf_counter()
        run = execute(session)
        return (run.footer.requests if run.footer else 0), time.perf_counter() - started, twin.first - began


LATENCIES = (0.0, 0.02, 0.1)


def profiles_table(names: Sequence[str], folder: Path, latencies: Sequence[float] = LATENCIES) -> Iterator[str]:
    """Run profiles against their twins over HTTP; yield a line of Markdown for each: requests, seconds by latency, checks by family."""
    yield "| profile | requests | " + " | ".join(f"s at {latency * 1000:.0f} ms" for latency in latencies) + " | checks by family |"
    yield "|---|---" + "|---" * len(latencies) + "|---|"
    for name in names:
        profile = load_profile(name)
        families = Counter(r.family for r in profile.requirements)
        times, requests = [], 0
        for latency in latencies:
            requests, elapsed = _measured(profile, latency, folder / f"{profile.name}-{latency}")
            times.append(f"{elapsed:.1f}")
        told = ", ".join(f"{family or 'behaviour'} {count}" for family, count in sorted(families.items(), key=lambda f: (-f[1], f[0])))
        yield f"| {profile.name} {profile.edition} | {requests} | {' | '.join(times)} | {told} |"


def _measured(profile: Profile, latency: float, folder: Path) -> tuple[int, float]:
    """Return the requests and the seconds of a run with everything claimed."""
    twin = Distant(twin_for(profile), latency)
    with serve(twin, sink_ca=folder / "sink-ca.pem") as url:
        target = target_of_twin(profile, twin, url, folder)
        session = Session(f"{profile.name}@{profile.edition}", target, claim_of_twin(profile), folder, Options(), epoch=time.time())
        started = time.perf_counter()
        run = execute(session)
        return (run.footer.requests if run.footer else 0), time.perf_counter() - started


def main(words: Sequence[str] = ()) -> None:
    """Print all tables; with names of profiles only the table of these profiles."""
    with tempfile.TemporaryDirectory() as name:
        print("profiles against their twins over HTTP, everything claimed and allowed, to the full verdict\n")
        for line in profiles_table(words or sorted(Shelf.standard().profiles), Path(name)):
            print(line, flush=True)
    if not words:
        print()
        _ratios()


def _ratios() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        print("SCIM profile against its twin over HTTP, to the full verdict")
        print("latency    requests   seconds   until the first request")
        for latency in (0.0, 0.02, 0.1):
            requests, elapsed, first = full_verdict(latency, folder / f"run-{latency}")
            print(f"{latency * 1000:>5.0f} ms  {requests:>9}  {elapsed:>8.2f}  {first:>8.2f} s")
        command = [sys.executable, "-X", "importtime", "-c", "import conformance.cli.main"]
        imports = subprocess.run(command, capture_output=True, text=True).stderr.splitlines()[-1].split("|")[1]
        print(f"imports of the command line: {int(imports) / 1e6:.2f} s")
        print(f"\n{CASES} cases, validated and recorded, against a server that does nothing (cases/s)")
        print("in flight      ours   bare httpx   ratio (aim >= 0.7)")
        best: dict[int, float] = {}
        with items_server() as url:
            for in_flight in (1, 8, 32):
                a = max(asyncio.run(ours(url, in_flight, folder / f"o{in_flight}-{i}")) for i in range(3))
                b = max(asyncio.run(bare(url, in_flight)) for _ in range(3))
                best[in_flight] = a
                print(f"{in_flight:>9}  {a:>8.0f}   {b:>10.0f}   {a / b:>5.2f}")
            print("\nworkers     st run   ours at 8 in flight   ratio (aim >= 5)")
            for workers in (1, 2):
                rate = schemathesis(url, workers, folder)
                print(f"{workers:>7}  {rate:>9.0f}   {best[8]:>19.0f}   {best[8] / rate if rate else 0:>5.1f}")


if __name__ == "__main__":
    main(sys.argv[1:])

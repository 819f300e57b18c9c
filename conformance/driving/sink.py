"""Where a target's callbacks arrive: a TLS server of our own, a path nobody can guess per expectation, everything bounded."""

from __future__ import annotations

import asyncio
import ssl
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any
from urllib.parse import urlsplit

import h11
import trustme

from conformance.wire import Headers, Outgoing

MAX_BODY = 1_000_000
MAX_DELIVERIES = 50
READ_SECONDS = 10.0
#: How often a waiting sink looks whether a twin in this process has sent something.
TWIN_STEP = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One request that came to the sink, at a path or below it; `at_s` is seconds since the run began."""

    method: str
    path: str
    below: str = ""
    headers: Headers
    body: bytes
    at_s: float


@dataclass
class Sink:
    """Accepts deliveries at expected paths only, answers at once, and keeps them in order of arrival.

    `public_url` is what targets are told (default: the address it listens on); `ca_pem` is for them to trust.
    """

    now: Callable[[], float]
    answer: int = 204
    host: str = "127.0.0.1"
    port: int = 0
    public_url: str = ""
    ca_pem: bytes = b""
    _expected: dict[str, asyncio.Queue[Delivery]] = field(default_factory=dict)
    _server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen with a fresh certificate of a fresh authority."""
        authority = trustme.CA()
        names = {self.host, "localhost", urlsplit(self.public_url).hostname or self.host}
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(*sorted(names)).configure_cert(context)
        self.ca_pem = authority.cert_pem.bytes()
        self._server = await asyncio.start_server(self._serve, self.host, self.port, ssl=context)
        self.port = self._server.sockets[0].getsockname()[1]
        self.public_url = self.public_url.rstrip("/") or f"https://{self.host}:{self.port}"

    def write_ca(self, folder: FilePath | None = None) -> FilePath:
        """Write the authority's certificate to a file and return it, for a partner to trust."""
        file = (folder or FilePath(tempfile.mkdtemp(prefix="conformance-"))) / "sink-ca.pem"
        file.write_bytes(self.ca_pem)
        return file

    def expect(self, path: str) -> None:
        """Accept deliveries at *path* from now on."""
        self._expected.setdefault(path, asyncio.Queue())

    async def next(self, path: str, within_s: float) -> Delivery | None:
        """Return the next delivery at *path*, or None when none comes within the time."""
        self.expect(path)
        try:
            async with asyncio.timeout(max(0.0, within_s)):
                return await self._expected[path].get()
        except TimeoutError:
            return None

    async def close(self) -> None:
        """Stop listening."""
        if self._server:
            self._server.close()
            self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = h11.Connection(h11.SERVER, max_incomplete_event_size=64_000)
        try:
            async with asyncio.timeout(READ_SECONDS):
                request, body = await _read(connection, reader)
            status = self._take(request, body) if request else 400
            answer: list[Any] = [
                h11.Response(status_code=status, headers=[("content-length", "0"), ("connection", "close")]),
                h11.EndOfMessage(),
            ]
            for event in answer:
                writer.write(connection.send(event) or b"")
            await writer.drain()
        except (TimeoutError, OSError, h11.ProtocolError, ssl.SSLError):
            return
        finally:
            writer.close()

    def named(self, path: str) -> tuple[str, str]:
        """Return which expected path a request is for, and what stands below it; ('', '') where it is for none."""
        parts = path.split("/")
        at = next((n for n, part in enumerate(parts) if part in self._expected), None)
        return (parts[at], "".join(f"/{part}" for part in parts[at + 1 :])) if at is not None else ("", "")

    def _take(self, request: Any, body: bytes | None) -> int:
        name, below = self.named(request.target.decode("ascii", "replace").split("?")[0])
        queue = self._expected.get(name)
        if queue is None:
            return 404
        if body is None or queue.qsize() >= MAX_DELIVERIES:
            return 413
        headers = tuple((k.decode("latin-1").lower(), v.decode("utf-8", "replace")) for k, v in request.headers)
        method = request.method.decode("ascii", "replace")
        queue.put_nowait(Delivery(method=method, path=name, below=below, headers=headers, body=body, at_s=self.now()))
        return self.answer


@dataclass
class TwinSink(Sink):
    """The sink of a twin in this process: no socket; what the twin sends is fetched while somebody waits for it.

    `collect` gives what was sent since the last time; `began` is when the run began, on the clock of its times.
    """

    collect: Callable[[], list[Outgoing]] = list
    began: float = 0.0

    async def start(self) -> None:
        """Be at an address that does not exist."""
        self.public_url = "https://sink.invalid"

    async def next(self, path: str, within_s: float) -> Delivery | None:
        """Return the next delivery at *path*, or None when none comes within the time."""
        self.expect(path)
        deadline = self.now() + within_s
        while True:
            self._fetch()
            if not self._expected[path].empty():
                return self._expected[path].get_nowait()
            left = deadline - self.now()
            if left <= 0:
                return None
            await asyncio.sleep(min(TWIN_STEP, left))

    def _fetch(self) -> None:
        for sent in self.collect():
            name, below = self.named(urlsplit(sent.url).path)
            queue = self._expected.get(name)
            if queue is not None and queue.qsize() < MAX_DELIVERIES and len(sent.request.body) <= MAX_BODY:
                headers = tuple((k.lower(), v) for k, v in sent.request.headers)
                at_s, method = sent.at - self.began, sent.request.method
                queue.put_nowait(Delivery(method=method, path=name, below=below, headers=headers, body=sent.request.body, at_s=at_s))


async def _read(connection: h11.Connection, reader: asyncio.StreamReader) -> tuple[Any, bytes | None]:
    """Return request and body; the body is None when it is too large."""
    request, body = None, bytearray()
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            data = await reader.read(65_536)
            connection.receive_data(data)
            if not data and request is None:
                return None, b""
        elif isinstance(event, h11.Request):
            request = event
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > MAX_BODY:
                return request, None
        else:
            return request, bytes(body)

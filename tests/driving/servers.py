"""Loopback servers for tests: one that answers with any bytes, one that answers from a handler; each in a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import struct
import threading
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from socket import SO_LINGER, SOL_SOCKET

from conformance.wire import Headers, WireRequest, WireResponse, header

MAX_HEAD = 200_000


@dataclass
class Line:
    """One open connection, as a misbehaving server sees it."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        """Send bytes as they are; raises when the client hung up."""
        self.writer.write(data)
        await self.writer.drain()

    def reset(self) -> None:
        """Close with RST instead of FIN, as a crashed process or a firewall does."""
        self.writer.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


#: Answers one request; True keeps the connection for the next one.
Attack = Callable[[WireRequest, Line], Awaitable[bool]]
Handler = Callable[[WireRequest], WireResponse]


@dataclass
class Server:
    """A running server: where it is, and the requests that reached it."""

    url: str = ""
    requests: list[WireRequest] = field(default_factory=list)
    connections: int = 0
    client_certificates: list[dict[str, object]] = field(default_factory=list)


async def _read_request(reader: asyncio.StreamReader) -> WireRequest | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError):
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ", 2)
    headers = tuple((name.strip().lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines if line))
    length = int(header(headers, "content-length") or 0)
    body = await reader.readexactly(length) if length else b""
    return WireRequest(method=method, target=target, headers=headers, body=body)


@contextlib.contextmanager
def raw_server(attack: Attack, *, tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    """Run a server that hands each request to *attack*, which may send anything."""
    server = Server()
    loop = asyncio.new_event_loop()
    ready = threading.Event()
    tasks: set[asyncio.Task[None]] = set()

    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.connections += 1
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        certificate = writer.get_extra_info("peercert")
        if certificate:
            server.client_certificates.append(certificate)
        line = Line(reader, writer)
        try:
            while (request := await _read_request(reader)) is not None:
                server.requests.append(request)
                if not await attack(request, line):
                    break
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError, RuntimeError, ValueError):
            pass
        finally:
            tasks.discard(task)
            with contextlib.suppress(Exception):
                writer.close()

    def serve() -> None:
        asyncio.set_event_loop(loop)
        loop.set_exception_handler(lambda *_: None)
        listener = loop.run_until_complete(asyncio.start_server(connection, "127.0.0.1", 0, ssl=tls, limit=MAX_HEAD))
        server.url = f"{'https' if tls else 'http'}://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
        ready.set()
        loop.run_forever()
        listener.close()
        for task in list(tasks):
            task.cancel()
        loop.run_until_complete(asyncio.gather(*list(tasks), return_exceptions=True))
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)


def encoded(answer: WireResponse, method: str = "GET") -> bytes:
    """Return an honest HTTP/1.1 answer as bytes."""
    framed = any(k.lower() in ("content-length", "transfer-encoding") for k, _ in answer.headers)
    headers: Headers = (
        answer.headers if framed or answer.status in (204, 304) else (*answer.headers, ("content-length", str(len(answer.body))))
    )
    lines = [f"HTTP/1.1 {answer.status} x", *[f"{name}: {value}" for name, value in headers]]
    return "\r\n".join(lines).encode("utf-8", "surrogateescape") + b"\r\n\r\n" + (b"" if method == "HEAD" else answer.body)


@contextlib.contextmanager
def served(handler: Handler, *, tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    """Run an honest server that answers from *handler*; a status of 0 closes without an answer, `delay_s` is waited for."""

    async def answer(request: WireRequest, line: Line) -> bool:
        answer = handler(request)
        if answer.delay_s:
            await asyncio.sleep(answer.delay_s)
        if answer.status == 0:
            line.reset()
            return False
        await line.send(encoded(answer, request.method))
        return True

    with raw_server(answer, tls=tls) as server:
        yield server


def answer(status: int = 200, body: bytes = b"", /, **headers: str) -> WireResponse:
    """Return an answer; `content_type="text/html"` names a header."""
    return WireResponse(status=status, headers=tuple((k.replace("_", "-"), v) for k, v in headers.items()), body=body)


def json_answer(body: bytes | str, status: int = 200, /, **headers: str) -> WireResponse:
    """Return an answer whose body is JSON (or is said to be)."""
    content = body.encode() if isinstance(body, str) else body
    return answer(status, content, **{"content_type": "application/json", **headers})


@contextlib.contextmanager
def closed_port() -> Iterator[str]:
    """Yield the URL of a port on which nobody listens (bound, so that nobody else takes it)."""
    import socket

    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{holder.getsockname()[1]}"

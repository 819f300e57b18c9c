"""A twin on a port of this machine: the only place of the reference that knows sockets."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from conformance.reference.answering import REASONS
from conformance.wire import Outgoing, Twin, WireRequest, WireResponse, deliveries

LARGEST = 16_000_000
#: How often a twin is asked what it has to send by itself, and how long a receiver may take.
COURIER_STEP = 0.05
COURIER_TIMEOUT = 5.0


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    twin: Twin
    clock: Callable[[], float]
    lock: threading.Lock

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is no error of ours."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "icra-conformance-twin"
    sys_version = ""
    timeout = 30
    server: _Server

    def answer(self) -> None:
        """Hand one request to the twin and write what it says."""
        body = self._body()
        if body is None:
            return
        headers = tuple((k.lower(), v) for k, v in self.headers.items())
        request = WireRequest(method=self.command, target=self.path, headers=headers, body=body)
        with self.server.lock:
            seen = self.server.twin.handle(request, self.server.clock())
        if seen.delay_s:
            time.sleep(seen.delay_s)
        if seen.status == 0:
            self.close_connection = True
            return
        self._write(seen)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_TRACE = do_QUERY = answer

    def __getattr__(self, name: str) -> object:
        if name.startswith("do_"):  # any other method is the twin's to refuse
            return self.answer
        raise AttributeError(name)

    def _body(self) -> bytes | None:
        if "chunked" in (self.headers.get("transfer-encoding") or "").lower():
            return self._chunks()
        try:
            size = int(self.headers.get("content-length") or 0)
        except ValueError:
            size = -1
        if not 0 <= size <= LARGEST:
            self.close_connection = True
            self._write(WireResponse(status=413 if size > 0 else 400))
            return None
        return self.rfile.read(size) if size else b""

    def _chunks(self) -> bytes | None:
        out = b""
        while True:
            try:
                size = int(self.rfile.readline(1024).split(b";")[0].strip() or b"x", 16)
            except ValueError:
                self.close_connection = True
                self._write(WireResponse(status=400))
                return None
            out += self.rfile.read(size)
            self.rfile.readline(1024)
            if size == 0:
                return out
            if len(out) > LARGEST:
                self.close_connection = True
                self._write(WireResponse(status=413))
                return None

    def _write(self, seen: WireResponse) -> None:
        self.send_response(seen.status, REASONS.get(seen.status))
        named = {k.lower() for k, _ in seen.headers}
        for key, value in seen.headers:
            self.send_header(key, value)
        if seen.status >= 200 and seen.status not in (204, 304) and not named & {"content-length", "transfer-encoding"}:
            self.send_header("Content-Length", str(len(seen.body)))
        self.end_headers()
        if self.command != "HEAD" and seen.status not in (204, 304):
            self.wfile.write(seen.body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the run records what happened."""


class _Courier(threading.Thread):
    """Carries what a twin sends by itself, one after the other; what cannot be delivered is lost, as a network loses it."""

    def __init__(self, server: _Server, sink_ca: Path | None) -> None:
        super().__init__(daemon=True)
        self.server, self.sink_ca = server, sink_ca
        self.over = threading.Event()

    def run(self) -> None:
        """Look and carry until the server is over."""
        while not self.over.wait(COURIER_STEP):
            with self.server.lock:
                sent = deliveries(self.server.twin, self.server.clock())
            for one in sent:
                try:
                    self.carry(one)
                except (OSError, ValueError, HTTPException):
                    continue

    def carry(self, sent: Outgoing) -> None:
        """Send one request; TLS is verified against the authority in the file, which may have come meanwhile."""
        parts = urlsplit(sent.url)
        address = parts.hostname or "", parts.port
        if parts.scheme == "https":
            known = str(self.sink_ca) if self.sink_ca and self.sink_ca.is_file() else None
            line: HTTPConnection = HTTPSConnection(*address, timeout=COURIER_TIMEOUT, context=ssl.create_default_context(cafile=known))
        else:
            line = HTTPConnection(*address, timeout=COURIER_TIMEOUT)
        try:
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            line.request(sent.request.method, target, body=sent.request.body, headers=dict(sent.request.headers))
            line.getresponse().read()
        finally:
            line.close()


@contextmanager
def serve(twin: Twin, port: int = 0, clock: Callable[[], float] = time.time, *, sink_ca: Path | None = None) -> Iterator[str]:
    """Serve a twin on 127.0.0.1 for as long as the context lasts, and give its base URL (without the twin's own base path).

    Args:
        port: 0 takes a free one.
        clock: seconds since the epoch, for a twin that should live at another time.
        sink_ca: the authority (PEM) that the twin trusts where it calls back; a run writes it as `sink-ca.pem` into its folder.
    """
    server = _Server(("127.0.0.1", port), _Handler)
    server.twin, server.clock, server.lock = twin, clock, threading.Lock()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    courier = _Courier(server, sink_ca)
    if hasattr(twin, "due"):
        courier.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        courier.over.set()
        server.shutdown()
        server.server_close()
        thread.join(5)

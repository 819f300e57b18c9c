"""A twin on a port of this machine: the only place of the reference that knows sockets."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from conformance.reference.answering import REASONS
from conformance.wire import Twin, WireRequest, WireResponse

LARGEST = 16_000_000


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


@contextmanager
def serve(twin: Twin, port: int = 0, clock: Callable[[], float] = time.time) -> Iterator[str]:
    """Serve a twin on 127.0.0.1 for as long as the context lasts, and give its base URL (without the twin's own base path).

    Args:
        port: 0 takes a free one.
        clock: seconds since the epoch, for a twin that should live at another time.
    """
    server = _Server(("127.0.0.1", port), _Handler)
    server.twin, server.clock, server.lock = twin, clock, threading.Lock()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)

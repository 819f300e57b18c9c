"""A tiny standard for our own tests: a server of it (with faults) in this process, and over HTTP where the wire matters."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from conformance.loading.profiles import Shelf
from conformance.wire import WireRequest, WireResponse

DATA = Path(__file__).parent / "data"
PROFILES, SPECS = DATA / "profiles", DATA / "specs"


def shelf() -> Shelf:
    """Return the folders with the tiny profile in front."""
    return Shelf.standard(PROFILES, SPECS)


class Notes:
    """The server; `faults` names what is wrong with it."""

    def __init__(self, *faults: str) -> None:
        self.faults = set(faults)
        self.notes: dict[str, dict[str, Any]] = {}
        self.numbers = itertools.count(1)
        self.asked: list[WireRequest] = []

    def handle(self, request: WireRequest, now: float) -> WireResponse:
        """Answer one request."""
        self.asked.append(request)
        path = urlsplit(request.target).path
        if path == "/about":
            version: object = 7 if "about-is-wrong" in self.faults else "1.0"
            return _answer(200, {"version": version, "archive": "archive" in self.faults})
        if path == "/notes":
            return self._all(request)
        if path.startswith("/notes/"):
            return self._one(request, path.removeprefix("/notes/"))
        return _answer(404, {"message": "nothing here"})

    def _all(self, request: WireRequest) -> WireResponse:
        if request.method == "GET":
            return _answer(500 if "list-breaks" in self.faults else 200, {"items": list(self.notes.values())})
        if request.method != "POST":
            return _answer(405, {"message": "no"})
        try:
            said = json.loads(request.body)
            text = said["text"]
        except (ValueError, KeyError, TypeError):
            return _answer(400, {"message": "not a note"})
        note = {"id": f"n{next(self.numbers)}", "text": text}
        self.notes[note["id"]] = note
        return _answer(201, note)

    def _one(self, request: WireRequest, name: str) -> WireResponse:
        if name not in self.notes:
            return _answer(404, {} if "bare-errors" in self.faults else {"message": "no such note"})
        if request.method == "DELETE":
            if "delete-is-ignored" not in self.faults:
                del self.notes[name]
            return WireResponse(status=204)
        if request.method != "GET":
            return _answer(405, {"message": "no"})
        return _answer(200, self.notes[name])


def _answer(status: int, body: Any) -> WireResponse:
    return WireResponse(status=status, headers=(("content-type", "application/json"),), body=json.dumps(body).encode())


@contextmanager
def served(notes: Notes) -> Iterator[str]:
    """Serve *notes* on a free loopback port; give its base URL."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = tuple((k.lower(), v) for k, v in self.headers.items())
            answer = notes.handle(WireRequest(method=self.command, target=self.path, headers=headers, body=body), 0.0)
            self.send_response(answer.status)
            for name, value in answer.headers:
                self.send_header(name, value)
            if answer.status != 204:
                self.send_header("content-length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = _serve

        def log_message(self, format: str, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

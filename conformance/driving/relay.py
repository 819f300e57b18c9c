"""A relay between two sides of a standard: hands A's requests on to B, and keeps what passed, secrets redacted."""

from __future__ import annotations

import secrets
import ssl
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from conformance.exchange import Exchange, Request, Trouble
from conformance.pairing import Passed
from conformance.redaction import Redactor
from conformance.target import Target
from conformance.wire import Headers, WireRequest, WireResponse
from conformance.writers.record import EXCHANGES_FILE, exchange_line

#: Headers that are for one connection only (RFC 9110 section 7.6.1), and what the next hop says itself.
HOP = {"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "host", "content-length"}


class Relay:
    """Answers as B does; `passed` is what went through, in order. It is served like a twin and goes to B's origin only."""

    def __init__(self, target: Target, folder: Path) -> None:
        self.target, self.passed = target, list[Passed]()
        self._redactor = Redactor(secrets.token_bytes(32))
        self._file = folder / EXCHANGES_FILE
        self._began = 0.0

    def handle(self, request: WireRequest, now: float) -> WireResponse:
        """Hand one request on; where B does not answer, A is told 502."""
        self._began = self._began or now
        try:
            answer: WireResponse | None = self._forward(request)
            detail = ""
        except (OSError, HTTPException, ValueError) as error:
            answer, detail = None, f"B did not answer: {type(error).__name__}"
        self._keep(request, answer, detail, now)
        return answer or WireResponse(status=502)

    def _forward(self, request: WireRequest) -> WireResponse:
        parts = urlsplit(self.target.url)
        address, limits = (parts.hostname or "", parts.port), self.target.limits
        if parts.scheme == "https":
            line: HTTPConnection = HTTPSConnection(*address, timeout=limits.timeout, context=self._tls())
        else:
            line = HTTPConnection(*address, timeout=limits.timeout)
        try:
            headers = {k: v for k, v in request.headers if k.lower() not in HOP}
            line.request(request.method, self.target.base_path + request.target, body=request.body or None, headers=headers)
            seen = line.getresponse()
            body = seen.read(limits.body_bytes + 1)
            if len(body) > limits.body_bytes:
                raise ValueError("too large")
            answered: Headers = tuple((k.lower(), v) for k, v in seen.getheaders() if k.lower() not in HOP)
            return WireResponse(status=seen.status, headers=answered, body=body)
        finally:
            line.close()

    def _tls(self) -> ssl.SSLContext:
        tls = self.target.tls
        context = ssl.create_default_context(cafile=tls.cacert or None)
        if tls.cert:
            context.load_cert_chain(tls.cert, tls.key or None)
        if not tls.verify:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return context

    def _keep(self, request: WireRequest, answer: WireResponse | None, detail: str, now: float) -> None:
        clean = self._redactor
        self.passed.append(Passed(request=request, answer=answer, detail=detail))
        sent = Request(
            operation="", method=request.method, target=clean.text(request.target), headers=clean.headers(request.headers),
            body=clean.body(request.body),
        )  # fmt: skip
        exchange = Exchange(
            request=sent, status=answer.status if answer else 0, headers=clean.headers(answer.headers) if answer else (),
            body=clean.body(answer.body) if answer else b"", trouble=None if answer else Trouble.UNREACHABLE, detail=detail,
            at=(len(self.passed),), started_s=now - self._began, ended_s=now - self._began,
        )  # fmt: skip
        with self._file.open("ab") as lines:
            lines.write(msgspec.json.encode(exchange_line("pair", exchange)) + b"\n")

"""How a request leaves: over HTTP with httpx, byte for byte, everything bounded; or into a twin in this process."""

from __future__ import annotations

import asyncio
import ssl
import zlib
from dataclasses import dataclass, replace
from typing import Protocol
from urllib.parse import urlsplit

import httpx

from conformance.errors import Problem, UsageError
from conformance.exchange import Trouble
from conformance.target import Target
from conformance.target import origin as origin_of
from conformance.wire import Headers, Outgoing, Twin, WireRequest, WireResponse, deliveries, header

#: How a gzip member begins (RFC 1952 section 2.3.1).
GZIP = b"\x1f\x8b"


@dataclass(slots=True, eq=False)
class NoAnswer(Exception):
    """Nothing that could be looked at came back; `sent` tells whether the server may have seen the request."""

    trouble: Trouble
    detail: str = ""
    sent: bool = True


class Wire(Protocol):
    """Sends one request to an origin and returns what came back, or raises `NoAnswer`."""

    async def fetch(self, origin: str, request: WireRequest) -> WireResponse: ...

    async def close(self) -> None: ...


class HttpWire:
    """httpx with one client per slot in flight (a shared pool slows down), raw bytes, no redirects, no cookies, no environment.

    A client is httpx's transport alone: its `AsyncClient` reads Location and Set-Cookie even where it follows and keeps neither,
    and refuses an answer when they are not well-formed.
    """

    def __init__(self, target: Target) -> None:
        self.target = target
        self._idle: list[httpx.AsyncHTTPTransport] = []
        self._all: list[httpx.AsyncHTTPTransport] = []
        self._verify = _tls(target)

    def _client(self) -> httpx.AsyncHTTPTransport:
        if self._idle:
            return self._idle.pop()
        client = httpx.AsyncHTTPTransport(
            verify=self._verify, proxy=self.target.proxy or None, trust_env=False, http2=False,
            limits=httpx.Limits(max_connections=2, max_keepalive_connections=1, keepalive_expiry=2.0),  # many servers hang up after 5 s
        )  # fmt: skip
        self._all.append(client)
        return client

    async def fetch(self, origin: str, request: WireRequest) -> WireResponse:
        """Send; raise `NoAnswer` when the connection, the time-out, the size or the protocol gives way."""
        client = self._client()
        keep = False
        try:
            async with asyncio.timeout(self.target.limits.timeout):
                answer = await self._exchange(client, origin, request)
                keep = True
                return answer
        except TimeoutError:
            raise NoAnswer(Trouble.SLOW, f"slower than {self.target.limits.timeout:g} s") from None
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError, httpx.UnsupportedProtocol) as error:
            raise NoAnswer(Trouble.UNREACHABLE, _words(error), sent=False) from None
        except (httpx.ReadError, httpx.WriteError, httpx.CloseError) as error:
            raise NoAnswer(Trouble.CLOSED, _words(error)) from None
        except httpx.RemoteProtocolError as error:
            raise NoAnswer(_protocol_trouble(str(error)), _words(error)) from None
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            raise NoAnswer(Trouble.BROKEN, _words(error)) from None
        finally:
            if keep:
                self._idle.append(client)
            elif client in self._all:  # `close` may have been here meanwhile
                self._all.remove(client)
                await _quietly(client)

    async def _exchange(self, client: httpx.AsyncHTTPTransport, origin: str, request: WireRequest) -> WireResponse:
        redirected = self.target.connect_to if origin_of(origin) == origin_of(self.target.url) else ""
        connect = redirected or urlsplit(origin).netloc
        scheme = urlsplit(origin).scheme
        headers = [(k.encode("ascii", "replace"), v.encode("utf-8", "surrogateescape")) for k, v in request.headers]
        headers.insert(0, (b"Host", httpx.URL(origin).netloc))
        target = request.target.encode("ascii", "replace")
        if scheme == "http" and self.target.proxy.startswith("http"):  # a proxy is told the whole URL (RFC 9112 section 3.2.2)
            target = b"http://" + httpx.URL(f"http://{connect}").netloc + target
        extensions: dict[str, object] = {"target": target}
        if scheme == "https" and redirected:
            extensions["sni_hostname"] = httpx.URL(origin).raw_host.decode("ascii")
        built = httpx.Request(
            request.method, f"{scheme}://{connect}/", headers=headers, content=request.body or None, extensions=extensions
        )
        if not request.body and request.method in ("POST", "PUT", "PATCH") and "content-length" not in built.headers:
            built.headers["content-length"] = "0"
        limits = self.target.limits
        response = await client.handle_async_request(built)
        try:
            raw = response.headers.raw
            if sum(len(k) + len(v) for k, v in raw) > limits.header_bytes:
                raise NoAnswer(Trouble.TOO_BIG, f"headers of more than {limits.header_bytes} bytes")
            answered: Headers = tuple((k.decode("latin-1").lower(), v.decode("utf-8", "replace")) for k, v in raw)
            body = await _read(response, header(answered, "content-encoding") or "", limits.body_bytes)
            return WireResponse(status=response.status_code, headers=answered, body=body)
        finally:
            await response.aclose()

    async def close(self) -> None:
        """Close all clients."""
        for client in self._all:
            await _quietly(client)
        self._all.clear()
        self._idle.clear()


async def _quietly(client: httpx.AsyncHTTPTransport) -> None:
    try:
        await client.aclose()
    except (httpx.HTTPError, OSError, RuntimeError):
        return


async def _read(response: httpx.Response, coding: str, limit: int) -> bytes:
    """Read a body of at most *limit* bytes, before and after decoding; only gzip and deflate were asked for."""
    codings = [c.strip().lower() for c in coding.split(",") if c.strip() and c.strip().lower() != "identity"]
    if codings and codings not in (["gzip"], ["x-gzip"], ["deflate"]):
        raise NoAnswer(Trouble.UNDECODABLE, f"content coding {coding[:60]}, which was not asked for")
    decoder = zlib.decompressobj(47) if codings else None
    size, out = 0, bytearray()
    async for chunk in response.aiter_raw():
        size += len(chunk)
        if size > limit:
            raise NoAnswer(Trouble.TOO_BIG, f"a body of more than {limit} bytes")
        while chunk:
            try:
                out += decoder.decompress(chunk, limit + 1 - len(out)) if decoder else chunk
            except zlib.error:
                raise NoAnswer(Trouble.UNDECODABLE, f"not {coding[:60]}") from None
            if len(out) > limit:
                raise NoAnswer(Trouble.TOO_BIG, f"a body of more than {limit} bytes once decoded")
            chunk = decoder.unused_data if decoder else b""
            if not chunk.startswith(GZIP):  # padding after the last member is no data (RFC 1952 section 2.2: members may follow each other)
                break
            decoder = zlib.decompressobj(47)
    if decoder and size and not decoder.eof:
        raise NoAnswer(Trouble.CLOSED, "the body ended in the middle of its content coding")
    return bytes(out)


def _protocol_trouble(told: str) -> Trouble:
    """Tell an answer that was cut short, or larger than the client reads at once, from one that is not HTTP."""
    if "disconnected" in told or "closed connection" in told:
        return Trouble.CLOSED
    return Trouble.TOO_BIG if "too long" in told else Trouble.BROKEN


def _words(error: Exception) -> str:
    return (str(error) or type(error).__name__)[:200]


def _tls(target: Target) -> ssl.SSLContext:
    """Return the one context that all clients share: reading the authorities takes longer than a request."""
    tls = target.tls
    try:
        context = ssl.create_default_context(cafile=tls.cacert or None)
        if tls.cert:
            context.load_cert_chain(tls.cert, tls.key or None)
    except (OSError, ssl.SSLError) as error:
        raise UsageError(
            Problem(
                file="target",
                place="tls",
                problem=f"the certificate files cannot be used: {error}",
                hint="PEM files: --cacert, --cert, --key",
            )
        ) from None
    if not tls.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


class TwinWire:
    """A twin in this process; its delays pass on the loop's clock, which may be virtual."""

    def __init__(self, twin: Twin, epoch: float) -> None:
        self.twin, self.epoch = twin, epoch

    async def fetch(self, origin: str, request: WireRequest) -> WireResponse:
        """Hand the request to the twin."""
        answer = self.twin.handle(request, self.epoch + asyncio.get_running_loop().time())
        await asyncio.sleep(answer.delay_s)
        if answer.status == 0:
            raise NoAnswer(Trouble.CLOSED, "closed without an answer")
        return answer

    def outgoing(self) -> list[Outgoing]:
        """Return what the twin has sent by itself until now, each once; times are those of the loop."""
        sent = deliveries(self.twin, self.epoch + asyncio.get_running_loop().time())
        return [replace(one, at=one.at - self.epoch) for one in sent]

    async def close(self) -> None:
        """Nothing to close."""

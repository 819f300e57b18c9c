"""What a hostile server may send: name -> attack on one request. None of it may crash, fill or mislead a run."""

from __future__ import annotations

import asyncio
import gzip
import json
import zlib
from collections.abc import Callable
from itertools import count

import brotli

from conformance.wire import WireRequest, WireResponse
from tests.driving.servers import Attack, Line, answer, encoded

ATTACKS: dict[str, Attack] = {}
#: Those that are well-formed answers with an ill-meant body.
BODIES: list[str] = []

SCRIPT = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\"'`"
ESCAPES = "\x1b[2J\x1b]0;owned\x07\x1b[31mred\x9b31m\r\n\b\x00"
QUOTING = "'; touch /tmp/owned; '$(touch /tmp/owned)`touch /tmp/owned`\"\\\n|&"
CONTROLS = "\u0000\u0001\u0008\u000b\u001f\ufffe\uffff\u202e\u2028"

_numbers = count()


def attack(name: str) -> Callable[[Attack], Attack]:
    """Register an attack."""

    def register(function: Attack) -> Attack:
        ATTACKS[name] = function
        return function

    return register


def fixed(name: str, data: bytes, *, keep: bool = False, close: bool = True) -> None:
    """Register an attack that sends the same bytes to every request, and hangs up or waits."""

    async def send(request: WireRequest, line: Line) -> bool:
        await line.send(data)
        if not keep and not close:
            await asyncio.sleep(30)
        return keep

    ATTACKS[name] = send


def response(name: str, seen: WireResponse) -> None:
    """Register an attack that is a well-formed answer with ill-meant content."""
    fixed(name, encoded(seen), keep=True)


def scim(**members: object) -> bytes:
    """Return a SCIM user and list in one, so that either reading goes on."""
    user = {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", "urn:ietf:params:scim:api:messages:2.0:ListResponse"],
        "id": f"id-{next(_numbers)}",
        "userName": "a",
        "totalResults": 1,
        "startIndex": 1,
        "itemsPerPage": 1,
        "Resources": [{"id": "1", "userName": "a"}],
        "meta": {"resourceType": "User", "location": "/Users/1"},
    }
    return json.dumps({**user, **members}).encode()


def body(name: str, content: bytes, status: int = 201, **headers: str) -> None:
    """Register an attack that is a body."""
    BODIES.append(name)
    response(name, answer(status, content, **{"content_type": "application/scim+json", **headers}))


# -- without an end ------------------------------------------------------------------------------------------------------
@attack("endless chunked body")
async def _endless(request: WireRequest, line: Line) -> bool:
    await line.send(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n")
    while True:
        await line.send(b"4000\r\n" + b" " * 0x4000 + b"\r\n")


@attack("endless body of a length that no one can hold")
async def _long(request: WireRequest, line: Line) -> bool:
    await line.send(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99999999999999\r\n\r\n")
    while True:
        await line.send(b"[" * 0x4000)


@attack("a byte at a time")
async def _drip(request: WireRequest, line: Line) -> bool:
    await line.send(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
    while True:
        await line.send(b" ")
        await asyncio.sleep(0.1)


@attack("headers a byte at a time")
async def _drip_headers(request: WireRequest, line: Line) -> bool:
    await line.send(b"HTTP/1.1 200 OK\r\nx: ")
    while True:
        await line.send(b"a")
        await asyncio.sleep(0.1)


@attack("endless header")
async def _endless_header(request: WireRequest, line: Line) -> bool:
    await line.send(b"HTTP/1.1 200 OK\r\nx: ")
    while True:
        await line.send(b"a" * 0x4000)


@attack("endless headers")
async def _endless_headers(request: WireRequest, line: Line) -> bool:
    await line.send(b"HTTP/1.1 200 OK\r\n")
    while True:
        await line.send(b"x-a: b\r\n" * 1000)


@attack("flood of 1xx without an end")
async def _informational(request: WireRequest, line: Line) -> bool:
    while True:
        await line.send(b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n" * 100)


@attack("endless trailers")
async def _trailers(request: WireRequest, line: Line) -> bool:
    await line.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n")
    while True:
        await line.send(b"x: y\r\n" * 1000)


# -- bombs ---------------------------------------------------------------------------------------------------------------
_BIG = b"[" + b" " * 50_000_000 + b"]"
response("gzip bomb", answer(200, gzip.compress(_BIG, 9), content_type="application/json", content_encoding="gzip"))
response("deflate bomb", answer(200, zlib.compress(_BIG, 9), content_type="application/json", content_encoding="deflate"))
response("brotli bomb", answer(200, brotli.compress(_BIG, quality=4), content_type="application/json", content_encoding="br"))
response("gzip in gzip", answer(200, gzip.compress(gzip.compress(_BIG)), content_type="application/json", content_encoding="gzip, gzip"))
response("many gzip members", answer(200, gzip.compress(b" " * 1000) * 3000, content_type="application/json", content_encoding="gzip"))
response("gzip that is none", answer(200, b"{}", content_type="application/json", content_encoding="gzip"))
response(
    "gzip cut short",
    answer(200, gzip.compress(b"[" + b"1," * 5000 + b"1]")[:-20], content_type="application/json", content_encoding="gzip"),
)
response("a coding of a thousand names", answer(200, b"{}", content_encoding=", ".join(["gzip"] * 1000)))
del _BIG

# -- headers -------------------------------------------------------------------------------------------------------------
fixed("100,000 headers", b"HTTP/1.1 200 OK\r\n" + b"".join(b"x-%d: y\r\n" % n for n in range(100_000)) + b"content-length: 2\r\n\r\n{}")
response("more headers than we take", answer(200, b"{}", **{f"x_{n}": "y" * 90 for n in range(300)}))
response(
    "cookies by the hundred",
    WireResponse(status=200, headers=(("set-cookie", 'a="b; expires=Thu, 99 Foo 0000; domain=.'),) * 200, body=b"{}"),
)
fixed("a header that is none", b"HTTP/1.1 200 OK\r\nno colon here\r\ncontent-length: 2\r\n\r\n{}")
fixed("a NUL in a header", b"HTTP/1.1 200 OK\r\nx: a\x00b\r\ncontent-length: 2\r\n\r\n{}")
fixed(
    "a header that is not UTF-8",
    b"HTTP/1.1 200 OK\r\ncontent-type: application/\xff\xfe\r\nlocation: /Users/\xc3\x28\r\ncontent-length: 2\r\n\r\n{}",
    keep=True,
)
response(
    "terminal escapes and scripts in headers",
    WireResponse(
        status=201,
        body=scim(),
        headers=(
            ("content-type", f"application/json; {SCRIPT}"),
            ("location", f"/Users/{SCRIPT}".replace(" ", "")),
            ("etag", 'W/"\u009b31m"'),
            ("allow", SCRIPT),
        ),
    ),
)
response("a media type without an end", answer(200, b"{}", content_type="application/" + "json+" * 2000))
for told in ("99999999999999999999", "-1", "NaN", "Thu, 01 Jan 2099 00:00:00 GMT", "1e9", "٣"):
    response(f"503 with Retry-After {told!a}", WireResponse(status=503, headers=(("retry-after", told),)))

# -- JSON ----------------------------------------------------------------------------------------------------------------
body("invalid UTF-8", b'{"id": "\xff\xfe", "userName": "\xc3\x28\xed\xa0\x80"}')
body("10,000 arrays deep", b"[" * 10_000 + b"]" * 10_000)
body("10,000 objects deep", b'{"a":' * 10_000 + b"1" + b"}" * 10_000)
body("900 arrays deep in a member", scim(displayName=None).replace(b"null", b"[" * 900 + b"]" * 900))
body("NaN and Infinity", scim(displayName=float("nan"), totalResults=float("inf")))
body("a number of 100,000 digits", scim(displayName=0).replace(b'"displayName": 0', b'"displayName": ' + b"9" * 100_000))
body("a number of 4,000 digits as id", scim(id=0).replace(b'"id": 0', b'"id": ' + b"9" * 4_000))
body("an exponent beyond any float", scim(totalResults=0, id=1).replace(b'"totalResults": 0', b'"totalResults": 1e999999'))
body("duplicate keys", b'{"id": "1", "id": "2", "userName": "a", "userName": ["b"], "schemas": [], "schemas": {}}')
body("all types wrong", scim(id={"a": []}, schemas="x", Resources={"0": 1}, totalResults="many", meta=[[]], userName=False))
body("a million items", b'{"schemas":[],"totalResults":1,"id":"1","Resources":[' + b"{}," * 90_000 + b"{}]}")
body("a list that never ends", scim(totalResults=10**18, Resources=[{"id": str(n)} for n in range(100)], itemsPerPage=100), 200)
body("negative counts", scim(totalResults=-5, startIndex=-1, itemsPerPage=-(2**63)), 200)
body("a byte order mark and UTF-16", b"\xff\xfe" + '{"id": "1"}'.encode("utf-16-le"))
body("words that look like secrets", ("secret" * 3000 + '"' + "password" * 3000).encode(), 200)
body("placeholders of ours", scim(id="«secret:0123456789ab»", userName="«secret:ffffffffffff»"))
for named, text in {"scripts": SCRIPT, "terminal escapes": ESCAPES, "quoting": QUOTING, "what XML forbids": CONTROLS}.items():
    body(
        f"{named} in every string",
        scim(
            id=text,
            userName=text,
            displayName=text,
            schemas=[text],
            meta={"resourceType": text, "location": text, text: text},
            **{text: text},
        ),
    )
body("lone surrogates", b'{"id": "\\ud800", "userName": "\\udfff\\ud800", "schemas": ["\\udead"]}')
for told in ("../../../etc/passwd", "..%2f..%2fadmin?x=1#y", "//evil.example/x@evil.example", "a" * 20_000, ""):
    body(f"the id {told[:30]!a}", scim(id=told, meta={"location": told}), location=f"/Users/{told[:1000]}")

# -- the protocol --------------------------------------------------------------------------------------------------------
for version in ("HTTP/0.9", "HTTP/2.0", "HTTP/3", "HTTP/99.99", "HTTPS/1.1", "ICY"):
    fixed(f"version {version}", f"{version} 200 OK\r\ncontent-length: 2\r\n\r\n{{}}".encode())
for status in ("000", "99", "600", "999", "2OO", "-1", "200200200"):
    fixed(f"status {status}", f"HTTP/1.1 {status} OK\r\ncontent-length: 2\r\n\r\n{{}}".encode())
fixed("101 to another protocol", b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n" + b"\x00" * 1000)
fixed(
    "a hundred 100 Continue before the answer",
    b"HTTP/1.1 100 Continue\r\n\r\n" * 100 + b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}",
    keep=True,
)
fixed("another protocol", b"SSH-2.0-OpenSSH_9.7\r\n")
fixed("a TLS alert", b"\x15\x03\x01\x00\x02\x02\x28")
fixed("nothing but line ends", b"\r\n" * 100)
fixed("an answer without headers", b"HTTP/1.1 200 OK\r\n\r\n")
fixed("fewer bytes than Content-Length", b'HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n{"id": ')
fixed("fewer bytes than Content-Length, and silence", b'HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n{"id": ', close=False)
fixed(
    "more bytes than Content-Length",
    b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}" + b'HTTP/1.1 200 OK\r\ncontent-length: 14\r\n\r\n{"id": "evil"}',
    keep=True,
)
fixed("a negative Content-Length", b"HTTP/1.1 200 OK\r\ncontent-length: -2\r\n\r\n{}")
fixed("two Content-Lengths", b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 200\r\n\r\n{}")
fixed("Content-Length and chunks", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n")
fixed("a transfer coding that no one knows", b"HTTP/1.1 200 OK\r\ntransfer-encoding: cow\r\n\r\n{}")
fixed("a chunk of no size", b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n{}\r\n0\r\n\r\n")
fixed("a chunk of any size", b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffff\r\n{}")
fixed("a body after 204", b"HTTP/1.1 204 No Content\r\ncontent-length: 2\r\n\r\n{}", keep=True)
fixed("closed at once", b"")


@attack("reset at once")
async def _reset(request: WireRequest, line: Line) -> bool:
    line.reset()
    return False


@attack("reset halfway")
async def _halfway(request: WireRequest, line: Line) -> bool:
    await line.send(b'HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n{"id": ')
    await asyncio.sleep(0.01)
    line.reset()
    return False

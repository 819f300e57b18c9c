"""The answer to a `Handshake`: TLS with the standard library, the bytes of both greetings read to see what was offered and what was chosen."""

from __future__ import annotations

import asyncio
import ssl
import struct
import warnings
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from conformance.content import json_bytes
from conformance.driving.driver import Driver
from conformance.ending import clip
from conformance.exchange import Exchange, Path, Trouble
from conformance.flow import Handshake
from conformance.target import Target

VERSIONS = {
    "TLS 1.0": ssl.TLSVersion.TLSv1,
    "TLS 1.1": ssl.TLSVersion.TLSv1_1,
    "TLS 1.2": ssl.TLSVersion.TLSv1_2,
    "TLS 1.3": ssl.TLSVersion.TLSv1_3,
}
NUMBERS = {0x0300: "SSL 3.0", 0x0301: "TLS 1.0", 0x0302: "TLS 1.1", 0x0303: "TLS 1.2", 0x0304: "TLS 1.3"}
#: OpenSSL's flag X509_V_FLAG_NO_CHECK_TIME, which `ssl` does not name.
NO_CHECK_TIME = 0x200000
#: Not suites but signals (RFC 5746, RFC 7507).
SIGNALS = (0x00FF, 0x5600)
HEARD = 200_000
TRIES = 3
_GREETING, _ANSWER, _ALERT, _RECORD = 1, 2, 21, 22


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello:
    """What a ClientHello offers, or a ServerHello chose."""

    versions: tuple[str, ...] = ()
    suites: tuple[int, ...] = ()
    groups: tuple[int, ...] = ()


def records(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Give type and content of each whole TLS record (RFC 8446 section 5.1)."""
    while len(data) >= 5:
        kind, _, size = struct.unpack("!BHH", data[:5])
        if len(data) < 5 + size:
            return
        yield kind, data[5 : 5 + size]
        data = data[5 + size :]


def hello_in(data: bytes) -> Hello | None:
    """Return the first greeting in *data*, a client's or a server's; None where there is none that can be read."""
    text = b"".join(content for kind, content in records(data) if kind == _RECORD)
    if len(text) < 4 or text[0] not in (_GREETING, _ANSWER):
        return None
    size = int.from_bytes(text[1:4], "big")
    try:
        return _hello(text[0], text[4 : 4 + size])
    except (struct.error, IndexError):
        return None


def _hello(kind: int, text: bytes) -> Hello:
    version, at = struct.unpack("!H", text[:2])[0], 34
    at += 1 + text[at]  # the session's id
    if kind == _GREETING:
        size = struct.unpack("!H", text[at : at + 2])[0]
        suites = struct.unpack(f"!{size // 2}H", text[at + 2 : at + 2 + size])
        at += 2 + size
        at += 1 + text[at]  # compression
    else:
        suites = struct.unpack("!H", text[at : at + 2])
        at += 3
    versions, groups = (version,), ()
    for number, value in _extensions(text[at:]):
        if number == 43:  # supported_versions
            listed = value[1:] if kind == _GREETING else value
            versions = struct.unpack(f"!{len(listed) // 2}H", listed)
        elif number == 10 and kind == _GREETING:  # supported_groups
            groups = struct.unpack(f"!{(len(value) - 2) // 2}H", value[2:])
        elif number == 51 and kind == _ANSWER:  # key_share
            groups = struct.unpack("!H", value[:2])
    known = tuple(NUMBERS[v] for v in versions if v in NUMBERS)
    return Hello(versions=known, suites=tuple(s for s in suites if s not in SIGNALS), groups=groups)


def _extensions(text: bytes) -> Iterator[tuple[int, bytes]]:
    if len(text) < 2:
        return
    text = text[2 : 2 + struct.unpack("!H", text[:2])[0]]
    while len(text) >= 4:
        number, size = struct.unpack("!HH", text[:4])
        yield number, text[4 : 4 + size]
        text = text[4 + size :]


async def greet(driver: Driver, requirement: str, at: Path, step: Handshake) -> Exchange:
    """Answer a handshake from the target's own address, and record it."""
    started, target = driver.now(), driver.target
    facts: dict[str, Any] = {}
    trouble, tries = _impossible(driver), 0
    while not trouble and not facts and tries < TRIES:
        tries += 1
        try:
            async with asyncio.timeout(target.limits.timeout):
                facts = await shake(target, step)
        except TimeoutError:
            trouble = Trouble.SLOW, f"slower than {target.limits.timeout:g} s"
        except OSError as error:
            if tries < TRIES:
                await asyncio.sleep(0.5 * tries * driver.patience)
            else:
                trouble = Trouble.UNREACHABLE, clip(str(error), 200)
    seen = Exchange(
        request=step.request, trouble=trouble[0] if trouble else None, detail=trouble[1] if trouble else _words(facts),
        headers=(("content-type", "application/json"),) if facts else (), body=json_bytes(facts) if facts else b"",
        url=target.url, tries=max(tries, 1), started_s=started, ended_s=driver.now(), at=at,
    )  # fmt: skip
    driver.record(requirement, seen)
    return seen


def _impossible(driver: Driver) -> tuple[Trouble, str] | None:
    target = driver.target
    if urlsplit(target.url).scheme != "https":
        return Trouble.NOT_ALLOWED, "the target speaks no TLS"
    if target.proxy:
        return Trouble.NOT_ALLOWED, "TLS is not looked at through a proxy"
    return None if driver.reachable(target.url) else (Trouble.OFF_ORIGIN, "not an address that may be asked")


def _words(facts: dict[str, Any]) -> str:
    """Return what came of a handshake in a line."""
    chosen = " ".join(str(facts[name]) for name in ("version", "cipher") if facts.get(name))
    return clip(": ".join(p for p in (str(facts["outcome"]), chosen, str(facts.get("why", ""))) if p), 200)


async def shake(target: Target, step: Handshake) -> dict[str, Any]:
    """Shake hands and return what was seen.

    Returns:
        `outcome`: completed, refused (an alert, or hung up), untrusted, or not offered, when our own library would not say it;
        `offered` and `suites` as they stood in our greeting, `groups` likewise; `version`, `suite`, `group` as the server chose them;
        `certificate` of a handshake that was completed without looking at trust.

    Raises:
        OSError: no connection.
    """
    try:
        context = _context(target, step)
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(incoming, outgoing, server_hostname=urlsplit(target.url).hostname)
        with suppress(ssl.SSLWantReadError):
            tls.do_handshake()
    except (ssl.SSLError, ValueError) as error:
        return {"outcome": "not offered", "why": clip(str(error), 120)}
    greeting = outgoing.read()
    said = hello_in(greeting) or Hello()
    facts: dict[str, Any] = {"offered": said.versions, "suites": [f"{s:04x}" for s in said.suites], "groups": said.groups}
    parts = urlsplit(target.url)
    host, _, port = target.connect_to.rpartition(":") if target.connect_to else (parts.hostname or "", "", str(parts.port or 443))
    reader, writer = await asyncio.open_connection(host.strip("[]"), int(port))
    try:
        writer.write(greeting)
        heard, outcome = await _talk(tls, incoming, outgoing, reader, writer)
    finally:
        writer.close()
    chosen = hello_in(heard)
    if chosen:
        facts |= {
            "version": chosen.versions[0] if chosen.versions else "",
            "suite": f"{chosen.suites[0]:04x}",
            "group": (*chosen.groups, 0)[0],
        }
    if not heard and outcome["outcome"] != "completed":
        outcome["why"] = outcome.get("why") or "hung up"
    if outcome["outcome"] == "completed":
        facts["cipher"] = (tls.cipher() or ("",))[0]
        der = tls.getpeercert(binary_form=True)
        facts |= {"certificate": certificate(der)} if der and not step.trusted else {}
    return {**outcome, **facts, "authorities": "named" if target.tls.cacert else "of this machine"}


async def _talk(
    tls: ssl.SSLObject, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> tuple[bytes, dict[str, Any]]:
    """Carry bytes until the handshake has an outcome; return what the server said, and that."""
    heard = b""
    while len(heard) < HEARD:
        try:
            data = await reader.read(16_384)
        except OSError:
            data = b""
        if not data:
            return heard, {"outcome": "refused", "why": _alert(heard)}
        heard += data
        incoming.write(data)
        try:
            tls.do_handshake()
            return heard, {"outcome": "completed"}
        except ssl.SSLWantReadError:
            if more := outgoing.read():
                writer.write(more)
        except ssl.SSLCertVerificationError as error:
            return heard, {"outcome": "untrusted", "why": error.verify_message, "code": error.verify_code}
        except ssl.SSLError as error:
            return heard, {"outcome": "refused", "why": _alert(heard) or clip(str(error.reason or error), 100)}
    return heard, {"outcome": "refused", "why": f"more than {HEARD} bytes"}


def _alert(heard: bytes) -> str:
    """Return the first alert that the server sent in the clear."""
    return next((f"alert {content[1]}" for kind, content in records(heard) if kind == _ALERT and len(content) == 2), "")


def _context(target: Target, step: Handshake) -> ssl.SSLContext:
    """Return a context that offers what the step says, however old: what our library still refuses to offer is seen in the greeting."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        context.maximum_version = VERSIONS[step.highest]
        context.minimum_version = VERSIONS[step.lowest]
    if step.ciphers:
        context.set_ciphers(step.ciphers)
    elif step.lowest in ("TLS 1.0", "TLS 1.1"):
        context.set_ciphers("ALL:@SECLEVEL=0")
    if target.tls.cert:
        context.load_cert_chain(target.tls.cert, target.tls.key or None)
    if step.trusted:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(target.tls.cacert) if target.tls.cacert else context.load_default_certs()
        if step.trusted == "ever":
            context.verify_flags |= NO_CHECK_TIME
    return context


def certificate(der: bytes) -> dict[str, Any]:
    """Return what a certificate says that is looked at: names, times in seconds since the epoch, the kind and size of its key."""
    try:
        read = x509.load_der_x509_certificate(der)
        names, addresses = _names(read)
        key = read.public_key()
    except (ValueError, UnsupportedAlgorithm) as error:
        return {"unread": clip(str(error), 200)}
    bits = key.key_size if isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey) else 0
    kind = "RSA" if isinstance(key, rsa.RSAPublicKey) else "EC" if isinstance(key, ec.EllipticCurvePublicKey) else type(key).__name__
    begins, ends = read.not_valid_before_utc.timestamp(), read.not_valid_after_utc.timestamp()
    return {"names": names, "addresses": addresses, "begins": begins, "ends": ends, "key": kind, "bits": bits}


def _names(read: x509.Certificate) -> tuple[list[str], list[str]]:
    """Return DNS names and IP addresses of the subject's alternative names: a common name names no host any more (RFC 9525)."""
    try:
        found = read.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return [], []
    return found.get_values_for_type(x509.DNSName), [str(a) for a in found.get_values_for_type(x509.IPAddress)]

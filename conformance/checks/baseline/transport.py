"""What lies between: TLS as it is agreed on, the certificate, and that nothing is said beside it."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from conformance.api import Api
from conformance.checks.baseline.common import host_of, plain_on_loopback, well
from conformance.checks.registry import check
from conformance.checks.subjects import known_good
from conformance.ending import Inconclusive, Nonconformity, NotApplicable, NotTested, clip
from conformance.exchange import Exchange, Trouble
from conformance.flow import Handshake, handshake, send
from conformance.profile import Profile
from conformance.requirement import Requirement

EVERY = "ALL:COMPLEMENTOFALL:@SECLEVEL=0"
#: What OpenSSL says of a chain that ends at an authority that we do not know: 2 and 18 to 21 (X509_verify_cert_error_string).
UNKNOWN_AUTHORITY = (2, 18, 19, 20, 21)
OUT_OF_TIME = (9, 10)
DAY = 86_400.0
#: Hybrid key exchange with ML-KEM (TLS supported groups registry).
HYBRID = {4587: "SecP256r1MLKEM768", 4588: "X25519MLKEM768", 4589: "SecP384r1MLKEM1024"}
_AEAD = ("GCM", "CCM", "CHACHA20")
_FORWARD = ("ECDHE-", "DHE-", "TLS_")


async def _tls(api: Api, offer: Handshake) -> tuple[dict[str, Any], Exchange]:
    """Return what came of a handshake.

    Raises:
        NotApplicable: the target speaks plain HTTP; whether it may is a finding of its own.
        NotTested: our side could not offer it.
    """
    if urlsplit(api.url).scheme != "https":
        raise NotApplicable("plain HTTP on loopback" if plain_on_loopback(api) else "it speaks no TLS: network.encrypted")
    seen = await handshake(offer)
    if seen.trouble is Trouble.NOT_ALLOWED:
        raise NotTested(seen.detail, seen)
    if seen.trouble:
        raise Inconclusive(f"TLS: {seen.detail or seen.trouble}", seen)
    facts = seen.json()
    if facts["outcome"] == "not offered":
        raise NotTested(f"our TLS library does not offer it: {facts.get('why', '')}", seen)
    return facts, seen


@check("encrypted", about="service")
async def encrypted(api: Api) -> None:
    """Reads over https: the target's address names nothing less."""
    if plain_on_loopback(api):
        raise NotApplicable("plain HTTP on loopback")
    good = await well(api)
    if urlsplit(api.url).scheme != "https":
        raise Nonconformity("https", f"{api.url} is served over plain HTTP", good, cause="plain http")


@check("tls-version-refused", about="service")
async def tls_version_refused(api: Api, version: str) -> None:
    """Greets with one old version of TLS alone, which must be refused; a read over a newer one is the control.

    With: `version`, such as `TLS 1.0`. It counts as refused only if our own greeting offered it.
    """
    facts, seen = await _tls(api, Handshake(lowest=version, highest=version, ciphers=EVERY))
    if version not in facts["offered"] or not facts["suites"]:
        raise NotTested(f"our TLS library does not offer {version}", seen)
    if facts.get("version") == version:
        raise Nonconformity(f"{version} is refused", f"{version} is agreed on", seen, cause=f"speaks {version}")
    await well(api)


@check("tls-newest", about="service")
async def tls_newest(api: Api, offered: bool = False) -> None:
    """Greets with TLS 1.3 alone, and with 1.2 and 1.3: where the newest is spoken it must be chosen.

    With: `offered`, to ask that it is spoken at all.
    """
    facts, seen = await _tls(api, Handshake(lowest="TLS 1.3", highest="TLS 1.3"))
    if "TLS 1.3" not in facts["offered"]:
        raise NotTested("our TLS library does not offer TLS 1.3", seen)
    spoken = facts.get("version") == "TLS 1.3"
    await well(api)
    if offered and not spoken:
        raise Nonconformity("TLS 1.3 is spoken", seen.detail, seen, cause="no TLS 1.3")
    if offered:
        return
    if not spoken:
        raise NotApplicable("it does not speak TLS 1.3", seen)
    both, chosen = await _tls(api, Handshake(lowest="TLS 1.2", highest="TLS 1.3"))
    if both.get("version") != "TLS 1.3":
        raise Nonconformity("TLS 1.3 is chosen where both are offered", chosen.detail, chosen, seen, cause="TLS 1.3 not preferred")


def _versions(profile: Profile, requirement: Requirement) -> Sequence[str]:
    return ("TLS 1.3", "TLS 1.2")


@check("tls-strong-suite", about="service", cases=_versions)
async def tls_strong_suite(api: Api, case: str) -> None:
    """Greets with every suite that is in use and looks what is agreed on: authenticated encryption with forward secrecy."""
    facts, seen = await _tls(api, Handshake(lowest=case, highest=case))
    if facts["outcome"] != "completed":
        raise NotApplicable(f"it does not speak {case}: {seen.detail}", seen)
    await well(api)
    suite = str(facts.get("cipher", ""))
    if not (any(word in suite for word in _AEAD) and suite.startswith(_FORWARD)):
        raise Nonconformity("authenticated encryption with forward secrecy", suite, seen, cause=f"suite {suite}")


@check("tls-suites-refused", about="service")
async def tls_suites_refused(api: Api, ciphers: str) -> None:
    """Greets with suites alone that must not be used, in TLS 1.2: none may be chosen; a read is the control.

    With: `ciphers`, a list as OpenSSL writes it.
    """
    facts, seen = await _tls(api, Handshake(lowest="TLS 1.2", highest="TLS 1.2", ciphers=f"{ciphers}:@SECLEVEL=0"))
    if not facts["suites"]:
        raise NotTested("our TLS library does not offer them", seen)
    if facts.get("suite"):
        raise Nonconformity(
            "none of these suites", f"{facts.get('cipher') or facts['suite']} is agreed on", seen, cause=f"suites {ciphers}"
        )
    await well(api)


async def _certificate(api: Api) -> tuple[dict[str, Any], Exchange, dict[str, Any]]:
    """Return what the certificate says, with the exchange and everything that is known of the handshake."""
    facts, seen = await _tls(api, Handshake(lowest="TLS 1.2", highest="TLS 1.3"))
    if facts["outcome"] != "completed" or not facts.get("certificate"):
        raise Inconclusive(f"no certificate was seen: {seen.detail}", seen)
    if "unread" in facts["certificate"]:
        raise NotTested(f"the certificate cannot be read: {facts['certificate']['unread']}", seen)
    await well(api)
    return facts["certificate"], seen, facts


def _in_time(api: Api, told: dict[str, Any], seen: Exchange) -> bool:
    return bool(told["begins"] <= api.started + seen.ended_s <= told["ends"])


@check("certificate-trusted", about="service")
async def certificate_trusted(api: Api) -> None:
    """Holds the chain of the certificate against the authorities of the target file, else of this machine.

    Whether the server's own certificate is in time is another requirement's; a chain that ends at an authority that nobody named proves
    nothing.
    """
    told, leaf, _ = await _certificate(api)
    facts, seen = await _tls(api, Handshake(trusted="ever"))
    if facts["outcome"] == "completed" and _in_time(api, told, leaf):
        facts, seen = await _tls(api, Handshake(trusted="now"))
    if facts["outcome"] == "completed":
        return
    if facts["outcome"] != "untrusted":
        raise Inconclusive(f"TLS: {seen.detail}", seen)
    if facts["authorities"] != "named" and facts.get("code") in UNKNOWN_AUTHORITY:
        raise Inconclusive(f"no authority that we know vouches for it ({facts.get('why')}): name yours with --cacert", seen)
    raise Nonconformity("a chain to an authority that is trusted", str(facts.get("why")), seen, leaf, cause="chain not trusted")


@check("certificate-name", about="service")
async def certificate_name(api: Api) -> None:
    """Reads the names in the certificate: the target's host must be one of them."""
    told, seen, _ = await _certificate(api)
    if not named(host_of(api), told["names"], told["addresses"]):
        listed = ", ".join([*told["names"], *told["addresses"]]) or "no name"
        raise Nonconformity(f"the name {host_of(api)}", clip(listed, 200), seen, cause="name in certificate")


def named(host: str, names: Sequence[str], addresses: Sequence[str]) -> bool:
    """Tell whether a certificate for *names* and *addresses* is one for *host* (RFC 9525 section 6).

    >>> named("api.example.org", ["*.example.org"], []), named("a.b.example.org", ["*.example.org"], [])
    (True, False)
    """
    try:
        return str(ipaddress.ip_address(host)) in {str(ipaddress.ip_address(a)) for a in addresses}
    except ValueError:
        pass
    try:
        host = host.rstrip(".").encode("idna").decode().lower()
    except UnicodeError:
        host = host.lower()
    first, dot, rest = host.partition(".")
    known = {name.lower().rstrip(".") for name in names}
    return host in known or (bool(first and dot) and f"*.{rest}" in known)


@check("certificate-in-time", about="service")
async def certificate_in_time(api: Api, left: bool = False) -> None:
    """Reads from when until when the certificate holds: it must hold now.

    With: `left`, to ask instead that it does not end soon: within a week and within the last tenth of its time.
    """
    told, seen, _ = await _certificate(api)
    now = api.started + seen.ended_s
    if left:
        rest, whole = told["ends"] - now, told["ends"] - told["begins"]
        if not _in_time(api, told, seen):
            raise NotApplicable("it does not hold now", seen)
        if rest < 7 * DAY and rest < whole / 10:
            raise Nonconformity(
                "a certificate that is renewed in time", f"{rest / DAY:.1f} days are left", seen, cause="certificate ends soon"
            )
    elif now > told["ends"]:
        raise Nonconformity(
            "a certificate that holds now", f"it ended {(now - told['ends']) / DAY:.1f} days ago", seen, cause="certificate ended"
        )
    elif now < told["begins"]:
        observed = f"it begins in {(told['begins'] - now) / DAY:.1f} days"
        raise Nonconformity("a certificate that holds now", observed, seen, cause="certificate not begun")


@check("certificate-key", about="service")
async def certificate_key(api: Api, rsa: int = 2048, ec: int = 256) -> None:
    """Reads the size of the key in the certificate.

    With: the least bits of `rsa` and `ec`.
    """
    told, seen, _ = await _certificate(api)
    least = {"RSA": rsa, "EC": ec}.get(told["key"], 0)
    if told["bits"] < least:
        raise Nonconformity(f"{told['key']} with at least {least} bits", f"{told['bits']}", seen, cause="short key in certificate")


@check("plain-http-closed", about="service")
async def plain_http_closed(api: Api, redirects: bool = False) -> None:
    """Asks for the known-good read over plain HTTP, without credentials: it may not be answered as HTTP answers.

    With: `redirects`, to look only whether the request is led on to https, as a page for people may be and an API may not.
    """
    parts = urlsplit(api.url)
    if parts.scheme != "https":
        raise NotApplicable("plain HTTP on loopback" if plain_on_loopback(api) else "it speaks no TLS: network.encrypted")
    good = await well(api)
    right = await known_good(api)
    netloc = (
        (f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or "") if parts.port in (None, 443) else parts.netloc
    )
    link = right.link if right.link.startswith("/") else f"{parts.path.rstrip('/')}{right.target}"
    try:
        seen = await send(right.with_(link=f"http://{netloc}{link}", target="", identity="none"), also=(401, 403, 429, 503), silence=True)
    except Inconclusive as error:
        if error.evidence and error.evidence[-1].trouble is Trouble.OFF_ORIGIN:
            raise NotTested(f"http://{netloc} is not among the origins of the target file", *error.evidence) from None
        raise
    if not seen.status or not seen.headers:
        return
    if redirects and 300 <= seen.status < 400:
        raise Nonconformity(
            "a request over plain HTTP is not led on",
            f"{seen.status} to {clip(seen.header('location'), 100)}",
            seen,
            good,
            cause="plain http redirects",
        )
    if not redirects and (seen.success or (seen.status == 401 and seen.header("www-authenticate"))):
        what = "served" if seen.success else "credentials are asked for"
        raise Nonconformity("nothing is answered over plain HTTP", f"{seen.status}: {what}", seen, good, cause="plain http answers")


@check("strict-transport", about="service")
async def strict_transport(api: Api, seconds: int = 31_536_000) -> None:
    """Reads over https and expects browsers to be told to come back with https alone, for a year (Strict-Transport-Security).

    With: `seconds`, the least max-age.
    """
    if urlsplit(api.url).scheme != "https":
        raise NotApplicable("plain HTTP on loopback" if plain_on_loopback(api) else "it speaks no TLS: network.encrypted")
    try:
        ipaddress.ip_address(host_of(api))
    except ValueError:
        pass
    else:
        raise NotApplicable("browsers keep no such promise of an address (RFC 6797 section 8.1.1)")
    good = await well(api)
    told = good.header("strict-transport-security") or ""
    ages = [p.partition("=")[2].strip().strip('"') for p in told.split(";") if p.partition("=")[0].strip().lower() == "max-age"]
    if not ages or not ages[0].isdecimal() or int(ages[0][:12]) < seconds:
        raise Nonconformity(
            f"Strict-Transport-Security with max-age of at least {seconds}", told or "no such header", good, cause="no HSTS"
        )


@check("hybrid-key-exchange", about="service")
async def hybrid_key_exchange(api: Api) -> None:
    """Greets with hybrid key exchange (ML-KEM) and looks whether it is chosen."""
    facts, seen = await _tls(api, Handshake(lowest="TLS 1.3", highest="TLS 1.3"))
    if not any(group in HYBRID for group in facts["groups"]):
        raise NotTested("our TLS library does not offer hybrid key exchange", seen)
    await well(api)
    if facts.get("group") not in HYBRID:
        raise Nonconformity(" or ".join(HYBRID.values()), f"group {facts.get('group', 0)}", seen, cause="no hybrid key exchange")

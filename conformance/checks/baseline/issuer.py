"""Who issues tokens, and with which keys: metadata (RFC 8414, OpenID Connect Discovery, RFC 9728) and key sets (RFC 7517)."""

from __future__ import annotations

import base64
import binascii
from typing import Any
from urllib.parse import urlsplit

from conformance.api import Api
from conformance.checks.baseline.common import fetched, no_network, origin_of, well
from conformance.checks.contract import json_or_none
from conformance.checks.registry import check
from conformance.checks.subjects import known_good
from conformance.ending import Nonconformity, NotApplicable, clip
from conformance.exchange import Exchange
from conformance.flow import send

#: Members of a JWK that only the holder of the private key may know (RFC 7518 section 6).
PRIVATE = ("d", "p", "q", "dp", "dq", "qi", "oth", "k")
#: What is promised of signatures where `none` may not stand.
ALGORITHMS = (
    "id_token_signing_alg_values_supported", "userinfo_signing_alg_values_supported", "request_object_signing_alg_values_supported",
    "token_endpoint_auth_signing_alg_values_supported", "introspection_endpoint_auth_signing_alg_values_supported",
    "revocation_endpoint_auth_signing_alg_values_supported", "dpop_signing_alg_values_supported",
)  # fmt: skip


def issuer_of(api: Api) -> str:
    """Return the issuer as its clients write it: that of the target file, else the target itself."""
    return str(api.test_data.get("issuer") or api.url)


async def metadata(api: Api) -> tuple[dict[str, Any], Exchange]:
    """Return the issuer's metadata from the first place that has any.

    Raises:
        NotApplicable: there are none; where the target file names an issuer that is a finding of `issuer-metadata` alone.
    """
    await well(api)
    parts = urlsplit(issuer_of(api))
    origin, path = f"{parts.scheme}://{parts.netloc}", parts.path.rstrip("/")
    one, two = "/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"
    seen: list[Exchange] = []
    for place in dict.fromkeys((f"{origin}{path}{two}", f"{origin}{one}{path}", f"{origin}{two}{path}", f"{origin}{path}{one}")):
        seen.append(await fetched("readIssuerMetadata", place, accept="application/json"))
        body = json_or_none(seen[-1]) if seen[-1].success else None
        if isinstance(body, dict) and "issuer" in body:
            return body, seen[-1]
    named = (
        "the issuer has no metadata"
        if "issuer" in api.test_data
        else "the target issues no tokens, and test_data issuer names nobody who does"
    )
    raise NotApplicable(named, *seen)


@check("issuer-metadata", about="service")
async def issuer_metadata(api: Api) -> None:
    """Reads the metadata of the issuer that the target file names, at the places of RFC 8414 and of OpenID Connect Discovery."""
    try:
        await metadata(api)
    except NotApplicable as error:
        if "issuer" in api.test_data:
            raise Nonconformity("metadata of the issuer", error.evidence[-1].summary, *error.evidence, cause="no issuer metadata") from None
        raise


@check("issuer-exact", about="service")
async def issuer_exact(api: Api) -> None:
    """Reads the issuer's metadata: they must name the very issuer that they were asked of."""
    body, seen = await metadata(api)
    asked = issuer_of(api)
    same = {asked} if "issuer" in api.test_data else {asked, asked.rstrip("/") + "/"}  # a target's URL is kept without its last slash
    if body["issuer"] not in same:
        raise Nonconformity(f"the issuer {asked}", clip(body["issuer"], 200), seen, cause="issuer")


@check("issuer-pkce", about="service")
async def issuer_pkce(api: Api) -> None:
    """Reads the issuer's metadata: where codes are granted they must be bound to who asked (PKCE with S256)."""
    body, seen = await metadata(api)
    if not body.get("authorization_endpoint"):
        raise NotApplicable("it has no authorization endpoint", seen)
    told = body.get("code_challenge_methods_supported")
    if not isinstance(told, list) or "S256" not in told:
        raise Nonconformity("S256 among code_challenge_methods_supported", clip(told, 100), seen, cause="no PKCE")


@check("issuer-old-grants", about="service")
async def issuer_old_grants(api: Api) -> None:
    """Reads the issuer's metadata: neither the implicit nor the password grant may be offered."""
    body, seen = await metadata(api)
    grants, types = body.get("grant_types_supported"), body.get("response_types_supported")
    wrong = [g for g in grants if g in ("implicit", "password")] if isinstance(grants, list) else []
    wrong += [t for t in types if isinstance(t, str) and "token" in t.split()] if isinstance(types, list) else []
    if wrong:
        raise Nonconformity("no implicit and no password grant", ", ".join(map(str, wrong)), seen, cause="old grants")


@check("issuer-signs", about="service")
async def issuer_signs(api: Api) -> None:
    """Reads the issuer's metadata: what is signed may not be signed with `none`."""
    body, seen = await metadata(api)
    wrong = [name for name in ALGORITHMS if isinstance(body.get(name), list) and any(str(a).lower() == "none" for a in body[name])]
    if wrong:
        raise Nonconformity(f"no `none` in {wrong[0]}", clip(body[wrong[0]], 100), seen, cause="alg none offered")


@check("resource-metadata", about="service")
async def resource_metadata(api: Api) -> None:
    """Reads the metadata of the resource (RFC 9728), where it demands bearer tokens: they must name that resource."""
    seen = await send((await known_good(api)).with_(identity="none"), also=(401, 403))
    if seen.status != 401 or "bearer" not in (seen.header("www-authenticate") or "").lower():
        raise NotApplicable("it demands no bearer token", seen)
    path = urlsplit(api.url).path.rstrip("/")
    found = await fetched("readResourceMetadata", f"{origin_of(api)}/.well-known/oauth-protected-resource{path}", accept="application/json")
    if not found.success:
        raise Nonconformity("metadata of the protected resource", found.summary, found, seen, cause="no resource metadata")
    body = found.json()
    told = body.get("resource") if isinstance(body, dict) else None
    if not isinstance(told, str) or told.rstrip("/") != api.url.rstrip("/"):
        raise Nonconformity(f"the resource {api.url}", clip(told, 200), found, seen, cause="resource metadata")


async def key_set(api: Api) -> tuple[list[Any], Exchange, str]:
    """Return the keys of the issuer, the answer that holds them, and where they are said to be.

    Raises:
        NotApplicable: there are none; where the metadata name a key set that is a finding of `key-set` alone.
    """
    body, told = await metadata(api)
    link = body.get("jwks_uri")
    if not isinstance(link, str) or not link:
        raise NotApplicable("the issuer names no key set", told)
    seen = await fetched("readKeySet", link, accept="application/jwk-set+json, application/json")
    keys = json_or_none(seen) if seen.success else None
    if not isinstance(keys, dict) or not isinstance(keys.get("keys"), list):
        raise NotApplicable("the issuer's key set cannot be read", seen)
    return keys["keys"], seen, link


@check("key-set", about="service")
async def key_set_there(api: Api) -> None:
    """Reads the key set that the issuer's metadata name: it must be one (RFC 7517)."""
    try:
        await key_set(api)
    except NotApplicable as error:
        if error.evidence and error.evidence[-1].request.operation == "readKeySet":
            seen = error.evidence[-1]
            raise Nonconformity("a key set (RFC 7517)", f"{seen.summary} {seen.media_type}".strip(), seen, cause="no key set") from None
        raise


@check("keys-over-https", about="service")
async def keys_over_https(api: Api) -> None:
    """Reads where the issuer's keys are: over https."""
    _, seen, link = await key_set(api)
    if no_network(api):
        raise NotApplicable("nothing lies in between that could listen", seen)
    if urlsplit(link).scheme != "https":
        raise Nonconformity("a jwks_uri that is https", clip(link, 200), seen, cause="keys over http")


@check("keys-public", about="service")
async def keys_public(api: Api) -> None:
    """Reads the issuer's keys: public ones of a pair alone, none of which tells what only its holder may know."""
    keys, seen, _ = await key_set(api)
    for number, key in enumerate(keys):
        told = key if isinstance(key, dict) else {}
        secret = [m for m in PRIVATE if m in told]
        if secret or told.get("kty") == "oct":
            observed = f"key {number} is of type {clip(told.get('kty'), 20)}" + (f" and holds {', '.join(secret)}" if secret else "")
            raise Nonconformity("public keys only", observed, seen, cause="secret key published")


@check("keys-told-apart", about="service")
async def keys_told_apart(api: Api) -> None:
    """Reads the issuer's keys: no two share a `kid`, and where there are several each has one."""
    keys, seen, _ = await key_set(api)
    ids = [key.get("kid") for key in keys if isinstance(key, dict)]
    twice = sorted({str(i) for i in ids if i is not None and ids.count(i) > 1})
    kinds = {str(k.get("kty")) for k in keys if isinstance(k, dict) and k.get("kid") is None}
    if twice or (len(ids) > 1 and kinds):
        raise Nonconformity("a kid of its own for each key", f"twice: {twice[0]}" if twice else "a key without one", seen, cause="kid")


@check("keys-strong", about="service")
async def keys_strong(api: Api, rsa: int = 2048) -> None:
    """Reads the issuer's keys: those of RSA are long enough.

    With: `rsa`, the least bits of a modulus.
    """
    keys, seen, _ = await key_set(api)
    for number, key in enumerate(keys):
        if isinstance(key, dict) and key.get("kty") == "RSA" and (bits := _bits(key.get("n"))) is not None and bits < rsa:
            raise Nonconformity(f"RSA keys of at least {rsa} bits", f"key {number} has {bits}", seen, cause=f"RSA below {rsa}")


def _bits(value: Any) -> int | None:
    try:
        raw = base64.urlsafe_b64decode(str(value) + "=" * (-len(str(value)) % 4))
    except (binascii.Error, ValueError):
        return None
    return int.from_bytes(raw, "big").bit_length()


@check("keys-cacheable", about="service")
async def keys_cacheable(api: Api) -> None:
    """Reads the issuer's keys: whoever verifies tokens may keep them for a while."""
    _, seen, _ = await key_set(api)
    told = (seen.header("cache-control") or "").lower()
    if "no-store" in told:
        raise Nonconformity("a key set that may be kept", f"Cache-Control: {told}", seen, cause="keys not cacheable")

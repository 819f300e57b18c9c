"""A small service of this test's own standard, hardened, and weak in one way at a time: what the baseline is measured on."""

from __future__ import annotations

import base64
import itertools
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, hmac, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from conformance.loading.profiles import Shelf
from conformance.target import Credential, Reference
from conformance.wire import WireRequest, WireResponse, header

OPENAPI = """
openapi: "3.1.0"
info: {title: Vault, version: "1"}
paths:
  /about: {get: {operationId: about, responses: {"200": {description: a}}}}
  /things:
    get: {operationId: listThings, responses: {"200": {description: a}}}
    post:
      operationId: createThing
      requestBody: {content: {application/json: {schema: {type: object}}}}
      responses: {"201": {description: a}}
  /things/{thingId}:
    get: {operationId: getThing, parameters: [{name: thingId, in: path, required: true, schema: {type: string}}], responses: {"200": {description: a}}}
    put:
      operationId: replaceThing
      parameters: [{name: thingId, in: path, required: true, schema: {type: string}}]
      requestBody: {content: {application/json: {schema: {type: object}}}}
      responses: {"200": {description: a}}
    delete: {operationId: deleteThing, parameters: [{name: thingId, in: path, required: true, schema: {type: string}}], responses: {"204": {description: a}}}
  /absent: {get: {operationId: getAbsent, responses: {"200": {description: a}}}}
components:
  schemas:
    Error: {type: object, required: [title], properties: {title: {type: string}}}
"""
BINDINGS = """
probe: listThings
authentication: {required: true, anonymous: [about]}
error: {schema: Error, media: [application/problem+json]}
operations:
  createThing: {effect: own}
  replaceThing: {effect: own}
  deleteThing: {effect: own}
resources:
  thing:
    create: createThing
    read: getThing
    list: listThings
    replace: replaceThing
    delete: deleteThing
    parameter: thingId
    id: /id
    items: /items
    example: {name: "{marker}"}
    changes: {name: "{marker} changed"}
    marker: /name
"""
PROFILE = """
profile: vault
edition: "1"
title: Vault
interface: 8
tier: basic
state: effective
contract: vault/1
operations:
""" + "".join(
    f"  {name}: {{level: MUST, clause: our own, seen: true}}\n"
    for name in ("about", "listThings", "createThing", "getThing", "replaceThing", "deleteThing", "getAbsent")
)

TRACE = 'Traceback (most recent call last):\n  File "/srv/app/views.py", line 12, in get\nValueError: boom'


def shelf_with_vault(folder: Path) -> Shelf:
    """Return the shelf with this standard in front."""
    for name, text in (
        ("specs/vault/1/openapi.yaml", OPENAPI),
        ("profiles/vault/bindings.yaml", BINDINGS),
        ("profiles/vault/1.yaml", PROFILE),
    ):
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return Shelf.standard(folder / "profiles", folder / "specs")


@cache
def key(bits: int = 3072) -> RSAPrivateKey:
    """Return a key that is made once."""
    return rsa.generate_private_key(65537, bits)


def b64(data: bytes) -> str:
    """Return base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    """Return what base64url holds."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def jwk(private: RSAPrivateKey, kid: str = "k1") -> dict[str, Any]:
    """Return the public part as a JWK."""
    numbers = private.public_key().public_numbers()
    whole = {n: b64(v.to_bytes((v.bit_length() + 7) // 8, "big")) for n, v in (("n", numbers.n), ("e", numbers.e))}
    return {"kty": "RSA", "kid": kid, "alg": "RS256", "use": "sig", **whole}


def token(sub: str, now: float, *, audience: str = "vault", lasts: float = 600, begins: float = -60, **header: Any) -> str:
    """Return a signed token."""
    head = {"alg": "RS256", "typ": "at+jwt", "kid": "k1", **header}
    claims = {
        "iss": "https://issuer.invalid",
        "sub": sub,
        "aud": audience,
        "iat": int(now),
        "nbf": int(now + begins),
        "exp": int(now + lasts),
    }
    text = f"{b64(json.dumps(head).encode())}.{b64(json.dumps(claims).encode())}"
    return f"{text}.{b64(key().sign(text.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def credentials(folder: Path, now: float, *, jwt: bool = True) -> dict[str, Credential]:
    """Write tokens of all identities to files, and return the credentials that name them."""
    folder.mkdir(parents=True, exist_ok=True)
    found = {}
    for name in ("default", "other", "limited"):
        (folder / name).write_text(token(name, now) if jwt else f"{name}-opaque-token")
        found[name] = Credential(scheme="bearer", token=Reference(file=str(folder / name)))
    return found


class Vault:
    """The service; `faults` say in which ways it is weak. `clock` returns seconds since the epoch."""

    def __init__(self, *faults: str, clock: Callable[[], float], url: str = "") -> None:
        self.faults, self.clock, self.url = set(faults), clock, url
        self.things: dict[str, tuple[str, dict[str, Any]]] = {}
        self.numbers = itertools.count(1)
        self.asked: list[WireRequest] = []
        self.burst, self.limit = 0, 0

    def handle(self, request: WireRequest, now: float = 0.0) -> WireResponse:
        """Answer one request; hardened headers on every answer."""
        self.asked.append(request)
        seen = self.answer(request)
        more = [] if "sniffed" in self.faults else [("x-content-type-options", "nosniff")]
        more += [] if "no-hsts" in self.faults else [("strict-transport-security", "max-age=63072000; includeSubDomains")]
        more += [("server", "vault/2.4.1")] if "version" in self.faults else [("server", "vault")]
        origin = header(request.headers, "origin")
        if origin and "reflects" in self.faults:
            more += [("access-control-allow-origin", origin), ("access-control-allow-credentials", "true"), ("vary", "Origin")]
        elif origin and "any-origin" in self.faults:
            more += [("access-control-allow-origin", "*"), ("access-control-allow-credentials", "true")]
        elif origin and "public" in self.faults:
            more += [("access-control-allow-origin", origin)]
        return WireResponse(status=seen.status, headers=(*seen.headers, *more), body=seen.body)

    def answer(self, request: WireRequest) -> WireResponse:
        """Answer without the headers that every answer has."""
        parts = urlsplit(request.target)
        path = parts.path
        if path.startswith("/.well-known/") or path == "/keys":
            return self.well_known(path)
        if "traces" in self.faults and ("%00" in request.target or path.startswith("/things/u")):
            return WireResponse(status=500, headers=(("content-type", "text/plain"),), body=TRACE.encode())
        if request.method not in ("GET", "POST", "PUT", "DELETE"):
            return _json(200, {"method": request.method}) if "any-method" in self.faults else self.problem(405, "no such method")
        if path == "/about":
            return _json(200, {"name": "vault"})
        if not (path == "/things" or path.startswith("/things/")):
            return self.problem(404, "nothing here")
        who = self.who(request)
        if not who:
            open_ = ("open-reads" in self.faults and request.method == "GET") or ("open-writes" in self.faults and request.method != "GET")
            if not open_:
                challenge = () if "no-challenge" in self.faults else (("www-authenticate", 'Bearer realm="vault"'),)
                return self.problem(404 if "hidden-401" in self.faults else 401, "who are you", *challenge)
            who = "default"
        if len(request.body) > 1_000_000 and "takes-all" not in self.faults:
            return self.problem(413, "too large")
        if who == "limited" and request.method != "GET" and "rights" not in self.faults:
            return self.problem(403, "not yours to do")
        return self.things_of(request, who, path)

    def things_of(self, request: WireRequest, who: str, path: str) -> WireResponse:
        """Answer about things."""
        if request.method in ("POST", "PUT"):
            try:
                body = json.loads(request.body)
            except ValueError:
                return self.problem(400, "not JSON")
        if path == "/things":
            if request.method == "GET":
                self.burst += 1
                if self.limit and self.burst > self.limit:
                    self.burst = 0
                    return self.problem(429, "slowly", *(() if "no-retry-after" in self.faults else (("retry-after", "0"),)))
                return _json(200, {"items": [t for owner, t in self.things.values() if owner == who]})
            if request.method != "POST":
                return self.problem(405, "no")
            thing = {**body, "id": f"t{next(self.numbers)}"}
            self.things[thing["id"]] = (who, thing)
            return _json(201, thing)
        owner, thing = self.things.get(path.removeprefix("/things/"), ("", {}))
        mine = owner == who or who == "limited" or (owner and "all-read" in self.faults and request.method == "GET")
        mine = mine or bool(owner and "all-write" in self.faults and request.method != "GET")
        if not owner or not mine:
            return self.problem(403 if owner and "existence" in self.faults else 404, "no such thing")
        if request.method == "DELETE":
            del self.things[thing["id"]]
            return WireResponse(status=204)
        if request.method == "PUT":
            self.things[thing["id"]] = (owner, {**body, "id": thing["id"]})
        elif request.method != "GET":
            return self.problem(405, "no")
        return _json(200, self.things[thing["id"]][1])

    def problem(self, status: int, title: str, *more: tuple[str, str]) -> WireResponse:
        """Return an error."""
        if "bare-errors" in self.faults:
            return WireResponse(status=status, headers=(("content-type", "text/plain"), *more), body=title.encode())
        body = json.dumps({"title": title, "status": status}).encode()
        return WireResponse(status=status, headers=(("content-type", "application/problem+json"), *more), body=body)

    # -- who asks ------------------------------------------------------------------------------------------------
    def who(self, request: WireRequest) -> str:
        """Return who sends a request, or ''."""
        scheme, _, text = (header(request.headers, "authorization") or "").partition(" ")
        if scheme != "Bearer":
            return ""
        if text.endswith("-opaque-token"):
            return text.removesuffix("-opaque-token")
        try:
            head, claims, signature = (unb64(p) for p in text.split("."))
            said, told = json.loads(head), json.loads(claims)
            good = self.signed(said, text.rpartition(".")[0].encode(), signature)
        except (ValueError, TypeError, KeyError, AttributeError):
            return ""
        now = self.clock()
        good = good and ("no-expiry" in self.faults or (now < told["exp"] and now >= told["nbf"]))
        good = good and ("any-audience" in self.faults or told["aud"] == "vault")
        return str(told["sub"]) if good else ""

    def signed(self, head: dict[str, Any], text: bytes, signature: bytes) -> bool:
        """Tell whether a token is signed, as far as this service looks."""
        alg = str(head.get("alg"))
        if "alg-none" in self.faults and alg.lower() == "none":
            return True
        if "no-signature" in self.faults:
            return True
        public = key().public_key()
        if "confused" in self.faults and alg == "HS256":
            pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
            check = hmac.HMAC(pem, hashes.SHA256())
            check.update(text)
            return check.finalize() == signature
        if "trusts-jwk" in self.faults and "jwk" in head:
            numbers = [int.from_bytes(unb64(head["jwk"][n]), "big") for n in ("e", "n")]
            public = rsa.RSAPublicNumbers(*numbers).public_key()
        if alg != "RS256":
            return False
        try:
            public.verify(signature, text, padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            return "any-key" in self.faults and "jwk" not in head and len(signature) == 256
        return True

    # -- what is published ---------------------------------------------------------------------------------------
    def well_known(self, path: str) -> WireResponse:
        """Answer with security.txt, advisories, the issuer's metadata and keys."""
        now = datetime.fromtimestamp(self.clock(), UTC)
        if path == "/.well-known/security.txt" and "no-security-txt" not in self.faults:
            ends = now + timedelta(days=-1 if "expired-txt" in self.faults else 900 if "stale-txt" in self.faults else 200)
            lines = ["-----BEGIN PGP SIGNED MESSAGE-----", "Hash: SHA256", ""] if "unsigned-txt" not in self.faults else []
            lines += [] if "no-contact" in self.faults else ["Contact: mailto:security@vault.example"]
            lines += [f"Expires: {ends:%Y-%m-%dT%H:%M:%SZ}"] * (2 if "expires-twice" in self.faults else 1)
            lines += ["Policy: http://vault.example/policy"] if "plain-links" in self.faults else ["Policy: https://vault.example/policy"]
            lines += (
                ["-----BEGIN PGP SIGNATURE-----", "", "aGVsbG8=", "-----END PGP SIGNATURE-----"]
                if "unsigned-txt" not in self.faults
                else []
            )
            return WireResponse(status=200, headers=(("content-type", "text/plain; charset=utf-8"),), body="\n".join(lines).encode())
        if path == "/.well-known/csaf/provider-metadata.json" and "no-csaf" not in self.faults:
            body = {
                "canonical_url": "https://vault.example/pm.json", "last_updated": "2026-01-01T00:00:00Z", "metadata_version": "2.0", "role": "csaf_provider",
                "list_on_CSAF_aggregators": True, "mirror_on_CSAF_aggregators": True, "publisher": {"name": "v", "namespace": "https://v", "category": "vendor"},
            }  # fmt: skip
            body.pop("publisher") if "no-publisher" in self.faults else None
            return _json(200, body)
        if path == "/.well-known/openid-configuration" and "no-issuer" not in self.faults:
            body = {
                "issuer": "https://else.invalid" if "wrong-issuer" in self.faults else self.url, "jwks_uri": f"{self.url}/keys", "authorization_endpoint": f"{self.url}/a",
                "code_challenge_methods_supported": ["plain"] if "no-pkce" in self.faults else ["S256"], "response_types_supported": ["code"],
                "grant_types_supported": ["authorization_code", "client_credentials", *(["password"] if "old-grants" in self.faults else [])],
                "id_token_signing_alg_values_supported": ["RS256", *(["none"] if "none-offered" in self.faults else [])],
                "token_endpoint_auth_methods_supported": ["none", "private_key_jwt"],
            }  # fmt: skip
            return _json(200, body)
        if path == "/.well-known/oauth-protected-resource" and "no-resource" not in self.faults:
            return _json(200, {"resource": self.url, "authorization_servers": [self.url]})
        if path == "/keys" and "no-keys" not in self.faults:
            bits = 1024 if "short-keys" in self.faults else 2048 if "old-keys" in self.faults else 3072
            keys = [jwk(key(bits)), jwk(key(), "k1" if "same-kid" in self.faults else "k2")]
            keys += [{"kty": "oct", "kid": "s", "k": b64(b"secret of secrets")}] if "secret-key" in self.faults else []
            told = (("cache-control", "no-store" if "no-cache" in self.faults else "max-age=300"),)
            return _json(200, {"keys": keys}, *told)
        return self.problem(404, "nothing here")


def _json(status: int, body: Any, *more: tuple[str, str]) -> WireResponse:
    return WireResponse(status=status, headers=(("content-type", "application/json"), *more), body=json.dumps(body).encode())

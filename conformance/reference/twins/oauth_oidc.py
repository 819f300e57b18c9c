"""An authorization server and OpenID provider: metadata, keys, tokens that expire and can be revoked, clients that register.

No user ever comes: codes are not issued; one refresh token and one access token of a user are there from the start.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote_plus, urlsplit

from conformance.contract import Operation
from conformance.profile import Profile
from conformance.reference.engine import Options, ResourceTwin
from conformance.reference.message import Call, NotJson, Refused, basic_credentials, read_json
from conformance.reference.routing import Route
from conformance.reference.sampling import chance
from conformance.reference.twins.token_keys import public_jwk, signed
from conformance.wire import Headers, WireRequest, WireResponse

PROFILE = "oauth-oidc"
OPENID, SERVER = "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"
CLIENT, SECRET = "twin client", "twin: secret / 0123"
REFRESH, USER_TOKEN = "twin-refresh-token-000", "twin-user-access-token"
#: Seconds that an access token lives.
LIFETIME = 30
KID = "twin-1"
SCOPES = ("openid", "read", "write")
GRANTS = ("authorization_code", "client_credentials", "refresh_token")
_ENDPOINTS = {
    "/authorize": "/authorization_endpoint", "/token": "/token_endpoint", "/keys": "/jwks_uri", "/userinfo": "/userinfo_endpoint",
    "/register": "/registration_endpoint", "/introspect": "/introspection_endpoint", "/revoke": "/revocation_endpoint",
}  # fmt: skip
_NO_STORE: Headers = (("Cache-Control", "no-store"), ("Pragma", "no-cache"))


class OAuthTwin(ResourceTwin):
    """One issuer with one client; `prefix` is where its endpoints are, `tokens_are_jwts` what they look like, `grants` what they are for."""

    prefix = "/oauth2"
    tokens_are_jwts = True
    openid_inserted = False
    grants = GRANTS
    test_data: Mapping[str, Any] = {
        "client_id": CLIENT, "client_secret": SECRET, "scope": "read", "refresh_token": REFRESH, "user_access_token": USER_TOKEN,
    }  # fmt: skip

    def __init__(self, profile: Profile, options: Options | None = None) -> None:
        super().__init__(profile, options)
        self.now = 0.0
        self.scheme = "Basic"
        self.store.notes["clients"] = {CLIENT: {"secret": SECRET, "redirect_uris": ["https://client.invalid/back"]}}
        self.store.notes["tokens"] = {
            REFRESH: {"kind": "refresh", "client": CLIENT, "scope": "openid read", "sub": "user-1", "until": None},
            USER_TOKEN: {"kind": "access", "client": CLIENT, "scope": "openid", "sub": "user-1", "until": None, "iat": 0},
        }

    @property
    def clients(self) -> dict[str, dict[str, Any]]:
        """The clients by id."""
        found: dict[str, dict[str, Any]] = self.store.notes["clients"]
        return found

    @property
    def tokens(self) -> dict[str, dict[str, Any]]:
        """The tokens that were issued and not revoked."""
        found: dict[str, dict[str, Any]] = self.store.notes["tokens"]
        return found

    def handle(self, request: WireRequest, now: float) -> WireResponse:
        """Answer a request at *now*."""
        self.now = now
        return super().handle(request, now)

    def route(self, path: str) -> Route | None:
        """Return where a path leads: the well-known ones, and the endpoints that the metadata name."""
        base = self.options.base
        known = {f"{OPENID}{base}" if self.openid_inserted else f"{base}{OPENID}": OPENID, f"{SERVER}{base}": SERVER}
        known |= {f"{base}{self.prefix}{ours}": theirs for ours, theirs in _ENDPOINTS.items()}
        return self.router.find(known[path]) if path in known else None

    def process(self, call: Call) -> WireResponse:
        """Answer a call; the user information is the only thing that a token opens."""
        self.scheme = "Bearer" if call.operation.id == "getUserinfo" else "Basic"
        return super().process(call)

    def challenge(self) -> str:
        """Return what a 401 says of the credentials that are wanted."""
        return f'{self.scheme} realm="twin"'

    def error_body(self, refused: Refused, operation: Operation | None) -> Any:
        """Return an error of the protocol."""
        return {"error": refused.kind or "invalid_request", "error_description": refused.detail}

    # -- metadata ------------------------------------------------------------------------------------------------
    @property
    def issuer(self) -> str:
        """The issuer, as the client that asks knows it."""
        return self.absolute(self.options.base)

    def metadata(self) -> dict[str, Any]:
        """Return what the issuer says of itself."""
        found: dict[str, Any] = {"issuer": self.issuer}
        found |= {theirs[1:]: f"{self.issuer}{self.prefix}{ours}" for ours, theirs in _ENDPOINTS.items()}
        return found | {
            "scopes_supported": list(SCOPES), "response_types_supported": ["code"], "grant_types_supported": list(self.grants),
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            "token_endpoint_auth_signing_alg_values_supported": ["RS256"],
            "code_challenge_methods_supported": ["S256"], "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
        }  # fmt: skip

    def op_getOpenidConfiguration(self, call: Call) -> WireResponse:
        return self.answer(call.operation, 200, self.metadata())

    def op_getAuthorizationServerMetadata(self, call: Call) -> WireResponse:
        return self.answer(call.operation, 200, self.metadata())

    def op_getJwks(self, call: Call) -> WireResponse:
        return self.answer(call.operation, 200, {"keys": [public_jwk(KID)]})

    # -- who asks ------------------------------------------------------------------------------------------------
    def form(self, call: Call) -> dict[str, str]:
        """Return the fields of a form; those without a value count as left out.

        Raises:
            Refused: it is no form, or a field is there twice.
        """
        media = (call.header("content-type") or "").split(";")[0].strip().lower()
        pairs = parse_qsl(call.request.body.decode("utf-8", "replace"))
        if media != "application/x-www-form-urlencoded" or len({k for k, _ in pairs}) < len(pairs):
            raise Refused(400, "a form with each parameter once is wanted", kind="invalid_request")
        return dict(pairs)

    def client_of(self, call: Call, form: dict[str, str]) -> str:
        """Return the client that sends a form.

        Raises:
            Refused: none, or one that cannot prove itself, or one that does so twice.
        """
        field = call.header("authorization")
        if field is not None:
            id, _, secret = basic_credentials(field).partition(":")
            id, secret = unquote_plus(id), unquote_plus(secret)
            if "client_secret" in form or form.get("client_id", id) != id:
                raise Refused(400, "one proof is enough", kind="invalid_request")
        else:
            id, secret = form.get("client_id", ""), form.get("client_secret", "")
        if id not in self.clients or self.clients[id]["secret"] != secret:
            raise Refused(401, "this client is not known", kind="invalid_client")
        return id

    # -- tokens --------------------------------------------------------------------------------------------------
    def op_requestToken(self, call: Call) -> WireResponse:
        form = self.form(call)
        client = self.client_of(call, form)
        grant = form.get("grant_type")
        if grant is None:
            raise Refused(400, "grant_type is wanted", kind="invalid_request")
        if grant not in self.grants:
            raise Refused(400, "there is no such grant type", kind="unsupported_grant_type")
        scope, more, sub = form.get("scope", "read"), {}, client
        if grant == "authorization_code":
            raise Refused(400, "no such code was issued", kind="invalid_grant")
        if grant == "refresh_token":
            known = self.tokens.get(form.get("refresh_token", ""), {})
            if known.get("kind") != "refresh" or known["client"] != client:
                raise Refused(400, "no such refresh token was issued", kind="invalid_grant")
            scope, sub = form.get("scope", known["scope"]), known["sub"]
            del self.tokens[form["refresh_token"]]
            more = {"refresh_token": self.keep_token("refresh", client, known["scope"], sub, None)}
        if not set(scope.split()) <= set(SCOPES) or not scope.split():
            raise Refused(400, "there is no such scope", kind="invalid_scope")
        token = self.keep_token("access", client, scope, sub, LIFETIME)
        body = {"access_token": token, "token_type": "Bearer", "expires_in": LIFETIME, "scope": scope, **more}
        return self.answer(call.operation, 200, body, _NO_STORE)

    def keep_token(self, kind: str, client: str, scope: str, sub: str, lifetime: int | None) -> str:
        """Issue a token."""
        number = self.store.count("tokens")
        jti = f"{chance(f'token/{number}').getrandbits(160):040x}"
        until = None if lifetime is None else self.now + lifetime
        token = jti
        if kind == "access" and self.tokens_are_jwts:
            claims = {"iss": self.issuer, "sub": sub, "aud": self.issuer, "client_id": client, "scope": scope, "jti": jti}
            token = signed(KID, {**claims, "iat": int(self.now), "exp": int(until or self.now)})
        self.tokens[token] = {"kind": kind, "client": client, "scope": scope, "sub": sub, "until": until, "iat": self.now}
        return token

    def active(self, token: str) -> dict[str, Any] | None:
        """Return what is known of a token, or None where it is not active."""
        known = self.tokens.get(token)
        return known if known and (known["until"] is None or known["until"] > self.now) else None

    def op_introspectToken(self, call: Call) -> WireResponse:
        form = self.form(call)
        self.client_of(call, form)
        if "token" not in form:
            raise Refused(400, "token is wanted", kind="invalid_request")
        known = self.active(form["token"])
        body: dict[str, Any] = {"active": False}
        if known:
            body = {"active": True, "client_id": known["client"], "scope": known["scope"], "sub": known["sub"], "iss": self.issuer}
            body |= {"exp": int(known["until"]), "token_type": "Bearer"} if known["until"] else {}
        return self.answer(call.operation, 200, body)

    def op_revokeToken(self, call: Call) -> WireResponse:
        form = self.form(call)
        client = self.client_of(call, form)
        if "token" not in form:
            raise Refused(400, "token is wanted", kind="invalid_request")
        if self.tokens.get(form["token"], {}).get("client") == client:
            del self.tokens[form["token"]]
        return WireResponse(status=200)

    # -- clients and users ---------------------------------------------------------------------------------------
    def op_registerClient(self, call: Call) -> WireResponse:
        try:
            sent = read_json(call.request.body)
        except NotJson:
            raise Refused(400, "this is not JSON", kind="invalid_client_metadata") from None
        grants = sent.get("grant_types", []) if isinstance(sent, dict) else None
        if not isinstance(grants, list) or any(g not in self.grants for g in grants) or ("jwks" in sent and "jwks_uri" in sent):
            raise Refused(400, "these are no metadata of a client", kind="invalid_client_metadata")
        places = sent.get("redirect_uris", [])
        if not isinstance(places, list) or any(not isinstance(p, str) or not urlsplit(p).scheme or "#" in p for p in places):
            raise Refused(400, "redirection URIs are absolute and have no fragment", kind="invalid_redirect_uri")
        if not self.profile.contract.requests.is_valid(call.operation.request_schema, sent):
            raise Refused(400, "a member is of another type", kind="invalid_client_metadata")
        id, secret = self.store.fresh_uuid("client"), f"{chance(f'secret/{len(self.clients)}').getrandbits(160):040x}"
        self.clients[id] = {"secret": secret, "redirect_uris": places}
        known = ("client_name", "redirect_uris", "grant_types", "response_types", "token_endpoint_auth_method", "scope")
        body = {"token_endpoint_auth_method": "client_secret_basic", **{k: v for k, v in sent.items() if k in known}}
        body |= {"client_id": id, "client_secret": secret, "client_secret_expires_at": 0, "client_id_issued_at": int(self.now)}
        return self.answer(call.operation, 201, body, _NO_STORE)

    def op_authorize(self, call: Call) -> WireResponse:
        client = self.clients.get(call.one("client_id") or "")
        known = client is not None and call.one("redirect_uri") in client["redirect_uris"]
        page = b"<!doctype html><title>twin</title><p>" + (b"Who are you?" if known else b"This client is not known.")
        return WireResponse(status=200 if known else 400, headers=(("Content-Type", "text/html"),), body=page)

    def op_getUserinfo(self, call: Call) -> WireResponse:
        scheme, _, token = (call.header("authorization") or "").partition(" ")
        if scheme.lower() != "bearer":
            raise Refused(401, "a token is wanted", kind="invalid_request")
        known = self.active(token.strip())
        if known is None or "openid" not in known["scope"].split():
            raise Refused(401, "this token opens nothing", kind="invalid_token")
        return self.answer(call.operation, 200, {"sub": known["sub"]})

    def refusal(self, refused: Refused, operation: Operation | None) -> WireResponse:
        """Return a refusal; that of a token says in its challenge what is wrong with it (RFC 6750 section 3)."""
        answer = super().refusal(refused, operation)
        if refused.kind != "invalid_token":
            return answer
        told = tuple((k, f'{v}, error="invalid_token"' if k == "WWW-Authenticate" else v) for k, v in answer.headers)
        return WireResponse(status=answer.status, headers=told, body=answer.body)


TWIN = OAuthTwin

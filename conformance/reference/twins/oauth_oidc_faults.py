"""Faults that only an authorization server or OpenID provider can have."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, quote_plus, urlencode

from conformance.profile import Profile
from conformance.reference.faults.planting import Seen, edited, fault, json_of, with_header, with_request_header, without_request_header
from conformance.reference.faults.where import ids
from conformance.reference.message import write_json
from conformance.reference.twins.oauth_oidc import CLIENT, SECRET
from conformance.reference.twins.token_keys import private_exponent
from conformance.wire import WireRequest, WireResponse, header

_P = "oauth-oidc"
_OURS = "Basic " + base64.b64encode(f"{quote_plus(CLIENT)}:{quote_plus(SECRET)}".encode()).decode()
_OPENID, _SERVER = "getOpenidConfiguration", "getAuthorizationServerMetadata"


def _at(*operations: str) -> Callable[[Profile], list[str]]:
    return lambda profile: [o for o in operations if o in profile.contract.operations]


def _each(**names: str) -> Callable[[Profile, str], frozenset[str]]:
    """Requirements by the place of the fault."""
    return lambda profile, place: frozenset({f"{_P}/{names[place]}"}) if place in names else frozenset()


def _form(request: WireRequest) -> dict[str, str]:
    return dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))


def _sent(request: WireRequest, **fields: str | None) -> WireRequest:
    """Return a form with other fields; None takes one away."""
    form = {k: v for k, v in {**_form(request), **fields}.items() if v is not None}
    return replace(request, body=urlencode(form).encode())


def _as_ours(request: WireRequest) -> WireRequest:
    """Return a form that our client sends."""
    return with_request_header(_sent(request, client_id=None, client_secret=None), "Authorization", _OURS)


def _error(answer: WireResponse) -> str:
    body = json_of(answer) if answer.status >= 400 else None
    return str(body.get("error", "")) if isinstance(body, dict) else ""


def _other_code(answer: WireResponse, code: str) -> WireResponse:
    return replace(answer, body=write_json({"error": code}))


def _fresh_token(seen: Seen) -> WireResponse:
    """Return a token for our client, whatever was asked for."""
    return seen.forward(replace(_as_ours(seen.request), body=b"grant_type=client_credentials"))


def _member(name: str, value: Any) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    return lambda body: {**body, name: value}


def _lacking(name: str) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    return lambda body: {k: v for k, v in body.items() if k != name}


# -- metadata --------------------------------------------------------------------------------------------------------
@fault(
    profile=_P, group="value fidelity", sentence="The metadata name another issuer.",
    applies=_at(_OPENID, _SERVER), expected=_each(getOpenidConfiguration="openid-configuration.issuer", getAuthorizationServerMetadata="server-metadata.issuer"),
)  # fmt: skip
def another_issuer(seen: Seen) -> WireResponse:
    return seen.edited(lambda body: {**body, "issuer": f"{body['issuer']}/other"})


@fault(
    profile=_P,
    group="answer shape",
    sentence="A list without items is shown.",
    applies=_at(_OPENID),
    expected=ids("metadata.no-empty-lists"),
)
def empty_list_shown(seen: Seen) -> WireResponse:
    return seen.edited(_member("claims_supported", []))


@fault(
    profile=_P, group="value fidelity", sentence="The token endpoint is a path.", applies=_at(_OPENID), expected=ids("metadata.endpoints")
)
def endpoint_without_host(seen: Seen) -> WireResponse:
    return seen.edited(_member("token_endpoint", "/oauth2/token"))


@fault(
    profile=_P, group="value fidelity", sentence="The algorithm none is offered to clients that sign.",
    applies=_at(_SERVER), expected=ids("server-metadata.no-unsigned-clients"),
)  # fmt: skip
def unsigned_clients_offered(seen: Seen) -> WireResponse:
    return seen.edited(_member("token_endpoint_auth_signing_alg_values_supported", ["RS256", "none"]))


@fault(
    profile=_P, group="answer shape", sentence="Clients may sign, and nothing says how.",
    applies=_at(_SERVER), expected=ids("server-metadata.signing-algorithms"),
)  # fmt: skip
def algorithms_not_named(seen: Seen) -> WireResponse:
    def change(body: dict[str, Any]) -> dict[str, Any]:
        return {
            **_lacking("token_endpoint_auth_signing_alg_values_supported")(body),
            "token_endpoint_auth_methods_supported": ["private_key_jwt"],
        }

    return seen.edited(change)


@fault(
    profile=_P, group="value fidelity", sentence="ID tokens are signed with ES256 alone.",
    applies=_at(_OPENID), expected=ids("openid-configuration.rs256"),
)  # fmt: skip
def without_rs256(seen: Seen) -> WireResponse:
    return seen.edited(_member("id_token_signing_alg_values_supported", ["ES256"]))


@fault(
    profile=_P, group="value fidelity", sentence="ID tokens without a signature are offered.",
    applies=_at(_OPENID), expected=ids("metadata.no-unsigned-id-tokens"),
)  # fmt: skip
def unsigned_id_tokens_offered(seen: Seen) -> WireResponse:
    return seen.edited(_member("id_token_signing_alg_values_supported", ["RS256", "none"]))


@fault(
    profile=_P, group="value fidelity", sentence="There is a subject type of the server's own.",
    applies=_at(_OPENID), expected=ids("openid-configuration.subject-types"),
)  # fmt: skip
def subject_type_of_its_own(seen: Seen) -> WireResponse:
    return seen.edited(_member("subject_types_supported", ["email"]))


@fault(
    profile=_P, group="value fidelity", sentence="The grant with the user's password is offered.",
    applies=_at(_OPENID), expected=ids("metadata.no-password-grant"),
)  # fmt: skip
def password_grant_offered(seen: Seen) -> WireResponse:
    return seen.edited(lambda body: {**body, "grant_types_supported": [*body["grant_types_supported"], "password"]})


@fault(
    profile=_P, group="value fidelity", sentence="The implicit grant is offered.",
    applies=_at(_OPENID), expected=ids("metadata.no-implicit-grant"),
)  # fmt: skip
def implicit_grant_offered(seen: Seen) -> WireResponse:
    return seen.edited(_member("response_types_supported", ["code", "id_token token"]))


@fault(profile=_P, group="value fidelity", sentence="Only plain challenges are offered.", applies=_at(_OPENID), expected=ids("pkce.s256"))
def plain_challenges_only(seen: Seen) -> WireResponse:
    return seen.edited(_member("code_challenge_methods_supported", ["plain"]))


@fault(
    profile=_P, group="value fidelity", sentence="Client passwords are taken in the form alone.",
    applies=_at(_OPENID), expected=ids("metadata.basic-offered"),
)  # fmt: skip
def passwords_in_forms_only(seen: Seen) -> WireResponse:
    return seen.edited(_member("token_endpoint_auth_methods_supported", ["client_secret_post"]))


# -- keys ------------------------------------------------------------------------------------------------------------
def _keys(seen: Seen, change: Callable[[dict[str, Any]], list[dict[str, Any]]]) -> WireResponse:
    return seen.edited(lambda body: {"keys": [new for key in body["keys"] for new in change(key)]})


@fault(
    profile=_P, group="value fidelity", sentence="The private key is published.", applies=_at("getJwks"), expected=ids("keys.no-secrets")
)
def private_key_published(seen: Seen) -> WireResponse:
    return _keys(seen, lambda key: [{**key, "d": private_exponent()}])


@fault(
    profile=_P, group="value fidelity", sentence="A symmetric key is published.", applies=_at("getJwks"), expected=ids("keys.no-secrets")
)
def symmetric_key_published(seen: Seen) -> WireResponse:
    return _keys(seen, lambda key: [key, {"kty": "oct", "kid": "twin-2", "k": "c2VjcmV0"}])


@fault(profile=_P, group="answer shape", sentence="A key has no modulus.", applies=_at("getJwks"), expected=ids("keys.members"))
def modulus_missing(seen: Seen) -> WireResponse:
    return _keys(seen, lambda key: [_lacking("n")(key)])


@fault(profile=_P, group="value fidelity", sentence="A key has 1024 bits.", applies=_at("getJwks"), expected=ids("keys.rsa-size"))
def short_key(seen: Seen) -> WireResponse:
    return _keys(seen, lambda key: [{**key, "n": key["n"][:171]}])


@fault(profile=_P, group="value fidelity", sentence="Two keys have one id.", applies=_at("getJwks"), expected=ids("keys.ids-differ"))
def one_id_for_two_keys(seen: Seen) -> WireResponse:
    return _keys(seen, lambda key: [key, {**key, "n": key["n"][::-1]}])


@fault(
    profile=_P, group="answer shape", sentence="Keys for signatures and for encryption are not told apart.",
    applies=_at("getJwks"), expected=ids("keys.uses-named"),
)  # fmt: skip
def uses_not_named(seen: Seen) -> WireResponse:
    return _keys(seen, lambda key: [_lacking("use")(key), {**key, "kid": "twin-2", "use": "enc"}])


# -- tokens ----------------------------------------------------------------------------------------------------------
@fault(
    profile=_P, group="headers", sentence="An answer with a token or a secret may be stored.",
    applies=_at("requestToken", "registerClient"), expected=_each(requestToken="token.no-store", registerClient="registration.no-store"),
)  # fmt: skip
def secrets_may_be_stored(seen: Seen) -> WireResponse:
    return with_header(seen.forward(), "Cache-Control", "private, max-age=60")


@fault(profile=_P, group="headers", sentence="Old caches are not told.", applies=_at("requestToken"), expected=ids("token.no-cache"))
def old_caches_not_told(seen: Seen) -> WireResponse:
    return with_header(seen.forward(), "Pragma", None)


@fault(
    profile=_P,
    group="answer shape",
    sentence="The type of a token is not told.",
    applies=_at("requestToken"),
    expected=ids("request-token.answer"),
)
def token_type_missing(seen: Seen) -> WireResponse:
    return seen.edited(_lacking("token_type"))


@fault(
    profile=_P,
    group="value fidelity",
    sentence="The type of a token is nobody's.",
    applies=_at("requestToken"),
    expected=ids("token.type-known"),
)
def token_type_of_its_own(seen: Seen) -> WireResponse:
    return seen.edited(_member("token_type", "access_token"))


def _instead(error: str) -> Callable[[Seen], WireResponse]:
    """Issue a token where the twin refuses with *error*."""

    def act(seen: Seen) -> WireResponse:
        answer = seen.forward()
        return _fresh_token(seen) if _error(answer) == error else answer

    return act


@fault(
    profile=_P, group="input validation", sentence="Any grant gets a token.",
    applies=_at("requestToken"), expected=ids("token.grant-type-unknown", "token.error-body"),
)  # fmt: skip
def any_grant_will_do(seen: Seen) -> WireResponse:
    return _instead("unsupported_grant_type")(seen)


@fault(
    profile=_P,
    group="input validation",
    sentence="Without a grant type a token is issued.",
    applies=_at("requestToken"),
    expected=ids("token.grant-type-missing"),
)
def grant_type_assumed(seen: Seen) -> WireResponse:
    return seen.forward() if _form(seen.request).get("grant_type") else seen.forward(_sent(seen.request, grant_type="client_credentials"))


@fault(
    profile=_P, group="error body", sentence="Every refusal of a grant is invalid_request.",
    applies=_at("requestToken"), expected=ids("token.grant-type-unknown", "code.unknown", "refresh.unknown"),
)  # fmt: skip
def one_code_for_every_grant(seen: Seen) -> WireResponse:
    answer = seen.forward()
    return _other_code(answer, "invalid_request") if _error(answer) in ("invalid_grant", "unsupported_grant_type") else answer


@fault(
    profile=_P, group="error body", sentence="Errors are problem details.",
    applies=_at("requestToken"), expected=ids("token.error-body", "token.grant-type-unknown"),
)  # fmt: skip
def errors_are_problem_details(seen: Seen) -> WireResponse:
    answer = seen.forward()
    if answer.status < 400:
        return answer
    body = write_json({"type": "about:blank", "title": "refused", "status": answer.status})
    return with_header(replace(answer, body=body), "Content-Type", "application/problem+json")


@fault(
    profile=_P,
    group="error body",
    sentence="The text of an error has line ends and quotes.",
    applies=_at("requestToken"),
    expected=ids("token.error-body"),
)
def error_text_with_quotes(seen: Seen) -> WireResponse:
    answer = seen.forward()
    return (
        replace(answer, body=write_json({"error": _error(answer), "error_description": 'no "grant"\nhere'})) if _error(answer) else answer
    )


@fault(
    profile=_P, group="status", sentence="A grant is refused with 403.",
    applies=_at("requestToken"), expected=ids("code.unknown", "refresh.unknown", "token.grant-type-unknown"),
)  # fmt: skip
def grants_refused_with_403(seen: Seen) -> WireResponse:
    answer = seen.forward()
    return replace(answer, status=403) if _error(answer) in ("invalid_grant", "unsupported_grant_type") else answer


@fault(profile=_P, group="state", sentence="Any code gets a token.", applies=_at("requestToken"), expected=ids("code.unknown"))
def any_code_will_do(seen: Seen) -> WireResponse:
    return _instead("invalid_grant")(seen) if _form(seen.request).get("grant_type") == "authorization_code" else seen.forward()


@fault(profile=_P, group="state", sentence="Any refresh token gets a token.", applies=_at("requestToken"), expected=ids("refresh.unknown"))
def any_refresh_token_will_do(seen: Seen) -> WireResponse:
    return _instead("invalid_grant")(seen) if _form(seen.request).get("grant_type") == "refresh_token" else seen.forward()


@fault(
    profile=_P,
    group="answer shape",
    sentence="A renewed token is called token.",
    applies=_at("requestToken"),
    expected=ids("refresh.works"),
)
def renewed_token_misnamed(seen: Seen) -> WireResponse:
    if _form(seen.request).get("grant_type") != "refresh_token":
        return seen.forward()
    return seen.edited(lambda body: {**_lacking("access_token")(body), "token": body["access_token"]})


@fault(
    profile=_P, group="authentication", sentence="Secrets are not looked at.",
    applies=_at("requestToken", "introspectToken", "revokeToken"),
    expected=lambda profile, place: frozenset(
        f"{_P}/{name}"
        for name in {
            "requestToken": ("token.secret-wrong", "token.secret-wrong-in-form"),
            "introspectToken": ("introspection.client-wrong",),
            "revokeToken": ("revocation.client-wrong",),
        }[place]
    ),
)  # fmt: skip
def secrets_not_looked_at(seen: Seen) -> WireResponse:
    answer, named = seen.forward(), bool(header(seen.request.headers, "authorization") or _form(seen.request).get("client_id"))
    return seen.forward(_as_ours(seen.request)) if named and _error(answer) == "invalid_client" else answer


@fault(
    profile=_P, group="authentication", sentence="Nobody need say who they are.",
    applies=_at("requestToken", "introspectToken", "revokeToken"),
    expected=_each(requestToken="token.client-missing", introspectToken="introspection.client-missing", revokeToken="revocation.client-missing"),
)  # fmt: skip
def anybody_will_do(seen: Seen) -> WireResponse:
    nobody = header(seen.request.headers, "authorization") is None and "client_id" not in _form(seen.request)
    return seen.forward(_as_ours(seen.request)) if nobody else seen.forward()


@fault(
    profile=_P,
    group="authentication",
    sentence="An assertion without a signature is believed.",
    applies=_at("requestToken"),
    expected=ids("token.client-unsigned"),
)
def unsigned_assertion_believed(seen: Seen) -> WireResponse:
    return seen.forward(_as_ours(seen.request)) if "client_assertion" in _form(seen.request) else seen.forward()


@fault(
    profile=_P, group="status", sentence="A client that cannot prove itself is refused with 400, whatever it sent.",
    applies=_at("requestToken"), expected=ids("token.secret-wrong", "token.client-unknown"),
)  # fmt: skip
def invalid_client_is_400(seen: Seen) -> WireResponse:
    answer = seen.forward()
    return with_header(replace(answer, status=400), "WWW-Authenticate", None) if answer.status == 401 else answer


@fault(
    profile=_P, group="error body", sentence="A client that cannot prove itself is unauthorized_client.",
    applies=_at("requestToken", "revokeToken"), expected=_each(requestToken="token.secret-wrong", revokeToken="revocation.client-wrong"),
)  # fmt: skip
def invalid_client_misnamed(seen: Seen) -> WireResponse:
    answer = seen.forward()
    return _other_code(answer, "unauthorized_client") if _error(answer) == "invalid_client" else answer


@fault(
    profile=_P,
    group="headers",
    sentence="Basic credentials are refused with a challenge for Bearer.",
    applies=_at("requestToken"),
    expected=ids("token.challenge"),
)
def challenge_of_another_scheme(seen: Seen) -> WireResponse:
    answer = seen.forward()
    return with_header(answer, "WWW-Authenticate", 'Bearer realm="twin"') if answer.status == 401 else answer


@fault(
    profile=_P,
    group="authentication",
    sentence="A client may prove itself twice.",
    applies=_at("requestToken"),
    expected=ids("token.proof-twice"),
)
def two_proofs_taken(seen: Seen) -> WireResponse:
    both = header(seen.request.headers, "authorization") and "client_secret" in _form(seen.request)
    return seen.forward(_as_ours(seen.request)) if both else seen.forward()


@fault(
    profile=_P,
    group="input validation",
    sentence="A parameter may come twice.",
    applies=_at("requestToken"),
    expected=ids("token.parameter-twice"),
)
def parameter_twice_taken(seen: Seen) -> WireResponse:
    return seen.forward(_sent(seen.request))


@fault(
    profile=_P, group="input validation", sentence="A parameter that nobody knows is refused.",
    applies=_at("requestToken"), expected=ids("token.unrecognised-ignored"),
)  # fmt: skip
def unknown_parameter_refused(seen: Seen) -> WireResponse:
    known = ("grant_type", "scope", "client_", "code", "redirect_uri", "refresh_token", "resource")
    if all(name.startswith(known) for name in _form(seen.request)):
        return seen.forward()
    return WireResponse(status=400, headers=(("Content-Type", "application/json"),), body=write_json({"error": "invalid_request"}))


@fault(
    profile=_P, group="input validation", sentence="A parameter without a value is refused.",
    applies=_at("requestToken"), expected=ids("token.empty-ignored"),
)  # fmt: skip
def empty_parameter_refused(seen: Seen) -> WireResponse:
    if all(_form(seen.request).values()):
        return seen.forward()
    return WireResponse(status=400, headers=(("Content-Type", "application/json"),), body=write_json({"error": "invalid_request"}))


@fault(profile=_P, group="state", sentence="Any scope is given.", applies=_at("requestToken"), expected=ids("token.scope-unknown"))
def any_scope_given(seen: Seen) -> WireResponse:
    answer = seen.forward()
    scope = _form(seen.request).get("scope", "")
    return edited(_fresh_token(seen), _member("scope", scope)) if _error(answer) == "invalid_scope" else answer


@fault(
    profile=_P,
    group="error body",
    sentence="A scope is refused as invalid_request.",
    applies=_at("requestToken"),
    expected=ids("token.scope-code"),
)
def scope_refused_otherwise(seen: Seen) -> WireResponse:
    answer = seen.forward()
    return _other_code(answer, "invalid_request") if _error(answer) == "invalid_scope" else answer


@fault(
    profile=_P, group="authentication", sentence="Users are sent wherever the request says.",
    applies=_at("authorize"), expected=ids("authorization.client-unknown", "authorization.redirect-unregistered"),
)  # fmt: skip
def open_redirect(seen: Seen) -> WireResponse:
    to = dict(seen.query).get("redirect_uri", "")
    return WireResponse(status=302, headers=(("Location", f"{to}?error=unauthorized_client"),)) if to else seen.forward()


# -- introspection and revocation ------------------------------------------------------------------------------------
_OF_A_TOKEN = {"active": True, "client_id": CLIENT, "scope": "read"}


def _claimed_active(answer: WireResponse) -> WireResponse:
    return edited(answer, lambda body: dict(_OF_A_TOKEN) if body.get("active") is False else body)


@fault(
    profile=_P, group="state", sentence="A token that was revoked stays active.",
    applies=_at("revokeToken"), expected=ids("revocation.effective", "revocation.hint"),
)  # fmt: skip
def revocation_without_effect(seen: Seen) -> WireResponse:
    return seen.pretend()


@fault(profile=_P, group="state", sentence="A wrong hint saves a token.", applies=_at("revokeToken"), expected=ids("revocation.hint"))
def hint_saves_a_token(seen: Seen) -> WireResponse:
    return seen.pretend() if _form(seen.request).get("token_type_hint") == "refresh_token" else seen.forward()


@fault(
    profile=_P,
    group="status",
    sentence="The revocation of an unknown token is an error.",
    applies=_at("revokeToken"),
    expected=ids("revoke-token.answer"),
)
def unknown_token_cannot_be_revoked(seen: Seen) -> WireResponse:
    if _form(seen.request).get("token", "x") in seen.twin.store.notes["tokens"]:
        return seen.forward()
    answer = seen.forward()
    return replace(answer, status=204) if answer.status == 200 else answer


@fault(
    profile=_P, group="input validation", sentence="A hint that nobody knows is refused.",
    applies=_at("revokeToken"), expected=ids("revocation.hint-unknown"),
)  # fmt: skip
def unknown_hint_refused(seen: Seen) -> WireResponse:
    if _form(seen.request).get("token_type_hint", "access_token") in ("access_token", "refresh_token"):
        return seen.forward()
    return WireResponse(status=400, headers=(("Content-Type", "application/json"),), body=write_json({"error": "unsupported_token_type"}))


@fault(
    profile=_P, group="input validation", sentence="Nothing need be named.",
    applies=_at("introspectToken", "revokeToken"), expected=_each(introspectToken="introspection.token-missing", revokeToken="revocation.token-missing"),
)  # fmt: skip
def token_need_not_be_named(seen: Seen) -> WireResponse:
    return seen.forward() if "token" in _form(seen.request) else seen.forward(_sent(seen.request, token="nothing"))


@fault(
    profile=_P, group="value fidelity", sentence="Of a token that is not active everything is told.",
    applies=_at("introspectToken"), expected=ids("introspection.says-no-more"),
)  # fmt: skip
def inactive_token_described(seen: Seen) -> WireResponse:
    return seen.edited(lambda body: {**_OF_A_TOKEN, "active": False} if body.get("active") is False else body)


@fault(
    profile=_P, group="state", sentence="Every token is active.",
    applies=_at("introspectToken"),
    expected=ids("introspection.unknown", "introspection.altered", "introspection.unsigned", "introspection.expired", "revocation.effective"),
)  # fmt: skip
def every_token_is_active(seen: Seen) -> WireResponse:
    return _claimed_active(seen.forward())


@fault(
    profile=_P,
    group="authentication",
    sentence="A token without a signature is active.",
    applies=_at("introspectToken"),
    expected=ids("introspection.unsigned"),
)
def unsigned_token_is_active(seen: Seen) -> WireResponse:
    return _claimed_active(seen.forward()) if _form(seen.request).get("token", "").endswith(".") else seen.forward()


@fault(
    profile=_P,
    group="authentication",
    sentence="The end of a token is not looked at.",
    applies=_at("introspectToken"),
    expected=ids("introspection.altered"),
)
def end_of_a_token_not_looked_at(seen: Seen) -> WireResponse:
    token = _form(seen.request).get("token", "")
    known = next((t for t in seen.twin.store.notes["tokens"] if token.startswith(t)), token)
    return seen.forward(_sent(seen.request, token=known)) if known else seen.forward()


@fault(profile=_P, group="time", sentence="Tokens never expire.", applies=_at("introspectToken"), expected=ids("introspection.expired"))
def tokens_never_expire(seen: Seen) -> WireResponse:
    known = seen.twin.store.notes["tokens"].get(_form(seen.request).get("token", ""))
    return _claimed_active(seen.forward()) if known else seen.forward()


@fault(
    profile=_P,
    group="value fidelity",
    sentence="Every token is one of another client.",
    applies=_at("introspectToken"),
    expected=ids("introspection.client"),
)
def token_of_another_client(seen: Seen) -> WireResponse:
    return seen.edited(lambda body: {**body, "client_id": "another"} if "client_id" in body else body)


@fault(
    profile=_P, group="state", sentence="A wrong hint hides a token.", applies=_at("introspectToken"), expected=ids("introspection.hint")
)
def hint_hides_a_token(seen: Seen) -> WireResponse:
    return seen.edited(lambda body: {"active": False} if _form(seen.request).get("token_type_hint") == "refresh_token" else body)


@fault(profile=_P, group="state", sentence="No token is ever active.", applies=_at("introspectToken"), expected=ids("introspection.active"))
def no_token_is_active(seen: Seen) -> WireResponse:
    return seen.edited(lambda body: {"active": False})


@fault(
    profile=_P, group="answer shape", sentence="Active is a text.", applies=_at("introspectToken"), expected=ids("introspect-token.answer")
)
def active_is_a_text(seen: Seen) -> WireResponse:
    return seen.edited(lambda body: {**body, "active": str(body["active"]).lower()})


# -- clients and users -----------------------------------------------------------------------------------------------
@fault(
    profile=_P,
    group="state",
    sentence="A client that was registered is not known.",
    applies=_at("registerClient"),
    expected=ids("registration.works"),
)
def registration_forgotten(seen: Seen) -> WireResponse:
    return seen.pretend()


@fault(
    profile=_P,
    group="answer shape",
    sentence="A secret has no expiry.",
    applies=_at("registerClient"),
    expected=ids("register-client.answer"),
)
def secret_without_expiry(seen: Seen) -> WireResponse:
    return seen.edited(_lacking("client_secret_expires_at"))


@fault(
    profile=_P,
    group="answer shape",
    sentence="What was registered is not told.",
    applies=_at("registerClient"),
    expected=ids("registration.returned"),
)
def registration_not_told(seen: Seen) -> WireResponse:
    return seen.edited(_lacking("redirect_uris"))


@fault(
    profile=_P, group="input validation", sentence="A client is registered whatever it says.",
    applies=_at("registerClient"), expected=ids("registration.redirect-fragment", "registration.keys-twice"),
)  # fmt: skip
def any_client_registered(seen: Seen) -> WireResponse:
    answer = seen.forward()
    wrong = _error(answer) == "invalid_redirect_uri" or (_error(answer) and b"jwks_uri" in seen.request.body)
    return seen.forward(replace(seen.request, body=write_json({"client_name": "anything"}))) if wrong else answer


@fault(
    profile=_P, group="authentication", sentence="The user is told of to everyone.",
    applies=_at("getUserinfo"), expected=ids("userinfo.token-missing", "userinfo.token-unknown"),
)  # fmt: skip
def userinfo_for_everyone(seen: Seen) -> WireResponse:
    answer = seen.forward()
    body = write_json({"sub": "user-1"})
    return WireResponse(status=200, headers=(("Content-Type", "application/json"),), body=body) if answer.status == 401 else answer


@fault(
    profile=_P,
    group="headers",
    sentence="A refused token is not challenged.",
    applies=_at("getUserinfo"),
    expected=ids("userinfo.token-missing", "userinfo.token-unknown"),
)
def userinfo_without_challenge(seen: Seen) -> WireResponse:
    return with_header(seen.forward(), "WWW-Authenticate", None)


@fault(
    profile=_P,
    group="headers",
    sentence="Nothing says what is wrong with a token.",
    applies=_at("getUserinfo"),
    expected=ids("userinfo.token-unknown"),
)
def token_refused_without_a_word(seen: Seen) -> WireResponse:
    answer = seen.forward()
    return with_header(answer, "WWW-Authenticate", 'Bearer realm="twin"') if answer.status == 401 else answer


@fault(
    profile=_P, group="answer shape", sentence="The user has no subject.", applies=_at("getUserinfo"), expected=ids("get-userinfo.answer")
)
def userinfo_without_subject(seen: Seen) -> WireResponse:
    return seen.edited(lambda body: {"name": body["sub"]})


@fault(
    profile=_P,
    group="authentication",
    sentence="A client that nobody knows is taken for ours.",
    applies=_at("requestToken"),
    expected=ids("token.client-unknown"),
)
def unknown_client_taken(seen: Seen) -> WireResponse:
    answer = seen.forward()
    field = header(seen.request.headers, "authorization") or ""
    ours = base64.b64encode(f"{quote_plus(CLIENT)}:".encode()).decode()[:12]
    named = field.startswith("Basic ") and not field.removeprefix("Basic ").startswith(ours)
    return seen.forward(_as_ours(without_request_header(seen.request, "authorization"))) if named and answer.status == 401 else answer

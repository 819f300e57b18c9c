"""Faults that only an authorization server or OpenID provider can have: its metadata, keys, introspection, clients and users."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from conformance.reference.faults.planting import Seen, edited, fault, with_header
from conformance.reference.faults.where import at, ids
from conformance.reference.message import write_json
from conformance.reference.twins.oauth_oidc import CLIENT
from conformance.reference.twins.oauth_oidc import PROFILE as OAUTH
from conformance.reference.twins.oauth_oidc_forms import (
    each,
    error_of,
    fields,
    lacking,
    member,
    sent,
)
from conformance.reference.twins.token_keys import private_exponent
from conformance.wire import WireResponse

_OPENID, _SERVER = "getOpenidConfiguration", "getAuthorizationServerMetadata"


# -- metadata --------------------------------------------------------------------------------------------------------
@fault(
    profile=OAUTH, group="value fidelity", sentence="The metadata name another issuer.",
    applies=at(_OPENID, _SERVER), expected=each(getOpenidConfiguration="openid-configuration.issuer", getAuthorizationServerMetadata="server-metadata.issuer"),
)  # fmt: skip
def another_issuer(seen: Seen) -> WireResponse:
    return seen.edited(lambda body: {**body, "issuer": f"{body['issuer']}/other"})


@fault(
    profile=OAUTH,
    group="answer shape",
    sentence="A list without items is shown.",
    applies=at(_OPENID),
    expected=ids("metadata.no-empty-lists"),
)
def empty_list_shown(seen: Seen) -> WireResponse:
    return seen.edited(member("claims_supported", []))


@fault(
    profile=OAUTH,
    group="value fidelity",
    sentence="The token endpoint is a path.",
    applies=at(_OPENID),
    expected=ids("metadata.endpoints"),
)
def endpoint_without_host(seen: Seen) -> WireResponse:
    return seen.edited(member("token_endpoint", "/oauth2/token"))


@fault(
    profile=OAUTH, group="value fidelity", sentence="The algorithm none is offered to clients that sign.",
    applies=at(_SERVER), expected=ids("server-metadata.no-unsigned-clients"),
)  # fmt: skip
def unsigned_clients_offered(seen: Seen) -> WireResponse:
    return seen.edited(member("token_endpoint_auth_signing_alg_values_supported", ["RS256", "none"]))


@fault(
    profile=OAUTH, group="answer shape", sentence="Clients may sign, and nothing says how.",
    applies=at(_SERVER), expected=ids("server-metadata.signing-algorithms"),
)  # fmt: skip
def algorithms_not_named(seen: Seen) -> WireResponse:
    def change(body: dict[str, Any]) -> dict[str, Any]:
        return {
            **lacking("token_endpoint_auth_signing_alg_values_supported")(body),
            "token_endpoint_auth_methods_supported": ["private_key_jwt"],
        }

    return seen.edited(change)


@fault(
    profile=OAUTH, group="value fidelity", sentence="ID tokens are signed with ES256 alone.",
    applies=at(_OPENID), expected=ids("openid-configuration.rs256"),
)  # fmt: skip
def without_rs256(seen: Seen) -> WireResponse:
    return seen.edited(member("id_token_signing_alg_values_supported", ["ES256"]))


@fault(
    profile=OAUTH, group="value fidelity", sentence="ID tokens without a signature are offered.",
    applies=at(_OPENID), expected=ids("metadata.no-unsigned-id-tokens"),
)  # fmt: skip
def unsigned_id_tokens_offered(seen: Seen) -> WireResponse:
    return seen.edited(member("id_token_signing_alg_values_supported", ["RS256", "none"]))


@fault(
    profile=OAUTH, group="value fidelity", sentence="There is a subject type of the server's own.",
    applies=at(_OPENID), expected=ids("openid-configuration.subject-types"),
)  # fmt: skip
def subject_type_of_its_own(seen: Seen) -> WireResponse:
    return seen.edited(member("subject_types_supported", ["email"]))


@fault(
    profile=OAUTH, group="value fidelity", sentence="The grant with the user's password is offered.",
    applies=at(_OPENID), expected=ids("metadata.no-password-grant"),
)  # fmt: skip
def password_grant_offered(seen: Seen) -> WireResponse:
    return seen.edited(lambda body: {**body, "grant_types_supported": [*body["grant_types_supported"], "password"]})


@fault(
    profile=OAUTH, group="value fidelity", sentence="The implicit grant is offered.",
    applies=at(_OPENID), expected=ids("metadata.no-implicit-grant"),
)  # fmt: skip
def implicit_grant_offered(seen: Seen) -> WireResponse:
    return seen.edited(member("response_types_supported", ["code", "id_token token"]))


@fault(profile=OAUTH, group="value fidelity", sentence="Only plain challenges are offered.", applies=at(_OPENID), expected=ids("pkce.s256"))
def plain_challenges_only(seen: Seen) -> WireResponse:
    return seen.edited(member("code_challenge_methods_supported", ["plain"]))


@fault(
    profile=OAUTH, group="value fidelity", sentence="Client passwords are taken in the form alone.",
    applies=at(_OPENID), expected=ids("metadata.basic-offered"),
)  # fmt: skip
def passwords_in_forms_only(seen: Seen) -> WireResponse:
    return seen.edited(member("token_endpoint_auth_methods_supported", ["client_secret_post"]))


# -- keys ------------------------------------------------------------------------------------------------------------
def _keys(seen: Seen, change: Callable[[dict[str, Any]], list[dict[str, Any]]]) -> WireResponse:
    return seen.edited(lambda body: {"keys": [new for key in body["keys"] for new in change(key)]})


@fault(
    profile=OAUTH,
    group="value fidelity",
    sentence="The private key is published.",
    applies=at("getJwks"),
    expected=ids("keys.no-secrets"),
)
def private_key_published(seen: Seen) -> WireResponse:
    return _keys(seen, lambda key: [{**key, "d": private_exponent()}])


@fault(
    profile=OAUTH,
    group="value fidelity",
    sentence="A symmetric key is published.",
    applies=at("getJwks"),
    expected=ids("keys.no-secrets"),
)
def symmetric_key_published(seen: Seen) -> WireResponse:
    return _keys(seen, lambda key: [key, {"kty": "oct", "kid": "twin-2", "k": "c2VjcmV0"}])


@fault(profile=OAUTH, group="answer shape", sentence="A key has no modulus.", applies=at("getJwks"), expected=ids("keys.members"))
def modulus_missing(seen: Seen) -> WireResponse:
    return _keys(seen, lambda key: [lacking("n")(key)])


@fault(
    profile=OAUTH,
    group="answer shape",
    sentence="A key lacks half of its point.",
    applies=at("getJwks"),
    expected=ids("keys.curve-members"),
)
def half_a_point(seen: Seen) -> WireResponse:
    return _keys(seen, lambda key: [key, {"kty": "EC", "kid": "twin-ec", "use": "sig", "crv": "P-256", "x": key["n"][:43]}])


@fault(profile=OAUTH, group="value fidelity", sentence="A key has 1024 bits.", applies=at("getJwks"), expected=ids("keys.rsa-size"))
def short_key(seen: Seen) -> WireResponse:
    return _keys(seen, lambda key: [{**key, "n": key["n"][:171]}])


@fault(profile=OAUTH, group="value fidelity", sentence="Two keys have one id.", applies=at("getJwks"), expected=ids("keys.ids-differ"))
def one_id_for_two_keys(seen: Seen) -> WireResponse:
    return _keys(seen, lambda key: [key, {**key, "n": key["n"][::-1]}])


@fault(
    profile=OAUTH, group="answer shape", sentence="Keys for signatures and for encryption are not told apart.",
    applies=at("getJwks"), expected=ids("keys.uses-named"),
)  # fmt: skip
def uses_not_named(seen: Seen) -> WireResponse:
    return _keys(seen, lambda key: [lacking("use")(key), {**key, "kid": "twin-2", "use": "enc"}])


# -- introspection and revocation ------------------------------------------------------------------------------------
_OF_A_TOKEN = {"active": True, "client_id": CLIENT, "scope": "read"}


def _claimed_active(answer: WireResponse) -> WireResponse:
    return edited(answer, lambda body: dict(_OF_A_TOKEN) if body.get("active") is False else body)


@fault(
    profile=OAUTH, group="state", sentence="A token that was revoked stays active.",
    applies=at("revokeToken"), expected=ids("revocation.effective"),
)  # fmt: skip
def revocation_without_effect(seen: Seen) -> WireResponse:
    return seen.pretend()


@fault(profile=OAUTH, group="state", sentence="A wrong hint saves a token.", applies=at("revokeToken"), expected=ids("revocation.hint"))
def hint_saves_a_token(seen: Seen) -> WireResponse:
    return seen.pretend() if fields(seen.request).get("token_type_hint") == "refresh_token" else seen.forward()


@fault(
    profile=OAUTH,
    group="status",
    sentence="The revocation of an unknown token is an error.",
    applies=at("revokeToken"),
    expected=ids("revoke-token.answer"),
)
def unknown_token_cannot_be_revoked(seen: Seen) -> WireResponse:
    if fields(seen.request).get("token", "x") in seen.twin.store.notes["tokens"]:
        return seen.forward()
    answer = seen.forward()
    return replace(answer, status=204) if answer.status == 200 else answer


@fault(
    profile=OAUTH, group="input validation", sentence="A hint that nobody knows is refused.",
    applies=at("revokeToken"), expected=ids("revocation.hint-unknown"),
)  # fmt: skip
def unknown_hint_refused(seen: Seen) -> WireResponse:
    if fields(seen.request).get("token_type_hint", "access_token") in ("access_token", "refresh_token"):
        return seen.forward()
    return WireResponse(status=400, headers=(("Content-Type", "application/json"),), body=write_json({"error": "unsupported_token_type"}))


@fault(
    profile=OAUTH, group="input validation", sentence="Nothing need be named.",
    applies=at("introspectToken", "revokeToken"), expected=each(introspectToken="introspection.token-missing", revokeToken="revocation.token-missing"),
)  # fmt: skip
def token_need_not_be_named(seen: Seen) -> WireResponse:
    return seen.forward() if "token" in fields(seen.request) else seen.forward(sent(seen.request, token="nothing"))


@fault(
    profile=OAUTH, group="value fidelity", sentence="Of a token that is not active everything is told.",
    applies=at("introspectToken"), expected=ids("introspection.says-no-more"),
)  # fmt: skip
def inactive_token_described(seen: Seen) -> WireResponse:
    return seen.edited(lambda body: {**_OF_A_TOKEN, "active": False} if body.get("active") is False else body)


@fault(
    profile=OAUTH, group="state", sentence="Every token is active.",
    applies=at("introspectToken"),
    expected=ids("introspection.unknown", "introspection.altered", "introspection.unsigned", "introspection.expired", "revocation.effective"),
)  # fmt: skip
def every_token_is_active(seen: Seen) -> WireResponse:
    return _claimed_active(seen.forward())


@fault(
    profile=OAUTH,
    group="authentication",
    sentence="A token without a signature is active.",
    applies=at("introspectToken"),
    expected=ids("introspection.unsigned"),
)
def unsigned_token_is_active(seen: Seen) -> WireResponse:
    return _claimed_active(seen.forward()) if fields(seen.request).get("token", "").endswith(".") else seen.forward()


@fault(
    profile=OAUTH,
    group="authentication",
    sentence="The end of a token is not looked at.",
    applies=at("introspectToken"),
    expected=ids("introspection.altered"),
)
def end_of_a_token_not_looked_at(seen: Seen) -> WireResponse:
    token = fields(seen.request).get("token", "")
    known = next((t for t in seen.twin.store.notes["tokens"] if token.startswith(t)), token)
    return seen.forward(sent(seen.request, token=known)) if known else seen.forward()


@fault(profile=OAUTH, group="time", sentence="Tokens never expire.", applies=at("introspectToken"), expected=ids("introspection.expired"))
def tokens_never_expire(seen: Seen) -> WireResponse:
    known = seen.twin.store.notes["tokens"].get(fields(seen.request).get("token", ""))
    return _claimed_active(seen.forward()) if known else seen.forward()


@fault(
    profile=OAUTH,
    group="value fidelity",
    sentence="Every token is one of another client.",
    applies=at("introspectToken"),
    expected=ids("introspection.client"),
)
def token_of_another_client(seen: Seen) -> WireResponse:
    return seen.edited(lambda body: {**body, "client_id": "another"} if "client_id" in body else body)


@fault(
    profile=OAUTH,
    group="state",
    sentence="A wrong hint hides a token.",
    applies=at("introspectToken"),
    expected=ids("introspection.hint"),
)
def hint_hides_a_token(seen: Seen) -> WireResponse:
    return seen.edited(lambda body: {"active": False} if fields(seen.request).get("token_type_hint") == "refresh_token" else body)


@fault(
    profile=OAUTH, group="state", sentence="No token is ever active.", applies=at("introspectToken"), expected=ids("introspection.active")
)
def no_token_is_active(seen: Seen) -> WireResponse:
    return seen.edited(lambda body: {"active": False})


@fault(
    profile=OAUTH,
    group="answer shape",
    sentence="Active is a text.",
    applies=at("introspectToken"),
    expected=ids("introspect-token.answer"),
)
def active_is_a_text(seen: Seen) -> WireResponse:
    return seen.edited(lambda body: {**body, "active": str(body["active"]).lower()})


# -- clients and users -----------------------------------------------------------------------------------------------
@fault(
    profile=OAUTH,
    group="state",
    sentence="A client that was registered is not known.",
    applies=at("registerClient"),
    expected=ids("registration.works"),
)
def registration_forgotten(seen: Seen) -> WireResponse:
    return seen.pretend()


@fault(
    profile=OAUTH,
    group="answer shape",
    sentence="A secret has no expiry.",
    applies=at("registerClient"),
    expected=ids("register-client.answer"),
)
def secret_without_expiry(seen: Seen) -> WireResponse:
    return seen.edited(lacking("client_secret_expires_at"))


@fault(
    profile=OAUTH,
    group="answer shape",
    sentence="What was registered is not told.",
    applies=at("registerClient"),
    expected=ids("registration.returned"),
)
def registration_not_told(seen: Seen) -> WireResponse:
    return seen.edited(lacking("redirect_uris"))


@fault(
    profile=OAUTH, group="input validation", sentence="A client is registered whatever it says.",
    applies=at("registerClient"), expected=ids("registration.redirect-fragment", "registration.keys-twice"),
)  # fmt: skip
def any_client_registered(seen: Seen) -> WireResponse:
    answer = seen.forward()
    wrong = error_of(answer) == "invalid_redirect_uri" or (error_of(answer) and b"jwks_uri" in seen.request.body)
    if not wrong:
        return answer
    made = seen.forward(replace(seen.request, body=write_json({"client_name": "anything"})))
    return edited(made, lambda body: {**body, **seen.sent_members})


@fault(
    profile=OAUTH, group="authentication", sentence="The user is told of to everyone.",
    applies=at("getUserinfo"), expected=ids("userinfo.token-missing", "userinfo.token-unknown"),
)  # fmt: skip
def userinfo_for_everyone(seen: Seen) -> WireResponse:
    answer = seen.forward()
    body = write_json({"sub": "user-1"})
    return WireResponse(status=200, headers=(("Content-Type", "application/json"),), body=body) if answer.status == 401 else answer


@fault(
    profile=OAUTH,
    group="headers",
    sentence="A refused token is not challenged.",
    applies=at("getUserinfo"),
    expected=ids("userinfo.token-missing", "userinfo.token-unknown"),
)
def userinfo_without_challenge(seen: Seen) -> WireResponse:
    return with_header(seen.forward(), "WWW-Authenticate", None)


@fault(
    profile=OAUTH,
    group="headers",
    sentence="Nothing says what is wrong with a token.",
    applies=at("getUserinfo"),
    expected=ids("userinfo.token-unknown"),
)
def token_refused_without_a_word(seen: Seen) -> WireResponse:
    answer = seen.forward()
    return with_header(answer, "WWW-Authenticate", 'Bearer realm="twin"') if answer.status == 401 else answer


@fault(
    profile=OAUTH,
    group="answer shape",
    sentence="The user has no subject.",
    applies=at("getUserinfo"),
    expected=ids("get-userinfo.answer"),
)
def userinfo_without_subject(seen: Seen) -> WireResponse:
    return seen.edited(lambda body: {"name": body["sub"]})

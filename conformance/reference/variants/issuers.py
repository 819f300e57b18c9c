"""Issuers of tokens that choose another permitted way."""

from __future__ import annotations

from dataclasses import replace

from conformance.profile import Profile
from conformance.reference.engine import ResourceTwin
from conformance.reference.faults.planting import Seen, json_of, success, with_header
from conformance.reference.message import write_json
from conformance.reference.variants import setting, variant
from conformance.wire import WireResponse, header


def _issues(profile: Profile) -> bool:
    return any(o.client for o in profile.contract.operations.values())


def _document(seen: Seen) -> bool:
    """Tell whether a request reads metadata that say where things are."""
    return seen.operation is not None and seen.operation.path.startswith("/.well-known/")


@setting(sentence="Tokens are opaque.", applies=_issues)
def opaque_tokens(twin: ResourceTwin) -> None:
    twin.tokens_are_jwts = False  # type: ignore[attr-defined]


@setting(sentence="The endpoints are elsewhere.", applies=_issues)
def endpoints_elsewhere(twin: ResourceTwin) -> None:
    twin.prefix = "/realms/one/protocol"  # type: ignore[attr-defined]


@setting(sentence="The client of the test data proves itself in the form.", applies=_issues)
def client_in_the_form(twin: ResourceTwin) -> None:
    twin.test_data = {**twin.test_data, "client_auth_method": "client_secret_post"}


@setting(sentence="The test data hold no token of a user.", applies=_issues)
def no_user_ever_came(twin: ResourceTwin) -> None:
    twin.test_data = {k: v for k, v in twin.test_data.items() if k not in ("refresh_token", "user_access_token", "scope")}


@setting(sentence="The refresh token of the test data is used up.", applies=_issues)
def refresh_token_used_up(twin: ResourceTwin) -> None:
    twin.test_data = {**twin.test_data, "refresh_token": "used-up-long-ago-0001"}


@setting(sentence="Tokens are issued on behalf of users alone, and no client may register for others.", applies=_issues)
def no_client_credentials(twin: ResourceTwin) -> None:
    twin.grants = ("authorization_code", "refresh_token")  # type: ignore[attr-defined]


@variant(sentence="Clients are registered only with a statement that somebody signed.", applies=_issues)
def registration_with_a_statement(seen: Seen) -> WireResponse:
    if seen.operation is None or seen.operation.id != "registerClient":
        return seen.forward()
    sent = json_of(WireResponse(status=200, body=seen.request.body))
    code = "invalid_software_statement" if isinstance(sent, dict) else "invalid_client_metadata"
    return WireResponse(status=400, headers=(("Content-Type", "application/json"),), body=write_json({"error": code}))


@variant(sentence="The issuer ends with a slash.", applies=_issues)
def issuer_with_slash(seen: Seen) -> WireResponse:
    return seen.edited(lambda body: {**body, "issuer": f"{body['issuer']}/"}) if _document(seen) else seen.forward()


@variant(sentence="Metadata hold what they must and what the endpoints need, and nothing else.", applies=_issues)
def scant_metadata(seen: Seen) -> WireResponse:
    kept = (
        "issuer", "response_types_supported", "subject_types_supported", "id_token_signing_alg_values_supported", "grant_types_supported",
        "code_challenge_methods_supported",
    )  # fmt: skip
    if not _document(seen):
        return seen.forward()
    return seen.edited(lambda body: {k: v for k, v in body.items() if k in kept or k.endswith(("_endpoint", "_uri"))})


@variant(sentence="Endpoints are on a host of their own, which the target does not list.", applies=_issues)
def endpoints_on_another_host(seen: Seen) -> WireResponse:
    def change(body: dict[str, object]) -> dict[str, object]:
        host = str(body["issuer"])
        return {k: str(v).replace(host, "https://tokens.invalid") if k.endswith(("_endpoint", "_uri")) else v for k, v in body.items()}

    return seen.edited(change) if _document(seen) else seen.forward()


@variant(sentence="There are metadata of the authorization server alone.", applies=_issues)
def server_metadata_alone(seen: Seen) -> WireResponse:
    return WireResponse(status=404) if _document(seen) and seen.request.target.endswith("openid-configuration") else seen.forward()


@variant(sentence="There are metadata of the OpenID provider alone.", applies=_issues)
def openid_metadata_alone(seen: Seen) -> WireResponse:
    return WireResponse(status=404) if _document(seen) and "oauth-authorization-server" in seen.request.target else seen.forward()


@variant(
    sentence="The metadata of the OpenID provider hold what OpenID defines, those of the authorization server all the rest.",
    applies=_issues,
)
def each_its_own_metadata(seen: Seen) -> WireResponse:
    if not (_document(seen) and seen.request.target.endswith("openid-configuration")):
        return seen.forward()
    others = ("introspection_endpoint", "revocation_endpoint", "registration_endpoint", "grant_types_supported")
    return seen.edited(lambda body: {k: v for k, v in body.items() if k not in others})


@variant(sentence="A client that cannot prove itself in a form is refused with 400.", applies=_issues)
def invalid_client_in_a_form_is_400(seen: Seen) -> WireResponse:
    answer = seen.forward()
    if answer.status != 401 or header(seen.request.headers, "authorization") is not None or not seen.request.body:
        return answer
    return with_header(replace(answer, status=400), "WWW-Authenticate", None)


@variant(sentence="A scope that nobody knows is left out, and the answer says what was given.", applies=_issues)
def unknown_scope_left_out(seen: Seen) -> WireResponse:
    answer = seen.forward()
    if answer.status != 400 or b"invalid_scope" not in answer.body:
        return answer
    return seen.forward(replace(seen.request, body=seen.request.body.replace(b"scope=unknown-", b"scope=read&conformance=")))


@variant(sentence="Nobody says how long a token lives, and its type is written small.", applies=_issues)
def token_without_expiry(seen: Seen) -> WireResponse:
    def change(body: dict[str, object]) -> dict[str, object]:
        return {k: str(v).lower() if k == "token_type" else v for k, v in body.items() if k != "expires_in"}

    answer = seen.forward()
    body = json_of(answer) if success(answer) else None
    return replace(answer, body=write_json(change(body))) if isinstance(body, dict) and "access_token" in body else answer


@variant(sentence="An error says nothing but its code.", applies=_issues)
def errors_of_one_word(seen: Seen) -> WireResponse:
    answer = seen.forward()
    body = json_of(answer) if answer.status >= 400 else None
    return replace(answer, body=write_json({"error": body["error"]})) if isinstance(body, dict) and "error" in body else answer


@variant(sentence="Keys are labelled as a set of keys, and one says what it may be used for.", applies=_issues)
def keys_labelled(seen: Seen) -> WireResponse:
    answer = seen.forward()
    body = json_of(answer) if success(answer) else None
    if not isinstance(body, dict) or "keys" not in body:
        return answer
    curve = {"kty": "EC", "crv": "P-256", "kid": "twin-ec", "use": "sig", "key_ops": ["verify"], "alg": "ES256"}
    curve |= {"x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4", "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}
    answer = replace(answer, body=write_json({**body, "keys": [*body["keys"], curve]}))
    return with_header(answer, "Content-Type", "application/jwk-set+json")

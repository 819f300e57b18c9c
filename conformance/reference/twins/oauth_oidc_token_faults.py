"""Faults of a token endpoint: who is given a token for what, and how a refusal is told."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import quote_plus, unquote_plus

from conformance.profile import Profile
from conformance.reference.faults.planting import Rule, Seen, edited, fault, with_header, without_request_header
from conformance.reference.faults.where import at, ids
from conformance.reference.message import write_json
from conformance.reference.twins.oauth_oidc import CLIENT
from conformance.reference.twins.oauth_oidc import PROFILE as OAUTH
from conformance.reference.twins.oauth_oidc_forms import (
    as_ours,
    each,
    error_of,
    fields,
    fresh_token,
    lacking,
    member,
    other_code,
    sent,
)
from conformance.wire import WireResponse, header


# -- tokens ----------------------------------------------------------------------------------------------------------
@fault(
    profile=OAUTH, group="headers", sentence="An answer with a token or a secret may be stored.",
    applies=at("requestToken", "registerClient"), expected=each(requestToken="token.no-store", registerClient="registration.no-store"),
)  # fmt: skip
def secrets_may_be_stored(seen: Seen) -> WireResponse:
    return with_header(seen.forward(), "Cache-Control", "private, max-age=60")


@fault(profile=OAUTH, group="headers", sentence="Old caches are not told.", applies=at("requestToken"), expected=ids("token.no-cache"))
def old_caches_not_told(seen: Seen) -> WireResponse:
    return with_header(seen.forward(), "Pragma", None)


@fault(
    profile=OAUTH,
    group="answer shape",
    sentence="The type of a token is not told.",
    applies=at("requestToken"),
    expected=ids("request-token.answer"),
)
def token_type_missing(seen: Seen) -> WireResponse:
    return seen.edited(lacking("token_type"))


@fault(
    profile=OAUTH,
    group="value fidelity",
    sentence="The type of a token is nobody's.",
    applies=at("requestToken"),
    expected=ids("token.type-known"),
)
def token_type_of_its_own(seen: Seen) -> WireResponse:
    return seen.edited(member("token_type", "access_token"))


def _named_so(code: str) -> Rule:
    """What expects this code, or one of several with it, of a client that cannot prove itself at the place."""

    def rule(profile: Profile, place: str) -> frozenset[str]:
        asked = [r for r in profile.requirements if r.check == "request-refused" and r.on == place]
        alone = [r for r in asked if r.arguments.get("client", "twice") != "twice"]
        return frozenset(r.id for r in alone if code in str(r.arguments.get("error", "")))

    return rule


def _instead(error: str) -> Callable[[Seen], WireResponse]:
    """Issue a token where the twin refuses with *error*."""

    def act(seen: Seen) -> WireResponse:
        answer = seen.forward()
        return fresh_token(seen) if error_of(answer) == error else answer

    return act


@fault(
    profile=OAUTH, group="input validation", sentence="Any grant gets a token.",
    applies=at("requestToken"), expected=ids("token.grant-type-unknown", "token.error-body"),
)  # fmt: skip
def any_grant_will_do(seen: Seen) -> WireResponse:
    return _instead("unsupported_grant_type")(seen)


@fault(
    profile=OAUTH,
    group="input validation",
    sentence="Without a grant type a token is issued.",
    applies=at("requestToken"),
    expected=ids("token.grant-type-missing"),
)
def grant_type_assumed(seen: Seen) -> WireResponse:
    return seen.forward() if fields(seen.request).get("grant_type") else seen.forward(sent(seen.request, grant_type="client_credentials"))


@fault(
    profile=OAUTH, group="error body", sentence="Every refusal of a grant is invalid_request.",
    applies=at("requestToken"), expected=ids("token.grant-type-unknown", "code.unknown", "refresh.unknown"),
)  # fmt: skip
def one_code_for_every_grant(seen: Seen) -> WireResponse:
    answer = seen.forward()
    return other_code(answer, "invalid_request") if error_of(answer) in ("invalid_grant", "unsupported_grant_type") else answer


@fault(
    profile=OAUTH, group="error body", sentence="Errors are problem details.",
    applies=at("requestToken"), expected=ids("token.error-body"),
)  # fmt: skip
def errors_are_problem_details(seen: Seen) -> WireResponse:
    answer = seen.forward()
    if answer.status < 400:
        return answer
    body = write_json({"type": "about:blank", "title": "refused", "status": answer.status})
    return with_header(replace(answer, body=body), "Content-Type", "application/problem+json")


@fault(
    profile=OAUTH,
    group="error body",
    sentence="The text of an error has line ends and quotes.",
    applies=at("requestToken"),
    expected=ids("token.error-body"),
)
def error_text_with_quotes(seen: Seen) -> WireResponse:
    answer = seen.forward()
    return (
        replace(answer, body=write_json({"error": error_of(answer), "error_description": 'no "grant"\nhere'}))
        if error_of(answer)
        else answer
    )


@fault(
    profile=OAUTH, group="status", sentence="A grant is refused with 403.",
    applies=at("requestToken"), expected=ids("code.unknown", "refresh.unknown", "token.grant-type-unknown"),
)  # fmt: skip
def grants_refused_with_403(seen: Seen) -> WireResponse:
    answer = seen.forward()
    return replace(answer, status=403) if error_of(answer) in ("invalid_grant", "unsupported_grant_type") else answer


@fault(profile=OAUTH, group="state", sentence="Any code gets a token.", applies=at("requestToken"), expected=ids("code.unknown"))
def any_code_will_do(seen: Seen) -> WireResponse:
    return _instead("invalid_grant")(seen) if fields(seen.request).get("grant_type") == "authorization_code" else seen.forward()


@fault(
    profile=OAUTH, group="state", sentence="Any refresh token gets a token.", applies=at("requestToken"), expected=ids("refresh.unknown")
)
def any_refresh_token_will_do(seen: Seen) -> WireResponse:
    return _instead("invalid_grant")(seen) if fields(seen.request).get("grant_type") == "refresh_token" else seen.forward()


@fault(
    profile=OAUTH,
    group="answer shape",
    sentence="A renewed token is called token.",
    applies=at("requestToken"),
    expected=ids("refresh.works"),
)
def renewed_token_misnamed(seen: Seen) -> WireResponse:
    if fields(seen.request).get("grant_type") != "refresh_token":
        return seen.forward()
    return seen.edited(lambda body: {**lacking("access_token")(body), "token": body["access_token"]})


@fault(
    profile=OAUTH, group="authentication", sentence="Secrets are not looked at.",
    applies=at("requestToken", "introspectToken", "revokeToken"),
    expected=lambda profile, place: frozenset(
        f"{OAUTH}/{name}"
        for name in {
            "requestToken": ("token.secret-wrong", "token.secret-wrong-in-form"),
            "introspectToken": ("introspection.client-wrong",),
            "revokeToken": ("revocation.client-wrong",),
        }[place]
    ),
)  # fmt: skip
def secrets_not_looked_at(seen: Seen) -> WireResponse:
    answer = seen.forward()
    return seen.forward(as_ours(seen.request)) if _named(seen) == CLIENT and error_of(answer) == "invalid_client" else answer


def _named(seen: Seen) -> str:
    """Return the client that a request names, in its header or its form."""
    scheme, _, text = (header(seen.request.headers, "authorization") or "").partition(" ")
    if scheme.lower() != "basic":
        return fields(seen.request).get("client_id", "")
    try:
        return unquote_plus(base64.b64decode(text).decode().partition(":")[0])
    except ValueError:
        return ""


@fault(
    profile=OAUTH, group="authentication", sentence="Nobody need say who they are.",
    applies=at("requestToken", "introspectToken", "revokeToken"),
    expected=each(requestToken="token.client-missing", introspectToken="introspection.client-missing", revokeToken="revocation.client-missing"),
)  # fmt: skip
def anybody_will_do(seen: Seen) -> WireResponse:
    nobody = header(seen.request.headers, "authorization") is None and not fields(seen.request).keys() & {"client_id", "client_assertion"}
    return seen.forward(as_ours(seen.request)) if nobody else seen.forward()


@fault(
    profile=OAUTH,
    group="authentication",
    sentence="An assertion without a signature is believed.",
    applies=at("requestToken"),
    expected=ids("token.client-unsigned"),
)
def unsigned_assertion_believed(seen: Seen) -> WireResponse:
    return seen.forward(as_ours(seen.request)) if "client_assertion" in fields(seen.request) else seen.forward()


@fault(
    profile=OAUTH, group="status", sentence="A client that cannot prove itself is refused with 400 and without a challenge, whatever it sent.",
    applies=at("requestToken"), expected=ids("token.secret-wrong", "token.client-unknown", "token.challenge"),
)  # fmt: skip
def invalid_client_is_400(seen: Seen) -> WireResponse:
    answer = seen.forward()
    return with_header(replace(answer, status=400), "WWW-Authenticate", None) if answer.status == 401 else answer


@fault(
    profile=OAUTH, group="error body", sentence="A client that cannot prove itself is unauthorized_client.",
    applies=at("requestToken", "revokeToken"), expected=_named_so("invalid_client"),
)  # fmt: skip
def invalid_client_misnamed(seen: Seen) -> WireResponse:
    answer = seen.forward()
    return other_code(answer, "unauthorized_client") if error_of(answer) == "invalid_client" else answer


@fault(
    profile=OAUTH,
    group="headers",
    sentence="Basic credentials are refused with a challenge for Bearer.",
    applies=at("requestToken"),
    expected=ids("token.challenge"),
)
def challenge_of_another_scheme(seen: Seen) -> WireResponse:
    answer = seen.forward()
    return with_header(answer, "WWW-Authenticate", 'Bearer realm="twin"') if answer.status == 401 else answer


@fault(
    profile=OAUTH,
    group="authentication",
    sentence="A client may prove itself twice.",
    applies=at("requestToken"),
    expected=ids("token.proof-twice"),
)
def two_proofs_taken(seen: Seen) -> WireResponse:
    both = header(seen.request.headers, "authorization") and "client_secret" in fields(seen.request)
    return seen.forward(as_ours(seen.request)) if both else seen.forward()


@fault(
    profile=OAUTH,
    group="input validation",
    sentence="A parameter may come twice.",
    applies=at("requestToken"),
    expected=ids("token.parameter-twice"),
)
def parameter_twice_taken(seen: Seen) -> WireResponse:
    return seen.forward(sent(seen.request))


@fault(
    profile=OAUTH, group="input validation", sentence="A parameter that nobody knows is refused.",
    applies=at("requestToken"), expected=ids("token.unrecognised-ignored"),
)  # fmt: skip
def unknown_parameter_refused(seen: Seen) -> WireResponse:
    known = ("grant_type", "scope", "client_", "code", "redirect_uri", "refresh_token", "resource")
    if all(name.startswith(known) for name in fields(seen.request)):
        return seen.forward()
    return WireResponse(status=400, headers=(("Content-Type", "application/json"),), body=write_json({"error": "invalid_request"}))


@fault(
    profile=OAUTH, group="input validation", sentence="A parameter without a value is refused.",
    applies=at("requestToken"), expected=ids("token.empty-ignored"),
)  # fmt: skip
def empty_parameter_refused(seen: Seen) -> WireResponse:
    if all(fields(seen.request).values()):
        return seen.forward()
    return WireResponse(status=400, headers=(("Content-Type", "application/json"),), body=write_json({"error": "invalid_request"}))


@fault(profile=OAUTH, group="state", sentence="Any scope is given.", applies=at("requestToken"), expected=ids("token.scope-unknown"))
def any_scope_given(seen: Seen) -> WireResponse:
    answer = seen.forward()
    scope = fields(seen.request).get("scope", "")
    return edited(fresh_token(seen), member("scope", scope)) if error_of(answer) == "invalid_scope" else answer


@fault(
    profile=OAUTH,
    group="error body",
    sentence="A scope is refused as invalid_request.",
    applies=at("requestToken"),
    expected=ids("token.scope-code"),
)
def scope_refused_otherwise(seen: Seen) -> WireResponse:
    answer = seen.forward()
    return other_code(answer, "invalid_request") if error_of(answer) == "invalid_scope" else answer


@fault(
    profile=OAUTH, group="authentication", sentence="Users are sent wherever the request says.",
    applies=at("authorize"), expected=ids("authorization.client-unknown", "authorization.redirect-unregistered"),
)  # fmt: skip
def open_redirect(seen: Seen) -> WireResponse:
    to = dict(seen.query).get("redirect_uri", "")
    return WireResponse(status=302, headers=(("Location", f"{to}?error=unauthorized_client"),)) if to else seen.forward()


@fault(
    profile=OAUTH,
    group="authentication",
    sentence="A client that nobody knows is taken for ours.",
    applies=at("requestToken"),
    expected=ids("token.client-unknown"),
)
def unknown_client_taken(seen: Seen) -> WireResponse:
    answer = seen.forward()
    field = header(seen.request.headers, "authorization") or ""
    ours = base64.b64encode(f"{quote_plus(CLIENT)}:".encode()).decode()[:12]
    named = field.startswith("Basic ") and not field.removeprefix("Basic ").startswith(ours)
    return seen.forward(as_ours(without_request_header(seen.request, "authorization"))) if named and answer.status == 401 else answer

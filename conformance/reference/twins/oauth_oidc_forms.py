"""What faults of a token issuer are made of: forms that somebody else sends, errors, members put in and taken away."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, quote_plus, urlencode

from conformance.profile import Profile
from conformance.reference.faults.planting import Seen, json_of, with_request_header
from conformance.reference.message import write_json
from conformance.reference.twins.oauth_oidc import CLIENT, SECRET
from conformance.reference.twins.oauth_oidc import PROFILE as OAUTH
from conformance.wire import WireRequest, WireResponse

#: How our client proves itself in a header.
OURS = "Basic " + base64.b64encode(f"{quote_plus(CLIENT)}:{quote_plus(SECRET)}".encode()).decode()


def each(**names: str) -> Callable[[Profile, str], frozenset[str]]:
    """Requirements by the place of the fault."""
    return lambda profile, place: frozenset({f"{OAUTH}/{names[place]}"}) if place in names else frozenset()


def fields(request: WireRequest) -> dict[str, str]:
    """Return the fields of a form."""
    return dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))


def sent(request: WireRequest, **others: str | None) -> WireRequest:
    """Return a form with other fields; None takes one away."""
    form = {k: v for k, v in {**fields(request), **others}.items() if v is not None}
    return replace(request, body=urlencode(form).encode())


def as_ours(request: WireRequest) -> WireRequest:
    """Return a form that our client sends."""
    return with_request_header(sent(request, client_id=None, client_secret=None), "Authorization", OURS)


def error_of(answer: WireResponse) -> str:
    """Return the code of an error, or ''."""
    body = json_of(answer) if answer.status >= 400 else None
    return str(body.get("error", "")) if isinstance(body, dict) else ""


def other_code(answer: WireResponse, code: str) -> WireResponse:
    """Return a refusal with another code."""
    return replace(answer, body=write_json({"error": code}))


def fresh_token(seen: Seen) -> WireResponse:
    """Return a token for our client, whatever was asked for."""
    return seen.forward(replace(as_ours(seen.request), body=b"grant_type=client_credentials"))


def member(name: str, value: Any) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """Return a change that sets a member."""
    return lambda body: {**body, name: value}


def lacking(name: str) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """Return a change that takes a member away."""
    return lambda body: {k: v for k, v in body.items() if k != name}

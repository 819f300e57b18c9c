"""Forms say who sends them in one way at a time, and no secret is written before it is sent."""

from __future__ import annotations

import base64

import pytest

from conformance.exchange import Request
from conformance.forms import BASIC, POST, PUBLIC, Client, basic, fields_of, proven, with_fields
from conformance.redaction import Redactor, same_request

FORM = Request(operation="requestToken", method="POST", target="/token", body=b"grant_type=client_credentials&scope=a+b")


def test_fields_are_replaced_repeated_and_left_out() -> None:
    changed = with_fields(FORM, {"scope": None, "code": ["x", "y"], "empty": ""})
    assert fields_of(changed) == [("grant_type", "client_credentials"), ("code", "x"), ("code", "y"), ("empty", "")]


@pytest.mark.parametrize(
    ("method", "header", "fields"),
    [
        (BASIC, "Basic " + base64.b64encode(b"a+b%3Ac:s%2F").decode(), {}),
        (POST, None, {"client_id": "a b:c", "client_secret": "s/"}),
        (PUBLIC, None, {"client_id": "a b:c"}),
    ],
)
def test_a_client_proves_itself_in_one_way(method: str, header: str | None, fields: dict[str, str]) -> None:
    before = proven(FORM, Client(id="somebody", secret="else", method=POST)).with_(headers=(("authorization", "Basic eA=="),))
    sent = proven(before, Client(id="a b:c", secret="s/", method=method))
    assert dict(sent.headers).get("authorization") == header
    assert dict(fields_of(sent)) == {"grant_type": "client_credentials", "scope": "a b", **fields}
    assert dict(fields_of(proven(sent, Client()))) == {"grant_type": "client_credentials", "scope": "a b"}


@pytest.mark.parametrize("secret", ["a secret: with / all & of = it", "plain-enough-secret", "ünïcödé-sécrèt"])
def test_a_placeholder_becomes_the_secret_only_when_it_is_sent(secret: str) -> None:
    redactor = Redactor(b"k" * 32)
    name = redactor.placeholder(secret)
    form = proven(FORM, Client(id="me", secret=name, method=POST))
    assert secret.encode() not in form.body
    revealed = form.with_(body=redactor.reveal(form.body.decode()).encode())
    assert dict(fields_of(revealed))["client_secret"] == secret
    field = basic("me", name)
    told = redactor.reveal_header(field)
    assert basic("me", secret) == told
    assert redactor.reveal_header("Basic eA==") == "Basic eA=="
    assert redactor.reveal_header(f"Bearer {name}") == f"Bearer {secret}"


def test_a_form_with_a_placeholder_is_the_same_when_it_is_recorded() -> None:
    redactor = Redactor(b"k" * 32)
    form = with_fields(FORM, {"token": f"{redactor.placeholder('a-token-that-was-issued')}x"})
    assert redactor.body(form.body) == form.body
    assert same_request(form, form.with_(body=redactor.body(form.body)))


def test_an_unknown_placeholder_stays() -> None:
    text = "token=%C2%ABsecret%3A0123456789ab%C2%BB"
    assert Redactor(b"k" * 32).reveal(text) == text

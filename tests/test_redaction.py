"""Secrets become placeholders before anything is stored: no secret survives, equality does."""

from __future__ import annotations

import json
import string
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from conformance.exchange import PLACEHOLDER, Request
from conformance.redaction import MIN_LENGTH, SECRET_HEADERS, Redactor, same_request

SECRETS = st.text(string.ascii_letters + string.digits + "!#$%&'()*+,-./:;<=>?@[]^_{|}~ \"\\é", min_size=MIN_LENGTH, max_size=40).filter(
    lambda s: s.strip() == s and len(set(s)) > 4
)
KEY = b"k" * 32


@given(SECRETS, st.text(max_size=20), st.text(max_size=20))
def test_a_known_secret_survives_nowhere(secret: str, before: str, after: str) -> None:
    """By value from 12 characters on: in text, JSON, query strings, forms, paths and headers, in every usual spelling."""
    assume(secret not in before + after)
    redactor = Redactor(KEY, [secret])
    spellings = [secret, quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]]
    for text in (
        f"{before}{secret}{after}",
        json.dumps({"a": secret}),
        json.dumps({"a": secret}, ensure_ascii=False),
        urlencode({"q": secret}),
        quote(f"/x/{secret}", safe=""),
    ):
        shown = redactor.text(text)
        assert not any(s in shown for s in spellings), shown
    assert secret.encode() not in redactor.body(f"{before}{secret}{after}".encode("utf-8", "surrogateescape"))
    for name in ("x-other", "Authorization"):
        assert secret not in redactor.headers(((name, f"Bearer {secret}"),))[0][1]


@given(
    st.sampled_from(["password", "client_secret", "access_token", "apiKey", "X-Auth-Token", "private_key"]),
    st.text(string.ascii_letters, min_size=1, max_size=30),
)
def test_a_secret_place_is_redacted_whatever_stands_there(name: str, value: str) -> None:
    """By place: JSON members and form fields of these names, however short the value."""
    redactor = Redactor(KEY)
    member = json.loads(redactor.text(json.dumps({"a": [{name: value}]})))
    assert PLACEHOLDER.fullmatch(member["a"][0][name])
    assert redactor.text(f"a=b&{name}={value}&c=d").endswith("»&c=d")


@pytest.mark.parametrize("name", sorted(SECRET_HEADERS))
def test_secret_headers_are_redacted_whole(name: str) -> None:
    """Whatever a header of credentials carries, in any case of its name."""
    [(_, value)] = Redactor(KEY).headers(((name.title(), "short"),))
    assert PLACEHOLDER.fullmatch(value)


@pytest.mark.parametrize(
    "text",
    [
        '{"token_type": "bearer"}',
        '{"passwordPolicy": "strict"}',
        '{"tokenEndpoint": "https://h/t"}',
        '{"expires_in": "5"}',
        '{"nextPageToken": "abc"}',
        '{"userName": "x"}',
        "?pageToken=3",
        '{"password": ""}',
        '{"Password": null}',
    ],
)
def test_what_only_sounds_secret_stays(text: str) -> None:
    """Types, policies, endpoints and page tokens are facts that checks must see."""
    redacted = Redactor(KEY).text(text)
    assert redacted == text


@given(SECRETS, SECRETS)
def test_equality_survives(one: str, two: str) -> None:
    """The same secret gives the same placeholder, another another; another run's key gives others."""
    assume(one != two)
    redactor = Redactor(KEY)
    assert redactor.placeholder(one) == redactor.placeholder(one) != redactor.placeholder(two)
    assert Redactor(b"other").placeholder(one) != redactor.placeholder(one)
    assert redactor.reveal(f"a {redactor.placeholder(one)}") == f"a {one}"
    assert Redactor(KEY).reveal(redactor.placeholder(one)) == redactor.placeholder(one), "only the run that made it can turn it back"


@given(st.text(max_size=60))
def test_redaction_is_done_once(text: str) -> None:
    """What was redacted stays as it is: live and offline see the same."""
    redactor = Redactor(KEY, ["a-long-known-secret"])
    shown = redactor.text(text)
    assert redactor.text(shown) == shown


@given(st.binary(max_size=60))
def test_bytes_that_are_no_text_are_kept(body: bytes) -> None:
    """A binary body goes through unchanged where it holds no secret."""
    redactor = Redactor(KEY)
    assume(b"=" not in body)
    assert redactor.body(body) == body


def request(**more: object) -> Request:
    return Request(
        operation="o", method="POST", target="/a?x=1", headers=(("authorization", "t"), ("a", "b")), body=b'{"password": "p", "n": 1}'
    ).with_(**more)


def test_requests_are_the_same_but_for_their_secrets() -> None:
    """The recording lost its secrets; the flow that is judged again has others or none: still the same request."""
    redactor = Redactor(KEY)
    live = request()
    stored = live.with_(headers=redactor.headers(live.headers), body=redactor.body(live.body))
    assert stored != live
    assert same_request(stored, live)
    assert same_request(live, request(body=b'{"password": "other", "n": 1}'))
    for change in (
        {"body": b'{"password": "p", "n": 2}'},
        {"target": "/a?x=2"},
        {"method": "PUT"},
        {"headers": (("authorization", "t"), ("a", "c"))},
        {"identity": "bad"},
    ):
        assert not same_request(live, request(**change))


def test_a_query_secret_is_a_secret() -> None:
    """Tokens in a query string are redacted by name, in targets and in links."""
    redactor = Redactor(KEY)
    assert "s3cr3t" not in redactor.text("/a?access_token=s3cr3t&b=1")
    assert same_request(request(target="/a?token=one&b=1"), request(target="/a?token=two&b=1"))
    assert not same_request(request(target="/a?token=one&b=1"), request(target="/a?token=one&b=2"))


@pytest.mark.parametrize(
    "name",
    [
        "Password",
        "PASSWD",
        "clientSecret",
        "access_toKen",
        "sinkCredentıal",
        "apikey",
        "api_key",
        "privatekey",
        "Authorızation",
        "set-cookıe",
        "client_aſſertion",
    ],
)
def test_the_quick_look_overlooks_no_name(name: str) -> None:
    """Names in any case, with letters that only folding makes plain, are found although most texts are not searched for names."""
    assert "s3cret" not in Redactor(b"k").text(f'{{"{name}": "s3cret"}}')
    assert Redactor(b"k").text('{"colour": "red"}') == '{"colour": "red"}'

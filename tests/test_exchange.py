"""Requests as a check means them, answers as they came, hostile bodies included."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.ending import Ending, Inconclusive, Nonconformity, clip
from conformance.exchange import Exchange, Request, Trouble


def answer(body: bytes, **more: Any) -> Exchange:
    return Exchange(request=Request(operation="read", method="GET", target="/a"), status=200, body=body, **more)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{",
        b"{'a': 1}",
        b"NaN",
        b'{"a": Infinity}',
        b"-Infinity",
        b"\xff\xfe{}",
        b'"\xc3"',
        b"[1,]",
        b"{}{}",
        b'{"a" 1}',
        b"undefined",
        b"<html></html>",
        b"\x00",
        b'"\x01"',
        b"01",
        b"1.",
        b"+1",
        b"// x\n1",
        "{}".encode("utf-16"),
    ],
)
def test_what_is_not_json_is_a_finding(body: bytes) -> None:
    """RFC 8259 decides: what is not JSON in UTF-8 is a nonconformity of one and the same cause."""
    with pytest.raises(Nonconformity) as caught:
        answer(body).json()
    assert caught.value.cause == "not JSON"
    assert caught.value.evidence


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"a":' * 100_000, b"9" * 5000, b"-" + b"9" * 5000, b"1e400", b"[-1e9999]"])
def test_what_we_cannot_hold_is_inconclusive(body: bytes) -> None:
    """JSON beyond our own limits says nothing of the target (RFC 8259 section 9: a reader may have limits)."""
    with pytest.raises(Inconclusive):
        answer(body).json()


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b"\xef\xbb\xbf{}", {}),
        (b' {"a": 1} \n', {"a": 1}),
        (b"null", None),
        (b'{"a":1,"a":2}', {"a": 2}),
        (b"1e2", 100.0),
        (b"9" * 4000, int("9" * 4000)),
        (b'"\\ud83d\\ude00"', "😀"),
    ],
)
def test_unusual_json_is_json(body: bytes, value: object) -> None:
    """A byte order mark may be ignored, a bare value is JSON, duplicate names are the last one's."""
    assert answer(body).json() == value


@given(st.binary(max_size=200))
def test_no_body_breaks_us(body: bytes) -> None:
    """Whatever comes, it is a value or one of our endings."""
    try:
        answer(body).json()
    except Ending:
        return


def test_headers_are_found_in_any_case() -> None:
    """The first header of a name counts; media types lose their parameters."""
    seen = answer(b"", headers=(("Content-Type", "Application/JSON; charset=utf-8"), ("x", "1"), ("X", "2")))
    assert seen.header("CONTENT-TYPE") == "Application/JSON; charset=utf-8"
    assert seen.header("x") == "1"
    assert seen.header("y") is None
    assert seen.media_type == "application/json"
    assert answer(b"").media_type == ""


def test_a_request_is_changed_by_copy() -> None:
    """A request stays what it was; a header goes in any case."""
    request = Request(operation="o", method="GET", target="/a", headers=(("Accept", "x"), ("b", "y")))
    assert request.without_header("accept").headers == (("b", "y"),)
    assert request.with_(method="PUT").method == "PUT"
    assert request.headers[0] == ("Accept", "x")
    assert request.where == "GET /a"
    assert request.with_(link="/b").where == "GET /b"


def test_the_summary_says_what_came() -> None:
    """A status, or why there is none."""
    assert answer(b"").summary == "200"
    silent = Exchange(request=answer(b"").request, trouble=Trouble.CLOSED)
    assert silent.summary == "no answer: closed without an answer"
    assert not silent.success


@given(st.text(st.characters(), max_size=700))
def test_what_an_ending_tells_can_be_written(text: str) -> None:
    """Half surrogate pairs and endless texts of a server cannot break the record."""
    told = clip(text)
    told.encode()
    json.loads(json.dumps(told))
    assert len(told) <= 4300
    assert len(clip("x" * 10_000)) < 700
    error = Nonconformity("a", text)
    assert error.observed == told
    str(error).encode()

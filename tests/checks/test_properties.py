"""What is accepted comes back as it was sent, at the boundaries first; what is lost is told as small as it gets."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.checks.patterns.properties import _cases, _drawn, _smaller
from conformance.verdict import Verdict
from conformance.wire import WireRequest, WireResponse
from tests.checks.support import answer, requirement_of, run_check
from tests.checks.things import Things, profile

ASKED: dict[str, Any] = {"members": {"/note": [], "/label/text": []}}


class Storing(Things):
    """Things whose note is stored otherwise than it was sent; or refused."""

    def __init__(self, change: Callable[[Any], Any], *, refuses: Callable[[str], bool] = lambda text: False, status: int = 400) -> None:
        super().__init__()
        self.change, self.refuses, self.status = change, refuses, status

    def __call__(self, request: WireRequest, now: float) -> WireResponse:
        """Change the note before it is stored."""
        if request.method == "POST" and request.target == "/things":
            body = json.loads(request.body)
            if self.refuses(str(body.get("note"))):
                return answer(self.status, {"code": "no"})
            body["note"] = self.change(body.get("note"))
            request = replace(request, body=json.dumps(body).encode())
        return super().__call__(request, now)


def test_what_comes_back_as_sent_passes() -> None:
    result = run_check("values-round-trip", profile(), "thing", Things(), **ASKED)
    assert (result.verdict, result.failed) == (Verdict.PASS, 0)
    assert result.cases == result.judged == len(_cases(profile(), requirement_of("values-round-trip", "thing", ASKED)))


@pytest.mark.parametrize(
    ("change", "smallest"),
    [
        (lambda text: unicodedata.normalize("NFC", text), r"'ae\u0301z'"),
        (lambda text: unicodedata.normalize("NFD", text), r"'a\xe9z'"),
        (lambda text: "".join(c if ord(c) < 0x10000 else "?" for c in text), r"'a\U0001f600z'"),
        (lambda text: text.encode("ascii", "replace").decode(), r"'a\xe9z'"),
        (lambda text: text.replace("&", "&amp;"), "'a&z'"),
        (lambda text: text.replace("\n", " "), r"'a\nz'"),
        (lambda text: " ".join(text.split(" ")) if "  " not in text else text.replace("  ", " "), "three"),
        (lambda text: text.lower(), "MiXeD"),
        (lambda text: text[:20], "a"),
        (lambda text: int(text) if text.isdigit() else text, "'0'"),
    ],
)
def test_what_is_lost_fails_and_is_told_small(change: Callable[[Any], Any], smallest: str) -> None:
    result = run_check("values-round-trip", profile(), "thing", Storing(change), **ASKED)
    assert result.verdict is Verdict.FAIL
    assert any(smallest in f.expected for f in result.findings), [f.expected for f in result.findings]


def test_a_refusal_is_no_finding() -> None:
    picky = Storing(lambda text: text, refuses=lambda text: not text.isascii(), status=422)
    assert run_check("values-round-trip", profile(), "thing", picky, **ASKED).verdict is Verdict.PASS
    nothing = Storing(lambda text: text, refuses=lambda text: True)
    assert run_check("values-round-trip", profile(), "thing", nothing, members={"/note": []}).verdict is Verdict.NOT_APPLICABLE


def test_a_value_that_breaks_the_server_is_a_finding() -> None:
    """While the example does not; a server that breaks whatever it is sent is found elsewhere."""
    broken = Storing(lambda text: text, refuses=lambda text: not text.isascii(), status=500)
    result = run_check("values-round-trip", profile(), "thing", broken, **ASKED)
    assert (result.verdict, result.cause) == (Verdict.FAIL, "500: POST /things on valid input")
    poor = Storing(lambda text: text, refuses=lambda text: not text.isascii(), status=501)
    assert run_check("values-round-trip", profile(), "thing", poor, **ASKED).verdict is Verdict.INCONCLUSIVE
    always = Storing(lambda text: text, refuses=lambda text: True, status=500)
    assert run_check("values-round-trip", profile(), "thing", always, **ASKED).verdict is Verdict.INCONCLUSIVE


def test_only_the_kinds_that_are_named_are_tried() -> None:
    cases = _cases(profile(), requirement_of("values-round-trip", "thing", {"members": {"/note": ["composed", "lengths"]}}))
    assert [c.name for c in cases] == ["composed", "shortest"]


@given(st.text(), st.integers(min_value=4, max_value=60))
def test_drawn_texts_are_the_same_for_the_same_seed(seed: str, length: int) -> None:
    text = _drawn(seed.encode("utf-8", "replace").decode(), length)
    assert text == _drawn(seed.encode("utf-8", "replace").decode(), length)
    assert text == text.strip()
    assert len(text) == length
    text.encode()


@given(st.text(min_size=2))
def test_smaller_texts_are_parts(text: str) -> None:
    for smaller in _smaller(text):
        assert smaller == "a" or smaller.strip("az") in text or smaller in text

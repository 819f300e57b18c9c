"""Templates that take what a target's owner supplies, or do without; reads that carry a body."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from conformance.api import Api
from conformance.ending import Inconclusive
from tests.checks.leases import leases


def tools(**test_data: Any) -> Api:
    """Return tools whose target has this test data."""
    return Api(profile=leases(), run_id="0123456789abcdef", started=0.0, test_data=test_data, allowed=frozenset(), place="here")


def test_a_question_mark_leaves_out_what_is_not_supplied() -> None:
    """Members and items vanish; what is supplied keeps its type."""
    template = {"device": "{test_data.device?}", "list": ["{test_data.device?}", 1], "text": "<{test_data.device?}>"}
    assert tools().fill(template) == {"list": [1], "text": "<>"}
    assert tools(device={"a": 1}).fill({"device": "{test_data.device?}"}) == {"device": {"a": 1}}
    assert tools().fill("{test_data.device?}") is None


def test_a_bar_gives_a_default() -> None:
    """A JSON value, a text, or another template."""
    template = ["{test_data.n|600}", "{test_data.name|QOS_E}", "{test_data.where|{ipv4}}", "{test_data.none|}"]
    number, name, where, none = tools().fill(template)
    assert (number, name, none) == (600, "QOS_E", "")
    assert where.startswith(("198.18.", "198.19."))
    assert tools(n=5, name="x", where="y").fill(template)[:3] == [5, "x", "y"]


def test_without_either_it_must_be_supplied() -> None:
    """As before."""
    with pytest.raises(Inconclusive, match="needs test_data: device"):
        tools().fill("{test_data.device}")


def test_a_port_is_a_number() -> None:
    """Alone it is an integer, inside a text it is written."""
    port, written = tools().fill(["{port}", "host:{port}"])
    assert isinstance(port, int)
    assert 1024 <= port < 65536
    assert written.startswith("host:")


def test_a_read_with_a_bound_body_carries_it() -> None:
    """A search by POST works as the known-good read."""
    api = tools()
    assert api.request(api.operation("findLeases")).body == b'{"owner": "us"}'
    assert api.request(api.operation("findLeases"), body={"owner": "them"}).body == b'{"owner": "them"}'
    assert api.request(api.operation("extendLease"), parameters={"id": "1"}).body == b""


def test_a_sink_may_have_a_stand_in() -> None:
    """Where the target cannot reach us, what does not wait for callbacks is looked at all the same."""
    template = "{sink.report|https://sink.invalid/report}"
    assert tools().fill(template) == "https://sink.invalid/report"
    listening = replace(tools(), sink_url="https://sink.example")
    assert listening.fill(template) == f"https://sink.example/{listening.sink_path('report')}"

"""What a check is given: fresh values that repeat, templates, exact requests, instances read off answers."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.api import Api, Subject, merged, path_values
from conformance.content import json_bytes
from conformance.ending import Inconclusive
from conformance.exchange import Exchange, Request
from conformance.loading.profiles import load_profile
from conformance.profile import OpenParameter, Profile
from conformance.verdict import Effect
from tests.notes import shelf

PROFILE = load_profile("notes", shelf())


def api(place: str = "here", *, profile: Profile = PROFILE, **more: Any) -> Api:
    return Api(
        profile=profile,
        run_id="0123456789abcdef",
        started=1_800_000_000.25,
        test_data=more.pop("test_data", {}),
        allowed=frozenset({"write"}),
        place=place,
        **more,
    )


def test_the_same_place_gives_the_same_values() -> None:
    """Fresh values are a function of the run and the place, so that a recording can be judged again; no two places share one."""
    values = [tuple(api(place).fresh() for _ in range(2)) for place in ("a", "a", "b")]
    assert values[0] == values[1] != values[2]
    assert api("a").fill("{uuid}") == api("a").fill("{uuid}")
    branches = [api("a").branch(name).fresh() for name in ("x", "y", "x")]
    assert branches[0] == branches[2] != branches[1]


def test_templates_are_filled_in() -> None:
    """Every template, alone and inside a text, in members and items; what is no template stays."""
    tools = api(test_data={"tenant": 7}, sink_url="https://sink.example", nonce="n")
    filled = tools.fill(
        {
            "a": ["{unique}", "x-{marker}"],
            "b": "{test_data.tenant}",
            "c": "t{test_data.tenant}",
            "d": "{other}",
            "e": 3,
            "f": "{now}",
            "g": "{now+60s}",
            "h": "{now-1s}",
        }
    )
    assert re.fullmatch("[a-z2-9]{10}", filled["a"][0])
    assert filled["a"][1].startswith("x-icra-01234567-")
    assert (filled["b"], filled["c"], filled["d"], filled["e"]) == (7, "t7", "{other}", 3)
    assert (filled["f"], filled["g"], filled["h"]) == ("2027-01-15T08:00:00.250Z", "2027-01-15T08:01:00.250Z", "2027-01-15T07:59:59.250Z")
    assert tools.fill("{sink.events}") == f"https://sink.example/{tools.sink_path('events')}"
    assert re.fullmatch("[0-9a-f]{32}", tools.sink_path("events"))
    assert re.fullmatch(r"Aa1![a-z2-9]{20}", tools.fill("{secret}"))
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", tools.fill("{uuid}"))


@pytest.mark.parametrize(("template", "needs"), [("{test_data.x}", "needs test_data: x"), ("{sink.a}", "--sink-url")])
def test_a_missing_datum_is_inconclusive(template: str, needs: str) -> None:
    """What the target file does not supply keeps us from looking and names what is wanted."""
    with pytest.raises(Inconclusive, match=needs):
        api().fill(template)


def operation(name: str, **changes: Any) -> Any:
    return replace(PROFILE.operation(name), **changes)


def test_requests_are_exact() -> None:
    """Path, query, headers and body go out as written, percent-encoded once."""
    read = api().request(
        operation("getNote"),
        parameters={"noteId": "a/b c%é"},
        query={"x": ["1", "a&b"], "y": True, "z": None},
        headers={"If-Match": '"1"', "Accept": None},
    )
    assert read.target == "/notes/a%2Fb%20c%25%C3%A9?x=1&x=a%26b&y=true"
    assert read.headers == (("if-match", '"1"'),)
    assert (read.method, read.effect, read.undo, read.body) == ("GET", Effect.READ, "", b"")
    made = api().request(operation("createNote"), body={"text": "é"})
    assert made.body == '{"text": "é"}'.encode()
    assert dict(made.headers) == {"accept": "application/json", "content-type": "application/json"}
    assert (made.effect, made.undo) == (Effect.OWN, "note"), "what is created is in the ledger's care"
    assert api().request(operation("createNote"), raw=b"{").body == b"{"
    assert (
        api().request(operation("createNote", request_media="application/x-www-form-urlencoded"), body={"a": ["1", "2"]}).body == b"a=1&a=2"
    )


def test_bindings_add_to_every_request() -> None:
    """Query and headers that the bindings name are there, templates filled; those of the call win."""
    bound = operation("listNotes", query={"count": 5, "who": "{test_data.me}"}, headers={"X-Tenant": "{test_data.me}"})
    request = api(test_data={"me": "m e"}).request(bound, query={"count": 2})
    assert request.target == "/notes?count=2&who=m%20e"
    assert dict(request.headers)["x-tenant"] == "m e"


def test_half_a_surrogate_pair_goes_out_as_it_came() -> None:
    """A value that a server sent and UTF-8 cannot hold is escaped, so that the body stays JSON."""
    assert json_bytes({"a": "\ud800é"}) == b'{"a": "\\ud800\\u00e9"}'
    assert json_bytes({"a": "é"}) == '{"a": "é"}'.encode()


def test_links_are_followed_where_an_instance_has_one() -> None:
    """A read of an instance goes to the link that the server gave; other parameters go by the template."""
    subject = Subject(parameters={"noteId": "1"}, link="/elsewhere/1?a=b")
    assert api().request(operation("getNote"), subject=subject, query={"c": "d"}).link == "/elsewhere/1?a=b&c=d"
    assert api().request(operation("getNote"), subject=subject).target == ""
    assert api().request(operation("listNotes"), subject=subject).target == "/notes"
    assert api().request(operation("getNote"), subject=subject, parameters={"noteId": "2"}).target == "/notes/2"


def test_a_path_needs_its_values() -> None:
    """From the subject, the target's test data, the default; else we cannot look."""
    with pytest.raises(Inconclusive, match=r"needs a value for \{noteId\}"):
        api().request(operation("getNote"))
    bound = replace(PROFILE, bindings=replace(PROFILE.bindings, parameters={"noteId": OpenParameter(test_data="note", default="d")}))
    assert api(profile=bound).request(operation("getNote")).target == "/notes/d"
    assert api(profile=bound, test_data={"note": 5}).request(operation("getNote")).target == "/notes/5"


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30))
def test_any_id_survives_the_way_into_a_path_and_back(name: str) -> None:
    """A path parameter is read back off the target as it was put in."""
    target = api().request(operation("getNote"), parameters={"noteId": name}).target
    assert target.isascii()
    assert path_values("/notes/{noteId}", f"https://host/base{target}") == {"noteId": name}


def test_path_values_need_the_whole_end() -> None:
    """A link of another shape gives nothing; braces in names and a trailing slash do no harm."""
    assert path_values("/a/{x-id}/b/{y}", "/v1/a/1/b/2/?q=3") == {"x-id": "1", "y": "2"}
    assert path_values("/a/{x}", "/b/1") == {}
    assert path_values("/a", "/a") == {}


NOTE = PROFILE.resource("note")


def test_subjects_are_read_off_answers() -> None:
    """The id in the body, else the Location; where neither speaks, we cannot look."""
    assert api().subject(NOTE, {"id": "n1"}).parameters == {"noteId": "n1"}
    assert api().subject(NOTE, {"id": 7}).parameters == {"noteId": "7"}
    assert api().subject(NOTE, None, location="https://h/notes/n%202").parameters == {"noteId": "n 2"}
    nothings: list[Any] = [{}, {"id": True}, {"id": None}, [], None, "x"]
    for nothing in nothings:
        with pytest.raises(Inconclusive, match="no id of a note"):
            api().subject(NOTE, nothing)
    elsewhere = replace(NOTE, created_id="/made")
    assert api().subject(elsewhere, {"made": "m", "id": "i"}, sent={}).parameters == {"noteId": "m"}
    assert api().subject(elsewhere, {"made": "m", "id": "i"}).parameters == {"noteId": "i"}
    linked = replace(NOTE, link="/@odata.id", parameter="noteId", id="")
    subject = api().subject(linked, {"@odata.id": "/x/notes/9"}, parent=Subject(parameters={"above": "1"}))
    assert (subject.link, dict(subject.parameters)) == ("/x/notes/9", {"above": "1", "noteId": "9"})


@pytest.mark.parametrize(
    ("body", "count"), [({"items": [1, 2]}, 2), ({"items": None}, 0), ({"items": {}}, 0), ([], 0), (None, 0), ("items", 0)]
)
def test_items_of_odd_lists_are_none(body: object, count: int) -> None:
    """A list answer of another shape has no items; its schema is judged elsewhere."""
    assert len(api().items(NOTE, body)) == count


def test_who_owns_which_member() -> None:
    """Members marked in the schemas of an operation, by pointer."""
    assert api().server_owned(PROFILE.operation("getNote")) == ("/id",)
    assert api().write_only(PROFILE.operation("createNote")) == ()


def test_merge_is_rfc_7396() -> None:
    """The examples of RFC 7396 appendix A."""
    table: list[tuple[Any, Any, Any]] = [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "foo"}, None, None),
        ({"a": "foo"}, "bar", "bar"),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ]
    for body, patch, result in table:
        before = json.dumps(body)
        assert merged(body, patch) == result
        assert json.dumps(body) == before


def test_an_empty_body_is_nothing() -> None:
    """An answer without a body has no JSON."""
    request = Request(operation="o", method="GET")
    assert api().body_of(Exchange(request=request, status=204, body=b" \n")) is None
    assert api().body_of(Exchange(request=request, status=200, body=b"[]")) == []

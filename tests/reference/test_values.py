"""The small tools: sampled values fit their schema, patches do what their RFC says, matchers match."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.reference.places import json_patch, kept, merge_patch, put, without
from conformance.reference.sampling import Samples, chance, matching
from conformance.reference.twins.matchers import all_hold, parse
from conformance.schema import Schemas

PATTERN = "^[A-F]{2}-\\d+[.]v(1|2)$"
SCHEMAS: dict[str, Any] = {
    "A": {"type": "object", "required": ["n", "s", "e", "l", "t"], "properties": {
        "n": {"type": "integer", "exclusiveMinimum": 3, "multipleOf": 5}, "s": {"type": "string", "minLength": 30, "maxLength": 31},
        "e": {"enum": [None, "x"]}, "l": {"type": "array", "minItems": 2, "items": {"$ref": "#/components/schemas/B"}},
        "t": {"type": ["string", "null"], "format": "date-time"},
    }},
    "B": {"allOf": [{"type": "object", "required": ["a"]}, {"properties": {"a": {"type": "string", "pattern": PATTERN}}}]},
    "C": {"oneOf": [{"type": "object", "required": ["kind"], "properties": {"kind": {"const": "c"}}}, {"type": "null"}]},
    "D": {"type": "array", "contains": {"const": "urn:d"}, "items": {"type": "string"}},
    "E": {"type": "number", "maximum": 0.5},
    "F": {"type": "string", "format": "uuid"},
    "G": {"type": "string", "format": "ipv6"},
}  # fmt: skip
DOCUMENT = {"components": {"schemas": SCHEMAS}}


@pytest.mark.parametrize("name", sorted(SCHEMAS))
@pytest.mark.parametrize("rich", [False, True])
def test_a_sample_satisfies_its_schema(name: str, rich: bool) -> None:
    value = Samples(DOCUMENT).value({"$ref": f"#/components/schemas/{name}"}, seed="s", rich=rich)
    assert list(Schemas(DOCUMENT).violations(f"/components/schemas/{name}", value)) == []


def test_what_is_missing_is_completed_and_what_is_there_stays() -> None:
    made = Samples(DOCUMENT).complete({"$ref": "#/components/schemas/A"}, {"n": 5, "own": [1], "l": [{"x": 1}]})
    assert made["n"] == 5
    assert made["own"] == [1]
    assert set(made["l"][0]) == {"x", "a"}
    assert set(made) == {"n", "own", "l", "s", "e", "t"}


@pytest.mark.parametrize("pattern", ["^v?0[.](3[4-9])[.]", "^[^a-c]+$", "^(ab|cd){2,3}$", r"^\d{4}-\w+$", "^.$"])
def test_a_pattern_is_matched(pattern: str) -> None:
    import re

    assert all(re.search(pattern, matching(pattern, chance(str(n)))) for n in range(20))


def test_a_json_patch_follows_rfc_6902() -> None:
    body = {"a": [1, 2], "b": {"c": 1}}
    patch = [
        {"op": "add", "path": "/a/-", "value": 3},
        {"op": "move", "from": "/b/c", "path": "/d"},
        {"op": "test", "path": "/d", "value": 1},
    ]
    assert json_patch(body, patch) == {"a": [1, 2, 3], "b": {}, "d": 1}
    for wrong in (
        {"op": "remove", "path": "/x"},
        {"op": "test", "path": "/b/c", "value": 2},
        {"op": "add", "path": "/a/9", "value": 1},
        {"op": "?"},
    ):
        with pytest.raises(ValueError):
            json_patch(body, [wrong])


def test_a_merge_patch_follows_rfc_7396() -> None:
    assert merge_patch({"a": {"b": 1, "c": 2}, "d": [1]}, {"a": {"b": None, "e": 3}, "d": [2]}) == {"a": {"c": 2, "e": 3}, "d": [2]}


def test_places_are_put_left_out_and_kept() -> None:
    assert put({}, "/a/*/b", 1) == {"a": [{"b": 1}]}
    assert without({"a": [{"b": 1}, {"b": 2, "c": 3}]}, [("a", "*", "b")]) == {"a": [{}, {"c": 3}]}
    assert kept({"m": {"x": 1}, "y": 2}, {"y": 3}, [("m", "x"), ("y",), ("z",)]) == {"y": 2, "m": {"x": 1}}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3), max_leaves=8,
)  # fmt: skip


@given(json_values, json_values)
def test_a_patch_changes_a_copy_only(body: Any, changes: Any) -> None:
    before = repr(body)
    merge_patch(body, changes)
    put(body, "/a/b", changes)
    assert repr(body) == before


def test_matchers_are_read_and_held() -> None:
    labels = {"alertname": "disk full", "severity": "page"}
    assert all_hold(parse('alertname="disk full",severity=~"p.*"'), labels)
    assert all_hold(parse("{severity!=none}"), labels)
    assert not all_hold(parse('alertname!~"disk.*"'), labels)
    assert all_hold(parse('team=""'), labels)
    for wrong in ("", "alertname", 'a="b" c="d"', 'a=~"("', "1=2"):
        with pytest.raises(ValueError):
            parse(wrong)

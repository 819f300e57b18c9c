"""Bodies against the schemas of a contract: views, redacted values, causes, formats; two validators agree."""

from __future__ import annotations

import copy
import json
from functools import cache
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conformance.ending import Inconclusive
from conformance.loading.profiles import Shelf, load_profile
from conformance.schema import ASSERTED_FORMATS, Schemas, lookup, resolve, seen_from

SECRET = "«secret:0123456789ab»"


def document(**schemas: Any) -> dict[str, Any]:
    return {"openapi": "3.1.0", "components": {"schemas": schemas}}


def problems(schemas: Schemas, value: object, name: str = "A") -> list[str]:
    return [f"{v.pointer} {v.keyword}" for v in schemas.violations(f"/components/schemas/{name}", value)]


USER = {
    "type": "object",
    "required": ["id", "name", "password"],
    "properties": {
        "id": {"type": "string", "readOnly": True},
        "name": {"type": "string"},
        "password": {"$ref": "#/components/schemas/Secret"},
    },
}


def test_each_side_owns_its_members() -> None:
    """An answer need not hold what only the client writes, a request not what only the server writes: also through a reference."""
    both = document(A=USER, Secret={"type": "string", "writeOnly": True})
    assert problems(Schemas(both, "response"), {"id": "1", "name": "n"}) == []
    assert problems(Schemas(both, "response"), {"name": "n", "password": "p"}) == [" required"]
    assert problems(Schemas(both, "request"), {"name": "n", "password": "p"}) == []
    assert problems(Schemas(both, "request"), {"id": "1", "name": "n"}) == [" required"]
    beside = {"required": ["p"], "properties": {"p": {"$ref": "#/components/schemas/S", "writeOnly": True}}}
    assert problems(Schemas(document(A=beside, S={"type": "string"})), {}) == [], "the mark may stand beside the reference"
    assert problems(Schemas(document(A=beside, S={"type": "string"}), "request"), {}) == [" required"]
    assert both["components"]["schemas"]["A"]["required"] == ["id", "name", "password"], "the document itself is not touched"


def test_seen_from_leaves_what_is_no_schema() -> None:
    """A member that is called `required` or `properties` is a member."""
    odd = document(
        A={"type": "object", "properties": {"required": {"type": "array"}, "properties": {"type": "object"}}, "required": ["required"]}
    )
    assert seen_from(odd, "request") == odd


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "pattern": "^a$"},
        {"type": "string", "maxLength": 2},
        {"type": "string", "format": "uuid"},
        {"enum": ["a"]},
        {"const": "a"},
        {"anyOf": [{"type": "string", "pattern": "^a"}, {"type": "null"}]},
        {"oneOf": [{"const": "a"}, {"const": "b"}]},
        {"not": {"type": "string"}},
    ],
)
def test_a_redacted_value_satisfies_every_string_keyword(schema: dict[str, Any]) -> None:
    """What was taken out cannot be judged, so it is no finding; any other string is."""
    schemas = Schemas(document(A={"type": "object", "properties": {"x": schema}}))
    assert problems(schemas, {"x": SECRET}) == []
    assert problems(schemas, {"x": f"Bearer {SECRET}"}) == []
    assert problems(schemas, {"x": "neither of them"}) != []


def test_a_redacted_value_is_still_a_string() -> None:
    """Types and the members around a placeholder are judged."""
    schemas = Schemas(document(A={"type": "object", "required": ["y"], "properties": {"x": {"type": "integer"}}}))
    assert sorted(problems(schemas, {"x": SECRET})) == [" required", "/x type"]


def test_a_violation_says_where() -> None:
    """Of a member that is missing the place is the member's own, escaped; of the whole body there is no pointer to name."""
    schemas = Schemas(document(A={"type": "object", "required": ["a/b"], "properties": {"c": {"required": ["d"]}}}))
    whole, inner = schemas.violations("/components/schemas/A", {"c": {}})
    assert {(v.pointer, v.missing, v.place) for v in (whole, inner)} == {("", "a/b", "/a~1b"), ("/c", "d", "/c/d")}
    [kind] = schemas.violations("/components/schemas/A", 1)
    assert (kind.pointer, kind.missing, kind.place) == ("", "", "")
    assert str(kind).startswith("the body: 1 is not of type")
    assert {str(v).partition(":")[0] for v in (whole, inner)} == {"the body", "/c"}
    assert schemas.is_valid("/components/schemas/A", {"a/b": 1})
    assert not schemas.is_valid("/components/schemas/A", {})


def test_causes_are_the_same_for_every_operation() -> None:
    """A fault of a shared schema has one name, wherever its body came from."""
    shared = {
        "openapi": "3.1.0",
        "paths": {
            f"/{path}": {
                "get": {
                    "responses": {
                        "200": {"content": {"application/json": {"schema": {"type": "array", "items": {"$ref": "#/components/schemas/B"}}}}}
                    }
                }
            }
            for path in ("one", "two/{id}")
        },
        "components": {"schemas": {"B": {"type": "object", "required": ["c"], "properties": {"c": {"type": "string"}}}}},
    }
    schemas = Schemas(shared)
    pointers = [f"/paths/~1{path}/get/responses/200/content/application~1json/schema" for path in ("one", "two~1{id}")]
    assert {v.cause for p in pointers for v in schemas.violations(p, [{"c": 1}, {"c": 2}])} == {"schema B/c: type"}
    assert {v.cause for p in pointers for v in schemas.violations(p, [{}])} == {'schema B: required "c"'}
    assert [v.pointer for v in schemas.violations(pointers[1], [{"c": ""}, {"c": 1}])] == ["/1/c"]


def test_a_cause_has_the_place_in_its_schema() -> None:
    """Below the schema that has a name, without what only holds parts together; elsewhere the place in the body, without its numbers."""
    part = {"type": "object", "properties": {"list": {"type": "array", "items": {"properties": {"n": {"type": "integer"}}}}}}
    schemas = Schemas(
        document(A={"allOf": [{"required": ["is a required one"]}, part]})
        | {"inline": part, "deep": {"additionalProperties": {"additionalProperties": {"type": "string"}}}}
    )
    body = {"list": [{"n": "x"}], "is a required one": 1}
    assert [v.cause for v in schemas.violations("/components/schemas/A", body)] == ["schema A/list/n: type"]
    assert [v.cause for v in schemas.violations("/components/schemas/A", {})] == ['schema A: required "is a required one"']
    assert [v.cause for v in schemas.violations("/inline", body)] == ["type at list/n"]
    assert [v.cause for v in schemas.violations("/inline", 1)] == ["type at the body"]
    assert [v.cause for v in schemas.violations("/components/schemas/A", 1) if v.keyword == "type"] == ["schema A: type"]
    [long] = schemas.violations("/deep", {"a" * 100: {"b" * 100: 1}})
    assert long.cause.startswith(f"type at {'a' * 100}/bbb")
    assert len(long.cause) < 200, "a cause is a name, not a body"


def test_pointers_escape_what_stands_in_names() -> None:
    """A name with a slash or a tilde is one part of a pointer."""
    schemas = Schemas(document(A={"additionalProperties": {"type": "string"}}))
    assert problems(schemas, {"a/b~c": 1}) == ["/a~1b~0c type"]


@pytest.mark.parametrize(
    ("form", "bad"),
    [
        ("date-time", "yesterday"),
        ("date", "2026-13-01"),
        ("ipv4", "1.2.3"),
        ("ipv6", "::g"),
        ("uuid", "x"),
        ("uri", "not a uri"),
        ("json-pointer", "a"),
    ],
)
def test_formats_with_one_meaning_are_judged(form: str, bad: str) -> None:
    """The closed list of formats is asserted."""
    assert form in ASSERTED_FORMATS
    assert problems(Schemas(document(A={"type": "string", "format": form})), bad) == [" format"]


@pytest.mark.parametrize(
    "form",
    [
        "time",
        "duration",
        "email",
        "idn-email",
        "hostname",
        "idn-hostname",
        "uri-reference",
        "iri",
        "iri-reference",
        "uri-template",
        "relative-json-pointer",
        "regex",
        "int32",
        "byte",
        "password",
        "made-up",
    ],
)
def test_all_other_formats_are_notes(form: str) -> None:
    """A format that honest readers understand differently is never a finding."""
    assert problems(Schemas(document(A={"type": "string", "format": form})), "\\(%{ not @@ any :: of them") == []


def test_what_the_validator_cannot_hold_is_inconclusive() -> None:
    """Values beyond our reach (half a surrogate pair, thousands of levels) prove nothing."""
    schemas = Schemas(document(A={"type": "object", "properties": {"s": {"type": "string", "pattern": "^a$"}}}))
    deep: list[Any] = []
    for _ in range(5000):
        deep = [deep]
    for value in ({"s": "\ud800"}, deep):
        with pytest.raises(Inconclusive, match="our validator cannot read"):
            problems(schemas, value)


def test_resolve_ends_in_a_circle() -> None:
    """References that lead to each other are given up, not followed for ever."""
    circle = {"a": {"$ref": "#/b"}, "b": {"$ref": "#/a"}}
    assert "$ref" in resolve(circle, {"$ref": "#/a"})
    assert resolve({"x y": {"z": 1}}, {"$ref": "#/x%20y"}) == {"z": 1}


def test_lookup_follows_json_pointers() -> None:
    """Escapes, array items and nothing at all."""
    assert lookup({"a/b": [{"~": 1}]}, "/a~1b/0/~0") == 1
    assert lookup({"a": 1}, "") == {"a": 1}
    for nowhere in ("/b", "/a/0", "/a/b"):
        with pytest.raises(KeyError):
            lookup({"a": [] if nowhere.endswith("0") else {}}, nowhere)


# -- the second opinion --------------------------------------------------------------------------------------------
@cache
def _contracts() -> dict[str, dict[str, Any]]:
    shelf = Shelf.standard()
    return {
        f"{name}@{e}": dict(load_profile(f"{name}@{e}", shelf).contract.document)
        for name, editions in shelf.profiles.items()
        for e in editions
        if "components" in load_profile(f"{name}@{e}", shelf).contract.document
    }


def _second_opinion(document: dict[str, Any], name: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator({"$ref": f"#/components/schemas/{name}", "components": document["components"]})


def _instances(schema: Any, document: dict[str, Any], depth: int = 3) -> st.SearchStrategy[Any]:
    """Near misses of a schema: its own shape, with wrong values here and there."""
    schema = resolve(document, schema)
    noise: st.SearchStrategy[Any] = st.none() | st.booleans() | st.integers(-5, 5) | st.text("ab", max_size=3) | st.just({}) | st.just([])
    if not isinstance(schema, dict) or depth == 0:
        return noise
    shapes: list[st.SearchStrategy[Any]] = []
    if "enum" in schema:
        shapes.append(st.sampled_from(schema["enum"]))
    if isinstance(schema.get("properties"), dict):
        members = {k: _instances(v, document, depth - 1) for k, v in schema["properties"].items()}
        required = {k: v for k, v in members.items() if k in schema.get("required", ())}
        some = dict(list(members.items())[:4])
        shapes += [st.fixed_dictionaries(required), st.fixed_dictionaries({}, optional=some)]
    if "items" in schema:
        shapes.append(st.lists(_instances(schema["items"], document, depth - 1), max_size=2))
    for part in ("allOf", "anyOf", "oneOf"):
        shapes += [_instances(one, document, depth - 1) for one in schema.get(part, ())]
    kind = schema.get("type")
    if kind in ("string", ["string", "null"]):
        shapes.append(st.text("aZ09:-/. é", max_size=8))
    if kind in ("integer", "number"):
        shapes.append(st.integers(-3, 600) | st.floats(-3, 600, allow_nan=False))
    return st.one_of(*shapes, noise)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large])
@given(st.data())
def test_two_validators_agree(data: st.DataObject) -> None:
    """`jsonschema-rs` decides and `jsonschema` says the same of near misses of every schema of every contract."""
    name = data.draw(st.sampled_from(sorted(_contracts())))
    whole = _contracts()[name]
    bare = _without_formats(whole)
    schema = data.draw(st.sampled_from(sorted(whole["components"]["schemas"])))
    value = data.draw(_instances({"$ref": f"#/components/schemas/{schema}"}, whole))
    ours = Schemas(bare).is_valid(f"/components/schemas/{schema}", value)
    theirs = _second_opinion(seen_from(bare, "response"), schema).is_valid(value)
    assert ours == theirs, f"{name} {schema}: {json.dumps(value)}"


@cache
def _cached(text: str) -> dict[str, Any]:
    def walk(node: Any) -> Any:
        if isinstance(node, dict):
            return {k: walk(v) for k, v in node.items() if not (k == "format" and isinstance(v, str))}
        return [walk(v) for v in node] if isinstance(node, list) else node

    return dict(walk(json.loads(text)))


def _without_formats(document: dict[str, Any]) -> dict[str, Any]:
    return copy.deepcopy(_cached(json.dumps({"openapi": "3.1.0", "components": document["components"]})))

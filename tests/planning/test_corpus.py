"""The corpus: sound by rule, the same wherever it is made, and agreed on by a second validator."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import uuid
from dataclasses import replace
from datetime import date, datetime
from functools import cache
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jsonschema
import pytest
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from conformance.case import Case, edited
from conformance.errors import TestbedError, UsageError
from conformance.loading.profiles import Shelf, corpus_header, load_profile
from conformance.planning.corpus import (
    BUDGET,
    LONGEST,
    Ground,
    Idea,
    edits,
    grounds,
    objection,
    sorted_out,
    within_budget,
)
from conformance.planning.generate import generated, ideas_of, operations_asked, slice_of
from conformance.planning.readings import readings, wire_readings
from conformance.profile import Profile
from conformance.schema import ASSERTED_FORMATS, seen_from

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = sorted(f"{f.parent.name}@{f.name.removesuffix('.corpus.jsonl')}" for f in ROOT.glob("profiles/*/*.corpus.jsonl"))


def file_of(name: str) -> Path:
    """Return the corpus of a profile of this checkout."""
    profile, _, edition = name.partition("@")
    return ROOT / "profiles" / profile / f"{edition}.corpus.jsonl"


@cache
def shipped(name: str) -> tuple[Profile, dict[str, Ground]]:
    """Return a profile of this checkout, and the grounds of its cases by operation."""
    profile = load_profile(name)
    return profile, {g.operation.id: g for g in grounds(profile, operations_asked(file_of(name).with_name(f"{profile.edition}.yaml")))}


# -- a small standard with every keyword -------------------------------------------------------------------------------

THING: dict[str, Any] = {
    "type": "object",
    "required": ["name", "kind", "size", "on", "when", "tags", "parts", "owned", "key"],
    "properties": {
        "name": {"type": "string", "minLength": 2, "maxLength": 10},
        "kind": {"type": "string", "enum": ["big", "small"]},
        "size": {"type": "integer", "minimum": 1, "maximum": 10},
        "step": {"type": "integer", "multipleOf": 5},
        "on": {"type": "boolean"},
        "when": {"type": "string", "format": "date-time"},
        "mail": {"type": "string", "format": "email"},
        "tags": {"type": "array", "uniqueItems": True, "minItems": 1, "maxItems": 3, "items": {"type": "string", "pattern": "^[a-z]+$"}},
        "parts": {
            "type": "array",
            "items": {"type": "object", "required": ["id"], "properties": {"id": {"type": "integer"}, "note": {"type": "string"}}},
        },
        "id": {"type": "string", "readOnly": True},
        "colour": {"type": ["string", "null"], "enum": ["red", None]},
        "closed": {"type": "object", "additionalProperties": False, "properties": {"a": {"type": "integer"}}},
        "owned": {"type": "string"},
        "key": {"type": "string", "writeOnly": True, "minLength": 1},
        "long": {"type": "string", "maxLength": 100_000},
    },
}
EXAMPLE: dict[str, Any] = {
    "name": "{unique}",
    "kind": "big",
    "size": 5,
    "on": True,
    "when": "{now}",
    "tags": ["a"],
    "parts": [{"id": 1, "note": "n"}],
    "id": "x",
    "colour": "red",
    "closed": {"a": 1},
    "owned": "o",
    "key": "{secret}",
    "step": 5,
    "mail": "{unique}@example.com",
    "long": "l",
}
QUERY = [
    {"name": "limit", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": 100}},
    {"name": "order", "in": "query", "required": True, "schema": {"type": "string", "enum": ["up", "down"]}},
    {"name": "full", "in": "query", "schema": {"type": "boolean"}},
    {"name": "since", "in": "query", "schema": {"type": "string", "format": "date-time"}},
    {"name": "code", "in": "query", "schema": {"type": "string", "pattern": "^[A-Z]{3}$"}},
    {"name": "text", "in": "query", "schema": {"type": "string"}},
    {"name": "ids", "in": "query", "schema": {"type": "array", "items": {"type": "integer"}}},
    {"name": "word", "in": "query", "schema": {"type": "string", "maxLength": 5}},
]


def body(schema: Any) -> dict[str, Any]:
    """Return a required JSON body."""
    return {"required": True, "content": {"application/json": {"schema": schema}}}


def answers(schema: Any = None) -> dict[str, Any]:
    """Return the documented answers of an operation."""
    content = {"content": {"application/json": {"schema": schema}}} if schema else {}
    return {"200": {"description": "done", **content}}


def small(folder: Path) -> Profile:
    """Write a small standard into *folder* and load it."""
    thing = {"$ref": "#/components/schemas/Thing"}
    batch = {
        "type": "object",
        "required": ["items"],
        "properties": {
            "items": {
                "type": "array",
                "items": {"type": "object", "required": ["do"], "properties": {"do": {"type": "string", "enum": ["x"]}}},
            }
        },
    }
    done = {"type": "object", "properties": {"items": {"type": "array", "items": {"type": "object", "required": ["status"]}}}}
    document = {
        "openapi": "3.1.0",
        "info": {"title": "Small", "version": "1"},
        "components": {"schemas": {"Thing": THING, "Unused": {"type": "string"}}},
        "paths": {
            "/things": {
                "get": {"operationId": "listThings", "parameters": QUERY, "responses": answers({"type": "array", "items": thing})},
                "post": {"operationId": "createThing", "requestBody": body(thing), "responses": answers(thing)},
            },
            "/things/{id}": {
                "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}],
                "get": {"operationId": "getThing", "responses": answers(thing)},
                "put": {"operationId": "replaceThing", "requestBody": body(thing), "responses": answers(thing)},
            },
            "/batch": {"post": {"operationId": "batch", "requestBody": body(batch), "responses": answers(done)}},
            "/boom": {"post": {"operationId": "boom", "requestBody": body(thing), "responses": answers()}},
            "/quiet": {"post": {"operationId": "quiet", "requestBody": body(thing), "responses": answers()}},
        },
    }
    said = {"level": "MUST", "clause": "1"}
    profile = {
        "profile": "small",
        "edition": "1",
        "title": "Small",
        "interface": 1,
        "tier": "basic",
        "state": "draft",
        "contract": "small/1",
        "features": {},
        "operations": {
            **dict.fromkeys(("listThings", "createThing", "replaceThing", "batch", "boom"), said),
            "quiet": {**said, "refuses": False},
        },
    }
    bindings = {
        "probe": "listThings",
        "operations": {
            "createThing": {"effect": "own"},
            "replaceThing": {"effect": "own"},
            "batch": {"effect": "own", "body": {"items": [{"do": "x"}]}},
            "boom": {"effect": "disruptive", "body": EXAMPLE},
            "quiet": {"effect": "own", "body": EXAMPLE},
        },
        "resources": {
            "thing": {
                "create": "createThing",
                "read": "getThing",
                "list": "listThings",
                "replace": "replaceThing",
                "parameter": "id",
                "id": "/id",
                "items": "",
                "example": EXAMPLE,
                "changes": {"step": 10, "colour": "red"},
                "ignore": ["/owned", "/key"],
            },
        },
    }
    for file, content in {
        "specs/small/1/openapi.yaml": document,
        "profiles/small/1.yaml": profile,
        "profiles/small/bindings.yaml": bindings,
    }.items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(json.dumps(content))  # JSON is YAML
    return load_profile("small", Shelf.standard(folder / "profiles", folder / "specs"))


@pytest.fixture(scope="module")
def standard(tmp_path_factory: pytest.TempPathFactory) -> Profile:
    """The small standard."""
    return small(tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="module")
def ground(standard: Profile) -> dict[str, Ground]:
    """The grounds of the small standard, by operation."""
    return {g.operation.id: g for g in grounds(standard, list(standard.contract.operations))}


def put(pointer: str, value: Any, scenario: str = "incorrect_type", operation: str = "createThing") -> Case:
    """Return an edit of a body."""
    return Case(id="x", operation=operation, scenario=scenario, place="body", pointer=pointer, value=value)


def asked(name: str, value: Any, action: str = "replace") -> Case:
    """Return an edit of a query."""
    return Case(id="x", operation="listThings", scenario="incorrect_type", place="query", pointer=name, value=value, action=action)


# -- soundness, rule by rule -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "case",
    [
        put("/name", {}),
        put("/name", [None, None]),
        put("/name", None),
        put("/name", "", "string_below_min_length"),
        put("/name", "a" * 11),
        put("/kind", "AAA", "invalid_enum_value"),
        put("/kind", 0),
        put("/size", 11, "value_above_maximum"),
        put("/size", "AAA"),
        put("/on", "AAA"),
        put("/when", "not valid", "invalid_format"),
        put("/tags", [], "array_below_min_items"),
        put("/tags", ["a", "a"], "non_unique_items"),
        put("/tags", ["a", "b", "c", "d"], "array_above_max_items"),
        put("/tags/0", "A1", "invalid_pattern"),
        put("/parts/0/id", "AAA"),
        put("/parts/0", "AAA"),
        put("", [None, None]),
        put("", None),
        put("/step", "AAA"),
        put("/key", {}),
        replace(put("/name", None), action="remove"),
        replace(put("/parts/0/id", None), action="remove"),
        put("/key", "", "string_below_min_length"),
    ],
    ids=lambda c: f"{c.pointer}={c.action}:{json.dumps(c.value)}",
)
def test_a_violation_that_no_honest_reading_mends_is_kept(ground: dict[str, Ground], case: Case) -> None:
    assert objection(ground["createThing"], case) == ""


@pytest.mark.parametrize(
    ("case", "why"),
    [
        (put("/name", "fine"), "allows"),
        (put("/mail", "not valid", "invalid_format"), "allows"),  # a format outside the closed list
        (put("/size", 1.0), "written as a fraction"),
        (put("/further", 1, "object_unexpected_properties"), "allows"),  # unknown members are free
        (put("/missing", {}), "no such member"),
        (put("/nothing/0", {}), "no such member"),
        (put("/name", 12), 'read as "12"'),  # a scalar for a string
        (put("/name", False), 'read as "false"'),
        (put("/size", "7"), "read as 7"),
        (put("/size", 7.5), "read as 7"),
        (put("/size", 1e2, "value_above_maximum"), "written as a fraction"),
        (put("/size", True), "read as 1"),
        (put("/on", 0), "read as false"),
        (put("/on", "yes"), "read as true"),
        (put("/kind", "BIG", "invalid_enum_value"), 'read as "big"'),
        (put("/kind", " big", "invalid_enum_value"), 'read as "big"'),
        (put("/when", 0), 'read as "1970'),
        (put("/when", "2026-01-01", "invalid_format"), 'read as "2026'),
        (put("/when", "", "invalid_format"), "empty"),
        (put("/tags", "a"), 'read as ["a"]'),  # one for many
        (put("/name", ["ab"]), 'read as "ab"'),  # many for one
        (put("/parts", {}), "read as []"),  # PHP
        (put("/parts", [None]), "read as []"),
        (put("/step", None), "read as absent"),
        (put("/step", 0.0001), "float"),
        (put("/colour", "", "invalid_enum_value"), "read as absent"),
        (put("/colour", {}), "read as absent"),
        (put("/size", 2**60, "value_above_maximum"), "integer that readers"),
        (put("/long", "a" * (LONGEST + 1), "string_above_max_length"), "longer than"),
        (put("/name", "\u0084", "invalid_pattern"), "characters"),
        (put("/name", "\u00e9", "string_below_min_length"), "characters"),  # how long it is depends on how one counts
        (put("/id", 0), "only they write"),
        (put("/parts/0/note", {}), "/parts/0/note is optional"),
        (put("/closed/a", "AAA"), "/closed is optional"),
        (put("/mail", {}), "/mail is optional"),
        (put("/owned", {}), "/owned on their own"),
        (replace(put("/owned", None), action="remove"), "/owned on their own"),
        (replace(put("/step", None), action="remove"), "allows"),
    ],
    ids=lambda c: f"{c.pointer}={c.action}:{json.dumps(c.value)[:40]}" if isinstance(c, Case) else "",
)
def test_what_an_honest_server_may_take_is_left_out(ground: dict[str, Ground], case: Case, why: str) -> None:
    assert why in objection(ground["createThing"], case)


def test_a_further_member_is_refused_only_where_the_contract_closes_the_object(ground: dict[str, Ground]) -> None:
    closed = replace(ground["createThing"], body={**ground["createThing"].body})
    assert objection(closed, put("/closed/further", 42, "object_unexpected_properties")) == ""
    assert objection(closed, put("/closed/further", 42)) != ""


def test_an_item_of_a_batch_is_answered_by_itself(ground: dict[str, Ground]) -> None:
    assert "status of its own" in objection(ground["batch"], put("/items/0/do", "AAA", "invalid_enum_value", "batch"))
    assert objection(ground["batch"], put("/items", 0, operation="batch")) == ""


@pytest.mark.parametrize(
    "case",
    [
        asked("limit", "AAA"),
        asked("limit", "0"),
        asked("limit", "101"),
        asked("order", "AAA"),
        asked("full", "AAA"),
        asked("full", "2"),
        asked("since", "not valid"),
        asked("code", "not valid"),
        asked("order", None, "remove"),
        asked("ids", "AAA"),
        asked("word", "aaaaaa"),
    ],
    ids=lambda c: f"{c.pointer}={c.value}",
)
def test_a_query_that_is_invalid_as_read_off_the_wire_is_kept(ground: dict[str, Ground], case: Case) -> None:
    assert objection(ground["listThings"], case) == ""


@pytest.mark.parametrize(
    ("case", "why"),
    [
        (asked("text", "0"), 'read as "0"'),
        (asked("text", "null"), "absent"),
        (asked("limit", "5.0"), "read as 5"),
        (asked("limit", "+5"), "read as 5"),
        (asked("limit", "0.5e1"), "read as 5"),
        (asked("limit", "1.9"), "read as 1"),
        (asked("limit", ""), "absent"),
        (asked("limit", None, "remove"), "may be left out"),
        (asked("full", "1"), "read as true"),
        (asked("full", "TRUE"), "read as true"),
        (asked("order", "UP"), 'read as "up"'),
        (asked("order", ["up", "down"]), "several values"),
        (asked("since", "0"), 'read as "1970'),
        (asked("code", "abc"), 'read as "ABC"'),
        (asked("ids", "1,2"), "read as [1.0, 2.0]"),
        (asked("further", "1"), "does not describe"),
    ],
    ids=lambda c: f"{c.pointer}={c.value}" if isinstance(c, Case) else "",
)
def test_a_query_that_the_wire_may_mend_is_left_out(ground: dict[str, Ground], case: Case, why: str) -> None:
    assert why in objection(ground["listThings"], case)


def test_every_reading_differs_from_what_was_sent() -> None:
    for value in (None, True, 0, 1.5, "", "1", "AAA", [], [None], ["a"], {}, {"a": None}):
        assert all(type(r) is not type(value) or r != value for r in readings(value))
    assert wire_readings("a")[0] == "a"


# -- from ideas to cases -----------------------------------------------------------------------------------------------


def whole(ground: Ground, **members: Any) -> Idea:
    """Return an idea: the example with other members."""
    return Idea(operation="createThing", scenario="incorrect_type", place="body", value={**ground.body, **members})


def test_the_one_invalid_place_of_an_idea_is_found(ground: dict[str, Ground]) -> None:
    one = ground["createThing"]
    found = edits(one, whole(one, parts=[{"id": "AAA", "note": ""}]))
    assert [(c.pointer, c.action, c.value) for c in found] == [("/parts/0/id", "replace", "AAA")]


def test_a_left_out_member_is_removed(ground: dict[str, Ground]) -> None:
    one = ground["createThing"]
    idea = replace(whole(one), value={k: v for k, v in one.body.items() if k != "kind"})
    assert [(c.pointer, c.action) for c in edits(one, idea)] == [("/kind", "remove")]


def test_an_idea_with_two_invalid_places_is_none(ground: dict[str, Ground]) -> None:
    one = ground["createThing"]
    assert edits(one, whole(one, size="AAA", on="AAA")) == []
    assert edits(one, whole(one)) == []


def test_a_number_stays_when_a_rule_takes_another_value_away(ground: dict[str, Ground]) -> None:
    one = ground["createThing"]
    kept, left_out = sorted_out(one, [whole(one, name=12), whole(one, name={}), whole(one, name={}), whole(one, name=None)])
    assert [c.id for c in kept] == ["createThing:incorrect_type:/name:2", "createThing:incorrect_type:/name:3"]
    assert [c.id for c, _ in left_out] == ["createThing:incorrect_type:/name:1"]


def test_the_budget_keeps_every_pair_of_scenario_and_place() -> None:
    cases = [replace(put(f"/{n}", v), id=f"{n}:{v}") for n in range(60) for v in range(5)]
    chosen = within_budget(cases)
    assert len(chosen) == BUDGET
    assert {c.pointer for c in chosen} == {c.pointer for c in cases}
    assert chosen == [c for c in cases if c in chosen]
    assert len(within_budget(cases, 10)) == 60


def test_an_example_that_contradicts_its_contract_is_named(tmp_path: Path) -> None:
    profile = small(tmp_path)
    wrong = replace(profile.resource("thing"), example={**EXAMPLE, "size": 0})
    broken = replace(profile, bindings=replace(profile.bindings, resources={"thing": wrong}))
    with pytest.raises(UsageError, match="example of createThing: /size"):
        grounds(broken, ["createThing"])


def test_disruptive_and_switched_off_operations_have_no_cases(tmp_path: Path) -> None:
    profile = small(tmp_path)
    wanted = operations_asked(tmp_path / "profiles/small/1.yaml")
    assert "quiet" not in wanted
    assert [g.operation.id for g in grounds(profile, wanted)] == ["listThings", "createThing", "replaceThing", "batch"]


# -- the generator -----------------------------------------------------------------------------------------------------


def test_the_generator_has_an_idea_for_every_rule_that_can_be_broken(standard: Profile, ground: dict[str, Ground]) -> None:
    wanted = ("listThings", "createThing")
    ideas = ideas_of({name: slice_of(seen_from(standard.contract.document, "request"), standard.operation(name)) for name in wanted})
    cases = [c for name in wanted for c in sorted_out(ground[name], ideas[name])[0]]
    found = {(c.scenario, c.place, c.pointer) for c in cases}
    assert found >= {
        ("incorrect_type", "body", ""),
        ("incorrect_type", "body", "/name"),
        ("incorrect_type", "body", "/parts/0/id"),
        ("incorrect_type", "query", "limit"),
        ("object_missing_required_property", "body", "/name"),
        ("object_missing_required_property", "body", "/parts/0/id"),
        ("string_below_min_length", "body", "/name"),
        ("string_above_max_length", "body", "/name"),
        ("string_above_max_length", "query", "word"),
        ("invalid_enum_value", "body", "/kind"),
        ("invalid_enum_value", "query", "order"),
        ("value_above_maximum", "body", "/size"),
        ("value_below_minimum", "body", "/size"),
        ("value_below_minimum", "query", "limit"),
        ("not_multiple_of", "body", "/step"),
        ("invalid_format", "body", "/when"),
        ("invalid_format", "query", "since"),
        ("invalid_pattern", "body", "/tags/0"),
        ("invalid_pattern", "query", "code"),
        ("array_below_min_items", "body", "/tags"),
        ("array_above_max_items", "body", "/tags"),
        ("non_unique_items", "body", "/tags"),
        ("missing_parameter", "query", "order"),
    }
    assert not [c for c in cases if c.pointer == "text" or c.pointer.startswith(("/id", "/mail", "/owned", "/long"))]


def test_a_slice_holds_one_operation_and_what_it_refers_to(standard: Profile) -> None:
    part = slice_of(seen_from(standard.contract.document, "request"), standard.operation("createThing"))
    assert list(part["paths"]) == ["/things"]
    assert [k for k in part["paths"]["/things"] if k != "parameters"] == ["post"]
    assert list(part["components"]["schemas"]) == ["Thing"]


def test_a_generator_that_breaks_is_our_fault() -> None:
    with pytest.raises(TestbedError, match="the generator ended"):
        ideas_of({"x": {"openapi": "no"}})


def test_no_run_of_checks_imports_the_generator() -> None:
    ours = "schemathesis", "conformance.planning.generate"
    program = f"import sys, conformance.cli.main, conformance.pytest_plugin; print([m for m in sys.modules if m.startswith({ours!r})])"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# -- what is shipped ---------------------------------------------------------------------------------------------------


def test_the_hash_seed_changes_nothing() -> None:
    profile, _ = shipped("dmtf-redfish@2025.4")
    made = generated(profile, operations_asked(file_of("dmtf-redfish@2025.4").with_name("2025.4.yaml")), hash_seed="4711")
    assert made == file_of("dmtf-redfish@2025.4").read_text()


@pytest.mark.slow
def test_what_is_shipped_is_what_a_clean_process_makes(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONHASHSEED": "99", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "conformance.planning.generate", *SHIPPED, "--check"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", SHIPPED)
def test_the_first_line_tells_what_made_the_file(name: str) -> None:
    profile, _ = shipped(name)
    header = corpus_header(file_of(name))
    text = file_of(name).read_text()
    lines = text.partition("\n")[2]
    assert header["profile"] + "@" + header["edition"] == name
    assert (header["contract"], header["bindings"]) == (profile.digests["contract"], profile.digests["bindings"]), "run `make corpus`"
    assert header["cases"] == len(lines.splitlines())
    assert header["sha256"] == hashlib.sha256(lines.encode()).hexdigest()
    assert not {"python", "date"} & set(header)


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_case_is_sound_and_readable(name: str) -> None:
    profile, by_operation = shipped(name)
    cases = [c for found in profile.cases.values() for c in found]
    assert len({c.id for c in cases}) == len(cases)
    for case in cases:
        assert case.id.startswith(f"{case.operation}:{case.scenario}:")
        assert re.fullmatch(r"[ -~]+", case.id)
        assert case.mode == "negative"
        assert objection(by_operation[case.operation], case) == ""
    assert all(len(found) <= BUDGET for found in profile.cases.values())


def second_validator(profile: Profile, pointer: str) -> jsonschema.protocols.Validator:
    """Return a validator of the request schema at *pointer* that shares no code with the one that decides."""
    formats = jsonschema.FormatChecker(formats=())
    for name, read in {
        "date-time": lambda t: datetime.fromisoformat(t) if "T" in t.upper() else date(0, 0, 0),
        "date": date.fromisoformat,
        "ipv4": IPv4Address,
        "ipv6": IPv6Address,
        "uuid": uuid.UUID,
        "uri": lambda t: urlsplit(t).scheme[0],
        "json-pointer": lambda t: not t or {"/": t}[t[0]],
    }.items():
        assert name in ASSERTED_FORMATS
        formats.checks(name, raises=Exception)(lambda value, read=read: not isinstance(value, str) or (read(value), True)[1])
    resource = DRAFT202012.create_resource(seen_from(profile.contract.document, "request"))
    registry: Registry[Any] = Registry().with_resource("urn:second", resource)
    return jsonschema.Draft202012Validator({"$ref": f"urn:second#{pointer}"}, registry=registry, format_checker=formats)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_second_validator_agrees_on_every_body(name: str) -> None:
    profile, by_operation = shipped(name)
    for operation, cases in profile.cases.items():
        one = by_operation[operation]
        second = second_validator(profile, one.operation.request_schema)
        assert second.is_valid(one.body), operation
        assert not one.breaks(one.body), operation
        for case in cases:
            if case.place == "body":
                spoilt = edited(one.body, case)
                assert not second.is_valid(spoilt), case.id
                assert one.breaks(spoilt), case.id

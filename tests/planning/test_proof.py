"""A contract is proved against the pinned document: every planted difference is found, a listed one is not reported, nothing else is."""

from __future__ import annotations

import copy
import json
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conformance.cli.specs import feedback, markdown, standards_page, verify
from conformance.errors import UsageError
from conformance.loading.dialect import read_description
from conformance.loading.profiles import Shelf
from conformance.loading.sources import chosen, contracts_on, read_source
from conformance.planning.breaking import breakages
from conformance.planning.proof import Proof, prove, table, unproved
from conformance.planning.sampling import Sampler, Unmakeable, matching
from conformance.planning.shapes import Shape
from conformance.schema import Schemas
from conformance.source import Deviation, Source, modern_pointer
from tests.pinned import upstream

__all__ = ["upstream"]
LIBRARY = Path(__file__).parent.parent / "data" / "library.openapi.yaml"
DOCS = Path(__file__).parent.parent.parent / "docs"
Change = Callable[[dict[str, Any]], Any]


def source(*deviations: Deviation) -> Source:
    """Return an origin with these deviations."""
    return Source(
        standard="library", edition="1", title="Library", publisher="Us", licence="x", url="", documents=("library.openapi.yaml",),
        sha256=("0",), deviations=deviations,
    )  # fmt: skip


def deviation(pointer: str) -> Deviation:
    """Return a deviation at a place."""
    return Deviation(pointer=pointer, theirs="a", ours="b", kind="defect", reason="because")


THEIRS = read_description(LIBRARY)


def proved(change: Change | None = None, *deviations: Deviation, samples: int = 5) -> Proof:
    """Return the proof of a copy of the document, folded and changed, against the document."""
    ours = copy.deepcopy(THEIRS.folded().document)
    if change:
        change(ours)
    return prove(source(*deviations), ours, THEIRS.document, base=THEIRS.base, samples=samples)


def part(document: dict[str, Any], name: str) -> Any:
    """Return a component schema."""
    return document["components"]["schemas"][name]


def schemas(document: dict[str, Any]) -> Any:
    """Return the component schemas."""
    return document["components"]["schemas"]


def at(document: dict[str, Any], path: str, method: str) -> Any:
    """Return an operation of the folded document."""
    return document["paths"][f"/api/v2{path}"][method]


def test_a_faithful_contract_has_no_difference() -> None:
    """Nothing is reported, every broken body is refused, and bodies were really made."""
    proof = proved()
    assert proof.differences == ()
    assert proof.tightness == 1.0
    assert proof.refused > 30
    assert proof.samples > 100
    assert proof.unmade == 0


def test_the_base_path_may_stand_in_the_paths_or_not() -> None:
    """Both are the same operations."""
    assert prove(source(), THEIRS.document, THEIRS.document, base=THEIRS.base, samples=2).differences == ()


S, P = "/components/schemas/", "/paths/~1"
#: what is done to the contract -> where it is found, as a component of the document where there is one
CHANGES: list[tuple[str, Change, str]] = [
    (
        "a path of ours alone",
        lambda d: d["paths"].update({"/api/v2/new": {"get": {"operationId": "n", "responses": {}}}}),
        P + "new",
    ),
    (
        "a method of ours alone",
        lambda d: d["paths"]["/api/v2/rooms"].update(put={"operationId": "n", "responses": {}}),
        P + "rooms/put",
    ),
    (
        "a parameter of ours alone",
        lambda d: at(d, "/rooms", "get").update(parameters=[{"name": "q", "in": "query", "schema": {}}]),
        P + "rooms/get/parameters/q",
    ),
    (
        "a parameter made required",
        lambda d: at(d, "/books", "get")["parameters"][0].update(required=True),
        P + "books/get/parameters/limit/required",
    ),
    (
        "another bound of a parameter",
        lambda d: at(d, "/books", "get")["parameters"][0]["schema"].update(maximum=50),
        P + "books/get/parameters/limit/maximum",
    ),
    (
        "another type of a parameter",
        lambda d: at(d, "/books", "get")["parameters"][0]["schema"].update(type="string"),
        P + "books/get/parameters/limit/type",
    ),
    (
        "a status of success left out",
        lambda d: at(d, "/rooms", "post")["responses"].pop("201"),
        P + "rooms/post/responses/201",
    ),
    (
        "a status of ours alone",
        lambda d: at(d, "/rooms", "post")["responses"].update({"409": {"description": "x"}}),
        P + "rooms/post/responses/409",
    ),
    (
        "a media type left out",
        lambda d: at(d, "/rooms", "get")["responses"]["200"].pop("content"),
        P + "rooms/get/responses/200/content/application~1json",
    ),
    (
        "a header made required",
        lambda d: at(d, "/books", "post")["responses"]["201"]["headers"]["Location"].update(required=True),
        P + "books/post/responses/201/headers/Location",
    ),
    (
        "a body made optional",
        lambda d: at(d, "/rooms", "post")["requestBody"].pop("required"),
        P + "rooms/post/requestBody/required",
    ),
    (
        "another request media type",
        lambda d: at(d, "/rooms", "post")["requestBody"].update(content={"text/csv": {}}),
        P + "rooms/post/requestBody/content/text~1csv",
    ),
    (
        "a member made optional",
        lambda d: part(d, "BookPage").update(required=["items"]),
        S + "BookPage/required",
    ),
    (
        "a member made required",
        lambda d: part(d, "Room").update(required=["name", "door"]),
        S + "Room/required",
    ),
    (
        "a value of an enum left out",
        lambda d: part(d, "NewBook")["properties"]["kind"].update(enum=["novel"]),
        S + "NewBook/properties/kind/enum",
    ),
    (
        "another type",
        lambda d: part(d, "BookPage")["properties"]["total"].update(type="string"),
        S + "BookPage/properties/total/type",
    ),
    (
        "null forbidden",
        lambda d: part(d, "NewBook")["properties"]["subtitle"].update(type="string"),
        S + "NewBook/properties/subtitle/type",
    ),
    (
        "another bound",
        lambda d: part(d, "NewBook")["properties"]["pages"].update(exclusiveMinimum=1),
        S + "NewBook/properties/pages/exclusiveMinimum",
    ),
    (
        "a bound of nought",
        lambda d: part(d, "NewBook").update(properties={**part(d, "NewBook")["properties"], "pages": {"type": "integer", "minimum": 0}}),
        S + "NewBook/properties/pages",
    ),
    (
        "a pattern left out",
        lambda d: part(d, "Room")["properties"]["door"].pop("pattern"),
        S + "Room/properties/door/pattern",
    ),
    (
        "a format left out",
        lambda d: part(d, "Book")["allOf"][1]["properties"]["created"].pop("format"),
        S + "Book/allOf/1/properties/created/format",
    ),
    (
        "an object closed",
        lambda d: part(d, "Room").update(additionalProperties=False),
        S + "Room/additionalProperties",
    ),
    (
        "a member left out",
        lambda d: part(d, "BookPage")["properties"].pop("total"),
        S + "BookPage/properties/total",
    ),
    (
        "a member of ours alone",
        lambda d: part(d, "Room")["properties"].update(floor={"type": "integer"}),
        S + "Room/properties/floor",
    ),
    (
        "other values of a map",
        lambda d: part(d, "Statistics").update(additionalProperties={"type": "string"}),
        S + "Statistics/additionalProperties/type",
    ),
]


@pytest.mark.parametrize(("change", "pointer"), [c[1:] for c in CHANGES], ids=[c[0] for c in CHANGES])
def test_each_difference_is_found_and_can_be_listed(change: Change, pointer: str) -> None:
    """Whatever is changed in the contract is reported at its place, and gone from the report once it is listed there."""
    proof = proved(change)
    assert proof.unlisted
    assert any(p.startswith(pointer) for d in proof.unlisted for p in d.pointers), [d.pointers for d in proof.unlisted]
    assert any(d.aspect == "structure" for d in proof.unlisted)
    listed = proved(change, deviation(pointer))
    assert not listed.unlisted, [(d.aspect, d.pointers) for d in listed.unlisted]
    assert listed.differences
    assert not listed.unmet


def test_what_structure_does_not_see_the_samples_do() -> None:
    """Alternatives are not compared word by word: bodies made from one side and held against the other tell."""

    def change(document: dict[str, Any]) -> None:
        schemas(document)["Room"]["properties"]["door"] = {"anyOf": [{"type": "string", "maxLength": 50}, {"type": "integer"}]}

    aspects = {d.aspect for d in proved(change, samples=20).unlisted}
    assert {"soundness", "tightness"} <= aspects


def test_requests_are_held_both_ways() -> None:
    """What ours allow and theirs refuse, and what ours refuse and theirs allow."""
    tighter = proved(lambda d: schemas(d)["BookChange"].update(required=["title"]), samples=10)
    assert any(d.aspect == "soundness" and d.theirs == "what theirs allows, ours refuses" for d in tighter.unlisted)
    looser = proved(lambda d: schemas(d)["NewBook"].update(required=[]), samples=10)
    assert any(d.aspect == "soundness" and d.theirs == "what ours allows, theirs refuses" for d in looser.unlisted)


def test_leaving_out_what_the_profile_does_not_need_is_no_difference() -> None:
    """Operations, optional parameters, error statuses, members of requests."""

    def change(document: dict[str, Any]) -> None:
        del document["paths"]["/api/v2/rooms"]
        at(document, "/books", "get")["parameters"].pop()
        at(document, "/books", "post")["responses"].pop("422")
        schemas(document)["BookChange"]["properties"].pop("description")

    proof = proved(change)
    assert proof.unlisted == ()
    assert proof.left_out


def test_the_same_seed_proves_the_same() -> None:
    """A proof is a function of its inputs."""

    def change(document: dict[str, Any]) -> None:
        schemas(document)["Room"]["properties"]["name"]["maxLength"] = 3

    assert proved(change) == proved(change)


# -- deviations


@pytest.mark.parametrize(
    ("pointer", "place", "absence", "covers"),
    [
        ("/components/schemas/A", "/components/schemas/A/properties/b/type", False, True),
        ("/components/schemas/A", "/components/schemas/AB/type", False, False),
        ("/components/schemas/*/required", "/components/schemas/A/required", False, True),
        ("/components/schemas/**/additionalProperties", "/components/schemas/A/properties/b/additionalProperties", False, True),
        ("/paths", "/paths/~1a/get/responses/200", True, False),
        ("/paths", "/paths/~1a", True, True),
        ("/paths/*/get/responses", "/paths/~1a/get/responses/200", True, True),
        ("/paths/*/get/responses", "/paths/~1a/get/responses/200/content/x/schema/type", False, False),
        ("/components/schemas", "/components/schemas/A/type", False, False),
        ("/components/schemas/**/properties", "/components/schemas/A/properties/b", True, True),
        ("/components/schemas/**/properties", "/components/schemas/A/properties/b/type", False, False),
        ("/components/schemas/A/properties/properties", "/components/schemas/A/properties/properties/type", False, True),
        ("/definitions/A", "/components/schemas/A/type", False, True),
        ("/responses/R/schema", "/components/responses/R/content/application~1json/schema/type", False, True),
        ("/paths/~1a/get/responses/404/schema", "/paths/~1a/get/responses/404/content/application~1json/schema/type", False, True),
    ],
)
def test_a_deviation_covers_what_it_says_and_no_more(pointer: str, place: str, absence: bool, covers: bool) -> None:
    """By prefix, with wildcards; a container speaks of what it holds, not of the contents; Swagger's own terms are understood."""
    assert deviation(pointer).covers(place, absence) is covers


def test_the_nearest_deviation_explains() -> None:
    """A close one before a wide one, and one that explains nothing is told."""
    near, wide, idle = (
        deviation("/components/schemas/Room/required"),
        deviation("/components/schemas/Room"),
        deviation("/components/schemas/Book"),
    )
    proof = proved(lambda d: schemas(d)["Room"].update(required=[]), wide, near, idle)
    assert {d.listed for d in proof.differences if d.aspect == "structure"} == {near}
    assert idle in proof.unmet


def test_pointers_of_swagger_have_a_modern_form() -> None:
    """Definitions, shared answers and their schemas."""
    assert modern_pointer("/definitions/a/properties/definitions") == "/components/schemas/a/properties/definitions"
    assert modern_pointer("/paths/~1x/get/parameters/0") == "/paths/~1x/get/parameters/0"


# -- the tools


SHAPES: list[dict[str, Any]] = [
    {"type": "string", "minLength": 3, "maxLength": 5},
    {"type": "string", "pattern": "^(?:[0-9]{1,3}\\.){3}[0-9]{1,3}$"},
    {"type": "string", "pattern": "^[^a-z]+(x|y)\\w*$", "minLength": 4},
    {"type": "string", "format": "date-time"},
    {"type": "string", "format": "uuid"},
    {"type": "integer", "exclusiveMinimum": 3, "exclusiveMaximum": 5},
    {"type": "number", "minimum": 0.5, "maximum": 0.75},
    {"type": "integer", "multipleOf": 7, "minimum": 8},
    {"type": "array", "items": {"enum": [1, 2, 3]}, "minItems": 2, "uniqueItems": True},
    {"type": "array", "contains": {"const": "x"}, "minItems": 2},
    {"type": "object", "additionalProperties": {"type": "integer"}, "minProperties": 2},
    {"type": "object", "required": ["a"], "properties": {"a": {"$ref": "#/components/schemas/Tree"}}, "additionalProperties": False},
    {"type": "object", "patternProperties": {"^x-[a-z]+$": {"type": "boolean"}}, "additionalProperties": False},
    {"oneOf": [{"type": "string", "maxLength": 2}, {"type": "object", "required": ["k"]}, {"type": "null"}]},
    {"allOf": [{"type": "object", "required": ["a"]}, {"properties": {"a": {"type": "string"}}}]},
    {"anyOf": [{"type": "string"}, {"type": "null"}]},
    {"enum": ["a", 1, None]},
    {"const": {"a": 1}},
    {"type": ["integer", "null"]},
    {},
]
#: Shapes that allow, or are given, a single value.
ALONE: list[dict[str, Any]] = [
    {"const": {"a": 1}},
    {"type": "integer", "exclusiveMinimum": 3, "exclusiveMaximum": 5},
    {"type": "integer", "multipleOf": 7, "minimum": 8},
]
KIDS = {"type": "array", "items": {"$ref": "#/components/schemas/Tree"}}
TREE = {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}, "kids": KIDS}}


def document_of(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a document that holds one schema."""
    return {"components": {"schemas": {"S": schema, "Tree": TREE}}}


@pytest.mark.parametrize("schema", SHAPES, ids=json.dumps)
def test_what_is_made_is_allowed(schema: dict[str, Any]) -> None:
    """The smallest, the fullest and many chance values of each shape satisfy their schema, and differ."""
    document = document_of(schema)
    shape, judge = Shape.at(document, schema), Schemas(document)
    for seed, extent in enumerate(("least", "full", *["chance"] * 30)):
        value = Sampler(seed, extent=extent).value(shape)  # type: ignore[arg-type]
        assert judge.is_valid("/components/schemas/S", value), value
    values = [json.dumps(Sampler(n).value(shape)) for n in range(40)]
    assert len(set(values)) > 1 or schema in ALONE
    assert values == [json.dumps(Sampler(n).value(shape)) for n in range(40)]


def test_what_never_ends_cannot_be_made() -> None:
    """A schema that requires itself, one that allows nothing."""
    endless = {"type": "object", "required": ["a"], "properties": {"a": {"$ref": "#/components/schemas/S"}}}
    for schema in (endless, {"not": {}, "enum": []}):
        with pytest.raises(Unmakeable):
            Sampler(1, extent="least").value(Shape.at(document_of(schema), schema))


@pytest.mark.parametrize("pattern", [r"^\d{3}-[A-F]+$", r"^(a|b)\1x$", r"[^\W_]{2,}", r"^(?!x)[a-z]{3}$", r"\S+@\S+", r"^.{5}$", r"^$"])
def test_a_text_for_a_pattern(pattern: str) -> None:
    """What is made for a regular expression is matched by it."""
    for n in range(20):
        assert re.search(pattern, str(Sampler(n).value(Shape.at({}, {"type": "string", "pattern": pattern}))))
    with pytest.raises(Unmakeable):
        matching("(", random.Random(1))


def test_each_breakage_breaks_one_place_and_mends_it() -> None:
    """The body is as before afterwards, and every keyword of the shape is broken."""
    schema = schemas(THEIRS.document)["NewBook"]
    judge = Schemas(THEIRS.document)
    shape = Shape.at(THEIRS.document, {"$ref": "#/components/schemas/NewBook"})
    holder = [Sampler(1, extent="full").value(shape)]
    before = copy.deepcopy(holder)
    broken = set()
    for one in breakages(shape, holder):
        with one:
            assert not judge.is_valid("/components/schemas/NewBook", holder[0]), one
            broken.add(one.keyword)
        assert holder == before
    assert broken == {"type", "required", "enum", "minLength", "maxLength", "exclusiveMinimum"}
    assert schema["required"]


# -- the whole


def test_without_a_document_there_is_nothing_to_compare() -> None:
    """Such a contract stands in the table and says so."""
    proof = unproved(source())
    assert table([proof])[1][-1] == "authored: nothing to compare"
    assert markdown(table([proof])).splitlines()[1] == "|---|---:|---:|---:|---:|---:|---:|---|"


def test_another_document_than_the_pinned_one_is_refused(tmp_path: Path) -> None:
    """The digest in source.yaml names the one that was compared."""
    folder = tmp_path / "library" / "1"
    folder.mkdir(parents=True)
    head = "standard: library, edition: '1', title: L, publisher: P, licence: x, url: ''"
    text = f"{{{head}, document: library.openapi.yaml, sha256: '0', deviations: []}}"
    (folder / "source.yaml").write_text(text)
    with pytest.raises(UsageError, match="is another document"):
        verify({"library/1": folder}, LIBRARY.parent)
    with pytest.raises(UsageError, match="no folder"):
        verify({"library/1": folder}, None)


def test_feedback_tells_what_is_wrong_and_nothing_else() -> None:
    """Defects and ambiguities by publisher; what we narrowed on purpose is our affair."""
    narrowed = Deviation(pointer="/x", theirs="much", ours="little", kind="narrowed", reason="enough")
    told = feedback([source(deviation("/components/schemas/A"), narrowed)])
    assert "# Us" in told
    assert "`/components/schemas/A`" in told
    assert "enough" not in told
    assert feedback([source(narrowed)]) == "Nothing to tell.\n"


def test_every_source_is_readable() -> None:
    """Each contract of ours says where it comes from, under its own name."""
    for name, folder in contracts_on(Shelf.standard()).items():
        assert read_source(folder / "source.yaml").name == name


@pytest.mark.parametrize("name", contracts_on(Shelf.standard()))
def test_every_contract_is_proved(name: str, upstream: Path) -> None:
    """No difference between a contract of ours and its pinned document is unlisted."""
    [proof] = verify(chosen([name], Shelf.standard()), upstream)
    assert [(d.operation, d.pointer, d.theirs, d.ours) for d in proof.unlisted] == []


@pytest.mark.slow
def test_every_contract_is_proved_with_many_samples(upstream: Path) -> None:
    """The same with ten times as many bodies."""
    proofs = verify(contracts_on(Shelf.standard()), upstream, samples=200)
    assert [(p.source.name, d.operation, d.pointer, d.theirs, d.ours) for p in proofs for d in p.unlisted] == []


@pytest.mark.slow
def test_the_page_of_standards_is_fresh(upstream: Path) -> None:
    """docs/standards.md is what the command writes: CONFORMANCE_UPSTREAM=… python -m conformance.cli.specs --table > docs/standards.md."""
    assert (DOCS / "standards.md").read_text("utf-8") == standards_page(Shelf.standard(), upstream)

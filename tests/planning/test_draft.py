"""A standard is drafted from its description: names and types stay, prose goes, patterns are recognised, everything loads and runs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from conformance.cli.specs import write_draft
from conformance.errors import UsageError
from conformance.loading.dialect import convert, read_description
from conformance.loading.plain_yaml import parse_yaml, read_yaml
from conformance.loading.profiles import Shelf, load_profile
from conformance.loading.sources import read_source
from conformance.planning.carving import Wanted
from conformance.planning.draft import Draft, draft
from conformance.planning.examples import STANDS_FOR, filled
from conformance.planning.naming import operation_id
from conformance.planning.proof import prove
from conformance.planning.slicing import each_operation, reach, sliced, stripped
from conformance.profile import Profile
from conformance.writers.plain_yaml import yaml_text
from tests.pinned import descriptions, upstream

__all__ = ["upstream"]
LIBRARY = Path(__file__).parent.parent / "data" / "library.openapi.yaml"


def wanted(**more: Any) -> Wanted:
    """Return what to draft."""
    return Wanted(**{"name": "library", "edition": "1.0", "title": "Library", "interface": 3, **more})


def of(raw: Mapping[str, Any], tmp_path: Path, **more: Any) -> Draft:
    """Return the draft of a document."""
    file = tmp_path / "api.json"
    file.write_text(json.dumps(raw))
    found = convert(file, json.loads(file.read_text()))
    return draft(found.folded().document, wanted(**more), base=found.base, notes=found.notes)


def loaded(made: Draft, folder: Path, **more: Any) -> Profile:
    """Write a draft and load it as a profile."""
    one = wanted(**more)
    write_draft(made, one, folder, force=True)
    return load_profile(f"{one.name}@{one.edition}", Shelf.standard(folder / "profiles", folder / "specs"))


@pytest.fixture
def library() -> Draft:
    """The draft of the library."""
    found = read_description(LIBRARY)
    return draft(found.folded().document, wanted(), base=found.base, notes=found.notes)


def api(*operations: tuple[str, str, dict[str, Any]], **schemas: Any) -> dict[str, Any]:
    """Return a document of a few operations: path, method, raw operation."""
    paths: dict[str, Any] = {}
    for path, method, raw in operations:
        paths.setdefault(path, {})[method] = {"responses": {"200": {"description": "x"}}, **raw}
    return {"openapi": "3.1.0", "info": {"title": "T", "version": "1"}, "paths": paths, "components": {"schemas": schemas}}


def shows(schema: Any, status: str = "200", **more: Any) -> dict[str, Any]:
    """Return the answers of an operation that shows a body."""
    return {"responses": {status: {"description": "x", "content": {"application/json": {"schema": schema}}, **more}}}


def takes(schema: Any) -> dict[str, Any]:
    """Return the request body of an operation."""
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


THING = {"type": "object", "required": ["name"], "properties": {"id": {"type": "string", "readOnly": True}, "name": {"type": "string"}}}


# -- the contract


def test_no_prose_reaches_the_contract(library: Draft) -> None:
    """Descriptions, titles, examples and extensions of the document stay behind; a member called `example` does not."""
    text = json.dumps(library.contract)
    assert "Prose" not in text
    assert "deprecated" not in text
    assert library.contract["components"]["schemas"]["NewBook"]["properties"]["example"] == {"type": "string"}


def test_names_types_and_values_stay(library: Draft) -> None:
    """The schemas are those of the document in the new dialect."""
    book = library.contract["components"]["schemas"]["NewBook"]
    assert book["required"] == ["title", "pages", "kind"]
    assert book["properties"]["pages"] == {"type": "integer", "exclusiveMinimum": 0}
    assert book["properties"]["subtitle"] == {"type": ["string", "null"]}
    assert "/api/v2/books/{id}" in library.contract["paths"]


def test_every_operation_has_an_id_in_lower_camel_case(library: Draft) -> None:
    """An id is kept, respelled, or made from method and path without the base."""
    ids = {raw["operationId"] for _, _, raw in each_operation(library.contract)}
    assert {"getStatus", "listBooks", "patchBooksById"} <= ids


@pytest.mark.parametrize(
    ("said", "method", "path", "made"),
    [
        ("getThing", "get", "/x", "getThing"),
        ("list_things", "get", "/x", "listThings"),
        ("AppInstances.POST", "post", "/x", "appInstancesPost"),
        ("servers/list:get", "get", "/x", "serversListGet"),
        ("", "delete", "/v1/my-things/{thingId}/parts", "deleteMyThingsByThingIdParts"),
        ("2fa", "get", "/x", "operation2Fa"),
    ],
)
def test_an_operation_id_is_readable(said: str, method: str, path: str, made: str) -> None:
    """Whatever the document calls it, the id is one word in lowerCamelCase."""
    assert operation_id({"operationId": said}, path, method, "/v1").lower() == made.lower()


def test_two_operations_never_share_a_requirement(tmp_path: Path) -> None:
    """Ids that differ in spelling only are told apart."""
    made = of(api(("/a", "get", {"operationId": "get_a"}), ("/b", "get", {"operationId": "getA"})), tmp_path)
    assert [raw["operationId"] for _, _, raw in each_operation(made.contract)] == ["getA", "getA2"]


def test_a_slice_holds_what_its_operations_reach_and_no_more(library: Draft) -> None:
    """References are followed to the end; what nothing refers to is left out."""
    found = read_description(LIBRARY)
    made = draft(found.folded().document, wanted(operations=("listBooks", "GET /api/v2/status")), base=found.base)
    assert set(made.contract["paths"]) == {"/api/v2/books", "/api/v2/status"}
    assert set(made.contract["components"]["schemas"]) == {"BookPage", "Book", "NewBook", "Problem"}


def test_a_path_prefix_may_hold_the_base_or_not() -> None:
    """Both spellings choose the same operations, whole segments only."""
    found = read_description(LIBRARY)
    for prefix in ("/rooms", "/api/v2/rooms/"):
        made = draft(found.folded().document, wanted(path_prefix=prefix), base=found.base)
        assert set(made.contract["paths"]) == {"/api/v2/rooms", "/api/v2/rooms/{id}"}
    with pytest.raises(UsageError, match="no such operation"):
        draft(found.folded().document, wanted(path_prefix="/room"), base=found.base)


def test_an_unknown_operation_is_told_with_a_hint() -> None:
    """A slip of the pen is a usage error."""
    found = read_description(LIBRARY)
    with pytest.raises(UsageError, match="did you mean 'listBooks'"):
        draft(found.folded().document, wanted(operations=("listBoks",)), base=found.base)


def test_ids_of_several_kinds_get_names_of_their_own(library: Draft) -> None:
    """The bindings know by its name which kind of thing a path parameter is about, deeper in the path too."""
    assert "/api/v2/rooms/{roomId}" in library.contract["paths"]
    assert "/api/v2/books/{id}/lend" in library.contract["paths"]


def test_a_path_parameter_is_declared_once_for_all_methods(tmp_path: Path) -> None:
    """Whether the document declares it at the path or at each method."""
    parameter = {"name": "id", "in": "path", "required": True, "schema": {"type": "string", "format": "uuid"}}
    raw = api(("/a/{id}", "get", {"parameters": [parameter]}), ("/a/{id}", "delete", {"parameters": [parameter]}), ("/b/{x}", "get", {}))
    paths = of(raw, tmp_path).contract["paths"]
    assert paths["/a/{id}"]["parameters"] == [parameter]
    assert paths["/b/{x}"]["parameters"] == [{"name": "x", "in": "path", "required": True, "schema": {"type": "string"}}]


def test_stripping_knows_names_from_keywords() -> None:
    """Members and components may be called like prose."""
    schema = {
        "title": "T",
        "properties": {"title": {"type": "string", "title": "T"}, "description": {"enum": [{"title": "kept"}]}},
        "x-a": 1,
    }
    kept = {"title": {"type": "string"}, "description": {"enum": [{"title": "kept"}]}}
    assert stripped(schema) == {"properties": kept}


def test_reach_follows_members_called_like_keywords() -> None:
    """A member called `links` is not the links of an answer."""
    document = api(A={"properties": {"links": {"$ref": "#/components/schemas/B"}}}, B={"type": "string"})
    assert reach(document, [{"$ref": "#/components/schemas/A"}]) == {"#/components/schemas/A", "#/components/schemas/B"}
    assert sliced(document, set())["components"] == {}


# -- bindings


def test_collections_and_items_are_recognised(library: Draft) -> None:
    """Roles by method, the id by its name, the items by their list, the marker where the list shows it."""
    book = library.bindings["resources"]["book"]
    roles = {k: book[k] for k in ("create", "read", "list", "replace", "update", "delete")}
    assert roles == {
        "create": "createBook", "read": "getBook", "list": "listBooks", "replace": "replaceBook", "update": "patchBooksById",
        "delete": "deleteBook",
    }  # fmt: skip
    assert {k: book[k] for k in ("parameter", "id", "items", "location", "unknown", "marker")} == {
        "parameter": "id", "id": "/id", "items": "/items", "location": True, "unknown": "{uuid}", "marker": "/title",
    }  # fmt: skip
    assert book["example"] == {"title": "{marker}", "pages": 1, "kind": "novel", "description": "{unique}"}
    assert book["changes"] == {"description": "{marker} changed"}
    assert library.bindings["resources"]["room"]["items"] == ""


def test_singular_items_belong_to_a_plural_collection(tmp_path: Path) -> None:
    """`/silences` lists what `/silence/{id}` reads, and its answer may name the id otherwise."""
    made = of(
        api(
            ("/silences", "get", shows({"type": "array", "items": THING})),
            ("/silences", "post", {**takes(THING), **shows({"type": "object", "properties": {"silenceID": {"type": "string"}}})}),
            ("/silence/{silenceID}", "get", shows(THING)),
            ("/silence/{silenceID}", "delete", {}),
        ),
        tmp_path,
    )
    silence = made.bindings["resources"]["silence"]
    assert (silence["id"], silence["created_id"], silence["items"]) == ("/id", "/silenceID", "")
    assert silence["create"] == "postSilences"


def test_an_envelope_is_looked_into(tmp_path: Path) -> None:
    """`{"server": {…}}` around everything: the id of the answer to a create is inside it, that of an item is not."""
    one = {"type": "object", "properties": {"server": THING}, "required": ["server"]}
    many = {"type": "object", "properties": {"servers": {"type": "array", "items": THING}, "links": {"type": "array"}}}
    made = of(
        api(
            ("/servers", "get", shows(many)),
            ("/servers", "post", {**takes(one), **shows(one, "202")}),
            ("/servers/{server_id}", "get", shows(one)),
            ("/servers/{server_id}", "put", {**takes(one), **shows(one)}),
            ("/servers/{server_id}", "delete", {}),
        ),
        tmp_path,
    )
    server = made.bindings["resources"]["server"]
    assert (server["id"], server["created_id"], server["items"]) == ("/id", "/server/id", "/servers")
    assert server["example"] == {"server": {"name": "{marker}"}}
    assert server["changes"] == {"server": {"name": "{marker} changed"}}
    assert server["within"] == 60


def test_items_that_are_links_are_followed_and_texts_are_no_items(tmp_path: Path) -> None:
    """A list of links gives `link`; a list of plain texts shows no items that could be read."""
    links = {
        "type": "object",
        "properties": {"Members": {"type": "array", "items": {"type": "object", "properties": {"@odata.id": {"type": "string"}}}}},
    }
    read = shows({"type": "object", "properties": {"Id": {"type": "string"}}})
    made = of(api(("/fans", "get", shows(links)), ("/fans/{FanId}", "get", read)), tmp_path)
    assert made.bindings["resources"]["fan"]["link"] == "/@odata.id"
    texts = {"type": "array", "items": {"type": "string"}}
    assert "list" not in of(api(("/fans", "get", shows(texts)), ("/fans/{FanId}", "get", read)), tmp_path).bindings["resources"]["fan"]


def test_every_write_has_an_effect_that_does_no_harm(tmp_path: Path) -> None:
    """Own where the run makes and removes it, lasting where it stays, disruptive where it touches what is not ours."""
    made = of(
        api(
            ("/a", "post", {"operationId": "makeA", **takes(THING), **shows(THING, "201")}),
            ("/a/{aId}", "get", {"operationId": "getA", **shows(THING)}),
            ("/a/{aId}", "delete", {"operationId": "dropA"}),
            ("/a/{aId}/start", "post", {"operationId": "startA"}),
            ("/a", "delete", {"operationId": "dropEveryA"}),
            ("/b", "post", {"operationId": "makeB", **takes(THING), **shows(THING, "201")}),
            ("/b/{bId}", "get", {"operationId": "getB", **shows(THING)}),
            ("/c/{cId}", "put", {"operationId": "putC", **takes(THING)}),
            ("/c/{cId}/stop", "post", {"operationId": "stopC"}),
            ("/settings", "put", {"operationId": "putSettings", **takes(THING)}),
            ("/search", "post", {"operationId": "search", **takes(THING)}),
        ),
        tmp_path,
    )
    effects = {name: bound["effect"] for name, bound in made.bindings["operations"].items()}
    assert effects == {
        "makeA": "own", "dropA": "own", "startA": "lasting", "dropEveryA": "disruptive", "makeB": "lasting", "putC": "lasting",
        "stopC": "disruptive", "putSettings": "disruptive", "search": "lasting",
    }  # fmt: skip
    assert made.bindings["operations"]["stopC"]["test_data"] == "stop_c_target"
    assert made.bindings["operations"]["search"]["body"] == {"name": "{unique}"}
    assert loaded(made, tmp_path).operation("putSettings").test_data


@pytest.mark.parametrize(
    ("parameters", "page", "headers", "paging"),
    [
        (["limit", "offset"], {}, {}, {"count": "limit", "start": "offset", "first": 0}),
        (
            ["count", "startIndex"],
            {"totalResults": "integer"},
            {},
            {"count": "count", "start": "startIndex", "first": 1, "total": "/totalResults"},
        ),
        (
            ["per_page", "page"],
            {},
            {"X-Total-Count": {}},
            {"count": "per_page", "start": "page", "first": 1, "step": "page", "total": "X-Total-Count"},
        ),
        (["page"], {}, {}, {}),
        (["limit", "marker"], {}, {}, {"count": "limit", "start": "marker", "last": "/id"}),
        (["pageSize", "pageToken"], {"nextPageToken": "string"}, {}, {"count": "pageSize", "start": "pageToken", "next": "/nextPageToken"}),
        (["limit", "cursor"], {}, {}, {"count": "limit"}),
        (["limit"], {"nextLink": "string"}, {}, {"count": "limit", "next": "/nextLink"}),
        ([], {}, {"Link": {}}, {"next": "Link"}),
        ([], {}, {}, {}),
    ],
)
def test_pages_are_recognised(
    parameters: list[str], page: dict[str, str], headers: dict[str, Any], paging: dict[str, Any], tmp_path: Path
) -> None:
    """Position, page number, marker, opaque token and next link, each in the words of the paging checks."""
    query = [
        {"name": n, "in": "query", "schema": {"type": "integer" if n not in ("marker", "pageToken", "cursor") else "string"}}
        for n in parameters
    ]
    body = {"type": "object", "properties": {"items": {"type": "array", "items": THING}, **{n: {"type": t} for n, t in page.items()}}}
    made = of(
        api(
            ("/things", "get", {"parameters": query, **shows(body, headers=headers)}),
            ("/things", "post", {**takes(THING), **shows(THING, "201")}),
            ("/things/{id}", "get", shows(THING)),
        ),
        tmp_path,
    )
    written = {r["check"]: r["with"] for r in made.profile["requirements"] if "with" in r}
    complete = {k: v for k, v in written.get("paging-complete", {}).items() if k not in ("size", "own")}
    assert complete == (paging if "start" in paging or "next" in paging else {})
    assert written.get("page-limit", {}).get("parameter") == paging.get("count")


def test_the_probe_is_a_read_without_input(library: Draft, tmp_path: Path) -> None:
    """A status before a list, and where there is none it is told."""
    assert library.bindings["probe"] == "getStatus"
    made = of(api(("/a/{x}", "get", {})), tmp_path)
    assert any(note.startswith("probe:") for note in made.notes)


def test_authentication_follows_the_security_of_the_document(library: Draft, tmp_path: Path) -> None:
    """Who may be anonymous is read off; without any scheme nothing is asked, unless most operations document 401."""
    assert library.bindings["authentication"] == {"required": True, "anonymous": ["getStatus"], "missing": [401, 403], "bad": [401, 403]}
    assert of(api(("/a", "get", {})), tmp_path).bindings["authentication"] == {"required": False}
    told = of(api(("/a", "get", {"responses": {"200": {"description": "x"}, "401": {"description": "x"}}})), tmp_path)
    assert told.bindings["authentication"]["required"] is True


def test_the_error_format_is_what_most_errors_share(library: Draft, tmp_path: Path) -> None:
    """With its media type and the member that repeats the status."""
    assert library.bindings["error"] == {
        "schema": "Problem", "media": ["application/problem+json"], "status": "/status", "unknown": [404], "malformed": [400, 422],
        "invalid": [400, 422],
    }  # fmt: skip
    assert "schema" not in of(api(("/a", "get", {})), tmp_path).bindings["error"]


def test_examples_satisfy_their_schemas(tmp_path: Path) -> None:
    """Formats, patterns, bounds, enums, alternatives and least members, with templates where they fit."""
    body = {
        "type": "object",
        "required": ["a", "b", "c", "d", "e", "f", "g", "h", "i"],
        "properties": {
            "a": {"type": "string", "format": "uuid"}, "b": {"type": "string", "format": "date-time"},
            "c": {"type": "string", "pattern": "^[a-z][a-z0-9]{3,30}$"},
            "d": {"type": "string", "maxLength": 3}, "e": {"type": "integer", "minimum": 10, "multipleOf": 4}, "f": {"enum": ["x", "y"]},
            "g": {"oneOf": [{"type": "object", "required": ["k"], "properties": {"k": {"const": 1}}}, {"type": "string"}]},
            "h": {"type": "array", "minItems": 2, "items": {"type": "string", "pattern": "^\\+[1-9][0-9]{4,14}$"}},
            "i": {"type": "object", "minProperties": 1, "properties": {"ip": {"type": "string", "format": "ipv4"}}},
        },
    }  # fmt: skip
    made = of(api(("/things", "post", {**takes(body), **shows(THING, "201")}), ("/things/{id}", "get", shows(THING))), tmp_path)
    example = made.bindings["resources"]["thing"]["example"]
    assert (example["a"], example["b"], example["c"], example["f"], example["g"]) == ("{uuid}", "{now}", "a{unique}", "x", {"k": 1})
    assert example["i"] == {"ip": "192.0.2.1"}
    profile = loaded(made, tmp_path)
    assert profile.contract.requests.is_valid(profile.operation("postThings").request_schema, filled(example))
    assert not made.remarks.get("thing")


def test_a_required_parameter_gets_a_value(tmp_path: Path) -> None:
    """Query and header parameters that a request must carry stand in the bindings."""
    parameters = [
        {"name": "kind", "in": "query", "required": True, "schema": {"enum": ["x"]}},
        {"name": "X-Tenant", "in": "header", "required": True, "schema": {"type": "string"}},
    ]
    made = of(api(("/a", "get", {"operationId": "getA", "parameters": parameters})), tmp_path)
    assert made.bindings["operations"]["getA"] == {"query": {"kind": "x"}, "headers": {"X-Tenant": "{unique}"}}


# -- the profile


def test_what_the_document_states_is_a_must_and_a_pattern_a_should(library: Draft) -> None:
    """Nothing is stricter than the text that it rests on, and all of it is a draft."""
    assert {o["level"] for o in library.profile["operations"].values()} == {"MUST"}
    assert {r["level"] for r in library.profile["requirements"]} == {"SHOULD"}
    assert not any(r["seen"] for r in library.profile["requirements"])
    assert library.profile["operations"]["getStatus"]["authentication"] == {"level": "SHOULD"}
    assert "errors" not in library.profile["operations"]["getBook"]


def test_every_requirement_names_its_operation_in_the_document(library: Draft, tmp_path: Path) -> None:
    """And has a check; `--seen` makes all of them effective."""
    profile = loaded(library, tmp_path)
    assert all(r.clause.startswith("Library, ") for r in profile.requirements)
    assert all(r.draft for r in profile.requirements)
    found = read_description(LIBRARY)
    seen = loaded(draft(found.folded().document, wanted(seen=True), base=found.base), tmp_path)
    assert not any(r.draft for r in seen.requirements)
    assert {r.check for r in seen.requirements} >= {
        "paging-complete",
        "totals-agree",
        "filter-honoured",
        "patch-applies",
        "replace-replaces",
    }


# -- the files


def test_written_yaml_is_read_back(library: Draft) -> None:
    """Every word that some reader takes for something else is quoted."""
    for value in (library.contract, library.profile, library.bindings, library.source):
        assert parse_yaml(yaml_text(value, heading="x\ny", remarks=library.remarks), "x") == json.loads(json.dumps(value))
    odd = {
        "a": ["on", "yes", "1.0", "2020-01-02", "", "null", "a: b", "- x", "#", "é", "1e3", "0x1f", "~", "12:30"],
        "on": None,
        "1": [True, 1.5, {}],
    }
    assert parse_yaml(yaml_text(odd), "x") == odd


def test_nothing_is_written_over(library: Draft, tmp_path: Path) -> None:
    """A second draft is a usage error that names each file, unless it is forced."""
    write_draft(library, wanted(), tmp_path)
    with pytest.raises(UsageError) as told:
        write_draft(library, wanted(), tmp_path)
    assert len(told.value.problems) == 4
    write_draft(library, wanted(), tmp_path, force=True)


def test_templates_stand_for_what_they_become() -> None:
    """What a draft is checked with has the form of what a run sends."""
    assert len(STANDS_FOR["unique"]) == 10
    assert filled(["{now+60s}", {"a": "{marker}"}]) == [STANDS_FOR["now"], {"a": STANDS_FOR["marker"]}]


@pytest.mark.slow
def test_every_pinned_document_can_be_drafted_and_proved(upstream: Path, tmp_path: Path) -> None:
    """Up to 40 operations of each: the draft loads, and no difference from the document is unlisted."""
    troubles: list[str] = []
    for number, file in enumerate(descriptions(upstream)):
        found = read_description(file)
        folded = found.folded().document
        every = [f"{m.upper()} {p}" for p, m, _ in each_operation(folded) if m not in ("head", "options", "trace")]
        one = wanted(name=f"d{number}", operations=tuple(every[:40]), documents=(file.name,), sha256=(found.sha256,))
        made = draft(folded, one, base=found.base, notes=found.notes)
        files = write_draft(made, one, tmp_path)
        load_profile(f"d{number}@1.0", Shelf.standard(tmp_path / "profiles", tmp_path / "specs"))
        proof = prove(read_source(files[1]), read_yaml(files[0]), found.document, base=found.base, samples=3)
        troubles += [f"{file.relative_to(upstream)}: {d.pointer}: {d.theirs} / {d.ours}" for d in proof.unlisted]
    assert not troubles

"""Any OpenAPI dialect becomes OpenAPI 3.1 with JSON Schema 2020-12; files that belong together are bundled."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

from conformance.errors import UsageError
from conformance.loading.dialect import Description, convert, merged, read_description
from conformance.schema import Schemas, lookup, resolve
from tests.pinned import descriptions, upstream

__all__ = ["upstream"]


def openapi(schemas: dict[str, Any] | None = None, version: str = "3.0.3", **more: Any) -> dict[str, Any]:
    """Return a small document."""
    return {"openapi": version, "info": {"title": "T", "version": "1"}, "paths": {}, "components": {"schemas": schemas or {}}, **more}


def converted(raw: dict[str, Any], tmp_path: Path) -> Description:
    """Return what becomes of a document."""
    file = tmp_path / "api.json"
    file.write_text(json.dumps(raw))
    return convert(file, raw)


def schema(raw: dict[str, Any], tmp_path: Path, version: str = "3.0.3") -> Any:
    """Return what becomes of one schema."""
    return converted(openapi({"S": raw}, version), tmp_path).document["components"]["schemas"]["S"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"type": "string", "nullable": True}, {"type": ["string", "null"]}),
        ({"type": "string", "enum": ["a"], "nullable": True}, {"type": ["string", "null"], "enum": ["a", None]}),
        ({"allOf": [{"type": "string"}], "nullable": True}, {"anyOf": [{"allOf": [{"type": "string"}]}, {"type": "null"}]}),
        ({"nullable": True}, {}),
        ({"type": "integer", "minimum": 1, "exclusiveMinimum": True}, {"type": "integer", "exclusiveMinimum": 1}),
        ({"type": "integer", "maximum": 1, "exclusiveMaximum": False}, {"type": "integer", "maximum": 1}),
        (
            {"type": "object", "x-patternProperties": {"^a": {"type": "string", "nullable": True}}},
            {"type": "object", "patternProperties": {"^a": {"type": ["string", "null"]}}},
        ),
        ({"type": "string", "example": "a"}, {"type": "string", "examples": ["a"]}),
        ({"type": "file"}, {"type": "string", "format": "binary"}),
        ({"type": "array", "items": [{"type": "string"}]}, {"type": "array", "prefixItems": [{"type": "string"}]}),
        ({"type": "object", "discriminator": "kind"}, {"type": "object", "discriminator": {"propertyName": "kind"}}),
        ({"type": "object", "properties": {"nullable": {"type": "string"}, "example": {"type": "string", "nullable": True}}},
         {"type": "object", "properties": {"nullable": {"type": "string"}, "example": {"type": ["string", "null"]}}}),
        ({"type": "string", "required": True}, {"type": "string"}),
        ({"type": "any"}, {}),
    ],
)  # fmt: skip
def test_a_schema_of_an_older_dialect_means_the_same_in_the_new_one(old: dict[str, Any], new: dict[str, Any], tmp_path: Path) -> None:
    """Each keyword of OpenAPI 3.0 that 2020-12 writes otherwise is rewritten, at schemas only."""
    assert schema(old, tmp_path) == new


def test_siblings_of_a_reference_count_from_3_1_on(tmp_path: Path) -> None:
    """OpenAPI 3.0 ignores what stands beside `$ref`, but for `nullable`, which is met; 3.1 does not ignore it."""
    target = {"T": {"type": "string"}, "S": {"$ref": "#/components/schemas/T", "maxLength": 3, "nullable": True}}
    three = converted(openapi(target), tmp_path).document["components"]["schemas"]["S"]
    assert three == {"anyOf": [{"$ref": "#/components/schemas/T"}, {"type": "null"}]}
    target["S"].pop("nullable")
    one = converted(openapi(target, "3.1.0"), tmp_path).document["components"]["schemas"]["S"]
    assert one == {"$ref": "#/components/schemas/T", "maxLength": 3}


SWAGGER = {
    "swagger": "2.0", "info": {"title": "T", "version": "1"}, "basePath": "/v2/",
    "consumes": ["application/json"], "produces": ["application/json; charset=utf-8"],
    "paths": {
        "/things/{id}": {
            "parameters": [{"$ref": "#/parameters/id"}],
            "post": {
                "parameters": [{"name": "b", "in": "body", "required": True, "schema": {"$ref": "#/definitions/Thing"}},
                               {"name": "tags", "in": "query", "type": "array", "collectionFormat": "multi", "items": {"type": "string"}}],
                "responses": {
                    "200": {"description": "x", "schema": {"$ref": "#/definitions/Thing"}, "headers": {"ETag": {"type": "string"}}},
                    "404": {"$ref": "#/responses/Gone"},
                },
            },
            "put": {
                "consumes": ["application/x-www-form-urlencoded"],
                "parameters": [
                    {"name": "file", "in": "formData", "type": "file", "required": True},
                    {"name": "note", "in": "formData", "type": "string"},
                ],
                "responses": {"204": {"description": "x"}},
            },
        }
    },
    "parameters": {"id": {"name": "id", "in": "path", "required": True, "type": "integer", "minimum": 0, "exclusiveMinimum": True}},
    "responses": {"Gone": {"description": "x", "schema": {"type": "string", "x-nullable": True}}},
    "definitions": {"Thing": {"type": "object", "properties": {"self": {"$ref": "#/definitions/Thing"}}}},
    "securityDefinitions": {"b": {"type": "basic"}},
}  # fmt: skip


def test_swagger_becomes_openapi_3(tmp_path: Path) -> None:
    """Definitions, shared parameters and responses, bodies, forms, media types and the base path find their places."""
    found = converted(SWAGGER, tmp_path)
    document = found.document
    operation = document["paths"]["/things/{id}"]["post"]
    assert found.base == "/v2"
    assert found.folded().document["paths"].keys() == {"/v2/things/{id}"}
    assert operation["requestBody"] == {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}},
    }
    assert operation["parameters"][0] == {
        "name": "id",
        "in": "path",
        "required": True,
        "schema": {"type": "integer", "exclusiveMinimum": 0},
    }
    assert operation["parameters"][1]["explode"] is True
    assert operation["responses"]["200"]["headers"] == {"ETag": {"schema": {"type": "string"}}}
    assert list(operation["responses"]["200"]["content"]) == ["application/json; charset=utf-8"]
    assert resolve(document, operation["responses"]["404"])["content"]["application/json; charset=utf-8"]["schema"] == {
        "type": ["string", "null"]
    }
    form = document["paths"]["/things/{id}"]["put"]["requestBody"]
    assert form["content"]["multipart/form-data"]["schema"]["properties"]["file"] == {"type": "string", "format": "binary"}
    assert document["components"]["securitySchemes"]["b"] == {"type": "http", "scheme": "basic"}


@pytest.mark.parametrize(
    ("servers", "base"),
    [
        ([{"url": "{apiRoot}/sessions/v1", "variables": {"apiRoot": {"default": "http://localhost"}}}], "/sessions/v1"),
        ([{"url": "https://{host}:8443/v1/"}], "/v1"),
        ([{"url": "https://example.com"}], ""),
        ([{"url": "/api/{version}", "variables": {"version": {"default": "v2"}}}], "/api/v2"),
        ([{"url": "https://example.com/{tenant}"}], ""),
        ([], ""),
    ],
)
def test_the_path_of_the_first_server_stands_before_all_paths(servers: list[Any], base: str, tmp_path: Path) -> None:
    """A variable without a default in it is told, and nothing is put there."""
    found = converted(openapi(servers=servers), tmp_path)
    assert found.base == base
    assert bool(found.notes) == any("tenant" in s["url"] for s in servers)


def test_files_that_refer_to_each_other_are_bundled(tmp_path: Path) -> None:
    """Components of other files, fragments of files and whole files get a place; two things of one name are told apart."""
    (tmp_path / "api").mkdir()
    (tmp_path / "common").mkdir()
    main = openapi({"Error": {"type": "string"}})
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    answers = {"200": {"$ref": "../common/c.yaml#/components/responses/Ok"}, "400": {"description": "x", "content": content}}
    main["paths"] = {"/a": {"get": {"operationId": "a", "responses": answers}}, "/b": {"$ref": "./paths.yaml#/b"}}
    error = {"type": "object", "properties": {"next": {"$ref": "#/components/schemas/Error"}, "whole": {"$ref": "whole.json"}}}
    common = {"components": {"responses": {"Ok": {"description": "x", "content": content}}, "schemas": {"Error": error}}}
    (tmp_path / "api" / "main.yaml").write_text(yaml.safe_dump(main))
    (tmp_path / "api" / "paths.yaml").write_text(
        yaml.safe_dump({"b": {"get": {"operationId": "b", "responses": {"204": {"description": "x"}}}}})
    )
    (tmp_path / "common" / "c.yaml").write_text(yaml.safe_dump(common))
    (tmp_path / "common" / "whole.json").write_text(json.dumps({"$id": "other", "type": "integer", "$defs": {}}))
    document = read_description(tmp_path / "api" / "main.yaml").document
    answer = resolve(document, document["paths"]["/a"]["get"]["responses"]["200"])
    shown = resolve(document, answer["content"]["application/json"]["schema"])
    assert shown["type"] == "object"
    assert resolve(document, shown["properties"]["next"]) == shown
    assert resolve(document, shown["properties"]["whole"])["type"] == "integer"
    assert document["components"]["schemas"]["Error"] == {"type": "string"}
    assert document["paths"]["/b"]["get"]["operationId"] == "b"
    assert "http" not in json.dumps(document)


@pytest.mark.parametrize("ref", ["https://example.com/a.yaml#/x", "../../../../etc/passwd", "gone.yaml#/x", "#/components/schemas/Gone"])
def test_a_reference_that_leads_nowhere_is_told_and_open(ref: str, tmp_path: Path) -> None:
    """Nothing outside the folder is read, nothing is fetched; the place accepts anything."""
    found = converted(openapi({"S": {"type": "object", "properties": {"a": {"$ref": ref}}}}), tmp_path)
    assert found.notes
    assert Schemas(found.document).is_valid("/components/schemas/S", {"a": [1]})


def test_data_is_no_schema(tmp_path: Path) -> None:
    """A `$ref` or `nullable` inside an example, a default or an enum stays as it is."""
    raw = {"type": "object", "default": {"$ref": "nowhere", "nullable": True}, "enum": [{"nullable": True}]}
    found = converted(openapi({"S": raw}), tmp_path)
    assert found.document["components"]["schemas"]["S"] == raw
    assert not found.notes


def test_words_of_yaml_1_1_are_words(tmp_path: Path) -> None:
    """`On` and dates are text, keys are text, aliases are written out."""
    text = "openapi: 3.0.0\npaths: {}\ncomponents:\n  schemas:\n    A: &a {type: string, enum: [On, Off, 2020-01-02]}\n    B: *a\n"
    (tmp_path / "a.yaml").write_text(text)
    schemas = read_description(tmp_path / "a.yaml").document["components"]["schemas"]
    assert schemas["B"] == {"type": "string", "enum": ["On", "Off", "2020-01-02"]}


@pytest.mark.parametrize("text", ["[]", "{}", "openapi: 4.0.0\npaths: {}", "openapi: 3.0.0\npaths: []", "a: [", "\0", "a: b: c", '{"a": '])
def test_what_is_no_description_is_told_in_one_line(text: str, tmp_path: Path) -> None:
    """Another file, or a broken one, is a usage error, never a traceback."""
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(UsageError):
        read_description(tmp_path / "a.yaml")


def test_an_alias_bomb_is_refused(tmp_path: Path) -> None:
    """A document that grows without end when its aliases are written out is refused before it does."""
    lines = ["openapi: 3.0.0", "paths: {}", "a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    (tmp_path / "a.yaml").write_text("\n".join(lines))
    with pytest.raises(UsageError, match="too large"):
        read_description(tmp_path / "a.yaml")


def test_several_descriptions_become_one(tmp_path: Path) -> None:
    """Paths come together with their bases; a component of the same name and another meaning gets a number."""
    one = openapi({"A": {"type": "string"}}, servers=[{"url": "/one"}])
    two = openapi({"A": {"type": "integer"}, "B": {"$ref": "#/components/schemas/A"}}, servers=[{"url": "/two"}])
    for raw in (one, two):
        raw["paths"] = {
            "/x": {
                "get": {
                    "responses": {
                        "200": {"description": "x", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/A"}}}}
                    }
                }
            }
        }
    found = merged([converted(raw, tmp_path).folded() for raw in (one, two)]).document
    assert found["paths"].keys() == {"/one/x", "/two/x"}
    second = found["paths"]["/two/x"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert resolve(found, second) == {"type": "integer"}
    assert resolve(found, found["components"]["schemas"]["B"]) == {"type": "integer"}


@pytest.mark.slow
def test_every_pinned_document_becomes_valid_schemas(upstream: Path) -> None:
    """Each component schema of each document is a schema of JSON Schema 2020-12, and each reference leads somewhere."""
    seen = 0
    for file in descriptions(upstream):
        found = read_description(file).document
        for name, one in found["components"].get("schemas", {}).items():
            assert jsonschema_rs.meta.is_valid({**one, "$schema": "https://json-schema.org/draft/2020-12/schema"}), f"{file}: {name}"
        for pointer in re.findall(r'"\$ref": "#(/[^"]*)"', json.dumps(found)):
            if not pointer.startswith(("/components/examples", "/components/links")):
                lookup(found, pointer)
        seen += 1
    assert seen

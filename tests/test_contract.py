"""Operations of an OpenAPI document: slugs, pointers that lead to their schemas, what is documented."""

from __future__ import annotations

from typing import Any

import pytest

from conformance.contract import Contract, Operation, operations_of
from conformance.loading.profiles import Shelf, load_profile
from conformance.schema import lookup
from tests.notes import shelf


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("createUser", "create-user"),
        ("getServiceProviderConfig", "get-service-provider-config"),
        ("getQoSProfile", "get-qo-s-profile"),
        ("readHTTPStatus", "read-http-status"),
        ("list_things", "list-things"),
        ("v1Get2", "v1-get2"),
        ("-a-", "a"),
    ],
)
def test_slugs_are_words(name: str, slug: str) -> None:
    """An operation id becomes lower-case words, and stays what it is for ever."""
    assert Operation(id=name, method="GET", path="/", answers={}, query={}, headers={}).slug == slug


def _contract(**paths: Any) -> dict[str, Operation]:
    return operations_of({"paths": {f"/{k}": v for k, v in paths.items()}, "components": COMPONENTS})


COMPONENTS: dict[str, Any] = {
    "parameters": {
        "Id": {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}},
        "Again": {"$ref": "#/components/parameters/Id"},
    },
    "responses": {"Bad": {"content": {"application/problem+json": {"schema": {"type": "object"}}}}},
    "requestBodies": {"Thing": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}},
    "headers": {"Tag": {"required": True, "schema": {"type": "string"}}},
}


def test_references_are_followed_to_where_the_schema_stands() -> None:
    """Parameters, bodies, answers and headers may stand under components; their pointers lead there."""
    document = {
        "paths": {
            "/a~b/{id}": {
                "parameters": [{"$ref": "#/components/parameters/Again"}, {"name": "x", "in": "query", "schema": {"type": "integer"}}],
                "put": {
                    "operationId": "put",
                    "parameters": [{"name": "x", "in": "query", "required": True, "schema": {"type": "string"}}],
                    "requestBody": {"$ref": "#/components/requestBodies/Thing"},
                    "responses": {
                        "200": {
                            "headers": {"ETag": {"$ref": "#/components/headers/Tag"}},
                            "content": {"Application/JSON; charset=utf-8": {"schema": {}}},
                        },
                        "4XX": {"$ref": "#/components/responses/Bad"},
                        "default": {"description": "else"},
                    },
                },
            }
        },
        "components": COMPONENTS,
    }
    put = operations_of(document)["put"]
    assert put.path_parameters == ("id",)
    places = {p.name: p for p in put.parameters}
    assert places["id"].pointer == "/components/parameters/Id/schema"
    assert places["x"].required, "the operation's own parameter wins over the path's"
    assert lookup(document, places["x"].pointer) == {"type": "string"}
    assert lookup(document, put.request_schema) == {"type": "object"}
    assert put.request_required
    assert put.request_media == "application/json"
    answer = put.documented(200)
    assert answer is not None
    assert answer.headers == {"ETag": True}
    assert lookup(document, answer.media["application/json"]) == {}
    assert put.documented(404) == put.answers["4XX"]
    assert put.documented(500) == put.answers["default"]
    assert put.success == (200,)


def test_what_is_not_documented_is_nothing() -> None:
    """Without `default` a status may be undocumented; without a 2xx, 200 is taken for success."""
    get = _contract(a={"get": {"operationId": "get", "responses": {"404": {}}}})["get"]
    assert get.documented(500) is None
    assert get.success == (200,)
    assert get.safe
    assert get.title == "GET /a"


def test_references_in_a_circle_end() -> None:
    """A hostile contract cannot make us turn for ever."""
    circle = {"parameters": {"A": {"$ref": "#/components/parameters/B"}, "B": {"$ref": "#/components/parameters/A"}}}
    with pytest.raises(KeyError):
        operations_of(
            {"paths": {"/a": {"get": {"operationId": "x", "parameters": [{"$ref": "#/components/parameters/A"}]}}}, "components": circle}
        )


def test_methods_are_those_declared() -> None:
    """What the contract declares on a path, and nothing for a path it does not know."""
    contract = Contract(standard="s", edition="1", document={"paths": {"/a": {"get": {}, "delete": {}, "x-other": {}}}}, operations={})
    assert contract.methods_of("/a") == ("GET", "DELETE")
    assert contract.methods_of("/b") == ()


@pytest.mark.parametrize("name", [f"{n}@{e}" for n, es in {**Shelf.standard().profiles, **shelf().profiles}.items() for e in es])
def test_every_pointer_of_every_contract_leads_to_a_schema(name: str) -> None:
    """Compiling each request and answer schema, from both sides, is possible."""
    contract = load_profile(name, shelf()).contract
    for operation in contract.operations.values():
        if operation.request_schema:
            contract.requests.validator(operation.request_schema)
        for answer in operation.answers.values():
            for pointer in filter(None, answer.media.values()):
                contract.responses.validator(pointer)

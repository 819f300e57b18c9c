"""A standard that is data alone has a twin: parents, pages, filters, patches, conditions, identity, without a line of Python."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance.profile import Profile
from conformance.reference.engine import Options, ResourceTwin
from conformance.reference.twins import twin_for
from conformance.wire import header
from tests.reference.walking import BAD, NOW, Walk, ask, json_of, problems, profile_at

OPENAPI = """
openapi: 3.1.0
info: {title: Shelves, version: "1"}
paths:
  /info:
    get:
      operationId: getInfo
      responses:
        "200": {description: ok, content: {application/json: {schema: {$ref: "#/components/schemas/Info"}}}}
  /shelves:
    get:
      operationId: listShelves
      responses:
        "200": {description: ok, content: {application/json: {schema: {type: array, items: {$ref: "#/components/schemas/Shelf"}}}}}
  /shelves/{shelfId}/books:
    get:
      operationId: listBooks
      parameters:
        - {name: limit, in: query, schema: {type: integer, minimum: 1, maximum: 50}}
        - {name: offset, in: query, schema: {type: integer, minimum: 0}}
        - {name: state, in: query, schema: {type: string}}
        - {name: fields, in: query, schema: {type: string}}
      responses:
        "200":
          description: ok
          headers: {X-Total-Count: {schema: {type: integer}}, X-Result-Count: {schema: {type: integer}}}
          content: {application/json: {schema: {$ref: "#/components/schemas/BookList"}}}
        "400": {$ref: "#/components/responses/Problem"}
    post:
      operationId: createBook
      requestBody: {required: true, content: {application/json: {schema: {$ref: "#/components/schemas/BookWrite"}}}}
      responses:
        "201":
          description: made
          headers: {Location: {required: true, schema: {type: string}}}
          content: {application/json: {schema: {$ref: "#/components/schemas/Book"}}}
        "400": {$ref: "#/components/responses/Problem"}
  /shelves/{shelfId}/books/{bookId}:
    get:
      operationId: getBook
      responses:
        "200":
          description: ok
          headers: {ETag: {required: true, schema: {type: string}}}
          content: {application/json: {schema: {$ref: "#/components/schemas/Book"}}}
        "404": {$ref: "#/components/responses/Problem"}
    put:
      operationId: replaceBook
      requestBody: {required: true, content: {application/json: {schema: {$ref: "#/components/schemas/BookWrite"}}}}
      responses:
        "200": {description: ok, content: {application/json: {schema: {$ref: "#/components/schemas/Book"}}}}
    patch:
      operationId: updateBook
      requestBody: {required: true, content: {application/merge-patch+json: {schema: {type: object, properties: {title: {type: string}}}}}}
      responses:
        "200": {description: ok, content: {application/json: {schema: {$ref: "#/components/schemas/Book"}}}}
    delete:
      operationId: deleteBook
      responses: {"204": {description: gone}}
components:
  responses:
    Problem: {description: problem, content: {application/problem+json: {schema: {$ref: "#/components/schemas/Problem"}}}}
  schemas:
    Info:
      type: object
      required: [version, features, shelves]
      properties:
        version: {type: string}
        features: {type: array, items: {type: string}}
        shelves: {type: object, required: [href], properties: {href: {type: string}}}
    Shelf: {type: object, required: [id, name], properties: {id: {type: string, format: uuid}, name: {type: string}}}
    Book:
      type: object
      required: [id, title, state, created, updated]
      properties:
        id: {type: integer, minimum: 1000, readOnly: true}
        title: {type: string}
        note: {type: string}
        state: {type: string, enum: [fresh, worn], default: fresh}
        created: {type: string, format: date-time, readOnly: true}
        updated: {type: string, format: date-time, readOnly: true}
    BookWrite:
      type: object
      required: [title]
      properties:
        title: {type: string, minLength: 1}
        note: {type: string}
        state: {type: string, enum: [fresh, worn]}
        secret: {type: string, writeOnly: true}
    BookList:
      type: object
      required: [books, total]
      properties: {books: {type: array, items: {$ref: "#/components/schemas/Book"}}, total: {type: integer}}
    Problem:
      type: object
      required: [title, status]
      properties: {title: {type: string}, status: {type: integer}, detail: {type: string}}
"""
BINDINGS = """
probe: getInfo
default_edition: "1"
authentication: {required: true, anonymous: [getInfo]}
identify: {operation: getInfo, pointer: /version, editions: {"1": "^1[.][0-9]+[.]"}}
error: {schema: Problem, media: [application/problem+json], status: /status}
operations:
  createBook: {effect: own}
  replaceBook: {effect: own}
  updateBook: {effect: own}
  deleteBook: {effect: own}
resources:
  shelf: {list: listShelves, parameter: shelfId, id: /id, found_at: {operation: getInfo, pointer: /shelves/href}}
  book:
    create: createBook
    read: getBook
    list: listBooks
    replace: replaceBook
    update: updateBook
    delete: deleteBook
    parameter: bookId
    id: /id
    items: /books
    location: true
    example: {title: "{marker}", note: a note, secret: "{secret}"}
    changes: {title: "{marker} changed"}
    marker: /title
"""
HEAD = """
profile: shelves
edition: "1"
title: Shelves
interface: 1
tier: basic
state: draft
contract: shelves/1
features:
  core: All of it.
  lending: {sentence: Lending., discovered: {operation: getInfo, pointer: /features, contains: lending}}
operations:
  getInfo: {feature: core, level: MUST, clause: "1"}
"""


@pytest.fixture
def shelves(tmp_path: Path) -> Profile:
    return profile_at(tmp_path, "shelves", OPENAPI, BINDINGS, HEAD)


@pytest.fixture
def twin(shelves: Profile) -> ResourceTwin:
    return twin_for(shelves)


def books(twin: ResourceTwin) -> str:
    return f"/shelves/{json_of(ask(twin, 'GET', '/shelves'))[0]['id']}/books"


def made(twin: ResourceTwin, **members: object) -> str:
    answer = ask(twin, "POST", books(twin), {"title": "One", **members})
    assert answer.status == 201
    return str(header(answer.headers, "location"))


def test_a_whole_walk_is_as_documented(shelves: Profile, twin: ResourceTwin) -> None:
    walk = Walk(shelves, twin)
    assert [p for s in walk.whole() for p in problems(shelves, s)] == []
    assert {s.operation.id for s in walk.steps if s.operation and s.answer.status < 300} == set(shelves.contract.operations)


def test_a_document_tells_edition_features_and_links(twin: ResourceTwin) -> None:
    shown = json_of(ask(twin, "GET", "/info", who=""))
    assert shown["version"].startswith("1.")
    assert "lending" in shown["features"]
    assert shown["shelves"]["href"] == "/shelves"


def test_who_may_not_ask_is_refused(twin: ResourceTwin) -> None:
    assert ask(twin, "GET", "/shelves", who="").status == 401
    assert ask(twin, "GET", "/shelves", who=BAD).status == 401
    assert header(ask(twin, "GET", "/shelves", who="").headers, "www-authenticate")
    assert ask(twin, "GET", "/shelves", who="Bearer twin-token").status == 200


def test_what_is_made_is_read_with_what_the_server_owns(twin: ResourceTwin) -> None:
    place = made(twin, note="kept", secret="never-shown", created="1999-01-01T00:00:00Z")
    shown = json_of(ask(twin, "GET", place))
    assert shown["title"] == "One"
    assert shown["note"] == "kept"
    assert shown["created"] == "2026-05-28T20:26:40.000Z"
    assert isinstance(shown["id"], int)
    assert "secret" not in shown


def test_a_change_moves_its_time_and_its_tag(twin: ResourceTwin) -> None:
    place = made(twin, note="stays")
    before = ask(twin, "GET", place)
    after = ask(twin, "PATCH", place, {"title": "Two"}, media="application/merge-patch+json", at=NOW + 60)
    assert json_of(after)["title"] == "Two"
    assert json_of(after)["note"] == "stays"
    assert json_of(after)["updated"] > json_of(before)["updated"]
    assert json_of(after)["created"] == json_of(before)["created"]
    assert header(ask(twin, "GET", place).headers, "etag") != header(before.headers, "etag")


def test_a_replacement_leaves_nothing_of_the_old(twin: ResourceTwin) -> None:
    place = made(twin, note="goes")
    shown = json_of(ask(twin, "PUT", place, {"title": "New"}))
    assert shown["title"] == "New"
    assert "note" not in shown


def test_conditions_are_held(twin: ResourceTwin) -> None:
    place = made(twin)
    tag = str(header(ask(twin, "GET", place).headers, "etag"))
    assert ask(twin, "GET", place, if_none_match=tag).status == 304
    assert ask(twin, "PUT", place, {"title": "No"}, if_match='"old"').status == 412
    assert ask(twin, "PUT", place, {"title": "Yes"}, if_match=tag).status == 200
    assert ask(twin, "PUT", place, {"title": "No"}, if_match=tag).status == 412


def test_lists_are_narrowed_and_paged(twin: ResourceTwin) -> None:
    for number in range(5):
        made(twin, title=f"Book {number}", state="worn" if number % 2 else "fresh")
    whole = json_of(ask(twin, "GET", books(twin)))
    assert whole["total"] == 5
    page = ask(twin, "GET", books(twin) + "?limit=2&offset=2")
    assert [b["title"] for b in json_of(page)["books"]] == ["Book 2", "Book 3"]
    assert json_of(page)["total"] == 5
    assert "offset=4" in str(header(page.headers, "link"))
    worn = json_of(ask(twin, "GET", books(twin) + "?state=worn"))
    assert [b["title"] for b in worn["books"]] == ["Book 1", "Book 3"]


def test_a_list_counts_in_headers_and_shows_the_members_asked_for(twin: ResourceTwin) -> None:
    """What the contract requires stays; of the rest, what was asked for."""
    for number in range(3):
        made(twin, title=f"Book {number}", note="a note")
    whole, page = ask(twin, "GET", books(twin) + "?limit=2"), ask(twin, "GET", books(twin) + "?limit=2&fields=title")
    assert [header(page.headers, name) for name in ("x-total-count", "x-result-count")] == ["3", "2"]
    assert ["note" in book for book in json_of(whole)["books"]] == [True, True]
    assert ["note" in book for book in json_of(page)["books"]] == [False, False]


def test_what_is_wrong_is_refused_in_the_standard_s_own_way(twin: ResourceTwin) -> None:
    place = made(twin)
    cases = [
        (ask(twin, "POST", books(twin), {"title": ""}), 400),
        (ask(twin, "POST", books(twin), b"{"), 400),
        (ask(twin, "POST", books(twin), b"[" * 100_000), 400),
        (ask(twin, "POST", books(twin), {"title": "x"}, media="text/plain"), 415),
        (ask(twin, "GET", books(twin) + "?limit=0"), 400),
        (ask(twin, "GET", books(twin) + "?limit=many"), 400),
        (ask(twin, "GET", place + "0"), 404),
        (ask(twin, "GET", "/shelves/00000000-0000-4000-8000-000000000000/books"), 404),
        (ask(twin, "PATCH", "/shelves", {}), 405),
        (ask(twin, "GET", "/nowhere"), 404),
    ]
    for answer, status in cases:
        assert answer.status == status
        assert json_of(answer)["status"] == status
        assert header(answer.headers, "content-type") == "application/problem+json"
    assert header(cases[-2][0].headers, "allow") == "GET, HEAD"


def test_what_is_deleted_is_gone(twin: ResourceTwin) -> None:
    place = made(twin)
    assert ask(twin, "DELETE", place).status == 204
    assert ask(twin, "GET", place).status == 404
    assert ask(twin, "DELETE", place).status == 404


def test_head_is_get_without_a_body(twin: ResourceTwin) -> None:
    got, head = ask(twin, "GET", "/info"), ask(twin, "HEAD", "/info")
    assert (head.status, head.headers, head.body) == (got.status, got.headers, b"")


def test_a_base_path_stands_before_everything(shelves: Profile) -> None:
    twin = twin_for(shelves, Options(base="/api/v7"))
    assert ask(twin, "GET", "/info", who="").status != 200
    assert json_of(ask(twin, "GET", "/api/v7/info"))["shelves"]["href"] == "/api/v7/shelves"
    shelf = json_of(ask(twin, "GET", "/api/v7/shelves"))[0]["id"]
    answer = ask(twin, "POST", f"/api/v7/shelves/{shelf}/books", {"title": "One"})
    assert ask(twin, "GET", str(header(answer.headers, "location"))).status == 200


def test_the_generic_faults_fit_a_standard_of_data_alone(shelves: Profile) -> None:
    from conformance.reference.faults import planted

    names = {p.fault.name for p in planted(shelves)}
    assert {"member-missing", "text-cut", "page-size-ignored", "if-match-ignored", "delete-forgotten", "no-authentication"} <= names
    for one in planted(shelves):
        Walk(shelves, one.twin(twin_for(shelves))).whole()

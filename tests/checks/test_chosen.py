"""Things whose ids the client chooses in the body of a create, which may be sent in parts; and a probe that needs an instance."""

from __future__ import annotations

from typing import Any

import pytest

from conformance.checks.discovery import first_look
from conformance.flow import drive, now
from conformance.multipart import MEDIA, read_parts
from conformance.profile import Profile
from conformance.verdict import Verdict
from conformance.wire import WireRequest, WireResponse, header
from tests.checks.support import InProcess, _tools, answer, profile_of, run_check

TEXT = {"type": "string"}
BOX = {
    "type": "object",
    "required": ["boxId", "kind"],
    "properties": {"boxId": TEXT, "kind": TEXT, "parts": {"type": "array"}, "file": {**TEXT, "format": "binary"}},
}
SEEN = {"200": {"description": "x", "content": {"application/json": {"schema": BOX}}}}
DONE = {"200": {"description": "x"}}


def profile(media: str = MEDIA) -> Profile:
    shelf = {"type": "object", "properties": {"shelfId": TEXT}}
    paths = {
        "/shelves": {"post": {"operationId": "makeShelf", "requestBody": {"content": {"application/json": {"schema": shelf}}}, "responses": SEEN}},
        "/shelves/{shelfId}": {"get": {"operationId": "getShelf", "responses": SEEN}, "delete": {"operationId": "dropShelf", "responses": DONE}},
        "/shelves/{shelfId}/boxes": {"post": {"operationId": "putBox", "requestBody": {"content": {media: {"schema": BOX}}}, "responses": DONE}},
        "/shelves/{shelfId}/boxes/{boxId}": {
            "get": {"operationId": "getBox", "responses": SEEN}, "delete": {"operationId": "dropBox", "responses": DONE},
        },
    }  # fmt: skip
    writes = ("makeShelf", "dropShelf", "putBox", "dropBox")
    bindings = {
        "probe": "getShelf",
        "operations": {name: {"effect": "own"} for name in writes},
        "resources": {
            "shelf": {"create": "makeShelf", "read": "getShelf", "delete": "dropShelf", "parameter": "shelfId", "id": "/shelfId", "example": {}},
            "box": {
                "create": "putBox", "read": "getBox", "delete": "dropBox", "parameter": "boxId", "id": "/boxId", "chosen": {"boxId": "/boxId"},
                "example": {"boxId": "b{unique}", "kind": "small", "parts": [{"a": 1}], "file": "bytes"}, "ignore": ["/file"],
            },
        },
    }  # fmt: skip
    return profile_of({"paths": paths}, bindings)


class Shelves:
    """Keeps boxes on shelves; `ways` are the things it does wrong."""

    def __init__(self, *ways: str) -> None:
        self.ways, self.kept, self.made = ways, dict[str, dict[str, Any]](), 0

    def __call__(self, request: WireRequest, now: float) -> WireResponse:
        path = request.target.strip("/").split("/")
        if path == ["shelves"]:
            self.made += 1
            self.kept[str(self.made)] = {}
            return answer(200, {"shelfId": str(self.made)})
        shelf = self.kept.get(path[1])
        if shelf is None:
            return answer(404)
        if len(path) == 2:
            return answer(200, {"shelfId": path[1]})
        if request.method == "POST":
            return self.put(shelf, request)
        box = shelf.get(path[3])
        if box is None:
            return answer(404)
        if request.method == "DELETE":
            del shelf[path[3]]
            return answer(200)
        return answer(200, {**box, "kind": "large"} if "other kind" in self.ways else box)

    def put(self, shelf: dict[str, Any], request: WireRequest) -> WireResponse:
        assert (header(request.headers, "content-type") or "").startswith(f"{MEDIA}; boundary=")
        box = read_parts(request.body)
        if "kind" not in box and "any kind" not in self.ways:
            return answer(400)
        if box["boxId"] in shelf and "twice" not in self.ways:
            return answer(409)
        shelf[box["boxId"]] = {k: v for k, v in box.items() if k != "file"}
        return answer(200)


@pytest.mark.parametrize(
    ("check", "on", "arguments", "fault"),
    [
        ("read-after-create", "box", {}, "other kind"),
        ("request-refused", "putBox", {"changes": {"kind": None}, "status": [400]}, "any kind"),
        ("repeat-refused", "box", {"status": [409]}, "twice"),
    ],
)
def test_a_box_is_known_by_the_id_that_its_maker_chose(check: str, on: str, arguments: dict[str, Any], fault: str) -> None:
    """Each check passes where the server keeps to it, and fails where it does not, though the answer of a create says nothing."""
    assert run_check(check, profile(), on, Shelves(), **arguments).verdict is Verdict.PASS
    assert run_check(check, profile(), on, Shelves(fault), **arguments).verdict is Verdict.FAIL


def test_what_is_deleted_is_what_was_made() -> None:
    assert run_check("delete-is-effective", profile(), "box", Shelves()).verdict is Verdict.PASS


@pytest.mark.parametrize(("allow", "made"), [(("write",), 1), ((), 0)])
def test_a_probe_of_an_instance_makes_one_where_it_may(allow: tuple[str, ...], made: int) -> None:
    """Without consent a read of what does not exist still shows that somebody is there."""
    shelves = Shelves()
    server = InProcess(shelves, frozenset(allow))
    look = now(drive(first_look(_tools(profile(), frozenset(allow), {})("discovery"), []), server))
    assert (look.trouble, shelves.made) == ("", made)
    assert [r.method for r in server.sent][-1] == "GET"

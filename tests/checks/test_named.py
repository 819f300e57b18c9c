"""Resources that the client names in the path of a PUT, and that are ready, and gone, a moment later."""

from __future__ import annotations

import json
from typing import Any

import pytest

from conformance.checks.contract import provocations
from conformance.profile import Profile
from conformance.verdict import Verdict
from conformance.wire import WireRequest, WireResponse, header
from tests.checks.support import answer, authorised, profile_of, run_check

TEXT = {"type": "string"}
DISK = {"type": "object", "properties": {"size": {"type": "integer"}, "zone": TEXT, "state": {**TEXT, "readOnly": True}}}
BODY = {"content": {"application/json": {"schema": DISK}}}
SEEN = {"200": {"description": "x", **BODY}}


def _paths() -> dict[str, Any]:
    found: dict[str, Any] = {"/zones": {"get": {"operationId": "listZones", "responses": SEEN}}}
    for path, one in (("/rooms", "Room"), ("/rooms/{room}/disks", "Disk")):
        found[path] = {"get": {"operationId": f"list{one}s", "responses": SEEN}}
        found[f"{path}/{{{one.lower()}}}"] = {
            "get": {"operationId": f"get{one}", "responses": SEEN},
            "put": {"operationId": f"put{one}", "requestBody": BODY, "responses": {**SEEN, "201": SEEN["200"]}},
            "delete": {"operationId": f"delete{one}", "responses": {"202": {"description": "x"}}},
        }
    return found


def _bound(one: str, **more: Any) -> dict[str, Any]:
    roles = {"create": f"put{one}", "replace": f"put{one}", "read": f"get{one}", "list": f"list{one}s", "delete": f"delete{one}"}
    ready = {"pointer": "/state", "values": ["active"], "failed": ["error"], "leaving": ["deleting"], "within": 20}
    return {**roles, "parameter": one.lower(), "id": "/name", "items": "/items", "ready": ready, **more}


def profile() -> Profile:
    bindings = {
        "probe": "listRooms",
        "operations": {f"{verb}{one}": {"effect": "own"} for verb in ("put", "delete") for one in ("Room", "Disk")},
        "resources": {
            "zone": {"list": "listZones", "id": "/name", "items": "/items"},
            "room": _bound("Room", example={}),
            "disk": _bound("Disk", example={"zone": "{shown.zone/name}", "size": 1}, changes={"size": 2}),
        },
    }
    return profile_of({"paths": _paths()}, bindings)


class Rooms:
    """Disks in rooms: creating for a second after a put, deleting for a second after a delete."""

    def __init__(self, *ways: str) -> None:
        self.ways = ways
        self.kept: dict[str, dict[str, Any]] = {}
        self.puts: list[str] = []

    def __call__(self, request: WireRequest, now: float) -> WireResponse:
        if not authorised(request):
            return answer(401)
        path, _, _ = request.target.partition("?")
        if path == "/zones":
            return answer(200, {"items": [{"name": "a"}]})
        if path.count("/") == 3 and path.rpartition("/")[0] not in self.kept and "refuses strangers" in self.ways:
            return answer(403)
        if path.count("/") == 3 and path.rpartition("/")[0] not in self.kept and "shows strangers" in self.ways:
            return answer(200, {"items": [{"name": "of somebody else"}]})
        if path.count("/") % 2:
            here = {p for p in self.kept if p.startswith(f"{path}/") and p.count("/") == path.count("/") + 1}
            shown = [self.shown(p, now) for p, one in self.kept.items() if p in here and now < one["gone"]]
            everything = header(request.headers, "x-all") is not None
            return answer(200, {"items": [s for s in shown if everything or s["state"] != "deleting"]})
        handled: WireResponse = getattr(self, request.method.lower())(path, request, now)
        return handled

    def shown(self, path: str, now: float) -> dict[str, Any]:
        one = self.kept[path]
        state = "deleting" if one["gone"] < 1e12 else "creating" if now < one["ready"] else "active"
        return {
            **one["body"],
            "name": path.rsplit("/", 1)[1],
            "version": one["version"],
            "state": "error" if "fails" in self.ways else state,
        }

    def get(self, path: str, request: WireRequest, now: float) -> WireResponse:
        return answer(200, self.shown(path, now)) if path in self.kept and now < self.kept[path]["gone"] else answer(404)

    def put(self, path: str, request: WireRequest, now: float) -> WireResponse:
        self.puts.append(path)
        body, one = json.loads(request.body), self.kept.get(path)
        if path.count("/") == 4 and path.rsplit("/", 2)[0] not in self.kept:
            return answer(404)
        if one is None:
            later = 1e11 if "never ready" in self.ways else now + 1
            self.kept[path] = {"body": body, "version": 1, "ready": later, "gone": 1e12}
            return answer(201, self.shown(path, now))
        version = header(request.headers, "if-version")
        if now < one["ready"]:
            return answer(409)
        if version not in (None, str(one["version"])) and "ignores versions" not in self.ways:
            return answer(412)
        if body.get("zone") != one["body"].get("zone"):
            if "keeps zones" in self.ways:
                body["zone"] = one["body"]["zone"]
            elif "moves disks" not in self.ways:
                return answer(422)
        one |= {"body": body, "version": one["version"] + 1}
        return answer(200, self.shown(path, now))

    def delete(self, path: str, request: WireRequest, now: float) -> WireResponse:
        if path not in self.kept or now >= self.kept[path]["gone"]:
            return answer(404)
        if "deletes nothing" not in self.ways and self.kept[path]["gone"] == 1e12:
            self.kept[path]["gone"] = 1e11 if "never gone" in self.ways else now + 1
        return answer(202)


def test_what_a_case_makes_is_named_by_us_and_in_one_place() -> None:
    server = Rooms()
    result = run_check("paging-complete", profile(), "disk", server, count="limit", start="after", next="/next")
    assert result.verdict is Verdict.PASS, result.reason
    assert len([p for p in server.puts if p.count("/") == 2]) == 1
    assert len([p for p in server.puts if p.count("/") == 4]) == 3
    assert all(p.rsplit("/", 1)[1].startswith("icra-") for p in server.puts)


@pytest.mark.parametrize(
    ("check", "arguments"),
    [
        ("answers", {}), ("answer", {}), ("read-after-create", {}), ("replace-replaces", {}), ("list-contains", {}),
        ("delete-is-effective", {}), ("deleted-not-listed", {}), ("second-delete", {"status": [202, 404]}),
    ],
)  # fmt: skip
def test_a_conforming_server_passes(check: str, arguments: dict[str, Any]) -> None:
    result = run_check(check, profile(), "putDisk" if check in ("answers", "answer") else "disk", Rooms(), **arguments)
    assert result.verdict is Verdict.PASS, result.reason


def test_a_put_under_an_unknown_name_is_no_error() -> None:
    known = profile()
    assert provocations(known, known.operation("putDisk")) == ("not-json",)
    assert provocations(known, known.operation("getDisk")) == ("unknown-id",)


@pytest.mark.parametrize(("way", "verdict"), [("", "pass"), ("refuses strangers", "pass"), ("shows strangers", "fail")])
def test_a_list_in_what_is_not_there_is_empty_or_refused_where_no_status_is_documented(way: str, verdict: str) -> None:
    assert run_check("errors", profile(), "listDisks", Rooms(way)).verdict.value == verdict


@pytest.mark.parametrize(("way", "word"), [("never ready", "creating"), ("fails", "error")])
def test_what_is_not_ready_is_no_finding(way: str, word: str) -> None:
    result = run_check("replace-replaces", profile(), "room", Rooms(way))
    assert result.verdict is Verdict.INCONCLUSIVE
    assert word in result.reason


def test_a_delete_that_is_under_way_is_no_finding() -> None:
    assert run_check("delete-is-effective", profile(), "disk", Rooms("never gone")).verdict is Verdict.INCONCLUSIVE
    assert run_check("delete-is-effective", profile(), "disk", Rooms("deletes nothing")).verdict is Verdict.FAIL


def test_a_version_in_the_body_guards_writes() -> None:
    asked: dict[str, Any] = {"role": "replace", "header": "If-Version", "version": "/version"}
    assert run_check("conditional-write", profile(), "disk", Rooms(), **asked).verdict is Verdict.PASS
    assert run_check("conditional-write", profile(), "disk", Rooms("ignores versions"), **asked).verdict is Verdict.FAIL
    assert run_check("conditional-write", profile(), "disk", Rooms(), **{**asked, "version": "/none"}).verdict is Verdict.INCONCLUSIVE


def test_what_cannot_be_changed_is_refused_or_stays() -> None:
    asked: dict[str, Any] = {"members": {"zone": "{shown.zone/nothing|b}"}, "pointers": ["/zone"]}
    assert run_check("immutable-member", profile(), "disk", Rooms(), **asked).verdict is Verdict.PASS
    assert run_check("immutable-member", profile(), "disk", Rooms("keeps zones"), **asked).verdict is Verdict.PASS
    assert run_check("immutable-member", profile(), "disk", Rooms("moves disks"), **asked).verdict is Verdict.FAIL
    assert run_check("immutable-member", profile(), "disk", Rooms(), **{**asked, "pointers": ["/none"]}).verdict is Verdict.INCONCLUSIVE


def test_a_header_can_be_a_filter() -> None:
    kept: dict[str, Any] = {"headers": {"x-all": "1"}, "keeps": [{}]}
    assert run_check("filter-honoured", profile(), "disk", Rooms(), **kept).verdict is Verdict.PASS
    dropped: dict[str, Any] = {"headers": {"x-none": "1"}, "drops": [{}]}
    assert run_check("filter-honoured", profile(), "disk", Rooms(), **dropped).verdict is Verdict.FAIL

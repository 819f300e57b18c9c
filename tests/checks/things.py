"""A small server of things for the tests of patterns: conforming, or with the faults and permitted habits that are named."""

from __future__ import annotations

import base64
import copy
import json
import re
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from conformance.api import merged
from conformance.profile import Profile
from conformance.wire import WireRequest, WireResponse, header
from tests.checks.support import answer, profile_of

_JSON = {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}}
_LIST = {"application/json": {"schema": {"type": "object"}}}
_ID = [{"name": "thingId", "in": "path", "required": True, "schema": {"type": "string"}}]

DOCUMENT: dict[str, Any] = {
    "paths": {
        "/things": {
            "get": {"operationId": "listThings", "responses": {"200": {"content": _LIST}}},
            "post": {"operationId": "createThing", "requestBody": {"content": _JSON}, "responses": {"201": {"content": _JSON}}},
        },
        "/things/{thingId}": {
            "parameters": _ID,
            "get": {"operationId": "getThing", "responses": {"200": {"content": _JSON}}},
            "put": {"operationId": "replaceThing", "requestBody": {"content": _JSON}, "responses": {"200": {"content": _JSON}}},
            "patch": {
                "operationId": "updateThing",
                "requestBody": {"content": {"application/merge-patch+json": _JSON["application/json"]}},
                "responses": {"200": {"content": _JSON}},
            },
            "delete": {"operationId": "deleteThing", "responses": {"204": {}}},
        },
        "/search": {"post": {"operationId": "searchThings", "requestBody": {"content": _JSON}, "responses": {"200": {"content": _LIST}}}},
        "/bulk": {"post": {"operationId": "bulk", "requestBody": {"content": _JSON}, "responses": {"200": {"content": _LIST}}}},
        "/push": {"post": {"operationId": "push", "requestBody": {"content": _JSON}, "responses": {"200": {}}}},
    },
    "components": {
        "schemas": {
            "Thing": {
                "type": "object",
                "properties": {
                    "id": {"type": "string", "readOnly": True}, "created": {"type": "string", "readOnly": True},
                    "secret": {"type": "string", "writeOnly": True}, "name": {"type": "string"},
                },
            },
            "Error": {"type": "object", "required": ["code"]},
        }
    },
}  # fmt: skip

BINDINGS: dict[str, Any] = {
    "probe": "listThings",
    "error": {"schema": "Error", "invalid": [400]},
    "operations": {
        "createThing": {"effect": "own"}, "replaceThing": {"effect": "own"}, "updateThing": {"effect": "own"},
        "deleteThing": {"effect": "own"}, "searchThings": {"effect": "read", "body": {"limit": 50}}, "bulk": {"effect": "own"},
        "push": {"effect": "own", "body": [{"name": "{marker}", "kind": "pushed"}]},
    },
    "resources": {
        "thing": {
            "create": "createThing", "read": "getThing", "list": "listThings", "replace": "replaceThing", "update": "updateThing",
            "delete": "deleteThing", "parameter": "thingId", "id": "/id", "items": "/items", "marker": "/name",
            "example": {"name": "{marker}@Example", "kind": "{unique}", "note": "a note", "label": {"colour": "red"}},
            "changes": {"kind": "{unique} changed"},
        },
        "pushed": {"list": "listThings", "id": "/id", "items": "/items", "marker": "/name"},
    },
}  # fmt: skip


def profile(within: float = 0.0, **resource: Any) -> Profile:
    """Return the profile of things; *resource* adds to the bindings of the thing."""
    bindings = copy.deepcopy(BINDINGS)
    bindings["resources"]["thing"] |= {"within": within, **resource}
    bindings["resources"]["pushed"]["within"] = within
    return profile_of(DOCUMENT, bindings)


class Things:
    """The server; `ways` are the faults or habits it has, by name."""

    def __init__(self, *ways: str, others: int = 0) -> None:
        self.ways = set(ways)
        self.kept: dict[str, dict[str, Any]] = {}
        self.born: dict[str, float] = {}
        self.versions: dict[str, int] = {}
        self.gone: set[str] = set()
        self.number = 0
        self.calls = 0
        for n in range(others):
            self._keep({"name": f"Other {n}", "kind": "foreign"}, 0.0)

    def has(self, way: str) -> bool:
        """Tell whether the server has this fault or habit."""
        return way in self.ways

    def __call__(self, request: WireRequest, now: float) -> WireResponse:
        self.calls += 1
        path, query = urlsplit(request.target).path, dict(parse_qsl(urlsplit(request.target).query, keep_blank_values=True))
        try:
            body = json.loads(request.body) if request.body else None
        except ValueError:
            if not self.has("mends broken bodies"):
                if self.has("applies before it refuses") and path.startswith("/things/"):
                    self.kept[path.split("/")[2]]["kind"] = "applied"
                return self._error(400, "malformed")
            body = json.loads(request.body + b"}")
        if path == "/things":
            return self._list(query, now) if request.method == "GET" else self._create(body, now)
        if path == "/search":
            return self._list(body, now)
        if path == "/push":
            return self._push(body, now)
        if path == "/bulk":
            return self._bulk(body, now)
        return self._one(request, path.split("/")[2], query, body, now)

    # -- the collection ------------------------------------------------------------------------------------------
    def _keep(self, body: dict[str, Any], now: float) -> str:
        self.number += 1
        key = f"t{self.number}"
        self.kept[key] = {**{k: v for k, v in body.items() if k not in ("id", "created")}, "id": key, "created": "2026-01-01T00:00:00Z"}
        if self.has("takes the client's created") and "created" in body:
            self.kept[key]["created"] = body["created"]
        self.born[key], self.versions[key] = now, 1
        return key

    def _shown(self, key: str) -> dict[str, Any]:
        hidden = () if self.has("shows secrets") else ("secret",)
        shown = {k: v for k, v in self.kept[key].items() if k not in hidden}
        if self.has("hides the note"):
            shown.pop("note", None)
        if self.has("lower case names"):
            shown["name"] = shown["name"].lower()
        if self.has("leaks secrets in the log") and "secret" in self.kept[key]:
            shown["log"] = f"set to {self.kept[key]['secret']}"
        return shown

    def _create(self, body: Any, now: float) -> WireResponse:
        if self.has("quota"):
            return self._error(400, "quota")
        if self.has("cuts texts"):
            body = {k: v[:-3] if isinstance(v, str) and k != "id" else v for k, v in body.items()}
        if "id" in body and self.has("knows ids"):
            if body["id"] in self.kept and not self.has("makes another"):
                self.kept[body["id"]] |= body
                if self.has("moves what changes"):
                    moved = self._keep(self.kept[body["id"]], now)
                    if not self.has("keeps the old one"):
                        del self.kept[body["id"]]
                    return answer(201, self._shown(moved))
                return answer(201, self._shown(body["id"]))
            if body["id"] not in self.kept and not self.has("takes any id"):
                if self.has("refuses but makes"):
                    self._keep(body, now)
                return self._error(404, "unknown")
        if "id" in body and self.has("refuses ids"):
            return self._error(400, "id")
        if body.get("kind") == "bad" and not self.has("takes anything"):
            if self.has("makes what it refuses"):
                self._keep({**body, "name": f"nobody's {self.number}"}, now)
            return self._error(400, "invalid")
        fold = str.casefold if not self.has("case counts") else str
        taken = [t for t in self.kept.values() if fold(str(t["name"])) == fold(str(body.get("name")))]
        if self.has("names stay taken") and body.get("name") in self.gone:
            return self._error(409, "unique")
        if taken and not self.has("no uniqueness"):
            return self._error(400 if self.has("conflict is 400") else 409, "other" if self.has("wrong code") else "unique")
        key = self._keep(body, now)
        made = answer(201, self._shown(key), location=f"/things/{key}", etag=self._tag(key))
        if self.has("forgets what it makes"):
            del self.kept[key]
        return made

    def _push(self, body: Any, now: float) -> WireResponse:
        if not self.has("forgets pushes"):
            self._keep(body[0], now)
        return answer(200)

    def _matching(self, text: str) -> list[str] | None:
        """Return the ids that a filter finds; None when it cannot be read."""
        found = re.fullmatch(r'(?i)name (eq|sw|co|ne) "([^"]*)"', text)
        if not found:
            return None
        test = {"eq": str.__eq__, "ne": str.__ne__, "sw": str.startswith, "co": str.__contains__}[found[1].lower()]
        fold = str if self.has("case counts") else str.casefold
        return [k for k, t in self.kept.items() if test(fold(t["name"]), fold(found[2]))]

    def _list(self, query: dict[str, str], now: float) -> WireResponse:
        keys: list[str] = [k for k in self.kept if now - self.born[k] >= (2.0 if self.has("late lists") else 0.0)]
        if self.has("busy"):
            self._keep({"name": f"Guest {self.calls}", "kind": "foreign"}, -10.0)
        if "filter" in query:
            found = self._matching(str(query["filter"]))
            if self.has("declines filters"):
                return self._error(400, "declined")
            if found is None and not self.has("ignores bad filters"):
                return self._error(422 if self.has("bad filter is 422") else 400, "filter")
            if found is not None and not self.has("ignores filters"):
                keys = [k for k in keys if k in found]
            if self.has("filters find nothing"):
                keys = []
            if self.has("404 for nothing") and not keys:
                return self._error(404, "nothing")
        if "sort" in query and not self.has("ignores sort"):
            down = query["sort"].startswith("-")
            keys.sort(key=lambda k: self.kept[k]["name"] if self.has("sorts by code") else self.kept[k]["name"].casefold(), reverse=down)
        if self.has("shows deleted"):
            keys += sorted(self.gone)
        if self.has("404 for an empty list") and not self.kept:
            return self._error(404, "nothing")
        if self.has("lists nothing"):
            return answer(200, {"items": [], "total": len(keys)})
        return self._page(keys, query)

    def _page(self, keys: list[str], query: dict[str, str]) -> WireResponse:
        total = (
            len(keys)
            + (3 if self.has("wrong total") else 0)
            - (len([k for k in self.gone if k in keys]) if self.has("shows deleted") else 0)
        )
        size = int(query.get("limit", 50))
        size = min(size, 3) if self.has("small pages") else size
        first = 0
        if "offset" in query:
            first = int(query["offset"]) - (1 if self.has("counts from one") else 0)
        elif "page" in query:
            first = (int(query["page"]) - 1) * size
        elif "token" in query:
            first = int(base64.b64decode(query["token"]).decode())
        elif "marker" in query:
            first = keys.index(query["marker"]) + 1
        if self.has("404 behind the end") and first and first >= len(keys):
            return self._error(404, "behind")
        if self.has("ignores the position"):
            first = 0
        if self.has("skips one") and first:
            first += 1
        end = len(keys) if self.has("ignores the size") else first + max(size, 0)
        page = keys[first:end]
        shown = [self._shown(k) if k in self.kept else {"id": k, "name": k} for k in page]
        if "fields" in query and not self.has("ignores fields"):
            shown = [{k: v for k, v in t.items() if k in ("id", *query["fields"].split(","))} for t in shown]
        body: dict[str, Any] = {"items": shown, "total": total}
        if self.has("total of the page"):
            body["total"] = len(shown)
        if self.has("no items member") and not shown:
            del body["items"]
        headers = {"x_total_count": str(total)}
        if end < len(keys) or self.has("next for ever"):
            body["nextToken"] = base64.b64encode(str(end).encode()).decode()
            body["next"] = f"/things?offset={end}&limit={size}"
            headers["link"] = f'<{body["next"]}>; rel="next"'
        return answer(200, body, **headers)

    def _bulk(self, body: Any, now: float) -> WireResponse:
        told: list[dict[str, Any]] = []
        for one in body["operations"]:
            if one["method"] == "DELETE":
                told.append({"method": "DELETE", "status": "404", "response": {"code": "unknown"}})
                if self.has("bulk stops"):
                    break
                if self.has("bulk explains nothing"):
                    told[-1].pop("response")
                continue
            made = self._create(one["data"], now)
            key = json.loads(made.body)["id"]
            if self.has("bulk does nothing"):
                del self.kept[key]
            status: Any = {"code": str(made.status)} if self.has("status objects") else str(made.status)
            told.append({"method": "POST", "name": one["name"], "status": status, "location": f"/things/{key}"})
            if self.has("bulk forgets names"):
                told[-1].pop("name")
        return answer(200, {"operations": list(reversed(told)) if self.has("any order") else told})

    # -- one thing -----------------------------------------------------------------------------------------------
    def _tag(self, key: str) -> str:
        version = 1 if self.has("tag never changes") else self.versions[key]
        return f'W/"{version}"' if self.has("weak tags") else f'"{version}"'

    def _one(self, request: WireRequest, key: str, query: dict[str, str], body: Any, now: float) -> WireResponse:
        if key not in self.kept:
            if request.method == "DELETE" and key in self.gone and self.has("delete again is 204"):
                return answer(204)
            if request.method == "PUT" and self.has("puts make"):
                self._keep(body, now)
                self.kept[key] = {**body, "id": key}
                self.born[key], self.versions[key] = now, 1
                return answer(201, self._shown(key))
            return self._error(404, "unknown")
        if request.method == "GET":
            return self._read(request, key, query)
        wanted = header(request.headers, "if-match")
        if wanted and not self.has("ignores if-match"):
            fits = wanted in ("*", self._tag(key)) and not wanted.startswith("W/")
            if not fits:
                if self.has("writes and answers 412"):
                    self._write(request.method, key, body)
                return self._error(409 if self.has("409 for versions") else 412, "version")
        if request.method == "DELETE":
            self.gone |= {key, self.kept[key]["name"]}
            if not self.has("deletes nothing"):
                del self.kept[key]
            return answer(204)
        if "created" in body and self.has("refuses server members"):
            return self._error(400, "read-only")
        if (body.get("kind") == "bad" or "unknown" in body) and not self.has("takes anything"):
            if self.has("applies before it refuses"):
                self.kept[key]["label"] = {"colour": "spoiled"}
            return self._error(400, "invalid")
        if request.method == "PATCH" and self.has("refuses every change"):
            return self._error(501, "not here")
        if request.method == "PATCH" and "label" in body and self.has("refuses labels"):
            return self._error(400, "label")
        self._write(request.method, key, body)
        return answer(204) if self.has("204 for writes") else answer(200, self._shown(key), etag=self._tag(key))

    def _read(self, request: WireRequest, key: str, query: dict[str, str]) -> WireResponse:
        asked = header(request.headers, "if-none-match")
        if asked and not self.has("ignores if-none-match") and (asked == self._tag(key) or self.has("304 for any tag")):
            return answer(304, etag=self._tag(key))
        shown = self._shown(key)
        if "fields" in query and not self.has("ignores fields"):
            shown = {k: v for k, v in shown.items() if k in ("id", *query["fields"].split(","))}
            if self.has("fields hide the id"):
                shown.pop("id")
        return answer(200, shown) if self.has("no tags") else answer(200, shown, etag=self._tag(key))

    def _write(self, method: str, key: str, body: Any) -> None:
        if self.has("writes nothing"):
            return
        old = self.kept[key]
        taken = {k: v for k, v in body.items() if k not in ("id", "created") or self.has("takes the client's created")}
        if method == "PUT" and not self.has("replace merges"):
            self.kept[key] = {"created": old["created"], **taken, "id": key}
        elif method == "PATCH" and self.has("patch replaces"):
            self.kept[key] = {"created": old["created"], "name": old["name"], **taken, "id": key}
        else:
            self.kept[key] = {**merged(old, taken), "id": key}
        self.versions[key] += 1

    def _error(self, status: int, code: str) -> WireResponse:
        return answer(status, {"code": code})

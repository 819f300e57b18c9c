"""A little standard for tests: leases of a client that begin and end, can be made longer, and are listed by owner."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from conformance.profile import Profile
from conformance.wire import WireRequest, WireResponse, header
from tests.checks.support import GOOD, answer, profile_of

_LEASE = {"type": "object", "properties": {"id": {"type": "string"}}}
_DONE = {"description": "", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Lease"}}}}
_BODY = {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}
_ID = [{"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}]
_DOCUMENT = {
    "info": {"title": "Leases", "version": "1"},
    "paths": {
        "/leases": {"post": {"operationId": "createLease", "requestBody": _BODY, "responses": {"201": _DONE}}},
        "/leases/{id}": {
            "parameters": _ID,
            "get": {"operationId": "getLease", "responses": {"200": _DONE}},
            "delete": {"operationId": "deleteLease", "responses": {"204": {"description": ""}}},
        },
        "/leases/{id}/extend": {
            "parameters": _ID, "post": {"operationId": "extendLease", "requestBody": _BODY, "responses": {"200": _DONE}},
        },
        "/find": {"post": {"operationId": "findLeases", "requestBody": _BODY, "responses": {"200": _DONE}}},
        "/plans/{name}": {
            "parameters": [{"name": "name", "in": "path", "required": True, "schema": {"type": "string"}}],
            "get": {"operationId": "getPlan", "responses": {"200": _DONE}},
        },
    },
    "components": {"schemas": {"Lease": _LEASE}},
}  # fmt: skip
_BINDINGS = {
    "probe": "findLeases",
    "authentication": {"required": True, "missing": [401], "bad": [401]},
    "operations": {
        "createLease": {"effect": "own"}, "deleteLease": {"effect": "own"}, "extendLease": {"effect": "own", "body": {"more": 10}},
        "findLeases": {"effect": "read", "body": {"owner": "us"}},
    },
    "resources": {
        "lease": {
            "create": "createLease", "read": "getLease", "list": "findLeases", "delete": "deleteLease", "parameter": "id", "id": "/id",
            "items": "", "example": {"owner": "us", "flow": "{unique}", "seconds": 20, "plan": "gold"},
        },
        "plan": {"read": "getPlan", "parameter": "name", "id": "/name"},
    },
    "test_data": {"pair": "Two names."},
}  # fmt: skip
LIMIT = 100


def leases() -> Profile:
    """Return the profile of the little standard."""
    return profile_of(_DOCUMENT, _BINDINGS)


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class Leases:
    """A server of it; `faults` are words for what it does wrong."""

    faults: frozenset[str] = frozenset()
    leases: dict[str, dict[str, Any]] = field(default_factory=dict)

    def handle(self, request: WireRequest, now: float) -> WireResponse:
        """Answer as the standard says, but for the faults."""
        given = header(request.headers, "authorization")
        who = {GOOD: "us", "Bearer other-credentials": "them"}.get(given or "")
        if who is None:
            return self.error(401, "UNAUTHENTICATED")
        if header(request.headers, "x-trace") == "bad trace" and "any trace" not in self.faults:
            return self.error(400, "INVALID")
        try:
            body = json.loads(request.body) if request.body else {}
        except ValueError:
            return self.error(400, "INVALID")
        parts = request.target.strip("/").split("/")
        if parts[0] == "plans":
            return (
                answer(200, {"name": "gold", "most": {"value": LIMIT, "unit": "Seconds"}})
                if parts[1] == "gold"
                else self.error(404, "NO_SUCH")
            )
        if parts[0] == "find":
            return answer(200, [self.shown(i, now) for i in self.found(body, who)])
        if request.method == "POST" and len(parts) == 1:
            return self.make(body, now, who)
        lease = self.leases.get(parts[1])
        if lease is None:
            return self.error(404, "NO_SUCH")
        if lease["client"] != who and "served to anyone" not in self.faults:
            return self.error(403, "NOT_YOURS")
        if request.method == "DELETE":
            del self.leases[parts[1]]
            return answer(204)
        if len(parts) == 3 and "forgets" not in self.faults:
            longer = lease["seconds"] + body["more"]
            lease["seconds"] = 1 if "shortens" in self.faults else longer if "no limit" in self.faults else min(longer, LIMIT)
        return answer(200, self.shown(parts[1], now))

    def error(self, status: int, code: str) -> WireResponse:
        """Return a refusal."""
        return answer(status, {"code": "ERROR" if "one code" in self.faults else code})

    def found(self, body: dict[str, Any], who: str) -> list[str]:
        """Return the ids of the leases that are asked for."""
        anyone, all_owners = "listed for anyone" in self.faults, "one list" in self.faults
        mine = {i: lease for i, lease in self.leases.items() if lease["client"] == who or anyone}
        return [i for i, lease in mine.items() if lease["owner"] == body.get("owner") or all_owners]

    def make(self, body: dict[str, Any], now: float, who: str) -> WireResponse:
        """Make a lease of a flow that has none."""
        if "owner" not in body or (body.get("owner") == "" and "any owner" not in self.faults):
            return self.error(422, "OWNER")
        flows = [lease["flow"] for lease in self.leases.values()]
        if body["flow"] in flows and "repeats" not in self.faults:
            return self.error(409, "TAKEN")
        id = f"lease-{len(self.leases) + 1}"
        self.leases[id] = {**body, "client": who, "made": now}
        return answer(201, self.shown(id, now))

    def shown(self, id: str, now: float) -> dict[str, Any]:
        """Return a lease as it is shown."""
        lease = self.leases[id]
        ends = lease["made"] + lease["seconds"]
        state = "active" if now < ends or "endless" in self.faults else "over"
        begins, end = (ends, lease["made"]) if "backwards" in self.faults else (lease["made"], ends)
        owner = "somebody" if "invents" in self.faults else lease["owner"]
        if isinstance(owner, dict) and "shows all" not in self.faults:
            owner = dict(list(owner.items())[:1])
        shown = {k: lease[k] for k in ("flow", "plan", "seconds")}
        return {"id": id, "owner": owner, **shown, "state": state, "begins": _moment(begins), "ends": _moment(end)}

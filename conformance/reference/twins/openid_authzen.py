"""A policy decision point that holds the scenario of the certification programme: two users, two records, eight decisions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from conformance.contract import Operation
from conformance.reference.engine import ResourceTwin
from conformance.reference.message import Call, Refused
from conformance.wire import WireRequest, WireResponse

PROFILE = "openid-authzen"
WELL_KNOWN = "/.well-known/authzen-configuration"
#: What the scenario knows: who and what there is, with its type and the properties it has where a request names none.
USERS: Mapping[str, Mapping[str, Any]] = {"alice": {}, "bob": {"role": "admin"}}
RECORDS: Mapping[str, Mapping[str, Any]] = {"record-1": {"status": "active"}, "record-2": {"status": "archived"}}
ACTIONS = ("read", "write", "delete")
_TUPLE = ("subject", "action", "resource")
_ENDPOINTS = {
    "access_evaluation_endpoint": "evaluation", "access_evaluations_endpoint": "evaluations", "search_subject_endpoint": "search/subject",
    "search_resource_endpoint": "search/resource", "search_action_endpoint": "search/action",
}  # fmt: skip


def permitted(subject: Mapping[str, Any], action: Mapping[str, Any], resource: Mapping[str, Any]) -> bool:
    """Decide as the scenario wants it.

    >>> permitted({"type": "user", "id": "bob"}, {"name": "write"}, {"type": "record", "id": "record-1"})
    False
    """
    if subject["type"] != "user" or subject["id"] not in USERS or resource["type"] != "record" or resource["id"] not in RECORDS:
        return False
    status = {**RECORDS[resource["id"]], **resource.get("properties", {})}.get("status")
    if action["name"] == "read":
        return True
    if action["name"] == "write":
        role = {**USERS[subject["id"]], **subject.get("properties", {})}.get("role")
        return role == "admin" if status == "archived" else subject["id"] == "alice"
    return action["name"] == "delete" and subject["id"] == "alice" and action.get("properties", {}).get("soft") is True


class AuthzenTwin(ResourceTwin):
    """Decides, one by one or in a list, and finds who may do what with what."""

    def dressed(self, request: WireRequest, answer: WireResponse, operation: Operation | None) -> WireResponse:
        """Return an answer that carries the identifier of its request."""
        answer = super().dressed(request, answer, operation)
        sent = next((v for k, v in request.headers if k.lower() == "x-request-id"), None)
        kept = tuple(h for h in answer.headers if h[0].lower() != "x-request-id")
        headers = kept if sent is None else (*kept, ("X-Request-ID", sent))
        return WireResponse(status=answer.status, headers=headers, body=answer.body, delay_s=answer.delay_s)

    def op_getConfiguration(self, call: Call) -> WireResponse:
        """Tell where the endpoints are."""
        base = self.absolute(self.options.base)
        told = {name: f"{base}/access/v1/{path}" for name, path in _ENDPOINTS.items()}
        return self.answer(call.operation, 200, {"policy_decision_point": base, **told})

    # -- decisions -----------------------------------------------------------------------------------------------
    def decided(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Return the decision on one evaluation; one that lacks something is denied, with the reason."""
        complete = {name: asked[name] for name in _TUPLE if name in asked}
        problem = next(self.contract.requests.violations("/components/schemas/Evaluation", complete), None)
        if problem:
            return {"decision": False, "context": {"error": {"status": 400, "message": str(problem)}}}
        return {"decision": permitted(asked["subject"], asked["action"], asked["resource"])}

    def op_evaluate(self, call: Call) -> WireResponse:
        """Decide on one access."""
        return self.answer(call.operation, 200, self.decided(self.accepted(call)))

    def op_evaluateMany(self, call: Call) -> WireResponse:
        """Decide on several, each completed by the defaults beside the list, up to where the semantic ends."""
        body = self.accepted(call)
        asked = body.get("evaluations")
        if not asked:
            alone = self.decided(body)
            if "context" in alone:
                raise Refused(400, alone["context"]["error"]["message"])
            return self.answer(call.operation, 200, alone)
        semantic = body.get("options", {}).get("evaluations_semantic", "execute_all")
        ends = {"deny_on_first_deny": False, "permit_on_first_permit": True}.get(semantic)
        decisions: list[dict[str, Any]] = []
        for one in asked:
            decisions.append(self.decided({**body, **one}))
            if decisions[-1]["decision"] is ends:
                break
        return self.answer(call.operation, 200, {"evaluations": decisions})

    # -- searches ------------------------------------------------------------------------------------------------
    def fitting(self, call: Call, member: str, candidates: list[dict[str, Any]]) -> WireResponse:
        """Return those of *candidates* with which, in the place of *member*, access is permitted."""
        body = self.accepted(call)
        wanted = body.get(member, {}).get("type")
        fit = [c for c in candidates if wanted in (None, c.get("type")) and permitted(**{n: {**body, member: c}[n] for n in _TUPLE})]
        return self.answer(call.operation, 200, {"results": fit})

    def op_searchSubjects(self, call: Call) -> WireResponse:
        """Find who may do something."""
        return self.fitting(call, "subject", [{"type": "user", "id": id} for id in USERS])

    def op_searchResources(self, call: Call) -> WireResponse:
        """Find with what something may be done."""
        return self.fitting(call, "resource", [{"type": "record", "id": id} for id in RECORDS])

    def op_searchActions(self, call: Call) -> WireResponse:
        """Find what may be done."""
        return self.fitting(call, "action", [{"name": name} for name in ACTIONS])


TWIN = AuthzenTwin

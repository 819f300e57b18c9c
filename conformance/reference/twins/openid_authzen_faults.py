"""Faults that only a policy decision point can have."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from conformance.reference.faults.planting import Seen, fault
from conformance.reference.faults.where import at, both, ids, turns
from conformance.requirement import Requirement
from conformance.wire import WireResponse

_P = "openid-authzen"
_ENTITIES = ("subject", "action", "resource")


def _decisions(seen: Seen, change: Callable[[list[Any]], list[Any]]) -> WireResponse:
    return seen.edited(lambda body: {**body, "evaluations": change(body["evaluations"])} if "evaluations" in body else body)


def _decided(requirement: Requirement) -> list[Any]:
    """Return what a requirement expects of each evaluation that it sends; None where it expects nothing."""
    told = requirement.arguments
    count = len(told.get("changes", {}).get("evaluations") or ())
    return [told.get("expect", {}).get(f"/evaluations/{i}/decision") for i in range(count)]


def _order_matters(requirement: Requirement) -> bool:
    return _decided(requirement) != _decided(requirement)[::-1]


def _last_matters(requirement: Requirement) -> bool:
    told, count = requirement.arguments, len(_decided(requirement))
    last = f"/evaluations/{count - 1}/" if count else "/evaluations/"
    return any(pointer.startswith(last) for pointer in (*told.get("expect", {}), *told.get("holds", ())))


def _refused(seen: Seen, status: int) -> WireResponse:
    return WireResponse(status=status, headers=(("Content-Type", "text/plain"),), body=b"no")


def _without_properties(body: Mapping[str, Any]) -> dict[str, Any]:
    plain = {n: {k: v for k, v in e.items() if k != "properties"} for n, e in body.items() if n in _ENTITIES and isinstance(e, dict)}
    items = body.get("evaluations")
    return {**body, **plain, **({"evaluations": [_without_properties(i) for i in items]} if isinstance(items, list) else {})}


@fault(
    profile=_P, group="status", sentence="A denial is answered with 403.", applies=at("evaluate"),
    expected=ids("evaluate.unknown-subject", "evaluate.unknown-action", "scenario.bob-denied", "scenario.hard-delete", "scenario.archived"),
)  # fmt: skip
def denial_as_forbidden(seen: Seen) -> WireResponse:
    answer = seen.forward()
    return _refused(seen, 403) if answer.status == 200 and json.loads(answer.body)["decision"] is False else answer


@fault(
    profile=_P, group="state", sentence="Everything is permitted.", applies=at("evaluate"),
    expected=ids("scenario.bob-denied", "scenario.archived", "scenario.hard-delete"),
)  # fmt: skip
def everything_permitted(seen: Seen) -> WireResponse:
    return seen.edited(lambda body: {**body, "decision": True})


@fault(
    profile=_P, group="state", sentence="Everything is denied.", applies=at("evaluate"),
    expected=ids(
        "scenario.alice-reads", "scenario.alice-writes", "scenario.bob-reads", "scenario.context-changes-nothing", "scenario.more-properties",
        "scenario.admin", "scenario.soft-delete", "search-subjects.confirmed", "search-resources.confirmed", "search-actions.confirmed",
    ),
)  # fmt: skip
def everything_denied(seen: Seen) -> WireResponse:
    return seen.edited(lambda body: {**body, "decision": False})


@fault(
    profile=_P, group="state", sentence="Properties of a request are not looked at.", applies=at("evaluate"),
    expected=ids("scenario.soft-delete"),
)  # fmt: skip
def properties_not_looked_at(seen: Seen) -> WireResponse:
    return seen.sending(lambda body: _without_properties(body) if isinstance(body, dict) else body)


@fault(
    profile=_P, group="state", sentence="A request with members that nobody knows is refused.",
    applies=at("evaluate"), expected=ids("evaluate.unknown-members"),
)  # fmt: skip
def unknown_members_refused(seen: Seen) -> WireResponse:
    return _refused(seen, 400) if set(seen.sent_members) - {*_ENTITIES, "context"} else seen.forward()


@fault(
    profile=_P, group="state", sentence="A request without a context is refused.", applies=at("evaluate"),
    expected=ids("evaluate.without-context"),
)  # fmt: skip
def context_demanded(seen: Seen) -> WireResponse:
    sent = seen.sent_members
    return _refused(seen, 422) if set(_ENTITIES) <= set(sent) and "context" not in sent else seen.forward()


@fault(
    profile=_P, group="state", sentence="Decisions come in the reverse order.", applies=at("evaluateMany"),
    expected=turns("answer-says", when=_order_matters),
)  # fmt: skip
def decisions_reversed(seen: Seen) -> WireResponse:
    return _decisions(seen, lambda decisions: decisions[::-1])


@fault(
    profile=_P, group="state", sentence="The last evaluation of a list is not answered.", applies=at("evaluateMany"),
    expected=both(ids("evaluate-many.as-many"), turns("answer-says", when=_last_matters)),
)  # fmt: skip
def last_decision_lost(seen: Seen) -> WireResponse:
    return _decisions(seen, lambda decisions: decisions[:-1])


@fault(
    profile=_P, group="state", sentence="A list with one incomplete evaluation is refused as a whole.", applies=at("evaluateMany"),
    expected=ids("evaluate-many.item-error", "scenario.batch-item-error"),
)  # fmt: skip
def incomplete_item_refused(seen: Seen) -> WireResponse:
    sent = seen.sent_members
    items = sent.get("evaluations")
    lacks = [i for i in items if isinstance(i, dict) and not set(_ENTITIES) <= {*sent, *i}] if isinstance(items, list) else []
    return _refused(seen, 400) if lacks else seen.forward()


@fault(
    profile=_P, group="state", sentence="The defaults beside a list win over what its evaluations say.",
    applies=at("evaluateMany"), expected=ids("scenario.batch-override"),
)  # fmt: skip
def defaults_win(seen: Seen) -> WireResponse:
    def change(body: Any) -> Any:
        if not isinstance(body, dict) or not isinstance(body.get("evaluations"), list):
            return body
        default = {n: body[n] for n in _ENTITIES if n in body}
        return {**body, "evaluations": [{**item, **default} for item in body["evaluations"] if isinstance(item, dict)]}

    return seen.sending(change)


@fault(
    profile=_P, group="state", sentence="A request without a list is refused where lists are decided upon.", applies=at("evaluateMany"),
    expected=ids("evaluate-many.single", "evaluate-many.empty", "scenario.batch-single", "scenario.batch-empty"),
)  # fmt: skip
def list_demanded(seen: Seen) -> WireResponse:
    return seen.forward() if seen.sent_members.get("evaluations") else _refused(seen, 400)


@fault(
    profile=_P, group="state", sentence="The semantic of a list is not looked at.", applies=at("evaluateMany"),
    expected=ids("scenario.batch-deny-first", "scenario.batch-permit-first"),
)  # fmt: skip
def semantic_not_looked_at(seen: Seen) -> WireResponse:
    return seen.sending(lambda body: {k: v for k, v in body.items() if k != "options"} if isinstance(body, dict) else body)


@fault(
    profile=_P, group="query semantics", sentence="Somebody is found who may do nothing.",
    applies=at("searchSubjects"), expected=ids("search-subjects.confirmed", "scenario.no-such-type"),
)  # fmt: skip
def stranger_found(seen: Seen) -> WireResponse:
    return seen.edited(lambda body: {**body, "results": [*body["results"], {"type": "user", "id": "mallory"}]})


@fault(
    profile=_P, group="query semantics", sentence="A search finds the first result alone.", applies=at("searchSubjects", "searchActions"),
    expected=lambda profile, place: ids("scenario.who-reads" if place == "searchSubjects" else "scenario.what-may-be-done")(profile, place),
)  # fmt: skip
def first_result_alone(seen: Seen) -> WireResponse:
    return seen.edited(lambda body: {**body, "results": body["results"][:1]})


@fault(
    profile=_P, group="query semantics", sentence="Searching for what nobody knows is answered with 404.",
    applies=at("searchSubjects", "searchActions"),
    expected=lambda profile, place: (
        ids("search-subjects.unknown", "scenario.no-such-type") if place == "searchSubjects" else ids("search-actions.unknown", "scenario.nobody")
    )(profile, place),
)  # fmt: skip
def nothing_found_as_error(seen: Seen) -> WireResponse:
    answer = seen.forward()
    return _refused(seen, 404) if answer.status == 200 and not json.loads(answer.body)["results"] else answer


@fault(
    profile=_P, group="headers", sentence="Answers carry a request identifier of the server's own.",
    applies=at("evaluate"), expected=ids("service.request-id"),
)  # fmt: skip
def request_identifier_replaced(seen: Seen) -> WireResponse:
    answer = seen.forward()
    kept = tuple(h for h in answer.headers if h[0].lower() != "x-request-id")
    return WireResponse(status=answer.status, headers=(*kept, ("X-Request-ID", "1")), body=answer.body, delay_s=answer.delay_s)


@fault(
    profile=_P, group="answer shape", sentence="The metadata name another decision point.",
    applies=at("getConfiguration"), expected=ids("metadata.identifier"),
)  # fmt: skip
def another_decision_point(seen: Seen) -> WireResponse:
    return seen.edited(lambda body: {**body, "policy_decision_point": "https://other.example"})


@fault(
    profile=_P, group="answer shape", sentence="The metadata name an endpoint by its path.",
    applies=at("getConfiguration"), expected=ids("metadata.endpoints"),
)  # fmt: skip
def endpoint_by_path(seen: Seen) -> WireResponse:
    return seen.edited(lambda body: {**body, "access_evaluation_endpoint": "/access/v1/evaluation"})

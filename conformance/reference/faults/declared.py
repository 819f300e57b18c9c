"""Faults as data: what `twin.yaml` says may be wrong with a standard's twin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import quote, urlencode

from conformance.profile import Profile
from conformance.reference.faults.planting import Fault, Seen, success, with_header, with_request_header, without_request_header
from conformance.reference.faults.where import at, ids, service
from conformance.reference.message import Call, split_target, write_json
from conformance.reference.places import merge_patch
from conformance.reference.rules import Told, describes, filled, refused, told, told_of
from conformance.twin import Change, FaultRule
from conformance.wire import WireRequest, WireResponse


def declared(profile: Profile) -> list[Fault]:
    """Return the faults that the twin's data have."""
    return [
        Fault(
            name=rule.name, group=rule.group, sentence=rule.sentence, applies=at(*rule.at) if rule.at else service,
            expected=partial(_turned, rule.turns), act=partial(_act, rule), profile=profile.name,
        )
        for rule in profile.twin.faults
    ]  # fmt: skip


def _turned(turns: Mapping[str, tuple[str, ...]], profile: Profile, place: str) -> frozenset[str]:
    return ids(*turns.get(place, ()))(profile, place)


def _act(rule: FaultRule, seen: Seen) -> WireResponse:
    """Answer a call as the fault has it, where its condition describes the call; else as the twin does."""
    parts = _parts(seen)
    early = rule.refuse or rule.request
    if early and "response" in rule.when:
        parts["response"] = told_of(seen.pretend())
    if early and not describes(rule.when, parts):
        return seen.forward()
    if rule.refuse:
        return seen.twin.refusal(refused(rule.refuse), seen.operation)
    answer = seen.forward(_sent(seen.request, rule.request, parts) if rule.request else None)
    parts["response"] = told_of(answer)
    if rule.response is None or not (early or describes(rule.when, parts)):
        return answer
    body = "response" in rule.when or success(answer)
    return _answered(answer, rule.response if body else replace(rule.response, body=None, patch=None), parts)


def _parts(seen: Seen) -> Told:
    """Return a request as conditions see it, as it was sent: nothing of it was held against the contract."""
    path, query = split_target(seen.request.target)
    route = seen.twin.route(path)
    if seen.operation is None or route is None:
        return {}
    sent = seen.sent
    who, _ = seen.twin.identity(seen.request)
    call = Call(
        request=seen.request, now=seen.now, path=path, query=query, operation=seen.operation, values=route.values, who=who, body=sent
    )  # fmt: skip
    return {**told(call), "uuid": seen.twin.store.fresh_uuid("fault")}


def _sent(request: WireRequest, change: Change, parts: Told) -> WireRequest:
    """Return a request as it was changed."""
    if change.query:
        path, query = split_target(request.target)
        kept = [(name, value) for name, value in query if name not in change.query]
        given = [(name, str(filled(value, parts))) for name, value in change.query.items() if value is not None]
        text = urlencode([*kept, *given], quote_via=quote)
        request = replace(request, target=f"{path}?{text}" if text else path)
    for name, value in change.headers.items():
        put = value is not None
        request = with_request_header(request, name, str(filled(value, parts))) if put else without_request_header(request, name)
    body = _body(change, parts.get("body"), parts)
    return request if body is None else replace(request, body=body)


def _answered(answer: WireResponse, change: Change, parts: Told) -> WireResponse:
    """Return an answer as it was changed."""
    body = _body(change, parts["response"].get("body"), parts)
    for name, value in change.headers.items():
        answer = with_header(answer, name, None if value is None else str(filled(value, parts)))
    return replace(answer, status=change.status or answer.status, body=answer.body if body is None else body)


def _body(change: Change, before: Any, parts: Told) -> bytes | None:
    """Return another body; None where it stays as it is."""
    if change.body is not None:
        return write_json(filled(change.body, parts))
    if change.patch is not None and isinstance(before, Mapping):
        return write_json(merge_patch(before, filled(change.patch, parts)))
    return None

"""Methods that a resource does not offer."""

from __future__ import annotations

from collections.abc import Sequence

from conformance.api import Api
from conformance.checks.expect import one_of
from conformance.checks.registry import check
from conformance.checks.service import tested_operations
from conformance.checks.subjects import ours, valid_request
from conformance.contract import SAFE, Operation
from conformance.ending import Inconclusive, Nonconformity, NotApplicable
from conformance.exchange import Request
from conformance.flow import given, send
from conformance.profile import Profile, Resource
from conformance.requirement import Requirement
from conformance.verdict import Effect

#: Methods that may change what they are sent to.
_CHANGING = ("PUT", "PATCH", "DELETE")


def _reads(profile: Profile, requirement: Requirement) -> Sequence[tuple[str, str]]:
    """Pair each read whose path the contract knows with a method that it does not declare.

    PUT, PATCH and DELETE only for reads of something that a run can make for itself.
    """
    method = str(requirement.arguments.get("method", "POST")).upper()
    wanted = (
        [profile.operation(requirement.on)] if requirement.on in profile.contract.operations else tested_operations(profile, reads=True)
    )
    return [
        (o.id, method)
        for o in wanted
        if o.method == "GET" and method not in profile.contract.methods_of(o.path) and (method not in _CHANGING or _own(profile, o))
    ]


def _own(profile: Profile, operation: Operation) -> Resource | None:
    """Return the resource that *operation* reads, if a run can make one."""
    resource = profile.bindings.resource_of(operation.id)
    return resource if resource and resource.read == operation.id and resource.create and resource.parameter else None


@check("unsupported-method", about="service", cases=_reads, writes=True)
async def unsupported_method(api: Api, case: tuple[str, str], method: str = "POST", header: str = "", statuses: Sequence[int] = ()) -> None:
    """Sends a method that a path does not offer (with an empty JSON object) to something that is there: it must be refused as such.

    With: `method` (POST); `statuses` of the refusal (those of the bindings); `header`, to look instead at a header which a refusal
    with one of `statuses` must carry (Allow, RFC 9110 section 15.5.6).
    """
    right = await _something_there(api, api.operation(case[0]), case[1])
    await given(right)
    wrong = right.with_(method=case[1], undo="")
    if case[1] not in SAFE:
        wrong = wrong.without_header("content-type").with_(effect=Effect.OWN, body=b"{}")
        wrong = wrong.with_(headers=(*wrong.headers, ("content-type", "application/json")))
    seen = await send(wrong)
    wanted = tuple(statuses) or api.profile.bindings.error.unsupported
    if header:
        if seen.status not in wanted:
            raise NotApplicable(f"{seen.request.where} was not refused with {one_of(wanted)}")
        if seen.header(header) is None:
            raise Nonconformity(f"{seen.status} with the header {header}", "no such header", seen, cause=f"no {header} header")
        return
    if seen.status in wanted:
        return
    if seen.status >= 500 or seen.success or seen.status in (400, 404, 411, 415):
        raise Nonconformity(
            f"{one_of(wanted)} for {case[1]} {api.operation(case[0]).path}", seen.summary, seen, cause=f"unsupported method: {seen.status}"
        )
    raise Inconclusive(f"refused with {seen.status}, which does not speak of the method", seen)


async def _something_there(api: Api, operation: Operation, method: str) -> Request:
    """Return a valid read; one of something of our own for a method that may change it."""
    resource = _own(api.profile, operation)
    if method in _CHANGING and resource:
        return api.request(operation, subject=await ours(api, resource))
    return await valid_request(api, operation)

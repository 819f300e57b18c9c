"""Methods that a resource does not offer."""

from __future__ import annotations

from collections.abc import Sequence

from conformance.api import Api
from conformance.checks.expect import one_of
from conformance.checks.registry import check
from conformance.checks.service import tested_operations
from conformance.checks.subjects import valid_request
from conformance.ending import Inconclusive, Nonconformity
from conformance.flow import given, send
from conformance.profile import Profile
from conformance.requirement import Requirement
from conformance.verdict import Effect


def _reads(profile: Profile, requirement: Requirement) -> Sequence[tuple[str, str]]:
    """Pair each read whose path the contract knows with a method it does not declare; never one that could change anything foreign."""
    wanted = [profile.operation(requirement.on)] if requirement.on in profile.contract.operations else tested_operations(profile, reads=True)
    found = []
    for operation in wanted:
        declared = profile.contract.methods_of(operation.path)
        if operation.method == "GET" and "POST" not in declared:
            found.append((operation.id, "POST"))
    return found


@check("unsupported-method", about="service", cases=_reads)
async def unsupported_method(api: Api, case: tuple[str, str], allow_header: bool = True) -> None:
    """Sends a method that a path does not offer to something that is there; expects the refusal the standard names, with Allow on a 405."""
    operation = api.operation(case[0])
    right = await valid_request(api, operation)
    await given(right)
    seen = await send(right.with_(method=case[1], effect=Effect.READ))
    wanted = api.profile.bindings.error.unsupported
    if seen.status not in wanted:
        if seen.status >= 500 or seen.success:
            raise Nonconformity(f"{one_of(wanted)} for {case[1]} {operation.path}", seen.summary, seen, cause=f"unsupported method: {seen.status}")
        if seen.status in (400, 404, 411, 415) and operation.method:
            raise Nonconformity(f"{one_of(wanted)} for {case[1]} {operation.path}", seen.summary, seen, cause=f"unsupported method: {seen.status}")
        raise Inconclusive(f"refused with {seen.status}, which does not speak of the method", seen)
    if allow_header and seen.status == 405 and seen.header("allow") is None:
        raise Nonconformity("405 with an Allow header", "no Allow header", seen, cause="no Allow header")

"""A header that a client sends to follow its request through the systems comes back, in answers and in refusals."""

from __future__ import annotations

from collections.abc import Sequence

from conformance.api import Api
from conformance.checks.contract import provocations
from conformance.checks.patterns.protocol import adding, all_values
from conformance.checks.registry import check
from conformance.checks.service import tested_operations
from conformance.checks.subjects import valid_request
from conformance.ending import Nonconformity, NotApplicable
from conformance.flow import given, send
from conformance.profile import Profile
from conformance.requirement import Requirement


def _looks(profile: Profile, requirement: Requirement) -> Sequence[tuple[str, str]]:
    operations = tested_operations(profile, reads=False)
    answers = [(o.id, "answer") for o in operations]
    return answers + [(o.id, "not-json") for o in operations if "not-json" in provocations(profile, o)]


@check("header-echoed", about="service", cases=_looks)
async def header_echoed(api: Api, case: tuple[str, str], header: str, value: str = "{uuid}", apart_from: Sequence[int] = ()) -> None:
    """Sends a header with a valid request of each operation, and with a body that is not JSON: the answer must carry it back.

    With: `header`, its name; `value`, what is sent; `apart_from`, statuses that need not carry it.
    """
    operation, kind = api.operation(case[0]), case[1]
    if not api.allows(operation.effect):
        raise NotApplicable("reads only")
    wanted = str(api.fill(value))
    right = adding(await valid_request(api, operation), {header: wanted})
    seen = await given(right) if kind == "answer" else await send(right.with_(body=b'{"', undo=""), also=(403,))
    if kind == "not-json" and not 400 <= seen.status < 500:
        raise NotApplicable(f"{operation.title} answered {seen.status} to a body that is not JSON; its errors are looked at elsewhere")
    if seen.status in apart_from:
        raise NotApplicable(f"{operation.title} answered {seen.status}")
    found = all_values(seen, header)
    if not found:
        raise Nonconformity(f"the header {header}: {wanted}", "no such header", seen, cause=f"no {header} header")
    if wanted not in found:
        raise Nonconformity(f"{header}: {wanted}", ", ".join(found), seen, cause=f"value of {header}")

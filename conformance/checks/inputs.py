"""The input family: frozen invalid inputs, one edit of a valid request each, which must be refused."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from conformance.api import Api, Subject, path_values, spoken_of
from conformance.case import Case, edited
from conformance.checks.registry import check
from conformance.checks.subjects import discard, known_good, renamed, valid_request
from conformance.contract import Operation
from conformance.ending import Inconclusive, Nonconformity, NotApplicable
from conformance.exchange import Exchange, Request, Trouble
from conformance.flow import given, send
from conformance.profile import Profile, Resource
from conformance.requirement import Requirement

#: Statuses that refuse for another reason than the input.
_OTHER_REASONS = (401, 403, 404, 405, 406, 407, 408, 409, 412, 423, 428)


def _corpus(profile: Profile, requirement: Requirement) -> Sequence[Case]:
    return tuple(c for c in profile.cases.get(requirement.on, ()) if c.mode == "negative")


async def control(api: Api, operation: Operation) -> Exchange:
    """Send the valid request that every case edits; without its success no refusal proves anything."""
    return await given(await valid_request(api, operation))


@check("refuses", about="operation", cases=_corpus, ready=control)
async def refuses(api: Api, operation: Operation, case: Case, ready: Exchange) -> None:
    """Sends the valid request with one place made invalid; it must be refused with a 4xx, not accepted and not break the server."""
    resource = api.profile.bindings.resource_of(operation.id)
    fresh = resource is not None and resource.create == operation.id
    if resource and fresh and resource.parameter in operation.path_parameters:
        base = _renamed(api, operation, resource, ready.request)
    elif resource and fresh and (again := _made_again(api, resource, ready.request)):
        base = again
    else:
        used_up = resource is not None and (fresh or resource.delete == operation.id)
        if resource and used_up:
            _same_home(api, operation, resource, ready.request)
        base = await valid_request(api, operation) if used_up else ready.request
    seen = await send(spoiled(base, case), silence=True)
    if not seen.status:
        await _while_healthy(api, seen)
        seen = await send(spoiled(base, case), silence=True)
    if not seen.status:
        await _while_healthy(api, seen)
        raise Nonconformity(
            f"a 4xx: {case.title}", f"{seen.detail or seen.trouble}", seen, ready, cause=f"no answer: {operation.title} on invalid input"
        )
    if seen.success and fresh and resource is not None:
        await discard(api, resource, seen)
    documented = {int(s) for s in operation.answers if s.isdigit() and s.startswith("4")}
    invalid = api.profile.bindings.error.invalid
    if seen.success or 300 <= seen.status < 400:
        raise Nonconformity(
            f"a 4xx: {case.title}",
            f"{seen.summary}: accepted",
            seen,
            ready,
            cause=f"accepts {case.scenario} at {operation.title} {case.pointer}",
        )
    if seen.status >= 500:
        raise Nonconformity(f"a 4xx: {case.title}", seen.summary, seen, ready, cause=f"{seen.status}: {operation.title} on invalid input")
    if seen.status in _OTHER_REASONS and seen.status not in invalid and seen.status not in documented:
        raise Inconclusive(f"refused with {seen.status}, which does not speak of the input", seen)


async def _while_healthy(api: Api, seen: Exchange) -> None:
    """Expect that the server is there: only then does a closed connection speak of the input."""
    if seen.trouble not in (Trouble.CLOSED, Trouble.BROKEN):
        raise Inconclusive(f"{seen.request.where}: {seen.detail or seen.trouble}", seen)
    await given(await known_good(api))


def _same_home(api: Api, operation: Operation, resource: Resource, made: Request) -> None:
    """Let what a case tries to create or delete hang under what the control hangs under: it needs no home of its own."""
    above = {k: v for k, v in path_values(operation.path, made.target or made.link).items() if k != resource.parameter}
    owners = api.profile.bindings.owners
    api.homes.update({owners[name].name: Subject(parameters=above) for name in above if name in owners})


def _renamed(api: Api, operation: Operation, resource: Resource, request: Request) -> Request:
    """Return a create that names what it makes with another name; the rest may stay, since nothing is to come of it."""
    above = {k: v for k, v in path_values(operation.path, request.target or request.link).items() if k != resource.parameter}
    return api.request(operation, parameters=above, body=json.loads(request.body))


def _made_again(api: Api, resource: Resource, request: Request) -> Request | None:
    """Return a create as it was sent, with another id where the client chooses it; None where it may have to differ elsewhere.

    What it speaks of was made for the control and need not be made for each case.
    """
    if resource.parameter in resource.chosen:
        return renamed(api, resource, request)
    speaks = spoken_of(resource.example)
    return request if speaks and not re.search(r"\{(unique|marker|uuid|port|ipv4)\}", str(resource.example)) else None


def spoiled(base: Request, case: Case) -> Request:
    """Return *base* with the edit of *case*.

    Raises:
        NotApplicable: the example does not have the place that the case edits.
    """
    if case.place == "body":
        if case.action == "raw":
            return base.with_(body=str(case.value).encode())
        try:
            body = edited(json.loads(base.body), case)
        except (KeyError, IndexError, ValueError, TypeError):
            raise NotApplicable(f"the example has no {case.pointer}") from None
        return base.with_(body=json.dumps(body, ensure_ascii=False).encode())
    if case.place == "query":
        return base.with_(**_query_with(base, case))
    if case.place == "header":
        return base.without_header(case.pointer).with_(
            headers=(*base.without_header(case.pointer).headers, (case.pointer.lower(), str(case.value)))
        )
    raise NotApplicable(f"no edit of a {case.place}")


def _query_with(base: Request, case: Case) -> dict[str, str]:
    from urllib.parse import parse_qsl, quote, urlencode

    field = "link" if base.link else "target"
    path, _, text = getattr(base, field).partition("?")
    pairs = [(k, v) for k, v in parse_qsl(text, keep_blank_values=True) if k != case.pointer]
    if case.action != "remove":
        values = case.value if isinstance(case.value, list) else [case.value]
        pairs += [(case.pointer, v if isinstance(v, str) else json.dumps(v)) for v in values]
    query = urlencode(pairs, quote_via=quote)
    return {field: f"{path}?{query}" if query else path}

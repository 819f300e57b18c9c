"""The contract family: is the operation there, does its answer hold what is documented, do its errors, does it ask who we are."""

from __future__ import annotations

from collections.abc import Sequence

from conformance.api import Api
from conformance.checks.expect import expect_body, expect_status, one_of
from conformance.checks.registry import check
from conformance.checks.subjects import create, known_good, parents, valid_request
from conformance.contract import Operation
from conformance.ending import Ending, Inconclusive, Nonconformity
from conformance.exchange import Exchange, Request, Trouble
from conformance.flow import ending, given, send, wait
from conformance.profile import Profile
from conformance.requirement import Requirement, pick
from conformance.scoring import UNUSABLE

#: Kinds of errors that are about who asks, and as whom they are provoked.
IDENTITIES = {"no-credentials": "none", "wrong-credentials": "bad"}


def absent(operation: Operation, seen: Exchange) -> bool:
    """Tell whether a valid request was answered as if the operation did not exist."""
    if seen.status in (405, 501):
        return True
    explained = ("404" in operation.answers and bool(operation.request_media)) or 404 in operation.permitted
    return seen.status == 404 and not explained


@check("answers", about="operation")
async def answers(api: Api, operation: Operation) -> None:
    """Sends a valid request twice if need be: the operation must be there, answer at all, and not break."""
    request = await valid_request(api, operation)
    seen = await _in_time(api, operation, request, silence=True)
    if seen.status == 404 and 404 in operation.permitted and (full := await _with_items(api, operation)) and full.status == 404:
        raise Nonconformity(
            f"{one_of(operation.success)}: there is something to list", f"{full.status}", full, seen, cause=f"absent: {operation.title}"
        )
    if seen.status and not absent(operation, seen):
        return _processed(api, operation, request, seen)
    if not seen.status:
        if seen.trouble not in (Trouble.CLOSED, Trouble.BROKEN):
            raise Inconclusive(f"{request.where}: {seen.detail or seen.trouble}", seen)
        await _answering(api, operation)
    again = await _in_time(api, operation, await valid_request(api, operation), silence=True)
    if again.status and not absent(operation, again):
        return _processed(api, operation, request, again)
    if not again.status:
        if seen.status or again.trouble not in (Trouble.CLOSED, Trouble.BROKEN):
            raise Inconclusive(f"{request.where}: {again.detail or again.trouble}", again)
        await _answering(api, operation)
        raise Nonconformity(
            "an answer",
            f"{again.detail or again.trouble}, twice, while {api.profile.bindings.probe} answers",
            seen,
            again,
            cause=f"no answer: {operation.title}",
        )
    raise Nonconformity(
        f"{one_of(operation.success)}: the operation exists", f"{again.status}, twice", seen, again, cause=f"absent: {operation.title}"
    )


async def _with_items(api: Api, operation: Operation) -> Exchange | None:
    """Look again at a list that showed nothing, with something of ours in it; None where there is no way to put anything there."""
    resource = api.profile.bindings.resource_of(operation.id)
    if not resource or resource.list != operation.id or not resource.create or not api.allows(api.operation(resource.create).effect):
        return None
    made = await ending(create(api, resource))
    if isinstance(made, Exception):
        return None
    request = await valid_request(api, operation)
    seen = await send(request, silence=True)
    began = seen.started_s
    while _bare(api, operation, seen) and seen.ended_s - began < resource.within:
        await wait(min(1.0, resource.within / 4))
        seen = await send(request, silence=True)
    return seen


def _bare(api: Api, operation: Operation, seen: Exchange) -> bool:
    """Tell whether a list shows nothing, so that its answer tells nothing of what its items are like."""
    resource = api.profile.bindings.resource_of(operation.id)
    if not resource or resource.list != operation.id:
        return False
    if seen.status == 404:
        return 404 in operation.permitted
    body = json_or_none(seen) if seen.success else None
    outer, star, _ = resource.items.partition("/*")
    shown = pick(body, resource.items) or (pick(body, outer) if star else [])
    return bool(shown) and all(isinstance(v, list) and not v for v in shown)


async def _in_time(api: Api, operation: Operation, request: Request, *, silence: bool = False) -> Exchange:
    """Send; a 404 is looked at again until the time is over that the bindings grant a write to become visible."""
    resource = api.profile.bindings.resource_of(operation.id)
    granted = resource.within if resource and operation.path_parameters and operation.safe else 0.0
    seen = await send(request, silence=silence)
    began = seen.started_s
    while seen.status == 404 and seen.ended_s - began < granted:
        await wait(min(1.0, granted / 4))
        seen = await send(request, silence=silence)
    return seen


def _processed(api: Api, operation: Operation, request: Request, seen: Exchange) -> None:
    if seen.status >= 500:
        raise Nonconformity(
            f"{one_of(operation.success)}: a valid request is processed", seen.summary, seen, cause=f"{seen.status}: {operation.title}"
        )
    if 300 <= seen.status < 400 and seen.status not in operation.success:
        raise Inconclusive(f"{request.where} redirects ({seen.status}); the suite follows no redirects", seen)
    if seen.status >= 400 and seen.status not in operation.permitted:
        if request.body or operation.path_parameters or "?" in request.target + request.link:
            owner = api.profile.bindings.resource_of(operation.id)
            datum = f" {owner.name}_example" if owner and owner.create == operation.id else ""
            raise Inconclusive(f"needs test_data{datum}: {request.where} refused our example with {seen.refusal}", seen)
        raise Nonconformity(
            f"{one_of(operation.success)}: a request without input is processed",
            seen.summary,
            seen,
            cause=f"{seen.status}: {operation.title}",
        )


async def _answering(api: Api, operation: Operation) -> None:
    """See that the server answers elsewhere: the known-good read; where that is of what *operation* makes, of something that is not there."""
    probe, owners = api.operation(api.profile.bindings.probe), api.profile.bindings.owners
    above = [owners[name] for name in probe.path_parameters if name in owners]
    if all(owner.create != operation.id for owner in above):
        await given(await known_good(api))
    else:
        await given(api.request(probe, parameters={o.parameter: api.unknown_id(o) for o in above}), *range(200, 500))


@check("answer", about="operation")
async def answer(api: Api, operation: Operation) -> None:
    """Sends a valid request and holds status, required headers, media type and body against the contract.

    A list that shows nothing is looked at once more with something of ours in it, where we may make that.
    """
    seen = await _in_time(api, operation, await valid_request(api, operation))
    if _bare(api, operation, seen) and (full := await _with_items(api, operation)) and full.success:
        seen = full
    if not seen.success and seen.status not in (*operation.success, *operation.permitted):
        raise Inconclusive(f"{seen.request.where} answered {seen.status}", seen, needs=operation.id)
    expect_status(seen, (*operation.success, *operation.permitted), cause=f"status of {operation.title}")
    documented = operation.documented(seen.status)
    for name, required in documented.headers.items() if documented else ():
        if required and seen.header(name) is None:
            raise Nonconformity(f"the header {name}", "no such header", seen, cause=f"no {name} header")
    try:
        if not media_is_looked_at(api.profile, operation):
            expect_media(api, operation, seen)
        expect_body(api, operation, seen)
    except Nonconformity as found:
        if _usable(api, operation, seen) or not (documented and any("json" in media for media in documented.media)):
            raise
        cause = f"{UNUSABLE}: {operation.title}"
        raise Nonconformity(found.expected, found.observed, *found.evidence, cause=cause) from None


def _usable(api: Api, operation: Operation, seen: Exchange) -> bool:
    """Tell whether other checks can read an answer: the kind of JSON value that is documented, with its items or id where one is bound."""
    body = json_or_none(seen)
    resource = api.profile.bindings.resource_of(operation.id)
    role = resource.role(operation.id) if resource else ""
    if body is None:
        return False
    if resource and role == "list":
        return any(isinstance(v, list) for v in pick(body, resource.items))
    places = [p for p in (resource.id, resource.created_id, resource.link) if p] if resource else []
    if role in ("create", "read") and places and not any(pick(body, p) for p in places):
        return role == "create" and seen.header("location") is not None
    return isinstance(body, dict | list)


def json_or_none(seen: Exchange) -> object:
    """Return the JSON of an answer, or None where there is none that can be read."""
    try:
        return seen.json()
    except Ending:
        return None


def media_is_looked_at(profile: Profile, operation: Operation) -> bool:
    """Tell whether a requirement of the whole service looks at the media type of an operation: of the core, where the core has any."""
    features = {r.on: r.feature for r in profile.requirements if r.family == "answers"}
    reached = features.get(operation.id) == "core" or "core" not in features.values()
    return reached and any(r.check == "service-media-type" for r in profile.requirements)


def expect_media(api: Api, operation: Operation, seen: Exchange) -> None:
    """Expect a documented media type, or one that the bindings accept for JSON, or a `+json` of it."""
    documented = operation.documented(seen.status)
    if documented is None or not documented.media or not seen.body.strip():
        return
    accepted = [*documented.media, *api.profile.bindings.media]
    if seen.media_type not in accepted and "*/*" not in accepted:
        raise Nonconformity(
            f"the media type {' or '.join(dict.fromkeys(accepted))}", seen.header("content-type") or "none", seen, cause="media type"
        )


def error_cases(profile: Profile, requirement: Requirement) -> Sequence[str]:
    """Name the errors that can be provoked at the requirement's operation."""
    operation = profile.operation(requirement.on)
    return provocations(profile, operation)


def provocations(profile: Profile, operation: Operation) -> tuple[str, ...]:
    """Name the errors that can be provoked at an operation: `unknown-id`, `not-json`."""
    owner = profile.bindings.owners.get(operation.path_parameters[-1]) if operation.path_parameters else None
    # a create that names what it makes is asked for nothing unknown
    found = ["unknown-id"] if owner and owner.create != operation.id and not operation.test_data else []
    if "json" in operation.request_media and not operation.test_data:
        found.append("not-json")
    return tuple(found)


async def provoke(api: Api, operation: Operation, kind: str) -> tuple[Exchange, Exchange]:
    """Return the answer to a request that must be refused, and its control: the same with the one thing put right."""
    right = await valid_request(api, operation)
    if kind in IDENTITIES:
        seen = await send(right.with_(identity=IDENTITIES[kind], undo=""), also=(401, 403))
        return seen, await given(right)
    if kind == "unknown-id":
        owner = api.profile.bindings.owners[operation.path_parameters[-1]]
        subject = await parents(api, operation, own=owner.parameter)
        unknown = {**(subject.parameters if subject else {}), owner.parameter: api.unknown_id(owner)}
        wrong = api.request(operation, parameters=unknown).with_(body=right.body, headers=right.headers)
    else:
        wrong = right.with_(body=b'{"')
    seen = await send(wrong, also=(403,))
    control = await as_control(operation, right)
    return seen, control


async def as_control(operation: Operation, right: Request) -> Exchange:
    """Send a valid request as control; an answer that the bindings permit shows as well that nothing else was wrong with it."""
    return await given(right, *range(200, 300), *operation.permitted) if operation.permitted else await given(right)


@check("errors", about="operation", cases=error_cases)
async def errors(api: Api, operation: Operation, kind: str) -> None:
    """Provokes an unknown id and a body that is not JSON, each with a control, and expects the documented status.

    Where the contract documents none for what is not there, any 4xx says so, and so does a list that shows nothing.
    """
    seen, control = await provoke(api, operation, kind)
    binding = api.profile.bindings.error
    wanted = binding.unknown if kind == "unknown-id" else (*binding.malformed, *binding.invalid)
    gone_is_fine = operation.method == "DELETE" and kind == "unknown-id" and seen.status in operation.permitted
    left_open = kind == "unknown-id" and not any(operation.documented(status) for status in wanted)
    said = left_open and (400 <= seen.status < 500 or _bare(api, operation, seen))
    if seen.status not in wanted and not gone_is_fine and not said:
        raise Nonconformity(f"{one_of(wanted)} ({kind.replace('-', ' ')})", seen.summary, seen, control, cause=f"{kind}: {operation.title}")


def _credential_cases(profile: Profile, requirement: Requirement) -> Sequence[str]:
    return ("none", "bad")


@check("authentication", about="operation", cases=_credential_cases)
async def authentication(api: Api, operation: Operation, identity: str) -> None:
    """Sends a valid request without credentials and with wrong ones, then the same with the right ones as control."""
    right = await valid_request(api, operation)
    seen = await ending(send(right.with_(identity=identity), also=(401, 403)))
    if isinstance(seen, Exception):
        raise seen
    bound = api.profile.bindings.authentication
    wanted = bound.missing if identity == "none" else bound.bad
    what = "no credentials" if identity == "none" else "wrong credentials"
    if seen.success:
        raise Nonconformity(f"{one_of(wanted)} ({what})", seen.summary, seen, cause=f"{what}: {operation.title}")
    control = await as_control(operation, right)
    if seen.status not in wanted:
        raise Nonconformity(f"{one_of(wanted)} ({what})", seen.summary, seen, control, cause=f"status for {what}")

"""The first look: is somebody there, which edition, which features; asked once, by reads only."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from conformance.api import Api
from conformance.checks.contract import absent
from conformance.checks.subjects import existing, known_good, located, parents, valid_request
from conformance.contract import Operation
from conformance.ending import Ending, Inconclusive, NotTested, clip
from conformance.exchange import Exchange, Request, Trouble
from conformance.flow import ending, send, together
from conformance.profile import Identify
from conformance.requirement import Question, pick
from conformance.verdict import Effect

#: Requirement id under which the exchanges of the first look are recorded.
DISCOVERY = "discovery"


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstLook:
    """What the first look found.

    `trouble` is why nothing else can be looked at ("" when all is well); `answers` yes, no or None per question;
    `control` the answer to a path that does not exist, which no pass may rest on.
    """

    trouble: str = ""
    says: str = ""
    answers: dict[Question, bool | None]
    control: Exchange | None = None


async def first_look(api: Api, questions: Sequence[Question]) -> FirstLook:
    """Look for a pulse, then ask each question with one read of its operation."""
    seen = await _pulse(api)
    if isinstance(seen, Ending):
        return FirstLook(trouble=str(seen), answers={})
    if isinstance(seen, Exception):
        raise seen
    if not seen.status and seen.trouble in (Trouble.UNREACHABLE, Trouble.GIVEN_UP):
        return FirstLook(trouble=f"target out of reach: {seen.detail or seen.trouble}", answers={})
    control = await ending(send(_made_up(api), silence=True, also=(401, 403, 429, 503)))
    trouble = ""
    if not seen.request.operation:  # somebody is there, and nothing more can be known of them
        trouble = f"no answer: {seen.detail or seen.trouble}" if not seen.status else ""
    elif api.operation(api.profile.bindings.probe).path_parameters and seen.status not in (401, 403):
        made = seen.request.operation != api.profile.bindings.probe  # what came of making its instance is what we know
        if isinstance(control, Exchange) and ((made and _nowhere(seen, control)) or (control.success and alike(seen, control))):
            trouble = f"{seen.request.where} is answered like a path that does not exist ({seen.status}): base path?"
    elif not seen.success:
        trouble = await _why_nothing(api, seen, control if isinstance(control, Exchange) else None)
    elif isinstance(control, Exchange) and alike(seen, control):
        trouble = await _why_all_the_same(api, seen)
    if trouble:
        return FirstLook(trouble=trouble, answers={}, control=control if isinstance(control, Exchange) else None)
    asked = dict.fromkeys(name for q in questions for name in (q.operation, q.also))
    operations = [name for name in asked if name in api.profile.contract.operations]
    looks = dict(zip(operations, await together(*[ending(_ask(api.branch(o), o)) for o in operations]), strict=True))
    return FirstLook(
        answers={q: _answers(q, [looks.get(name) for name in (q.operation, q.also) if name]) for q in questions},
        control=control if isinstance(control, Exchange) and control.success else None,
    )


async def _pulse(api: Api) -> Exchange | Exception:
    """Return the answer to the probe; what it is about is made where it may be, and what came of that tells as much.

    A standard without any read has a probe that needs consent; without that any path shows whether somebody is there. Where nothing can
    be made or named, a read of what does not exist shows it.
    """
    probe = api.operation(api.profile.bindings.probe)
    if probe.effect is not Effect.READ and not api.allows(probe.effect):
        return await ending(send(_made_up(api), silence=True, also=(401, 403, 429, 503)))
    request = await ending(known_good(api))
    if isinstance(request, Request):
        return await ending(send(request, silence=True, also=(401, 403, 429, 503)))
    seen = next(iter(request.evidence), None) if isinstance(request, Inconclusive) else None
    if seen is not None or not isinstance(request, Inconclusive | NotTested):
        return seen or request
    unknown = {name: api.fresh() for name in probe.path_parameters}
    return await ending(send(api.request(probe, parameters=unknown), silence=True, also=(401, 403, 429, 503)))


async def _looked_at(api: Api, operation: Operation) -> Exchange:
    request = api.request(operation) if operation.effect is Effect.READ else await valid_request(api, operation)
    return await send(request, silence=True, also=(401, 403, 429, 503))


def _made_up(api: Api) -> Request:
    return Request(operation="", method="GET", target=f"/{api.fresh()}", headers=(("accept", "*/*"),))


def alike(a: Exchange, b: Exchange) -> bool:
    """Tell whether two answers are the same answer, but for a number or a name in it: a page with a nonce is one page."""
    if a.status != b.status or a.media_type != b.media_type:
        return False
    return a.body == b.body or _shape(ending_json(a)) == _shape(ending_json(b))


def _shape(value: object, depth: int = 20) -> object:
    """Return the members of a JSON value without their values; a text that is no JSON has the shape of any other such text."""
    if isinstance(value, dict):
        return {key: _shape(inner, depth - 1) for key, inner in value.items()} if depth else {}
    return type(value)


async def _more_reads(api: Api, first: Exchange) -> list[Exchange]:
    """Return *first* and what came back from a few more reads without input; where the probe is no read, from others of its kind."""
    every = api.profile.contract.operations.values()
    kind = api.operation(first.request.operation).effect
    reads = [
        o for o in every if o.safe or (o.effect is Effect.READ and o.body is not None) or (kind is not Effect.READ and o.effect is kind)
    ]
    reads = [o for o in reads if o.address is None or o.address.places]
    others = [o for o in reads if not o.path_parameters and o.id != first.request.operation]
    looks = await together(*[ending(_looked_at(api.branch(o.id), o)) for o in others[:4]])
    return [first, *[x for x in looks if isinstance(x, Exchange)]]


async def _why_all_the_same(api: Api, first: Exchange) -> str:
    """Look at a few more reads where a made-up path was answered like the probe: a page that is served for any path is no service."""
    looks = await _more_reads(api, first)
    if not all(alike(first, x) for x in looks):
        return ""
    answer = f"{first.status} {first.media_type or 'without a body'}"
    return f"{len(looks)} operations and a path that does not exist give the very same answer ({answer}): base path?"


async def _why_nothing(api: Api, first: Exchange, control: Exchange | None) -> str:
    """Look at a few more reads; return why none of them can be looked at, or '' when one can.

    A 404 that the contract explains speaks of what was asked for, unless a path that does not exist is answered in the same words.
    """
    looks = await _more_reads(api, first)
    if all(x.status in (401, 403) for x in looks):
        return f"credentials refused: {first.request.where} answered {first.status}"
    if all(absent(api.operation(x.request.operation), x) or _nowhere(x, control) for x in looks):
        return f"none of {len(looks)} operations is there ({first.request.where} answered {first.status}): base path?"
    if all(300 <= x.status < 400 for x in looks):
        to = clip(first.header("location") or "nowhere", 100)
        return f"all of {len(looks)} reads redirect ({first.status} to {to}), and the suite follows no redirects: base path?"
    if all(not x.status for x in looks):
        return f"no answer to any of {len(looks)} reads: {first.detail or first.trouble}"
    return ""


def _nowhere(seen: Exchange, control: Exchange | None) -> bool:
    return control is not None and seen.status in (404, 410) and seen.status == control.status and seen.body == control.body


async def _ask(api: Api, operation: str) -> Exchange:
    """Read one operation without input, or of the first instance there is."""
    wanted = api.operation(operation)
    resource = api.profile.bindings.resource_of(operation)
    listed = resource is not None and resource.list == operation and not resource.found_at
    if listed:  # nothing need be made to read a list
        subject = await parents(api, wanted)
    else:
        subject = await existing(api, resource) if wanted.path_parameters and resource else None
    return await send(api.request(wanted, subject=subject, link=await located(api, wanted)), also=(403,))


def _answers(question: Question, looks: Sequence[object]) -> bool | None:
    """Return yes where any of the looks says yes, no where all say no."""
    found = [_answer(question, seen) for seen in looks]
    return True if True in found else None if None in found else False


def _answer(question: Question, seen: object) -> bool | None:
    if isinstance(seen, NotTested | Inconclusive) or not isinstance(seen, Exchange):
        return None
    if seen.success:
        body = ending_json(seen)
        return None if body is None and question.pointer is not None else question.holds(body)
    return False if seen.status in (404, 405, 410, 501) else None


def ending_json(seen: Exchange) -> object:
    """Return the JSON of an answer, or None when it has none that can be read."""
    try:
        return seen.json()
    except Ending:
        return None


async def which_edition(api: Api, identify: Identify) -> tuple[str, str]:
    """Return what the server says of its edition, and the edition of ours that this is ('' when it cannot be told)."""
    seen = await ending(send(api.request(api.operation(identify.operation)), also=(403,)))
    if not isinstance(seen, Exchange) or not seen.success:
        return "", ""
    said = next((str(v) for v in pick(ending_json(seen), identify.pointer)), "")[:200]
    return said, next((edition for edition, pattern in identify.editions.items() if re.search(pattern, said)), "")


async def editions_known(apis: Mapping[str, Api], reads: Mapping[str, str]) -> dict[str, bool | None]:
    """Return whether the server knows the read of each edition, asked by the contract of that edition; None: it cannot be told.

    A read is known when it is answered otherwise than a path beside it that does not exist, and neither with what says that it is not
    there (404 without an explanation of the contract, 405, 501) nor with what says nothing of it (no answer, no credentials, a redirect,
    too many requests, a broken server).
    """
    return {edition: await _known(apis[edition].branch(edition), operation) for edition, operation in reads.items()}


async def _known(api: Api, name: str) -> bool | None:
    operation = api.operation(name)
    if operation.effect is not Effect.READ:
        return None
    request = await ending(_plain(api, operation))
    if not isinstance(request, Request):
        return None
    seen = await ending(send(request, silence=True, also=(401, 403, 429, 503)))
    beside = replace(request, operation="", target=f"{request.target.partition('?')[0].rstrip('/')}-{api.fresh()}")
    control = await ending(send(beside, silence=True, also=(401, 403, 429, 503)))
    if not isinstance(seen, Exchange) or not isinstance(control, Exchange) or not seen.status or not control.status:
        return None
    if seen.status in (401, 403, 429) or (seen.status >= 500 and seen.status != 501) or 300 <= seen.status < 400:
        return None
    if absent(operation, seen) or (not seen.success and seen.status == control.status and alike(seen, control)):
        return False
    return None if alike(seen, control) else True


async def _plain(api: Api, operation: Operation) -> Request:
    return api.request(operation)

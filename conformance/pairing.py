"""A pair session: A originates, B answers, and what passed between them is judged from both sides.

Verdicts are those of plugtests (ETSI): OK, NO, NA (one side does not have it), OT (it could not be judged). Each message is held against its
sender's own contract (its role) and against the other's, because who receives it reads it by that.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from conformance.contract import Contract, Operation
from conformance.multipart import MEDIA, boundary_of, read_parts
from conformance.profile import Profile
from conformance.schema import Schemas
from conformance.wire import WireRequest, WireResponse, header

Word = Literal["OK", "NO", "NA", "OT"]
#: Statuses with which a server says that it does not have an operation.
MISSING = (405, 501)
MOST_TOLD = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """One request of A that passed the relay, and what B answered; None where nothing came back."""

    request: WireRequest
    answer: WireResponse | None
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One operation of the session; `detail` says who is at odds with which contract."""

    step: str
    verdict: Word
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairSession:
    """What `session.json` holds."""

    a: str
    b: str
    profile: str
    dialects: dict[str, tuple[str, ...]] = field(default_factory=dict)
    steps: tuple[Step, ...] = ()
    verdict: Word = "OT"
    at: float = 0.0


def dialects(profile: Profile) -> tuple[str, ...]:
    """Return what a side speaks: the dialect where the standard has several, and the edition."""
    spoken = str(getattr(profile, "dialect", "") or "")
    return (spoken, profile.edition) if spoken else (profile.edition,)


def whole(steps: Sequence[Step]) -> Word:
    """Return the verdict of a session: one NO is a NO; OK takes at least one step that went well and none that could not be judged."""
    words = {step.verdict for step in steps}
    order: tuple[Word, ...] = ("NO", "OT", "OK", "NA")
    return next((word for word in order if word in words), "OT")


def judged_steps(passed: Sequence[Passed], a: Profile, b: Profile) -> tuple[Step, ...]:
    """Judge what passed, by operation of A's contract, in the order in which A first sent it."""
    groups: dict[str, list[Passed]] = {}
    for one in passed:
        operation = operation_at(a.contract, one.request)
        name = operation.id if operation else f"{one.request.method} {_path(one.request)[:120]}"
        groups.setdefault(name, []).append(one)
    return tuple(_step(name, group, a, b) for name, group in groups.items())


def operation_at(contract: Contract, request: WireRequest) -> Operation | None:
    """Return the operation of a contract that a request is for: the path with the fewest parameters that fits."""
    path = _path(request)
    fitting = [o for o in contract.operations.values() if o.method == request.method and _pattern(o.path).fullmatch(path)]
    return min(fitting, key=lambda o: (len(o.path_parameters), -len(o.path)), default=None)


def _path(request: WireRequest) -> str:
    return request.target.partition("?")[0]


def _pattern(template: str) -> re.Pattern[str]:
    return re.compile("".join("[^/]+" if part.startswith("{") else re.escape(part) for part in re.split(r"(\{[^}]+\})", template)))


def _step(name: str, group: Sequence[Passed], a: Profile, b: Profile) -> Step:
    mine, theirs = operation_at(a.contract, group[0].request), operation_at(b.contract, group[0].request)
    if mine is None:
        return Step(step=name, verdict="NO", detail="A sends what is not in its own contract")
    if theirs is None:
        return Step(step=name, verdict="NA", detail=f"B's contract ({' '.join(dialects(b))}) does not have it")
    problems = [p for one in group for p in _problems(one, mine, theirs, a, b)]
    if problems:
        return Step(step=name, verdict="NO", detail="; ".join(list(dict.fromkeys(problems))[:MOST_TOLD]))
    answers = [one.answer for one in group if one.answer is not None]
    if not answers:
        return Step(step=name, verdict="OT", detail=group[0].detail or "B did not answer")
    good = [x for x in answers if 200 <= x.status < 300]
    if not good:
        lacking = all(_lacking(x, theirs) for x in answers)
        told = ": B does not offer it" if lacking else " to what both contracts allow"
        return Step(step=name, verdict="NA" if lacking else "OT", detail=f"B answered {answers[-1].status}{told}")
    return Step(step=name, verdict="OK", detail=f"{len(good)} of {len(group)} processed")


def _lacking(seen: WireResponse, operation: Operation) -> bool:
    """Tell whether an answer says that the operation is not there; a 404 that the contract explains does not."""
    return seen.status in MISSING or (seen.status == 404 and "404" not in operation.answers)


def _problems(one: Passed, mine: Operation, theirs: Operation, a: Profile, b: Profile) -> Iterable[str]:
    """Give what is wrong with one exchange: by the sender's contract first, then by the reader's."""
    if wrong := _sent(a.contract.requests, mine, one.request):
        yield f"A's request is not what its own contract says: {wrong}"
    seen = one.answer
    if seen is None:
        return
    if seen.status >= 400:
        if wrong := _sent(b.contract.requests, theirs, one.request):
            yield f"B refused A's request ({seen.status}): by B's contract {wrong}"
        elif seen.status >= 500 and not _lacking(seen, theirs):
            yield f"B answered {seen.status}"
        return
    if wrong := _answer(theirs, seen, b.contract.responses):
        yield f"B's answer is not what its own contract says: {wrong}"
    if wrong := _answer(mine, seen, a.contract.responses):
        yield f"A cannot read B's answer: {wrong}"


def _sent(schemas: Schemas, operation: Operation, request: WireRequest) -> str:
    """Return what a contract refuses of a request's body, in a line; '' where nothing, or where it is in a form not judged here."""
    if not operation.request_schema or not request.body:
        return ""
    told = header(request.headers, "content-type") or ""
    media = told.partition(";")[0].strip().lower()
    if media and (media == MEDIA) != (operation.request_media == MEDIA):
        return f"a body of {media[:60]} instead of {operation.request_media}"
    if media == MEDIA:
        return _parts(schemas, operation.request_schema, request.body, boundary_of(told))
    return _body(schemas, operation.request_schema, request.body) if not media or "json" in media else ""


def _parts(schemas: Schemas, pointer: str, body: bytes, boundary: str) -> str:
    """Return what a schema refuses of the parts of a body; a part of text may stand for the number, boolean or object that it spells."""
    try:
        members = read_parts(body, boundary) if boundary else {}
    except ValueError:
        return "a part is not JSON"
    for violation in list(schemas.violations(pointer, members)):
        name = violation.pointer[1:].partition("/")[0]
        with contextlib.suppress(ValueError):
            members |= {name: json.loads(members[name])} if isinstance(members.get(name), str) else {}
    return _refused(schemas, pointer, members)


def _answer(operation: Operation, seen: WireResponse, schemas: Schemas) -> str:
    documented = operation.documented(seen.status)
    if documented is None:
        return f"status {seen.status} is not documented"
    if seen.status in (204, 205, 304) or not documented.media or operation.method == "HEAD":
        return ""
    media = (header(seen.headers, "content-type") or "").partition(";")[0].strip().lower()
    pointer = documented.media.get(media) or next((p for m, p in documented.media.items() if "json" in m), "")
    if "json" not in media:
        return f"media type {media[:60] or '(none)'}" if pointer else ""
    return _body(schemas, pointer, seen.body) if seen.body.strip() or not pointer else "an empty body"


def _body(schemas: Schemas, pointer: str, body: bytes) -> str:
    """Return what a schema refuses of a JSON body, in a line; '' where nothing."""
    if not pointer or not body:
        return ""
    try:
        value: Any = json.loads(body)
    except (ValueError, RecursionError):
        return "not JSON"
    return _refused(schemas, pointer, value)


def _refused(schemas: Schemas, pointer: str, value: Any) -> str:
    found = [str(v) for v, _ in zip(schemas.violations(pointer, value), range(MOST_TOLD), strict=False)]
    return "; ".join(found)[:300]

"""Drives one check against a server in this process: no socket, no event loop, a clock that only waits move."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from email.utils import formatdate
from pathlib import Path
from typing import Any

from conformance.api import Api
from conformance.checks.registry import known_checks
from conformance.exchange import Exchange, Request, Trouble
from conformance.flow import Answer, Asked, Callback, Wait, drive, now
from conformance.loading.profiles import _bind, _contract
from conformance.planning.examine import examination, judged, unlooked
from conformance.planning.plan import Test, effect_of
from conformance.profile import Feature, Profile
from conformance.redaction import Redactor
from conformance.requirement import Requirement
from conformance.run import Result
from conformance.verdict import Level, Verdict
from conformance.wire import Outgoing, WireRequest, WireResponse, header

#: When every run of these tests began, in seconds since the epoch.
STARTED = 1_800_000_000.0
GOOD = "Bearer good-credentials"
BAD = "Bearer wrong-credentials"
BASE = "https://target.example"
SINK = "https://sink.example"

Handler = Callable[[WireRequest, float], WireResponse]


def answer(status: int = 200, body: Any = None, /, **headers: str) -> WireResponse:
    """Return an answer; a body that is no bytes is sent as JSON, `content_type` names another media type."""
    content = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {k.replace("_", "-"): v for k, v in headers.items()}
    if content:
        named.setdefault("content-type", "application/json")
    return WireResponse(status=status, headers=tuple(named.items()), body=content)


def authorised(request: WireRequest) -> bool:
    """Tell whether a request carries the credentials of the identity "default"."""
    return header(request.headers, "authorization") == GOOD


class InProcess(Answer):
    """Answers steps from a handler; identities, consent and secrets are treated as the driver treats them."""

    def __init__(self, handler: Handler, allowed: frozenset[str], due: Callable[[float], list[Outgoing]] | None = None) -> None:
        super().__init__()
        self.due = due or getattr(getattr(handler, "__self__", handler), "due", None)
        self.arrived: list[Outgoing] = []
        self.handler, self.allowed, self.clock = handler, allowed, 0.0
        self.redactor = Redactor(b"tests")
        self.sent: list[WireRequest] = []

    async def __call__(self, at: tuple[int, ...], step: Asked) -> Any:
        if isinstance(step, Wait):
            self.clock += step.seconds
            return None
        if isinstance(step, Callback):
            return self.delivery(step)
        assert isinstance(step, Request)
        began = self.clock
        if step.effect.consent and step.effect.consent not in self.allowed:
            return Exchange(
                request=step, trouble=Trouble.NOT_ALLOWED, detail=f"needs --allow {step.effect.consent}", started_s=began, ended_s=began
            )
        place = self.redactor.reveal(step.link or step.target)
        if "://" in place:
            if not place.startswith(f"{BASE}/"):
                return Exchange(request=step, trouble=Trouble.OFF_ORIGIN, detail=place, started_s=began, ended_s=began)
            place = place.removeprefix(BASE)
        who = {"default": (("authorization", GOOD),), "bad": (("authorization", BAD),)}.get(step.identity, ())
        own = {k.lower() for k, _ in step.headers}
        headers = (*((k, v) for k, v in who if k not in own), *((k, self.redactor.reveal_header(v)) for k, v in step.headers))
        wire = WireRequest(
            method=step.method, target=place.split("#")[0], headers=headers, body=self.redactor.reveal(step.body.decode()).encode()
        )
        self.sent.append(wire)
        came = self.handler(wire, STARTED + self.clock)
        self.clock += 0.01 + came.delay_s
        shown = self.redactor.headers(tuple((k.lower(), v) for k, v in came.headers))
        asked = replace(step, headers=self.redactor.headers(step.headers), body=self.redactor.body(step.body))
        body = b"" if step.method == "HEAD" else self.redactor.body(came.body)
        return Exchange(
            request=asked, status=came.status, headers=shown, body=body, url=f"{BASE}{place}", started_s=began, ended_s=self.clock
        )

    def delivery(self, step: Callback) -> Exchange:
        """Return the next delivery at a path of the sink, on a clock that only this wait moves."""
        deadline = self.clock + step.within_s
        while True:
            self.arrived += self.due(STARTED + self.clock) if self.due else []
            found = next((one for one in self.arrived if step.path in one.url.split("/")), None)
            if found is not None:
                break
            if self.clock >= deadline:
                nothing = Request(operation="callback", method="POST", target=f"/{step.path}")
                return Exchange(request=nothing, trouble=Trouble.SLOW, detail="no callback", started_s=self.clock, ended_s=self.clock)
            self.clock = min(deadline, self.clock + 0.25)
        self.arrived.remove(found)
        sent = found.request
        headers, body = self.redactor.headers(sent.headers), self.redactor.body(sent.body)
        target = f"/{step.path}{found.url.partition(step.path)[2]}"
        request = Request(operation="callback", method=sent.method, target=target, headers=headers, body=body)
        return Exchange(request=request, status=204, started_s=found.at - STARTED, ended_s=found.at - STARTED)


def profile_of(document: Mapping[str, Any], bindings: Mapping[str, Any], *requirements: Requirement) -> Profile:
    """Return a small profile from an OpenAPI document (`openapi` may be left out) and raw bindings."""
    contract = _contract("small/1", {"openapi": "3.1.0", **document}, Path("openapi.yaml"))
    bound, contract = _bind(bindings, contract, "bindings.yaml", False)
    return Profile(
        name="small", edition="1", title="Small", interface=1, tier="basic", state="effective",
        features={"core": Feature(name="core", sentence="All of it.")}, requirements=requirements, not_tested=(), contract=contract,
        bindings=bound, cases={}, digests={}, editions=("1",),
    )  # fmt: skip


def requirement_of(check: str, on: str = "", arguments: Mapping[str, Any] | None = None, *, family: str = "", id: str = "") -> Requirement:
    """Return a requirement that is looked at with *check*."""
    return Requirement(
        id=id or f"small/{on.lower() or 'service'}.{family or check}",
        level=Level.MUST,
        clause="§1",
        sentence="It works.",
        check=check,
        on=on,
        arguments=arguments or {},
        family=family,
    )


def run_check(
    name: str, profile: Profile, on: str, handler: Handler, /, *, allow: Sequence[str] = ("write", "disruptive"),
    test_data: Mapping[str, Any] | None = None, requests: list[WireRequest] | None = None,
    due: Callable[[float], list[Outgoing]] | None = None, **arguments: Any,
) -> Result:  # fmt: skip
    """Run the check called *name* as a run would and return the result; *arguments* are the requirement's `with`.

    *requests* (a list) is filled with the requests as they reached the server; *due* gives what it sent by itself (the `due` of the
    object whose method the handler is, where it has one).
    """
    check = known_checks()[name]
    requirement = requirement_of(name, on, arguments)
    cases = tuple(check.cases(profile, requirement)) if check.cases else (None,)
    test = Test(requirement=requirement, check=check, cases=cases, effect=effect_of(profile, requirement, check), isolation=check.isolation)
    if not cases:
        return unlooked(test, Verdict.NOT_APPLICABLE, "there is no case of it", profile)
    tools = _tools(profile, frozenset(allow), test_data or {})
    server = InProcess(handler, frozenset(allow), due)
    examined = now(drive(examination(test, tools), server))
    if requests is not None:
        requests += server.sent
    return judged(test, examined, server.seen, None, profile)


def _tools(profile: Profile, allowed: frozenset[str], test_data: Mapping[str, Any]) -> Callable[[str], Api]:
    told = {"run_id": "0123456789abcdef", "started": STARTED, "sink_url": SINK}
    return lambda place: Api(profile=profile, test_data=test_data, allowed=allowed, place=place, **told)  # type: ignore[arg-type]


def http_date(moment: float) -> str:
    """Return a moment as a Date header writes it."""
    return formatdate(moment, usegmt=True)

"""A shared, lazily consistent server: another client that writes all the time, and reads that are behind the writes."""

from __future__ import annotations

import base64
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from conformance.api import Api, Subject
from conformance.checks.patterns.home import home, make
from conformance.checks.subjects import guarded
from conformance.ending import Ending
from conformance.exchange import Exchange, Path, Request, Trouble
from conformance.flow import Answer, Callback, Flow, Wait, drive, given
from conformance.profile import Profile, Resource
from conformance.verdict import Effect
from conformance.wire import Headers, Outgoing, WireRequest, WireResponse, deliveries

#: How far reads are behind writes, in seconds.
LAG_S = 0.3
#: How many things of the other client there are at most, of each kind.
KEPT = 3


class Around:
    """A twin around another."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "inner":
            raise AttributeError(name)
        return getattr(self.inner, name)

    def due(self, now: float) -> list[Outgoing]:
        """Return what the twin inside sends by itself."""
        return deliveries(self.inner, now)


class Behind(Around):
    """Answers reads from a copy that takes each write over `LAG_S` later."""

    def __init__(self, inner: Any, profile: Profile) -> None:
        super().__init__(inner)
        self.profile, self.copy = profile, inner.fork()
        self.waiting: list[tuple[float, WireRequest]] = []

    def handle(self, request: WireRequest, now: float) -> WireResponse:
        """Answer a write at once, a read as things were a while ago."""
        while self.waiting and self.waiting[0][0] + LAG_S <= now:
            at, write = self.waiting.pop(0)
            self.copy.handle(write, at)
        if self._reads(request):
            answer: WireResponse = self.copy.handle(request, now)
            return answer
        answer = self.inner.handle(request, now)
        if answer.status < 400:
            self.waiting.append((now, request))
        return answer

    def _reads(self, request: WireRequest) -> bool:
        if request.method in ("GET", "HEAD", "OPTIONS"):
            return True
        route = self.inner.route(request.target.partition("?")[0])
        operation = route.operation(request.method) if route else None
        return operation is not None and operation.effect is Effect.READ and self.profile.bindings.resource_of(operation.id) is not None


class _Turn:
    """What the other client waits for before it does anything: what it is given is the time."""

    def __await__(self) -> Generator[None, float, float]:
        return (yield)


@dataclass
class _Wire(Answer):
    """Answers the steps of the other client from the twin, one in each turn."""

    twin: Any
    credentials: Headers
    seen: dict[Path, Exchange] = field(default_factory=dict)
    sent: int = 0
    done: int = 0

    async def __call__(self, at: Path, step: Request | Wait | Callback) -> Any:
        now = await _Turn()
        if isinstance(step, Wait):
            until = now + step.seconds
            while now < until:
                now = await _Turn()
            return None
        if isinstance(step, Callback):
            return Exchange(
                request=Request(operation="callback", method="POST", target="/"), trouble=Trouble.SLOW, started_s=now, ended_s=now
            )
        parts = urlsplit(step.link)
        target = (parts.path + (f"?{parts.query}" if parts.query else "")) if step.link else step.target
        answer = self.twin.handle(
            WireRequest(method=step.method, target=target, headers=(*self.credentials, *step.headers), body=step.body), now
        )
        self.sent += 1
        self.done += step.method != "GET" and answer.status < 300
        return Exchange(request=step, status=answer.status, headers=answer.headers, body=answer.body, started_s=now, ended_s=now)


class Shared(Around):
    """A twin that another client of the same owner uses, too: it makes, changes and removes things of its own all the time."""

    def __init__(self, inner: Any, profile: Profile, seed: int) -> None:
        super().__init__(inner)
        self.profile = profile
        self.wire = _Wire(inner, _credentials(profile))
        self.client = drive(self._life(seed), self.wire)
        self.client.send(None)

    def handle(self, request: WireRequest, now: float) -> WireResponse:
        """Let the other client take its turn, then answer."""
        self.client.send(now)  # type: ignore[arg-type]
        answer: WireResponse = self.inner.handle(request, now)
        return answer

    async def _life(self, seed: int) -> None:
        profile = self.profile
        number = 0
        made: dict[str, list[Subject]] = {r.name: [] for r in _makeable(profile)}
        while True:
            for resource in _makeable(profile):
                number += 1
                api = Api(
                    profile=profile, run_id=f"{seed:08d}{number:08x}", started=1_780_000_000.0, test_data=dict(self.inner.test_data),
                    allowed=frozenset({"write"}), place=f"someone else|{number}",
                )  # fmt: skip
                await _tried(self._round(api, resource, made[resource.name]))
                await _turn()

    async def _round(self, api: Api, resource: Resource, ours: list[Subject]) -> None:
        at = await home(api, resource)
        subject, _ = await make(api, resource, at)
        ours.append(subject)
        change = resource.update or resource.replace
        if change and resource.changes:
            body = dict(resource.changes) if resource.update else api.changed(resource, subject.sent)
            request = api.request(api.operation(change), subject=subject, body=api.fill(body))
            await _tried(given(await guarded(api, resource, subject, request)))
        if len(ours) > KEPT and resource.delete:
            old = ours.pop(0)
            await given(await guarded(api, resource, old, api.request(api.operation(resource.delete), subject=old)))


async def _turn() -> None:
    await given(Request(operation="", method="OPTIONS", target="/"), *range(100, 600))


async def _tried(flow: Flow[Any]) -> None:
    try:
        await flow
    except Ending:
        return


def _makeable(profile: Profile) -> Sequence[Resource]:
    """Return what a client can make: whatever has an example and no side that calls back."""
    return [r for r in profile.bindings.resources.values() if r.create and r.example is not None]


def _credentials(profile: Profile) -> Headers:
    if not profile.bindings.authentication.required:
        return ()
    if profile.contract.token_header:
        return ((profile.contract.token_header, "twin-token"),)
    schemes = {
        str(s.get("scheme", s.get("type"))) for s in profile.contract.document.get("components", {}).get("securitySchemes", {}).values()
    }
    if "basic" in schemes and "bearer" not in schemes:
        return (("authorization", "Basic " + base64.b64encode(b"twin:twin-password").decode()),)
    return (("authorization", "Bearer twin-token"),)

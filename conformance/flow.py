"""The verbs a check may await, the one loop that drives it, and the answerers that need no network.

A check is a coroutine whose every suspension is a step (`Request`, `Wait`, `Callback`, `Handshake`, `Fork`) given to `drive`.
There is no asyncio below a check; the third answerer, live, is in `conformance.driving`.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from conformance.content import json_bytes
from conformance.ending import Inconclusive, NotTested, Stale
from conformance.exchange import Exchange, Path, Request, Trouble
from conformance.verdict import Effect

T = TypeVar("T")
Flow = Coroutine[Any, Any, T]


@dataclass(frozen=True, slots=True)
class Wait:
    """Let time pass; `grace` is time that we give a server beyond what it asked for."""

    seconds: float
    grace: bool = False


@dataclass(frozen=True, slots=True)
class Callback:
    """Expect a request of the target's at our sink."""

    path: str
    within_s: float


@dataclass(frozen=True, slots=True)
class Fork:
    """Run flows side by side."""

    flows: tuple[Flow[Any], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Handshake:
    """Greet the target's own address with TLS and hang up once it is clear what comes of it: nothing of HTTP is sent.

    `lowest` and `highest` are versions ("TLS 1.2"); `ciphers` is a list as OpenSSL writes it, for versions below 1.3; `trusted` says whether
    the chain is held against the authorities that we trust: "" not at all, "now", or "ever" (without looking at the times).
    """

    lowest: str = "TLS 1.2"
    highest: str = "TLS 1.3"
    ciphers: str = ""
    trusted: str = ""

    @property
    def request(self) -> Request:
        """The request under which it is recorded."""
        told = {name: value for name in ("lowest", "highest", "ciphers", "trusted") if (value := getattr(self, name))}
        return Request(operation=HANDSHAKE, method="TLS", body=json_bytes(told))


#: The operation of recorded handshakes.
HANDSHAKE = "tls-handshake"
Asked = Request | Wait | Callback | Handshake
Step = Asked | Fork


class _Ask(Generic[T]):
    """The only thing a check can suspend on."""

    def __init__(self, step: Step) -> None:
        self.step = step

    def __await__(self) -> Generator[Step, T, T]:
        return (yield self.step)


async def send(request: Request, *, also: tuple[int, ...] = (), silence: bool = False) -> Exchange:
    """Send; what comes back is the check's to judge.

    Args:
        also: statuses that are evidence here although they usually prove nothing (401, 403, 429, 503).
        silence: give the check an exchange without an answer instead of ending it.

    Raises:
        NotTested: the target's owner did not allow this request.
        Inconclusive: no answer; not processed (429, 503); or valid credentials were refused.
    """
    seen = await _Ask[Exchange](request)
    if seen.trouble is Trouble.NOT_ALLOWED:
        raise NotTested(seen.detail or str(seen.trouble))
    if seen.trouble in (Trouble.OFF_ORIGIN, Trouble.NO_CREDENTIALS, Trouble.REFUSED, Trouble.GIVEN_UP, Trouble.UNFORGED):
        raise Inconclusive(f"{seen.trouble}: {seen.detail}" if seen.detail else str(seen.trouble), seen)
    if not seen.status:
        if silence:
            return seen
        raise Inconclusive(f"{request.where}: {seen.detail or seen.trouble}", seen)
    if seen.status in (429, 503) and seen.status not in also:
        raise Inconclusive(f"{request.where} answered {seen.status} each time it was repeated", seen)
    if seen.status in (401, 403) and request.identity == "default" and seen.status not in also:
        raise Inconclusive(f"credentials refused: {request.where} answered {seen.refusal}", seen)
    return seen


async def given(request: Request, *wanted: int) -> Exchange:
    """Send as set-up: a status outside *wanted* (any 2xx when empty) means that we could not look, never a finding."""
    seen = await send(request, also=wanted)
    if seen.status not in wanted if wanted else not seen.success:
        raise Inconclusive(f"set-up: {request.where} answered {seen.refusal}", seen, needs=request.operation)
    return replace(seen, set_up=True)


async def wait(seconds: float) -> None:
    """Let time pass; read deadlines off the exchanges, never off a clock."""
    await _Ask[None](Wait(seconds))


async def callback(path: str, within_s: float) -> Exchange:
    """Wait for a request of the target's at our sink."""
    return await _Ask[Exchange](Callback(path, within_s))


async def handshake(offer: Handshake) -> Exchange:
    """Greet with TLS; the body of the exchange holds what was seen (`driving.handshake`), `trouble` why nothing was."""
    return await _Ask[Exchange](offer)


async def together(*flows: Flow[T]) -> list[T]:
    """Run flows side by side; results in the order given, the first failing branch (by order) raises."""
    return await _Ask[list[T]](Fork(flows)) if flows else []


async def unhurried(flow: Flow[T], seconds: float) -> T:
    """Run *flow*, but let time pass after each write that was accepted, so that it is seen wherever the next request ends up."""
    reply: Any = None
    trouble: Exception | None = None
    wrote = False
    try:
        while True:
            try:
                step: Step = flow.throw(trouble) if trouble else flow.send(reply)
            except StopIteration as stop:
                return stop.value  # type: ignore[no-any-return]
            trouble = None
            if wrote:
                await _Ask[None](Wait(seconds, grace=True))
            wrote = isinstance(step, Fork)
            try:
                if isinstance(step, Fork):
                    reply = await together(*[unhurried(f, seconds) for f in step.flows])
                else:
                    reply = await _Ask[Any](step)
                    wrote = isinstance(step, Request) and step.effect is not Effect.READ and reply.success
            except Exception as error:
                trouble = error
    finally:
        flow.close()


async def ending(flow: Flow[T]) -> T | Exception:
    """Run a flow to its end and return what it returns or raises."""
    try:
        return await flow
    except Exception as error:
        return error


async def outcome(flow: Flow[T]) -> tuple[T | None, Exception | None]:
    """Run a flow to its end and return its value, or what it raised: a value may itself be an exception (see `ending`)."""
    try:
        return await flow, None
    except Exception as error:
        return None, error


class Answer:
    """Answers steps; keeps the exchanges it gave, by path."""

    def __init__(self) -> None:
        self.seen: dict[Path, Exchange] = {}

    async def __call__(self, at: Path, step: Asked) -> Any:
        raise NotImplementedError

    async def join(self, branches: Sequence[Flow[Any]]) -> list[tuple[Any, Exception | None]]:
        """Run all branches to their end, one after the other; outcomes in branch order."""
        return [await outcome(branch) for branch in branches]


async def drive(flow: Flow[T], answer: Answer, at: Path = ()) -> T:
    """Run *flow* to its end, asking *answer* at each step: the only loop, live, offline and by hand."""
    reply: Any = None
    trouble: Exception | None = None
    number = 0
    try:
        while True:
            try:
                step = flow.throw(trouble) if trouble else flow.send(reply)
            except StopIteration as stop:
                return stop.value  # type: ignore[no-any-return]
            here, trouble, number = (*at, number), None, number + 1
            try:
                if isinstance(step, Fork):
                    outcomes = await answer.join([drive(f, answer, (*here, i)) for i, f in enumerate(step.flows)])
                    reply = [value for value, _ in outcomes]
                    trouble = next((error for _, error in outcomes if error), None)
                elif isinstance(step, Asked):
                    reply = await answer(here, step)
                    if isinstance(reply, Exchange):
                        answer.seen[here] = reply = replace(reply, at=here)
                else:
                    raise TypeError(f"a check awaited {step!r}: only send, given, wait, callback, handshake and together")
            except Exception as error:  # thrown in at the await, so that the traceback shows the check's line
                trouble = error
    finally:
        flow.close()


def now(flow: Flow[T]) -> T:
    """Run what never suspends (offline, by hand) without an event loop."""
    try:
        flow.send(None)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]
    flow.close()
    raise RuntimeError("this answer suspended")


class Recording(Answer):
    """Answers from what was seen, by the path of the step: never by arrival."""

    def __init__(self, exchanges: Mapping[Path, Exchange], same: Callable[[Request, Request], bool] | None = None) -> None:
        super().__init__()
        self.exchanges, self.same = exchanges, same or (lambda a, b: a == b)

    async def __call__(self, at: Path, step: Asked) -> Any:
        if isinstance(step, Wait):
            return None
        found = self.exchanges.get(at)
        if found is None:
            what = step.where if isinstance(step, Request) else "a callback" if isinstance(step, Callback) else "a TLS handshake"
            raise Stale(f"recording does not cover it: {what} was never sent")
        if isinstance(step, Handshake) and step.request.body != found.request.body:
            raise Stale("recording does not cover it: now offers other TLS", found)
        if isinstance(step, Request) and not self.same(step, found.request):
            raise Stale(f"recording does not cover it: now sends another {step.where}", found)
        return found


class Script(Answer):
    """For our tests: answers in the order of the steps; an `Exchange`'s request is filled in from the step."""

    def __init__(self, *replies: Exchange) -> None:
        super().__init__()
        self.left, self.asked = iter(replies), list[Request]()

    async def __call__(self, at: Path, step: Asked) -> Any:
        if isinstance(step, Wait):
            return None
        reply = next(self.left, None)
        if reply is None:
            raise Stale("the script ends here")
        if isinstance(step, Request):
            self.asked.append(step)
            return replace(reply, request=step)
        return reply

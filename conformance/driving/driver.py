"""The driver: everything a request must pass on its way to the target, and an answer on its way to a check.

Consent, origins, ledger, credentials, pace, repetition, redaction, recording: each rule of "doing no harm" is enforced here,
whatever a check asks for.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from urllib.parse import urljoin, urlsplit

from conformance.api import Api, path_values
from conformance.content import sent_body
from conformance.contract import SAFE
from conformance.driving.credentials import Credentials, CredentialsRefused
from conformance.driving.forging import Opaque
from conformance.driving.ledger import Entry, Ledger, marks_of
from conformance.driving.pace import Pace
from conformance.driving.place import ascii_target, header_line, link_local, storable, url_origin
from conformance.driving.sink import Sink
from conformance.driving.wires import NoAnswer, Wire
from conformance.ending import Ending
from conformance.exchange import Exchange, Path, Request, Trouble
from conformance.flow import Callback
from conformance.redaction import Redactor
from conformance.target import Target, origin
from conformance.verdict import Effect
from conformance.wire import Headers, WireRequest, WireResponse, header

REPEATS = (1.0, 2.0, 4.0)
LONGEST_WAIT = 30.0
BREAKER = 5
#: Connections must have failed for so many seconds before we give up: a restart is shorter, and many in flight fail at once.
BLIP = 3.0
#: Troubles that say that the target never saw the request.
NEVER_SENT = (Trouble.UNREACHABLE, Trouble.REFUSED, Trouble.GIVEN_UP, Trouble.OFF_ORIGIN)

Recorder = Callable[[str, Exchange], None]


@dataclass
class Driver:
    """Sends requests of checks to one target; see the module.

    `patience` is a factor on the pauses between repetitions (our tests hurry); `leaving`: the run ends, no create is begun any more.
    """

    target: Target
    wire: Wire
    redactor: Redactor
    credentials: Credentials
    ledger: Ledger
    tools: Callable[[str], Api]
    record: Recorder
    sink: Sink | None = None
    requests: int = 0
    started_at: float = 0.0
    patience: float = 1.0
    leaving: asyncio.Event = field(default_factory=asyncio.Event)
    _slots: asyncio.Semaphore = field(init=False)
    _pace: Pace = field(init=False)
    _lost: int = 0
    _lost_since: float = 0.0
    _tired: int = 0
    _origins: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        limits = self.target.limits
        self._slots = asyncio.Semaphore(limits.in_flight)
        self._pace = Pace(limits.rate, limits.rate)
        self._origins = frozenset({origin(self.target.url), *(origin(o) for o in self.target.origins)})

    def now(self) -> float:
        """Return seconds since the run began."""
        return asyncio.get_running_loop().time() - self.started_at

    @property
    def given_up(self) -> bool:
        """Whether so many connections failed in a row that going on would prove nothing."""
        return self._lost >= BREAKER and self.now() - self._lost_since >= BLIP * self.patience

    def reachable(self, url: str) -> bool:
        """Tell whether a request may go to *url*: an origin that the target lists, and no link-local address."""
        try:
            return bool(url.encode()) and origin(url) in self._origins and not link_local(url)
        except ValueError:
            return False

    # -- one exchange --------------------------------------------------------------------------------------------
    async def exchange(self, requirement: str, at: Path, request: Request) -> Exchange:
        """Send *request* if it may be sent, repeat it if the rules say so, and return the recorded exchange.

        A create that was sent is waited for even when the run is interrupted: only its answer says what must be removed.
        """
        if not request.undo:
            return await self._exchanged(requirement, at, request)
        work = asyncio.ensure_future(self._exchanged(requirement, at, request))
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            self.leaving.set()
            await asyncio.wait([work])
            raise

    async def _exchanged(self, requirement: str, at: Path, request: Request) -> Exchange:
        url = self.url_of(request)
        refusal = self._refusal(request, url)
        if refusal:
            seen = self._redacted(replace(self._unanswered(request, "", *refusal, 1, self.now()), at=at))
        else:
            self._expect(request)
            entry = self._intend(request) if request.undo else None
            seen = self._redacted(replace(await self._repeated(request, url), at=at))
            self._note(entry, seen)
        self.record(requirement, seen)
        return seen

    def url_of(self, request: Request) -> str:
        """Return the absolute URL of a request: below the base URL, or where its link leads (which may be no URL at all)."""
        if not request.link:
            return self.target.url.rstrip("/") + self.redactor.reveal(request.target)
        link = self.redactor.reveal(request.link)
        try:
            return urljoin(self.target.url.rstrip("/") + "/", link)
        except ValueError:
            return link

    def _refusal(self, request: Request, url: str) -> tuple[Trouble, str] | None:
        consent = request.effect.consent
        if consent and consent not in self.target.allow:
            return Trouble.NOT_ALLOWED, f"needs --allow {consent}"
        if request.effect is Effect.DISRUPTIVE and (not request.on or request.on not in self.target.test_data):
            return Trouble.NOT_ALLOWED, f"needs test_data {request.on or 'that names a resource'}"
        if request.effect is Effect.READ and request.method in ("PUT", "PATCH", "DELETE"):
            return Trouble.NOT_ALLOWED, f"{request.method} is never sent as a read"
        if not self.credentials.known(request.identity):
            return Trouble.NO_CREDENTIALS, request.identity
        if not self.reachable(url):
            return Trouble.OFF_ORIGIN, self.redactor.text(url[:200])
        return (Trouble.GIVEN_UP, f"{self._lost} connections failed in a row") if self.given_up else None

    async def _repeated(self, request: Request, url: str) -> Exchange:
        """Send, and send again what was not processed: no connection, 429, 503, an expired token, a safe method without an answer."""
        started = self.now()
        renewed = False
        tries = 0
        waits = list(REPEATS)
        while True:
            tries += 1
            used: Headers = ()
            try:
                used = await self.credentials.headers(request.identity)
                await self._pace.turn(self.patience)
                async with self._slots:
                    began = self.now()
                    if request.undo and self.leaving.is_set():
                        raise NoAnswer(Trouble.GIVEN_UP, "interrupted before it was sent", sent=False)
                    answer = await self.wire.fetch(url_origin(url), self._wire_request(request, url, used))
                    self.requests += 1
            except CredentialsRefused as error:
                if error.busy and waits:
                    await self._pause(waits.pop(0), request)
                    continue
                return self._unanswered(request, url, Trouble.REFUSED, str(error), tries, started)
            except Opaque as error:
                return self._unanswered(request, url, Trouble.UNFORGED, str(error), tries, started)
            except NoAnswer as error:
                self.requests += error.sent
                lost = error.trouble is Trouble.UNREACHABLE
                if lost and not self._lost:
                    self._lost_since = self.now()
                self._lost = self._lost + 1 if lost else 0
                again = lost or (request.method in ("GET", "HEAD", "OPTIONS") and error.trouble is Trouble.CLOSED)
                if again and waits and not self.given_up and tries <= (3 if lost else 2):
                    await self._pause(waits.pop(0) if lost else 0.05, request)
                    continue
                return self._unanswered(request, url, error.trouble, error.detail, tries, started)
            self._lost = 0
            burst = request.effect is Effect.DISRUPTIVE and request.method in SAFE  # whether it is refused is what is looked at
            if answer.status in (429, 503) and not burst:
                if answer.status == 429 or header(answer.headers, "retry-after"):
                    self._pace.refused()
                if waits and self._tired < BREAKER:
                    await self._pause(_retry_after(answer) or waits[0], request)
                    waits.pop(0)
                    continue
                self._tired += 1
            else:
                self._tired = 0
                self._pace.answered()
            if renewed:
                self.credentials.renewed(request.identity, worked=answer.status != 401)
            elif answer.status == 401 and self.credentials.renew(request.identity, used):
                renewed = True
                continue
            return Exchange(
                request=request, status=answer.status, headers=answer.headers, body=answer.body, url=url, tries=tries, started_s=began, ended_s=self.now()
            )  # fmt: skip

    def _unanswered(self, request: Request, url: str, trouble: Trouble, detail: str, tries: int, started: float) -> Exchange:
        return Exchange(request=request, trouble=trouble, detail=detail, url=url, tries=tries, started_s=started, ended_s=self.now())

    async def _pause(self, seconds: float, request: Request) -> None:
        """Wait before a repetition; a create stops waiting when the run ends."""
        if not request.undo:
            return await asyncio.sleep(seconds * self.patience)
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds * self.patience):
                await self.leaving.wait()
        return None

    def _wire_request(self, request: Request, url: str, credentials: Headers) -> WireRequest:
        parts = urlsplit(url)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        own = {k.lower() for k, _ in request.headers}
        headers = [
            ("user-agent", "icra-conformance"),
            ("accept-encoding", "gzip"),
            *((k.lower(), v) for k, v in self.target.headers.items()),
        ]
        headers += [(k, v) for k, v in credentials]
        sent = [(k, v) for k, v in headers if k not in own] + [(k, self.redactor.reveal_header(v)) for k, v in request.headers]
        body = self.redactor.reveal(request.body.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
        return WireRequest(
            method=request.method, target=ascii_target(target), headers=tuple((k, header_line(v)) for k, v in sent), body=body
        )

    def _redacted(self, seen: Exchange) -> Exchange:
        r, request = self.redactor, seen.request
        request = replace(
            request, headers=r.headers(request.headers), body=r.body(request.body), target=storable(r.text(request.target)), link=storable(r.text(request.link))
        )  # fmt: skip
        return replace(
            seen, request=request, headers=r.headers(seen.headers), body=r.body(seen.body), url=storable(r.text(seen.url)), detail=storable(r.text(seen.detail))
        )  # fmt: skip

    # -- callbacks -----------------------------------------------------------------------------------------------
    def _expect(self, request: Request) -> None:
        """Let the sink accept deliveries at the paths that this request tells the target."""
        if self.sink is not None and self.sink.public_url.encode() in request.body:
            for path in re.findall(re.escape(self.sink.public_url).encode() + rb"/([0-9a-f]{32})", request.body):
                self.sink.expect(path.decode())

    async def delivery(self, requirement: str, at: Path, step: Callback) -> Exchange:
        """Return the next delivery at a path of the sink as a recorded exchange; none within the time is a `SLOW` one."""
        started = self.now()
        found = await self.sink.next(step.path, step.within_s) if self.sink else None
        request = Request(operation="callback", method=found.method if found else "POST", target=f"/{step.path}")
        if found is None:
            seen = Exchange(
                request=request,
                trouble=Trouble.SLOW,
                detail=f"no callback within {step.within_s:g} s",
                started_s=started,
                ended_s=self.now(),
                at=at,
            )
        else:
            request = replace(request, target=f"/{step.path}{found.below}", headers=found.headers, body=found.body)
            status = self.sink.answer if self.sink else 0
            seen = Exchange(
                request=request,
                status=status,
                url=f"{self.sink.public_url if self.sink else ''}{request.target}",
                started_s=found.at_s,
                ended_s=found.at_s,
                at=at,
            )
        seen = self._redacted(seen)
        self.record(requirement, seen)
        return seen

    # -- the ledger ----------------------------------------------------------------------------------------------
    def _intend(self, request: Request) -> Entry:
        """Write into the ledger what is about to be made, and, where it is made by a create of its own, where and what only it will hold."""
        api = self.tools("ledger")
        resource = api.resource(request.undo)
        if request.operation != resource.create:
            return self.ledger.intend(request.undo, api.marker)
        at = (request.link or self.target.url.rstrip("/") + request.target).partition("?")[0]
        return self.ledger.intend(request.undo, api.marker, at, marks_of(resource.example, sent_body(request)))

    def _note(self, entry: Entry | None, seen: Exchange) -> None:
        """Write into the ledger what an answer says of what we made; a secret in its place stays a placeholder there."""
        request = seen.request
        if request.method == "DELETE" and (seen.success or (seen.status in (404, 410) and request.identity not in ("none", "bad"))):
            self.ledger.deleted(target=request.target, link=request.link)
        if entry is None:
            return
        if not seen.success:
            if seen.status or seen.trouble in NEVER_SENT:
                self.ledger.update(entry, state="refused", last=str(seen.status or seen.trouble))
            return
        try:
            remove = self._removal(entry.resource, request, seen)
            self.ledger.update(entry, state="made", target=remove.target, link=remove.link)
        except (Ending, ValueError) as error:  # ValueError: a Location that is no URL
            self.ledger.update(entry, last=str(error)[:200])

    def _removal(self, resource_name: str, request: Request, seen: Exchange) -> Request:
        """Return the request that deletes what *seen* made."""
        api = self.tools("ledger")
        resource = api.resource(resource_name)
        create = api.operation(resource.create)
        target = request.target or urlsplit(request.link).path
        subject = api.subject(
            resource, api.body_of(seen), location=seen.header("location") or "", sent=sent_body(request) or {}, target=target
        )
        above = path_values(create.path, target)
        operation = api.operation(resource.delete)
        return api.request(operation, subject=replace(subject, parameters={**above, **subject.parameters}))

    # -- the end -------------------------------------------------------------------------------------------------
    def try_again(self) -> None:
        """Forget how many connections failed: whoever was out of reach may be back."""
        self._lost = 0

    async def log_out(self) -> None:
        """End the sessions that were opened for our credentials."""
        for session in self.credentials.sessions:
            if self.reachable(session.url):
                with suppress(NoAnswer):
                    target = ascii_target(urlsplit(session.url).path or "/")
                    await self.wire.fetch(url_origin(session.url), WireRequest(method="DELETE", target=target, headers=(session.proof,)))
        self.credentials.sessions.clear()


def _retry_after(answer: WireResponse) -> float:
    """Return the seconds of Retry-After, at most `LONGEST_WAIT`; 0 when it does not say (dates are not read)."""
    value = (header(answer.headers, "retry-after") or "").strip()
    return min(LONGEST_WAIT, float(value)) if value.isdigit() and len(value) < 9 else 0.0

"""Each rule of "doing no harm", and each rule of repetition, at the driver itself: no socket, waits take no time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from conformance.api import Api
from conformance.driving.cleanup import NOWHERE, clean_up
from conformance.driving.credentials import Credentials
from conformance.driving.driver import BREAKER, Driver
from conformance.driving.ledger import Ledger, read_ledger
from conformance.driving.pace import Pace
from conformance.driving.place import link_local, url_origin
from conformance.driving.virtual import VirtualLoop
from conformance.driving.wires import NoAnswer
from conformance.exchange import Exchange, Request, Trouble
from conformance.loading.profiles import load_profile
from conformance.profile import Profile
from conformance.redaction import Redactor
from conformance.target import Credential, Limits, Reference, Target
from conformance.verdict import Effect
from conformance.wire import WireRequest, WireResponse, header
from tests.driving.running import EPOCH, shelf
from tests.driving.servers import answer, json_answer

Reply = WireResponse | NoAnswer
URL = "https://target.example/base"


@dataclass
class FakeWire:
    """Answers from a function or, one after the other, from a list whose last entry stays; keeps what was sent."""

    replies: Callable[[str, WireRequest], Reply] | list[Reply]
    seconds: float = 0.0
    sent: list[tuple[str, WireRequest]] = field(default_factory=list)
    at: list[float] = field(default_factory=list)

    async def fetch(self, origin: str, request: WireRequest) -> WireResponse:
        self.sent.append((origin, request))
        self.at.append(asyncio.get_running_loop().time())
        if callable(self.replies):
            reply = self.replies(origin, request)
        else:
            reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        await asyncio.sleep(self.seconds)
        if isinstance(reply, NoAnswer):
            raise reply
        return reply

    async def close(self) -> None:
        pass


LOST = NoAnswer(Trouble.UNREACHABLE, "refused", sent=False)
SHUT = NoAnswer(Trouble.CLOSED, "closed")
OK = json_answer("{}")


@dataclass
class Bench:
    """A driver over a fake wire, and what it recorded."""

    driver: Driver
    wire: FakeWire
    recorded: list[tuple[str, Exchange]]

    async def send(self, **request: Any) -> Exchange:
        """Send one request."""
        return await self.driver.exchange(
            "scim2/a.b", (0,), Request(**{"operation": "listUsers", "method": "GET", "target": "/Users", **request})
        )


@cache
def _profile() -> Profile:
    return load_profile("scim2", shelf())


def bench(
    replies: Callable[[str, WireRequest], Reply] | list[Reply] | Reply, folder: Path | None = None, seconds: float = 0.0, **target: Any
) -> Bench:
    """Return a bench for a target at `URL` that allows nothing unless told."""
    wire = FakeWire([replies] if isinstance(replies, WireResponse | NoAnswer) else replies, seconds)
    aim = Target(**{"url": URL, **target})
    profile = _profile()
    redactor = Redactor(b"tests")
    recorded: list[tuple[str, Exchange]] = []

    def tools(place: str) -> Api:
        return Api(profile=profile, run_id="0123456789abcdef", started=EPOCH, test_data={}, allowed=frozenset(aim.allow), place=place)

    async def token(url: str, request: WireRequest) -> WireResponse:
        if not driver.reachable(url):
            raise NoAnswer(Trouble.OFF_ORIGIN, sent=False)
        return await wire.fetch(url_origin(url), replace(request, target=url.removeprefix(url_origin(url))))

    credentials = Credentials(aim, redactor, token, "wrong-on-purpose-0123")
    driver = Driver(
        target=aim,
        wire=wire,
        redactor=redactor,
        credentials=credentials,
        ledger=Ledger(folder),
        tools=tools,
        record=lambda requirement, exchange: recorded.append((requirement, exchange)),
    )
    return Bench(driver, wire, recorded)


def go(flow: Coroutine[Any, Any, Any]) -> Any:
    """Run to the end on a clock that jumps."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(flow)


# -- consent ---------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("effect", "allow", "may"),
    [
        (Effect.READ, (), True),
        (Effect.OWN, (), False),
        (Effect.LASTING, (), False),
        (Effect.DISRUPTIVE, (), False),
        (Effect.OWN, ("write",), True),
        (Effect.LASTING, ("write",), True),
        (Effect.DISRUPTIVE, ("write",), False),
        (Effect.OWN, ("disruptive",), False),
    ],
)
def test_nothing_is_sent_that_was_not_allowed(effect: Effect, allow: tuple[str, ...], may: bool) -> None:
    """Reads only, unless the target's owner allows more; loopback is no exception."""
    for url in (URL, "http://127.0.0.1:1", "http://localhost"):
        b = bench(OK, allow=allow, url=url)
        seen = go(b.send(method="POST", effect=effect))
        assert bool(b.wire.sent) is may
        assert (seen.trouble is Trouble.NOT_ALLOWED) is not may
        assert len(b.recorded) == 1


def test_what_disrupts_needs_consent_and_a_named_resource() -> None:
    """A reset goes only to a resource that the target file names."""
    for data, on, may in (
        ({}, "", False),
        ({}, "power_system", False),
        ({"power_system": "1"}, "", False),
        ({"power_system": "1"}, "power_system", True),
    ):
        b = bench(OK, allow=("disruptive",), test_data=data)
        go(b.send(method="POST", effect=Effect.DISRUPTIVE, on=on))
        assert bool(b.wire.sent) is may


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_a_changing_method_is_never_sent_as_a_read(method: str) -> None:
    """Whatever a check calls it."""
    b = bench(OK, allow=("write", "disruptive"))
    assert go(b.send(method=method)).trouble is Trouble.NOT_ALLOWED
    assert not b.wire.sent


# -- origins ---------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("link", "target"),
    [
        ("/x", "/x"),
        ("x", "/base/x"),
        ("?a=b", "/base/?a=b"),
        ("https://target.example/y", "/y"),
        ("https://TARGET.example:443/y", "/y"),
        ("//target.example/y", "/y"),
        ("https://user:pw@target.example/y", "/y"),
        ("https://listed.example/z", "/z"),
    ],
)
def test_links_within_the_listed_origins_are_followed(link: str, target: str) -> None:
    """Relative or absolute, however they spell the port; a user name in a link is dropped."""
    b = bench(OK, origins=("https://listed.example",))
    assert go(b.send(link=link)).status == 200
    origin, sent = b.wire.sent[0]
    assert sent.target == target
    assert "@" not in origin


@pytest.mark.parametrize(
    "link",
    [
        "https://other.example/x",
        "http://target.example/x",
        "https://target.example:444/x",
        "https://target.example@other.example/",
        "//other.example/",
        "https://target.example.other.example/",
        "https://[",
        "https://target.example:99999/",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "\ud800://x",
    ],
)
def test_links_to_other_origins_are_not_followed(link: str) -> None:
    """Another scheme, host or port, or no URL at all: nothing leaves, the check hears of it."""
    b = bench(OK)
    assert go(b.send(link=link)).trouble is Trouble.OFF_ORIGIN
    assert not b.wire.sent


@pytest.mark.parametrize("host", ["169.254.169.254", "[fe80::1]", "[::ffff:169.254.1.1]", "0.0.0.0", "[::]"])
def test_link_local_addresses_are_refused_even_when_listed(host: str) -> None:
    """Cloud metadata services live there."""
    assert link_local(f"http://{host}/")
    b = bench(OK, origins=(f"http://{host}",))
    assert go(b.send(link=f"http://{host}/latest")).trouble is Trouble.OFF_ORIGIN
    assert not b.wire.sent


# -- what is sent ----------------------------------------------------------------------------------------------------------
def test_the_base_path_stands_before_every_target_and_no_byte_of_it_changes() -> None:
    """Dots, double slashes and odd percent-encodings arrive as the check wrote them."""
    b = bench(OK)
    for target in ("/items/%2e%2e/x", "/a//b/./c", "/x?y=%ZZ&&=", "/ü"):
        go(b.send(target=target))
    assert [r.target for _, r in b.wire.sent] == ["/base/items/%2e%2e/x", "/base/a//b/./c", "/base/x?y=%ZZ&&=", "/base/%C3%BC"]


def test_no_header_can_be_smuggled_in_a_value() -> None:
    """Line ends and other control characters are taken out."""
    b = bench(OK)
    go(b.send(headers=(("if-match", "a\r\nx-evil: 1\x00\ud800"),)))
    assert header(b.wire.sent[0][1].headers, "if-match") == "ax-evil: 1"


@pytest.mark.parametrize(
    ("credential", "expected", "wrong"),
    [
        (
            Credential(scheme="bearer", token=Reference(env="T")),
            ("authorization", "Bearer token-0123456789"),
            ("authorization", "Bearer wrong"),
        ),
        (
            Credential(scheme="basic", username="joe", password=Reference(env="T")),
            ("authorization", "Basic am9lOnRva2VuLTAxMjM0NTY3ODk="),
            ("authorization", "Basic"),
        ),
        (Credential(scheme="api-key", header="X-Key", token=Reference(env="T")), ("x-key", "token-0123456789"), ("x-key", "wrong")),
    ],
)
def test_identities(credential: Credential, expected: tuple[str, str], wrong: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The default identity proves itself, "none" sends nothing, "bad" something wrong, an unknown one nothing at all."""
    monkeypatch.setenv("T", "token-0123456789")
    b = bench(OK, credentials={"default": credential})
    for identity in ("default", "none", "bad"):
        go(b.send(identity=identity))
    default, none, bad = (r.headers for _, r in b.wire.sent)
    assert expected in default
    assert not {"authorization", "x-key"} & {k for k, _ in none}
    value = header(bad, wrong[0])
    assert value is not None
    assert value.startswith(wrong[1])
    assert value != expected[1]
    assert go(b.send(identity="other")).trouble is Trouble.NO_CREDENTIALS
    assert len(b.wire.sent) == 3
    assert "token-0123456789" not in repr(b.recorded)


# -- tokens ----------------------------------------------------------------------------------------------------------------
def oauth(url: str = "/token") -> dict[str, Any]:
    """Return a target with client credentials."""
    return {"credentials": {"default": Credential(scheme="oauth2", url=url, client_id="me", client_secret=Reference(env="S"))}}


def token_server(lifetime: int, grants: list[int]) -> Callable[[str, WireRequest], Reply]:
    """Issue tokens that are good for *lifetime* requests each."""
    left = {"": 0}

    def reply(origin: str, request: WireRequest) -> Reply:
        if request.target == "/token":
            grants.append(1)
            token = f"issued-token-{len(grants):06d}"
            left[f"Bearer {token}"] = lifetime
            return json_answer(json.dumps({"access_token": token, "token_type": "Bearer"}))
        who = header(request.headers, "authorization") or ""
        if left.get(who, 0) <= 0:
            return answer(401)
        left[who] -= 1
        return OK

    return reply


def test_an_expired_token_is_renewed_once_and_the_request_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    """The check never sees the 401; requests in flight at that moment share one renewal."""
    monkeypatch.setenv("S", "client-secret-0123")
    grants: list[int] = []
    b = bench(token_server(3, grants), **oauth())

    async def many() -> list[Exchange]:
        return [await b.send() for _ in range(5)] + list(await asyncio.gather(*[b.send() for _ in range(3)]))

    seen = go(many())
    assert [x.status for x in seen] == [200] * 8
    assert len(grants) == 3
    assert "issued-token" not in repr(b.recorded)


def test_credentials_that_stay_refused_are_not_renewed_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """After three renewals without success nobody is asked any more: accounts get locked."""
    monkeypatch.setenv("S", "client-secret-0123")
    grants: list[int] = []
    b = bench(token_server(0, grants), **oauth())
    assert [go(b.send()).status for _ in range(10)] == [401] * 10
    assert len(grants) == 4


def test_a_refused_login_is_not_tried_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong password is sent three times at most, however many checks would like to go on."""
    monkeypatch.setenv("S", "client-secret-0123")
    b = bench(lambda origin, request: answer(401), **oauth())
    assert {go(b.send()).trouble for _ in range(10)} == {Trouble.REFUSED}
    assert len(b.wire.sent) == 3


def test_a_busy_token_endpoint_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """503 and 429 there are no refusal."""
    monkeypatch.setenv("S", "client-secret-0123")
    b = bench([answer(503), answer(429), json_answer('{"access_token": "t"}'), OK], **oauth())
    assert go(b.send()).status == 200


@pytest.mark.parametrize("url", ["https://other.example/token", "http://169.254.169.254/token", "https://["])
def test_no_credentials_go_to_a_token_endpoint_off_origin(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even when the target file names it but not its origin."""
    monkeypatch.setenv("S", "client-secret-0123")
    b = bench(OK, **oauth(url))
    assert go(b.send()).trouble is (Trouble.REFUSED if url.endswith("[") else Trouble.OFF_ORIGIN)
    assert not b.wire.sent


def test_a_login_session_is_closed_at_the_end_and_only_at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """Location of the session may lead elsewhere: the token is not sent there."""
    monkeypatch.setenv("S", "password-0123")
    login = {"credentials": {"default": Credential(scheme="session", url="/Sessions", username="joe", password=Reference(env="S"))}}
    for location, closed in (("/Sessions/1", True), ("https://other.example/Sessions/1", False), ("https://[", False)):
        b = bench([WireResponse(status=201, headers=(("x-auth-token", "session-token-01"), ("location", location))), OK], **login)

        async def one(b: Bench = b) -> None:
            await b.send()
            await clean_up(b.driver)

        go(one())
        sent = [(o, r.method, r.target) for o, r in b.wire.sent]
        assert (("https://target.example", "DELETE", "/Sessions/1") in sent) is closed
        assert all(o == "https://target.example" for o, _, _ in sent)
        assert header(b.wire.sent[1][1].headers, "x-auth-token") == "session-token-01"
        assert "session-token-01" not in repr(b.recorded)


# -- repetition ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("replies", "method", "tries", "status"),
    [
        ([LOST, LOST, OK], "GET", 3, 200),
        ([LOST, OK], "POST", 2, 200),
        ([SHUT, OK], "GET", 2, 200),
        ([SHUT, OK], "POST", 1, 0),
        ([SHUT], "GET", 3, 0),
        ([NoAnswer(Trouble.SLOW), OK], "GET", 1, 0),
        ([answer(429), OK], "POST", 2, 200),
        ([answer(503), OK], "POST", 2, 200),
        ([answer(429)], "GET", 4, 429),
        ([answer(500), OK], "GET", 1, 500),
        ([NoAnswer(Trouble.BROKEN), OK], "GET", 1, 0),
        ([answer(502), OK], "GET", 1, 502),
    ],
)
def test_what_was_not_processed_is_repeated_and_nothing_else(replies: list[Reply], method: str, tries: int, status: int) -> None:
    """No connection, 429, 503: any method; sent and not answered: safe methods only; slow, broken or 5xx: never."""
    b = bench(list(replies), allow=("write",))
    seen = go(b.send(method=method, effect=Effect.OWN))
    assert (seen.tries, seen.status) == (tries, status)
    assert len(b.wire.sent) == tries


@pytest.mark.parametrize(("told", "waited"), [("", 1.0), ("7", 7.0), ("0", 1.0), ("99999999", 30.0), ("-5", 1.0), ("soon", 1.0)])
def test_retry_after_is_honoured_within_bounds(told: str, waited: float) -> None:
    """At most half a minute; nonsense counts as nothing."""
    b = bench([WireResponse(status=503, headers=(("retry-after", told),) if told else ()), OK])
    go(b.send())
    assert b.wire.at[1] - b.wire.at[0] == pytest.approx(waited, abs=0.6)


def test_the_rate_halves_and_never_rises_above_what_the_target_wants() -> None:
    """A refusal halves it, down to two a second or what the file says; calm doubles it again."""
    pace = Pace(40.0, 40.0)
    for expected in (20.0, 10.0, 5.0, 2.5, 2.0, 2.0):
        pace.refused()
        assert pace.rate == expected
    for _ in range(200):
        pace.answered()
    assert pace.rate == 40.0
    slow = Pace(0.5, 0.5)
    slow.refused()
    assert slow.rate == 0.5


def test_the_rate_of_the_target_is_kept() -> None:
    """Ten a second are ten a second, whatever is in flight."""
    b = bench(OK, limits=Limits(rate=10.0, in_flight=8))

    async def many() -> None:
        await asyncio.gather(*[b.send() for _ in range(21)])

    go(many())
    assert b.wire.at[-1] - b.wire.at[0] == pytest.approx(2.0, abs=0.01)


def test_no_more_are_in_flight_than_the_target_wants() -> None:
    """Never more than the limit at once."""
    b = bench(OK, seconds=1.0, limits=Limits(in_flight=3))

    async def many() -> None:
        await asyncio.gather(*[b.send() for _ in range(9)])

    go(many())
    assert b.wire.at == [0.0] * 3 + [1.0] * 3 + [2.0] * 3


def test_the_circuit_breaker_counts_connections_that_failed_and_never_5xx() -> None:
    """Five in a row and for longer than a restart takes: then nothing is sent any more."""
    b = bench(lambda origin, request: LOST)

    async def many() -> list[Exchange]:
        seen = [await b.send() for _ in range(10)]
        assert b.driver.given_up
        return seen

    seen = go(many())
    assert {x.trouble for x in seen} == {Trouble.UNREACHABLE, Trouble.GIVEN_UP}
    assert len(b.wire.sent) == BREAKER
    c = bench(answer(500))
    for _ in range(20):
        assert go(c.send()).status == 500


def test_a_short_blip_with_many_in_flight_does_not_end_the_run() -> None:
    """Eight connections that fail in the same second are one event."""
    b = bench(lambda origin, request: LOST if asyncio.get_running_loop().time() < 0.9 else OK)

    async def many() -> list[Exchange]:
        seen = list(await asyncio.gather(*[b.send() for _ in range(8)]))
        assert not b.driver.given_up
        return seen

    assert {x.status for x in go(many())} == {200}


# -- the ledger ------------------------------------------------------------------------------------------------------------
CREATE: dict[str, Any] = {"operation": "createUser", "method": "POST", "effect": Effect.OWN, "undo": "user", "body": b'{"userName": "x"}'}
DELETE: dict[str, Any] = {"operation": "deleteUser", "method": "DELETE", "effect": Effect.OWN}


@dataclass
class Users:
    """A server of users as the ledger meets it: what it has, and what it does badly."""

    have: dict[str, str] = field(default_factory=dict)
    silent: bool = False
    keeps: bool = False
    lies: bool = False
    terse: bool = False
    next: int = 0

    def __call__(self, origin: str, request: WireRequest) -> Reply:
        path = request.target.removeprefix("/base").split("?")[0]
        id = path.removeprefix("/Users").strip("/")
        if request.method == "POST":
            self.next += 1
            self.have[str(self.next)] = json.loads(request.body)["userName"]
            if self.silent:
                return SHUT
            return json_answer(json.dumps({"id": str(self.next)}), 201)
        if request.method == "DELETE":
            if id not in self.have:
                return answer(404)
            if self.keeps:
                return answer(403)
            if not self.lies:
                del self.have[id]
            return answer(204)
        if not id:
            shown = [{"id": i} if self.terse else {"id": i, "userName": n} for i, n in self.have.items()]
            return json_answer(json.dumps({"Resources": shown}))
        return json_answer(json.dumps({"id": id, "userName": self.have[id]})) if id in self.have else answer(404)


def test_a_create_is_in_the_ledger_before_it_is_sent(tmp_path: Path) -> None:
    """Whoever crashes now still knows what may have been made."""
    seen: list[str] = []

    def reply(origin: str, request: WireRequest) -> Reply:
        seen.append((tmp_path / "ledger.jsonl").read_text())
        return json_answer('{"id": "7"}', 201)

    b = bench(reply, tmp_path, allow=("write",))
    go(b.send(**CREATE))
    b.driver.ledger.close()
    assert '"state":"intended"' in seen[0]
    assert "icra-01234567" in seen[0]
    assert '"state":"made","target":"/Users/7"' in (tmp_path / "ledger.jsonl").read_text()


def cleaned(b: Bench, *requests: dict[str, Any]) -> list[Any]:
    """Send requests one after the other, then clean up; return what is left."""

    async def all_of_it() -> list[Any]:
        for request in requests:
            await b.send(**request)
        left = await clean_up(b.driver)
        b.driver.ledger.close()
        return left

    return list(go(all_of_it()))


def test_what_was_made_is_removed_and_proven_gone(tmp_path: Path) -> None:
    """A delete, then a read that no longer finds it."""
    users = Users()
    b = bench(users, tmp_path, allow=("write",))
    assert cleaned(b, CREATE, CREATE) == []
    assert users.have == {}
    assert [(r.method, r.target) for _, r in b.wire.sent[2:]].count(("GET", "/base/Users/1")) == 1
    assert {e.state for e in b.driver.ledger.entries.values()} == {"removed"}


def test_what_a_check_deleted_is_proven_gone_too() -> None:
    """A 204 is a promise: where it was not kept, the thing is deleted again and, in the end, listed."""
    users = Users()
    b = bench(users, allow=("write",))
    assert cleaned(b, CREATE, {**DELETE, "target": "/Users/1"}) == []
    assert [(r.method, r.target) for _, r in b.wire.sent[2:]] == [("GET", "/base/Users/1")]
    liar = bench(Users(lies=True), allow=("write",))
    [left] = cleaned(liar, CREATE, {**DELETE, "target": "/Users/1"})
    assert (left.where, left.state) == ("/Users/1", "200")


def test_a_delete_that_was_refused_to_somebody_else_proves_nothing() -> None:
    """404 to wrong credentials hides the thing, it does not remove it."""
    users = Users()
    b = bench(lambda o, r: answer(404) if "wrong" in (header(r.headers, "authorization") or "") else users(o, r), allow=("write",))
    assert cleaned(b, CREATE, {**DELETE, "target": "/Users/1", "identity": "bad"}) == []
    assert users.have == {}


def test_a_create_that_was_never_answered_is_found_by_its_marker_and_nobody_elses_is_touched() -> None:
    """The list is read, and only what carries the marker of this run is deleted."""
    users = Users(silent=True, have={"900": "icra-99999999-other", "901": "joe"})
    b = bench(users, allow=("write",))
    assert cleaned(b, {**CREATE, "body": b'{"userName": "icra-01234567-abc@example.com"}'}) == []
    assert users.have == {"900": "icra-99999999-other", "901": "joe"}


OURS = {**CREATE, "body": b'{"userName": "icra-01234567-abcdefgh23@example.com"}'}


@pytest.mark.parametrize("terse", [False, True])
def test_a_create_that_was_never_answered_is_found_by_what_only_it_can_hold(terse: bool) -> None:
    """Where the list shows nothing of it, each item is read; what somebody else of this very run made stays."""
    users = Users(silent=True, terse=terse, have={"900": "icra-01234567-zzzzzzzz99@example.com", "901": "joe"})
    assert cleaned(bench(users, allow=("write",)), OURS) == []
    assert users.have == {"900": "icra-01234567-zzzzzzzz99@example.com", "901": "joe"}


def test_what_does_not_show_whose_it_is_is_listed_as_left() -> None:
    """Nothing is removed on a guess, and nothing is called gone."""
    users = Users(silent=True, have={"901": "joe"})

    def shy(origin: str, request: WireRequest) -> Reply:
        seen = users(origin, request)
        return json_answer(seen.body.decode().replace("userName", "name")) if isinstance(seen, WireResponse) and seen.body else seen

    [left] = cleaned(bench(shy, allow=("write",)), OURS)
    assert (left.where, left.state) == ("marker icra-01234567", NOWHERE)
    assert len(users.have) == 2


def test_a_create_that_was_never_answered_and_is_nowhere_is_not_left() -> None:
    """The whole list does not show it: it was not made, or is gone."""
    reply = json_answer('{"totalResults": 1, "Resources": [{"id": "1", "userName": "joe"}]}')
    assert cleaned(bench(lambda o, r: SHUT if r.method == "POST" else reply, allow=("write",)), CREATE) == []
    paged = json_answer('{"totalResults": 900, "Resources": [{"id": "1", "userName": "joe"}]}')
    [left] = cleaned(bench(lambda o, r: SHUT if r.method == "POST" else paged, allow=("write",)), CREATE)
    assert left.where == "marker icra-01234567"


def test_a_create_that_was_never_sent_is_nothing_to_clean_up() -> None:
    """No connection: nothing was made, so nothing is left."""
    b = bench(lambda o, r: LOST if r.method == "POST" else json_answer('{"Resources": []}'), allow=("write",))
    assert cleaned(b, CREATE) == []


def test_a_refused_create_is_nothing_to_clean_up() -> None:
    """The server said no."""
    b = bench(answer(400), allow=("write",))
    assert cleaned(b, CREATE) == []
    assert len(b.wire.sent) == 1


def test_what_cannot_be_removed_is_listed_with_its_state() -> None:
    """The owner must know what we left."""
    b = bench(Users(keeps=True), allow=("write",))
    [left] = cleaned(b, CREATE)
    assert (left.resource, left.where, left.state) == ("user", "/Users/1", "403")


def test_a_delete_that_was_not_answered_is_repeated_at_the_end() -> None:
    """It may have been processed or not; either way the thing must be gone."""
    for processed in (True, False):
        users, count = Users(), [0]

        def reply(origin: str, request: WireRequest, users: Users = users, count: list[int] = count, processed: bool = processed) -> Reply:
            count[0] += request.method == "DELETE"
            if request.method == "DELETE" and count[0] == 1:
                if processed:
                    users(origin, request)
                return SHUT
            return users(origin, request)

        assert cleaned(bench(reply, allow=("write",)), CREATE) == []
        assert users.have == {}


@pytest.mark.parametrize("status", [412, 428])
def test_a_delete_that_must_name_the_state_names_it(status: int) -> None:
    """A server may insist on If-Match (RFC 6585 section 3): what it last showed is what we remove."""
    users = Users()

    def reply(origin: str, request: WireRequest) -> Reply:
        if request.method == "DELETE" and header(request.headers, "if-match") != '"3"':
            return answer(status)
        seen = users(origin, request)
        return (
            replace(seen, headers=(*seen.headers, ("etag", '"3"'))) if request.method == "GET" and isinstance(seen, WireResponse) else seen
        )

    assert cleaned(bench(reply, allow=("write",)), CREATE) == []
    assert users.have == {}


@pytest.mark.parametrize("body", [b"", b"[]", b"\xff", b'{"id": {}}', b"[" * 5000, b'{"id": "\\ud800"}'])
@pytest.mark.parametrize("location", ["", "http://[", "https://other.example/Users/1", "\x00"])
def test_a_create_answer_that_says_nothing_useful_is_left_and_listed(body: bytes, location: str) -> None:
    """Whatever the answer is, cleaning up ends and sends nothing off-origin."""
    created = WireResponse(status=201, headers=(("location", location),), body=body)
    b = bench(lambda o, r: created if r.method == "POST" else answer(404), allow=("write",))
    cleaned(b, CREATE)
    assert {o for o, _ in b.wire.sent} == {"https://target.example"}


def test_a_ledger_cut_off_in_the_middle_of_a_line_is_read(tmp_path: Path) -> None:
    """A crash while writing loses that line only; what was left is tried again."""
    b = bench(Users(keeps=True), tmp_path, allow=("write",))
    cleaned(b, CREATE, CREATE)
    with (tmp_path / "ledger.jsonl").open("ab") as file:
        file.write(b'{"number":3,"resou')
    again = read_ledger(tmp_path)
    assert [e.state for e in again.open_entries()] == ["made", "made"]
    again.close()


# -- interruption ----------------------------------------------------------------------------------------------------------
def test_a_create_in_flight_is_finished_when_the_run_is_interrupted() -> None:
    """Its id would be lost; one that still waits for its turn is not begun."""
    users = Users()
    b = bench(users, seconds=1.0, allow=("write",), limits=Limits(in_flight=2))

    async def interrupted() -> None:
        tasks = [asyncio.create_task(b.send(**CREATE)) for _ in range(5)]
        await asyncio.sleep(0.5)
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(e, asyncio.CancelledError) for e in ended)
        assert len(users.have) == 2
        assert len(b.recorded) == 5
        assert await clean_up(b.driver) == []

    go(interrupted())
    assert users.have == {}
    assert users.next == 2


def test_a_read_in_flight_is_dropped_when_the_run_is_interrupted() -> None:
    """Nothing would be lost."""
    b = bench(OK, seconds=100.0)

    async def interrupted() -> float:
        task = asyncio.create_task(b.send())
        await asyncio.sleep(0.5)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return asyncio.get_running_loop().time()

    assert go(interrupted()) < 1.0


def test_a_create_that_waits_for_a_busy_server_does_not_hold_up_the_end() -> None:
    """Retry-After says half a minute; the one who pressed Ctrl-C does not."""
    b = bench(WireResponse(status=503, headers=(("retry-after", "30"),)), allow=("write",))

    async def interrupted() -> float:
        task = asyncio.create_task(b.send(**CREATE))
        await asyncio.sleep(0.5)
        b.driver.leaving.set()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return asyncio.get_running_loop().time()

    assert go(interrupted()) < 1.0


# -- secrets ---------------------------------------------------------------------------------------------------------------
def test_redaction_by_place_and_value_reaches_everything_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Headers, bodies, query strings, cookies and links, in both directions; the target still gets the real thing."""
    monkeypatch.setenv("T", "secret-by-value-0123")
    reply = WireResponse(
        status=200,
        body=b'{"password": "pw1", "note": "secret-by-value-0123", "access_token": "tok-1"}',
        headers=(("set-cookie", "sid=cookie-1"), ("location", "/x?token=query-1"), ("x-note", "secret-by-value-0123")),
    )
    b = bench(reply, credentials={"default": Credential(scheme="bearer", token=Reference(env="T"))})
    seen = go(
        b.send(
            method="POST",
            target="/x?api_key=query-2",
            headers=(("cookie", "cookie-2"),),
            body=b'{"client_secret": "body-2"}',
            effect=Effect.READ,
        )
    )
    stored = repr(seen) + repr(b.recorded)
    for secret in ("pw1", "tok-1", "cookie-1", "query-1", "query-2", "cookie-2", "body-2", "secret-by-value-0123"):
        assert secret not in stored
    sent = repr(b.wire.sent)
    for secret in ("query-2", "cookie-2", "body-2", "secret-by-value-0123"):
        assert secret in sent
    again = go(b.send(method="POST", body=seen.body, effect=Effect.READ))
    assert b.wire.sent[-1][1].body == reply.body
    assert again.body == seen.body

"""Awkward but honest servers: one cause is one fail, what we could not see is no finding, and nothing else turns red."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import pytest

from conformance.driving.session import LOOK_AHEAD
from conformance.loading.profiles import load_profile
from conformance.reference.engine import Options as TwinOptions
from conformance.reference.twins import twin_for
from conformance.run import Run
from conformance.scoring import Exit, score
from conformance.target import Credential, Limits, Reference, Target
from conformance.verdict import Level, Verdict
from conformance.wire import Twin, WireRequest, WireResponse, header
from tests.driving.running import EPOCH, assert_whole, named, run_live, run_twin, shelf, with_verdict
from tests.driving.servers import Line, answer, encoded, json_answer, raw_server, served

TOKEN = Credential(scheme="bearer", token=Reference(env="TWIN"))
TARGET = Target(url="http://twin.invalid", allow=("write",), credentials={"default": TOKEN})


@pytest.fixture(autouse=True)
def _token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWIN", "twin-token")
    monkeypatch.setenv("SECRET", "client-secret-0123456789")


def scim_twin(origin: str = "http://twin.invalid") -> Twin:
    """Return a conforming SCIM service provider."""
    return twin_for(load_profile("scim2", shelf()), TwinOptions(origin=origin))


@dataclass
class Awkward:
    """A twin behind something that answers in its stead when it returns an answer."""

    instead: Callable[[WireRequest, int], WireResponse | None]
    after: Callable[[WireRequest, WireResponse], WireResponse] = lambda request, seen: seen
    twin: Twin = field(default_factory=scim_twin)
    requests: int = 0
    refused: int = 0

    def handle(self, request: WireRequest, now: float) -> WireResponse:
        """Answer from `instead`, else from the twin, as `after` leaves it."""
        self.requests += 1
        found = self.instead(request, self.requests)
        if found is not None:
            self.refused += 1
            return found
        return self.after(request, self.twin.handle(request, now))


def fails(run: Run) -> Mapping[str, str]:
    """Return the failed requirements of every level and their reasons."""
    return named(with_verdict(run, Verdict.FAIL))


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Verdict]:
    """The verdicts of the conforming twin."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TWIN", "twin-token")
        run = run_twin("scim2", scim_twin(), tmp_path_factory.mktemp("good"), target=TARGET)
    return verdicts(run)


def verdicts(run: Run) -> Mapping[str, Verdict]:
    """Return requirement -> settled verdict."""
    return {r.requirement: r.verdict for r in score(run).results}


def test_the_twin_itself_conforms(good: Mapping[str, Verdict]) -> None:
    """Else the rest of this module would prove nothing."""
    assert Verdict.FAIL not in good.values()
    assert Verdict.ERROR not in good.values()


def assert_only_unseen(run: Run, good: Mapping[str, Verdict], why: str) -> None:
    """Assert that nothing is red, and that what differs from the verdicts on the twin itself was not seen, for the reason given."""
    assert fails(run) == {}
    changed = [r for r in score(run).results if r.verdict is not good[r.requirement]]
    assert {r.verdict for r in changed} <= {Verdict.INCONCLUSIVE, Verdict.NOT_TESTED}
    assert not [r for r in changed if r.verdict is Verdict.INCONCLUSIVE and not re.search(why, r.reason)], named(changed)


def test_429_to_every_third_request_turns_nothing_red(good: Mapping[str, Verdict], tmp_path: Path) -> None:
    """Without Retry-After: we slow down and repeat; what met 429 four times in a row is not judged, and that is little."""
    awkward = Awkward(instead=lambda request, number: answer(429) if number % 3 == 0 else None)
    run = run_twin("scim2", awkward, tmp_path, target=TARGET)
    assert assert_whole(tmp_path).exit_code in (Exit.PASSED, Exit.INCOMPLETE)
    assert awkward.refused > 100
    assert_only_unseen(run, good, "429")
    assert len(with_verdict(run, Verdict.INCONCLUSIVE, level=Level.MUST)) <= 0.1 * score(run).tallies[Level.MUST].applicable


def test_a_server_that_is_always_busy_is_not_judged(tmp_path: Path) -> None:
    """429 to everything: no finding, no pass."""
    run = run_twin("scim2", Awkward(instead=lambda request, number: answer(429)), tmp_path, target=TARGET)
    assert assert_whole(tmp_path).exit_code in (Exit.INCOMPLETE, Exit.UNREACHABLE)
    assert not with_verdict(run, Verdict.PASS, Verdict.FAIL)


class Issuing(Awkward):
    """A twin behind a token endpoint whose tokens are good for two seconds; every answer takes a twentieth of one."""

    def handle(self, request: WireRequest, now: float) -> WireResponse:
        """Issue a token, refuse one that is over, let the twin answer the rest."""
        if request.target == "/oauth/token":
            assert header(request.headers, "authorization") == "Basic bWU6Y2xpZW50LXNlY3JldC0wMTIzNDU2Nzg5"
            self.requests += 1
            body = {"access_token": f"issued-token-{self.requests:06d}-{now + 2.0!r}", "token_type": "Bearer", "expires_in": 2}
            return json_answer(json.dumps(body))
        token = (header(request.headers, "authorization") or "").removeprefix("Bearer ")
        if token.startswith("issued-token-") and float(token.split("-", 3)[3]) <= now:
            self.refused += 1
            return answer(401, www_authenticate='Bearer error="invalid_token"')
        headers = tuple((k, "Bearer twin-token" if v.startswith("Bearer issued") else v) for k, v in request.headers)
        return replace(self.twin.handle(replace(request, headers=headers), now), delay_s=0.05)


def test_a_token_that_expires_in_the_middle_is_renewed(good: Mapping[str, Verdict], tmp_path: Path) -> None:
    """Client credentials: the verdicts are those of a token that lasts."""
    credential = Credential(scheme="oauth2", url="/oauth/token", client_id="me", client_secret=Reference(env="SECRET"))
    issuing = Issuing(instead=lambda request, number: None)
    run = run_twin("scim2", issuing, tmp_path, target=replace(TARGET, credentials={"default": credential}))
    assert_whole(tmp_path)
    assert issuing.requests > 2
    assert issuing.refused > 2
    assert verdicts(run) == good
    assert "issued-token" not in "".join(f.read_text("utf-8", "replace") for f in tmp_path.rglob("*.*") if f.is_file())


def test_behind_a_proxy_that_answers_unknown_paths_itself(good: Mapping[str, Verdict], tmp_path: Path) -> None:
    """404 as an HTML page, 405 without Allow: each requirement that asks for it fails once, nothing else turns red."""
    words = ("/Users", "/Groups", "/Schemas", "/ResourceTypes", "/ServiceProviderConfig", "/Me", "/Bulk", "/.search")

    def instead(request: WireRequest, number: int) -> WireResponse | None:
        known = any(request.target.startswith(w) for w in words)
        return None if known else answer(404, b"<html><h1>404</h1></html>", content_type="text/html")

    def after(request: WireRequest, seen: WireResponse) -> WireResponse:
        return answer(405, b"<html>no</html>", content_type="text/html") if seen.status == 405 else seen

    run = run_twin("scim2", Awkward(instead=instead, after=after), tmp_path, target=TARGET)
    assert_whole(tmp_path)
    red = fails(run)
    assert {r.check for r in with_verdict(run, Verdict.FAIL)} <= {"unsupported-method", "service-error-format"}, red
    assert len(score(run).causes) <= 1
    assert {k: v for k, v in verdicts(run).items() if k not in red} == {k: v for k, v in good.items() if k not in red}


def test_without_any_authentication_one_requirement_fails(good: Mapping[str, Verdict], tmp_path: Path) -> None:
    """The service asks nobody who they are: found once, and not again at each operation."""

    class Open(Awkward):
        def handle(self, request: WireRequest, now: float) -> WireResponse:
            headers = (*[(k, v) for k, v in request.headers if k != "authorization"], ("authorization", "Bearer twin-token"))
            return self.twin.handle(replace(request, headers=headers), now)

    run = run_twin("scim2", Open(instead=lambda request, number: None), tmp_path, target=TARGET)
    assert_whole(tmp_path)
    assert set(fails(run)) == {"scim2/service.authentication"}
    for name, verdict in verdicts(run).items():
        if name.endswith(".authentication") and name != "scim2/service.authentication" and good[name] is Verdict.PASS:
            assert verdict is Verdict.NOT_TESTED, name


def test_half_of_the_operations_missing_is_a_fail_each_and_no_more(good: Mapping[str, Verdict], tmp_path: Path) -> None:
    """An absent operation fails its `answers`; what needs it is not tested and names it."""
    missing = {
        "replaceUser": ("PUT", "/Users/"),
        "deleteUser": ("DELETE", "/Users/"),
        "listSchemas": ("GET", "/Schemas"),
        "getSchema": ("GET", "/Schemas/"),
    }
    missing |= {"createGroup": ("POST", "/Groups"), "listGroups": ("GET", "/Groups"), "updateUser": ("PATCH", "/Users/")}

    def instead(request: WireRequest, number: int) -> WireResponse | None:
        for method, path in missing.values():
            place = request.target.split("?")[0]
            there = place.startswith(path) and len(place) > len(path) if path.endswith("/") else place.rstrip("/") == path
            if request.method == method and there:
                return answer(501)
        return None

    run = run_twin("scim2", Awkward(instead=instead), tmp_path, target=TARGET)
    assert_whole(tmp_path)
    red = {r.requirement: r.cause for r in with_verdict(run, Verdict.FAIL)}
    causes = list(red.values())
    assert all(name.endswith(".answers") for name in red), fails(run)
    assert all(cause.startswith("absent: ") for cause in causes)
    assert len(set(causes)) == len(causes)
    assert "scim2/replace-user.answers" in red
    for result in score(run).results:
        if result.verdict is Verdict.NOT_TESTED and good[result.requirement] is Verdict.PASS:
            assert result.reason.startswith("needs scim2/"), result


def test_slow_answers_below_the_time_out_change_no_verdict(good: Mapping[str, Verdict], tmp_path: Path) -> None:
    """Three seconds an answer, ten allowed: the same verdicts, only later."""
    slow = Awkward(instead=lambda request, number: None, after=lambda request, seen: replace(seen, delay_s=3.0))
    run = run_twin("scim2", slow, tmp_path, target=TARGET)
    assert_whole(tmp_path)
    assert verdicts(run) == good
    assert run.footer is not None
    assert run.footer.ended_s > 100


def test_looks_that_send_the_same_invalid_values_take_turns(tmp_path: Path) -> None:
    """A server that wrongly takes an empty unique name takes it once: two looks at a time would give one verdict or the other."""
    slow = Awkward(instead=lambda request, number: None, after=lambda request, seen: replace(seen, delay_s=0.2))
    run = run_twin("scim2", slow, tmp_path, target=TARGET)
    users = sorted(
        (r.started_s, r.ended_s) for r in run.results if r.family == "refuses" and r.on in ("createUser", "replaceUser", "updateUser")
    )
    assert len(users) == 3
    assert all(before[1] <= after[0] for before, after in pairwise(users))


def test_a_look_that_takes_long_keeps_no_other_waiting(tmp_path: Path) -> None:
    """While one look waits for its answer, more looks than are ever under way at once begin and end."""
    first = iter([8.0])

    def after(request: WireRequest, seen: WireResponse) -> WireResponse:
        return replace(seen, delay_s=next(first, 0.1) if request.method == "PUT" else 0.1)

    run = run_twin("scim2", Awkward(instead=lambda request, number: None, after=after), tmp_path, target=TARGET)
    slow = max(run.results, key=lambda r: r.ended_s - r.started_s)
    meanwhile = [r for r in run.results if r.requests and slow.started_s < r.started_s and r.ended_s < slow.ended_s]
    assert len(meanwhile) > 2 * LOOK_AHEAD


ONLY = (
    "scim2/list-users.answer",
    "scim2/create-user.answer",
    "scim2/user.read-after-create",
    "scim2/user.delete",
    "scim2/get-user.answers",
)


def test_slow_answers_over_a_socket(tmp_path: Path) -> None:
    """A third of a second an answer, a little more allowed: judged as ever."""
    with served(lambda request: replace(twin.handle(request, EPOCH), delay_s=0.3)) as server:
        twin = scim_twin(server.url)
        run = run_live("scim2", server.url, tmp_path, target=replace(TARGET, limits=Limits(timeout=2.0)), only=ONLY)
    assert set(verdicts(run).values()) == {Verdict.PASS}


def test_answers_that_come_after_our_time_out_are_no_finding(tmp_path: Path) -> None:
    """Slower than we wait: inconclusive, and the reason says how long that is."""

    def handler(request: WireRequest) -> WireResponse:
        return replace(twin.handle(request, EPOCH), delay_s=0.0 if "Config" in request.target else 0.6)

    with served(handler) as server:
        twin = scim_twin(server.url)
        run = run_live("scim2", server.url, tmp_path, target=replace(TARGET, limits=Limits(timeout=0.2)), only=ONLY)
    assert_whole(tmp_path)
    assert set(verdicts(run).values()) == {Verdict.INCONCLUSIVE}
    assert all("slower than 0.2 s" in r.reason for r in run.results)


@pytest.mark.slow
def test_three_seconds_an_answer_over_a_socket(tmp_path: Path) -> None:
    """The real thing, with the real time-out."""
    with served(lambda request: replace(twin.handle(request, EPOCH), delay_s=3.0)) as server:
        twin = scim_twin(server.url)
        run = run_live("scim2", server.url, tmp_path, target=TARGET, only=ONLY)
    assert set(verdicts(run).values()) == {Verdict.PASS}


@pytest.mark.parametrize("processed", [False, True])
def test_every_tenth_connection_reset_turns_nothing_red(processed: bool, good: Mapping[str, Verdict], tmp_path: Path) -> None:
    """Reads are repeated; what became of a write is not known, so it is inconclusive; and nothing is left behind."""
    twin = scim_twin()

    def instead(request: WireRequest, number: int) -> WireResponse | None:
        if number % 10:
            return None
        if processed:
            twin.handle(request, EPOCH)
        return WireResponse(status=0)

    awkward = Awkward(instead=instead, twin=twin)
    run = run_twin("scim2", awkward, tmp_path, target=TARGET)
    assert_whole(tmp_path)
    assert awkward.refused > 50
    assert_only_unseen(run, good, "closed|set-up|no control")
    assert run.leftovers == (), run.leftovers


def test_every_tenth_connection_reset_over_sockets_turns_nothing_red(tmp_path: Path) -> None:
    """The same with RST on the wire."""
    number = 0

    async def respond(request: WireRequest, line: Line) -> bool:
        nonlocal number
        number += 1
        if number % 10 == 0:
            line.reset()
            return False
        await line.send(encoded(twin.handle(request, EPOCH), request.method))
        return True

    with raw_server(respond) as server:
        twin = scim_twin(server.url)
        run = run_live("scim2", server.url, tmp_path, target=TARGET, expression="user and not refuses")
    assert_whole(tmp_path)
    assert fails(run) == {}
    assert len(with_verdict(run, Verdict.PASS)) > 20
    assert run.leftovers == (), run.leftovers


def test_a_server_that_restarts_in_the_middle_changes_no_verdict(good: Mapping[str, Verdict], tmp_path: Path) -> None:
    """Two seconds without anyone listening: connections that were never opened are tried again."""
    from conformance.driving.wires import NoAnswer, TwinWire
    from conformance.exchange import Trouble

    class Restarting(TwinWire):
        count = 0
        down_until = 0.0

        async def fetch(self, origin: str, request: WireRequest) -> WireResponse:
            import asyncio

            self.count += 1
            now = asyncio.get_running_loop().time()
            if self.count == 200:
                self.down_until = now + 2.0
            if now < self.down_until:
                raise NoAnswer(Trouble.UNREACHABLE, "connection refused", sent=False)
            return await super().fetch(origin, request)

    run = run_twin("scim2", scim_twin(), tmp_path, target=TARGET, wire=Restarting(scim_twin(), EPOCH))
    assert_whole(tmp_path)
    assert verdicts(run) == good

"""Against a server that is not there, or gives the same answer to everything, nothing may pass."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from pathlib import Path

import pytest

from conformance.cli.main import main
from conformance.loading.profiles import load_profile
from conformance.run import Run
from conformance.scoring import Exit
from conformance.target import Limits, Target
from conformance.verdict import Level, Verdict
from conformance.wire import WireRequest, WireResponse
from conformance.writers.text import write_text
from tests.driving.running import Handled, assert_whole, named, run_live, run_twin, shelf, with_verdict
from tests.driving.servers import Line, answer, closed_port, json_answer, raw_server, served

PROFILES = sorted(shelf().profiles)
#: Profiles with many reads and known paths, for what need not be shown of each.
WELL_KNOWN = ("alertmanager-v2", "dmtf-redfish", "scim2")
PAGE = b"<!doctype html><title>Welcome</title><h1>It works!</h1>"

#: The same answer to everything, whatever is asked.
SAME = {
    "200 {}": json_answer("{}"),
    "200 []": json_answer("[]"),
    "204": answer(204),
    "404": json_answer('{"detail": "not found"}', 404),
    "500": answer(500, b"Internal Server Error", content_type="text/plain"),
    "HTML page": answer(200, PAGE, content_type="text/html"),
    "redirect to a login": answer(302, location="/login"),
    "401": answer(401, www_authenticate="Bearer"),
}


@pytest.mark.parametrize("profile", PROFILES)
def test_a_closed_port_gives_no_pass_exit_3_and_a_report(profile: str, tmp_path: Path) -> None:
    """Nobody listens: nothing passes, nothing fails, the exit code says out of reach, the report is written."""
    with closed_port() as url:
        run = run_live(profile, url, tmp_path, target=Target(url=url, allow=("write", "disruptive")))
    said = assert_whole(tmp_path)
    assert said.exit_code is Exit.UNREACHABLE
    assert run.footer is not None
    assert run.footer.exit_code == 3
    assert "out of reach" in said.trouble
    assert not with_verdict(run, Verdict.PASS, Verdict.FAIL)
    assert {r.requirement for r in run.results} == set(load_profile(f"{profile}@{run.header.edition}").by_id)


def nonce(body: str, media: str) -> Callable[[WireRequest], WireResponse]:
    """Answer everything with success and a body that is another one each time."""
    numbers = itertools.count()
    return lambda request: answer(200, body.replace("N", str(next(numbers))).encode(), content_type=media)


def known_paths(seen: WireResponse) -> Callable[[WireRequest], WireResponse]:
    """Answer the paths of no profile with 404, so that success at a path may pass for a service until the answer is looked at."""
    words = ("redfish", "api/v2", "Users", "Groups", "Schemas", "ResourceTypes", "ServiceProviderConfig", "Me", "Bulk", ".search")
    return lambda request: seen if any(w in request.target for w in words) else answer(404)


#: Nearly the same answer to everything: harder to tell from a service.
NEARLY: dict[str, Callable[[], Callable[[WireRequest], WireResponse]]] = {
    "{} with a nonce": lambda: nonce('{"request": "N"}', "application/json"),
    "page with a nonce": lambda: nonce("<p>N</p>", "text/html"),
    "405 to all but GET": lambda: lambda request: json_answer("{}") if request.method == "GET" else answer(405, allow="GET"),
}

#: Those that each profile must stand.
EVERYWHERE = ("200 {}", "404", "500", "HTML page")
#: What a hollow service says at each path that it knows.
HOLLOW = {"{}": json_answer("{}"), "[]": json_answer("[]"), "page": answer(200, PAGE, content_type="text/html")}


def run_of(profile: str, handler: Callable[[WireRequest], WireResponse], folder: Path) -> Run:
    target = Target(url="http://twin.invalid", allow=("write", "disruptive"))
    return run_twin(profile, Handled(function=handler), folder, target=target)


@pytest.mark.parametrize(("profile", "name"), [(p, n) for n in SAME for p in (PROFILES if n in EVERYWHERE else WELL_KNOWN)])
def test_the_same_answer_to_everything_passes_nothing(profile: str, name: str, tmp_path: Path) -> None:
    """A server that does not look at the request is no service: exit 3 where it even seems well, and nothing passes."""
    run = run_of(profile, lambda request: SAME[name], tmp_path)
    said = assert_whole(tmp_path)
    assert named(with_verdict(run, Verdict.PASS)) == {}
    assert said.exit_code is (Exit.FAILED if name == "500" else Exit.UNREACHABLE)
    assert bool(with_verdict(run, Verdict.FAIL)) == (name == "500")
    if name not in ("500", "401"):
        assert "base path?" in said.trouble


@pytest.mark.parametrize("name", NEARLY)
@pytest.mark.parametrize("profile", WELL_KNOWN)
def test_nearly_the_same_answer_to_everything_passes_nothing(profile: str, name: str, tmp_path: Path) -> None:
    """A page with a nonce, or `{}` to every read, is found out as well."""
    run = run_of(profile, NEARLY[name](), tmp_path)
    said = assert_whole(tmp_path)
    assert named(with_verdict(run, Verdict.PASS)) == {}
    assert said.exit_code is Exit.UNREACHABLE
    assert "base path?" in said.trouble


@pytest.mark.parametrize("name", HOLLOW)
@pytest.mark.parametrize("profile", WELL_KNOWN)
def test_a_hollow_service_conforms_to_no_profile(profile: str, name: str, tmp_path: Path) -> None:
    """An answer without content may satisfy the sentences that ask for success alone; the rest fails, and nothing conforms."""
    run = run_of(profile, known_paths(HOLLOW[name]), tmp_path)
    said = assert_whole(tmp_path)
    assert said.exit_code is Exit.FAILED
    must = said.tallies[Level.MUST]
    assert must[Verdict.PASS] < must.applicable / 2, named(with_verdict(run, Verdict.PASS, level=Level.MUST))


MISTYPED = {
    "404 page": answer(404, PAGE, content_type="text/html"),
    "the user interface": answer(200, PAGE, content_type="text/html"),
    "405": answer(405),
}


@pytest.mark.parametrize("name", MISTYPED)
@pytest.mark.parametrize("profile", WELL_KNOWN)
def test_a_mistyped_base_path_is_asked_about_and_fails_nothing(profile: str, name: str, tmp_path: Path) -> None:
    """Where the host answers but the service is elsewhere: exit 3, a hint, no fail, whatever the host serves for unknown paths."""
    run = run_of(profile, lambda request: MISTYPED[name], tmp_path)
    said = assert_whole(tmp_path)
    assert said.exit_code is Exit.UNREACHABLE
    assert "base path?" in said.trouble
    assert "base path?" in write_text(run)
    assert not with_verdict(run, Verdict.PASS, Verdict.FAIL)


def test_the_hint_comes_over_a_real_socket_and_through_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`conformance run` against the wrong path of a web server: exit 3, the hint on stdout, the files written."""
    with served(lambda request: answer(404, PAGE, content_type="text/html")) as server:
        code = main(["run", "scim2", "--url", f"{server.url}/scmi/v2", "-o", str(tmp_path), "-q"])
    assert code == 3
    assert "base path?" in capsys.readouterr().out
    assert_whole(tmp_path)


def test_a_port_that_accepts_and_closes_is_no_service(tmp_path: Path) -> None:
    """A load balancer without a backend takes connections and drops them: exit 3, nothing passes, nothing fails."""

    async def drop(request: WireRequest, line: Line) -> bool:
        return False

    with raw_server(drop) as server:
        run = run_live("alertmanager-v2", server.url, tmp_path)
    assert assert_whole(tmp_path).exit_code is Exit.UNREACHABLE
    assert not with_verdict(run, Verdict.PASS, Verdict.FAIL)


def test_a_port_that_accepts_and_is_silent_is_no_service(tmp_path: Path) -> None:
    """A host that never answers: exit 3, the reason names our time-out."""

    async def silence(request: WireRequest, line: Line) -> bool:
        await asyncio.sleep(30)
        return False

    with raw_server(silence) as server:
        run = run_live("alertmanager-v2", server.url, tmp_path, target=Target(url="", limits=Limits(timeout=0.1)))
    said = assert_whole(tmp_path)
    assert said.exit_code is Exit.UNREACHABLE
    assert "slower than 0.1 s" in said.trouble
    assert not with_verdict(run, Verdict.PASS, Verdict.FAIL)

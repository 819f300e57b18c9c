"""The launchers of real servers: they start, answer, stop without a trace, and say what went wrong."""

import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

import pytest

from fixtures.servers import SERVERS, NotAvailable, Server, ServerError, common

PROBES = {
    "alertmanager": "/api/v2/status",
    "boaviztapi": "/v1/utils/impact_criteria",
    "oidc-provider-mock": "/jwks",
    "openstack-placement": "/resource_providers",
    "prometheus": "/api/v1/labels",
    "scim2-server": "/Users",
    "sushy-tools": "/redfish/v1/Systems",
    "tmf-mock": "/tmf-api/serviceOrdering/v4/serviceOrder",
}
_LOCAL = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def _status(url: str, headers: dict[str, str] | None = None) -> int:
    request = urllib.request.Request(url, headers=headers or {})
    try:
        with _LOCAL.open(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as answer:
        answer.close()
        return answer.code


def _listens(server: Server) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", int(server.url.rpartition(":")[2]))) == 0


#: Servers that take long to install or to begin: `make test-all`.
SLOW = {"boaviztapi", "oidc-provider-mock", "tmf-mock"}
EACH = [pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name for name in sorted(SERVERS)]


@pytest.mark.real_server
@pytest.mark.parametrize("name", EACH)
def test_each_server_starts_answers_and_is_gone_afterwards(name: str) -> None:
    """Each launcher brings its server up on loopback, and nothing of it is left after the block."""
    try:
        SERVERS[name].install()
    except NotAvailable as reason:
        pytest.skip(f"{name} cannot be brought here: {reason}")
    with SERVERS[name].start() as server:
        assert _status(server.url + PROBES[name], server.credentials) == 200
        if server.token is not None:
            assert _status(server.url + PROBES[name]) == 401
        assert server.version
        assert server.log.is_file()
    assert not _listens(server)
    assert not server.log.exists()


@pytest.mark.real_server
@pytest.mark.parametrize("name", EACH)
def test_a_second_install_brings_nothing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is there already is found again without running any program."""
    try:
        program = SERVERS[name].install()
    except NotAvailable as reason:
        pytest.skip(f"{name} cannot be brought here: {reason}")

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a program was run")

    monkeypatch.setattr(subprocess, "run", refuse)
    assert SERVERS[name].install() == program
    assert program.is_file()


def _start(code: str, *, timeout_s: float = 20.0) -> Server:
    def command(port: int, state: Path) -> Sequence[str]:
        return [sys.executable, "-c", code, str(port)]

    with common.running(name="toy", profile="none", version="1", command=command, ready="/", timeout_s=timeout_s) as server:
        return server


def test_a_server_that_ends_early_is_reported_with_the_end_of_its_log() -> None:
    """The error names the exit code and holds what the server said last."""
    with pytest.raises(ServerError, match=r"(?s)ended with exit code 3 .*bad config: line 7"):
        _start("import sys; print('bad config: line 7'); sys.exit(3)")


def test_a_server_that_never_listens_is_given_up_after_the_time_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waiting is bounded, and the process that does not answer is stopped even if it ignores SIGTERM."""
    monkeypatch.setattr(common, "_STOP_TIMEOUT_S", 0.2)
    with pytest.raises(ServerError, match=r"(?s)was not ready after 1 s .*deaf"):
        _start(
            "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)",
            timeout_s=1,
        )


def test_a_port_that_was_taken_meanwhile_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """When another process is faster, the launcher takes another port."""
    real_free_port = common.free_port
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", 0))
        taken = squatter.getsockname()[1]
        ports = iter([taken])
        monkeypatch.setattr(common, "free_port", lambda: next(ports, None) or real_free_port())
        server = _start(
            "import sys, http.server as h; h.HTTPServer(('127.0.0.1', int(sys.argv[1])), h.SimpleHTTPRequestHandler).serve_forever()"
        )
    assert server.url != f"http://127.0.0.1:{taken}"
    assert not _listens(server)


def test_a_missing_program_is_a_reason_to_skip_and_not_a_fault() -> None:
    """A package manager that is not there is told apart from one that fails."""
    with pytest.raises(NotAvailable, match="no-such-program is not installed"):
        common.run(["no-such-program"])

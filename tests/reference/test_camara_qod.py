"""The Quality On Demand twin: its own rules, its profile over it, and what it sends to a sink."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from conformance.claim import Claim, Support
from conformance.cli.running import execute
from conformance.cli.twins import EPOCH, run_in_process, target_of_twin
from conformance.driving.session import Options, Session
from conformance.loading.profiles import load_profile
from conformance.profile import Profile
from conformance.reference.serving import serve
from conformance.reference.twins import twin_for
from conformance.reference.twins.camara_qod import PROFILE, PROVISION, RETENTION, QualityOnDemandTwin
from conformance.run import Run
from conformance.scoring import score
from conformance.verdict import Verdict
from conformance.wire import WireRequest, WireResponse

EDITIONS = ("1.1.0", "1.2.0-rc.3")
SESSIONS = "/quality-on-demand/v1/sessions"
NOW = 1_790_000_000.0
SINK = {
    "sink": "https://sink.example/a",
    "sinkCredential": {"credentialType": "ACCESSTOKEN", "accessToken": "t0ken", "accessTokenType": "bearer"},
}


@pytest.fixture
def twin() -> QualityOnDemandTwin:
    """A fresh twin."""
    made = twin_for(load_profile(PROFILE))
    assert isinstance(made, QualityOnDemandTwin)
    return made


def ask(twin: QualityOnDemandTwin, method: str, target: str, body: Any = None, at: float = 0.0, token: str = "twin-token") -> WireResponse:
    """Send a request *at* seconds after now."""
    headers = (("authorization", f"Bearer {token}"), ("content-type", "application/json"))
    content = b"" if body is None else json.dumps(body).encode()
    return twin.handle(WireRequest(method=method, target=target, headers=headers, body=content), NOW + at)


def session(**members: Any) -> dict[str, Any]:
    """Return a create that is accepted."""
    server = {"ipv4Address": "198.18.0.1"}
    return {"device": {"phoneNumber": "+4915550001"}, "applicationServer": server, "qosProfile": "QOS_E", "duration": 60, **members}


def made(twin: QualityOnDemandTwin, at: float = 0.0, **members: Any) -> str:
    """Create a session and return its path."""
    answer = ask(twin, "POST", SESSIONS, session(**members), at)
    assert answer.status == 201, answer.body
    return f"{SESSIONS}/{json.loads(answer.body)['sessionId']}"


def code(answer: WireResponse) -> tuple[int, str]:
    """Return status and code of a refusal."""
    return answer.status, json.loads(answer.body)["code"]


def told(twin: QualityOnDemandTwin, at: float) -> list[dict[str, Any]]:
    """Return the data of what was sent until then."""
    return [json.loads(one.request.body)["data"] for one in twin.due(NOW + at)]


def test_a_session_goes_through_its_states(twin: QualityOnDemandTwin) -> None:
    """Requested, available, over, and forgotten after its retention."""
    place = made(twin)
    states = [json.loads(ask(twin, "GET", place, at=at).body) for at in (0, PROVISION + 0.1, PROVISION + 61)]
    assert [s["qosStatus"] for s in states] == ["REQUESTED", "AVAILABLE", "UNAVAILABLE"]
    assert "startedAt" not in states[0]
    assert states[2]["statusInfo"] == "DURATION_EXPIRED"
    assert ask(twin, "GET", place, at=PROVISION + 60 + RETENTION + 1).status == 404


def test_what_the_network_ends_stays_readable(twin: QualityOnDemandTwin) -> None:
    """A session that the network ended is there for the time that the standard grants."""
    place = made(twin, device={"phoneNumber": "+4915550008"}, **SINK)
    ended = json.loads(ask(twin, "GET", place, at=10).body)
    assert (ended["qosStatus"], ended["statusInfo"]) == ("UNAVAILABLE", "NETWORK_TERMINATED")
    assert told(twin, 10)[-1]["statusInfo"] == "NETWORK_TERMINATED"
    assert ask(twin, "GET", place, at=350).status == 200


def test_an_extension_is_capped_and_needs_an_available_session(twin: QualityOnDemandTwin) -> None:
    """The limit of the profile caps; REQUESTED and UNAVAILABLE cannot be extended."""
    place = made(twin, qosProfile="QOS_S")
    extension = {"requestedAdditionalDuration": 10_000}
    assert code(ask(twin, "POST", f"{place}/extend", extension)) == (409, "QUALITY_ON_DEMAND.SESSION_EXTENSION_NOT_ALLOWED")
    extended = json.loads(ask(twin, "POST", f"{place}/extend", extension, at=1).body)
    assert extended["duration"] == 3600
    assert code(ask(twin, "POST", f"{place}/extend", extension, at=3700))[0] == 409


@pytest.mark.parametrize(
    ("members", "refusal"),
    [
        ({"device": None}, (400, "INVALID_ARGUMENT")),
        ({"device": {}}, (400, "INVALID_ARGUMENT")),
        ({"device": {"phoneNumber": "+4915559999"}}, (404, "IDENTIFIER_NOT_FOUND")),
        ({"device": {"phoneNumber": "+4915550009"}}, (422, "SERVICE_NOT_APPLICABLE")),
        ({"device": {"networkAccessIdentifier": "a@b.example"}}, (422, "UNSUPPORTED_IDENTIFIER")),
        ({"qosProfile": "NO_SUCH"}, (400, "INVALID_ARGUMENT")),
        ({"qosProfile": "QOS_OLD"}, (422, "QUALITY_ON_DEMAND.QOS_PROFILE_NOT_APPLICABLE")),
        ({"duration": 86_401}, (400, "QUALITY_ON_DEMAND.DURATION_OUT_OF_RANGE")),
        ({"sink": "http://sink.example"}, (400, "INVALID_ARGUMENT")),
        ({**SINK, "sinkCredential": {"credentialType": "PLAIN"}}, (400, "INVALID_CREDENTIAL")),
        ({**SINK, "sinkCredential": {"credentialType": "ACCESSTOKEN"}}, (400, "INVALID_TOKEN")),
    ],
)
def test_a_create_is_refused_for_its_reason(twin: QualityOnDemandTwin, members: dict[str, Any], refusal: tuple[int, str]) -> None:
    """Each reason has its status and code."""
    assert code(ask(twin, "POST", SESSIONS, session(**members))) == refusal


def test_a_device_is_needed(twin: QualityOnDemandTwin) -> None:
    """The twin is asked with two-legged tokens."""
    body = {k: v for k, v in session().items() if k != "device"}
    assert code(ask(twin, "POST", SESSIONS, body)) == (422, "MISSING_IDENTIFIER")


def test_one_identifier_is_shown(twin: QualityOnDemandTwin) -> None:
    """Of several identifiers the first that is known is used, even if they belong to different devices."""
    place = made(twin, device={"phoneNumber": "+4915550002", "ipv6Address": "2001:db8::1"})
    assert json.loads(ask(twin, "GET", place).body)["device"] == {"phoneNumber": "+4915550002"}


def test_one_session_for_a_flow(twin: QualityOnDemandTwin) -> None:
    """The same flow conflicts until the session is deleted; another flow does not."""
    place = made(twin)
    assert code(ask(twin, "POST", SESSIONS, session())) == (409, "CONFLICT")
    made(twin, applicationServerPorts={"ports": [80]})
    assert ask(twin, "DELETE", place).status == 204
    made(twin)


def test_clients_are_kept_apart(twin: QualityOnDemandTwin) -> None:
    """Another client neither reads nor lists a session."""
    place = made(twin)
    device = {"device": {"phoneNumber": "+4915550001"}}
    assert code(ask(twin, "GET", place, token="other-token")) == (403, "PERMISSION_DENIED")
    assert json.loads(ask(twin, "POST", "/quality-on-demand/v1/retrieve-sessions", device, token="other-token").body) == []
    assert len(json.loads(ask(twin, "POST", "/quality-on-demand/v1/retrieve-sessions", device).body)) == 1


def test_a_sink_is_told_once_of_each_status(twin: QualityOnDemandTwin) -> None:
    """Available and deleted are told, with the credential; a delete of what is over is not."""
    place = made(twin, **SINK)
    assert told(twin, 0) == []
    [available] = twin.due(NOW + 1)
    assert (available.url, available.at) == ("https://sink.example/a", NOW + PROVISION)
    assert ("authorization", "Bearer t0ken") in available.request.headers
    assert json.loads(available.request.body)["data"]["qosStatus"] == "AVAILABLE"
    ask(twin, "DELETE", place, at=2)
    [deleted] = told(twin, 2)
    assert deleted["statusInfo"] == "DELETE_REQUESTED"
    over = made(twin, at=3, **SINK)
    assert [event["qosStatus"] for event in told(twin, 70)] == ["AVAILABLE", "UNAVAILABLE"]
    assert ask(twin, "DELETE", over, at=71).status == 204
    assert told(twin, 80) == []


def test_a_fork_sends_nothing_of_its_own(twin: QualityOnDemandTwin) -> None:
    """What a fork does is told to nobody by the twin that it came from."""
    fork = twin.fork()
    assert isinstance(fork, QualityOnDemandTwin)
    made(fork, **SINK)
    assert told(twin, 5) == []
    assert len(told(fork, 5)) == 1


def test_profiles_are_listed_and_narrowed(twin: QualityOnDemandTwin) -> None:
    """By name and by status."""
    place = "/qos-profiles/v1/retrieve-qos-profiles"
    assert len(json.loads(ask(twin, "POST", place, {}).body)) == 4
    assert [p["name"] for p in json.loads(ask(twin, "POST", place, {"status": "INACTIVE"}).body)] == ["QOS_L"]
    assert json.loads(ask(twin, "POST", place, {"name": "QOS_E", "status": "INACTIVE"}).body) == []


def _not_passed(run: Run, profile: Profile) -> dict[str, str]:
    fine = (Verdict.PASS, Verdict.NOT_APPLICABLE)
    skipped = {r.id for r in profile.not_tested} | {r.id for r in profile.requirements if r.feature == "three-legged"}
    return {r.requirement: r.reason for r in score(run).results if r.verdict not in fine and r.requirement not in skipped}


@pytest.mark.parametrize("edition", EDITIONS)
def test_its_profile_passes_in_process(edition: str, tmp_path: Path) -> None:
    """On a virtual clock, with every delivery."""
    profile = load_profile(f"{PROFILE}@{edition}")
    run = run_in_process(profile, twin_for(profile), tmp_path)
    assert not _not_passed(run, profile)
    assert not run.leftovers


@pytest.mark.slow
@pytest.mark.parametrize("edition", EDITIONS)
def test_its_profile_passes_over_http(edition: str, tmp_path: Path) -> None:
    """Deliveries go over TLS to the run's own sink, whose authority the twin trusts."""
    profile = load_profile(f"{PROFILE}@{edition}")
    twin = twin_for(profile)
    with serve(twin, sink_ca=tmp_path / "sink-ca.pem") as url:
        target = replace(target_of_twin(profile, twin, url, tmp_path), url=url)
        claim = Claim(
            profile=PROFILE, edition=profile.edition, features=dict.fromkeys(("extend", "notifications", "two-legged"), Support.YES)
        )
        run = execute(Session(PROFILE, target, claim, tmp_path, Options(), EPOCH))
    assert not _not_passed(run, profile)


def test_notifications_go_over_tls(twin: QualityOnDemandTwin, tmp_path: Path) -> None:
    """One delivery over sockets, with the credential that was agreed."""
    profile = load_profile(PROFILE)
    with serve(twin, sink_ca=tmp_path / "sink-ca.pem") as url:
        target = replace(target_of_twin(profile, twin, url, tmp_path), url=url)
        claim = Claim(profile=PROFILE, edition=profile.edition, features={"notifications": Support.YES})
        run = execute(Session(PROFILE, target, claim, tmp_path, Options(), EPOCH), only=(f"{PROFILE}/notification.credential",))
    assert [r.verdict for r in score(run).results if r.requirement.endswith("notification.credential")] == [Verdict.PASS]

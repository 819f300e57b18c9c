"""The twin of the Dataspace Protocol: its state machines, what it sends to the consumer, and each of its own faults turns what it must red."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from conformance.cli.twins import run_in_process
from conformance.loading.profiles import load_profile
from conformance.reference.faults import planted
from conformance.reference.faults.planting import Planted
from conformance.reference.twins import twin_for
from conformance.reference.twins.dataspace import AGREEMENT, CONTEXT, DATASETS, DECISION, FORMAT, PERMISSION, PROFILE, DataspaceTwin
from conformance.verdict import Verdict
from conformance.wire import WireRequest, WireResponse

NOW = 1_790_000_000.0
HEARD, UNHEARD = "https://consumer.example/dsp", "https://unreachable.invalid/dsp"


@pytest.fixture
def twin() -> DataspaceTwin:
    made = twin_for(load_profile(PROFILE))
    assert isinstance(made, DataspaceTwin)
    return made


def ask(twin: DataspaceTwin, method: str, target: str, body: Any = None, at: float = 0.0, token: str = "twin-token") -> WireResponse:
    """Send a request *at* seconds after now; without a token where it is ''."""
    headers = (("content-type", "application/json"), *((("authorization", f"Bearer {token}"),) if token else ()))
    content = b"" if body is None else json.dumps({"@context": CONTEXT, **body}).encode()
    return twin.handle(WireRequest(method=method, target=target, headers=headers, body=content), NOW + at)


def begun(twin: DataspaceTwin, name: str, address: str = HEARD, dataset: int = 0, at: float = 0.0) -> dict[str, Any]:
    """Begin a negotiation or transfer and return what says which one it is."""
    target, id, _ = DATASETS[dataset]
    told: dict[str, Any] = {"consumerPid": "urn:uuid:consumer", "callbackAddress": address}
    if name == "negotiation":
        told |= {"@type": "ContractRequestMessage", "offer": {"@type": "Offer", "@id": id, "target": target, "permission": PERMISSION}}
    else:
        told |= {"@type": "TransferRequestMessage", "agreementId": AGREEMENT, "format": FORMAT}
    answer = ask(twin, "POST", f"/{name}s/request", told, at)
    assert answer.status == 201, answer.body
    shown = json.loads(answer.body)
    assert shown["state"] == "REQUESTED"
    return {side: shown[side] for side in ("providerPid", "consumerPid")}


def state(twin: DataspaceTwin, name: str, sides: dict[str, Any], at: float = 0.0) -> str:
    return str(json.loads(ask(twin, "GET", f"/{name}s/{sides['providerPid']}", at=at).body)["state"])


def say(twin: DataspaceTwin, name: str, sides: dict[str, Any], path: str, type: str, at: float = 0.0, **more: Any) -> int:
    return ask(twin, "POST", f"/{name}s/{sides['providerPid']}/{path}", {"@type": type, **sides, **more}, at).status


VERIFY = ("agreement/verification", "ContractAgreementVerificationMessage")
EVENT = ("events", "ContractNegotiationEventMessage")


def test_a_negotiation_is_agreed_on_verified_and_finalized(twin: DataspaceTwin) -> None:
    one = begun(twin, "negotiation")
    assert say(twin, "negotiation", one, *VERIFY) == 400
    assert say(twin, "negotiation", one, *VERIFY, at=DECISION) == 200
    assert state(twin, "negotiation", one, at=DECISION) == "VERIFIED"
    assert state(twin, "negotiation", one, at=2 * DECISION) == "FINALIZED"
    assert say(twin, "negotiation", one, *VERIFY, at=9) == 400
    sent = [(o.url.removeprefix(HEARD), json.loads(o.request.body)["@type"]) for o in twin.due(NOW + 9)]
    assert sent == [
        ("/negotiations/urn:uuid:consumer/agreement", "ContractAgreementMessage"),
        ("/negotiations/urn:uuid:consumer/events", "ContractNegotiationEventMessage"),
    ]


def test_an_offer_is_answered_with_another_one(twin: DataspaceTwin) -> None:
    one = begun(twin, "negotiation", dataset=1)
    assert say(twin, "negotiation", one, *EVENT, eventType="ACCEPTED") == 400
    assert say(twin, "negotiation", one, *EVENT, at=DECISION, eventType="ACCEPTED") == 200
    assert state(twin, "negotiation", one, at=DECISION) == "ACCEPTED"
    assert state(twin, "negotiation", one, at=2 * DECISION) == "AGREED"


def test_a_consumer_cannot_finalize(twin: DataspaceTwin) -> None:
    one = begun(twin, "negotiation", dataset=1)
    assert say(twin, "negotiation", one, *EVENT, at=DECISION, eventType="FINALIZED") == 400


def test_nothing_moves_while_the_consumer_cannot_be_reached(twin: DataspaceTwin) -> None:
    for name in ("negotiation", "transfer"):
        assert state(twin, name, begun(twin, name, UNHEARD), at=99) == "REQUESTED"
    assert twin.due(NOW + 99) == []


def test_a_transfer_is_suspended_resumed_and_completed(twin: DataspaceTwin) -> None:
    one = begun(twin, "transfer")
    assert say(twin, "transfer", one, "start", "TransferStartMessage") == 400
    steps = (
        ("suspension", "TransferSuspensionMessage", "SUSPENDED"),
        ("start", "TransferStartMessage", "STARTED"),
        ("completion", "TransferCompletionMessage", "COMPLETED"),
    )
    for path, type, then in steps:
        assert say(twin, "transfer", one, path, type, at=DECISION) == 200
        assert state(twin, "transfer", one, at=DECISION) == then
    assert say(twin, "transfer", one, "termination", "TransferTerminationMessage", at=DECISION) == 400


def test_the_same_request_is_about_the_same_transfer(twin: DataspaceTwin) -> None:
    assert begun(twin, "transfer") == begun(twin, "transfer")


def test_what_one_consumer_began_another_one_does_not_see(twin: DataspaceTwin) -> None:
    one = begun(twin, "negotiation")
    for token in ("other-token", ""):
        assert ask(twin, "GET", f"/negotiations/{one['providerPid']}", token=token).status == 404
    assert ask(twin, "GET", "/.well-known/dspace-version", token="").status == 200


OWN = [p for p in planted(load_profile(PROFILE)) if p.fault.profile == PROFILE and p.expected]


def test_every_requirement_that_has_a_check_of_its_own_has_a_fault() -> None:
    profile = load_profile(PROFILE)
    written = {r.id for r in profile.requirements if not r.family}
    assert written - {i for p in OWN for i in p.expected} == {
        f"{PROFILE}/{slug}" for slug in ("agreement.delivered", "agreement.finalized", "counter-offer.delivered", "start.format")
    }  # faults that any service can have are about those


def test_a_list_of_versions_that_never_comes_is_found_although_it_has_to_be_looked_for(tmp_path: Path) -> None:
    profile = load_profile(PROFILE)
    faulty = next(p for p in planted(profile) if p.name == "connection-closed@getVersions").twin(twin_for(profile))
    run = run_in_process(profile, faulty, tmp_path, only=(f"{PROFILE}/get-versions.answers",))
    assert [r.verdict for r in run.results if r.requirement == f"{PROFILE}/get-versions.answers"] == [Verdict.FAIL]


@pytest.mark.slow
@pytest.mark.parametrize("fault", OWN, ids=[p.name for p in OWN])
def test_each_own_fault_turns_what_it_must_red(fault: Planted, tmp_path: Path) -> None:
    profile = load_profile(PROFILE)
    run = run_in_process(profile, fault.twin(twin_for(profile)), tmp_path, only=tuple(sorted(fault.expected)))
    assert {r.requirement: r.verdict for r in run.results if r.requirement in fault.expected} == dict.fromkeys(fault.expected, Verdict.FAIL)

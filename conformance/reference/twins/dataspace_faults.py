"""Faults that only a provider of the Dataspace Protocol can have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from conformance.profile import Profile
from conformance.reference.faults.planting import Rule, Seen, edited, fault, json_of, success, with_request_header
from conformance.reference.faults.where import at, ids, service
from conformance.reference.message import read_json, write_json
from conformance.reference.store import Instance
from conformance.reference.twins.dataspace import AGREEMENT, DATASETS
from conformance.wire import WireResponse, header

_P = "dataspace-protocol"
_DONE = WireResponse(status=200)
_OWN = "Bearer twin-token"
_MOVES = ("sendNegotiationEvent", "verifyAgreement", "offerInNegotiation", "startTransfer", "suspendTransfer", "completeTransfer")


def _about(seen: Seen) -> Instance | None:
    """Return the negotiation or transfer that the path of a request names."""
    parts = seen.request.target.partition("?")[0].split("/")
    for name in ("negotiation", "transfer"):
        if parts[1:2] == [f"{name}s"]:
            return seen.twin.store.shelf(name).get(parts[2])
    return None


def _state(seen: Seen) -> str:
    one = _about(seen)
    return str(one.body["state"]) if one else ""


def _taken(seen: Seen, *states: str) -> WireResponse:
    """Answer a message that is refused in one of these states as if it were not, and change nothing."""
    state, answer = _state(seen), seen.forward()
    return _DONE if answer.status == 400 and state in states else answer


def _by_place(**slugs: tuple[str, ...]) -> Rule:
    """The requirements of each operation at which a fault is planted."""
    return lambda profile, place: ids(*slugs.get(place, ()))(profile, place)


# -- what is not the consumer's turn ---------------------------------------------------------------------------------
@fault(
    profile=_P, group="state", sentence="The consumer's acceptance of its own offer is taken, and comes to nothing.",
    applies=at("sendNegotiationEvent"), expected=ids("negotiation.own-offer", "strict.negotiation"),
)  # fmt: skip
def own_offer_taken(seen: Seen) -> WireResponse:
    return _taken(seen, "REQUESTED") if seen.sent_members.get("eventType") == "ACCEPTED" else seen.forward()


@fault(
    profile=_P, group="state", sentence="The consumer is let finalize, and it comes to nothing.", applies=at("sendNegotiationEvent"),
    expected=ids("negotiation.finalize", "strict.negotiation"),
)  # fmt: skip
def consumer_finalizes(seen: Seen) -> WireResponse:
    return _taken(seen, "REQUESTED") if seen.sent_members.get("eventType") == "FINALIZED" else seen.forward()


@fault(
    profile=_P, group="state", sentence="A message that is too early is taken, and comes to nothing.",
    applies=at("verifyAgreement", "offerInNegotiation", "startTransfer", "suspendTransfer", "completeTransfer"),
    expected=_by_place(
        verifyAgreement=("negotiation.verify-early", "strict.negotiation"), offerInNegotiation=("negotiation.offer-upon-own",),
        startTransfer=("transfer.start-early", "strict.transfer"), suspendTransfer=("transfer.suspend-early", "strict.transfer"),
        completeTransfer=("transfer.complete-early", "strict.transfer"),
    ),
)  # fmt: skip
def early_message_taken(seen: Seen) -> WireResponse:
    return _taken(seen, "REQUESTED")


@fault(
    profile=_P, group="state", sentence="An offer is verified as if it were an agreement.", applies=at("verifyAgreement"),
    expected=ids("counter-offer.verify-early"),
)  # fmt: skip
def offer_verified(seen: Seen) -> WireResponse:
    return _taken(seen, "OFFERED")


@fault(
    profile=_P, group="state", sentence="A transfer that is suspended is completed.", applies=at("completeTransfer"),
    expected=ids("transfer.complete-suspended"),
)  # fmt: skip
def suspended_completed(seen: Seen) -> WireResponse:
    return _taken(seen, "SUSPENDED")


@fault(
    profile=_P, group="state", sentence="What is over takes messages, which come to nothing.",
    applies=at("verifyAgreement", "terminateNegotiation", "startTransfer", "terminateTransfer"),
    expected=_by_place(
        verifyAgreement=("negotiation.over", "agreement.final"), terminateNegotiation=("agreement.final",),
        startTransfer=("transfer.over", "transfer.final"), terminateTransfer=("transfer.final",),
    ),
)  # fmt: skip
def end_not_final(seen: Seen) -> WireResponse:
    return _taken(seen, "FINALIZED", "TERMINATED", "COMPLETED")


@fault(
    profile=_P, group="state", sentence="A message that is refused moves what it is about all the same.",
    applies=at("verifyAgreement", "completeTransfer"),
    expected=_by_place(verifyAgreement=("negotiation.unchanged",), completeTransfer=("transfer.unchanged",)),
)  # fmt: skip
def refused_and_moved(seen: Seen) -> WireResponse:
    one, answer = _about(seen), seen.forward()
    if one and answer.status == 400 and one.body["state"] == "REQUESTED":
        one.body["state"] = "VERIFIED" if seen.operation and seen.operation.id == "verifyAgreement" else "COMPLETED"
    return answer


@fault(
    profile=_P, group="status", sentence="An invalid transition is answered with 404.", applies=at(*_MOVES),
    expected=_by_place(
        sendNegotiationEvent=("negotiation.own-offer", "strict.negotiation"),
        verifyAgreement=("negotiation.verify-early", "agreement.final", "strict.negotiation"),
        offerInNegotiation=("negotiation.offer-upon-own",), startTransfer=("transfer.start-early", "transfer.final", "strict.transfer"),
        suspendTransfer=("transfer.suspend-early", "strict.transfer"), completeTransfer=("transfer.complete-early", "strict.transfer"),
    ),
)  # fmt: skip
def transition_not_found(seen: Seen) -> WireResponse:
    answer = seen.forward()
    return replace(answer, status=404) if answer.status == 400 else answer


@fault(
    profile=_P, group="status", sentence="An invalid transition breaks the server.", applies=at("sendNegotiationEvent", "suspendTransfer"),
    expected=_by_place(
        sendNegotiationEvent=("negotiation.own-offer", "strict.negotiation"),
        suspendTransfer=("transfer.suspend-early", "strict.transfer"),
    ),
)  # fmt: skip
def transition_breaks(seen: Seen) -> WireResponse:
    answer = seen.forward()
    return WireResponse(status=500) if answer.status == 400 else answer


@fault(
    profile=_P, group="status", sentence="An invalid transition is answered with 409, which the text does not have.",
    applies=at("sendNegotiationEvent", "suspendTransfer"),
    expected=_by_place(sendNegotiationEvent=("strict.negotiation",), suspendTransfer=("strict.transfer",)),
)  # fmt: skip
def transition_in_conflict(seen: Seen) -> WireResponse:
    answer = seen.forward()
    return replace(answer, status=409) if answer.status == 400 else answer


# -- errors ----------------------------------------------------------------------------------------------------------
def _explained(seen: Seen, change: Callable[[dict[str, Any]], Any]) -> WireResponse:
    answer = seen.forward()
    body = json_of(answer) if answer.status >= 400 else None
    return replace(answer, body=write_json(change(body))) if isinstance(body, dict) else answer


_ERRORS = _by_place(
    sendNegotiationEvent=("negotiation.error-body",), suspendTransfer=("transfer.error-body",), requestCatalog=("catalog.error-body",),
    getDataset=("catalog.unknown-body",),
)  # fmt: skip


@fault(
    profile=_P, group="error body", sentence="An error says of what type it is in words of its own.",
    applies=at("sendNegotiationEvent", "suspendTransfer", "requestCatalog", "getDataset"), expected=_ERRORS,
)  # fmt: skip
def error_of_another_type(seen: Seen) -> WireResponse:
    return _explained(seen, lambda body: {**body, "@type": "Error"})


@fault(
    profile=_P, group="error body", sentence="A refused transition is not explained.", applies=at("sendNegotiationEvent", "suspendTransfer"),
    expected=_ERRORS,
)  # fmt: skip
def transition_unexplained(seen: Seen) -> WireResponse:
    answer = seen.forward()
    return WireResponse(status=400) if answer.status == 400 else answer


@fault(
    profile=_P, group="error body", sentence="An error does not say which negotiation or transfer it is about.",
    applies=at("sendNegotiationEvent", "suspendTransfer"), expected=_ERRORS,
)  # fmt: skip
def error_about_nothing(seen: Seen) -> WireResponse:
    return _explained(seen, lambda body: {k: v for k, v in body.items() if not k.endswith("Pid")})


# -- what is the consumer's turn -------------------------------------------------------------------------------------
@fault(
    profile=_P, group="state", sentence="A message is answered with success and comes to nothing.",
    applies=at(
        "verifyAgreement", "terminateNegotiation", "sendNegotiationEvent", "terminateTransfer", "suspendTransfer", "startTransfer",
        "completeTransfer",
    ),
    expected=_by_place(
        verifyAgreement=("agreement.verified",), terminateNegotiation=("negotiation.terminated", "agreement.terminated"),
        sendNegotiationEvent=("counter-offer.accepted",), terminateTransfer=("transfer.terminated",), suspendTransfer=("transfer.suspended",),
        startTransfer=("transfer.resumed",), completeTransfer=("transfer.completed",),
    ),
)  # fmt: skip
def message_lost(seen: Seen) -> WireResponse:
    return seen.pretend()


@fault(
    profile=_P, group="status", sentence="A message is answered with 204.",
    applies=at("verifyAgreement", "sendNegotiationEvent", "offerInNegotiation", "suspendTransfer", "startTransfer", "completeTransfer"),
    expected=_by_place(
        verifyAgreement=("agreement.verified",), sendNegotiationEvent=("counter-offer.accepted",),
        offerInNegotiation=("counter-offer.answered",), suspendTransfer=("transfer.suspended",), startTransfer=("transfer.resumed",),
        completeTransfer=("transfer.completed",),
    ),
)  # fmt: skip
def message_without_content(seen: Seen) -> WireResponse:
    answer = seen.forward()
    return replace(answer, status=204) if answer.status == 200 else answer


@fault(
    profile=_P, group="state", sentence="What the consumer asks for is shown as if it had begun already.",
    applies=at("requestNegotiation", "requestTransfer"),
    expected=_by_place(requestNegotiation=("negotiation.requested",), requestTransfer=("transfer.requested",)),
)  # fmt: skip
def begun_too_far(seen: Seen) -> WireResponse:
    then = "AGREED" if seen.operation and seen.operation.id == "requestNegotiation" else "STARTED"
    return edited(seen.forward(), lambda body: {**body, "state": then})


@fault(
    profile=_P, group="value fidelity", sentence="The identifier of the consumer is replaced by that of the provider.",
    applies=at("requestNegotiation", "getNegotiation", "requestTransfer", "getTransfer"),
    expected=_by_place(
        requestNegotiation=("negotiation.requested",), getNegotiation=("negotiation.shown",), requestTransfer=("transfer.requested",),
        getTransfer=("transfer.shown",),
    ),
)  # fmt: skip
def consumer_renamed(seen: Seen) -> WireResponse:
    return edited(seen.forward(), lambda body: {**body, "consumerPid": body["providerPid"]})


@fault(
    profile=_P, group="state", sentence="Everything begins under one identifier.", applies=at("requestNegotiation", "requestTransfer"),
    expected=_by_place(requestNegotiation=("negotiation.ids-differ",), requestTransfer=("transfer.ids-differ",)),
)  # fmt: skip
def identifier_shared(seen: Seen) -> WireResponse:
    return edited(seen.forward(), lambda body: {**body, "providerPid": seen.memory.setdefault("id", body["providerPid"])})


@fault(
    profile=_P, group="idempotency", sentence="A request that comes again begins another transfer.", applies=at("requestTransfer"),
    expected=ids("transfer.repeated"),
)  # fmt: skip
def begun_again(seen: Seen) -> WireResponse:
    asked = seen.sent_members.get("consumerPid")
    answer = seen.sending(lambda body: {**body, "consumerPid": f"{asked}#{len(seen.twin.store.shelf('transfer'))}"} if asked else body)
    if not success(answer):
        return answer
    read_json(answer.body)
    for one in seen.twin.store.shelf("transfer").values():
        one.body["consumerPid"] = one.body["consumerPid"].partition("#")[0]
    return edited(answer, lambda body: {**body, "consumerPid": asked})


@fault(
    profile=_P, group="input validation", sentence="What is asked for need not exist.", applies=at("requestNegotiation", "requestTransfer"),
    expected=_by_place(requestNegotiation=("negotiation.unknown-offer",), requestTransfer=("transfer.unknown-agreement",)),
)  # fmt: skip
def anything_given(seen: Seen) -> WireResponse:
    answer = seen.forward()
    if answer.status != 400 or b"there is no such" not in answer.body:
        return answer
    target, id, _ = DATASETS[0]
    return seen.sending(
        lambda body: (
            {**body, "offer": {**body["offer"], "@id": id, "target": target}} if "offer" in body else {**body, "agreementId": AGREEMENT}
        )
    )


@fault(
    profile=_P, group="input validation", sentence="Any text is taken as an address to call back.", applies=at("requestNegotiation"),
    expected=ids("negotiation.callback-address"),
)  # fmt: skip
def any_address_taken(seen: Seen) -> WireResponse:
    answer = seen.forward()
    if answer.status == 400 and b"not understood" in answer.body:
        return seen.sending(lambda body: {**body, "callbackAddress": "https://unreachable.invalid/any"})
    return answer


@fault(
    profile=_P, group="status", sentence="A message about something that does not exist is answered with 400.",
    applies=at("terminateNegotiation", "terminateTransfer"),
    expected=_by_place(terminateNegotiation=("negotiation.unknown",), terminateTransfer=("transfer.unknown",)),
)  # fmt: skip
def unknown_is_wrong(seen: Seen) -> WireResponse:
    answer = seen.forward()
    return replace(answer, status=400) if answer.status == 404 else answer


# -- versions and catalog --------------------------------------------------------------------------------------------
@fault(
    profile=_P, group="authentication", sentence="The versions are told to known consumers only.", applies=at("getVersions"),
    expected=ids("version.anonymous"),
)  # fmt: skip
def versions_guarded(seen: Seen) -> WireResponse:
    return seen.forward() if header(seen.request.headers, "authorization") else WireResponse(status=401)


@fault(
    profile=_P, group="answer shape", sentence="The version that is served is not listed.", applies=at("getVersions"),
    expected=ids("version.listed"),
)  # fmt: skip
def version_not_listed(seen: Seen) -> WireResponse:
    return edited(seen.forward(), lambda body: {"protocolVersions": [{**v, "version": "2024-1"} for v in body["protocolVersions"]]})


@fault(
    profile=_P, group="answer shape", sentence="The path of a version is relative.", applies=at("getVersions"),
    expected=ids("version.path"),
)  # fmt: skip
def version_path_relative(seen: Seen) -> WireResponse:
    return edited(seen.forward(), lambda body: {"protocolVersions": [{**v, "path": "dsp/2025-1"} for v in body["protocolVersions"]]})


@fault(
    profile=_P, group="query semantics", sentence="A filter is overlooked.", applies=at("requestCatalog"),
    expected=ids("catalog.filter-refused"),
)  # fmt: skip
def filter_overlooked(seen: Seen) -> WireResponse:
    return seen.sending(lambda body: {k: v for k, v in body.items() if k != "filter"} if isinstance(body, dict) else body)


@fault(
    profile=_P, group="status", sentence="A filter that is not supported is answered with 501.", applies=at("requestCatalog"),
    expected=ids("catalog.filter-status"),
)  # fmt: skip
def filter_not_implemented(seen: Seen) -> WireResponse:
    answer = seen.forward()
    return replace(answer, status=501) if answer.status == 400 and "filter" in seen.sent_members else answer


@fault(
    profile=_P, group="answer shape", sentence="All datasets have the same offer.", applies=at("requestCatalog"),
    expected=ids("catalog.offers-unique"),
)  # fmt: skip
def offer_shared(seen: Seen) -> WireResponse:
    def change(body: Any) -> Any:
        return {**body, "dataset": [{**d, "hasPolicy": body["dataset"][0]["hasPolicy"]} for d in body["dataset"]]}

    return edited(seen.forward(), change)


@fault(
    profile=_P, group="answer shape", sentence="A catalog names no service.", applies=at("requestCatalog"), expected=ids("catalog.service"),
)  # fmt: skip
def catalog_without_service(seen: Seen) -> WireResponse:
    return edited(seen.forward(), lambda body: {k: v for k, v in body.items() if k != "service"})


@fault(
    profile=_P, group="value fidelity", sentence="A dataset is shown under another identifier than in the catalog.", applies=at("getDataset"),
    expected=ids("catalog.dataset-readable"),
)  # fmt: skip
def dataset_renamed(seen: Seen) -> WireResponse:
    return edited(seen.forward(), lambda body: {**body, "@id": f"{body['@id']}-1"})


# -- who may see what ------------------------------------------------------------------------------------------------
def _guarded(profile: Profile, place: str) -> frozenset[str]:
    slugs = ("protected.catalog",) if place == "requestCatalog" else ("protected.negotiation", "hidden.negotiation")
    return ids(*slugs)(profile, place)


@fault(
    profile=_P, group="authentication", sentence="Nobody is asked for an authorization.", applies=at("requestCatalog", "getNegotiation"),
    expected=_guarded,
)  # fmt: skip
def served_to_anyone(seen: Seen) -> WireResponse:
    return (
        seen.forward()
        if header(seen.request.headers, "authorization")
        else seen.forward(with_request_header(seen.request, "authorization", _OWN))
    )


@fault(
    profile=_P, group="authentication", sentence="A negotiation is shown to any consumer.", applies=at("getNegotiation"),
    expected=ids("protected.other-consumer", "hidden.other-consumer"),
)  # fmt: skip
def shown_to_any_consumer(seen: Seen) -> WireResponse:
    known = header(seen.request.headers, "authorization")
    return seen.forward(with_request_header(seen.request, "authorization", _OWN)) if known else seen.forward()


@fault(
    profile=_P, group="authentication", sentence="Who is not authorised is told so, and with it that there is something.", applies=service,
    expected=ids("hidden.negotiation", "hidden.other-consumer"),
)  # fmt: skip
def existence_told(seen: Seen) -> WireResponse:
    answer = seen.forward()
    if answer.status == 404 and header(seen.request.headers, "authorization") != _OWN:
        return replace(answer, status=403)
    return answer

"""Faults of what a provider of the Dataspace Protocol sends to the consumer: not told, incomplete, or to another place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from conformance.reference.faults.planting import Seen, fault, fault_of_callbacks, success
from conformance.reference.faults.where import at, ids
from conformance.reference.message import read_json, write_json
from conformance.wire import Outgoing, WireResponse

_P = "dataspace-protocol"


def _changed(sent: list[Outgoing], type: str, change: Callable[[dict[str, Any]], Any]) -> list[Outgoing]:
    found = []
    for one in sent:
        body = read_json(one.request.body)
        found.append(replace(one, request=replace(one.request, body=write_json(change(body)))) if body["@type"] == type else one)
    return found


_PLACES = ids("agreement.place", "finalization.place", "counter-offer.place", "start.place")


@fault_of_callbacks(
    profile=_P, sentence="Everything is sent to the address of the consumer itself.",
    expected=lambda p, at: _PLACES(p, at) | ids("agreement.trailing-slash")(p, at),
)  # fmt: skip
def sent_to_the_address(sent: list[Outgoing], memory: dict[str, Any], now: float) -> list[Outgoing]:
    return [replace(one, url="/".join(one.url.split("/")[:-3])) for one in sent]


@fault_of_callbacks(profile=_P, sentence="The path names the provider's side where the consumer's belongs.", expected=_PLACES)
def sent_under_another_name(sent: list[Outgoing], memory: dict[str, Any], now: float) -> list[Outgoing]:
    def named(one: Outgoing) -> str:
        parts = one.url.split("/")
        return "/".join([*parts[:-2], read_json(one.request.body)["providerPid"], parts[-1]])

    return [replace(one, url=named(one)) for one in sent]


@fault_of_callbacks(profile=_P, sentence="An agreement has no timestamp.", expected=ids("agreement.dated"))
def agreement_undated(sent: list[Outgoing], memory: dict[str, Any], now: float) -> list[Outgoing]:
    def change(body: dict[str, Any]) -> Any:
        return {**body, "agreement": {k: v for k, v in body["agreement"].items() if k != "timestamp"}}

    return _changed(sent, "ContractAgreementMessage", change)


@fault_of_callbacks(profile=_P, sentence="An agreement does not say what it is about.", expected=ids("agreement.format"))
def agreement_without_target(sent: list[Outgoing], memory: dict[str, Any], now: float) -> list[Outgoing]:
    def change(body: dict[str, Any]) -> Any:
        return {**body, "agreement": {k: v for k, v in body["agreement"].items() if k != "target"}}

    return _changed(sent, "ContractAgreementMessage", change)


@fault_of_callbacks(profile=_P, sentence="That a negotiation is finalized is not told.", expected=ids("finalization.delivered"))
def finalization_not_told(sent: list[Outgoing], memory: dict[str, Any], now: float) -> list[Outgoing]:
    return [one for one in sent if read_json(one.request.body)["@type"] != "ContractNegotiationEventMessage"]


@fault_of_callbacks(
    profile=_P, sentence="The offer of the provider has no target.", expected=ids("counter-offer.format"),
)  # fmt: skip
def offer_without_target(sent: list[Outgoing], memory: dict[str, Any], now: float) -> list[Outgoing]:
    def change(body: dict[str, Any]) -> Any:
        return {**body, "offer": {k: v for k, v in body["offer"].items() if k != "target"}}

    return _changed(sent, "ContractOfferMessage", change)


@fault_of_callbacks(profile=_P, sentence="That a transfer has started is not told.", expected=ids("start.delivered"))
def start_not_told(sent: list[Outgoing], memory: dict[str, Any], now: float) -> list[Outgoing]:
    return [one for one in sent if read_json(one.request.body)["@type"] != "TransferStartMessage"]


@fault(
    profile=_P, group="asynchrony and callbacks", sentence="A slash at the end of the consumer's address stands twice in what is called.",
    applies=at("requestNegotiation"), expected=ids("agreement.trailing-slash"),
)  # fmt: skip
def slash_doubled(seen: Seen) -> WireResponse:
    answer = seen.forward()
    sent = str(seen.sent_members.get("callbackAddress", ""))
    if success(answer) and sent.endswith("/"):
        seen.twin.store.notes[read_json(answer.body)["providerPid"]]["callback"] = sent
    return answer

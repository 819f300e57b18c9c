"""A provider of the Dataspace Protocol: a catalog, negotiations and transfers that it decides on by itself a moment later."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from conformance.contract import Operation
from conformance.profile import Profile, Resource
from conformance.reference import outgoing
from conformance.reference.engine import Options, ResourceTwin
from conformance.reference.message import Call, Refused, moment, write_json
from conformance.reference.store import Instance, Parents
from conformance.wire import Outgoing, WireRequest, WireResponse

PROFILE = "dataspace-protocol"
CONTEXT = ["https://w3id.org/dspace/2025/1/context.jsonld"]
VERSION = "2025-1"
#: Seconds until the provider has decided on what the consumer sent.
DECISION = 1.0
#: A host that no consumer is at (RFC 6761 section 6.4): nothing that is sent there is ever acknowledged.
UNREACHABLE = "unreachable.invalid"
AGREEMENT = "urn:uuid:0f7f2b1e-6a55-4c1e-9a39-5d0a3b7c1a01"
FORMAT = "HttpData-PULL"
#: Datasets: identifier, offer, and whether a request for it is answered with another offer.
DATASETS = (
    ("urn:uuid:3d6a0c1e-1111-4e0f-8f5e-0a1b2c3d4e01", "urn:uuid:3d6a0c1e-2222-4e0f-8f5e-0a1b2c3d4e01", False),
    ("urn:uuid:3d6a0c1e-1111-4e0f-8f5e-0a1b2c3d4e02", "urn:uuid:3d6a0c1e-2222-4e0f-8f5e-0a1b2c3d4e02", True),
)
PERMISSION = [{"action": "use", "constraint": [{"leftOperand": "partner", "operator": "eq", "rightOperand": "gold"}]}]
#: What a consumer may do: operation -> the states in which, and the state then.
MOVES: Mapping[str, tuple[tuple[str, ...], str]] = {
    "offerInNegotiation": (("OFFERED",), "REQUESTED"),
    "sendNegotiationEvent": (("OFFERED",), "ACCEPTED"),
    "verifyAgreement": (("AGREED",), "VERIFIED"),
    "terminateNegotiation": (("REQUESTED", "OFFERED", "ACCEPTED", "AGREED", "VERIFIED"), "TERMINATED"),
    "startTransfer": (("SUSPENDED",), "STARTED"),
    "suspendTransfer": (("STARTED",), "SUSPENDED"),
    "completeTransfer": (("STARTED",), "COMPLETED"),
    "terminateTransfer": (("REQUESTED", "STARTED", "SUSPENDED"), "TERMINATED"),
}


class DataspaceTwin(ResourceTwin):
    """A provider with two datasets, of which it gives away the first as asked and bargains for the second."""

    protected = True

    def __init__(self, profile: Profile, options: Options | None = None) -> None:
        super().__init__(profile, options)
        self.options.etags = False
        dataset, offer, _ = DATASETS[1]
        self.test_data = {
            "countered_offer": {"@type": "Offer", "@id": offer, "target": dataset, "permission": PERMISSION},
            "agreement": AGREEMENT, "format": FORMAT,
        }  # fmt: skip

    # -- every request -------------------------------------------------------------------------------------------
    def authenticated(self, request: WireRequest, operation: Operation | None, route: Any) -> str:
        """Return who asks; whoever has no authorization is told nothing but the versions."""
        who, _ = self.identity(request)
        if not who and not (operation and operation.id == "getVersions"):
            raise Refused(404, "there is nothing here for you")
        return who

    def process(self, call: Call) -> WireResponse:
        """Answer a call after whatever was decided meanwhile."""
        self.settle(call.now)
        return super().process(call)

    def error_body(self, refused: Refused, operation: Operation | None) -> Any:
        """Return the error of the protocol that was spoken; one of a negotiation or transfer names both sides where they are known."""
        kind = "CatalogError"
        if operation and operation.path.startswith("/negotiations"):
            kind = "ContractNegotiationError"
        if operation and operation.path.startswith("/transfers"):
            kind = "TransferError"
        body: dict[str, Any] = {"@context": CONTEXT, "@type": kind, "code": str(refused.status), "reason": [refused.detail or "refused"]}
        if kind != "CatalogError":
            body |= {"providerPid": "urn:uuid:unknown", "consumerPid": "urn:uuid:unknown", **(refused.body or {})}
        return body

    def refusal(self, refused: Refused, operation: Operation | None) -> WireResponse:
        """Return the answer to a message that is refused; its body may name the sides."""
        body = self.error_body(refused, operation)
        return super().refusal(Refused(refused.status, refused.detail, kind=refused.kind, headers=refused.headers, body=body), operation)

    # -- versions and catalog ------------------------------------------------------------------------------------
    def op_getVersions(self, call: Call) -> WireResponse:
        """List the one version that there is."""
        version = {"version": VERSION, "path": self.options.base or "/", "binding": "HTTPS", "serviceId": "twin"}
        return self.answer(call.operation, 200, {"protocolVersions": [version]})

    def shelf(self, resource: Resource, parents: Parents, now: float) -> dict[str, Instance]:
        """Return the instances of a resource; the datasets are there from the start."""
        shelf = self.store.shelf(resource.name, parents)
        if resource.name == "dataset" and not shelf:
            for id, offer, _ in DATASETS:
                policy = {"@type": "Offer", "@id": offer, "permission": PERMISSION}
                body = {
                    "@id": id,
                    "@type": "Dataset",
                    "hasPolicy": [policy],
                    "distribution": [{"@type": "Distribution", "format": FORMAT, "accessService": "urn:uuid:service"}],
                }
                shelf[id] = Instance(id=id, body=body, created=now, changed=now, seeded=True)
        return shelf

    def op_requestCatalog(self, call: Call) -> WireResponse:
        """Show the catalog; no filter is supported."""
        if self.accepted(call).get("filter"):
            raise Refused(400, "filters are not supported")
        shown = [copy.deepcopy(i.body) for i in self.shelf(self.bindings.resources["dataset"], (), call.now).values()]
        service = {"@id": "urn:uuid:service", "@type": "DataService", "endpointURL": self.absolute(self.options.base or "/")}
        catalog = {"@context": CONTEXT, "@id": "urn:uuid:catalog", "@type": "Catalog", "participantId": "urn:twin"}
        return self.answer(call.operation, 200, {**catalog, "service": [service], "dataset": shown})

    def op_getDataset(self, call: Call) -> WireResponse:
        """Show a dataset."""
        found = self.found(call, self.bindings.resources["dataset"])
        return self.answer(call.operation, 200, {"@context": CONTEXT, **copy.deepcopy(found.body)})

    # -- negotiations and transfers ------------------------------------------------------------------------------
    def op_requestNegotiation(self, call: Call) -> WireResponse:
        """Begin a negotiation."""
        body = self.accepted(call)
        if "callbackAddress" not in body:
            raise Refused(400, "there is no address to call back")
        offer = body["offer"]
        known = next((d for d in DATASETS if (offer.get("target"), offer["@id"]) == d[:2]), None)
        if known is None:
            raise Refused(400, "there is no such offer")
        return self.begun(call, "negotiation", "ContractNegotiation", body, {"offer": offer, "counters": known[2]})

    def op_requestTransfer(self, call: Call) -> WireResponse:
        """Begin a transfer, or show the one that the consumer began with the same identifier."""
        body = self.accepted(call)
        if body["agreementId"] != AGREEMENT:
            raise Refused(400, "there is no such agreement")
        if body["format"] != FORMAT:
            raise Refused(400, "there is no such format")
        for one in self.store.shelf("transfer").values():
            if one.owner == call.who and one.body["consumerPid"] == body["consumerPid"]:
                return self.answer(call.operation, 201, one.body)
        return self.begun(call, "transfer", "TransferProcess", body, {})

    def begun(self, call: Call, name: str, type: str, body: Mapping[str, Any], notes: Mapping[str, Any]) -> WireResponse:
        """Keep a negotiation or transfer that is requested, and decide on it later."""
        url = body["callbackAddress"]
        if urlsplit(url).scheme not in ("https", "http"):
            raise Refused(400, "the address to call back is not understood")
        id = f"urn:uuid:{self.store.fresh_uuid(name)}"
        shown = {"@context": CONTEXT, "@type": type, "providerPid": id, "consumerPid": body["consumerPid"], "state": "REQUESTED"}
        self.store.shelf(name)[id] = Instance(id=id, body=shown, created=call.now, changed=call.now, owner=call.who)
        self.store.notes[id] = {"callback": url.rstrip("/"), "heard": urlsplit(url).hostname != UNREACHABLE, **notes}
        return self.answer(call.operation, 201, shown)

    def found(self, call: Call, resource: Resource) -> Instance:
        """Return what a call names; what another consumer began is not there."""
        instance = super().found(call, resource)
        if instance.owner and instance.owner != call.who:
            raise self.unknown(resource, instance.id)
        return instance

    def perform(self, call: Call) -> WireResponse:
        """Move what a message is about, where it is the consumer's turn."""
        states, then = MOVES[call.operation.id]
        resource = self.bindings.owners[call.operation.path_parameters[-1]]
        instance = self.found(call, resource)
        message = self.accepted(call)
        sides = {name: instance.body[name] for name in ("providerPid", "consumerPid")}
        if any(message.get(name) != value for name, value in sides.items()):
            raise Refused(400, "the message is about something else", body=sides)
        if instance.body["state"] not in states or message.get("eventType") == "FINALIZED":
            raise Refused(400, f"not while it is {instance.body['state']}", body=sides)
        instance.body["state"], instance.changed = then, call.now
        if call.operation.id == "offerInNegotiation":
            self.store.notes[instance.id] |= {"offer": message["offer"], "counters": False}
        return self.answer(call.operation, 200)

    # -- time ----------------------------------------------------------------------------------------------------
    def settle(self, now: float) -> None:
        """Decide on what was sent long enough before *now*; what cannot be told to the consumer stays as it is."""
        for name in ("negotiation", "transfer"):
            for one in self.store.shelf(name).values():
                while now >= one.changed + DECISION and self.decided(name, one):
                    continue

    def decided(self, name: str, one: Instance) -> bool:
        """Make the next move of the provider and tell the consumer; tell whether there was one."""
        notes, state, at = self.store.notes[one.id], one.body["state"], one.changed + DECISION
        if not notes["heard"]:
            return False
        if name == "transfer":
            if state != "REQUESTED":
                return False
            address = {"@type": "DataAddress", "endpointType": "https://w3id.org/idsa/v4.1/HTTP", "endpoint": "https://data.example/1"}
            self.tell(name, one, at, "STARTED", "start", "TransferStartMessage", {"dataAddress": address})
        elif state == "REQUESTED" and notes["counters"]:
            offer = {**notes["offer"], "@id": f"urn:uuid:{self.store.fresh_uuid('offer')}"}
            self.tell(name, one, at, "OFFERED", "offers", "ContractOfferMessage", {"offer": offer})
        elif state in ("REQUESTED", "ACCEPTED"):
            parties = {"assigner": "urn:twin", "assignee": one.owner, "timestamp": moment(at)}
            agreed = {**notes["offer"], "@type": "Agreement", "@id": f"urn:uuid:{self.store.fresh_uuid('agreement')}", **parties}
            self.tell(name, one, at, "AGREED", "agreement", "ContractAgreementMessage", {"agreement": agreed})
        elif state == "VERIFIED":
            self.tell(name, one, at, "FINALIZED", "events", "ContractNegotiationEventMessage", {"eventType": "FINALIZED"})
        else:
            return False
        return True

    def tell(self, name: str, one: Instance, at: float, state: str, path: str, type: str, says: Mapping[str, Any]) -> None:
        """Move on and send a message to the consumer."""
        one.body["state"], one.changed = state, at
        sides = {side: one.body[side] for side in ("providerPid", "consumerPid")}
        body = write_json({"@context": CONTEXT, "@type": type, **sides, **says})
        url = f"{self.store.notes[one.id]['callback']}/{name}s/{quote(one.body['consumerPid'], safe=':')}/{path}"
        request = WireRequest(method="POST", target="", headers=(("content-type", "application/json"),), body=body)
        outgoing.plan(self.store, at, url, request)

    def due(self, now: float) -> list[Outgoing]:
        """Return what is sent until *now*."""
        self.settle(now)
        return outgoing.take(self.store, now)


TWIN = DataspaceTwin

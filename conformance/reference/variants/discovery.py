"""Providers of documents that do it in another permitted way."""

from __future__ import annotations

from typing import Any

from conformance.profile import Profile
from conformance.reference.engine import ResourceTwin
from conformance.reference.faults.planting import Seen
from conformance.reference.places import put
from conformance.reference.variants import setting, variant
from conformance.wire import WireResponse

Body = dict[str, Any]


def _lists_documents(profile: Profile) -> bool:
    return profile.name == "open-resource-discovery"


def _documents(seen: Seen, change: Any) -> WireResponse:
    return seen.edited(change) if seen.operation is not None and seen.operation.id == "getDocument" else seen.forward()


@setting(
    sentence="Another provider: it needs of others what one offers and what nobody offers, and keeps a document for partners.",
    applies=_lists_documents,
)
def second_provider(twin: ResourceTwin) -> None:
    twin.provide("energy")  # type: ignore[attr-defined]


@setting(sentence="Documents are listed by absolute addresses.", applies=_lists_documents)
def absolute_addresses(twin: ResourceTwin) -> None:
    twin.link = "{origin}{path}"  # type: ignore[attr-defined]


@variant(sentence="Documents are listed by addresses relative to the configuration.", applies=_lists_documents)
def relative_addresses(seen: Seen) -> WireResponse:
    def change(body: Body) -> Body:
        entries = body["openResourceDiscoveryV1"]["documents"]
        return dict(put(body, "/openResourceDiscoveryV1/documents", [{**e, "url": f"..{e['url']}"} for e in entries]))

    return seen.edited(change) if seen.operation is not None and seen.operation.id == "getConfiguration" else seen.forward()


@variant(sentence="The configuration names overlays, and documents in another order.", applies=_lists_documents)
def other_order(seen: Seen) -> WireResponse:
    def change(body: Body) -> Body:
        told = body["openResourceDiscoveryV1"]
        return {"openResourceDiscoveryV1": {"overlays": [], **told, "documents": told["documents"][::-1]}}

    if seen.operation is not None and seen.operation.id == "getConfiguration":
        return seen.edited(change)
    return _documents(seen, lambda body: {k: v[::-1] if isinstance(v, list) else v for k, v in reversed(body.items())})


@variant(sentence="Documents use values and members of their own where the standard is open.", applies=_lists_documents)
def own_values(seen: Seen) -> WireResponse:
    def change(body: Body) -> Body:
        out = {**body, "openResourceDiscovery": "1.9", "$schema": "document.schema.json"}
        for kind in ("apiResources", "eventResources"):
            if kind in body:
                own = {
                    "labels": {"twin.labels:anything": ["at all"]},
                    "tags": ["own tag"],
                    "industry": ["Twins"],
                    "lineOfBusiness": ["Own"],
                }
                out[kind] = [{**o, **own} for o in body[kind]]
        if "apiResources" in body:
            first = {"apiProtocol": "twin.protocols:own:v1", "links": [{"title": "About", "url": "https://twin.example", "twin.x": 1}]}
            out["apiResources"] = [{**out["apiResources"][0], **first}, *out["apiResources"][1:]]
        if "groups" in body:
            out["groups"] = [{**g, "twin.groups:colour": "green"} for g in body["groups"]]
        return out

    return _documents(seen, change)


@variant(sentence="References to ORD IDs are written in other capitals.", applies=_lists_documents)
def references_in_capitals(seen: Seen) -> WireResponse:
    def change(body: Body) -> Body:
        return {
            k: [{**o, "partOfPackage": o["partOfPackage"].replace(":basics:", ":BASICS:")} if "partOfPackage" in o else o for o in v]
            if isinstance(v, list) and k != "policyLevels" else v
            for k, v in body.items()
        }  # fmt: skip

    return _documents(seen, change)


@variant(sentence="The provider describes only what it must: no groups, agents, overlays or data products.", applies=_lists_documents)
def few_kinds(seen: Seen) -> WireResponse:
    kinds = ("groups", "groupTypes", "agents", "overlays", "dataProducts", "capabilities", "entityTypes", "eventResources", "tombstones")

    def change(body: Body) -> Body:
        kept = {k: v for k, v in body.items() if k not in kinds}
        if "apiResources" in kept:
            kept["apiResources"] = [o for o in kept["apiResources"] if o["releaseStatus"] != "sunset"]
        return kept

    return _documents(seen, change)

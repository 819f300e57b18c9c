"""A provider of Open Resource Discovery: a configuration, the documents that it lists, and the files that they name."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from conformance.profile import Profile
from conformance.reference.answering import matches
from conformance.reference.engine import Options, ResourceTwin
from conformance.reference.message import Call, Refused, split_target, write_json
from conformance.wire import WireRequest, WireResponse, header

PROFILE = "open-resource-discovery"
MEDIA = "application/json;charset=UTF-8"
DOCUMENTS = "/open-resource-discovery/v1/documents"
FILES = "/definitions"
OPEN = [{"type": "open"}]
UPDATED = "2026-05-04T10:00:00Z"
#: What each of two providers offers and needs: the second one's forecasts are offered by nobody.
PROVIDERS: Mapping[str, Mapping[str, Any]] = {
    "edge": {"offers": "placement", "needs": ["twin.energy:apiResource:footprint:v1"]},
    "energy": {"offers": "footprint", "needs": ["twin.edge:apiResource:placement:v1", "twin.weather:apiResource:forecast:v2"]},
}


def _resource(id: str, title: str, **members: Any) -> dict[str, Any]:
    """Return what every resource has."""
    system = id.split(":")[0]
    return {
        "ordId": id, "title": title, "shortDescription": f"{title}, in short", "description": f"What {title} is for.",
        "version": f"{id.rpartition(':v')[2]}.2.0", "lastUpdate": UPDATED, "visibility": "public", "releaseStatus": "active",
        "partOfPackage": f"{system}:package:basics:v1", **members,
    }  # fmt: skip


def _definition(name: str, kind: str, media: str = "application/json", **members: Any) -> dict[str, Any]:
    return {"type": kind, "mediaType": media, "url": f"{FILES}/{name}", **members}


def _static(system: str, offers: str, needs: list[str]) -> dict[str, Any]:
    """Return what holds for every instance of a version."""
    bundle = {"ordId": f"{system}:consumptionBundle:open:v1", "defaultEntryPoint": f"/{offers}/v1"}
    api = _resource(
        f"{system}:apiResource:{offers}:v1", offers.title(), apiProtocol="rest", entryPoints=[f"/{offers}/v1", f"/eu/{offers}/v1"],
        partOfConsumptionBundles=[bundle], defaultConsumptionBundle=bundle["ordId"], direction="inbound",
        resourceDefinitions=[
            _definition("api.json", "openapi-v3.1+", visibility="public", accessStrategies=OPEN),
            _definition("api.txt", "custom", "text/plain", customType="twin.formats:notes:v1", visibility="internal"),
        ],
        implementationStandard="custom", customImplementationStandard="twin.formats:api:v1", policyLevel="custom",
        customPolicyLevel="twin.rules:all:v1", partOfGroups=[f"twin:area:{system}:{offers}"], labels={"twin.labels:cost": ["free"]},
        links=[{"title": "About it", "url": "https://twin.example/about"}],
    )  # fmt: skip
    older = _resource(
        f"{system}:apiResource:{offers}-trial:v0", "Trial", apiProtocol="rest", releaseStatus="deprecated", deprecationDate=UPDATED,
        sunsetDate="2030-01-01T00:00:00Z", successors=[api["ordId"]], partOfConsumptionBundles=[{"ordId": bundle["ordId"]}],
    )  # fmt: skip
    over = _resource(
        f"{system}:apiResource:{offers}-draft:v0", "Draft", apiProtocol="rest", releaseStatus="sunset", sunsetDate=UPDATED,
        direction="outbound", visibility="internal",
    )  # fmt: skip
    events = _resource(
        f"{system}:eventResource:changes:v1", "Changes", partOfConsumptionBundles=[{"ordId": bundle["ordId"]}],
        defaultConsumptionBundle=bundle["ordId"],
        resourceDefinitions=[_definition("events.json", "asyncapi-v2", visibility="public")],
    )  # fmt: skip
    dependency = _resource(f"{system}:integrationDependency:others:v1", "Others", mandatory=True)
    dependency["aspects"] = [
        {"title": f"Aspect {number}", "mandatory": not number, "apiResources": [{"ordId": id, "minVersion": "1.1.0"}]}
        for number, id in enumerate(needs)
    ]
    dependency["aspects"].append({"title": "Own", "mandatory": True, "eventResources": [{"ordId": events["ordId"], "minVersion": "1.0.0"}]})
    capability = _resource(
        f"{system}:capability:zones:v1", "Zones", type="custom", customType="twin.formats:zones:v1",
        definitions=[_definition("zones.json", "custom", customType="twin.formats:zones:v1")],
    )  # fmt: skip
    entity = _resource(
        f"{system}:entityType:Zone:v1", "Zone", localId="Zone", level="aggregate",
        definitions=[_definition("zone.json", "sap-csn-interop-effective-v1", visibility="private")],
    )  # fmt: skip
    agent = _resource(f"{system}:agent:helper:v1", "Helper", exposedApiResources=[{"ordId": api["ordId"]}])
    overlay = {
        "ordId": f"{system}:overlay:hints:v1", "title": "Hints", "version": "1.0.0", "releaseStatus": "active", "visibility": "public",
        "definitions": [_definition("hints.json", "ord:overlay:v1")],
    }  # fmt: skip
    return {
        "openResourceDiscovery": "1.16", "perspective": "system-version", "policyLevels": ["twin.rules:all:v1"],
        "describedSystemType": {"systemNamespace": system}, "describedSystemVersion": {"version": "3.1.0"},
        "apiResources": [api, older, over], "eventResources": [events], "integrationDependencies": [dependency],
        "capabilities": [capability], "entityTypes": [entity], "agents": [agent], "overlays": [overlay],
        "tombstones": [{"ordId": over["ordId"], "removalDate": UPDATED}, {"groupId": f"twin:area:{system}:past", "removalDate": UPDATED}],
    }  # fmt: skip


def _taxonomy(system: str, offers: str) -> dict[str, Any]:
    """Return what holds whatever the system."""
    package = {
        "ordId": f"{system}:package:basics:v1", "title": "Basics", "shortDescription": "All of it", "description": "All that there is.",
        "version": "1.0.0", "vendor": "twin:vendor:Twin:", "partOfProducts": ["twin:product:suite:"],
    }  # fmt: skip
    product = {"title": "Suite", "shortDescription": "What is sold", "vendor": "twin:vendor:Twin:"}
    return {
        "openResourceDiscovery": "1.16", "perspective": "system-independent", "packages": [package],
        "consumptionBundles": [{"ordId": f"{system}:consumptionBundle:open:v1", "title": "Open", "version": "1.0.0", "lastUpdate": UPDATED}],
        "vendors": [{"ordId": "twin:vendor:Twin:", "title": "Twin"}],
        "products": [{"ordId": "twin:product:suite:", **product}, {"ordId": "twin:product:part:", "parent": "twin:product:suite:", **product}],
        "groupTypes": [{"groupTypeId": "twin:area", "title": "Area"}],
        "groups": [{"groupId": f"twin:area:{system}:{offers}", "groupTypeId": "twin:area", "title": offers.title()}],
    }  # fmt: skip


def _instance(system: str, offers: str) -> dict[str, Any]:
    """Return what holds for the running instance alone."""
    product = _resource(
        f"{system}:dataProduct:history:v1", "History", type="primary", category="analytical", responsible="twin:team:history",
        lifecycleStatus="active", outputPorts=[{"ordId": f"{system}:apiResource:{offers}:v1"}],
        inputPorts=[{"ordId": f"{system}:integrationDependency:others:v1"}],
    )  # fmt: skip
    return {
        "openResourceDiscovery": "1.16", "perspective": "system-instance", "describedSystemInstance": {"baseUrl": f"https://{offers}.twin.example"},
        "describedSystemType": {"systemNamespace": system}, "dataProducts": [product],
    }  # fmt: skip


class DiscoveryTwin(ResourceTwin):
    """A provider with a document on each of three perspectives; the second one also has one that is not open to everybody."""

    def __init__(self, profile: Profile, options: Options | None = None) -> None:
        super().__init__(profile, options)
        self.provide("edge")

    def provide(self, name: str) -> None:
        """Be one of the providers."""
        self.system, offers = f"twin.{name}", PROVIDERS[name]["offers"]
        self.documents = {
            "static": _static(self.system, offers, PROVIDERS[name]["needs"]),
            "taxonomy": _taxonomy(self.system, offers),
            "instance": _instance(self.system, offers),
        }
        self.link = "{path}"
        self.open = dict.fromkeys(self.documents, True) | ({"partners": False} if name == "energy" else {})

    def entries(self) -> list[dict[str, Any]]:
        """Return what the configuration says of the documents."""
        found = []
        for name in self.open:
            path = f"{DOCUMENTS}/{name}"
            told = {"perspective": self.documents[name]["perspective"]} if name in self.documents else {}
            access = OPEN if self.open[name] else [{"type": "basic-auth"}, {"type": "custom", "customType": "twin.rules:token:v1"}]
            found.append(
                {"url": self.link.format(path=path, origin=f"{self.options.origin}{self.options.base}"), **told, "accessStrategies": access}
            )
        return found

    def handle(self, request: WireRequest, now: float) -> WireResponse:
        """Answer a request; files of definitions are served beside what the contract documents."""
        path = split_target(request.target)[0]
        name = path.removeprefix(f"{self.options.base}{FILES}/")
        if name != path and request.method in ("GET", "HEAD") and f"{FILES}/{name}" in self.files():
            self.request = request
            body = write_json({"openapi": "3.1.0"}) if name.endswith(".json") else b"notes"
            media = "application/json" if name.endswith(".json") else "text/plain"
            return WireResponse(status=200, headers=(("Content-Type", media),), body=b"" if request.method == "HEAD" else body)
        return super().handle(request, now)

    def files(self) -> set[str]:
        """Return the paths of the files that the documents name."""
        found = set()
        for document in self.documents.values():
            for resources in [v for v in document.values() if isinstance(v, list)]:
                for one in [r for r in resources if isinstance(r, dict)]:
                    found |= {d["url"] for d in (*one.get("resourceDefinitions", ()), *one.get("definitions", ()))}
        return found

    def op_getConfiguration(self, call: Call) -> WireResponse:
        """Tell where the documents are; with `select`, those that hold one ORD ID."""
        chosen = self.entries()
        wanted = self.selected(call)
        if wanted:
            names = [n for n, d in self.documents.items() if self.holds(d, wanted)]
            chosen = [e for e in chosen if e["url"].rpartition("/")[2] in names]
            if not chosen:
                raise Refused(404, "nothing has this ORD ID")
        body = {"openResourceDiscoveryV1": {"documents": chosen, "capabilities": {"selector": True}}}
        return self.told_of(call, body)

    def op_getDocument(self, call: Call) -> WireResponse:
        """Show a document; with `select`, what has one ORD ID."""
        name = call.values["id"]
        if not self.open.get(name, True):
            raise Refused(401, "this document is for partners", kind="unauthorized")
        if name not in self.documents:
            raise Refused(404, "there is no such document")
        document = copy.deepcopy(self.documents[name])
        wanted = self.selected(call)
        if wanted and not self.holds(document, wanted):
            raise Refused(404, "nothing here has this ORD ID")
        if wanted:
            lists = {
                k: [o for o in v if o.get("ordId", "").lower() == wanted]
                for k, v in document.items()
                if isinstance(v, list) and k != "policyLevels"
            }
            document = {k: lists.get(k, v) for k, v in document.items() if lists.get(k, v)}
        return self.told_of(call, document)

    def selected(self, call: Call) -> str:
        """Return the ORD ID that is asked for, in small letters; ''."""
        wanted = call.one("select")
        if wanted is not None and wanted.count(":") != 3:
            raise Refused(500, "this is no ORD ID")
        return (wanted or "").lower()

    def holds(self, document: Mapping[str, Any], wanted: str) -> bool:
        """Tell whether a document describes an ORD ID."""
        described = [o for k, v in document.items() if isinstance(v, list) and k not in ("policyLevels", "tombstones") for o in v]
        return any(o.get("ordId", "").lower() == wanted for o in described)

    def told_of(self, call: Call, body: Any) -> WireResponse:
        """Return a body with what lets a client keep it."""
        content = write_json(body)
        tag = f'{"W/" if self.options.weak_etags else ""}"{hashlib.sha256(content).hexdigest()[:16]}"'
        headers = (("ETag", tag), ("Cache-Control", "no-cache"))
        if matches(call.header("if-none-match"), tag, weak=True):
            return WireResponse(status=304, headers=headers)
        return WireResponse(status=200, headers=(("Content-Type", MEDIA), *headers), body=content)

    def error_body(self, refused: Refused, operation: Any) -> Any:
        """Return an error."""
        return {"error": {"code": str(refused.status), "message": refused.detail or "error"}}

    def dressed(self, request: WireRequest, answer: WireResponse, operation: Any) -> WireResponse:
        """Return an answer whose error says that it is UTF-8."""
        if answer.status < 400 or header(answer.headers, "content-type") is None:
            return answer
        return replace(answer, headers=tuple((k, MEDIA if k.lower() == "content-type" else v) for k, v in answer.headers))


TWIN = DiscoveryTwin

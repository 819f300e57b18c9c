"""Documents that say what they may not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from conformance.reference.faults.planting import Seen, fault
from conformance.reference.faults.where import ids
from conformance.reference.places import put
from conformance.reference.twins.open_resource_discovery_faults import STANDARD, Body, at_documents, changed, holding
from conformance.wire import WireResponse


def _each(kind: str, change: Callable[[Body], Any], *, first: bool = True) -> Callable[[Body], Body]:
    """Return what changes the first item of a list, or every one."""

    def edit(body: Body) -> Body:
        items = body.get(kind, [])
        changed = [change(item) if not first or not number else item for number, item in enumerate(items)]
        return {**body, kind: changed} if items else body

    return edit


def _without(*names: str) -> Callable[[Body], Body]:
    return lambda item: {k: v for k, v in item.items() if k not in names}


_STATIC: dict[str, tuple[str, Callable[[Body], Any], tuple[str, ...]]] = {
    "another-specification-version": ("The document follows another version of the specification.", holding(openResourceDiscovery="2.0"), ("documents.schema",)),
    "no-specification-version": ("The document does not say which version it follows.", _without("openResourceDiscovery"), ("documents.schema",)),
    "unknown-perspective": ("The document has a perspective that there is not.", holding(perspective="system"), ("documents.schema", "documents.perspective-as-listed")),
    "no-system-version": ("A document on a version of the system does not say which.", _without("describedSystemVersion"), ("documents.system-version",)),
    "unnamed-policy": ("A custom policy level is not named.", _each("apiResources", _without("customPolicyLevel")), ("documents.policy-level",)),
    "package-unresolved": (
        "A resource names a package that nobody describes.", _each("eventResources", holding(partOfPackage="twin.edge:package:nothing:v1")),
        ("resources.package-resolves",),
    ),
    "bundle-unresolved": (
        "An API names a consumption bundle that nobody describes.",
        _each("apiResources", lambda o: {**_without("defaultConsumptionBundle")(o), "partOfConsumptionBundles": [{"ordId": "twin.edge:consumptionBundle:none:v1"}]}),
        ("api-resources.bundle-resolves",),
    ),
    "event-bundle-unresolved": (
        "An event resource names a consumption bundle that nobody describes.",
        _each("eventResources", lambda o: {**_without("defaultConsumptionBundle")(o), "partOfConsumptionBundles": [{"ordId": "twin.edge:consumptionBundle:none:v1"}]}),
        ("event-resources.bundle-resolves",),
    ),
    "default-bundle-unnamed": (
        "The default consumption bundle is none of those that are named.",
        _each("apiResources", holding(defaultConsumptionBundle="twin.edge:consumptionBundle:other:v1")), ("api-resources.default-bundle",),
    ),
    "event-default-bundle-unnamed": (
        "The default consumption bundle of an event resource is none of those that are named.",
        _each("eventResources", holding(defaultConsumptionBundle="twin.edge:consumptionBundle:other:v1")), ("event-resources.default-bundle",),
    ),
    "event-entry-point": (
        "An event resource has an entry point.", _each("eventResources", lambda o: put(o, "/partOfConsumptionBundles/0/defaultEntryPoint", "/events")),
        ("event-resources.no-entry-point",),
    ),
    "default-entry-point-unknown": (
        "The default entry point is none of the API's.", _each("apiResources", lambda o: put(o, "/partOfConsumptionBundles/0/defaultEntryPoint", "/other")),
        ("api-resources.default-entry-point",),
    ),
    "entry-point-twice": (
        "An entry point is named twice.", _each("apiResources", lambda o: {**o, "entryPoints": [*o["entryPoints"], o["entryPoints"][0]]}),
        ("api-resources.entry-points-once",),
    ),
    "outbound-in-bundle": (
        "An outbound API is in a consumption bundle.", _each("apiResources", holding(direction="outbound")), ("api-resources.outbound-in-no-bundle",),
    ),
    "odata-without-edmx": (
        "An OData API has no EDMX definition.", _each("apiResources", holding(apiProtocol="odata-v4")), ("api-resources.definitions-fit-protocol",),
    ),
    "no-api-protocol": ("An API does not say its protocol.", _each("apiResources", _without("apiProtocol")), ("api-resources.schema",)),
    "no-release-status": ("An event resource has no release status.", _each("eventResources", _without("releaseStatus")), ("event-resources.schema",)),
    "unknown-release-status": ("A release status is none that there is.", _each("apiResources", holding(releaseStatus="retired")), ("api-resources.schema",)),
    "version-not-semantic": ("A version is not a semantic one.", _each("apiResources", holding(version="1.2")), ("api-resources.schema",)),
    "update-without-zone": ("A time has no zone.", _each("eventResources", holding(lastUpdate="2026-05-04 10:00")), ("event-resources.schema",)),
    "extension-outside-labels": (
        "An API has a member that the specification does not know.", _each("apiResources", holding(**{"twin.labels:cost": "free"})), ("api-resources.schema",),
    ),
    "bad-id-grammar": (
        "An ORD ID has a kind that there is not.",
        _each("apiResources", lambda o: {**o, "ordId": o["ordId"].replace(":apiResource:", ":api:")} if "deprecationDate" in o else o, first=False),
        ("api-resources.schema",),
    ),
    "id-with-capitals": (
        "A namespace has capitals.", _each("eventResources", holding(ordId="Twin.Edge:eventResource:changes:v1")), ("event-resources.schema", "ids.system-namespace"),
    ),
    "id-without-version": ("An ORD ID has no major version.", _each("agents", holding(ordId="twin.edge:agent:helper:")), ("agents.schema",)),
    "vendor-namespace": (
        "A resource stands in the namespace of a vendor.", _each("capabilities", holding(ordId="twin:capability:zones:v1")), ("ids.system-namespace",),
    ),
    "long-namespace": (
        "A namespace is too long.", _each("capabilities", holding(ordId=f"twin.edge.{'a' * 30}:capability:zones:v1")), ("ids.namespace",),
    ),
    "reserved-namespace": ("A provider uses the namespace of the specification.", _each("capabilities", holding(ordId="ord.x:capability:zones:v1")), ("ids.namespace",)),
    "major-version-differs": ("The version is of another major version than the ORD ID.", _each("capabilities", holding(version="2.0.0")), ("ids.major-version",)),
    "id-twice": (
        "Two APIs have one ORD ID, in other capitals.",
        lambda body: {**body, "apiResources": [*body["apiResources"], {**body["apiResources"][0], "ordId": "twin.edge:apiResource:PLACEMENT:v1"}]},
        ("ids.unique",),
    ),
    "title-of-two-lines": ("A title has two lines.", _each("capabilities", holding(title="Zones\nand more")), ("text.one-line",)),
    "sunset-without-date": ("What has been sunset does not say when.", _each("apiResources", lambda o: _without("sunsetDate")(o) if o["releaseStatus"] == "sunset" else o, first=False), ("resources.sunset-date",)),
    "sunset-without-tombstone": ("What has been sunset has no tombstone.", lambda body: {**body, "tombstones": body.get("tombstones", [])[1:]}, ("resources.sunset-tombstone",)),
    "deprecated-without-date": ("What is deprecated does not say since when.", _each("apiResources", _without("deprecationDate"), first=False), ("resources.deprecation-date",)),
    "successor-of-active": ("What is active has a successor.", _each("apiResources", lambda o: {**o, "successors": [o["ordId"]]}), ("resources.successors",)),
    "tombstone-without-date": ("A tombstone does not say when.", _each("tombstones", _without("removalDate")), ("tombstones.schema",)),
    "tombstone-of-nothing": ("A tombstone names nothing.", _each("tombstones", _without("ordId", "groupId")), ("tombstones.one-thing",)),
    "tombstone-of-two": ("A tombstone names two things.", _each("tombstones", holding(groupTypeId="twin:area")), ("tombstones.one-thing",)),
    "tombstone-twice": ("There are two tombstones of one thing.", lambda body: {**body, "tombstones": 2 * body.get("tombstones", [])}, ("tombstones.unique",)),
    "definition-too-visible": (
        "A definition is visible to more people than the API.", _each("apiResources", holding(visibility="internal")), ("resources.definitions-visibility",),
    ),
    "unnamed-definition-type": (
        "The custom type of a definition is not named.", _each("apiResources", lambda o: {**o, "resourceDefinitions": [_without("customType")(d) for d in o["resourceDefinitions"]]}),
        ("api-resources.custom-types",),
    ),
    "custom-type-of-known": (
        "A definition of a known type names a custom one.", _each("eventResources", lambda o: put(o, "/resourceDefinitions/0/customType", "twin.formats:other:v1")),
        ("event-resources.custom-types",),
    ),
    "unnamed-standard": ("A custom implementation standard is not named.", _each("apiResources", _without("customImplementationStandard")), ("api-resources.custom-standard",)),
    "standard-of-none": (
        "An event resource names a custom standard without saying that it follows one.",
        _each("eventResources", holding(customImplementationStandard="twin.formats:api:v1")), ("event-resources.custom-standard",),
    ),
    "definition-media-type": (
        "An OpenAPI definition is labelled as XML.", _each("apiResources", lambda o: put(o, "/resourceDefinitions/0/mediaType", "application/xml")),
        ("api-resources.definition-media-type",),
    ),
    "event-definition-media-type": (
        "A CSN definition is labelled as XML.",
        _each("eventResources", lambda o: put(put(o, "/resourceDefinitions/0/type", "sap-csn-interop-effective-v1"), "/resourceDefinitions/0/mediaType", "application/xml")),
        ("event-resources.definition-media-type",),
    ),
    "definition-twice": (
        "An API has one definition twice.", _each("apiResources", lambda o: {**o, "resourceDefinitions": [o["resourceDefinitions"][0], *o["resourceDefinitions"]]}),
        ("api-resources.definitions-distinct",),
    ),
    "event-definition-twice": (
        "An event resource has one definition twice.",
        _each("eventResources", lambda o: {**o, "resourceDefinitions": [o["resourceDefinitions"][0], *o["resourceDefinitions"]]}),
        ("event-resources.definitions-distinct",),
    ),
    "dependency-not-told-mandatory": (
        "An integration dependency does not say whether it is mandatory.", _each("integrationDependencies", _without("mandatory")), ("integration-dependencies.schema",),
    ),
    "dependency-on-a-package": (
        "An integration dependency needs something that is no API.",
        _each("integrationDependencies", lambda o: put(o, "/aspects/0/apiResources/0/ordId", "twin.energy:package:footprint:v1")),
        ("integration-dependencies.schema",),
    ),
    "own-offer-too-old": (
        "A provider needs of itself a later version than it offers.",
        _each("integrationDependencies", lambda o: put(o, "/aspects/1/eventResources/0/minVersion", "1.10.0")), ("integration-dependencies.own-are-new-enough",),
    ),
    "capability-without-type": ("A capability has no type.", _each("capabilities", _without("type")), ("capabilities.schema", "capabilities.custom-types")),
    "unnamed-capability-type": ("The custom type of a capability is not named.", _each("capabilities", _without("customType")), ("capabilities.custom-types",)),
    "entity-without-level": ("An entity type has no level.", _each("entityTypes", _without("level")), ("entity-types.schema",)),
    "overlay-without-visibility": ("An overlay has no visibility.", _each("overlays", _without("visibility")), ("overlays.schema",)),
    "agent-unresolved": (
        "An agent names an API that nobody describes.", _each("agents", holding(exposedApiResources=[{"ordId": "twin.edge:apiResource:none:v1"}])), ("agents.apis-resolve",),
    ),
}  # fmt: skip
_TAXONOMY: dict[str, tuple[str, Callable[[Body], Any], tuple[str, ...]]] = {
    "package-without-vendor": ("A package has no vendor.", _each("packages", _without("vendor")), ("packages.schema",)),
    "package-empty": (
        "A package holds nothing.", lambda body: {**body, "packages": [*body["packages"], {**body["packages"][0], "ordId": "twin.edge:package:empty:v1"}]}, ("packages.used",),
    ),
    "bundle-without-title": ("A consumption bundle has no title.", _each("consumptionBundles", _without("title")), ("consumption-bundles.schema",)),
    "bundle-empty": (
        "A consumption bundle is named by nothing.",
        lambda body: {**body, "consumptionBundles": [*body["consumptionBundles"], {"ordId": "twin.edge:consumptionBundle:empty:v1", "title": "Empty"}]},
        ("consumption-bundles.used",),
    ),
    "product-without-description": ("A product has no short description.", _each("products", _without("shortDescription")), ("products.schema",)),
    "product-with-version": ("The ORD ID of a product has a version.", _each("products", holding(ordId="twin:product:suite:v1")), ("products.schema",)),
    "parent-unresolved": (
        "The parent of a product is described nowhere.", _each("products", holding(parent="twin:product:none:")), ("products.parent-resolves",),
    ),
    "vendor-without-title": ("A vendor has no title.", _each("vendors", _without("title")), ("vendors.schema",)),
    "two-vendors": (
        "One vendor namespace has two vendors.", lambda body: {**body, "vendors": [*body["vendors"], {"ordId": "twin:vendor:Other:", "title": "Other"}]},
        ("vendors.one-of-a-namespace",),
    ),
    "group-without-title": ("A group has no title.", _each("groups", _without("title")), ("groups.schema",)),
    "group-of-another-type": ("The id of a group is of another type than the group.", _each("groups", holding(groupTypeId="twin:other")), ("groups.type-agrees",)),
    "group-twice": ("A group is described twice.", lambda body: {**body, "groups": 2 * body.get("groups", [])}, ("groups.unique",)),
    "group-type-without-title": ("A group type has no title.", _each("groupTypes", _without("title")), ("group-types.schema",)),
}  # fmt: skip
_INSTANCE: dict[str, tuple[str, Callable[[Body], Any], tuple[str, ...]]] = {
    "product-without-state": ("A data product of the instance does not tell its state.", _each("dataProducts", _without("lifecycleStatus")), ("data-products.state-at-run-time",)),
    "no-output-ports": ("A data product has no output port.", _each("dataProducts", holding(outputPorts=[])), ("data-products.schema",)),
    "output-port-unresolved": (
        "An output port is described nowhere.", _each("dataProducts", holding(outputPorts=[{"ordId": "twin.edge:apiResource:none:v1"}])),
        ("data-products.output-ports-resolve",),
    ),
    "input-port-unresolved": (
        "An input port is described nowhere.", _each("dataProducts", holding(inputPorts=[{"ordId": "twin.edge:integrationDependency:none:v1"}])),
        ("data-products.input-ports-resolve",),
    ),
    "base-url-with-slash": (
        "The base URL of the described system ends with a slash.", holding(describedSystemInstance={"baseUrl": "https://twin.example/"}), ("documents.schema",),
    ),
}  # fmt: skip


def _planted(document: str, name: str, sentence: str, change: Callable[[Body], Any], expected: tuple[str, ...]) -> None:
    def act(seen: Seen) -> WireResponse:
        return changed(seen, document, change)

    act.__name__ = f"ord_{name.replace('-', '_')}"
    fault(profile=STANDARD, group="answer shape", sentence=sentence, applies=at_documents, expected=ids(*expected))(act)


for _document_name, _faults in (("static", _STATIC), ("taxonomy", _TAXONOMY), ("instance", _INSTANCE)):
    for _name, (_sentence, _change, _expected) in _faults.items():
        _planted(_document_name, _name, _sentence, _change, _expected)

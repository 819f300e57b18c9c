"""What the SCIM twin says of itself: configuration, resource types, schemas (RFC 7643 sections 4 to 8)."""

from __future__ import annotations

from typing import Any

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
CONFIG = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"
TYPE = "urn:ietf:params:scim:schemas:core:2.0:ResourceType"
SCHEMA = "urn:ietf:params:scim:schemas:core:2.0:Schema"
LIST = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
BULK = "urn:ietf:params:scim:api:messages:2.0:BulkResponse"
ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"
MAX_RESULTS = 200
MAX_OPERATIONS = 100
MAX_PAYLOAD = 1_048_576

_TEXTS = ("displayName", "nickName", "profileUrl", "title", "userType", "preferredLanguage", "locale", "timezone")
_PLURAL = ("emails", "phoneNumbers", "ims", "photos", "entitlements", "roles", "x509Certificates")
_NAME = ("formatted", "familyName", "givenName", "middleName", "honorificPrefix", "honorificSuffix")
_ADDRESS = ("formatted", "streetAddress", "locality", "region", "postalCode", "country", "type")

#: The members of users and groups as they are spelt; what a client writes in another case is the same.
SPELLING = {
    n.lower(): n
    for n in (*_TEXTS, *_PLURAL, *_NAME, *_ADDRESS, "schemas", "id", "externalId", "meta", "userName", "name", "active", "password",
              "addresses", "groups", "members", "value", "display", "type", "primary", "$ref")
}  # fmt: skip


def _attribute(name: str, kind: str = "string", **said: Any) -> dict[str, Any]:
    base = {"name": name, "type": kind, "multiValued": False, "description": f"{name}.", "required": False, "caseExact": False}
    return {**base, "mutability": "readWrite", "returned": "default", "uniqueness": "none", **said}


def _plural(name: str, subs: tuple[str, ...] = ("value", "display", "type"), **said: Any) -> dict[str, Any]:
    parts = [_attribute(s) for s in subs] + [_attribute("primary", "boolean")]
    return _attribute(name, "complex", multiValued=True, subAttributes=parts, **said)


def _user() -> list[dict[str, Any]]:
    return [
        _attribute("userName", required=True, uniqueness="server"),
        _attribute("name", "complex", subAttributes=[_attribute(n) for n in _NAME]),
        *[_attribute(n) for n in _TEXTS],
        _attribute("active", "boolean"),
        _attribute("password", mutability="writeOnly", returned="never"),
        *[_plural(n) for n in _PLURAL],
        _plural("addresses", _ADDRESS),
        _plural("groups", ("value", "$ref", "display", "type"), mutability="readOnly"),
    ]


def _group() -> list[dict[str, Any]]:
    reference = _attribute("$ref", "reference", referenceTypes=["User", "Group"])
    members = [_attribute("value", mutability="immutable"), reference, _attribute("type")]
    return [_attribute("displayName", required=True), _attribute("members", "complex", multiValued=True, subAttributes=members)]


def _config_attributes() -> list[dict[str, Any]]:
    supported = [_attribute("supported", "boolean", required=True, mutability="readOnly")]
    return [
        *[
            _attribute(n, "complex", subAttributes=supported, mutability="readOnly", required=True)
            for n in ("patch", "bulk", "filter", "changePassword", "sort", "etag")
        ],
        _attribute("authenticationSchemes", "complex", multiValued=True, required=True, mutability="readOnly"),
    ]


def schemas() -> dict[str, dict[str, Any]]:
    """Return id -> schema."""
    described = {
        USER: ("User", _user()), GROUP: ("Group", _group()), CONFIG: ("Service Provider Configuration", _config_attributes()),
        TYPE: ("Resource Type", [_attribute(n, required=True, mutability="readOnly") for n in ("name", "endpoint", "schema")]),
        SCHEMA: ("Schema", [_attribute("attributes", "complex", multiValued=True, required=True, mutability="readOnly")]),
    }  # fmt: skip
    return {
        urn: {
            "schemas": [SCHEMA], "id": urn, "name": name, "description": f"{name}.", "attributes": attributes,
            "meta": {"resourceType": "Schema", "location": f"/Schemas/{urn}"},
        }
        for urn, (name, attributes) in described.items()
    }  # fmt: skip


def resource_types() -> dict[str, dict[str, Any]]:
    """Return id -> resource type."""
    return {
        name: {
            "schemas": [TYPE], "id": name, "name": name, "endpoint": f"/{name}s", "description": f"{name}s.", "schema": urn,
            "schemaExtensions": [], "meta": {"resourceType": "ResourceType", "location": f"/ResourceTypes/{name}"},
        }
        for name, urn in (("User", USER), ("Group", GROUP))
    }  # fmt: skip


def config(supported: frozenset[str]) -> dict[str, Any]:
    """Return the service provider configuration; *supported* names the features that are on."""
    return {
        "schemas": [CONFIG],
        "documentationUri": "https://twin.example/scim",
        **{name: {"supported": feature in supported} for name, feature in
           (("patch", "patch"), ("changePassword", "change-password"), ("sort", "sort"), ("etag", "etag"))},
        "bulk": {"supported": "bulk" in supported, "maxOperations": MAX_OPERATIONS, "maxPayloadSize": MAX_PAYLOAD},
        "filter": {"supported": "filter" in supported, "maxResults": MAX_RESULTS},
        "authenticationSchemes": [
            {"type": "oauthbearertoken", "name": "OAuth Bearer Token", "description": "A bearer token (RFC 6750).", "primary": True},
            {"type": "httpbasic", "name": "HTTP Basic", "description": "User name and password (RFC 7617)."},
        ],
        "meta": {"resourceType": "ServiceProviderConfig", "location": "/ServiceProviderConfig"},
    }  # fmt: skip

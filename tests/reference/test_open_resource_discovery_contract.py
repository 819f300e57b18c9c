"""The bodies of our contract are those of the publisher's own JSON Schemas, member by member."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from conformance.loading.profiles import load_profile
from tests.pinned import upstream

__all__ = ["upstream"]

OURS: Mapping[str, Any] = load_profile("open-resource-discovery@1.16").contract.document["components"]["schemas"]
#: The configuration's definitions have names of their own here.
NAMES = {
    "OpenResourceDiscoveryV1": "V1", "V1DocumentDescription": "DocumentEntry", "V1Capabilities": "ProviderCapabilities", "AccessStrategy": "DocumentAccessStrategy",
}  # fmt: skip
PLAIN = ("type", "minLength", "maxLength", "format")


def shape(schema: Any, at: str, names: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
    """Yield what a schema asks for, with where; what is listed as a deviation is left out."""
    for key in PLAIN:
        if key in schema and not ("baseUrl" in at and key == "format"):
            yield f"{at}:{key}", schema[key]
    if "pattern" in schema and "baseUrl" not in at:
        yield f"{at}:pattern", re.sub(r"\\([/-])", r"\1", schema["pattern"]).replace("-_.", "_.").replace("-]", "]").replace(" -", " ")
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        yield f"{at}:ref", names.get(name, name)
    if schema.get("additionalProperties") is False:
        yield f"{at}:closed", True
    if "required" in schema:
        yield f"{at}:required", sorted(schema["required"])
    consts = [p["const"] for k in ("anyOf", "oneOf") for p in schema.get(k, ()) if "const" in p]
    listed = [v for p in schema.get("anyOf", ()) for v in p.get("enum", ())]
    if not any(set(p) <= {"type", "format", "description"} for p in schema.get("anyOf", ())) and (consts or listed or "enum" in schema):
        yield f"{at}:values", sorted([*consts, *listed, *schema.get("enum", ())])
    for name, inner in schema.get("properties", {}).items():
        if name != "overlays" or at.endswith("Document"):
            yield from shape(inner, f"{at}.{name}", names)
    if isinstance(schema.get("items"), dict) and not re.fullmatch(r"Document\.\w+", at):
        yield from shape(schema["items"], f"{at}[]", names)


@pytest.mark.parametrize("file", ["Configuration", "Document"])
def test_the_schemas_ask_for_the_same(file: str, upstream: Path) -> None:
    loader = type("Plain", (yaml.SafeLoader,), {"yaml_implicit_resolvers": {
        k: [r for r in v if r[0] != "tag:yaml.org,2002:timestamp"] for k, v in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }})  # fmt: skip
    theirs = yaml.load((upstream / "open-resource-discovery" / f"{file}.schema.yaml").read_text("utf-8"), loader)
    names = NAMES if file == "Configuration" else {}
    parts = {file: {k: v for k, v in theirs.items() if k != "definitions"}, **theirs["definitions"]}
    parts.pop("OrdResource", None)  # abstract
    for name, part in parts.items():
        ours = names.get(name, name)
        assert dict(shape(OURS[ours], ours, {})) == dict(shape(part, ours, names)), name

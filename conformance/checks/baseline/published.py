"""What every provider publishes: whom to tell of a weakness (RFC 9116), advisories (CSAF), what a product is made of (SBOM)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urljoin, urlsplit

from conformance.api import Api
from conformance.checks.baseline.common import fetched, no_network, origin_of, well
from conformance.checks.contract import json_or_none
from conformance.checks.registry import check
from conformance.ending import Nonconformity, NotApplicable, NotTested, clip
from conformance.exchange import Exchange

SECURITY_TXT = "/.well-known/security.txt"
ADVISORIES = "/.well-known/csaf/provider-metadata.json"
_FIELD = re.compile(r"^([A-Za-z-]+):[ \t]*(\S.*?)\s*$", re.MULTILINE)
#: Members of CSAF 2.0 provider metadata that must be there (section 7.1.8).
PROVIDER = (
    "canonical_url",
    "last_updated",
    "list_on_CSAF_aggregators",
    "metadata_version",
    "mirror_on_CSAF_aggregators",
    "publisher",
    "role",
)
_SPDX = re.compile(r"^SPDXVersion: SPDX-\d", re.MULTILINE)


async def _security_txt(api: Api) -> Exchange:
    """Return security.txt: where the target file says, else where RFC 9116 puts it; a redirect is followed once."""
    link = str(api.test_data.get("security_txt") or f"{origin_of(api)}{SECURITY_TXT}")
    seen = await fetched("readSecurityTxt", link, accept="text/plain")
    if 300 <= seen.status < 400 and seen.header("location"):
        seen = await fetched("readSecurityTxt", urljoin(link, seen.header("location") or ""), accept="text/plain")
    return seen


def fields_of(text: str) -> dict[str, list[str]]:
    """Return the fields of a security.txt by name in lower case, comments left out.

    >>> fields_of("# a: b\\nContact: mailto:a@b.example\\n")
    {'contact': ['mailto:a@b.example']}
    """
    found: dict[str, list[str]] = {}
    for name, value in _FIELD.findall(text):
        found.setdefault(name.lower(), []).append(value)
    return found


async def _fields(api: Api) -> tuple[dict[str, list[str]], Exchange]:
    """Return the fields of security.txt where there is one; that there is none is a finding of one requirement alone."""
    seen = await _security_txt(api)
    found = fields_of(seen.body.decode("utf-8", "replace")) if seen.success else {}
    if not found or "html" in seen.media_type:
        raise NotApplicable(f"there is no security.txt: {seen.summary}", seen)
    return found, seen


@check("security-txt", about="service")
async def security_txt(api: Api) -> None:
    """Reads security.txt: it must be there as text, and name a contact."""
    seen = await _security_txt(api)
    if not seen.success or "html" in seen.media_type:
        observed = f"{seen.summary} {seen.media_type}".strip()
        raise Nonconformity("a security.txt (RFC 9116)", observed, seen, cause="no security.txt")
    if not fields_of(seen.body.decode("utf-8", "replace")).get("contact"):
        raise Nonconformity("a field Contact", "none", seen, cause="security.txt: contact")


@check("security-txt-expires", about="service")
async def security_txt_expires(api: Api, days: float = 0) -> None:
    """Reads when security.txt expires: said once, in the future.

    With: `days`, to look instead that it is no further away than so many.
    """
    found, seen = await _fields(api)
    told = found.get("expires", [])
    if days and len(told) != 1:
        raise NotApplicable("it does not say once when it expires", seen)
    if len(told) != 1:
        raise Nonconformity("one field Expires", f"{len(told)} of them", seen, cause="security.txt: expires")
    try:
        ends = datetime.fromisoformat(told[0].upper().replace("Z", "+00:00"))
    except ValueError:
        ends = None
    if ends is None or ends.tzinfo is None:
        if days:
            raise NotApplicable("when it expires cannot be read", seen)
        raise Nonconformity("a date-time of RFC 3339", clip(told[0], 60), seen, cause="security.txt: expires")
    looked = datetime.fromtimestamp(api.started + seen.ended_s, UTC)
    if days and ends > looked + timedelta(days=days):
        raise Nonconformity(f"an end within {days:g} days", told[0], seen, cause="security.txt: expires")
    if not days and ends <= looked:
        raise Nonconformity("an end in the future", told[0], seen, cause="security.txt: expires")


@check("security-txt-safe-links", about="service")
async def security_txt_safe_links(api: Api) -> None:
    """Reads the links in security.txt: those to web pages must be https."""
    found, seen = await _fields(api)
    plain = [v for values in found.values() for v in values if v.lower().startswith("http://")]
    if plain:
        raise Nonconformity("links that are https", clip(plain[0], 100), seen, cause="security.txt: plain http")


@check("security-txt-signed", about="service")
async def security_txt_signed(api: Api) -> None:
    """Reads security.txt and looks for an OpenPGP signature around it."""
    _, seen = await _fields(api)
    if b"-----BEGIN PGP SIGNED MESSAGE-----" not in seen.body:
        raise Nonconformity("an OpenPGP cleartext signature", "none", seen, cause="security.txt: not signed")


@check("advisories-published", about="service")
async def advisories_published(api: Api) -> None:
    """Reads the CSAF provider metadata that security.txt names, or at their well-known place, and looks for what they must hold."""
    good = await well(api)
    text = await _security_txt(api)
    named = fields_of(text.body.decode("utf-8", "replace")).get("csaf", []) if text.success else []
    link = named[0] if named else f"{origin_of(api)}{ADVISORIES}"
    seen = await fetched("readProviderMetadata", link, accept="application/json")
    if not seen.success:
        raise Nonconformity("CSAF provider metadata", seen.summary, seen, good, cause="no CSAF metadata")
    body = seen.json()
    lacking = [name for name in PROVIDER if not isinstance(body, dict) or name not in body]
    if lacking:
        raise Nonconformity(f"the members {', '.join(lacking)}", "not there", seen, good, cause="CSAF metadata")
    if urlsplit(str(body["canonical_url"])).scheme != "https" and not no_network(api):
        raise Nonconformity("a canonical_url that is https", clip(body["canonical_url"], 100), seen, good, cause="CSAF metadata")


@check("components-listed", about="service")
async def components_listed(api: Api) -> None:
    """Reads the software bills of material that the target file names: CycloneDX or SPDX."""
    named: Any = api.test_data.get("sbom")
    links: Sequence[Any] = named if isinstance(named, list) else [named] if named else []
    if not links:
        raise NotTested("needs test_data sbom: where the bill of material of each declared component is")
    good = await well(api)
    for link in links:
        seen = await fetched("readSbom", str(link), identity="default" if str(link).startswith("/") else "none")
        if not seen.success:
            raise Nonconformity("a bill of material", seen.summary, seen, good, cause="no SBOM")
        body = json_or_none(seen)
        told = body if isinstance(body, dict) else {}
        text = seen.body[:4000].decode("utf-8", "replace")
        known = (
            told.get("bomFormat") == "CycloneDX"
            or str(told.get("spdxVersion", "")).startswith("SPDX-")
            or "cyclonedx.org/schema/bom" in text
        )
        if not (known or _SPDX.search(text) or "spdx.org/rdf/3" in str(told.get("@context", ""))):
            raise Nonconformity("CycloneDX or SPDX", f"{seen.media_type}: {clip(text, 80)}", seen, good, cause="SBOM format")

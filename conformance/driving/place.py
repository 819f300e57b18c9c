"""Where a request goes and how it is spelt there: origins, link-local addresses, what may stand in a target and a header."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit


def url_origin(url: str) -> str:
    """Return scheme, host and port of *url* as written; a user name in it is not ours to send."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def link_local(url: str) -> bool:
    """Tell whether *url* leads to a link-local or unspecified address (cloud metadata services live there)."""
    host = urlsplit(url).hostname or ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None) or address
    return bool(mapped.is_link_local or mapped.is_unspecified)


def ascii_target(target: str) -> str:
    """Percent-encode what may not stand in a request target as it is: spaces, control and non-ASCII characters."""
    return "".join(c if "!" <= c <= "~" else "".join(f"%{b:02X}" for b in c.encode("utf-8", "surrogatepass")) for c in target)


def storable(value: str) -> str:
    """Return text that can be stored: JSON can name lone surrogates, UTF-8 cannot."""
    return value if value.isascii() else value.encode("utf-8", "backslashreplace").decode()


def header_line(value: str) -> str:
    """Return a header value without line ends or other control characters: no one smuggles a header through us."""
    return "".join(c for c in value if (c >= " " and c != "\x7f" and not "\ud800" <= c <= "\udfff") or c == "\t")

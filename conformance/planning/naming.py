"""Names: taken apart into words, compared without what joins the words, put together again."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any


def squeezed(name: str) -> str:
    """Return a name in lower case without what joins its words.

    >>> squeezed("page_Token")
    'pagetoken'
    """
    return re.sub(r"[^a-z0-9$@.]", "", name.lower())


def words(name: str) -> list[str]:
    """Return the words of a name in lower case.

    >>> words("getHTTPRoutes_v1")
    ['get', 'http', 'routes', 'v1']
    """
    return [w.lower() for w in re.findall(r"[A-Z]+(?![a-z])[0-9]*|[A-Z]?[a-z]+[0-9]*|[0-9]+", name)]


def camel(parts: Sequence[str]) -> str:
    """Return words as one in lowerCamelCase; it begins with a letter."""
    text = "".join(w if n == 0 else w[:1].upper() + w[1:] for n, w in enumerate(parts))
    return text if text[:1].isalpha() else f"operation{text}"


def singular(name: str) -> str:
    """Return the singular of a simple English plural.

    >>> [singular(n) for n in ("policies", "addresses", "aliases", "boxes", "users", "status", "Chassis")]
    ['policy', 'address', 'alias', 'box', 'user', 'status', 'Chassis']
    """
    low = name.lower()
    if low.endswith("ies") and len(low) > 4:
        return name[:-3] + "y"
    if low.endswith(("sses", "xes", "ches", "shes", "uses", "aliases")):
        return name[:-2]
    return name[:-1] if low.endswith("s") and not low.endswith(("ss", "us", "is")) and len(low) > 3 else name


def operation_id(raw: Mapping[str, Any], path: str, method: str, base: str = "") -> str:
    """Return the id of an operation in lowerCamelCase; made from method and path (without *base*) where it has none."""
    said = str(raw.get("operationId") or "")
    if re.fullmatch(r"[a-z][A-Za-z0-9]*", said):
        return said
    if said and words(said):
        return camel(words(said))
    parts = [method]
    for segment in path.removeprefix(base).strip("/").split("/"):
        inner = re.fullmatch(r"\{([^}]*)\}", segment)
        parts += ["by", *words(inner[1])] if inner else words(segment)
    return camel(parts)

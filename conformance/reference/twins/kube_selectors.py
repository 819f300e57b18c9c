"""Label and field selectors as Kubernetes reads them in a list."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_KEY = r"(?:[a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
_VALUE = r"(?:[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?"
_EQUAL = re.compile(rf"(?P<key>{_KEY})\s*(?P<operator>==|=|!=)\s*(?P<value>{_VALUE})")
_SET = re.compile(rf"(?P<key>{_KEY})\s+(?P<operator>in|notin)\s*\((?P<values>[^()]*)\)")
_THERE = re.compile(rf"(?P<not>!?)\s*(?P<key>{_KEY})")
#: Commas that are not in parentheses.
_COMMA = re.compile(r",(?![^(]*\))")


def selected(bodies: list[Any], labels: str, fields: str) -> list[Any]:
    """Return the objects that both selectors ask for; they are read even where there is nothing to select from.

    Raises:
        ValueError: one of them cannot be read.
    """
    nothing: dict[str, Any] = {"metadata": {}}
    found = [b for b in [nothing, *bodies] if labels_match(labels, b["metadata"].get("labels") or {}) & fields_match(fields, b)]
    return [b for b in found if b is not nothing]


def labels_match(selector: str, labels: Mapping[str, str]) -> bool:
    """Tell whether *labels* are what *selector* asks for.

    Raises:
        ValueError: it cannot be read.

    >>> labels_match("a in (1, 2),b!=3,!c", {"a": "2"})
    True
    """
    parts = [_holds(part.strip(), labels) for part in _COMMA.split(selector)] if selector.strip() else []
    return all(parts)


def _holds(part: str, labels: Mapping[str, str]) -> bool:
    if found := _SET.fullmatch(part):
        there = labels.get(found["key"]) in [v.strip() for v in found["values"].split(",")]
        return there if found["operator"] == "in" else not there
    if found := _EQUAL.fullmatch(part):
        same = labels.get(found["key"]) == found["value"]
        return same != (found["operator"] == "!=")
    if found := _THERE.fullmatch(part):
        return (found["key"] in labels) != bool(found["not"])
    raise ValueError(f"unable to parse requirement: {part!r}")


def fields_match(selector: str, body: Mapping[str, Any]) -> bool:
    """Tell whether an object's name and namespace are what *selector* asks for.

    Raises:
        ValueError: it cannot be read, or asks for another field.
    """
    parts = [_field(part.strip(), body) for part in selector.split(",")] if selector.strip() else []
    return all(parts)


def _field(part: str, body: Mapping[str, Any]) -> bool:
    found = re.fullmatch(r"([A-Za-z.]+)(==|=|!=)(.*)", part)
    if found is None:
        raise ValueError(f"invalid selector: {part!r}")
    if found[1] not in ("metadata.name", "metadata.namespace"):
        raise ValueError(f'"{found[1]}" is not a known field selector: only "metadata.name", "metadata.namespace"')
    same = bool(body["metadata"].get(found[1].partition(".")[2], "") == found[3])
    return same != (found[2] == "!=")

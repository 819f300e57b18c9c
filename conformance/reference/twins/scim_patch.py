"""PATCH of SCIM (RFC 7644 section 3.5.2): operations on attributes, each on a copy, all or none."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from typing import Any

from conformance.reference.message import Refused
from conformance.reference.twins.scim_filter import Filter, InvalidFilter, Path, get, holds, parse, path_of

_PATH = re.compile(r"(?P<attribute>[^\[\]]+?)(?:\[(?P<filter>.*)\](?:\.(?P<sub>[A-Za-z$][\w$-]*))?)?", re.DOTALL)
READ_ONLY = ("id", "meta", "groups", "schemas")
MULTI_VALUED = (
    "emails", "phonenumbers", "ims", "photos", "addresses", "groups", "entitlements", "roles", "x509certificates", "members",
)  # fmt: skip


def patched(resource: Mapping[str, Any], operations: list[Mapping[str, Any]], required: str) -> dict[str, Any]:
    """Return *resource* after all operations.

    Raises:
        Refused: one of them cannot be done; nothing was.
    """
    out = copy.deepcopy(dict(resource))
    for operation in operations:
        op, path = operation["op"].lower(), operation.get("path")
        if op == "remove" and not path:
            raise Refused(400, "remove needs a path", kind="noTarget")
        if op != "remove" and "value" not in operation:
            raise Refused(400, f"{op} needs a value", kind="invalidValue")
        if path:
            _at(out, op, path, operation.get("value"))
            continue
        if not isinstance(operation["value"], Mapping):
            raise Refused(400, "without a path the value names the attributes", kind="invalidValue")
        for name, value in operation["value"].items():
            _at(out, op, name, value)
    if get(out, required) in (None, ""):
        raise Refused(400, f"{required} is required", kind="mutability")
    return out


def _at(out: dict[str, Any], op: str, text: str, value: Any) -> None:
    path, inner, sub = _target(out, text)
    holder = _holder(out, path)
    if path.name in READ_ONLY and not path.urn:
        raise Refused(400, f"{path.name} is read-only", kind="mutability")
    name = next((k for k in holder if k.lower() == path.name), None) or _spelt(text, path)
    if inner is not None:
        _values(holder, name, op, inner, sub, value)
    elif path.sub:
        _sub(holder, name, op, path, value)
    elif op == "remove":
        holder.pop(name, None)
    elif op == "add" and (path.name in MULTI_VALUED or isinstance(holder.get(name), list)):
        current = list(holder.get(name) or [])
        for one in value if isinstance(value, list) else [value]:
            if one not in current and not _same(one, current):
                _primary(current, one)
                current.append(copy.deepcopy(one))
        holder[name] = current
    elif isinstance(holder.get(name), Mapping) and isinstance(value, Mapping):
        holder[name] = {**holder[name], **copy.deepcopy(dict(value))}
    elif path.name in MULTI_VALUED and not isinstance(value, list) and value is not None:
        holder[name] = [copy.deepcopy(value)]
    else:
        holder[name] = copy.deepcopy(value)


def _target(out: Mapping[str, Any], text: str) -> tuple[Path, Filter | None, str]:
    found = _PATH.fullmatch(text.strip())
    try:
        if not found:
            raise InvalidFilter(text)
        if text.lower().startswith("urn:") and any(k.lower() == text.lower() for k in out):
            return Path(text.lower()), None, ""
        return path_of(found["attribute"].strip()), parse(found["filter"]) if found["filter"] is not None else None, (found["sub"] or "")
    except InvalidFilter as error:
        raise Refused(400, f"no path: {error}", kind="invalidPath") from None


def _holder(out: dict[str, Any], path: Path) -> dict[str, Any]:
    if not path.urn or "core:2.0" in path.urn:
        return out
    name = next((k for k in out if k.lower() == path.urn), path.urn)
    holder: dict[str, Any] = out.setdefault(name, {})
    return holder


def _spelt(text: str, path: Path) -> str:
    tail = text.split("[")[0].rsplit(":", 1)[-1].split(".")[0]
    return tail if tail.lower() == path.name else path.name


def _sub(holder: dict[str, Any], name: str, op: str, path: Path, value: Any) -> None:
    current = holder.get(name)
    targets = [v for v in current if isinstance(v, dict)] if isinstance(current, list) else [current] if isinstance(current, dict) else []
    if not targets and op != "remove":
        holder[name] = [{}] if path.name in MULTI_VALUED else {}
        targets = [holder[name][0] if isinstance(holder[name], list) else holder[name]]
    for target in targets:
        _set(target, op, path.sub, value)


def _set(target: dict[str, Any], op: str, sub: str, value: Any) -> None:
    name = next((k for k in target if k.lower() == sub.lower()), None) or _CAMEL.get(sub.lower(), sub)
    if op == "remove":
        target.pop(name, None)
    else:
        target[name] = copy.deepcopy(value)


_PARTS = ("familyName", "givenName", "middleName", "honorificPrefix", "honorificSuffix", "streetAddress", "postalCode")
_CAMEL = {n.lower(): n for n in _PARTS}


def _values(holder: dict[str, Any], name: str, op: str, inner: Filter, sub: str, value: Any) -> None:
    current = holder.get(name) or []
    matching = [v for v in current if isinstance(v, dict) and holds(inner, v)] if isinstance(current, list) else []
    if not matching:
        raise Refused(400, "no value is what the filter of the path asks for", kind="noTarget")
    if op == "remove" and not sub:
        holder[name] = [v for v in current if v not in matching]
    elif sub:
        for one in matching:
            _set(one, op, sub, value)
    elif isinstance(value, Mapping):
        for one in matching:
            _primary([v for v in current if v is not one], value)
            one.update(copy.deepcopy(dict(value)))
    else:
        raise Refused(400, "a complex value is needed", kind="invalidValue")


def _same(one: Any, current: list[Any]) -> bool:
    key = get(one, "value")
    return key is not None and any(get(c, "value") == key and get(c, "type") == get(one, "type") for c in current)


def _primary(others: list[Any], new: Any) -> None:
    if get(new, "primary") is True:
        for one in others:
            if isinstance(one, dict) and one.get("primary") is True:
                one["primary"] = False

"""What lenient but honest servers make of a value: the readings that a sound invalid input leaves no room for."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from typing import Any

#: A reading: as if nothing had been sent.
ABSENT = object()
_TRUE = ("true", "t", "yes", "y", "on", "1")
_FALSE = ("false", "f", "no", "n", "off", "0")


def readings(value: Any) -> list[Any]:
    """Return what lenient but honest readers of JSON make of *value*: coerced, wrapped, unwrapped, trimmed, taken as absent.

    >>> readings(1)
    [[1], '1', 1.0, '1970-01-01T00:00:01Z', True]
    """
    found: list[Any] = [[value]]
    if value is None or value == "" or value == [] or value == {} or (not value and isinstance(value, int | float)):
        found += [ABSENT, None][: 1 if value is None else 2]  # typed languages have the zero value for what is absent
    if isinstance(value, bool):
        found += [str(value).lower(), int(value)]
    elif isinstance(value, int):
        found += [str(value), float(value), *_instant(value), *([bool(value)] if value in (0, 1) else [])]
    elif isinstance(value, float):
        found += [str(value), math.floor(value), math.ceil(value)]
    elif isinstance(value, str):
        found += _texts(value)
    elif isinstance(value, list):
        full = [v for v in value if v is not None]
        found += [value[0]] if len(value) == 1 else []
        found += [full] if len(full) < len(value) else []
        found += [{}] if not value else []  # one and the same in PHP and Lua
    elif isinstance(value, dict):
        full_members = {k: v for k, v in value.items() if v is not None}
        found += [full_members] if len(full_members) < len(value) else []
        found += [[]] if not value else []
    return found


def wire_readings(text: str) -> list[Any]:
    """Return every value that the characters of a query parameter may stand for.

    >>> wire_readings("2")
    ['2', 2.0, '1970-01-01T00:00:02Z', ['2'], [2.0], ['1970-01-01T00:00:02Z']]
    """
    found = [text, *_texts(text)]
    parts = [p.strip() for p in text.split(",")]
    numbers = [n for p in parts if (n := _number(p)) is not None]
    many: list[Any] = [] if len(parts) == 1 else [parts, numbers] if len(numbers) == len(parts) else [parts]
    return [*found, *([one] for one in found), *many]


def _texts(text: str) -> list[Any]:
    """Return what a text may be read as: another spelling of itself, a number, a truth, a moment."""
    trimmed = text.strip()
    found: list[Any] = [t for t in dict.fromkeys([trimmed, text.lower(), text.upper(), text.capitalize()]) if t != text]
    if (number := _number(trimmed)) is not None:
        found += [number, *([] if number.is_integer() else [math.floor(number), math.ceil(number)]), *_instant(number)]
    found += [True] if trimmed.lower() in _TRUE else [False] if trimmed.lower() in _FALSE else []
    if re.match(r"[0-9]{4}-?[0-9]{2}", trimmed):
        found += [f"{trimmed}Z", f"{trimmed}T00:00:00Z", f"{trimmed.replace(' ', 'T')}Z", trimmed.replace(" ", "T")]
    return found


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _instant(seconds: float) -> list[str]:
    if not 0 <= seconds < 4e9:
        return []
    return [datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")]

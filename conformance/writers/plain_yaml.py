"""Write YAML as people write it by hand, in the plain kind that our loader reads: no aliases, small things on one line."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, ClassVar

import yaml

_Base: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_WIDTH = 140
_SMALL = 100
#: Words and numbers that some reader of YAML takes for something else than text.
_QUOTED = re.compile(
    r"(?i)|y|n|yes|no|on|off|true|false|null|~|<<|=|[-+]?[0-9.][0-9._,:]*(e[-+]?[0-9]+)?|0[xob][0-9a-f]+|[-+]?\.(inf|nan)"
    r"|\d{4}-\d\d?-\d\d?([Tt ].*)?"
)


class _Dumper(_Base):  # type: ignore[misc]
    """Nothing is resolved: what must be quoted is said here."""

    yaml_implicit_resolvers: ClassVar[dict[str, list[tuple[str, re.Pattern[str]]]]] = {}

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: Any, value: str) -> Any:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style='"' if _QUOTED.fullmatch(value) else None)


def _small(value: Any) -> bool:
    return len(json.dumps(value, ensure_ascii=False, default=str)) <= _SMALL


def _mapping(dumper: Any, value: Mapping[str, Any]) -> Any:
    node = dumper.represent_mapping("tag:yaml.org,2002:map", value.items(), flow_style=_small(value))
    for key, _ in node.value:
        key.style = None if key.value == "on" else key.style  # our own key, and a word in YAML 1.2
    return node


def _sequence(dumper: Any, value: list[Any]) -> Any:
    return dumper.represent_sequence("tag:yaml.org,2002:seq", value, flow_style=_small(value))


def _plain(tag: str) -> Any:
    def represent(dumper: Any, value: Any) -> Any:
        return dumper.represent_scalar("tag:yaml.org,2002:str", "null" if value is None else json.dumps(value))

    represent.__name__ = tag
    return represent


_Dumper.add_representer(str, _text)
_Dumper.add_representer(dict, _mapping)
_Dumper.add_representer(list, _sequence)
_Dumper.add_representer(tuple, lambda dumper, value: _sequence(dumper, list(value)))
for _kind in (bool, int, float, type(None)):
    _Dumper.add_representer(_kind, _plain(_kind.__name__))


def yaml_text(value: Mapping[str, Any], *, heading: str = "", remarks: Mapping[str, str] | None = None) -> str:
    """Return *value* as YAML.

    Args:
        heading: lines of comment at the top.
        remarks: key at the second level -> a comment for it.

    >>> print(yaml_text({"edition": "1.0", "enum": ["on", "up"], "on": True}), end="")
    edition: "1.0"
    enum: ["on", up]
    on: true
    """
    lines = [f"# {line}" for line in heading.splitlines()]
    for key, inner in value.items():
        text = _dumped({key: inner}) if isinstance(inner, Mapping | list) and inner and not _small(inner) else _line(key, inner)
        for name, remark in (remarks or {}).items():
            if isinstance(inner, Mapping) and name in inner:
                text = _remarked(text, name, remark)
        lines.append(text.rstrip("\n"))
    return "\n".join(lines) + "\n"


def _line(key: str, value: Any) -> str:
    before = key if key == "on" else _dumped(key).strip()
    return f"{before}: {_dumped(value).strip()}"


def _remarked(text: str, name: str, remark: str) -> str:
    """Put a comment behind the line that begins with a key of the second level."""
    found = re.search(rf"(?m)^  {re.escape(_dumped(name).strip())}:.*$", text)
    return f"{text[: found.end()]}      # {remark}{text[found.end() :]}" if found else text


def _dumped(value: Any) -> str:
    text: str = yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_WIDTH)
    return text.removesuffix("...\n")

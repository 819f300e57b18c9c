"""Write YAML as people write it by hand, in the plain kind that our loader reads: no aliases, small things on one line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import yaml

_Base: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_WIDTH = 140


class _Dumper(_Base):  # type: ignore[misc]
    """Quotes what another reader might take for something else than text."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: Any, value: str) -> Any:
    number = re.fullmatch(r"[-+]?[0-9.][0-9._]*([eE][-+]?[0-9]+)?|0[xo][0-9a-fA-F]+|[-+]?\.(inf|nan)", value, re.I)
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style='"' if number else None)


_Dumper.add_representer(str, _text)


def yaml_text(value: Any, *, heading: str = "", remarks: Mapping[str, str] | None = None) -> str:
    """Return *value* as YAML.

    Args:
        heading: lines of comment at the top.
        remarks: key at the second level -> a comment for it.
    """
    lines = [f"# {line}" for line in heading.splitlines()]
    for key, inner in value.items():
        text = _dumped({key: inner})
        for name, remark in (remarks or {}).items():
            if isinstance(inner, Mapping) and name in inner:
                text = re.sub(rf"(?m)^(  {re.escape(_dumped(name).strip())}:.*)$", lambda m, r=remark: f"{m[1]}      # {r}", text, count=1)
        lines.append(text.rstrip("\n"))
    return "\n".join(lines) + "\n"


def _dumped(value: Any) -> str:
    text: str = yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_WIDTH, default_flow_style=None)
    return text.removesuffix("...\n") if not isinstance(value, Mapping) else text

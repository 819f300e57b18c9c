"""Where the rules that an edition takes over stand in its own documents."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from conformance.errors import Problem, UsageError
from conformance.requirement import FAMILIES


def moved(base: dict[str, Any], raw: Mapping[str, Any], file: str) -> dict[str, Any]:
    """Return what an edition takes over with the lines of its clauses as `moved` has them: where the same rules stand in its documents."""
    lines: Mapping[str, Mapping[str, str]] = raw.get("moved", {})
    if not lines:
        return base
    missing: set[tuple[str, str]] = set()
    own = {*raw["operations"], *raw.get("removed", ()), *(r["id"] for key in ("requirements", "not_tested") for r in raw[key])}

    def clause(text: str) -> str:
        document = ""

        def place(found: re.Match[str]) -> str:
            nonlocal document
            if found["document"]:
                document = found["document"]
            elif document in lines:
                if found[0] not in lines[document]:
                    missing.add((document, found[0]))
                return lines[document].get(found[0], found[0])
            return found[0]

        return re.sub(r"(?P<document>[\w-]+\.(?:yaml|json))|\bL[0-9]+", place, text)

    def entry(said: Any) -> Any:
        if not isinstance(said, Mapping):
            return said
        return {k: clause(v) if k == "clause" else entry(v) if k in FAMILIES else v for k, v in said.items()}

    told: dict[str, Any] = {"operations": {k: v if k in own else entry(v) for k, v in base["operations"].items()}}
    told |= {key: [r if r["id"] in own else entry(r) for r in base[key]] for key in ("requirements", "not_tested")}
    if missing:
        raise UsageError(
            *[Problem(file=file, place=f"moved.{d or '(the document)'}", problem=f"{line} is missing") for d, line in sorted(missing)]
        )
    return {**base, **told}

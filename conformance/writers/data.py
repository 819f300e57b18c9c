"""The run as one JSON document, for machines: the same numbers as every other output."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from conformance.run import Run
from conformance.scoring import Tally, score
from conformance.verdict import Verdict

#: Control characters that JSON lets stand and a terminal may obey.
_CONTROL = re.compile("[\x7f-\x9f]")


def tally_data(counts: Tally) -> dict[str, int]:
    """Return a tally as JSON members."""
    return {"total": counts.total, "applicable": counts.applicable, "judged": counts.judged, **{v.value: counts[v] for v in Verdict}}


def run_data(run: Run) -> dict[str, Any]:
    """Return header, totals, causes and results of a run as JSON values."""
    said = score(run)
    header = msgspec.to_builtins(run.header)
    return {
        "run": {k: v for k, v in header.items() if k not in ("kind", "format")},
        "complete": run.complete,
        "ended": run.footer.ended if run.footer else "cut short",
        "exit_code": int(said.exit_code),
        "conclusion": said.conclusion,
        "trouble": said.trouble,
        "totals": {level.value: tally_data(counts) for level, counts in said.tallies.items()}
        | {"programme": tally_data(said.programme), "drafts": tally_data(said.drafts)},
        "causes": [{"cause": c.cause, "level": c.level.value, "requirements": [r.requirement for r in c.results]} for c in said.causes],
        "scope": dict(run.look.scope) if run.look else {},
        "results": [{k: v for k, v in msgspec.to_builtins(r).items() if k != "kind"} for r in said.results],
        "leftovers": [{k: v for k, v in msgspec.to_builtins(x).items() if k != "kind"} for x in run.leftovers],
        "gap": msgspec.to_builtins(run.gap) if run.gap else None,
        "exploration": {k: v for k, v in msgspec.to_builtins(run.exploration).items() if k != "kind"} if run.exploration else None,
        "requests": run.footer.requests if run.footer else sum(r.requests for r in run.results),
        "seconds": run.footer.ended_s if run.footer else 0.0,
    }


def write_json(run: Run) -> str:
    """Return the run as JSON text."""
    text = msgspec.json.format(msgspec.json.encode(run_data(run)), indent=1).decode() + "\n"
    return _CONTROL.sub(lambda m: f"\\u{ord(m[0]):04x}", text)

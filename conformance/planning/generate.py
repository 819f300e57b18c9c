"""Generate the frozen inputs of a profile; knows the interface of schemathesis, most of which is not public, as only `driving.explorer` does besides.

    python -m conformance.planning.generate [PROFILE[@EDITION] ...] [--check] [--why]

A process of its own with nothing but the contract's slices enumerates ideas (schemathesis' coverage phase, no search, no chance);
`conformance.planning.corpus` decides which of them become cases. No run of checks imports this.
"""

from __future__ import annotations

import argparse
import copy
import importlib.metadata
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from conformance.contract import Operation
from conformance.errors import TestbedError, UsageError
from conformance.planning.corpus import Idea, grounds, sorted_out, text_of, within_budget
from conformance.profile import Profile
from conformance.schema import lookup, seen_from

_PROCESS = "--ideas"
_ROOT = Path(__file__).resolve().parents[2]


def slice_of(requests: Mapping[str, Any], operation: Operation) -> dict[str, Any]:
    """Return what a request of *operation* rests on, as a document: so unrelated edits change nothing.

    Args:
        requests: the whole contract as seen from the client (`seen_from(document, "request")`).
    """
    item = requests["paths"][operation.path]
    raw = {k: v for k, v in item[operation.method.lower()].items() if k in ("operationId", "parameters", "requestBody")}
    raw["responses"] = {"default": {"description": "any"}}
    out: dict[str, Any] = {
        "openapi": requests["openapi"],
        "info": {"title": "slice", "version": "1"},
        "paths": {operation.path: {"parameters": item.get("parameters", []), operation.method.lower(): raw}},
    }
    wanted = list(_references(out["paths"]))
    while wanted:
        reference = wanted.pop(0)
        *way, last = [p.replace("~1", "/").replace("~0", "~") for p in reference.removeprefix("#/").split("/")]
        place = out
        for part in way:
            place = place.setdefault(part, {})
        if last not in place:
            place[last] = copy.deepcopy(lookup(requests, reference[1:]))
            wanted += _references(place[last])
    return out


def _references(node: Any) -> list[str]:
    if isinstance(node, Mapping):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [r for value in node.values() for r in _references(value)]
    return [r for value in node for r in _references(value)] if isinstance(node, list) else []


def ideas_of(slices: Mapping[str, Mapping[str, Any]], *, hash_seed: str = "0") -> dict[str, list[Idea]]:
    """Return the ideas for each slice (operation id -> document), enumerated in a clean process.

    Raises:
        TestbedError: that process broke.
    """
    kept = {k: os.environ[k] for k in ("PATH", "SYSTEMROOT") if k in os.environ}
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            **kept,
            "PYTHONPATH": str(_ROOT),
            "PYTHONHASHSEED": hash_seed,
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONUTF8": "1",
            "HOME": folder,
        }
        done = subprocess.run(
            [sys.executable, "-m", __spec__.name if __name__ == "__main__" else __name__, _PROCESS],
            input=json.dumps(slices),
            cwd=folder,
            env=environment,
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
    if done.returncode:
        raise TestbedError(f"the generator ended with {done.returncode}:\n{done.stderr[-4000:]}")
    found: dict[str, list[Idea]] = {name: [] for name in slices}
    for line in done.stdout.splitlines():
        idea = Idea(**json.loads(line))
        found[idea.operation].append(idea)
    return found


def _enumerate(slices: Mapping[str, Mapping[str, Any]]) -> list[Idea]:
    """Ask schemathesis for the negative cases of its coverage phase (here alone its interface is used)."""
    import schemathesis
    from hypothesis.internal.conjecture import providers
    from hypothesis.internal.constants_ast import Constants
    from schemathesis.core import NOT_SET
    from schemathesis.generation import GenerationMode

    # Else the constants in whatever modules happen to be imported steer what Hypothesis draws.
    empty = Constants()
    providers._get_local_constants = lambda: empty
    found = []
    for operation_id, document in slices.items():
        schema: Any = schemathesis.openapi.from_dict(dict(document))  # a fresh one each: a second enumeration differs
        operations = [result.ok() for result in schema.get_all_operations()]
        for operation in operations:
            config = schema.config.generation_for(operation=operation, phase="coverage")
            for case in schema.iter_coverage_cases(operation, generation_modes=[GenerationMode.NEGATIVE], generation_config=config):
                told = case.meta.phase.data
                place = told.parameter_location.value if told.parameter_location else ""
                scenario = str(told.scenario.value)
                if place == "body" and case.body is not NOT_SET:
                    found.append(Idea(operation=operation_id, scenario=scenario, place="body", value=case.body))
                elif place == "query" and told.parameter:
                    query = case.query or {}
                    missing = told.parameter not in query
                    found.append(
                        Idea(
                            operation=operation_id,
                            scenario=scenario,
                            place="query",
                            name=told.parameter,
                            value=query.get(told.parameter),
                            missing=missing,
                        )
                    )
    return found


def _process() -> int:
    """Run the clean process: slices on standard input, ideas on standard output; what is no JSON is no idea for us."""
    for idea in _enumerate(json.load(sys.stdin)):
        told = {k: getattr(idea, k) for k in Idea.__slots__}
        try:
            print(json.dumps(told, allow_nan=False))
        except (TypeError, ValueError):
            continue
    return 0


def generated(profile: Profile, asked: Sequence[str], *, hash_seed: str = "0", dropped: list[str] | None = None) -> str:
    """Return the file of *profile*'s corpus for the operations in *asked*; *dropped* collects what was left out and why."""
    ground = grounds(profile, asked)
    requests = seen_from(profile.contract.document, "request")
    ideas = ideas_of({g.operation.id: slice_of(requests, g.operation) for g in ground}, hash_seed=hash_seed)
    cases = []
    for one in ground:
        kept, left_out = sorted_out(one, ideas[one.operation.id])
        cases += within_budget(kept)
        if dropped is not None:
            dropped += [f"{case.id} {json.dumps(case.value)[:80]}: {why}" for case, why in left_out]
    versions = {name: importlib.metadata.version(name) for name in ("schemathesis", "hypothesis")}
    return text_of(profile, cases, versions)


def operations_asked(file: Path) -> list[str]:
    """Return the operations of the profile edition in *file* whose `refuses` is not switched off."""
    from conformance.loading.profiles import _edition

    raw, _ = _edition(file.parent, file.stem, ())
    return [name for name, said in raw["operations"].items() if said.get("refuses", {}) is not False]


def main(argv: Sequence[str] | None = None) -> int:
    """Write the corpora (or with `--check` compare them); return 0, 1 when a file would change, 2 when asked wrongly."""
    from conformance.loading.profiles import Shelf, load_profile

    parser = argparse.ArgumentParser(prog="python -m conformance.planning.generate", description="Generate the frozen inputs of profiles.")
    parser.add_argument("profile", nargs="*", metavar="PROFILE[@EDITION]", help="default: every edition of every profile")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a file would change")
    parser.add_argument("--why", action="store_true", help="list the ideas that were left out, with the reason")
    asked = parser.parse_args(argv)
    shelf = Shelf.standard()
    changed = False
    try:
        for name in asked.profile or [f"{p}@{e}" for p, editions in shelf.profiles.items() for e in editions]:
            profile = load_profile(name, shelf)
            home = shelf.home(profile.name)
            file = home / f"{profile.edition}.corpus.jsonl"
            dropped: list[str] = []
            text = generated(profile, operations_asked(home / f"{profile.edition}.yaml"), dropped=dropped)
            same = file.is_file() and file.read_bytes() == text.encode()
            changed = changed or not same
            if not same and not asked.check:
                file.write_bytes(text.encode())
            news = "unchanged" if same else "would change" if asked.check else "written"
            print(f"{profile.name}@{profile.edition}: {len(text.splitlines()) - 1} cases, {len(dropped)} ideas left out, {news}")
            print("".join(f"  {line}\n" for line in dropped) if asked.why else "", end="")
    except (UsageError, TestbedError) as error:
        print(error, file=sys.stderr)
        return 2 if isinstance(error, UsageError) else 4
    return 1 if changed and asked.check else 0


if __name__ == "__main__":
    sys.exit(_process() if sys.argv[1:] == [_PROCESS] else main())

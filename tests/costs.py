"""What a basic profile costs in files and lines, and how many of them are Python: the table of docs/adding-a-standard.md.

`python -m tests.costs` prints it.
"""

from __future__ import annotations

import inspect
import statistics
from pathlib import Path

from conformance.loading.profiles import Shelf, load_profile
from conformance.profile import Profile
from conformance.reference.faults import known_faults
from conformance.reference.twins import special

SHELF = Shelf.standard()


def python_of(profile: Profile) -> set[Path]:
    """Return the modules that are there for this profile alone: its twin, and the faults that only it can have."""
    twin = special(profile.name, profile.edition)
    own = {Path(inspect.getfile(twin))} if twin.__module__.startswith("conformance.reference.twins.") else set()
    return own | {Path(inspect.getfile(f.calls or f.act)) for f in known_faults().values() if f.profile == profile.name}


def rows() -> list[tuple[str, int, list[int], int]]:
    """Return for each basic profile: name, number of files, lines of contract, of the profile's own files and of the twin's, lines of Python."""
    found = []
    for name in sorted(SHELF.profiles):
        profile = load_profile(name, SHELF)
        if profile.tier != "basic" or profile.bindings.beside:
            continue
        home, contract = SHELF.home(name), SHELF.contract_file(f"{profile.contract.standard}/{profile.contract.edition}").parent
        own = [*home.glob(f"{profile.edition}.yaml"), *home.glob("*.arazzo.yaml"), home / "bindings.yaml"]
        parts = [sorted(contract.glob("*.yaml")), own, [p for p in [home / "twin.yaml"] if p.is_file()]]
        python = python_of(profile)
        files = sum(map(len, parts)) + len(python)
        found.append((f"{name} {profile.edition}", files, [sum(map(_lines, part)) for part in parts], sum(map(_lines, python))))
    return sorted(found, key=lambda row: (row[3], sum(row[2])))


def _lines(file: Path) -> int:
    return len(file.read_text("utf-8").splitlines())


def table() -> str:
    """Return the table as Markdown."""
    head = ["| profile | files | contract | profile, bindings, workflows | twin as data | Python |", "|---|---:|---:|---:|---:|---:|"]
    told = rows()
    body = [f"| {name} | {files} | {data[0]} | {data[1]} | {data[2] or '–'} | {python or '–'} |" for name, files, data, python in told]
    middle = statistics.median(python for *_, python in told)
    return "\n".join([*head, *body, f"| median | | | | | {middle:.0f} |"])


if __name__ == "__main__":
    print(table())

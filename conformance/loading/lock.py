"""The register of requirement ids, `profiles/requirements.lock`: append-only, so that an id means one thing for ever.

A line is `ID LEVEL EDITION`: from this edition on the requirement has this level; the last line that applies counts.
`python -m conformance.loading.lock` appends what is new. A changed level is appended only when a `verdict` fragment in
`changelog.d/` names the requirement, because it changes outcomes for unchanged targets.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from conformance.errors import Problem
from conformance.loading.plain_yaml import read_text
from conformance.loading.profiles import Shelf, load_profile

LOCK_FILE = "requirements.lock"
HEAD = "# ID LEVEL EDITION, append-only: python -m conformance.loading.lock appends what is new\n"


@dataclass(frozen=True, slots=True, order=True)
class Line:
    """One line of the register."""

    id: str
    level: str
    edition: str

    def __str__(self) -> str:
        return f"{self.id} {self.level} {self.edition}"


def read_lock(file: Path) -> list[Line]:
    """Return the lines of the register, oldest first."""
    return [Line(*line.split()) for line in read_text(file).splitlines() if line and not line.startswith("#")]


def present(shelf: Shelf) -> list[Line]:
    """Return id and level of every requirement of every edition, oldest edition first."""
    found = []
    for name, editions in sorted(shelf.profiles.items()):
        for edition in editions:
            profile = load_profile(f"{name}@{edition}", shelf)
            found += sorted(Line(r.id, r.level.value, edition) for r in profile.by_id.values())
    return found


def new_lines(lines: Sequence[Line], now: Iterable[Line], editions: Sequence[str] = ()) -> tuple[list[Line], list[Line]]:
    """Return the lines to append for ids that are new, and those for levels that changed.

    Args:
        lines: the register.
        now: what the profiles hold, oldest edition first.
        editions: all editions in their order; a line of a later edition says nothing of an earlier one.
    """
    known = list(lines)
    fresh: list[Line] = []
    changed: list[Line] = []
    for line in now:
        before = [k for k in known if k.id == line.id]
        valid = [
            k
            for k in before
            if k.edition not in editions or line.edition not in editions or editions.index(k.edition) <= editions.index(line.edition)
        ]
        if not before:
            fresh.append(line)
        elif valid and valid[-1].level != line.level:
            changed.append(line)
        else:
            continue
        known.append(line)
    return fresh, changed


def unlocked(shelf: Shelf, lines: Sequence[Line]) -> tuple[list[Line], list[Line]]:
    """Return new ids and changed levels of all profiles, each profile by its own order of editions."""
    fresh: list[Line] = []
    changed: list[Line] = []
    everything = present(shelf)
    for name, editions in sorted(shelf.profiles.items()):
        mine = [line for line in lines if line.id.startswith(f"{name}/")]
        more, other = new_lines(mine, [line for line in everything if line.id.startswith(f"{name}/")], editions)
        fresh += more
        changed += other
    return fresh, changed


def announced(changelog: Path) -> str:
    """Return the text of all `verdict` fragments."""
    return "\n".join(read_text(file) for file in sorted(changelog.glob("*.verdict.md")))


def lock_problems(shelf: Shelf, lines: Sequence[Line], changelog: Path) -> list[Problem]:
    """Return what is wrong between the register and the profiles: removed ids, levels changed in silence, ids that nobody entered."""
    how = "python -m conformance.loading.lock"
    ids = {line.id for line in present(shelf)}
    fresh, changed = unlocked(shelf, lines)
    said = announced(changelog)
    problems = [
        Problem(file=LOCK_FILE, place=i, problem="this id is gone; ids live for ever", hint="keep it, or move it to not_tested")
        for i in dict.fromkeys(k.id for k in lines)
        if i not in ids
    ]
    problems += [
        Problem(file=LOCK_FILE, place=str(line), problem="stands here twice")
        for line in sorted({k for k in lines if list(lines).count(k) > 1})
    ]
    problems += [
        Problem(
            file=LOCK_FILE,
            place=line.id,
            problem=f"is {line.level} in {line.edition} now, and no verdict fragment names it",
            hint=f"changelog.d/ISSUE.verdict.md, then {how}",
        )
        for line in changed
        if line.id not in said
    ]
    problems += [Problem(file=LOCK_FILE, place=line.id, problem="is not entered", hint=how) for line in fresh]
    return problems


def main() -> int:
    """Append what is new; refuse a changed level that no `verdict` fragment names."""
    shelf = Shelf.standard()
    file = shelf.profile_dirs[-1] / LOCK_FILE
    lines = read_lock(file) if file.exists() else []
    fresh, changed = unlocked(shelf, lines)
    said = announced(file.parent.parent / "changelog.d")
    silent = [line for line in changed if line.id not in said]
    for line in silent:
        print(f"{line}: a changed level needs a changelog.d/*.verdict.md that names the requirement", file=sys.stderr)
    added = [*fresh, *[line for line in changed if line not in silent]]
    if not file.exists():
        file.write_text(HEAD, "utf-8")
    with file.open("a", encoding="utf-8") as register:
        register.writelines(f"{line}\n" for line in added)
    print(f"{file}: {len(added)} lines appended")
    return 1 if silent else 0


if __name__ == "__main__":
    sys.exit(main())

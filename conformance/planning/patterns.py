"""The table pattern × profile: where each pattern is asked for, and where it could be and is not, why."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from conformance.checks.registry import Check
from conformance.profile import Profile

#: What stands where nobody has said why.
NOT_YET = "not asked for yet"
_PATTERNS = "conformance.checks.patterns."

#: What a profile must have beside the roles of a resource for the checks of a module to say anything, or to be about its kind of thing.
_NEEDS: Mapping[str, tuple[str, Callable[[Profile], bool]]] = {
    "bulk": ("no bulk operation is bound", lambda p: any("bulk" in o.lower() for o in p.contract.operations)),
    "callbacks": ("the standard does not call back", lambda p: p.bindings.callbacks is not None),
    "correlation": ("the standard does not call back", lambda p: p.bindings.callbacks is not None),
    "documents": ("no index of documents", lambda p: p.bindings.documents is not None),
    "tenancy": ("no credentials that tell clients apart", lambda p: p.bindings.authentication.required),
    "tokens": ("it issues no tokens", lambda p: any(o.client for o in p.contract.operations.values())),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A pattern in a profile: the requirements that ask for it, or why there are none; `possible`: it could be asked for."""

    requirements: tuple[str, ...] = ()
    possible: bool = True
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A pattern: what it does, in one sentence, and its cell in each profile (`name@edition`)."""

    check: str
    sentence: str
    cells: Mapping[str, Cell]


def pattern_table(profiles: Iterable[Profile], checks: Mapping[str, Check]) -> tuple[Row, ...]:
    """Return a row for each pattern check, by name."""
    asked = list(profiles)
    patterns = sorted((c for c in checks.values() if c.run.__module__.startswith(_PATTERNS)), key=lambda c: c.name)
    return tuple(
        Row(check=one.name, sentence=one.sentence, cells={f"{p.name}@{p.edition}": _cell(one, p) for p in asked}) for one in patterns
    )


def _cell(check: Check, profile: Profile) -> Cell:
    found = tuple(r.id for r in profile.requirements if r.check == check.name)
    if found:
        return Cell(requirements=found)
    if check.name in profile.bindings.left_out:
        return Cell(reason=profile.bindings.left_out[check.name])
    lacking = _lacking(check, profile)
    return Cell(possible=not lacking, reason=lacking or NOT_YET)


def _lacking(check: Check, profile: Profile) -> str:
    """Return what the profile lacks for a check to be asked for at all, or ''."""
    module = check.run.__module__.removeprefix(_PATTERNS)
    if module in _NEEDS and not _NEEDS[module][1](profile):
        return _NEEDS[module][0]
    if check.about == "resource" and not any(all(getattr(r, role) for role in check.roles) for r in profile.bindings.resources.values()):
        return f"no resource has {' and '.join(check.roles)}" if check.roles else "no resource is bound"
    return ""


def stale(profile: Profile, checks: Mapping[str, Check]) -> list[str]:
    """Return what is wrong with the reasons of a profile: names of no pattern, and patterns that are asked for after all."""
    used = {r.check for r in profile.requirements}
    return [name for name in profile.bindings.left_out if name not in checks or name in used]


def page(rows: Iterable[Row]) -> str:
    """Return docs/patterns.md, made from the table."""
    table = list(rows)
    names = list(table[0].cells) if table else []
    numbers = {name: str(n) for n, name in enumerate(names, 1)}
    out = [
        "# Patterns and profiles",
        "",
        "Made by `conformance coverage --patterns --format markdown`; not typed. A number counts the requirements of a profile that ask for the",
        "pattern, `–` says that it cannot apply there, a letter stands for a reason below, `·` for: it could apply and is not asked for yet.",
        "",
        *(f"{numbers[name]}. {name}" for name in names),
        "",
        "| pattern | " + " | ".join(numbers[name] for name in names) + " |",
        "|---" * (len(names) + 1) + "|",
    ]
    reasons: dict[tuple[str, str], str] = {}
    for row in table:
        out.append(f"| `{row.check}` | " + " | ".join(_short(row, name, reasons) for name in names) + " |")
    out += ["", "## Why not", ""]
    out += [f"* **{letter}** `{check}`: {reason}" for (check, reason), letter in reasons.items()] or ["Nothing has been said yet."]
    out += ["", "## What each does", "", *(f"* `{row.check}`: {row.sentence}" for row in table)]
    return "\n".join(out) + "\n"


def _short(row: Row, name: str, reasons: dict[tuple[str, str], str]) -> str:
    cell = row.cells[name]
    if cell.requirements:
        return str(len(cell.requirements))
    if not cell.possible:
        return "–"
    if cell.reason == NOT_YET:
        return "·"
    return reasons.setdefault((row.check, cell.reason), _letter(len(reasons)))


def _letter(number: int) -> str:
    """Return a, b, … z, aa, ab …

    >>> _letter(0), _letter(25), _letter(26)
    ('a', 'z', 'aa')
    """
    first, last = divmod(number, 26)
    return ("" if not first else _letter(first - 1)) + "abcdefghijklmnopqrstuvwxyz"[last]

"""Commands that only read what we know: profiles, explain, coverage, plan."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import msgspec

from conformance.case import Case
from conformance.checks.registry import known_checks
from conformance.cli.common import shelf_of
from conformance.domain import EVIDENCE, domains
from conformance.errors import Problem, UsageError, asked, did_you_mean
from conformance.loading.matrices import read_matrix
from conformance.loading.profiles import Shelf, load_profile
from conformance.loading.targets import profile_claimed
from conformance.planning.examine import case_name
from conformance.planning.patterns import page, pattern_table
from conformance.planning.plan import Test, effect_of, make_plan
from conformance.profile import Profile
from conformance.requirement import Requirement
from conformance.verdict import Level, Verdict


def _profiles_command(commands: Any) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser("profiles", help="list the profiles")
    command.add_argument("--format", choices=("text", "json"), default="text")
    command.set_defaults(call=profiles)
    return command


def profiles(options: argparse.Namespace) -> int:
    """List every edition of every profile."""
    shelf = shelf_of(options)
    rows = [
        _profile_row(load_profile(f"{name}@{edition}", shelf)) for name, editions in sorted(shelf.profiles.items()) for edition in editions
    ]
    rows.sort(key=lambda r: (r["interface"], r["profile"]))
    if options.format == "json":
        print(json.dumps(rows, indent=1))
        return 0
    for row in rows:
        print(
            f"{row['interface']}  {row['profile'] + '@' + row['edition']:<45} {row['tier']:<6} "
            f"{row['requirements']:>4} requirements  {row['title']}"
        )
    return 0


def _profile_row(profile: Profile) -> dict[str, Any]:
    must = sum(r.level is Level.MUST and not r.draft for r in profile.requirements)
    return {
        "profile": profile.name, "interface": profile.interface, "edition": profile.edition, "tier": profile.tier, "state": profile.state,
        "title": profile.title, "requirements": len(profile.requirements), "effective_musts": must, "not_tested": len(profile.not_tested),
        "features": sorted(profile.features),
    }  # fmt: skip


def _explain_command(commands: Any) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser("explain", help="say what a requirement asks and how it is looked at")
    command.add_argument("requirement", metavar="REQUIREMENT")
    command.set_defaults(call=explain)
    return command


def find_requirement(name: str, shelf: Shelf) -> tuple[Profile, Requirement]:
    """Return a requirement by its id, with its profile (of the default edition, else of any that has it).

    Raises:
        UsageError: there is none.
    """
    profile_name = name.partition("/")[0].partition("@")[0]
    shelf.home(profile_name)
    default = load_profile(profile_name, shelf)
    loaded = [default, *[load_profile(f"{profile_name}@{e}", shelf) for e in shelf.profiles[profile_name] if e != default.edition]]
    for profile in loaded:
        if name in profile.by_id:
            return profile, profile.by_id[name]
    raise UsageError(Problem(file="requirement", problem=f"'{name}' is not a requirement", hint=did_you_mean(name, default.by_id)))


def explain(options: argparse.Namespace) -> int:
    """Print a requirement with its clause and, in words, what is sent."""
    profile, requirement = find_requirement(options.requirement, shelf_of(options))
    print(f"{requirement.id}  ({requirement.level.value}{', draft' if requirement.draft else ''})\n")
    print(f"{requirement.sentence}\n")
    seen = "" if requirement.basis == "programme" else " (text looked up)" if requirement.seen else " (text not looked up yet)"
    print(f"basis    {requirement.basis}: {requirement.clause}{seen}{f', decided {requirement.decided}' if requirement.decided else ''}")
    print(f"profile  {profile.name} {profile.edition}, feature {requirement.feature}: {profile.features[requirement.feature].sentence}")
    if requirement.when:
        asked = " or ".join(filter(None, (requirement.when.operation, requirement.when.also)))
        print(f"applies  when {asked} says so at {requirement.when.pointer or 'all'}")
    check = known_checks().get(requirement.check)
    if requirement.reason:
        print(f"looked   not at all: {requirement.reason}")
    elif check is None:
        print(f"looked   not yet: there is no check called {requirement.check}")
    else:
        effect = effect_of(profile, requirement, check)
        print(f"looked   {check.sentence}")
        if requirement.on in profile.contract.operations:
            print(f"at       {profile.operation(requirement.on).title}")
        elif requirement.on:
            resource = profile.resource(requirement.on)
            print(
                "at       " + ", ".join(profile.operation(getattr(resource, role)).title for role in check.roles if getattr(resource, role))
            )
        for number, line in enumerate(_steps(profile, requirement)):
            print(f"{'' if number else 'steps':<9}{line}")
        print(f"effect   {effect.value}" + (f" (needs --allow {effect.consent})" if effect.consent else ""))
        if check.cases:
            cases = list(check.cases(profile, requirement))
            print(
                f"cases    {len(cases)}"
                + (f", such as {cases[0].title if isinstance(cases[0], Case) else case_name(cases[0])}" if cases else "")
            )
        if requirement.arguments:
            print(f"with     {json.dumps(dict(requirement.arguments), ensure_ascii=False)}")
    matrix = read_matrix(profile.name, profile.edition, shelf_of(options))
    caught = matrix.catchers(requirement.id) if matrix else ()
    if caught:
        print(f"catches  {len(caught)} faults of twins, such as {', '.join(caught[:5])} (docs/sensitivity.md)")
    if requirement.needs:
        print(f"needs    {', '.join(requirement.needs)}")
    return 0


def _steps(profile: Profile, requirement: Requirement) -> list[str]:
    """Return what a requirement that follows a workflow sends, a line a step, and what judges it."""
    if requirement.check != "workflow":
        return []
    steps, judges = profile.workflows[requirement.arguments["workflow"]].steps, requirement.arguments["judges"]
    last = max(number for number, step in enumerate(steps) if judges in step.requirements)
    told = []
    for step in steps[: last + 1]:
        judged = f": judged by {', '.join(c.told for c in step.criteria)}" if judges in step.requirements else ""
        told.append(profile.operation(step.operation).title + judged)
    return told


def _coverage_command(commands: Any) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser("coverage", help="requirements without a check, checks without a requirement")
    command.add_argument("profile", metavar="PROFILE[@EDITION]", nargs="?", default="")
    command.add_argument(
        "--patterns", action="store_true", help="the table pattern × profile: where each applies, and where it could but does not, why"
    )
    command.add_argument("--domains", action="store_true", help="the eight security domains: which profiles look at each, and gaps")
    command.add_argument("--format", choices=("text", "json", "markdown"), default="text")
    command.set_defaults(call=coverage)
    return command


def coverage(options: argparse.Namespace) -> int:
    """Say which requirements have no check and which operations no requirement; exit 1 when a requirement has neither check nor reason."""
    if options.patterns:
        return _patterns(options)
    if options.domains:
        return _domains(options)
    if not options.profile or options.format == "markdown":
        raise asked(
            "which profile?" if not options.profile else "markdown is a format of --patterns", hint="coverage PROFILE, coverage --patterns"
        )
    profile = load_profile(options.profile, shelf_of(options))
    checks = known_checks()
    lacking = [r for r in profile.requirements if r.check not in checks]
    used = {r.check for r in profile.requirements}
    operations = [o.title for o in profile.contract.operations.values() if not any(r.on == o.id for r in profile.requirements)]
    must = [r for r in profile.requirements if r.level is Level.MUST and not r.draft]
    untested = [r for r in profile.not_tested if r.level is Level.MUST]
    data = {
        "profile": profile.name, "edition": profile.edition, "requirements": len(profile.requirements), "effective_musts": len(must),
        "drafts": sum(r.draft for r in profile.requirements), "no_check_yet": {r.id: r.check for r in lacking},
        "not_tested": {r.id: r.reason for r in profile.not_tested}, "not_tested_musts": len(untested),
        "checks": {name: sum(r.check == name for r in profile.requirements) for name in sorted(used & set(checks))},
        "checks_without_requirement": sorted(set(checks) - used), "operations_without_requirement": operations,
        "cases": {operation: len(cases) for operation, cases in profile.cases.items()},
    }  # fmt: skip
    if options.format == "json":
        print(json.dumps(data, indent=1))
        return 1 if lacking else 0
    print(
        f"{profile.name} {profile.edition}: {len(profile.requirements)} requirements, {len(must)} effective MUSTs, "
        f"{data['drafts']} drafts, {len(profile.not_tested)} not tested"
    )
    for requirement in lacking:
        print(f"no check yet  {requirement.id}  ({requirement.check})")
    for requirement in profile.not_tested:
        print(f"not tested    {requirement.id}  ({requirement.reason})")
    for operation in operations:
        print(f"no requirement  {operation}")
    print("checks used: " + ", ".join(f"{name} {count}" for name, count in data["checks"].items()))  # type: ignore[attr-defined]
    print("checks of no requirement here: " + (", ".join(data["checks_without_requirement"]) or "none"))  # type: ignore[arg-type]
    return 1 if lacking else 0


def _domains(options: argparse.Namespace) -> int:
    """Print the security domains with the profiles (the default edition of each) that look at them; those that nobody looks at are gaps."""
    shelf = shelf_of(options)
    names = [options.profile] if options.profile else sorted(shelf.profiles)
    found = domains([load_profile(n, shelf) for n in names], known_checks())
    if options.format == "json":
        print(json.dumps([{**msgspec.to_builtins(d), "state": d.state} for d in found], indent=1))
        return 0
    for one in found:
        print(f"{one.state:<8}{one.title}")
        for profile, ids in one.checked.items():
            print(f"  {profile:<40}{len(ids):>4} requirements")
        for name in one.unchecked:
            print(f"  not tested  {name}")
    print(EVIDENCE)
    return 0


def _patterns(options: argparse.Namespace) -> int:
    """Print the table pattern × profile, of one profile or of the default edition of each."""
    shelf = shelf_of(options)
    rows = pattern_table(
        [load_profile(n, shelf) for n in ([options.profile] if options.profile else sorted(shelf.profiles))], known_checks()
    )
    if options.format == "markdown":
        print(page(rows), end="")
    elif options.format == "json":
        print(json.dumps(msgspec.to_builtins(rows), indent=1, ensure_ascii=False))
    else:
        for row in rows:
            print(f"{row.check}")
            for name, cell in row.cells.items():
                told = ", ".join(r.partition("/")[2] for r in cell.requirements)
                if told or cell.possible:
                    print(f"  {name:<46}" + (f"{len(cell.requirements)}  {told}" if told else f"-  {cell.reason}"))
    return 0


def _plan_command(commands: Any) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(
        "plan", help="what a run would send, create and not be able to undo; nothing is sent"
    )
    command.add_argument("profile", metavar="PROFILE[@EDITION]")
    command.add_argument("--claim", type=Path, metavar="FILE")
    command.add_argument("--with", dest="beside", default="", metavar="PROFILE[@EDITION]", help="the standard that the target speaks")
    command.add_argument("--allow", default="", metavar="write,disruptive")
    command.add_argument("--latency", type=float, default=20.0, metavar="MS", help="assumed time of one answer")
    command.add_argument("--format", choices=("text", "json"), default="text")
    command.set_defaults(call=plan)
    return command


def plan(options: argparse.Namespace) -> int:
    """Say what would be looked at, with which effect, as if discovery said yes to every feature the claim is silent on."""
    profile, claim = profile_claimed(options.profile, options.claim, shelf_of(options), options.beside)
    allowed = frozenset(a.strip() for a in options.allow.split(",") if a.strip())
    from conformance.planning.plan import questions_of

    answers = dict.fromkeys(questions_of(profile), True)
    test_data = dict.fromkeys(profile.bindings.test_data, "…")
    planned = make_plan(profile, claim, known_checks(), allowed=allowed, test_data=test_data, answers=answers)
    active = [t for t in planned.tests if t.settled is None]
    requests = sum(requests_of(t) for t in active)
    lasting = sorted(
        {
            profile.operation(o).title
            for t in active
            for o in _operations(profile, t)
            if profile.operation(o).effect in ("lasting", "disruptive")
        }
    )
    creates = sorted(
        {
            profile.operation(r.create).title
            for r in profile.bindings.resources.values()
            if r.create and r.create in {o for t in active for o in _operations(profile, t)}
        }
    )
    examples = {
        f"{r.name}_example": f"What is merged into the body of {profile.operation(r.create).title}, where the product wants it otherwise."
        for r in profile.bindings.resources.values()
        if r.example is not None and profile.operation(r.create).title in creates
    }
    data = {
        "profile": profile.name,
        "edition": profile.edition,
        "looked_at": len(active),
        "not_looked_at": {
            t.requirement.id: t.settled[1] for t in planned.tests if t.settled and t.settled[0] is not Verdict.NOT_APPLICABLE
        },
        "not_applicable": sum(t.settled is not None and t.settled[0] is Verdict.NOT_APPLICABLE for t in planned.tests),
        "requests_about": requests,
        "seconds_about": round(requests * (options.latency / 1000 + 0.004) / 6, 1),
        "creates": creates,
        "cannot_be_undone": lasting,
        "test_data": {**profile.bindings.test_data, **examples},
        "by_effect": {e: sum(t.effect == e for t in active) for e in ("read", "own", "lasting", "disruptive")},
    }
    if options.format == "json":
        print(json.dumps(data, indent=1))
        return 0
    print(
        f"{profile.name} {profile.edition}, --allow {options.allow or 'nothing (reads only)'}: {len(active)} requirements looked at, "
        f"about {requests} requests, about {data['seconds_about']} s at {options.latency:g} ms"
    )
    print("by effect: " + ", ".join(f"{e} {n}" for e, n in data["by_effect"].items()))
    for title in creates:
        print(f"creates and removes   {title}")
    for title in lasting:
        print(f"cannot be undone      {title}")
    reasons: dict[str, int] = {}
    for reason in data["not_looked_at"].values():
        reasons[reason] = reasons.get(reason, 0) + 1
    for reason, count in sorted(reasons.items(), key=lambda kv: -kv[1]):
        print(f"not looked at  {count:>4}  {reason}")
    for name, sentence in data["test_data"].items():
        print(f"test_data     {name}: {sentence}")
    return 0


def requests_of(test: Test) -> int:
    """Estimate the requests of a test: a case takes about three, and one more to remove what it made."""
    return len(test.cases) * (3 if test.effect == "read" else 5)


def _operations(profile: Profile, test: Test) -> list[str]:
    on = test.requirement.on
    if on in profile.contract.operations:
        return [on]
    if on in profile.bindings.resources and test.check:
        return [o for role in test.check.roles if (o := getattr(profile.resource(on), role))]
    return []


COMMANDS = (_profiles_command, _explain_command, _coverage_command, _plan_command)

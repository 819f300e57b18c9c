"""Whether an attestation holds: signature, digests, whose key, dispositions, and that nothing in scope is missing from the record."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import msgspec

from conformance.attestation import PREDICATE_TYPE, STATEMENT_TYPE, Key, opened, statement, unfit
from conformance.checks.registry import Check
from conformance.claim import Claim
from conformance.disposition import Disposition, day_of
from conformance.planning.rejudge import flips, rejudge
from conformance.profile import Profile
from conformance.run import Exchanges, Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Holds:
    """What verifying found: `refused` says why not, `told` what is known when nothing does."""

    refused: tuple[str, ...]
    told: tuple[str, ...] = ()
    signed_by: Key | None = None


def about(dispositions: Sequence[Disposition], run: Run) -> tuple[Disposition, ...]:
    """Return the dispositions that concern a run."""
    return tuple(d for d in dispositions if any(d.covers(r.requirement, run.header.about) for r in run.results))


def expired(dispositions: Sequence[Disposition], day: date) -> list[str]:
    """Return a line for each disposition that no longer held on the day the run ended."""
    return [
        f"the disposition of {d.requirement} (owner {d.owner}) expired on {d.expires}, before the run ended on {day}"
        for d in dispositions
        if d.expired(day)
    ]


def missing(run: Run, profile: Profile) -> list[str]:
    """Return what keeps a record from being all that the profile asks: requirements that are not in it, or count otherwise there."""
    if run.header.digests != profile.digests:
        other = [
            part for part in sorted({*run.header.digests, *profile.digests}) if run.header.digests.get(part) != profile.digests.get(part)
        ]
        return [
            f"made with another {', '.join(other)} of {profile.name}@{profile.edition} than ours: whether anything is missing cannot be said"
        ]
    found = []
    recorded = {r.requirement: r for r in run.results}
    for requirement in profile.by_id.values():
        result = recorded.get(requirement.id)
        if result is None:
            found.append(f"{requirement.id} is missing from the record")
        elif result.level is not requirement.level or result.draft != requirement.draft:
            found.append(
                f"{requirement.id} is recorded as {result.level.value}{' draft' if result.draft else ''}, the profile says otherwise"
            )
    found += [f"{name} is not a requirement of the profile" for name in recorded if name not in profile.by_id]
    return found


def holds(
    envelope: Any,
    keys: Sequence[Key],
    digests: Mapping[str, str],
    run: Run | None,
    profile: Profile | None,
    exchanges: Exchanges | None = None,
    claim: Claim | None = None,
    checks: Mapping[str, Check] | None = None,
) -> Holds:
    """Tell whether an attestation holds for the files beside it.

    Args:
        digests: file -> sha256, of the files that are there; exchanges may have been withheld, the record never.
        run: the record as it is there; None when it cannot be read.
        exchanges: where they are there, every verdict must follow from them.
    """
    seal = opened(envelope, keys)
    refused = [seal.refused] if seal.refused else []
    try:
        told = json.loads(seal.payload)
        subject = {s["name"]: s["digest"]["sha256"] for s in told["subject"]}
        kinds = told["_type"], told["predicateType"]
        said = told["predicate"]["conformance"]
        decided = msgspec.convert(said["dispositions"], tuple[Disposition, ...])
        for one in decided:
            date.fromisoformat(one.expires)
    except (ValueError, KeyError, TypeError, msgspec.ValidationError):
        return Holds(refused=(*refused, "what was signed is not a statement of ours"), signed_by=seal.signed_by)
    if kinds != (STATEMENT_TYPE, PREDICATE_TYPE):
        refused.append("what was signed is another kind of statement")
    for name in ("run.jsonl", *(n for n in digests if n != "run.jsonl")):
        if name not in digests:
            refused.append(f"{name} is not there")
        elif subject.get(name) != digests[name]:
            refused.append(
                f"{name} is not the one that was attested: its digest differs" if name in subject else f"{name} was not attested"
            )
    if run is None:
        return Holds(refused=tuple(refused), signed_by=seal.signed_by)
    refused += unfit(run)
    refused += expired(decided, day_of(run.ended))
    if statement(run, subject, decided) != seal.payload:
        refused.append("what is attested is not what the record says")
    if profile is not None:
        lacking = missing(run, profile)
        refused += lacking
        if exchanges and not lacking and checks is not None:
            refused += [
                f"{f.requirement}: the verdict {f.before.value if f.before else 'absent'} does not follow from what was exchanged"
                for f in flips(run, rejudge(run, exchanges, profile, claim or Claim(), checks))
            ]
    refused += _not_theirs(run, seal.signed_by)
    return Holds(refused=tuple(refused), told=_told(run, seal.signed_by, told, exchanges is not None), signed_by=seal.signed_by)


def _not_theirs(run: Run, key: Key | None) -> list[str]:
    """Return why a signature cannot stand for this run: a partner's proves origin only, the testbed's alone means testbed-run."""
    if key is None or not key.whose:
        return []
    head = run.header
    if key.whose != "testbed" and head.run_by == "testbed":
        return [f"the record says testbed-run, but it is signed by {key.whose}: only the testbed's own key can say that"]
    if key.whose == "testbed" and head.run_by != "testbed":
        return ["signed with the testbed's key, but the record says that it did not run it"]
    name = key.whose.removeprefix("partner:")
    if key.whose != "testbed" and head.partner and name != head.partner:
        return [f"signed by {key.whose}, but it is a run of partner {head.partner}"]
    return []


def _told(run: Run, key: Key | None, told: Any, rejudged: bool) -> tuple[str, ...]:
    predicate = told["predicate"]
    conclusion = str(predicate["conformance"]["conclusion"])
    if key and not key.whose:
        conclusion = conclusion.removesuffix(f", {run.header.run_by}-run")
        whose = (
            f"signed with key {key.id[:16]}; whose that is was not said, so nor who ran it (--key testbed=FILE, --key partner:NAME=FILE)"
        )
    elif key and key.whose == "testbed":
        whose = f"signed by the testbed (key {key.id[:16]}): testbed-run"
    else:
        whose = f"signed by {key.whose} (key {key.id[:16]}): this proves where it comes from" if key else ""
    lines = [f"{run.header.about}: {conclusion}", f"result {predicate['result']}, ended {predicate['conformance']['ended']}", whose]
    lines += [
        f"{d['disposition']} until {d['expires']}: {d['requirement']} (owner {d['owner']}): {d['reason']}"
        for d in predicate["conformance"]["dispositions"]
    ]
    lines.append(
        "every verdict follows from what was exchanged" if rejudged else "the exchanges were not there: verdicts are taken as recorded"
    )
    return tuple(lines)

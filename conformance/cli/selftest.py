"""The suite under test: every profile against its twin with one fault at a time, and against permitted variants."""

from __future__ import annotations

import argparse
import contextlib
import functools
import io
import json
import multiprocessing
import os
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from conformance.cli.common import say, shelf_of
from conformance.cli.twins import run_in_process
from conformance.exchange import Exchange
from conformance.loading.matrices import read_matrix, write_matrix
from conformance.loading.profiles import Shelf, load_profile
from conformance.loading.records import read_exchanges
from conformance.profile import Profile
from conformance.reference.engine import ResourceTwin
from conformance.reference.faults import Planted, planted
from conformance.reference.twins import twin_for
from conformance.reference.variants import variants_for
from conformance.run import Run
from conformance.scoring import score
from conformance.sensitivity import Matrix, Sensitivity, Trial, matrix, sensitivity, worse
from conformance.verdict import Verdict
from conformance.wire import Twin

#: profile, kind, name, seed: all that a worker needs to know of a trial.
Job = tuple[str, str, str, int]


def _selftest_command(commands: Any) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(
        "selftest", help="run the profiles against faulty twins and permitted variants, and count"
    )
    command.add_argument("profiles", nargs="*", metavar="PROFILE")
    command.add_argument("--all", action="store_true", help="each fault at every place, not only at the first of its kind")
    command.add_argument(
        "--whole", action="store_true", help="hold every requirement against each fault, also those that send nothing to its place"
    )
    command.add_argument("--seeds", type=int, default=1, metavar="N", help="variants are run with this many seeds")
    command.add_argument("--faults", default="", metavar="WORD", help="only faults and variants whose name contains this")
    command.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N")
    command.add_argument(
        "--format", choices=("text", "json", "markdown"), default="text", help="markdown: the stored matrices, nothing is run"
    )
    command.add_argument("--store", action="store_true", help="keep the kill matrix of each profile beside it")
    command.add_argument("--gate", action="store_true", help="exit 1 only on what is worse than the stored matrix")
    command.set_defaults(call=selftest)
    return command


def selftest(options: argparse.Namespace) -> int:
    """Print the sensitivity of each profile; exit 1 on a false finding, an error of ours or a survivor (`--gate`: on what got worse)."""
    shelf = shelf_of(options)
    names = options.profiles or every_edition(shelf)
    if options.format == "markdown":
        print(page([m for name in names if (m := _stored(name, shelf))]), end="")
        return 0
    jobs = [job for name in names for job in jobs_of(name, shelf, every_place=options.all, seeds=options.seeds, word=options.faults)]
    began = time.monotonic()
    trials = list(run_jobs(jobs, shelf, options.jobs, whole=options.whole))
    elapsed = time.monotonic() - began
    by_profile = {name: sensitivity(_of(name, trials)) for name in names}
    total = sensitivity(trials)
    if options.format == "json":
        print(json.dumps(document(by_profile, total, trials, elapsed), indent=1))
    else:
        print(table(by_profile, total))
        say(f"{len(trials)} runs, {total.requests} requests, {elapsed:.0f} s")
    problems = [p for name in names if options.gate and (stored := _stored(name, shelf)) for p in worse(stored, _of(name, trials))]
    for problem in problems:
        say(problem)
    for name in names if options.store else ():
        profile = load_profile(name, shelf)
        say(f"stored {write_matrix(matrix(profile.name, profile.edition, _of(name, trials)), shelf)}")
    if options.gate:
        return 1 if problems else 0
    return 1 if total.false_findings or total.errors or total.survivors else 0


def every_edition(shelf: Shelf) -> list[str]:
    """Return each profile, with each of its editions."""
    return [f"{name}@{edition}" for name, editions in sorted(shelf.profiles.items()) for edition in editions]


def _of(name: str, trials: Sequence[Trial]) -> list[Trial]:
    return [t for t in trials if t.profile == name]


def _stored(name: str, shelf: Shelf) -> Matrix | None:
    profile = load_profile(name, shelf)
    return read_matrix(profile.name, profile.edition, shelf)


def jobs_of(name: str, shelf: Shelf, *, every_place: bool = False, seeds: int = 1, word: str = "") -> list[Job]:
    """Return the trials of a profile: the twin as it is, each fault, each variant with each seed."""
    profile = load_profile(name, shelf)
    faults = [p.name for p in planted(profile) if p.expected and (every_place or p.representative) and word in p.name]
    variants = [v.name for v in variants_for(profile) if word in v.name]
    return (
        [(name, "twin", "as it is", s + 1) for s in range(seeds)]
        + [(name, "fault", f, 1) for f in faults]
        + [(name, "variant", v, s + 1) for v in variants for s in range(seeds)]
    )


def run_jobs(jobs: Sequence[Job], shelf: Shelf, workers: int, *, whole: bool = False) -> Iterator[Trial]:
    """Run trials in processes of their own."""
    if workers <= 1 or len(jobs) <= 2:
        _start(shelf, whole)
        yield from map(run_job, jobs)
        return
    with multiprocessing.get_context("spawn").Pool(workers, _start, (shelf, whole)) as pool:
        yield from pool.imap_unordered(run_job, jobs, chunksize=4)


#: Of the requirements that send something to a fault's place only while setting up, each so manieth is held against it.
SAMPLED = 10


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """What the twin without a fault shows: the requirements that pass, the features in scope, and which operations each look sends to."""

    passed: frozenset[str]
    features: frozenset[str]
    sends: Mapping[str, frozenset[str]]

    def near(self, profile: Profile, place: str) -> frozenset[str]:
        """Return the requirements to hold against a fault at the operation *place*; all of them for a fault of the whole service.

        A fault changes answers to its own operation, so what sends nothing there cannot see it. What is about the operation, its
        resource or the service is held against it, and of the rest, which only pass there while setting up, a sample.
        """
        if not place:
            return self.passed
        resource = profile.bindings.resource_of(place)
        about = {place, "-", resource.name if resource else place}
        reached = sorted(r for r in self.passed if place in self.sends.get(r, ()))
        close = {r for r in reached if profile.by_id[r].on in about}
        return frozenset({*close, *[r for r in reached if r not in close][::SAMPLED]})


_shelf: Shelf | None = None
_whole = False
_baselines: dict[str, Baseline] = {}


def _start(shelf: Shelf, whole: bool) -> None:
    global _shelf, _whole
    _shelf, _whole = shelf, whole


def baseline_of(name: str) -> Baseline:
    """Run the twin as it is, once in this process."""
    if name not in _baselines:
        profile = load_profile(name, _shelf)
        twin = twin_for(profile)
        with tempfile.TemporaryDirectory(prefix="conformance-") as folder:
            run = _quietly(name, twin, 1, Path(folder))
            exchanges = read_exchanges(Path(folder))
        _baselines[name] = Baseline(
            passed=frozenset(r.requirement for r in score(run).results if r.verdict is Verdict.PASS),
            features=frozenset(
                name for name, said in (run.look.scope if run.look else {}).items() if said["state"] == "in" and name != "core"
            ),
            sends={r: frozenset(_operation(twin, x) for x in seen.values()) for r, seen in exchanges.items()},
        )
    return _baselines[name]


@functools.cache
def planted_in(name: str) -> Mapping[str, Planted]:
    """Return the faults of a profile by name."""
    return {p.name: p for p in planted(load_profile(name, _shelf))}


def _operation(twin: ResourceTwin, seen: Exchange) -> str:
    route = twin.route(urlsplit(seen.url).path)
    operation = route.operation(seen.request.method) if route else None
    return operation.id if operation else ""


def run_job(job: Job) -> Trial:
    """Run one trial."""
    name, kind, what, seed = job
    began = time.monotonic()
    baseline = baseline_of(name)
    profile = load_profile(name, _shelf)
    inner = twin_for(profile)
    twin: Twin = inner
    group, sentence = kind, ""
    expected: frozenset[str] = frozenset()
    only: tuple[str, ...] = ()
    if kind == "fault":
        found = planted_in(name)[what]
        twin, group, sentence, expected = found.twin(inner), found.fault.group, found.fault.sentence, found.expected & baseline.passed
        only = () if _whole else tuple(baseline.near(profile, found.place) | expected)
    elif kind == "variant":
        variant = next(v for v in variants_for(profile) if v.name == what)
        twin, sentence = variant.twin(inner), variant.sentence
    with tempfile.TemporaryDirectory(prefix="conformance-") as folder:
        run = _quietly(name, twin, seed, Path(folder), only, baseline.features if kind == "fault" else frozenset())
    results = score(run).results
    return Trial(
        profile=name, kind=kind, name=what, group=group, sentence=sentence, seed=seed, expected=expected,
        red=frozenset(r.requirement for r in results if r.verdict is Verdict.FAIL),
        errors=frozenset(f"{r.requirement}: {r.reason}" for r in results if r.verdict is Verdict.ERROR),
        requests=run.footer.requests if run.footer else 0, seconds=time.monotonic() - began,
    )  # fmt: skip


def _quietly(name: str, twin: Twin, seed: int, folder: Path, only: tuple[str, ...] = (), claimed: frozenset[str] = frozenset()) -> Run:
    with contextlib.redirect_stderr(io.StringIO()):
        return run_in_process(load_profile(name, _shelf), twin, folder, shelf=_shelf, seed=seed, only=only, claimed=claimed)


def _share(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f} %"


def table(by_profile: dict[str, Sensitivity], total: Sensitivity) -> str:
    """Return the totals as text, survivors last."""
    lines = [f"{'profile':<42} {'killed':>12} {'rate':>8} {'precision':>10} {'recall':>8} {'variants':>9} {'false':>6} {'errors':>7}"]
    for name, counts in [*by_profile.items(), ("total", total)]:
        killed = f"{counts.killed} of {counts.faults}"
        shares = f"{_share(counts.kill_rate):>8} {_share(counts.precision):>10} {_share(counts.recall):>8}"
        lines.append(f"{name:<42} {killed:>12} {shares} {counts.variants:>9} {counts.false_findings:>6} {counts.errors:>7}")
    lines += ["", *[f"survived  {s}" for s in total.survivors]] if total.survivors else []
    return "\n".join(lines)


def page(matrices: Sequence[Matrix]) -> str:
    """Return docs/sensitivity.md, made from the stored matrices."""
    lines = [
        "# What the suite is known to catch", "",
        "Generated by `conformance selftest --format markdown` from `profiles/*/*.sensitivity.json`; `conformance selftest --store` measures again.",
        "A *fault* is one thing wrong in a twin; *precision* is the share of red requirements that the fault was meant to turn red, *recall*",
        "the share of those meant that turned red; a *variant* is something unusual that the standard permits, and nothing may turn red there.",
        "What `st run` catches of the same faults: [comparison.md](comparison.md).", "",
        "| profile | faults caught | kill rate | precision | recall | variants × seeds | requests |", "|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for m in matrices:
        counts = _counts(m)
        rates = " | ".join(_share(v) for v in (counts.kill_rate, counts.precision, counts.recall))
        lines.append(
            f"| {m.profile} {m.edition} | {counts.killed} of {counts.faults} | {rates} | {len(m.variants)} × {m.seeds} | {m.requests} |"
        )
    groups = sorted({row.group for m in matrices for row in m.faults.values()})
    lines += ["", "## By group of faults", "", "| group | caught |", "|---|---|"]
    for group in groups:
        rows = [row for m in matrices for row in m.faults.values() if row.group == group]
        lines.append(f"| {group} | {sum(bool(r.red) for r in rows)} of {len(rows)} |")
    survivors = [f"- `{m.profile}`: {name}: {row.sentence}" for m in matrices for name, row in m.faults.items() if not row.red]
    lines += ["", "## Survivors", "", *(survivors or ["None."])]
    return "\n".join(lines) + "\n"


def _counts(m: Matrix) -> Sensitivity:
    return sensitivity(
        Trial(profile=m.profile, kind="fault", name=name, expected=frozenset(row.expected), red=frozenset(row.red))
        for name, row in m.faults.items()
    )


def document(by_profile: dict[str, Sensitivity], total: Sensitivity, trials: Sequence[Trial], elapsed: float) -> dict[str, Any]:
    """Return everything as JSON values: totals, totals per profile, and each trial."""
    return {
        "total": totals(total) | {"elapsed_s": round(elapsed, 1)},
        "profiles": {name: totals(counts) for name, counts in by_profile.items()},
        "trials": [
            {
                "profile": t.profile, "kind": t.kind, "name": t.name, "group": t.group, "seed": t.seed, "killed": t.killed,
                "red": sorted(t.red), "expected": sorted(t.expected), "errors": sorted(t.errors), "requests": t.requests,
            }
            for t in sorted(trials, key=lambda t: (t.profile, t.kind, t.name, t.seed))
        ],
    }  # fmt: skip


def totals(counts: Sensitivity) -> dict[str, Any]:
    """Return totals as JSON members."""
    return {
        "faults": counts.faults, "killed": counts.killed, "kill_rate": counts.kill_rate, "precision": counts.precision, "recall": counts.recall,
        "variants": counts.variants, "false_findings": counts.false_findings, "errors": counts.errors, "requests": counts.requests,
        "survivors": list(counts.survivors),
    }  # fmt: skip


COMMANDS = (_selftest_command,)

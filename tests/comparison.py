"""`st run` and we on the same twins and the same faults, over HTTP, one after the other: `python -m tests.comparison [PROFILE ...]`.

What either finds on the faultless twin is a false finding. `st run` has its defaults; a fault counts as caught by it where it tells of an
operation in a way (its code) in which it does not tell of the faultless twin, which is what is left once its false findings are tuned away.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from conformance.cli.running import execute
from conformance.cli.twins import claim_of_twin, run_in_process, target_of_twin
from conformance.driving.session import Options, Session
from conformance.loading.profiles import Shelf, load_profile
from conformance.profile import Profile
from conformance.reference.faults import Planted, planted
from conformance.reference.serving import serve
from conformance.reference.twins import twin_for
from conformance.run import Run
from conformance.scoring import score
from conformance.verdict import Verdict
from conformance.wire import Twin

#: Standards with small contracts, so that an hour is enough.
PROFILES = ("alertmanager-v2", "prometheus-http")
CURVE, CURVE_FAULTS = ("alertmanager-v2", "camara-quality-on-demand", "dmtf-redfish", "scim2"), 20
FAULTS = 8
#: The share of the faults that is caught within so many requests is told.
WITHIN = (25, 50, 100, 200, 400, 800, 1600)
SHELF = Shelf.standard()


@dataclass(frozen=True, kw_only=True)
class Told:
    """What a tool told of a server: findings by name, requests (cases), seconds."""

    findings: frozenset[str]
    requests: int
    seconds: float


def by_us(profile: Profile, twin: Twin, folder: Path) -> Told:
    """Run the profile with everything claimed and allowed; findings are failed requirements."""
    with serve(twin, sink_ca=folder / "sink-ca.pem") as url:
        target = target_of_twin(profile, twin, url, folder)
        name = f"{profile.name}@{profile.edition}"
        session = Session(name, target, claim_of_twin(profile), folder, Options(), epoch=time.time())
        started = time.perf_counter()
        run = execute(session)
        elapsed = time.perf_counter() - started
    red = frozenset(r.requirement for r in score(run).results if r.verdict is Verdict.FAIL)
    return Told(findings=red, requests=run.footer.requests if run.footer else 0, seconds=elapsed)


def by_st(profile: Profile, twin: Twin, folder: Path) -> Told:
    """Run `st run` with its defaults on our contract; findings are code and operation."""
    contract = SHELF.contract_file(f"{profile.contract.standard}/{profile.contract.edition}").resolve()
    report = folder / "report.json"
    environment = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
    with serve(twin) as url:
        command = [
            str(Path(sys.executable).parent / "st"), "run", str(contract), "--url", url, "--header", "Authorization: Bearer twin-token",
            "--seed", "1", "--generation-database", "none", "--no-color", "--report-json-path", str(report),
        ]  # fmt: skip
        started = time.perf_counter()
        subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=False)
        elapsed = time.perf_counter() - started
    told = json.loads(report.read_text())
    findings = frozenset(f"{f['code']} {operation}" for f in told["failures"] for operation in f["operations"])
    return Told(findings=findings, requests=int(told["test_cases"]["generated"]), seconds=elapsed)


def sampled(profile: Profile, most: int = FAULTS) -> list[Planted]:
    """Return faults from everywhere in the list of a profile, the same ones each time."""
    every = [p for p in planted(profile) if p.expected and p.representative]
    return every if len(every) <= most else [every[n * len(every) // most] for n in range(most)]


def first_red(run: Run) -> int | None:
    """Return how many requests were sent until the first requirement failed; None where none did."""
    sent = 0
    for result in sorted(run.results, key=lambda r: (r.ended_s, r.started_s)):
        sent += result.requests
        if result.verdict is Verdict.FAIL:
            return sent
    return None


def curve(names: Sequence[str]) -> Iterator[str]:
    """Yield a table: how many of the sampled faults are caught within so many requests, in process, in the order of a run."""
    yield from ("| profile | " + " | ".join(map(str, WITHIN)) + " | all |", "|---|" + "---|" * (len(WITHIN) + 1))
    for name in names:
        profile, counts = load_profile(name, SHELF), []
        for fault in sampled(profile, CURVE_FAULTS):
            with tempfile.TemporaryDirectory() as folder:
                counts.append(first_red(run_in_process(profile, fault.twin(twin_for(profile)), Path(folder), shelf=SHELF)))
        within = " | ".join(str(sum(c is not None and c <= most for c in counts)) for most in WITHIN)
        yield f"| {profile.name} {profile.edition} | {within} | {sum(c is not None for c in counts)} of {len(counts)} |"


def page(names: Sequence[str]) -> Iterator[str]:
    """Yield lines of Markdown: a table of totals, and each fault with who caught it."""
    yield from (
        "# Beside `st run`", "",
        "Generated by `python -m tests.comparison` (part of `make bench`), both in one run on one machine: schemathesis' `st run` with its defaults and",
        "our contract, and we, over HTTP against the same twins with the same faults. A finding on the faultless twin is a false one.",
        "`st run` exits with 1 on every server that it tells anything of; a fault counts as caught where it tells of it anything that it does not",
        "tell of the faultless twin.", "",
    )  # fmt: skip
    rows, details = [], []
    for name in names:
        profile = load_profile(name, SHELF)
        faults = sampled(profile)
        for who, tool in (("we", by_us), ("`st run`", by_st)):
            with tempfile.TemporaryDirectory() as folder:
                clean = tool(profile, twin_for(profile), Path(folder))
            caught, requests, seconds = {}, 0, 0.0
            for fault in faults:
                with tempfile.TemporaryDirectory() as folder:
                    told = tool(profile, fault.twin(twin_for(profile)), Path(folder))
                caught[fault.name] = bool(told.findings - clean.findings)
                requests, seconds = requests + told.requests, seconds + told.seconds
            mean = f"{requests / len(faults):.0f} | {seconds / len(faults):.1f}"
            rows.append(
                f"| {profile.name} {profile.edition} | {who} | {sum(caught.values())} of {len(faults)} | {len(clean.findings)} | {mean} |"
            )
            details += [f"- {who}: {fault.name}: {fault.fault.sentence}" for fault in faults if not caught[fault.name]]
    yield from (
        "| profile | who | faults caught | false findings | requests per run | seconds per run |",
        "|---|---|---|---|---|---|",
        *rows,
    )
    yield from ("", "## How soon", "", "Faults that are caught within so many requests of a whole run, in its order.", "", *curve(CURVE))
    yield from ("", "## Not caught", "", *(details or ["Nothing."]))


if __name__ == "__main__":
    print("\n".join(page(sys.argv[1:] or PROFILES)))

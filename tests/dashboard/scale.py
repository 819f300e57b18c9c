"""How a dashboard grows: records of many partners, interfaces and runs, built once, and once more after one more run.

`python -m tests.dashboard.scale [PARTNERS] [INTERFACES] [RUNS] [REQUIREMENTS]` prints a line of figures; 120 9 50 is the whole initiative.
"""

from __future__ import annotations

import importlib.util
import json
import random
import resource
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from conformance.cli.twins import EPOCH
from conformance.dashboard.build import build
from conformance.exchange import Exchange, Request
from conformance.loading.profiles import Shelf
from conformance.run import Finding, Footer, Header, Look, Result, Run
from conformance.verdict import Level, Verdict
from tests.browser.opening import CHROMIUM, launched, opened
from tests.dashboard.campaigns import DAY, Seen, write_run

EMPTY = Shelf((), ())


def generated(chance: random.Random, partner: int, interface: int, number: int, requirements: int) -> Run:
    """Return a run: mostly passes, some shared causes, a few things open; each run differs a little from the one before."""
    profile = f"standard-{interface}"
    bad = {chance.randrange(requirements) for _ in range(chance.randrange(4))} | {partner % 7}
    results = []
    for n in range(requirements):
        verdict = Verdict.FAIL if n in bad else Verdict.INCONCLUSIVE if chance.random() < 0.02 else Verdict.PASS
        finding = Finding(expected="200", observed="500 Internal Server Error", evidence=((1, 0, 0),))
        results.append(
            Result(
                requirement=f"{profile}/operation-{n // 4}.aspect-{n % 4}",
                level=Level.MUST if n % 3 else Level.SHOULD,
                clause=f"clause {n // 9}.{n % 9}",
                sentence=f"What operation {n // 4} answers is as documented in respect {n % 4}.",
                feature="core",
                check="answer",
                on=f"operation{n // 4}",
                family="",
                verdict=verdict,
                reason="expected 200; observed 500"
                if verdict is Verdict.FAIL
                else "slower than 10 s"
                if verdict is Verdict.INCONCLUSIVE
                else "",
                cause=f"status of operation {n // 4}" if verdict is Verdict.FAIL else "",
                findings=(finding,) if verdict is Verdict.FAIL else (),
                evidence=((1, 0, 0),),
                cases=1,
                judged=1,
                requests=3,
            )
        )
    head = Header(
        suite="0.1.0", run_id=f"{partner:04x}{interface:02x}{number:04x}{chance.randrange(16**6):06x}", started=EPOCH + number * DAY + partner * 60, seed=1,
        profile=profile, edition="1.0", title=f"Standard {interface}", interface=interface, digests={"profile": f"{interface:064x}"},
        target={"name": f"system {partner}", "url": "https://host.example"}, run_by="testbed", system=f"system-{partner}", partner=f"partner-{partner}",
        system_kind="product",
    )  # fmt: skip
    footer = Footer(ended="complete", ended_s=60.0, requests=3 * requirements, exit_code=1)
    return Run(header=head, look=Look(scope={"core": {"state": "in", "reason": "core"}}), results=tuple(results), footer=footer)


def seen_of(run: Run) -> Seen:
    """Return an exchange for each result."""
    request = Request(operation="op", method="GET", target="/things/1", headers=(("accept", "application/json"),))
    exchange = Exchange(
        request=request,
        status=200,
        headers=(("content-type", "application/json"),),
        body=b'{"a": 1}' * 20,
        url="https://host.example/things/1",
    )
    return {r.requirement: {(1, 0, 0): exchange} for r in run.results}


def write(folder: Path, partners: int, interfaces: int, runs: int, requirements: int = 60) -> Path:
    """Write records; only the latest run of each cell has exchanges."""
    chance = random.Random(1)
    folder.mkdir(parents=True)
    systems = {f"system-{p}": {"partner": f"partner-{p}", "kind": "product"} for p in range(partners)}
    (folder / "testbed.json").write_text(json.dumps({"name": "Scale", "partners": {}, "systems": systems}))
    for partner in range(partners):
        for interface in range(1, interfaces + 1):
            for number in range(runs):
                more(folder, chance, partner, interface, number, requirements, last=number == runs - 1)
    return folder


def more(folder: Path, chance: random.Random, partner: int, interface: int, number: int, requirements: int, *, last: bool = True) -> None:
    """Write one run."""
    run = generated(chance, partner, interface, number, requirements)
    write_run(folder / f"system-{partner}" / f"standard-{interface}" / f"{number:05d}", run, seen_of(run) if last else None)


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What a build took."""

    runs: int
    full_s: float
    again_s: float
    written_again: int
    peak_mb: float
    site_mb: float
    pages: int
    largest: str
    largest_kb: float
    overview_kb: float
    overview_ms: float | None


def measure(folder: Path, partners: int, interfaces: int, runs: int, requirements: int = 60) -> Figures:
    """Write records, build, add one run, build again."""
    records = write(folder / "records", partners, interfaces, runs, requirements)
    began = time.perf_counter()
    first = build([records], folder / "site", EMPTY)
    full = time.perf_counter() - began
    more(records, random.Random(2), 0, 1, runs, requirements)
    began = time.perf_counter()
    second = build([records], folder / "site", EMPTY)
    again = time.perf_counter() - began
    assert second.gathered.scored == 1
    return Figures(
        runs=len(first.gathered.lines), full_s=full, again_s=again, written_again=second.built.written,
        peak_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, site_mb=first.built.bytes / 1e6, pages=first.built.pages,
        largest=first.built.largest, largest_kb=first.built.largest_bytes / 1e3, overview_kb=(folder / "site/index.html").stat().st_size / 1e3,
        overview_ms=loaded_in(folder / "site/index.html"),
    )  # fmt: skip


def loaded_in(file: Path) -> float | None:
    """Return how long a real browser takes from navigation to the load event, in milliseconds; None where there is none."""
    if CHROMIUM is None or importlib.util.find_spec("playwright") is None:
        return None
    with launched() as browser:
        page = opened(browser, file.as_uri())
        return float(page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd"))


def main(words: list[str]) -> None:
    """Print the figures of one size; without one of two, the second with four times the runs, and how much longer that took."""
    sizes = [int(w) for w in words] + [12, 9, 10, 60][len(words) :]
    taken = []
    for times in (1,) if words else (1, 4):
        with tempfile.TemporaryDirectory() as name:
            found = measure(Path(name), sizes[0], sizes[1], sizes[2] * times, sizes[3])
        taken.append(found.full_s)
        print(f"{sizes[0]} partners x {sizes[1]} interfaces x {sizes[2] * times} runs of {sizes[3]} requirements: {found}")
    if len(taken) > 1:
        print(f"four times the runs took {taken[1] / taken[0]:.1f} times as long")


if __name__ == "__main__":
    main(sys.argv[1:])

"""Campaign folders for the tests of the dashboard: of real runs against twins, and of records made by hand, hostile ones too."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from conformance.cli.twins import EPOCH, run_in_process
from conformance.exchange import Exchange
from conformance.exchange import Path as Step
from conformance.loading.profiles import load_profile
from conformance.loading.records import read_exchanges, read_run
from conformance.reference.faults import planted
from conformance.reference.twins import twin_for
from conformance.run import Footer, Gap, Header, Leftover, Look, Run
from conformance.writers.record import RecordWriter
from tests.writers.records import HOSTILE

DAY = 86_400
Seen = Mapping[str, Mapping[Step, Exchange]]
#: What may come from outside in any text, except half surrogate pairs, which no file holds; one very long word.
BAD = HOSTILE.replace("\ud800", "") + "\u0645\u0631\u062d\u0628\u0627 " + "W" * 300


def run_id_of(run: Run) -> str:
    """Return the name of a run's folder: it sorts by time."""
    return f"{datetime.fromtimestamp(run.header.started, UTC):%Y%m%dT%H%M%SZ}-{run.header.run_id[:8]}"


def write_run(folder: Path, run: Run, exchanges: Seen | None = None) -> Path:
    """Write a record as `conformance run` does."""
    writer = RecordWriter(folder)
    lines: list[Header | Look | Any | Leftover | Gap | Footer | None] = [
        run.header,
        run.look,
        *run.results,
        *run.leftovers,
        run.gap,
        run.footer,
    ]
    for line in lines:
        if line is not None:
            writer.line(line)
    for requirement, steps in (exchanges or {}).items():
        for at, exchange in steps.items():
            writer.exchange(requirement, replace(exchange, at=at))
    writer.close()
    return folder


def place(campaign: Path, system: str, run: Run, exchanges: Seen | None = None, *, partner: str, kind: str, days: float = 0.0) -> Path:
    """Write *run* into a campaign as that of a system, *days* after the epoch."""
    started = EPOCH + days * DAY
    ident = hashlib.sha256(f"{system} {run.header.profile} {days}".encode()).hexdigest()[:16]
    header = replace(run.header, system=system, partner=partner, system_kind=kind, started=started, run_id=ident, run_by="testbed")
    moved = replace(run, header=header)
    return write_run(campaign / _folder(system) / _folder(run.header.profile) / run_id_of(moved), moved, exchanges)


def _folder(name: str) -> str:
    return "".join(c if c.isalnum() or c in "-._" else "_" for c in name)[:80]


def write_testbed(campaign: Path, name: str, partners: Mapping[str, Any], systems: Mapping[str, Any]) -> None:
    """Write the public facts of a testbed."""
    campaign.mkdir(parents=True, exist_ok=True)
    (campaign / "testbed.json").write_text(json.dumps({"name": name, "partners": partners, "systems": systems}))


def session(campaign: Path, a: str, b: str, profile: str, verdict: str, steps: Sequence[tuple[str, str, str]], days: float = 0.0) -> None:
    """Write a pair session."""
    folder = campaign / "pairs" / f"{_folder(a)}__{_folder(b)}" / _folder(profile) / f"{int(days):08d}"
    folder.mkdir(parents=True)
    told = [{"step": s, "verdict": v, "detail": d} for s, v, d in steps]
    document = {
        "a": a,
        "b": b,
        "profile": profile,
        "dialects": {"a": ["opg-1"], "b": ["opg-1"]},
        "steps": told,
        "verdict": verdict,
        "at": EPOCH + days * DAY,
    }
    (folder / "session.json").write_text(json.dumps(document))


def twin_run(home: Path, profile: str, fault: str = "") -> tuple[Run, Seen]:
    """Return a real run against a twin, with a fault or without; made once for each *home*."""
    folder = home / f"{profile}-{fault or 'twin'}".replace("/", "_").replace(" ", "_")
    if not (folder / "run.jsonl").is_file():
        loaded = load_profile(profile)
        twin = twin_for(loaded)
        if fault:
            twin = next(p for p in planted(loaded) if p.name == fault).twin(twin)  # type: ignore[assignment]
        run_in_process(loaded, twin, folder)
    return read_run(folder), read_exchanges(folder)


PARTNERS = {
    "nordwind": {"title": "Nordwind Cloud"},
    "alpenrechen": {"title": "Alpenrechen"},
    "meridian": {"title": "Meridian Telecom"},
    "hafen": {"title": "Hafen Digital"},
    "testbed": {"title": "The testbed"},
}
SYSTEMS: dict[str, Any] = {
    "nordwind-idp": {"partner": "nordwind", "kind": "product", "title": "Nordwind Identity 4.2", "profiles": ["scim2"]},
    "nordwind-edge": {"partner": "nordwind", "kind": "product", "title": "Nordwind Edge", "profiles": ["alertmanager-v2", "dmtf-redfish"], "dialects": ["opg-1"]},
    "alpenrechen-id": {"partner": "alpenrechen", "kind": "product", "title": "Alpenrechen ID", "profiles": ["scim2", "camara-quality-on-demand"], "dialects": ["opg-2"]},
    "meridian-qod": {"partner": "meridian", "kind": "product", "title": "Meridian QoD Gateway", "profiles": ["camara-quality-on-demand"]},
    "hafen-id": {"partner": "hafen", "kind": "product", "title": "Hafen Directory", "profiles": ["scim2"]},
    "scim2-server": {"partner": "testbed", "kind": "reference", "title": "scim2-server", "profiles": ["scim2"]},
    "twin-scim2": {"partner": "testbed", "kind": "twin", "title": "SCIM twin", "profiles": ["scim2"]},
    "twin-qod": {"partner": "testbed", "kind": "twin", "title": "QoD twin", "profiles": ["camara-quality-on-demand"]},
}  # fmt: skip


def faults_of(profile: str, wanted: int) -> list[str]:
    """Return names of faults at different places, the same ones each time."""
    found = [p.name for p in planted(load_profile(profile)) if p.representative and p.expected]
    return [found[(n + 1) * len(found) // (wanted + 1)] for n in range(wanted)]


def demo(home: Path, campaign: Path) -> Path:
    """Write a campaign of real runs: four partners, a reference server, twins; shared faults, changes over time, old and unfinished runs."""
    scim, [first, second] = "scim2", faults_of("scim2", 2)
    qod, [wrong] = "camara-quality-on-demand", faults_of("camara-quality-on-demand", 1)
    good, bad, worse = twin_run(home, scim), twin_run(home, scim, first), twin_run(home, scim, second)
    calm, loud = twin_run(home, qod), twin_run(home, qod, wrong)
    alerts = twin_run(home, "alertmanager-v2")
    shutil.rmtree(campaign, ignore_errors=True)
    write_testbed(campaign, "ICRA testbed", PARTNERS, SYSTEMS)

    def put(system: str, made: tuple[Run, Seen], days: float) -> None:
        facts = SYSTEMS[system]
        place(campaign, system, *made, partner=facts["partner"], kind=facts["kind"], days=days)

    for days, made in ((0, worse), (20, bad), (40, good), (60, bad)):
        put("nordwind-idp", made, days + 120)
    for days, made in ((0, bad), (70, bad)):
        put("alpenrechen-id", made, days + 110)
    put("alpenrechen-id", calm, 175)
    put("hafen-id", bad, 170)
    put("scim2-server", good, 180)
    put("twin-scim2", good, 180)
    put("meridian-qod", loud, 60)
    put("twin-qod", calm, 180)
    put("nordwind-edge", alerts, 178)
    cut = replace(alerts[0], results=alerts[0].results[:12], footer=None)
    place(campaign, "nordwind-edge", cut, alerts[1], partner="nordwind", kind="product", days=179)
    old = replace(good[0], header=replace(good[0].header, digests={**good[0].header.digests, "profile": "0" * 64}))
    place(campaign, "twin-scim2", old, good[1], partner="testbed", kind="twin", days=150)
    for a, b, verdict, steps in (
        (
            "nordwind-edge",
            "alpenrechen-id",
            "NO",
            [("create application", "OK", "201"), ("status callback", "NO", "404 at /opg-1/callback")],
        ),
        ("alpenrechen-id", "nordwind-edge", "OT", [("create application", "OT", "slower than 10 s")]),
        ("nordwind-edge", "meridian-qod", "OK", [("create application", "OK", "201"), ("status callback", "OK", "204")]),
    ):
        session(campaign, a, b, "camara-quality-on-demand", verdict, steps, 100)
    return campaign


DISPOSITIONS = """\
- {requirement: "scim2/*", target: nordwind-idp, disposition: waived, reason: "fixed in 4.3", owner: task force, expires: 2026-12-31}
- {requirement: "scim2/*", target: hafen-id, disposition: waived, reason: "was to be fixed in spring", owner: task force, expires: 2026-08-01}
- {requirement: "camara-quality-on-demand/*", target: meridian-qod, disposition: disputed, reason: "the text allows it", owner: Meridian, expires: 2026-12-10, issue: "https://github.com/camaraproject/QualityOnDemand/issues/548"}
- {requirement: "alertmanager-v2/no-such", target: "*", disposition: waived, reason: none, owner: nobody, expires: 2027-01-01}
"""

"""GITB: a `ConformanceStatementReport` of the EU Interoperability Test Bed's reporting format (`gitb_tr.xsd`), for archives and handover.

Party, domain, specification and actor are its words: partner and system, interface, profile and edition, the side under test. A SHOULD,
a MAY and a draft are `optional` and counted apart (`…Ignored`), what is not applicable is `disabled`.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Mapping
from datetime import UTC, datetime

from conformance.run import Result, Run
from conformance.scoring import Exit, score
from conformance.verdict import WORDS, Level, Verdict
from conformance.writers.junit import legal

TR, CORE = "http://www.gitb.com/tr/v1/", "http://www.gitb.com/core/v1/"


def write_gitb(run: Run) -> str:
    """Return the run as a `ConformanceStatementReport`."""
    said = score(run)
    head = run.header
    ended = _time(run.ended)
    root = ET.Element(f"{{{TR}}}ConformanceStatementReport")
    _add(_part(root, "metadata"), "reportTime", ended)
    statement = _part(root, "statement", {"id": head.run_id})
    _definition(_part(statement, "definition"), run)
    status = "SUCCESS" if said.exit_code is Exit.PASSED else "FAILURE" if said.tallies[Level.MUST][Verdict.FAIL] else "UNDEFINED"
    summary = _part(statement, "summary")
    _add(summary, "status", status)
    for suffix, tallies in (
        ("", (said.tallies[Level.MUST],)),
        ("Ignored", (said.tallies[Level.SHOULD], said.tallies[Level.MAY], said.drafts)),
    ):
        _add(summary, f"succeeded{suffix}", str(sum(t[Verdict.PASS] for t in tallies)))
        _add(summary, f"failed{suffix}", str(sum(t[Verdict.FAIL] for t in tallies)))
        _add(summary, f"incomplete{suffix}", str(sum(t.applicable - t.judged for t in tallies)))
    _add(statement, "lastUpdate", ended)
    suite = _part(_part(statement, "testOverview"), "testSuite")
    about = _part(suite, "metadata")
    _add(about, "name", head.title or head.profile, CORE)
    _add(about, "version", head.edition, CORE)
    _add(about, "description", f"{said.conclusion} (suite {head.suite})", CORE)
    _add(suite, "result", status)
    if said.results:
        cases = _part(suite, "testCases")
        for result in said.results:
            _case(cases, result)
    ET.register_namespace("", TR)
    ET.register_namespace("gitb", CORE)
    ET.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _definition(definition: ET.Element, run: Run) -> None:
    head = run.header
    party = _part(definition, "party")
    _add(_part(party, "organisation"), "name", head.partner or "(not said)")
    system = _part(party, "system")
    product: Mapping[str, str] = head.claim.get("product") or {}
    _add(system, "name", head.about)
    if product.get("version"):
        _add(system, "version", str(product["version"]))
    if product.get("name"):
        _add(system, "description", str(product["name"]))
    for element, name in (
        ("domain", f"interface {head.interface}"),
        ("specification", f"{head.profile} {head.edition}"),
        ("actor", "system under test"),
    ):
        _add(_part(definition, element), "name", name)


def _optional(result: Result) -> bool:
    return result.draft or result.level is not Level.MUST


def _case(cases: ET.Element, result: Result) -> None:
    optional, disabled = str(_optional(result)).lower(), str(result.verdict is Verdict.NOT_APPLICABLE).lower()
    case = _part(cases, "testCase", {"optional": optional, "disabled": disabled})
    about = _part(case, "metadata")
    _add(about, "name", result.requirement, CORE)
    _add(about, "version", result.level.value + (", draft" if result.draft else ""), CORE)
    reason = f": {result.reason}" if result.reason else ""
    _add(about, "description", f"{result.sentence} ({result.clause}) {WORDS[result.verdict]['text']}{reason}", CORE)
    _add(case, "result", WORDS[result.verdict]["gitb"])


def _part(parent: ET.Element, name: str, attributes: dict[str, str] | None = None) -> ET.Element:
    return ET.SubElement(parent, f"{{{TR}}}{name}", {k: legal(v) for k, v in (attributes or {}).items()})


def _add(parent: ET.Element, name: str, text: str, space: str = TR) -> None:
    ET.SubElement(parent, f"{{{space}}}{name}").text = legal(text)


def _time(seconds: float) -> str:
    seconds = seconds if 0 <= seconds < 32_503_680_000 else 0.0
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

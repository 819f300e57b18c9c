"""The security domains: every requirement of the baseline has one, and gaps and overlaps show."""

from __future__ import annotations

import json

import pytest

from conformance.checks.registry import known_checks
from conformance.cli.main import main
from conformance.domain import BASELINE, DOMAINS, ELSEWHERE, by_domain, domain_of, domains
from conformance.loading.profiles import load_profile
from conformance.run import Footer, Header, Result, Run
from conformance.verdict import Level, Verdict
from conformance.writers.html import write_html
from conformance.writers.text import write_text


def test_every_requirement_of_the_baseline_has_a_domain() -> None:
    profile = load_profile(BASELINE)
    assert all(domain_of(BASELINE, i, "") for i in profile.by_id)


def test_checks_with_a_domain_are_checks() -> None:
    assert set(ELSEWHERE) <= set(known_checks())
    assert set(ELSEWHERE.values()) <= set(DOMAINS)


def test_gaps_and_overlaps() -> None:
    found = {d.name: d for d in domains([load_profile(BASELINE), load_profile("scim2")], known_checks())}
    assert len(found) == 8
    assert found["privacy"].state == "gap"
    assert found["iam"].state == "overlap"
    assert set(found["iam"].checked) == {BASELINE, "scim2"}
    assert found["grc"].state == "one"
    assert found["network"].unchecked == ["security-baseline/network.ssl-and-broken-ciphers-refused"]


def _run(profile: str) -> Run:
    header = Header(
        suite="1", run_id="r", started=1_790_000_000.0, seed=1, profile=profile, edition="1.0", target={"url": "http://h.invalid"}
    )
    result = Result(requirement=f"{profile}/grc.components-listed", level=Level.SHOULD, verdict=Verdict.PASS, check="components-listed")
    return Run(header=header, results=(result,), footer=Footer(ended="complete", ended_s=1.0, requests=1, exit_code=0))


def test_reports_group_the_baseline_by_domain() -> None:
    """Text and page; a run of another profile has no such table."""
    run = _run(BASELINE)
    assert [title for title, counts in by_domain(BASELINE, run.results) if counts.total] == ["Governance, risk and compliance"]
    text, page = write_text(run), write_html(run, {})
    assert "by security domain (supporting evidence):" in text
    assert "Supporting evidence" in page
    assert page.count("gap: nothing is asked") == 7
    assert "domain" not in write_text(_run("scim2"))
    assert 'id="domains"' not in write_html(_run("scim2"), {})


def test_the_command_shows_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["coverage", BASELINE, "--domains", "--format", "json"]) == 0
    told = {d["name"]: d["state"] for d in json.loads(capsys.readouterr().out)}
    assert told == {**dict.fromkeys(DOMAINS, "one"), "privacy": "gap"}

"""The provider of documents follows its standard; its profile is green on it, red on its own faults, and the record holds who needs what."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from conformance.claim import Claim
from conformance.cli.main import main
from conformance.cli.running import execute
from conformance.cli.twins import EPOCH, run_in_process, target_of_twin
from conformance.driving.session import Options, Session
from conformance.driving.virtual import VirtualLoop
from conformance.driving.wires import TwinWire
from conformance.loading.profiles import load_profile
from conformance.loading.records import read_run
from conformance.reference.faults import planted
from conformance.reference.serving import serve
from conformance.reference.twins import twin_for
from conformance.reference.variants import known_variants
from conformance.run import Fact, Run
from conformance.verdict import Verdict
from conformance.wire import Twin, WireRequest, WireResponse, header

NOW = 1_800_000_000.0
PROFILE = load_profile("open-resource-discovery@1.16")
WELL_KNOWN = "/.well-known/open-resource-discovery"
NEEDS = "open-resource-discovery/integration-dependencies.own-are-new-enough"


def ask(target: str, twin: Any = None, **headers: str) -> WireResponse:
    named = tuple((k.replace("_", "-"), v) for k, v in headers.items())
    return (twin or twin_for(PROFILE)).handle(WireRequest(method="GET", target=target, headers=named), NOW)


def second() -> Any:
    return known_variants()["second-provider"].twin(twin_for(PROFILE))


def test_the_configuration_leads_to_valid_documents_and_their_files() -> None:
    twin = twin_for(PROFILE)
    told = json.loads(ask(WELL_KNOWN, twin).body)
    schemas = PROFILE.contract.responses
    assert schemas.is_valid("/components/schemas/Configuration", told)
    for entry in told["openResourceDiscoveryV1"]["documents"]:
        document = json.loads(ask(entry["url"], twin).body)
        assert schemas.is_valid("/components/schemas/Document", document)
        for one in [o for v in document.values() if isinstance(v, list) for o in v if isinstance(o, dict)]:
            for file in (*one.get("resourceDefinitions", ()), *one.get("definitions", ())):
                assert ask(file["url"], twin).status == 200


def test_what_the_client_has_is_not_sent_again() -> None:
    tag = header(ask(WELL_KNOWN).headers, "etag")
    assert tag is not None
    assert [ask(WELL_KNOWN, if_none_match=t).status for t in (tag, '"other"')] == [304, 200]


def test_a_selection_narrows_configuration_and_documents() -> None:
    told = json.loads(ask(f"{WELL_KNOWN}?select=twin.edge:apiResource:placement:v1").body)
    [entry] = told["openResourceDiscoveryV1"]["documents"]
    document = json.loads(ask(f"{entry['url']}?select=TWIN.edge:apiResource:placement:v1").body)
    assert [o["ordId"] for o in document["apiResources"]] == ["twin.edge:apiResource:placement:v1"]
    assert "eventResources" not in document
    assert [ask(f"{WELL_KNOWN}?select={s}").status for s in ("a.b:agent:none:v1", "nonsense")] == [404, 500]


def test_a_document_for_partners_is_not_open() -> None:
    twin = second()
    assert [ask(f"/open-resource-discovery/v1/documents/{n}", twin).status for n in ("static", "partners", "none")] == [200, 401, 404]


def run(twin: Twin, folder: Path, expression: str = "") -> Run:
    target = target_of_twin(PROFILE, twin, "http://twin.invalid", folder)
    claim = Claim(profile=PROFILE.name, edition="1.16", features={})
    session = Session(f"{PROFILE.name}@1.16", target, claim, folder, Options(seed=1), EPOCH, None, TwinWire(twin, EPOCH))
    return execute(session, expression=expression, new_loop=VirtualLoop)


def verdicts(run: Run) -> dict[str, Verdict]:
    return {r.requirement: r.verdict for r in run.results}


def test_the_profile_is_green_on_both_providers_in_process_and_over_http(tmp_path: Path) -> None:
    untested = {r.id for r in PROFILE.not_tested}
    here = verdicts(run_in_process(PROFILE, twin_for(PROFILE), tmp_path / "a"))
    assert {i for i, v in here.items() if v is not Verdict.PASS} == untested
    other = verdicts(run(second(), tmp_path / "b"))
    assert {i for i, v in other.items() if v is not Verdict.PASS} == untested
    twin = twin_for(PROFILE)
    with serve(twin) as url:
        target = target_of_twin(PROFILE, twin, url, tmp_path)
        session = Session(f"{PROFILE.name}@1.16", target, Claim(profile=PROFILE.name), tmp_path / "c", Options(seed=1), EPOCH, None)
        assert verdicts(execute(session)) == here


def test_a_variant_that_there_is_not_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve-reference", PROFILE.name, "--variant", "second-providers"]) == 2
    assert "second-provider" in capsys.readouterr().err


def needs(facts: tuple[Fact, ...], kind: str) -> dict[str, str]:
    return {f.value: f.more.get("resolved", "") for f in facts if f.kind == kind}


def test_the_records_of_two_providers_tell_which_need_nobody_meets(tmp_path: Path) -> None:
    """What a list of dangling dependencies rests on: declared and offered, out of the records alone."""
    for name, twin in (("edge", twin_for(PROFILE)), ("energy", second())):
        run(twin, tmp_path / name, "own-are-new-enough")
    read = [next(r for r in read_run(tmp_path / name).results if r.requirement == NEEDS) for name in ("edge", "energy")]
    assert [r.verdict for r in read] == [Verdict.PASS, Verdict.PASS]
    offered = {id for r in read for id in needs(r.facts, "provides")}
    declared = {id: where for r in read for id, where in needs(r.facts, "needs").items()}
    assert {id for id in declared if id not in offered} == {"twin.weather:apiResource:forecast:v2"}
    assert declared["twin.energy:apiResource:footprint:v1"] == "not here"
    assert declared["twin.energy:eventResource:changes:v1"] == "here"


@pytest.mark.slow  # the sample of test_matrices.py stands for them in `make test`
@pytest.mark.parametrize(
    "planted", [p for p in planted(PROFILE) if p.fault.profile == PROFILE.name and p.representative], ids=lambda p: p.name
)
def test_a_fault_of_its_own_turns_its_requirement_red(planted: Any, tmp_path: Path) -> None:
    words = [i.partition("/")[2].split(".") for i in planted.expected]
    seen = verdicts(run(planted.twin(twin_for(PROFILE)), tmp_path, " or ".join(f"({' and '.join(w)})" for w in words)))
    assert {i: seen[i] for i in planted.expected} == dict.fromkeys(planted.expected, Verdict.FAIL)


OWN = ("absolute-addresses", "relative-addresses", "other-order", "own-values", "references-in-capitals", "few-kinds", "second-provider")


@pytest.mark.parametrize("name", OWN)
def test_what_the_standard_permits_turns_nothing_red(name: str, tmp_path: Path) -> None:
    seen = verdicts(run(known_variants()[name].twin(twin_for(PROFILE)), tmp_path))
    assert Verdict.FAIL not in seen.values()
    assert Verdict.ERROR not in seen.values()
    assert Verdict.INCONCLUSIVE not in seen.values()

"""The Kubernetes twin: its own rules, its profile over it, and what a control plane alone can claim."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from conformance.claim import Claim, Support
from conformance.cli.running import execute
from conformance.cli.twins import EPOCH, run_in_process, target_of_twin
from conformance.driving.session import Options, Session
from conformance.driving.virtual import VirtualLoop
from conformance.driving.wires import TwinWire
from conformance.loading.profiles import load_profile
from conformance.profile import Profile
from conformance.reference.faults import planted
from conformance.reference.twins import twin_for
from conformance.reference.twins.kube_patches import Owned, applied, strategic
from conformance.reference.twins.kube_selectors import fields_match, labels_match
from conformance.reference.twins.kubernetes import PROFILE, KubernetesTwin
from conformance.run import Run
from conformance.scoring import score
from conformance.verdict import Level, Verdict
from conformance.wire import Twin, WireRequest, WireResponse, header

NOW = 1_790_000_000.0
MAPS = "/api/v1/namespaces/default/configmaps"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
JOBS = "/apis/batch/v1/namespaces/default/jobs"
MERGE = "application/merge-patch+json"
POD = {"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [{"name": "first", "image": "one"}]}}


@pytest.fixture(scope="module")
def profile() -> Profile:
    """The profile, loaded once."""
    return load_profile(PROFILE)


@pytest.fixture
def twin(profile: Profile) -> KubernetesTwin:
    """A fresh twin."""
    return KubernetesTwin(profile)


def ask(twin: Twin, method: str, target: str, body: Any = None, at: float = 0.0, media: str = "application/json") -> WireResponse:
    """Send a request *at* seconds after now."""
    headers = (("authorization", "Bearer twin-token"), ("content-type", media))
    content = b"" if body is None else json.dumps(body).encode()
    return twin.handle(WireRequest(method=method, target=target, headers=headers, body=content), NOW + at)


def told(answer: WireResponse, status: int = 200) -> Any:
    """Return the JSON of an answer that has this status."""
    assert answer.status == status, answer.body
    return json.loads(answer.body)


def config_map(name: str = "a", **members: Any) -> dict[str, Any]:
    """Return a config map to send."""
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"word": "one", "other": "two"}, **members}


def deployment(**spec: Any) -> dict[str, Any]:
    """Return a deployment to send."""
    wanted = {"replicas": 2, "selector": {"matchLabels": {"app": "a"}}, "template": POD, **spec}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"}, "spec": wanted}


# -- its own rules ---------------------------------------------------------------------------------------------------
def test_an_outdated_version_is_a_conflict_and_an_equal_write_makes_no_new_one(twin: KubernetesTwin) -> None:
    """A replace with the version that was read goes through once; writing the same again changes no version."""
    first = told(ask(twin, "POST", MAPS, config_map()), 201)["metadata"]
    body = config_map(metadata={"name": "a", "resourceVersion": first["resourceVersion"]}, data={"word": "three"})
    second = told(ask(twin, "PUT", f"{MAPS}/a", body))["metadata"]
    refused = told(ask(twin, "PUT", f"{MAPS}/a", body), 409)
    assert (refused["kind"], refused["reason"], refused["code"]) == ("Status", "Conflict", 409)
    assert second["resourceVersion"] != first["resourceVersion"]
    again = config_map(data={"word": "three"})
    assert told(ask(twin, "PUT", f"{MAPS}/a", again))["metadata"]["resourceVersion"] == second["resourceVersion"]


def test_what_is_to_be_made_has_a_name(twin: KubernetesTwin) -> None:
    """An empty one is none, and nothing is there to make one from."""
    refused = told(ask(twin, "POST", "/api/v1/namespaces", {"metadata": {"name": ""}}), 422)
    assert refused["reason"] == "Invalid"


def test_a_dry_run_does_nothing(twin: KubernetesTwin) -> None:
    """The answer is that of a create, and nothing is there."""
    assert told(ask(twin, "POST", f"{MAPS}?dryRun=All", config_map()), 201)["metadata"]["uid"]
    assert ask(twin, "GET", f"{MAPS}/a").status == 404


def test_a_finalizer_holds_a_deleted_object(twin: KubernetesTwin) -> None:
    """It is marked, stays, and goes when its last finalizer does."""
    ask(twin, "POST", MAPS, config_map(metadata={"name": "a", "finalizers": ["icra.invalid/hold"]}))
    assert told(ask(twin, "DELETE", f"{MAPS}/a"))["metadata"]["deletionTimestamp"]
    assert ask(twin, "GET", f"{MAPS}/a").status == 200
    ask(twin, "PATCH", f"{MAPS}/a", {"metadata": {"finalizers": None}}, media=MERGE)
    assert ask(twin, "GET", f"{MAPS}/a").status == 404


def test_a_namespace_ends_with_what_is_in_it(twin: KubernetesTwin) -> None:
    """It is Terminating for a while, takes nothing more, and is gone then; without controllers it stays."""
    ask(twin, "POST", "/api/v1/namespaces", {"metadata": {"name": "n"}})
    ask(twin, "POST", "/api/v1/namespaces/n/configmaps", config_map())
    assert told(ask(twin, "DELETE", "/api/v1/namespaces/n"))["status"]["phase"] == "Terminating"
    assert ask(twin, "POST", "/api/v1/namespaces/n/configmaps", config_map("b")).status == 403
    twin.controllers = False
    assert told(ask(twin, "GET", "/api/v1/namespaces/n", at=60))["status"]["phase"] == "Terminating"
    twin.controllers = True
    assert ask(twin, "GET", "/api/v1/namespaces/n", at=60).status == 404
    assert ask(twin, "GET", "/api/v1/namespaces/n/configmaps/a", at=60).status == 404


def test_a_list_stays_the_same_while_it_is_read_in_chunks(twin: KubernetesTwin) -> None:
    """What is made after the first chunk is in none of the following; a continue that nobody gave is 410."""
    for name in "abc":
        ask(twin, "POST", MAPS, config_map(name))
    first = told(ask(twin, "GET", f"{MAPS}?limit=2"))
    ask(twin, "POST", MAPS, config_map("d"))
    rest = told(ask(twin, "GET", f"{MAPS}?limit=2&continue={first['metadata']['continue']}"))
    assert [i["metadata"]["name"] for i in first["items"] + rest["items"]] == ["a", "b", "c"]
    assert rest["metadata"] == {"resourceVersion": first["metadata"]["resourceVersion"]}
    assert told(ask(twin, "GET", f"{MAPS}?continue=x"), 410)["reason"] == "Expired"


def test_unknown_members_are_refused_or_dropped_with_a_warning(twin: KubernetesTwin) -> None:
    """It depends on fieldValidation."""
    odd = config_map(odd=1)
    assert ask(twin, "POST", f"{MAPS}?fieldValidation=Strict", odd).status == 400
    taken = ask(twin, "POST", MAPS, odd)
    assert "odd" in (header(taken.headers, "warning") or "")
    assert "odd" not in told(taken, 201)


def test_the_forms_of_a_patch_differ_in_what_they_do_to_lists(twin: KubernetesTwin) -> None:
    """A strategic merge adds a container, a merge replaces them, anything else is 415."""
    ask(twin, "POST", DEPLOYMENTS, deployment())
    patch = {"spec": {"template": {"spec": {"containers": [{"name": "second", "image": "two"}]}}}}
    merged = told(ask(twin, "PATCH", f"{DEPLOYMENTS}/a", patch, media="application/strategic-merge-patch+json"))
    assert [c["name"] for c in merged["spec"]["template"]["spec"]["containers"]] == ["second", "first"]
    replaced = told(ask(twin, "PATCH", f"{DEPLOYMENTS}/a", patch, media=MERGE))
    assert [c["name"] for c in replaced["spec"]["template"]["spec"]["containers"]] == ["second"]
    assert ask(twin, "PATCH", f"{DEPLOYMENTS}/a", patch).status == 415
    assert ask(twin, "PATCH", f"{DEPLOYMENTS}/a", patch, media="application/json-patch+json").status == 400


def test_a_deployment_is_rolled_out_in_time(twin: KubernetesTwin) -> None:
    """Its generation is seen first, its replicas are available later; a scale is a new generation; without nodes none is available."""
    ask(twin, "POST", DEPLOYMENTS, deployment())
    assert told(ask(twin, "GET", f"{DEPLOYMENTS}/a/status"))["status"] == {}
    assert told(ask(twin, "GET", f"{DEPLOYMENTS}/a", at=1))["status"]["observedGeneration"] == 1
    assert told(ask(twin, "GET", f"{DEPLOYMENTS}/a", at=2))["status"]["availableReplicas"] == 2
    assert told(ask(twin, "PATCH", f"{DEPLOYMENTS}/a/scale", {"spec": {"replicas": 3}}, 2, MERGE))["spec"] == {"replicas": 3}
    scaled = told(ask(twin, "GET", f"{DEPLOYMENTS}/a", at=2))
    assert (scaled["metadata"]["generation"], scaled["status"]["observedGeneration"]) == (2, 1)
    twin.nodes = False
    assert told(ask(twin, "GET", f"{DEPLOYMENTS}/a", at=9))["status"]["unavailableReplicas"] == 3


def test_selectors_and_templates_are_held_together(twin: KubernetesTwin) -> None:
    """A selector must fit its template and stays as it is; a job gets one of its own."""
    assert ask(twin, "POST", DEPLOYMENTS, deployment(selector={"matchLabels": {"app": "b"}})).status == 422
    ask(twin, "POST", DEPLOYMENTS, deployment(template={**POD, "metadata": {"labels": {"app": "a", "b": "c"}}}))
    assert ask(twin, "PATCH", f"{DEPLOYMENTS}/a", {"spec": {"selector": {"matchLabels": {"b": "c"}}}}, media=MERGE).status == 422
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j"}, "spec": {"template": POD}}
    made = told(ask(twin, "POST", JOBS, job), 201)
    assert made["spec"]["selector"]["matchLabels"].items() <= made["spec"]["template"]["metadata"]["labels"].items()
    assert told(ask(twin, "GET", f"{JOBS}/j", at=5))["status"]["succeeded"] == 1


def test_secrets_keep_text_as_data(twin: KubernetesTwin) -> None:
    """stringData is merged into data and shown nowhere; what is no base64 is refused."""
    secrets = "/api/v1/namespaces/default/secrets"
    body = {"metadata": {"name": "s"}, "data": {"a": "YQ=="}, "stringData": {"b": "b"}}
    made = told(ask(twin, "POST", secrets, body), 201)
    assert (made["data"], made["type"], "stringData" in made) == ({"a": "YQ==", "b": "Yg=="}, "Opaque", False)
    assert ask(twin, "POST", secrets, {"metadata": {"name": "t"}, "data": {"a": "?"}}).status == 400


def test_a_watch_begins_with_what_is_there(twin: KubernetesTwin) -> None:
    """One event a line."""
    for name in "ab":
        ask(twin, "POST", MAPS, config_map(name))
    lines = ask(twin, "GET", f"{MAPS}?watch=true").body.splitlines()
    assert [(e["type"], e["object"]["metadata"]["name"]) for e in map(json.loads, lines)] == [("ADDED", "a"), ("ADDED", "b")]


def test_managers_own_what_they_apply() -> None:
    """Agreeing shares a field, differing is refused, forcing takes it, and what its only manager leaves out is gone."""
    managers: dict[str, dict[str, Any]] = {}
    body = applied({}, {"data": {"a": "1", "b": "2"}}, "one", managers, force=False)
    body = applied(body, {"data": {"a": "1"}}, "two", managers, force=False)
    with pytest.raises(Owned, match="/data/a"):
        applied(body, {"data": {"a": "3"}}, "two", managers, force=False)
    body = applied(body, {"data": {"a": "3"}}, "two", managers, force=True)
    body = applied(body, {"data": {"c": "4"}}, "one", managers, force=False)
    assert body == {"data": {"a": "3", "c": "4"}}


def test_strategic_merge_directives_delete_and_replace() -> None:
    """An item can be taken away by its key, an object replaced as a whole, a set only grows."""
    body = {"env": [{"name": "a", "value": "1"}, {"name": "b"}], "args": ["x"], "finalizers": ["f"], "spec": {"old": 1}}
    patch = {"env": [{"name": "a", "$patch": "delete"}], "args": ["y"], "finalizers": ["g"], "spec": {"$patch": "replace", "new": 2}}
    assert strategic(body, patch) == {"env": [{"name": "b"}], "args": ["y"], "finalizers": ["f", "g"], "spec": {"new": 2}}


@pytest.mark.parametrize(
    ("selector", "labels", "holds"),
    [
        ("a=1,b!=2", {"a": "1"}, True), ("a==1", {"a": "2"}, False), ("a in (1, 2)", {"a": "2"}, True), ("a notin (1)", {}, True),
        ("a", {"a": ""}, True), ("!a", {"a": ""}, False), ("", {}, True), ("x.io/a=1", {"x.io/a": "1"}, True),
    ],
)  # fmt: skip
def test_label_selectors_are_read(selector: str, labels: dict[str, str], holds: bool) -> None:
    """Equality, sets and existence; all conditions must hold."""
    assert labels_match(selector, labels) is holds


@pytest.mark.parametrize("selector", ["a in (", "a in 1", "=1", "a,,b", "a=1=2"])
def test_selectors_that_cannot_be_read_are_told(selector: str) -> None:
    """A selector is never read in part."""
    with pytest.raises(ValueError, match="requirement"):
        labels_match(selector, {})
    with pytest.raises(ValueError, match="selector"):
        fields_match("spec.a=1", {"metadata": {}})


# -- its profile -----------------------------------------------------------------------------------------------------
def run(profile: Profile, twin: Twin, folder: Path, features: dict[str, Support], **test_data: str) -> Run:
    """Run the profile in process against a twin that claims *features*."""
    target = target_of_twin(profile, twin, "http://twin.invalid", folder)
    target = replace(target, test_data={**target.test_data, **test_data})
    claim = Claim(profile=profile.name, edition=profile.edition, features=features)
    session = Session(f"{profile.name}@{profile.edition}", target, claim, folder, Options(), EPOCH, None, TwinWire(twin, EPOCH))
    return execute(session, new_loop=VirtualLoop)


def not_green(run: Run) -> dict[str, str]:
    """Return what was looked at and did not pass."""
    fine = (Verdict.PASS, Verdict.NOT_APPLICABLE)
    return {r.requirement: r.reason for r in run.results if r.verdict not in fine and r.check}


def test_the_twin_passes_everything_that_has_a_check(profile: Profile, tmp_path: Path) -> None:
    """Every feature claimed, every requirement passes, and nothing is left behind."""
    seen = run_in_process(profile, twin_for(profile), tmp_path / "run")
    assert {r.requirement: r.reason for r in seen.results if r.verdict is not Verdict.PASS and r.check} == {}
    assert seen.leftovers == ()
    assert score(seen).tallies[Level.MUST][Verdict.PASS] >= 240


def test_a_control_plane_alone_can_claim_truthfully(profile: Profile, tmp_path: Path) -> None:
    """Without controllers and nodes nothing fails; its namespaces are told as left, for nobody empties them."""
    plane = KubernetesTwin(profile)
    plane.controllers = plane.nodes = False
    claim = {"controllers": Support.NO, "workload-readiness": Support.NO, "server-side-apply": Support.YES}
    seen = run(profile, plane, tmp_path / "run", claim, namespace="default")
    assert not_green(seen) == {}
    assert {left.resource for left in seen.leftovers} == {"namespace"}


def test_a_server_without_workloads_is_asked_for_none(profile: Profile, tmp_path: Path) -> None:
    """Discovery says which groups are there; what is silent about the others is no failure."""
    bare = KubernetesTwin(profile)
    bare.groups = ()
    seen = run(profile, bare, tmp_path / "run", {}, namespace="default")
    assert not_green(seen) == {}
    assert {r.feature for r in seen.results if r.verdict is Verdict.PASS} == {"core", "namespaces", "watch"}


class Tenant:
    """Rights in the namespace default, and to look around."""

    def __init__(self, inner: KubernetesTwin) -> None:
        self.inner = inner

    def handle(self, request: WireRequest, now: float) -> WireResponse:
        """Forbid whatever is outside."""
        answer = self.inner.handle(request, now)
        inside = "/namespaces/default/" in request.target or "/namespaces" not in request.target
        return answer if inside or answer.status == 401 else forbidden()


def forbidden() -> WireResponse:
    """Return what somebody without rights is told."""
    body = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "reason": "Forbidden", "code": 403}
    return WireResponse(status=403, headers=(("Content-Type", "application/json"),), body=json.dumps(body).encode())


def test_a_tenant_of_one_namespace_names_it_in_its_test_data(profile: Profile, tmp_path: Path) -> None:
    """Who may neither make nor list namespaces is looked at in the one that the target file names."""
    seen = run(profile, Tenant(KubernetesTwin(profile)), tmp_path / "run", {}, namespace="default")
    assert not_green(seen) == {}
    assert "deployments" in {r.feature for r in seen.results if r.verdict is Verdict.PASS}
    assert "namespaces" not in {r.feature for r in seen.results if r.verdict is Verdict.PASS}


@pytest.mark.parametrize(
    "name",
    ["resource-version-ignored@replaceConfigMap", "dry-run-done@patchConfigMap", "strategic-patch-replaces-lists@patchDeployment"],
)
def test_a_fault_turns_its_requirement_red(profile: Profile, tmp_path: Path, name: str) -> None:
    """What only a Kubernetes server can get wrong is found, under the right requirement."""
    fault = next(f for f in planted(profile) if f.name == name)
    twin = fault.twin(twin_for(profile))
    seen = run(profile, twin, tmp_path / "run", {}, namespace="default")
    red = {r.requirement for r in seen.results if r.verdict is Verdict.FAIL}
    assert fault.expected <= red

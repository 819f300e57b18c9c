"""Workflows of a profile: what is outside the portable subset, or leads nowhere, is told before anything runs."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from conformance.errors import UsageError
from conformance.loading.workflows import hold, load_workflows
from conformance.requirement import Requirement
from tests.checks.support import requirement_of

OPERATIONS = {"createLease": None, "getLease": None}
DOCUMENT: dict[str, Any] = {
    "arazzo": "1.0.1",
    "info": {"title": "Leases", "version": "1"},
    "sourceDescriptions": [{"name": "leases", "url": "openapi.yaml", "type": "openapi"}],
    "workflows": [
        {
            "workflowId": "life",
            "inputs": {"type": "object", "required": ["owner"], "properties": {"owner": {"type": "string"}}},
            "steps": [
                {
                    "stepId": "create",
                    "operationId": "leases.createLease",
                    "requestBody": {"contentType": "application/json", "payload": {"owner": "$inputs.owner"}},
                    "successCriteria": [{"condition": "$statusCode == 201"}],
                    "outputs": {"id": "$response.body#/id"},
                },
                {
                    "stepId": "read",
                    "operationId": "getLease",
                    "parameters": [{"reference": "$components.parameters.lease"}],
                    "successCriteria": [{"context": "$response.body#/owner", "condition": "^a", "type": "regex"}],
                    "onFailure": [{"reference": "$components.failureActions.soon"}],
                    "x-conformance": {"requirement": "lease.shown", "within": 3},
                },
            ],
        }
    ],
    "components": {
        "parameters": {"lease": {"name": "leaseId", "in": "path", "value": "$steps.create.outputs.id"}},
        "failureActions": {"soon": {"name": "soon", "type": "retry", "retryAfter": 1, "retryLimit": 3}},
    },
}


def written(tmp_path: Path, change: Callable[[dict[str, Any]], Any]) -> Path:
    document = copy.deepcopy(DOCUMENT)
    change(document)
    file = tmp_path / "1.arazzo.yaml"
    file.write_text(yaml.safe_dump(document, sort_keys=False))
    return file


def steps(document: dict[str, Any]) -> list[dict[str, Any]]:
    return document["workflows"][0]["steps"]  # type: ignore[no-any-return]


def test_steps_are_read_with_what_they_refer_to(tmp_path: Path) -> None:
    flow = load_workflows(written(tmp_path, lambda d: None), OPERATIONS)["life"]
    create, read = flow.steps
    assert (flow.needs, create.operation, create.media) == ({"owner"}, "createLease", "application/json")
    assert read.parameters == (("leaseId", "path", "$steps.create.outputs.id"),)
    assert (read.requirements, read.within_s, read.on_failure[0].limit) == (("lease.shown",), 3, 3)


def test_a_profile_need_not_have_any(tmp_path: Path) -> None:
    assert load_workflows(tmp_path / "1.arazzo.yaml", OPERATIONS) == {}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda d: d.clear(), "'arazzo' is missing"),
        (lambda d: d.update(arazzo="1.1.0"), "arazzo: \"1.1.0\" does not match"),
        (lambda d: d["info"].update({"life cycles": None}), "info: 'life cycles' is not known here"),
        (lambda d: d.update(workflows=["life"]), 'workflows[0]: "life" is not of type "object"'),
        (lambda d: d["workflows"].append(copy.deepcopy(d["workflows"][0])), "workflows[1].workflowId: 'life' stands here twice"),
        (lambda d: steps(d)[0].pop("stepId"), "workflows[0].steps[0]: 'stepId' is missing"),
        (lambda d: steps(d)[1].update(stepId="create"), "workflows[0].steps[1].stepId: 'create' stands here twice"),
        (lambda d: steps(d)[0].update(workflowId="other"), "workflows[0].steps[0]: 'workflowId' is not known here"),
        (lambda d: steps(d)[0].update(operationId="createLaese"), "'createLaese' is not an operation of the contract (did you mean"),
        (lambda d: steps(d)[0].update(parameters=[{"name": "a", "in": "cookie", "value": 1}]), "'cookie' is not one of them"),
        (lambda d: steps(d)[0].update(parameters=[{"name": "a", "in": "query"}]), "parameters[0]: 'value' is missing"),
        (lambda d: d["components"]["parameters"].clear(), "$components.parameters.lease leads nowhere"),
        (lambda d: steps(d)[0].update(successCriteria=[{"condition": "!($statusCode == 201)"}]), "not in the portable subset"),
        (lambda d: steps(d)[0].update(successCriteria=[{"condition": "$.id", "type": "jsonpath"}]), "'jsonpath' is not one of them"),
        (lambda d: steps(d)[1]["successCriteria"][0].update(condition="("), "'(' is no regular expression"),
        (lambda d: steps(d)[1]["successCriteria"][0].pop("context"), "'context' is missing"),
        (lambda d: steps(d)[1].update(onFailure=[{"name": "n", "type": "goto"}]), "'stepId' is missing"),
        (lambda d: steps(d)[1].update(onFailure=[{"name": "n", "type": "goto", "stepId": "creat"}]), "goes to 'creat', which is no step"),
        (lambda d: steps(d)[1]["x-conformance"].update(with_in=3), "x-conformance: 'with_in' is not known here"),
        (lambda d: steps(d)[0]["requestBody"].update(payload={"a": ["$inputs.onwer"]}), "$inputs.onwer is no input of the workflow"),
        (lambda d: steps(d)[0]["requestBody"].update(payload="$inputs.owner#/name"), "a pointer into $inputs.owner is not in the portable"),
        (lambda d: steps(d)[0]["outputs"].clear(), "$steps.create.outputs.id is no output of a step"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_place(change: Callable[[dict[str, Any]], Any], told: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        load_workflows(written(tmp_path, change), OPERATIONS)
    assert told in str(caught.value)
    assert "1.arazzo.yaml" in str(caught.value)


def judging(**arguments: Any) -> Requirement:
    return requirement_of("workflow", arguments={"workflow": "life", "judges": "lease.shown", "inputs": {"owner": "ann"}, **arguments})


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"workflow": "live"}, "'live' is not a workflow (did you mean 'life'?)"),
        ({"judges": "lease.show"}, "no step of 'life' is judged by 'lease.show' (did you mean 'lease.shown'?)"),
        ({"inputs": None}, "the input 'owner' of 'life' is missing"),
    ],
)
def test_a_requirement_follows_a_workflow_that_there_is(arguments: dict[str, Any], told: str, tmp_path: Path) -> None:
    workflows = load_workflows(written(tmp_path, lambda d: None), OPERATIONS)
    hold([judging()], workflows, "1.yaml")
    with pytest.raises(UsageError, match=r"1\.yaml") as caught:
        hold([judging(**arguments)], workflows, "1.yaml")
    assert told in str(caught.value)

"""Load the workflows of a profile: Arazzo 1.0.1 in the portable subset; everything outside it is told at once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from conformance.errors import Problem, UsageError, did_you_mean
from conformance.loading.plain_yaml import read_yaml
from conformance.workflow import Action, Criterion, Workflow, WorkflowStep, readable

_STEP = {
    "stepId",
    "description",
    "operationId",
    "parameters",
    "requestBody",
    "successCriteria",
    "outputs",
    "onSuccess",
    "onFailure",
    "x-conformance",
}
_OWN = {"requirement", "same", "within"}


def load_workflows(file: Path, operations: Mapping[str, Any]) -> dict[str, Workflow]:
    """Return the workflows of an Arazzo document, held against the operations of the contract.

    Raises:
        UsageError: all that is wrong or outside the subset.
    """
    if not file.is_file():
        return {}
    raw = read_yaml(file)
    reader = _Reader(str(file), raw if isinstance(raw, dict) else {}, operations)
    if not str(reader.document.get("arazzo", "")).startswith("1.0"):
        reader.complain("arazzo", "an Arazzo 1.0.x document is wanted")
    found = {
        w["workflowId"]: reader.workflow(w, f"workflows[{n}]")
        for n, w in enumerate(reader.document.get("workflows", ()))
        if "workflowId" in w
    }
    if reader.problems:
        raise UsageError(*reader.problems)
    return found


class _Reader:
    def __init__(self, file: str, document: Mapping[str, Any], operations: Mapping[str, Any]) -> None:
        self.file, self.document, self.operations = file, document, operations
        self.problems: list[Problem] = []

    def complain(self, place: str, problem: str, hint: str = "") -> None:
        self.problems.append(Problem(file=self.file, place=place, problem=problem, hint=hint))

    def workflow(self, raw: Mapping[str, Any], place: str) -> Workflow:
        steps = tuple(self.step(s, f"{place}.steps[{n}]") for n, s in enumerate(raw.get("steps", ())))
        known = {s.id for s in steps}
        for number, step in enumerate(steps):
            for action in (*step.on_success, *step.on_failure):
                if action.step and action.step not in known:
                    self.complain(
                        f"{place}.steps[{number}]", f"goes to '{action.step}', which is no step", did_you_mean(action.step, known)
                    )
        return Workflow(id=raw["workflowId"], summary=str(raw.get("summary", "")), steps=steps)

    def step(self, raw: Mapping[str, Any], place: str) -> WorkflowStep:
        for key in set(raw) - _STEP:
            self.complain(f"{place}.{key}", "not in the portable subset")
        operation = str(raw.get("operationId", "")).rpartition(".")[2]
        if operation not in self.operations:
            self.complain(
                f"{place}.operationId", f"'{operation}' is not an operation of the contract", did_you_mean(operation, self.operations)
            )
        own = raw.get("x-conformance", {})
        for key in set(own) - _OWN:
            self.complain(f"{place}.x-conformance.{key}", "not known here", f"one of {', '.join(sorted(_OWN))}")
        named = own.get("requirement", ())
        parameters = [self.reference(p) for p in raw.get("parameters", ())]
        return WorkflowStep(
            id=str(raw.get("stepId", "")), operation=operation,
            parameters=tuple((str(p.get("name")), str(p.get("in", "")), p.get("value")) for p in parameters),
            payload=raw.get("requestBody", {}).get("payload"), media=str(raw.get("requestBody", {}).get("contentType", "")),
            criteria=self.criteria(raw.get("successCriteria", ()), place),
            outputs=raw.get("outputs", {}), on_success=self.actions(raw.get("onSuccess", ()), place), on_failure=self.actions(raw.get("onFailure", ()), place),
            requirements=(named,) if isinstance(named, str) else tuple(named), same=tuple(own.get("same", ())), within_s=float(own.get("within", 0)),
        )  # fmt: skip

    def reference(self, raw: Mapping[str, Any]) -> Mapping[str, Any]:
        if "reference" not in raw:
            return raw
        here: Any = self.document
        for name in str(raw["reference"]).removeprefix("$").split("."):
            here = here.get(name, {}) if isinstance(here, Mapping) else {}
        if not here:
            self.complain(str(raw["reference"]), "leads nowhere")
        return {**here, **({"value": raw["value"]} if "value" in raw else {})}

    def criteria(self, raw: Any, place: str) -> tuple[Criterion, ...]:
        found = []
        for number, one in enumerate(raw):
            kind = one.get("type", "simple")
            if kind not in ("simple", "regex"):
                self.complain(f"{place}.successCriteria[{number}]", f"criteria of type {kind} are not in the portable subset")
                continue
            if kind == "simple" and not readable(one["condition"]):
                self.complain(
                    f"{place}.successCriteria[{number}]",
                    f"'{one['condition']}' is not in the portable subset",
                    "comparisons joined by && or ||, no parentheses, no !",
                )
                continue
            found.append(Criterion(condition=one["condition"], context=one.get("context", ""), type=kind))
        return tuple(found)

    def actions(self, raw: Any, place: str) -> tuple[Action, ...]:
        found = []
        for one in map(self.reference, raw):
            if one.get("type") not in ("end", "goto", "retry") or "workflowId" in one:
                self.complain(place, f"an action of type {one.get('type')} is not in the portable subset")
                continue
            found.append(Action(
                type=one["type"], step=one.get("stepId", ""), after_s=float(one.get("retryAfter", 1)), limit=int(one.get("retryLimit", 1)),
                criteria=self.criteria(one.get("criteria", ()), place),
            ))  # fmt: skip
        return tuple(found)

"""Load the workflows of a profile: Arazzo 1.0.1 in the portable subset; everything outside it is told at once."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from conformance.errors import Problem, UsageError, did_you_mean
from conformance.loading.plain_yaml import read_yaml
from conformance.loading.validation import demand
from conformance.requirement import Requirement
from conformance.workflow import Action, Criterion, Workflow, WorkflowStep, readable

#: What an expression takes from a step before, and from outside.
_OUTPUT = re.compile(r"\$steps\.([A-Za-z0-9_-]+)\.outputs\.([A-Za-z0-9_-]+)")
_INPUT = re.compile(r"\$inputs\.([A-Za-z0-9_-]+)(#?)")


def load_workflows(file: Path, operations: Mapping[str, Any]) -> dict[str, Workflow]:
    """Return the workflows of an Arazzo document, held against the operations of the contract.

    Raises:
        UsageError: all that is wrong or outside the subset.
    """
    if not file.is_file():
        return {}
    reader = _Reader(str(file), demand(read_yaml(file), "workflows", str(file)), operations)
    found = [reader.workflow(w, f"workflows[{n}]") for n, w in enumerate(reader.document["workflows"])]
    if reader.problems:
        raise UsageError(*reader.problems)
    return {w.id: w for w in found}


def hold(requirements: Iterable[Requirement], workflows: Mapping[str, Workflow], file: str) -> None:
    """Hold the requirements that follow a workflow against the workflows of the profile.

    Raises:
        UsageError: one names no workflow or no step of it, or leaves an input out.
    """
    problems = []
    for one in (r for r in requirements if r.check == "workflow"):
        place, name = one.id.partition("/")[2], str(one.arguments.get("workflow", ""))
        if name not in workflows:
            problems.append(Problem(file=file, place=place, problem=f"'{name}' is not a workflow", hint=did_you_mean(name, workflows)))
            continue
        judges, judged = str(one.arguments.get("judges", "")), {r for step in workflows[name].steps for r in step.requirements}
        if judges not in judged:
            told = f"no step of '{name}' is judged by '{judges}'"
            problems.append(Problem(file=file, place=place, problem=told, hint=did_you_mean(judges, judged)))
        for missing in workflows[name].needs - (one.arguments.get("inputs") or {}).keys():
            problems.append(Problem(file=file, place=place, problem=f"the input '{missing}' of '{name}' is missing"))
    if problems:
        raise UsageError(*problems)


class _Reader:
    def __init__(self, file: str, document: Mapping[str, Any], operations: Mapping[str, Any]) -> None:
        self.file, self.document, self.operations = file, document, operations
        self.problems: list[Problem] = []
        self._ids: set[str] = set()

    def complain(self, place: str, problem: str, hint: str = "") -> None:
        self.problems.append(Problem(file=self.file, place=place, problem=problem, hint=hint))

    def workflow(self, raw: Mapping[str, Any], place: str) -> Workflow:
        self._once(self._ids, raw["workflowId"], f"{place}.workflowId")
        steps = tuple(self.step(s, f"{place}.steps[{n}]") for n, s in enumerate(raw["steps"]))
        known: set[str] = set()
        for number, step in enumerate(steps):
            self._once(known, step.id, f"{place}.steps[{number}].stepId")
        for number, step in enumerate(steps):
            for action in (*step.on_success, *step.on_failure):
                if action.step and action.step not in known:
                    self.complain(
                        f"{place}.steps[{number}]", f"goes to '{action.step}', which is no step", did_you_mean(action.step, known)
                    )
        self._expressions(raw, steps, place)
        needs = frozenset(raw.get("inputs", {}).get("required", ()))
        return Workflow(id=raw["workflowId"], summary=raw.get("summary", ""), steps=steps, needs=needs)

    def _once(self, known: set[str], name: str, place: str) -> None:
        if name in known:
            self.complain(place, f"'{name}' stands here twice")
        known.add(name)

    def _expressions(self, raw: Mapping[str, Any], steps: tuple[WorkflowStep, ...], place: str) -> None:
        inputs = raw.get("inputs", {}).get("properties", {})
        outputs = {step.id: step.outputs for step in steps}
        for number, step in enumerate(steps):
            here = f"{place}.steps[{number}]"
            for text in _texts(step):
                for name, pointer in _INPUT.findall(text):
                    if name not in inputs:
                        self.complain(here, f"$inputs.{name} is no input of the workflow", did_you_mean(name, inputs))
                    if pointer:
                        hint = "give it as an input of its own, or take it from $request.body of the step that sends it"
                        self.complain(here, f"a pointer into $inputs.{name} is not in the portable subset", hint)
                for other, name in _OUTPUT.findall(text):
                    if name not in outputs.get(other, {}):
                        hint = did_you_mean(name, outputs[other]) if other in outputs else did_you_mean(other, outputs)
                        self.complain(here, f"$steps.{other}.outputs.{name} is no output of a step", hint)

    def step(self, raw: Mapping[str, Any], place: str) -> WorkflowStep:
        operation = raw["operationId"].rpartition(".")[2]
        if operation not in self.operations:
            self.complain(
                f"{place}.operationId", f"'{operation}' is not an operation of the contract", did_you_mean(operation, self.operations)
            )
        own = raw.get("x-conformance", {})
        named = own.get("requirement", ())
        parameters = [self.reference(p, place) for p in raw.get("parameters", ())]
        body = raw.get("requestBody", {})
        return WorkflowStep(
            id=raw["stepId"], operation=operation,
            parameters=tuple((p["name"], p["in"], p["value"]) for p in parameters if p),
            payload=body.get("payload"), media=body.get("contentType", ""), criteria=self.criteria(raw.get("successCriteria", ()), place),
            outputs=raw.get("outputs", {}), on_success=self.actions(raw.get("onSuccess", ()), place),
            on_failure=self.actions(raw.get("onFailure", ()), place),
            requirements=(named,) if isinstance(named, str) else tuple(named), same=tuple(own.get("same", ())), within_s=own.get("within", 0.0),
        )  # fmt: skip

    def reference(self, raw: Mapping[str, Any], place: str) -> Mapping[str, Any]:
        if "reference" not in raw:
            return raw
        _, kind, name = raw["reference"].split(".")
        known = self.document.get("components", {}).get(kind, {})
        if name not in known:
            self.complain(place, f"{raw['reference']} leads nowhere", did_you_mean(name, known))
            return {}
        return {**known[name], **({"value": raw["value"]} if "value" in raw else {})}

    def criteria(self, raw: Any, place: str) -> tuple[Criterion, ...]:
        for number, one in enumerate(raw):
            here = f"{place}.successCriteria[{number}]"
            if one.get("type") == "regex":
                try:
                    re.compile(one["condition"])
                except re.error as error:
                    self.complain(here, f"'{one['condition']}' is no regular expression: {error}")
            elif not readable(one["condition"]):
                hint = "comparisons joined by && or ||, no parentheses, no !"
                self.complain(here, f"'{one['condition']}' is not in the portable subset", hint)
        return tuple(Criterion(condition=c["condition"], context=c.get("context", ""), type=c.get("type", "simple")) for c in raw)

    def actions(self, raw: Any, place: str) -> tuple[Action, ...]:
        return tuple(
            Action(
                type=one["type"], step=one.get("stepId", ""), after_s=float(one.get("retryAfter", 1)), limit=one.get("retryLimit", 1),
                criteria=self.criteria(one.get("criteria", ()), place),
            )
            for one in (self.reference(a, place) for a in raw) if one
        )  # fmt: skip


def _texts(step: WorkflowStep) -> Iterator[str]:
    """Yield what of a step may hold expressions."""
    yield json.dumps([step.payload, [value for _, _, value in step.parameters]])
    for criterion in (*step.criteria, *(c for action in (*step.on_success, *step.on_failure) for c in action.criteria)):
        yield f"{criterion.context} {criterion.condition if criterion.type == 'simple' else ''}"

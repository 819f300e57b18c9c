"""Run a workflow up to the steps that a requirement owns: those are judged, every other is set-up."""

from __future__ import annotations

import re
from typing import Any

from conformance.api import Api
from conformance.checks.expect import expect_same
from conformance.checks.registry import check
from conformance.checks.subjects import filled
from conformance.ending import Inconclusive, Nonconformity
from conformance.exchange import Exchange, Request
from conformance.flow import send, wait
from conformance.requirement import pick
from conformance.workflow import Criterion, State, Unevaluable, WorkflowStep, request_json

MOST_STEPS = 200
#: The place in the answer that a criterion speaks of.
_BODY = re.compile(r"\$response\.body#((?:/[^\s=<>!&|()]*)+)")


@check("workflow", about="service", writes=True, timed=True)
async def workflow(api: Api, workflow: str, judges: str, inputs: dict[str, Any] | None = None) -> None:
    """Follows the workflow step by step; a step of this requirement is judged by its criteria, one of any other is set-up."""
    flow = api.profile.workflows[workflow]
    state = State(inputs=await filled(api, inputs or {}))
    left = [s.id for s in flow.steps if judges in s.requirements]
    position, taken, retried = 0, 0, dict.fromkeys((s.id for s in flow.steps), 0)
    began: dict[str, float] = {}
    while left and position < len(flow.steps) and taken < MOST_STEPS:
        step, taken = flow.steps[position], taken + 1
        judged = judges in step.requirements
        seen = await send(_request(api, step, state), also=(401, 403) if judged else ())
        state.seen = seen
        began.setdefault(step.id, seen.started_s)
        missed = next((c for c in step.criteria if not state.holds(c)), None)
        if missed is None:
            if judged and step.same:
                _same(step, seen)
            state.outputs[step.id] = {name: _output(state, step, expression) for name, expression in step.outputs.items()}
            left = [s for s in left if s != step.id]
        action = next(
            (a for a in (step.on_success if missed is None else step.on_failure) if all(state.holds(c) for c in a.criteria)), None
        )
        in_time = not step.within_s or seen.ended_s - began[step.id] < step.within_s
        if missed is not None and action and action.type == "retry" and in_time and (step.within_s or retried[step.id] < action.limit):
            retried[step.id] += 1
            await wait(action.after_s)
            continue
        if missed is not None and (action is None or action.type == "retry"):
            if action is not None and step.within_s and not in_time:
                raise Inconclusive(f"step {step.id}: not reached within {step.within_s:g} s: {missed.told}", seen)
            _missed(api, step, missed, seen, judged)
        if action and action.type == "end":
            break
        position = flow.index(action.step) if action and action.type == "goto" else position + 1
    if left:
        raise Inconclusive(f"the workflow ended before {', '.join(left)}")


def _request(api: Api, step: WorkflowStep, state: State) -> Request:
    operation = api.operation(step.operation)
    try:
        placed: dict[str, dict[str, Any]] = {"path": {}, "query": {}, "header": {}}
        for name, place, value in step.parameters:
            placed.setdefault(place, {})[name] = state.value(value)
        payload = state.value(step.payload)
    except Unevaluable as error:
        raise Inconclusive(f"step {step.id}: {error}") from None
    path = {k: str(v) for k, v in placed["path"].items()}
    headers = {k: str(v) for k, v in placed["header"].items()}
    if step.media and payload is not None:
        headers.setdefault("content-type", step.media)
    return api.request(operation, parameters=path, query=placed["query"], headers=headers, body=payload)


def _output(state: State, step: WorkflowStep, expression: str) -> Any:
    try:
        return state.value(expression)
    except Unevaluable as error:
        raise Inconclusive(f"step {step.id}: {error}") from None


def _same(step: WorkflowStep, seen: Exchange) -> None:
    sent, found = request_json(seen), seen.json()
    for pointer in step.same:
        for wanted in pick(sent, pointer):
            expect_same(wanted, next(iter(pick(found, pointer)), None), seen, what=f"as sent at {pointer}", at=pointer)


def _missed(api: Api, step: WorkflowStep, criterion: Criterion, seen: Exchange, judged: bool) -> None:
    if not judged:
        raise Inconclusive(
            f"set-up: step {step.id} ({seen.request.where}) answered {seen.status}; wanted {criterion.told}", seen, needs=step.operation
        )
    place = _BODY.search(f"{criterion.context} {criterion.condition}")
    operation = api.operation(step.operation)
    other = "$statusCode" in f"{criterion.context} {criterion.condition}" and seen.status not in (*operation.success, *operation.permitted)
    cause = f"status of {operation.title}" if other and seen.success else f"step {step.id}"
    observed = f"{seen.summary} at step {step.id}"
    raise Nonconformity(criterion.told, observed, seen, cause=cause, place=place[1] if place else None)

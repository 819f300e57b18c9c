"""Workflows as data: the portable subset of Arazzo 1.0.1, its runtime expressions and conditions.

Source: OpenAPI Initiative, Arazzo Specification 1.0.1. String comparison is case-sensitive here, stricter than its text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from conformance.ending import Nonconformity
from conformance.exchange import Exchange
from conformance.requirement import pick


class Unevaluable(Exception):
    """An expression leads nowhere: the message has no such place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Criterion:
    """One condition: `simple`, or a regular expression over what `context` leads to."""

    condition: str
    context: str = ""
    type: Literal["simple", "regex"] = "simple"

    @property
    def told(self) -> str:
        """The criterion in words."""
        return f"{self.context} matches {self.condition}" if self.type == "regex" else self.condition


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """What to do after a step whose criteria hold or not."""

    type: Literal["end", "goto", "retry"]
    step: str = ""
    after_s: float = 1.0
    limit: int = 1
    criteria: tuple[Criterion, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowStep:
    """One request of a workflow; judged when it names a requirement, set-up otherwise."""

    id: str
    operation: str
    parameters: tuple[tuple[str, str, Any], ...] = ()  # name, place, value
    payload: Any = None
    media: str = ""
    criteria: tuple[Criterion, ...] = ()
    outputs: Mapping[str, str] = field(default_factory=dict)
    on_success: tuple[Action, ...] = ()
    on_failure: tuple[Action, ...] = ()
    requirements: tuple[str, ...] = ()
    same: tuple[str, ...] = ()
    within_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Workflow:
    """Steps in order, and the inputs that they cannot do without."""

    id: str
    summary: str
    steps: tuple[WorkflowStep, ...]
    needs: frozenset[str] = frozenset()

    def index(self, step: str) -> int:
        """Return the position of a step."""
        return next(i for i, s in enumerate(self.steps) if s.id == step)


@dataclass
class State:
    """What expressions can reach: inputs, outputs of earlier steps, and the exchange of this one."""

    inputs: Mapping[str, Any]
    outputs: dict[str, dict[str, Any]] = field(default_factory=dict)
    seen: Exchange | None = None

    def value(self, expression: Any) -> Any:
        """Return the value of a runtime expression; anything else stands for itself, inside and out.

        Raises:
            Unevaluable: it leads nowhere.
        """
        if isinstance(expression, Mapping):
            return {k: self.value(v) for k, v in expression.items()}
        if isinstance(expression, list):
            return [self.value(v) for v in expression]
        if not isinstance(expression, str) or not expression.startswith("$"):
            if isinstance(expression, str) and "{$" in expression:
                return re.sub(r"\{(\$[^}]+)\}", lambda m: str(self.value(m[1])), expression)
            return expression
        return self._resolve(expression)

    def _resolve(self, expression: str) -> Any:
        head, _, pointer = expression.partition("#")
        parts = head.split(".")
        if head == "$statusCode" and self.seen:
            return self.seen.status
        if parts[0] == "$inputs" and len(parts) > 1:
            return _descend(self.inputs, parts[1:], pointer, expression)
        if parts[0] == "$steps" and len(parts) >= 4 and parts[2] == "outputs":
            return _descend(self.outputs.get(parts[1], {}), parts[3:], pointer, expression)
        if self.seen and head == "$response.body":
            return _at(answered_json(self.seen), pointer, expression)
        if self.seen and head == "$request.body":
            return _at(request_json(self.seen), pointer, expression)
        if self.seen and len(parts) == 3 and parts[1] == "header" and parts[0] in ("$response", "$request"):
            headers = self.seen.headers if parts[0] == "$response" else self.seen.request.headers
            found = next((v for k, v in headers if k.lower() == parts[2].lower()), None)
            if found is None:
                raise Unevaluable(f"{expression}: no such header")
            return found
        raise Unevaluable(f"{expression} leads nowhere")

    def holds(self, criterion: Criterion) -> bool:
        """Tell whether a criterion holds; one that cannot be evaluated does not."""
        try:
            if criterion.type == "regex":
                value = self.value(criterion.context)
                return re.search(criterion.condition, value if isinstance(value, str) else str(value)) is not None
            return any(all(self._compare(term) for term in terms.split("&&")) for terms in criterion.condition.split("||"))
        except Unevaluable:
            return False

    def _compare(self, term: str) -> bool:
        match = COMPARISON.fullmatch(term.strip())
        if match is None:
            return bool(self.value(term.strip()))
        left, right = self._operand(match[1]), self._operand(match[3])
        if match[2] in ("==", "!="):
            return (left == right and isinstance(left, bool) == isinstance(right, bool)) == (match[2] == "==")
        if isinstance(left, bool) or isinstance(right, bool) or not isinstance(left, int | float) or not isinstance(right, int | float):
            return False
        return {"<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}[match[2]]

    def _operand(self, text: str) -> Any:
        text = text.strip()
        if text.startswith("$"):
            return self._resolve(text)
        if text[:1] == "'" and text[-1:] == "'":
            return text[1:-1]
        if text in ("true", "false", "null"):
            return {"true": True, "false": False, "null": None}[text]
        return float(text) if "." in text else int(text)


_OPERAND = r"\$[A-Za-z][^\s=<>!&|]*|'[^']*'|-?\d+(?:\.\d+)?|true|false|null"
COMPARISON = re.compile(rf"({_OPERAND})\s*(==|!=|<=|>=|<|>)\s*({_OPERAND})")


def readable(condition: str) -> bool:
    """Tell whether a simple condition is in the portable subset: comparisons joined by && or ||, no parentheses, no !."""
    terms = [t.strip() for terms in condition.split("||") for t in terms.split("&&")]
    return all(COMPARISON.fullmatch(t) or re.fullmatch(r"\$[A-Za-z][^\s=<>!&|()]*", t) for t in terms)


def _descend(root: Any, names: list[str], pointer: str, expression: str) -> Any:
    here = root
    for name in names:
        if not isinstance(here, Mapping) or name not in here:
            raise Unevaluable(f"{expression} leads nowhere")
        here = here[name]
    return _at(here, pointer, expression)


def _at(value: Any, pointer: str, expression: str) -> Any:
    found = pick(value, pointer) if pointer else [value]
    if not found:
        raise Unevaluable(f"{expression}: nothing is there")
    return found[0]


def answered_json(seen: Exchange) -> Any:
    """Return the JSON of an answer; what is none leads nowhere: that is for the step's criteria to tell."""
    try:
        return seen.json()
    except Nonconformity:
        raise Unevaluable("the answer has no JSON body") from None


def request_json(seen: Exchange) -> Any:
    """Return the JSON that was sent."""
    try:
        return json.loads(seen.request.body)
    except ValueError:
        raise Unevaluable("the request has no JSON body") from None

"""A Prometheus: invented answers, but real times, a limit on the points of a range, and expressions that cannot be executed."""

from __future__ import annotations

import math
import re
from typing import Any

from conformance.reference.engine import ResourceTwin
from conformance.reference.message import Call, Refused, seconds
from conformance.wire import WireResponse

PROFILE = "prometheus-http"
POINTS = 11_000
_CONSTANT = re.compile(r"\s*vector\(\s*([0-9.]+)\s*\)\s*")
_RELABELLED = re.compile(r'\s*label_replace\(.*,\s*"((?:[^"\\]|\\.)*)"\s*\)\s*')
_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "y": 31536000}


class PrometheusTwin(ResourceTwin):
    """It knows no metric but the invented one, and of the language no more than a constant and the renaming of labels."""

    def op_query(self, call: Call) -> WireResponse:
        """Evaluate an expression at an instant."""
        expression, time = call.one("query") or "", instant("time", call.one("time"))
        executed(expression)
        constant = _CONSTANT.fullmatch(expression)
        if constant is None:
            return self.perform(call)
        sample = [call.now if time is None else time, constant[1]]
        return self.answer(call.operation, 200, {"status": "success", "data": vector(sample)})

    def op_queryRange(self, call: Call) -> WireResponse:
        """Evaluate an expression at each step of a range."""
        start, end, step = instant("start", call.one("start")), instant("end", call.one("end")), width(call.one("step"))
        if start is None or end is None or step <= 0:
            raise Refused(400, "a start, an end and a positive step are needed")
        if (end - start) / step > POINTS:
            raise Refused(400, f"exceeded maximum resolution of {POINTS} points per timeseries")
        executed(call.one("query") or "")
        return self.perform(call)


def vector(*samples: Any) -> dict[str, Any]:
    """Return an instant vector of constants."""
    return {"resultType": "vector", "result": [{"metric": {}, "value": sample} for sample in samples]}


def instant(name: str, text: str | None) -> float | None:
    """Return a time in seconds: RFC 3339, or seconds with or without a fraction.

    Raises:
        Refused: it is none.
    """
    if text is None:
        return None
    try:
        found = float(text) if re.fullmatch(r"[-+0-9.eE]+", text) else seconds(text)
    except ValueError:
        raise Refused(400, f"invalid parameter {name}: {text} is no time") from None
    if not math.isfinite(found):
        raise Refused(400, f"invalid parameter {name}: {text} is no time")
    return found


def width(text: str | None) -> float:
    """Return the width of a step in seconds: a number, or a duration such as 1m30s.

    Raises:
        Refused: it is none.
    """
    try:
        return float(text or "")
    except ValueError:
        parts = re.findall(r"([0-9]+)(ms|[smhdwy])", text or "")
        if not parts or "".join(n + unit for n, unit in parts) != text:
            raise Refused(400, f"invalid parameter step: {text} is no duration") from None
        return float(sum(int(n) * _UNITS[unit] for n, unit in parts))


def executed(expression: str) -> None:
    """Execute an expression.

    Raises:
        Refused: it cannot be.
    """
    relabelled = _RELABELLED.fullmatch(expression)
    try:
        re.compile(relabelled[1] if relabelled else "")
    except re.error:
        raise Refused(422, "invalid regular expression in label_replace()", kind="execution") from None


TWIN = PrometheusTwin

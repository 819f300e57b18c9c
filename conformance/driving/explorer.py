"""The process in which schemathesis' engine explores: it has no network and no secrets, every request goes to its parent.

Lines of JSON: the order on standard input, then an answer for each request; requests and findings on standard output. The second
module that knows the interface of schemathesis (`planning.generate` is the other); it is only ever started by `driving.exploring`.
"""

from __future__ import annotations

import base64
import datetime
import json
import os
import socket
import sys
import threading
from collections.abc import Mapping
from typing import Any, NoReturn

#: The address of the target as this process knows it.
PLACE = "http://target.invalid"
#: The header by which an answer is known again.
STEP = "x-conformance-step"
LONGEST = 2_000
#: What the engine looks at. Its other checks send requests of their own, or ask for what no standard of ours promises.
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "positive_data_acceptance",
    "use_after_free",
    "ensure_resource_availability",
)
OFF = ("missing_required_header", "unsupported_method", "allow_header_conformance", "ignored_auth")


class Parent:
    """The process that sends for us."""

    def __init__(self) -> None:
        self._out = os.fdopen(os.dup(1), "w", encoding="utf-8")
        os.dup2(2, 1)  # whatever is printed here is talk
        self._lock = threading.Lock()

    def say(self, **line: Any) -> None:
        """Write a line."""
        with self._lock:
            self._out.write(json.dumps(line) + "\n")
            self._out.flush()

    def hear(self) -> dict[str, Any]:
        """Read a line; without one there is nobody left to explore for."""
        line = sys.stdin.readline()
        if not line:
            os._exit(0)
        heard: dict[str, Any] = json.loads(line)
        return heard

    def ask(self, **line: Any) -> dict[str, Any]:
        """Write a line and read the answer to it."""
        with self._lock:
            self._out.write(json.dumps(line) + "\n")
            self._out.flush()
            return self.hear()


def _deny(*_: object, **__: object) -> NoReturn:
    raise OSError("this process has no network")


def _through(parent: Parent) -> None:
    """Let every request of this process go to the parent, whoever makes it, and close the other ways out."""
    import requests
    import urllib3
    from requests.adapters import HTTPAdapter

    def send(_: Any, request: Any, **__: Any) -> Any:
        body = request.body
        if body is not None and not isinstance(body, bytes | str):
            body = b"".join(part if isinstance(part, bytes) else str(part).encode() for part in body)
        content = body.encode("utf-8", "surrogatepass") if isinstance(body, str) else body or b""
        heard = parent.ask(
            kind="send",
            method=str(request.method),
            url=str(request.url),
            headers=[[_text(k), _text(v)] for k, v in request.headers.items()],
            body=base64.b64encode(content).decode(),
        )
        if not heard["status"]:
            raise requests.ConnectionError(heard["detail"])
        headers = [*heard["headers"], [STEP, str(heard["step"])]]
        answer = requests.Response()
        answer.status_code, answer.url, answer.request, answer.reason = heard["status"], request.url, request, ""
        raw = urllib3.HTTPHeaderDict()
        for name, value in headers:
            raw.add(name, value)
        answer.headers.update(raw)
        answer._content = base64.b64decode(heard["body"])
        answer.raw = urllib3.HTTPResponse(body=answer._content, headers=raw, status=answer.status_code, version=11)
        answer.elapsed = datetime.timedelta(seconds=heard["seconds"])
        return answer

    setattr(HTTPAdapter, "send", send)  # noqa: B010
    for name in ("connect", "connect_ex", "sendto"):
        setattr(socket.socket, name, _deny)


def _warm() -> None:
    """Load what the engine needs, and the tables of Unicode, which Hypothesis makes anew where it has no folder to keep them in."""
    import schemathesis.engine  # noqa: F401
    from hypothesis.internal.charmap import charmap, intervals_from_codec

    charmap()
    intervals_from_codec("utf-8")


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _telling(parent: Parent) -> None:
    """Tell each finding when it is found: the time may be up before the engine sums up."""
    from schemathesis.engine.recorder import ScenarioRecorder

    record: Any = ScenarioRecorder.record_check_failure

    def record_check_failure(self: Any, *, name: str, case_id: str, failure: Any, **more: Any) -> None:
        record(self, name=name, case_id=case_id, failure=failure, **more)
        seen = self.interactions.get(case_id)
        if name not in CHECKS or seen is None or seen.response is None:
            return
        case = self.cases[case_id].value
        told = getattr(getattr(case.meta, "phase", None), "data", None)
        [step] = seen.response.headers.get(STEP) or ["-1"]
        parent.say(
            kind="finding",
            check=name,
            code=str(getattr(failure, "code", "")),
            title=str(failure.title)[:LONGEST],
            message=str(failure.message)[:LONGEST],
            operation=str(case.operation.definition.raw.get("operationId", case.operation.label)),
            step=int(step),
            mode=_value(getattr(getattr(case.meta, "generation", None), "mode", None)),
            place=_value(getattr(told, "parameter_location", None)),
            scenario=_value(getattr(told, "scenario", None)),
        )

    setattr(ScenarioRecorder, "record_check_failure", record_check_failure)  # noqa: B010


def _value(word: Any) -> str:
    return str(getattr(word, "value", ""))


def _explore(order: Mapping[str, Any], parent: Parent) -> str:
    """Run the engine over the order's contract; findings are told as they come. Return how it ended."""
    import schemathesis
    from schemathesis.engine import events, from_schema

    still = {"extra-data-sources": {"responses": False}}
    config = schemathesis.Config.from_dict(
        {
            "base-url": PLACE,
            "seed": order["seed"],
            "workers": 1,
            "continue-on-failure": True,
            "cache": {"enabled": False},
            "generation": {"database": "none", "deterministic": True, "max-examples": order["examples"]},
            "phases": {"examples": {"enabled": False}, "coverage": still, "fuzzing": still, "stateful": {"max-steps": 4}},
            "checks": {name: {"enabled": False} for name in OFF},
        }
    )
    schema = schemathesis.openapi.from_dict(order["document"], config=config)

    _telling(parent)
    ended = "complete"
    for event in from_schema(schema).execute():
        if isinstance(event, events.FatalError):
            ended = f"the engine broke: {event.exception}"[:LONGEST]
    return ended


def main() -> int:
    """Explore once, as ordered."""
    parent = Parent()
    order = parent.hear()
    _through(parent)
    _warm()
    parent.say(kind="ready")
    parent.say(kind="ended", ended=_explore(order, parent))
    return 0


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)

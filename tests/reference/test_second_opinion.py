"""A second opinion: another tool, run as anyone would run it, finds that served twin and contract agree.

What it finds beyond must be of a class of findings that are known to be none; each class is looked for by code and operation. What an
answer looks like (codes ST1..) is in no class: there twin and contract agree, or one of them is wrong.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest

from conformance.contract import Operation
from conformance.loading.profiles import Shelf, load_profile
from conformance.profile import Profile
from conformance.reference.engine import ResourceTwin
from conformance.reference.serving import serve
from conformance.reference.twins import twin_for
from conformance.requirement import pick
from conformance.schema import ASSERTED_FORMATS

SHELF = Shelf.standard()
SECONDS = 60
EDITIONS = [f"{name}@{edition}" for name, editions in SHELF.profiles.items() for edition in editions]


def takes_data(operation: Operation) -> bool:
    """Operations whose input can be well-formed and still name nothing, or what is not permitted: a body, or parameters."""
    return bool(operation.request_media) or any(p.place in ("path", "query") for p in operation.parameters)


def takes_texts(operation: Operation) -> bool:
    """Operations with parameters that are texts on the wire, where null, false and 0 are texts too, or with bodies that may hold more."""
    return takes_data(operation) or any(p.place in ("header", "cookie") for p in operation.parameters)


def streams(operation: Operation) -> bool:
    """Operations that can be asked to go on answering: one JSON text after the other, under the media type of one."""
    return any(p.place == "query" and p.name == "watch" for p in operation.parameters)


def any_operation(operation: Operation) -> bool:
    """All operations."""
    return True


#: Code -> (where it is no finding, why).
KNOWN: dict[str, tuple[Callable[[Operation], bool], str]] = {
    "ST109": (streams, "what was asked for is a stream of JSON texts, which has no media type of its own"),
    "ST201": (takes_texts, "a wrong value may be right on the wire, and what is not declared may be ignored"),
    "ST202": (takes_data, "a valid request is refused for what it names: states, quotas, things that do not exist"),
    "ST203": (any_operation, "a missing header is answered with a status of its own (428)"),
    "ST204": (any_operation, "404, 401 or 501 may come before 405"),
    "ST205": (any_operation, "as ST204"),
    "ST301": (any_operation, "what was removed may be shown for a while"),
    "ST302": (any_operation, "what was made may not be there at once"),
    "ST401": (any_operation, "a request is looked at before its credentials, or an operation is open"),
}


#: Edition, code and operation -> why: where a document has no answer that is right.
CONTRADICTED: dict[tuple[str, str, str], str] = {
    ("alertmanager-v2@0.25", "ST101", "DELETE /api/v2/silence/{silenceID}"): (
        "servers of that time answer 500 where there is no such silence; 404 is not documented"
    ),
    ("camara-edge-application-management@0.1.0-alpha.1", "ST108", "GET /edge-cloud-zones"): (
        "a list has at least one zone, also where a filter matches none, and 404 is not documented"
    ),
    ("scim2@2.0", "ST101", "GET /Me"): "501 is what a server answers that knows nobody behind the credentials (RFC 7644 section 3.11)",
}


def as_served(profile: Profile, url: str) -> tuple[dict[str, Any], dict[str, Operation]]:
    """Return our contract as a client of the server at *url* knows it, and its operations by method and path.

    An operation whose address the server tells is where it tells; of several ways to say who asks the one that we go is left; formats that
    readers take differently are asserted of nobody, as in our own checks (class 5 of the engine's notes).
    """
    document = without_open_formats(profile.contract.document)
    paths: dict[str, dict[str, Any]] = {}
    by_title: dict[str, Operation] = {}
    for one in profile.contract.operations.values():
        path, item = address(profile, one, url), document["paths"][one.path]
        if f"{one.method} {path}" not in by_title:
            by_title[f"{one.method} {path}"] = one
            shared = {k: v for k, v in item.items() if k not in ("get", "put", "post", "delete", "patch", "head", "options", "trace")}
            paths.setdefault(path, shared)[one.method.lower()] = item[one.method.lower()]
    known = document.get("components", {}).get("securitySchemes", {})
    spoken = [way for way in document.get("security", []) if all(known[name].get("type") == "http" for name in way)]
    return {**document, "paths": paths, **({"security": spoken} if spoken else {})}, by_title


def address(profile: Profile, operation: Operation, url: str) -> str:
    """Return the path of an operation: the contract's, the first of those that the bindings name, or what the server shows."""
    bound = operation.address
    if bound is None:
        return operation.path
    for shown in bound.shown:
        with urlopen(url + address(profile, profile.operation(shown), url)) as answer:
            for found in pick(json.load(answer), bound.pointer):
                return urlsplit(str(found)).path
    return bound.places[0].replace("{base}", "")


def without_open_formats(node: Any) -> Any:
    """Return *node* without the formats of texts that we assert of nobody."""
    if isinstance(node, list):
        return [without_open_formats(one) for one in node]
    if not isinstance(node, Mapping):
        return node
    held = (*ASSERTED_FORMATS, "int32", "int64")
    return {k: without_open_formats(v) for k, v in node.items() if k != "format" or not isinstance(v, str) or v in held}


def credentials(profile: Profile, twin: ResourceTwin) -> str:
    """Return the header that proves to *twin* who asks."""
    schemes = {s.get("scheme") for s in profile.contract.document.get("components", {}).get("securitySchemes", {}).values()}
    client = f"{twin.test_data['client_id']}:{twin.test_data['client_secret']}" if "client_id" in twin.test_data else ""
    if client or ("basic" in schemes and "bearer" not in schemes):
        return "Authorization: Basic " + b64encode((client or "twin:twin-password").encode()).decode()
    header = profile.contract.token_header
    return f"{header}: twin-token" if header else "Authorization: Bearer twin-token"


def pinned(profile: Profile) -> list[str]:
    """Return the headers that every valid request carries, such as the microversion that the contract is of."""
    return [f"{k}: {v}" for k, v in set.intersection(*(set(o.headers.items()) for o in profile.contract.operations.values()))]


def opinion(document: Mapping[str, Any], url: str, headers: Sequence[str], folder: Path) -> list[dict[str, Any]]:
    """Return what the tool finds, by code and operations: only its enumerated inputs, one at a time, writes allowed."""
    report, contract = folder / "report.json", folder / "contract.json"
    contract.write_text(json.dumps(document))
    command = [
        str(Path(sys.executable).parent / "st"), "run", str(contract), "--url", url, *(word for one in headers for word in ("--header", one)),
        "--checks", "all", "--phases", "coverage", "--max-examples", "2", "--seed", "1", "--workers", "1", "--no-shrink",
        "--continue-on-failure", "--generation-database", "none", "--max-time", str(SECONDS), "--request-timeout", "30", "--no-color",
        "--report-json-path", str(report),
    ]  # fmt: skip
    environment = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=10 * SECONDS, check=False)
    assert report.exists(), done.stdout[-2000:] + done.stderr[-2000:]
    told = json.loads(report.read_text())
    assert not told["errors"], told["errors"]
    assert told["test_cases"]["generated"], done.stdout[-2000:]
    return list(told["failures"])


def unknown(edition: str, by_title: Mapping[str, Operation], failures: list[dict[str, Any]]) -> list[str]:
    """Return the findings that are of no known class."""
    found = []
    for failure in failures:
        code = failure["code"]
        applies, _ = KNOWN.get(code, (None, ""))
        for title in failure["operations"]:
            of_a_class = applies is not None and (title not in by_title or applies(by_title[title]))
            if not of_a_class and (edition, code, title) not in CONTRADICTED:
                found.append(f"{code} {failure['title']}: {title}")
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", EDITIONS)
def test_another_tool_finds_nothing_but_what_is_known_to_be_none(name: str, tmp_path: Path) -> None:
    """The twin is served on the loopback and asked by plain `st run` with our contract."""
    profile = load_profile(name, SHELF)
    twin = twin_for(profile)
    with serve(twin) as url:
        document, by_title = as_served(profile, url)
        failures = opinion(document, url, [credentials(profile, twin), *pinned(profile)], tmp_path)
    assert unknown(name, by_title, failures) == []


def test_what_an_answer_looks_like_is_in_no_known_class() -> None:
    """An answer that the contract does not document is always a finding; a valid request that names nothing is none."""
    operation = load_profile("camara-quality-on-demand", SHELF).operation("createSession")
    by_title = {operation.title: operation}
    assert unknown("any", by_title, [{"code": "ST202", "title": "Schema-valid request rejected", "operations": [operation.title]}]) == []
    for code in ("ST101", "ST103", "ST108", "ST109"):
        found = unknown("any", by_title, [{"code": code, "title": "Response violates schema", "operations": [operation.title]}])
        assert found == [f"{code} Response violates schema: {operation.title}"]

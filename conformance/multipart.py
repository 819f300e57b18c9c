"""Bodies of `multipart/form-data`: one part a member, objects and arrays of them as JSON, binary members as files.

Source: RFC 7578; OpenAPI 3.1.1, Encoding Object (default content types of parts).
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from typing import Any

MEDIA = "multipart/form-data"
#: The same for every body, so that a request is the same in a recording; no value of ours has it.
BOUNDARY = "icra-conformance-part-7d1f9c"
_NAME = re.compile(rb'(?i)content-disposition:[^\r\n]*[;\s]name="([^"]*)"')
_BOUNDARY = re.compile(r'(?i);\s*boundary=(?:"([^"]+)"|([^\s;"]+))')
_TYPE = re.compile(rb"(?i)content-type:\s*([^\s;]+)")


def write_parts(members: Mapping[str, Any], binary: Collection[str] = ()) -> bytes:
    """Return *members* as the bytes of a body; those named in *binary* go out as files.

    >>> write_parts({"a": "b"}).decode().splitlines()[1:4]
    ['Content-Disposition: form-data; name="a"', '', 'b']
    """
    lines: list[bytes] = []
    for name, value in members.items():
        file = f'; filename="{name}"' if name in binary else ""
        head = f'Content-Disposition: form-data; name="{name}"{file}'
        kind = "application/octet-stream" if file else "" if isinstance(value, str | int | float) else "application/json"
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        lines += [f"--{BOUNDARY}".encode(), head.encode(), *([f"Content-Type: {kind}".encode()] if kind else []), b"", text.encode()]
    return b"\r\n".join([*lines, f"--{BOUNDARY}--".encode(), b""])


def boundary_of(content_type: str) -> str:
    """Return the boundary that a content type names, or ''.

    >>> boundary_of('multipart/form-data; boundary="a b"; charset=utf-8')
    'a b'
    """
    found = _BOUNDARY.search(content_type)
    return (found[1] or found[2]) if found else ""


def read_parts(body: bytes, boundary: str = BOUNDARY) -> dict[str, Any]:
    """Return the members of a body: parts of JSON as what they hold, others as text; of two of one name the last.

    Raises:
        ValueError: a part that is said to be JSON is not.

    >>> read_parts(write_parts({"a": "b", "c": [1], "d": {"e": True}}))
    {'a': 'b', 'c': [1], 'd': {'e': True}}
    """
    found: dict[str, Any] = {}
    for part in body.split(f"--{boundary}".encode())[1:-1]:
        head, _, content = part.partition(b"\r\n\r\n")
        name, kind = _NAME.search(head), _TYPE.search(head)
        text = content.removesuffix(b"\r\n").decode("utf-8", "surrogateescape")
        if name:
            found[name[1].decode("utf-8", "replace")] = json.loads(text) if kind and kind[1].endswith(b"json") else text
    return found

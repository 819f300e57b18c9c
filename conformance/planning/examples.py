"""Draft a valid body from a request schema: required members only, with `{unique}` and `{marker}` where plain text may stand."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from typing import Any

from conformance.planning.naming import squeezed
from conformance.planning.recognise import envelope
from conformance.planning.sampling import Extent, Sampler, Unmakeable, matches
from conformance.planning.shapes import Shape, escape
from conformance.schema import Schemas

#: What stands for a template when a draft is held against its schema.
STANDS_FOR = {
    "unique": "abcdefghjk", "marker": "icra-a1b2c3d4-abcdefghjk", "uuid": "0f8fad5b-d9cb-469f-a165-70867728950e",
    "secret": "Aa1!abcdefghjkabcdefghjk", "now": "2030-01-02T03:04:05.000Z",
}  # fmt: skip
#: Members that take a text for people, the likeliest to be changeable first.
TEXTS = ("description", "comment", "displayname", "label", "summary", "title", "note", "notes", "text", "subject", "name")
_FORMATS = {
    "uuid": "{uuid}", "date-time": "{now}", "email": "{unique}@example.com", "uri": "https://example.com/{unique}", "url": "https://example.com/{unique}",
    "hostname": "{unique}.example.com", "password": "{secret}", "ipv4": "192.0.2.1", "ipv6": "2001:db8::1", "date": "2030-01-02",
    "byte": "Y29uZm9ybWFuY2U=", "uri-reference": "https://example.com/{unique}",
}  # fmt: skip


def filled(template: Any) -> Any:
    """Return a draft with something in place of each template.

    >>> filled({"name": "{unique} x"})
    {'name': 'abcdefghjk x'}
    """
    if isinstance(template, Mapping):
        return {k: filled(v) for k, v in template.items()}
    if isinstance(template, list):
        return [filled(v) for v in template]
    if not isinstance(template, str):
        return template
    return re.sub(r"\{(unique|marker|uuid|secret|now)(?:[+-]\d+s)?\}", lambda m: STANDS_FOR[m[1]], template)


class _Maker(Sampler):
    """Makes the smallest body, its texts as templates; what the server writes is left out."""

    def wanted(self, shape: Shape, depth: int) -> list[str]:
        return [n for n in super().wanted(shape, depth) if not _server_owned(shape.properties.get(n))]

    def of_kind(self, kind: str, shape: Shape, name: str, depth: int) -> Any:
        return False if kind == "boolean" else super().of_kind(kind, shape, name, depth)

    def text(self, shape: Shape, name: str) -> str:
        least = max((int(v) for v, _ in shape.facts("minLength")), default=0)
        most = min((int(v) for v, _ in shape.facts("maxLength")), default=10_000)
        patterns = [str(v) for v, _ in shape.facts("pattern")]
        formats = [_FORMATS[str(v)] for v, _ in shape.facts("format") if str(v) in _FORMATS]
        if formats == ["{now}"] and (late := _later(name)):
            formats = [late]
        for template in (*formats, *(() if formats else ("{unique}", "a{unique}", "{marker}", "{uuid}"))):
            texts = [filled(template), filled(template).replace(STANDS_FOR["unique"], "2345678923")]
            if all(least <= len(text) <= most and all(matches(p, text) for p in patterns) for text in texts):
                return str(template)
        return super().text(shape, name)


def _later(name: str) -> str:
    """Return a time after now for what ends or begins later."""
    word = squeezed(name)
    if any(w in word for w in ("end", "expir", "until", "stop", "to")):
        return "{now+7200s}"
    return "{now+3600s}" if any(w in word for w in ("start", "begin", "from")) else ""


def _server_owned(shape: Shape | None) -> bool:
    return shape is not None and any(v for v, _ in shape.facts("readOnly"))


def drafted(shape: Shape, schemas: Schemas | None = None, pointer: str = "") -> Any:
    """Return a draft of a body, the smallest that its schema accepts; else the smallest at all, or None where none can be made."""
    found: list[Any] = []
    extents: tuple[Extent, ...] = ("least", "full")
    for extent in extents:
        for alternative in range(max(shape.widest(), 1)):
            try:
                made = _Maker("draft", extent=extent, alternative=alternative).value(shape)
            except (Unmakeable, RecursionError):
                continue
            if schemas is None or fits(schemas, pointer, made):
                return made
            found.append(made)
    return found[0] if found else None


def fits(schemas: Schemas, pointer: str, draft: Any) -> bool:
    """Tell whether a draft, filled in, satisfies its schema."""
    return not pointer or schemas.is_valid(pointer, filled(draft))


def texts_in(shape: Shape | None) -> dict[str, tuple[Shape, str]]:
    """Return the members that take plain text: squeezed name -> shape and pointer, inside the one envelope as well."""
    if shape is None:
        return {}
    wrapped, inner = envelope(shape)
    here = (inner or shape).chosen()
    before = f"/{escape(wrapped)}" if wrapped else ""
    found: dict[str, tuple[Shape, str]] = {}
    for name, member in here.properties.items():
        one = member.chosen()
        plain = one.likely == "string" and one.enum is None and not any(one.facts(w) for w in ("format",)) and not _server_owned(one)
        if plain and _holds(one, STANDS_FOR["marker"] + " changed"):
            found[squeezed(name)] = (one, f"{before}/{escape(name)}")
    return found


def _holds(shape: Shape, text: str) -> bool:
    most = min((int(v) for v, _ in shape.facts("maxLength")), default=10_000)
    return len(text) <= most and all(matches(str(p), text) for p, _ in shape.facts("pattern"))


def with_text(body: Any, pointer: str, text: str) -> Any:
    """Return a copy of *body* with *text* at *pointer*; objects on the way are made."""
    out = copy.deepcopy(body) if isinstance(body, dict) else {}
    parts = [p.replace("~1", "/").replace("~0", "~") for p in pointer.split("/")[1:]]
    here = out
    for part in parts[:-1]:
        here = here.setdefault(part, {})
    here[parts[-1]] = text
    return out


def marked(example: Any, sent: Shape | None, listed: Shape | None) -> tuple[Any, str]:
    """Return the example with the run's marker in a text that the list shows, and where it is; unchanged where there is none."""
    shown = set((listed.chosen() if listed else Shape({})).properties)
    for word in reversed(TEXTS):  # a name before a description: it is the likelier to be in a list
        member = texts_in(sent).get(word)
        if member and member[1].rpartition("/")[2] in shown and isinstance(example, dict):
            return with_text(example, member[1], "{marker}"), "/" + member[1].rpartition("/")[2]
    return example, ""


def changeable(example: Any, sent: Shape | None, written: Shape | None, shown: Shape | None) -> tuple[Any, dict[str, Any]]:
    """Return the example and the change of one text in it that a later write may make and a read shows; {} where there is none."""
    first, later, seen = texts_in(sent), texts_in(written), texts_in(shown)
    every = [*TEXTS, *(w for w in first if w not in TEXTS)]
    for word in every:
        if word in first and word in later and word in seen and isinstance(example, dict):
            pointer = first[word][1]
            if _at(example, pointer) is None:
                example = with_text(example, pointer, "{unique}")
            return example, dict(with_text({}, later[word][1], "{marker} changed"))
    return example, {}


def _at(body: Any, pointer: str) -> Any:
    for part in pointer.split("/")[1:]:
        body = body.get(part.replace("~1", "/").replace("~0", "~")) if isinstance(body, dict) else None
    return body

"""Label matchers as Prometheus and its Alertmanager write them: `name="value"`, `!=`, `=~`, `!~`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

_QUOTED = r'"(?:[^"\\]|\\.)*"'
_MATCHER = re.compile(rf"\s*(?P<name>{_QUOTED}|[a-zA-Z_][a-zA-Z0-9_]*)\s*(?P<type>=~|!~|!=|=)\s*(?P<value>{_QUOTED}|[^\",{{}}]*)\s*")


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition on a label; an absent label is an empty one."""

    name: str
    value: str
    regex: bool = False
    equal: bool = True

    def holds(self, value: str) -> bool:
        """Tell whether a label of this value is what the matcher asks for."""
        same = re.fullmatch(self.value, value) is not None if self.regex else value == self.value
        return same is self.equal


def parse(text: str) -> list[Matcher]:
    """Return the matchers of a filter, with or without braces.

    Raises:
        ValueError: it is none, or its regular expression is broken.

    >>> parse('a="b",c!~"d.*"')[1]
    Matcher(name='c', value='d.*', regex=True, equal=False)
    """
    text = text.strip()
    if text.startswith("{") and text.endswith("}"):
        text = text[1:-1]
    found: list[Matcher] = []
    while text:
        seen = _MATCHER.match(text)
        rest = text[seen.end() :] if seen else ""
        if not seen or (rest and not rest.startswith(",")):
            raise ValueError(f"bad matcher format: {text}")
        name, value = (json.loads(v) if v.startswith('"') else v.strip() for v in (seen["name"], seen["value"]))
        found.append(checked(Matcher(name, value, "~" in seen["type"], not seen["type"].startswith("!"))))
        text = rest[1:]
    if not found:
        raise ValueError("bad matcher format: empty")
    return found


def checked(matcher: Matcher) -> Matcher:
    """Return a matcher whose regular expression can be read.

    Raises:
        ValueError: it cannot.
    """
    if matcher.regex:
        try:
            re.compile(matcher.value)
        except re.error as error:
            raise ValueError(f"bad regular expression: {error}") from None
    return matcher


def all_hold(matchers: Iterable[Matcher], labels: Mapping[str, str]) -> bool:
    """Tell whether a set of labels is what all matchers ask for."""
    return all(m.holds(labels.get(m.name, "")) for m in matchers)

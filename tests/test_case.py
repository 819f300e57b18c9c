"""One edit of an example."""

from __future__ import annotations

from typing import Any

import pytest

from conformance.case import Case, edited


def case(pointer: str, action: str = "replace", value: Any = None) -> Case:
    return Case(id="x", operation="o", scenario="value_above_maximum", place="body", pointer=pointer, action=action, value=value)


@pytest.mark.parametrize(
    ("pointer", "action", "value", "result"),
    [
        ("", "replace", [1], [1]),
        ("/a", "replace", 2, {"a": 2, "b": [1, {"c/d": 1}]}),
        ("/new", "replace", None, {"a": 1, "b": [1, {"c/d": 1}], "new": None}),
        ("/a", "remove", None, {"b": [1, {"c/d": 1}]}),
        ("/b/0", "remove", None, {"a": 1, "b": [{"c/d": 1}]}),
        ("/b/1/c~1d", "replace", "x", {"a": 1, "b": [1, {"c/d": "x"}]}),
        ("/b/2", "replace", 3, {"a": 1, "b": [1, {"c/d": 1}, 3]}),
        ("/b/0", "replace", 9, {"a": 1, "b": [9, {"c/d": 1}]}),
    ],
)
def test_an_edit_changes_one_place_of_a_copy(pointer: str, action: str, value: Any, result: Any) -> None:
    """Members and items are replaced, added, removed; the example stays."""
    example = {"a": 1, "b": [1, {"c/d": 1}]}
    assert edited(example, case(pointer, action, value)) == result
    assert example == {"a": 1, "b": [1, {"c/d": 1}]}


@pytest.mark.parametrize("pointer", ["/x/y", "/a/y", "/x"])
def test_a_place_that_is_not_there_is_told(pointer: str) -> None:
    """The caller learns that this example has no such place."""
    with pytest.raises((KeyError, TypeError)):
        edited({"a": 1}, case(pointer, "remove"))


def test_a_title_is_in_words() -> None:
    """For findings."""
    assert case("/a").title == "value above maximum at body /a"

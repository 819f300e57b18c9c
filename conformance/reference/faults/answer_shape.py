"""Answers whose body is not what the contract documents."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from conformance.contract import Operation
from conformance.profile import Profile
from conformance.reference.faults.planting import Seen, fault, success
from conformance.reference.faults.where import answers_json, graver, has_spare, operations, requires, spare, turns
from conformance.wire import WireResponse


def _at_spare(seen: Seen, change: Callable[[dict[str, Any], str], None], **asked: Any) -> WireResponse:
    assert seen.operation is not None
    name = spare(seen.twin.profile, seen.operation, **asked)[0]

    def edit(body: Any) -> Any:
        for one in body if isinstance(body, list) else [body]:
            if isinstance(one, dict) and name in one:
                change(one, name)
        return body

    return seen.edited(edit)


def _spare_of(**asked: Any) -> Callable[[Profile, Operation], str]:
    return lambda profile, operation: spare(profile, operation, **asked)[0]


@fault(
    group="answer shape", sentence="A member that must be in the answer is missing.",
    applies=operations(has_spare()), expected=turns("answer"),
)  # fmt: skip
def member_missing(seen: Seen) -> WireResponse:
    return _at_spare(seen, lambda body, name: body.pop(name))


@fault(
    group="answer shape", sentence="A text is sent as a number.",
    applies=operations(has_spare(kinds=("string",))), expected=turns("answer"),
)  # fmt: skip
def text_as_number(seen: Seen) -> WireResponse:
    return _at_spare(seen, lambda body, name: body.update({name: 17}), kinds=("string",))


@fault(
    group="answer shape", sentence="A number is sent as a text.",
    applies=operations(has_spare(kinds=("integer", "number"))), expected=graver(turns("answer"), _spare_of(kinds=("integer", "number"))),
)  # fmt: skip
def number_as_text(seen: Seen) -> WireResponse:
    kinds = ("integer", "number")
    return _at_spare(seen, lambda body, name: body.update({name: str(body[name])}), kinds=kinds)


@fault(
    group="answer shape", sentence="A member that must have a value is null.",
    applies=operations(has_spare(kinds=("string", "object", "array", "integer", "boolean"))), expected=turns("answer"),
)  # fmt: skip
def null_for_value(seen: Seen) -> WireResponse:
    kinds = ("string", "object", "array", "integer", "boolean")
    return _at_spare(seen, lambda body, name: body.update({name: None}), kinds=kinds)


@fault(
    group="answer shape", sentence="A member has a value outside of its enumeration.",
    applies=operations(has_spare(enums=True)), expected=graver(turns("answer"), _spare_of(enums=True)),
)  # fmt: skip
def value_outside_enumeration(seen: Seen) -> WireResponse:
    return _at_spare(seen, lambda body, name: body.update({name: "no-such-value"}), enums=True)


@fault(
    group="answer shape", sentence="The body is cut off in the middle.", applies=operations(answers_json), expected=graver(turns("answer"))
)
def body_cut_off(seen: Seen) -> WireResponse:
    answer = seen.forward()
    return replace(answer, body=answer.body[: len(answer.body) // 2]) if success(answer) else answer


@fault(group="answer shape", sentence="The answer has no body.", applies=operations(answers_json), expected=graver(turns("answer")))
def body_empty(seen: Seen) -> WireResponse:
    answer = seen.forward()
    return replace(answer, body=b"") if success(answer) else answer


@fault(
    group="answer shape", sentence="The body is wrapped in one more object.", applies=operations(requires), expected=graver(turns("answer"))
)
def body_wrapped(seen: Seen) -> WireResponse:
    return seen.edited(lambda body: {"data": body})

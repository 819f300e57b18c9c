"""What a delete leaves behind."""

from __future__ import annotations

from typing import Any

import pytest

from conformance.verdict import Verdict
from tests.checks.support import answer, run_check
from tests.checks.things import Things, profile

LASTING = {"expired": {"pointer": "/kind", "equals": "over"}}


@pytest.mark.parametrize(
    ("ways", "arguments", "verdict"),
    [
        ((), {}, Verdict.PASS),
        ((), {"status": [404]}, Verdict.PASS),
        (("delete again is 204",), {}, Verdict.PASS),
        (("delete again is 204",), {"status": [404]}, Verdict.FAIL),
        (("deletes nothing",), {"status": [404]}, Verdict.INCONCLUSIVE),
    ],
    ids=str,
)
def test_a_second_delete(ways: tuple[str, ...], arguments: dict[str, Any], verdict: Verdict) -> None:
    result = run_check("second-delete", profile(), "thing", Things(*ways), **arguments)
    assert result.verdict is verdict, result.reason


class Ending(Things):
    """Things that do not vanish: a delete ends them, another one is answered with `again`."""

    def __init__(self, again: int) -> None:
        super().__init__()
        self.again = again

    def __call__(self, request: Any, now: float) -> Any:
        key = request.target.rsplit("/", 1)[-1]
        if request.method == "DELETE" and key in self.kept:
            ended = self.kept[key]["kind"] == "over"
            self.kept[key]["kind"] = "over"
            return self._error(self.again, "ended") if ended else self._error(200, "ended")
        return super().__call__(request, now)


def test_a_second_delete_of_what_can_still_be_read() -> None:
    asked = {"status": [200, 404]}
    assert run_check("second-delete", profile(**LASTING), "thing", Ending(200), **asked).verdict is Verdict.PASS
    assert run_check("second-delete", profile(**LASTING), "thing", Ending(404), **asked).verdict is Verdict.FAIL
    assert run_check("second-delete", profile(**LASTING), "thing", Ending(500), **asked).verdict is Verdict.FAIL
    assert run_check("second-delete", profile(**LASTING), "thing", Things(), **asked).verdict is Verdict.PASS


class Curt(Things):
    """What is not there is refused with a body of its own."""

    def _error(self, status: int, code: str) -> Any:
        return answer(status, {"message": code})


def test_a_second_delete_is_refused_in_the_error_format() -> None:
    asked = {"status": [204, 404], "error_format": True}
    assert run_check("second-delete", profile(), "thing", Things(), **asked).verdict is Verdict.PASS
    assert run_check("second-delete", profile(), "thing", Things("delete again is 204"), **asked).verdict is Verdict.PASS
    assert run_check("second-delete", profile(), "thing", Curt(), **asked).verdict is Verdict.FAIL
    assert run_check("second-delete", profile(), "thing", Curt("delete again is 204"), **asked).verdict is Verdict.PASS
    assert run_check("second-delete", profile(), "thing", Curt()).verdict is Verdict.PASS


def test_what_is_deleted_is_not_listed() -> None:
    assert run_check("deleted-not-listed", profile(), "thing", Things(others=2)).verdict is Verdict.PASS
    assert run_check("deleted-not-listed", profile(**LASTING), "thing", Ending(200)).verdict is Verdict.PASS
    assert run_check("deleted-not-listed", profile(), "thing", Things("shows deleted")).verdict is Verdict.FAIL
    assert run_check("deleted-not-listed", profile(), "thing", Things("small pages", others=9)).verdict is Verdict.INCONCLUSIVE


def test_a_name_is_free_again() -> None:
    assert run_check("recreate-after-delete", profile(), "thing", Things(), pointer="/name").verdict is Verdict.PASS
    assert run_check("recreate-after-delete", profile(), "thing", Things("names stay taken"), pointer="/name").verdict is Verdict.FAIL
    assert (
        run_check("recreate-after-delete", profile(), "thing", Things("deletes nothing"), pointer="/name").verdict is Verdict.INCONCLUSIVE
    )

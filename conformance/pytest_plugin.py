"""The only runner: one pytest item per requirement, so `-k`, `-x`, `--lf` and Allure come with pytest.

Inert unless `conformance run` hands it a `Session`: installed beside other people's tests it does nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conformance.driving.interruption import Interruption
from conformance.driving.session import Session
from conformance.planning.plan import Test
from conformance.run import Result
from conformance.verdict import WORDS, Level, Verdict

#: What pytest is told so that nothing of the working directory takes part in the run.
ISOLATION = (
    "--noconftest",
    "--capture=no",
    "-p",
    "no:terminal",
    "-p",
    "no:asyncio",
    "-p",
    "no:anyio",
    "-p",
    "no:hypothesispytest",
    "-p",
    "no:schemathesis",
    "-p",
    "no:randomly",
    "-p",
    "no:xdist",
    "-p",
    "no:cov",
    "-p",
    "no:sugar",
    "-p",
    "no:html",
    "-p",
    "no:doctest",
    "-p",
    "no:logging",
    "-p",
    "no:unraisableexception",
    "-p",
    "no:threadexception",
)


class _NotPassed(Exception):
    """Carries a result that pytest must not call passed."""

    def __init__(self, result: Result) -> None:
        super().__init__(f"{WORDS[result.verdict]['text']}: {result.reason}")
        self.result = result


class _Failed(_NotPassed, AssertionError):
    """A nonconformity; what Allure calls failed and not broken is an assertion."""


class ProfileNode(pytest.Collector):
    """The profile under test; its items are requirements."""

    def __init__(self, *, plugin: RunPlugin, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.plugin = plugin

    def collect(self) -> Iterator[pytest.Item]:
        """Give an item per requirement of the plan, in its order."""
        for test in self.plugin.session.plan.tests:
            yield RequirementItem.from_parent(self, name=test.requirement.id.partition("/")[2], test=test, plugin=self.plugin)


class RequirementItem(pytest.Item):
    """One requirement; running it asks the session for its result."""

    def __init__(self, *, test: Test, plugin: RunPlugin, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.test, self.plugin = test, plugin
        requirement = test.requirement
        self.extra_keyword_matches |= {
            requirement.id,
            requirement.level.value,
            requirement.feature,
            requirement.check,
            requirement.on,
            requirement.family,
        }
        self.user_properties += [
            ("requirement", requirement.id),
            ("level", requirement.level.value),
            ("clause", requirement.clause),
            ("feature", requirement.feature),
        ]
        self.add_marker(requirement.level.value)

    def runtest(self) -> None:
        """Look at the requirement; only a pass passes."""
        result = self.plugin.ctrl_c.run(self.plugin.session.result_of(self.test.requirement.id))
        _tell_allure(self.test, result)
        if result.verdict is not Verdict.PASS:
            raise (_Failed if result.verdict is Verdict.FAIL else _NotPassed)(result)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> str:
        """Return the finding in a line; our own trouble with its traceback."""
        if isinstance(excinfo.value, _NotPassed):
            return str(excinfo.value)
        return str(super().repr_failure(excinfo, style))

    def reportinfo(self) -> tuple[Path, None, str]:
        """Say which requirement this is."""
        return self.path, None, self.test.requirement.id


class RunPlugin:
    """Feeds a session's plan to pytest and reports each verdict as pytest understands it."""

    def __init__(self, session: Session, ctrl_c: Interruption, only: tuple[str, ...] = ()) -> None:
        self.session, self.ctrl_c, self.only = session, ctrl_c, only
        self.interrupted = False

    def pytest_configure(self, config: pytest.Config) -> None:
        """Declare the levels as markers."""
        for level in Level:
            config.addinivalue_line("markers", f"{level.value}: requirements of this level")

    @pytest.hookimpl(hookwrapper=True)
    def pytest_make_collect_report(self, collector: pytest.Collector) -> Iterator[None]:
        """Put the profile where pytest would look for files."""
        outcome = yield
        report = outcome.get_result()  # type: ignore[attr-defined]
        if isinstance(collector, pytest.Session):
            name = self.session.profile.name
            report.outcome, report.longrepr = "passed", None
            report.result = [ProfileNode.from_parent(collector, name=name, nodeid=name, plugin=self)]

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Keep only the requirements asked for by name."""
        if self.only:
            kept = [i for i in items if isinstance(i, RequirementItem) and i.test.requirement.id in self.only]
            config.hook.pytest_deselected(items=[i for i in items if i not in kept])
            items[:] = kept

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Tell the session what will be looked at, so that it can look ahead."""
        self.session.order = [i.test.requirement.id for i in session.items if isinstance(i, RequirementItem)]

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
        """Map verdicts: a failed MUST fails, a failed SHOULD is expected to, what was not judged is skipped."""
        outcome = yield
        report = outcome.get_result()  # type: ignore[attr-defined]
        if call.excinfo is None or not isinstance(call.excinfo.value, _NotPassed):
            return
        result = call.excinfo.value.result
        if result.verdict is Verdict.FAIL and (result.level is not Level.MUST or result.draft):
            report.outcome, report.wasxfail = "skipped", str(call.excinfo.value)
        elif result.verdict not in (Verdict.FAIL, Verdict.ERROR):
            report.outcome = "skipped"
            report.longrepr = (str(item.path), 0, f"Skipped: {call.excinfo.value}")

    def pytest_keyboard_interrupt(self) -> None:
        """Remember Ctrl-C for the footer."""
        self.interrupted = True


def _tell_allure(test: Test, result: Result) -> None:
    """Label the Allure result, where allure-pytest takes part in this run."""
    try:
        import allure
        from allure_commons import plugin_manager
    except ImportError:
        return
    if not plugin_manager.get_plugins():
        return
    requirement = test.requirement
    dynamic: Any = allure.dynamic  # untyped
    dynamic.title(requirement.id)
    dynamic.description(f"{requirement.sentence} ({requirement.level.value}, {requirement.clause})")
    dynamic.label("requirement", requirement.id)
    dynamic.feature(requirement.feature)
    dynamic.severity({Level.MUST: "critical", Level.SHOULD: "normal", Level.MAY: "minor"}[requirement.level])
    for finding in result.findings[:3]:
        allure.attach(f"expected {finding.expected}\nobserved {finding.observed}", finding.case or "finding", allure.attachment_type.TEXT)

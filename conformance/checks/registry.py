"""The checks by name, with what planning must know of each before anything is sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from conformance.errors import TestbedError
from conformance.flow import Flow
from conformance.profile import Profile
from conformance.requirement import Requirement

Isolation = Literal["own", "exclusive"]
Cases = Callable[[Profile, Requirement], Sequence[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """How we look.

    `run(api, [on], [case], [ready], **arguments)` is the coroutine; `roles` are what a resource must have for it to apply;
    `timed` says that it looks at what changes by itself with time, so that time is not let pass when it is made again;
    `cases` gives the inputs it is run with, side by side; `ready` is a flow run once before them whose result each case is given
    (the control of a refusal, say). `isolation` own: touches only what it made, so it may overlap with others.
    """

    name: str
    run: Callable[..., Flow[None]]
    about: Literal["operation", "resource", "service"]
    roles: tuple[str, ...] = ()
    isolation: Isolation = "own"
    cases: Cases | None = None
    ready: Callable[..., Flow[Any]] | None = None
    writes: bool = False
    disrupts: bool = False
    timed: bool = False

    @property
    def sentence(self) -> str:
        """The first paragraph of the check's documentation."""
        return " ".join((self.run.__doc__ or "").split("\n\n")[0].split())


CHECKS: dict[str, Check] = {}


def check(
    name: str, *, about: Literal["operation", "resource", "service"] = "resource", roles: tuple[str, ...] = (), isolation: Isolation = "own",
    cases: Cases | None = None, ready: Callable[..., Flow[Any]] | None = None, writes: bool = False,
    disrupts: bool = False, timed: bool = False,
) -> Callable[[Callable[..., Flow[None]]], Callable[..., Flow[None]]]:  # fmt: skip
    """Register a coroutine as the check called *name*."""

    def register(run: Callable[..., Flow[None]]) -> Callable[..., Flow[None]]:
        if name in CHECKS:
            raise TestbedError(f"two checks are called {name}")
        CHECKS[name] = Check(
            name=name, run=run, about=about, roles=roles, isolation=isolation, cases=cases, ready=ready, writes=writes,
            disrupts=disrupts, timed=timed,
        )  # fmt: skip
        return run

    return register


def known_checks() -> Mapping[str, Check]:
    """Return every check; importing the modules registers them."""
    from conformance.checks import contract, inputs, service, workflows  # noqa: F401
    from conformance.checks.baseline import access, bearer, disclosure, issuer, limits, published, transport  # noqa: F401
    from conformance.checks.patterns import (  # noqa: F401  # noqa: F401
        answers,
        bulk,
        callbacks,
        collections,
        conditional,
        correlation,
        deletes,
        documents,
        echo,
        lifecycle,
        links,
        listed,
        methods,
        paging,
        properties,
        protocol,
        references,
        refusals,
        sessions,
        shown,
        states,
        tenancy,
        tokens,
        told,
        values,
        writes,
    )

    return CHECKS

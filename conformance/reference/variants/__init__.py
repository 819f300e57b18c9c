"""What standards permit and implementations really do: none of it may turn anything red. `variants_for(profile)` lists them."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from conformance.profile import Profile
from conformance.reference.engine import ResourceTwin
from conformance.reference.faults.planting import Seen
from conformance.reference.message import split_target
from conformance.wire import Outgoing, WireRequest, WireResponse, deliveries

Act = Callable[[Seen], WireResponse]
Prepare = Callable[[ResourceTwin], None]


@dataclass(frozen=True, kw_only=True)
class Variant:
    """A permitted behaviour: `act` answers in its way, or `prepare` sets the twin up for it."""

    name: str
    sentence: str
    applies: Callable[[Profile], bool]
    act: Act | None = None
    prepare: Prepare | None = None

    def twin(self, inner: ResourceTwin) -> VariantTwin:
        """Return *inner* with this behaviour."""
        if self.prepare:
            self.prepare(inner)
        return VariantTwin(inner, self)


@dataclass
class VariantTwin:
    """A twin that does something else, and right."""

    inner: ResourceTwin
    variant: Variant
    memory: dict[str, Any] = field(default_factory=dict)

    def __getattr__(self, name: str) -> Any:
        """Be the twin inside in everything else, so that what is wrapped can be wrapped again."""
        if name.startswith("_") or name == "inner":
            raise AttributeError(name)
        return getattr(self.inner, name)

    @property
    def test_data(self) -> Mapping[str, Any]:
        """The test data of the twin inside."""
        return self.inner.test_data

    def due(self, now: float) -> list[Outgoing]:
        """Return what the twin sends by itself until *now*."""
        return deliveries(self.inner, now)

    def handle(self, request: WireRequest, now: float) -> WireResponse:
        """Answer in the way of the variant."""
        if self.variant.act is None:
            return self.inner.handle(request, now)
        self.inner.request = request
        route = self.inner.route(split_target(request.target)[0])
        operation = route.operation(request.method) if route else None
        resource = self.inner.bindings.resource_of(operation.id) if operation else None
        role = resource.role(operation.id) if resource and operation else ""
        return self.variant.act(
            Seen(twin=self.inner, request=request, now=now, operation=operation, resource=resource, role=role, memory=self.memory)
        )


_REGISTRY: dict[str, Variant] = {}


def variant(*, sentence: str, applies: Callable[[Profile], bool] = lambda profile: True) -> Callable[[Act], Act]:
    """Register a function as a variant that answers; its name is the function's, in slugs."""

    def register(act: Act) -> Act:
        name = act.__name__.replace("_", "-")
        _REGISTRY[name] = Variant(name=name, sentence=sentence, applies=applies, act=act)
        return act

    return register


def setting(*, sentence: str, applies: Callable[[Profile], bool] = lambda profile: True) -> Callable[[Prepare], Prepare]:
    """Register a function as a variant that sets the twin up."""

    def register(prepare: Prepare) -> Prepare:
        name = prepare.__name__.replace("_", "-")
        _REGISTRY[name] = Variant(name=name, sentence=sentence, applies=applies, prepare=prepare)
        return prepare

    return register


def known_variants() -> Mapping[str, Variant]:
    """Return all variants by name, from every module here."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    return dict(sorted(_REGISTRY.items()))


def variants_for(profile: Profile) -> list[Variant]:
    """Return the variants that a profile permits."""
    return [v for v in known_variants().values() if v.applies(profile)]

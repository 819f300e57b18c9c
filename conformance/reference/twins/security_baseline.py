"""The twin of the security baseline: publishes what the baseline reads, hardens every answer, and leaves the rest to the twin it stands beside."""

from __future__ import annotations

from dataclasses import replace

from conformance.profile import Profile
from conformance.reference.engine import Options, ResourceTwin
from conformance.reference.message import moment, write_json
from conformance.wire import Outgoing, Twin, WireRequest, WireResponse, deliveries

PROFILE = "security-baseline"
YEAR = 31_536_000.0


class SecurityBaselineTwin(ResourceTwin):
    """Answers for itself what its contract has; where it looks at another standard (`Profile.beside`), that standard's twin answers the rest."""

    def __init__(self, profile: Profile, options: Options | None = None) -> None:
        super().__init__(profile, options)
        self.beside: Twin | None = None
        if profile.beside is not None:
            from conformance.reference.twins import twin_for

            inner = twin_for(profile.beside, options)
            self.beside, self.test_data = inner, inner.test_data

    def handle(self, request: WireRequest, now: float) -> WireResponse:
        """Answer *request* at *now*, hardened."""
        path = request.target.partition("?")[0]
        if request.method == "GET" and path == "/.well-known/security.txt":
            seen = self._security_txt(now)
        elif request.method == "GET" and path == "/.well-known/csaf/provider-metadata.json":
            seen = _json(self._provider(now))
        elif self.beside is not None:
            seen = self.beside.handle(request, now)
        elif path == "/" and request.method in ("GET", "HEAD"):
            seen = _json({"service": "twin"})
        else:
            status = 404 if path != "/" else 405
            seen = WireResponse(
                status=status, headers=(("content-type", "application/problem+json"),), body=write_json({"status": status, "title": "no"})
            )
        return replace(
            seen, headers=(*seen.headers, ("x-content-type-options", "nosniff"), ("strict-transport-security", f"max-age={int(2 * YEAR)}"))
        )

    def due(self, now: float) -> list[Outgoing]:
        """Return what the twin beside sends by itself."""
        return deliveries(self.beside, now) if self.beside is not None else []

    def _security_txt(self, now: float) -> WireResponse:
        ends = moment(now + YEAR / 2, digits=0)
        text = f"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\nContact: mailto:security@twin.invalid\nExpires: {ends}\n-----BEGIN PGP SIGNATURE-----\n\n-----END PGP SIGNATURE-----\n"
        return WireResponse(status=200, headers=(("content-type", "text/plain; charset=utf-8"),), body=text.encode())

    def _provider(self, now: float) -> dict[str, object]:
        return {
            "canonical_url": "https://twin.invalid/.well-known/csaf/provider-metadata.json", "last_updated": moment(now - YEAR / 2, digits=0),
            "list_on_CSAF_aggregators": False, "mirror_on_CSAF_aggregators": False, "metadata_version": "2.0", "role": "csaf_publisher",
            "publisher": {"category": "vendor", "name": "twin", "namespace": "https://twin.invalid"},
        }  # fmt: skip


def _json(body: object) -> WireResponse:
    return WireResponse(status=200, headers=(("content-type", "application/json"),), body=write_json(body))


TWIN = SecurityBaselineTwin

"""Targets and claims as nouns: origins, base paths, what is said of a feature."""

from __future__ import annotations

import pytest

from conformance.claim import Claim, Support
from conformance.target import Target, origin


@pytest.mark.parametrize(
    ("url", "same"),
    [
        ("http://h", "http://h:80"),
        ("HTTPS://Host.Example/a/b?c", "https://host.example:443"),
        ("https://h:8443", "https://h:8443"),
        ("http://[::1]/x", "http://[::1]:80"),
        ("http://[2001:DB8::1]:81", "http://[2001:db8::1]:81"),
        ("http://user@h", "http://h:80"),
    ],
)
def test_origins_are_compared_whole(url: str, same: str) -> None:
    """Scheme, host in lower case and port, the default one filled in (RFC 6454)."""
    assert origin(url) == same


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("http://h", "https://h"),
        ("https://h", "https://h.evil"),
        ("https://h", "https://h:444"),
        ("https://h", "https://evil/h"),
        ("https://h", "https://h@evil"),
    ],
)
def test_what_only_looks_alike_is_another_origin(one: str, other: str) -> None:
    """No prefix, path or user part makes two origins one."""
    assert origin(one) != origin(other)


def test_the_base_path_has_no_slash_at_its_end() -> None:
    """What stands in front of every operation."""
    assert Target(url="https://h/a/b/").base_path == "/a/b"
    assert Target(url="https://h").base_path == ""


def test_core_is_always_claimed() -> None:
    """Whatever a claim says; a feature it does not name is silent."""
    claim = Claim(features={"a": Support.NO, "core": Support.NO})
    assert [claim.support(f) for f in ("core", "a", "b")] == [Support.YES, Support.NO, Support.SILENT]

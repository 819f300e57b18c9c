"""Load targets and claims; options of the command line win over the target file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from conformance.claim import Claim, Support
from conformance.errors import Problem, UsageError, asked, did_you_mean
from conformance.loading.plain_yaml import read_yaml
from conformance.loading.profiles import Shelf, load_profile
from conformance.loading.validation import demand, problems_of
from conformance.profile import Profile
from conformance.target import Credential, Reference, Target
from conformance.verdict import CONSENTS


def load_target(
    file: Path | None,
    *,
    url: str = "",
    token_env: str = "",
    cert: str = "",
    key: str = "",
    cacert: str = "",
    allow: Sequence[str] = (),
    proxy: str = "",
) -> Target:
    """Return the target of a file, of options, or of both.

    Raises:
        UsageError: neither says where, or something in either is wrong.
    """
    raw: Any = read_yaml(file) if file else {}
    if not file and not url:
        raise asked("where is the target?", hint="--url URL or --target FILE")
    if isinstance(raw, dict):
        raw = {**raw, "url": url} if url else raw
        if isinstance(raw.get("url"), str) and (unfit := _url_problems(raw["url"], str(file) if file and not url else "--url")):
            rest = problems_of({**raw, "url": "http://fit.invalid"}, "target", str(file)) if file else []
            raise UsageError(*unfit, *rest)
    demand(raw, "target", str(file) if file else "--url")
    unknown = [
        Problem(file="--allow", problem=f"'{a}' cannot be allowed", hint=did_you_mean(a, CONSENTS)) for a in allow if a not in CONSENTS
    ]
    if unknown:
        raise UsageError(*unknown)
    target = msgspec.convert({k: v for k, v in raw.items() if v is not None}, Target)
    if token_env:
        target = replace(target, credentials={**target.credentials, "default": Credential(scheme="bearer", token=Reference(env=token_env))})
    if cert or key or cacert:
        target = replace(
            target, tls=replace(target.tls, cert=cert or target.tls.cert, key=key or target.tls.key, cacert=cacert or target.tls.cacert)
        )
    return replace(
        target, allow=tuple(dict.fromkeys((*target.allow, *allow))), proxy=proxy or target.proxy, url=target.url.rstrip("/") or target.url
    )


def target_of(raw: Any, file: str) -> Target:
    """Return the target that a value describes: what a target file holds, where it stands in another file.

    Raises:
        UsageError: all problems at once.
    """
    url = raw.get("url") if isinstance(raw, dict) else None
    unfit = _url_problems(url, file) if isinstance(url, str) else []
    rest = problems_of({**raw, "url": "http://fit.invalid"} if unfit else raw, "target", file)
    if unfit or rest:
        raise UsageError(*unfit, *rest)
    target = msgspec.convert({k: v for k, v in raw.items() if v is not None}, Target)
    return replace(target, url=target.url.rstrip("/") or target.url)


def _url_problems(url: str, where: str) -> list[Problem]:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        return [Problem(file=where, place="url", problem=f"not a URL: {error}")]
    if parts.username or parts.password or "@" in parts.netloc:  # not repeated: logs are read by many
        return [
            Problem(
                file=where,
                place="url",
                problem="credentials do not belong into a URL",
                hint="--token-env, or credentials in the target file",
            )
        ]
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return [Problem(file=where, place="url", problem=f"'{url[:100]}' is not an http or https URL", hint="https://host:port/base-path")]
    return []


def load_claim(file: Path | None, profile: Profile | None = None) -> Claim:
    """Return the claim of a file (an empty one without a file), held against the features of *profile*.

    Raises:
        UsageError: it is for another profile, or names features that the profile does not have, or denies `core`.
    """
    if file is None:
        return Claim()
    return claim_in(read_yaml(file), str(file), profile)


def claim_in(value: Any, file: str, profile: Profile | None = None) -> Claim:
    """Return the claim that a value describes; see `load_claim`."""
    raw: Mapping[str, Any] = demand(value, "claim", file)
    words = {True: "yes", False: "no"}
    features = {name: Support(words.get(said, said)) for name, said in raw.get("features", {}).items()}
    claim = Claim(
        profile=raw["profile"],
        edition=raw.get("edition", ""),
        dialect=raw.get("dialect", ""),
        beside=raw.get("beside", ""),
        product=raw.get("product", {}),
        features=features,
    )
    if profile is not None:
        check_claim(claim, profile, file)
    return claim


def profile_claimed(name: str, file: Path | None, shelf: Shelf, beside: str = "") -> tuple[Profile, Claim]:
    """Return the profile called *name* in the edition that it or the claim of *file* names, and the claim; see `load_claim` for errors.

    Args:
        beside: the profile that it is to look at; wins over that of the claim. The claim that is returned says which edition of it.
    """
    profile, claim = load_profile(name, shelf), load_claim(file)
    if "@" not in name and claim.profile == profile.name:
        profile = as_claimed(profile, claim, shelf)
    if file is not None:
        check_claim(claim, profile, str(file))
    if beside or claim.beside:
        other = load_profile(beside or claim.beside, shelf)
        claim = replace(claim, beside=f"{other.name}@{other.edition}")
        profile = load_profile(f"{profile.name}@{profile.edition}", shelf, claim.beside)
    return profile, claim


def as_claimed(profile: Profile, claim: Claim, shelf: Shelf) -> Profile:
    """Return *profile* in the edition that a claim names, itself or by a dialect, beside the standard that it names.

    As it is where the claim names no edition that there is.
    """
    wanted = claim.edition or profile.edition_in(claim.dialect)
    edition = wanted if wanted in profile.editions else profile.edition
    return load_profile(f"{profile.name}@{edition}", shelf, claim.beside)


def check_claim(claim: Claim, profile: Profile, file: str) -> None:
    """Hold a claim against the profile it is used with; see `load_claim` for errors."""
    problems: list[Problem] = []
    if claim.profile and claim.profile != profile.name:
        problems.append(Problem(file=file, place="profile", problem=f"this claim is for {claim.profile}, not for {profile.name}"))
    if claim.edition and claim.edition not in profile.editions:
        problems.append(
            Problem(file=file, place="edition", problem=f"no edition '{claim.edition}'", hint=f"there are {', '.join(profile.editions)}")
        )
    if claim.dialect and claim.dialect not in profile.dialects.values():
        known = ", ".join(sorted({d for d in profile.dialects.values() if d})) or "none"
        problems.append(Problem(file=file, place="dialect", problem=f"no dialect '{claim.dialect}'", hint=f"there are {known}"))
    elif claim.dialect and profile.dialect != claim.dialect:
        problems.append(Problem(file=file, place="dialect", problem=f"edition {profile.edition} is written in '{profile.dialect}'"))
    for name, said in claim.features.items():
        if name not in profile.features:
            problems.append(
                Problem(
                    file=file, place=f"features.{name}", problem=f"'{name}' is not a feature", hint=did_you_mean(name, profile.features)
                )
            )
        elif name == "core" and said is not Support.YES:
            problems.append(Problem(file=file, place="features.core", problem="core cannot be denied"))
    if problems:
        raise UsageError(*problems)


def claim_of(raw: Mapping[str, Any]) -> Claim:
    """Return the claim that a run's header holds."""
    return msgspec.convert(dict(raw), Claim)

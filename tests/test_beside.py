"""A profile that looks at another one's operations: what it takes from there, and who may stand beside whom."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance.cli.main import main
from conformance.errors import UsageError
from conformance.loading.profiles import Shelf, load_profile
from conformance.loading.targets import load_claim, profile_claimed


def test_contract_and_bindings_are_the_others() -> None:
    shelf = Shelf.standard()
    own, scim, both = (
        load_profile("security-baseline", shelf),
        load_profile("scim2", shelf),
        load_profile("security-baseline", shelf, "scim2"),
    )
    assert both.requirements == own.requirements
    assert both.beside is scim
    assert both.bindings.probe == scim.bindings.probe
    assert both.bindings.error == scim.bindings.error
    assert set(both.contract.operations) == {*own.contract.operations, *scim.contract.operations}
    assert set(own.bindings.test_data) <= set(both.bindings.test_data)
    assert both.digests["beside.contract"] == scim.digests["contract"]
    assert own.beside is None


@pytest.mark.parametrize(
    ("name", "beside"), [("scim2", "security-baseline"), ("scim2", "alertmanager-v2"), ("security-baseline", "security-baseline")]
)
def test_only_some_stand_beside(name: str, beside: str) -> None:
    with pytest.raises(UsageError, match="cannot look at"):
        load_profile(name, None, beside)


def test_the_claim_names_it_and_the_option_wins(tmp_path: Path) -> None:
    file = tmp_path / "claim.yaml"
    file.write_text("profile: security-baseline\nbeside: scim2\n")
    assert load_claim(file).beside == "scim2"
    shelf = Shelf.standard()
    profile, claim = profile_claimed("security-baseline", file, shelf)
    assert (claim.beside, profile.beside and profile.beside.name) == ("scim2@2.0", "scim2")
    profile, claim = profile_claimed("security-baseline", file, shelf, "alertmanager-v2@0.25")
    assert claim.beside == "alertmanager-v2@0.25"
    file.write_text("profile: security-baseline\nbeside: Scim 2\n")
    with pytest.raises(UsageError, match="beside"):
        load_claim(file)


def test_plan_says_what_it_would_do_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "security-baseline", "--with", "scim2", "--allow", "write", "--format", "json"]) == 0
    assert '"needs --allow disruptive"' in capsys.readouterr().out
    assert main(["plan", "security-baseline", "--with", "scmi2"]) == 2

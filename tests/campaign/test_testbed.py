"""The testbed file: what it says, and every problem of every file at once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from conformance.errors import UsageError
from conformance.loading.plain_yaml import read_yaml
from conformance.loading.profiles import load_profile
from conformance.loading.testbeds import load_testbed
from conformance.reference.dressing import dressed, names
from conformance.testbed import Testbed
from conformance.wire import WireRequest, header
from fixtures.demo import joined
from fixtures.servers import Server
from tests.notes import shelf

FIXTURE = Path(__file__).parents[2] / "fixtures" / "testbed.yaml"


def loaded(text: str, folder: Path) -> Testbed:
    """Return the testbed of a text."""
    file = folder / "testbed.yaml"
    file.write_text(text)
    return load_testbed(file, shelf(), names)


GOOD = """
name: two
partners: {a: {title: A}, b: {}}
systems:
  one: {partner: a, target: {url: "http://h:1/x", credentials: {default: {scheme: bearer, token: {env: SECRET}}}}, claims: {notes: {}}}
  two: {partner: b, kind: reference, target: t.yaml, claims: {notes: c.yaml}, roles: {notes: [reader]}}
  three: {partner: b, twin: {profile: notes}}
"""


def test_a_testbed_is_read(tmp_path: Path) -> None:
    """Targets and claims inline or from files beside it; a twin claims its own profile; a unit is a system and a profile."""
    (tmp_path / "t.yaml").write_text("url: http://h:2\n")
    (tmp_path / "c.yaml").write_text("profile: notes\nedition: '1.0'\n")
    bed = loaded(GOOD, tmp_path)
    assert [u.name for u in bed.units] == ["one/notes", "two/notes", "three/notes"]
    assert [s.kind for s in bed.systems.values()] == ["product", "reference", "twin"]
    assert bed.systems["two"].claims["notes"].edition == "1.0"
    assert [u.lock for u in bed.units] == ["http://h:1", "http://h:2", "three/notes"]


def test_public_facts_hold_no_address_and_no_secret(tmp_path: Path) -> None:
    """What `testbed.json` says may be shown to anybody."""
    (tmp_path / "t.yaml").write_text("url: http://h:2\n")
    (tmp_path / "c.yaml").write_text("profile: notes\n")
    told = json.dumps(loaded(GOOD, tmp_path).facts())
    assert "http" not in told
    assert "SECRET" not in told
    assert json.loads(told)["systems"]["two"] == {
        "partner": "b",
        "kind": "reference",
        "profiles": ["notes"],
        "roles": {"notes": ["reader"]},
    }


def test_two_profiles_of_one_server_share_a_lock(tmp_path: Path) -> None:
    """The lock is the server's, whatever the path and the system."""
    text = """
name: n
partners: {a: {}}
systems:
  one: {partner: a, target: {url: "http://h:80/x"}, claims: {notes: {}, scim2: {}}}
  two: {partner: a, target: {url: "http://H/y"}, claims: {notes: {}}}
"""
    assert {u.lock for u in loaded(text, tmp_path).units} == {"http://h:80"}


BAD = """
name: ""
in_flight: 0
partners: {a: {titel: A}, Bad Name: {}}
systems:
  one: {partner: zz, target: {url: "ftp://h"}, claims: {notse: {}}}
  two: {partner: a, target: missing.yaml, claims: {notes: {features: {nope: yes}}}}
  three: {partner: a, kind: product, twin: {profile: notes, faults: [no-such-fault]}}
  four: {partner: a}
  five: {partner: a, twin: {profile: scim2}, claims: {notes: {}}}
  pairs: {partner: a, twin: {profile: notes}}
  six: {partner: a, twin: {profile: notes, dialect: katalis}}
"""


def test_every_problem_at_once(tmp_path: Path) -> None:
    """Schema, names, targets, claims and faults are all told in one go, each with its place."""
    with pytest.raises(UsageError) as caught:
        loaded(BAD, tmp_path)
    told = str(caught.value)
    for words in (
        "in_flight", "'titel' is not known here", "systems.one.partner: 'zz' is not a partner", "not an http or https URL",
        "'notse' is not a profile (did you mean 'notes'?)", "missing.yaml", "'nope' is not a feature", "systems.three.kind",
        "'no-such-fault' is not one of its faults", "systems.four: a system has a target", "systems.five.claims", "Bad Name", "'katalis' is not a dialect of notes",
    ):  # fmt: skip
        assert words in told, words


@pytest.mark.parametrize(
    "text", ["", "[]", "name: x", "{name: x, partners: [], systems: {}}", "{name: x, partners: {a: 3}, systems: {s: 4}}"]
)
def test_what_is_no_testbed_is_told(text: str, tmp_path: Path) -> None:
    """Any value is a `UsageError`, never a traceback."""
    with pytest.raises(UsageError):
        loaded(text, tmp_path)


def test_the_demo_testbed_loads() -> None:
    """At least four partners, twins and faulty twins, interfaces on which partners face each other among them."""
    bed = load_testbed(FIXTURE, shelf(), names)
    assert len({s.partner for s in bed.systems.values()}) >= 4
    assert any(s.twin and s.twin.faults for s in bed.systems.values())
    assert {u.profile for u in bed.units} >= {"scim2", "gsma-opg-ewbi", "alertmanager-v2", "camara-quality-on-demand"}


def test_faults_and_variants_can_be_worn_together() -> None:
    """Two faults and a variant on one twin each do what they do."""
    profile = load_profile("scim2", shelf())
    twin = dressed(profile, ["error-as-text", "delete-forgotten@deleteUser", "unknown-elsewhere"], ["extra-headers", "newest-first"])
    request = WireRequest(method="GET", target="/Users/none", headers=(("authorization", "Bearer twin-token"),))
    plain = dressed(profile).handle(request, 0.0)
    worn = twin.handle(request, 0.0)
    assert plain.status == worn.status == 404
    assert header(plain.headers, "content-type") != header(worn.headers, "content-type")
    assert len(worn.headers) > len(plain.headers)


def test_real_servers_join_the_demo(tmp_path: Path) -> None:
    """As references of another partner, their tokens by variable and never by value; the joined file loads."""
    server = Server(name="scim2-server", profile="scim2", version="1", url="http://127.0.0.1:8080", token="s3cret", log=tmp_path / "log")
    text = json.dumps(joined(read_yaml(FIXTURE), {"scim2-server": server}, {"scim2-server": "scim2"}))
    assert "s3cret" not in text
    file = tmp_path / "t.json"
    file.write_text(text)
    system = load_testbed(file, shelf(), names).systems["scim2-server"]
    assert (system.partner, system.kind) == ("open-source", "reference")


def test_a_mock_joins_the_demo_as_one(tmp_path: Path) -> None:
    """Somebody's mock is shown and counted nowhere."""
    server = Server(
        name="tmf-mock", profile="tmf641-service-ordering", version="1", url="http://127.0.0.1:1", token=None, log=tmp_path / "log"
    )
    joint = joined(read_yaml(FIXTURE), {"tmf-mock": server}, {"tmf-mock": "tmf641-service-ordering"})
    assert joint["systems"]["tmf-mock"]["kind"] == "mock"

"""The command of an exchange: it sends that request again, and nothing the server chose can make it do more."""

import os
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from conformance.exchange import Trouble
from conformance.writers.curl import curl
from tests.writers.records import HOSTILE, exchange

IDS = [
    "';touch owned;'",
    '";touch owned;"',
    "$(touch owned)",
    "`touch owned`",
    "a b",
    "-o owned",
    "--output=owned",
    "\\",
    "\\'",
    "{1,2}[3-4]",
    "../../x",
    "!!",
    "a\nb",
    "\x1b]0;x\x07",
    "\u202e",
    "é",
    "%2f",
    "#x",
    "&touch owned",
    "|touch owned",
    ">owned",
    "\r\ntouch owned",
    "~",
    "*",
    "\x9b",
    HOSTILE.replace("\ud800", ""),
]


def _arguments(command: str, folder: Path, shell: str = "bash") -> list[bytes]:
    """Run *command* with a `curl` that writes down what it is given."""
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell}")
    fake = folder / "curl"
    fake.write_text("#!/bin/sh\nprintf '%s\\0' \"$@\" > told\n")
    fake.chmod(0o755)
    env = {
        "PATH": f"{folder}{os.pathsep}/usr/bin:/bin",
        "TOKEN": "t0ken",
        "WRONG_TOKEN": "wr0ng",
        "USERNAME": "u",
        "PASSWORD": "p w",
        "LC_ALL": "C.UTF-8",
    }
    subprocess.run([shell, "-c", command], cwd=folder, env=env, check=True, timeout=20)
    assert sorted(p.name for p in folder.iterdir()) == ["curl", "told"]
    return (folder / "told").read_bytes().split(b"\0")[:-1]


@pytest.mark.parametrize("name", IDS)
def test_hostile_ids_are_data_in_address_header_and_body(name: str, tmp_path: Path) -> None:
    seen = exchange("PUT", f"/Users/{name}", sent=name.encode())
    seen = exchange(
        "PUT", f"/Users/{name}", sent=name.encode(), request=seen.request.with_(headers=(*seen.request.headers, ("if-match", name)))
    )
    command = curl(seen)
    assert all(c.isprintable() or c == "\n" for c in command)
    told = _arguments(command, tmp_path)
    assert told[0:5] == [b"--path-as-is", b"--globoff", b"--include", b"--request", b"PUT"]
    assert told.count(b"--url") == 1
    assert told[-2] == b"--url"
    assert told[-1].startswith(b"https://scim.partner.example:8443/scim/v2/Users/")
    if "\0" in name:
        assert "# body: " in command
    else:
        assert told[told.index(b"--data-binary") + 1] == name.encode()
    if any(c in name for c in "\0\r\n"):
        assert "# a header is left out" in command
    else:
        assert b"if-match: " + name.encode() in told


@pytest.mark.parametrize("shell", ["sh", "bash", "dash"])
def test_an_ordinary_command_is_plain_shell(shell: str, tmp_path: Path) -> None:
    seen = exchange("POST", "/Users?a=1&b='2'", sent={"userName": "O'Brien", "token": "«secret:0123456789ab»"})
    told = _arguments(curl(seen), tmp_path, shell)
    assert b"Authorization: Bearer t0ken" in told
    assert b"accept: application/scim+json" in told
    assert told[told.index(b"--data-binary") + 1] == seen.request.body


def test_credentials_are_variables_of_the_reader() -> None:
    assert '"Authorization: Bearer $TOKEN"' in curl(exchange())
    assert '"Authorization: Bearer $WRONG_TOKEN"' in curl(exchange(identity="bad"))
    assert '"Authorization: Bearer $OTHER_TOKEN"' in curl(exchange(identity="other"))
    assert '--user "$USERNAME:$PASSWORD"' in curl(exchange(), scheme="basic")
    assert 'X-Key": $TOKEN"' in curl(exchange(), scheme="api-key", name="X-Key")
    assert "TOKEN" not in curl(exchange(identity="none"))
    assert "TOKEN" not in curl(exchange(), scheme="none")


@pytest.mark.parametrize("name", ["$(id)", "a b", '"', "@file", "x\ny"])
def test_a_hostile_header_name_is_not_used(name: str, tmp_path: Path) -> None:
    request = exchange().request.with_(headers=((name * 2, "v"),))
    command = curl(exchange(request=request), scheme="session", name=name)
    assert b"X-Auth-Token: t0ken" in _arguments(command, tmp_path)
    assert "left out" in command


def test_a_body_never_names_a_file(tmp_path: Path) -> None:
    told = _arguments(curl(exchange("POST", sent=b"@/etc/hostname")), tmp_path)
    assert told[told.index(b"--data-raw") + 1] == b"@/etc/hostname"


@pytest.mark.parametrize("body", [b"a\0b", b"\xff\xfe", b"x" * 4097])
def test_bodies_that_a_command_cannot_carry_are_a_note(body: bytes) -> None:
    command = curl(exchange("POST", sent=body))
    assert command.startswith(f"# body: {len(body)} bytes, see exchanges.jsonl\ncurl ")
    assert "--data" not in command


def test_what_was_never_sent_is_not_offered() -> None:
    for trouble in (Trouble.NOT_ALLOWED, Trouble.OFF_ORIGIN, Trouble.NO_CREDENTIALS, Trouble.GIVEN_UP):
        assert curl(exchange(status=0, trouble=trouble)) == f"# never sent: {trouble}"
    assert curl(exchange(operation="callback")).startswith("# ")
    for url in ("", "file:///etc/passwd", "/Users", "-o x", "javascript:1", "http:///x"):
        assert curl(exchange(url=url)).startswith("# ")


def test_head_waits_for_no_body_and_unsent_headers_stay_unsent() -> None:
    words = shlex.split(curl(exchange("HEAD")).replace("\\\n", ""))
    assert "--head" in words
    assert "--request" not in words
    bare = exchange("POST", sent=b"{}", request=exchange("POST").request.with_(headers=(("x-empty", ""),), body=b"{}"))
    words = shlex.split(curl(bare).replace("\\\n", ""))
    assert {"accept:", "content-type:", "x-empty;"} <= set(words)

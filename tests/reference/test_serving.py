"""A twin on a socket answers as it does in process."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from conformance.reference.serving import serve
from conformance.reference.twins import twin_for
from tests.reference.walking import GOOD, NOW, profile


@pytest.fixture(scope="module")
def host() -> Iterator[str]:
    with serve(twin_for(profile("scim2")), clock=lambda: NOW) as url:
        yield url.removeprefix("http://")


def test_one_connection_serves_many_requests(host: str) -> None:
    connection = http.client.HTTPConnection(host, timeout=10)
    user = {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "served"}
    headers = {"Authorization": GOOD, "Content-Type": "application/scim+json"}
    connection.request("POST", "/Users", json.dumps(user), headers)
    made = connection.getresponse()
    body = json.loads(made.read())
    assert made.status == 201
    assert body["meta"]["location"] == made.headers["Location"] == f"http://{host}/Users/{body['id']}"
    connection.request("HEAD", f"/Users/{body['id']}", headers=headers)
    head = connection.getresponse()
    assert head.read() == b""
    connection.request("GET", f"/Users/{body['id']}", headers=headers)
    got = connection.getresponse()
    assert len(got.read()) == int(head.headers["Content-Length"]) or head.headers["Content-Length"] == "0"
    connection.request("DELETE", f"/Users/{body['id']}", headers=headers)
    gone = connection.getresponse()
    assert (gone.status, gone.read()) == (204, b"")
    connection.close()


def test_the_request_target_arrives_as_it_was_sent(host: str) -> None:
    connection = http.client.HTTPConnection(host, timeout=10)
    connection.putrequest("GET", "/Users/%2e%2e?filter=%ZZ", skip_accept_encoding=True)
    connection.putheader("Authorization", GOOD)
    connection.endheaders()
    assert connection.getresponse().status == 404
    connection.close()


def test_chunks_and_unknown_methods_are_understood(host: str) -> None:
    connection = http.client.HTTPConnection(host, timeout=10)
    user = json.dumps({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "in-chunks"}).encode()
    headers = {"Authorization": GOOD, "Content-Type": "application/scim+json"}
    connection.request("POST", "/Users", iter([user[:10], user[10:]]), headers, encode_chunked=True)
    assert connection.getresponse().read()
    connection.request("PROPFIND", "/Users", headers=headers)
    answer = connection.getresponse()
    assert answer.status == 405
    assert "GET" in answer.headers["Allow"]
    connection.close()


def test_nonsense_on_the_wire_harms_nobody(host: str) -> None:
    name, _, port = host.partition(":")
    for nonsense in (b"\x00\x01\x02\r\n\r\n", b"GET\r\n\r\n", b"POST /Users HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n", b""):
        with socket.create_connection((name, int(port)), timeout=10) as plain:
            plain.sendall(nonsense)
            plain.shutdown(socket.SHUT_WR)
            plain.recv(4096)
    connection = http.client.HTTPConnection(host, timeout=10)
    connection.request("GET", "/ServiceProviderConfig")
    assert connection.getresponse().status == 200
    connection.close()


def test_many_clients_at_once_are_served_one_after_the_other(host: str) -> None:
    def create(number: int) -> int:
        connection = http.client.HTTPConnection(host, timeout=20)
        user = {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": f"client-{number % 10}"}
        connection.request("POST", "/Users", json.dumps(user), {"Authorization": GOOD, "Content-Type": "application/scim+json"})
        status = connection.getresponse().status
        connection.close()
        return status

    with ThreadPoolExecutor(8) as pool:
        statuses = sorted(pool.map(create, range(20)))
    assert statuses == [201] * 10 + [409] * 10

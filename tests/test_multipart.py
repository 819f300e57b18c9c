"""Bodies of multipart/form-data are written so that others read them, and read back as they were."""

from __future__ import annotations

from email import message_from_bytes
from email.policy import HTTP

from conformance.multipart import BOUNDARY, MEDIA, read_parts, write_parts
from conformance.reference.message import read_parts as read_by_the_twin

MEMBERS = {"name": "Grüße", "size": 3, "parts": [{"a": 1}], "nested": {"on": True}, "file": "bytes\r\nof it"}


def test_what_was_written_is_read_back() -> None:
    assert read_parts(write_parts(MEMBERS, ["file"])) == {**MEMBERS, "size": "3"}


def test_the_twin_reads_the_same() -> None:
    assert read_by_the_twin(write_parts(MEMBERS, ["file"]), BOUNDARY) == {**MEMBERS, "size": "3"}


def test_a_library_reads_the_same() -> None:
    head = f"Content-Type: {MEDIA}; boundary={BOUNDARY}\r\n\r\n".encode()
    parts = list(message_from_bytes(head + write_parts(MEMBERS, ["file"]), policy=HTTP).iter_parts())
    assert [p.get_param("name", header="content-disposition") for p in parts] == list(MEMBERS)
    assert [p.get_content_type() for p in parts] == [
        "text/plain",
        "text/plain",
        "application/json",
        "application/json",
        "application/octet-stream",
    ]
    assert parts[4].get_filename() == "file"
    assert parts[4].get_payload(decode=True) == b"bytes\r\nof it"

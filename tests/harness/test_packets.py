"""Whom a machine has called is read from a recording of its network card: connections, datagrams and names."""

import struct
from pathlib import Path

from booksync_vm.packets import FILE_HEADER, RECORD, SYN, read_calls

GUEST, HOST, OUTSIDE = "10.0.2.15", "10.0.2.2", "192.0.2.1"
QUESTION = b"\x00" * 12 + b"\x03api\x07example\x03org\x00\x00\x01\x00\x01"


def packet(source: str, target: str, protocol: int, segment: bytes) -> bytes:
    """Return a packet of IPv4 on Ethernet."""
    addresses = b"".join(bytes(map(int, address.split("."))) for address in (source, target))
    return b"\0" * 12 + b"\x08\x00" + b"\x45" + b"\0" * 8 + bytes([protocol]) + b"\0\0" + addresses + segment


def tcp(port: int, flags: int) -> bytes:
    """Return the header of a TCP segment."""
    return struct.pack("!HHIIBBHHH", 40000, port, 0, 0, 5 << 4, flags, 0, 0, 0)


def udp(port: int, content: bytes = b"") -> bytes:
    """Return a datagram."""
    return struct.pack("!HHHH", 40000, port, 8 + len(content), 0) + content


def record(path: Path, *packets: bytes) -> Path:
    """Write a recording."""
    path.write_bytes(b"\0" * FILE_HEADER + b"".join(RECORD.pack(0, 0, len(one), len(one)) + one for one in packets))
    return path


def test_calls_are_seen(tmp_path: Path) -> None:
    recording = record(
        tmp_path / "packets",
        packet(GUEST, OUTSIDE, 6, tcp(443, SYN)),
        packet(GUEST, OUTSIDE, 17, udp(123)),
        packet(GUEST, "10.0.2.3", 17, udp(53, QUESTION)),
        packet(GUEST, OUTSIDE, 1, b"\x08" + b"\0" * 7),
    )
    assert read_calls(recording, guest=GUEST) == {"192.0.2.1:443", "192.0.2.1:123", "api.example.org", "192.0.2.1"}


def test_answers_and_what_stays_on_the_cable_are_no_calls(tmp_path: Path) -> None:
    recording = record(
        tmp_path / "packets",
        packet(HOST, GUEST, 6, tcp(8000, SYN)),
        packet(GUEST, HOST, 6, tcp(40000, SYN | 0x10)),
        packet(GUEST, HOST, 6, tcp(40000, 0x10)),
        packet(GUEST, HOST, 1, b"\x03\x01" + b"\0" * 6),
        packet(GUEST, "224.0.0.22", 2, b"\0" * 8),
        b"\0" * 12 + b"\x08\x06" + b"\0" * 28,  # ARP
    )
    assert read_calls(recording, guest=GUEST) == set()


def test_recording_that_is_cut_off_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    recording = record(tmp_path / "packets", packet(GUEST, OUTSIDE, 6, tcp(443, SYN)), b"\0" * 60)
    recording.write_bytes(recording.read_bytes()[:-70])
    assert read_calls(recording, guest=GUEST) == {"192.0.2.1:443"}

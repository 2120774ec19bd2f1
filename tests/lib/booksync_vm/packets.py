"""Who was called: read from what QEMU has recorded of a network card (pcap, draft-ietf-opsawg-pcap)."""

import ipaddress
import struct
from collections.abc import Iterator
from pathlib import Path

FILE_HEADER = 24
RECORD = struct.Struct("<IIII")  # s, µs, bytes here, bytes on the wire
ETHERNET = 14
IPV4 = 0x0800
ICMP, TCP, UDP = 1, 6, 17
#: What ICMP says of a packet that has come: unreachable, too late, unreadable (RFC 792).
ICMP_ERRORS = {3, 11, 12}
DNS = 53
SYN, ACK = 0x02, 0x10


def read_calls(path: Path, *, guest: str) -> set[str]:
    """Return whom a guest has called of itself: `address:port` of connections and datagrams, and names asked of DNS.

    Answers to those who have called it do not count, nor what stays on the cable (multicast, neighbours).

    :param guest: its address
    """
    called: set[str] = set()
    for packet in read_packets(path):
        if len(packet) < ETHERNET + 20 or struct.unpack_from("!H", packet, 12)[0] != IPV4:
            continue
        header = (packet[ETHERNET] & 0x0F) * 4
        source, target = (str(ipaddress.IPv4Address(packet[start : start + 4])) for start in (26, 30))
        if source == guest and not ipaddress.IPv4Address(target).is_multicast:
            called |= set(describe(packet[23], target, packet[ETHERNET + header :]))
    return called


def read_packets(path: Path) -> Iterator[bytes]:
    """Yield the packets of a recording, as far as each was kept; the last may be cut off."""
    content = path.read_bytes()
    position = FILE_HEADER
    while position + RECORD.size <= len(content):
        length = RECORD.unpack_from(content, position)[2]
        position += RECORD.size
        yield content[position : position + length]
        position += length


def describe(protocol: int, target: str, segment: bytes) -> Iterator[str]:
    """Yield what one packet of the guest's says about a call, if it begins one."""
    port = struct.unpack_from("!H", segment, 2)[0] if len(segment) >= 4 else 0
    if protocol == UDP and port == DNS:
        yield parse_name(segment[8 + 12 :])
    elif protocol == UDP or (protocol == TCP and segment[13] & (SYN | ACK) == SYN):
        yield f"{target}:{port}"
    elif protocol != TCP and not (protocol == ICMP and segment[0] in ICMP_ERRORS):
        yield target


def parse_name(question: bytes) -> str:
    """Return the name that a DNS question asks for (RFC 1035, section 4.1.2)."""
    labels = []
    while question and question[0]:
        labels.append(question[1 : 1 + question[0]].decode(errors="replace"))
        question = question[1 + question[0] :]
    return ".".join(labels)

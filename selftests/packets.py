# SPDX-License-Identifier: GPL-2.0
"""Packets as bytes: headers and checksums."""

import ipaddress
import struct

# the header of a fragment, in IPv6
FRAGMENT = 44


def ones_sum(data):
    """Sum of 16-bit words in ones' complement."""
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total


def checksum(data):
    return ~ones_sum(data) & 0xffff


def address(text):
    return ipaddress.ip_address(text).packed


def pseudo(source, target, length, protocol):
    """What the checksums of upper layers cover of IP; packed addresses."""
    if len(source) == 4:
        return source + target + struct.pack("!BBH", 0, protocol, length)
    return source + target + struct.pack("!IxxxB", length, protocol)


def with_check(head, data, at, spoil=0):
    """With the checksum of `head` and all of it, at `at`."""
    data = data[:at] + b"\0\0" + data[at + 2:]
    check = checksum(head + data) ^ spoil
    return data[:at] + struct.pack("!H", check) + data[at + 2:]


def segment(ends, ports, head, payload=b"", spoil=0):
    """Of TCP; ends are packed, head: (flags, seq, ack, options)"""
    flags, seq, ack, options = head
    size = 20 + len(options)
    data = struct.pack("!HHIIBBHHH", *ports, seq, ack, size // 4 << 4, flags,
                       0x2000, 0, 0) + options + payload
    return with_check(pseudo(*ends, len(data), 6), data, 16, spoil)


def datagram(ends, ports, payload=b"", spoil=0):
    """Of UDP, with a checksum."""
    data = struct.pack("!HHHH", *ports, 8 + len(payload), 0) + payload
    data = with_check(pseudo(*ends, len(data), 17), data, 6, spoil)
    if data[6:8] == b"\0\0":
        return data[:6] + b"\xff\xff" + data[8:]
    return data


def message(ends, head, data=b"", spoil=0):
    """Of ICMP; head: (type, code, the next 4 bytes)"""
    kind, code, rest = head
    data = struct.pack("!BBH", kind, code, 0) + rest + data
    before = pseudo(*ends, len(data), 58) if len(ends[0]) == 16 else b""
    return with_check(before, data, 2, spoil)


def packet(ends, protocol, payload, ttl=64, middle=b""):
    """Of IP; middle: options, a multiple of 4, or extension headers."""
    if len(ends[0]) == 16:
        return struct.pack("!IHBB", 6 << 28, len(middle + payload), protocol,
                           ttl) + b"".join(ends) + middle + payload
    size = 20 + len(middle)
    header = struct.pack("!BBHHHBBH", 0x40 | size // 4, 0,
                         size + len(payload), 0, 0, ttl, protocol, 0)
    header += b"".join(ends) + middle
    return with_check(b"", header, 10) + payload


def fragment(whole, number, at, piece, more):
    """Of an IP packet without options; at: offset of the piece."""
    if whole[0] >> 4 == 6:
        head = struct.pack("!BBHI", whole[6], 0, at | more, number)
        return packet((whole[8:24], whole[24:40]), FRAGMENT, piece,
                      whole[7], head)
    data = packet((whole[12:16], whole[16:20]), whole[9], piece, whole[8])
    data = data[:4] + struct.pack("!HH", number & 0xffff,
                                  more << 13 | at // 8) + data[8:]
    return with_check(b"", data[:20], 10) + data[20:]


def fragments(whole, number, size):
    """All of them, in order; size: a multiple of 8."""
    payload = whole[40 if whole[0] >> 4 == 6 else 20:]
    return [fragment(whole, number, at, payload[at:at + size],
                     at + size < len(payload))
            for at in range(0, len(payload), size)]


class Packet:
    """An IP packet, of either family: what its headers say."""

    def __init__(self, data):
        self.data = data
        self.version = data[0] >> 4
        if self.version == 4:
            self.size = (data[0] & 15) * 4
            self.protocol, self.ttl = data[9], data[8]
            self.source, self.target = data[12:16], data[16:20]
        else:
            self.size = 40
            self.protocol, self.ttl = data[6], data[7]
            self.source, self.target = data[8:24], data[24:40]

    @property
    def ends(self):
        return self.source, self.target

    @property
    def length(self):
        """As the header has it."""
        if self.version == 4:
            return struct.unpack_from("!H", self.data, 2)[0]
        return 40 + struct.unpack_from("!H", self.data, 4)[0]

    @property
    def payload(self):
        return self.data[self.size:]

    @property
    def ports(self):
        return struct.unpack_from("!HH", self.payload)

    def with_ttl(self, ttl):
        """The same packet, some hops later."""
        data = bytearray(self.data)
        if self.version == 6:
            data[7] = ttl
            return Packet(bytes(data))
        data[8] = ttl
        data[10:12] = b"\0\0"
        data[10:12] = struct.pack("!H", checksum(bytes(data[:self.size])))
        return Packet(bytes(data))

    def sound(self):
        """Are the checksums of IP and of the upper layer right?"""
        if self.version == 4 and checksum(self.data[:self.size]):
            return False
        head = pseudo(self.source, self.target, len(self.payload),
                      self.protocol)
        if self.protocol == 1:
            head = b""
        return not checksum(head + self.payload)

# SPDX-License-Identifier: GPL-2.0
"""Packets as bytes: headers and checksums."""

import ipaddress
import struct


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

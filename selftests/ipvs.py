# SPDX-License-Identifier: GPL-2.0
"""IPVS by generic netlink: thousands of edits in the time of one ipvsadm."""

import os
import socket
import struct

NETLINK_GENERIC = 16
REQUEST, ACK, DUMP = 0x1, 0x4, 0x300
NLMSG_ERROR, NLMSG_DONE, GENL_ID_CTRL = 2, 3, 16
CTRL_CMD_GETFAMILY, CTRL_ATTR_FAMILY_ID, CTRL_ATTR_FAMILY_NAME = 3, 1, 2

# linux/ip_vs.h: commands, what a message carries, and the two nested sets
NEW_SERVICE, SET_SERVICE, DEL_SERVICE = 1, 2, 3
NEW_DEST, SET_DEST, DEL_DEST, GET_DEST = 5, 6, 7, 8
SERVICE, DEST = 1, 2
SVC_AF, SVC_PROTOCOL, SVC_ADDR, SVC_PORT, SVC_FWMARK = 1, 2, 3, 4, 5
SVC_SCHED, SVC_FLAGS, SVC_TIMEOUT, SVC_NETMASK = 6, 7, 8, 9
DEST_ADDR, DEST_PORT, DEST_METHOD, DEST_WEIGHT = 1, 2, 3, 4
DEST_UPPER, DEST_LOWER, DEST_ACTIVE, DEST_INACTIVE = 5, 6, 7, 8
DEST_FAMILY = 11

F_ONEPACKET = 0x4
MASQ, TUNNEL, DROUTE = 0, 2, 3


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def packed(address):
    return socket.inet_pton(family_of(address), address)


def attribute(kind, data):
    size = 4 + len(data)
    return struct.pack("=HH", size, kind) + data + bytes(-size % 4)


def nest(kind, *attributes):
    return attribute(kind | 0x8000, b"".join(attributes))


def u16(kind, value):
    return attribute(kind, struct.pack("=H", value))


def u32(kind, value):
    return attribute(kind, struct.pack("=I", value & 0xffffffff))


def be16(kind, value):
    return attribute(kind, struct.pack("!H", value))


def text(kind, value):
    return attribute(kind, value.encode() + b"\0")


def parse(data):
    """Attributes of one level, by number."""
    found = {}
    at = 0
    while at + 4 <= len(data):
        size, kind = struct.unpack_from("=HH", data, at)
        if size < 4:
            break
        found[kind & 0x3fff] = data[at + 4:at + size]
        at += size + (-size % 4)
    return found


class Ipvs:
    """One netlink socket in the namespace where it was made."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW,
                                    NETLINK_GENERIC)
        self.socket.bind((0, 0))
        self.sequence = 0
        reply = self.talk(GENL_ID_CTRL, CTRL_CMD_GETFAMILY, ACK,
                          text(CTRL_ATTR_FAMILY_NAME, "IPVS"))
        self.family, = struct.unpack("=H", reply[0][CTRL_ATTR_FAMILY_ID])

    def talk(self, family, command, flags, payload):
        self.sequence += 1
        body = struct.pack("=BBH", command, 1, 0) + payload
        self.socket.send(struct.pack("=IHHII", 16 + len(body), family,
                                     REQUEST | flags, self.sequence, 0) + body)
        replies = []
        while True:
            data = self.socket.recv(65536)
            at = 0
            while at < len(data):
                size, kind, _, sequence = struct.unpack_from("=IHHI", data, at)
                body = data[at + 16:at + size]
                at += size + (-size % 4)
                if sequence != self.sequence:
                    continue
                if kind in (NLMSG_ERROR, NLMSG_DONE):
                    error = -struct.unpack_from("=i", body)[0]
                    if error:
                        raise OSError(error, os.strerror(error))
                    return replies
                replies.append(parse(body[4:]))

    def request(self, command, *attributes, flags=ACK):
        return self.talk(self.family, command, flags, b"".join(attributes))


class Service:
    """A virtual service: (protocol, address, port) or (fwmark)."""

    def __init__(self, ipvs, protocol=0, address="0.0.0.0", port=0, fwmark=0):
        self.ipvs = ipvs
        self.fwmark = fwmark
        family = family_of(address)
        self.netmask = 128 if family == socket.AF_INET6 else 0xffffffff
        self.key = [u16(SVC_AF, family)]
        if fwmark:
            self.key.append(u32(SVC_FWMARK, fwmark))
        else:
            self.key += [u16(SVC_PROTOCOL, protocol),
                         attribute(SVC_ADDR, packed(address)),
                         be16(SVC_PORT, port)]

    def change(self, command, scheduler, flags):
        self.ipvs.request(command, nest(
            SERVICE, *self.key, text(SVC_SCHED, scheduler),
            attribute(SVC_FLAGS, struct.pack("=II", flags, 0xffffffff)),
            u32(SVC_TIMEOUT, 0), u32(SVC_NETMASK, self.netmask)))

    def dest(self, command, address, port, weight=1, upper=0, lower=0,
             method=MASQ):
        self.ipvs.request(command, nest(SERVICE, *self.key), nest(
            DEST, attribute(DEST_ADDR, packed(address)), be16(DEST_PORT, port),
            u16(DEST_FAMILY, family_of(address)), u32(DEST_METHOD, method),
            u32(DEST_WEIGHT, weight), u32(DEST_UPPER, upper),
            u32(DEST_LOWER, lower)))

    def dests(self):
        """{address: (weight, active, inactive)}"""
        found = {}
        for reply in self.ipvs.request(GET_DEST, nest(SERVICE, *self.key),
                                       flags=DUMP):
            dest = parse(reply[DEST])
            family = struct.unpack("=H", dest[DEST_FAMILY])[0]
            size = 16 if family == socket.AF_INET6 else 4
            address = socket.inet_ntop(family, dest[DEST_ADDR][:size])
            found[address] = tuple(struct.unpack("=i", dest[kind])[0] for kind
                                   in (DEST_WEIGHT, DEST_ACTIVE,
                                       DEST_INACTIVE))
        return found

# SPDX-License-Identifier: GPL-2.0
"""Links, addresses and routes by netlink: hundreds of changes a second."""

import errno
import os
import socket
import struct

import netns
from ipvs import attribute, family_of, nest, packed, text, u32

NETLINK_ROUTE = 0
REQUEST, ACK, CREATE, EXCL = 0x1, 0x4, 0x400, 0x200
NLMSG_ERROR = 2
NEWLINK, DELLINK, GETLINK = 16, 17, 18
NEWADDR, DELADDR, NEWROUTE, DELROUTE = 20, 21, 24, 25
MAC, IFNAME, MTU, MASTER, LINKINFO, NET_NS_FD = 1, 3, 4, 10, 18, 28
INFO_KIND, INFO_DATA, VETH_PEER = 1, 2, 1
IFA_ADDRESS, IFA_LOCAL, IFA_FLAGS = 1, 2, 8
NODAD, PERMANENT = 0x02, 0x80
RTA_DST, RTA_OIF, RTA_GATEWAY = 1, 4, 5
UP = 1
TABLE_MAIN, PROTO_BOOT, SCOPE_UNIVERSE, UNICAST = 254, 3, 0, 1
LINK = struct.Struct("=BxHiII")


class Links:
    """One netlink socket in the namespace where it was made."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW,
                                    NETLINK_ROUTE)
        self.socket.bind((0, 0))
        self.sequence = 0

    def ask(self, kind, body, flags=0):
        """The body of the answer, None if it has none."""
        self.sequence += 1
        self.socket.send(struct.pack("=IHHII", 16 + len(body), kind,
                                     REQUEST | ACK | flags, self.sequence, 0) +
                         body)
        found = None
        while True:
            data = self.socket.recv(1 << 16)
            at = 0
            while at < len(data):
                size, said, _, sequence = struct.unpack_from("=IHHI", data, at)
                body = data[at + 16:at + size]
                at += size + (-size % 4)
                if sequence != self.sequence:
                    continue
                if said == NLMSG_ERROR:
                    status = -struct.unpack_from("=i", body)[0]
                    if status:
                        raise OSError(status, os.strerror(status))
                    return found
                found = body

    def index(self, name):
        answer = self.ask(GETLINK, LINK.pack(0, 0, 0, 0, 0) +
                          text(IFNAME, name))
        return LINK.unpack_from(answer)[2]

    def add_veth(self, name, peer, namespace):
        """A pair: one end here, the other in what is open as a file."""
        there = LINK.pack(0, 0, 0, 0, 0) + text(IFNAME, peer) + \
            u32(NET_NS_FD, namespace)
        self.ask(NEWLINK, LINK.pack(0, 0, 0, 0, 0) + text(IFNAME, name) + nest(
            LINKINFO, text(INFO_KIND, "veth"),
            nest(INFO_DATA, attribute(VETH_PEER, there))), CREATE | EXCL)

    def delete(self, name):
        self.ask(DELLINK, LINK.pack(0, 0, 0, 0, 0) + text(IFNAME, name))

    def set(self, name, *attributes, up=None):
        change = 0 if up is None else UP
        self.ask(NEWLINK, LINK.pack(0, 0, 0, UP if up else 0, change) +
                 text(IFNAME, name) + b"".join(attributes))

    def up(self, name):
        self.set(name, up=True)

    def down(self, name):
        self.set(name, up=False)

    def set_mtu(self, name, mtu):
        self.set(name, u32(MTU, mtu))

    def set_mac(self, name, mac):
        self.set(name, attribute(MAC, mac))

    def set_master(self, name, master):
        self.set(name, u32(MASTER, self.index(master)))

    def address(self, verb, where, name):
        """NEWADDR or DELADDR of ADDRESS/LENGTH."""
        address, length = where.split("/")
        family = family_of(address)
        flags = NODAD | PERMANENT if family == socket.AF_INET6 else PERMANENT
        self.ask(verb, struct.pack("=BBBBI", family, int(length), 0, 0,
                                   self.index(name)) +
                 attribute(IFA_LOCAL, packed(address)) +
                 attribute(IFA_ADDRESS, packed(address)) +
                 u32(IFA_FLAGS, flags),
                 CREATE | EXCL if verb == NEWADDR else 0)

    def add_address(self, where, name):
        self.address(NEWADDR, where, name)

    def del_address(self, where, name):
        self.address(DELADDR, where, name)

    def route(self, verb, where, gateway):
        """NEWROUTE or DELROUTE of ADDRESS/LENGTH."""
        address, length = where.split("/")
        self.ask(verb, struct.pack("=BBBBBBBBI", family_of(address),
                                   int(length), 0, 0, TABLE_MAIN, PROTO_BOOT,
                                   SCOPE_UNIVERSE, UNICAST, 0) +
                 attribute(RTA_DST, packed(address)) +
                 attribute(RTA_GATEWAY, packed(gateway)),
                 CREATE | EXCL if verb == NEWROUTE else 0)

    def add_route(self, where, gateway):
        self.route(NEWROUTE, where, gateway)

    def del_route(self, where, gateway):
        self.route(DELROUTE, where, gateway)


def links_of(namespace):
    with netns.inside(namespace):
        return Links()


def is_gone(error):
    """Is it about something that is not there, or there already?"""
    return error.errno in (errno.EEXIST, errno.ENOENT, errno.ENODEV,
                           errno.ESRCH, errno.EADDRNOTAVAIL,
                           errno.ENETUNREACH, errno.EHOSTUNREACH,
                           errno.ENETDOWN)

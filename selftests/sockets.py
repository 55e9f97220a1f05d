# SPDX-License-Identifier: GPL-2.0
"""Sockets of the client and of the real servers.

A real server is known by its number: its place among the namespaces, or, if
there is but one, the place of its address in the network.
"""

import os
import select
import socket
import struct

import netns
from picks import LOST

NETWORK = {socket.AF_INET: os.environ.get("NET", "198.51.100."),
           socket.AF_INET6: os.environ.get("NET6", "2001:db8:2::")}
# seconds; what takes longer is lost
DEADLINE = int(os.environ.get("DEADLINE", "30")) / 6
IP_PKTINFO = 8


def address_of(family, server):
    if family == socket.AF_INET6:
        return f"{NETWORK[family]}{server}"
    first, = struct.unpack("!I", socket.inet_aton(NETWORK[family] + "0"))
    return socket.inet_ntoa(struct.pack("!I", first + int(server)))


def number_of(family, address):
    if family == socket.AF_INET6:
        return int(address.rsplit(":", 1)[1])
    first, here = (struct.unpack("!I", socket.inet_aton(text))[0]
                   for text in (NETWORK[family] + "0", address))
    return here - first


def make_socket(family, kind):
    sock = socket.socket(family, kind)
    sock.settimeout(DEADLINE)
    if family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    return sock


def local_address(family, ancillary):
    """Where a datagram was sent to, from the control messages with it."""
    for level, kind, data in ancillary:
        if (level, kind) == (socket.IPPROTO_IP, IP_PKTINFO):
            return socket.inet_ntop(family, data[8:12])
        if (level, kind) == (socket.IPPROTO_IPV6, socket.IPV6_PKTINFO):
            return socket.inet_ntop(family, data[:16])
    raise ValueError("a datagram without its address")


class Connection:
    """Both ends of one TCP connection or UDP flow."""

    def __init__(self, client, server=None, pick=LOST):
        self.client, self.server, self.pick = client, server, pick

    def close(self):
        self.client.close()
        if self.server:
            self.server.close()


class Servers:
    """The real servers' sockets: one of a kind in each namespace."""

    def __init__(self, namespaces, family, port):
        self.family, self.single = family, len(namespaces) == 1
        self.udp, self.tcp, self.place = [], [], {}
        for place, name in enumerate(namespaces, 1):
            with netns.inside(name):
                self.udp.append(make_socket(family, socket.SOCK_DGRAM))
                self.tcp.append(make_socket(family, socket.SOCK_STREAM))
            self.place[self.udp[-1]] = self.place[self.tcp[-1]] = place
        for sock in self.udp:
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6,
                                socket.IPV6_RECVPKTINFO, 1)
            else:
                sock.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
            sock.bind(("", port))
        for sock in self.tcp:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(("", port))
            sock.listen(1024)

    def number(self, sock, address):
        if not self.single:
            return self.place[sock]
        return number_of(self.family, address)

    def receive(self, sock):
        """(server, payload, how to answer) of the next datagram."""
        payload, ancillary, _, peer = sock.recvmsg(2048, 256)
        address = local_address(self.family, ancillary)

        def answer():
            sock.sendmsg([payload], ancillary, 0, peer)
        return self.number(sock, address), payload, answer

    def accept(self):
        ready, _, _ = select.select(self.tcp, [], [], DEADLINE)
        if not ready:
            return None, LOST
        sock, _ = ready[0].accept()
        sock.settimeout(DEADLINE)
        return sock, self.number(ready[0], sock.getsockname()[0])

    def close(self):
        for sock in self.udp + self.tcp:
            sock.close()

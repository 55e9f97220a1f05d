#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Datagrams of every shape, every byte compared: commands of a test.

usage: datagrams.py CLIENT DIRECTOR SERVER...       (network namespaces)

What traffic.py knows, this knows too.
"""

import errno
import os
import select
import socket
import struct
import time

import netns
from packets import (
    Packet, address, datagram, ones_sum, packet, pseudo, segment)
from picks import LOST
from sockets import DEADLINE, address_of, make_socket
from taps import Tap
from traffic import Traffic, main

ROOM = 1 << 16
SO_NO_CHECK = 11
V6_MTU = 24
IP_OPTIONS, IP_RECVOPTS = 4, 6
V6_RECVHOPOPTS, V6_HOPOPTS, V6_RECVDSTOPTS, V6_DSTOPTS = 53, 54, 58, 59
DNS_A, DNS_AAAA, DNS_IN = 1, 28, 1
ACK = 16

# No operation, router alert, end. In IPv6 router alert and padding, and an
# option for experiments that whoever does not know it skips.
OPTIONS4 = bytes([1, 1, 148, 4, 0, 0, 1, 0])
HOPS6 = bytes([0, 0, 5, 2, 0, 0, 1, 0])
TARGET6 = bytes([0, 1, 0x1e, 12]) + b"experiment12"


def question(number, kind):
    """A question of DNS for a name that nobody asked for before."""
    name = b"".join(bytes([len(label)]) + label for label in
                    (f"q{number}".encode(), b"test", b""))
    return name + struct.pack("!HH", kind, DNS_IN)


class Datagrams(Traffic):
    """A client with one socket a flow; the real servers of traffic.py."""

    def __init__(self, client, director, *servers):
        super().__init__(client, director, *servers)
        self.names = client, director, servers[0]
        self.flow = None        # the client's socket
        self.server = None      # (socket, control messages) of the flow
        self.peer = None        # whom the server sees

    def do_flow(self):
        """A new flow from here on."""
        if self.flow:
            self.flow.close()
        self.flow = make_socket(self.servers.family, socket.SOCK_DGRAM)
        self.flow.connect(self.target)
        self.server = self.peer = None

    # there and back

    def arrive(self):
        """(payload, control messages) of what comes to a server."""
        ready, _, _ = select.select(self.servers.udp, [], [], DEADLINE)
        if not ready:
            raise ValueError("lost on the way to the server")
        payload, control, flags, peer = ready[0].recvmsg(ROOM, 1024)
        if flags & socket.MSG_TRUNC:
            raise ValueError("cut off")
        if self.peer and peer[:2] != self.peer[:2]:
            raise ValueError(f"from {peer}, and {self.peer} before")
        self.server, self.peer = ready[0], peer
        return payload, control

    def answer(self, payload):
        """From where the client sent to, which is the server's address."""
        self.server.sendto(payload, self.peer)

    def come_back(self):
        try:
            payload, control, _, peer = self.flow.recvmsg(ROOM, 1024)
        except socket.timeout:
            raise ValueError("lost on the way back") from None
        if peer[:2] != self.target:
            raise ValueError(f"answered by {peer}")
        return payload, control

    def exchange(self, payload):
        """There, and something else of the same length back."""
        self.flow.send(payload)
        if self.arrive()[0] != payload:
            raise ValueError("other bytes at the server")
        reply = payload[::-1]
        self.answer(reply)
        if self.come_back()[0] != reply:
            raise ValueError("other bytes at the client")

    def do_exchange(self, size, count=1):
        """Datagrams of that size both ways; how many were right?"""
        for _ in range(int(count)):
            self.exchange(os.urandom(int(size)))
        return count

    def do_peer(self):
        """Whom the server sees."""
        return self.peer[0]

    def do_sizes(self, low, high, step):
        for size in range(int(low), int(high) + 1, int(step)):
            self.exchange(os.urandom(size))
        return f"to {size}"

    # small MTUs

    def do_learn(self, way, size, mtu):
        """A datagram that comes in fragments which are too big for a link
        behind the director: its sender is told the MTU."""
        payload = os.urandom(int(size))
        if way == "there":
            self.flow.send(payload)
            self.learn(lambda: self.mtu_of(self.flow), int(mtu))
            told = self.flow.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            return "learnt" if told == errno.EMSGSIZE else f"told {told}"
        self.answer(payload)
        self.learn(self.mtu_to_peer, int(mtu))
        return "learnt"

    @staticmethod
    def mtu_of(sock):
        return sock.getsockopt(socket.IPPROTO_IPV6, V6_MTU)

    def mtu_to_peer(self):
        """A socket that is not told keeps the MTU that it began with."""
        with netns.inside(self.namespaces[0]):
            sock = make_socket(self.servers.family, socket.SOCK_DGRAM)
        with sock:
            sock.connect(self.peer)
            return self.mtu_of(sock)

    @staticmethod
    def learn(mtu_now, mtu):
        end = time.monotonic() + DEADLINE
        while mtu_now() != mtu:
            if time.monotonic() > end:
                raise ValueError("the path MTU has not changed")
            time.sleep(0.02)

    # checksums

    def do_unchecked(self, size):
        """Without a checksum both ways, and none is put in."""
        with netns.inside(self.namespaces[0]):
            at_server = self.raw()
        at_client = self.raw()
        try:
            for sock in [self.flow] + self.servers.udp:
                sock.setsockopt(socket.SOL_SOCKET, SO_NO_CHECK, 1)
            self.exchange(os.urandom(int(size)))
            return " ".join(str(self.check_of(sock))
                            for sock in (at_server, at_client))
        finally:
            for sock in self.servers.udp:
                sock.setsockopt(socket.SOL_SOCKET, SO_NO_CHECK, 0)
            at_server.close()
            at_client.close()

    def do_unsplittable(self, size, part):
        """An answer that comes in fragments, none of which may be split."""
        self.exchange(b"first")
        payload = os.urandom(int(size))
        source = (address_of(self.servers.family, 1), self.target[1])
        whole = datagram((address(source[0]), address(self.peer[0])),
                         (source[1], self.peer[1]), payload)
        with netns.inside(self.namespaces[0]):
            sock = socket.socket(socket.AF_INET, socket.SOCK_RAW,
                                 socket.IPPROTO_RAW)
        with sock:
            for at in range(0, len(whole), int(part)):
                more = at + int(part) < len(whole)
                sock.sendto(self.fragment(source[0], self.peer[0], at, more,
                                          whole[at:at + int(part)]),
                            (self.peer[0], 0))
        if self.come_back()[0] != payload:
            raise ValueError("other bytes at the client")
        return "whole"

    @staticmethod
    def fragment(source, target, at, more, data):
        """IPv4; DF and maybe MF; the kernel sets length and checksum."""
        return struct.pack("!BBHHHBBH", 0x45, 0, 0, 4711,
                           0x4000 | more << 13 | at // 8, 64,
                           socket.IPPROTO_UDP, 0) + \
            address(source) + address(target) + data

    @staticmethod
    def raw():
        sock = socket.socket(socket.AF_INET, socket.SOCK_RAW,
                             socket.IPPROTO_UDP)
        sock.settimeout(DEADLINE)
        return sock

    @staticmethod
    def check_of(sock):
        """The checksum of the next UDP datagram, after reassembly."""
        packet = Packet(sock.recv(ROOM))
        return struct.unpack_from("!H", packet.payload, 6)[0]

    def do_zeros(self):
        """Payloads for which the checksum comes out as 0 on one of the ways:
        it has to be sent as ffff, as 0 would be none."""
        self.exchange(b"first")
        client = self.flow.getsockname()[:2]
        server = (address_of(self.servers.family, 1), self.target[1])
        request = self.zero_payload(self.peer[:2], server)
        reply = self.zero_payload(self.target, client)
        watch = []
        if self.servers.family == socket.AF_INET:
            with netns.inside(self.namespaces[0]):
                watch.append(self.raw())
            watch.append(self.raw())
        self.flow.send(request)
        if self.arrive()[0] != request:
            raise ValueError("other bytes at the server")
        self.answer(reply)
        if self.come_back()[0] != reply:
            raise ValueError("other bytes at the client")
        if not watch:
            return "fine"           # it would not have come otherwise
        checks = [self.check_of(sock) for sock in watch]
        for sock in watch:
            sock.close()
        return "fine" if checks == [0xffff, 0xffff] else f"{checks}"

    def zero_payload(self, source, target):
        """Two bytes that make the sum of all the rest ffff."""
        length = 10
        head = pseudo(address(source[0]), address(target[0]), length,
                      socket.IPPROTO_UDP)
        head += struct.pack("!HHHH", source[1], target[1], length, 0)
        return struct.pack("!H", 0xffff - ones_sum(head))

    # headers cut off

    def do_cut(self, kind, way):
        """Packets that end within the TCP or UDP header, after each number of
        bytes: how many, and does the flow go on?"""
        if kind == "-u":
            self.exchange(b"first")
            server = address_of(self.servers.family, 1), self.target[1]
            sent = self.send_cut(way, datagram, (
                self.flow.getsockname(), self.target, self.peer, server))
            self.exchange(b"last")
            return sent
        with make_socket(self.servers.family, socket.SOCK_STREAM) as client:
            client.connect(self.target)
            server, _ = self.servers.accept()
            with server:
                sent = self.send_cut(way, segment, (
                    client.getsockname(), self.target, server.getpeername(),
                    server.getsockname()), (ACK, 1, 1, b""))
                client.send(b"there")
                server.send(server.recv(5))
                if client.recv(5) != b"there":
                    raise ValueError("other bytes")
        return sent

    def send_cut(self, way, make, ends, *head):
        """By a maker of headers; ends: client, VIP, LIP, real server"""
        client, director, server = self.names
        source, target = ends[:2] if way == "request" else ends[:1:-1]
        name, device = (client, "cli") if way == "request" else (server, "lan")
        tap = Tap(name, "eth0", Tap(director, device).hardware())
        addresses = address(source[0]), address(target[0])
        header = make(addresses, (source[1], target[1]), *head)
        for size in range(len(header)):
            tap.send(packet(addresses, 17 if make is datagram else 6,
                            header[:size]))
        return str(len(header))

    # options and extension headers

    def do_options(self, size):
        """IP options both ways; they arrive as they were sent."""
        self.set_both(socket.IPPROTO_IP, IP_RECVOPTS, 1)
        self.set_both(socket.IPPROTO_IP, IP_OPTIONS, OPTIONS4)
        try:
            return self.carry(size, [(IP_RECVOPTS, OPTIONS4)])
        finally:
            self.set_both(socket.IPPROTO_IP, IP_OPTIONS, b"")
            self.set_both(socket.IPPROTO_IP, IP_RECVOPTS, 0)

    def do_extensions(self, size):
        """Hop-by-hop and destination options both ways."""
        headers = [(V6_HOPOPTS, HOPS6), (V6_DSTOPTS, TARGET6)]
        self.set_both(socket.IPPROTO_IPV6, V6_RECVHOPOPTS, 1)
        self.set_both(socket.IPPROTO_IPV6, V6_RECVDSTOPTS, 1)
        for kind, header in headers:
            self.set_both(socket.IPPROTO_IPV6, kind, header)
        try:
            # the kernel fills in what comes next: 17, or a fragment
            return self.carry(size, [(kind, header[1:])
                                     for kind, header in headers], 1)
        finally:
            for kind, _ in headers:
                self.set_both(socket.IPPROTO_IPV6, kind, b"")

    def set_both(self, *option):
        for sock in [self.flow] + self.servers.udp:
            sock.setsockopt(*option)

    def carry(self, size, expected, skipped=0):
        payload = os.urandom(int(size))
        self.flow.send(payload)
        there = self.arrive()
        self.answer(payload[::-1])
        back = self.come_back()
        if (there[0], back[0][::-1]) != (payload, payload):
            raise ValueError("other bytes")
        for where, (_, control) in ("server", there), ("client", back):
            found = [(kind, data[skipped:]) for _, kind, data in control
                     if kind in dict(expected)]
            if sorted(found) != sorted(expected):
                raise ValueError(f"at the {where}: {found}")
        return "both ways"

    # DNS

    def do_dns(self, count, kind="A"):
        """Questions, each from a port of its own, all under way at once by the
        dozen; the answer has to be that server's address."""
        kind = {"A": DNS_A, "AAAA": DNS_AAAA}[kind]
        count = int(count)
        self.picks = []
        sockets = []            # open to the end, so that no port comes twice
        while len(self.picks) < count and not self.hopeless():
            sockets += self.ask_many(min(24, count - len(self.picks)), kind)
        for sock in sockets:
            sock.close()
        return self.summary(count)

    def ask_many(self, size, kind):
        asked = []
        for _ in range(size):
            self.sequence += 1
            sock = self.client_socket(socket.SOCK_DGRAM)
            sock.connect(self.target)
            rest = question(self.sequence, kind)
            sock.send(struct.pack("!HHHHHH", self.sequence & 0xffff, 0x100,
                                  1, 0, 0, 0) + rest)
            asked.append((sock, self.sequence & 0xffff, rest))
        self.picks += [self.answered(*one) for one in asked]
        return [sock for sock, _, _ in asked]

    def answered(self, sock, number, rest):
        """Which server's address is the one answer?"""
        try:
            data = sock.recv(ROOM)
        except OSError:
            return LOST
        reply, flags, questions, answers = struct.unpack_from("!HHHH", data)
        if (reply, flags & 0x800f, questions, answers) != \
                (number, 0x8000, 1, 1) or data[12:12 + len(rest)] != rest:
            return LOST
        for server in range(1, len(self.namespaces) + 1):
            packed = address(address_of(self.servers.family, server))
            if data[12 + len(rest):].endswith(packed):
                return server
        return LOST


if __name__ == "__main__":
    main(Datagrams)

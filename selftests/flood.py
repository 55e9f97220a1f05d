#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Floods from more clients than there are ports, beside real connections.

usage: flood.py CLIENT DIRECTOR SERVER...           (network namespaces)

What crowd.py knows, this knows too. All that is sent is from another client, a
SYN or a datagram each, and counted by the director: as a session or a refusal.
"""

import os
import socket
import sys
import threading
import time

import genl
import netns
from commands import serve
from crowd import DEADLINE, RST, SYN, Crowd, echo
from packets import address, datagram, packet, segment
from taps import Tap

TCP, UDP = socket.IPPROTO_TCP, socket.IPPROTO_UDP
CREATED, NO_PORT = 0, 6
# no more than a processor's queue takes
BURST = 200
TTL = 64
ACK = 16
# where the forged clients are
NETWORKS = {4: "100.64.0.0", 6: "2001:db8:f::"}


class Flood(Crowd):
    """What the commands work on."""

    def __init__(self, client, director, *servers):
        super().__init__(client, director, *servers)
        self.random.seed(os.environ.get("SEED"))
        with netns.inside(director):
            self.fullnat, self.events = genl.Fullnat(), genl.Fullnat()
        self.events.join("events")
        self.near = Tap(director, "cli")
        self.tap = Tap(client, "eth0", self.near.hardware())
        self.last_client = 0
        self.base, self.begin, self.heard, self.which = {}, 0, 0, b""
        self.numbers = {}       # of forged SYNs: (client, port): number
        self.stream = self.thread = self.stop = None
        self.rounds, self.word = 0, None

    # those that go on

    def do_download(self):
        """The last of the held ones carries bytes from now on, the one before
        a word now and then."""
        self.stream, self.word = self.held.pop(), self.held.pop()
        self.stop, self.rounds = threading.Event(), 0
        data = self.random.randbytes(1 << 16)

        def run():
            while not self.stop.is_set() and echo(self.stream, data):
                self.rounds += 1
        self.thread = threading.Thread(target=run, daemon=True)
        self.thread.start()

    def do_progress(self):
        """Does the download go on, and the slow one?"""
        before, end = self.rounds, time.monotonic() + DEADLINE * 2
        while self.rounds == before:
            if time.monotonic() > end or not self.thread.is_alive():
                return "the download has ended"
            time.sleep(0.02)
        return "yes" if self.is_alive(self.word) else "the slow one has ended"

    def do_downloaded(self):
        """Its end; was all of it right?"""
        self.stop.set()
        self.thread.join(DEADLINE * 2)
        right = echo(self.stream, b"the end")
        self.stream.reset()
        self.word.reset()
        return "right" if right and self.rounds else "wrong"

    # the flood

    def forged(self):
        """Another client: its address and port."""
        self.last_client += 1
        family = 6 if ":" in self.target[0] else 4
        first = int.from_bytes(address(NETWORKS[family]), "big")
        number = first + 1 + self.last_client % 4000000
        return number.to_bytes(16 if family == 6 else 4, "big"), \
            1024 + self.last_client % 60000

    def send_forged(self):
        client, port = self.forged()
        ends, ports = (client, address(self.target[0])), (port, self.target[1])
        if self.kind == socket.SOCK_DGRAM:
            data = packet(ends, UDP, datagram(ends, ports, b"flood"), TTL)
        else:
            number = self.random.getrandbits(32)
            self.numbers[client, port] = number
            data = packet(ends, TCP, segment(ends, ports, (
                SYN, number, 0, b"\2\4\5\xb4")), TTL)
        self.tap.send(data)

    def counted(self):
        """What has become of new connections: (sessions, refusals)"""
        now = self.fullnat.counters(self.which)
        return tuple(now[name] - self.base.get(name, 0)
                     for name in (CREATED, NO_PORT))

    def do_begin(self):
        """What is counted from now on, of the service that is called."""
        protocol = UDP if self.kind == socket.SOCK_DGRAM else TCP
        self.which = genl.service(protocol, *self.target)
        self.base = self.fullnat.counters(self.which)
        self.events.events()
        self.begin, self.heard = time.monotonic(), 0
        self.numbers = {}

    def do_storm(self, count, dropped=0):
        """So many more; is each of all since `begin` a session or refused?
        DROPPED: one in so many may be neither."""
        before = sum(self.counted())
        for _ in range(0, int(count), BURST):
            for _ in range(BURST):
                self.send_forged()
            self.near.skip()
            self.tap.skip()
        after = before + -(-int(count) // BURST) * BURST
        least = after - ((after - before) // int(dropped) + 1
                         if int(dropped) else 0)
        end = time.monotonic() + DEADLINE
        while not least <= sum(self.counted()) <= after:
            if time.monotonic() > end:
                return f"{self.counted()} of {after}"
            time.sleep(0.02)
        return "exact"

    def do_outcome(self):
        """Sessions and refusals since `begin`."""
        return "{} {}".format(*self.counted())

    def do_told(self):
        """Were there messages of exhaustion, and no more than one a second?"""
        self.heard += sum(command == genl.EXHAUSTED_NTF
                          for command, _ in self.events.events())
        most = int(time.monotonic() - self.begin) + 2
        return "yes" if 1 <= self.heard <= most else \
            f"{self.heard} in {most - 2} seconds"

    def flooding(self):
        """The forged sessions that there are: (client, port) and the rest"""
        found = {}
        for message in self.fullnat.dump(genl.SESSION_GET, self.which):
            one = genl.parse(message)
            client = genl.end_of(one[genl.N_CLIENT])
            if client in self.numbers and genl.N_RESTING not in one:
                found[client] = genl.end_of(one[genl.N_VIRTUAL])
        return found

    def do_give_up(self, count):
        """So many of the forged clients reset what they have begun, which IPVS
        believes of those that are established; how many could."""
        chosen = list(self.flooding().items())[:int(count)]
        for (client, port), (virtual, vport) in chosen:
            ends, number = (client, virtual), self.numbers[client, port] + 1
            for flags in ACK, RST:
                self.tap.send(packet(ends, TCP, segment(
                    ends, (port, vport), (flags, number & 0xffffffff, 1, b"")),
                    TTL))
        end = time.monotonic() + DEADLINE
        gone = {client for client, _ in chosen}
        while gone & set(self.flooding()) and time.monotonic() < end:
            time.sleep(0.02)
        return str(len(gone - set(self.flooding())))

    # what it takes

    def do_memory(self):
        """KiB of the kernel's slabs."""
        with open("/proc/meminfo", encoding="ascii") as file:
            return next(line.split()[1] for line in file
                        if line.startswith("Slab:"))

    def do_sessions(self):
        """Those of the service that is called."""
        return str(len(self.fullnat.dump(genl.SESSION_GET, self.which)))


def main():
    serve(Flood(*sys.argv[1:]))


if __name__ == "__main__":
    main()

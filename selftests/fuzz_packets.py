#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Hostile packets at both sides of the director, beside real connections.

usage: fuzz_packets.py CLIENT DIRECTOR SERVER...    (network namespaces)

What crowd.py knows, this knows too.
"""

import contextlib
import random
import socket
import sys
import time

import genl
import netns
from commands import serve
from crowd import DEADLINE, Crowd, echo, in_parallel, packed as mapped
from hostile import TCP, UDP, Flow, Forge
from judge import Judge
from packets import address
from taps import Tap

BURST, ESTABLISHED = 48, 1
COUNTERS = {"request": 2, "reply": 4, "icmp to client": 21,
            "icmp to server": 22}


def flow_of(message):
    """A session of netlink's."""
    found = genl.parse(message)
    ends = [genl.end_of(found[kind]) for kind in (
        genl.N_CLIENT, genl.N_VIRTUAL, genl.N_LADDR, genl.N_SERVER)]
    # the real servers' namespaces are known by the last label
    return Flow(found[genl.N_PROTOCOL][0], *sum(ends, ()),
                ends[3][0][-1], False)


class Fuzz(Crowd):
    """What the commands work on."""

    def __init__(self, client, director, *servers):
        super().__init__(client, director, *servers)
        with netns.inside(director):
            self.fullnat = genl.Fullnat()
        near, far = Tap(director, "cli"), Tap(director, "lan")
        self.clones = [near, far]
        self.taps = {"client": Tap(client, "eth0", near.hardware())}
        self.liars = {"client": Tap(client, "eth0", near.hardware(), True)}
        for number, name in enumerate(servers, 1):
            self.taps[number] = Tap(name, "eth0", far.hardware())
            self.liars[number] = Tap(name, "eth0", far.hardware(), True)
        self.living, self.services, self.flows = [], [], []
        self.judge = self.forge = None

    # before

    def do_world(self, clients, servers, laddrs, virtuals, others):
        """Who is who: addresses with commas between them."""
        sets = [[address(one) for one in words.split(",")]
                for words in (clients, servers, laddrs, virtuals, others)]
        self.judge = Judge(*map(set, sets))
        self.judge.refresh = self.refresh
        self.forge = Forge(random.Random(0), sets[0], sets[1], sets[2],
                           sets[4])

    def do_service(self, kind, virtual, port, scarce=""):
        """One to be fuzzed; scarce: it has few ports."""
        protocol = UDP if kind == "-u" else TCP
        self.services.append((protocol, address(virtual), int(port)))
        if scarce:
            self.judge.scarce.add(int(port))

    def do_live(self):
        """The held ones must live; those that are opened now may die."""
        self.living += self.held
        self.held = []
        return str(len(self.living))

    # while it goes on

    def refresh(self):
        """What sessions there are now."""
        # with the service: what is forged may have their client's port, too
        alive = {(call.sock.type == socket.SOCK_DGRAM,
                  mapped(call.sock.getsockname()[0])[-16:],
                  call.sock.getsockname()[1],
                  call.sock.getpeername()[1]) for call in self.living}
        self.flows = []
        for message in self.fullnat.dump(genl.SESSION_GET):
            flow = flow_of(message)
            client = flow.client if len(flow.client) == 16 else \
                bytes(10) + b"\xff\xff" + flow.client
            lives = (flow.protocol == UDP, client, flow.cport,
                     flow.vport) in alive
            self.flows.append(flow._replace(lives=lives))
            state = genl.parse(message).get(genl.N_STATE, b"")
            if lives and flow.protocol == TCP and \
                    genl.number(state) != ESTABLISHED:
                self.judge.fault(f"{flow} in state {state}", b"")
            self.judge.learn((flow.protocol, flow.laddr, flow.lport,
                              flow.server, flow.port),
                             flow[1:5], b"")

    def a_flow(self):
        draw = self.forge.random
        if self.flows and draw.random() < 0.8:
            return draw.choice(self.flows)
        protocol, virtual, port = draw.choice(self.services)
        client = draw.choice(self.forge.same_family(self.forge.clients,
                                                    virtual))
        return Flow(protocol, client, draw.randint(20000, 20999), virtual,
                    port, draw.choice(self.forge.same_family(
                        self.forge.laddrs, virtual)),
                    draw.randint(1024, 65535),
                    draw.choice(self.forge.same_family(
                        self.forge.servers, virtual)), port,
                    draw.choice(list(self.namespaces)), False)

    def burst(self, lies):
        draw = self.forge.random
        for _ in range(BURST):
            flow = self.a_flow()
            side = "client" if draw.random() < 0.5 else flow.number
            if lies:
                hostile = self.forge.lie(flow, side)
            else:
                hostile = self.forge.draw(flow, side)
            self.judge.note(hostile, flow.lives and hostile.plain)
            for data in hostile.wire:
                if lies:
                    self.liars[side].send(data, hostile.header)
                else:
                    self.taps[side].send(data)

    def look(self):
        """Judge what has come. What clients see was caused by what servers
        saw before, so that is read last and judged first."""
        clients = self.taps["client"].come()
        for data, own in clients:
            if own and data[7 if data[0] >> 4 == 6 else 8] == 64:
                self.judge.note_own(data)
        for number in self.namespaces:
            for data, own in self.taps[number].come():
                if not own:
                    self.judge.come(data, "server")
        for data, own in clients:
            if not own:
                self.judge.come(data, "client")
        for tap in self.clones:
            tap.skip()

    def aim(self):
        """Sequence numbers of those that must live, as of now."""
        for flow in self.flows:
            if flow.lives:
                ends = flow.client, flow.cport, flow.virtual, flow.vport
                numbers = self.forge.numbers
                numbers[flow, "client"] = self.judge.numbers.get(
                    (flow.protocol, *ends), 0)
                numbers[flow, flow.number] = self.judge.numbers.get(
                    (flow.protocol, *ends[2:], *ends[:2]), 0)

    def speak(self):
        """A few of those that must live carry bytes."""
        for call in self.forge.random.sample(self.living, 2):
            if not self.is_alive(call):
                self.judge.fault(f"{call.sock} does not live", b"")

    def is_alive(self, call):
        """A flow may have got what it did not ask for, too."""
        if call.sock.type != socket.SOCK_DGRAM:
            return echo(call, self.random.randbytes(4000))
        word, end = self.random.randbytes(24), time.monotonic() + DEADLINE
        call.sock.settimeout(DEADLINE)
        sent = False
        while time.monotonic() < end:
            # what it hears of errors says nothing
            with contextlib.suppress(OSError):
                sent = sent or bool(call.sock.send(word))
                if call.sock.recv(1 << 16).endswith(word):
                    return True
        return False

    def do_fuzz(self, seconds, seed, lies=""):
        """Go on for so long; how many packets were sent."""
        self.forge.random.seed(f"{seed} {lies}")
        self.judge.lying = bool(lies)
        end, rounds, first = time.monotonic() + float(seconds), 0, \
            self.forge.serial
        while time.monotonic() < end and not self.judge.hopeless():
            if rounds % 16 == 0:
                self.refresh()
            self.aim()
            self.burst(bool(lies))
            self.look()
            if rounds % 4 == 0:
                self.speak()
            if rounds % 32 == 5:
                made = in_parallel(self.call, 8, 8, False)
                if made.count["good"] != 8:
                    return f"new connections: {made}"
            rounds += 1
        self.look()
        return str(self.forge.serial - first)

    def do_taken(self):
        """How many packets with headers of virtio has the kernel taken?"""
        return str(sum(tap.sent for tap in self.liars.values()))

    # after

    def do_settle(self):
        """Until all that was counted has come; what differs, if it does."""
        end = time.monotonic() + DEADLINE * 2
        while True:
            self.look()
            counters = self.fullnat.counters()
            differing = [
                f"{name}: {counters[number]} counted, {self.judge.seen[name]}"
                " seen" for name, number in COUNTERS.items()
                if counters[number] != self.judge.seen[name]]
            if not differing or time.monotonic() > end:
                return "; ".join(differing) or "equal"

    def do_waited(self):
        """How many plain packets of living sessions never came out."""
        for hostile in list(self.judge.waited.values())[:3]:
            print(f"missing, from {hostile.side}: {hostile.whole.hex()}",
                  file=sys.stderr)
        return str(len(self.judge.waited))

    def do_lost(self):
        """Packets that our own sockets had no room for."""
        return str(sum(tap.lost() for tap in self.taps.values()))

    def do_faults(self):
        for text in self.judge.faults:
            print(text, file=sys.stderr)
        self.judge.faults = []
        return str(self.judge.seen["faults"])

    def do_seen(self, *words):
        return str(self.judge.seen[" ".join(words)])

    def do_forget_seen(self):
        """What has come so far is not counted."""
        self.look()
        self.judge.seen.clear()

    def do_counted(self):
        """What the numbers of the contract say of what was drawn."""
        names = {0: "created", 7: "reused", 8: "adjusted", 9: "stale",
                 16: "malformed", 18: "ttl-exceeded", 19: "too-big",
                 23: "icmp-bad"}
        counters = self.fullnat.counters()
        return ", ".join(f"{counters[number]} {name}"
                         for number, name in names.items())

    def do_living(self):
        """How many of those that must live do?"""
        dead = [call for call in self.living if not self.is_alive(call)]
        for call in dead:
            print(f"{call.sock} does not live", file=sys.stderr)
        return str(len(self.living) - len(dead))

    def do_end(self):
        """All connections are given up."""
        for call in self.living + self.held:
            call.reset()
        self.living, self.held = [], []


def main():
    serve(Fuzz(*sys.argv[1:]))


if __name__ == "__main__":
    main()

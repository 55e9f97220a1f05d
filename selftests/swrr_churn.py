#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Services that are edited all the time: the commands of swrr_churn.sh.

usage: swrr_churn.py CLIENT DIRECTOR SERVER         (network namespaces)

Two processes edit, two send, one reads what debugfs says. What nobody edits
shares exactly, and what is edited goes to a real server of its own only.
"""

import collections
import contextlib
import errno
import os
import random
import re
import select
import socket
import struct
import sys
import time

import netns
from commands import serve
from ipvs import (DEL_DEST, DEL_SERVICE, F_ONEPACKET, NEW_DEST, NEW_SERVICE,
                  SET_DEST, SET_SERVICE, Ipvs, Service)
from picks import YES, Picks
from sockets import Servers, address_of, make_socket
from talk import fork

VIP = "192.0.2.100"
TCP, UDP = socket.IPPROTO_TCP, socket.IPPROTO_UDP
PORTS = range(8000, 8012)
# of those that nobody edits, one for each that sends
STEADY = {7000: (5, 1, 1), 7001: (7, 4, 2, 1)}
# that of all is there, and gets nothing
QUIESCED = 16
SCHEDULERS = "swrr", "swrr", "swrr", "rr", "wlc"
# SCHED1, SCHED2, SCHED3: what swrr takes for caps
FLAGS = 0, 0, 8, 24, 40
HEAD = struct.Struct("!HI")
FOLDER = "/sys/kernel/debug/ip_vs_swrr"
# seconds without a word
BOUND = 10


def servers_of(port):
    """Those that a service may have: numbers."""
    return range(1 + port % 8, 8 + port % 8)


class Editor:
    """One of two that know nothing of each other."""

    def __init__(self, control, director, seed):
        self.control, self.draw = control, random.Random(seed)
        with netns.inside(director):
            self.ipvs = Ipvs()
        self.done = collections.Counter()

    def service(self, protocol, port):
        return Service(self.ipvs, protocol, VIP, port)

    def flags(self, protocol):
        return (F_ONEPACKET if protocol == UDP else 0) | \
            self.draw.choice(FLAGS)

    def make(self, protocol, port):
        service = self.service(protocol, port)
        service.change(NEW_SERVICE, self.draw.choice(SCHEDULERS),
                       self.flags(protocol))
        service.dest(NEW_DEST, self.address(QUIESCED), port, 0)
        for server in self.draw.sample(servers_of(port), 3):
            service.dest(NEW_DEST, self.address(server), port,
                         self.draw.randrange(1, 9))

    @staticmethod
    def address(server):
        return address_of(socket.AF_INET, server)

    def weigh(self, command, service, port):
        upper = self.draw.choice((0, 0, 5, 50))
        weight = self.draw.choice((0, 1, self.draw.randrange(1, 9),
                                   self.draw.randrange(1, 70000)))
        service.dest(command,
                     self.address(self.draw.choice(servers_of(port))), port,
                     weight, upper, upper // 2)

    def edit(self):
        protocol, port = self.draw.choice((TCP, UDP)), self.draw.choice(PORTS)
        service = self.service(protocol, port)
        act = self.draw.choice(("add", "weight", "weight", "weight", "delete",
                                "switch", "remake"))
        if act == "add":
            self.weigh(NEW_DEST, service, port)
        elif act == "weight":
            self.weigh(SET_DEST, service, port)
        elif act == "delete":
            service.dest(DEL_DEST, self.address(
                self.draw.choice(servers_of(port))), port)
        elif act == "switch":
            service.change(SET_SERVICE, self.draw.choice(SCHEDULERS),
                           self.flags(protocol))
        else:
            service.change(DEL_SERVICE, "", 0)
            self.make(protocol, port)
        return act

    def run(self):
        while not select.select([self.control], [], [], 0)[0]:
            try:
                self.done[self.edit()] += 1
            except OSError as error:
                # what it is about has gone, or come, by itself or the other
                if error.errno not in (errno.EEXIST, errno.ENOENT,
                                       errno.ESRCH):
                    raise
                self.done["too late"] += 1
        self.control.recv(100)
        self.control.send(", ".join(
            f"{count} {act}" for act, count in self.done.items()).encode())


class Sender(Picks):
    """One of two that send."""

    def __init__(self, control, client, server, place):
        super().__init__()
        self.control, self.draw = control, random.Random(place)
        self.steady, self.weights = list(STEADY.items())[place]
        processors = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {processors[place % len(processors)]})
        netns.enter(client)
        self.servers = {
            port: Servers([server], socket.AF_INET, port)
            for port in [self.steady, *list(PORTS)[place::2]]}
        self.clients = {port: self.connected(port) for port in self.servers}
        self.count, self.seen, self.faults = 0, set(), []
        self.fates = collections.Counter()
        self.held = self.connection = None

    @staticmethod
    def connected(port):
        client = make_socket(socket.AF_INET, socket.SOCK_DGRAM)
        client.connect((VIP, port))
        client.setblocking(False)
        return client

    def fault(self, text):
        self.faults.append(text)

    def send(self, port):
        self.count += 1
        # what was refused before is told to the next one
        for _ in range(2):
            with contextlib.suppress(ConnectionRefusedError):
                self.clients[port].send(HEAD.pack(port, self.count))
                return

    def take(self, port, sock):
        """What has come to a service."""
        found = []
        with contextlib.suppress(BlockingIOError):
            while True:
                server, data, _ = self.servers[port].receive(sock)
                about, number = HEAD.unpack(data)
                if about != port or number in self.seen or \
                        (port in PORTS and server not in servers_of(port)):
                    self.fault(f"datagram {number} of {about} is at {port} "
                               f"of {server}")
                self.seen.add(number)
                found.append(server)
        return found

    def datagrams(self):
        for port, servers in self.servers.items():
            if port == self.steady:
                continue
            self.send(port)
            sock = servers.udp[0]
            sock.setblocking(False)
            self.fates["datagrams"] += len(self.take(port, sock))

    def turn(self):
        """One of the service that nobody edits."""
        sock = self.servers[self.steady].udp[0]
        self.send(self.steady)
        if not select.select([sock], [], [], BOUND)[0]:
            self.fault("a datagram was lost that nobody touches")
            return
        sock.setblocking(False)
        self.history += self.take(self.steady, sock)

    def connect(self, port):
        """(client, server): both ends; None where it was refused, and for
        the server where it was cut before it came there."""
        client = make_socket(socket.AF_INET, socket.SOCK_STREAM)
        client.settimeout(1)
        try:
            client.connect((VIP, port))
        except OSError:
            client.close()
            return None, None
        while True:
            sock, number = self.servers[port].accept()
            if not sock or sock.getpeername() == client.getsockname():
                break
            sock.close()
        if sock and port in PORTS and number not in servers_of(port):
            self.fault(f"a connection of {port} is at {number}")
        return client, sock

    def echo(self, client, sock, what):
        word = self.draw.randbytes(100)
        try:
            client.sendall(word)
            sock.sendall(sock.recv(200))
            if client.recv(200) != word:
                self.fault(f"{what}: other bytes")
        except OSError as error:
            return error
        return None

    def connections(self):
        port = self.draw.choice([port for port in self.servers
                                 if port != self.steady])
        client, sock = self.connect(port)
        if not client:
            self.fates["refused"] += 1
            return
        # its real server may have been deleted by now, or even before the
        # last packet of the handshake
        error = not sock or self.echo(client, sock, port)
        self.fates["cut" if error else "connections"] += 1
        client.close()
        if sock:
            sock.close()

    def run(self):
        self.held = self.connect(self.steady)
        while not select.select([self.control], [], [], 0)[0]:
            self.datagrams()
            self.turn()
            self.connections()
            error = self.echo(*self.held, "the one that stays")
            if error:
                self.fault(f"the one that stays: {error}")
        self.control.recv(100)
        self.do_all()
        weights = ",".join(map(str, self.weights))
        for answer in self.do_smooth(weights), self.do_cycles(weights):
            if answer != YES:
                self.fault(f"turns of {self.steady}: {answer}")
        self.control.send("; ".join(
            [", ".join(f"{count} {fate}" for fate, count in self.fates.items()),
             f"{len(self.history)} turns"] + self.faults[:5]).encode())


class Reader:
    """What debugfs says is always whole."""

    LINE = re.compile(r"192\.0\.2\.100:|198\.51\.100\.\d+:\d+ \d+ "
                      r"[-+]\d+\.\d{3} (yes|no) (yes|no) \d+$")

    def __init__(self, control):
        self.control, self.count, self.faults = control, 0, []

    def look(self, name):
        try:
            with open(f"{FOLDER}/{name}", encoding="ascii") as file:
                text = file.read()
        except OSError as error:
            # it has gone, now or while we had it open
            if error.errno not in (errno.ENOENT, errno.EIO):
                raise
            return
        self.count += 1
        head, mark, tail = text.partition("# server weight lag full parked "
                                          "conns\n")
        if not mark or not re.search(r"^turns \d+\ngiven up \d+\ncycle \d+ "
                                     r"(memoised|filling|generated)$", head,
                                     re.MULTILINE):
            self.faults.append(f"{name}: {head}")
        self.faults += [f"{name}: {line}" for line in tail.splitlines()
                        if not self.LINE.match(line)]

    def run(self):
        while not select.select([self.control], [], [], 0.01)[0]:
            try:
                names = os.listdir(FOLDER)
            except FileNotFoundError:
                continue
            for name in names:
                self.look(name)
        self.control.recv(100)
        self.control.send("; ".join([f"{self.count} read"] +
                                    self.faults[:5]).encode())


def work(control, kind, *arguments):
    kind(control, *arguments).run()


class Churn:
    """What the commands work on."""

    def __init__(self, *namespaces):
        self.client, self.director, self.server = namespaces
        self.draw = random.Random(os.environ.get("SEED", "1"))
        self.workers = []
        self.editor = Editor(None, self.director, 0)

    def do_begin(self):
        """Services, before anybody edits or sends."""
        for port, weights in STEADY.items():
            for protocol, flags in (UDP, F_ONEPACKET), (TCP, 0):
                service = self.editor.service(protocol, port)
                service.change(NEW_SERVICE, "swrr", flags)
                for server, weight in enumerate(weights, 1):
                    service.dest(NEW_DEST, self.editor.address(server), port,
                                 weight)
        for port in PORTS:
            for protocol in TCP, UDP:
                self.editor.make(protocol, port)

    def do_churn(self, seconds):
        """For so long; says what each did."""
        workers = [fork(work, Sender, self.client, self.server, place)
                   for place in (0, 1)]
        workers += [fork(work, Editor, self.director, self.draw.random())
                    for _ in range(2)]
        workers.append(fork(work, Reader))
        time.sleep(float(seconds))
        said = []
        for control, pid in workers:
            control.send(b"stop")
            said.append(control.recv(1 << 16).decode() or "died")
            os.waitpid(pid, 0)
        self.workers = said

    def do_said(self, place):
        return self.workers[int(place)]

    def do_clear(self):
        """No service is left."""
        for port in [*STEADY, *PORTS]:
            for protocol in TCP, UDP:
                with contextlib.suppress(ProcessLookupError):
                    self.editor.service(protocol, port).change(DEL_SERVICE, "",
                                                               0)


def main():
    serve(Churn(*sys.argv[1:]))


if __name__ == "__main__":
    main()

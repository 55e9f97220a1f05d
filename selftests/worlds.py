# SPDX-License-Identifier: GPL-2.0
"""Namespaces of a moment: a director and the one that it serves, made with a
policy, services, sessions and traffic, and gone with all of it.

    other: a client and a real server        director
   +------------------------------+     +-----------------+
   |  eth0        10.1.0.1------------------10.1.0.254     |
   |                              |     |  VIP 10.1.0.100 |
   |                              |     |  LIP 10.1.0.201 |
   +------------------------------+     +-----------------+
"""

import contextlib
import os
import random
import socket
import threading

import genl
import netns
import rtnl
from genl import (ACK, DUMP, SERVICE_ADD, SERVICE_DEL, SESSION_FLUSH,
                  SESSION_GET, Fullnat, laddr, ports)
from ipvs import NEW_DEST, NEW_SERVICE, Ipvs, Service
from talk import fork

VIP, LIPS, OTHER = "10.1.0.100", "10.1.0.201-10.1.0.202", "10.1.0.1"
PORT = 53
PROTOCOL = {socket.SOCK_STREAM: genl.TCP, socket.SOCK_DGRAM: genl.UDP}


def whose(kind):
    return genl.service(PROTOCOL[kind], VIP, PORT)


class World:
    """Both namespaces, of the process that makes it."""

    def __init__(self, seed):
        self.draw = random.Random(seed)
        netns.unshare()
        self.kernel, self.ipvs, links = Fullnat(), Ipvs(), rtnl.Links()
        netns.unshare()
        with open("/proc/thread-self/ns/net", "rb") as here:
            links.add_veth("eth0", "eth0", here.fileno())
        for where in "10.1.0.254/24", VIP + "/32", "10.1.0.201/32", \
                "10.1.0.202/32":
            links.add_address(where, "eth0")
        own = rtnl.Links()
        own.add_address(OTHER + "/24", "eth0")
        links.up("eth0")
        own.up("eth0")
        self.servers, self.clients = {}, []
        for kind in PROTOCOL:
            self.serve(kind)

    def serve(self, kind):
        self.kernel.ask(SERVICE_ADD, whose(kind), laddr(LIPS),
                        ports(1024, 1024 + self.draw.randrange(20, 200)))
        service = Service(self.ipvs, PROTOCOL[kind], VIP, PORT)
        service.change(NEW_SERVICE, "rr", 0)
        service.dest(NEW_DEST, OTHER, PORT)
        server = socket.socket(socket.AF_INET, kind)
        server.bind((OTHER, PORT))
        server.settimeout(10)
        if kind == socket.SOCK_STREAM:
            server.listen(64)
        self.servers[kind] = server

    def visit(self, kind, number):
        """A connection or flow, with a word there and back."""
        client = socket.socket(socket.AF_INET, kind)
        client.settimeout(10)
        client.connect((VIP, PORT))
        word = b"%d" % number
        client.send(word)
        if kind == socket.SOCK_STREAM:
            server, peer = self.servers[kind].accept()
            server.send(server.recv(100))
            self.clients.append(server)
        else:
            said, peer = self.servers[kind].recvfrom(100)
            self.servers[kind].sendto(said, peer)
        answer = client.recv(100)
        self.clients.append(client)
        if answer != word or not peer[0].startswith("10.1.0.20"):
            raise ValueError(f"{answer} instead of {word}, seen as {peer[0]}")

    def visits(self):
        count = self.draw.randrange(5, 40)
        for number in range(count):
            self.visit(self.draw.choice(list(PROTOCOL)), number)
        found = len(self.kernel.dump(SESSION_GET))
        if found != count:
            raise ValueError(f"{found} sessions of {count}")

    def flood(self):
        """Datagrams from here on."""
        def run():
            with contextlib.suppress(OSError):
                client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                client.connect((VIP, PORT))
                while True:
                    client.send(b"on and on")
        threading.Thread(target=run, daemon=True).start()

    def upset(self):
        """Some of it goes before the rest."""
        for kind in PROTOCOL:
            if self.draw.random() < 0.5:
                self.kernel.ask(SERVICE_DEL, whose(kind))
        if self.draw.random() < 0.5:
            self.kernel.ask(SESSION_FLUSH)
        if self.draw.random() < 0.5:
            # somebody has not read all of it yet
            self.kernel.send(SESSION_GET, b"", DUMP)
        if self.draw.random() < 0.5:
            self.kernel.send(genl.STATS_RESET, b"", ACK)


def world(control, seed):
    """In a process of its own: all of it, and a word on how it went."""
    try:
        here = World(seed)
        here.visits()
        here.flood()
        here.upset()
        control.send(b"good")
    except Exception as error:  # pylint: disable=broad-except
        control.send(f"{type(error).__name__}: {error}".encode())
    # all sockets at once, under traffic
    os._exit(0)  # pylint: disable=protected-access


class Worlds:
    """Those that there are."""

    def __init__(self, draw):
        self.draw, self.under_way, self.made, self.faults = draw, [], 0, []

    def begin(self):
        self.under_way.append(fork(world, self.draw.getrandbits(32)))

    def end(self):
        """The oldest comes to its end, which may take a while."""
        control, pid = self.under_way.pop(0)
        said = control.recv(1000).decode() or "no word"
        control.close()
        os.waitpid(pid, 0)
        self.made += 1
        if said != "good":
            self.faults.append(f"namespace {self.made}: {said}")

    def end_all(self):
        while self.under_way:
            self.end()

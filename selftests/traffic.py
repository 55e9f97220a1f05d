#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The client and the real servers of a test in one process.

usage: traffic.py CLIENT DIRECTOR SERVER...         (network namespaces)

Starting a program takes long in an emulated machine, so a test starts this
one once and sends it a command a line; each is answered by one line, beginning
with "!" if the command itself failed. The methods do_* are the commands.
"""

import contextlib
import errno
import os
import select
import socket
import struct
import sys
import threading
import time

import ipvs
import netns
from commands import serve
from edits import Edits
from picks import LOST, REFUSED, YES, Picks
from sockets import DEADLINE, Connection, Servers, address_of, make_socket

PROTOCOL = {"-u": socket.IPPROTO_UDP, "-t": socket.IPPROTO_TCP}
WINDOW = 64             # datagrams under way at a time
IP_RECVERR, IPV6_RECVERR, SO_RCVBUFFORCE = 11, 25, 33
ROOM = 64 << 20         # bytes for datagrams that wait in a real server
NUMBER = struct.Struct("!Q")
LINGER = struct.pack("ii", 1, 0)


class Traffic(Picks, Edits):
    """What the commands work on."""

    def __init__(self, client, director, *servers):
        super().__init__()
        with netns.inside(director):
            self.ipvs = ipvs.Ipvs()
        netns.enter(client)
        self.namespaces = servers
        self.servers = self.target = self.prober = self.service = None
        self.source = ""
        self.sequence = 0
        self.held, self.finished = [], []
        self.healthy = {}
        self.slowest = 0
        self.flood = self.thread = None

    # the client's end

    def do_to(self, address, port, kind="-u"):
        """Aim what follows at a virtual service: -u, -t or a mark."""
        self.do_close()
        if self.prober:
            self.prober.close()
            self.servers.close()
        self.target = (address, int(port))
        self.source = ""
        family = ipvs.family_of(address)
        self.servers = Servers(self.namespaces, family, int(port))
        self.prober = self.udp_socket()
        self.history = []
        if kind in PROTOCOL:
            self.service = ipvs.Service(self.ipvs, PROTOCOL[kind],
                                        address, int(port))
        else:
            self.service = ipvs.Service(self.ipvs, fwmark=int(kind))

    def do_aim(self, port):
        """The port of what follows; somebody else serves it."""
        self.target = (self.target[0], int(port))

    def do_from(self, address):
        """The client's address from now on."""
        self.source = address

    def client_socket(self, kind):
        sock = make_socket(self.servers.family, kind)
        if self.source:
            sock.bind((self.source, 0))
        return sock

    def udp_socket(self):
        sock = self.client_socket(socket.SOCK_DGRAM)
        if sock.family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVERR, 1)
        else:
            sock.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
        sock.connect(self.target)
        sock.setblocking(False)
        return sock

    def hopeless(self):
        """Each loss takes the whole deadline, and a few tell enough."""
        return self.picks.count(LOST) >= 3

    def summary(self, count=0):
        """answered refused lost; what was not sent any more is lost"""
        self.picks += [LOST] * (count - len(self.picks))
        self.history += self.picks
        refused = self.picks.count(REFUSED)
        lost = self.picks.count(LOST)
        return f"{len(self.picks) - refused - lost} {refused} {lost}"

    # datagrams

    def refusals(self, sock):
        """Numbers of the datagrams refused by ICMP: port unreachable."""
        found = []
        with contextlib.suppress(BlockingIOError):
            while True:
                payload, ancillary, _, _ = sock.recvmsg(
                    2048, 512, socket.MSG_ERRQUEUE)
                for _, _, data in ancillary:
                    if data[:4] == struct.pack("=I", errno.ECONNREFUSED):
                        found.append(NUMBER.unpack_from(payload)[0])
        sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        return found

    def burst(self, size):
        """Send datagrams from one port; which server got each?"""
        first = self.sequence
        self.sequence += size
        for number in range(first, first + size):
            while True:
                with contextlib.suppress(ConnectionRefusedError):
                    self.prober.send(NUMBER.pack(number))
                    break
        fate = {}
        while len(fate) < size:
            ready, _, _ = select.select(self.servers.udp + [self.prober],
                                        [], [], DEADLINE)
            if not ready:
                break
            for sock in ready:
                if sock is self.prober:
                    fate.update(dict.fromkeys(self.refusals(sock), REFUSED))
                    continue
                server, payload, _ = self.servers.receive(sock)
                fate[NUMBER.unpack(payload)[0]] = server
        return [fate.get(number, LOST)
                for number in range(first, first + size)]

    def do_udp(self, count):
        """Datagrams of a one-packet service."""
        count = int(count)
        self.picks = []
        while len(self.picks) < count and not self.hopeless():
            self.picks += self.burst(min(WINDOW, count - len(self.picks)))
        return self.summary(count)

    def do_parallel(self, count):
        """Datagrams from a process on each processor, all at once."""
        processors = sorted(os.sched_getaffinity(os.getppid()))
        share, rest = divmod(int(count), len(processors))
        for sock in self.servers.udp:
            sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, ROOM)
        senders = []
        for place, processor in enumerate(processors):
            pid = os.fork()
            if not pid:
                os.sched_setaffinity(0, {processor})
                self.send_all(share + (place < rest))
            senders.append(pid)
        self.picks = []
        while len(self.picks) < int(count):
            ready, _, _ = select.select(self.servers.udp, [], [], DEADLINE)
            if not ready:
                break
            for sock in ready:
                self.picks.append(self.servers.receive(sock)[0])
        for pid in senders:
            os.waitpid(pid, 0)
        return self.summary(int(count))

    def send_all(self, count):
        """In a process of its own: send, and end."""
        with contextlib.suppress(OSError):
            client = self.udp_socket()
            # it waits for the kernel to get rid of what it has sent
            client.setblocking(True)
            for _ in range(count):
                client.send(NUMBER.pack(0))
        os._exit(0)  # pylint: disable=protected-access

    def ask(self, client):
        """One datagram and its answer; which server sent it?"""
        self.sequence += 1
        request = NUMBER.pack(self.sequence)
        client.send(request)
        waiting = self.servers.udp + [client]
        pick = LOST
        while True:
            ready, _, _ = select.select(waiting, [], [], DEADLINE)
            if not ready:
                return LOST
            if client in ready:
                if self.refusals(client):
                    return REFUSED
                return pick if client.recv(2048) == request else LOST
            pick, _, answer = self.servers.receive(ready[0])
            answer()

    def do_flows(self, count):
        """UDP flows, each from a port of its own; they stay."""
        count = int(count)
        self.picks = []
        while len(self.picks) < count and not self.hopeless():
            client = self.udp_socket()
            pick = self.ask(client)
            self.picks.append(pick)
            self.held.append(Connection(client, None, pick))
        return self.summary(count)

    def do_again(self):
        """Does each flow that was answered stay at its server?"""
        for flow in self.held:
            if flow.pick > 0 and not flow.server:
                pick = self.ask(flow.client)
                if pick != flow.pick:
                    return f"no: server {flow.pick}, then {pick}"
        return YES

    # connections

    def connect(self):
        client = self.client_socket(socket.SOCK_STREAM)
        start = time.monotonic()
        try:
            client.connect(self.target)
        except ConnectionRefusedError:
            return Connection(client, None, REFUSED)
        except OSError:
            return Connection(client)
        finally:
            self.slowest = max(self.slowest, time.monotonic() - start)
        return Connection(client, *self.servers.accept())

    def do_tcp(self, count):
        """TCP connections one after another; they stay open."""
        count = int(count)
        self.picks = []
        self.slowest = 0
        while len(self.picks) < count and not self.hopeless():
            connection = self.connect()
            self.picks.append(connection.pick)
            if connection.pick > 0:
                self.held.append(connection)
            else:
                connection.close()
        return self.summary(count)

    def do_slowest(self):
        """Milliseconds of the slowest connect of the last `tcp`."""
        return str(int(self.slowest * 1000))

    def echo(self, connection):
        self.sequence += 1
        request = NUMBER.pack(self.sequence)
        with contextlib.suppress(OSError):
            connection.client.sendall(request)
            connection.server.sendall(connection.server.recv(2048))
            return connection.client.recv(2048) == request
        return False

    def do_alive(self):
        """How many of the held connections still carry bytes both ways?"""
        return str(sum(self.echo(held) for held in self.held if held.server))

    def do_finish(self, server=0, count=1 << 20):
        """Close the server's side of some connections: FIN, no answer."""
        for held in self.held[:]:
            if held.server and int(server) in (0, held.pick) and count:
                held.server.shutdown(socket.SHUT_WR)
                self.held.remove(held)
                self.finished.append(held)
                count = int(count) - 1

    def do_close(self):
        """Give up everything held, connections by reset."""
        for connection in self.held + self.finished:
            if connection.server:
                connection.client.setsockopt(socket.SOL_SOCKET,
                                             socket.SO_LINGER, LINGER)
            connection.close()
        self.held, self.finished = [], []

    def do_http(self, count, path, folder):
        """GETs, each body equal to FOLDER/SERVER of the server that sent it."""
        bodies = {}
        for name in os.listdir(folder):
            with open(os.path.join(folder, name), "rb") as document:
                bodies[document.read()] = int(name)
        count = int(count)
        self.picks = []
        while len(self.picks) < count and not self.hopeless():
            self.picks.append(bodies.get(self.fetch(path), LOST))
        return self.summary(count)

    def fetch(self, path):
        with self.client_socket(socket.SOCK_STREAM) as client:
            try:
                client.connect(self.target)
                client.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
                answer = b"".join(iter(lambda: client.recv(1 << 16), b""))
            except OSError:
                return None
        head, _, body = answer.partition(b"\r\n\r\n")
        return body if head.split(b" ")[1:2] == [b"200"] else None

    # health, for those who check it

    def do_healthy(self, port, *servers):
        """Exactly these accept connections to a port of their own."""
        servers = set(servers)
        for server in set(self.healthy) - servers:
            self.healthy.pop(server).close()
        with netns.inside(self.namespaces[0]):
            for server in servers - set(self.healthy):
                sock = make_socket(self.servers.family, socket.SOCK_STREAM)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                sock.bind((address_of(self.servers.family, server),
                           int(port)))
                sock.listen(64)
                self.healthy[server] = sock

    # traffic while something else happens

    def do_flood(self, kind):
        """Go on with udp or tcp, one at a time, until `calm`."""
        self.picks = []
        self.flood = threading.Event()
        self.thread = threading.Thread(target=self.keep_on, args=(kind,),
                                       daemon=True)
        self.thread.start()

    def keep_on(self, kind):
        while not self.flood.is_set():
            if kind == "udp":
                self.picks += self.burst(1)
                continue
            connection = self.connect()
            if connection.pick > 0 and not self.echo(connection):
                connection.pick = LOST
            self.picks.append(connection.pick)
            connection.close()

    def do_sent(self):
        """How many since `flood`."""
        return str(len(self.picks))

    def do_calm(self):
        self.flood.set()
        self.thread.join()
        return self.summary()


def main(kind=Traffic):
    # Datagrams stay in order as long as one processor sends them.
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    serve(kind(*sys.argv[1:]))


if __name__ == "__main__":
    main()

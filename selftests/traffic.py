#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The client and the real servers of a test in one process.

usage: traffic.py CLIENT DIRECTOR SERVER...         (network namespaces)

Starting a program takes long in an emulated machine, so a test starts this
one once and sends it a command a line; each is answered by one line, beginning
with "!" if the command itself failed. The methods do_* are the commands.

A real server is known by its number: its place among the namespaces, or, if
there is but one, the place of its address in the network.
"""

import contextlib
import errno
import os
import random
import select
import socket
import struct
import sys
import threading
import time

import ipvs
import netns
import picks as question
from picks import LOST, REFUSED

NETWORK = {socket.AF_INET: os.environ.get("NET", "198.51.100."),
           socket.AF_INET6: os.environ.get("NET6", "2001:db8:2::")}
# seconds; what takes longer is lost
DEADLINE = int(os.environ.get("DEADLINE", "30")) / 6
PROTOCOL = {"-u": socket.IPPROTO_UDP, "-t": socket.IPPROTO_TCP}
WINDOW = 64             # datagrams under way at a time
IP_PKTINFO, IP_RECVERR, IPV6_RECVERR = 8, 11, 25
NUMBER = struct.Struct("!Q")
LINGER = struct.pack("ii", 1, 0)


def numbers(text):
    return [int(word) for word in text.split(",") if word]


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


class Traffic:
    """What the commands work on."""

    def __init__(self, client, director, *servers):
        with netns.inside(director):
            self.ipvs = ipvs.Ipvs()
        netns.enter(client)
        self.namespaces = servers
        self.servers = self.target = self.prober = self.service = None
        self.source = ""
        self.sequence = 0
        self.held, self.finished = [], []
        self.picks = []
        self.history = []
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
        return question.YES

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

    # what was picked, by the last command

    def do_all(self):
        """From here on: by all commands since `to`."""
        self.picks = self.history[:]

    def do_since(self, first):
        """From here on: without the first picks."""
        self.picks = self.picks[int(first):]

    def do_picks(self):
        return " ".join(map(str, self.picks))

    def do_counts(self, servers):
        return " ".join(map(str, question.counts(self.picks, int(servers))))

    def do_run(self):
        return str(question.longest_run(self.picks))

    def do_lag(self, weights):
        """The largest distance from the fair share, in picks."""
        weights = numbers(weights)
        lag = question.largest_lag(self.picks, weights)[0]
        thousandths = lag * 1000 // sum(weights)
        return f"{thousandths // 1000}.{thousandths % 1000:03}"

    def do_smooth(self, weights):
        return question.smooth(self.picks, numbers(weights))

    def do_cycles(self, weights):
        return question.cycles(self.picks, numbers(weights))

    def do_repeats(self, weights):
        return question.repeats(self.picks, numbers(weights))

    def do_absent(self, servers):
        return question.absent(self.picks, numbers(servers))

    def do_shared(self, weights, servers):
        return question.shared(self.picks, numbers(weights), numbers(servers))

    def do_modest(self, weights, servers):
        return question.modest(self.picks, numbers(weights), numbers(servers))

    # real servers, by netlink

    def edit(self, command, server, weight, *thresholds):
        port = 0 if self.service.fwmark else self.target[1]
        self.service.dest(command, address_of(self.servers.family, server),
                          port, int(weight), *map(int, thresholds))

    def do_add(self, server, weight, *thresholds):
        self.edit(ipvs.NEW_DEST, server, weight, *thresholds)

    def do_weight(self, server, weight, *thresholds):
        self.edit(ipvs.SET_DEST, server, weight, *thresholds)

    def do_delete(self, server):
        self.edit(ipvs.DEL_DEST, server, 0)

    def listed(self):
        """{server: (weight, active, inactive)}, by number"""
        return {number_of(self.servers.family, address): values
                for address, values in sorted(self.service.dests().items())}

    def do_loads(self):
        """Connections that count against the thresholds of each."""
        return " ".join(str(active + inactive) for _, (_, active, inactive)
                        in sorted(self.listed().items()))

    def do_load(self, server=0):
        """Those of one real server, or, for 0, of all."""
        return str(sum(active + inactive
                       for number, (_, active, inactive)
                       in self.listed().items()
                       if int(server) in (0, number)))

    def do_weights(self):
        """Those that IPVS has now, such as "1:5 2:1"."""
        return " ".join(f"{server}:{values[0]}"
                        for server, values in sorted(self.listed().items()))

    def do_reload(self, scheduler, count):
        """COUNT times: a service, which loads the scheduler's module, real
        servers, a datagram, no service, no module."""
        for _ in range(int(count)):
            self.service.change(ipvs.NEW_SERVICE, scheduler, ipvs.F_ONEPACKET)
            for server in (1, 2, 3):
                self.do_add(server, server)
            pick = self.burst(1)[0]
            self.service.change(ipvs.DEL_SERVICE, scheduler, 0)
            if pick not in (1, 2, 3):
                return f"no: picked {pick}"
            netns.delete_module(f"ip_vs_{scheduler}")
        return question.YES

    def do_forget(self):
        """Keep nothing open in the director's namespace."""
        self.ipvs.socket.close()

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

    def do_churn(self, count, every, change, weights, seed=1):
        """Datagrams with a weight edited before each EVERY-th.

        The edited server is drawn by SEED; CHANGE says what becomes of its
        weight: redraw (from the range of WEIGHTS), drift (one more or less)
        or flip (0, or back to what it was). Answers: the largest distance
        from the share integrated over time, how many servers got no turn at
        all, how many picks went to a server with weight 0 or nowhere.
        """
        draw = random.Random(int(seed))
        at_start = numbers(weights)
        now = list(at_start)
        low, high = min(now), max(now)
        due, got = [0.0] * len(now), [0] * len(now)
        worst, wrong = 0.0, 0
        for step in range(int(count)):
            if step % int(every) == 0:
                server = draw.randrange(len(now))
                if change == "redraw":
                    weight = draw.randint(low, high)
                elif change == "drift":
                    weight = max(1, now[server] + draw.choice((-1, 1)))
                else:
                    weight = 0 if now[server] else at_start[server]
                    if sum(now) == now[server]:
                        weight = at_start[server]
                now[server] = weight
                self.do_weight(server + 1, weight)
            pick = self.burst(1)[0]
            if pick <= 0 or not now[pick - 1]:
                wrong += 1
                continue
            got[pick - 1] += 1
            total = sum(now)
            for server, weight in enumerate(now):
                due[server] += weight / total
                worst = max(worst, abs(due[server] - got[server]))
        return f"{worst:.3f} {got.count(0)} {wrong}"

    # traffic while something else happens

    def do_flood(self, kind):
        """Go on with udp, flows or tcp, one at a time, until `calm`."""
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
            if kind == "flows":
                connection = Connection(self.udp_socket())
                connection.pick = self.ask(connection.client)
            else:
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


def main():
    # Datagrams stay in order as long as one processor sends them.
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    traffic = Traffic(*sys.argv[1:])
    for line in sys.stdin:
        command, *arguments = line.split()
        try:
            answer = getattr(traffic, "do_" + command)(*arguments) or "done"
        except OSError as error:
            answer = f"! {errno.errorcode.get(error.errno)}: {command}"
        except Exception as error:  # pylint: disable=broad-except
            answer = f"! {command}: {type(error).__name__}: {error}"
        print(answer, flush=True)


if __name__ == "__main__":
    main()

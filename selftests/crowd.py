#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Many connections at a time: clients, real servers, the director's own.

usage: crowd.py CLIENT DIRECTOR SERVER...           (network namespaces)

A command a line is answered by one line, as traffic.py does it. The methods
do_* are the commands. The real servers are a process of their own; each answers
the first byte of a connection, or a datagram, with who it is and whom it sees,
and then sends back what it gets.
"""

import collections
import contextlib
import ctypes
import errno
import os
import random
import select
import signal
import socket
import struct
import sys
import threading
import time

import netns
from commands import serve

# seconds; what takes longer is lost
DEADLINE = int(os.environ.get("DEADLINE", "30")) / 6
SYN, RST = 2, 4
# what a client begins with: who closes the connection first?
CLIENT, SERVER = b"c", b"s"
# the peer's address and port, the server's number
ANSWER = struct.Struct("!16sHB5x")
MAPPED = bytes(10) + b"\xff\xff"
# seconds; what takes longer between two looks is not the connections' fault
STEP = 0.05
CHUNK, BACKLOG = 1 << 16, 1 << 18
LINGER = struct.pack("ii", 1, 0)
TCP_REPAIR, TCP_REPAIR_QUEUE, TCP_QUEUE_SEQ = 19, 20, 21
REPAIR_OFF, SEND_QUEUE = -1, 2
READ, WRITE = select.EPOLLIN, select.EPOLLOUT
TCP_CLOSE = 7
TCP_FASTOPEN_CONNECT = 30
PR_SET_PDEATHSIG = 1


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def packed(address):
    address = address.removeprefix("::ffff:")
    if ":" in address:
        return socket.inet_pton(socket.AF_INET6, address)
    return MAPPED + socket.inet_aton(address)


def unpacked(data):
    if data.startswith(MAPPED):
        return socket.inet_ntoa(data[12:])
    return socket.inet_ntop(socket.AF_INET6, data)


# the real servers


class Echo:
    """A connection at a real server."""

    def __init__(self, servers, sock, number, peer):
        self.servers, self.sock = servers, sock
        self.greeting = ANSWER.pack(packed(peer[0]), peer[1], number)
        self.visitor = number, peer[0].removeprefix("::ffff:")
        self.rest, self.leaves = b"", False
        sock.setblocking(False)
        servers.watch(sock, READ, self.ready)

    def ready(self, events):
        try:
            if events & READ or events & select.EPOLLHUP:
                self.read()
            while self.rest:
                self.rest = self.rest[self.sock.send(self.rest):]
        except BlockingIOError:
            pass
        except OSError:
            self.leaves, self.rest = True, b""
        if self.leaves and not self.rest:
            self.servers.forget(self.sock)
            if self.greeting:
                self.servers.visited[self.visitor] += 1
            return
        events = 0 if self.leaves or len(self.rest) > BACKLOG else READ
        self.servers.epoll.modify(self.sock, events |
                                  (WRITE if self.rest else 0))

    def read(self):
        data = self.sock.recv(CHUNK)
        if not data:
            self.leaves = True
        elif self.greeting:
            self.leaves = data[:1] == SERVER
            self.rest += self.greeting + data[1:]
            self.greeting = b""
        else:
            self.rest += data


class Servers:
    """All real servers, told by lines what to do; a process of its own."""

    def __init__(self, namespaces, control):
        self.namespaces, self.control = namespaces, control
        self.epoll = select.epoll()
        self.handlers, self.listeners = {}, {}
        self.visited = collections.Counter()
        self.watch(control, READ, self.command)

    def watch(self, sock, events, handler):
        self.handlers[sock.fileno()] = handler
        self.epoll.register(sock, events)

    def forget(self, sock):
        self.epoll.unregister(sock)
        del self.handlers[sock.fileno()]
        sock.close()

    def run(self):
        while True:
            for fd, events in self.epoll.poll():
                # one may have been forgotten by another
                if fd in self.handlers:
                    self.handlers[fd](events)

    def command(self, _):
        line = self.control.recv(4096).decode()
        if not line:
            os._exit(0)  # pylint: disable=protected-access
        verb, kind, number, port = line.split()
        try:
            answer = getattr(self, verb)(kind, int(number), int(port)) or "done"
        except OSError as error:
            answer = os.strerror(error.errno)
        self.control.send(answer.encode())

    def visits(self, address, number, _):
        return str(self.visited[number, address])

    def down(self, kind, number, port):
        sock = self.listeners.pop((kind, number, port), None)
        if sock:
            self.forget(sock)

    def up(self, kind, number, port):
        if (kind, number, port) in self.listeners:
            return
        with netns.inside(self.namespaces[number - 1]):
            sock = socket.socket(
                socket.AF_INET6,
                socket.SOCK_DGRAM if kind == "-u" else socket.SOCK_STREAM)
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("::", port))
        sock.setblocking(False)
        self.listeners[kind, number, port] = sock
        if kind == "-u":
            self.watch(sock, READ, lambda _: self.datagram(sock, number))
        else:
            sock.listen(4096)
            self.watch(sock, READ, lambda _: self.accept(sock, number))

    def accept(self, listener, number):
        with contextlib.suppress(OSError):
            while True:
                sock, peer = listener.accept()
                Echo(self, sock, number, peer)

    def datagram(self, sock, number):
        with contextlib.suppress(OSError):
            while True:
                data, peer = sock.recvfrom(CHUNK)
                self.visited[number, peer[0].removeprefix("::ffff:")] += 1
                sock.sendto(ANSWER.pack(packed(peer[0]), peer[1], number) +
                            data, peer)


# the client


class Clock:
    """Seconds, but those that a busy machine did not let us run."""

    def __init__(self):
        self.seconds, self.last = 0, time.monotonic()

    def tick(self):
        now = time.monotonic()
        self.seconds += min(now - self.last, STEP)
        self.last = now


class Call:
    """A connection or flow at the client; what became of it is in `fate`."""

    def __init__(self, sock, target, first):
        self.sock, self.first = sock, first
        self.fate, self.connected, self.leaves = "", False, False
        self.server = self.laddr = self.lport = None
        sock.setblocking(False)
        error = sock.connect_ex(target)
        if error not in (0, errno.EINPROGRESS):
            self.end(error)

    def end(self, error):
        self.fate = {
            0: "good", errno.ECONNREFUSED: "refused",
            errno.ECONNRESET: "reset", errno.EPIPE: "reset",
            errno.ETIMEDOUT: "lost"}.get(error) or os.strerror(error)

    def ready(self):
        """Go on as far as it goes."""
        try:
            if not self.connected:
                self.sock.send(self.first)
                self.connected = True
            if self.server is None:
                self.hear(self.sock.recv(ANSWER.size))
            if self.first == SERVER:
                self.leave()
        except BlockingIOError:
            pass
        except OSError as error:
            self.end(error.errno)

    def leave(self):
        """The server closes, then we, and then our port is free."""
        if not self.leaves:
            if self.sock.recv(1):
                raise OSError(errno.EBADMSG, "")
            self.sock.shutdown(socket.SHUT_WR)
            self.leaves = True
        if self.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO,
                                1)[0] == TCP_CLOSE:
            self.end(0)

    def hear(self, answer):
        if len(answer) != ANSWER.size:
            raise OSError(errno.ENODATA, "")
        peer, self.lport, self.server = ANSWER.unpack(answer)
        self.laddr = unpacked(peer)
        if self.first == CLIENT:
            self.end(0)

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER)
        self.sock.close()


class Tally:
    """What became of some calls."""

    FATES = "good", "refused", "lost", "reset"

    def __init__(self):
        self.count = dict.fromkeys(self.FATES, 0)
        self.slowest, self.calls, self.began = 0, [], 0

    def add(self, call, took):
        self.count.setdefault(call.fate, 0)
        self.count[call.fate] += 1
        self.slowest = max(self.slowest, took)

    def __str__(self):
        return ", ".join(f"{count} {fate}"
                         for fate, count in self.count.items() if count)


def in_parallel(make, count, width, keep, stop=None, tally=None):
    """Make so many calls, `width` of them under way at a time."""
    tally = tally or Tally()
    epoll = select.epoll()
    clock = Clock()
    under_way = {}

    def done(call, start):
        tally.add(call, clock.seconds - start)
        if keep and call.fate == "good":
            tally.calls.append(call)
        else:
            call.sock.close()

    def more():
        return tally.began < count and not (stop and stop.is_set())

    while under_way or more():
        while len(under_way) < width and more():
            tally.began += 1
            call = make()
            if call.fate:
                done(call, clock.seconds)
                continue
            under_way[call.sock.fileno()] = call, clock.seconds
            epoll.register(call.sock, READ | WRITE | select.EPOLLET)
        ready = [fd for fd, _ in epoll.poll(STEP / 2)]
        clock.tick()
        for fd in ready:
            under_way[fd][0].ready()
        for fd, (call, start) in list(under_way.items()):
            if not call.fate and clock.seconds - start > DEADLINE:
                call.end(errno.ETIMEDOUT)
            if call.fate:
                del under_way[fd]
                epoll.unregister(fd)
                done(call, start)
    epoll.close()
    return tally


def echo(call, data):
    """Send bytes and read them back at the same time; are they the same?"""
    sent, received = 0, bytearray()
    poll = select.poll()
    poll.register(call.sock, select.POLLIN | select.POLLOUT)
    with contextlib.suppress(OSError):
        while len(received) < len(data):
            ready = poll.poll(DEADLINE * 4000)
            if not ready:
                return False
            if ready[0][1] & select.POLLOUT and sent < len(data):
                with contextlib.suppress(BlockingIOError):
                    sent += call.sock.send(data[sent:sent + CHUNK])
            if sent == len(data):
                poll.modify(call.sock, select.POLLIN)
            with contextlib.suppress(BlockingIOError):
                some = call.sock.recv(CHUNK)
                if not some:
                    return False
                received += some
        return received == data
    return False


class Crowd:
    """What the commands work on."""

    def __init__(self, client, director, *servers):
        self.control, theirs = socket.socketpair(socket.AF_UNIX,
                                                 socket.SOCK_SEQPACKET)
        if not os.fork():
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            self.control.close()
            Servers(servers, theirs).run()
        theirs.close()
        self.namespaces = range(1, len(servers) + 1)
        self.director = director
        netns.enter(client)
        # pylint: disable-next=consider-using-with
        self.timestamps = open("/proc/sys/net/ipv4/tcp_timestamps", "wb",
                               buffering=0)
        self.random = random.Random(1)
        self.target, self.kind = None, socket.SOCK_STREAM
        self.sources, self.next_source, self.sport = [], 0, 0
        self.held, self.own, self.last = [], [], Tally()
        self.said = []
        self.numbers, self.early = "plain", False
        self.isn = 1 << 31
        self.flood = self.thread = self.flooded = None

    def ask(self, *words):
        self.control.send(" ".join(map(str, words)).encode())
        return self.control.recv(4096).decode()

    def tell(self, *words):
        answer = self.ask(*words)
        if answer != "done":
            raise RuntimeError(f"{' '.join(map(str, words))}: {answer}")

    def do_up(self, kind, port, *servers):
        """These real servers, or all, serve a port; no others do."""
        servers = [int(number) for number in servers] or self.namespaces
        for number in self.namespaces:
            self.tell("up" if number in servers else "down", kind, number,
                      port)

    def do_down(self, kind, port, *servers):
        """These real servers, or all, serve a port no more."""
        for number in servers or self.namespaces:
            self.tell("down", kind, number, port)

    def do_visits(self, address, number):
        """How often has a real server seen that address, in datagrams and
        in connections without a word?"""
        return self.ask("visits", address, number, 0)

    # what is called, and from where

    def do_to(self, address, port, kind="-t"):
        """Where to call from now on."""
        self.target = (address, int(port))
        self.kind = socket.SOCK_DGRAM if kind == "-u" else socket.SOCK_STREAM

    def do_from(self, *addresses):
        """The client's addresses from now on, in turn; none: any."""
        self.sources = list(addresses)

    def do_sport(self, port):
        """The client's port from now on; 0: any."""
        self.sport = int(port)

    def do_early(self, switch):
        """Connections of the client begin with data in their SYN."""
        self.early = switch == "on"

    def do_numbers(self, how):
        """Sequence numbers and timestamps of the client from now on.

        plain: as the kernel likes; old: none is after one before, and there
        are no timestamps; any: drawn, with timestamps or without.
        """
        self.numbers = how
        self.timestamps.write(b"0" if how == "old" else b"1")

    def number(self, sock):
        if self.numbers == "plain" or self.kind != socket.SOCK_STREAM:
            return
        if self.numbers == "old":
            self.isn = (self.isn - (1 << 20)) & 0xffffffff
        else:
            self.isn = self.random.getrandbits(32)
            self.timestamps.write(self.random.choice((b"0", b"1")))
        sock.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 1)
        sock.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR_QUEUE, SEND_QUEUE)
        sock.setsockopt(socket.IPPROTO_TCP, TCP_QUEUE_SEQ,
                        struct.pack("=I", self.isn or 1))
        sock.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR,
                        struct.pack("=i", REPAIR_OFF))

    def client_socket(self, target):
        sock = socket.socket(family_of(target[0]), self.kind)
        if self.sport:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if self.early:
            sock.setsockopt(socket.IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 1)
        if self.sources:
            self.next_source = (self.next_source + 1) % len(self.sources)
            sock.bind((self.sources[self.next_source], self.sport))
        elif self.sport:
            sock.bind(("", self.sport))
        return sock

    def call(self, first=CLIENT, target=None):
        target = target or self.target
        sock = self.client_socket(target)
        self.number(sock)
        return Call(sock, target, first)

    # connections that stay

    def do_open(self, count, width=32):
        """Connections, or flows, that stay: how many are good, and so on."""
        self.last = in_parallel(self.call, int(count), int(width), True)
        self.held += self.last.calls
        return str(self.last)

    def do_alive(self):
        """How many of the held ones still carry bytes both ways?"""
        return str(sum(map(self.is_alive, self.held)))

    def is_alive(self, call):
        word = self.random.randbytes(24)
        if call.sock.type != socket.SOCK_DGRAM:
            return echo(call, word)
        with contextlib.suppress(OSError):
            call.sock.settimeout(DEADLINE)
            call.sock.send(word)
            return call.sock.recv(CHUNK)[ANSWER.size:] == word
        return False

    def do_say(self):
        """The held ones send a word, answered or not."""
        self.said = [(call, self.random.randbytes(24)) for call in self.held]
        for call, word in self.said:
            call.sock.send(word)

    def do_hear(self):
        """How many of these get it back?"""
        heard = 0
        for call, word in self.said:
            call.sock.settimeout(DEADLINE * 2)
            with contextlib.suppress(OSError):
                heard += call.sock.recv(len(word), socket.MSG_WAITALL) == word
            call.sock.settimeout(0)
        return str(heard)

    def do_bulk(self, size):
        """How many of the held ones carry so many bytes there and back?"""
        data = self.random.randbytes(int(size))
        return str(sum(echo(call, data) for call in self.held))

    def do_ports(self):
        """The local ports of the held ones, in the order of opening."""
        return " ".join(str(call.lport) for call in self.held)

    def do_laddrs(self):
        """The local addresses of the held ones."""
        return " ".join(sorted({call.laddr for call in self.held}))

    def do_laddrs_of_last(self):
        """The local addresses of those of the last `open`."""
        return " ".join(sorted({call.laddr for call in self.last.calls}))

    def do_held_at(self, *laddrs):
        """How many of the held ones has each of these local addresses?"""
        count = [call.laddr for call in self.held].count
        return " ".join(str(count(laddr)) for laddr in laddrs)

    def do_shares(self):
        """How many of the held ones has each real server?"""
        count = [call.server for call in self.held].count
        return " ".join(str(count(number)) for number in self.namespaces)

    def do_unique(self):
        """Is no local address and port used twice with a real server?"""
        ends = {(call.laddr, call.lport, call.server) for call in self.held}
        return "yes" if len(ends) == len(self.held) else \
            f"no: {len(self.held) - len(ends)} twice"

    def do_reset(self, count=1 << 20):
        """The client gives up the oldest of the held ones."""
        for call in self.held[:int(count)]:
            call.reset()
        del self.held[:int(count)]

    def do_close(self):
        """The client closes all, and hears that the servers do."""
        for call in self.held:
            if call.sock.type != socket.SOCK_DGRAM:
                with contextlib.suppress(OSError):
                    call.sock.shutdown(socket.SHUT_WR)
        closed = 0
        for call in self.held:
            call.sock.settimeout(DEADLINE)
            with contextlib.suppress(OSError):
                closed += call.sock.type != socket.SOCK_DGRAM and \
                    not call.sock.recv(1)
            call.sock.close()
        self.held = []
        return str(closed)

    def do_forget(self):
        """The client's sockets go without a word, as far as they can."""
        for call in self.held:
            if call.sock.type != socket.SOCK_DGRAM:
                call.sock.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 1)
            call.sock.close()
        self.held = []

    # connections that come and go

    def do_cycle(self, count, width=1, first="server"):
        """Connections that one end closes first."""
        first = SERVER if first == "server" else CLIENT
        self.last = in_parallel(lambda: self.call(first), int(count),
                                int(width), False)
        return str(self.last)

    def do_slowest(self):
        """Milliseconds that the slowest of the last ones took, to its end."""
        return str(int(self.last.slowest * 1000))

    def do_order(self, count):
        """Connections one after another, closed first by the real servers:
        their local ports"""
        ports = []
        for _ in range(int(count)):
            call = self.call(SERVER)
            tally = in_parallel(lambda: call, 1, 1, False)
            ports.append(str(call.lport) if call.fate == "good" else
                         str(tally))
        return " ".join(ports)

    def do_flood(self, width=4):
        """Go on with connections, closed by either end, until `calm`."""
        self.flood, self.flooded = threading.Event(), Tally()
        target = self.target

        def make():
            return self.call(CLIENT if self.flooded.began % 2 else SERVER,
                             target)
        self.thread = threading.Thread(
            target=in_parallel, daemon=True,
            args=(make, 1 << 30, int(width), False, self.flood, self.flooded))
        self.thread.start()

    def do_sent(self):
        """How many have ended since `flood`?"""
        return str(sum(self.flooded.count.values()))

    def do_calm(self):
        """The end of the flood: what became of all."""
        self.flood.set()
        self.thread.join()
        return str(self.flooded)

    # single packets

    def do_syn(self, count):
        """SYNs from ports of no socket: nobody sends them again."""
        self.forge(SYN, range(2000, 2000 + int(count)))

    def do_forge_reset(self):
        """Resets of the held ones, with numbers that are not theirs."""
        self.forge(RST, self.held_ports())

    def do_forge_blank(self):
        """Segments without a flag, likewise."""
        self.forge(0, self.held_ports())

    def held_ports(self):
        return [call.sock.getsockname()[1] for call in self.held]

    def forge(self, flags, ports):
        address = self.sources[0]
        family = family_of(address)
        with socket.socket(family, socket.SOCK_RAW,
                           socket.IPPROTO_TCP) as raw:
            raw.bind((address, 0))
            if family == socket.AF_INET6:
                raw.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_CHECKSUM, 16)
            for port in ports:
                raw.sendto(self.header(address, port, flags),
                           (self.target[0], 0))

    def header(self, address, sport, flags):
        header = struct.pack("!HHIIBBHHH", sport, self.target[1],
                             self.random.getrandbits(32), 0, 5 << 4, flags,
                             65535, 0, 0)
        if ":" in address:
            return header
        pseudo = (socket.inet_aton(address) +
                  socket.inet_aton(self.target[0]) +
                  struct.pack("!HH", socket.IPPROTO_TCP, len(header)))
        total = sum(struct.unpack("!16H", pseudo + header))
        total = (total >> 16) + (total & 0xffff)
        total += total >> 16
        return header[:16] + struct.pack("!H", ~total & 0xffff) + header[18:]

    def do_datagrams(self, count):
        """Datagrams from a port each; nobody waits for an answer."""
        for _ in range(int(count)):
            with self.client_socket(self.target) as sock:
                sock.connect(self.target)
                sock.send(CLIENT)

    # the director's own sockets

    def do_own(self, source, address, port, count):
        """Connections from an address of the director, which stay."""
        def make():
            with netns.inside(self.director):
                sock = socket.socket(family_of(source), socket.SOCK_STREAM)
            sock.bind((source, 0))
            return Call(sock, (address, int(port)), CLIENT)
        tally = in_parallel(make, int(count), 16, True)
        self.own += tally.calls
        return str(tally)

    def do_own_local(self, address, port, count):
        """Connections of the director to a service of its own; they stay."""
        def make():
            with netns.inside(self.director):
                sock = socket.socket(family_of(address), socket.SOCK_STREAM)
            return Call(sock, (address, int(port)), CLIENT)
        tally = in_parallel(make, int(count), 16, True)
        self.own += tally.calls
        return str(tally)

    def do_own_datagram(self, address, port):
        """What a datagram of the director to a service of its own comes to."""
        with netns.inside(self.director):
            sock = socket.socket(family_of(address), socket.SOCK_DGRAM)
        with sock:
            sock.settimeout(DEADLINE)
            sock.connect((address, int(port)))
            sock.send(CLIENT)
            try:
                return str(ANSWER.unpack_from(sock.recv(CHUNK))[2])
            except OSError as error:
                return errno.errorcode.get(error.errno, "nothing")

    def do_own_laddrs(self):
        """Whom the real servers see of these."""
        return " ".join(sorted({call.laddr for call in self.own}))

    def do_own_ports(self):
        """Their ports, as the real servers see them, in ascending order."""
        return " ".join(map(str, sorted(call.lport for call in self.own)))

    def do_own_alive(self):
        """How many of these carry bytes both ways?"""
        return str(sum(map(self.is_alive, self.own)))

    def do_own_close(self):
        """They go, by a reset."""
        for call in self.own:
            call.reset()
        self.own = []


def main():
    serve(Crowd(*sys.argv[1:]))


if __name__ == "__main__":
    main()

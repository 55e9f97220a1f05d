#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""HTTP from many client addresses, each answer checked: commands of a test.

usage: fetch.py CLIENT DIRECTOR SERVER...           (network namespaces)

A real server answers GET /who/ANYTHING by "NUMBER PEER PORT /who/ANYTHING",
which says who it is and whom it sees. What traffic.py knows, this knows too.
"""

import contextlib
import json
import socket
import subprocess

from picks import LOST
from sockets import address_of, make_socket
from traffic import Traffic, main

BATCH = 40              # connections that are open at a time
IP_BIND_ADDRESS_NO_PORT = 24
HEAD_END = b"\r\n\r\n"


class Answer:
    """What a real server said of itself and of its peer."""

    def __init__(self, text):
        server, self.peer, port, self.path = text.split()
        self.server, self.port = int(server), int(port)


class Page:
    """A connection of the client, and what was answered on it last."""

    def __init__(self, sock, source):
        self.sock, self.source = sock, source
        self.answer = self.path = None

    def send(self, path, last):
        self.path = path
        close = "Connection: close\r\n" if last else ""
        self.sock.sendall(f"GET {path} HTTP/1.1\r\nHost: test\r\n{close}\r\n"
                          .encode())

    def receive(self):
        """One answer with its Content-Length, no byte more or less."""
        data = b""
        while HEAD_END not in data:
            data += self.more()
        head, _, body = data.partition(HEAD_END)
        lines = head.decode().split("\r\n")
        if lines[0] != "HTTP/1.1 200 OK":
            raise ValueError(lines[0])
        length, = (int(line.split()[1]) for line in lines
                   if line.lower().startswith("content-length:"))
        while len(body) < length:
            body += self.more()
        if len(body) != length:
            raise ValueError(f"{len(body)} bytes instead of {length}")
        self.answer = Answer(body.decode())
        if self.answer.path != self.path:
            raise ValueError(f"asked {self.path}, got {self.answer.path}")

    def more(self):
        data = self.sock.recv(1 << 16)
        if not data:
            raise ValueError("the end came early")
        return data

    def end(self):
        """The server's FIN, and nothing before it."""
        if self.sock.recv(1):
            raise ValueError("more than the answer")

    def close(self):
        self.sock.close()


class Fetch(Traffic):
    """Pages by HTTP/1.1."""

    def __init__(self, client, director, *servers):
        super().__init__(client, director, *servers)
        self.director = director
        self.sources = [""]
        self.pages, self.seen = [], set()
        self.hung = []
        self.peers, self.why = {}, ""

    def do_sources(self, *addresses):
        """The client's addresses, used in turn."""
        self.sources = addresses

    def open(self, number):
        source = self.sources[number % len(self.sources)]
        sock = make_socket(self.servers.family, socket.SOCK_STREAM)
        if source:
            sock.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
            sock.bind((source, 0))
        sock.connect(self.target)
        return Page(sock, source)

    def note(self, page):
        """Whom the server sees: nobody twice, as ports rotate."""
        answer = page.answer
        peer = (self.target, answer.server, answer.peer, answer.port)
        if peer in self.seen:
            raise ValueError(f"{peer} came twice")
        self.seen.add(peer)
        self.peers[answer.peer] = self.peers.get(answer.peer, 0) + 1
        self.picks.append(answer.server)

    @contextlib.contextmanager
    def judged(self, pages):
        """An answer that is missing or wrong counts as lost, all of them do
        that were to come with it."""
        done = len(self.picks)
        try:
            yield
        except (OSError, ValueError) as error:
            self.why = self.why or f"{type(error).__name__}: {error}"
            self.picks += [LOST] * (done + pages - len(self.picks))

    def batch(self, first, size):
        pages = []
        with self.judged(size):
            for number in range(first, first + size):
                pages.append(self.open(number))
            for number, page in enumerate(pages, first):
                page.send(f"/who/{number}", True)
            for page in pages:
                page.receive()
                page.end()
                self.note(page)
        for page in pages:
            page.close()

    def do_short(self, count):
        """A connection for each request, BATCH of them at a time."""
        count = int(count)
        self.picks = []
        self.peers, self.why = {}, ""
        while len(self.picks) < count and not self.hopeless():
            first = self.sequence
            size = min(BATCH, count - len(self.picks))
            self.sequence += size
            self.batch(first, size)
        return self.summary(count)

    def do_why(self):
        """The first thing that went wrong."""
        return self.why or "nothing"

    def do_whom(self):
        """PEER:CONNECTIONS of all peers that servers saw in `short`."""
        return " ".join(f"{peer}-{count}" for peer, count
                        in sorted(self.peers.items()))

    def do_keep(self, connections, requests):
        """Connections that stay, each with some requests, by turns."""
        connections, requests = int(connections), int(requests)
        self.picks, self.why = [], ""
        self.peers = {}
        with self.judged(connections):
            self.pages = [self.open(n) for n in range(connections)]
            for turn in range(requests):
                self.ask_all(turn)
                for page in self.pages if not turn else []:
                    self.note(page)
        return self.summary(connections)

    def ask_all(self, turn):
        """By the same connection to the same server, seen the same way."""
        before = [page.answer for page in self.pages]
        for number, page in enumerate(self.pages):
            page.send(f"/who/{turn}/{number}", False)
        for page, old in zip(self.pages, before):
            page.receive()
            new = page.answer
            if old and (new.server, new.peer, new.port) != \
                    (old.server, old.peer, old.port):
                raise ValueError(f"{old.peer}:{old.port} became "
                                 f"{new.peer}:{new.port}")

    def do_ask(self):
        """How many of the connections that were kept still answer?"""
        good = 0
        for number, page in enumerate(self.pages):
            with contextlib.suppress(OSError, ValueError):
                page.send(f"/who/again/{number}", False)
                page.receive()
                good += 1
        return str(good)

    def do_reset(self, count):
        """End some of the connections that were kept by a reset: their ports."""
        ports = [page.sock.getsockname()[1] for page in self.pages[:int(count)]]
        for page in self.pages[:int(count)]:
            page.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                 b"\1\0\0\0\0\0\0\0")
            page.close()
        del self.pages[:int(count)]
        return " ".join(map(str, ports))

    def do_leave(self):
        """Close the rest: the client first, then the server."""
        for page in self.pages:
            page.sock.shutdown(socket.SHUT_WR)
            page.end()
            page.close()
        self.pages = []

    # connections of `tcp`

    def do_hang(self, count):
        """Close the client's side of some: FIN, no answer."""
        for held in self.held[:int(count)]:
            held.client.shutdown(socket.SHUT_WR)
            self.hung.append(held)
        del self.held[:int(count)]

    def do_shut(self):
        """The other side's FIN of those of `finish` and `hang`."""
        for held in self.finished:
            held.client.shutdown(socket.SHUT_WR)
        for held in self.hung:
            held.server.shutdown(socket.SHUT_WR)
        self.finished += self.hung
        self.hung = []

    # what the kernel says of the connections that were kept

    def expected(self):
        """Client, local address and server of each, as the ends see it."""
        return {(page.sock.getsockname()[:2], self.target,
                 (page.answer.peer, page.answer.port),
                 (address_of(self.servers.family, page.answer.server), 80))
                for page in self.pages}

    def do_sessions(self, fnatctl, state="established"):
        """Does `fnatctl session show` show exactly those, in that state?"""
        output = subprocess.run(
            ["ip", "netns", "exec", self.director, fnatctl, "-j", "session",
             "show"], check=True, capture_output=True).stdout
        found = {tuple((session[end]["address"], session[end]["port"])
                       for end in ("client", "virtual", "laddr", "server"))
                 for session in json.loads(output)
                 if session["state"] == state and
                 session["virtual"]["address"] == self.target[0]}
        return self.compare(found)

    def do_connections(self, state="ESTABLISHED"):
        """Does `ipvsadm -Lnc` show exactly those, in that state?"""
        output = subprocess.run(
            ["ip", "netns", "exec", self.director, "ipvsadm", "-Lnc"],
            check=True, capture_output=True, text=True).stdout
        found = set()
        for line in output.splitlines():
            words = line.split()
            if words[2:3] != [state]:
                continue
            ends = [self.endpoint(word) for word in words[3:6]]
            if ends[1] == self.target:
                found.add(tuple(ends))
        return self.compare(found, without_laddr=True)

    @staticmethod
    def endpoint(text):
        address, _, port = text.rpartition(":")
        return (address.strip("[]"), int(port))

    def compare(self, found, without_laddr=False):
        expected = self.expected()
        if without_laddr:
            expected = {(client, virtual, server)
                        for client, virtual, _, server in expected}
        if found == expected:
            return "yes"
        return (f"no: missing {sorted(expected - found)[:1]}, "
                f"unexpected {sorted(found - expected)[:1]}")


if __name__ == "__main__":
    main(Fetch)

# SPDX-License-Identifier: GPL-2.0
"""Conversations that go on for as long as one likes, every byte compared.

A talk is a process in a namespace of a client. It keeps so many TCP
connections, short and long ones, and UDP flows under way with each of its
targets, which crowd.py serves. What it gets has to be what it is due, whatever
happens to the connection: anything else is a fault, and is told at the end.
"""

import collections
import ctypes
import errno
import json
import os
import random
import select
import signal
import socket
import struct
import traceback

import netns
from crowd import (ANSWER, CLIENT, LINGER, PR_SET_PDEATHSIG, READ, SERVER,
                   STEP, WRITE, Clock, family_of)

Target = collections.namedtuple("Target",
                                "kind address port servers width sports")
HEAD = struct.Struct("!HII")
BYTES = random.Random(0).randbytes(1 << 17)
LONG, LARGE = 40, 1 << 14


def fork(run, *arguments):
    """Have a process run that, which dies with us: our end of a socket to it,
    which is the first thing it is given."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    pid = os.fork()
    if not pid:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        ours.close()
        try:
            run(theirs, *arguments)
        except BaseException:  # pylint: disable=broad-except
            traceback.print_exc()
        os._exit(0)  # pylint: disable=protected-access
    theirs.close()
    return ours, pid


class Wrong(Exception):
    """Something came that is not what was due."""


class Stream:
    """A TCP connection: what is sent has to come back, round after round."""

    kind = socket.SOCK_STREAM

    def __init__(self, target, sock, draw):
        self.target, self.sock, self.draw = target, sock, draw
        self.short = draw.random() < 0.5
        self.rounds = 1 if self.short else draw.randrange(1, LONG)
        self.first = SERVER if self.short else CLIENT
        self.fate, self.leaves, self.server = "", False, None
        self.out = self.due = b""
        self.got = 0
        error = sock.connect_ex((target.address, target.port))
        if error not in (0, errno.EINPROGRESS):
            raise OSError(error, os.strerror(error))
        self.begin(self.first)

    def begin(self, first=b""):
        size = self.draw.randrange(1, 1000 if self.short else LARGE)
        at = self.draw.randrange(len(BYTES) - size)
        self.out += first + BYTES[at:at + size]
        self.due, self.got = BYTES[at:at + size], -ANSWER.size if first else 0
        self.greeting = b""

    def wants(self):
        return READ | WRITE if self.out else READ

    def ready(self, events):
        """Go on. Return: whether anything came."""
        moved = False
        try:
            if events & WRITE and self.out:
                self.out = self.out[self.sock.send(self.out):]
                moved = True
            while True:
                data = self.sock.recv(1 << 16)
                moved = True
                if not data:
                    self.end()
                    return True
                self.take(data)
        except BlockingIOError:
            return moved

    def end(self):
        if not self.leaves and not (self.short and self.got == len(self.due)):
            raise Wrong(f"the end after {self.got} of {len(self.due)}")
        self.fate = "good"

    def take(self, data):
        if self.got < 0:
            rest = min(len(data), -self.got)
            self.greeting += data[:rest]
            self.got += rest
            data = data[rest:]
            if not self.got:
                self.meet()
        if not data:
            return
        if data != self.due[self.got:self.got + len(data)]:
            raise Wrong(f"other bytes after {self.got} of {len(self.due)}")
        self.got += len(data)
        if self.got == len(self.due) and not self.short:
            self.rounds -= 1
            if self.rounds > 0:
                self.begin()
            else:
                self.leave()

    def meet(self):
        self.server = ANSWER.unpack(self.greeting)[2]
        if self.server not in self.target.servers:
            raise Wrong(f"server {self.server} answers")

    def leave(self):
        self.leaves = True
        if self.draw.random() < 0.2:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER)
            self.fate = "good"
        else:
            self.sock.shutdown(socket.SHUT_WR)

    def hang_up(self):
        self.rounds = 0


class Flow:
    """A UDP flow: each datagram has to be answered, with the same bytes."""

    kind = socket.SOCK_DGRAM

    def __init__(self, target, sock, draw):
        self.target, self.sock, self.draw = target, sock, draw
        self.rounds = draw.choice((1, draw.randrange(1, LONG)))
        self.fate, self.server = "", None
        sock.connect((target.address, target.port))
        # what comes late is of the same port, where that is used again
        self.port, self.mark = sock.getsockname()[1], draw.getrandbits(32)
        self.count = 0
        self.begin()

    def begin(self):
        self.count += 1
        size = self.draw.randrange(1200)
        self.asked = HEAD.pack(self.port, self.mark, self.count) + BYTES[:size]
        self.sock.send(self.asked)

    def wants(self):
        return READ

    def ready(self, _):
        moved = False
        try:
            while not self.fate:
                self.take(self.sock.recv(1 << 16))
                moved = True
        except BlockingIOError:
            pass
        return moved

    def take(self, data):
        said = data[ANSWER.size:]
        if len(said) < HEAD.size or HEAD.unpack_from(said)[0] != self.port:
            raise Wrong(f"not for {self.port}: {data[:40].hex()}")
        if HEAD.unpack_from(said)[1] != self.mark and self.target.sports:
            return
        server = ANSWER.unpack_from(data)[2]
        if server not in self.target.servers:
            raise Wrong(f"server {server} answers")
        if said != self.asked:
            raise Wrong("other bytes, or what was answered before")
        self.server = server
        self.rounds -= 1
        if self.rounds > 0:
            self.begin()
        else:
            self.fate = "good"

    def hang_up(self):
        self.rounds = 0


class Talk:
    """Everything that goes on, in the process of its own."""

    def __init__(self, control, namespace, targets, patience, seed,
                 processor=None):
        self.control, self.targets = control, targets
        if processor is not None:
            processors = sorted(os.sched_getaffinity(0))
            os.sched_setaffinity(0, {processors[processor % len(processors)]})
        self.patience, self.draw = patience, random.Random(seed)
        netns.enter(namespace)
        self.epoll = select.epoll()
        self.epoll.register(control, READ)
        self.live, self.clock = {}, Clock()
        self.width = collections.Counter()
        self.fates = collections.Counter()
        self.faults, self.silent, self.slowest = [], [], 0
        self.going, self.stopped = False, False

    def begin(self, target):
        kind = Flow if target.kind == "-u" else Stream
        sock = socket.socket(family_of(target.address), kind.kind)
        sock.setblocking(False)
        try:
            if target.sports:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                sock.bind(("", self.draw.choice(target.sports)))
            talker = kind(target, sock, self.draw)
        except OSError as error:
            self.count(target, errno.errorcode.get(error.errno))
            sock.close()
            return
        self.live[sock.fileno()] = talker, self.clock.seconds
        self.width[target] += 1
        self.epoll.register(sock, talker.wants())

    def count(self, target, fate):
        self.fates[f"{target.kind} {fate}"] += 1

    def step(self, fd, events):
        talker, since = self.live[fd]
        target = talker.target
        try:
            if talker.ready(events):
                self.slowest = max(self.slowest, self.clock.seconds - since)
                self.live[fd] = talker, self.clock.seconds
        except Wrong as wrong:
            talker.fate = "wrong"
            self.faults.append(f"{target.kind} {target.address}:"
                               f"{target.port}: {wrong}")
        except OSError as error:
            talker.fate = errno.errorcode.get(error.errno)
        if talker.fate:
            self.end(fd, talker)
        else:
            self.epoll.modify(fd, talker.wants())

    def end(self, fd, talker):
        self.epoll.unregister(fd)
        del self.live[fd]
        self.count(talker.target, talker.fate)
        self.width[talker.target] -= 1
        talker.sock.close()

    def give_up(self):
        """Those that have heard nothing for too long."""
        for fd, (talker, since) in list(self.live.items()):
            if self.clock.seconds - since > self.patience:
                talker.fate = "silence"
                self.silent.append(
                    f"{talker.target.address}:{talker.target.port} from "
                    f"{talker.sock.getsockname()[1]}, {talker.rounds} to go")
                self.end(fd, talker)

    def order(self):
        word = self.control.recv(100)
        self.going = word == b"go" or (self.going and word == b"report")
        if word == b"report":
            self.tell()
        elif word == b"stop":
            self.stopped = True
            for talker, _ in self.live.values():
                talker.hang_up()

    def tell(self):
        self.control.send(json.dumps({
            "fates": self.fates, "faults": self.faults[:8],
            "silent": self.silent[-8:], "slowest": self.slowest}).encode())

    def run(self):
        while self.live or not self.stopped:
            for target in self.targets:
                if self.going and self.width[target] < target.width:
                    self.begin(target)
            for fd, events in self.epoll.poll(STEP / 2):
                if fd == self.control.fileno():
                    self.order()
                elif fd in self.live:
                    self.step(fd, events)
            self.clock.tick()
            self.give_up()
        self.tell()


def talk(control, *arguments):
    Talk(control, *arguments).run()


class Report:
    """What a talk tells of itself."""

    def __init__(self, told):
        told = json.loads(told)
        self.fates = collections.Counter(told["fates"])
        self.faults, self.slowest = told["faults"], told["slowest"]
        # to look for the reason
        self.silent = told["silent"]

    def good(self):
        return sum(count for fate, count in self.fates.items()
                   if fate.endswith(" good"))

    def others(self):
        """All that did not end well, as text."""
        return ", ".join(f"{count} {fate}"
                         for fate, count in sorted(self.fates.items())
                         if not fate.endswith(" good"))

    def __str__(self):
        return "; ".join([f"{self.good()} good", self.others()] + self.faults)


class Talker:
    """The other end: has a talk begin, and asks what became of it."""

    def __init__(self, *arguments):
        self.control, self.pid = fork(talk, *arguments)

    def ask(self, word):
        self.control.send(word)
        told = self.control.recv(1 << 20)
        if not told:
            raise RuntimeError("the talk has died")
        return Report(told)

    def go(self):
        self.control.send(b"go")

    def rest(self):
        """Nobody begins, until it goes on."""
        self.control.send(b"rest")

    def report(self):
        return self.ask(b"report")

    def stop(self):
        """All that is under way comes to its end."""
        report = self.ask(b"stop")
        os.waitpid(self.pid, 0)
        return report

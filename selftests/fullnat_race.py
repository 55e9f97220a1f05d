#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Everything at once, on two processors: the commands of fullnat_race.sh.

usage: fullnat_race.py CLIENT DIRECTOR SERVER SERVER STILL-CLIENT STILL-SERVER

Processes of several kinds work against each other, on the few ports that there
are: packets of no socket, of either end; real connections, over and over; edits
of policies and services; flushes and dumps; messages of a director that there
is not; whole namespaces. Each runs on the processors that it is given.
"""

import collections
import contextlib
import errno
import os
import random
import select
import socket
import struct
import sys
import time

import netns
import packets
from commands import serve
from genl import (ADJUST, DUMP, LADDR_GET, POLICY, REPLACE, RESTORE,
                  SERVICE_ADD, SERVICE_DEL, SERVICE_SET, SESSION_FLUSH,
                  SESSION_GET, STATS_GET, UDP_TIMEOUT, Fullnat, Refused, flag,
                  laddr, nest, ports, u8, u32)
from ipvs import DEL_DEST, DEL_SERVICE, NEW_DEST, Ipvs, Service, text
from still import (SERVERS, STILL_KEYS, STILL_LADDRS, VIPS, Director, Key,
                   fill)
from talk import Talker, fork
from traffic import PROTOCOL
from worlds import Worlds

# those that packets of no socket are sent to, and those with real connections
FORGED = [Key("-t", VIPS[4], 80), Key("-u", VIPS[4], 53),
          Key("-t", VIPS[6], 80), Key("-u", VIPS[6], 53)]
REAL = [Key("-t", VIPS[4], 81), Key("-u", VIPS[4], 54),
        Key("-t", VIPS[6], 81), Key("-u", VIPS[6], 54)]
CLIENTS = {4: "192.0.2.1", 6: "2001:db8:1::1"}
LADDRS = {4: "198.51.100.201-198.51.100.202",
          6: "2001:db8:2::201-2001:db8:2::202"}
LOCAL = {4: ("198.51.100.201", "198.51.100.202"),
         6: ("2001:db8:2::201", "2001:db8:2::202")}
# those of clients: of no socket, and of real ones
FORGED_PORTS, REAL_PORTS = range(20000, 20004), range(21000, 21012)
FIRST, LAST = 10000, 10007
# what answers a datagram may come late, so no such port is used again soon
MANY = 11000, 19999
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
FLAGS = SYN, SYN, SYN, RST, RST, ACK, PSH | ACK, FIN | ACK, SYN | ACK, RST | ACK
IPV6_HDRINCL = 36
SHORT = 1

# include/uapi/linux/ip_vs.h
NEW_DAEMON, DEL_DAEMON = 9, 10
DAEMON, DAEMON_STATE, DAEMON_DEVICE, DAEMON_ID = 3, 1, 2, 3
MASTER, BACKUP = 1, 2
GROUP, GROUP_PORTS = "224.0.0.81", (8848, 8849)
NOOUTPUT, INACTIVE, OUT_SEQ, IN_SEQ, NO_CPORT, TEMPLATE = (
    0x80, 0x100, 0x200, 0x400, 0x800, 0x1000)
SYNC_FLAGS = 0, 0, INACTIVE, NOOUTPUT, IN_SEQ | OUT_SEQ, NO_CPORT, TEMPLATE, 3
SEQ_DATA = b"\x01\x18" + bytes(range(24))
SYNC_HEAD, SYNC_CONN = struct.Struct("!BBHBbH"), struct.Struct("!BBHIHHHHII")


# packets of no socket


def upper(source, target, protocol, sport, dport, draw):
    """A segment or datagram, drawn, with its checksum."""
    payload = draw.randbytes(draw.choice((0, 0, 30, 600)))
    if protocol == socket.IPPROTO_TCP:
        data = struct.pack("!HHIIBBHHH", sport, dport, draw.getrandbits(32),
                           draw.getrandbits(32), 5 << 4, draw.choice(FLAGS),
                           65535, 0, 0) + payload
        at = 16
    else:
        data = struct.pack("!HHHH", sport, dport, 8 + len(payload), 0) + payload
        at = 6
    ends = packets.address(source), packets.address(target)
    check = packets.checksum(packets.pseudo(*ends, len(data), protocol) + data)
    return data[:at] + struct.pack("!H", check or 0xffff) + data[at + 2:]


def packet(source, target, protocol, *rest):
    data = upper(source, target, protocol, *rest)
    ends = packets.address(source) + packets.address(target)
    if len(ends) == 8:
        return struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(data), 0, 0, 64,
                           protocol, 0) + ends + data
    return struct.pack("!IHBB", 6 << 28, len(data), protocol, 64) + ends + data


# what another director would tell


def connection(draw):
    """One that it has."""
    key, flags = draw.choice(FORGED + REAL), draw.choice(SYNC_FLAGS)
    ends = (CLIENTS[key.family], key.address, key.server(draw.randrange(1, 4)))
    options = SEQ_DATA if flags & IN_SEQ else b""
    size = SYNC_CONN.size + sum(len(packets.address(end)) for end in ends)
    cport = 0 if flags & (NO_CPORT | TEMPLATE) else \
        draw.choice([*FORGED_PORTS, *REAL_PORTS])
    state = 0 if key.kind == "-u" or flags & TEMPLATE else draw.randrange(11)
    data = SYNC_CONN.pack(
        key.family == 6, PROTOCOL[key.kind], size + len(options), flags, state,
        cport, key.port, key.port, 0, draw.choice((1, 1, 2, 3)))
    data += b"".join(map(packets.address, ends)) + options
    return data + bytes(-len(data) % 4)


def message(draw):
    told = [connection(draw) for _ in range(draw.randrange(1, 20))]
    size = SYNC_HEAD.size + sum(map(len, told))
    return SYNC_HEAD.pack(0, 0, size, len(told), 1, 0) + b"".join(told)


class Worker:
    """Something that is done over and over, in a process of its own."""

    def __init__(self, control, namespace, seed, processor):
        self.control, self.draw = control, random.Random(seed)
        processors = sorted(os.sched_getaffinity(0))
        self.processors = processors
        if processor is not None:
            os.sched_setaffinity(0, {processors[processor % len(processors)]})
        netns.enter(namespace)
        self.count = 0

    def move(self):
        """To any processor."""
        os.sched_setaffinity(0, {self.draw.choice(self.processors)})

    def run(self):
        while not select.select([self.control], [], [], 0)[0]:
            self.step()
            self.count += 1
        self.control.recv(100)
        self.control.send(str(self.count).encode())

    def step(self):
        raise NotImplementedError


class Forger(Worker):
    """Packets that were drawn beforehand, so that they are sent fast."""

    BATCH = 50

    def __init__(self, control, drawn, *arguments):
        super().__init__(control, *arguments)
        self.drawn = drawn
        self.raw = {
            4: socket.socket(socket.AF_INET, socket.SOCK_RAW,
                             socket.IPPROTO_RAW),
            6: socket.socket(socket.AF_INET6, socket.SOCK_RAW,
                             socket.IPPROTO_RAW)}
        self.raw[6].setsockopt(socket.IPPROTO_IPV6, IPV6_HDRINCL, 1)

    def send(self, family, target, data):
        # no room in a queue, or no neighbour just now
        with contextlib.suppress(OSError):
            self.raw[family].sendto(data, (target, 0))

    def step(self):
        for _ in range(self.BATCH):
            self.send(*self.draw.choice(self.drawn))


class ForgedClient(Forger):
    """As if there were clients, with few ports."""

    @staticmethod
    def one(key, draw):
        return key.family, key.address, packet(
            CLIENTS[key.family], key.address, PROTOCOL[key.kind],
            draw.choice(FORGED_PORTS), key.port, draw)


class ForgedServer(Forger):
    """As if real servers answered, to each local port that there is."""

    @staticmethod
    def one(key, draw):
        target = draw.choice(LOCAL[key.family])
        return key.family, target, packet(
            key.server(1), target, PROTOCOL[key.kind], key.port,
            draw.randrange(FIRST, LAST + 1), draw)

    def step(self):
        self.move()
        super().step()


# what the director is told


class Editor(Worker):
    """Policies, services and real servers come and go."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.kernel, self.ipvs = Fullnat(), Ipvs()
        self.services = {key: Service(self.ipvs, PROTOCOL[key.kind],
                                      key.address, key.port)
                         for key in FORGED + REAL}

    def config(self, key):
        given = [key.attributes, laddr(LADDRS[key.family])]
        if key in REAL and key.kind == "-u":
            given.append(ports(*MANY))
        else:
            first = self.draw.randrange(FIRST, LAST - 2)
            given.append(ports(first, self.draw.randrange(first, LAST + 1)))
        if self.draw.random() < 0.5:
            given.append(u8(ADJUST, self.draw.randrange(2))
                         if key.kind == "-t" else u32(UDP_TIMEOUT, 1))
        return given

    def policy(self, key):
        act = self.draw.choice((SERVICE_ADD, SERVICE_ADD, SERVICE_SET,
                                SERVICE_DEL))
        self.kernel.ask(act, *(self.config(key) if act != SERVICE_DEL else
                               [key.attributes]))

    def replace(self, key):
        self.kernel.ask(SERVICE_DEL, key.attributes)
        self.kernel.ask(SERVICE_ADD, *self.config(key))

    def restore(self, _):
        given = [nest(POLICY, *self.config(key)) for key in FORGED + REAL]
        given += [nest(POLICY, key.attributes, laddr(STILL_LADDRS[key.family]))
                  for key in STILL_KEYS]
        self.kernel.ask(RESTORE, *given, flag(REPLACE))

    def dest(self, key):
        n = self.draw.choice(SERVERS)
        self.services[key].dest(self.draw.choice((NEW_DEST, DEL_DEST)),
                                key.server(n), key.port)

    def service(self, key):
        self.services[key].change(DEL_SERVICE, "", 0)
        fill(self.services[key], key)

    def step(self):
        act = self.draw.choice((self.policy, self.policy, self.replace,
                                self.restore, self.dest, self.dest,
                                self.service))
        self.move()
        try:
            act(self.draw.choice(FORGED + REAL))
        except Refused as no:
            if no.errno not in (errno.EEXIST, errno.ENOENT):
                raise
        except OSError as error:
            if error.errno not in (errno.EEXIST, errno.ENOENT, errno.ESRCH):
                raise
        time.sleep(0.005)


class Flusher(Worker):
    """Sessions are told to end while they are listed."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.kernel, self.half = Fullnat(), [Fullnat() for _ in range(4)]

    def half_dump(self):
        """Begin one, or read on in one."""
        kernel = self.draw.choice(self.half)
        kernel.socket.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            list(kernel.receive())
        with contextlib.suppress(OSError):
            kernel.send(self.draw.choice((SESSION_GET, LADDR_GET)), b"", DUMP)

    def step(self):
        self.move()
        key = self.draw.choice(FORGED + REAL)
        act = self.draw.randrange(4)
        if act == 0:
            self.kernel.ask(SESSION_FLUSH, key.attributes)
        elif act == 1:
            self.half_dump()
        else:
            self.kernel.dump(self.draw.choice((SESSION_GET, STATS_GET)))


class Sync(Worker):
    """As if another director told of its connections."""

    def __init__(self, control, drawn, *arguments):
        super().__init__(control, *arguments)
        self.drawn = drawn
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF,
                             socket.inet_aton("198.51.100.1"))

    def step(self):
        with contextlib.suppress(OSError):
            self.sock.sendto(self.draw.choice(self.drawn),
                             (GROUP, self.draw.choice(GROUP_PORTS)))


def work(control, kind, *arguments):
    kind(control, *arguments).run()


class Race(Director):
    """What the commands work on."""

    # who works for each, and on which processor
    KINDS = {
        "forge": [(ForgedClient, "client", 0), (ForgedClient, "client", 1),
                  (ForgedServer, "server", None)],
        "edit": [(Editor, "director", None)],
        "flush": [(Flusher, "director", None)],
        "sync": [(Sync, "server", None)]}

    def __init__(self, *names):
        super().__init__(FORGED + REAL, *names)
        # by one process, as it takes a while
        self.drawn = {kind: [kind.one(key, self.draw) for key in FORGED
                             for _ in range(100)]
                      for kind in (ForgedClient, ForgedServer)}
        self.drawn[Sync] = [message(self.draw) for _ in range(100)]
        self.places = {"client": self.client, "director": self.director,
                       "server": self.names[0]}
        self.said = collections.Counter()
        self.worlds = Worlds(self.draw)

    def start(self):
        # on a processor each, with ports of clients that are used at once
        self.storms = [Talker(self.client, [
            key.target(3, *SERVERS, sports=REAL_PORTS[place::2])
            for key in REAL], SHORT, place, place) for place in (0, 1)]

    def add_policy(self, key):
        real = key in REAL and key.kind == "-u"
        self.kernel.ask(SERVICE_ADD, key.attributes,
                        laddr(LADDRS[key.family]),
                        ports(*(MANY if real else (FIRST, LAST))))

    def do_daemons(self):
        """Both sync daemons, two of each."""
        with netns.inside(self.director):
            with open("/proc/sys/net/ipv4/vs/sync_ports", "w",
                      encoding="ascii") as file:
                file.write(str(len(GROUP_PORTS)))
        for state, number in (MASTER, 7), (BACKUP, 0):
            self.ipvs.request(NEW_DAEMON, nest(
                DAEMON, u32(DAEMON_STATE, state),
                text(DAEMON_DEVICE, "lan"), u32(DAEMON_ID, number)))

    def do_no_daemons(self):
        for state in MASTER, BACKUP:
            self.ipvs.request(DEL_DAEMON, nest(
                DAEMON, u32(DAEMON_STATE, state)))

    def do_go(self):
        self.still.go()

    def do_race(self, seconds, *kinds):
        """These at once, for so long; how often each."""
        workers = []
        for kind in kinds:
            for worker, place, processor in self.KINDS.get(kind, []):
                drawn = [self.drawn[worker]] if worker in self.drawn else []
                workers.append((kind, *fork(
                    work, worker, *drawn, self.places[place],
                    self.draw.getrandbits(32), processor)))
        for storm in self.storms if "storm" in kinds else []:
            storm.go()
        last = time.monotonic() + float(seconds)
        while time.monotonic() < last:
            if "namespaces" in kinds:
                self.worlds.begin()
                self.worlds.begin()
                self.worlds.end_all()
            else:
                time.sleep(0.1)
        said = collections.Counter()
        for kind, control, pid in workers:
            control.send(b"stop")
            said[kind] += int(control.recv(100) or -1 << 30)
            control.close()
            os.waitpid(pid, 0)
        for storm in self.storms if "storm" in kinds else []:
            storm.rest()
        return ", ".join(f"{count} {kind}" for kind, count in said.items())

    def do_storms(self):
        """What became of the real connections."""
        return "; ".join(str(storm.stop()) for storm in self.storms)

    def do_namespaces(self):
        return "; ".join([f"{self.worlds.made} made"] + self.worlds.faults)

    def no_strangers(self):
        """No connection of the sync daemon waits for any port of a client."""
        with netns.inside(self.director):
            with open("/proc/thread-self/net/ip_vs_conn",
                      encoding="ascii") as file:
                return not any(line.split()[2] == "0000" for line in file)

    def do_mend(self):
        """All is as it was."""
        self.wait_for(self.no_strangers)
        self.renew_policies(lambda key: [laddr(LADDRS[key.family])])
        for key in self.keys:
            with contextlib.suppress(OSError):
                self.services[key].change(DEL_SERVICE, "", 0)
            self.add_service(key)


def main():
    serve(Race(*sys.argv[1:]))


if __name__ == "__main__":
    main()

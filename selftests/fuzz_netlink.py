# SPDX-License-Identifier: GPL-2.0
"""The parts of fullnat_fuzz_netlink.sh, in the director's namespace.

usage: fuzz_netlink.py PART SECONDS SEED [CLIENT SERVER]

Prints what is wrong, a line each, and what there was to see, after "# ".
"""

import collections
import contextlib
import ctypes
import errno
import functools
import mmap
import os
import random
import socket
import struct
import subprocess
import sys
import time
import traceback

import genl
import ipvs
import netns
from contract import Broken, Contract, sentences
from request import MANY, TCP, UDP, VIP, VIP6, Draw, Request
from sockets import Servers, make_socket
from spoil import Spoil
from exchange import ROOM, Exchange
from tell import fault, note

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
NOBODY, PR_SET_DUMPABLE = 65534, 4
LIBC = ctypes.CDLL(None, use_errno=True)

# what no message provokes, and why not
UNPROVOKED = {
    "the kernel is out of memory: nothing has changed": "needs no memory",
    "the module is being unloaded: load it again": "needs an unload",
    "netfilter or IPVS does not hand over packets: nothing has changed":
        "needs a netfilter without hooks",
    "this kernel has IPv6 turned off": "needs another kernel command line",
    "this kernel has no IPv6": "needs another kernel",
}


class Traffic:
    """Connections through the director, which come and go."""

    PORTS = {socket.AF_INET: ((TCP, 80), (TCP, 81), (UDP, 53), (UDP, 54)),
             socket.AF_INET6: ((TCP, 80), (UDP, 53))}
    VIPS = {socket.AF_INET: (VIP, "198.51.100.1"),
            socket.AF_INET6: (VIP6, "2001:db8:2::1")}

    def __init__(self, client, server):
        self.client, self.held, self.servers = client, [], []
        kernel = ipvs.Ipvs()
        for family, ports in self.PORTS.items():
            vip, real = self.VIPS[family]
            for port in {port for _, port in ports}:
                self.servers.append(Servers([server], family, port))
            for protocol, port in ports:
                service = ipvs.Service(kernel, protocol, vip, port)
                with contextlib.suppress(FileExistsError):
                    service.change(ipvs.NEW_SERVICE, "rr", 0)
                    service.dest(ipvs.NEW_DEST, real, port)
        for one in self.servers:
            for sock in one.tcp + one.udp:
                sock.setblocking(False)

    def step(self):
        """One more connection to each; the oldest go."""
        for one in self.servers:
            self.serve(one)
        with netns.inside(self.client):
            for family, ports in self.PORTS.items():
                for protocol, port in ports:
                    self.call(family, protocol, (self.VIPS[family][0], port))
        for sock in self.held[:-128]:
            sock.close()
        del self.held[:-128]

    def call(self, family, protocol, target):
        sock = make_socket(family, socket.SOCK_STREAM if protocol == TCP
                           else socket.SOCK_DGRAM)
        sock.setblocking(False)
        self.held.append(sock)
        with contextlib.suppress(BlockingIOError):
            sock.connect(target)
        if protocol == UDP:
            sock.send(b"a")

    def serve(self, server):
        with contextlib.suppress(OSError):
            while True:
                server.receive(server.udp[0])[2]()
        with contextlib.suppress(OSError):
            while True:
                self.held.append(server.tcp[0].accept()[0])


class Fuzz:
    """Requests, half of them good, and what comes of them."""

    def __init__(self, seed, contract, alone, traffic=None, talk=None):
        self.contract = contract
        self.talk = talk or Exchange(contract, seed % 4 > 0)
        self.draw = Draw(contract, seed)
        self.draw.pool = self.talk.pool
        self.spoil = Spoil(self.draw)
        self.alone, self.traffic = alone, traffic
        self.count = collections.Counter()
        self.reasons = collections.Counter()
        self.shown = self.narrow = 0

    def look(self):
        """What there is now. Pools that are large do not stay for long."""
        draw, talk = self.draw, self.talk
        draw.known = talk.policies()
        for service, count in draw.known.items():
            if count > MANY // 8 and draw.random() < 0.7:
                with contextlib.suppress(genl.Refused):
                    talk.ask(genl.SERVICE_DEL,
                             genl.nest(genl.SERVICE, service))
        if self.count["steps"] % 64 == 0:
            found = talk.dump(genl.SESSION_GET)
            self.shown = max(self.shown, len(found))
            draw.sessions = [one for one in found[-32:]
                             if genl.N_LADDR in genl.parse(one)]

    def narrow_ports(self):
        """The director's own ports are all there are, for a while."""
        if not self.alone:
            return
        if self.narrow:
            self.narrow -= 1
            if not self.narrow:
                port_range("32768 60999")
        elif self.draw.random() < 0.01:
            self.narrow = 10
            port_range("1024 65535")

    def request(self):
        """(request, is it good?)"""
        request = self.draw.request()
        if self.draw.random() < 0.5:
            self.draw.expect(request)
            return request, True
        self.spoil.request(request)
        return request, False

    def step(self):
        if self.count["steps"] % 8 == 0:
            self.look()
        if self.traffic and self.count["steps"] % 20 == 0:
            self.traffic.step()
        self.count["steps"] += 1
        self.narrow_ports()
        several = 1 if self.draw.random() < 0.95 else self.draw.randrange(2, 20)
        chosen = [self.request() for _ in range(several)]
        watched = self.alone and several == 1 and self.draw.random() < 0.1
        before = self.talk.state() if watched else None
        found = self.talk.exchange([request for request, _ in chosen])
        if found is None:
            self.count["too big"] += 1
            return
        for (request, good), verdict in zip(chosen, found):
            self.tally(request, good, verdict, several)
        if watched and found[0].status:
            self.count["watched"] += 1
            if self.talk.state() != before:
                fault(f"changed by a refused request: {found[0].sentence}: "
                      f"{chosen[0][0].encode(0, 0).hex()}")

    def tally(self, request, good, verdict, several):
        what = "good" if good else "spoilt"
        if verdict.status is None:
            self.count[what, "silent"] += 1
            # one that is cut off takes those behind it along
            if good and several == 1:
                fault(f"no answer to {request.encode(0, 0).hex()}")
        elif verdict.status:
            self.count[what, "refused"] += 1
            reason = verdict.sentence or errno.errorcode.get(verdict.status)
            self.reasons[reason] += 1
        else:
            self.count[what, "accepted"] += 1
            self.count[request.asks] += 1

    def run(self, seconds, least=0, enough=lambda: True):
        """For so long; at least so many, and until it is enough, if that takes
        no minutes."""
        more, patient = clock(seconds), clock(seconds + PATIENCE)
        while more() or ((self.count["steps"] < least or not enough()) and
                         patient()):
            self.step()
        if self.narrow:
            port_range("32768 60999")

    def tell(self, name):
        count = self.count
        parts = [f"{what} {how} {count[what, how]}"
                 for what in ("good", "spoilt")
                 for how in ("accepted", "refused", "silent")]
        note(f"{name}: {count['steps']} datagrams: {', '.join(parts)}; "
             f"{count['watched']} refusals watched, "
             f"{self.shown} sessions shown at most")

    def check_shares(self):
        """It was not always the same that stopped it."""
        count = self.count
        for what, least in ("good", 0.6), ("spoilt", 0.1):
            accepted = count[what, "accepted"]
            total = accepted + count[what, "refused"]
            if accepted < least * total:
                fault(f"{what}: {accepted} of {total} accepted")
        if count["spoilt", "refused"] < 0.3 * count["steps"] / 2:
            fault(f"{count['spoilt', 'refused']} spoilt ones refused")
        for name, operation in self.contract.operations.items():
            if not count[operation.number]:
                fault(f"{name}: never accepted")


def port_range(text):
    with open("/proc/sys/net/ipv4/ip_local_port_range", "w",
              encoding="ascii") as file:
        file.write(text)


def clock(seconds):
    """A function: are they not over yet?"""
    end = time.monotonic() + seconds
    return lambda: time.monotonic() < end


class Flags:
    """What children of ours tell each other."""

    def __init__(self, count):
        self.memory, self.count = mmap.mmap(-1, count), count

    def put_up(self, place=0):
        self.memory[place] = 1

    def all_up(self):
        return all(self.memory[:self.count])


# the parts, and how many datagrams and seconds it takes to see most there is;
# how many of the module's sentences that is, and by when all have been said

MOST, MOST_SENTENCES, ALL_SAID = 4000, 40, 20000
LEAST = MOST // int(os.environ.get("FEWER", "1"))
PATIENCE = 120 * int(os.environ.get("SLOWER", "1"))
WRITERS = 3


def part_alone(contract, seconds, seed, client, server):
    """One writer, so that it can be said what a request has changed."""
    traffic = Traffic(client, server)
    fuzz = Fuzz(seed, contract, True, traffic)
    fuzz.run(seconds, LEAST)
    fuzz.tell("alone")
    fuzz.check_shares()
    if fuzz.shown < 20 * LEAST // MOST:
        fault(f"only {fuzz.shown} sessions")
    if fuzz.count["watched"] < 20 * LEAST // MOST:
        fault(f"only {fuzz.count['watched']} refusals watched")
    check_sentences(fuzz)
    agree(fuzz.talk)


def check_sentences(fuzz):
    """Each that a message can provoke was provoked."""
    own = sentences()
    told = own & set(fuzz.reasons)
    note(f"{len(told)} of {len(own)} sentences of the module, "
         f"{len(set(fuzz.reasons) - told)} other reasons")
    for reason, count in fuzz.reasons.most_common():
        note(f"{count:6} {reason}")
    missing = sorted(own - told - set(UNPROVOKED))
    if fuzz.count["steps"] >= MOST and len(told) < MOST_SENTENCES:
        fault(f"only {len(told)} sentences")
    if fuzz.count["steps"] < ALL_SAID:
        note(f"too few to have come across {missing}")
        missing = []
    for sentence in missing:
        fault(f"never said: {sentence}")
    for sentence in sorted(told & set(UNPROVOKED)):
        fault(f"{UNPROVOKED[sentence]}, and yet: {sentence}")


def agree(talk):
    """Dumps that belong together say the same."""
    for service, count in talk.policies().items():
        if len(talk.pool(service)) != count:
            fault(f"{service.hex()}: {count} addresses, "
                  f"dumped {len(talk.pool(service))}")


def in_children(*jobs):
    """Each in a process of its own; what they print is seen as ours."""
    children = []
    for job in jobs:
        sys.stdout.flush()
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                job()
                status = 0
            except BaseException:  # pylint: disable=broad-except
                fault(traceback.format_exc()[-400:])
            sys.stdout.flush()
            os._exit(status)  # pylint: disable=protected-access
        children.append(pid)
    for pid in children:
        if os.waitpid(pid, 0)[1]:
            fault("a child failed")


def write(contract, seconds, seed, number, written, heard):
    """Until each event has been heard."""
    fuzz = Fuzz(seed + number, contract, False)
    try:
        fuzz.run(seconds, LEAST // 20, heard.all_up)
    finally:
        written.put_up(number)
    fuzz.tell(f"writer {number}")


def leave_dumps(contract, seed, more):
    """Dumps that are read in part, and then left, or begun anew."""
    draw = random.Random(seed)
    commands = (genl.SERVICE_GET, genl.LADDR_GET, genl.SESSION_GET,
                genl.STATS_GET)
    talk, begun, busy = Exchange(contract), 0, 0
    while more():
        talk.send(draw.choice(commands), b"", genl.DUMP)
        begun += 1
        for _ in range(draw.randrange(3)):
            read_some(talk, 1)
        talk.send(genl.STATS_GET, b"", genl.DUMP)
        if draw.random() < 0.5:
            talk.socket.close()
            talk = Exchange(contract)
        else:
            busy += read_some(talk)
    note(f"dumps left half read: {begun}, refused as one was running: {busy}")
    return busy


def read_some(talk, count=1 << 30):
    """Read what is there, so many buffers: how many dumps were refused as
    another one was running."""
    busy = 0
    talk.socket.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        for _ in range(count):
            for kind, _, _, body in talk.receive():
                busy += kind == genl.NLMSG_ERROR and \
                    struct.unpack_from("=i", body)[0] == -errno.EBUSY
    talk.socket.setblocking(True)
    return busy


def listen(contract, written, heard):
    """Read each event, and see that it is one."""
    talk, count = Exchange(contract), collections.Counter()
    talk.join("events")
    talk.socket.settimeout(1)
    due = {operation.name for operation in contract.events.values()}
    due.discard("exhausted-ntf")
    while not written.all_up():
        try:
            for _, _, _, body in talk.receive():
                check_event(contract, body)
                count[contract.events[body[0]].name] += 1
        except TimeoutError:
            pass
        except OSError as error:
            if error.errno != errno.ENOBUFS:
                raise
            count["lost"] += 1
        if due <= set(count):
            heard.put_up()
    note(f"events: {dict(count)}")
    for name in sorted(due - set(count)):
        fault(f"{name}: never heard")


def check_event(contract, body):
    try:
        contract.check_event(body)
    except (Broken, struct.error) as error:
        fault(f"{error}: event {body[:200].hex()}")


def part_many(contract, seconds, seed, client, server):
    """Writers, readers and listeners at once."""
    deaf = Exchange(contract)
    deaf.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    deaf.join("events")
    traffic = Traffic(client, server)
    written, heard = Flags(WRITERS), Flags(1)

    def more():
        return not written.all_up()

    def flow():
        while more():
            traffic.step()
    in_children(
        *(functools.partial(write, contract, seconds, seed, number, written,
                            heard) for number in range(WRITERS)),
        lambda: leave_dumps(contract, seed + WRITERS, more),
        lambda: listen(contract, written, heard), flow)
    lost = 0
    try:
        for _, body in deaf.events():
            fault(f"event {body[:20].hex()} before the loss was told")
    except OSError as error:
        lost = error.errno
    if lost != errno.ENOBUFS:
        fault(f"who never reads is told {lost}")
    for command, data in deaf.events():
        check_event(contract, struct.pack("=BBH", command, 1, 0) + data)
    agree(Exchange(contract))


def part_owner(contract, seconds, seed):
    """Nobody, as the owner of a namespace: all is allowed, there."""
    drop()
    own_namespace()
    fuzz = Fuzz(seed, contract, True)
    fuzz.run(seconds, MOST // 10)
    fuzz.tell("owner of a namespace")
    fuzz.check_shares()
    fuzz.talk.clear()


# those without rights


def part_strangers(contract, seconds, seed):
    """Who has no rights here changes nothing, whatever the socket."""
    draw = Draw(contract, seed)
    talk = Exchange(contract)
    talk.clear()
    for name in "service-add", "restore":
        while not [one for one in talk.policies().values() if one < MANY]:
            talk.exchange([draw.request(name)])
    before = talk.state()
    share = seconds / 5
    in_children(
        lambda: stranger(contract, share, seed + 1, "nobody", drop),
        lambda: stranger(contract, share, seed + 2, "owner of nothing",
                         lambda: unshare(CLONE_NEWUSER)),
        lambda: stranger(contract, share, seed + 3, "nobody, root's socket",
                         drop, Exchange(contract)),
        lambda: stranger(contract, share, seed + 4,
                         "owner of nothing, root's socket",
                         lambda: unshare(CLONE_NEWUSER), Exchange(contract)),
        lambda: stranger(contract, share, seed + 5,
                         "owner of another namespace, root's socket",
                         lambda: unshare(CLONE_NEWUSER | CLONE_NEWNET),
                         Exchange(contract)))
    if talk.state() != before:
        fault("a stranger has changed something")
    talk.clear()


def drop():
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)


def unshare(flags):
    if LIBC.unshare(flags):
        raise OSError(ctypes.get_errno(), "unshare")


def own_namespace():
    """A network of one's own, with local addresses."""
    # or what is in /proc of one who changed is not one's own
    LIBC.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)
    user, group = os.getuid(), os.getgid()
    unshare(CLONE_NEWUSER | CLONE_NEWNET)
    for name, text in (("setgroups", "deny"), ("uid_map", f"0 {user} 1"),
                       ("gid_map", f"0 {group} 1")):
        with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
            file.write(text)
    subprocess.run(["ip", "-batch", "-"], check=True, text=True, input="""
        link set lo up
        route add local 10.1.0.0/24 dev lo
        route add local 10.2.0.0/16 dev lo
        route add local 2001:db8:3::/48 dev lo
        """)


def stranger(contract, seconds, seed, name, lose, talk=None):
    lose()
    fuzz = Fuzz(seed, contract, False, None, talk or Exchange(contract))
    fuzz.look = lambda: None
    fuzz.draw.known = fuzz.talk.policies()
    fuzz.draw.pool = lambda service: [("10.1.0.1", False)]
    fuzz.run(seconds, LEAST // 20)
    fuzz.tell(name)
    for one in contract.operations.values():
        count = fuzz.count[one.number]
        if one.admin and count:
            fault(f"{name}: {one.name} was accepted {count} times")
    if not any(fuzz.count[one.number] for one in contract.operations.values()):
        fault(f"{name}: nothing at all was accepted")
    if fuzz.reasons["EPERM"] < fuzz.count["steps"] / 3:
        fault(f"{name}: EPERM {fuzz.reasons['EPERM']} times")


# large ones


def part_large(contract, _, seed):
    """Requests of megabytes, and dumps of thousands."""
    draw, talk = Draw(contract, seed), Exchange(contract)
    talk.clear()
    pools = [genl.nest(genl.POLICY, genl.service(TCP, VIP, 8000 + number),
                       genl.laddr(f"10.2.{8 * number}.0/21"))
             for number in range(8)]
    small = [genl.nest(genl.POLICY, genl.service(UDP, VIP, 1 + number),
                       genl.laddr("10.1.0.9"), genl.ports(9, 9))
             for number in range(3000)]
    talk.ask(genl.RESTORE, *pools, *small)
    before = talk.state()
    expect(talk, "one bad among thousands", errno.EADDRNOTAVAIL, small + [
        genl.nest(genl.POLICY, genl.service(TCP, VIP, 9),
                  genl.laddr("203.0.113.9"))])
    many = [genl.laddr(f"10.2.{number // 256}.{number % 256}")
            for number in range(MANY + 1)]
    expect(talk, "too many addresses", errno.E2BIG, [
        genl.nest(genl.POLICY, genl.service(TCP, VIP, 9), *many)])
    expect(talk, "megabytes of what is unknown", errno.EINVAL,
           [genl.attribute(77, bytes(60000))] * 40)
    expect(talk, "megabytes of nothing", errno.EINVAL,
           [genl.nest(genl.POLICY)] * 500000)
    if talk.state() != before:
        fault("a large request that was refused has changed something")
    try:
        talk.send(genl.RESTORE, bytes(2 * ROOM))
        fault("more than the socket's room was sent")
    except OSError as error:
        if error.errno not in (errno.EMSGSIZE, errno.ENOBUFS):
            fault(f"more than the socket's room: {error}")
    # many at once, and the dump of all while they are there
    requests = [draw.request("stats-reset") for _ in range(1000)]
    found = talk.exchange(requests)
    if sum(one.status is not None for one in found) != len(requests):
        fault("not every one of a thousand requests was answered")
    verdict = talk.exchange([Request(contract.operations["laddr-get"], "dump",
                                     [])])[0]
    if len(verdict.replies) != 8 * MANY + len(small):
        fault(f"dumped {len(verdict.replies)} addresses")
    if not leave_dumps(contract, seed, clock(2)):
        fault("no dump was refused as another one was running")
    note(f"{len(verdict.replies)} addresses in a dump")
    talk.clear()


def expect(talk, what, number, attributes_):
    try:
        talk.ask(genl.RESTORE, *attributes_, genl.flag(genl.REPLACE))
        fault(f"{what}: accepted")
    except genl.Refused as no:
        if no.errno != number:
            fault(f"{what}: {no}")


def main():
    name, seconds, seed, *more = sys.argv[1:]
    try:
        globals()["part_" + name](Contract(), float(seconds), int(seed), *more)
    except Exception:  # pylint: disable=broad-except
        fault(traceback.format_exc()[-600:])


main()

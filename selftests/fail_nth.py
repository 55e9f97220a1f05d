# SPDX-License-Identifier: GPL-2.0
"""The parts of fail_nth.sh: fail_nth.py PART SEED, in the director's namespace.

Prints what is wrong, a line each, and what there was to see, after "# ".
"""

import contextlib
import ctypes
import errno
import fcntl
import os
import socket
import struct
import sys
import traceback

import genl
import ipvs
import netns
from contract import Contract
from injector import Injector
from packets import Packet, address, checksum, pseudo
from exchange import Exchange
from tell import fault, note, same

SYS_FINIT_MODULE = 273 if os.uname().machine == "aarch64" else 313
CLONE_NEWNET = 0x40000000
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454ca, 0x1, 0x1000
LIBC = ctypes.CDLL(None, use_errno=True)
CLIENT, CLIENT6 = "192.0.2.1", "2001:db8:1::1"
SERVER, SERVER6 = "198.51.100.1", "2001:db8:2::1"
VIP, VIP6 = "192.0.2.100", "2001:db8:1::100"
LADDR, LADDR6 = "198.51.100.201", "2001:db8:2::201"
TCP, UDP, SYN, SYN_ACK = genl.TCP, genl.UDP, 2, 18
WEB, DNS = genl.service(TCP, VIP, 80), genl.service(UDP, VIP, 53)
WEB6, MARK = genl.service(TCP, VIP6, 80), genl.fwmark(7)


def checked(status):
    if status < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


# loading


def part_load(injector, path):
    """A module loads as a whole, or not at all."""
    name = os.path.basename(path).split(".")[0]
    fd = os.open(path, os.O_RDONLY)

    def load():
        checked(LIBC.syscall(SYS_FINIT_MODULE, fd, b"", 0))

    def after(number, _, error):
        there = os.path.isdir(f"/sys/module/{name}")
        same(f"allocation {number}: {error}: is it there?", not error, there)
        if there:
            netns.delete_module(name)
    # a module's own are the last ones of its loading
    injector.each(name, load, after=after, first=4, last=60)


# netlink


class Requests:
    """Requests of the family, from one state of affairs."""

    def __init__(self, injector):
        self.injector, self.contract = injector, Contract()
        self.control, self.talk = Exchange(self.contract), None
        self.listener = Exchange(self.contract)
        self.listener.join("events")
        self.before = None

    def base(self):
        """What there is when a request comes."""
        self.control.ask(genl.RESTORE, genl.nest(
            genl.POLICY, WEB, genl.laddr("10.1.0.1-10.1.0.3")), genl.nest(
                genl.POLICY, DNS, genl.laddr("10.1.0.4"),
                genl.u32(genl.UDP_TIMEOUT, 5)), genl.flag(genl.REPLACE))
        with contextlib.suppress(OSError):
            self.listener.events()
        self.talk = Exchange(self.contract)
        self.before = self.control.state()

    def each(self, command, *given, flags=genl.ACK, name=""):
        name += f"command {command}" + (" dump" if flags == genl.DUMP else "")
        given = b"".join(given)
        said = []

        def request():
            try:
                return self.talk.talk(command, given, flags)
            except genl.Refused as no:
                said[:] = [no]
                # a route of IPv6 that there is no memory for is none
                number = no.errno
                if number == errno.EADDRNOTAVAIL:
                    number = errno.ENOMEM
                raise OSError(number, no.sentence) from None

        def after(number, _, error):
            refused = said.pop() if said else None
            if refused and refused.errno == errno.ENOMEM and \
                    refused.sentence and not \
                    refused.sentence.startswith("the kernel is out of memory"):
                fault(f"{name}: allocation {number}: {refused.sentence}")
            # without a verdict it may have been done
            if refused and self.control.state() != self.before:
                fault(f"{name}: allocation {number}: refused, and done")
            self.talk.socket.close()
            self.control.state()
        self.injector.each(name, request, self.base, after)


def part_requests(injector):
    """Each request is carried out, or refused as a whole."""
    requests = Requests(injector)
    own = genl.laddr("10.1.0.9")
    for name, command, given in (
            ("one address: ", genl.SERVICE_ADD, (MARK, own)),
            ("IPv6: ", genl.SERVICE_ADD, (WEB6, genl.laddr("2001:db8:3::1"))),
            ("addresses and ports: ", genl.SERVICE_ADD,
             (MARK, genl.laddr("10.1.0.32/29"), own, genl.ports(5000, 5010),
              genl.ports(7000), genl.u32(genl.UDP_TIMEOUT, 3))),
            ("large pool: ", genl.SERVICE_ADD,
             (MARK, genl.laddr("10.2.0.0/22"))),
            ("pool: ", genl.SERVICE_SET, (WEB, own)),
            ("ports: ", genl.SERVICE_SET, (WEB, genl.ports(5000))),
            ("settings: ", genl.SERVICE_SET, (DNS,
                                              genl.u32(genl.UDP_TIMEOUT, 9))),
            ("", genl.SERVICE_DEL, (WEB,)), ("", genl.SERVICE_GET, (WEB,)),
            ("", genl.LADDR_ADD, (WEB, own)),
            ("", genl.LADDR_DRAIN, (WEB, genl.laddr("10.1.0.1"))),
            ("", genl.LADDR_DEL, (WEB, genl.laddr("10.1.0.2"))),
            ("", genl.LADDR_GET, (WEB, genl.attribute(
                genl.L_ADDR, ipvs.packed("10.1.0.1")))),
            ("", genl.SESSION_FLUSH, ()), ("", genl.STATS_GET, ()),
            ("service: ", genl.STATS_GET, (WEB,)),
            ("", genl.STATS_RESET, ()),
            ("", genl.RESTORE, (genl.nest(genl.POLICY, MARK, own),
                                genl.nest(genl.POLICY, WEB6, genl.laddr(
                                    "2001:db8:3::8/126")))),
            ("replace: ", genl.RESTORE, (
                genl.nest(genl.POLICY, MARK, own), genl.nest(
                    genl.POLICY, WEB, own), genl.flag(genl.REPLACE)))):
        requests.each(command, *given, name=name)
    for command in (genl.SERVICE_GET, genl.LADDR_GET, genl.SESSION_GET,
                    genl.STATS_GET):
        requests.each(command, flags=genl.DUMP)
    requests.control.clear()


def part_first(injector):
    """The first policy of a namespace, with which its hooks come."""
    contract = Contract()
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    talk = None
    # one that drains need not be the namespace's own
    given = WEB + genl.laddr("10.1.0.1", draining=True)

    def before():
        nonlocal talk
        checked(LIBC.unshare(CLONE_NEWNET))
        talk = Exchange(contract)

    def request():
        try:
            talk.talk(genl.SERVICE_ADD, given, genl.ACK)
        except genl.Refused as no:
            raise OSError(no.errno, no.sentence) from None

    def after(number, _, error):
        nonlocal talk
        control = Exchange(contract)
        if error and error.errno == errno.ENOMEM and control.policies():
            fault(f"allocation {number}: refused, and done")
        control.clear()
        checked(LIBC.setns(home, CLONE_NEWNET))
        control.socket.close()
        talk.socket.close()
        talk = None
    injector.each("first policy", request, before, after)


def part_namespaces(injector):
    """A namespace comes into being, or not."""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)

    def unshare():
        try:
            checked(LIBC.unshare(CLONE_NEWNET))
        except OSError as no:
            # other parts of the kernel have other words for it
            if no.errno in (errno.EINVAL, errno.ENODEV):
                no.errno = errno.ENOMEM
            raise

    def after(_number, _, error):
        if not error:
            checked(LIBC.setns(home, CLONE_NEWNET))
    injector.each("unshare", unshare, after=after, first=4)


# IPVS, with the scheduler


def part_scheduler(injector):
    """Edits of a service and its real servers: done, or refused as a whole."""
    kernel = ipvs.Ipvs()
    service = ipvs.Service(kernel, TCP, VIP, 90)
    real = [f"198.51.100.{number}" for number in range(1, 60)]

    def clear():
        with contextlib.suppress(OSError):
            service.change(ipvs.DEL_SERVICE, "swrr", 0)

    def base():
        clear()
        service.change(ipvs.NEW_SERVICE, "swrr", 0)
        for number, one in enumerate(real[:20]):
            service.dest(ipvs.NEW_DEST, one, 90, number * 7 + 1)

    def dests():
        return sorted(service.dests().items())

    def each(name, function, before):
        was = None

        def prepare():
            nonlocal was
            before()
            was = dests() if before is base else None

        def after(number, _, error):
            if error and was and error.errno == errno.ENOMEM and \
                    dests() != was:
                fault(f"{name}: allocation {number}: refused, and done")
            # and it goes on to work
            with contextlib.suppress(FileExistsError):
                service.change(ipvs.NEW_SERVICE, "swrr", 0)
            service.dest(ipvs.NEW_DEST, real[-1], 90, 1)
            service.dest(ipvs.SET_DEST, real[-1], 90, 5)
        injector.each(name, function, prepare, after)
    each("new service", lambda: service.change(
        ipvs.NEW_SERVICE, "swrr", 0), clear)
    each("new dest", lambda: service.dest(
        ipvs.NEW_DEST, real[30], 90, 1000), base)
    each("set dest", lambda: service.dest(
        ipvs.SET_DEST, real[3], 90, 99), base)
    each("delete dest", lambda: service.dest(ipvs.DEL_DEST, real[3], 90),
         base)
    each("edit service", lambda: service.change(
        ipvs.SET_SERVICE, "swrr", 0), base)
    each("another scheduler", lambda: service.change(
        ipvs.SET_SERVICE, "rr", 0), base)
    each("delete service", lambda: service.change(
        ipvs.DEL_SERVICE, "swrr", 0), base)
    clear()


# packets


def segment(source, target, ports, flags=None):
    """A TCP segment with these flags, or a datagram; addresses as text."""
    source, target = address(source), address(target)
    if flags is None:
        protocol, data = UDP, struct.pack("!HHHH", *ports, 12, 0) + b"word"
    else:
        protocol, data = TCP, struct.pack("!HHIIBBHHH", *ports, 1000, 0,
                                          0x50, flags, 1000, 0, 0)
    at = 6 if protocol == UDP else 16
    check = checksum(pseudo(source, target, len(data), protocol) + data)
    data = data[:at] + struct.pack("!H", check) + data[at + 2:]
    return header(source, target, protocol, data)


def header(source, target, protocol, data):
    if len(source) == 16:
        return struct.pack("!IHBB", 6 << 28, len(data), protocol, 64) + \
            source + target + data
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(data), 0, 0, 64,
                       protocol, 0) + source + target
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + data


def unreachable(source, target, about):
    """An ICMP error about a packet."""
    source, target = address(source), address(target)
    six = len(source) == 16
    data = struct.pack("!BBHI", 1 if six else 3, 4 if six else 3, 0, 0) + \
        about
    head = pseudo(source, target, len(data), 58) if six else b""
    data = data[:2] + struct.pack("!H", checksum(head + data)) + data[4:]
    return header(source, target, 58 if six else 1, data)


class Link:
    """An interface of the director, with the other end in our hands."""

    def __init__(self, name):
        self.file = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(self.file, TUNSETIFF, struct.pack(
            "16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))

    def send(self, data):
        """It is through the director when this returns."""
        os.write(self.file, data)

    def received(self):
        """[packet], those of the director's own aside"""
        found = []
        with contextlib.suppress(BlockingIOError):
            while True:
                packet = Packet(os.read(self.file, 1 << 16))
                if packet.protocol in (TCP, UDP, 1) or (
                        packet.protocol == 58 and packet.payload[0] < 128):
                    found.append(packet)
        return found


class Path:
    """Packets that go through the director, one after another."""

    def __init__(self, injector):
        self.injector, self.port = injector, 2000
        self.near, self.far = Link("cli"), Link("lan")
        self.talk = Exchange(Contract())

    def request(self, protocol, six):
        """A first packet, from a port that was not there before."""
        self.port += 1
        vip, client = (VIP6, CLIENT6) if six else (VIP, CLIENT)
        if protocol == TCP:
            return segment(client, vip, (self.port, 80), SYN)
        return segment(client, vip, (self.port, 53))

    def through(self, data, six):
        """What comes out at the real server, looked at."""
        self.near.send(data)
        return self.check_request(six)

    def check_request(self, six):
        found = self.far.received()
        for packet in found:
            if packet.source != address(LADDR6 if six else LADDR) or \
                    not packet.sound():
                fault(f"at the real server: {packet.data.hex()}")
        return found[0] if found else None

    def first(self, protocol, six):
        """First packets: they pass, translated, or they do not."""
        lost = 0

        def before():
            self.near.received()
            self.far.received()

        def send():
            self.near.send(self.request(protocol, six))

        def after(*_):
            nonlocal lost
            lost += not self.check_request(six)
            # and the next one passes
            if not self.through(self.request(protocol, six), six):
                fault("the packet after it is lost")
            self.near.received()
        name = f"first packet, {protocol}, {6 if six else 4}"
        self.injector.each(name, send, before, after)
        note(f"{name}: {lost} lost")
        if not lost:
            fault(f"{name}: none was lost")

    def later(self, name, packet_of, link, check, six, protocol):
        """Packets of sessions that are there: they arrive or they do not."""
        lost = 0
        packet = None

        def before():
            nonlocal packet
            passed = self.through(self.request(protocol, six), six)
            self.near.received()
            packet = packet_of(passed)

        def after(*_):
            nonlocal lost
            lost += not check()
        name += f", {protocol}, {6 if six else 4}"
        self.injector.each(name, lambda: link.send(packet), before, after)
        note(f"{name}: {lost} lost")

    def check_reply(self, six):
        found = self.near.received()
        for packet in found:
            if packet.source != address(VIP6 if six else VIP) or \
                    not packet.sound():
                fault(f"at the client: {packet.data.hex()}")
        return found

    @staticmethod
    def reply(packet, protocol, six):
        """The real server's answer to what it got."""
        laddr, server = (LADDR6, SERVER6) if six else (LADDR, SERVER)
        ports = packet.ports[1], packet.ports[0]
        return segment(server, laddr, ports,
                       SYN_ACK if protocol == TCP else None)

    @staticmethod
    def error(packet, six):
        laddr, server = (LADDR6, SERVER6) if six else (LADDR, SERVER)
        return unreachable(server, laddr, packet.data)


def part_packets(injector):
    """Packets pass, translated, or are lost; nothing else becomes of them."""
    path = Path(injector)
    for given in (genl.service(TCP, VIP, 80) + genl.laddr(LADDR),
                  genl.service(UDP, VIP, 53) + genl.laddr(LADDR),
                  genl.service(TCP, VIP6, 80) + genl.laddr(LADDR6),
                  genl.service(UDP, VIP6, 53) + genl.laddr(LADDR6)):
        path.talk.ask(genl.SERVICE_ADD, given)
    kernel = ipvs.Ipvs()
    for six in False, True:
        for protocol, port in (TCP, 80), (UDP, 53):
            service = ipvs.Service(kernel, protocol, VIP6 if six else VIP,
                                   port)
            service.change(ipvs.NEW_SERVICE, "swrr", 0)
            service.dest(ipvs.NEW_DEST, SERVER6 if six else SERVER, port)
    for six in False, True:
        for protocol in TCP, UDP:
            if not path.through(path.request(protocol, six), six):
                fault(f"nothing passes: {protocol}, {six}")
                continue
            path.first(protocol, six)
            path.later("reply", lambda packet, p=protocol, s=six:
                       path.reply(packet, p, s), path.far,
                       lambda s=six: path.check_reply(s), six, protocol)
            path.later("ICMP error", lambda packet, s=six:
                       path.error(packet, s), path.far,
                       lambda s=six: path.near.received(), six, protocol)
    path.talk.ask(genl.SESSION_FLUSH)
    path.talk.clear()


def main():
    name, seed, *more = sys.argv[1:]
    injector = Injector(int(seed))
    try:
        globals()["part_" + name](injector, *more)
    except Exception:  # pylint: disable=broad-except
        fault(traceback.format_exc()[-600:])


main()

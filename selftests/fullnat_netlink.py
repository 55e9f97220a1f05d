# SPDX-License-Identifier: GPL-2.0
"""The tests of fullnat_netlink.sh: fullnat_netlink.py TEST, in the director.

Prints what is wrong, a line each.
"""

import errno
import os
import re
import struct
import subprocess
import sys
import threading
import traceback

import genl
from genl import (
    ACK, ADJUST, DEFAULT_PORTS, DRAINING, DUMP, DUMP_INTR, LADDR, LADDRS,
    LADDR_ADD, LADDR_DEL, LADDR_DRAIN, LADDR_GET, NLMSG_DONE, POLICY, PORTS,
    REPLACE, RESTORE, SERVICE, SERVICE_ADD, SERVICE_DEL, SERVICE_GET,
    SERVICE_SET, SESSION_FLUSH, SESSION_GET, STATS_GET, STATS_RESET, TCP, UDP,
    UDP_TIMEOUT, Fullnat, Refused, attribute, be16, end, every, flag, fwmark,
    laddr, named, nest, number, packed, parse, ports, service, u8, u32,
    unpacked)
from tell import fault, same

VIP, VIP6 = "192.0.2.100", "2001:db8:1::100"
HOME, HOME6 = "198.51.100.254", "2001:db8:2::254"
WEB = service(TCP, VIP, 80)
WEB6 = service(TCP, VIP6, 80)
DNS = service(UDP, VIP, 53)


def sysctl(name, value=None):
    path = "/proc/sys/net/" + name.replace(".", "/")
    with open(path, "r+" if value is not None else "r",
              encoding="ascii") as file:
        if value is None:
            return file.read().split()
        file.write(str(value))
        return None


def range_of(data):
    found = parse(data)
    return tuple(int.from_bytes(found[kind], "big")
                 for kind in (genl.P_FIRST, genl.P_LAST))


class Director(Fullnat):
    """What there is, as plain values."""

    def policy(self, which):
        data = self.ask(SERVICE_GET, which)
        found = parse(data)
        return {
            "service": named(found[SERVICE]),
            "ports": [range_of(one) for one in every(data, PORTS)],
            "default": DEFAULT_PORTS in found,
            "timeout": number(found[UDP_TIMEOUT])
            if UDP_TIMEOUT in found else None,
            "adjust": found[ADJUST][0] if ADJUST in found else None,
            "laddrs": number(found[LADDRS]),
            "draining": number(found[DRAINING]),
        }

    def names(self):
        return [named(parse(data)[SERVICE]) for data in self.dump(SERVICE_GET)]

    def pool(self, *which):
        """[(address, draining)] of a service, in the kernel's order"""
        found = [parse(data) for data in self.dump(LADDR_GET, *which)]
        return [(unpacked(one[genl.L_ADDR]), genl.L_DRAINING in one)
                for one in found]

    def everything(self):
        """All that can be configured, without the generation."""
        policies = [self.policy(SERVICE_BYTES(data))
                    for data in self.dump(SERVICE_GET)]
        return policies, [
            (named(parse(data)[genl.L_SERVICE]),
             parse(data)[genl.L_ADDR], genl.L_DRAINING in parse(data))
            for data in self.dump(LADDR_GET)]

    def clear(self):
        self.ask(RESTORE, flag(REPLACE))

    def refused(self, what, number_, sentence, command, *attributes,
                about=None, address=None, flags=ACK):
        """It is refused for that reason, at that attribute, and that is all"""
        before = self.everything()
        try:
            self.talk(command, b"".join(attributes), flags)
        except Refused as no:
            same(f"{what}: errno", errno.errorcode[number_],
                 errno.errorcode[no.errno])
            if not re.search(sentence, no.sentence):
                fault(f"{what}: expected /{sentence}/, got '{no.sentence}'")
            if about and not no.about(about):
                fault(f"{what}: not about the attribute, offset {no.offset}")
            if address:
                same(f"{what}: address", address, no.address())
            return no
        else:
            fault(f"{what}: accepted")
            return None
        finally:
            if self.everything() != before:
                fault(f"{what}: changed something")


class Narrow(Director):
    """With little room for what it is told at a time."""
    room = 4096

    def receive(self):
        return genl.messages(self.socket.recv(self.room))


def ip(*words):
    subprocess.run(["ip", *words], check=True)


def SERVICE_BYTES(data):
    """The service of a message, to be sent back."""
    return attribute(SERVICE | 0x8000, parse(data)[SERVICE])


def test_policy(kernel):
    """add, get, set, del; each setting; each kind of service"""
    low, high = map(int, sysctl("ipv4.ip_local_port_range"))
    usual = [(1024, low - 1), (high + 1, 65535)]
    kernel.ask(SERVICE_ADD, WEB, laddr(HOME))
    same("web", {"service": f"-t {VIP}:80", "ports": usual, "default": True,
                 "timeout": None, "adjust": 1, "laddrs": 1, "draining": 0},
         kernel.policy(WEB))
    kernel.ask(SERVICE_ADD, DNS, laddr(HOME), u32(UDP_TIMEOUT, 10),
               ports(20000, 20099), ports(5000), ports(10000, 10009))
    same("dns", {"service": f"-u {VIP}:53", "default": False,
                 "ports": [(5000, 5000), (10000, 10009), (20000, 20099)],
                 "timeout": 10, "adjust": None, "laddrs": 1, "draining": 0},
         kernel.policy(DNS))
    others = [WEB6, service(TCP, VIP, 0), fwmark(7), fwmark(7, genl.AF_INET6),
              fwmark(0xffffffff)]
    for which, own in zip(others, (HOME6, HOME, HOME, HOME6, HOME)):
        kernel.ask(SERVICE_ADD, which, laddr(own), u8(ADJUST, 0))
        same("adjust", 0, kernel.policy(which)["adjust"])
    same("names", [f"-t {VIP}:80", f"-u {VIP}:53", f"-t {VIP6}:80",
                   f"-t {VIP}:0", "-f 7", "-f 7 -6", f"-f {0xffffffff}"],
         kernel.names())
    kernel.ask(SERVICE_SET, DNS, u32(UDP_TIMEOUT, 0))
    same("timeout", 0, kernel.policy(DNS)["timeout"])
    same("ports stay", 3, len(kernel.policy(DNS)["ports"]))
    kernel.ask(SERVICE_SET, DNS, flag(DEFAULT_PORTS))
    same("default ports", (usual, True),
         (kernel.policy(DNS)["ports"], kernel.policy(DNS)["default"]))
    kernel.ask(SERVICE_SET, WEB, ports(1024, 1025), u8(ADJUST, 0))
    same("set", ([(1024, 1025)], False, 0, 1), tuple(
        kernel.policy(WEB)[name]
        for name in ("ports", "default", "adjust", "laddrs")))
    for which in [WEB, DNS] + others:
        kernel.ask(SERVICE_DEL, which)
    same("all deleted", [], kernel.names())


def test_words(kernel):
    """each refusal of a service or a setting has its sentence"""
    kernel.ask(SERVICE_ADD, WEB, laddr(HOME))
    add, own = SERVICE_ADD, laddr(HOME)

    def refused(*arguments, **more):
        kernel.refused(*arguments, **more)

    refused("no service", errno.EINVAL, "^no service: give one$", add, own)
    refused("twice", errno.EEXIST, "change it with service set", add, WEB, own,
            about=WEB)
    for command in SERVICE_SET, SERVICE_DEL, SERVICE_GET, STATS_GET, \
            STATS_RESET:
        more = [own] if command == SERVICE_SET else []
        refused(f"command {command} of none", errno.ENOENT,
                "make one with service add", command, DNS, *more, about=DNS)
    refused("no addresses", errno.EINVAL, "^no local addresses: give some$",
            add, DNS)
    refused("nothing", errno.EINVAL, "^nothing to change: give",
            SERVICE_SET, WEB)

    bad = nest(SERVICE, u8(genl.S_PROTOCOL, TCP),
               attribute(genl.S_ADDR, packed(VIP)))
    refused("no port", errno.EINVAL, "^not a service: give protocol", add, bad,
            own, about=bad)
    bad = u8(genl.S_PROTOCOL, 132)
    refused("protocol", errno.EPROTONOSUPPORT, "^unknown protocol: give", add,
            nest(SERVICE, bad, attribute(genl.S_ADDR, packed(VIP)),
                 be16(genl.S_PORT, 1)), own, about=bad)
    for size in 0, 3, 5, 15, 17:
        bad = attribute(genl.S_ADDR, bytes(size))
        refused(f"address of {size}", errno.EINVAL, "^not an address: give 4",
                add, nest(SERVICE, u8(genl.S_PROTOCOL, TCP), bad,
                          be16(genl.S_PORT, 1)), own, about=bad)
    for address in "0.0.0.0", "224.0.0.1", "255.255.255.255", "::", "ff02::1", \
            "::ffff:192.0.2.1":
        refused(address, errno.EINVAL, "^not a unicast address", add,
                service(TCP, address, 80), own)
    bad = u8(genl.S_AF, genl.AF_INET6)
    refused("wrong family", errno.EINVAL, "^not the family of the address",
            add, nest(SERVICE, bad, u8(genl.S_PROTOCOL, TCP),
                      attribute(genl.S_ADDR, packed(VIP)),
                      be16(genl.S_PORT, 1)), own, about=bad)
    bad = nest(SERVICE, u32(genl.S_FWMARK, 1))
    refused("fwmark without family", errno.EINVAL, "give af$", add, bad, own,
            about=bad)
    bad = nest(SERVICE, u8(genl.S_AF, 2), u32(genl.S_FWMARK, 1),
               be16(genl.S_PORT, 1))
    refused("fwmark and port", errno.EINVAL, "give one of them$", add, bad, own,
            about=bad)
    bad = u8(genl.S_AF, 3)
    refused("family", errno.EAFNOSUPPORT, "^unknown family: give", add,
            nest(SERVICE, bad, u32(genl.S_FWMARK, 1)), own, about=bad)
    bad = u32(genl.S_FWMARK, 0)
    refused("fwmark 0", errno.ERANGE, ".", add,
            nest(SERVICE, u8(genl.S_AF, 2), bad), own, about=bad)

    bad = u32(UDP_TIMEOUT, 5)
    refused("timeout of TCP", errno.EINVAL, "leave it out", SERVICE_SET, WEB,
            bad, about=bad)
    bad = u32(UDP_TIMEOUT, 86401)
    refused("timeout", errno.ERANGE, "give 86400 seconds at most", add, DNS,
            own, bad, about=bad)
    bad = u8(ADJUST, 1)
    refused("adjust of UDP", errno.EINVAL, "leave it out", add, DNS, own, bad,
            about=bad)
    bad = u8(ADJUST, 2)
    refused("adjust 2", errno.ERANGE, ".", SERVICE_SET, WEB, bad, about=bad)

    bad = end(genl.N_CLIENT, VIP)[:4] + be16(genl.E_PORT, 1)
    bad = struct.pack("=H", len(bad)) + bad[2:]
    refused("port alone", errno.EINVAL, "^no address: give addr", SESSION_GET,
            bad, flags=DUMP)
    refused("not one session", errno.EINVAL, "^not one session: give protocol",
            SESSION_GET, u8(genl.N_PROTOCOL, TCP))
    refused("no session", errno.ENOENT, "^there is no such session",
            SESSION_GET, u8(genl.N_PROTOCOL, TCP),
            end(genl.N_LADDR, HOME, 1024), end(genl.N_SERVER, HOME, 80))
    bad = u8(genl.N_PROTOCOL, 1)
    refused("filter", errno.EPROTONOSUPPORT, "^unknown protocol", SESSION_FLUSH,
            bad, about=bad)
    refused("address in a dump", errno.EINVAL, "leave addr out", LADDR_GET,
            attribute(genl.L_ADDR, packed(HOME)), flags=DUMP)
    refused("no address", errno.EINVAL, "^no address: give addr", LADDR_GET,
            WEB)
    bad = attribute(genl.L_ADDR, packed(VIP))
    refused("not there", errno.ENOENT, "^the address is not in the pool",
            LADDR_GET, WEB, bad, about=bad)
    refused("dump of none", errno.ENOENT, "make one with service add",
            SERVICE_GET, DNS, flags=DUMP)


def test_ports(kernel):
    """ports keep out of the director's own"""
    sysctl("ipv4.ip_unprivileged_port_start", 0)
    sysctl("ipv4.ip_local_port_range", "32768 60999")
    sysctl("ipv4.ip_local_reserved_ports", "")
    overlap = "overlap ip_local_port_range.*ip_local_reserved_ports"

    def refused(what, number_, sentence, *given):
        kernel.refused(what, number_, sentence, SERVICE_ADD, WEB, laddr(HOME),
                       *given, about=given[-1])

    def accepted(*given):
        kernel.ask(SERVICE_ADD, WEB, laddr(HOME), *given)
        kernel.ask(SERVICE_DEL, WEB)

    for first, last in ((32768, 32768), (60999, 60999), (1024, 32768),
                        (60999, 65535), (1, 65535), (40000, 40010)):
        refused(f"{first}-{last}", errno.EADDRINUSE, overlap,
                ports(first, last))
    accepted(ports(1024, 32767), ports(61000, 65535))
    accepted(ports(1, 1))
    sysctl("ipv4.ip_local_reserved_ports", "40000-40009")
    accepted(ports(40000, 40009))
    accepted(ports(40003))
    refused("one beyond", errno.EADDRINUSE, overlap, ports(40000, 40010))
    refused("one before", errno.EADDRINUSE, overlap, ports(39999, 40009))
    sysctl("ipv4.ip_local_reserved_ports", "32768-60999")
    accepted(ports(1, 65535))
    sysctl("ipv4.ip_local_reserved_ports", "")

    for first, last in ((0, 0), (0, 10), (10, 9)):
        refused(f"{first}-{last}", errno.EINVAL, "^not a range of ports: give",
                ports(first, last))
    refused("no first", errno.EINVAL, "^not a range of ports: give",
            nest(PORTS, be16(genl.P_LAST, 10)))
    for one, other in (((10, 20), (20, 30)), ((20, 30), (10, 20)),
                       ((10, 20), (12, 13)), ((12, 13), (10, 20)),
                       ((10, 20), (10, 20))):
        refused(f"{one} {other}", errno.EINVAL, "^ranges of ports overlap",
                ports(*one), ports(*other))
    refused("too many", errno.E2BIG, "give fewer", ports(1), ports(3),
            ports(5), ports(7), ports(9))
    refused("both", errno.EINVAL, "give one of them", ports(1),
            flag(DEFAULT_PORTS))

    def default(low, high):
        sysctl("ipv4.ip_local_port_range", f"{low} {high}")
        kernel.ask(SERVICE_ADD, WEB, laddr(HOME))
        found = kernel.policy(WEB)["ports"]
        kernel.ask(SERVICE_DEL, WEB)
        return found

    same("all above", [(1024, 9999)], default(10000, 65535))
    same("all below", [(10001, 65535)], default(1024, 10000))
    same("low ones", [(1024, 65535)], default(1000, 1020))
    same("one port", [(1024, 2000), (2002, 65535)], default(2001, 2001))
    sysctl("ipv4.ip_local_port_range", "1024 65535")
    kernel.refused("none left", errno.EADDRINUSE,
                   "^ip_local_port_range leaves no ports: narrow it",
                   SERVICE_ADD, WEB, laddr(HOME))
    # of many, it is told which
    given = [nest(POLICY, WEB, laddr(HOME), ports(1)),
             nest(POLICY, DNS, laddr(HOME))]
    kernel.refused("none left for one of them", errno.EADDRINUSE,
                   "^ip_local_port_range leaves no ports: narrow it",
                   RESTORE, *given, about=given[1])
    sysctl("ipv4.ip_local_port_range", "32768 60999")


def test_addresses(kernel):
    """addresses must be the director's own"""
    absent = "^not an address of this namespace: add it"

    def refused(what, number_, sentence, given, address=None, which=WEB):
        kernel.refused(what, number_, sentence, SERVICE_ADD, which,
                       laddr(HOME6 if which == WEB6 else HOME), given,
                       about=given, address=address)

    def accepted(which, *given):
        kernel.ask(SERVICE_ADD, which, *given)
        found = [address for address, _ in kernel.pool(which)]
        kernel.ask(SERVICE_DEL, which)
        return found

    for address, number_, sentence in (
            ("192.0.2.1", errno.EADDRNOTAVAIL, absent),
            ("203.0.113.5", errno.EADDRNOTAVAIL, absent),
            ("127.0.0.1", errno.EINVAL, "^a loopback address"),
            ("0.0.0.0", errno.EINVAL, "^not a unicast address"),
            ("239.1.1.1", errno.EINVAL, "^not a unicast address"),
            ("255.255.255.255", errno.EINVAL, "^not a unicast address"),
            ("198.51.100.255", errno.EADDRNOTAVAIL, "^a broadcast address")):
        refused(address, number_, sentence, laddr(address), address)
    for address, number_, sentence in (
            ("2001:db8:2::1", errno.EADDRNOTAVAIL, absent),
            ("::1", errno.EINVAL, "^a loopback address"),
            ("fe80::1", errno.EINVAL, "^a link-local address"),
            ("ff02::1", errno.EINVAL, "^not a unicast address"),
            ("::", errno.EINVAL, "^not a unicast address"),
            ("::ffff:198.51.100.254", errno.EINVAL, "^not a unicast address")):
        refused(address, number_, sentence, laddr(address), address, WEB6)

    refused("one of many", errno.EADDRNOTAVAIL, absent,
            laddr("10.1.0.250-10.1.1.5"), "10.1.1.0")
    # whatever is in an IPv6 address, it is told as it is, and nothing else is
    for address in "2001:db8::ff00:0:0:1", "2001:db8:6:0:ffff:ffff:ffff:ffff":
        no = kernel.refused(address, errno.EADDRNOTAVAIL, absent, SERVICE_ADD,
                            WEB6, laddr(address), address=address)
        same("cookie", bytes(4), no.cookie)
    refused("the last but one", errno.EADDRNOTAVAIL, absent,
            laddr("2001:db8:3:ffff:ffff:ffff:ffff:fff0-2001:db8:4::"),
            "2001:db8:4::", WEB6)
    refused("families", errno.EINVAL, "^not the service's family",
            laddr(HOME6))
    refused("twice", errno.EINVAL, "^an address is given twice", laddr(HOME),
            HOME)
    # it is the later attribute that is to blame, wherever both are
    for count in range(2, 7):
        for first in range(count - 1):
            for second in range(first + 1, count):
                given = [laddr(f"10.1.0.{n + 1}") for n in range(count)]
                given[second] = given[first]
                no = kernel.refused(
                    f"{first} and {second} of {count}", errno.EINVAL,
                    "^an address is given twice", SERVICE_ADD, WEB, *given,
                    address=f"10.1.0.{first + 1}")
                same(f"{first} and {second} of {count}: at",
                     20 + len(WEB) + second * len(given[0]), no.offset)
    bad = nest(LADDR, attribute(genl.A_ADDR, packed("10.1.0.9")),
               attribute(genl.A_LAST, packed("10.1.0.8")))
    kernel.refused("backwards", errno.EINVAL, "the lower address first",
                   SERVICE_ADD, WEB, bad)
    bad = nest(LADDR, attribute(genl.A_ADDR, packed("10.1.0.9")),
               attribute(genl.A_LAST, packed(HOME6)))
    kernel.refused("two families", errno.EINVAL, "ends in another family",
                   SERVICE_ADD, WEB, bad)
    bad = nest(LADDR, attribute(genl.A_ADDR, packed("10.1.0.9")),
               attribute(genl.A_LAST, packed("10.1.0.9")),
               u8(genl.A_PREFIX, 32))
    refused("range and prefix", errno.EINVAL, "^not addresses: give addr", bad)
    refused("no address", errno.EINVAL, "^not addresses: give addr",
            nest(LADDR, u8(genl.A_PREFIX, 24)))
    for length in 0, 33:
        kernel.refused(f"/{length}", errno.EINVAL, "^not a length of a prefix",
                       SERVICE_ADD, WEB, laddr(f"10.1.0.0/{length}"))
    kernel.refused("host bits", errno.EINVAL, "bits beyond the prefix",
                   SERVICE_ADD, WEB, laddr("10.1.0.1/24"))
    for many in "10.0.0.0/20", "10.1.0.0-10.1.8.0", "0.0.0.0-255.255.255.255":
        refused(many, errno.E2BIG, "^more than 2048 addresses", laddr(many))
    for many in "2001:db8::/32", "::/1", "::-ffff::", "2001:db8:3::/116":
        refused(many, errno.E2BIG, "^more than 2048 addresses", laddr(many),
                which=WEB6)

    # a local route makes every address of it local, the outer ones too
    same("local prefix", 256, len(accepted(WEB, laddr("10.1.0.0/24"))))
    same("local range", [f"10.1.0.{n}" for n in range(9, 12)],
         accepted(WEB, laddr("10.1.0.9-10.1.0.11")))
    same("in order", ["10.1.0.1", "10.1.0.2", "10.1.0.3", HOME],
         accepted(WEB, laddr(HOME), laddr("10.1.0.3"),
                  laddr("10.1.0.1-10.1.0.2")))
    same("largest", 2048, len(accepted(WEB, laddr("10.2.0.0/21"))))
    same("IPv6 prefix", ["2001:db8:3::" + (f"{n:x}" if n else "")
                         for n in range(16)],
         accepted(WEB6, laddr("2001:db8:3::/124")))
    same("IPv6 carry", ["2001:db8:3:0:ffff:ffff:ffff:ffff",
                        "2001:db8:3:1::"],
         accepted(WEB6, laddr("2001:db8:3:0:ffff:ffff:ffff:ffff-"
                              "2001:db8:3:1::")))
    # all of a network's addresses on an interface: its broadcast is left out
    same("prefix", [f"10.3.0.{n}" for n in range(1, 7)],
         [one for one in accepted(WEB, laddr("10.3.0.0/29"))
          if one != "10.3.0.0"])
    kernel.refused("range to broadcast", errno.EADDRNOTAVAIL,
                   "^a broadcast address", SERVICE_ADD, WEB,
                   laddr("10.3.0.1-10.3.0.7"), address="10.3.0.7")
    kernel.refused("only broadcast", errno.EADDRNOTAVAIL,
                   "^a broadcast address", SERVICE_ADD, WEB, laddr("10.3.0.7"))
    same("tentative", ["2001:db8:4::1"], accepted(WEB6, laddr("2001:db8:4::1")))
    if os.path.exists("/sys/class/net/vrf1"):
        same("VRF", ["10.4.0.1"], accepted(WEB, laddr("10.4.0.1")))
        same("VRF", ["2001:db8:5::1"], accepted(WEB6, laddr("2001:db8:5::1")))


def test_pool(kernel):
    """add, drain and delete addresses"""
    kernel.ask(SERVICE_ADD, WEB, laddr("10.1.0.1-10.1.0.3"))

    def state():
        return " ".join(address[7:] + ("d" if draining else "")
                        for address, draining in kernel.pool(WEB))

    kernel.ask(LADDR_ADD, WEB, laddr("10.1.0.5"), laddr("10.1.0.4"))
    same("add", "1 2 3 4 5", state())
    kernel.ask(LADDR_DRAIN, WEB, laddr("10.1.0.2"), laddr("10.1.0.4-10.1.0.5"))
    same("drain", "1 2d 3 4d 5d", state())
    same("count", (5, 3), (kernel.policy(WEB)["laddrs"],
                           kernel.policy(WEB)["draining"]))
    kernel.ask(LADDR_DRAIN, WEB, laddr("10.1.0.2"))
    same("drain again", "1 2d 3 4d 5d", state())
    kernel.ask(LADDR_ADD, WEB, laddr("10.1.0.4"), laddr("10.1.0.6"))
    same("add what drains", "1 2d 3 4 5d 6", state())
    kernel.ask(LADDR_DEL, WEB, laddr("10.1.0.5"), laddr("10.1.0.1"))
    same("del", "2d 3 4 6", state())
    kernel.ask(LADDR_DRAIN, WEB, laddr("10.1.0.3-10.1.0.4"), laddr("10.1.0.6"))
    same("all drain", "2d 3d 4d 6d", state())

    refused = kernel.refused
    one = laddr("10.1.0.3-10.1.0.5")
    for command in LADDR_DRAIN, LADDR_DEL:
        refused("not there", errno.ENOENT, "^the address is not in the pool",
                command, WEB, one, about=one, address="10.1.0.5")
        refused("none", errno.EINVAL, "^no local addresses: give some$",
                command, WEB)
        refused("no policy", errno.ENOENT, "make one with service add",
                command, DNS, one, about=DNS)
    for command in LADDR_DRAIN, LADDR_DEL:
        bad = laddr("10.1.0.2", draining=True)
        refused("draining", errno.EINVAL, "^draining is for addresses that",
                command, WEB, bad, about=bad)
    kernel.ask(LADDR_ADD, WEB, laddr("10.1.0.3", draining=True))
    same("added, draining as before", "2d 3d 4d 6d", state())
    refused("the last ones", errno.EINVAL, "^these are all addresses",
            LADDR_DEL, WEB, laddr("10.1.0.2-10.1.0.4"), laddr("10.1.0.6"))
    kernel.ask(LADDR_ADD, WEB, laddr("10.1.0.3"))
    refused("there already", errno.EEXIST, "^the address is in the pool",
            LADDR_ADD, WEB, one, about=one, address="10.1.0.3")

    # what drains need not be the director's any more, but what is added must
    ip("address", "add", "10.6.0.1/32", "dev", "lo")
    moved = laddr("10.6.0.1")
    kernel.ask(LADDR_ADD, WEB, moved)
    kernel.ask(LADDR_DRAIN, WEB, moved)
    ip("address", "del", "10.6.0.1/32", "dev", "lo")
    absent = "^not an address of this namespace"
    refused("drains, and is gone", errno.EADDRNOTAVAIL, absent, LADDR_ADD, WEB,
            moved, about=moved, address="10.6.0.1")
    refused("the same by set", errno.EADDRNOTAVAIL, absent, SERVICE_SET, WEB,
            moved, about=moved, address="10.6.0.1")
    draining = laddr("10.6.0.1", draining=True)
    kernel.ask(SERVICE_SET, WEB, draining, laddr("10.1.0.3"))
    same("drains on", [("10.1.0.3", False), ("10.6.0.1", True)],
         kernel.pool(WEB))
    kernel.ask(SERVICE_SET, WEB, laddr("10.1.0.3"))
    kernel.ask(RESTORE, nest(POLICY, WEB, draining, laddr("10.1.0.3")),
               flag(REPLACE))
    same("restored as it was", [("10.1.0.3", False), ("10.6.0.1", True)],
         kernel.pool(WEB))
    refused("added, draining", errno.EADDRNOTAVAIL, absent, LADDR_ADD, WEB,
            laddr("10.6.0.2", draining=True))
    bad = laddr("127.0.0.1", draining=True)
    refused("drains, and never was", errno.EINVAL, "^a loopback address",
            SERVICE_SET, WEB, bad, about=bad)

    kernel.ask(SERVICE_SET, WEB, laddr("10.1.0.4", draining=True),
               laddr("10.1.0.8-10.1.0.9"))
    same("set", "4d 8 9", state())
    kernel.ask(SERVICE_SET, WEB, laddr("10.2.0.0/21"))
    refused("too many", errno.E2BIG, "^a pool has 2048 addresses at most",
            LADDR_ADD, WEB, laddr("10.1.0.1"))
    kernel.ask(LADDR_DEL, WEB, laddr("10.2.0.0/22"))
    same("half", 1024, len(kernel.pool(WEB)))

    kernel.ask(SERVICE_SET, WEB, laddr("10.3.0.0/29"))
    for command in LADDR_DRAIN, LADDR_DEL:
        kernel.ask(SERVICE_ADD, DNS, laddr("10.3.0.0/29"), laddr(HOME))
        kernel.ask(command, DNS, laddr("10.3.0.0/29"))
        same("prefix with its broadcast left out", (HOME, False),
             kernel.pool(service(UDP, VIP, 53, genl.L_SERVICE))[-1])
        kernel.ask(SERVICE_DEL, DNS)

    shown = parse(kernel.ask(LADDR_GET, WEB, attribute(
        genl.L_ADDR, packed("10.3.0.1"))))
    low, high = map(int, sysctl("ipv4.ip_local_port_range"))
    same("limit", low - 1024 + 65535 - high, number(shown[genl.L_LIMIT]))
    same("in use", (0, 0, 0), tuple(number(shown[kind]) for kind in (
        genl.L_SESSIONS, genl.L_USED, genl.L_NO_PORT)))


def test_malformed(kernel):
    """messages that are none"""
    kernel.ask(SERVICE_ADD, WEB, laddr("10.1.0.1-10.1.0.3"))
    before = kernel.everything()
    own = laddr(HOME)
    plain = struct.pack("=HH", len(DNS), SERVICE) + DNS[4:]
    good = DNS + own
    taken = {
        SERVICE_ADD: (SERVICE, LADDR, PORTS, DEFAULT_PORTS, UDP_TIMEOUT,
                      ADJUST),
        SERVICE_SET: (SERVICE, LADDR, PORTS, DEFAULT_PORTS, UDP_TIMEOUT,
                      ADJUST),
        SERVICE_DEL: (SERVICE,), SERVICE_GET: (SERVICE,),
        LADDR_ADD: (SERVICE, LADDR), LADDR_DRAIN: (SERVICE, LADDR),
        LADDR_DEL: (SERVICE, LADDR),
        LADDR_GET: (genl.L_SERVICE, genl.L_ADDR),
        SESSION_GET: (1, 2, 3, 5, 6), SESSION_FLUSH: (1, 2, 3, 5, 6),
        STATS_GET: (1,), STATS_RESET: (1,), RESTORE: (POLICY, REPLACE),
    }
    refused = 0
    for command, known in taken.items():
        for kind in range(1, 40):
            if kind in known:
                continue
            try:
                kernel.ask(command, WEB if command != RESTORE else b"",
                           attribute(kind, b"\1\0\0\0"))
                fault(f"command {command} takes attribute {kind}")
            except Refused as no:
                refused += no.errno == errno.EINVAL and bool(no.sentence)
    same("refused with a sentence",
         sum(39 - len(known) for known in taken.values()), refused)
    for what, payload in (
            ("no NLA_F_NESTED", plain + own),
            ("trailing bytes", good + b"\1\2\3"),
            ("longer than the message", good + struct.pack("=HH", 400, 5)),
            ("shorter than its header", good + struct.pack("=HH", 3, 5)),
            ("too short a number", good + attribute(UDP_TIMEOUT, b"\1")),
            ("too long a number", good + attribute(UDP_TIMEOUT, bytes(8))),
            ("too long a flag", good + attribute(DEFAULT_PORTS, b"\1")),
            ("a nest cut off", DNS[:-4] + own),
            ("an empty nest", DNS + nest(LADDR)),
            ("unknown in a nest", DNS + nest(
                LADDR, attribute(genl.A_ADDR, packed(HOME)), u32(9, 1))),
            ("read only in a restore", None)):
        command = SERVICE_ADD
        if payload is None:
            command, payload = RESTORE, nest(POLICY, DNS, own,
                                             u32(DRAINING, 1))
        try:
            kernel.ask(command, payload)
            fault(f"{what}: accepted")
            kernel.clear()
        except Refused as no:
            if not no.sentence:
                fault(f"{what}: no sentence")
    twice = "^the attribute is given twice: give it once$"
    address = attribute(genl.A_ADDR, packed(HOME))
    protocol = u8(genl.N_PROTOCOL, TCP)
    for command, flags, given in (
            (SERVICE_ADD, ACK, (DNS, own, WEB)),
            (SERVICE_ADD, ACK, (DNS, own, u32(UDP_TIMEOUT, 1),
                                u32(UDP_TIMEOUT, 1))),
            (SERVICE_ADD, ACK, (DNS, own, flag(DEFAULT_PORTS),
                                flag(DEFAULT_PORTS))),
            (SERVICE_SET, ACK, (WEB, u8(ADJUST, 1), u8(ADJUST, 0))),
            (SERVICE_DEL, ACK, (DNS, WEB)), (SERVICE_GET, ACK, (DNS, WEB)),
            (SERVICE_GET, DUMP, (DNS, WEB)),
            (LADDR_ADD, ACK, (WEB, own, WEB)), (LADDR_GET, DUMP, (DNS, WEB)),
            (LADDR_GET, ACK, (DNS, WEB)),
            (SESSION_GET, ACK, (protocol, protocol)),
            (SESSION_GET, DUMP, (protocol, protocol)),
            (SESSION_FLUSH, ACK, (protocol, protocol)),
            (STATS_GET, ACK, (DNS, WEB)), (STATS_GET, DUMP, (DNS, WEB)),
            (STATS_RESET, ACK, (DNS, WEB)),
            (RESTORE, ACK, (flag(REPLACE), flag(REPLACE)))):
        kernel.refused(f"{command} {flags}: twice", errno.EINVAL, twice,
                       command, *given, flags=flags,
                       about=given[-1] if flags == ACK else None)
    first, second = be16(genl.P_FIRST, 4), be16(genl.P_FIRST, 5)
    protocol = u8(genl.S_PROTOCOL, UDP)
    for what, bad, given in (
            ("address", address, (DNS, nest(LADDR, address, address))),
            ("port", second, (DNS, own, nest(PORTS, first, second))),
            ("protocol", protocol, (nest(
                SERVICE, u8(genl.S_PROTOCOL, TCP),
                attribute(genl.S_ADDR, packed(VIP)),
                be16(genl.S_PORT, 53), protocol), own))):
        kernel.refused(f"{what} twice in a nest", errno.EINVAL, twice,
                       SERVICE_ADD, *given, about=bad)
    kernel.refused("twice in an end", errno.EINVAL, twice, SESSION_FLUSH,
                   nest(genl.N_CLIENT, attribute(genl.E_ADDR, packed(VIP)),
                        attribute(genl.E_ADDR, packed(VIP))))
    kernel.refused("twice in a restore", errno.EINVAL, twice, RESTORE,
                   nest(POLICY, DNS, DNS, own), about=DNS)
    for command in 0, 14, 20, 21, 255:
        try:
            kernel.ask(command, WEB)
            fault(f"command {command}: accepted")
        except Refused as no:
            same(f"command {command}", errno.EOPNOTSUPP, no.errno)
    for command in SERVICE_ADD, RESTORE, STATS_RESET:
        try:
            kernel.dump(command, WEB if command != RESTORE else b"")
            fault(f"dump of command {command}: accepted")
        except Refused as no:
            same(f"dump of command {command}", errno.EOPNOTSUPP, no.errno)
    same("nothing changed", before, kernel.everything())


def test_noise(kernel):
    """good messages with random bytes changed: no harm"""
    import random
    kernel.ask(SERVICE_ADD, WEB, laddr("10.1.0.1-10.1.0.3"))
    generator = random.Random(1)
    seeds = [
        (SERVICE_ADD, DNS + laddr("10.1.0.1-10.1.0.9") + ports(5000, 6000)
         + u32(UDP_TIMEOUT, 1)),
        (SERVICE_SET, WEB + laddr("10.1.0.0/28") + u8(ADJUST, 1)),
        (SERVICE_DEL, DNS), (LADDR_ADD, WEB + laddr("10.1.0.77")),
        (LADDR_DRAIN, WEB + laddr("10.1.0.1")),
        (LADDR_DEL, WEB + laddr("10.1.0.2-10.1.0.3")),
        (RESTORE, nest(POLICY, WEB, laddr(HOME)) +
         nest(POLICY, WEB6, laddr(HOME6)) + flag(REPLACE)),
        (SESSION_FLUSH, WEB + end(genl.N_CLIENT, VIP, 1)),
        (SESSION_GET, u8(genl.N_PROTOCOL, TCP) + end(genl.N_LADDR, HOME, 1)
         + end(genl.N_SERVER, HOME, 1)),
    ]
    done = [0, 0]
    for _ in range(4000):
        command, payload = generator.choice(seeds)
        payload = bytearray(payload)
        for _ in range(generator.randrange(3)):
            payload[generator.randrange(len(payload))] = \
                generator.choice((0, 1, 2, 3, 4, 5, 8, 255,
                                  generator.randrange(256)))
        try:
            kernel.ask(command, bytes(payload))
            done[0] += 1
        except Refused as no:
            done[1] += 1
            if not no.sentence:
                fault(f"no sentence: {command} {payload.hex()} {no}")
    if min(done) < 400:
        fault(f"accepted {done[0]}, refused {done[1]}: not both")


def test_restore(kernel):
    """restore: all or nothing"""
    kernel.ask(SERVICE_ADD, WEB, laddr("10.1.0.1"), ports(5000, 5099),
               u8(ADJUST, 0))
    kernel.ask(SERVICE_ADD, fwmark(5), laddr("10.1.0.2"))

    def policies(*changed):
        given = [[service(TCP, VIP, 1000 + n), laddr(f"10.1.0.{n}")]
                 for n in range(50)]
        for position, attributes in changed:
            given[position] = attributes
        return [nest(POLICY, *attributes) for attributes in given]

    for position in 0, 25, 49:
        for what, number_, sentence, bad in (
                ("address", errno.EADDRNOTAVAIL, "^not an address",
                 [DNS, laddr("203.0.113.9")]),
                ("no address", errno.EINVAL, "^no local addresses", [DNS]),
                ("no service", errno.EINVAL, "^no service", [laddr(HOME)]),
                ("there", errno.EEXIST, "has a policy already",
                 [WEB, laddr(HOME)]),
                ("twice", errno.EINVAL, "^the service is given twice",
                 [service(TCP, VIP, 1048), laddr(HOME)]),
                ("ports", errno.EINVAL, "^not a range of ports",
                 [DNS, laddr(HOME), ports(9, 8)])):
            given = policies((position, bad))
            no = kernel.refused(f"{what} at {position}", number_, sentence,
                                RESTORE, *given)
            # the offset is in the bad one, or in the later of two
            start = 20 + sum(map(len, given[:position]))
            stop = start + len(given[position])
            if what != "twice" and no and \
                    not start <= (no.offset or 0) < stop:
                fault(f"{what} at {position}: offset {no.offset}, "
                      f"not {start}..{stop}")
    kernel.refused("nothing", errno.EINVAL, "^nothing to restore: give",
                   RESTORE)
    same("two", [f"-t {VIP}:80", "-f 5"], kernel.names())

    kernel.ask(RESTORE, *policies())
    same("added", 52, len(kernel.names()))
    kernel.refused("again", errno.EEXIST, "has a policy already", RESTORE,
                   *policies())
    twice = nest(POLICY, WEB, laddr(HOME))
    kernel.refused("replace twice", errno.EINVAL,
                   "^the service is given twice", RESTORE, twice, twice,
                   flag(REPLACE))
    kernel.ask(RESTORE, nest(POLICY, WEB, laddr("10.1.0.8-10.1.0.9"),
                             laddr("10.1.0.7", draining=True)),
               nest(POLICY, DNS, laddr(HOME), u32(UDP_TIMEOUT, 7),
                    ports(6000)), flag(REPLACE))
    same("replaced", [f"-t {VIP}:80", f"-u {VIP}:53"], kernel.names())
    same("its addresses", [("10.1.0.7", True), ("10.1.0.8", False),
                           ("10.1.0.9", False)], kernel.pool(WEB))
    same("its settings are the default ones", (True, 1), tuple(
        kernel.policy(WEB)[name] for name in ("default", "adjust")))
    same("the other's", ([(6000, 6000)], 7), tuple(
        kernel.policy(DNS)[name] for name in ("ports", "timeout")))
    kernel.ask(RESTORE, flag(REPLACE))
    same("replaced by none", [], kernel.names())
    kernel.ask(RESTORE, nest(POLICY, WEB, laddr(HOME)), flag(REPLACE))
    kernel.ask(RESTORE, nest(POLICY, DNS, laddr(HOME)), flag(REPLACE))
    same("replaced as a whole", [f"-u {VIP}:53"], kernel.names())


def test_dump(kernel):
    """10,240 addresses, 400 policies: each exactly once, in order"""
    big = [service(TCP, VIP, 8000 + n) for n in range(5)]
    for n, which in enumerate(big):
        kernel.ask(SERVICE_ADD, which, laddr(f"10.2.{8 * n}.0/21"))
    given = [nest(POLICY, service(TCP, VIP, 1 + n), laddr(HOME))
             for n in range(400)]
    kernel.ask(RESTORE, *given)
    same("policies", [f"-t {VIP}:{8000 + n}" for n in range(5)] +
         [f"-t {VIP}:{1 + n}" for n in range(400)], kernel.names())
    found = kernel.pool()
    same("addresses", 5 * 2048 + 400, len(found))
    same("in order", [f"10.2.{n // 256}.{n % 256}" for n in range(5 * 2048)],
         [address for address, _ in found[:5 * 2048]])
    for n, which in enumerate(big):
        same("those of one", found[n * 2048:n * 2048 + 2048],
             kernel.pool(which))
    data = [parse(one) for one in kernel.dump(STATS_GET)]
    services = [named(one[genl.T_SERVICE]) for one in data
                if genl.T_SERVICE in one]
    own = [unpacked(one[genl.T_LADDR]) for one in data if genl.T_LADDR in one]
    same("counters of services", kernel.names(), services)
    # buffers end in the midst of policies, wherever that is
    given = [[(2000 * n, 2000 * n + 9) for n in range(1, 2 + i * 7 // 3 % 4)]
             for i in range(400)]
    kernel.ask(RESTORE, flag(REPLACE), *[
        nest(POLICY, service(TCP, VIP, 1 + i), laddr(HOME),
             *[ports(*one) for one in ranges])
        for i, ranges in enumerate(given)])
    narrow = Narrow()
    for narrow.room in range(4096, 8000, 500):
        same(f"ports, by {narrow.room} bytes", given, [
            [range_of(one) for one in every(data, PORTS)]
            for data in narrow.dump(SERVICE_GET)])
    same("counters of addresses", sorted(set(a for a, _ in found)),
         sorted(own))


def slow_dump(kernel, command, between):
    """A dump, with something done after each buffer."""
    kernel.send(command, b"", DUMP)
    replies, changed = [], False
    while True:
        for kind, flags, sequence, body in kernel.receive():
            changed |= bool(flags & DUMP_INTR)
            if kind == NLMSG_DONE:
                return replies, changed
            replies.append(body[4:])
        between()


def pair_of(data):
    """Of an address: whose, and which."""
    found = parse(data)
    return named(found[genl.L_SERVICE]), unpacked(found[genl.L_ADDR])


def test_concurrent(kernel):
    """dumps while things change: marked, and what stays is told once"""
    other = Director()
    big = [service(TCP, VIP, 8000 + n) for n in range(4)]
    for n, which in enumerate(big):
        kernel.ask(SERVICE_ADD, which, laddr(f"10.2.{2 * n}.0/23"))
    kernel.ask(RESTORE, *[nest(POLICY, service(TCP, VIP, 1 + n), laddr(HOME))
                          for n in range(400)])

    replies, changed = slow_dump(kernel, LADDR_GET, lambda: None)
    same("nothing changes: marked", False, changed)
    same("all there", 4 * 512 + 400, len(replies))

    done = 0

    def edit():
        nonlocal done
        if done < 8:
            which, base = big[done % 4], f"10.2.{2 * (done % 4)}"
            if done < 4:
                other.ask(LADDR_DRAIN, which, laddr(f"{base}.0-{base}.99"))
                other.ask(LADDR_DEL, which, laddr(f"{base}.50-{base}.59"))
            else:
                other.ask(LADDR_ADD, which, laddr(f"{base}.0-{base}.49"))
        other.ask(SERVICE_DEL, service(TCP, VIP, 1 + 2 * done))
        other.ask(SERVICE_ADD, service(TCP, VIP, 20000 + done), laddr(HOME))
        done += 1

    replies, changed = slow_dump(kernel, LADDR_GET, edit)
    same("addresses change: marked", True, changed)
    found = [pair_of(one) for one in replies]
    same("none twice", len(set(found)), len(found))
    stay = {(f"-t {VIP}:{8000 + n}", f"10.2.{2 * n + i // 256}.{i % 256}")
            for n in range(4) for i in range(512) if not 50 <= i < 60}
    same("missing", [], sorted(stay - set(found))[:3])
    stay = {f"-t {VIP}:{1 + n}" for n in range(400) if n % 2 or n // 2 >= done}
    same("policies missing", [], sorted(stay - {one for one, _ in found})[:3])
    if done < 5:
        fault(f"only {done} changes")

    replies, changed = slow_dump(kernel, SERVICE_GET, edit)
    same("policies change: marked", True, changed)
    found = [named(parse(one)[SERVICE]) for one in replies]
    same("none twice", len(set(found)), len(found))

    # and with writers that never rest
    stop = threading.Event()

    def churn(index):
        mine = Director()
        which = service(UDP, VIP, 100 + index)
        while not stop.is_set():
            mine.ask(SERVICE_ADD, which, laddr("10.2.0.0/24"), laddr(HOME))
            mine.ask(LADDR_DRAIN, which, laddr("10.2.0.0/25"))
            mine.ask(LADDR_DEL, which, laddr("10.2.0.0/24"))
            mine.ask(SERVICE_SET, which, laddr("10.2.0.0/23"))
            mine.ask(SERVICE_DEL, which)

    before = {pair_of(one) for one in kernel.dump(LADDR_GET)}
    threads = [threading.Thread(target=churn, args=(n,)) for n in range(2)]
    for thread in threads:
        thread.start()
    for _ in range(3):
        found = [pair_of(one) for one in kernel.dump(LADDR_GET)]
        tcp = [one for one in found if one[0].startswith("-t ")]
        same("while others write: none twice", len(set(tcp)), len(tcp))
        same("while others write: missing", [], sorted(before - set(tcp))[:3])
        kernel.dump(STATS_GET)
    stop.set()
    for thread in threads:
        thread.join()


def test_events(kernel):
    """what is changed is told"""
    listener = Director()
    listener.join("events")
    kernel.ask(SERVICE_ADD, WEB, laddr("10.1.0.1-10.1.0.2"), ports(5000))
    kernel.ask(LADDR_ADD, WEB, laddr("10.1.0.5"), laddr("10.1.0.8/30"))
    kernel.ask(LADDR_DRAIN, WEB, laddr("10.1.0.1"))
    kernel.ask(LADDR_DEL, WEB, laddr("10.1.0.1"))
    kernel.ask(SERVICE_SET, WEB, u8(ADJUST, 0))
    kernel.ask(RESTORE, nest(POLICY, DNS, laddr(HOME)), flag(REPLACE))
    try:
        kernel.ask(SERVICE_ADD, DNS, laddr(HOME))
    except Refused:
        pass
    events = listener.events()
    same("events", [genl.SERVICE_ADD_NTF, genl.LADDR_ADD_NTF,
                    genl.LADDR_DRAIN_NTF, genl.LADDR_DEL_NTF,
                    genl.SERVICE_SET_NTF, genl.SERVICE_DEL_NTF,
                    genl.SERVICE_ADD_NTF], [command for command, _ in events])
    same("services", [f"-t {VIP}:80"] * 6 + [f"-u {VIP}:53"],
         [named(parse(data)[SERVICE]) for _, data in events])
    same("addresses", [laddr("10.1.0.5")[4:], laddr("10.1.0.8/30")[4:]],
         every(events[1][1], LADDR))
    same("ports", [(5000, 5000)],
         [range_of(one) for one in every(events[0][1], PORTS)])
    same("adjust", 0, parse(events[4][1])[ADJUST][0])
    counts = [number(parse(data)[genl.GENERATION]) for _, data in events]
    same("generations", sorted(set(counts)), counts)


def test_counters(kernel):
    """counters of services, of addresses, and their sum"""
    kernel.ask(SERVICE_ADD, WEB, laddr("10.1.0.1-10.1.0.2"))
    kernel.ask(SERVICE_ADD, DNS, laddr("10.1.0.2-10.1.0.3"))

    def counters(data):
        return [number(parse(one)[genl.V_VALUE])
                for one in every(data, genl.T_COUNTER)]

    one = counters(kernel.ask(STATS_GET, WEB))
    same("all zero", [0] * len(one), one)
    same("as many in the sum", len(one),
         len(counters(kernel.ask(STATS_GET))))
    same("shared address once", 5, len(kernel.dump(STATS_GET)))
    same("dump of one", 1, len(kernel.dump(STATS_GET, WEB)))
    kernel.ask(STATS_RESET, WEB)
    kernel.ask(STATS_RESET)


def test_permission(_):
    """who may not configure the network may look, but not at clients"""
    kernel = Director()
    kernel.ask(SERVICE_ADD, WEB, laddr(HOME))
    read, write = os.pipe()
    if os.fork() == 0:
        sys.stdout = os.fdopen(write, "w")
        os.unshare(os.CLONE_NEWUSER) if hasattr(os, "unshare") else \
            unshare_user()
        mine = Director()
        own = laddr(HOME)
        for command, given in (
                (SERVICE_ADD, DNS + own), (SERVICE_SET, WEB + own),
                (SERVICE_DEL, WEB), (LADDR_ADD, WEB + own),
                (LADDR_DRAIN, WEB + own), (LADDR_DEL, WEB + own),
                (SESSION_FLUSH, WEB), (STATS_RESET, WEB),
                (SESSION_GET, WEB), (RESTORE, flag(REPLACE))):
            for flags in (ACK, DUMP) if command == SESSION_GET else (ACK,):
                try:
                    mine.talk(command, given, flags)
                    fault(f"command {command}: allowed")
                except Refused as no:
                    same(f"command {command}", errno.EPERM, no.errno)
        same("read", [f"-t {VIP}:80"], mine.names())
        same("read addresses", [(HOME, False)], mine.pool())
        mine.dump(STATS_GET)
        sys.stdout.flush()
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as lines:
        for line in lines:
            fault(line.rstrip())
    if os.wait()[1]:
        fault("the child failed")


def unshare_user():
    import ctypes
    if ctypes.CDLL(None, use_errno=True).unshare(0x10000000):
        raise OSError(ctypes.get_errno(), "unshare")


def test_owner(kernel):
    """in a namespace of one's own it is all one's own"""
    kernel.ask(SERVICE_ADD, WEB, laddr("10.9.9.9"))
    same("policy", [f"-t {VIP}:80"], kernel.names())
    same("flush", 0, number(parse(kernel.ask(SESSION_FLUSH, WEB))
                            [genl.N_FLUSHED]))
    same("sessions", [], kernel.dump(SESSION_GET))
    kernel.ask(SERVICE_DEL, WEB)


def test_leave(kernel):
    """a namespace that dies with policies in it"""
    kernel.ask(SERVICE_ADD, WEB, laddr("10.1.0.0/24"))
    kernel.ask(SERVICE_ADD, WEB6, laddr(HOME6))


def main():
    name = sys.argv[1]
    kernel = Director()
    kernel.clear()
    try:
        globals()["test_" + name](kernel)
    except (Refused, OSError) as error:
        at = traceback.extract_tb(error.__traceback__)
        lines = [one.lineno for one in at if one.name.startswith("test_")]
        fault(f"{name}, line {lines}: {type(error).__name__}: {error}")
    if name != "leave":
        kernel.clear()


main()

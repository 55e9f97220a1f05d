#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""ICMP errors, compared byte by byte: commands of a test.

usage: errors.py CLIENT DIRECTOR SERVER NEAR FAR    (network namespaces)

Near and far are the routers between client and director, and between director
and server. Each end has sockets that see all ICMP that comes to it; each router
sees the packets of a flow pass, and can forge any error about them.

Where it says SIDE: `far` is an error about a request, for the client; `near` is
an error about a reply, for the server. What traffic.py knows, this knows too.
"""

import contextlib
import errno
import os
import random
import select
import socket
import struct

import netns
from packets import (
    Packet, address, checksum, datagram, fragments, message, ones_sum, packet,
    pseudo)
from sockets import DEADLINE, make_socket
from traffic import Traffic, main

ROOM = 1 << 16
SOL_PACKET, PACKET_IGNORE_OUTGOING = 263, 23
ETH_P = {socket.AF_INET: 0x800, socket.AF_INET6: 0x86dd}
IP_RECVERR, IP_MTU_DISCOVER, IP_MTU, IP_HDRINCL = 11, 10, 14, 3
V6_RECVERR, V6_MTU_DISCOVER, V6_MTU, V6_PKTINFO = 25, 23, 24, 50
PMTUDISC_PROBE = 3
V6_HOPLIMIT = 16
IP_OPTIONS, V6_DSTOPTS = 4, 59
ICMP6_FILTER, NO_INFORMATION = 1, bytes(16) + b"\xff" * 16
NEXT_MTU = 1400
# three of no operation and an end; in IPv6 four bytes of padding
OPTIONS4, TARGET6 = b"\1\1\1\0", b"\0\0\1\4\0\0\0\0"


class Error:
    """An ICMP message as it came: an error quotes a packet."""

    def __init__(self, source, target, data):
        self.source, self.target, self.data = source, target, data
        self.kind, self.code, self.check = struct.unpack_from("!BBH", data)
        self.rest, self.quoted = data[4:8], data[8:]

    def sound(self):
        head = b"" if len(self.source) == 4 else \
            pseudo(self.source, self.target, len(self.data), 58)
        return not checksum(head + self.data)

    def is_error(self):
        if len(self.source) == 16:
            return self.kind < 128
        return self.kind in (3, 4, 5, 11, 12)


class End:
    """The client or the server: its socket of the flow, its ICMP."""

    def __init__(self, namespace, family):
        self.family = family
        with netns.inside(namespace):
            self.icmp = socket.socket(
                family, socket.SOCK_RAW, socket.IPPROTO_ICMP
                if family == socket.AF_INET else socket.IPPROTO_ICMPV6)
            self.udp = make_socket(family, socket.SOCK_DGRAM)
        if family == socket.AF_INET6:
            self.icmp.setsockopt(socket.IPPROTO_IPV6,
                                 socket.IPV6_RECVPKTINFO, 1)
            self.icmp.setsockopt(socket.IPPROTO_ICMPV6, ICMP6_FILTER,
                                 NO_INFORMATION)
            self.udp.setsockopt(socket.IPPROTO_IPV6, V6_RECVERR, 1)
        else:
            self.udp.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)

    def option(self, name4, name6, value):
        if self.family == socket.AF_INET6:
            self.udp.setsockopt(socket.IPPROTO_IPV6, name6, value)
        else:
            self.udp.setsockopt(socket.IPPROTO_IP, name4, value)

    def mtu(self):
        if self.family == socket.AF_INET6:
            return self.udp.getsockopt(socket.IPPROTO_IPV6, V6_MTU)
        return self.udp.getsockopt(socket.IPPROTO_IP, IP_MTU)

    def errors(self, deadline=0):
        """ICMP errors that have come, others left out."""
        found = []
        while select.select([self.icmp], [], [], deadline)[0]:
            data, control, _, peer = self.icmp.recvmsg(ROOM, 256)
            if self.family == socket.AF_INET:
                outer = Packet(data)
                error = Error(outer.source, outer.target, outer.payload)
            else:
                target, = (data[:16] for _, kind, data in control
                           if kind == V6_PKTINFO)
                error = Error(address(peer[0].split("%")[0]), target, data)
            if error.is_error():
                found.append(error)
                deadline = 0
        return found

    def told(self):
        """What the socket of the flow was told: error, type/code, MTU, who
        says so; and what it had sent."""
        if not select.select([self.udp], [], [], DEADLINE)[0]:
            return "nothing", b""
        payload, control, _, peer = self.udp.recvmsg(
            ROOM, 512, socket.MSG_ERRQUEUE)
        if peer[:2] != self.udp.getpeername()[:2]:
            return f"something about {peer}", payload
        for _, kind, data in control:
            if kind in (IP_RECVERR, V6_RECVERR):
                number, _, kind, code, _, info, _ = struct.unpack_from(
                    "=IBBBBII", data)
                words = [errno.errorcode[number], f"{kind}/{code}"]
                if info:
                    words.append(str(info))
                offender = data[24:40] if self.family == socket.AF_INET6 \
                    else data[20:24]
                words.append(socket.inet_ntop(self.family, offender))
                return " ".join(words), payload
        return "something else", payload

    def clear(self):
        """Forget what has come so far."""
        self.errors()
        self.udp.setblocking(False)
        for flags in socket.MSG_ERRQUEUE, 0:
            self.udp.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            with contextlib.suppress(BlockingIOError):
                while True:
                    self.udp.recvmsg(ROOM, 512, flags)
        self.udp.settimeout(DEADLINE)

    def close(self):
        self.icmp.close()
        self.udp.close()


class Router:
    """Sees the packets that come to one of its devices, and sends errors."""

    def __init__(self, namespace, family, device):
        self.namespace, self.family, self.piece = namespace, family, 0
        with netns.inside(namespace):
            self.tap = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM)
            self.tap.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
            self.tap.bind((device, ETH_P[family]))
            self.icmp = socket.socket(
                family, socket.SOCK_RAW, socket.IPPROTO_ICMP
                if family == socket.AF_INET else socket.IPPROTO_ICMPV6)

    def seen(self, payload):
        """The packet with this payload, among those that have passed."""
        while select.select([self.tap], [], [], DEADLINE)[0]:
            data = self.tap.recv(ROOM)
            if data.endswith(payload):
                return Packet(data)
        raise ValueError("the router saw nothing")

    def clear(self):
        while select.select([self.tap], [], [], 0)[0]:
            self.tap.recv(ROOM)

    def send(self, target, kind, code, rest, quoted, spoil=0):
        if self.piece:
            self.send_pieces(target, (kind, code, rest), quoted)
            return
        data = struct.pack("!BBH", kind, code, 0) + rest + quoted
        if self.family == socket.AF_INET:
            check = checksum(data) ^ spoil
            data = data[:2] + struct.pack("!H", check) + data[4:]
        self.icmp.sendto(data, (target, 0))

    def send_pieces(self, target, head, quoted):
        """An error in fragments."""
        with netns.inside(self.namespace):
            raw = socket.socket(self.family, socket.SOCK_RAW,
                                socket.IPPROTO_RAW)
            probe = make_socket(self.family, socket.SOCK_DGRAM)
        with raw, probe:
            probe.connect((target, 1))
            ends = address(probe.getsockname()[0]), address(target)
            whole = packet(ends, self.icmp.proto, message(ends, head, quoted))
            number = random.getrandbits(16)
            for piece in fragments(whole, number or 1, self.piece):
                raw.sendto(piece, (target, 0))

    def send_expired(self, source, target, quoted):
        """An error whose TTL is 0."""
        ends, head = (address(source), address(target)), (3, 1, bytes(4))
        if self.family == socket.AF_INET6:
            self.icmp.setsockopt(socket.IPPROTO_IPV6, V6_HOPLIMIT, 0)
            self.icmp.sendto(message(ends, head, quoted), (target, 0))
            self.icmp.setsockopt(socket.IPPROTO_IPV6, V6_HOPLIMIT, 64)
            return
        self.icmp.setsockopt(socket.IPPROTO_IP, IP_HDRINCL, 1)
        self.icmp.sendto(packet(ends, socket.IPPROTO_ICMP,
                                message(ends, head, quoted), 0), (target, 0))
        self.icmp.setsockopt(socket.IPPROTO_IP, IP_HDRINCL, 0)

    def close(self):
        self.tap.close()
        self.icmp.close()


class Errors(Traffic):
    """One UDP flow through both routers."""

    def __init__(self, client, director, server, near, far):
        super().__init__(client, director, server)
        self.names = {"client": client, "near": near, "far": far,
                      "server": server}
        self.ends, self.taps = {}, {}
        self.peer = self.passed = None

    def do_flow(self, address_, port, real):
        """A new flow: sockets connected to each other. The real server has a
        port of its own."""
        for thing in list(self.ends.values()) + list(self.taps.values()):
            thing.close()
        self.target = (address_, int(port))
        family = socket.AF_INET6 if ":" in address_ else socket.AF_INET
        for name in "client", "server":
            self.ends[name] = End(self.names[name], family)
        # requests at near, before anything has changed, and at far, after;
        # replies the other way round
        self.taps = {("near", "request"): ("near", "client"),
                     ("far", "request"): ("far", "director"),
                     ("far", "reply"): ("far", "server"),
                     ("near", "reply"): ("near", "director")}
        for key, (name, device) in self.taps.items():
            self.taps[key] = Router(self.names[name], family, device)
        client, server = self.ends["client"].udp, self.ends["server"].udp
        server.bind(("", int(real)))
        client.connect(self.target)
        client.send(b"first")
        payload, self.peer = server.recvfrom(ROOM)
        server.connect(self.peer)
        server.send(payload)
        if client.recv(ROOM) != b"first":
            raise ValueError("other bytes")
        return "up"

    def do_still(self):
        """Does the flow still carry datagrams?"""
        client, server = self.ends["client"], self.ends["server"]
        self.do_clear()
        client.udp.send(b"there")
        there = server.udp.recv(ROOM)
        server.udp.send(b"back")
        return f"{there.decode()} {client.udp.recv(ROOM).decode()}"

    def do_clear(self):
        for thing in list(self.ends.values()) + list(self.taps.values()):
            thing.clear()

    def do_pieces(self, size):
        """Routers send errors in fragments of this size, or, 0, whole ones."""
        for router in self.taps.values():
            router.piece = int(size)

    def do_headers(self, switch):
        """Options of IP, or of the destination, in what both ends send."""
        for end in self.ends.values():
            if end.family == socket.AF_INET6:
                end.udp.setsockopt(socket.IPPROTO_IPV6, V6_DSTOPTS,
                                   TARGET6 if switch == "on" else b"")
            else:
                end.udp.setsockopt(socket.IPPROTO_IP, IP_OPTIONS,
                                   OPTIONS4 if switch == "on" else b"")

    # who is who

    def roles(self, side):
        """(sender, other end, kind of packet, router before, router after)"""
        if side == "far":
            return "client", "server", "request", "near", "far"
        return "server", "client", "reply", "far", "near"

    def faces(self, side):
        """(sender's own address, and whom it knows as the other end)"""
        end = self.ends[self.roles(side)[0]].udp
        return (address(end.getsockname()[0]), address(end.getpeername()[0]))

    def emit(self, side, size, payload=None):
        """A datagram; how it looked before the director, and after."""
        sender, _, kind, before, after = self.roles(side)
        payload = payload or os.urandom(int(size))
        self.ends[sender].udp.send(payload)
        return (self.taps[before, kind].seen(payload),
                self.taps[after, kind].seen(payload))

    # forged errors

    def do_forge(self, side, kind, code, rest="0", size=20, quoted=0,
                 extension=""):
        """A router sends an error; is what arrives the same error about the
        very packet that the receiver had sent, out of the other end's
        address? QUOTED bytes of it, or all."""
        self.do_clear()
        before, after = self.emit(side, size)
        length = int(quoted) or len(after.data)
        extension = bytes.fromhex(extension)
        rest = struct.pack("!I", int(rest))
        router = self.taps[side, self.roles(side)[2]]
        router.send(socket.inet_ntop(router.family, after.source), int(kind),
                    int(code), rest, after.data[:length] + extension)
        expected = before.with_ttl(after.ttl).data[:length] + extension
        return self.verdict(side, (int(kind), int(code), rest), expected)

    def verdict(self, side, head, expected):
        end = self.ends[self.roles(side)[0]]
        found = end.errors(DEADLINE)
        if len(found) != 1:
            return f"no: {len(found)} errors"
        error = found[0]
        me, other = self.faces(side)
        if not error.sound():
            return "no: bad checksum"
        if (error.kind, error.code, error.rest) != head:
            return f"no: {error.kind}/{error.code} {error.rest.hex()}"
        if (error.source, error.target) != (other, me):
            return f"no: from {error.source.hex()} to {error.target.hex()}"
        if error.quoted != expected:
            return f"no: quotes {error.quoted[:60].hex()}, " \
                f"not {expected[:60].hex()}"
        return "yes"

    def do_pass(self, side):
        """A datagram, for `complain`."""
        self.do_clear()
        _, self.passed = self.emit(side, 20)

    def do_complain(self, side):
        """A router sends an error about it; nobody waits for that."""
        router = self.taps[side, self.roles(side)[2]]
        router.send(socket.inet_ntop(router.family, self.passed.source), 3, 1,
                    bytes(4), self.passed.data)

    def do_forge_all(self, side):
        """Every type and code of error that there is."""
        if self.taps[side, self.roles(side)[2]].family == socket.AF_INET:
            kinds = {3: range(16), 4: range(1), 11: range(2), 12: range(3)}
            too_big = (3, 4)
        else:
            kinds = {1: range(8), 2: range(1), 3: range(2), 4: range(3)}
            too_big = (2, 0)
        done = 0
        for kind, codes in kinds.items():
            for code in codes:
                rest = NEXT_MTU if (kind, code) == too_big else 0
                if kind in (4, 12) and code == 0:
                    rest = 1 << 24
                answer = self.do_forge(side, kind, code, rest)
                if answer != "yes":
                    return f"{kind}/{code}: {answer}"
                done += 1
        return str(done)

    def do_spoilt(self, side):
        """An error whose checksum is wrong, and then a right one: only the
        latter may arrive."""
        self.do_clear()
        before, after = self.emit(side, 20)
        router = self.taps[side, self.roles(side)[2]]
        target = socket.inet_ntop(router.family, after.source)
        head = (3, 1, b"\0\0\0\0")
        router.send(target, *head, after.data, spoil=0x1234)
        router.send(target, *head, after.data)
        return self.verdict(side, head, before.with_ttl(after.ttl).data)

    def do_lies(self, side):
        """Errors whose quotes are cut off in the first 8 bytes, or of another
        version of IP, which nobody takes for IPv6, or whose TTL is 0; and then
        a right one: only the latter may arrive."""
        self.do_clear()
        before, after = self.emit(side, 20)
        router = self.taps[side, self.roles(side)[2]]
        target = socket.inet_ntop(router.family, after.source)
        head = (3, 1, b"\0\0\0\0")
        lies = [after.data[:after.size + quoted] for quoted in range(4, 8)]
        lies.append(bytes([after.data[0] ^ 0x20]) + after.data[1:])
        for lie in lies:
            router.send(target, *head, lie)
        router.send_expired(socket.inet_ntop(router.family, after.target),
                            target, after.data)
        router.send(target, *head, after.data)
        return self.verdict(side, head, before.with_ttl(after.ttl).data)

    def do_unknown(self, port):
        """An error about a reply to a port that the client has not sent from."""
        me, other = self.faces("far")
        ends, protocol = (other, me), socket.IPPROTO_UDP
        quoted = packet(ends, protocol, datagram(
            ends, (self.target[1], int(port)), b"unknown"))
        self.taps["near", "reply"].send(self.target[0], 3, 1, bytes(4), quoted)

    def do_zero(self, side):
        """An error about a datagram whose checksum came out as 0, so that it
        was sent as ffff."""
        self.do_clear()
        ends = self.faces(side)
        sender = self.ends[self.roles(side)[0]]
        head = pseudo(*ends, 10, socket.IPPROTO_UDP) + \
            struct.pack("!HHHH", *self.own_ports(sender), 10, 0)
        payload = struct.pack("!H", 0xffff - ones_sum(head))
        before, after = self.emit(side, 2, payload)
        if before.payload[6:8] != b"\xff\xff":
            return f"no: sent as {before.payload[6:8].hex()}"
        head = (3, 1, b"\0\0\0\0")
        self.taps[side, self.roles(side)[2]].send(
            socket.inet_ntop(sender.family, after.source), *head, after.data)
        return self.verdict(side, head, before.with_ttl(after.ttl).data)

    # real errors

    def do_ttl(self, side, ttl):
        """A datagram that lives for so many hops: what happens?"""
        self.do_clear()
        sender, other, _, _, _ = self.roles(side)
        end = self.ends[sender]
        end.option(socket.IP_TTL, V6_HOPLIMIT, int(ttl))
        payload = os.urandom(20)
        end.udp.send(payload)
        answer = self.outcome(end, self.ends[other], payload)
        end.option(socket.IP_TTL, V6_HOPLIMIT, 64)
        return answer

    def do_big(self, side, size):
        """A datagram that must not be fragmented: what happens?"""
        self.do_clear()
        sender, other, _, _, _ = self.roles(side)
        end = self.ends[sender]
        end.option(IP_MTU_DISCOVER, V6_MTU_DISCOVER, PMTUDISC_PROBE)
        payload = os.urandom(int(size))
        end.udp.send(payload)
        return self.outcome(end, self.ends[other], payload)

    def outcome(self, end, other, payload):
        """It arrives, or the sender is told why not, of its own packet."""
        ready, _, _ = select.select([end.icmp, other.udp], [], [], DEADLINE)
        if other.udp in ready:
            return "arrived" if other.udp.recv(ROOM) == payload else "other"
        words, quoted = end.told()
        if quoted != payload[:len(quoted)] or not quoted:
            return f"{words}, but it quotes {quoted[:20].hex()}"
        for error in end.errors():
            inner = Packet(error.quoted)
            if inner.ports != self.own_ports(end) or not error.sound():
                return f"{words}, but ports {inner.ports}"
            if (inner.source, inner.target) != \
                    (address(end.udp.getsockname()[0]),
                     address(end.udp.getpeername()[0])):
                return f"{words}, but {inner.data[:40].hex()}"
        return words

    @staticmethod
    def own_ports(end):
        return end.udp.getsockname()[1], end.udp.getpeername()[1]

    def do_mtu(self, name):
        return str(self.ends[name].mtu())

    def do_shut(self, name):
        """The end's socket goes, but not what it sees of ICMP."""
        self.ends[name].udp.close()

    def do_refused(self, side):
        """What a datagram to where nobody listens any more comes to."""
        end = self.ends[self.roles(side)[0]]
        end.clear()
        payload = os.urandom(20)
        end.udp.send(payload)
        if not select.select([end.icmp], [], [], DEADLINE)[0]:
            return "nothing"
        try:
            end.udp.recv(ROOM)
            return "something came"
        except OSError as error:
            first = errno.errorcode.get(error.errno, str(error))
        words, quoted = end.told()
        if quoted != payload:
            return f"{words}, but it quotes {quoted.hex()}"
        return f"{first} {words}"

    def do_connect(self, address_, port):
        """What a TCP connection comes to."""
        family = socket.AF_INET6 if ":" in address_ else socket.AF_INET
        with make_socket(family, socket.SOCK_STREAM) as sock:
            try:
                sock.connect((address_, int(port)))
            except OSError as error:
                return errno.errorcode.get(error.errno, str(error))
        return "connected"


if __name__ == "__main__":
    main(Errors)

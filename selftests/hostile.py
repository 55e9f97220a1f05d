# SPDX-License-Identifier: GPL-2.0
"""Packets that no honest host sends, drawn at random.

A packet is about a flow, which may be there or not, and comes from either of
its sides. Each has a mark in its payload, so that it is known wherever it comes
out. Its TTL is none that a host begins with.
"""

import struct
from collections import namedtuple

from packets import (
    FRAGMENT, datagram, fragment, message, ones_sum, packet, pseudo, segment,
    with_check)

TCP, UDP, ICMP, ICMP6 = 6, 17, 1, 58
FIN, SYN, RST, PUSH, ACK = 1, 2, 4, 8, 16
MARK = b"mArK"
HOP, ROUTING, AH, NONE, TARGET = 0, 43, 51, 59, 60
EXTENSIONS = HOP, ROUTING, FRAGMENT, AH, TARGET
# what no host may say at random, lest the neighbours are forgotten
NEIGHBOURS = range(130, 138)

# protocol, and its ends: addresses are packed
Flow = namedtuple("Flow", "protocol client cport virtual vport "
                  "laddr lport server port number lives")


class Hostile:
    """A packet as it was meant, and what is put on the wire."""

    def __init__(self, flow, side, serial):
        self.flow, self.side, self.serial = flow, side, serial
        self.whole = b""        # before it was cut or taken apart
        self.wire = []          # IP packets, in order
        self.plain = True       # nothing says that it should not come out
        self.mixed = False      # other bytes came with it, at its places
        self.header = None      # of virtio: may lie to the director's kernel
        self.astray = False     # a checksum is put where none belongs


def upper(data):
    """(protocol, offset of its header, offset as a fragment, more to come) of
    an IP packet, or None"""
    if len(data) < 20:
        return None
    if data[0] >> 4 == 4:
        size = (data[0] & 15) * 4
        field, = struct.unpack_from("!H", data, 6)
        if size < 20:
            return None
        return data[9], size, (field & 0x1fff) * 8, bool(field & 0x2000)
    kind, at, offset, more = data[6], 40, 0, False
    while kind in EXTENSIONS:
        if at + 8 > len(data):
            return None
        following, size = data[at], data[at + 1]
        if kind == FRAGMENT:
            field, = struct.unpack_from("!H", data, at + 2)
            offset, more = offset or field & 0xfff8, bool(field & 1)
            at += 8
            if offset:
                return following, at, offset, more
        else:
            at += (size + 2) * 4 if kind == AH else (size + 1) * 8
        kind = following
    return kind, at, offset, more


def tuple_of(data):
    """(protocol, source, port, target, port) of a packet, or None"""
    found = upper(data)
    if not found or found[2] or found[0] not in (TCP, UDP) or \
            found[1] + 4 > len(data):
        return None
    ends = (data[12:16], data[16:20]) if data[0] >> 4 == 4 else \
        (data[8:24], data[24:40])
    ports = struct.unpack_from("!HH", data, found[1])
    return found[0], ends[0], ports[0], ends[1], ports[1]


def residue(data, at, protocol):
    """By how much the checksum of the upper layer is wrong."""
    ends = (data[12:16], data[16:20]) if data[0] >> 4 == 4 else \
        (data[8:24], data[24:40])
    return ones_sum(pseudo(*ends, len(data) - at, protocol) +
                    data[at:]) % 0xffff


class Forge:
    """Draws packets."""

    def __init__(self, random, clients, servers, laddrs, others):
        """Packed addresses; others: the director's, which are no service's"""
        self.random = random
        self.clients, self.servers, self.laddrs = clients, servers, laddrs
        self.others = others
        self.serial = 0
        # where the numbers of flows that must live are: (flow, side): number
        self.numbers = {}
        self.shapes = [
            (30, self.as_it_is), (10, self.bad_check), (10, self.cut),
            (8, self.short), (5, self.long), (6, self.header_size),
            (12, self.fragments), (10, self.middle), (6, self.flips),
            (6, self.stranger), (4, self.expires), (4, self.no_check),
            (20, self.error), (3, self.other_protocol)]

    # pieces

    def chance(self, part):
        return self.random.random() < part

    def same_family(self, addresses, one):
        return [other for other in addresses if len(other) == len(one)]

    def bytes(self, low, high):
        return self.random.randbytes(self.random.randint(low, high))

    def ttl(self):
        """None that is 63, 64 or 65: what hosts say, on the way or not."""
        return self.random.randint(100, 255)

    def ends(self, hostile):
        """((source, target), ports) as from that side"""
        flow = hostile.flow
        if hostile.side == "client":
            return (flow.client, flow.virtual), (flow.cport, flow.vport)
        return (flow.server, flow.laddr), (flow.port, flow.lport)

    def flags(self, flow):
        if flow.lives:
            # IPVS believes any flags, and that none are an end, too
            return self.random.choice((ACK, ACK | PUSH, ACK | 32, ACK | 0xc0))
        return self.random.choice((
            SYN, SYN | ACK, RST, RST | ACK, FIN | ACK, ACK, ACK | PUSH, SYN,
            FIN | SYN, FIN | RST, 0, 0xff, self.random.getrandbits(8)))

    def sequence(self, hostile):
        """Any, but far from its window if the flow must live."""
        if not hostile.flow.lives:
            return self.random.getrandbits(32)
        near = self.numbers.get((hostile.flow, hostile.side), 0)
        return near + (1 << 30) + self.random.getrandbits(31) & 0xffffffff

    def options(self):
        """Of TCP, padded: right ones, wrong ones, many."""
        draw = self.random
        made = b""
        while len(made) < 36 and self.chance(0.7):
            made += draw.choice((
                b"\1", b"\0", b"\2\4" + self.bytes(2, 2), b"\3\3\7", b"\4\2",
                b"\x08\x0a" + self.bytes(8, 8), b"\5\x0a" + self.bytes(8, 8),
                b"\5\x12" + self.bytes(16, 16), b"\5\3\0", b"\x08\0",
                b"\x08\1", b"\5\xff", b"\x08\x28", b"\2\3\5", b"\5",
                bytes([254, 8]) + self.bytes(6, 6),
                bytes([253, draw.getrandbits(8)]), b"\x1e\x0c" +
                self.bytes(10, 10), b"\x13\x12" + self.bytes(16, 16)))
        made = made[:40]
        return made + draw.choice((b"\0", b"\1", b"\5", b"\x08"))[:1] * \
            (-len(made) % 4)

    def mark(self, hostile):
        return MARK + struct.pack("!Q", hostile.serial) + \
            self.bytes(0, self.random.choice((0, 8, 100, 1200)))

    def layer(self, hostile, ends=None, ports=None, spoil=0):
        """A TCP segment or a datagram of the flow."""
        own = self.ends(hostile)
        ends, ports = ends or own[0], ports or own[1]
        if hostile.flow.protocol == UDP:
            return datagram(ends, ports, self.mark(hostile), spoil)
        head = (self.flags(hostile.flow), self.sequence(hostile),
                self.random.getrandbits(32),
                self.options() if self.chance(0.4) else b"")
        return segment(ends, ports, head, self.mark(hostile), spoil)

    def spoil(self):
        return self.random.randint(1, 0xfffe)

    # shapes

    def draw(self, flow, side):
        """The next hostile packet."""
        self.serial += 1
        hostile = Hostile(flow, side, self.serial)
        weights, shapes = zip(*self.shapes)
        shape, = self.random.choices(shapes, weights)
        shape(hostile)
        if not hostile.wire:
            hostile.wire = [hostile.whole]
        return hostile

    def as_it_is(self, hostile):
        hostile.whole = packet(self.ends(hostile)[0], hostile.flow.protocol,
                               self.layer(hostile), self.ttl())

    def bad_check(self, hostile):
        hostile.whole = packet(self.ends(hostile)[0], hostile.flow.protocol,
                               self.layer(hostile, spoil=self.spoil()),
                               self.ttl())

    def no_check(self, hostile):
        """0, which UDP over IPv4 may say"""
        data = self.layer(hostile)
        at = 6 if hostile.flow.protocol == UDP else 16
        data = data[:at] + b"\0\0" + data[at + 2:]
        hostile.whole = packet(self.ends(hostile)[0], hostile.flow.protocol,
                               data, self.ttl())

    def cut(self, hostile):
        """The IP header says less than it takes: cut in any header."""
        hostile.plain = False
        data = self.layer(hostile, spoil=self.spoil())
        hostile.whole = packet(self.ends(hostile)[0], hostile.flow.protocol,
                               data[:self.random.randint(0, 32)], self.ttl())

    def short(self, hostile):
        """The frame ends before the packet does."""
        self.as_it_is(hostile)
        hostile.plain = False
        hostile.wire = [hostile.whole[:self.random.randint(
            1, len(hostile.whole) - 1)]]
        hostile.whole = hostile.wire[0]

    def set_length(self, data, length):
        """What the IP header says of the whole packet's length."""
        if data[0] >> 4 == 6:
            return data[:4] + struct.pack("!H", max(length - 40, 0)) + data[6:]
        size = (data[0] & 15) * 4
        data = data[:2] + struct.pack("!H", length) + data[4:]
        return with_check(b"", data[:size], 10) + data[size:]

    def long(self, hostile):
        """The frame goes on after the packet, or UDP's length lies."""
        self.as_it_is(hostile)
        hostile.plain = False
        whole = hostile.whole
        if hostile.flow.protocol == UDP and self.chance(0.7):
            at = 24 if whole[0] >> 4 == 4 else 44
            hostile.whole = whole[:at] + struct.pack(
                "!H", self.random.choice((0, 7, 8, 9, 65535, 20))) + \
                whole[at + 2:]
        elif self.chance(0.5):
            hostile.wire = [whole + self.bytes(1, 40)]
        else:
            hostile.whole = self.set_length(whole, self.random.randint(
                1, len(whole) - 1))

    def header_size(self, hostile):
        """Data offsets of TCP, header lengths and versions of IP."""
        hostile.plain = False
        self.as_it_is(hostile)
        data = hostile.whole
        if hostile.flow.protocol == TCP and self.chance(0.6):
            at = 32 if data[0] >> 4 == 4 else 52
            hostile.whole = data[:at] + bytes(
                [self.random.getrandbits(4) << 4 | data[at] & 15]) + \
                data[at + 1:]
            return
        first = bytes([self.random.choice((
            data[0] ^ 0x20, data[0] & 0xf0 | self.random.getrandbits(4),
            self.random.getrandbits(8)))])
        hostile.whole = first + data[1:]
        if first[0] & 15 >= 5 and first[0] >> 4 == 4 and self.chance(0.7):
            size = (first[0] & 15) * 4
            hostile.whole = with_check(b"", hostile.whole[:size], 10) + \
                hostile.whole[size:]

    def flips(self, hostile):
        """Some bits differ; the flags of who must live do not."""
        self.bad_check(hostile)
        hostile.plain = False
        if hostile.flow.lives:
            return
        data = bytearray(hostile.whole)
        ports = upper(hostile.whole)[1]
        # not of the mark
        size = ports + (8 if hostile.flow.protocol == UDP else 20)
        # nor of its source: nobody else is there to get an answer
        source = range(12, 16) if data[0] >> 4 == 4 else range(8, 24)
        # nor of its ports, which may become those of who must live
        places = [at for at in range(size) if at not in source and
                  not ports <= at < ports + 4]
        for at in self.random.sample(places, self.random.randint(1, 6)):
            data[at] ^= 1 << self.random.randrange(8)
        if data[0] >> 4 == 4:
            size = min(max((data[0] & 15) * 4, 20), len(data))
            data[:size] = with_check(b"", bytes(data[:size]), 10)
        hostile.whole = bytes(data)

    def stranger(self, hostile):
        """Another's address or port, in one of the places."""
        hostile.plain = False
        (source, target), (sport, dport) = self.ends(hostile)
        flow, draw = hostile.flow, self.random
        # it may be another's who must live
        hostile.flow = flow._replace(lives=True)
        spoil = self.spoil() if flow.lives or self.chance(0.5) else 0
        where = draw.randrange(4)
        if where == 0:
            own = self.clients if hostile.side == "client" else self.servers
            source = draw.choice(self.same_family(
                [one for one in own if one != source], source))
        elif where == 1:
            sport = draw.randint(1, 65535)
        elif where == 2:
            target = draw.choice(self.same_family(
                [one for one in self.laddrs + self.others if one != target],
                target))
        else:
            dport = draw.choice((dport ^ 1, dport + 1 & 0xffff,
                                 draw.randint(1, 65535)))
        hostile.whole = packet((source, target), flow.protocol, self.layer(
            hostile, (source, target), (sport, dport), spoil), self.ttl())

    def expires(self, hostile):
        hostile.plain = False
        self.as_it_is(hostile)
        ttl = self.random.randrange(3)
        data = hostile.whole
        if data[0] >> 4 == 6:
            hostile.whole = data[:7] + bytes([ttl]) + data[8:]
        else:
            data = data[:8] + bytes([ttl]) + data[9:]
            hostile.whole = with_check(b"", data[:20], 10) + data[20:]

    def other_protocol(self, hostile):
        hostile.plain = False
        ends, _ = self.ends(hostile)
        protocol = self.random.choice((
            0, 2, 4, 6 if hostile.flow.protocol == UDP else 17, 33, 41, 46, 47,
            50, 51, 59, 89, 103, 132, 136, 255))
        hostile.flow = hostile.flow._replace(lives=False)
        ports = self.ends(hostile)[1]
        hostile.whole = packet(ends, protocol, struct.pack("!HH", *ports) +
                               self.bytes(0, 60), self.ttl())

    # options and extension headers

    def middle(self, hostile):
        hostile.plain = False
        ends, _ = self.ends(hostile)
        data, draw = self.layer(hostile), self.random
        if len(ends[0]) == 4:
            middle = draw.choice((
                b"\1" * 8, b"\x94\4\0\0", b"\x83\7\4" + ends[0] + b"\0",
                b"\x89\7\4" + ends[1] + b"\0", b"\x07\7\4\0\0\0\0\0",
                b"\x44\x0c\5\0" + bytes(8), b"\x94\0\0\0", b"\x07\1\4\0",
                b"\x07\xff\4\0", self.bytes(40, 40)))
            hostile.whole = packet(ends, hostile.flow.protocol, data,
                                   self.ttl(), middle)
            return
        kinds, chain = [], b""
        if self.chance(0.3):
            kinds.append(HOP)
        kinds += draw.choices((TARGET, ROUTING, FRAGMENT, AH, NONE, HOP, 135),
                              (40, 15, 15, 10, 3, 2, 2),
                              k=draw.choice((1, 1, 2, 3, 12)))
        for kind, following in zip(kinds, kinds[1:] + [hostile.flow.protocol]):
            chain += self.extension(kind, following, ends)
        hostile.whole = packet(ends, kinds[0], data, self.ttl(), chain)

    def extension(self, kind, following, ends):
        draw = self.random
        if kind == FRAGMENT:
            # an atomic one, or the last that there is of many
            return struct.pack("!BBHI", following, 0, 0 if self.chance(0.7)
                               else draw.getrandbits(16),
                               draw.getrandbits(32))
        if kind == ROUTING:
            return struct.pack("!BBBBI", following, 2,
                               draw.choice((0, 2, 3, 4)),
                               draw.choice((0, 0, 1, 2)), 0) + ends[0]
        if kind == AH:
            return struct.pack("!BBHII", following, 2, 0, 1, 1) + bytes(4)
        size = 255 if self.chance(0.05) else 0
        return bytes([following, size]) + draw.choice((
            b"\1\4\0\0\0\0", b"\5\2\0\0\1\0", b"\xc2\4\0\1\0\0", b"\x1e\4abcd",
            b"\1\xff\0\0\0\0", b"\xc9\x10\0\0\0\0"))

    # fragments

    def fragments(self, hostile):
        """In any order, some twice, some missing, some over others."""
        ends, _ = self.ends(hostile)
        data, draw = self.layer(hostile), self.random
        hostile.whole = packet(ends, hostile.flow.protocol, data, self.ttl())
        hostile.plain = False
        cuts = sorted(draw.sample(range(8, len(data) + 8, 8),
                                  min(draw.randint(1, 6), len(data) // 8)))
        if self.chance(0.3):
            cuts.insert(0, 8)
        pieces = [(low, data[low:high]) for low, high in
                  zip([0] + cuts, cuts + [len(data)]) if low < len(data)]
        pieces = [(at, piece, at + len(piece) < len(data))
                  for at, piece in pieces if piece]
        # neither other flags, which might end who must live, nor another mark
        begin = data.find(MARK) + 19 & ~7
        if self.chance(0.3):
            at, piece, more = draw.choice(pieces)
            if at >= begin and self.chance(0.5):
                piece = self.bytes(len(piece), len(piece))
                hostile.mixed = True
            pieces.append((at, piece, more))
        if self.chance(0.2):
            at, piece, _ = draw.choice(pieces)
            pieces.append((max(at + draw.choice((8, -8)), begin),
                           self.bytes(8, 64), self.chance(0.5)))
            hostile.mixed = True
        if self.chance(0.2):
            pieces.pop(draw.randrange(len(pieces)))
        if self.chance(0.6):
            draw.shuffle(pieces)
        number = draw.getrandbits(32)
        hostile.wire = [fragment(hostile.whole, number, *piece) for piece in pieces] or [hostile.whole]

    # ICMP

    def error(self, hostile):
        """An error that quotes what may never have been sent."""
        hostile.plain = False
        draw, flow = self.random, hostile.flow
        six = len(flow.client) == 16
        protocol = ICMP6 if six else ICMP
        ends, _ = self.ends(hostile)
        if self.chance(0.2):
            ends = ends[0], draw.choice(self.same_family(
                self.laddrs + self.others + [flow.virtual], ends[0]))
        kind = draw.choice((1, 1, 2, 3, 4, 4, 100, 128) if six else
                           (3, 3, 3, 4, 11, 12, 8, 13, 40))
        head = kind, draw.choice((0, 0, 1, 3, 4, 9)), draw.choice((
            bytes(4), struct.pack("!I", draw.choice((0, 67, 576, 1280, 1400))),
            self.bytes(4, 4)))
        hostile.whole = packet(ends, protocol, message(
            ends, head, self.quote(flow, six),
            self.spoil() if self.chance(0.15) else 0), self.ttl())
        if self.chance(0.1):
            whole = hostile.whole
            at = 40 if six else 20
            half = (len(whole) - at) // 16 * 8
            number = draw.getrandbits(32)
            if half:
                hostile.wire = [
                    fragment(whole, number, 0, whole[at:at + half], True),
                    fragment(whole, number, half, whole[at + half:], False)]

    def quote(self, flow, six):
        draw = self.random
        inner = draw.choice((
            ((flow.virtual, flow.client), (flow.vport, flow.cport)),
            ((flow.laddr, flow.server), (flow.lport, flow.port)),
            ((flow.virtual, flow.client), (flow.vport, flow.cport)),
            ((flow.laddr, flow.server), (flow.lport, flow.port)),
            ((flow.client, flow.virtual), (flow.cport, flow.vport)),
            ((flow.server, flow.laddr), (flow.port, flow.lport)),
            ((flow.virtual, draw.choice(self.same_family(
                self.clients, flow.client))), (flow.vport, flow.cport)),
            ((flow.laddr, draw.choice(self.same_family(
                self.servers, flow.server))), (flow.lport, flow.port)),
            ((flow.laddr, flow.server), (flow.lport ^ 1, flow.port))))
        ends, ports = inner
        data = datagram(ends, ports, self.bytes(0, 40)) \
            if flow.protocol == UDP else segment(
                ends, ports, (ACK, draw.getrandbits(32), 0, b""),
                self.bytes(0, 20))
        protocol = flow.protocol if self.chance(0.9) else \
            draw.choice((1, 4, 17, 6, 41, 58, 132))
        data = packet(ends, protocol, data, draw.getrandbits(8),
                      bytes([protocol, 0]) + b"\1\4\0\0\0\0"
                      if six and self.chance(0.1) else b"")
        if self.chance(0.15):
            data = bytes([data[0] ^ draw.getrandbits(8)]) + data[1:]
        if self.chance(0.15) and not six:
            data = data[:6] + self.bytes(2, 2) + data[8:]
        if self.chance(0.5):
            # any length, and often one within the first 8 bytes
            size = 40 if six else 20
            data = data[:draw.choice((draw.randint(0, len(data)),
                                      size + draw.randint(0, 20)))]
        return data

    # what virtio says of a packet

    def lie(self, flow, side):
        """A packet, big ones among them, with a header of virtio that is right,
        or lies once or twice."""
        self.serial += 1
        hostile = Hostile(flow, side, self.serial)
        hostile.plain = False
        draw, six = self.random, len(flow.client) == 16
        ends = self.ends(hostile)
        data = self.mark(hostile) + bytes(draw.choice((0, 100, 4000, 60000)))
        data = datagram(*ends, data) if flow.protocol == UDP else segment(
            *ends, (self.flags(flow), self.sequence(hostile), 0, b""), data)
        hostile.whole = packet(ends[0], flow.protocol, data, self.ttl())
        hostile.wire = [hostile.whole]
        at, size = 40 if six else 20, len(hostile.whole)
        tcp = flow.protocol == TCP
        big = size > 1500 or self.chance(0.2)
        # the ethernet header counts
        fields = [1, (4 if six else 1) * tcp + 5 * (not tcp) if big else 0,
                  14 + at + (20 if tcp else 8), 1400 if big else 0,
                  14 + at, 16 if tcp else 6]
        odd = [(0, 1, 2, 3, 4), (0, 1, 3, 4, 5, 0x81, 0x84),
               (0, 14, 14 + at, 14 + size, 65535),
               (0, 1, 8, 20, 536, 1448, 65535),
               (0, 14, 14 + at + 4, 13 + at, 14 + size - 2, 14 + size, 65535),
               (0, 2, 6, 16, size - at - 2, size - at)]
        for place in draw.sample(range(6), draw.choice((0, 0, 1, 1, 2))):
            fields[place] = draw.choice(odd[place]) & 0xffff
        hostile.astray = fields[0] & 1 and \
            fields[4:] != [14 + at, 16 if tcp else 6]
        hostile.header = struct.pack("=BBHHHH", *fields)
        return hostile

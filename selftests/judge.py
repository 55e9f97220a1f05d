# SPDX-License-Identifier: GPL-2.0
"""Is what the director sends for whom it is sent to?

Clients are to hear of virtual addresses alone, and of their own connections;
real servers of local addresses alone. What comes out with a mark is compared
with the hostile packet that went in.
"""

import collections
import struct
import time

from hostile import (
    ICMP, ICMP6, MARK, NEIGHBOURS, RST, TCP, UDP, residue, tuple_of, upper)
from packets import Packet, checksum

# of what the director says itself, and no hostile packet when it comes out
OWN_TTL = 64
# seconds that no port goes to another within, where there are enough
FRESH = 10
MOST_FAULTS = 12


def is_error(kind, six):
    return kind < 128 if six else kind in (3, 4, 5, 11, 12)


def marked(data, at, protocol):
    """The number of the hostile packet that it was, or None."""
    at = data.find(MARK, at) if protocol == TCP else at + 8
    if at < 0 or data[at:at + 4] != MARK or at + 12 > len(data):
        return None
    return struct.unpack_from("!Q", data, at + 4)[0]


class Judge:
    """Looks at packets that have come from the director."""

    def __init__(self, clients, servers, laddrs, virtuals, others):
        """Sets of packed addresses"""
        self.clients, self.servers, self.laddrs = clients, servers, laddrs
        self.virtuals = virtuals
        self.own = laddrs | virtuals | others
        self.scarce = set()     # ports of services that run out of ports
        self.sent = collections.OrderedDict()
        self.waited = {}        # those that must come out: number: packet
        self.asked = set()      # what clients have sent: tuples
        self.owners = collections.defaultdict(dict)
        self.numbers = {}       # of TCP: tuple as sent: sequence number
        self.seen = collections.Counter()
        self.faults = []
        self.refresh = None     # have sessions learnt
        self.lying = False      # do headers of virtio go astray?

    def hopeless(self):
        return len(self.faults) == MOST_FAULTS

    def fault(self, text, data, hostile=None):
        words = f"{text}: {data[:100].hex()}"
        if hostile:
            words += f", sent by {hostile.side}: {hostile.whole[:100].hex()}"
        if len(self.faults) < MOST_FAULTS:
            self.faults.append(words)
        self.seen["faults"] += 1

    # what is sent

    def note(self, hostile, must):
        self.sent[hostile.serial] = hostile
        if len(self.sent) > 50000:
            self.sent.popitem(last=False)
        if must:
            self.waited[hostile.serial] = hostile
        claimed = tuple_of(hostile.whole)
        if claimed and hostile.side == "client":
            self.asked.add(claimed)

    def note_own(self, data):
        """What the client's kernel has sent."""
        claimed = tuple_of(data)
        if claimed:
            self.asked.add(claimed)
            self.note_number(claimed, data)

    def note_number(self, claimed, data):
        if claimed[0] == TCP:
            at = upper(data)[1]
            if at + 8 <= len(data):
                self.numbers[claimed], = struct.unpack_from("!I", data, at + 4)

    def learn(self, key, owner, data, hostile=None):
        """A session: (protocol, LIP, port, RIP, port), and whose it is."""
        owners, now = self.owners[key], time.monotonic()
        self.asked.add((key[0], *owner))
        if owner[3] not in self.scarce:
            for other, when in owners.items():
                if other != owner and now - when < FRESH:
                    self.fault(f"a port of {other}", data, hostile)
        owners[owner] = now

    # what has come

    def come(self, data, where):
        """A packet at "client" or "server", from the director."""
        found = upper(data)
        if not found:
            self.fault(f"no packet to the {where}", data)
            return
        protocol, at, offset, _ = found
        packet = Packet(data)
        if packet.version == 4 and checksum(data[:packet.size]):
            self.fault(f"bad IP checksum to the {where}", data)
        if protocol in (ICMP, ICMP6):
            if protocol == ICMP or not self.is_neighbour(data, at):
                self.icmp(packet, found, where)
            return
        if protocol in (0, 2):
            return
        ends = (self.laddrs, self.servers) if where == "server" else \
            (self.virtuals, self.clients)
        own = packet.ttl == OWN_TTL
        if packet.source not in (self.own if own else ends[0]) or \
                packet.target not in ends[1]:
            self.fault(f"not for the {where}", data)
        elif offset:
            self.seen["later fragments"] += 1
        elif own:
            if protocol != TCP or at + 14 > len(data) or \
                    not data[at + 13] & RST:
                self.fault(f"the director's own to the {where}", data)
        elif where == "server":
            self.request(data, found)
        else:
            self.reply(data, found)

    @staticmethod
    def is_neighbour(data, at):
        return at < len(data) and \
            (data[at] in NEIGHBOURS or data[at] == 143)

    def request(self, data, found):
        self.seen["request"] += 1
        hostile = self.hostile(data, found, "client")
        if not hostile:
            return
        protocol, laddr, lport, server, port = tuple_of(data)
        claimed = tuple_of(hostile.whole)
        if not claimed or claimed[0] != protocol or \
                claimed[3] not in self.virtuals:
            self.fault("no such request", data, hostile)
            return
        if hostile.astray:
            return
        self.learn((protocol, laddr, lport, server, port), claimed[1:], data,
                   hostile)
        self.compare(hostile, data, found, claimed[4])

    def reply(self, data, found):
        self.seen["reply"] += 1
        protocol, virtual, vport, client, cport = tuple_of(data)
        owner = client, cport, virtual, vport
        hostile = self.hostile(data, found, None)
        if not hostile:
            if (protocol, *owner) not in self.asked:
                self.refresh()
            if (protocol, *owner) not in self.asked:
                self.fault("nobody has asked for it", data)
            self.note_number((protocol, virtual, vport, client, cport), data)
            return
        claimed = tuple_of(hostile.whole)
        if hostile.side == "client" or not claimed:
            self.fault("no such reply", data, hostile)
            return
        key = claimed[0], claimed[3], claimed[4], claimed[1], claimed[2]
        if hostile.astray:
            return
        if owner not in self.owners[key]:
            self.refresh()
        if owner not in self.owners[key]:
            self.fault("of another session", data, hostile)
            return
        self.compare(hostile, data, found, vport)

    def hostile(self, data, found, side):
        serial = marked(data, found[1], found[0])
        if serial is None:
            return None
        hostile = self.sent.get(serial)
        if not hostile or (side and hostile.side != side):
            # a checksum may have been put there
            if not self.lying:
                self.fault("a mark of nobody", data, hostile)
            return None
        self.seen["marked"] += 1
        self.waited.pop(serial, None)
        return hostile

    def compare(self, hostile, data, found, vport):
        """Ports and checksum apart, the same bytes; and what was wrong with
        the checksum before is wrong still, by as much."""
        if hostile.header or found[3]:
            return
        protocol, at, _, _ = found
        before, after = Packet(hostile.whole), Packet(data)
        if after.ttl != before.ttl - 1:
            self.fault("the TTL", data, hostile)
        begin = upper(before.data)[1]
        sent = before.data[begin:before.length]
        came = after.data[at:after.length]
        wrong = residue(after.data[:after.length], at, protocol)
        unchecked = protocol == UDP and sent[6:8] == b"\0\0"
        if hostile.mixed:
            # it may come out of the fragments wrong, and then says so
            if sent[20:] != came[20:] and not wrong and not unchecked:
                self.fault("mended", data, hostile)
            return
        if unchecked:
            if came[6:8] != b"\0\0":
                self.fault("a checksum where there was none", data, hostile)
        elif wrong != residue(before.data[:before.length], begin, protocol):
            self.fault("the checksum", data, hostile)
        if not self.same(protocol, sent, came, vport):
            self.fault("other bytes", data, hostile)

    def same(self, protocol, sent, came, vport):
        check = 16 if protocol == TCP else 6
        if protocol == TCP and vport in self.scarce:
            # its numbers may be translated
            first = max(20, sent[12] >> 4 << 2)
            return sent[first:] == came[first:]
        return sent[4:check] == came[4:check] and \
            sent[check + 2:] == came[check + 2:]

    # ICMP

    def icmp(self, packet, found, where):
        data, (_, at, offset, more) = packet.data, found
        six = packet.version == 6
        if offset or at + 8 > len(data):
            return
        own = packet.ttl == OWN_TTL
        if not own:
            self.seen["icmp to " + where] += 1
        people, faces = (self.clients, self.virtuals) if where == "client" \
            else (self.servers, self.laddrs)
        if packet.target not in people or \
                packet.source not in (self.own if own else faces):
            self.fault(f"ICMP not for the {where}", data)
        if not more and (residue(data, at, ICMP6) if six else
                         checksum(data[at:])):
            self.fault("the checksum of ICMP", data)
        if not is_error(data[at], six):
            if not own:
                self.fault("ICMP that is no error", data)
            return
        inner = data[at + 8:]
        if more and len(inner) < 40:
            return
        ends = (inner[8:24], inner[24:40]) if six else \
            (inner[12:16], inner[16:20])
        if ends[0] != packet.target or not (own or ends[1] in faces):
            self.fault(f"ICMP tells the {where} of others", data)

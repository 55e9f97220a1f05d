# SPDX-License-Identifier: GPL-2.0
"""What is done to a good request so that it is none, or perhaps one still."""

import collections

from contract import BYTE_ORDER, NESTED, SIZES
from ipvs import packed
from request import Node

# addresses that are good for little
ADDRESSES = [packed(text) for text in (
    "0.0.0.0", "0.1.2.3", "127.0.0.1", "224.0.0.1", "255.255.255.255",
    "198.51.100.255", "192.0.2.255", "203.0.113.9", "10.1.0.1", "10.1.0.0",
    "10.1.0.9", "10.1.255.255", "::", "::1", "ff02::1", "fe80::1",
    "::ffff:198.51.100.254", "2001:db8:ffff::1", "2001:db8:3::1",
    "2001:db8:3::ff")] + [bytes(size) for size in (0, 3, 5, 8, 15, 17, 64)]
# numbers that are at an edge of something
VALUES = {"af": (0, 2, 3, 10, 255), "protocol": (0, 1, 6, 17, 132, 255),
          "port": (0, 1, 21, 65535), "fwmark": (0, 1, 0xffffffff),
          "prefix-len": (0, 1, 20, 24, 31, 32, 33, 64, 116, 127, 128, 129, 255),
          "first": (0, 1, 1024, 32767, 32768, 60999, 61000, 65535),
          "last": (0, 1, 1024, 32767, 32768, 60999, 61000, 65535),
          "udp-timeout": (0, 1, 86400, 86401, 0xffffffff),
          "adjust": (0, 1, 2, 255)}
LEVELS = (1, 2, 9, 10, 11, 40)


def walk(nodes):
    """(list, position) of every attribute, inner ones last"""
    for position, node in enumerate(nodes):
        yield nodes, position
        if isinstance(node.value, list):
            yield from walk(node.value)


class Spoil:
    """Draws faults."""

    def __init__(self, draw):
        self.draw, self.contract = draw, draw.contract
        self.used = collections.Counter()

    def rare(self, candidates, key):
        """One of them, rather one that was drawn seldom; it has that key."""
        chosen = min((self.draw.choice(candidates) for _ in range(6)),
                     key=lambda one: self.used[key(one)])
        self.used[key(chosen)] += 1
        return chosen

    def bad_value(self, attribute, like=b""):
        """Bytes at an edge, if it is known what they mean; an address rather
        of the family that another one has."""
        draw = self.draw
        size = SIZES.get(attribute.type)
        if size is None:
            fitting = [one for one in ADDRESSES if len(one) == len(like)]
            if not fitting or draw.random() < 0.2:
                fitting = ADDRESSES
            return self.rare(fitting, lambda one: (id(attribute), one))
        if attribute.name in VALUES:
            value = self.rare(VALUES[attribute.name],
                              lambda one: (id(attribute), one))
        else:
            value = draw.choice((0, 1, 0xff, draw.getrandbits(8 * size)
                                 if size else 0))
        value &= (1 << 8 * size) - 1
        return value.to_bytes(size, "big" if attribute.big else "little")

    # each changes one attribute of a list: (list, position, its set)

    def value(self, nodes, at, _):
        node = nodes[at]
        if not isinstance(node.value, list):
            node.value = self.bad_value(node.attribute, node.value)

    def missing(self, nodes, at, _):
        """This one, or all of its kind."""
        gone = [nodes[at]]
        if self.draw.random() < 0.5:
            gone = [one for one in nodes if one.number == nodes[at].number]
        nodes[:] = [one for one in nodes if one not in gone]

    def twice(self, nodes, at, _):
        for _ in range(self.draw.choice((1, 1, 1, 4, 5))):
            nodes.insert(self.draw.randrange(at, len(nodes) + 1),
                         nodes[at].copy())

    def other(self, nodes, at, name):
        """One more, that the set has."""
        attribute = self.rare(list(self.contract.sets[name].values()),
                              lambda one: (name, one.name))
        if attribute.set:
            value = [Node(one, self.bad_value(one)) for one in
                     self.contract.sets[attribute.set].values()
                     if not one.set and self.draw.random() < 0.5]
        else:
            value = self.bad_value(attribute)
        nodes.insert(self.draw.randrange(at, len(nodes) + 1),
                     Node(attribute, value))

    def unknown(self, nodes, at, _):
        """One more that nobody knows; or this one is unknown."""
        number = self.draw.choice((0, 11, 12, 31, 32, 33, 255, 0x3fff))
        if self.draw.random() < 0.5:
            nodes[at].number = number
        else:
            value = self.draw.randbytes(self.draw.randrange(9))
            nodes.append(Node(nodes[at].attribute, value, number))

    def number(self, nodes, at, _):
        nodes[at].number = self.draw.randrange(12)

    def flags(self, nodes, at, _):
        nodes[at].flags ^= self.draw.choice((NESTED, BYTE_ORDER,
                                             NESTED | BYTE_ORDER))

    def length(self, nodes, at, _):
        """It says another length than it has."""
        node = nodes[at]
        size = len(node.encode())
        node.size = self.draw.choice((0, 1, 3, 4, size - 4, size - 1, size + 1,
                                      size + 4, size + 400, 0xffff))

    def size(self, nodes, at, _):
        """It has another length than it should."""
        node = nodes[at]
        if isinstance(node.value, list):
            node.value = b"".join(one.encode() for one in node.value)
        count = self.draw.choice((0, 1, 2, 3, 4, 5, 8, 12, 4096))
        node.value = (node.value + self.draw.randbytes(count))[:count]

    def empty(self, nodes, at, _):
        nodes[at].value = self.draw.choice((b"", []))

    def deep(self, nodes, at, _):
        """Nests in nests."""
        node = nodes[at]
        for _ in range(self.draw.choice(LEVELS)):
            node = Node(node.attribute, [node], node.number)
        nodes[at] = node

    def noise(self, nodes, at, _):
        node = nodes[at]
        size = 4 if isinstance(node.value, list) else len(node.value)
        node.value = self.draw.randbytes(size)

    def order(self, nodes, _at, _):
        self.draw.shuffle(nodes)

    def padding(self, nodes, at, _):
        nodes[at].pad = b"\xff"

    # it is well formed, as far as netlink can tell
    MEANINGS = [value, value, value, missing, twice, other]
    FAULTS = MEANINGS + [unknown, number, flags, length, size, empty, deep,
                         noise, order, padding]

    def attribute(self, nodes, at, name, faults):
        fault = self.rare(faults, lambda one: (
            name, nodes[at].attribute.name, one.__name__))
        fault(self, nodes, at, name)

    # and the message as a whole

    def header(self, request):
        draw = self.draw
        what = draw.randrange(7)
        if what == 0:
            request.command = draw.choice((0, draw.randrange(1, 21), 21, 255))
        elif what == 1:
            request.version = draw.randrange(256)
        elif what == 2:
            request.rest = draw.randrange(1 << 16)
        elif what == 3:
            request.flags ^= 1 << draw.randrange(16)
        elif what == 4:
            request.flags ^= 0x300
        elif what == 5:
            # what is no message to any family, or to one that there is not
            request.kind = draw.choice((1, 2, 3, 4, 15, 0xfffe))
            request.whole = False
        else:
            request.more = draw.choice((-20, -16, -5, -4, -1, 1, 4, 64, 1 << 20,
                                        -1 << 16))
            request.whole = False

    def set_of(self, request, nodes):
        """The set that a list of attributes is out of."""
        if nodes is request.nodes or not nodes:
            return request.operation.set
        for name, of in self.contract.sets.items():
            if nodes[0].attribute in of.values():
                return name
        return request.operation.set

    def request(self, request):
        """Its header, what follows, one attribute, or a tenth of all."""
        draw = self.draw
        what = draw.random()
        if what < 0.08:
            self.header(request)
            return
        if what < 0.11:
            request.tail = draw.randbytes(draw.randrange(1, 8))
            return
        places = list(walk(request.nodes))
        if not places:
            self.header(request)
        elif what < 0.7:
            nodes, at = self.rare(places, lambda one: (
                request.operation, one[0][one[1]].attribute))
            self.attribute(nodes, at, self.set_of(request, nodes),
                           self.MEANINGS)
        else:
            self.some(request, places)

    def some(self, request, places):
        """Faults of all kinds in about a tenth of the attributes."""
        chosen = [one for one in places if self.draw.random() < 0.1] or \
            [self.draw.choice(places)]
        # inner ones first, and the last of a list: the others stay in place
        for nodes, at in reversed(chosen):
            if at < len(nodes):
                self.attribute(nodes, at, self.set_of(request, nodes),
                               self.FAULTS)

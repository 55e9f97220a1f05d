# SPDX-License-Identifier: GPL-2.0
"""Requests, drawn at random out of the contract so that most are accepted."""

import ipaddress
import random
import struct

import genl
import ipvs
from contract import NESTED, SIZES
from ipvs import packed

VIP, VIP6 = "192.0.2.100", "2001:db8:1::100"
TCP, UDP = genl.TCP, genl.UDP
# what there may be policies for
SERVICES = [(TCP, VIP, 80), (TCP, VIP, 81), (UDP, VIP, 53), (UDP, VIP, 54),
            (TCP, VIP, 0), (UDP, VIP, 0), (TCP, VIP6, 80), (UDP, VIP6, 53),
            (TCP, VIP6, 81), 1, 2, 0xffffffff, -1, -0x7fffffff]
SERVICES += [(TCP, VIP, 8000 + number) for number in range(4)]
SERVICES += [(TCP, VIP6, 8000 + number) for number in range(6)]
# where local addresses are, in blocks of 8; those of large pools
HOMES = {4: ipaddress.ip_network("10.1.0.0/24"),
         6: ipaddress.ip_network("2001:db8:3::/120")}
LARGE = {4: ipaddress.ip_network("10.2.0.0/16"),
         6: ipaddress.ip_network("2001:db8:3:1::/112")}
BLOCK, MANY = 8, 2048

# what makes something
BUILDERS = ("service-add", "restore", "service-set", "laddr-add")

# How often what may be left out is given: (operation, attribute); and of all
# operations
CHANCES = {("service-add", "laddr"): 1, ("laddr-add", "laddr"): 1,
           ("laddr-drain", "laddr"): 1, ("laddr-del", "laddr"): 1,
           ("policy", "laddr"): 1, "laddr": 0.5, "ports": 0.4,
           "default-ports": 0.2, "udp-timeout": 0.5, "adjust": 0.5,
           "replace": 0.3, ("session-get", "service"): 0.3,
           ("session-flush", "service"): 0.3, "protocol": 0.3, "client": 0.1,
           "server": 0.1, ("stats-get", "service"): 0.6,
           ("stats-reset", "service"): 0.6}


def service_of(which):
    """(bytes as the kernel puts them, version of IP, protocol)"""
    if isinstance(which, int):
        family = genl.AF_INET6 if which < 0 else genl.AF_INET
        return (genl.fwmark(abs(which), family)[4:], 6 if which < 0 else 4, 0)
    protocol, address, port = which
    family = genl.u8(genl.S_AF, ipvs.family_of(address))
    return (family + genl.service(protocol, address, port)[4:],
            6 if ":" in address else 4, protocol)


class Node:
    """An attribute to be: its bytes, or what it nests, and what is wrong."""

    def __init__(self, attribute, value, number=None):
        self.attribute = attribute
        self.number = attribute.number if number is None else number
        self.value = value
        self.flags = NESTED if isinstance(value, list) else 0
        # what it says that its length is, if that is a lie
        self.size = None
        self.pad = b"\0"

    def encode(self):
        data = self.value
        if isinstance(data, list):
            data = self.bytes()
        size = 4 + len(data) if self.size is None else self.size
        return struct.pack("=HH", size & 0xffff, self.number | self.flags) + \
            data + self.pad * (-len(data) % 4)

    def bytes(self):
        """What it nests."""
        return b"".join(node.encode() for node in self.value)

    def copy(self):
        other = Node(self.attribute, self.value, self.number)
        if isinstance(self.value, list):
            other.value = [node.copy() for node in self.value]
        other.flags, other.size, other.pad = self.flags, self.size, self.pad
        return other


class Request:
    """A message to be."""

    def __init__(self, operation, mode, nodes):
        self.operation, self.mode, self.nodes = operation, mode, nodes
        self.command, self.version, self.rest = operation.number, 1, 0
        self.flags = genl.REQUEST | (genl.DUMP if mode == "dump"
                                     else genl.ACK)
        self.kind, self.more = None, 0
        self.tail = b""
        self.whole = True

    def encode(self, family, sequence):
        body = struct.pack("=BBH", self.command, self.version, self.rest) + \
            b"".join(node.encode() for node in self.nodes) + self.tail
        size = 16 + len(body) + self.more & 0xffffffff
        return struct.pack("=IHHII", size, self.kind or family, self.flags,
                           sequence, 0) + body

    @property
    def asks(self):
        """The number of the command that it comes to, if it does."""
        whole = self.whole and self.flags & genl.REQUEST
        return self.command if whole else None


class Draw(random.Random):
    """Draws requests. It has to be told what there is, now and then."""

    def __init__(self, contract, seed):
        super().__init__(seed)
        self.contract = contract
        self.services = [service_of(which) for which in SERVICES]
        # {the service's bytes: addresses of its pool}; some sessions
        self.known, self.sessions = {}, []
        # addresses of a service's pool: [(address, draining)]
        self.pool = lambda service: []
        self.service = self.version = self.protocol = None
        self.restored = []

    def chance(self, *keys):
        for key in keys:
            if key in CHANCES:
                return self.random() < CHANCES[key]
        return True

    # services

    def choose_service(self, name):
        """One that has a policy, or none, if there is such a one."""
        fresh = name == "service-add"
        fitting = [one for one in self.services
                   if (one[0] in self.known) != fresh]
        if name == "laddr-add" and self.random() < 0.5:
            fitting.sort(key=lambda one: self.known[one[0]])
            del fitting[:-1]
        self.service, self.version, self.protocol = \
            self.choice(fitting or self.services)

    def decoded(self, name, data):
        """Nodes out of bytes."""
        of = {attribute.number: attribute
              for attribute in self.contract.sets[name].values()}
        return [Node(of[number], value) for number, value in
                sorted(genl.parse(data).items())]

    # addresses

    def laddr_value(self, first, last=None, bits=None, draining=False):
        of = self.contract.sets["laddrs"]
        nodes = [Node(of["addr"], first.packed)]
        if last is not None:
            nodes.append(Node(of["last-addr"], last.packed))
        if bits is not None:
            nodes.append(Node(of["prefix-len"], bytes([bits])))
        if draining:
            nodes.append(Node(of["draining"], b""))
        return nodes

    def block(self, number):
        """One to eight addresses, as an address, a range or a prefix."""
        home = HOMES[self.version][number * BLOCK]
        draining = self.random() < 0.15
        shape = self.randrange(4)
        if shape == 0:
            length = self.choice((1, 2, 3))
            return self.laddr_value(
                home, bits=home.max_prefixlen - length, draining=draining)
        if shape == 1:
            low = self.randrange(BLOCK)
            return self.laddr_value(home + low,
                                    home + self.randrange(low, BLOCK),
                                    draining=draining)
        return self.laddr_value(home + self.randrange(BLOCK),
                                draining=draining)

    def large(self):
        """Thousands of addresses, or hundreds."""
        count = self.choice((MANY, MANY // 4))
        size = LARGE[self.version].num_addresses
        home = LARGE[self.version][self.randrange(0, size, count)]
        return self.laddr_value(
            home, bits=home.max_prefixlen - count.bit_length() + 1)

    def set_laddrs(self):
        if self.random() < 0.03:
            return [self.large()]
        return [self.block(number) for number in self.sample(
            range(HOMES[self.version].num_addresses // BLOCK),
            self.randrange(1, 4))]

    def pool_laddrs(self, drain):
        """Some that the pool has."""
        if self.known.get(self.service, 0) > MANY // 4:
            return [self.large()]
        pool = [one for one in self.pool(self.service)
                if not drain or not one[1]]
        if not pool:
            return self.set_laddrs()
        count = min(len(pool), self.randrange(1, 4))
        return [self.laddr_value(ipaddress.ip_address(address))
                for address, _ in self.sample(pool, count)]

    def new_laddrs(self):
        """Some that it has not, or that drain."""
        if self.known.get(self.service, 0) > MANY // 4 or \
                self.random() < 0.05:
            return [self.large()]
        pool = self.pool(self.service)
        if pool and self.random() < 0.08:
            return [self.laddr_value(ipaddress.ip_address(pool[0][0]))]
        taken = {address for address, draining in pool if not draining}
        free = [address for address in HOMES[self.version].hosts()
                if str(address) not in taken]
        return [self.laddr_value(address, draining=self.random() < 0.2)
                for address in self.sample(free, self.randrange(1, 4))]

    def laddrs(self, operation):
        if operation == "laddr-add":
            return self.new_laddrs()
        if operation in ("laddr-drain", "laddr-del"):
            return self.pool_laddrs(operation == "laddr-drain")
        return self.set_laddrs()

    # ports

    def port_ranges(self):
        """Up to four ranges, apart from each other and from the director's
        own."""
        of = self.contract.sets["ports"]
        found = []
        # seldom one too many
        for number in self.sample(range(8), self.choice((1, 1, 2, 2, 3, 3, 4,
                                                         4, 4, 5))):
            first = 1024 + number * 3000 + self.randrange(1000)
            nodes = [Node(of["first"], struct.pack("!H", first))]
            if self.random() < 0.8:
                last = first + self.choice((0, 1, 10, 1000))
                nodes.append(Node(of["last"], struct.pack("!H", last)))
            found.append(nodes)
        return found

    # what else there is

    def policies(self, replace):
        """[nodes of a policy], of services that are there or not"""
        services = [one for one in self.services
                    if replace or one[0] not in self.known]
        count = min(len(services), self.choice((2, 4, len(services))))
        found = []
        self.restored = []
        for service in self.sample(services, count):
            self.service, self.version, self.protocol = service
            self.restored.append(self.service)
            found.append(self.nodes("policy", "policy-config",
                                    self.contract.sets["policy-config"]))
        return found

    def end(self):
        of = self.contract.sets["endpoint"]
        address = self.choice(("192.0.2.1", "198.51.100.1", "2001:db8:1::1",
                               "10.1.0.1"))
        nodes = [Node(of["addr"], packed(address))]
        if self.random() < 0.5:
            port = self.choice((80, 53, 1024, 40000))
            nodes.append(Node(of["port"], struct.pack("!H", port)))
        return nodes

    def plain(self, attribute):
        """A value of a number, a flag, or an address."""
        if attribute.name == "addr":
            return packed(self.choice(self.pool(self.service) or
                                          [("10.1.0.1", False)])[0])
        if attribute.name == "udp-timeout":
            return struct.pack("=I", self.choice((0, 1, 2, 10, 86400)))
        if attribute.name == "adjust":
            return self.choice((b"\0", b"\1"))
        if attribute.name == "protocol":
            return bytes([self.choice((TCP, UDP))])
        return self.randbytes(SIZES.get(attribute.type, 4))

    def values(self, operation, attribute):
        """Those of an attribute of a request; there may be many."""
        if attribute.set == "service":
            nodes = self.decoded("service", self.service)
            # an address says of what family it is
            if len(nodes) > 2 and self.random() < 0.7:
                del nodes[0]
            return [nodes]
        if attribute.set == "laddrs":
            return self.laddrs(operation)
        if attribute.set == "ports":
            return self.port_ranges()
        if attribute.set == "endpoint":
            return [self.end()]
        if attribute.set:
            return [self.nodes(operation, attribute.set,
                               self.contract.sets[attribute.set])]
        return [self.plain(attribute)]

    def fits(self, attribute, given):
        """It goes with the rest."""
        return not (attribute.name == "udp-timeout" and self.protocol == TCP or
                    attribute.name == "adjust" and self.protocol == UDP or
                    attribute.name == "default-ports" and "ports" in given)

    def nodes(self, operation, name, known):
        """The attributes of a request, or of a policy in one."""
        of, found, given = self.contract.sets[name], [], set()
        for one in known:
            attribute = of[one]
            if not self.fits(attribute, given) or \
                    not self.chance((operation, one), one):
                continue
            given.add(one)
            found += [Node(attribute, value)
                      for value in self.values(operation, attribute)]
        return found

    def restore(self, operation):
        of = self.contract.sets[operation.set]
        replace = self.chance("replace") or \
            all(one[0] in self.known for one in self.services)
        nodes = [Node(of["policy"], value) for value in self.policies(replace)]
        if replace:
            nodes.append(Node(of["replace"], b""))
        return Request(operation, "do", nodes)

    def one_session(self, operation):
        """The session of a tuple, as a dump has told it."""
        of = self.contract.sets[operation.set]
        found = genl.parse(self.choice(self.sessions))
        return Request(operation, "do", [
            Node(of["protocol"], found[genl.N_PROTOCOL]),
            Node(of["laddr"], self.decoded("endpoint", found[genl.N_LADDR])),
            Node(of["server"], self.decoded("endpoint",
                                            found[genl.N_SERVER]))])

    def expect(self, request):
        """That a good one is accepted: what there will be then."""
        name = request.operation.name
        if name == "service-add":
            self.known[self.service] = 1
        elif name == "service-del":
            self.known.pop(self.service, None)
        elif name == "restore":
            if request.nodes[-1].attribute.name == "replace":
                self.known.clear()
            self.known.update(dict.fromkeys(self.restored, 1))

    def request(self, name=None):
        if not name and self.random() < 0.4:
            # or there is little to work on
            name = self.choice(BUILDERS[:2 if len(self.known) < 5 else None])
        operation = self.contract.operations[name] if name else \
            self.choice(list(self.contract.operations.values()))
        self.choose_service(operation.name)
        mode = "do"
        if "dump" in operation.requests and self.random() < 0.4:
            mode = "dump"
        if operation.name == "restore":
            return self.restore(operation)
        if operation.name == "session-get" and not self.sessions:
            mode = "dump"
        if operation.name == "session-get" and mode == "do":
            return self.one_session(operation)
        known = operation.requests[mode]
        if mode == "dump" and "service" in known and self.random() < 0.3:
            known = [one for one in known if one != "service"]
        return Request(operation, mode,
                       self.nodes(operation.name, operation.set, known))

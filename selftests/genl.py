# SPDX-License-Identifier: GPL-2.0
"""The netlink family ipvs-fullnat, message by message.

The numbers are written down here a second time, so that a change of the
contract that breaks old programs breaks a test.
"""

import errno
import os
import socket
import struct

from ipvs import attribute, be16, family_of, nest, packed, parse, text, u32

NETLINK_GENERIC = 16
SOL_NETLINK, ADD_MEMBERSHIP, CAP_ACK, EXT_ACK = 270, 1, 10, 11
REQUEST, ACK, DUMP = 0x1, 0x4, 0x300
CAPPED, DUMP_INTR, ACK_TLVS = 0x100, 0x10, 0x200
NLMSG_ERROR, NLMSG_DONE, GENL_ID_CTRL = 2, 3, 16
CTRL_CMD_GETFAMILY, CTRL_FAMILY_ID, CTRL_FAMILY_NAME = 3, 1, 2
CTRL_MCAST_GROUPS, CTRL_MCAST_NAME, CTRL_MCAST_ID = 7, 1, 2
ERR_MSG, ERR_OFFS, ERR_COOKIE = 1, 2, 3

(SERVICE_ADD, SERVICE_SET, SERVICE_DEL, SERVICE_GET, LADDR_ADD, LADDR_DRAIN,
 LADDR_DEL, LADDR_GET, SESSION_GET, SESSION_FLUSH, STATS_GET, STATS_RESET,
 RESTORE, SERVICE_ADD_NTF, SERVICE_SET_NTF, SERVICE_DEL_NTF, LADDR_ADD_NTF,
 LADDR_DRAIN_NTF, LADDR_DEL_NTF, EXHAUSTED_NTF) = range(1, 21)

# which service
S_AF, S_PROTOCOL, S_ADDR, S_PORT, S_FWMARK = range(1, 6)
# addresses, ports
A_ADDR, A_LAST, A_PREFIX, A_DRAINING = range(1, 5)
P_FIRST, P_LAST = range(1, 3)
# a policy
(SERVICE, LADDR, PORTS, DEFAULT_PORTS, UDP_TIMEOUT, ADJUST, LADDRS, DRAINING,
 SESSIONS, GENERATION) = range(1, 11)
# a restore
POLICY, REPLACE = range(1, 3)
# an address of a pool
(L_SERVICE, L_ADDR, L_DRAINING, L_SESSIONS, L_LIMIT, L_USED, L_NO_PORT,
 L_GENERATION) = range(1, 9)
# a session; one of its ends
(N_SERVICE, N_PROTOCOL, N_CLIENT, N_VIRTUAL, N_LADDR, N_SERVER, N_STATE,
 N_TIMEOUT, N_RESTING, N_ADJUSTED, N_FLUSHED) = range(1, 12)
E_ADDR, E_PORT = range(1, 3)
# counters
T_SERVICE, T_LADDR, T_COUNTER, T_SESSIONS = range(1, 5)
V_ID, V_VALUE = range(1, 3)

TCP, UDP = socket.IPPROTO_TCP, socket.IPPROTO_UDP
AF_INET, AF_INET6 = int(socket.AF_INET), int(socket.AF_INET6)


class Refused(Exception):
    """What the kernel said."""

    def __init__(self, number, message, sentence="", offset=None, cookie=None):
        super().__init__(f"{errno.errorcode[number]}: {sentence}")
        self.errno = number
        self.message = message
        self.sentence = sentence
        self.offset = offset
        self.cookie = cookie

    def about(self, data):
        """Whether it names the attribute that DATA is, wherever that is."""
        return self.offset is not None and \
            self.message[self.offset:self.offset + len(data)] == data

    def address(self):
        """The address that it names, if it does: so many after the first"""
        if not self.cookie or len(self.cookie) != 4:
            return None
        given = self.message[self.offset + 4:]
        size, _ = struct.unpack_from("=HH", given)
        first = int.from_bytes(given[4:size], "big")
        index = int.from_bytes(self.cookie, "big")
        return unpacked((first + index).to_bytes(size - 4, "big"))


def u8(kind, value):
    return attribute(kind, struct.pack("=B", value))


def flag(kind):
    return attribute(kind, b"")


def unpacked(data):
    return socket.inet_ntop(AF_INET6 if len(data) == 16 else AF_INET, data)


def number(data):
    return int.from_bytes(data, "little" if struct.pack("=H", 1)[0] else "big")


def every(data, kind):
    """All attributes of one number, where there may be more than one."""
    found = []
    at = 0
    while at + 4 <= len(data):
        size, this = struct.unpack_from("=HH", data, at)
        if size < 4:
            break
        if this & 0x3fff == kind:
            found.append(data[at + 4:at + size])
        at += size + (-size % 4)
    return found


def messages(data):
    """Of one buffer, each: (type, flags, sequence, body)"""
    at = 0
    while at < len(data):
        size, kind, flags, sequence = struct.unpack_from("=IHHI", data, at)
        if not 16 <= size <= len(data) - at:
            raise ValueError(f"a message of {size} bytes at {at}")
        yield kind, flags, sequence, data[at + 16:at + size]
        at += size + (-size % 4)


def service(protocol, address, port, kind=SERVICE):
    return nest(kind, u8(S_PROTOCOL, protocol),
                attribute(S_ADDR, packed(address)), be16(S_PORT, port))


def fwmark(mark, family=AF_INET, kind=SERVICE):
    return nest(kind, u8(S_AF, family), u32(S_FWMARK, mark))


def named(data):
    """A service, as text."""
    found = parse(data)
    if S_FWMARK in found:
        six = " -6" if found[S_AF][0] == AF_INET6 else ""
        return f"-f {number(found[S_FWMARK])}{six}"
    kind = {TCP: "-t", UDP: "-u"}[found[S_PROTOCOL][0]]
    return f"{kind} {unpacked(found[S_ADDR])}" \
        f":{int.from_bytes(found[S_PORT], 'big')}"


def laddr(text_, draining=False):
    """ADDR, ADDR-ADDR or ADDR/LEN"""
    first, _, length = text_.partition("/")
    first, _, last = first.partition("-")
    attributes = [attribute(A_ADDR, packed(first))]
    if last:
        attributes.append(attribute(A_LAST, packed(last)))
    if length:
        attributes.append(u8(A_PREFIX, int(length)))
    if draining:
        attributes.append(flag(A_DRAINING))
    return nest(LADDR, *attributes)


def ports(first, last=None):
    attributes = [be16(P_FIRST, first)]
    if last is not None:
        attributes.append(be16(P_LAST, last))
    return nest(PORTS, *attributes)


def end(kind, address, port=None):
    attributes = [attribute(E_ADDR, packed(address))]
    if port is not None:
        attributes.append(be16(E_PORT, port))
    return nest(kind, *attributes)


def end_of(data):
    """(packed address, port) of an end"""
    found = parse(data)
    return found[E_ADDR], int.from_bytes(found[E_PORT], "big")


class Fullnat:
    """One netlink socket in the namespace where it was made."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW,
                                    NETLINK_GENERIC)
        self.socket.bind((0, 0))
        self.socket.settimeout(float(os.environ.get("DEADLINE", 30)))
        for option in EXT_ACK, CAP_ACK:
            self.socket.setsockopt(SOL_NETLINK, option, 1)
        self.sequence = 0
        self.family = GENL_ID_CTRL
        found = parse(self.ask(CTRL_CMD_GETFAMILY,
                               text(CTRL_FAMILY_NAME, "ipvs-fullnat")))
        self.family = number(found[CTRL_FAMILY_ID])
        groups = parse(found[CTRL_MCAST_GROUPS])
        self.groups = {
            parse(group)[CTRL_MCAST_NAME].rstrip(b"\0").decode():
            number(parse(group)[CTRL_MCAST_ID]) for group in groups.values()}

    def send(self, command, payload, flags=ACK):
        self.sequence += 1
        body = struct.pack("=BBH", command, 1, 0) + payload
        message = struct.pack("=IHHII", 16 + len(body), self.family,
                              REQUEST | flags, self.sequence, 0) + body
        self.socket.send(message)
        return message

    def receive(self):
        """Messages of one buffer: (type, flags, sequence, body)"""
        return messages(self.socket.recv(1 << 20))

    def verdict(self, kind, flags, body, sent):
        """Of an NLMSG_ERROR or NLMSG_DONE."""
        status = -struct.unpack_from("=i", body)[0]
        if not status:
            return
        skip = 20 if kind == NLMSG_ERROR else 4
        about = parse(body[skip:]) if flags & ACK_TLVS else {}
        sentence = about.get(ERR_MSG, b"").rstrip(b"\0").decode()
        offset = number(about[ERR_OFFS]) if ERR_OFFS in about else None
        raise Refused(status, sent, sentence, offset, about.get(ERR_COOKIE))

    def talk(self, command, payload, flags):
        """[body of each reply], and whether something changed meanwhile"""
        sent = self.send(command, payload, flags)
        replies, changed = [], False
        while True:
            for kind, flags, sequence, body in self.receive():
                if sequence != self.sequence:
                    continue
                changed |= bool(flags & DUMP_INTR)
                if kind in (NLMSG_ERROR, NLMSG_DONE):
                    self.verdict(kind, flags, body, sent)
                    return replies, changed
                replies.append(body[4:])

    def ask(self, command, *attributes):
        """The reply of a command, None if it has none"""
        replies, _ = self.talk(command, b"".join(attributes), ACK)
        return replies[0] if replies else None

    def counters(self, *which):
        """{number: value} of a service, or the sum of all"""
        found = [parse(one) for one in
                 every(self.ask(STATS_GET, *which), T_COUNTER)]
        return {number(one[V_ID]): number(one[V_VALUE]) for one in found}

    def dump(self, command, *attributes):
        return self.talk(command, b"".join(attributes), DUMP)[0]

    def join(self, group):
        self.socket.setsockopt(SOL_NETLINK, ADD_MEMBERSHIP, self.groups[group])

    def events(self):
        """(command, attributes) that have come; all there are for now."""
        found = []
        self.socket.setblocking(False)
        try:
            while True:
                for _, _, _, body in self.receive():
                    found.append((body[0], body[4:]))
        except BlockingIOError:
            return found

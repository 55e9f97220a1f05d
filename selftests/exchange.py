# SPDX-License-Identifier: GPL-2.0
"""A netlink socket by which anything may be sent: each answer is looked at."""

import contextlib
import errno
import socket
import struct

import genl
from contract import Broken, attributes
from request import MANY
from tell import fault

SO_RCVBUFFORCE, SO_SNDBUFFORCE, ROOM = 33, 32, 8 << 20
NOOP, MULTI = 1, 0x2
ERR_MSG, ERR_OFFS, ERR_COOKIE, ERR_LAST = 1, 2, 3, 6

# what a request may be refused with; for the last three netlink itself has no
# words
ERRNOS = {errno.EINVAL, errno.ENOENT, errno.EEXIST, errno.ERANGE, errno.E2BIG,
          errno.EPROTONOSUPPORT, errno.EAFNOSUPPORT, errno.EADDRINUSE,
          errno.EADDRNOTAVAIL}
WORDLESS = {errno.EPERM, errno.EOPNOTSUPP, errno.EBUSY}


class Verdict:
    """What the kernel said to one request."""

    def __init__(self):
        self.replies, self.status, self.sentence = [], None, ""
        self.more = False


class Exchange(genl.Fullnat):
    """A socket by which anything may be sent; each answer is checked."""

    def __init__(self, contract, capped=True):
        super().__init__()
        self.contract = contract
        self.socket.setsockopt(genl.SOL_NETLINK, genl.CAP_ACK, int(capped))
        for option in SO_RCVBUFFORCE, SO_SNDBUFFORCE:
            # who has no rights has to do with less
            with contextlib.suppress(PermissionError):
                self.socket.setsockopt(socket.SOL_SOCKET, option, ROOM)

    def exchange(self, requests):
        """What the kernel says to these, in one datagram: [verdict]. None: it
        is too big to be sent."""
        first = self.sequence + 1
        self.sequence += len(requests) + 1
        sent = [request.encode(self.family, first + number)
                for number, request in enumerate(requests)]
        found = {first + number: Verdict() for number in range(len(requests))}
        datagram = b"".join(one + bytes(-len(one) % 4) for one in sent)
        try:
            self.socket.send(datagram)
        except OSError as error:
            if error.errno in (errno.EMSGSIZE, errno.ENOBUFS):
                return None
            raise
        # an answer that comes whatever became of the rest
        self.socket.send(struct.pack("=IHHII", 16, NOOP,
                                     genl.REQUEST | genl.ACK, self.sequence,
                                     0))
        self.collect(found, dict(enumerate(zip(requests, sent), first)))
        return list(found.values())

    def collect(self, found, requests):
        heard = False
        while not heard or any(one.more for one in found.values()):
            for kind, flags, sequence, body in self.receive():
                if sequence == self.sequence:
                    heard = True
                elif sequence in found:
                    self.judge(found[sequence], kind, flags, body,
                               *requests[sequence])
                elif all(request.whole for request, _ in requests.values()):
                    fault(f"an answer to {sequence}, which nobody sent")

    def judge(self, verdict, kind, flags, body, request, sent):
        try:
            if kind == self.family:
                self.reply(verdict, flags, body, request)
            elif kind in (genl.NLMSG_ERROR, genl.NLMSG_DONE):
                self.end(verdict, kind, flags, body, request, sent)
            else:
                raise Broken(f"an answer of type {kind}")
        except (Broken, struct.error) as error:
            fault(f"{error}: answer {body[:200].hex()} to {sent.hex()}")

    def reply(self, verdict, flags, body, request):
        operation = self.contract.by_number.get(request.command)
        if not operation:
            raise Broken("an answer to no command")
        mode = "dump" if flags & MULTI else "do"
        if verdict.status is not None or (verdict.replies and mode == "do"):
            raise Broken("more than one answer")
        verdict.more = mode == "dump"
        # of thousands, some
        if len(verdict.replies) < MANY // 8 or len(verdict.replies) % 16 == 0:
            self.contract.check_answer(operation, mode, body)
        verdict.replies.append(body[4:])

    def end(self, verdict, kind, flags, body, request, sent):
        if verdict.status is not None:
            raise Broken("more than one verdict")
        verdict.more = False
        verdict.status = -struct.unpack_from("=i", body)[0]
        at, size = 4, 0
        if kind == genl.NLMSG_ERROR:
            at, size = 20, struct.unpack_from("=I", body, 4)[0]
            if request.whole and body[4:20] != sent[:16]:
                raise Broken("a verdict on another request")
            if not flags & genl.CAPPED:
                at = 4 + size + (-size % 4)
                if request.whole and body[4:4 + size] != sent:
                    raise Broken("a verdict on other bytes")
        rest = body[at:]
        if rest and not flags & genl.ACK_TLVS:
            raise Broken("bytes behind the verdict")
        # it may have swallowed those behind it
        self.explain(verdict, rest, max(size, len(sent)))
        if verdict.status and request.whole:
            self.check_reason(verdict)

    @staticmethod
    def explain(verdict, data, length):
        """The attributes of a verdict on a request of that length."""
        for number, _, value in attributes(data):
            if number == ERR_MSG:
                if value[-1:] != b"\0" or value.count(b"\0") != 1:
                    raise Broken("a sentence without its end")
                verdict.sentence = value[:-1].decode("ascii")
                if not verdict.sentence.isprintable() or \
                        not verdict.sentence:
                    raise Broken("what is no sentence")
            elif number == ERR_OFFS:
                offset, = struct.unpack("=I", value)
                if not 20 <= offset < length or offset % 4:
                    raise Broken(f"offset {offset} of {length}")
            elif number == ERR_COOKIE and len(value) != 4:
                raise Broken(f"a cookie of {len(value)} bytes")
            elif not 0 < number <= ERR_LAST:
                raise Broken(f"attribute {number} of a verdict")

    @staticmethod
    def check_reason(verdict):
        if verdict.status not in ERRNOS | WORDLESS:
            raise Broken(f"errno {verdict.status}")
        if not verdict.sentence and verdict.status not in WORDLESS:
            raise Broken(f"no sentence for {verdict.status}")

    # what there is

    def policies(self):
        """{the service's bytes: addresses of its pool}"""
        found = {}
        for data in self.dump(genl.SERVICE_GET):
            one = genl.parse(data)
            found[one[genl.SERVICE]] = genl.number(one[genl.LADDRS])
        return found

    def pool(self, service):
        """[(address, draining)]"""
        try:
            found = [genl.parse(one) for one in self.dump(
                genl.LADDR_GET, genl.nest(genl.SERVICE, service))]
        except genl.Refused:
            return []
        return [(genl.unpacked(one[genl.L_ADDR]), genl.L_DRAINING in one)
                for one in found]

    def state(self):
        """All that can be configured, and the generation."""
        policies = [without(data, genl.SESSIONS)
                    for data in self.dump(genl.SERVICE_GET)]
        if sum(self.policies().values()) > MANY // 4:
            return policies, None
        return policies, [
            without(data, genl.L_SESSIONS, genl.L_LIMIT, genl.L_USED,
                    genl.L_NO_PORT) for data in self.dump(genl.LADDR_GET)]

    def clear(self):
        self.ask(genl.RESTORE, genl.flag(genl.REPLACE))


def without(data, *numbers):
    """Attributes, but for those that sessions change."""
    return [(number, value) for number, _, value in attributes(data)
            if number not in numbers]

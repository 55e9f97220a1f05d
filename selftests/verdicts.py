# SPDX-License-Identifier: GPL-2.0
"""Passes all packets of queue 0 of netfilter.

Says its process id once the queue is there; on SIGTERM, how many it has passed.
"""

import os
import signal
import socket
import struct

from ipvs import attribute, parse

NETLINK_NETFILTER, NLMSG_ERROR, REQUEST = 12, 2, 1
PACKET, VERDICT, CONFIG = 0x300, 0x301, 0x302
PACKET_HDR, VERDICT_HDR = 1, 2
CFG_CMD, CFG_PARAMS, CFG_FLAGS_MASK, CFG_FLAGS = 1, 2, 4, 5
BIND, COPY_META, GSO = 1, 1, 4
ACCEPT = 1
# netlink's header, and netfilter's: family, version, number of the queue
HEADER = struct.Struct("=IHHIIBBH")


class Queue:
    def __init__(self):
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW,
                                    NETLINK_NETFILTER)
        self.socket.bind((0, 0))
        self.passed = 0
        self.send(CONFIG, attribute(CFG_CMD, struct.pack("!BxH", BIND, 0)))
        self.send(CONFIG, attribute(CFG_PARAMS,
                                    struct.pack("!IB", 0, COPY_META)) +
                  attribute(CFG_FLAGS_MASK, struct.pack("!I", GSO)) +
                  attribute(CFG_FLAGS, struct.pack("!I", GSO)))

    def send(self, kind, body):
        self.socket.send(HEADER.pack(HEADER.size + len(body), kind, REQUEST, 0,
                                     0, 0, 0, 0) + body)

    def serve(self):
        while True:
            data = self.socket.recv(1 << 16)
            size, kind = struct.unpack_from("=IH", data)
            if kind == NLMSG_ERROR:
                number, = struct.unpack_from("=i", data, 16)
                raise OSError(-number, os.strerror(-number))
            if kind != PACKET:
                continue
            number = parse(data[HEADER.size:size])[PACKET_HDR][:4]
            # counted first: what it passes may be what a test waits for
            self.passed += 1
            self.send(VERDICT, attribute(
                VERDICT_HDR, struct.pack("!I", ACCEPT) + number))


def main():
    def end(*_):
        raise SystemExit

    queue = Queue()
    signal.signal(signal.SIGTERM, end)
    print(os.getpid(), flush=True)
    try:
        queue.serve()
    finally:
        print(queue.passed, flush=True)


if __name__ == "__main__":
    main()

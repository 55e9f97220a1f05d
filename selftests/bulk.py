#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Streams both ways at once, every byte compared: commands of a test.

usage: bulk.py CLIENT DIRECTOR SERVER...            (network namespaces)

What traffic.py knows, this knows too.
"""

import errno
import os
import select
import socket

import netns
from sockets import DEADLINE
from traffic import Traffic, main

CHUNK = 1 << 17
MIB = 1 << 20
MTU = {socket.AF_INET: (socket.IPPROTO_IP, 14),
       socket.AF_INET6: (socket.IPPROTO_IPV6, 24)}
NOPROGRESS = 4 * DEADLINE


class Stream:
    """What one end sends, and the other has got of it so far."""

    def __init__(self, sender, receiver, data):
        self.sender, self.receiver, self.data = sender, receiver, data
        self.view = memoryview(data)
        self.sent = self.received = 0
        self.ended = False

    def send(self):
        if self.sent < len(self.data):
            self.sent += self.sender.send(self.view[self.sent:
                                                    self.sent + CHUNK])
        if self.sent == len(self.data):
            self.sender.shutdown(socket.SHUT_WR)
            return False
        return True

    def receive(self):
        """What comes has to be what is due, to its end and no further."""
        data = self.receiver.recv(CHUNK)
        due = self.data[self.received:self.received + len(data)]
        if data != due:
            raise ValueError(f"other bytes after {self.received}")
        self.received += len(data)
        self.ended = not data
        if self.ended and self.received < len(self.data):
            raise ValueError(f"the end after {self.received}")


class Bulk(Traffic):
    """Large transfers."""

    def __init__(self, client, director, *servers):
        super().__init__(client, director, *servers)
        self.director = director
        self.random = b""
        self.mtus = ""

    def data(self, size, start):
        if len(self.random) < size + MIB:
            self.random = os.urandom(size + MIB)
        return self.random[start:start + size]

    def do_transfer(self, up, down):
        """So many KiB both ways at once; says how many bytes were equal."""
        connection = self.connect()
        client, server = connection.client, connection.server
        if not server:
            connection.close()
            return "no connection"
        streams = [Stream(client, server, self.data(int(up) << 10, 0)),
                   Stream(server, client, self.data(int(down) << 10, 4099))]
        client.setblocking(False)
        server.setblocking(False)
        why = ""
        try:
            self.move(streams)
        except (OSError, ValueError) as error:
            why = f", {type(error).__name__}: {error}"
        self.mtus = f"{self.mtu(client)} {self.mtu(server)}"
        connection.close()
        return " ".join(str(stream.received) for stream in streams) + why

    @staticmethod
    def mtu(end):
        try:
            return end.getsockopt(*MTU[end.family])
        except OSError as error:        # it has given up
            return errno.errorcode[error.errno]

    @staticmethod
    def move(streams):
        senders = {stream.sender: stream for stream in streams}
        receivers = {stream.receiver: stream for stream in streams}
        while senders or receivers:
            readable, writable, _ = select.select(receivers, senders, [],
                                                  NOPROGRESS)
            if not readable and not writable:
                raise ValueError("stuck after " + " and ".join(
                    str(stream.received) for stream in streams))
            for sock in writable:
                if not senders[sock].send():
                    del senders[sock]
            for sock in readable:
                receivers[sock].receive()
                if receivers[sock].ended:
                    del receivers[sock]

    def do_mtus(self):
        """The path MTU that client and server had found out at the end."""
        return self.mtus

    def do_packets(self):
        """How many came to the director, and left it: one that is still to be
        segmented counts as one."""
        with netns.inside(self.director):
            with open("/proc/thread-self/net/dev", encoding="ascii") as file:
                lines = [line.replace(":", " ").split() for line in file]
        devices = [line for line in lines if line[0] in ("cli", "lan")]
        return " ".join(str(sum(int(line[column]) for line in devices))
                        for column in (2, 10))


if __name__ == "__main__":
    main(Bulk)

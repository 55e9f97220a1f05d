# SPDX-License-Identifier: GPL-2.0
"""Packet sockets: see all that a device carries, and send anything."""

import contextlib
import fcntl
import socket
import struct

import netns

SIOCGIFHWADDR, SO_RCVBUFFORCE = 0x8927, 33
SOL_PACKET, PACKET_STATISTICS, PACKET_VNET_HDR = 263, 6, 15
ETH_P_ALL, PACKET_OUTGOING = 3, 4
ETH_P = {4: 0x800, 6: 0x86dd}
ROOM, QUEUE = 1 << 17, 32 << 20


class Tap:
    """A packet socket of a namespace's device: sees, and sends to a peer."""

    def __init__(self, namespace, device, peer=b"", header=False):
        self.device, self.peer = device, peer
        with netns.inside(namespace):
            self.socket = socket.socket(
                socket.AF_PACKET,
                socket.SOCK_RAW if header else socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, QUEUE)
        if header:
            self.socket.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
        else:
            self.socket.bind((device, ETH_P_ALL))
        self.socket.setblocking(False)
        self.sent = 0

    def hardware(self):
        data = fcntl.ioctl(self.socket, SIOCGIFHWADDR,
                           struct.pack("16s24x", self.device.encode()))
        return data[18:24]

    def send(self, data, header=b""):
        """What the kernel does not take is not sent."""
        kind = ETH_P.get(data[0] >> 4, ETH_P[4])
        if header:
            data = header + self.peer * 2 + struct.pack("!H", kind) + data
        with contextlib.suppress(OSError):
            self.socket.sendto(data, (self.device, kind, 0, 0, self.peer))
            self.sent += 1

    def come(self):
        """[(packet, whether this side has sent it)]"""
        found = []
        with contextlib.suppress(BlockingIOError):
            while True:
                data, who = self.socket.recvfrom(ROOM)
                if who[1] in ETH_P.values():
                    found.append((data, who[2] == PACKET_OUTGOING))
        return found

    def skip(self):
        with contextlib.suppress(BlockingIOError):
            while True:
                self.socket.recv(1)

    def lost(self):
        return struct.unpack("=II", self.socket.getsockopt(
            SOL_PACKET, PACKET_STATISTICS, 8))[1]

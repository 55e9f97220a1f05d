#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tell of an established connection, as another director's sync daemon does.

usage: sync.py CLIENT PORT VIRTUAL PORT SERVER PORT     (in the client)
"""

import socket
import struct
import sys

GROUP = "224.0.0.81", 8848
ESTABLISHED = 1


def main(client, cport, virtual, vport, server, port):
    """One connection of TCP in IPv4, by version 1 of the protocol."""
    ends = [socket.inet_aton(end) for end in (client, virtual, server)]
    connection = struct.pack(
        "!BBHIHHHHII", 0, socket.IPPROTO_TCP, 36, 0, ESTABLISHED, int(cport),
        int(vport), int(port), 0, 100) + b"".join(ends)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, ends[0])
        sock.sendto(struct.pack("!BBHBbH", 0, 0, 8 + len(connection), 1, 1, 0)
                    + connection, GROUP)


main(*sys.argv[1:])

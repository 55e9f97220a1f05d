# SPDX-License-Identifier: GPL-2.0
"""Do the counters of FULLNAT add up, with each other and with its sessions?

Only while nothing moves.
"""

import collections

from genl import (
    E_ADDR, E_PORT, L_ADDR, L_SERVICE, L_SESSIONS, L_USED, LADDR_GET, N_LADDR,
    N_PROTOCOL, N_RESTING, N_SERVER, N_SERVICE, P_FIRST, P_LAST, PORTS, SERVICE,
    SERVICE_GET, SESSION_GET, STATS_GET, T_COUNTER, T_SERVICE, T_SESSIONS,
    V_ID, V_VALUE, every, named, number, parse, unpacked)

CREATED, ENDED = 0, 1
Session = collections.namedtuple("Session",
                                 "service laddr lport server resting")


def end_of(data):
    found = parse(data)
    return unpacked(found[E_ADDR]), int.from_bytes(found[E_PORT], "big")


def sessions(kernel):
    """All that a dump tells of."""
    found = []
    for reply in kernel.dump(SESSION_GET):
        one = parse(reply)
        laddr, lport = end_of(one[N_LADDR]) if N_LADDR in one else (None, 0)
        found.append(Session(named(one[N_SERVICE]), laddr, lport,
                             (one[N_PROTOCOL][0], *end_of(one[N_SERVER])),
                             N_RESTING in one))
    return found


def counters(reply):
    return {number(parse(one)[V_ID]): number(parse(one)[V_VALUE])
            for one in every(reply, T_COUNTER)}


def services(kernel):
    """{service: (created, ended, sessions)}"""
    found = {}
    for reply in kernel.dump(STATS_GET):
        one = parse(reply)
        if T_SERVICE in one:
            values = counters(reply)
            found[named(one[T_SERVICE])] = (values[CREATED], values[ENDED],
                                            number(one[T_SESSIONS]))
    return found


def ranges(kernel):
    """{service: [(first, last)]}"""
    found = {}
    for reply in kernel.dump(SERVICE_GET):
        found[named(parse(reply)[SERVICE])] = [
            tuple(int.from_bytes(parse(one)[kind], "big")
                  for kind in (P_FIRST, P_LAST)) for one in every(reply, PORTS)]
    return found


def busiest(live, laddr, ports):
    """How many ports of these an address has busy with one real server."""
    count = collections.Counter(
        one.server for one in live if one.laddr == laddr and not one.resting and
        any(first <= one.lport <= last for first, last in ports))
    return max(count.values(), default=0)


def faults(kernel):
    """What does not add up: sentences."""
    found, live, ports = [], sessions(kernel), ranges(kernel)
    count = collections.Counter(one.service for one in live)

    def same(what, expected, got):
        if expected != got:
            found.append(f"{what}: expected {expected}, got {got}")

    for service, (created, ended, now) in services(kernel).items():
        same(f"{service}: created less ended", count[service], created - ended)
        same(f"{service}: sessions", count[service], now)
    at = collections.Counter(one.laddr for one in live)
    for reply in kernel.dump(LADDR_GET):
        one = parse(reply)
        service, laddr = named(one[L_SERVICE]), unpacked(one[L_ADDR])
        same(f"{service} {laddr}: sessions", at[laddr],
             number(one[L_SESSIONS]))
        same(f"{service} {laddr}: used", busiest(live, laddr, ports[service]),
             number(one[L_USED]))
    ends = collections.Counter((one.laddr, one.lport, one.server)
                               for one in live if one.laddr)
    found += [f"{end} is used {times} times" for end, times in ends.items()
              if times > 1]
    return found

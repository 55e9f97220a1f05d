#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Everything changes while connections go on: the commands of fullnat_churn.sh.

usage: fullnat_churn.py CLIENT DIRECTOR SERVER SERVER STILL-CLIENT STILL-SERVER

Some services are edited all the time, in every way there is; others, with links
of their own, by nobody. The client of each is a talk (talk.py).
"""

import collections
import contextlib
import errno
import sys
import time

import genl
import ledger
import netns
from commands import serve
from genl import (
    ADJUST, DUMP, LADDR_ADD, LADDR_DEL, LADDR_DRAIN, LADDR_GET, POLICY, REPLACE,
    RESTORE, SERVICE_ADD, SERVICE_DEL, SERVICE_GET, SERVICE_SET, SESSION_FLUSH,
    SESSION_GET, STATS_GET, STATS_RESET, UDP_TIMEOUT, Fullnat, Refused, end,
    flag, laddr, nest, ports, u8, u32)
from ipvs import DEL_DEST, DEL_SERVICE, NEW_DEST, SET_DEST, SET_SERVICE
from still import (SERVERS, STILL_KEYS, STILL_LADDRS, VIPS, Director, Key)
from talk import Talker
from wires import Wires, laddrs_of
from worlds import Worlds

SCHEDULERS = "swrr", "rr", "wrr", "wlc", "sh"
KNOBS = "conn_reuse_mode", "expire_nodest_conn", "conntrack"
# seconds without a word: of those that are touched
SHORT = 1
KEYS = [Key("-t", VIPS[4], 80), Key("-t", VIPS[4], 81), Key("-u", VIPS[4], 53),
        Key("-u", VIPS[4], 54), Key("-t", VIPS[6], 80), Key("-u", VIPS[6], 53)]


def knob(name, value):
    with open(f"/proc/sys/net/ipv4/vs/{name}", "w", encoding="ascii") as file:
        file.write(str(value))


class Churn(Director):
    """What the commands work on."""

    def __init__(self, *names):
        super().__init__(KEYS, *names)
        with netns.inside(self.director):
            self.half_read = Fullnat()
        self.worlds = Worlds(self.draw)
        self.wires = Wires(self.client, self.director, self.names[:2],
                           self.draw)
        self.mends, self.step = {}, 0
        self.done = collections.Counter()

    def start(self):
        self.touched = Talker(self.client, [key.target(5, *SERVERS)
                                            for key in KEYS], SHORT, 2)

    def add_policy(self, key):
        self.kernel.ask(SERVICE_ADD, *self.config(key))

    def add_service(self, key, scheduler=None):
        super().add_service(key, scheduler or self.draw.choice(SCHEDULERS))

    def config(self, key):
        """A policy, drawn."""
        pool = self.draw.sample(laddrs_of(key.family),
                                self.draw.randrange(1, 5))
        return [key.attributes, *map(laddr, pool), self.draw_ports(),
                *self.draw_settings(key)]

    def draw_ports(self):
        first = self.draw.randrange(10000, 19000)
        return ports(first, first + self.draw.choice((10, 50, 900)))

    def draw_settings(self, key):
        if self.draw.random() < 0.5:
            return []
        return [u8(ADJUST, self.draw.randrange(2)) if key.kind == "-t" else
                u32(UDP_TIMEOUT, self.draw.randrange(1, 4))]

    # what breaks, and is mended some steps later

    def whole(self, *things):
        return not any(thing in self.mends for thing in things)

    def broken(self, thing, mend):
        self.mends[thing] = self.step + self.draw.randrange(1, 12), mend

    def go_on(self):
        self.step += 1
        for thing, (due, mend) in list(self.mends.items()):
            if due <= self.step:
                del self.mends[thing]
                mend()

    def act_link(self, _):
        if not self.whole("wire"):
            return
        breaks, mends = self.wires.any_fault()
        breaks()
        self.broken("wire", mends)

    def act_policy_set(self, key):
        change = self.draw.choice((
            lambda: [self.draw_ports()], lambda: self.draw_settings(key),
            lambda: self.config(key)[1:]))()
        if change:
            self.kernel.ask(SERVICE_SET, key.attributes, *change)

    def act_policy_replace(self, key):
        self.kernel.ask(SERVICE_DEL, key.attributes)
        self.add_policy_later(key)

    def act_policy_del(self, key):
        self.kernel.ask(SERVICE_DEL, key.attributes)
        self.broken((key, "policy"), lambda: self.add_policy_later(key))

    def add_policy_later(self, key):
        """An address of it may be away just now."""
        try:
            self.add_policy(key)
        except Refused as no:
            if no.errno != errno.EADDRNOTAVAIL:
                raise
            self.broken((key, "policy"), lambda: self.add_policy_later(key))

    def act_restore(self, _):
        """All at once, the ones that nobody touches as they are."""
        keys = [key for key in KEYS if self.whole((key, "policy"))]
        given = [nest(POLICY, *self.config(key)) for key in keys]
        given += [nest(POLICY, key.attributes, laddr(STILL_LADDRS[key.family]))
                  for key in STILL_KEYS]
        self.draw.shuffle(given)
        self.kernel.ask(RESTORE, *given, flag(REPLACE))

    def act_laddr_add(self, key):
        one = self.draw.choice(laddrs_of(key.family))
        self.kernel.ask(LADDR_ADD, key.attributes, laddr(one))

    def act_laddr_drain(self, key):
        one = self.draw.choice(laddrs_of(key.family))
        self.kernel.ask(LADDR_DRAIN, key.attributes, laddr(one))

    def act_laddr_del(self, key):
        one = self.draw.choice(laddrs_of(key.family))
        self.kernel.ask(LADDR_DEL, key.attributes, laddr(one))

    def act_flush(self, key):
        filters = [key.attributes]
        if self.draw.random() < 0.5:
            filters.append(end(genl.N_SERVER, key.server(
                self.draw.randrange(1, 3)), key.port))
        self.kernel.ask(SESSION_FLUSH, *filters)

    def act_dump(self, _):
        self.kernel.dump(self.draw.choice((SERVICE_GET, LADDR_GET, STATS_GET,
                                           SESSION_GET)))

    def act_half_dump(self, _):
        """One that is read some time, or never."""
        self.half_read.socket.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            list(self.half_read.receive())
        with contextlib.suppress(OSError):
            self.half_read.send(self.draw.choice((LADDR_GET, SESSION_GET)),
                                b"", DUMP)

    def act_stats_reset(self, key):
        self.kernel.ask(STATS_RESET, key.attributes)

    def act_service_del(self, key):
        self.services[key].change(DEL_SERVICE, "", 0)
        self.broken((key, "service"), lambda: self.add_service(key))

    def act_scheduler(self, key):
        self.services[key].change(SET_SERVICE, self.draw.choice(SCHEDULERS), 0)

    def act_dest_del(self, key):
        service, n = self.services[key], self.draw.randrange(1, 3)
        if not self.whole((key, n)):
            return
        service.dest(DEL_DEST, key.server(n), key.port)
        self.broken((key, n), lambda: self.dest(key, NEW_DEST, n))

    def act_dest_quiesce(self, key):
        n = self.draw.randrange(1, 3)
        if self.whole((key, n)):
            self.dest(key, SET_DEST, n, 0)
            self.broken((key, n), lambda: self.dest(key, SET_DEST, n))

    def act_dest_weight(self, key):
        n = self.draw.randrange(1, 3)
        if self.whole((key, n)):
            self.dest(key, SET_DEST, n, self.draw.randrange(1, 100))

    def dest(self, key, command, n, weight=1):
        """Of a service that may have gone, and come, with all of them."""
        try:
            self.services[key].dest(command, key.server(n), key.port, weight)
        except OSError as error:
            if error.errno not in (errno.EEXIST, errno.ESRCH, errno.ENOENT):
                raise

    def act_namespaces(self, _):
        if len(self.worlds.under_way) > 1:
            self.worlds.end()
        self.worlds.begin()

    def act_knob(self, _):
        name = self.draw.choice(KNOBS)
        with netns.inside(self.director):
            knob(name, self.draw.randrange(2))

    # which of these, and how often
    ACTS = [act_link] * 3 + [act_policy_set] * 4 + [act_policy_replace] * 3 + [
        act_policy_del, act_restore, act_laddr_add, act_laddr_add,
        act_laddr_drain, act_laddr_del, act_flush, act_flush, act_dump,
        act_half_dump, act_stats_reset, act_service_del, act_scheduler,
        act_scheduler, act_dest_del, act_dest_quiesce, act_dest_weight,
        act_namespaces, act_knob]
    POOLS = {act_laddr_add, act_laddr_drain, act_laddr_del}
    NEEDS = {
        "policy": POOLS | {act_policy_set, act_policy_replace, act_policy_del,
                           act_stats_reset},
        "service": {act_service_del, act_scheduler, act_dest_del,
                    act_dest_quiesce, act_dest_weight}}

    def refused(self, act, number_):
        """Is it because of an address, which is away, or in the pool, or not,
        or the last one there?"""
        return number_ == errno.EADDRNOTAVAIL or (act in self.POOLS and number_
            in (errno.EEXIST, errno.ENOENT, errno.EINVAL))

    def act(self):
        self.go_on()
        act, key = self.draw.choice(self.ACTS), self.draw.choice(KEYS)
        if not all(self.whole((key, what)) for what, acts in self.NEEDS.items()
                   if act in acts):
            return
        name = act.__name__.removeprefix("act_")
        try:
            act(self, key)
        except Refused as no:
            if not self.refused(act, no.errno):
                raise
            name += " refused"
        self.done[name] += 1

    def do_churn(self, seconds):
        """Change things for so long; says how many."""
        self.still.go()
        self.touched.go()
        last = time.monotonic() + float(seconds)
        while time.monotonic() < last:
            self.act()
        return str(sum(self.done.values()))

    def do_changes(self):
        """What was done, how often."""
        return ", ".join(f"{count} {name}"
                         for name, count in sorted(self.done.items()))

    # afterwards

    def do_mend(self):
        """All is as it should be."""
        while self.mends:
            self.go_on()
        self.wires.mend_all()
        self.worlds.end_all()
        self.renew_policies(lambda key: map(laddr, laddrs_of(key.family)))
        for key in KEYS:
            self.services[key].change(SET_SERVICE, "rr", 0)
            for n in SERVERS:
                self.dest(key, NEW_DEST, n)
                self.dest(key, SET_DEST, n)

    # the module, which comes and goes while IPVS forwards by itself

    def unload(self):
        self.kernel.ask(RESTORE, flag(REPLACE))
        self.wait_for(lambda: not self.flush())
        self.kernel.socket.close()
        self.wait_for(self.unloaded)

    @staticmethod
    def unloaded():
        try:
            netns.delete_module("ip_vs_fullnat")
        except OSError as error:
            # somebody is in it yet
            if error.errno not in (errno.EAGAIN, errno.EBUSY):
                raise
            return False
        return True

    def load(self):
        """Who asks for it has it loaded."""
        with netns.inside(self.director):
            self.kernel = Fullnat()
        for key in KEYS:
            self.add_policy(key)

    def served(self):
        return sum(created for created, _, _ in
                   ledger.services(self.kernel).values())

    def do_phases(self, seconds):
        """Unload it and load it, for so long, beside traffic; how often, and
        what became of the traffic."""
        self.half_read.socket.close()
        talker = Talker(self.client, [key.target(2, *SERVERS)
                                      for key in KEYS], SHORT, 4)
        talker.go()
        rounds, last = 0, time.monotonic() + float(seconds)
        while not rounds or time.monotonic() < last:
            self.unload()
            self.load()
            self.wait_for(lambda: self.served() >= 10)
            rounds += 1
        return f"{rounds} times; {talker.stop()}"

    def do_stop(self):
        """What became of those that were edited."""
        return str(self.touched.stop())

    def do_namespaces(self):
        """How those of a moment went."""
        return "; ".join([f"{self.worlds.made} made"] + self.worlds.faults)

    def do_leave(self):
        super().do_leave()
        for links in self.wires.links.values():
            links.socket.close()


def main():
    serve(Churn(*sys.argv[1:]))


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: GPL-2.0
"""A director with some services that are at stake, and some that are not.

Those have a client, a real server, links and addresses of their own (still.sh),
and must not notice what is done to the others.
"""

import collections
import contextlib
import os
import random
import time

import genl
import ledger
import netns
from crowd import Servers
from genl import (RESTORE, SERVICE_ADD, SERVICE_DEL, SESSION_FLUSH, Fullnat,
                  Refused, flag, laddr, number, parse)
from ipvs import DEL_SERVICE, NEW_DEST, NEW_SERVICE, Ipvs, Service, family_of
from sockets import NETWORK
from talk import Talker, Target, fork
from traffic import PROTOCOL

VIPS = {4: "192.0.2.100", 6: "2001:db8:1::100"}
STILL_VIPS = {4: "203.0.113.100", 6: "2001:db8:c::100"}
STILL_LADDRS = {4: "10.9.0.201-10.9.0.204", 6: "2001:db8:9::201"}
STILL_SERVER = {4: "10.9.0.1", 6: "2001:db8:9::1"}
# the real servers of the others, and ours
SERVERS, STILL_NUMBER = (1, 2), 3
DEADLINE = float(os.environ.get("DEADLINE", "30"))
# seconds without a word that are a fault
BOUND = DEADLINE / 3


class Key(collections.namedtuple("Key", "kind address port")):
    """Which service."""

    @property
    def family(self):
        return 6 if ":" in self.address else 4

    @property
    def attributes(self):
        return genl.service(PROTOCOL[self.kind], self.address, self.port)

    def server(self, n):
        return f"{NETWORK[family_of(self.address)]}{n}"

    def target(self, width, *servers, sports=()):
        return Target(*self, servers, width, sports)


STILL_KEYS = [Key("-t", STILL_VIPS[4], 80), Key("-u", STILL_VIPS[4], 53),
              Key("-t", STILL_VIPS[6], 80)]


def real_servers(control, namespaces):
    Servers(namespaces, control).run()


def fill(service, key, scheduler="rr"):
    """A new service, with both real servers."""
    service.change(NEW_SERVICE, scheduler, 0)
    for n in SERVERS:
        service.dest(NEW_DEST, key.server(n), key.port, n)


class Director:
    """What the commands work on: two real servers, and that of the others."""

    def __init__(self, keys, client, director, *names):
        self.draw = random.Random(os.environ.get("SEED", "1"))
        self.keys, self.client, self.director = keys, client, director
        self.names, still = [*names[:2], names[3]], names[2]
        # before we have any socket that would be theirs as well
        self.serve()
        self.still = Talker(still, [key.target(3, STILL_NUMBER)
                                    for key in STILL_KEYS], BOUND, 1)
        self.start()
        with netns.inside(director):
            self.kernel, self.ipvs = Fullnat(), Ipvs()
        self.services = {key: Service(self.ipvs, PROTOCOL[key.kind],
                                      key.address, key.port)
                         for key in keys + STILL_KEYS}

    def start(self):
        """Processes, before there are sockets in the director."""

    def serve(self):
        self.control, _ = fork(real_servers, self.names)
        for key, number_ in [(key, n) for key in self.keys for n in SERVERS] + \
                [(key, STILL_NUMBER) for key in STILL_KEYS]:
            self.control.send(f"up {key.kind} {number_} {key.port}".encode())
            if self.control.recv(100) != b"done":
                raise RuntimeError("no real servers")

    def do_begin(self):
        """Policies and services, and nothing is said yet."""
        for key in STILL_KEYS:
            self.kernel.ask(SERVICE_ADD, key.attributes,
                            laddr(STILL_LADDRS[key.family]))
            self.services[key].change(NEW_SERVICE, "rr", 0)
            self.services[key].dest(NEW_DEST, STILL_SERVER[key.family],
                                    key.port)
        for key in self.keys:
            self.add_policy(key)
            self.add_service(key)

    def add_policy(self, key):
        raise NotImplementedError

    def add_service(self, key, scheduler="rr"):
        fill(self.services[key], key, scheduler)

    # afterwards

    @staticmethod
    def wait_for(condition):
        last = time.monotonic() + DEADLINE
        while not condition():
            if time.monotonic() > last:
                raise RuntimeError("not within the deadline")
            time.sleep(0.02)

    def renew_policies(self, config):
        """New ones, and no session is of those that were there before."""
        for key in self.keys:
            with contextlib.suppress(Refused):
                self.kernel.ask(SERVICE_DEL, key.attributes)
        for key in self.keys:
            self.wait_for(lambda key=key: not self.flush(key))
            self.kernel.ask(SERVICE_ADD, key.attributes, *config(key))

    def do_slowest(self):
        """Milliseconds that those that are not at stake have waited."""
        return str(int(self.still.report().slowest * 1000))

    def do_stop_still(self):
        """What became of all: good ones are counted, others are named."""
        report = self.still.stop()
        return "; ".join([str(report), *report.silent])

    def do_talk(self, count):
        """Talk with those that were at stake; all should be well by now."""
        talker = Talker(self.client, [key.target(3, *SERVERS)
                                      for key in self.keys], BOUND, 3)
        talker.go()
        with contextlib.suppress(RuntimeError):
            self.wait_for(lambda: talker.report().good() >= int(count))
        report = talker.stop()
        return "; ".join([str(report), *report.silent])

    def flush(self, *keys):
        filters = [key.attributes for key in keys]
        reply = parse(self.kernel.ask(SESSION_FLUSH, *filters))
        return number(reply[genl.N_FLUSHED])

    def do_flush(self):
        """How many sessions were flushed?"""
        return str(self.flush())

    def do_sessions(self):
        return str(len(ledger.sessions(self.kernel)))

    def do_add_up(self):
        """Do the counters, once nothing moves?"""
        found = []

        def add_up():
            found[:] = ledger.faults(self.kernel)
            return not found
        with contextlib.suppress(RuntimeError):
            self.wait_for(add_up)
        return "; ".join(found[:5]) or "yes"

    def do_clear(self):
        """Neither policies nor services."""
        self.kernel.ask(RESTORE, flag(genl.REPLACE))
        for service in self.services.values():
            service.change(DEL_SERVICE, "", 0)

    def do_leave(self):
        """No socket of ours is in the director."""
        self.kernel.socket.close()
        self.ipvs.socket.close()

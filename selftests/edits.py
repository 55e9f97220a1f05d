# SPDX-License-Identifier: GPL-2.0
"""Commands that edit the real servers of a service, by netlink."""

import random

import ipvs
import netns
from picks import YES, numbers
from sockets import address_of, number_of


class Edits:
    """Needs of its heir: ipvs, service, target, servers, burst()."""

    def edit(self, command, server, weight, *thresholds):
        port = 0 if self.service.fwmark else self.target[1]
        self.service.dest(command, address_of(self.servers.family, server),
                          port, int(weight), *map(int, thresholds))

    def do_add(self, server, weight, *thresholds):
        self.edit(ipvs.NEW_DEST, server, weight, *thresholds)

    def do_weight(self, server, weight, *thresholds):
        self.edit(ipvs.SET_DEST, server, weight, *thresholds)

    def do_delete(self, server):
        self.edit(ipvs.DEL_DEST, server, 0)

    def listed(self):
        """{server: (weight, active, inactive)}, by number"""
        return {number_of(self.servers.family, address): values
                for address, values in sorted(self.service.dests().items())}

    def do_loads(self):
        """Connections that count against the thresholds of each."""
        return " ".join(str(active + inactive) for _, (_, active, inactive)
                        in sorted(self.listed().items()))

    def do_load(self, server=0):
        """Those of one real server, or, for 0, of all."""
        return str(sum(active + inactive
                       for number, (_, active, inactive)
                       in self.listed().items()
                       if int(server) in (0, number)))

    def do_weights(self):
        """Those that IPVS has now, such as "1:5 2:1"."""
        return " ".join(f"{server}:{values[0]}"
                        for server, values in sorted(self.listed().items()))

    def do_reload(self, scheduler, count):
        """COUNT times: a service, which loads the scheduler's module, real
        servers, a datagram, no service, no module."""
        for _ in range(int(count)):
            self.service.change(ipvs.NEW_SERVICE, scheduler, ipvs.F_ONEPACKET)
            for server in (1, 2, 3):
                self.do_add(server, server)
            pick = self.burst(1)[0]
            self.service.change(ipvs.DEL_SERVICE, scheduler, 0)
            if pick not in (1, 2, 3):
                return f"no: picked {pick}"
            netns.delete_module(f"ip_vs_{scheduler}")
        return YES

    def do_forget(self):
        """Keep nothing open in the director's namespace."""
        self.ipvs.socket.close()

    def do_churn(self, count, every, change, weights, seed=1):
        """Datagrams with a weight edited before each EVERY-th.

        The edited server is drawn by SEED; CHANGE says what becomes of its
        weight: redraw (from the range of WEIGHTS), drift (one more or less)
        or flip (0, or back to what it was). Answers: the largest distance
        from the share integrated over time, how many servers got no turn at
        all, how many picks went to a server with weight 0 or nowhere.
        """
        draw = random.Random(int(seed))
        at_start = numbers(weights)
        now = list(at_start)
        low, high = min(now), max(now)
        due, got = [0.0] * len(now), [0] * len(now)
        worst, wrong = 0.0, 0
        for step in range(int(count)):
            if step % int(every) == 0:
                server = draw.randrange(len(now))
                if change == "redraw":
                    weight = draw.randint(low, high)
                elif change == "drift":
                    weight = max(1, now[server] + draw.choice((-1, 1)))
                else:
                    weight = 0 if now[server] else at_start[server]
                    if sum(now) == now[server]:
                        weight = at_start[server]
                now[server] = weight
                self.do_weight(server + 1, weight)
            pick = self.burst(1)[0]
            if pick <= 0 or not now[pick - 1]:
                wrong += 1
                continue
            got[pick - 1] += 1
            total = sum(now)
            for server, weight in enumerate(now):
                due[server] += weight / total
                worst = max(worst, abs(due[server] - got[server]))
        return f"{worst:.3f} {got.count(0)} {wrong}"

# SPDX-License-Identifier: GPL-2.0
"""What can be said of a sequence of picks: server numbers 1..n, in order.

Questions are answered "yes" or "no: why". All sums are in integers.
"""

import math

REFUSED, LOST = 0, -1
YES = "yes"


def numbers(text):
    return [int(word) for word in text.split(",") if word]


def counts(picks, servers):
    found = [0] * servers
    for pick in picks:
        if 0 < pick <= servers:
            found[pick - 1] += 1
    return found


def longest_run(picks):
    longest = length = 0
    last = None
    for pick in picks:
        length = length + 1 if pick == last else 1
        last = pick
        longest = max(longest, length)
    return longest


def cycle_length(weights):
    return sum(weights) // math.gcd(*weights)


def largest_lag(picks, weights):
    """(|turns due - turns got| * total weight, server, datagram) at its worst.

    A server's lag only grows up to its next pick and only falls by a pick, so
    looking just before and just after each pick sees every extreme.
    """
    total = sum(weights)
    got = [0] * len(weights)
    worst = (0, 0, 0)
    for time, pick in enumerate(picks):
        if pick <= 0:
            continue
        server = pick - 1
        before = weights[server] * time - total * got[server]
        got[server] += 1
        after = weights[server] * (time + 1) - total * got[server]
        worst = max(worst, (abs(before), pick, time), (abs(after), pick, time))
    for server, weight in enumerate(weights):
        lag = abs(weight * len(picks) - total * got[server])
        worst = max(worst, (lag, server + 1, len(picks)))
    return worst


def smooth(picks, weights):
    """Is every server within one pick of its share after every pick?"""
    lag, server, time = largest_lag(picks, weights)
    total = sum(weights)
    if lag < total:
        return YES
    return f"no: server {server} is off by {lag / total:.3f} at pick {time}"


def cycles(picks, weights):
    """Does every whole cycle serve everybody exactly by weight?"""
    length = cycle_length(weights)
    divisor = math.gcd(*weights)
    due = [weight // divisor for weight in weights]
    if len(picks) < length:
        return f"no: {len(picks)} picks are less than one cycle of {length}"
    for start in range(0, len(picks) - length + 1, length):
        got = counts(picks[start:start + length], len(weights))
        for server, (have, want) in enumerate(zip(got, due), 1):
            if have != want:
                return (f"no: server {server} got {have} of {want} in the "
                        f"cycle at pick {start}")
    return YES


def exact(picks, weights):
    """Has everybody exactly its share of all picks together?"""
    got = counts(picks, len(weights))
    for server, (have, weight) in enumerate(zip(got, weights), 1):
        if have * sum(weights) != weight * len(picks):
            return f"no: server {server} has {have} of {len(picks)}"
    return YES


def repeats(picks, weights):
    """Is every cycle the same as the first?"""
    length = cycle_length(weights)
    for time in range(length, len(picks)):
        if picks[time] != picks[time - length]:
            return f"no: pick {time} differs from pick {time - length}"
    return YES


def absent(picks, servers):
    """Do these servers get nothing, and is nothing refused?"""
    for time, pick in enumerate(picks):
        if pick in servers or pick <= 0:
            return f"no: pick {time} is server {pick}"
    return YES


def shared(picks, weights, servers):
    """Do these servers share by weight what they get together?

    For any two of them |xi/wi - xj/wj| < 1/wi + 1/wj after every pick.
    """
    scale = math.lcm(*(weights[s - 1] for s in servers))
    step = {s: scale // weights[s - 1] for s in servers}
    got = dict.fromkeys(servers, 0)
    for time, pick in enumerate(picks):
        if pick not in got:
            continue
        got[pick] += 1
        ahead = max(servers, key=lambda s: (got[s] - 1) * step[s])
        behind = min(servers, key=lambda s: (got[s] + 1) * step[s])
        if (got[ahead] - 1) * step[ahead] >= (got[behind] + 1) * step[behind]:
            return (f"no: at pick {time} server {ahead} has {got[ahead]} and "
                    f"server {behind} has {got[behind]}")
    return YES


def modest(picks, weights, servers):
    """Does none of the servers exceed its share by two picks in any window?"""
    total = sum(weights)
    for server in servers:
        weight = weights[server - 1]
        excess = 0
        for time, pick in enumerate(picks):
            gain = total - weight if pick == server else -weight
            excess = max(0, excess + gain)
            if excess >= 2 * total:
                return (f"no: server {server} is {excess / total:.3f} picks "
                        f"over its share up to pick {time}")
    return YES


class Picks:
    """Commands about the picks of the last command."""

    def __init__(self):
        self.picks = []
        self.history = []

    def do_all(self):
        """From here on: by all commands since `to`."""
        self.picks = self.history[:]

    def do_since(self, first):
        """From here on: without the first picks."""
        self.picks = self.picks[int(first):]

    def do_picks(self):
        return " ".join(map(str, self.picks))

    def do_counts(self, servers):
        return " ".join(map(str, counts(self.picks, int(servers))))

    def do_run(self):
        return str(longest_run(self.picks))

    def do_lag(self, weights):
        """The largest distance from the fair share, in picks."""
        weights = numbers(weights)
        lag = largest_lag(self.picks, weights)[0]
        thousandths = lag * 1000 // sum(weights)
        return f"{thousandths // 1000}.{thousandths % 1000:03}"

    def do_smooth(self, weights):
        return smooth(self.picks, numbers(weights))

    def do_cycles(self, weights):
        return cycles(self.picks, numbers(weights))

    def do_exact(self, weights):
        return exact(self.picks, numbers(weights))

    def do_repeats(self, weights):
        return repeats(self.picks, numbers(weights))

    def do_absent(self, servers):
        return absent(self.picks, numbers(servers))

    def do_shared(self, weights, servers):
        return shared(self.picks, numbers(weights), numbers(servers))

    def do_modest(self, weights, servers):
        return modest(self.picks, numbers(weights), numbers(servers))

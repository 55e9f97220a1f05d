# SPDX-License-Identifier: GPL-2.0
"""The director under the injector: addresses, routes, IPVS, and runs.

    clients                     director                     real servers
    198.18.0.0/24 -- 10.0.1.2 == clients   servers == 10.0.2.2 -- 198.19.0.1 ...
                                192.0.2.1

Both devices are the injector's: nothing is on the other end of them.
"""

import os
import subprocess

VIP = "192.0.2.1:80"
RPORT = 8080
DEBUGFS = "/sys/kernel/debug/fnat_inject/"


class Unsound(Exception):
    """Packets were lost or wrong, so that there is no figure."""


def sh(*words, text=None):
    subprocess.run(words, input=text, text=True, check=True)


def sysctl(name, value):
    with open("/proc/sys/" + name.replace(".", "/"), "w") as f:
        f.write(str(value))


def start(injector, **parameters):
    """Makes the caller's namespace the director; again, with other parameters."""
    if os.path.exists(DEBUGFS):
        sh("rmmod", "fnat_inject")
    sysctl("net.ipv4.ip_forward", 1)
    for conf in "all", "default":
        sysctl(f"net.ipv4.conf.{conf}.rp_filter", 0)
        if os.path.exists("/proc/sys/net/ipv6"):
            sysctl(f"net.ipv6.conf.{conf}.disable_ipv6", 1)
    sh("modprobe", "nf_conntrack", "hashsize=1048576")
    sh("modprobe", "ip_vs", "conn_tab_bits=20")
    sh("insmod", injector, *(f"{name}={value}" for name, value in parameters.items()))
    sh("ip", "-batch", "-", text="""\
        addr replace 192.0.2.1/32 dev lo
        addr add 10.0.1.1/24 dev clients
        addr add 10.0.2.1/24 dev servers
        link set clients up
        link set servers up
        route add 198.18.0.0/16 via 10.0.1.2
        route add 198.19.0.0/16 via 10.0.2.2
        """)


def server(i):
    return f"198.19.{(i + 1) >> 8}.{(i + 1) & 255}:{RPORT}"


def service(weights, flags="", forward="-m", protocols="-u"):
    """A service of each protocol, with a real server for each weight."""
    lines = []
    for protocol in protocols.split():
        lines.append(f"-A {protocol} {VIP} -s rr {flags}")
        lines += [f"-a {protocol} {VIP} -r {server(i)} {forward} -w {weight}"
                  for i, weight in enumerate(weights)]
    sh("ipvsadm", "-C")
    sh("ipvsadm", "-R", text="\n".join(lines) + "\n")


def scheduler(name, *flags):
    """Changes the scheduler and keeps the real servers."""
    sh("ipvsadm", "-E", "-u", VIP, "-s", name, *flags)


def run(mode, warm, count, servers):
    """Returns the figures of each phase of a run of the injector."""
    with open(DEBUGFS + "run", "w") as f:
        f.write(f"{mode} {warm} {count} {servers}")
    with open(DEBUGFS + "result") as f:
        names, *rows = [line.split() for line in f]
    phases = {}
    for phase, *values in rows:
        phases[phase] = dict(zip(names[1:], map(int, values)))
        if phases[phase]["lost"] or phases[phase]["wrong"]:
            raise Unsound(f"{mode}, phase {phase}: {phases[phase]}")
    return phases
